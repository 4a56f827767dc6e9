/* SPDX-License-Identifier: MIT */
/*
 * Follows requests until nothing more is to come: of those that have a life the model says when, the
 * others wait for the interrupt after their completion.
 */
#include <errno.h>
#include <string.h>

#include "decoder/export/timeline_impl.h"
#include "decoder/util/array.h"

/* Completions of one queue that wait for their interrupt; older ones go out without. */
#define WAITING_MAX 256
/* Remembered at most; beyond that the oldest are forgotten (a hostile trace). */
#define TRIPS_MAX (1u << 20)

/* --- what is remembered ------------------------------------------------------------------------ */

static struct line *find_line(const struct timeline *t, uint32_t key)
{
	struct line *l;

	HASH_FIND(hh, t->line, &key, sizeof(key), l);
	return l;
}

struct line *queue_line_if_any(struct timeline *t, const struct model_device *d, unsigned queue)
{
	return d ? find_line(t, (uint32_t)d->id << 16 | queue) : NULL;
}

struct line *queue_line(struct timeline *t, const struct model_device *d, unsigned queue)
{
	uint32_t key = (uint32_t)d->id << 16 | queue;
	struct line *l = find_line(t, key);

	if (l || t->rc)
		return l;
	hash_add_new(t->line, key, key, l);
	if (!l)
		t->rc = -ENOMEM;
	return l;
}

static struct trip *find_trip(const struct timeline *t, uint64_t number)
{
	struct trip *p = NULL;

	if (number)
		HASH_FIND(hh, t->trip, &number, sizeof(number), p);
	return p;
}

/* Ends it, and says what was known of it. */
static struct trip take_trip(struct timeline *t, uint64_t number)
{
	struct trip *p = find_trip(t, number), out = { .number = 0 };

	if (!p)
		return out;
	out = *p;
	HASH_DEL(t->trip, p);
	free(p);
	return out;
}

static void begin_trip(struct timeline *t, const struct event *e, bool matched)
{
	struct trip *p = find_trip(t, e->req->number);

	if (p || e->req->number != e->number)
		return;
	if (HASH_COUNT(t->trip) >= TRIPS_MAX)
		take_trip(t, t->trip->number);
	hash_add_new(t->trip, number, e->number, p);
	if (!p) {
		t->rc = -ENOMEM;
		return;
	}
	p->matched = matched;
	if (matched && !e->req->before)
		p->began = track_of_thread(t, e);
}

/* --- those without a life ---------------------------------------------------------------------- */

static void fill(struct done *d, const struct model_device *dev, const struct model_request *r)
{
	*d = (struct done){
		.posted = r->posted,
		.before = r->before,
		.likely = r->flags & VQT_CHAIN_LIKELY,
	};
	d->life = (struct model_life){
		.number = r->number,
		.popped = r->number,
		.device = dev->by_driver ? NULL : (struct model_device *)dev,
		.driver = dev->by_driver ? (struct model_device *)dev : NULL,
		.queue = r->queue,
		.head = r->head,
		.pos = r->pos,
		.io = r->io,
		.ndesc = model_descriptors(r),
	};
	d->life.io.accepted = NULL;
	if (dev->by_driver) {
		d->life.at[LIFE_ADDED] = r->avail_ts;
		return;
	}
	d->life.at[LIFE_KICKED] = r->announce_ts;
	d->life.at[LIFE_POPPED] = r->avail_ts;
	d->life.at[LIFE_SUBMITTED] = r->backend_ts;
	d->life.at[LIFE_ANSWERED] = r->backend_end_ts;
	d->life.at[LIFE_PUSHED] = r->used_ts;
}

static void put_waiting(struct timeline *t, struct line *l, uint64_t irq)
{
	for (size_t i = 0; i < l->nwaiting; i++) {
		l->waiting[i].life.at[LIFE_RAISED] = irq;
		lane_put(t, &l->waiting[i]);
	}
	l->nwaiting = 0;
}

static void wait_for_interrupt(struct timeline *t, const struct event *e, const struct trip *p)
{
	struct line *l = queue_line(t, e->dev, e->queue->index);
	struct done *d;

	if (!l)
		return;
	if (l->nwaiting == WAITING_MAX)
		put_waiting(t, l, 0);
	if (!array_room(l->waiting, l->cap, l->nwaiting + 1)) {
		t->rc = -ENOMEM;
		return;
	}
	l->resets = e->dev->resets;
	d = &l->waiting[l->nwaiting++];
	fill(d, e->dev, e->req);
	*(e->dev->by_driver ? &d->driver : &d->device) = *p;
	d->at_least = event_at_least(e);
	d->detached = e->rec->used.flags & VQT_USED_DETACHED;
}

static void used(struct timeline *t, const struct event *e, bool matched)
{
	struct trip *p = find_trip(t, e->req->number), now = { .number = 0 };

	/* it may have begun before anything that was remembered */
	if (!p)
		p = &now;
	p->matched = matched;
	p->ended = matched ? track_of_thread(t, e) : NULL;
	if (e->req->lived)
		return;
	if (matched)
		wait_for_interrupt(t, e, p);
	take_trip(t, e->req->number);
}

