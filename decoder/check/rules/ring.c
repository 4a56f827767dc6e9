/* SPDX-License-Identifier: MIT */
/* What snapshots of split rings show: 2.7.6 to 2.7.10. */
#include "decoder/check/context.h"

static bool split(const struct rule_context *ctx, unsigned need)
{
	return !(ctx->ring->known & VQT_RING_PACKED) && (ctx->ring->known & need) == need;
}

static enum verdict jump(struct rule_context *ctx)
{
	int waiting = record_ring_backlog(ctx->ring);
	enum verdict v;

	if (waiting < 0 || !ctx->queue->size_known || !ctx->queue->size || ctx->q->draining)
		return RULE_NA;
	v = found_value(ctx, FOUND_AVAIL_IDX, ctx->ring->avail_idx, waiting > ctx->queue->size);
	if (v != RULE_BROKEN)
		return v;
	rule_related(ctx, ctx->q->last.number, "the ring before");
	return rule_fail(
		ctx, "avail.idx is %u, but the device has popped up to %u only, in a queue of %u",
		ctx->ring->avail_idx, ctx->ring->last_avail, ctx->queue->size);
}

/* Snapshots of one thread are in order; those of two may cross. */
static enum verdict backwards(struct rule_context *ctx)
{
	int16_t step;

	if (!split(ctx, VQT_RING_AVAIL_IDX) || !ctx->q->last.number ||
	    !(ctx->q->last.ring.known & VQT_RING_AVAIL_IDX) || ctx->q->draining ||
	    ctx->q->last.tid != ctx->e->rec->h.tid)
		return RULE_NA;
	step = (int16_t)(ctx->ring->avail_idx - ctx->q->last.ring.avail_idx);
	if (step >= 0 || (ctx->queue->size_known && step < -(int)ctx->queue->size))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->last.number, "the ring before");
	return rule_fail(ctx, "avail.idx is %u; it was %u", ctx->ring->avail_idx,
			 ctx->q->last.ring.avail_idx);
}

/* arg: with (1) or without (0) EVENT_IDX */
static enum verdict flags(struct rule_context *ctx)
{
	bool driver = ctx->rule->party == CHECK_DRIVER;
	unsigned flags = driver ? ctx->ring->avail_flags : ctx->ring->used_flags;
	enum verdict v;

	if (!split(ctx, driver ? VQT_RING_AVAIL_FLAGS : VQT_RING_USED_FLAGS) || !negotiated(ctx) ||
	    (!driver && !ctx->q->chain.number))
		return RULE_NA;
	v = found_value(ctx, driver ? FOUND_DRIVER_FLAGS : FOUND_DEVICE_FLAGS, (uint16_t)flags,
			ctx->rule->arg ? flags : flags > 1);
	if (v != RULE_BROKEN)
		return v;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "%s.flags is 0x%04x%s", driver ? "avail" : "used", flags,
			 ctx->rule->arg ? " with EVENT_IDX negotiated" : "");
}

/* Before the device has done anything; bit 0 may be its first word already. */
static enum verdict used_flags_first(struct rule_context *ctx)
{
	if (!split(ctx, VQT_RING_USED_FLAGS) || ctx->q->last.number || ctx->q->chain.number ||
	    ctx->q->pos.any_used)
		return RULE_NA;
	if (!(ctx->ring->used_flags & ~1))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	return rule_fail(ctx, "used.flags is 0x%04x before the device used anything",
			 ctx->ring->used_flags);
}

#define MANY 256

static enum verdict used_event_idle(struct rule_context *ctx)
{
	if (!split(ctx, VQT_RING_USED_EVENT) || !event_idx(ctx) ||
	    ctx->q->seen.completions < MANY || ctx->ring->used_event || ctx->q->irq.suppressed)
		return RULE_NA;
	if (ctx->q->irq.used_event_moved || ctx->q->seen.completions != MANY ||
	    ctx->e->rec->h.type != VQT_USED)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "used_event is still 0 after %u completions", MANY);
}

#define BEYOND_MOVES 2

/*
 * Without EVENT_IDX the rings end before these words, and whatever lies there may change; that
 * it moves to where one side stands, time after time, is nobody's data.
 * arg: 0 avail_event by the device, 1 used_event by the driver
 */
static enum verdict beyond(struct rule_context *ctx)
{
	const struct check_beyond *b = &ctx->q->beyond;
	const struct check_word *w = ctx->rule->arg ? &b->used_event : &b->avail_event;

