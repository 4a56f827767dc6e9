/* SPDX-License-Identifier: MIT */
/* Packed virtqueues: 2.8. */
#include "decoder/check/context.h"
#include "decoder/util/virtqueue.h"

static bool direct(const struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	return ctx->queue->packed && chain_true(r) && chain_whole(r) && r->ndirect &&
	       r->ndirect <= r->ndesc && ctx->queue->size_known && ctx->queue->size;
}

static enum verdict unavailable(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!direct(ctx) || r->flags & VQT_CHAIN_AGAIN)
		return RULE_NA;
	if (virtq_is_available(r->desc[0].flags, virtq_wrap(r->pos)))
		return RULE_PASSED;
	return rule_fail(ctx, "the device popped slot %u at wrap counter %u with flags 0x%04x",
			 virtq_slot(r->pos), virtq_wrap(r->pos), r->desc[0].flags);
}

static enum verdict published_early(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!direct(ctx) || r->ndirect < 2)
		return RULE_NA;
	for (uint32_t i = 1; i < r->ndirect; i++) {
		uint16_t pos = virtq_advance(r->pos, i, ctx->queue->size);

		if (!virtq_is_available(r->desc[i].flags, virtq_wrap(pos)))
			return rule_fail(
				ctx,
				"buffer %u begins at slot %u and its descriptor %u at slot %u has "
				"flags 0x%04x",
				r->head, virtq_slot(r->pos), i, virtq_slot(pos), r->desc[i].flags);
	}
	return RULE_PASSED;
}

/* arg: only the wrap counter is wrong (1), or the slot (0) */
static enum verdict misplaced(struct rule_context *ctx, uint16_t pos, uint16_t next, bool used)
{
	bool slot = virtq_slot(pos ^ next);

	if (pos == next)
		return RULE_PASSED;
	if (slot == (ctx->rule->arg != 0))
		return RULE_NA;
	if (used)
		rule_related(ctx, ctx->q->seen.n_used, "the chain used before");
	else
		rule_related(ctx, ctx->q->chain.number, "the chain before");
	return rule_fail(ctx, "%s slot %u at wrap counter %u; slot %u at %u was next",
			 used ? "a used descriptor was written to" : "the device popped",
			 virtq_slot(pos), virtq_wrap(pos), virtq_slot(next), virtq_wrap(next));
}

static enum verdict popped_at(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!ctx->queue->packed || !ctx->q->chain.number || ctx->q->pos.avail_unsure ||
	    ctx->q->draining || r->flags & (VQT_CHAIN_AGAIN | VQT_CHAIN_DERIVED) ||
	    !ctx->queue->size_known)
		return RULE_NA;
	return misplaced(ctx, r->pos, ctx->q->pos.next_avail, false);
}

static enum verdict used_at(struct rule_context *ctx)
{
	const struct vqt_used *u = &ctx->e->rec->used;

	if (!ctx->queue->packed || !ctx->q->pos.any_used || ctx->q->pos.used_unsure ||
	    ctx->q->draining || u->flags & VQT_USED_BATCHED || !ctx->queue->size_known ||
	    accepted(ctx, VIRTIO_F_IN_ORDER))
		return RULE_NA;
	return misplaced(ctx, u->pos, ctx->q->pos.next_used, true);
}

static enum verdict overfull(struct rule_context *ctx)
{
	if (!ctx->queue->packed || !ctx->queue->size_known || !ctx->queue->size ||
	    ctx->q->draining || ctx->req->flags & (VQT_CHAIN_AGAIN | VQT_CHAIN_DERIVED))
		return RULE_NA;
	if (ctx->q->pos.slots + ctx->req->ndirect <= ctx->queue->size)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	return rule_fail(ctx, "%u descriptors in flight and %u more in a ring of %u",
			 ctx->q->pos.slots, ctx->req->ndirect, ctx->queue->size);
}

static enum verdict event_flags(struct rule_context *ctx)
{
	bool driver = ctx->rule->party == CHECK_DRIVER;
	unsigned need = driver ? VQT_RING_AVAIL_FLAGS : VQT_RING_USED_FLAGS;
	unsigned flags = driver ? ctx->ring->avail_flags : ctx->ring->used_flags;
	enum verdict v;

	if (!(ctx->ring->known & VQT_RING_PACKED) || !(ctx->ring->known & need) || !negotiated(ctx))
		return RULE_NA;
	if (!driver && !ctx->q->chain.number)
		return RULE_NA; /* the area is the driver's to clear */
	v = found_value(ctx, driver ? FOUND_DRIVER_FLAGS : FOUND_DEVICE_FLAGS, (uint16_t)flags,
			flags > 2 || (flags == 2 && !event_idx(ctx)));
	if (v != RULE_BROKEN)
		return v;
	return rule_fail(ctx, "the %s's event suppression flags are 0x%04x%s",
			 driver ? "driver" : "device", flags,
			 flags == 2 ? " without EVENT_IDX" : "");
}

static enum verdict event_offset(struct rule_context *ctx)
{
	bool driver = ctx->rule->party == CHECK_DRIVER;
	unsigned need = driver ? VQT_RING_AVAIL_FLAGS | VQT_RING_USED_EVENT
			       : VQT_RING_USED_FLAGS | VQT_RING_AVAIL_EVENT;
	unsigned flags = driver ? ctx->ring->avail_flags : ctx->ring->used_flags;
	unsigned off = virtq_slot(driver ? ctx->ring->used_event : ctx->ring->avail_event);
	enum verdict v;

