/* SPDX-License-Identifier: MIT */
/* Suspending a device: 3.4, VIRTIO_F_SUSPEND. */
#include "decoder/check/impl.h"

#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

static bool on(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_F_SUSPEND);
}

static uint8_t value(const struct rule_context *ctx)
{
	return (uint8_t)reg(ctx)->value;
}

/* Asked for, and what became of it; a device that fails says NEEDS_RESET. */
static bool between(const struct rule_context *ctx)
{
	return on(ctx) && ctx->d->suspend != SUSPEND_NO;
}

static void when(struct rule_context *ctx)
{
	rule_related(ctx, ctx->d->n_suspend, "SUSPEND written");
	rule_related(ctx, ctx->d->n_suspended, "the device suspended");
	rule_related(ctx, ctx->d->n_resume, "DRIVER_OK written to resume");
}

static enum verdict out_of_place(struct rule_context *ctx)
{
	if (!(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) ||
	    ctx->e->status_before & VIRTIO_CONFIG_S_SUSPEND)
		return RULE_NA;
	if (on(ctx) && ctx->d->n_driver_ok)
		return RULE_PASSED;
	return rule_fail(ctx, "SUSPEND was written %s",
			 on(ctx) ? "before DRIVER_OK" : "and VIRTIO_F_SUSPEND is not negotiated");
}

/* Anything but looking at the status. */
static enum verdict unverified(struct rule_context *ctx)
{
	if (!between(ctx) || ctx->d->suspend != SUSPEND_ASKED || !is_write(ctx))
		return RULE_NA;
	if (field_is(ctx, "device_status") && !value(ctx))
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx,
			 "%s was written and device_status has not shown SUSPEND without DRIVER_OK",
			 ctx->e->field ? ctx->e->field->name : "a register");
}

static enum verdict kicked(struct rule_context *ctx)
{
	if (!on(ctx))
		return RULE_NA;
	if (ctx->d->suspend != SUSPEND_ASKED && ctx->d->suspend != SUSPEND_DONE)
		return RULE_PASSED;
	when(ctx);
	return rule_fail(ctx, "queue %u was kicked while the device is suspended", ctx->q->index);
}

static enum verdict made_available(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->ring;

	if (!on(ctx) || ctx->d->suspend != SUSPEND_DONE || r->known & VQT_RING_PACKED ||
	    !(r->known & before->known & VQT_RING_AVAIL_IDX) || ctx->q->n_ring < ctx->d->n_suspend)
		return RULE_NA;
	if (r->avail_idx == before->avail_idx)
		return RULE_PASSED;
	when(ctx);
	return rule_fail(ctx, "avail.idx is %u and was %u when the device was suspended",
			 r->avail_idx, before->avail_idx);
}

static enum verdict config_written(struct rule_context *ctx)
{
	if (!between(ctx) || ctx->d->suspend == SUSPEND_RESUMING)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "the device configuration was written while the device is suspended");
}

static enum verdict hasty(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend != SUSPEND_RESUMING)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "%s before device_status has shown DRIVER_OK without SUSPEND",
			 ctx->e->rec->h.type == VQT_KICK ? "the queue was kicked"
							 : "the device configuration was written");
}

static enum verdict early_obeyed(struct rule_context *ctx)
{
	if (!(ctx->d->ever & VIRTIO_CONFIG_S_SUSPEND) || ctx->d->n_driver_ok || ctx->d->reset_wait)
		return RULE_NA;
	if (!(value(ctx) & VIRTIO_CONFIG_S_SUSPEND))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_status, "the last status write");
	return rule_fail(ctx, "device_status shows SUSPEND on a device that was never set up");
}

static enum verdict active(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend != SUSPEND_DONE)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "the device %s while suspended",
			 ctx->e->rec->h.type == VQT_AVAIL  ? "popped a chain"
			 : ctx->e->rec->h.type == VQT_USED ? "used a chain"
							   : "sent a notification");
}

static enum verdict not_drained(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend != SUSPEND_ASKED ||
	    !(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) || value(ctx) & DRIVER_OK)
		return RULE_NA;
	for (struct cqueue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (!m || !q->flight || !m->n_in_flight)
			continue;
		when(ctx);
		rule_related(ctx, q->n_avail, "the last chain popped");
		return rule_fail_queue(ctx, q->index,
				       "the device shows SUSPEND with %u chains in flight",
				       m->n_in_flight);
	}
	return RULE_PASSED;
}

