/* SPDX-License-Identifier: MIT */
/* Queues, rings and requests: 2.7 (split), 2.8 (packed). */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/model/impl.h"
#include "decoder/util/virtqueue.h"

/* No chain is longer than the largest queue plus one indirect table of it. */
#define CHAIN_MAX 65536

struct model_request *model_in_flight(const struct model_queue *q, uint16_t head)
{
	struct model_request *r;

	HASH_FIND(hh, q->in_flight, &head, sizeof(head), r);
	return r;
}

void model_ring(struct event *e, const struct vqt_ring *ring)
{
	if (!e->queue || !ring->known)
		return;
	e->queue->ring = *ring;
	e->queue->packed = ring->known & VQT_RING_PACKED;
}

/*
 * A driver need not kick for every entry, and kicks may come faster than the device pops, so
 * the latest kick is often not the one that announced a request.  In a split ring the
 * available index at the kick shows which entries it covers.  A packed ring has no index;
 * there the latest kick is taken to cover the first request after it, which is the best that
 * can be known.
 */
static void announce(struct model_queue *q, uint64_t ts, const struct vqt_ring *ring)
{
	bool known = ring->known & VQT_RING_AVAIL_IDX && !(ring->known & VQT_RING_PACKED);

	if (known && ring->known & VQT_RING_LAST_AVAIL && ring->avail_idx == ring->last_avail)
		return; /* nothing new */
	if (!known)
		q->nannounced = 0; /* earlier kicks may have announced nothing */
	if (q->nannounced == MODEL_KICKS) /* keep the oldest ones */
		return;
	q->announced[q->nannounced++] = (struct model_kick){ ts, ring->avail_idx, known };
}

static uint64_t announced(struct model_queue *q, uint16_t pos)
{
	const struct model_kick *k = q->announced;
	uint64_t ts = 0;

	while (q->nannounced && k->known && (int16_t)(k->avail_idx - pos) <= 0)
		memmove(q->announced, k + 1, --q->nannounced * sizeof(*k));
	if (q->nannounced)
		ts = k->ts;
	if (q->nannounced && !k->known)
		q->nannounced = 0;
	return ts;
}

/* Nothing waits, and everything that was made available was so before the kick before. */
static bool brings_nothing(const struct model_queue *q, const struct vqt_ring *r)
{
	if (record_ring_waits(r) != 0)
		return false;
	if (!(r->known & VQT_RING_PACKED))
		return q->latest.known ? r->avail_idx == q->latest.avail_idx
				       : !q->kick_ts && !r->avail_idx;
	/* How much was available then is not known: a chain popped since is what that kick was for. */
	return q->popped - q->latest_popped <= (q->kick_ts && q->latest.known);
}

/*
 * A kick by eventfd for nothing that was made available since the kick before is the device's
 * own: QEMU notifies itself when it starts to listen, and whenever its block layer stops
 * draining.  Where the trace records these moments, only the kick after such a record is QEMU's;
 * it is QEMU's whenever nothing waits in the ring, even if the driver has added entries since its
 * last kick and QEMU has popped them already.
 */
static bool is_self(const struct event *e)
{
	const struct vqt_kick *k = &e->rec->kick;

	if (!e->queue || !e->source || k->via != VQT_KICK_IOEVENTFD)
		return false;
	if (e->source->kind == VQT_SRC_EMU || e->source->kind == VQT_SRC_REPLAY)
		return false; /* they record what came by the eventfd of the driver alone */
	if (e->dev->tells_self && !e->queue->self_notified)
		return false;
	if (e->dev->tells_self && !record_ring_waits(&k->ring))
		return true;
	return brings_nothing(e->queue, &k->ring);
}

/* What the next kick is compared with. */
static void note_kick(struct model_queue *q, const struct vqt_ring *r)
{
	q->latest.avail_idx = r->avail_idx;
	q->latest.known = r->known & VQT_RING_PACKED ? record_ring_waits(r) == 1
						     : r->known & VQT_RING_AVAIL_IDX;
	q->latest_popped = q->popped;
}

int model_kick(struct model *m, struct event *e)
{
	if (!e->queue)
		return 0;
	e->self = is_self(e);
	e->queue->self_notified = false;
	if (e->self) {
		model_ring(e, &e->rec->kick.ring);
		return 0;
	}
	note_kick(e->queue, &e->rec->kick.ring);
	model_ring(e, &e->rec->kick.ring);
	announce(e->queue, e->ts, &e->rec->kick.ring);
	e->queue->kicks++;
	e->queue->kick_ts = e->ts;
	e->dev->kicks++;
	model_life_kick(e);
	return 0;
}

