/* SPDX-License-Identifier: MIT */
/* Finds the device, queue and thread that an event counts for, and adds to their counts. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/stats/impl.h"

#define SECTOR 512

/* --- making what is counted for --- */

static struct stats_device *get_device(struct stats *s, const struct event *e)
{
	struct stats_device *d = s->last;

	if (d && d->id == e->dev->id)
		return d;
	HASH_FIND(hh, s->devices, &e->dev->id, sizeof(e->dev->id), d);
	if (!d) {
		hash_add_new(s->devices, id, e->dev->id, d);
		if (!d)
			return NULL;
		d->access.sector_min = ~UINT64_C(0);
	}
	return s->last = d;
}

static int get_queue(struct feed *f)
{
	const struct model_queue *mq = f->e->queue;
	struct stats_queue *q;

	HASH_FIND(hh, f->d->queues, &mq->index, sizeof(mq->index), q);
	if (!q && f->s->nqueues == STATS_QUEUES_MAX) {
		f->s->total.left_out++;
		return 0;
	}
	if (!q) {
		const struct model_request *r = f->e->req;
		bool took = r && f->e->rec->h.type == VQT_AVAIL && r->number == f->e->number &&
			    !r->before;

		hash_add_new(f->d->queues, index, mq->index, q);
		if (!q)
			return -ENOMEM;
		q->device = f->d->id;
		q->model_popped = mq->popped - took;
		q->depth_ts = f->s->now;
		q->vector = VQT_NO_VECTOR;
		q->progress_ts = f->e->ts;
		f->s->nqueues++;
	}
	f->q = q;
	return 0;
}

static int get_thread(struct feed *f)
{
	const struct vqt_hdr *h = &f->e->rec->h;
	struct stats_thread *t = f->s->last_thread;

	/* A thread that samples a ring from outside is not one of the device's. */
	if (h->type < VQT_REG || (h->type == VQT_RING && !h->tid))
		return 0;
	if (!t || t->key.tid != h->tid || t->key.source != h->source) {
		struct stats_thread key = { .key = { h->tid, h->source } };

		if (f->s->nthreads >= STATS_THREADS_MAX)
			key.key.tid = 0;
		HASH_FIND(hh, f->s->threads, &key.key, sizeof(key.key), t);
		/* Beyond the limit, one entry for each of the 256 sources is still made. */
		if (!t) {
			hash_add_new(f->s->threads, key, key.key, t);
			if (!t)
				return -ENOMEM;
			f->s->nthreads++;
		}
	}
	f->t = f->s->last_thread = t;
	return 0;
}

/* --- depth: what is in flight, over time; which never goes back here --- */

static void integrate(struct stats_counts *c, uint64_t *since, unsigned flight, uint64_t ts)
{
	uint64_t dt = ts > *since ? ts - *since : 0;

	c->flight_ns += dt * flight;
	c->busy_ns += flight ? dt : 0;
	*since += dt;
}

/* Requests in flight change, or posted buffers do. */
static void set_depth(struct feed *f, struct stats_queue *q, const struct model_queue *mq)
{
	struct stats_device *d = f->d;
	uint64_t ts = f->s->now;
	/* What nobody names is as it is usual for the queue. */
	unsigned posted = mq->n_posted + (q->posts ? mq->unnamed : 0);
	unsigned n = model_flight(mq) - posted;

	d->posted += posted - q->posted;
	q->posted = posted;
	if (n == q->flight)
		return;
	q->progress_ts = !q->flight && n ? ts : q->progress_ts;
	integrate(&q->counts, &q->depth_ts, q->flight, ts);
	f->rc = f->rc ? f->rc : stats_slice_flight(f->s, d, d->depth_ts, ts);
	integrate(&d->counts, &d->depth_ts, d->flight, ts);
	d->flight += n - q->flight;
	q->flight = n;
	if (q->flight > q->flight_max)
		q->flight_max = q->flight;
	if (d->flight > d->flight_max)
		d->flight_max = d->flight;
	f->rc = f->rc ? f->rc : stats_slice_flight(f->s, d, ts, ts);
}

/* A reset has ended a stall, too. */
static void end_stall(struct feed *f, struct stats_queue *q)
{
	uint64_t ns = stats_stalled_for(q, f->s->now);

	if (!f->counted || ns < STATS_STALL_NS)
		return;
	f->d->counts.stalls++;
	q->counts.stalls++;
	stats_stall_ended(f->d, q, ns);
}

/* The queues after a reset, of which the event names one at most. */
static void follow_reset(struct feed *f)
{
	for (struct stats_queue *q = f->d->queues; q; q = q->hh.next) {
		const struct model_queue *mq = model_queue(f->e->dev, q->index);

		if (!mq || q->flight + q->posted == model_flight(mq))
			continue;
		end_stall(f, q);
		set_depth(f, q, mq);
	}
}

