/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/print/line.h"
#include "decoder/report/slow.h"
#include "decoder/util/hash.h"

#define KICKS 4 /* of a queue that are remembered */
#define QUEUES_MAX 4096 /* whose kicks are */
#define FLIGHT_MAX 65536 /* requests in flight whose events are kept */

/* Those in flight of which something is kept: most requests have two events in their flight. */
struct flying {
	uint64_t number;
	struct slow_request *r;
	bool counted; /* its pop was */
	UT_hash_handle hh;
};

struct kicked {
	uint32_t key; /* device << 16 | queue */
	unsigned next;
	uint64_t ts[KICKS];
	struct slow_event event[KICKS];
	UT_hash_handle hh;
};

/* The slowest first.  Those that are not kept go back to `spare`. */
struct list {
	struct slow_request *r[SLOW_MOST];
	unsigned n;
	uint64_t count;
};

struct slow {
	struct flying *flying;
	struct kicked *kicked;
	struct list known, least;
	struct slow_request *spare; /* one: allocation for each request would be slow */
	uint64_t now; /* of the latest event */
};

struct slow *slow_new(void)
{
	return calloc(1, sizeof(struct slow));
}

void slow_free(struct slow *s)
{
	if (!s)
		return;
	for (struct flying *f = s->flying; f; f = f->hh.next)
		free(f->r);
	hash_free(s->flying);
	hash_free(s->kicked);
	for (unsigned i = 0; i < s->known.n; i++)
		free(s->known.r[i]);
	for (unsigned i = 0; i < s->least.n; i++)
		free(s->least.r[i]);
	free(s->spare);
	free(s);
}

/* --- events --- */

static void set_event(struct slow_event *to, const struct event *e)
{
	struct text t = { .buf = to->what, .size = sizeof(to->what) };

	to->number = e->number;
	to->since = e->since;
	*to->what = '\0';
	print_meaning(&t, e, false);
	/* a character that was cut in the middle goes */
	while (t.cut && t.len && (t.buf[t.len - 1] & 0x80)) {
		bool first = (t.buf[t.len - 1] & 0xc0) == 0xc0;

		t.buf[--t.len] = '\0';
		if (first)
			break;
	}
}

static void add_event(struct slow_request *r, const struct event *e)
{
	if (r->nevents == SLOW_EVENTS)
		r->more++;
	else
		set_event(&r->event[r->nevents++], e);
}

static struct flying *find(const struct slow *s, uint64_t number)
{
	struct flying *f;

	HASH_FIND(hh, s->flying, &number, sizeof(number), f);
	return f;
}

static int on_kick(struct slow *s, const struct event *e)
{
	uint32_t key = (uint32_t)e->dev->id << 16 | e->queue->index;
	struct kicked *k;

	if (e->self)
		return 0;
	HASH_FIND(hh, s->kicked, &key, sizeof(key), k);
	if (!k && HASH_COUNT(s->kicked) == QUEUES_MAX)
		return 0;
	if (!k) {
		hash_add_new(s->kicked, key, key, k);
		if (!k)
			return -ENOMEM;
	}
	k->ts[k->next] = e->ts;
	set_event(&k->event[k->next], e);
	k->next = (k->next + 1) % KICKS;
	return 0;
}

/* The kick that announced it, if that is still known. */
static void add_kick(const struct slow *s, struct slow_request *r, uint64_t ts)
{
	uint32_t key = (uint32_t)r->device << 16 | r->queue;
	struct kicked *k;

	HASH_FIND(hh, s->kicked, &key, sizeof(key), k);
	for (unsigned i = 0; k && ts && i < KICKS; i++)
		if (k->ts[i] == ts) {
			r->event[r->nevents++] = k->event[i];
			return;
		}
}

/* --- requests --- */

/* What can change until its end. */
static void describe(struct slow_request *to, const struct model_device *dev,
		     const struct model_request *r)
{
	to->seen = r->seen_ts;
	to->announced = r->announce_ts;
	to->popped = r->avail_ts;
	to->submitted = r->backend_ts;
	to->answered = r->backend_end_ts;
	to->used = r->used_ts;
	to->before = r->before;
	class_describe(dev->class, &r->io, to->what, sizeof(to->what));
}

static uint64_t first_known(const struct slow_request *r)
{
	return r->announced ? r->announced : r->popped ? r->popped : r->seen;
}

static int begin(struct slow *s, const struct event *e, bool counted)
{
	const struct model_request *r = e->req;
	struct flying *f;

	if (find(s, r->number) || HASH_COUNT(s->flying) >= FLIGHT_MAX)
		return 0;
	hash_add_new(s->flying, number, r->number, f);
	if (!f)
		return -ENOMEM;
	f->r = s->spare ? s->spare : malloc(sizeof(*f->r));
	s->spare = NULL;
	if (!f->r) {
		HASH_DEL(s->flying, f);
		free(f);
		return -ENOMEM;
	}
	f->counted = counted;
	f->r->number = r->number;
	f->r->device = e->dev->id;
	f->r->queue = e->queue->index;
	f->r->nevents = f->r->more = 0;
	f->r->interrupted = 0;
	f->r->failed = false;
	f->r->life.number = 0;
	*f->r->result = '\0';
	describe(f->r, e->dev, r);
	add_kick(s, f->r, r->announce_ts ? r->announce_ts : r->kick_ts);
	return 0;
}

