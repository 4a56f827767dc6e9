/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/align/clock.h"
#include "decoder/align/impl.h"
#include "decoder/trace/event.h"
#include "decoder/util/array.h"

struct clock_queue {
	struct align_segment *s;
	size_t first, n, cap; /* s[first] is the one that the records are in */
	bool begun, ended;
	uint64_t last; /* guest time of the record before */
	uint8_t reason; /* of the record that is to come, as far as the segments have been followed */
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
	if (away > ALIGN_FAR)
		return ALIGN_UNKNOWN;
	error = s->error + away * ALIGN_DRIFT_MAX / 1000000000;
	return error < ALIGN_UNKNOWN ? (uint32_t)error : ALIGN_UNKNOWN;
}

enum back { NO_STEP, STEP_BACK, NOT_DECIDED };

/*
 * The record is of an earlier time than the one before: was the clock set back between them, or are
 * records in disorder?  Segments are in the order of the trace, so the step is the next one.
 */
static enum back find_back(const struct clock_queue *q, size_t *at)
{
	for (size_t i = q->first + 1; i < q->n; i++) {
		if (q->s[i].reason == ALIGN_BACK) {
			*at = i;
			return STEP_BACK;
		}
		if (behind(q->s[i].guest, q->last) > ALIGN_DISORDER)
			return NO_STEP;
	}
	return q->ended ? NO_STEP : NOT_DECIDED;
}

static void move_to(struct clock_queue *q, size_t i)
{
	for (q->first++; q->first <= i; q->first++)
		if (q->s[q->first].reason > ALIGN_START)
			q->reason = q->s[q->first].reason;
	q->first = i;
}

/* Move to the segment that the guest time is in; false: there may be a later one. */
static bool follow(struct clock_queue *q, uint64_t guest)
{
	while (q->first < q->n) {
		const struct align_segment *s = &q->s[q->first];

		if (behind(guest, s->guest_end) <= 0)
			return true;
		if (q->first + 1 == q->n)
			return q->ended;
		if (s[1].reason == ALIGN_BACK)
			return true; /* behind its end, and before the clock was set back */
		move_to(q, q->first + 1);
	}
	return q->ended;
}

bool clock_queue_next(struct clock_queue *q, uint64_t guest, struct clock_time *out)
{
	bool disorder = false;
	const struct align_segment *s;
	size_t at;

	if (q->begun && behind(guest, q->last) < -ALIGN_DISORDER) {
		enum back back = find_back(q, &at);

		if (back == NOT_DECIDED)
			return false;
		if (back == STEP_BACK)
			move_to(q, at);
		disorder = back == NO_STEP;
	}
	if (!disorder && !follow(q, guest))
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
		out->hurried = s->hurried;
	}
	q->begun = true;
	q->reason = ALIGN_CONTINUES;
	if (!disorder)
		q->last = guest;
	return true;
}

bool clock_queue_none(const struct clock_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->s[i].error != ALIGN_UNKNOWN)
			return false;
	return q->ended;
}
