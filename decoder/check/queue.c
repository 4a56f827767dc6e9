/* SPDX-License-Identifier: MIT */
/* What the checker remembers of a ring, and the obligations of its two sides. */
#include "decoder/check/impl.h"
#include "decoder/util/virtqueue.h"

const struct vqt_ring *check_ring(const struct event *e)
{
	/* What the driver reads of a ring is of another time than what the device does with it. */
	static const struct vqt_ring unknown;

	if (event_by_driver(e))
		return &unknown;
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
	bool at = event_idx(ctx) &&
		  (!(r->known & VQT_RING_PACKED) || r->avail_flags == VRING_PACKED_EVENT_FLAG_DESC);

	return at ? IRQ_BY_EVENT : IRQ_BY_FLAGS;
}

/* Nothing is available or in flight any more. */
static bool runs_empty(const struct rule_context *ctx, const struct vqt_ring *r)
{
	return accepted(ctx, VIRTIO_F_NOTIFY_ON_EMPTY) && !model_flight(ctx->queue) &&
	       record_ring_backlog(r) == 0;
}

static void irq_due(struct rule_context *ctx, const struct vqt_ring *r)
{
	const struct vqt_used *u = &ctx->e->rec->used;
	unsigned slots = ctx->req && ctx->req->ndirect ? ctx->req->ndirect : 1;
	int due = model_irq_due(ctx->dev, ctx->queue, r, u->pos, slots);

	/* how many slots it has is not known */
	if (ctx->queue->packed && (!ctx->req || ctx->req->flags & VQT_CHAIN_DERIVED) && due == 1)
		due = -1;
	struct check_queue *q = ctx->q;

	if (due)
		q->irq.crossed = true;
	if (q->irq.due.number || !driver_ok(ctx))
		return;
	if (due == 1)
		q->irq.due = obligation(ctx, r->known & VQT_RING_USED_EVENT ? r->used_event : 0,
					due_by(ctx, r));
	else if (runs_empty(ctx, r))
		q->irq.due = obligation(ctx, 0, IRQ_BY_EMPTY);
	q->irq.due_tid = ctx->e->rec->h.tid;
}

/*
 * How many slots the chain has in the ring: one, at least, where only its buffers are known and not
 * whether an indirect table describes them.
 */
static unsigned slots_of(const struct model_request *r)
{
	return r->flags & VQT_CHAIN_DERIVED ? 1 : r->ndirect;
}

/* Used entries take note of the ring as the driver had left it. */
static void remember_used(struct rule_context *ctx)
{
	const struct vqt_used *u = &ctx->e->rec->used;
	struct check_queue *q = ctx->q;
	bool packed = ctx->queue->packed;
	unsigned slots = ctx->req ? slots_of(ctx->req) : 1;

	if (ctx->req)
		q->pos.slots -= q->pos.slots < slots ? q->pos.slots : slots;
	if (u->flags & VQT_USED_DETACHED)
		return;
	irq_due(ctx, &u->ring);
	q->pos.last_batched = u->flags & VQT_USED_BATCHED;
	q->pos.used_unsure = (packed && (q->pos.last_batched ||
					 (ctx->req && ctx->req->flags & VQT_CHAIN_DERIVED))) ||
			     !ctx->req;
	q->pos.next_used = virtq_after(u->pos, slots, ctx->queue->size, packed);
	if (ctx->req)
		q->pos.last_in_order = ctx->req->number;
	q->pos.last_used_id = u->id;
	q->pos.any_used = true;
	q->seen.completions++;
	check_note_used(ctx);
	q->seen.n_used = ctx->number;
	q->wait.stall.number = q->wait.sampled.number = q->held.since.number = 0;
}

static void remember_chain(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct check_queue *q = ctx->q;
	bool packed = ctx->queue->packed;

	if (r->flags & VQT_CHAIN_BEFORE) /* not an event of this time */
		return;
	check_note_popped(ctx);

	q->pos.next_avail = virtq_after(r->pos, r->ndirect, ctx->queue->size, packed);
	q->pos.avail_unsure = r->flags & (VQT_CHAIN_CUT | VQT_CHAIN_BAD_NEXT | VQT_CHAIN_LOOP |
					  VQT_CHAIN_BAD_HEAD | VQT_CHAIN_DERIVED) &&
			      packed;
	if (!(r->flags & VQT_CHAIN_AGAIN))
		q->pos.slots += slots_of(r);
	q->seen.n_avail = q->chain.number = ctx->number;
	q->kicks.idle = 0;
	q->kicks.early.number = 0;
	q->chain.flags = r->flags;
	q->chain.write_table = q->chain.after_direct = false;
	if (r->ndirect && r->ndirect <= r->ndesc &&
	    r->desc[r->ndirect - 1].flags & VRING_DESC_F_INDIRECT) {
		q->chain.write_table = r->desc[r->ndirect - 1].flags & VRING_DESC_F_WRITE;
		q->chain.after_direct = r->ndirect > 1;
	}
	q->wait.stall.number = q->wait.sampled.number = q->wait.asked.number = 0;
}

