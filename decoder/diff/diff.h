/* SPDX-License-Identifier: MIT */
/*
 * Finds what differs between two conversations in meaning, not in timing.
 *
 * It observes two models, one for each side.  An event becomes at most one item: a subject
 * (a field, a step, a request) and its value.  Items are in streams (a device's set-up, its
 * lifecycle, the requests of each queue).  The streams of matched devices are aligned.
 * Items that do not align are paired by subject, so that a changed value is reported as a
 * change and not as two missing steps.
 *
 * Memory does not grow with the traces: both are read side by side (diff_wants()), equal
 * items at the heads of streams are dropped at once, and the rest is aligned in windows of
 * DIFF_WINDOW items.  A request that moved further than a window is reported as missing on
 * both sides.
 */
#ifndef VQT_DECODER_DIFF_DIFF_H
#define VQT_DECODER_DIFF_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"

#define DIFF_WINDOW 1024 /* items of a stream aligned at a time */

enum diff_side { DIFF_A, DIFF_B, DIFF_SIDES };

enum diff_class {
	DIFF_DEVICE, /* type, transport, queues; devices without a counterpart */
	DIFF_STATUS, /* steps of initialisation: status writes, answers, resets */
	DIFF_FEATURES,
	DIFF_CONFIG,
	DIFF_QUEUES,
	DIFF_VECTORS,
	DIFF_REGISTERS, /* all others */
	DIFF_ERRORS,
	DIFF_REQUESTS,
	DIFF_COMPLETIONS,
	DIFF_NOTIFY,
	DIFF_PCI,
	DIFF_LIFECYCLE,
	DIFF_READS, /* strict from here */
	DIFF_SEGMENTS,
	DIFF_ORDER,
	DIFF_COUNTS,
	DIFF_ADDRESSES, /* only when asked for */
	DIFF_CLASSES,
};

const char *diff_class_name(unsigned c); /* "features" */
const char *diff_class_help(unsigned c); /* one line */
int diff_class_by_name(const char *name); /* -ENOENT */
/* Sets of classes: 1 << enum diff_class. */
uint32_t diff_classes_default(void);
uint32_t diff_classes_strict(void);

struct diff;

struct diff *diff_new(uint32_t classes); /* NULL: no memory */
void diff_free(struct diff *d);

/*
 * First, add the devices of both sides that took part in a conversation: those with an event
 * that diff_speaks() accepts.  Then diff_match() pairs devices of one type by the user's id,
 * by PCI address, by order.  The device is copied.  0 or -ENOMEM.
 */
/* Whether this event is part of a conversation, and not only of a device's creation. */
bool diff_speaks(const struct event *e);
int diff_add_device(struct diff *d, enum diff_side side, const struct model_device *dev);
/*
 * Pair a device of A with one of B, by name ("blk0") or user's id.  -ENOENT: *side has no
 * such device; -EBUSY: one is already paired.
 */
int diff_force(struct diff *d, const char *a, const char *b, enum diff_side *side);
int diff_match(struct diff *d);

/* Two devices that are compared; the strings of one side are "" where it has no counterpart. */
struct diff_pair {
	char name[DIFF_SIDES][40]; /* "blk0" */
	char user_id[DIFF_SIDES][64];
	const char *by; /* "id", "PCI address", "order", "-d"; "" unmatched */
	uint64_t alike[DIFF_CLASSES]; /* items found equal */
	uint64_t requests[DIFF_SIDES], kicks[DIFF_SIDES], irqs[DIFF_SIDES];
	unsigned vias[DIFF_SIDES]; /* 1 << enum vqt_kick_via */
};
const struct diff_pair *diff_pair_nth(const struct diff *d, unsigned n); /* NULL past the end */

/*
 * Then, feed the events.  diff_wants() says which side to read from next: call diff_feed(),
 * or diff_end() when that side has no more.  0 or -ENOMEM.
 */
enum diff_side diff_wants(const struct diff *d);
int diff_feed(struct diff *d, enum diff_side side, const struct event *e);
int diff_end(struct diff *d, enum diff_side side);
/* After both sides ended: align the rest and sort the differences.  0 or -ENOMEM. */
int diff_finish(struct diff *d);

#define DIFF_EXAMPLES 4

/* One difference, or several of the same kind counted as one. */
struct difference {
	unsigned class; /* enum diff_class */
	unsigned pair;
	char subject[96]; /* "queue 0: queue_size" */
	char text[DIFF_SIDES][224]; /* of the first one; "": nothing on that side */
	uint64_t number[DIFF_SIDES]; /* event of the first one, 0 none */
	uint64_t near[DIFF_SIDES]; /* event to show, or the one before; 0 none */
	uint64_t related[DIFF_EXAMPLES]; /* further events of A, or of B where A has none */
	unsigned nrelated;
	uint64_t count;
	uint64_t order; /* place of the first one in the conversation */
};

/* In the order of reporting: the first meaningful one, then by device and class. */
const struct difference *diff_nth(const struct diff *d, size_t n); /* NULL past the end */
/* Number of differences found; those counted as one are counted singly here. */
uint64_t diff_total(const struct diff *d);
/* Number of differences whose kind was beyond the limit of kinds. */
uint64_t diff_unreported(const struct diff *d);
/* A sentence that says why a class was not compared; NULL past the end. */
const char *diff_caveat(const struct diff *d, unsigned n);

#endif
