/* SPDX-License-Identifier: MIT */
/* A trace played back, at the recorded or another speed; it can be paused, stepped and sought in. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top/feed.h"
#include "decoder/trace/file.h"

static int open_file(struct top_feed *s)
{
	if (cli_trace_open(&s->reader, s->o->path))
		return CLI_TROUBLE;
	s->speed = s->o->speed;
	s->wall = cli_clock();
	return CLI_OK;
}

/* Read the next record, which is kept until it is due; false at the end. */
static bool next(struct top_feed *s)
{
	struct trace_error err;
	bool again;
	int rc;

	if (s->has_pending)
		return true;
	while (!s->ended && (rc = trace_next(s->reader, &s->pending, &again, &err))) {
		if (rc > 0) {
			if (!s->first_ts && s->pending.h.ts)
				s->first_ts = s->play_ts = s->pending.h.ts;
			return s->has_pending = true;
		}
		snprintf(s->problem, sizeof(s->problem), "%.300s", err.text);
		if (!again)
			break;
	}
	if (!s->ended)
		top_core_finish(s->core);
	s->ended = true;
	return false;
}

static void give(struct top_feed *s)
{
	if (s->pending.h.ts > s->play_ts)
		s->play_ts = s->pending.h.ts;
	top_core_feed(s->core, &s->pending);
	s->has_pending = false;
}

/* Play up to a time of the trace's clock, but at most so many records: the screen waits meanwhile. */
#define CHUNK 50000

static void play_to(struct top_feed *s, uint64_t ts)
{
	for (unsigned n = 0; n < CHUNK && next(s); n++) {
		if (s->pending.h.ts > ts)
			break;
		give(s);
	}
	if (!s->has_pending || s->pending.h.ts > ts)
		s->play_ts = ts > s->play_ts && !s->ended ? ts : s->play_ts;
}

static void describe(struct top_feed *s)
{
	snprintf(s->status, sizeof(s->status), "%s %.1f s",
		 s->paused  ? "paused at"
		 : s->ended ? "end at"
			    : "playing",
		 (double)(s->play_ts - s->first_ts) / 1e9);
	if (!s->paused && !s->ended && s->speed != 1 && s->speed > 0)
		snprintf(s->status + strlen(s->status), sizeof(s->status) - strlen(s->status),
			 ", %gx", s->speed);
}

static int poll_file(struct top_feed *s, int timeout_ms)
{
	uint64_t wall = cli_clock(), passed;

	if (s->ended || s->paused) {
		poll(NULL, 0, timeout_ms);
	} else if (s->speed <= 0) {
		play_to(s, ~UINT64_C(0));
	} else {
		passed = wall - s->wall;
		play_to(s, s->play_ts + (uint64_t)((double)passed * s->speed));
		poll(NULL, 0, timeout_ms < 10 ? timeout_ms : 10);
	}
	s->wall = wall;
	describe(s);
	return !s->ended;
}

uint64_t top_file_now(const struct top_feed *s)
{
	return s->play_ts;
}

static void close_file(struct top_feed *s)
{
	if (s->reader)
		trace_close(s->reader);
	s->reader = NULL;
}

int top_file_play(struct top_feed *s, uint64_t ts)
{
	while (next(s) && s->pending.h.ts <= ts)
		give(s);
	if (!s->ended)
		s->play_ts = ts;
	describe(s);
	return !s->ended;
}

void top_file_pause(struct top_feed *s, bool on)
{
	s->paused = on;
	s->wall = cli_clock();
}

int top_file_step(struct top_feed *s)
{
	s->paused = true;
	if (!next(s))
		return 0;
	give(s);
	describe(s);
	return 1;
}

void top_file_speed(struct top_feed *s, double speed)
{
	s->speed = speed < 1.0 / 1024 ? 1.0 / 1024 : speed > 1024 ? 1024 : speed;
	s->wall = cli_clock();
}

/* Begin again: the state at an earlier time can only be computed from the beginning. */
static int rewind_file(struct top_feed *s)
{
	struct top_core old =
		*s->core; /* its checker keeps its address, so the new one is made there */
	struct trace_error err;
	struct trace_reader *again;

	if (trace_open(&again, s->o->path, &err)) {
		snprintf(s->problem, sizeof(s->problem), "%.300s", err.text);
		return CLI_TROUBLE;
	}
	*s->core = (struct top_core){ .event = old.event, .ctx = old.ctx };
	if (top_core_init(s->core, old.check != NULL)) {
		top_core_free(s->core);
		*s->core = old;
		trace_close(again);
		snprintf(s->problem, sizeof(s->problem), "no memory");
		return CLI_TROUBLE;
	}
	trace_close(s->reader);
	s->reader = again;
	s->core->filter = old.filter;
	old.filter = NULL;
	top_core_free(&old);
	s->has_pending = s->ended = false;
	s->play_ts = s->first_ts;
	return CLI_OK;
}

int top_file_seek(struct top_feed *s, double seconds)
{
	double to = (double)(s->play_ts - s->first_ts) + seconds * 1e9;
	uint64_t target = s->first_ts + (to > 0 ? (uint64_t)to : 0);

	if (seconds < 0 && rewind_file(s))
		return CLI_TROUBLE;
	top_file_play(s, target);
	s->wall = cli_clock();
	return CLI_OK;
}

const struct top_feed_ops top_file = {
	.open = open_file,
	.poll = poll_file,
	.now = top_file_now,
	.close = close_file,
};