static enum verdict not_told(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend != SUSPEND_ASKED ||
	    !(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) || value(ctx) & DRIVER_OK)
		return RULE_NA;
	for (struct cqueue *q = ctx->d->queues; q; q = q->hh.next)
		if (q->flight && q->irq.number && ctx->now - q->irq.ts > 1000000) {
			when(ctx);
			rule_related(ctx, q->irq.number, "the chain used");
			return rule_fail_queue(
				ctx, q->index,
				"the device shows SUSPEND and owes a used buffer notification");
		}
	return RULE_PASSED;
}

/* arg: SUSPEND_ASKED or SUSPEND_RESUMING, and nothing has become of it */
static enum verdict undecided(struct rule_context *ctx)
{
	uint64_t since = ctx->rule->arg == SUSPEND_ASKED ? ctx->d->n_suspend : ctx->d->n_resume;

	if (!on(ctx) || (unsigned)ctx->d->suspend != ctx->rule->arg || value(ctx) & NEEDS_RESET)
		return RULE_NA;
	if (ctx->rule->arg == SUSPEND_ASKED
		    ? value(ctx) & VIRTIO_CONFIG_S_SUSPEND && !(value(ctx) & DRIVER_OK)
		    : !(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) && value(ctx) & DRIVER_OK)
		return RULE_PASSED;
	if (ctx->now - ctx->d->ts_status < STALL || ctx->d->n_status != since)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "device_status reads 0x%02x a second after it was told to %s",
			 value(ctx), ctx->rule->arg == SUSPEND_ASKED ? "suspend" : "resume");
}

static enum verdict config_changed(struct rule_context *ctx)
{
	uint32_t at = spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);

	if (!on(ctx) || ctx->d->suspend != SUSPEND_DONE || at >= CHECK_CONFIG ||
	    !bit_set(ctx->d->config_known, at) || ctx->d->n_config[at / 4] <= ctx->d->n_suspended)
		return RULE_NA;
	if (ctx->d->config[at] == (uint8_t)reg(ctx)->value)
		return RULE_PASSED;
	when(ctx);
	rule_related(ctx, ctx->d->n_config[at / 4], "read before");
	return rule_fail(ctx, "the device configuration changed at offset %u while suspended", at);
}

static enum verdict write_taken(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->d->susp_write;
	uint32_t at = spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);

	if (!on(ctx) || ctx->d->suspend != SUSPEND_DONE || !o->number || o->a < at ||
	    o->a >= at + reg(ctx)->width || o->a - at > 7)
		return RULE_NA;
	if ((uint8_t)(reg(ctx)->value >> (8 * (o->a - at))) != (uint8_t)o->b)
		return RULE_PASSED;
	when(ctx);
	rule_related(ctx, o->number, "the configuration written");
	return rule_fail(
		ctx,
		"byte %u of the device configuration reads 0x%02x, as it was written while suspended",
		o->a, o->b & 0xff);
}

static enum verdict change_untold(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->susp_change;

	if (!o->number || !on(ctx) || ctx->d->suspend != SUSPEND_NO || !ctx->d->ts_resumed ||
	    ctx->now - ctx->d->ts_resumed < STALL)
		return RULE_NA;
	if (ctx->d->n_config_irq > o->number) {
		o->number = 0;
		return RULE_PASSED;
	}
	when(ctx);
	rule_related(ctx, o->number, "read with another value");
	o->number = 0;
	return rule_fail(
		ctx,
		"the configuration changed while suspended, and no notification came since the resume");
}

static const struct explanation explanation = {
	.why = "A suspended device is about to lose its memory or its power: what it still does then is\n"
	       "lost, or written where nothing of it may be any more.",
	.right = "device_status <- ...|SUSPEND, read until SUSPEND without DRIVER_OK\n"
		 "no buffers, no kicks, no configuration writes; no notifications either\n"
		 "device_status <- ...|DRIVER_OK, read until DRIVER_OK without SUSPEND\n",
};

#define REGS (NEED_REGS | NEED_LIFE)
#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0

