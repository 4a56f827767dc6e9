/* SPDX-License-Identifier: MIT */
/*
 * A trace as trace viewers show it: tracks, and on them slices, instants and counters, some of them
 * connected by flows.  What these are is decided here, once, for all formats of viewers; a format is
 * a writer that prints tracks and items.
 *
 * A request is a slice of its virtqueue, from its first known point to its last, and in it the stages
 * between (decoder/model/life.h).  Requests that overlap are on several tracks of the same name.  One
 * whose begin is not in the trace is an instant at its end, and one that is in flight when the trace
 * ends is a slice without an end.  Kicks, pops, completions and interrupts are instants of the thread
 * that the record names.
 */
#ifndef VQT_DECODER_EXPORT_TIMELINE_H
#define VQT_DECODER_EXPORT_TIMELINE_H

#include "decoder/check/check.h"
#include "decoder/model/model.h"

enum timeline_kind {
	TIMELINE_GROUP, /* of other tracks: a machine, a device, a virtqueue; it may have instants */
	TIMELINE_THREAD,
	TIMELINE_LANE, /* requests that do not overlap */
	TIMELINE_COUNTER,
};

struct timeline_track {
	uint64_t id; /* from 1, in the order of their definition */
	const struct timeline_track *parent; /* defined before; NULL: none */
	enum timeline_kind kind;
	uint32_t nth; /* of several tracks of the same name, from 0 */
	char name[160]; /* UTF-8 without control characters */
};

enum timeline_what { TIMELINE_BEGIN, TIMELINE_END, TIMELINE_INSTANT, TIMELINE_COUNT };

/* More that is known of an item: a text (UTF-8 without control characters), or (NULL) a number. */
struct timeline_arg {
	const char *key, *text;
	uint64_t number;
};

/* An arrow from the first of its items through others to the last: at least two. */
enum timeline_role { TIMELINE_FIRST, TIMELINE_STEP, TIMELINE_LAST };
struct timeline_flow {
	uint64_t id; /* from 1 */
	enum timeline_role role;
};

struct timeline_item {
	enum timeline_what what;
	const struct timeline_track *track;
	uint32_t sequence; /* from 1; the items of one come in the order of their times */
	uint64_t ts; /* ns on the trace's clock */
	const char *name, *category; /* not of an end, and of a count */
	const struct timeline_arg *arg;
	unsigned narg;
	const struct timeline_flow *flow;
	unsigned nflow;
	uint64_t count;
};

/* All return 0 or a negative errno. */
struct timeline_writer {
	/* wall: CLOCK_REALTIME minus the trace's clock, ns; 0 unknown.  Comes before all else. */
	int (*begin)(void *opaque, uint64_t ts, int64_t wall);
	int (*track)(void *opaque, const struct timeline_track *t);
	int (*item)(void *opaque, const struct timeline_item *i);
	int (*end)(void *opaque);
};

struct timeline;
/* NULL: no memory.  Everything is borrowed until it is freed. */
struct timeline *timeline_new(const struct timeline_writer *w, void *opaque, const struct model *m);
/* As the functions of struct export_format. */
int timeline_feed(struct timeline *t, const struct event *e, bool matched);
int timeline_finding(struct timeline *t, const struct finding *f);
int timeline_finish(struct timeline *t, const struct model_life *lives);
void timeline_lacks(const struct timeline *t, struct text *words);
void timeline_free(struct timeline *t);

/* What a format of a viewer begins with: these are then its functions of struct export_format. */
struct viewer {
	struct timeline *timeline;
};
int viewer_feed(void *x, const struct event *e, bool matched);
int viewer_finding(void *x, const struct finding *f);
int viewer_finish(void *x, const struct model_life *lives);
void viewer_lacks(const void *x, struct text *t);

#endif
