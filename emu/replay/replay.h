/* SPDX-License-Identifier: MIT */
/*
 * Replay: the driver's half of a recorded conversation is played against a
 * target (emu/replay/target.h), and the device's half compared with the
 * recording.  Registers, rings, tables and buffers lie at their recorded guest
 * addresses; what the driver did is done in recorded order.
 *
 * A trace is read twice: once into a replay_profile, then into a replay.
 *
 * What is compared: every register a driver read (exactly, but for what may
 * vary: see emu/replay/registers.c); every completion by request: length, status, data
 * where its value is known; under IN_ORDER the order; notifications by the rules
 * that say whether one is due (2.7.7, 2.8.10); at a reset and at the end the
 * device status and how much was used in each ring.
 */
#ifndef VQT_EMU_REPLAY_REPLAY_H
#define VQT_EMU_REPLAY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"
#include "emu/replay/declared.h"
#include "emu/replay/profile.h"
#include "emu/replay/target.h"

struct replay;

/* not_compared: they were played, but there was nothing to compare them with. */
struct replay_compared {
	uint64_t compared, equal, not_compared;
};

struct replay_counts {
	uint64_t events; /* of the recording that were played */
	struct replay_compared registers, requests, interrupts, rings;
	struct replay_compared data; /* bytes */
	uint64_t
		skipped; /* answers of the recorded device that were not compared, for any reason */
	uint64_t
		environment; /* repeated from the recording: backend errors, configuration changes */
	/* Differences, each cause once: declared, and not. */
	uint64_t declared, divergences;
	uint64_t following; /* from one of those */
};

/* One difference. */
struct replay_divergence {
	uint64_t number; /* of the event in the recording */
	uint16_t device, queue; /* trace-wide id; VQT_NO_QUEUE */
	char name[40]; /* of the device */
	char subject[80]; /* what differs: "register common.device_status", "request.status" */
	char recorded[128]; /* both as people read them */
	char replayed[128];
	const char *clause; /* the section that decides, "" none; static */
	const char *hint; /* a sentence, "" none; static */
	uint64_t related; /* an earlier event it is about, 0 none */
	const struct replay_declaration *declared; /* NULL: it was not */
	unsigned id; /* from 1, in all of the replay */
	unsigned follows; /* id of the difference whose cause it has, too; 0: it is the first */
};

/* Why answers were not compared: the reason and how many. */
struct replay_skip {
	const char *why; /* static */
	uint64_t count;
	bool requests; /* they were answers to requests */
};
#define REPLAY_SKIPS 24

struct replay_options {
	const struct replay_target_ops *against; /* one of replay_targets */
	const char *binary; /* for targets that run a program */
	const char *only; /* name or user id of the one device to replay, or NULL */
	uint64_t until; /* stop after this event; 0: play all */
	uint32_t snaplen; /* of what emit gets; 0: 64 */
	int64_t wall; /* of the recording: see struct vqt_session */
	uint64_t start; /* ns, of its first event */
	uint64_t memory; /* bytes of guest memory for a device; 0: REPLAY_MEMORY */
	bool io_errors; /* recorded I/O errors were the backend's */
	struct replay_declared *declared; /* or NULL */
	/* All may be NULL. */
	void (*emit)(void *opaque, const void *record, size_t len); /* the replay as a trace */
	/* Before an event is played; negative stops the replay with that. */
	int (*event)(void *opaque, const struct event *e, const struct model *m);
	void (*diverged)(void *opaque, const struct replay_divergence *d);
	void *opaque;
};

/* 0, or negative errno with the reason in why[size]. g and opt are borrowed. */
int replay_new(struct replay **out, const struct replay_profile *g,
	       const struct replay_options *opt, char *why, size_t size);
void replay_free(struct replay *r);
/*
 * The next record of the recording.  As the engine looks ahead, it may be played
 * later.  0; 1: opt.until is reached, no more records are wanted; negative errno:
 * the replay cannot go on, see replay_error().
 */
int replay_feed(struct replay *r, const struct record *rec, uint64_t number);
/* No more records: play the rest, compare the final state. */
int replay_finish(struct replay *r);
const char *replay_error(const struct replay *r);

struct replay_counts replay_counts(const struct replay *r); /* of all devices */
/* Was any answer compared, of registers, requests, interrupts or rings? */
bool replay_compared_any(const struct replay_counts *n);
/* Reasons for skipping, most frequent first; how many. */
unsigned replay_skips(const struct replay *r, struct replay_skip out[REPLAY_SKIPS]);
/* The devices: NULL when n is past the last. */
struct replay_device_report {
	const struct replay_device *device;
	bool played;
	const char *why; /* not: the reason; played: "" or what could not be played */
	const char *against; /* the target's version, "" not played */
	struct replay_counts counts;
};
bool replay_report(const struct replay *r, unsigned n, struct replay_device_report *out);

#endif
