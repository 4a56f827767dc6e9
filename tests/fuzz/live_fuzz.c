/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the stream of a guest, joined live with a host's records.  The first two bytes say
 * in which pieces they come and how time goes on; the host's records are the same in each run: a
 * device whose chains the corpus has, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/live/exchange.h"
#include "decoder/live/live.h"
#include "decoder/model/model.h"
#include "decoder/trace/feed.h"
#include "tests/unit/two_sides.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHAINS 64

struct run {
	struct live *l;
	struct trace_feed *feed;
	struct exchange exchange; /* its questions have the nonces 1, 2, ... */
	struct model *m;
	struct trace_reader *host;
	uint64_t now, hosts, guests, written;
	bool both; /* the other guest sends the same */
};

static void must_at(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "live_fuzz.c:%d: does not hold: %s\n", line, what);
	abort();
}
#define must(holds) must_at(holds, #holds, __LINE__)

/* All that comes out is a record that a reader takes, and a guest speaks for itself only. */
static int take(void *ctx, const void *record, size_t len)
{
	struct run *r = ctx;
	struct record rec;
	struct event e;

	must(record_parse(&rec, record, len, NULL) != -EBADMSG);
	must(!model_feed(r->m, &rec, ++r->written, &e));
	if (rec.h.source == 1 || !rec.h.source) {
		r->hosts += rec.h.type != VQT_CLOCK && rec.h.type != VQT_EXCHANGE;
		return 0;
	}
	must(rec.h.source >= 254); /* one of two */
	must(!rec.h.device || rec.h.device >= 0x8000);
	must(rec.h.type != VQT_SESSION && rec.h.type != VQT_CLOCK && rec.h.type != VQT_EXCHANGE);
	r->guests++;
	return 0;
}

static const struct file *host_trace(void)
{
	static struct file host, guest;
	const struct clocks c = { .chains = CHAINS };

	if (!host.path[0])
		record_both(&c, &host, &guest, 0);
	return &host;
}

static void host_next(struct run *r)
{
	struct trace_error err;
	struct record rec;
	bool again;

	if (trace_next(r->host, &rec, &again, &err) > 0)
		must(!live_host(r->l, rec.raw, rec.len, r->now));
}

/* Has it answered?  As long ago as a question may be, or never. */
static void answered(struct run *r, const struct record *rec)
{
	uint64_t nonce = r->exchange.nonce;
	struct vqt_exchange x;

	r->exchange.asked = r->now - (nonce % 8 << 20);
	if (!exchange_take(&r->exchange, rec, r->now, &x))
		return;
	must(x.nonce == nonce && x.from <= x.until);
	x.wall = (int64_t)(nonce % 3); /* as it would be, and the same in each run */
	x.wall_most = (int64_t)(nonce % 5 << 10);
	must(!live_host(r->l, &x, sizeof(x), r->now));
	r->exchange.nonce = nonce + 1;
}

static void guest_next(struct run *r)
{
	struct record rec;

	while (live_guest_wants(r->l, 0)) {
		switch (trace_feed_next(r->feed, &rec)) {
		case FEED_MORE: return;
		case FEED_BAD: break;
		case FEED_BEGIN:
			must(!live_guest_begins(r->l, 0));
			if (r->both)
				must(!live_guest_begins(r->l, 1));
			break;
		case FEED_RECORD:
			must(!live_guest(r->l, 0, &rec, r->now));
			answered(r, &rec);
			if (r->both)
				must(!live_guest(r->l, 1, &rec, r->now));
			break;
		}
	}
}

static void run(struct run *r, const uint8_t *data, size_t size)
{
	size_t step = 1 + data[0] * 4u;
	uint64_t tick = MS << data[1] % 16;

	for (size_t at = 2; at < size; at += step) {
		size_t room, n = size - at < step ? size - at : step;
		uint8_t *to;

		host_next(r);
		to = trace_feed_room(r->feed, &room);
		if (n > room)
			n = room;
		memcpy(to, data + at, n);
		trace_feed_add(r->feed, n);
		guest_next(r);
		r->now += tick;
		must(!live_step(r->l, r->now));
		if (data[1] & 0x80 && at % 5 == 0)
			must(!live_flush(r->l, r->now));
	}
	for (unsigned i = 0; i < 2 * CHAINS + 3; i++)
		host_next(r);
	trace_feed_end(r->feed);
	guest_next(r);
	must(!live_end(r->l, r->now));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .now = BEGIN, .exchange.nonce = 1 };
	struct live_state state;
	struct trace_error err;

	if (size < 2)
		return 0;
	r.l = live_new(SECOND, take, &r);
	r.feed = trace_feed_new();
	r.m = model_new();
	must(r.l && r.feed && r.m && !trace_open(&r.host, host_trace()->path, &err));
	must(!live_add_guest(r.l, "guest", data[1] & 0x40 ? HOST_PID : 0));
	must(live_add_guest(r.l, "another", 0) == 1);
	r.both = data[1] & 0x20;
	run(&r, data, size);
	must(r.hosts == 2 * CHAINS + 3); /* whatever the guest did */
	live_report(r.l, 0, &state);
	live_free(r.l);
	trace_feed_free(r.feed);
	model_free(r.m);
	trace_close(r.host);
	return 0;
}