static void follow_depth(struct feed *f)
{
	const struct event *e = f->e;

	if (f->q)
		set_depth(f, f->q, e->queue);
	/* A reset cancels the requests in flight in all queues. */
	for (const struct model_request *r = e->dropped; r; r = r->next) {
		struct stats_queue *q = stats_queue_find(f->d, r->queue);

		if (f->counted && !r->posted) {
			f->d->counts.dropped++;
			f->d->last_ts = f->s->now;
		}
		if (f->counted && !r->posted && q) {
			q->counts.dropped++;
			q->last_ts = f->s->now;
		}
	}
	if (e->rec->h.type == VQT_REG || e->rec->h.type == VQT_LIFECYCLE)
		follow_reset(f);
}

/* --- the events --- */

/* Store what was negotiated before a reset clears it in the model. */
static void note_ready(struct feed *f, bool learned)
{
	const struct model_device *m = f->e->dev;
	struct stats_ready *r = &f->d->ready;

	r->known = true;
	r->learned = learned;
	r->number = f->e->number;
	r->ts = f->e->ts;
	r->took_ns = 0;
	r->over = 0;
	memcpy(r->offered, m->offered, sizeof(r->offered));
	memcpy(r->accepted, m->accepted, sizeof(r->accepted));
	r->msix = m->msix;
}

static void follow_status(struct feed *f)
{
	const struct model_device *m = f->e->dev;
	struct stats_ready *r = &f->d->ready;

	if (m->status && !f->e->status_before)
		f->d->born_ts = f->e->ts;
	if (m->status & ~f->e->status_before & VIRTIO_CONFIG_S_DRIVER_OK) {
		r->times++;
		note_ready(f, false);
		r->took_ns =
			f->d->born_ts && f->e->ts > f->d->born_ts ? f->e->ts - f->d->born_ts : 0;
	} else if (f->e->status_before && !m->status && r->known && !r->over) {
		r->over = f->e->number;
	}
}

/* State that was asked for: of a device that a driver drives, or whose status nobody knows. */
static int on_device_state(struct feed *f)
{
	const struct vqt_device_state *s = &f->e->rec->device_state;
	const struct model_device *m = f->e->dev;
	bool driven = !m->status_known || m->status & VIRTIO_CONFIG_S_DRIVER_OK;

	if (s->known & VQT_KNOWN_ACCEPTED && driven)
		note_ready(f, true);
	return 0;
}

/* The same of a queue, whenever it is enabled. */
static void note_queue(struct feed *f)
{
	const struct model_device *m = f->e->dev;
	const struct model_queue *mq = f->e->queue;

	/* after a reset the queue's registers are not those of its last use */
	if (!f->q || (!mq->enabled && f->q->set_up))
		return;
	f->q->set_up |= mq->enabled;
	f->q->posts = class_queue_posted(m->class, mq->index,
					 m->accepted_known ? m->accepted : NULL, m->num_queues);
	f->q->size = mq->size;
	f->q->vector = mq->vector;
	f->q->packed = mq->packed;
}

static int on_reg(struct feed *f)
{
	const struct vqt_reg *r = &f->e->rec->reg;
	bool write = r->op == VQT_WRITE;

	if (r->region == VQT_REGION_PCI && write)
		COUNT(f, pci_writes, 1);
	else if (r->region == VQT_REGION_PCI)
		COUNT(f, pci_reads, 1);
	else if (write)
		COUNT(f, reg_writes, 1);
	else
		COUNT(f, reg_reads, 1);
	if (f->t)
		f->t->vcpu = true;
	follow_status(f);
	if (f->e->queue && f->e->queue->enabled)
		note_queue(f);
	return 0;
}

static int on_kick(struct feed *f)
{
	const struct vqt_ring *r = &f->e->rec->kick.ring;
	int waiting = record_ring_backlog(r);

	stats_follow_ring(f, r);
	if (!f->counted || f->e->self)
		return 0;
	COUNT(f, kicks, 1);
	f->d->by_eventfd |= f->e->rec->kick.via == VQT_KICK_IOEVENTFD;
	if (waiting >= 0) {
		COUNT(f, kicks_empty, !waiting);
		COUNT_ELEMENT(f, kick_batch, stats_batch_of((uint64_t)waiting));
	}
	if (f->e->rec->kick.via != VQT_KICK_IOEVENTFD && f->t)
		f->t->vcpu = true;
	return COUNT_SLICE(f, kicks);
}

static void follow_streams(struct stats_device *d, uint64_t sector, uint64_t end)
{
	for (unsigned i = 0; i < d->nstreams; i++)
		if (d->stream_end[i] == sector) {
			d->stream_end[i] = end;
			d->access.sequential++;
			return;
		}
	d->access.random++;
	d->stream_end[d->stream_next] = end;
	d->stream_next = (d->stream_next + 1) % STATS_STREAMS;
	if (d->nstreams < STATS_STREAMS)
		d->nstreams++;
}

