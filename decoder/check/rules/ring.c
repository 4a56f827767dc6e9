/* SPDX-License-Identifier: MIT */
/* What snapshots of split rings show: 2.7.6 to 2.7.10. */
#include "decoder/check/impl.h"

static const struct vqt_ring *ring(const struct rule_context *ctx)
{
	return ctx->ring;
}

static bool split(const struct rule_context *ctx, unsigned need)
{
	return !(ring(ctx)->known & VQT_RING_PACKED) && (ring(ctx)->known & need) == need;
}

static bool event_idx(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_RING_F_EVENT_IDX);
}

static enum verdict jump(struct rule_context *ctx)
{
	uint16_t waiting;

	if (!split(ctx, VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL) || !ctx->queue->size_known ||
	    !ctx->queue->size || ctx->q->draining)
		return RULE_NA;
	waiting = (uint16_t)(ring(ctx)->avail_idx - ring(ctx)->last_avail);
	if (waiting <= ctx->queue->size)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->n_ring, "the ring before");
	return rule_fail(ctx, "avail.idx is %u and the device has popped up to %u of a queue of %u",
			 ring(ctx)->avail_idx, ring(ctx)->last_avail, ctx->queue->size);
}

/* Snapshots of one thread are in order; those of two may cross. */
static enum verdict backwards(struct rule_context *ctx)
{
	int16_t step;

	if (!split(ctx, VQT_RING_AVAIL_IDX) || !ctx->q->n_ring ||
	    !(ctx->q->ring.known & VQT_RING_AVAIL_IDX) || ctx->q->draining ||
	    ctx->q->ring_tid != ctx->e->rec->h.tid)
		return RULE_NA;
	step = (int16_t)(ring(ctx)->avail_idx - ctx->q->ring.avail_idx);
	if (step >= 0 || (ctx->queue->size_known && step < -(int)ctx->queue->size))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->n_ring, "the ring before");
	return rule_fail(ctx, "avail.idx is %u and was %u", ring(ctx)->avail_idx,
			 ctx->q->ring.avail_idx);
}

/* arg: with (1) or without (0) EVENT_IDX */
static enum verdict avail_flags(struct rule_context *ctx)
{
	unsigned flags = ring(ctx)->avail_flags;

	if (!split(ctx, VQT_RING_AVAIL_FLAGS) || !negotiated(ctx) ||
	    event_idx(ctx) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (ctx->rule->arg ? !flags : flags < 2)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "avail.flags is 0x%04x%s", flags,
			 ctx->rule->arg ? " with EVENT_IDX negotiated" : "");
}

static enum verdict used_flags(struct rule_context *ctx)
{
	unsigned flags = ring(ctx)->used_flags;

	if (!split(ctx, VQT_RING_USED_FLAGS) || !negotiated(ctx) ||
	    event_idx(ctx) != (ctx->rule->arg != 0) || !ctx->q->n_chain)
		return RULE_NA;
	if (ctx->rule->arg ? !flags : flags < 2)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "used.flags is 0x%04x%s", flags,
			 ctx->rule->arg ? " with EVENT_IDX negotiated" : "");
}

/* Before the device has done anything; bit 0 may be its first word already. */
static enum verdict used_flags_first(struct rule_context *ctx)
{
	if (!split(ctx, VQT_RING_USED_FLAGS) || ctx->q->n_ring || ctx->q->n_chain ||
	    ctx->q->any_used)
		return RULE_NA;
	if (!(ring(ctx)->used_flags & ~1))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->n_enable, "the queue enabled");
	return rule_fail(ctx, "used.flags is 0x%04x before the device used anything",
			 ring(ctx)->used_flags);
}

#define MANY 256

static enum verdict used_event_idle(struct rule_context *ctx)
{
	if (!split(ctx, VQT_RING_USED_EVENT) || !event_idx(ctx) || ctx->q->completions < MANY ||
	    ring(ctx)->used_event || ctx->q->suppressed)
		return RULE_NA;
	if (ctx->q->used_event_moved || ctx->q->completions != MANY ||
	    ctx->e->rec->h.type != VQT_USED)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "used_event is still 0 after %u completions", MANY);
}

static const struct explanation ring_explanation = {
	.why = "Indices only ever go up, by what was added, and flags have one defined bit. Anything else\n"
	       "makes the other side see requests that are not there, or miss some that are.",
	.right =
		"avail.idx grows by the number of chains added, never by more than queue_size unseen\n"
		"avail.flags and used.flags are 0, or 1 without EVENT_IDX\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0
#define RING (NEED_RING | NEED_LIFE)

const struct rule rules_ring[] = {
	{ "avail-index-jump", "I04 SPLIT-D12 T29", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "2.7.6.1",
	  "No more chains are made available than the queue has entries.", NEED_RING | NEED_AGREED,
	  AT(RING) | ONLY(SPLIT), jump, 0, &ring_explanation,
	  "queue_size 256, avail.idx from 10 to 1000" },
	{ "avail-index-back", "SPLIT-D12 T29", DRIVER, "2.7.6.1", "avail.idx is never taken back.",
	  RING, AT(RING) | ONLY(SPLIT), backwards, 0, &ring_explanation, "avail.idx 12, then 11" },
	{ "avail-flags", "SPLIT-D13", DRIVER, "2.7.7.1",
	  "Without VIRTIO_F_EVENT_IDX avail.flags is 0 or 1.", RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), avail_flags, 0, &ring_explanation,
	  "avail.flags = 2" },
	{ "avail-flags-event-idx", "SPLIT-D15 T25", DRIVER, "2.7.7.1",
	  "With VIRTIO_F_EVENT_IDX avail.flags is 0.", RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX), avail_flags, 1, &ring_explanation,
	  "avail.flags = 1 with EVENT_IDX" },
	{ "used-flags", "SPLIT-V16", DEVICE, "2.7.10.2",
	  "Without VIRTIO_F_EVENT_IDX used.flags is 0 or 1.", RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(NO_EVENT_IDX), used_flags, 0, &ring_explanation,
	  "used.flags = 2" },
	{ "used-flags-event-idx", "SPLIT-V18", DEVICE, "2.7.10.2",
	  "With VIRTIO_F_EVENT_IDX used.flags is 0.", RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX), used_flags, 1, &ring_explanation,
	  "used.flags = 1 with EVENT_IDX" },
	{ "used-flags-uninitialised", "SPLIT-D19", DRIVER, "2.7.10.1",
	  "The driver clears used.flags when it makes the ring.", RING | NEED_FLIGHT,
	  AT(RING) | ONLY(SPLIT) | ONLY(FIRST), used_flags_first, 0, &ring_explanation,
	  "the ring is not cleared, used.flags = 0xa5a5" },
	{ "used-event-idle", "T25", CHECK_DRIVER, CHECK_SUSPICIOUS, 0, "2.7.7.1",
	  "A driver that negotiated VIRTIO_F_EVENT_IDX moves used_event, or it hears from the device "
	  "once in 65536 completions.",
	  RING | NEED_FLIGHT, AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX), used_event_idle, 0,
	  &ring_explanation, "EVENT_IDX accepted, used_event left at 0 for ever" },
	ROW_END,
};
