/* SPDX-License-Identifier: MIT */
/* What the checker remembers of a ring, and what its two sides owe each other. */
#include "decoder/check/impl.h"
#include "decoder/util/virtqueue.h"

const struct vqt_ring *check_ring(const struct event *e)
{
	switch (e->rec->h.type) {
	case VQT_KICK: return &e->rec->kick.ring;
	case VQT_RING: return &e->rec->ring.ring;
	case VQT_AVAIL: return &e->rec->avail.ring;
	case VQT_USED: return &e->rec->used.ring;
	}
	return NULL;
}

static enum irq_by due_by(const struct rule_context *ctx, const struct vqt_ring *r)
{
	bool at = accepted(ctx, VIRTIO_RING_F_EVENT_IDX) &&
		  (!(r->known & VQT_RING_PACKED) || r->avail_flags == VRING_PACKED_EVENT_FLAG_DESC);

	return at ? IRQ_BY_EVENT : IRQ_BY_FLAGS;
}

/* Nothing is available or in flight any more. */
static bool runs_empty(const struct rule_context *ctx, const struct vqt_ring *r)
{
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;

	return accepted(ctx, VIRTIO_F_NOTIFY_ON_EMPTY) && !ctx->queue->n_in_flight &&
	       !(r->known & VQT_RING_PACKED) && (r->known & need) == need &&
	       r->avail_idx == r->last_avail;
}

static void owe_irq(struct rule_context *ctx, const struct vqt_ring *r)
{
	const struct vqt_used *u = &ctx->e->rec->used;
	unsigned slots = ctx->req && ctx->req->ndirect ? ctx->req->ndirect : 1;
	int due = model_irq_due(ctx->dev, ctx->queue, r, u->pos, slots);
	struct cqueue *q = ctx->q;

	if (due)
		q->crossed = true;
	if (q->irq.number || !driver_ok(ctx))
		return;
	if (due == 1)
		q->irq = (struct obligation){ ctx->number, ctx->now,
					      r->known & VQT_RING_USED_EVENT ? r->used_event : 0,
					      due_by(ctx, r) };
	else if (runs_empty(ctx, r))
		q->irq = (struct obligation){ ctx->number, ctx->now, 0, IRQ_BY_EMPTY };
	q->irq_tid = ctx->e->rec->h.tid;
}

/* Used entries take note of the ring as the driver had left it. */
static void remember_used(struct rule_context *ctx)
{
	const struct vqt_used *u = &ctx->e->rec->used;
	struct cqueue *q = ctx->q;
	bool packed = ctx->queue->packed;
	unsigned slots = ctx->req ? ctx->req->ndirect : 1;

	if (ctx->req)
		q->slots -= q->slots < slots ? q->slots : slots;
	if (u->flags & VQT_USED_DETACHED)
		return;
	owe_irq(ctx, &u->ring);
	q->last_batched = u->flags & VQT_USED_BATCHED;
	q->used_pos_unsure = (packed && q->last_batched) || !ctx->req;
	q->next_used = virtq_after(u->pos, slots, ctx->queue->size, packed);
	if (ctx->req)
		q->last_in_order = ctx->req->number;
	q->last_used_id = u->id;
	q->any_used = true;
	q->completions++;
	q->n_used = ctx->number;
	q->stall.number = q->waiting.number = 0;
}