/* Entries wait and nobody takes them: since when? */
static void watch_stall(struct rule_context *ctx, const struct vqt_ring *r)
{
	struct check_queue *q = ctx->q;

	if (record_ring_backlog(r) < 0 || !driver_ok(ctx))
		return;
	if (r->avail_idx == r->last_avail ||
	    (q->wait.stall.number && q->wait.stall.b != r->last_avail)) {
		q->wait.stall.number = 0;
		return;
	}
	if (!q->wait.stall.number) {
		q->wait.stall = obligation(ctx, r->avail_idx, r->last_avail);
		q->wait.stall_whole = q->flight || ctx->e->rec->h.type == VQT_KICK ||
				      (q->last.number && record_ring_backlog(&q->last.ring) == 0 &&
				       q->last.ring.last_avail == r->last_avail);
	}
}

/* A driver that moves used_event, or suppresses, is awake and needs no telling. */
static void settle_irq(struct check_queue *q, const struct vqt_ring *r)
{
	if (q->irq.due.number && q->irq.due.b == IRQ_BY_EVENT && r->known & VQT_RING_USED_EVENT &&
	    r->used_event != q->irq.due.a)
		q->irq.due.number = 0;
	if (q->irq.due.number && q->irq.due.b != IRQ_BY_EMPTY && r->known & VQT_RING_AVAIL_FLAGS &&
	    (r->known & VQT_RING_PACKED ? r->avail_flags == VRING_PACKED_EVENT_FLAG_DISABLE
					: q->irq.due.b == IRQ_BY_FLAGS && r->avail_flags & 1))
		q->irq.due.number = 0;
}

static void watch_irq(struct check_queue *q, const struct vqt_ring *r)
{
	settle_irq(q, r);
	if (r->known & VQT_RING_USED_EVENT && q->last.number &&
	    q->last.ring.known & VQT_RING_USED_EVENT && r->used_event != q->last.ring.used_event)
		q->irq.used_event_moved = true;
	if (r->known & VQT_RING_AVAIL_FLAGS)
		q->irq.suppressed = r->avail_flags & 1 ? q->irq.suppressed + 1 : 0;
}

bool check_asks(const struct rule_context *ctx, const struct vqt_ring *r)
{
	bool packed = r->known & VQT_RING_PACKED;

	if (packed ? r->known & VQT_RING_USED_FLAGS && r->used_flags == VRING_PACKED_EVENT_FLAG_DESC
		   : event_idx(ctx))
		return r->known & VQT_RING_AVAIL_EVENT && r->avail_event == r->last_avail;
	return r->known & VQT_RING_USED_FLAGS && !r->used_flags;
}

/*
 * Nothing is available, and the device asks for a kick at the next entry.  From
 * here on it is for the driver to kick: had the device looked away for a moment and
 * come back, it would have seen the entry, taken it, and asked for one after it.
 */
static void watch_asked(struct rule_context *ctx, const struct vqt_ring *r)
{
	bool event = r->known & VQT_RING_PACKED || event_idx(ctx);
	int waits = record_ring_waits(r);
	struct check_queue *q = ctx->q;

	if (waits < 0 || !driver_ok(ctx))
		return;
	if (q->wait.asked.number &&
	    (r->last_avail != q->wait.asked.b || (event && r->avail_event != q->wait.asked.a)))
		q->wait.asked.number = 0;
	if (!waits && !q->wait.asked.number && check_asks(ctx, r))
		q->wait.asked = obligation(ctx, r->avail_event, r->last_avail);
}

