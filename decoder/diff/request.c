/* SPDX-License-Identifier: MIT */
/*
 * Turns requests into items, and records whether they were notified.
 *
 * The number of kicks and interrupts for a number of requests depends on timing: a busy
 * queue needs fewer.  Two things do not depend on it: an idle queue needs a kick to start,
 * and, where the driver asks for interrupts, one before it is idle again.  These two are
 * compared for each busy period, at the request that began it.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"
#include "decoder/util/virtqueue.h"

static unsigned pair_number(const struct diff_event *s)
{
	return (unsigned)(s->p - s->d->pair);
}

static struct diff_queue *get_queue(const struct diff_event *s)
{
	unsigned key = pair_number(s) << 16 | s->e->queue->index;
	struct diff_queue *q, **queues = &s->d->queue[s->side];

	HASH_FIND(hh, *queues, &key, sizeof(key), q);
	if (q || HASH_COUNT(*queues) >= DIFF_STREAMS_MAX)
		return q;
	hash_add_new(*queues, key, key, q);
	return q;
}

/* Leave out values of classes that are not compared, so that they do not make requests differ. */
static void set_keys(const struct diff *d, struct diff_item *t)
{
	uint64_t type = hash_mix(ITEM_REQUEST, t->v[REQ_TYPE]);
	uint64_t sector = hash_mix(type, t->v[REQ_SECTOR]);

	t->key[4] = type;
	t->key[3] = hash_mix(hash_mix(type, 1), t->v[REQ_BYTES]);
	t->key[2] = hash_mix(sector, 2);
	t->key[1] = hash_mix(sector, t->v[REQ_BYTES]);
	t->key[0] = hash_mix(t->key[1], (uint64_t)t->at << 1 | t->indirect);
	if (diff_on(d, DIFF_SEGMENTS))
		t->key[0] = hash_mix(t->key[0], t->v[REQ_SEGMENTS]);
	if (!diff_on(d, DIFF_COMPLETIONS))
		return;
	t->key[0] = hash_mix(t->key[0], t->v[REQ_USED_LEN]);
	t->key[0] = hash_mix(t->key[0], t->v[REQ_STATUS]);
}

/* Chain flags that describe the driver's chain and not the capture. */
#define FLAGS_MATTER \
	(VQT_CHAIN_LOOP | VQT_CHAIN_BAD_NEXT | VQT_CHAIN_BAD_HEAD | VQT_CHAIN_BAD_TABLE)

static void describe(struct diff_item *t, const struct model_request *r)
{
	t->request = r->type;
	t->v[REQ_TYPE] = r->typed ? r->type_raw : REQ_NONE;
	t->v[REQ_SECTOR] =
		r->typed && (!r->type || r->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS))
			? r->sector
			: 0;
	t->v[REQ_BYTES] = r->typed ? r->bytes : r->readable + (r->writable << 32);
	t->v[REQ_SEGMENTS] = r->ndesc - (r->ndirect < r->ndesc);
	t->indirect = r->ndirect < r->ndesc;
	t->at = r->flags & FLAGS_MATTER;
}

/* Whether a kick so far covers the entry at pos. */
static enum notified kicked(const struct diff_queue *q, const struct model_request *r)
{
	if (q->kick_idx_known)
		return virtq_passed(r->pos, q->kick_idx) ? NOTIFY_YES : NOTIFY_NO;
	return q->kicked ? NOTIFY_YES : NOTIFY_NO;
}

static void end_busy(const struct diff_event *s, struct diff_queue *q)
{
	struct diff_item *t = q->busy ? diff_stream_item(s, q->key & 0xffff, q->busy) : NULL;

	if (t) {
		t->interrupted = !q->asked	  ? NOTIFY_UNKNOWN
				 : q->interrupted ? NOTIFY_YES
						  : NOTIFY_NO;
		t->pending = t->done == 0;
	}
	q->busy = 0;
	q->asked = q->interrupted = false;
}

static int avail(const struct diff_event *s, struct diff_queue *q)
{
	const struct event *e = s->e;
	const struct vqt_avail *a = &e->rec->avail;
	struct diff_item t = {
		.kind = ITEM_REQUEST,
		.class = DIFF_REQUESTS,
		.pending = true,
		.number = e->number,
		.queue = e->queue->index,
	};
	struct diff_item *more;

	t.v[REQ_USED_LEN] = t.v[REQ_STATUS] = REQ_NONE;
	if (!e->req)
		return 0;
	if (e->req->number != e->number) { /* descriptors continue */
		more = diff_stream_item(s, t.queue, e->req->number);
		if (more) {
			describe(more, e->req);
			set_keys(s->d, more);
		}
		return 0;
	}
	s->p->pub.requests[s->side]++;
	if (e->queue->n_in_flight == 1 && !(a->flags & VQT_CHAIN_AGAIN)) {
		end_busy(s, q);
		q->busy = e->number;
		t.kicked = s->d->seen[s->side] >> VQT_KICK & 1 ? kicked(q, e->req) : NOTIFY_UNKNOWN;
		q->kicked = false;
	}
	describe(&t, e->req);
	set_keys(s->d, &t);
	return diff_stream_add(s, t.queue, &t);
}

