/* SPDX-License-Identifier: MIT */
/* Completions: 2.7.8, 2.8.22. */
#include <inttypes.h>

#include "decoder/check/class.h"
#include "decoder/check/context.h"

static const struct vqt_used *used(const struct rule_context *ctx)
{
	return &ctx->e->rec->used;
}

static enum verdict unknown_id(struct rule_context *ctx)
{
	if (ctx->q->draining || ctx->queue->packed != (ctx->rule->arg != 0) ||
	    used(ctx)->flags & VQT_USED_SYNTHETIC)
		return RULE_NA;
	if (ctx->e->unnamed)
		return RULE_NA;
	if (!ctx->e->unknown_id)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_avail, "the last chain popped");
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	return rule_fail(ctx, "used %s %u, but no such chain is in flight%s",
			 ctx->queue->packed ? "buffer id" : "id", used(ctx)->id,
			 ctx->q->pos.any_used && ctx->q->pos.last_used_id == used(ctx)->id
				 ? ": it was used just before"
				 : "");
}

static enum verdict too_much(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!r || !chain_whole(r) || !used_len_counts(ctx))
		return RULE_NA;
	if (used(ctx)->len <= r->writable)
		return RULE_PASSED;
	rule_related(ctx, r->number, "the chain");
	return rule_fail(ctx, "used len %u, but the chain has %" PRIu64 " writable bytes",
			 used(ctx)->len, r->writable);
}

/* 2.7.8.2: what was written is counted; legacy devices often did not. */
static enum verdict nothing(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!r || !chain_whole(r) || !r->writable || used(ctx)->flags & VQT_USED_SYNTHETIC ||
	    !accepted(ctx, VIRTIO_F_VERSION_1) || !ctx->d->class->writes)
		return RULE_NA;
	if (used(ctx)->len)
		return RULE_PASSED;
	rule_related(ctx, r->number, "the chain");
	return rule_fail(ctx, "used len 0, but the device has written at least the status byte");
}

static enum verdict order(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!accepted(ctx, VIRTIO_F_IN_ORDER) || !r)
		return RULE_NA;
	/* QEMU says when a request completes; it keeps the order when it writes the ring. */
	if (ctx->e->source && ctx->e->source->kind == VQT_SRC_QEMU)
		return RULE_NA;
	if (r->number > ctx->q->pos.last_in_order)
		return RULE_PASSED;
	rule_related(ctx, r->number, "the chain popped");
	rule_related(ctx, ctx->q->pos.last_in_order, "a later chain popped, and used before");
	return rule_fail(ctx, "chain %u was used after one that was made available later", r->head);
}

/* Every element counts once in used.idx. */
static enum verdict index_jump(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	uint16_t ahead;
	enum verdict v;

	if (r->known & VQT_RING_PACKED || !(r->known & VQT_RING_USED_IDX) || ctx->q->draining ||
	    accepted(ctx, VIRTIO_F_IN_ORDER) || !ctx->q->pos.any_used)
		return RULE_NA;
	ahead = (uint16_t)(r->used_idx - ctx->q->pos.next_used);
	v = found_value(ctx, FOUND_USED_IDX, ahead, ahead && ahead < 0x8000);
	if (ahead < 0x8000 && v != RULE_BROKEN)
		return v;
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	if (ahead < 0x8000)
		return rule_fail(ctx, "used.idx is %u, but elements were written up to %u",
				 r->used_idx, ctx->q->pos.next_used);
	/* Behind: only when the last element was published and this thread wrote it. */
	if (ctx->e->rec->h.type != VQT_USED || used(ctx)->flags & VQT_USED_BATCHED ||
	    ctx->q->pos.last_batched)
		return RULE_NA;
	if ((uint16_t)-ahead > 1 + ctx->queue->size)
		return RULE_NA;
	return rule_fail(ctx, "used.idx is still %u, but elements were written up to %u",
			 r->used_idx, ctx->q->pos.next_used);
}

