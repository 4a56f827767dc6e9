/* SPDX-License-Identifier: MIT */
/* Streams of trace bytes as they come: in pieces, cut and begun again anywhere, with rubbish. */
#include <stdlib.h>

#include "decoder/trace/feed.h"
#include "tests/unit/tap.h"

#define RECORDS 5

struct stream {
	uint8_t b[4096];
	size_t n, begins[RECORDS + 1]; /* of each record's packet, and the end */
};

static void put32(struct stream *s, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		s->b[s->n++] = (uint8_t)(v >> 8 * i);
}

static void put_header(struct stream *s)
{
	put32(s, 0xa1b23c4d);
	put32(s, 4 << 16 | 2);
	put32(s, 0);
	put32(s, 0);
	put32(s, 262144);
	put32(s, 147);
}

static void put_record(struct stream *s, const void *bytes, size_t len)
{
	put32(s, 1000);
	put32(s, 999999999);
	put32(s, (uint32_t)len);
	put32(s, (uint32_t)len);
	memcpy(s->b + s->n, bytes, len);
	s->n += len;
}

/* Notes: their text is what a guest may have written, `text` of it. */
static void make(struct stream *s, uint32_t first, const void *text, uint16_t len)
{
	struct {
		struct vqt_note n;
		uint8_t text[200];
	} r = { .n = { .len = len } };

	const struct vqt_session session = { .h = { .type = VQT_SESSION, .seq = first - 1 } };

	s->n = 0;
	put_header(s);
	put_record(s, &session, sizeof(session));
	r.n.h.type = VQT_NOTE;
	r.n.h.queue = VQT_NO_QUEUE;
	memcpy(r.text, text, len);
	for (uint32_t i = 0; i < RECORDS; i++) {
		r.n.h.seq = first + i;
		s->begins[i] = s->n;
		put_record(s, &r, offsetof(struct vqt_note, h) + sizeof(r.n) + len);
	}
	s->begins[RECORDS] = s->n;
}

/* What came out. */
struct got {
	uint32_t seq[64];
	unsigned n, begun, bad;
};

static void drain(struct trace_feed *f, struct got *g)
{
	enum feed_result r;
	struct record rec;

	while ((r = trace_feed_next(f, &rec)) != FEED_MORE) {
		g->begun += r == FEED_BEGIN;
		g->bad += r == FEED_BAD;
		if (r == FEED_RECORD && rec.h.type != VQT_SESSION && g->n < 64)
			g->seq[g->n++] = rec.h.seq;
	}
}

static void push(struct trace_feed *f, struct got *g, const uint8_t *b, size_t n, size_t step)
{
	for (size_t at = 0; at < n; at += step) {
		size_t room, m = n - at < step ? n - at : step;
		uint8_t *to = trace_feed_room(f, &room);

		if (room < m)
			abort();
		memcpy(to, b + at, m);
		trace_feed_add(f, m);
		drain(f, g);
	}
}

static void in_pieces(void)
{
	struct stream s;

	make(&s, 1, "x", 1);
	for (size_t step = 1; step < 60; step++) {
		struct trace_feed *f = trace_feed_new();
		struct got g = { .n = 0 };

		push(f, &g, s.b, s.n, step);
		CHECK_EQ(g.n, RECORDS);
		CHECK_EQ(g.begun, 1);
		CHECK_EQ(g.bad, 0);
		trace_feed_free(f);
	}
}

/* Cut at each byte, and begun again: whole records of the first, all of the second, no other. */
static void begun_again(void)
{
	struct stream a, b;

	make(&a, 100, "first", 5);
	make(&b, 200, "second", 6);
	for (size_t cut = 0; cut <= a.n; cut++) {
		struct trace_feed *f = trace_feed_new();
		struct got g = { .n = 0 };
		unsigned whole = 0;

		while (whole < RECORDS && a.begins[whole + 1] <= cut)
			whole++;
		push(f, &g, a.b, cut, 7);
		push(f, &g, b.b, b.n, 11);
		trace_feed_end(f);
		drain(f, &g);
		CHECK_EQ(g.n, whole + RECORDS);
		CHECK_EQ(g.begun, cut < 24 ? 1 : 2);
		for (unsigned i = 0; i < g.n; i++)
			CHECK_EQ(g.seq[i], i < whole ? 100 + i : 200 + i - whole);
		trace_feed_free(f);
	}
}

/* A guest that writes traces to its disk: their bytes in records are none of its own. */
static void of_traces(void)
{
	struct stream inner, s;

	make(&inner, 300, "inner", 5);
	for (uint16_t len = 1; len < 200; len++) {
		struct trace_feed *f = trace_feed_new();
		struct got g = { .n = 0 };

		make(&s, 1, inner.b, len);
		push(f, &g, s.b, s.n, 13);
		trace_feed_end(f);
		drain(f, &g);
		CHECK_EQ(g.n, RECORDS);
		CHECK_EQ(g.begun, 1);
		for (unsigned i = 0; i < g.n; i++)
			CHECK_EQ(g.seq[i], 1 + i);
		trace_feed_free(f);
	}
}

/* Rubbish between: it is left out up to where a trace begins, and counted. */
static void rubbish(void)
{
	struct trace_feed *f = trace_feed_new();
	struct got g = { .n = 0 };
	struct feed_counts counts;
	uint8_t noise[1000];
	struct stream s;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 37 + 11);
	make(&s, 1, "x", 1);
	push(f, &g, noise, sizeof(noise), 100);
	push(f, &g, s.b, s.n, 100);
	push(f, &g, noise, sizeof(noise), 100);
	push(f, &g, s.b, s.n, 100);
	CHECK_EQ(g.n, 2 * RECORDS);
	CHECK_EQ(g.begun, 2);
	trace_feed_counts(f, &counts);
	CHECK_EQ(counts.records, 2 * (RECORDS + 1));
	CHECK_EQ(counts.skipped, 2 * sizeof(noise));
	CHECK_EQ(counts.bad, 1);
	trace_feed_free(f);
}

/* A record that is invalid inside is left out alone. */
static void invalid(void)
{
	struct trace_feed *f = trace_feed_new();
	struct got g = { .n = 0 };
	struct stream s;

	make(&s, 1, "text", 4);
	s.b[s.begins[2] + 16 + offsetof(struct vqt_note, len)] = 0xff;
	push(f, &g, s.b, s.n, 50);
	CHECK_EQ(g.n, RECORDS - 1);
	CHECK_EQ(g.bad, 1);
	trace_feed_free(f);
}

/* The sender is gone in the middle of a record, and another one is there: its stream is whole. */
static void another_sender(void)
{
	struct stream a, b;

	make(&a, 100, "first", 5);
	make(&b, 200, "second", 6);
	for (size_t cut = 0; cut <= a.n; cut++) {
		struct trace_feed *f = trace_feed_new();
		struct got g = { .n = 0 };
		unsigned whole;

		push(f, &g, a.b, cut, 7);
		trace_feed_end(f);
		drain(f, &g);
		whole = g.n;
		trace_feed_restart(f);
		push(f, &g, b.b, b.n, 11);
		CHECK_EQ(g.n, whole + RECORDS);
		CHECK_EQ(g.seq[whole], 200);
		trace_feed_free(f);
	}
}

static const struct tap_test tests[] = {
	{ "a stream in pieces of any size", in_pieces },
	{ "a sender that is started again at any byte", begun_again },
	{ "another sender", another_sender },
	{ "records of what looks like a trace", of_traces },
	{ "what belongs to no record", rubbish },
	{ "an invalid record", invalid },
};
TAP_MAIN(tests)
