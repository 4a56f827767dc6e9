/* SPDX-License-Identifier: MIT */
/* What a legacy driver may do before negotiation is over: 3.1.2. */
#include "decoder/check/class.h"
#include "decoder/check/context.h"

/* Kicked, something is there, and the device does not look: for as long as the driver waited. */
static enum verdict early_ignored(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	const struct obligation *o = &ctx->q->kicks.early;

	/* A device may leave buffers unused that are there to receive something. */
	if (!o->number || driver_ok(ctx) || !ctx->d->class->serves || record_ring_backlog(r) <= 0 ||
	    ctx->e->rec->h.type == VQT_AVAIL || r->last_avail != o->b)
		return RULE_NA;
	if (ctx->now - o->ts < STALL || ctx->driver_ts < o->ts + STALL / 2)
		return RULE_PASSED;
	rule_related(ctx, o->number, "the kick");
	ctx->q->kicks.early.number = 0;
	return rule_fail(
		ctx,
		"avail.idx is %u, but the device, although kicked, has popped up to %u only: it waits for "
		"DRIVER_OK",
		r->avail_idx, r->last_avail);
}

static const struct rule rows[] = {
	{ DEVICE_MUST, .id = "legacy-early-use-ignored", .section = "3.1.2", .refs = "INIT-V2",
	  .text = "Through the legacy interface the device serves queues before DRIVER_OK.",
	  .needs = NEED_REGS | NEED_RING | NEED_KICK | NEED_LIFE, .at = AT(RING),
	  .check = early_ignored, .wrong = "status 0x03, a kick, and nothing is popped" },
};

const struct rule_table rules_legacy = {
	RULES(rows),
	.why = "Legacy drivers were written before there was an order of initialisation: they read the\n"
	       "partition table before they set DRIVER_OK. A device that insists on the order makes their\n"
	       "boot hang.",
	.right = "ACKNOWLEDGE|DRIVER, a queue address, a request, a kick: the device serves it\n"
		 "then DRIVER_OK\n",
};