const struct rule rules_suspend[] = {
	{ "suspend-out-of-place", "SUSP-D1", CHECK_DRIVER, CHECK_SHOULD, 0, "3.4.1",
	  "SUSPEND is set on a live device with VIRTIO_F_SUSPEND.", REGS, AT(STATUS_WRITE),
	  out_of_place, 0, &explanation, "SUSPEND before DRIVER_OK" },
	{ "suspend-unverified", "SUSP-D2", DRIVER, "3.4.1",
	  "After SUSPEND the driver reads device_status until the device is suspended.", REGS,
	  AT(COMMON) | AT(CONFIG_WRITE), unverified, 0, &explanation,
	  "SUSPEND, then queue_select" },
	{ "suspend-made-available", "SUSP-D3", DRIVER, "3.4.1",
	  "No buffers are made available to a suspended device.", REGS | NEED_RING,
	  AT(RING) | ONLY(SPLIT) | ONLY(SUSPEND), made_available, 0, &explanation,
	  "avail.idx grows while suspended" },
	{ "suspend-kicked", "SUSP-D4", DRIVER, "3.4.1", "A suspended device is not kicked.",
	  REGS | NEED_KICK, AT(KICK) | ONLY(SUSPEND), kicked, 0, &explanation, "SUSPEND, kick" },
	{ "suspend-config-written", "SUSP-D5", DRIVER, "3.4.1",
	  "The configuration of a suspended device is not written.", REGS, AT(CONFIG_WRITE),
	  config_written, 0, &explanation, "SUSPEND, writeback <- 0" },
	{ "resume-not-awaited", "SUSP-D6", DRIVER, "3.4.1",
	  "After a resume the driver waits for DRIVER_OK without SUSPEND.", REGS,
	  AT(KICK) | AT(CONFIG_WRITE) | ONLY(SUSPEND), hasty, 0, &explanation, "DRIVER_OK, kick" },
	{ "suspend-early-obeyed", "SUSP-V1", DEVICE, "3.4.2",
	  "A device that is not set up ignores SUSPEND.", REGS, AT(STATUS_READ), early_obeyed, 0,
	  &explanation, "SUSPEND before DRIVER_OK, and it reads back" },
	{ "suspended-active", "SUSP-V3 SUSP-V8", DEVICE, "3.4.2",
	  "A suspended device leaves queues alone and sends no used buffer notifications.", REGS,
	  AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ) | ONLY(SUSPEND), active, 0, &explanation,
	  "suspended, a chain is popped" },
	{ "suspended-config-notified", "SUSP-V4", DEVICE, "3.4.2",
	  "A suspended device does not notify of configuration changes.", REGS | NEED_IRQ,
	  AT(CONFIG_IRQ), active, 0, &explanation, "suspended, a configuration interrupt" },
	{ "suspended-config-changed", "SUSP-V3", DEVICE, "3.4.2",
	  "A suspended device changes nothing in its configuration.", REGS | NEED_CONFIG,
	  AT(CONFIG_READ), config_changed, 0, &explanation,
	  "suspended, capacity reads 100, then 200" },
	{ "suspended-write-taken", "SUSP-V2", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A suspended device ignores writes to its configuration.", REGS | NEED_CONFIG,
	  AT(CONFIG_READ), write_taken, 0, &explanation, "suspended, writeback <- 0, = 0" },
	{ "suspended-change-untold", "SUSP-V5", DEVICE, "3.4.2",
	  "What changed while suspended is notified after the resume.",
	  REGS | NEED_CONFIG | NEED_IRQ, AT(TICK) | AT(END), change_untold, 0, &explanation,
	  "suspended, capacity reads 100, then 200; resumed, no notification" },
	{ "suspend-undecided", "SUSP-V6", DEVICE, "3.4.2",
	  "A device that is told to suspend does, or sets DEVICE_NEEDS_RESET.", REGS,
	  AT(STATUS_READ), undecided, SUSPEND_ASKED, &explanation,
	  "SUSPEND, and device_status stays 0x1f" },
	{ "resume-undecided", "SUSP-V7", DEVICE, "3.4.2",
	  "A device that is told to resume does, or sets DEVICE_NEEDS_RESET.", REGS,
	  AT(STATUS_READ), undecided, SUSPEND_RESUMING, &explanation,
	  "DRIVER_OK, and device_status still shows SUSPEND" },
	{ "suspend-not-drained", "SUSP-V9", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A device shows SUSPEND when all buffers it popped have been used.", REGS | NEED_CHAIN,
	  AT(STATUS_READ), not_drained, 0, &explanation, "3 chains in flight, SUSPEND shows" },
	{ "suspend-not-told", "SUSP-V10", CHECK_DEVICE, CHECK_SHOULD, 0, "3.4.2",
	  "A device sends the notifications it owes before it shows SUSPEND.",
	  REGS | NEED_IRQ | NEED_RING, AT(STATUS_READ), not_told, 0, &explanation,
	  "a chain used, no notification, SUSPEND shows" },
	ROW_END,
};
