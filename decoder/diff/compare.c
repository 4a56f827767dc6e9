/* SPDX-License-Identifier: MIT */
/* A comparison from its first event to the sorted list of differences. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"

struct diff *diff_new(uint32_t set)
{
	struct diff *d = calloc(1, sizeof(*d));

	if (d)
		d->classes = set;
	return d;
}

static void free_streams(struct diff *d)
{
	struct diff_stream *l, *next;

	HASH_ITER (hh, d->stream, l, next) {
		HASH_DEL(d->stream, l);
		item_list_free(&l->side[DIFF_A]);
		item_list_free(&l->side[DIFF_B]);
		free(l);
	}
	for (int side = 0; side < DIFF_SIDES; side++)
		hash_free(d->queue[side]);
}

void diff_free(struct diff *d)
{
	if (!d)
		return;
	free_streams(d);
	for (unsigned i = 0; i < d->npair; i++)
		for (int side = 0; side < DIFF_SIDES; side++) {
			item_list_free(&d->pair[i].half[side].pending);
			item_list_free(&d->pair[i].pool[side]);
		}
	hash_free(d->group);
	free(d->pair);
	free(d->survey[DIFF_A]);
	free(d->survey[DIFF_B]);
	free(d->sorted);
	diff_work_free(d->work);
	free(d);
}

/* Do not read a side that has a full stream; otherwise read the side with fewer items. */
enum diff_side diff_wants(const struct diff *d)
{
	if (d->ended[DIFF_A] || d->ended[DIFF_B])
		return d->ended[DIFF_A] ? DIFF_B : DIFF_A;
	if (!d->full[DIFF_A] != !d->full[DIFF_B])
		return d->full[DIFF_A] ? DIFF_B : DIFF_A;
	return d->items[DIFF_A] <= d->items[DIFF_B] ? DIFF_A : DIFF_B;
}

int diff_feed(struct diff *d, enum diff_side side, const struct event *e)
{
	struct diff_pair_impl *p;
	unsigned type = e->rec->h.type;
	struct diff_event s;
	int rc;

	if (!e->dev)
		return 0;
	p = diff_pair_of(d, side, e->dev->id);
	if (!p)
		return 0;
	if (e->source && type >= VQT_REG)
		d->source[side] = e->source->kind;
	if (type < 64) {
		p->half[side].seen |= 1ULL << type;
		d->seen[side] |= 1ULL << type;
	}
	if (type == VQT_REG && e->rec->reg.region == VQT_REGION_PCI)
		p->half[side].seen_pci = d->seen_pci[side] = true;
	s = (struct diff_event){ d, p, side, &p->half[side], e };
	rc = diff_setup_feed(&s);
	rc = rc ? rc : diff_lifecycle_feed(&s);
	return rc ? rc : diff_request_feed(&s);
}

int diff_end(struct diff *d, enum diff_side side)
{
	int rc = 0;

	for (unsigned i = 0; i < d->npair && !rc; i++) {
		struct diff_pair_impl *p = &d->pair[i];
		struct diff_event s = { d, p, side, &p->half[side], NULL };

		if (s.h->there)
			rc = diff_setup_flush(&s);
	}
	diff_request_end(d, side);
	d->ended[side] = true;
	return rc;
}

static void caveat(struct diff *d, const char *fmt, const char *what, int side)
{
	if (d->ncaveat < sizeof(d->caveat) / sizeof(d->caveat[0]))
		snprintf(d->caveat[d->ncaveat++], sizeof(d->caveat[0]), fmt, what,
			 side == DIFF_A ? "A" : "B");
}

/*
 * If one side's capture does not record a kind of event at all, its absence is no difference
 * of the conversations: those classes are not compared, and a caveat says so.
 */
static const struct {
	unsigned class;
	unsigned type; /* enum vqt_type; 0: accesses to PCI configuration space */
	const char *what;
} recorded[] = {
	{ DIFF_PCI, 0, "accesses to PCI configuration space" },
	{ DIFF_LIFECYCLE, VQT_LIFECYCLE, "lifecycle steps" },
};

static bool records(const struct diff *d, int side, unsigned type)
{
	return type ? d->seen[side] >> type & 1 : d->seen_pci[side];
}

static uint32_t left_out(struct diff *d)
{
	uint32_t set = 0;

	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		bool a = records(d, DIFF_A, recorded[i].type);
		bool b = records(d, DIFF_B, recorded[i].type);

		if (a == b || !diff_on(d, recorded[i].class))
			continue;
		set |= 1U << recorded[i].class;
		caveat(d, "%s are not in %s: not compared", recorded[i].what, a ? DIFF_B : DIFF_A);
	}
	if (d->source[DIFF_A] && d->source[DIFF_B] && d->source[DIFF_A] != d->source[DIFF_B] &&
	    diff_on(d, DIFF_LIFECYCLE) && !(set >> DIFF_LIFECYCLE & 1)) {
		set |= 1U << DIFF_LIFECYCLE;
		caveat(d, "%s are of another kind of device in %s: not compared", "lifecycle steps",
		       DIFF_B);
	}
	return set;
}

/* A capture without any kick of a device cannot show that one is missing. */
static bool unfounded(const struct diff *d, const struct difference *x)
{
	const uint64_t *kicks = d->pair[x->pair].pub.kicks;

	return x->class == DIFF_NOTIFY && !strcmp(x->subject, DIFF_IDLE_KICK) &&
	       (!kicks[DIFF_A] || !kicks[DIFF_B]);
}

/* Choose the first meaningful difference from the conversation itself, if there is one. */
static unsigned rank(const struct difference *x)
{
	return x->class >= DIFF_PCI;
}

static int by_order(const void *x, const void *y)
{
	const struct difference *a = *(struct difference *const *)x;
	const struct difference *b = *(struct difference *const *)y;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->class < b->class ? -1 : a->class > b->class;
}

static int by_place(const void *x, const void *y)
{
	const struct difference *a = *(struct difference *const *)x;
	const struct difference *b = *(struct difference *const *)y;

	if (a->pair != b->pair)
		return a->pair < b->pair ? -1 : 1;
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	return by_order(x, y);
}

static int sort(struct diff *d)
{
	uint32_t out = left_out(d);

	d->sorted = calloc(HASH_COUNT(d->group) + 1, sizeof(struct difference *));
	if (!d->sorted)
		return -ENOMEM;
	for (struct diff_group *g = d->group; g; g = g->hh.next) {
		if (out >> g->pub.class & 1 || unfounded(d, &g->pub))
			d->total -= g->pub.count;
		else
			d->sorted[d->nsorted++] = &g->pub;
	}
	if (d->nsorted) {
		qsort(d->sorted, d->nsorted, sizeof(struct difference *), by_order);
		qsort(d->sorted + 1, d->nsorted - 1, sizeof(struct difference *), by_place);
	}
	return 0;
}

int diff_finish(struct diff *d)
{
	int rc = 0;

	for (struct diff_stream *l = d->stream; l && !rc; l = l->hh.next)
		rc = diff_stream_run(d, l, false);
	for (unsigned i = 0; i < d->npair && !rc; i++) {
		rc = diff_pool_settle(d, &d->pair[i], true);
		diff_report_counts(d, &d->pair[i]);
	}
	return rc ? rc : sort(d);
}