static int add_descs(struct model_request *r, const struct record *rec)
{
	uint32_t n = rec->avail.ndesc;

	if (n > CHAIN_MAX - r->ndesc)
		n = CHAIN_MAX - r->ndesc;
	if (n && !array_room(r->desc, r->cap, r->ndesc + n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct vqt_desc d = record_desc(rec, i);

		r->desc[r->ndesc++] = d;
		if (d.flags & VRING_DESC_F_INDIRECT)
			continue; /* names a table, not a buffer */
		if (d.flags & VRING_DESC_F_WRITE)
			r->writable += d.len;
		else
			r->readable += d.len;
	}
	return 0;
}

static bool find_seg(const struct record *rec, uint32_t desc, struct record_seg *seg)
{
	uint32_t pos = 0;

	while (record_seg_next(rec, &pos, seg))
		if (seg->desc == desc && !seg->offset)
			return true;
	return false;
}

/*
 * Collect driver-written bytes in chain order, however the driver split them into
 * descriptors (2.7.4.2), up to the first gap that the snap length left.
 */
static void collect_head(struct model_request *r, const struct record *rec)
{
	for (; r->head_next < r->ndesc && r->head_len < CLASS_HEAD_BYTES; r->head_next++) {
		const struct vqt_desc *d = &r->desc[r->head_next];
		struct record_seg seg;
		uint32_t n;

		if (d->flags & VRING_DESC_F_INDIRECT)
			continue;
		if (d->flags & VRING_DESC_F_WRITE)
			return;
		if (!find_seg(rec, r->head_next, &seg))
			return;
		n = seg.len < d->len ? seg.len : d->len;
		if (n > CLASS_HEAD_BYTES - r->head_len)
			n = CLASS_HEAD_BYTES - r->head_len;
		memcpy(r->head_bytes + r->head_len, seg.bytes, n);
		r->head_len += n;
		if (n < d->len) {
			r->head_next = r->ndesc; /* a gap: later bytes do not follow on */
			return;
		}
	}
}

/* Read the byte at this offset of the device-written part; false: it was not captured. */
static bool written_byte(const struct record *rec, const struct model_request *r, uint64_t at,
			 uint8_t *byte)
{
	for (uint32_t i = 0; i < r->ndesc; i++) {
		const struct vqt_desc *d = &r->desc[i];
		struct record_seg seg;

		if (d->flags & VRING_DESC_F_INDIRECT || !(d->flags & VRING_DESC_F_WRITE))
			continue;
		if (at >= d->len) {
			at -= d->len;
			continue;
		}
		if (!find_seg(rec, i, &seg) || at >= seg.len)
			return false;
		*byte = seg.bytes[at];
		return true;
	}
	return false;
}

static void parse_request(struct event *e, struct model_request *r)
{
	bool before = r->typed;

	class_parse(e->dev->class, &r->io);
	e->typed_now = r->typed && !before;
}

static inline void take_out(struct model_queue *q, struct model_request *r)
{
	HASH_DEL(q->in_flight, r);
	q->n_in_flight--;
	q->n_posted -= r->posted;
	if (q->open == r)
		q->open = NULL;
}

/* Whether the record was made at another time than that of the pop. */
static bool popped_earlier(const struct vqt_avail *a)
{
	return a->flags & (VQT_CHAIN_LATE | VQT_CHAIN_DERIVED | VQT_CHAIN_BEFORE);
}

/* When the driver made it available and the device popped it. */
static void set_times(struct model_request *r, struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;
	uint64_t announce = e->dev->apart ? 0 : announced(e->queue, a->pos);
	bool placed = a->ring.known & VQT_RING_AVAIL_IDX && !(a->ring.known & VQT_RING_PACKED);

	r->seen_ts = e->ts;
	if (event_by_driver(e)) { /* which adds it before it kicks */
		r->avail_ts = e->ts;
	} else if (!popped_earlier(a)) {
		r->avail_ts = e->ts;
		r->kick_ts = e->queue->kick_ts;
		r->announce_ts = announce;
	} else if (a->flags == VQT_CHAIN_LATE && placed) {
		r->announce_ts = announce; /* its position is its own */
	}
}

/*
 * A chain of this head is in flight.  False: it is the one that the record is about, which
 * was in flight before the trace and is known better now.
 */
static bool replaces(struct event *e, const struct model_request *r)
{
	const struct vqt_avail *a = &e->rec->avail;

	if (r->before && (popped_earlier(a) || a->pos == r->pos))
		return false;
	if (r->before && r->flags & VQT_CHAIN_LIKELY)
		model_unname(e->queue, r); /* it was another one */
	else
		e->head_in_flight = !(a->flags & VQT_CHAIN_AGAIN);
	return true;
}

static void count_pop(struct event *e)
{
	e->queue->popped++;
	e->queue->popped_since_reset++;
	e->dev->requests++;
}

/* The chain anew: its contents, and its times unless they began earlier. */
static void again(struct model_request *r, struct event *e)
{
	const struct model_request old = *r;

	*r = (struct model_request){ .desc = old.desc, .cap = old.cap, .hh = old.hh };
	r->before = old.before;
	r->posted = old.posted;
	r->backend_ts = old.backend_ts;
	r->backend_end_ts = old.backend_end_ts;
	r->submission = old.submission;
	r->submitted = old.submitted;
	r->merged = old.merged;
	r->failed = old.failed;
	r->foreign = old.foreign;
	r->number = old.number;
	set_times(r, e);
	if (r->avail_ts) { /* it was found in the ring before the record of its pop came */
		r->before = false;
		count_pop(e);
	} else {
		r->seen_ts = old.seen_ts;
	}
}

static struct model_request *begin_chain(struct model *m, struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;
	struct model_queue *q = e->queue;
	struct model_request *r = model_in_flight(q, a->head);
	bool known = r && !replaces(e, r), counted = r && !known && !r->before;

	if (known) {
		again(r, e);
	} else {
		if (r) {
			take_out(q, r);
			model_free_request(m, r);
		}
		r = model_new_request(m);
		if (!r)
			return NULL;
		r->number = e->number;
		set_times(r, e);
		if (!counted)
			r->before = model_was_before(q, a);
		if (!counted && !r->before)
			count_pop(e);
	}
	r->device = e->dev->id;
	r->accepted = e->dev->accepted;
	r->queue = q->index;
	r->head = a->head;
	r->pos = a->pos;
	r->ndirect = a->ndirect;
	if (known)
		return r;
	HASH_ADD(hh, q->in_flight, head, sizeof(r->head), r);
	if (!hash_holds(r)) {
		model_free_request(m, r);
		return NULL;
	}
	q->n_in_flight++;
	return r;
}

/* The chain that a record continues; NULL: it begins a new one. */
static struct model_request *continued(const struct model_queue *q, const struct vqt_avail *a)
{
	if (!a->first)
		return NULL;
	if (a->flags & VQT_CHAIN_DERIVED) /* the contents of its table, learned at its completion */
		return model_in_flight(q, a->head);
	return q->open && q->open->head == a->head ? q->open : NULL;
}

int model_avail(struct model *m, struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;
	struct model_queue *q = e->queue;
	struct model_request *r;

	if (!q)
		return 0;
	model_ring(e, &a->ring);
	r = continued(q, a);
	if (!r)
		r = begin_chain(m, e);
	if (!r || add_descs(r, e->rec))
		return -ENOMEM;
	r->flags = a->flags;
	collect_head(r, e->rec);
	q->open = a->flags & VQT_CHAIN_MORE ? r : NULL;
	if (!q->open)
		model_recognise_request(m, e, r);
	parse_request(e, r);
	q->n_posted -= r->posted;
	r->posted = class_posted(e->dev->class, &r->io, e->dev->num_queues);
	q->n_posted += r->posted;
	e->req = r;
	return model_life_avail(m, e, r);
}

int model_data(struct model *m, struct event *e)
{
	if (!e->queue)
		return 0;
	e->req = model_in_flight(e->queue, e->rec->data.head);
	if (!e->req)
		return 0;
	collect_head(e->req, e->rec);
	parse_request(e, e->req);
	return 0;
}

/*
 * The class says where the status byte is.  The record holds the last byte of the
 * device-writable part, and as many of the others as were captured.
 */
static void find_status(struct event *e, struct model_request *r)
{
	const struct vqt_used *u = &e->rec->used;
	int at = class_status_at(e->dev->class, &r->io);

	if (at == CLASS_STATUS_NONE)
		return;
	if (at == CLASS_STATUS_LAST || (uint64_t)at + 1 == r->writable) {
		r->status_known = u->flags & VQT_USED_STATUS;
		r->status = u->status;
		return;
	}
	r->status_known = written_byte(e->rec, r, (uint64_t)at, &r->status);
}

/* Leading bytes of the device's part, up to the first gap. */
static void collect_written(struct model_request *r, const struct record *rec)
{
	uint64_t left = r->used_len;

	for (uint32_t i = 0; i < r->ndesc && left && r->written_len < CLASS_WRITTEN_BYTES; i++) {
		const struct vqt_desc *d = &r->desc[i];
		struct record_seg seg;
		uint64_t n;

		if (d->flags & VRING_DESC_F_INDIRECT || !(d->flags & VRING_DESC_F_WRITE))
			continue;
		if (!find_seg(rec, i, &seg))
			return;
		n = seg.len < d->len ? seg.len : d->len;
		n = n < left ? n : left;
		if (n > CLASS_WRITTEN_BYTES - r->written_len)
			n = CLASS_WRITTEN_BYTES - r->written_len;
		memcpy(r->written + r->written_len, seg.bytes, n);
		r->written_len += (uint32_t)n;
		left -= n;
		if (n < d->len)
			return;
	}
}

int model_used(struct model *m, struct event *e)
{
	const struct vqt_used *u = &e->rec->used;
	struct model_queue *q = e->queue;
	struct model_request *r;

	if (!q)
		return 0;
	model_ring(e, &u->ring);
	q->used++;
	q->used_since_reset++;
	r = model_in_flight(q, u->id);
	if (!r) {
		e->unnamed = model_used_before(q, u);
		e->unknown_id = !e->unnamed;
		return 0;
	}
	take_out(q, r);
	r->done = true;
	r->used_ts = e->ts;
	r->used_len = u->len;
	find_status(e, r);
	if (e->dev->class && e->dev->class->reads_written)
		collect_written(r, e->rec);
	class_parse(e->dev->class, &r->io);
	e->latency = r->avail_ts && e->ts > r->avail_ts ? e->ts - r->avail_ts : 0;
	e->req = m->done = r;
	model_life_used(m, e, r);
	return 0;
}

int model_irq_due(const struct model_device *d, const struct model_queue *q,
		  const struct vqt_ring *r, uint16_t pos, unsigned slots)
{
	if (!(r->known & VQT_RING_PACKED)) {
		if (model_accepted(d, VIRTIO_RING_F_EVENT_IDX))
			return r->known & VQT_RING_USED_EVENT ? pos == r->used_event : -1;
		return r->known & VQT_RING_AVAIL_FLAGS
			       ? !(r->avail_flags & VRING_AVAIL_F_NO_INTERRUPT)
			       : -1;
	}
	if (!(r->known & VQT_RING_AVAIL_FLAGS))
		return -1;
	if (r->avail_flags < 2)
		return !r->avail_flags;
	if (r->avail_flags != VRING_PACKED_EVENT_FLAG_DESC || !(r->known & VQT_RING_USED_EVENT) ||
	    !q->size)
		return -1;
	return virtq_slots_between(pos, r->used_event, q->size) < slots;
}

/* An MSI-X message names a vector, not a queue: find the queue with that vector. */
static struct model_queue *queue_of_vector(struct model_device *d, uint16_t vector)
{
	struct model_queue *found = NULL;

	for (struct model_queue *q = d->queues; q; q = q->hh.next) {
		if (q->vector != vector || vector == VQT_NO_VECTOR)
			continue;
		if (found)
			return NULL; /* shared by several queues: unknown */
		found = q;
	}
	return found;
}

int model_irq(struct model *m, struct event *e)
{
	const struct vqt_irq *i = &e->rec->irq;

	if (!e->dev)
		return 0;
	if (i->kind == VQT_IRQ_INTX) {
		e->before = e->dev->intx;
		e->before_known = true;
		e->dev->intx = i->level;
		if (!i->level)
			return 0;
	}
	if (!e->queue && i->kind == VQT_IRQ_MSIX)
		e->queue = queue_of_vector(e->dev, i->vector);
	e->dev->irqs++;
	if (e->queue)
		e->queue->irqs++;
	if (!e->dev->apart)
		model_life_irq(m, e);
	return 0;
}