/* Count where a request is on the disk; once, when the whole chain is known. */
static void follow_access(struct feed *f)
{
	const struct model_request *r = f->e->req;
	struct stats_access *a = &f->d->access;
	bool again = f->e->rec->h.type == VQT_AVAIL ? r->flags & VQT_CHAIN_AGAIN : !f->e->typed_now;
	uint64_t n, bits;
	unsigned align;

	if (!f->counted || again || r->flags & VQT_CHAIN_MORE || !r->type ||
	    !(r->type->flags & SPEC_REQ_SECTOR) || r->bytes < SECTOR)
		return;
	n = r->bytes / SECTOR;
	follow_streams(f->d, r->sector, r->sector + n);
	bits = r->sector | n;
	align = (unsigned)__builtin_ctzll(bits);
	a->align[align < STATS_ALIGNS ? align : STATS_ALIGNS - 1]++;
	if (r->sector < a->sector_min)
		a->sector_min = r->sector;
	if (r->sector + n > a->sector_end)
		a->sector_end = r->sector + n;
}

/*
 * Was it not there yet when the latest kick before its pop came?  Where that kick shows how far
 * the driver had filled the ring.
 */
static bool is_found(const struct feed *f)
{
	const struct vqt_avail *a = &f->e->rec->avail;
	const struct model_queue *mq = f->e->queue;

	return !event_by_driver(f->e) && mq->kick_ts && mq->latest.known && !mq->packed &&
	       !(a->flags & (VQT_CHAIN_LATE | VQT_CHAIN_DERIVED | VQT_CHAIN_BEFORE)) &&
	       (int16_t)(mq->latest.avail_idx - a->pos) <= 0;
}

static int add_wait(struct feed *f)
{
	const struct model_request *r = f->e->req;
	uint64_t ns = r->avail_ts - r->announce_ts;
	struct stats_slice *s;

	if (!r->announce_ts || r->avail_ts < r->announce_ts)
		return stats_add_span(f, STATS_WAIT, r->announce_ts, r->avail_ts);
	s = stats_slice_at(f->s, f->d, f->e->ts);
	if (!s)
		return -ENOMEM;
	s->waited++;
	s->wait_max = ns > s->wait_max ? ns : s->wait_max;
	stats_add_saturated(&s->wait[coarse_bucket(ns)], 1);
	return stats_add_span(f, STATS_WAIT, r->announce_ts, r->avail_ts);
}

static int on_avail(struct feed *f)
{
	const struct model_request *r = f->e->req;
	const struct model_queue *mq = f->e->queue;

	stats_follow_ring(f, &f->e->rec->avail.ring);
	if (!r)
		return 0;
	follow_access(f);
	COUNT(f, cut, (r->flags & (VQT_CHAIN_CUT | VQT_CHAIN_AGAIN)) == VQT_CHAIN_CUT);
	if (!f->q || mq->popped == f->q->model_popped)
		return 0;
	f->q->model_popped = mq->popped;
	if (f->q->waiting)
		f->q->waiting--; /* the snapshot is from before the pop */
	if (!f->counted)
		return 0;
	COUNT(f, popped, 1);
	COUNT(f, posted, r->posted);
	if (r->announce_ts)
		COUNT(f, announced, !r->posted);
	else if (!r->posted)
		COUNT(f, found, is_found(f));
	if (COUNT_SLICE(f, popped))
		return -ENOMEM;
	return r->posted ? 0 : add_wait(f);
}

static int on_data(struct feed *f)
{
	if (f->e->req)
		follow_access(f);
	return 0;
}

static int on_ring(struct feed *f)
{
	stats_follow_ring(f, &f->e->rec->ring.ring);
	return 0;
}

static int on_queue_state(struct feed *f)
{
	if (f->e->queue)
		note_queue(f);
	return 0;
}

static int on_lifecycle(struct feed *f)
{
	follow_status(f);
	switch (f->e->rec->lifecycle.what) {
	case VQT_LIFECYCLE_RESET:
	case VQT_LIFECYCLE_QUEUE_RESET: COUNT(f, resets, 1); break;
	case VQT_LIFECYCLE_ERROR: COUNT(f, device_errors, 1); break;
	}
	return 0;
}

static int (*const handlers[])(struct feed *f) = {
	[VQT_REG] = on_reg,
	[VQT_KICK] = on_kick,
	[VQT_RING] = on_ring,
	[VQT_AVAIL] = on_avail,
	[VQT_USED] = stats_on_used,
	[VQT_IRQ] = stats_on_irq,
	[VQT_DATA] = on_data,
	[VQT_LIFECYCLE] = on_lifecycle,
	[VQT_TALLY] = stats_on_tally,
	[VQT_DEVICE_STATE] = on_device_state,
	[VQT_QUEUE_STATE] = on_queue_state,
};

