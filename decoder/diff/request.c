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

static struct diff_queue *get_queue(struct diff *d, const struct diff_pair_impl *p,
				    enum diff_side side, unsigned queue)
{
	unsigned key = (unsigned)(p - d->pair) << 16 | queue;
	struct diff_queue *q;

	HASH_FIND(hh, d->queue[side], &key, sizeof(key), q);
	if (q || HASH_COUNT(d->queue[side]) >= DIFF_STREAMS_MAX)
		return q;
	hash_add_new(d->queue[side], key, key, q);
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

static int end_busy(struct diff *d, struct diff_pair_impl *p, enum diff_side side, unsigned queue,
		    struct diff_queue *q)
{
	struct diff_stream *l = q->busy ? diff_stream_find(d, p, queue) : NULL;
	struct diff_item *t = l ? diff_stream_item(l, side, q->busy) : NULL;

	if (t) {
		t->interrupted = !q->asked	  ? NOTIFY_UNJUDGED
				 : q->interrupted ? NOTIFY_YES
						  : NOTIFY_NO;
		t->pending = t->done == 0;
	}
	q->busy = 0;
	q->asked = q->interrupted = false;
	return 0;
}

static int avail(struct diff *d, struct diff_pair_impl *p, enum diff_side side,
		 const struct event *e, struct diff_queue *q)
{
	const struct vqt_avail *a = &e->rec->avail;
	struct diff_item t = {
		.kind = ITEM_REQUEST,
		.class = DIFF_REQUESTS,
		.pending = true,
		.number = e->number,
		.queue = e->queue->index,
	};
	struct diff_stream *l = diff_stream_find(d, p, t.queue);
	struct diff_item *more;

	t.v[REQ_USED_LEN] = t.v[REQ_STATUS] = REQ_NONE;
	if (!e->req)
		return 0;
	if (e->req->number != e->number) { /* descriptors continue */
		more = l ? diff_stream_item(l, side, e->req->number) : NULL;
		if (more) {
			describe(more, e->req);
			set_keys(d, more);
		}
		return 0;
	}
	p->pub.requests[side]++;
	if (e->queue->n_in_flight == 1 && !(a->flags & VQT_CHAIN_AGAIN)) {
		end_busy(d, p, side, t.queue, q);
		q->busy = e->number;
		t.kicked = d->seen[side] >> VQT_KICK & 1 ? kicked(q, e->req) : NOTIFY_UNJUDGED;
		q->kicked = false;
	}
	describe(&t, e->req);
	set_keys(d, &t);
	return diff_stream_add(d, p, t.queue, side, &t);
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

static int used(struct diff *d, struct diff_pair_impl *p, enum diff_side side,
		const struct event *e, struct diff_queue *q)
{
	const struct vqt_used *u = &e->rec->used;
	struct diff_stream *l = diff_stream_find(d, p, e->queue->index);
	struct diff_item *t;

	if (!e->req || !l)
		return 0;
	q->asked |= asks(e);
	t = diff_stream_item(l, side, e->req->number);
	if (!t)
		return 0;
	t->done = e->number;
	t->v[REQ_USED_LEN] = u->flags & VQT_USED_DETACHED ? REQ_NONE - 1 : u->len;
	t->v[REQ_STATUS] = e->req->status_known ? e->req->status : REQ_NONE;
	set_keys(d, t);
	t->pending = q->busy == t->number; /* until its busy period is over */
	return 0;
}

static int irq(struct diff *d, struct diff_pair_impl *p, enum diff_side side, const struct event *e)
{
	struct diff_queue *q, *next;
	const struct vqt_irq *i = &e->rec->irq;
	unsigned pair = (unsigned)(p - d->pair);

	if (i->kind == VQT_IRQ_CONFIG || (i->kind == VQT_IRQ_INTX && !i->level))
		return 0;
	if (i->kind == VQT_IRQ_SIGNAL)
		p->decides[side] = true;
	if (i->kind == VQT_IRQ_SIGNAL || !p->decides[side])
		p->pub.irqs[side]++;
	HASH_ITER (hh, d->queue[side], q, next)
		if (q->key >> 16 == pair && (!e->queue || e->queue->index == (q->key & 0xffff)))
			q->interrupted = true;
	return 0;
}

static void kick(struct diff_pair_impl *p, enum diff_side side, const struct event *e,
		 struct diff_queue *q)
{
	const struct vqt_ring *r = &e->rec->kick.ring;

	p->pub.kicks[side]++;
	p->pub.vias[side] |= 1U << (e->rec->kick.via & 31);
	q->kicked = true;
	q->kick_idx_known = r->known & VQT_RING_AVAIL_IDX && !(r->known & VQT_RING_PACKED);
	q->kick_idx = r->avail_idx;
}

/* Requests that a reset cancelled will not be completed. */
static int dropped(struct diff *d, struct diff_pair_impl *p, enum diff_side side,
		   const struct event *e)
{
	struct diff_queue *q, *next;

	for (const struct model_request *r = e->dropped; r; r = r->next) {
		struct diff_stream *l = diff_stream_find(d, p, r->queue);
		struct diff_item *t = l ? diff_stream_item(l, side, r->number) : NULL;

		if (t)
			t->pending = false;
	}
	HASH_ITER (hh, d->queue[side], q, next)
		if (q->key >> 16 == (unsigned)(p - d->pair) &&
		    (!e->queue || e->queue->index == (q->key & 0xffff)) &&
		    model_queue(e->dev, q->key & 0xffff)) {
			end_busy(d, p, side, q->key & 0xffff, q);
			q->kick_idx_known = q->kicked = false;
		}
	return 0;
}

static bool resets(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;

	if (e->dropped)
		return true;
	return e->rec->h.type == VQT_REG && r->op == VQT_WRITE && e->field && !r->value &&
	       e->field->id == SPEC_REG_DEVICE_STATUS;
}

int diff_request_feed(struct diff *d, struct diff_pair_impl *p, enum diff_side side,
		      const struct event *e)
{
	unsigned type = e->rec->h.type;
	struct diff_queue *q;

	if (resets(e))
		return dropped(d, p, side, e);
	if (type == VQT_IRQ)
		return irq(d, p, side, e);
	if (!e->queue ||
	    (type != VQT_KICK && type != VQT_AVAIL && type != VQT_USED && type != VQT_DATA))
		return 0;
	q = get_queue(d, p, side, e->queue->index);
	if (!q)
		return HASH_COUNT(d->queue[side]) >= DIFF_STREAMS_MAX ? 0 : -ENOMEM;
	switch (type) {
	case VQT_KICK: kick(p, side, e, q); return 0;
	case VQT_AVAIL:
	case VQT_DATA: return avail(d, p, side, e, q);
	default: return used(d, p, side, e, q);
	}
}

void diff_request_end(struct diff *d, enum diff_side side)
{
	struct diff_queue *q, *next;

	HASH_ITER (hh, d->queue[side], q, next)
		end_busy(d, &d->pair[q->key >> 16], side, q->key & 0xffff, q);
	for (struct diff_stream *l = d->stream; l; l = l->hh.next)
		for (size_t i = 0; i < l->side[side].n; i++)
			item_at(&l->side[side], i)->pending = false;
}