/* Samples of a queue at rest; anything the device does with it begins them anew. */
static void watch_waiting(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	unsigned pending = ctx->e->rec->ring.pending;
	struct check_queue *q = ctx->q;

	if (record_ring_waits(r) != 1 || !driver_ok(ctx) || pending == VQT_PENDING_UNKNOWN) {
		q->wait.sampled.number = 0;
		return;
	}
	if (!q->wait.sampled.number || q->wait.sampled.b != r->last_avail ||
	    q->wait.pending != pending) {
		q->wait.sampled = obligation(ctx, r->avail_idx, r->last_avail);
		q->wait.pending = (uint8_t)pending;
		q->wait.ts_alive = 0;
	} else if (!q->wait.ts_alive && ctx->driver_ts > q->wait.sampled.ts) {
		q->wait.ts_alive = ctx->driver_ts;
	}
}

bool check_held(const struct rule_context *ctx)
{
	const struct check_held *h = &ctx->q->held;

	return h->since.a == ctx->ring->used_idx && h->since.b == ctx->ring->last_avail &&
	       ctx->now - h->ts <= SAMPLES_APART;
}

/* Chains in flight, of which none is used from one sample to the next. */
static void watch_held(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	struct check_held *h = &ctx->q->held;
	bool known = r->known & VQT_RING_LAST_AVAIL &&
		     r->known & (VQT_RING_USED_IDX | VQT_RING_USED_POS);

	if (!known || r->last_avail == r->used_idx) {
		h->since.number = 0;
		return;
	}
	if (!h->since.number || !check_held(ctx)) {
		*h = (struct check_held){ .since = obligation(ctx, r->used_idx, r->last_avail) };
	}
	h->samples++;
	h->ts = ctx->now;
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
	watch_held(ctx);
}

/* The word has moved to where its side stands, or it is not what it seems to be. */
static void watch_word(struct check_word *w, uint16_t word, uint16_t stands)
{
	if (w->known && w->value != word) {
		w->foreign |= word != stands;
		w->moves++;
	}
	w->value = word;
	w->known = true;
}

static void watch_beyond(struct rule_context *ctx, const struct vqt_ring *r)
{
	struct check_beyond *b = &ctx->q->beyond;

	if (r->known & VQT_RING_PACKED || event_idx(ctx) || !negotiated(ctx))
		return;
	if (r->known & VQT_RING_AVAIL_EVENT && r->known & VQT_RING_LAST_AVAIL)
		watch_word(&b->avail_event, r->avail_event, r->last_avail);
	if (r->known & VQT_RING_USED_EVENT && r->known & VQT_RING_USED_IDX)
		watch_word(&b->used_event, r->used_event, r->used_idx);
}

static void remember_ring(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	struct check_queue *q = ctx->q;

	watch_irq(q, r);
	watch_beyond(ctx, r);
	if (ctx->e->rec->h.type == VQT_KICK) /* being seen to: what waits now waits from here */
		q->wait.stall.number = q->wait.sampled.number = 0;
	watch_stall(ctx, r);
	watch_asked(ctx, r);
	q->last.ring = *r;
	q->last.tid = ctx->e->rec->h.tid;
	q->last.number = ctx->number;
	q->last.ts = ctx->now;
	q->irq.extra.number = 0;
}

/* Kicks that bring nothing are legal; that there is never anything is not what a driver means. */
static void watch_idle(struct rule_context *ctx, const struct vqt_ring *r)
{
	struct check_queue *q = ctx->q;

	if (!(r->known & VQT_RING_PACKED) && r->avail_idx != r->last_avail) {
		q->kicks.idle = 0;
		return;
	}
	if (!q->kicks.idle++) {
		q->kicks.n_idle = ctx->number;
		q->kicks.ts_idle = ctx->now;
	}
}

/* A legacy driver may use the device before DRIVER_OK. */
static void watch_early(struct rule_context *ctx, const struct vqt_ring *r)
{
	struct check_queue *q = ctx->q;

	if (!legacy_only(ctx) || driver_ok(ctx) || ctx->d->reset.awaited || q->kicks.early.number ||
	    !(ctx->d->status.ever & VIRTIO_CONFIG_S_DRIVER) || record_ring_backlog(r) <= 0)
		return;
	q->kicks.early = obligation(ctx, 0, r->last_avail);
}

static void remember_kick(struct rule_context *ctx)
{
	const struct vqt_ring *r = &ctx->e->rec->kick.ring;

	watch_idle(ctx, r);
	watch_early(ctx, r);
	ctx->q->seen.n_kick = ctx->number;
	/* How far a packed ring is filled it does not say, only whether at all. */
	ctx->q->kicks.avail_known = r->known & VQT_RING_PACKED ? record_ring_waits(r) == 0
							       : r->known & VQT_RING_AVAIL_IDX;
	ctx->q->kicks.avail = r->known & VQT_RING_PACKED ? r->last_avail : r->avail_idx;
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
