/* SPDX-License-Identifier: MIT */
/*
 * A guest's clock as it is followed while its records are written, in their order: segments of
 * align.h wait here until the records have passed them.
 */
#ifndef VQT_DECODER_ALIGN_CLOCK_H
#define VQT_DECODER_ALIGN_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/align/align.h"

struct clock_queue;

struct clock_queue *clock_queue_new(void); /* NULL: no memory */
void clock_queue_free(struct clock_queue *q);
/* Take the segments that align has made.  0 or -ENOMEM. */
int clock_queue_take(struct clock_queue *q, struct align *a);
/* No more segments will come. */
void clock_queue_end(struct clock_queue *q);

struct clock_time {
	uint64_t host; /* ns */
	uint32_t error; /* half width, ns; ALIGN_UNKNOWN */
	uint8_t reason; /* enum align_reason: what happened since the record before, if anything */
	bool hurried; /* it holds if the clock has not been stopped or set since the last bound */
};

/*
 * The host's time of the next record's guest time.  false: it is not decided yet.  Outside of
 * what is known the rate is taken to stay as it is, and the error grows.
 */
bool clock_queue_next(struct clock_queue *q, uint64_t guest, struct clock_time *out);
/* All segments have come, and none of those that are left says anything. */
bool clock_queue_none(const struct clock_queue *q);

#endif