/* Whether the driver asked for an interrupt for the entry being written: 2.7.7, 2.7.10, 2.8.10. */
static bool asks(const struct event *e)
{
	const struct vqt_used *u = &e->rec->used;

	if (u->ring.known & VQT_RING_PACKED)
		return u->ring.known & VQT_RING_AVAIL_FLAGS && (u->ring.avail_flags & 3) != 1;
	if (model_accepted(e->dev, VIRTIO_RING_F_EVENT_IDX))
		return u->ring.known & VQT_RING_USED_EVENT && u->ring.used_event == u->pos;
	return u->ring.known & VQT_RING_AVAIL_FLAGS &&
	       !(u->ring.avail_flags & VRING_AVAIL_F_NO_INTERRUPT);
}

static void used(const struct diff_event *s, struct diff_queue *q)
{
	const struct event *e = s->e;
	const struct vqt_used *u = &e->rec->used;
	struct diff_item *t;

	if (!e->req)
		return;
	q->asked |= asks(e);
	t = diff_stream_item(s, e->queue->index, e->req->number);
	if (!t)
		return;
	t->done = e->number;
	t->v[REQ_USED_LEN] = u->flags & VQT_USED_DETACHED ? REQ_NONE - 1 : u->len;
	t->v[REQ_STATUS] = e->req->status_known ? e->req->status : REQ_NONE;
	set_keys(s->d, t);
	t->pending = q->busy == t->number; /* until its busy period is over */
}

/* Whether the event concerns the queue: it is of that queue, or of its whole device. */
static bool concerns(const struct diff_event *s, const struct diff_queue *q)
{
	return q->key >> 16 == pair_number(s) &&
	       (!s->e->queue || s->e->queue->index == (q->key & 0xffff));
}

static void irq(const struct diff_event *s)
{
	const struct vqt_irq *i = &s->e->rec->irq;

	if (i->kind == VQT_IRQ_CONFIG || (i->kind == VQT_IRQ_INTX && !i->level))
		return;
	if (i->kind == VQT_IRQ_SIGNAL)
		s->p->decides[s->side] = true;
	if (i->kind == VQT_IRQ_SIGNAL || !s->p->decides[s->side])
		s->p->pub.irqs[s->side]++;
	for (struct diff_queue *q = s->d->queue[s->side]; q; q = q->hh.next)
		q->interrupted |= concerns(s, q);
}

static void kick(const struct diff_event *s, struct diff_queue *q)
{
	const struct vqt_kick *k = &s->e->rec->kick;
	const struct vqt_ring *r = &k->ring;

	s->p->pub.kicks[s->side]++;
	s->p->pub.vias[s->side] |= 1U << (k->via & 31);
	q->kicked = true;
	q->kick_idx_known = r->known & VQT_RING_AVAIL_IDX && !(r->known & VQT_RING_PACKED);
	q->kick_idx = r->avail_idx;
}

/* Requests that a reset cancelled will not be completed. */
static void dropped(const struct diff_event *s)
{
	for (const struct model_request *r = s->e->dropped; r; r = r->next) {
		struct diff_item *t = diff_stream_item(s, r->queue, r->number);

		if (t)
			t->pending = false;
	}
	for (struct diff_queue *q = s->d->queue[s->side]; q; q = q->hh.next)
		if (concerns(s, q) && model_queue(s->e->dev, q->key & 0xffff)) {
			end_busy(s, q);
			q->kick_idx_known = q->kicked = false;
		}
}

static bool resets(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;

	if (e->dropped)
		return true;
	return e->rec->h.type == VQT_REG && r->op == VQT_WRITE && e->field && !r->value &&
	       e->field->id == SPEC_REG_DEVICE_STATUS;
}

int diff_request_feed(const struct diff_event *s)
{
	unsigned type = s->e->rec->h.type;
	struct diff_queue *q;

	if (resets(s->e))
		dropped(s);
	else if (type == VQT_IRQ)
		irq(s);
	else if (s->e->queue &&
		 (type == VQT_KICK || type == VQT_AVAIL || type == VQT_USED || type == VQT_DATA)) {
		q = get_queue(s);
		if (!q)
			return HASH_COUNT(s->d->queue[s->side]) >= DIFF_STREAMS_MAX ? 0 : -ENOMEM;
		if (type == VQT_KICK)
			kick(s, q);
		else if (type == VQT_USED)
			used(s, q);
		else
			return avail(s, q);
	}
	return 0;
}

void diff_request_end(struct diff *d, enum diff_side side)
{
	for (struct diff_queue *q = d->queue[side]; q; q = q->hh.next) {
		struct diff_pair_impl *p = &d->pair[q->key >> 16];
		struct diff_event s = { d, p, side, &p->half[side], NULL };

		end_busy(&s, q);
	}
	for (struct diff_stream *l = d->stream; l; l = l->hh.next)
		for (size_t i = 0; i < l->side[side].n; i++)
			item_at(&l->side[side], i)->pending = false;
}