static void remember_chain(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct cqueue *q = ctx->q;
	bool packed = ctx->queue->packed;

	q->next_avail = virtq_after(r->pos, r->ndirect, ctx->queue->size, packed);
	q->avail_pos_unsure = r->flags & (VQT_CHAIN_CUT | VQT_CHAIN_BAD_NEXT | VQT_CHAIN_LOOP |
					  VQT_CHAIN_BAD_HEAD | VQT_CHAIN_DERIVED) &&
			      packed;
	if (!(r->flags & VQT_CHAIN_AGAIN))
		q->slots += r->ndirect;
	q->n_avail = q->n_chain = ctx->number;
	q->idle_kicks = 0;
	q->early.number = 0;
	q->chain_flags = r->flags;
	q->chain_write_table = q->chain_after_direct = false;
	if (r->ndirect && r->ndirect <= r->ndesc &&
	    r->desc[r->ndirect - 1].flags & VRING_DESC_F_INDIRECT) {
		q->chain_write_table = r->desc[r->ndirect - 1].flags & VRING_DESC_F_WRITE;
		q->chain_after_direct = r->ndirect > 1;
	}
	q->stall.number = q->waiting.number = q->asked.number = 0;
}

/* Entries wait and nobody takes them: since when? */
static void watch_stall(struct rule_context *ctx, const struct vqt_ring *r)
{
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;
	struct cqueue *q = ctx->q;

	if (r->known & VQT_RING_PACKED || (r->known & need) != need || !driver_ok(ctx))
		return;
	if (r->avail_idx == r->last_avail || (q->stall.number && q->stall.b != r->last_avail)) {
		q->stall.number = 0;
		return;
	}
	if (!q->stall.number)
		q->stall =
			(struct obligation){ ctx->number, ctx->now, r->avail_idx, r->last_avail };
}

/* A driver that moves used_event, or suppresses, is awake and needs no telling. */
static void settle_irq(struct cqueue *q, const struct vqt_ring *r)
{
	if (q->irq.number && q->irq.b == IRQ_BY_EVENT && r->known & VQT_RING_USED_EVENT &&
	    r->used_event != q->irq.a)
		q->irq.number = 0;
	if (q->irq.number && q->irq.b != IRQ_BY_EMPTY && r->known & VQT_RING_AVAIL_FLAGS &&
	    (r->known & VQT_RING_PACKED ? r->avail_flags == VRING_PACKED_EVENT_FLAG_DISABLE
					: q->irq.b == IRQ_BY_FLAGS && r->avail_flags & 1))
		q->irq.number = 0;
}

static void watch_irq(struct cqueue *q, const struct vqt_ring *r)
{
	settle_irq(q, r);
	if (r->known & VQT_RING_USED_EVENT && q->n_ring && q->ring.known & VQT_RING_USED_EVENT &&
	    r->used_event != q->ring.used_event)
		q->used_event_moved = true;
	if (r->known & VQT_RING_AVAIL_FLAGS)
		q->suppressed = r->avail_flags & 1 ? q->suppressed + 1 : 0;
}

bool check_asks(const struct rule_context *ctx, const struct vqt_ring *r)
{
	bool packed = r->known & VQT_RING_PACKED;

	if (packed ? r->known & VQT_RING_USED_FLAGS && r->used_flags == VRING_PACKED_EVENT_FLAG_DESC
		   : accepted(ctx, VIRTIO_RING_F_EVENT_IDX))
		return r->known & VQT_RING_AVAIL_EVENT && r->avail_event == r->last_avail;
	return r->known & VQT_RING_USED_FLAGS && !r->used_flags;
}

/*
 * Nothing is available, and the device wants to be told of the next entry.  From
 * here on it is for the driver to kick: had the device looked away for a moment and
 * come back, it would have seen the entry, taken it, and asked for one after it.
 */
static void watch_asked(struct rule_context *ctx, const struct vqt_ring *r)
{
	bool event = r->known & VQT_RING_PACKED || accepted(ctx, VIRTIO_RING_F_EVENT_IDX);
	int waits = record_ring_waits(r);
	struct cqueue *q = ctx->q;

	if (waits < 0 || !driver_ok(ctx))
		return;
	if (q->asked.number &&
	    (r->last_avail != q->asked.b || (event && r->avail_event != q->asked.a)))
		q->asked.number = 0;
	if (!waits && !q->asked.number && check_asks(ctx, r))
		q->asked =
			(struct obligation){ ctx->number, ctx->now, r->avail_event, r->last_avail };
}