	if (!(ctx->ring->known & VQT_RING_PACKED) || (ctx->ring->known & need) != need ||
	    flags != 2 || !event_idx(ctx) || !ctx->queue->size_known || !ctx->queue->size)
		return RULE_NA;
	v = found_value(ctx, driver ? FOUND_DRIVER_OFFSET : FOUND_DEVICE_OFFSET, (uint16_t)off,
			off >= ctx->queue->size);
	if (v != RULE_BROKEN)
		return v;
	return rule_fail(ctx, "the %s's event offset is %u in a ring of %u",
			 driver ? "driver" : "device", off, ctx->queue->size);
}

static const struct explanation suppression = {
	.why = "The event suppression areas say who wants notifications. Some implementations treat an\n"
	       "undefined value as 'always', others as 'never'.",
	.right = "flags 0 enable, 1 disable, 2 at off/wrap (with EVENT_IDX)\n",
};

#define FLIGHT (NEED_CHAIN | NEED_FLIGHT)

static const struct rule rows[] = {
	{ DEVICE_MUST, .id = "packed-popped-unavailable", .section = "2.8.15",
	  .refs = "PACKED-V5 T36",
	  .text = "The device pops a descriptor only if its AVAIL and USED bits mark it as available.",
	  .needs = NEED_CHAIN | NEED_AGREED | NEED_DEVICE, .at = AT(CHAIN) | ONLY(PACKED),
	  .check = unavailable, .wrong = "wrap counter 1, a descriptor with AVAIL=0 is popped" },
	{ DRIVER_MUST, .id = "packed-list-early", .section = "2.8.17", .refs = "PACKED-D11 T36",
	  .text = "The driver makes the first descriptor of a list available after all the others.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(PACKED),
	  .check = published_early, .wrong = "the head is available, the next still used" },
	{ DEVICE_MUST, .id = "packed-popped-order", .section = "2.8.12", .refs = "PACKED-V1",
	  .text = "The device pops descriptors in the order in which they lie in the ring.",
	  .needs = FLIGHT | NEED_DEVICE, .at = AT(CHAIN) | ONLY(PACKED), .check = popped_at,
	  .wrong = "slot 3, then slot 5" },
	{ DEVICE_STRUCTURAL, .id = "packed-popped-wrap", .section = "2.8.1", .refs = "I15 T36",
	  .text = "The device flips its wrap counter for available descriptors each time it "
		  "passes the end of the ring.",
	  .needs = FLIGHT | NEED_DEVICE, .at = AT(CHAIN) | ONLY(PACKED), .check = popped_at,
	  .arg = 1, .wrong = "slot 255 at 1, then slot 0 at 1" },
	{ DEVICE_MUST, .id = "packed-used-order", .section = "2.8.12", .refs = "PACKED-V2",
	  .text = "The device writes used descriptors in ring order, and skips as many slots as "
		  "the chain had descriptors.",
	  .needs = FLIGHT, .at = AT(USED) | ONLY(PACKED), .check = used_at,
	  .wrong = "a list of 3 used at slot 0, the next at slot 1" },
	{ DEVICE_STRUCTURAL, .id = "packed-used-wrap", .section = "2.8.1", .refs = "I15 T36",
	  .text = "The device flips its wrap counter for used descriptors each time it passes "
		  "the end of the ring.",
	  .needs = FLIGHT, .at = AT(USED) | ONLY(PACKED), .check = used_at, .arg = 1,
	  .wrong = "slot 255 used at 1, then slot 0 at 1" },
	{ DRIVER_MUST, .id = "packed-overfull", .section = "2.8.17", .refs = "PACKED-D10 T31",
	  .text = "The driver makes a list available only if the ring has room for all of it.",
	  .needs = FLIGHT, .at = AT(CHAIN) | ONLY(PACKED), .check = overfull,
	  .wrong = "250 of 256 descriptors in flight, a list of 8" },
	{ DRIVER_STRUCTURAL, .id = "packed-driver-flags", .section = "2.8.14", .refs = "I12",
	  .text = "The driver's event suppression flags are 0, 1, or with VIRTIO_F_EVENT_IDX 2.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(RING) | ONLY(PACKED), .check = event_flags,
	  .explanation = &suppression, .wrong = "flags 3" },
	{ DEVICE_STRUCTURAL, .id = "packed-device-flags", .section = "2.8.14", .refs = "I12",
	  .text = "The device's event suppression flags are 0, 1, or with VIRTIO_F_EVENT_IDX 2.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(RING) | ONLY(PACKED), .check = event_flags,
	  .explanation = &suppression, .wrong = "flags 2 without EVENT_IDX" },
	{ DRIVER_STRUCTURAL, .id = "packed-driver-offset", .section = "2.8.14", .refs = "I12",
	  .text = "The driver's event offset is below the size of the ring.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(RING) | ONLY(PACKED) | ONLY(EVENT_IDX),
	  .check = event_offset, .explanation = &suppression,
	  .wrong = "offset 300 in a ring of 256" },
	{ DEVICE_STRUCTURAL, .id = "packed-device-offset", .section = "2.8.14", .refs = "I12",
	  .text = "The device's event offset is below the size of the ring.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(RING) | ONLY(PACKED) | ONLY(EVENT_IDX),
	  .check = event_offset, .explanation = &suppression,
	  .wrong = "offset 300 in a ring of 256" },
};

const struct rule_table rules_packed = {
	RULES(rows),
	.why = "In a packed ring only two flag bits, and a wrap counter on each side, distinguish a new\n"
	       "descriptor from one of the previous round. If the two sides are a round apart, a full ring\n"
	       "looks empty, or old requests are served again.",
	.right = "wrap counter 1: available is AVAIL=1 USED=0, used is AVAIL=1 USED=1\n"
		 "past the last slot the counter flips: available is AVAIL=0 USED=1\n"
		 "the driver makes the first descriptor of a list available last\n",
};