static void give_back(struct slow *s, struct slow_request *r)
{
	if (s->spare)
		free(r);
	else
		s->spare = r;
}

/* Will it be kept? */
static bool is_slow(const struct list *l, uint64_t ns)
{
	return l->n < SLOW_MOST || ns > l->r[l->n - 1]->ns;
}

static void keep(struct slow *s, struct list *l, struct slow_request *r)
{
	unsigned at = l->n;

	l->count++;
	while (at && l->r[at - 1]->ns < r->ns)
		at--;
	if (at == SLOW_MOST) {
		give_back(s, r);
		return;
	}
	if (l->n == SLOW_MOST)
		give_back(s, l->r[--l->n]);
	memmove(&l->r[at + 1], &l->r[at], (l->n - at) * sizeof(l->r[0]));
	l->r[at] = r;
	l->n++;
}

static struct slow_request *take(struct slow *s, struct flying *f)
{
	struct slow_request *r = f->r;

	HASH_DEL(s->flying, f);
	free(f);
	return r;
}

static uint64_t since(uint64_t from, uint64_t to)
{
	return from && to > from ? to - from : 0;
}

static void on_used(struct slow *s, const struct event *e, bool counted)
{
	struct list *l = e->req->avail_ts ? &s->known : &s->least;
	struct flying *f = find(s, e->req->number);
	struct slow_request *r;

	if (!f)
		return;
	r = take(s, f);
	if (!counted || e->req->posted) {
		give_back(s, r);
		return;
	}
	describe(r, e->dev, e->req);
	class_result(e->dev->class, &e->req->io, r->result, sizeof(r->result));
	r->failed = class_failed(e->dev->class, &e->req->io);
	r->end = SLOW_USED;
	r->ns = e->req->avail_ts ? since(r->announced ? r->announced : r->popped, r->used)
				 : event_at_least(e);
	if (is_slow(l, r->ns))
		add_event(r, e);
	keep(s, l, r);
}

static void on_dropped(struct slow *s, const struct event *e, bool counted)
{
	for (const struct model_request *q = e->dropped; q; q = q->next) {
		struct flying *f = find(s, q->number);
		struct slow_request *r;

		if (!f)
			continue;
		r = take(s, f);
		if (!counted || q->posted) {
			give_back(s, r);
			continue;
		}
		describe(r, e->dev, q);
		add_event(r, e);
		r->end = SLOW_RESET;
		r->ns = since(first_known(r), e->ts);
		keep(s, &s->least, r);
	}
}

/* Of the requests that are kept and over, those that this interrupt is the first for. */
static void on_irq(struct list *l, const struct event *e)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct slow_request *r = l->r[i];

		if (r->end != SLOW_USED || r->interrupted || r->device != e->dev->id ||
		    r->queue != e->queue->index || r->used > e->ts)
			continue;
		r->interrupted = e->ts;
		add_event(r, e);
	}
}

/* A life ends after the device has used the request: when the driver has taken it. */
static void on_lives(struct list *l, const struct model_life *lives)
{
	for (; lives; lives = lives->next)
		for (unsigned i = 0; i < l->n; i++) {
			if (!lives->popped || l->r[i]->number != lives->popped)
				continue;
			l->r[i]->life = *lives;
			l->r[i]->life.next = NULL;
			l->r[i]->life.links = NULL;
		}
}

static int on_request(struct slow *s, const struct event *e, bool counted)
{
	struct flying *f;
	int rc = 0;

	if (e->rec->h.type == VQT_AVAIL && !e->req->posted)
		rc = begin(s, e, counted);
	if (rc)
		return rc;
	if (e->rec->h.type == VQT_USED) {
		on_used(s, e, counted);
		return 0;
	}
	f = find(s, e->req->number);
	if (!f)
		return 0;
	add_event(f->r, e);
	describe(f->r, e->dev, e->req);
	return 0;
}

int slow_feed(struct slow *s, const struct model *m, const struct event *e, bool counted)
{
	s->now = e->ts > s->now ? e->ts : s->now;
	on_lives(&s->known, e->lives);
	if (!e->dev || model_second_view(e->dev))
		return 0;
	on_dropped(s, e, counted);
	if (!e->queue)
		return 0;
	if (e->req)
		return on_request(s, e, counted);
	if (e->rec->h.type == VQT_KICK)
		return on_kick(s, e);
	if (e->rec->h.type == VQT_IRQ && !e->dev->apart)
		on_irq(&s->known, e);
	return 0;
}

void slow_finish(struct slow *s, const struct model_life *lives)
{
	struct flying *f, *next;

	on_lives(&s->known, lives);
	for (f = s->flying; f; f = next) {
		struct slow_request *r = f->r;
		bool counted = f->counted;

		next = f->hh.next;
		take(s, f);
		if (!counted) {
			give_back(s, r);
			continue;
		}
		r->end = SLOW_IN_FLIGHT;
		r->ns = since(first_known(r), s->now);
		keep(s, &s->least, r);
	}
}

const struct slow_request *slow_nth(const struct slow *s, bool least, unsigned n)
{
	const struct list *l = least ? &s->least : &s->known;

	return n < l->n ? l->r[n] : NULL;
}

uint64_t slow_count(const struct slow *s, bool least)
{
	return least ? s->least.count : s->known.count;
}
