/* SPDX-License-Identifier: MIT */
/* What the files of the timeline share. */
#ifndef VQT_DECODER_EXPORT_TIMELINE_IMPL_H
#define VQT_DECODER_EXPORT_TIMELINE_IMPL_H

#include "decoder/export/timeline.h"
#include "decoder/util/hash.h"
#include "decoder/util/text.h"

/* Items in the order of their times.  One that is earlier than the one before begins a new sequence. */
struct sequence {
	uint32_t id;
	uint64_t last;
};

/* --- tracks.c ------------------------------------------------------------------------------ */

enum track_of { TRACK_MACHINE, TRACK_DEVICE, TRACK_QUEUE, TRACK_LANE, TRACK_COUNTER, TRACK_THREAD };
enum { LANE_REQUESTS, LANE_POSTED, LANES };
enum { COUNTER_FLIGHT, COUNTER_RING, COUNTER_RATE };

struct track_key {
	uint32_t of, device, queue, kind, n;
};

struct track {
	struct track_key key;
	struct timeline_track t;
	struct sequence sequence; /* of calls, and of instants that are put as they come */
	struct call *calls; /* of a thread: those that have not returned */
	unsigned ncalls, calls_cap;
	uint64_t calls_last; /* ns: of the latest begin or end of one */
	UT_hash_handle hh;
};

uint32_t device_key(const struct model_device *d);
/* They make the track if it is new.  NULL: t->rc says why. */
struct track *track_of_device(struct timeline *t, const struct model_device *d);
struct track *track_of_queue(struct timeline *t, const struct model_device *d, unsigned queue);
struct track *track_of_lane(struct timeline *t, const struct model_device *d, unsigned queue,
			    unsigned kind, unsigned nth);
struct track *track_of_counter(struct timeline *t, const struct model_device *d, unsigned queue,
			       unsigned counter);
struct track *track_of_source(struct timeline *t, const struct model_source *s);
/* Who accesses registers is a vCPU: for the names of threads. */
void note_vcpu(struct timeline *t, const struct event *e);
/* The thread that a record is of; NULL, and t->rc 0: its source is not described. */
struct track *track_of_thread(struct timeline *t, const struct event *e);

/* Print an item; its sequence is filled in. */
void put_item(struct timeline *t, struct sequence *s, struct timeline_item *i);

/* --- args.c -------------------------------------------------------------------------------- */

#define ARGS_MAX 20
#define ARGS_TEXT 1024

struct args {
	struct timeline_arg arg[ARGS_MAX];
	unsigned n;
	char text[ARGS_TEXT]; /* of those that are copied */
	size_t used;
};

void args_number(struct args *a, const char *key, uint64_t n);
void args_text(struct args *a, const char *key, const char *text); /* borrowed, harmless */
void args_untrusted(struct args *a, const char *key, const char *text, size_t len); /* copied */

/* --- notifications.c ------------------------------------------------------------------------------ */

/*
 * A kick or an interrupt, held back until it is known which requests it was for: they are the flows
 * that go through it.
 */
struct notification {
	uint64_t ts, number;
	struct track *on;
	const char *name, *category;
	uint32_t device, queue;
	uint64_t detail; /* a kick: how it came; an interrupt: its vector */
	struct timeline_flow *flow;
	unsigned nflow;
	size_t cap;
};
#define NOTIFICATIONS 64 /* held back at most */
#define NOTIFICATION_FLOWS 1024 /* through one of them */

struct notifications {
	struct notification *ring; /* NOTIFICATIONS of them; NULL: none so far */
	unsigned first, n;
	struct sequence sequence;
};

void notification_hold(struct timeline *t, struct notifications *m, const struct event *e,
		       const char *name, const char *category, uint64_t detail);
/* The latest of this time; NULL: it is not held, or was never seen. */
struct notification *notification_at(struct notifications *m, uint64_t ts);
void notification_flow(struct timeline *t, struct notification *m, struct timeline_flow f);
void notifications_put(struct timeline *t, struct notifications *m);
void notifications_free(struct notifications *m);

/* --- requests.c, lanes.c ---------------------------------------------------------------------- */

/* What the records of a request said that the model does not keep, on one side. */
struct trip {
	uint64_t number; /* of its VQT_AVAIL */
	struct track *began, *ended; /* the threads; NULL: not to be shown, or not known */
	bool matched; /* its end is to be exported; of one in flight its begin */
	UT_hash_handle hh;
};

enum trip_state { TRIP_USED, TRIP_RESET, TRIP_IN_FLIGHT };

struct done {
	struct model_life life; /* also of a request that has none */
	struct trip device, driver; /* .number 0: there is none */
	enum trip_state state;
	uint64_t end; /* reset: when */
	uint64_t at_least; /* ns; see event_at_least() */
	bool posted, before, likely, detached;
};

struct lane {
	uint64_t end; /* ns: of the latest item on it */
	struct track *track;
	struct sequence sequence;
};
#define LANES_MAX 4096 /* of a queue */

struct lanes {
	struct lane *lane; /* in the order of their ends */
	size_t n, cap;
};

/* A virtqueue as one side sees it. */
struct line {
	uint32_t key; /* device << 16 | queue */
	struct lanes lanes[LANES];
	struct notifications kicks, interrupts;
	struct done *waiting; /* used, and no interrupt since */
	size_t nwaiting, cap;
	unsigned resets; /* of the device when they were */
	struct sequence instants, counts, rates;
	unsigned flight, ring; /* as counted last */
	bool flight_known, ring_known;
	uint64_t rate_slot; /* number of the interval that is counted */
	uint32_t rate; /* completions in it */
	UT_hash_handle hh;
};

struct line *queue_line(struct timeline *t, const struct model_device *d, unsigned queue);
struct line *queue_line_if_any(struct timeline *t, const struct model_device *d, unsigned queue);

void requests_feed(struct timeline *t, const struct event *e, bool matched);
void requests_finish(struct timeline *t, const struct model_life *lives);
void lane_put(struct timeline *t, const struct done *d);

/* --- counters.c, calls.c ---------------------------------------------------------------------- */

void counters_feed(struct timeline *t, const struct event *e, bool matched);
void counters_finish(struct timeline *t, struct line *l);
/* Functions of a driver's kernel, and of QEMU, as slices of their threads. */
void calls_feed(struct timeline *t, const struct event *e, bool matched);

/* A finding, until the end. */
struct kept {
	uint64_t ts, number;
	size_t nth; /* of all of them */
	const struct rule *rule;
	const struct model_device *device;
	unsigned queue;
	char seen[200];
};
#define KEPT_MAX 65536

#define VCPUS_MAX 4096 /* told apart from other threads */

struct vcpu {
	uint64_t key; /* source << 32 | thread */
	UT_hash_handle hh;
};

struct timeline {
	const struct timeline_writer *w;
	void *opaque;
	const struct model *m;
	int rc; /* the first error; nothing is done after it */
	bool begun;
	uint64_t tracks, flows; /* made so far */
	uint32_t sequences;
	struct track *track;
	struct line *line;
	struct trip *trip;
	struct vcpu *vcpu;
	uint64_t last_vcpu;
	uint64_t latest; /* ns: of the events that matched */
	uint64_t left_out; /* requests for which there were no lanes */
	uint64_t calls_left_out; /* that would not nest */
	struct kept *kept;
	size_t nkept, kept_cap;
	uint64_t kept_more;
};

void findings_put(struct timeline *t);

#endif
