/* SPDX-License-Identifier: MIT */
/* Matches devices of one trace with those of the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/diff/impl.h"

int diff_add_device(struct diff *d, enum diff_side side, const struct model_device *dev)
{
	struct diff_half *s = realloc(d->survey[side], (d->nsurvey[side] + 1) * sizeof(*s));
	struct diff_half *h;

	if (!s)
		return -ENOMEM;
	d->survey[side] = s;
	h = &s[d->nsurvey[side]++];
	memset(h, 0, sizeof(*h));
	h->there = true;
	h->id = dev->id;
	h->facts = *dev;
	h->facts.queues = NULL;
	return 0;
}

static struct diff_pair_impl *new_pair(struct diff *d)
{
	struct diff_pair_impl *p;

	if (!array_room(d->pair, d->cap, d->npair + 1))
		return NULL;
	p = &d->pair[d->npair++];
	memset(p, 0, sizeof(*p));
	p->pub.by = "";
	return p;
}

/* Move a surveyed device into a pair; its survey entry is then marked as used. */
static void take(struct diff_pair_impl *p, enum diff_side side, struct diff_half *h)
{
	p->half[side] = *h;
	h->there = false;
	p->virtio_id = h->facts.virtio_id;
	memcpy(p->pub.name[side], h->facts.name, sizeof(h->facts.name));
	memcpy(p->pub.user_id[side], h->facts.user_id, sizeof(h->facts.user_id));
}

static int pair_up(struct diff *d, struct diff_half *a, struct diff_half *b, const char *by)
{
	struct diff_pair_impl *p = new_pair(d);

	if (!p)
		return -ENOMEM;
	if (a)
		take(p, DIFF_A, a);
	if (b)
		take(p, DIFF_B, b);
	p->pub.by = by;
	return 0;
}

static struct diff_half *named(struct diff *d, enum diff_side side, const char *name)
{
	for (unsigned i = 0; i < d->nsurvey[side]; i++) {
		struct diff_half *h = &d->survey[side][i];

		if (!strcmp(h->facts.name, name) || !strcmp(h->facts.user_id, name))
			return h;
	}
	return NULL;
}

int diff_force(struct diff *d, const char *a, const char *b, enum diff_side *side)
{
	struct diff_half *ha = named(d, DIFF_A, a), *hb = named(d, DIFF_B, b);

	if (!ha || !hb) {
		*side = ha ? DIFF_B : DIFF_A;
		return -ENOENT;
	}
	if (!ha->there || !hb->there) {
		*side = ha->there ? DIFF_B : DIFF_A;
		return -EBUSY;
	}
	return pair_up(d, ha, hb, "-d");
}

static bool same_id(const struct model_device *a, const struct model_device *b)
{
	return a->user_id[0] && !strcmp(a->user_id, b->user_id);
}

static bool same_place(const struct model_device *a, const struct model_device *b)
{
	return a->bdf != ~0U && a->bdf == b->bdf;
}

static bool any(const struct model_device *a, const struct model_device *b)
{
	return true;
}

/* From the most certain criterion to the least.  A type that one side does not know fits any. */
static const struct {
	const char *by;
	bool (*same)(const struct model_device *a, const struct model_device *b);
} ways[] = {
	{ "id", same_id },
	{ "PCI address", same_place },
	{ "order", any },
};

static int match_by(struct diff *d, size_t way)
{
	for (unsigned i = 0; i < d->nsurvey[DIFF_A]; i++) {
		struct diff_half *a = &d->survey[DIFF_A][i];

		for (unsigned j = 0; a->there && j < d->nsurvey[DIFF_B]; j++) {
			struct diff_half *b = &d->survey[DIFF_B][j];

			if (!b->there || a->facts.virtio_id != b->facts.virtio_id ||
			    !ways[way].same(&a->facts, &b->facts))
				continue;
			if (pair_up(d, a, b, ways[way].by))
				return -ENOMEM;
		}
	}
	return 0;
}

static int by_appearance(const void *x, const void *y)
{
	const struct diff_pair_impl *p[2] = { x, y };
	unsigned at[2];

	for (int i = 0; i < 2; i++)
		at[i] = p[i]->half[DIFF_A].there ? p[i]->half[DIFF_A].id
						 : 0x10000U + p[i]->half[DIFF_B].id;
	return at[0] < at[1] ? -1 : at[0] > at[1];
}

int diff_match(struct diff *d)
{
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		if (match_by(d, way))
			return -ENOMEM;
	for (int side = 0; side < DIFF_SIDES; side++)
		for (unsigned i = 0; i < d->nsurvey[side]; i++) {
			struct diff_half *h = &d->survey[side][i];

			if (h->there && pair_up(d, side ? NULL : h, side ? h : NULL, ""))
				return -ENOMEM;
		}
	if (d->npair)
		qsort(d->pair, d->npair, sizeof(*d->pair), by_appearance);
	for (unsigned i = 0; i < d->npair; i++)
		diff_report_pair(d, &d->pair[i]);
	return 0;
}

struct diff_pair_impl *diff_pair_of(struct diff *d, enum diff_side side, unsigned id)
{
	for (unsigned i = 0; i < d->npair; i++)
		if (d->pair[i].half[side].there && d->pair[i].half[side].id == id)
			return &d->pair[i];
	return NULL;
}