static enum verdict position(struct rule_context *ctx)
{
	if (ctx->queue->packed || !ctx->q->pos.any_used || used(ctx)->flags & VQT_USED_BATCHED ||
	    ctx->q->pos.last_batched || accepted(ctx, VIRTIO_F_IN_ORDER) || ctx->q->draining)
		return RULE_NA;
	if (used(ctx)->pos == ctx->q->pos.next_used)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	return rule_fail(ctx, "a used element was written at %u; the one before was at %u",
			 used(ctx)->pos, (uint16_t)(ctx->q->pos.next_used - 1));
}

/*
 * The used element of a later chain stood for this one, too (2.7.9).  QEMU's record of a completion
 * does not: it is made before QEMU puts them in order.
 */
static bool used_in_batch(const struct rule_context *ctx, const struct check_queue *q,
			  const struct model_request *r)
{
	const struct model_source *source = model_source(ctx->model, ctx->dev->source);

	return accepted(ctx, VIRTIO_F_IN_ORDER) && r->number < q->pos.last_in_order &&
	       !(source && source->kind == VQT_SRC_QEMU);
}

/*
 * The chain that is in flight for the longest time, of those that certainly are: one that was
 * there before records were lost may have been used among those.
 */
static const struct model_request *oldest(const struct rule_context *ctx,
					  const struct check_queue *q, const struct model_queue *m)
{
	const struct model_request *r, *oldest = NULL;

	for (r = m->in_flight; r; r = r->hh.next)
		if (r->number > ctx->d->known.n_lost && !(r->flags & VQT_CHAIN_LIKELY) &&
		    !used_in_batch(ctx, q, r) && (!oldest || r->seen_ts < oldest->seen_ts))
			oldest = r;
	return oldest;
}

static enum verdict stuck(struct rule_context *ctx)
{
	if (ctx->dev->flags & VQT_DEV_DATAPATH_ELSEWHERE)
		return RULE_NA;
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);
		const struct model_request *r;

		if (!m || !m->n_in_flight || q->draining || ctx->d->status.n_needs_reset)
			continue;
		r = oldest(ctx, q, m);
		if (!r || ctx->now - r->seen_ts < STUCK || ctx->driver_ts < r->seen_ts + STUCK ||
		    q->seen.n_stuck == r->number)
			continue;
		q->seen.n_stuck = r->number;
		rule_related(ctx, r->number,
			     r->before ? "the chain found in flight" : "the chain popped");
		rule_fail_queue(ctx, q->index, "chain %u has been in flight for more than %llu s%s",
				r->head, STUCK / SECONDS,
				r->before ? ", since before the trace" : "");
	}
	return RULE_NA;
}

/*
 * Samples are taken of a process that runs: one that is stopped has none.  Three of them show
 * that it was not stopped, or held up, all the time between the first and the last.
 */
static enum verdict held(struct rule_context *ctx)
{
	const struct check_held *h = &ctx->q->held;
	uint64_t ns = ctx->now - h->since.ts;

	if (!h->since.number || h->reported || h->samples < 2 || ns < HELD || !check_held(ctx) ||
	    !ctx->d->class->serves || stopped(ctx) || !driver_ok(ctx) || ctx->q->draining)
		return RULE_NA;
	rule_related(ctx, h->since.number, "first sampled so");
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	ctx->q->held.reported = true;
	if (ctx->ring->known & VQT_RING_PACKED)
		return rule_fail(
			ctx, "chains have been in flight for %llu s and more, and none was used",
			ns / SECONDS);
	return rule_fail(ctx, "%u chain%s in flight for %llu s and more, and none was used",
			 (uint16_t)(ctx->ring->last_avail - ctx->ring->used_idx),
			 (uint16_t)(ctx->ring->last_avail - ctx->ring->used_idx) == 1
				 ? " has been"
				 : "s have been",
			 ns / SECONDS);
}

#define FLIGHT (NEED_CHAIN | NEED_USED | NEED_FLIGHT)

