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

/* The part of a count that belongs between two shares of the interval; all parts make it up. */
static uint64_t part(uint64_t n, uint64_t begin, uint64_t end)
{
	uint64_t whole = n / STATS_PARTS, rest = n % STATS_PARTS;

	return whole * (end - begin) + rest * end / STATS_PARTS - rest * begin / STATS_PARTS;
}

struct timed_group {
	const struct vqt_tally_group *g;
	const struct hist *h;
	unsigned queue, type; /* of struct stats_slice */
};

static void add_group_part(struct stats_slice *s, uint64_t begin, uint64_t end, const void *what)
{
	const struct timed_group *t = what;

	s->used += part(t->g->used, begin, end);
	s->errors += part(t->g->errors, begin, end);
	s->bytes_in += part(t->g->bytes_in, begin, end);
	s->bytes_out += part(t->g->bytes_out, begin, end);
	stats_add_saturated(&s->queue_used[t->queue], part(t->g->used, begin, end));
	stats_add_saturated(&s->type_used[t->type], part(t->g->used, begin, end));
	if (part(t->h->count, begin, end) && (!s->timed || t->h->min < s->service_min))
		s->service_min = t->h->min;
	s->timed += part(t->h->count, begin, end);
	s->service_sum += part(t->g->sum, begin, end);
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		uint64_t n = part(t->h->bucket[b], begin, end);

		s->service[coarse_bucket(hist_lower(b))] += (uint32_t)n;
		if (n && hist_upper(b) > s->service_max)
			s->service_max = hist_upper(b) < t->h->max ? hist_upper(b) : t->h->max;
	}
}

static void add_queue_part(struct stats_slice *s, uint64_t begin, uint64_t end, const void *what)
{
	const struct vqt_tally *y = what;

	s->kicks += part(y->kicks, begin, end);
	s->popped += part(y->popped, begin, end);
	s->interrupts += part(y->interrupts, begin, end);
}

static int add_group(struct feed *f, struct record_group *g)
{
	unsigned kind = type_of(f->e->dev->class, g);
	struct stats_group **type = &f->d->type[kind];
	struct hist h = { 0 };
	int rc;

	if (!STATS_MADE(type))
		return -ENOMEM;
	if (f->q && f->q->posts)
		g->g.sum = 0; /* how long posted buffers waited is no latency */
	else
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
	return stats_slices_spread(f->s, f->d, stats_tally_begin(f), f->e->ts, add_group_part,
				   &(struct timed_group){ &g->g, &h, stats_slice_queue(f), kind });
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
	if (f->q->posts) { /* what waits there is no request */
		f->d->posted = f->d->posted - f->q->posted + y->flight;
		f->q->posted = y->flight;
		return;
	}
	f->d->flight = f->d->flight - f->q->flight + y->flight;
	f->q->flight = y->flight;
	if (y->flight_max > f->q->flight_max)
		f->q->flight_max = y->flight_max;
	if (y->flight > f->q->flight_max) /* whatever the record says */
		f->q->flight_max = y->flight;
	if (f->q->flight_max > f->d->flight_max)
		f->d->flight_max = f->q->flight_max;
}

/* Not before the queue's previous tally, whatever the record says. */
uint64_t stats_tally_begin(const struct feed *f)
{
	uint64_t ts = f->e->ts, interval = f->e->rec->tally.interval;
	uint64_t begin = ts > interval ? ts - interval : 1;

	return f->q && f->q->tallied > begin && f->q->tallied <= ts ? f->q->tallied : begin;
}

static void note_tally(struct feed *f)
{
	if (f->q)
		f->q->tallied = f->e->ts;
}

int stats_on_tally(struct feed *f)
{
	const struct vqt_tally *y = &f->e->rec->tally;
	struct record_group g;
	uint32_t pos = 0;
	int rc = 0;

	f->t = NULL; /* a tally belongs to no single thread */
	f->d->tallied = true;
	set_flight(f, y);
	if (!f->counted) {
		note_tally(f);
		return 0;
	}
	COUNT(f, kicks, y->kicks);
	COUNT(f, popped, y->popped);
	COUNT(f, posted, f->q && f->q->posts ? y->popped : 0);
	COUNT(f, interrupts, y->interrupts);
	COUNT(f, detached, y->detached);
	COUNT(f, dropped, y->dropped);
	rc = stats_slices_spread(f->s, f->d, stats_tally_begin(f), f->e->ts, add_queue_part, y);
	while (!rc && record_group_next(f->e->rec, &pos, &g))
		rc = add_group(f, &g);
	note_tally(f);
	return rc;
}