	if (reported(ctx) || !w->known || w->foreign)
		return RULE_NA;
	if (w->moves < BEYOND_MOVES)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx,
			 "%s keeps moving, to %u now, but VIRTIO_F_EVENT_IDX is not negotiated",
			 ctx->rule->arg ? "used_event" : "avail_event", w->value);
}

#define RING (NEED_RING | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_STRUCTURAL, .id = "avail-index-jump", .section = "2.7.6.1",
	  .refs = "I04 SPLIT-D12 T29",
	  .text = "The driver makes no more chains available than the queue has entries.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(RING) | ONLY(SPLIT), .check = jump,
	  .wrong = "queue_size 256, avail.idx from 10 to 1000" },
	{ DRIVER_MUST, .id = "avail-index-back", .section = "2.7.6.1", .refs = "SPLIT-D12 T29",
	  .text = "The driver never decreases avail.idx.", .needs = RING,
	  .at = AT(RING) | ONLY(SPLIT), .check = backwards, .wrong = "avail.idx 12, then 11" },
	{ DRIVER_MUST, .id = "avail-flags", .section = "2.7.7.1", .refs = "SPLIT-D13",
	  .text = "Without VIRTIO_F_EVENT_IDX avail.flags is 0 or 1.", .needs = RING,
	  .at = AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), .check = flags,
	  .wrong = "avail.flags = 2" },
	{ DRIVER_MUST, .id = "avail-flags-event-idx", .section = "2.7.7.1", .refs = "SPLIT-D15 T25",
	  .text = "With VIRTIO_F_EVENT_IDX avail.flags is 0.", .needs = RING,
	  .at = AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX), .check = flags, .arg = 1,
	  .wrong = "avail.flags = 1 with EVENT_IDX" },
	{ DEVICE_MUST, .id = "used-flags", .section = "2.7.10.2", .refs = "SPLIT-V16",
	  .text = "Without VIRTIO_F_EVENT_IDX used.flags is 0 or 1.", .needs = RING,
	  .at = AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), .check = flags,
	  .wrong = "used.flags = 2" },
	{ DEVICE_MUST, .id = "used-flags-event-idx", .section = "2.7.10.2", .refs = "SPLIT-V18",
	  .text = "With VIRTIO_F_EVENT_IDX used.flags is 0.", .needs = RING,
	  .at = AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX), .check = flags, .arg = 1,
	  .wrong = "used.flags = 1 with EVENT_IDX" },
	{ DEVICE_STRUCTURAL, .id = "avail-event-without-feature", .section = "2.7.10",
	  .refs = "T08 T25",
	  .text = "Without VIRTIO_F_EVENT_IDX the device does not write avail_event: the memory behind "
		  "the used ring is not the device's.",
	  .needs = RING, .at = AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), .check = beyond,
	  .wrong = "EVENT_IDX not accepted, avail_event goes up with each chain popped" },
	{ DRIVER_SUSPICIOUS, .id = "used-event-without-feature", .section = "2.7.7",
	  .refs = "T08 T25",
	  .text = "Without VIRTIO_F_EVENT_IDX used_event has no meaning: a driver that keeps it up to "
		  "date may take the feature for negotiated.",
	  .needs = RING, .at = AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), .check = beyond,
	  .arg = 1, .wrong = "EVENT_IDX not accepted, used_event goes up with each chain used" },
	{ DRIVER_MUST, .id = "used-flags-uninitialised", .section = "2.7.10.1", .refs = "SPLIT-D19",
	  .text = "The driver zeroes used.flags when it sets up the ring.",
	  .needs = RING | NEED_FLIGHT, .at = AT(RING) | ONLY(SPLIT) | ONLY(FIRST),
	  .check = used_flags_first, .wrong = "the ring is not cleared, used.flags = 0xa5a5" },
	{ DRIVER_SUSPICIOUS, .id = "used-event-idle", .section = "2.7.7.1", .refs = "T25",
	  .text = "A driver that negotiated VIRTIO_F_EVENT_IDX updates used_event; otherwise it "
		  "is notified once in 65536 completions.",
	  .needs = RING | NEED_FLIGHT | NEED_PROMPT, .at = AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX),
	  .check = used_event_idle, .wrong = "EVENT_IDX accepted, used_event left at 0 for ever" },
};

const struct rule_table rules_ring = {
	RULES(rows),
	.why = "Indices only grow, by the number of entries added, and flags have one defined bit.\n"
	       "Otherwise the other side sees requests that do not exist, or misses some that do.",
	.right =
		"avail.idx grows by the number of chains added, at most queue_size beyond what was popped\n"
		"avail.flags and used.flags are 0, or 1 without EVENT_IDX\n",
};