/* Samples of a queue at rest; anything the device does with it begins them anew. */
static void watch_waiting(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	unsigned pending = ctx->e->rec->ring.pending;
	struct cqueue *q = ctx->q;

	if (record_ring_waits(r) != 1 || !driver_ok(ctx) || pending == VQT_PENDING_UNKNOWN) {
		q->waiting.number = 0;
		return;
	}
	if (!q->waiting.number || q->waiting.b != r->last_avail || q->waiting_pending != pending) {
		q->waiting =
			(struct obligation){ ctx->number, ctx->now, r->avail_idx, r->last_avail };
		q->waiting_pending = (uint8_t)pending;
		q->alive_ts = 0;
	} else if (!q->alive_ts && ctx->driver_ts > q->waiting.ts) {
		q->alive_ts = ctx->driver_ts;
	}
}

/*
 * A sample may be older than events of the queue before it, by as much as it takes to
 * read it: what compares positions from one event to the next does not see samples.
 */
static void remember_sample(struct rule_context *ctx)
{
	settle_irq(ctx->q, ctx->ring);
	watch_waiting(ctx);
	watch_asked(ctx, ctx->ring);
}

static void remember_ring(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	struct cqueue *q = ctx->q;

	watch_irq(q, r);
	if (ctx->e->rec->h.type == VQT_KICK) /* being seen to: what waits now waits from here */
		q->stall.number = q->waiting.number = 0;
	watch_stall(ctx, r);
	watch_asked(ctx, r);
	q->ring = *r;
	q->ring_tid = ctx->e->rec->h.tid;
	q->n_ring = ctx->number;
	q->ts_ring = ctx->now;
	q->extra_irq.number = 0;
}

/* Kicks that bring nothing are legal; that there is never anything is not what a driver means. */
static void watch_idle(struct rule_context *ctx, const struct vqt_ring *r)
{
	struct cqueue *q = ctx->q;

	if (!(r->known & VQT_RING_PACKED) && r->avail_idx != r->last_avail) {
		q->idle_kicks = 0;
		return;
	}
	if (!q->idle_kicks++) {
		q->n_idle = ctx->number;
		q->ts_idle = ctx->now;
	}
}

/* A legacy driver may use the device before DRIVER_OK. */
static void watch_early(struct rule_context *ctx, const struct vqt_ring *r)
{
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;
	struct cqueue *q = ctx->q;

	if (!ctx->d->legacy || ctx->d->modern || driver_ok(ctx) || ctx->d->reset_wait ||
	    q->early.number || !(ctx->d->ever & VIRTIO_CONFIG_S_DRIVER) ||
	    (r->known & need) != need || r->avail_idx == r->last_avail)
		return;
	q->early = (struct obligation){ ctx->number, ctx->now, 0, r->last_avail };
}

static void remember_kick(struct rule_context *ctx)
{
	const struct vqt_ring *r = &ctx->e->rec->kick.ring;

	watch_idle(ctx, r);
	watch_early(ctx, r);
	ctx->q->n_kick = ctx->number;
	/* How far a packed ring is filled it does not say, only whether at all. */
	ctx->q->kick_avail_known = r->known & VQT_RING_PACKED ? record_ring_waits(r) == 0
							      : r->known & VQT_RING_AVAIL_IDX;
	ctx->q->kick_avail = r->known & VQT_RING_PACKED ? r->last_avail : r->avail_idx;
}

void check_remember_queue(struct rule_context *ctx, uint64_t triggers)
{
	if (triggers & AT(RING))
		remember_ring(ctx);
	if (triggers & AT(SAMPLE))
		remember_sample(ctx);
	if (triggers & AT(KICK))
		remember_kick(ctx);
	if (triggers & AT(CHAIN))
		remember_chain(ctx);
	if (ctx->e->rec->h.type == VQT_USED)
		remember_used(ctx);
}