static void dropped(struct timeline *t, const struct event *e, bool matched)
{
	for (const struct model_request *r = e->dropped; r && e->dev; r = r->next) {
		struct done d;

		fill(&d, e->dev, r);
		*(e->dev->by_driver ? &d.driver : &d.device) = take_trip(t, r->number);
		d.state = TRIP_RESET;
		d.end = e->ts;
		d.at_least = !r->avail_ts && e->ts > r->seen_ts ? e->ts - r->seen_ts : 0;
		if (matched && !t->rc)
			lane_put(t, &d);
	}
}

/* An interrupt after a reset is not for completions before it. */
static void forget_waiting(struct timeline *t, const struct model_device *d)
{
	for (struct line *l = t->line; l; l = l->hh.next)
		if (l->key >> 16 == d->id && l->resets != d->resets)
			put_waiting(t, l, 0);
}

/* --- lives -------------------------------------------------------------------------------------- */

static void put_lives(struct timeline *t, const struct model_life *lives)
{
	for (const struct model_life *l = lives; l && !t->rc; l = l->next) {
		struct done d = { .life = *l };

		d.device = take_trip(t, l->popped);
		d.driver = take_trip(t, l->added);
		if (d.device.matched || d.driver.matched)
			lane_put(t, &d);
	}
}

static void interrupted(struct timeline *t, const struct event *e, bool matched)
{
	bool handler = e->rec->irq.kind == VQT_IRQ_HANDLER;
	struct line *l;

	if (!e->queue) {
		struct notifications apart = { .n = 0 };

		if (matched)
			notification_hold(t, &apart, e,
					  e->rec->irq.kind == VQT_IRQ_INTX ? "INTx"
					  : e->rec->irq.kind == VQT_IRQ_CONFIG ||
							  e->rec->irq.kind == VQT_IRQ_CONFIG_HANDLER
						  ? "configuration interrupt"
						  : "interrupt",
					  "interrupt", UINT64_MAX);
		notifications_put(t, &apart);
		notifications_free(&apart);
		return;
	}
	l = queue_line(t, e->dev, e->queue->index);
	if (l && matched)
		notification_hold(t, &l->interrupts, e, handler ? "handler" : "interrupt",
				  handler ? "handler" : "interrupt",
				  e->rec->irq.vector == VQT_NO_VECTOR ? UINT64_MAX
								      : e->rec->irq.vector);
	if (l && !e->dev->apart)
		put_waiting(t, l, e->ts);
}

static void kicked(struct timeline *t, const struct event *e)
{
	struct line *l = queue_line(t, e->dev, e->queue->index);

	if (l)
		notification_hold(t, &l->kicks, e, e->self ? "kick of the device itself" : "kick",
				  "kick", UINT64_MAX);
}

/* What the event itself says. */
static void follow(struct timeline *t, const struct event *e, bool matched)
{
	unsigned type = e->rec->h.type;

	if (type == VQT_IRQ)
		interrupted(t, e, matched);
	else if (type == VQT_KICK && e->queue && matched)
		kicked(t, e);
	else if (type == VQT_AVAIL && e->req && e->queue)
		begin_trip(t, e, matched);
	else if (type == VQT_USED && e->req && e->queue)
		used(t, e, matched);
}

void requests_feed(struct timeline *t, const struct event *e, bool matched)
{
	unsigned type = e->rec->h.type;
	bool after_reset = e->dev && (type == VQT_REG || type == VQT_LIFECYCLE) &&
			   (e->dropped || e->status_before || type == VQT_LIFECYCLE);

	if (after_reset)
		forget_waiting(t, e->dev);
	dropped(t, e, matched);
	if (e->dev && !t->rc)
		follow(t, e, matched);
	/* a life may end with the event that completes it */
	put_lives(t, e->lives);
}

static void put_in_flight(struct timeline *t, const struct model_device *dev,
			  const struct model_request *r)
{
	struct trip *p = find_trip(t, r->number), *other;
	struct done d;

	if (!p || !p->matched)
		return;
	fill(&d, dev, r);
	/* of a request that both sides have in flight one slice is enough */
	if (r->life) {
		if (model_second_view(dev) && r->life->device)
			return;
		memcpy(d.life.at, r->life->at, sizeof(d.life.at));
		d.life.device = r->life->device;
		d.life.driver = r->life->driver;
		d.life.error = r->life->error;
		other = find_trip(t, dev->by_driver ? r->life->popped : r->life->added);
		if (other)
			*(dev->by_driver ? &d.device : &d.driver) = *other;
	}
	*(dev->by_driver ? &d.driver : &d.device) = *p;
	d.state = TRIP_IN_FLIGHT;
	d.end = r->seen_ts;
	lane_put(t, &d);
}

void requests_finish(struct timeline *t, const struct model_life *lives)
{
	const struct model_device *d;

	put_lives(t, lives);
	for (struct line *l = t->line; l && !t->rc; l = l->hh.next)
		put_waiting(t, l, 0);
	for (unsigned i = 0; (d = model_device_nth(t->m, i)); i++)
		for (struct model_queue *q = d->queues; q; q = q->hh.next)
			for (struct model_request *r = q->in_flight; r && !t->rc; r = r->hh.next)
				put_in_flight(t, d, r);
}
