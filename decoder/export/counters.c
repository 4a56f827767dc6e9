/* SPDX-License-Identifier: MIT */
/* How many requests are in flight, how many wait in the ring, how many are completed a second. */
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/export/timeline_impl.h"

#define SLOT_NS 100000000 /* the interval of the rate */
#define SLOTS_A_SECOND 10

static void put(struct timeline *t, struct sequence *s, const struct model_device *d,
		unsigned queue, unsigned counter, uint64_t ts, uint64_t n)
{
	struct track *on = track_of_counter(t, d, queue, counter);
	struct timeline_item i = { .what = TIMELINE_COUNT, .ts = ts, .count = n };

	if (!on)
		return;
	i.track = &on->t;
	put_item(t, s, &i);
}

static void flight(struct timeline *t, struct line *l, const struct event *e,
		   const struct model_queue *q)
{
	const struct model_device *d = e->dev;
	bool posts = class_queue_posted(d->class, q->index, d->accepted_known ? d->accepted : NULL,
					d->num_queues);
	unsigned n = model_flight(q) - q->n_posted - (posts ? q->unnamed : 0);

	if (l->flight_known && n == l->flight)
		return;
	l->flight = n;
	l->flight_known = true;
	put(t, &l->counts, d, q->index, COUNTER_FLIGHT, e->ts, n);
}

/* What the driver has made available and the device has not popped; of split rings. */
static void ring(struct timeline *t, struct line *l, const struct event *e)
{
	const struct record *r = e->rec;
	bool pop = r->h.type == VQT_AVAIL && e->req && e->req->number == e->number &&
		   !(r->avail.flags & VQT_CHAIN_BEFORE);
	int n = -1;

	switch (r->h.type) {
	case VQT_KICK: n = record_ring_backlog(&r->kick.ring); break;
	case VQT_RING: n = record_ring_backlog(&r->ring.ring); break;
	case VQT_AVAIL: n = record_ring_backlog(&r->avail.ring); break;
	}
	if (n < 0 || e->undecodable)
		return;
	n -= pop && n; /* the snapshot is from before the pop */
	if (l->ring_known && (unsigned)n == l->ring)
		return;
	l->ring = (unsigned)n;
	l->ring_known = true;
	put(t, &l->counts, e->dev, e->queue->index, COUNTER_RING, e->ts, l->ring);
}

static void end_slot(struct timeline *t, struct line *l, bool more)
{
	const struct model_device *d = model_device(t->m, l->key >> 16);

	if (!d || !l->rate)
		return;
	put(t, &l->rates, d, l->key & 0xffff, COUNTER_RATE, l->rate_slot * SLOT_NS,
	    (uint64_t)l->rate * SLOTS_A_SECOND);
	if (more)
		put(t, &l->rates, d, l->key & 0xffff, COUNTER_RATE, (l->rate_slot + 1) * SLOT_NS,
		    0);
	l->rate = 0;
}

static void rate(struct timeline *t, struct line *l, const struct event *e)
{
	uint64_t slot = e->ts / SLOT_NS;

	/* records may be a little out of order: those of an earlier interval count for this one */
	if (l->rate && slot > l->rate_slot)
		end_slot(t, l, slot > l->rate_slot + 1);
	if (!l->rate)
		l->rate_slot = slot;
	l->rate++;
}

/* A reset cancels what is in flight in all queues. */
static void after_reset(struct timeline *t, const struct event *e)
{
	for (struct line *l = t->line; l; l = l->hh.next) {
		const struct model_queue *q =
			l->key >> 16 == e->dev->id ? model_queue(e->dev, l->key & 0xffff) : NULL;

		if (q && l->flight_known)
			flight(t, l, e, q);
	}
}

void counters_feed(struct timeline *t, const struct event *e, bool matched)
{
	unsigned type = e->rec->h.type;
	struct line *l;

	if (!matched || !e->dev || t->rc)
		return;
	if ((type == VQT_REG || type == VQT_LIFECYCLE) &&
	    (e->dropped || (e->status_before && !e->dev->status)))
		after_reset(t, e);
	if (!e->queue || (type != VQT_KICK && type != VQT_RING && type != VQT_AVAIL &&
			  type != VQT_USED && type != VQT_QUEUE_STATE))
		return;
	l = queue_line(t, e->dev, e->queue->index);
	if (!l)
		return;
	/* KVM shows no memory: what is in flight is not known then, and not 0 */
	if (!e->dev->no_rings) {
		ring(t, l, e);
		flight(t, l, e, e->queue);
	}
	if (type == VQT_USED)
		rate(t, l, e);
}

void counters_finish(struct timeline *t, struct line *l)
{
	/* viewers show the last value until the end */
	end_slot(t, l, t->latest / SLOT_NS > l->rate_slot);
}