#define DATA_PATH (1ULL << VQT_KICK | 1ULL << VQT_AVAIL | 1ULL << VQT_USED | 1ULL << VQT_TALLY)

static void follow_time(struct feed *f)
{
	uint64_t ts = f->e->ts, begin = ts;

	if (!f->counted)
		return;
	if (f->e->rec->h.type == VQT_TALLY)
		begin = stats_tally_begin(f);
	f->d->first_ts = f->d->first_ts ? f->d->first_ts : begin;
	f->d->last_ts = ts > f->d->last_ts ? ts : f->d->last_ts;
	if (!f->q)
		return;
	f->q->first_ts = f->q->first_ts ? f->q->first_ts : begin;
	f->q->last_ts = ts > f->q->last_ts ? ts : f->q->last_ts;
	note_queue(f);
}

static int feed_device(struct feed *f)
{
	unsigned type = f->e->rec->h.type;
	int rc = 0;

	f->d = get_device(f->s, f->e);
	if (!f->d)
		return -ENOMEM;
	if (f->d->resets != f->e->dev->resets) /* after a reset events concern other requests */
		for (struct stats_queue *q = f->d->queues; q; q = q->hh.next)
			stats_forget_due(q);
	f->d->resets = f->e->dev->resets;
	if (f->e->queue)
		rc = get_queue(f);
	else if (type < 64 && DATA_PATH >> type & 1)
		f->s->total.left_out++;
	rc = rc ? rc : get_thread(f);
	if (rc)
		return rc;
	COUNT(f, events, 1);
	if (type < 64 && DATA_PATH >> type & 1)
		follow_time(f);
	/* Of rings in another byte order only the kicks are known. */
	if (type < sizeof(handlers) / sizeof(handlers[0]) && handlers[type] &&
	    !(f->e->undecodable && type != VQT_KICK))
		rc = handlers[type](f);
	if (type != VQT_TALLY)
		follow_depth(f);
	return rc ? rc : f->rc;
}

int stats_end(struct stats *s)
{
	int rc = 0;

	for (struct stats_device *d = s->devices; d && !rc; d = d->hh.next)
		rc = stats_slice_flight(s, d, d->depth_ts, s->now);
	return rc;
}

int stats_add_apart(struct stats *s, struct stats_stages **to, const struct model_life *l)
{
	if (!*to && s->nstages == STATS_STAGES_MAX)
		return 0;
	s->nstages += !*to;
	if (!STATS_MADE(to))
		return -ENOMEM;
	stages_add(*to, l);
	return 0;
}

/* As stats_type_of(), but the device may have turned out to be of another type since. */
static unsigned type_of_life(const struct class *class, const struct class_request *r)
{
	if (!r->type)
		return stats_type_of(class, r);
	for (unsigned i = 0; stats_has_types(class) && class->requests[i].name; i++)
		if (r->type == &class->requests[i])
			return stats_type_of(class, r);
	return STATS_TYPES - STATS_TYPE_OTHERS + STATS_TYPE_UNKNOWN;
}

/* Requests whose life is over: of the device that they were made to. */
int stats_lives(struct stats *s, const struct model_life *lives)
{
	int rc = 0;

	for (const struct model_life *l = lives; l && !rc; l = l->next) {
		const struct model_device *m = l->device ? l->device : l->driver;
		struct stats_device *d;
		struct stats_queue *q;

		HASH_FIND(hh, s->devices, &m->id, sizeof(m->id), d);
		if (!d)
			continue;
		if (!STATS_MADE(&d->stages))
			return -ENOMEM;
		stages_add(d->stages, l);
		q = stats_queue_find(d, l->queue);
		rc = q ? stats_add_apart(s, &q->stages, l) : 0;
		rc = rc ? rc
			: stats_add_apart(s, &d->type_stages[type_of_life(m->class, &l->io)], l);
	}
	return rc;
}

int stats_feed(struct stats *s, const struct model *m, const struct event *e, bool counted)
{
	struct feed f = { .s = s, .m = m, .e = e, .counted = counted };

	if (e->ts && !s->started) {
		s->total.start_ts = e->ts - e->since;
		s->started = true;
	}
	if (e->ts > s->now)
		s->now = e->ts;
	if (counted) {
		s->total.events++;
		if (!s->total.first_ts)
			s->total.first_ts = e->ts;
		if (e->ts > s->total.last_ts)
			s->total.last_ts = e->ts;
	}
	if (e->gap || e->rec->h.type == VQT_LOSS)
		s->total.lost = model_lost(m);
	if (counted && stats_lives(s, e->lives))
		return -ENOMEM;
	return e->dev ? feed_device(&f) : 0;
}