static const struct rule rows[] = {
	{ DEVICE_STRUCTURAL, .id = "used-id-unknown", .section = "2.7.8", .refs = "I05 T32",
	  .text = "The id of a used element is the head of a chain in flight, and each chain is "
		  "used once.",
	  .needs = FLIGHT | NEED_LIFE, .at = AT(USED) | ONLY(SPLIT), .check = unknown_id,
	  .wrong = "chain 5 is in flight, used id 6" },
	{ DEVICE_STRUCTURAL, .id = "used-id-unknown-packed", .section = "2.8.22", .refs = "I11 T32",
	  .text = "The id of a used descriptor is a buffer id in flight, and each is used once.",
	  .needs = FLIGHT | NEED_LIFE, .at = AT(USED) | ONLY(PACKED), .check = unknown_id, .arg = 1,
	  .wrong = "buffer 5 is in flight, used id 6" },
	{ DEVICE_MUST, .id = "used-len-too-big", .section = "2.7.8.2", .refs = "I09 SPLIT-V14 T33",
	  .text = "The len of a used element is at most the number of writable bytes of the chain.",
	  .needs = NEED_CHAIN | NEED_USED, .at = AT(USED), .check = too_much,
	  .wrong = "4097 writable bytes, used len 8192" },
	{ DEVICE_SUSPICIOUS, .id = "used-len-zero", .section = "2.7.8.2", .refs = "T33",
	  .text = "The len of a used element counts all bytes the device wrote, including the "
		  "status byte; a device may count fewer, and drivers that go by len see no answer.",
	  .needs = NEED_CHAIN | NEED_USED | NEED_AGREED, .at = AT(USED), .check = nothing,
	  .wrong = "a read completes OK with len 0" },
	{ DEVICE_MUST, .id = "used-out-of-order", .section = "6.2", .refs = "BITS-V5 T37",
	  .text = "With VIRTIO_F_IN_ORDER the device uses chains in the order in which they were "
		  "made available.",
	  .needs = FLIGHT, .at = AT(USED) | ONLY(IN_ORDER), .check = order,
	  .wrong = "chains 1, 2, 3 are popped; 2, then 1 used" },
	{ DEVICE_STRUCTURAL, .id = "used-index-wrong", .section = "2.7.8", .refs = "I06",
	  .text = "used.idx grows by the number of used elements written.",
	  .needs = FLIGHT | NEED_RING, .at = AT(RING) | ONLY(SPLIT), .check = index_jump,
	  .wrong = "one element written, used.idx up by 2" },
	{ DEVICE_STRUCTURAL, .id = "used-position-wrong", .section = "2.7.8", .refs = "I06",
	  .text = "The device writes used elements one after the other.", .needs = FLIGHT,
	  .at = AT(USED) | ONLY(SPLIT), .check = position, .wrong = "elements written at 7 and 9" },
	{ DEVICE_STRUCTURAL, .id = "request-stuck", .section = "2.7.14", .refs = "I27",
	  .text = "The device uses each chain it has popped within some time, or sets "
		  "DEVICE_NEEDS_RESET.",
	  .needs = NEED_CHAIN | NEED_DEVICE, .at = AT(TICK) | AT(END) | ONLY(SERVED),
	  .check = stuck, .wrong = "a chain is popped and nothing comes for half a minute" },
	{ DEVICE_SUSPICIOUS, .id = "queue-stalled", .section = "2.7.14", .refs = "I27",
	  .text = "A device that has popped chains uses one of them within seconds.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(SAMPLE) | ONLY(SERVED), .check = held,
	  .wrong = "samples see chains in flight and none used, for three seconds" },
};

const struct rule_table rules_used = {
	RULES(rows),
	.why = "The driver trusts the id and len of a used element. A wrong id frees or completes another\n"
	       "request; a wrong len makes the driver read memory that was not written, or miss data that\n"
	       "was.",
	.right = "the device pops the chain with head 5\n"
		 "it fills the writable buffers: 4096 bytes and a status byte\n"
		 "used.ring[n] = { id 5, len 4097 }, then used.idx = n + 1\n",
};
