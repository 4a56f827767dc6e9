/* SPDX-License-Identifier: MIT */
/*
 * The slowest requests of a trace, each with its events: an observer that keeps some of those that are
 * over, and of those in flight what it needs should they become slow.
 *
 * A request took from the kick that announced it, or from its pop where no kick did or nobody knows
 * it, until the device used it.  Of what was popped at an unknown time, cancelled, or is in flight when
 * the trace ends, that time is known from below only: it is kept apart.  Posted buffers wait by design
 * and are no requests here.
 */
#ifndef VQT_DECODER_REPORT_SLOW_H
#define VQT_DECODER_REPORT_SLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/model/model.h"

#define SLOW_MOST 20 /* that are kept, of each kind */
#define SLOW_EVENTS 12 /* of a request; of more only the number is kept */

struct slow_event {
	uint64_t number, since; /* in the trace; ns */
	char what[120]; /* UTF-8 without controls; cut */
};

enum slow_end {
	SLOW_USED,
	SLOW_RESET, /* a reset cancelled it */
	SLOW_IN_FLIGHT, /* the trace ended */
};

struct slow_request {
	uint64_t number; /* of the event of its pop */
	uint64_t ns; /* what it took, or took at least */
	enum slow_end end;
	bool before; /* popped before the trace began */
	bool failed;
	/* ns on the trace's clock, 0 unknown */
	uint64_t announced, popped, submitted, answered, used, interrupted;
	uint64_t seen; /* of the first record of it */
	uint16_t device, queue;
	char what[96], result[24];
	struct slow_event event[SLOW_EVENTS];
	unsigned nevents, more; /* events kept, and not kept */
	struct model_life life; /* of both sides, where they are known: life.number not 0 */
};

struct slow;

struct slow *slow_new(void); /* NULL: no memory */
void slow_free(struct slow *s);
/* After model_feed().  counted: requests whose end is such an event are looked at.  0 or -ENOMEM. */
int slow_feed(struct slow *s, const struct model *m, const struct event *e, bool counted);
/* The trace, or the part of it that is looked at, is over.  lives: of model_finish(), or NULL. */
void slow_finish(struct slow *s, const struct model_life *lives);
/*
 * After that: the nth, the slowest first, of those that took a known time, or (least) of which only the
 * least is known.  NULL past the last.
 */
const struct slow_request *slow_nth(const struct slow *s, bool least, unsigned n);
/* How many there were of each kind. */
uint64_t slow_count(const struct slow *s, bool least);

#endif
