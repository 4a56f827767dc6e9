/* SPDX-License-Identifier: MIT */
/*
 * A trace from a pipe, shown as it grows.  libpcap's reads block, so they have a
 * thread of their own; it waits when the screen is slower than the pipe.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/top/feed.h"
#include "decoder/trace/file.h"

#define ROOM (4 << 20) /* bytes between reader and screen: several of the largest records */

struct top_pipe {
	pthread_mutex_t lock;
	pthread_cond_t more, space;
	pthread_t thread;
	struct trace_reader *reader;
	uint8_t *buf; /* records, each behind its length in 4 bytes */
	size_t used;
	bool ended, closing;
	char problem[320];
	uint8_t *taken; /* of the last poll */
};

static void put(struct top_pipe *p, const struct record *rec)
{
	size_t need = 4 + rec->len;

	pthread_mutex_lock(&p->lock);
	while (ROOM - p->used < need && !p->closing)
		pthread_cond_wait(&p->space, &p->lock);
	if (!p->closing) {
		memcpy(p->buf + p->used, &rec->len, 4);
		memcpy(p->buf + p->used + 4, rec->raw, rec->len);
		p->used += need;
	}
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

static void *reading(void *arg)
{
	struct top_pipe *p = arg;
	struct trace_error err = { "" };
	struct record rec;
	bool again = true;
	int rc = 1;

	while (rc > 0 || (rc < 0 && again)) {
		rc = trace_next(p->reader, &rec, &again, &err);
		if (rc > 0)
			put(p, &rec);
		if (!rc)
			break;
	}
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	snprintf(p->problem, sizeof(p->problem), "%.300s", err.text);
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int open_pipe(struct top_feed *s)
{
	struct top_pipe *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int code;

	if (p) {
		p->buf = malloc(ROOM);
		p->taken = malloc(ROOM);
	}
	s->pipe = p;
	if (!p || !p->buf || !p->taken)
		return cli_error("no memory");
	if (cli_trace_open(&p->reader, "-"))
		return CLI_TROUBLE;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* the time of day may be set back */
	pthread_cond_init(&p->more, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&p->space, NULL);
	code = pthread_create(&p->thread, NULL, reading, p);
	if (code)
		return cli_error("cannot start a thread: %s", strerror(code));
	return CLI_OK;
}

static void wait_for_more(struct top_pipe *p, int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!p->used && !p->ended)
		if (pthread_cond_timedwait(&p->more, &p->lock, &until))
			break;
}

static void feed(struct top_feed *s, const uint8_t *bytes, size_t len)
{
	struct record rec;
	uint32_t n;

	for (size_t at = 0; at < len; at += 4 + n) {
		memcpy(&n, bytes + at, 4);
		if (record_parse(&rec, bytes + at + 4, n, NULL))
			continue;
		if (!s->first_ts)
			s->first_ts = rec.h.ts;
		if (rec.h.ts > s->play_ts)
			s->play_ts = rec.h.ts;
		top_core_feed(s->core, &rec);
	}
}

static int poll_pipe(struct top_feed *s, int timeout_ms)
{
	struct top_pipe *p = s->pipe;
	uint8_t *full;
	size_t n;

	pthread_mutex_lock(&p->lock);
	wait_for_more(p, timeout_ms);
	full = p->buf;
	p->buf = p->taken;
	p->taken = full;
	n = p->used;
	p->used = 0;
	s->ended = p->ended;
	if (p->ended && p->problem[0])
		snprintf(s->problem, sizeof(s->problem), "%s", p->problem);
	pthread_cond_signal(&p->space);
	pthread_mutex_unlock(&p->lock);
	feed(s, full, n);
	if (s->ended)
		top_core_finish(s->core);
	snprintf(s->status, sizeof(s->status), "%s %.1f s",
		 s->ended ? "end of the pipe at" : "pipe,",
		 (double)(s->play_ts - s->first_ts) / 1e9);
	return !s->ended || n;
}

static void close_pipe(struct top_feed *s)
{
	struct top_pipe *p = s->pipe;

	if (!p || !p->reader)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_signal(&p->space);
	if (!p->ended) { /* the thread is blocked in read(2), and ends with the process */
		pthread_mutex_unlock(&p->lock);
		pthread_detach(p->thread);
		return;
	}
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	trace_close(p->reader);
	free(p->buf);
	free(p->taken);
	free(p);
	s->pipe = NULL;
}

const struct top_feed_ops top_pipe = {
	.open = open_pipe,
	.poll = poll_pipe,
	.now = top_file_now,
	.close = close_pipe,
};
