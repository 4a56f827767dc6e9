/* SPDX-License-Identifier: MIT */
/* Light traces: what the capture counted (VQT_TALLY) is added as it is. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/stats/impl.h"
#include "decoder/model/tally.h"

/* Index of the counts for this request type, the same as in full traces (stats_type_name()). */
static unsigned type_of(const struct class *class, const struct record_group *g)
{
	const unsigned others = STATS_TYPES - STATS_TYPE_OTHERS;

	if (stats_has_types(class)) {
		for (unsigned i = 0; i < others && class->requests[i].name; i++)
			if (class->requests[i].type == g->g.type)
				return i;
		return others + STATS_TYPE_UNKNOWN;
	}
	if (!g->g.bytes_in)
		return others + STATS_TYPE_TO_DEVICE;
	return others + (g->g.bytes_out ? STATS_TYPE_BOTH : STATS_TYPE_FROM_DEVICE);
}

static void add_counts(struct stats_counts *c, const struct vqt_tally_group *g)
{
	c->used += g->used;
	c->errors += g->errors;
	c->bytes_in += g->bytes_in;
	c->bytes_out += g->bytes_out;
	c->flight_ns += g->sum; /* Little's law: the sum of the times in flight */
}

static int add_service(struct hist **to, const struct hist *h)
{
	if (!STATS_MADE(to))
		return -ENOMEM;
	hist_merge(*to, h);
	return 0;
}

static int add_slice(struct feed *f, const struct vqt_tally_group *g, const struct hist *h)
{
	struct stats_slice *s = stats_slice_at(f->s, f->d, f->e->ts);

	if (!s)
		return -ENOMEM;
	s->used += g->used;
	s->errors += g->errors;
	s->bytes_in += g->bytes_in;
	s->bytes_out += g->bytes_out;
	s->service_sum += g->sum;
	if (h->count && h->max > s->service_max)
		s->service_max = h->max;
	for (unsigned b = 0; b < HIST_BUCKETS; b++)
		if (h->bucket[b])
			s->service[coarse_bucket(hist_lower(b))] += (uint32_t)h->bucket[b];
	return 0;
}

static int add_group(struct feed *f, const struct record_group *g)
{
	struct stats_group **type = &f->d->type[type_of(f->e->dev->class, g)];
	struct hist h;
	int rc;

	if (!STATS_MADE(type))
		return -ENOMEM;
	tally_hist(g, &h);
	add_counts(&f->d->counts, &g->g);
	add_counts(&(*type)->counts, &g->g);
	if (f->q)
		add_counts(&f->q->counts, &g->g);
	if (h.count) {
		hist_merge(&(*type)->service, &h);
		rc = add_service(&f->d->span[STATS_SERVICE], &h);
		rc = rc || !f->q ? rc : add_service(&f->q->span[STATS_SERVICE], &h);
		if (rc)
			return rc;
	}
	return add_slice(f, &g->g, &h);
}

/*
 * The tally reports the number in flight; it is not followed event by event.  The tally does
 * not report when in the interval the last completion was, and the next one is known only at
 * the end of the next interval: the queue is not stalled before then.
 */
static void set_flight(struct feed *f, const struct vqt_tally *y)
{
	struct record_group g;
	bool went_on;

	if (!f->q)
		return;
	went_on = !f->q->flight || y->detached || y->dropped;
	for (uint32_t pos = 0; record_group_next(f->e->rec, &pos, &g);)
		went_on |= g.g.used != 0;
	if (went_on)
		f->q->progress_ts = f->e->ts + y->interval;
	f->d->flight = f->d->flight - f->q->flight + y->flight;
	f->q->flight = y->flight;
	if (y->flight_max > f->q->flight_max)
		f->q->flight_max = y->flight_max;
	if (y->flight > f->q->flight_max) /* whatever the record says */
		f->q->flight_max = y->flight;
	if (f->q->flight_max > f->d->flight_max)
		f->d->flight_max = f->q->flight_max;
}

int stats_on_tally(struct feed *f)
{
	const struct vqt_tally *y = &f->e->rec->tally;
	struct stats_slice *s;
	struct record_group g;
	uint32_t pos = 0;
	int rc = 0;

	f->t = NULL; /* a tally belongs to no single thread */
	set_flight(f, y);
	if (!f->counted)
		return 0;
	COUNT(f, kicks, y->kicks);
	COUNT(f, popped, y->popped);
	COUNT(f, interrupts, y->interrupts);
	COUNT(f, detached, y->detached);
	COUNT(f, dropped, y->dropped);
	s = stats_slice_at(f->s, f->d, f->e->ts);
	if (!s)
		return -ENOMEM;
	s->kicks += y->kicks;
	s->popped += y->popped;
	s->interrupts += y->interrupts;
	while (!rc && record_group_next(f->e->rec, &pos, &g))
		rc = add_group(f, &g);
	return rc;
}
