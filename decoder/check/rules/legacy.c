/* SPDX-License-Identifier: MIT */
/* What a legacy driver may do before negotiation is over: 3.1.2. */
#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

static enum verdict write_lost(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->d->early;
	uint8_t v = (uint8_t)reg(ctx)->value;

	if (!o->number || reg(ctx)->width != 1 || !offered_known(ctx, 0) ||
	    !offered(ctx, VIRTIO_BLK_F_CONFIG_WCE) ||
	    spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix) != BLK_WRITEBACK)
		return RULE_NA;
	if (v == o->a)
		return RULE_PASSED;
	rule_related(ctx, o->number, "writeback written");
	return rule_fail(ctx,
			 "writeback reads %u after %u was written before the features were read", v,
			 o->a);
}

/* Kicked, something is there, and the device does not look: for as long as the driver waited. */
static enum verdict early_ignored(struct rule_context *ctx)
{
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;
	const struct vqt_ring *r = check_ring(ctx->e);
	const struct obligation *o = &ctx->q->early;

	if (!o->number || driver_ok(ctx) || r->known & VQT_RING_PACKED ||
	    (r->known & need) != need || ctx->e->rec->h.type == VQT_AVAIL ||
	    r->last_avail != o->b || r->avail_idx == r->last_avail)
		return RULE_NA;
	if (ctx->now - o->ts < STALL || ctx->driver_ts < o->ts + STALL / 2)
		return RULE_PASSED;
	rule_related(ctx, o->number, "the kick");
	ctx->q->early.number = 0;
	return rule_fail(
		ctx,
		"avail.idx is %u, the device was kicked and has popped up to %u: it waits for "
		"DRIVER_OK",
		r->avail_idx, r->last_avail);
}

static const struct explanation explanation = {
	.why = "Legacy drivers were written before there was an order of initialisation: they set the\n"
	       "cache mode first, and read the partition table before they say DRIVER_OK. A device that\n"
	       "insists hangs their boot.",
	.right = "ACKNOWLEDGE|DRIVER, a queue address, a request, a kick: served\n"
		 "then DRIVER_OK\n",
};

const struct rule rules_legacy[] = {
	{ "legacy-config-write-lost", "INIT-V1", CHECK_DEVICE, CHECK_MUST, VIRTIO_ID_BLOCK, "3.1.2",
	  "Through the legacy interface configuration can be written before features are read.",
	  NEED_REGS | NEED_CONFIG | NEED_LIFE, AT(CONFIG_READ), write_lost, 0, &explanation,
	  "writeback <- 0, = 1, then features are read" },
	{ "legacy-early-use-ignored", "INIT-V2", CHECK_DEVICE, CHECK_MUST, 0, "3.1.2",
	  "Through the legacy interface the device works before DRIVER_OK.",
	  NEED_REGS | NEED_RING | NEED_KICK | NEED_LIFE, AT(RING), early_ignored, 0, &explanation,
	  "status 0x03, a kick, and nothing is popped" },
	ROW_END,
};
