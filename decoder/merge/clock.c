/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/merge/clock.h"
#include "decoder/trace/event.h"
#include "decoder/util/array.h"

#define BACK INT64_C(10000000) /* ns: a clock that goes back by more was set back */
#define FAR UINT64_C(10000000000) /* ns from what is known nothing is claimed any more */

struct clock_queue {
	struct align_segment *s;
	size_t first, n, cap; /* s[first] is the one that the records are in */
	bool begun, ended;
	uint64_t last; /* guest time of the record before */
	/* Of the record that is to come, as far as the segments have been followed for it: */
	uint8_t reason;
	bool went_back;
};

struct clock_queue *clock_queue_new(void)
{
	return calloc(1, sizeof(struct clock_queue));
}

void clock_queue_free(struct clock_queue *q)
{
	if (q)
		free(q->s);
	free(q);
}

int clock_queue_take(struct clock_queue *q, struct align *a)
{
	struct align_segment s;

	while (align_next(a, &s)) {
		if (q->first > 64 && q->first > q->n / 2) { /* keep the one before it */
			q->n -= q->first - 1;
			memmove(q->s, q->s + q->first - 1, q->n * sizeof(*q->s));
			q->first = 1;
		}
		if (!array_room(q->s, q->cap, q->n + 1))
			return -ENOMEM;
		q->s[q->n++] = s;
	}
	return 0;
}

void clock_queue_end(struct clock_queue *q)
{
	q->ended = true;
}

static int64_t behind(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b);
}

/*
 * The segment to go by where this one says nothing: the one before, as if a step in this one was
 * at its end; or else the next one that does.  NULL: none.
 */
static const struct align_segment *known_near(const struct clock_queue *q)
{
	if (q->first && q->s[q->first - 1].error != ALIGN_UNKNOWN)
		return &q->s[q->first - 1];
	for (size_t i = q->first; i < q->n; i++)
		if (q->s[i].error != ALIGN_UNKNOWN)
			return &q->s[i];
	return NULL;
}

/* Beyond its ends both clocks are taken to run alike: error_at() allows for the drift. */
static uint64_t on_line(const struct align_segment *s, uint64_t guest)
{
	if (behind(guest, s->guest_end) > 0)
		return s->host_end + (guest - s->guest_end);
	if (behind(guest, s->guest) < 0)
		return s->host - (s->guest - guest);
	return align_segment_map(s, guest);
}

static uint32_t error_at(const struct align_segment *s, uint64_t guest)
{
	uint64_t away = 0, error;

	if (behind(guest, s->guest_end) > 0)
		away = guest - s->guest_end;
	else if (behind(guest, s->guest) < 0)
		away = s->guest - guest;
	if (away > FAR)
		return ALIGN_UNKNOWN;
	error = s->error + away * ALIGN_DRIFT_MAX / 1000000000;
	return error < ALIGN_UNKNOWN ? (uint32_t)error : ALIGN_UNKNOWN;
}

/* Move to the segment that the guest time is in; false: there may be a later one. */
static bool follow(struct clock_queue *q, uint64_t guest, bool back)
{
	while (q->first < q->n) {
		const struct align_segment *s = &q->s[q->first];
		const struct align_segment *next = q->first + 1 < q->n ? s + 1 : NULL;

		if (!back && behind(guest, s->guest_end) <= 0)
			return true;
		if (!next)
			return q->ended;
		if (!back && next->reason == ALIGN_BACK)
			return true; /* behind its end, and before the clock was set back */
		if (next->reason == ALIGN_BACK) {
			q->went_back = true;
			back = false;
		}
		if (next->reason > ALIGN_START)
			q->reason = next->reason;
		q->first++;
	}
	return q->ended;
}

bool clock_queue_next(struct clock_queue *q, uint64_t guest, struct clock_time *out)
{
	bool back = q->begun && behind(guest, q->last) < -BACK;
	const struct align_segment *s;

	if (!follow(q, guest, back && !q->went_back))
		return false;
	s = q->first < q->n ? &q->s[q->first] : NULL;
	if (s && s->error == ALIGN_UNKNOWN) {
		s = known_near(q);
		if (!s && !q->ended)
			return false;
	}
	*out = (struct clock_time){ .error = ALIGN_UNKNOWN,
				    .reason = q->begun ? q->reason : ALIGN_START };
	if (s) {
		out->host = on_line(s, guest);
		if (s == &q->s[q->first])
			out->error = error_at(s, guest);
	}
	q->begun = true;
	q->went_back = false;
	q->reason = ALIGN_CONTINUES;
	q->last = guest;
	return true;
}
