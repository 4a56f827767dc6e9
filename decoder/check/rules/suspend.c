/* SPDX-License-Identifier: MIT */
/* Suspending a device: 3.4, VIRTIO_F_SUSPEND. */
#include "decoder/check/context.h"

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
	return on(ctx) && ctx->d->suspend.state != SUSPEND_NO;
}

/* Whether this read shows that the device is suspended. */
static bool shows_suspended(const struct rule_context *ctx)
{
	return value(ctx) & VIRTIO_CONFIG_S_SUSPEND && !(value(ctx) & DRIVER_OK);
}

static void when(struct rule_context *ctx)
{
	rule_related(ctx, ctx->d->suspend.n_asked, "SUSPEND written");
	rule_related(ctx, ctx->d->suspend.n_done, "the device suspended");
	rule_related(ctx, ctx->d->suspend.n_resume, "DRIVER_OK written to resume");
}

static enum verdict out_of_place(struct rule_context *ctx)
{
	if (!(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) ||
	    ctx->e->status_before & VIRTIO_CONFIG_S_SUSPEND)
		return RULE_NA;
	if (on(ctx) && ctx->d->status.n_driver_ok)
		return RULE_PASSED;
	return rule_fail(ctx, "SUSPEND was written %s",
			 on(ctx) ? "before DRIVER_OK" : "and VIRTIO_F_SUSPEND is not negotiated");
}

/*
 * Anything but looking at the status.  Interrupts of before are acknowledged meanwhile: on
 * virtio-mmio by a write.
 */
static enum verdict unverified(struct rule_context *ctx)
{
	if (!between(ctx) || ctx->d->suspend.state != SUSPEND_ASKED || !is_write(ctx))
		return RULE_NA;
	if ((register_is(ctx, SPEC_REG_DEVICE_STATUS) && !value(ctx)) ||
	    register_is(ctx, SPEC_REG_ISR_ACK))
		return RULE_NA;
	when(ctx);
	return rule_fail(
		ctx, "%s was written, but device_status has not shown SUSPEND without DRIVER_OK",
		ctx->e->field ? ctx->e->field->name : "a register");
}

static enum verdict kicked(struct rule_context *ctx)
{
	if (!on(ctx) || (ctx->d->suspend.state == SUSPEND_ASKED && kick_by_eventfd(ctx)))
		return RULE_NA;
	if (ctx->d->suspend.state != SUSPEND_ASKED && ctx->d->suspend.state != SUSPEND_DONE)
		return RULE_PASSED;
	when(ctx);
	return rule_fail(ctx, "queue %u was kicked while the device is suspended", ctx->q->index);
}

static enum verdict made_available(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->last.ring;

	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_DONE || r->known & VQT_RING_PACKED ||
	    !(r->known & before->known & VQT_RING_AVAIL_IDX) ||
	    ctx->q->last.number < ctx->d->suspend.n_asked)
		return RULE_NA;
	if (r->avail_idx == before->avail_idx)
		return RULE_PASSED;
	when(ctx);
	return rule_fail(ctx, "avail.idx is %u; it was %u when the device was suspended",
			 r->avail_idx, before->avail_idx);
}

static enum verdict config_written(struct rule_context *ctx)
{
	if (!between(ctx) || ctx->d->suspend.state == SUSPEND_RESUMING)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "the device configuration was written while the device is suspended");
}

static enum verdict hasty(struct rule_context *ctx)
{
	struct check_suspend *s = &ctx->d->suspend;

	if (!on(ctx) || s->state != SUSPEND_RESUMING || s->n_hasty == s->n_resume)
		return RULE_NA;
	s->n_hasty = s->n_resume;
	when(ctx);
	return rule_fail(ctx, "%s before device_status has shown DRIVER_OK without SUSPEND",
			 ctx->e->rec->h.type == VQT_KICK ? "the queue was kicked"
							 : "the device configuration was written");
}

static enum verdict early_obeyed(struct rule_context *ctx)
{
	if (!(ctx->d->status.ever & VIRTIO_CONFIG_S_SUSPEND) || ctx->d->status.n_driver_ok ||
	    ctx->d->reset.awaited)
		return RULE_NA;
	if (!(value(ctx) & VIRTIO_CONFIG_S_SUSPEND))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "device_status shows SUSPEND before DRIVER_OK was set");
}

static enum verdict active(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_DONE)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx, "the device %s while suspended",
			 ctx->e->rec->h.type == VQT_AVAIL  ? "popped a chain"
			 : ctx->e->rec->h.type == VQT_USED ? "used a chain"
							   : "sent a notification");
}

/* What is in flight is known of every queue in use: else it cannot be said that nothing is due. */
static bool all_known(const struct rule_context *ctx)
{
	for (const struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (m && m->enabled && !q->flight)
			return false;
	}
	return true;
}

static enum verdict not_drained(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_ASKED || !shows_suspended(ctx))
		return RULE_NA;
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (!m || !q->flight || !m->n_in_flight)
			continue;
		when(ctx);
		rule_related(ctx, q->seen.n_avail, "the last chain popped");
		return rule_fail_queue(ctx, q->index,
				       "the device shows SUSPEND with %u chains in flight",
				       m->n_in_flight);
	}
	return all_known(ctx) ? RULE_PASSED : RULE_NA;
}

static enum verdict not_notified(struct rule_context *ctx)
{
	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_ASKED || !shows_suspended(ctx))
		return RULE_NA;
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next)
		if (q->flight && q->irq.due.number && ctx->now - q->irq.due.ts > 1000000) {
			when(ctx);
			rule_related(ctx, q->irq.due.number, "the chain used");
			return rule_fail_queue(
				ctx, q->index,
				"the device shows SUSPEND, but a used buffer notification is still due");
		}
	return all_known(ctx) ? RULE_PASSED : RULE_NA;
}

/* arg: SUSPEND_ASKED or SUSPEND_RESUMING, and nothing has become of it */
static enum verdict undecided(struct rule_context *ctx)
{
	uint64_t since = ctx->rule->arg == SUSPEND_ASKED ? ctx->d->suspend.n_asked
							 : ctx->d->suspend.n_resume;

	if (!on(ctx) || (unsigned)ctx->d->suspend.state != ctx->rule->arg ||
	    value(ctx) & NEEDS_RESET)
		return RULE_NA;
	if (ctx->rule->arg == SUSPEND_ASKED
		    ? shows_suspended(ctx)
		    : !(value(ctx) & VIRTIO_CONFIG_S_SUSPEND) && value(ctx) & DRIVER_OK)
		return RULE_PASSED;
	if (ctx->now - ctx->d->status.ts_write < STALL || ctx->d->status.n_write != since)
		return RULE_NA;
	when(ctx);
	return rule_fail(ctx,
			 "device_status reads 0x%02x a second after the device was asked to %s",
			 value(ctx), ctx->rule->arg == SUSPEND_ASKED ? "suspend" : "resume");
}

static enum verdict config_changed(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);

	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_DONE || at >= CHECK_CONFIG ||
	    !bit_set(ctx->d->config.known, at) ||
	    ctx->d->config.n_word[at / 4] <= ctx->d->suspend.n_done)
		return RULE_NA;
	if (ctx->d->config.bytes[at] == (uint8_t)reg(ctx)->value)
		return RULE_PASSED;
	when(ctx);
	rule_related(ctx, ctx->d->config.n_word[at / 4], "read before");
	return rule_fail(ctx, "the device configuration changed at offset %u while suspended", at);
}

static enum verdict write_taken(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->d->suspend.write;
	uint32_t at = config_offset(ctx);

	if (!on(ctx) || ctx->d->suspend.state != SUSPEND_DONE || !o->number || o->a < at ||
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

static enum verdict change_not_notified(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->suspend.change;

	if (!o->number || !on(ctx) || ctx->d->suspend.state != SUSPEND_NO ||
	    !ctx->d->suspend.ts_resumed || ctx->now - ctx->d->suspend.ts_resumed < STALL ||
	    changes_unheard(ctx))
		return RULE_NA;
	if (ctx->d->irqs.n_change > o->number) {
		o->number = 0;
		return RULE_PASSED;
	}
	when(ctx);
	rule_related(ctx, o->number, "read with another value");
	o->number = 0;
	return rule_fail(
		ctx,
		"the configuration changed while suspended, but no notification came since the resume");
}

#define REGS (NEED_REGS | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_SHOULD, .id = "suspend-out-of-place", .section = "3.4.1", .refs = "SUSP-D1",
	  .text = "The driver sets SUSPEND only after DRIVER_OK and with VIRTIO_F_SUSPEND negotiated.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = out_of_place,
	  .wrong = "SUSPEND before DRIVER_OK" },
	{ DRIVER_MUST, .id = "suspend-unverified", .section = "3.4.1", .refs = "SUSP-D2",
	  .text = "After setting SUSPEND the driver reads device_status until the device is suspended.",
	  .needs = REGS, .at = AT(COMMON) | AT(CONFIG_WRITE), .check = unverified,
	  .wrong = "SUSPEND, then queue_select" },
	{ DRIVER_MUST, .id = "suspend-made-available", .section = "3.4.1", .refs = "SUSP-D3",
	  .text = "The driver makes no buffers available while the device is suspended.",
	  .needs = REGS | NEED_RING, .at = AT(RING) | ONLY(SPLIT) | ONLY(SUSPEND),
	  .check = made_available, .wrong = "avail.idx grows while suspended" },
	{ DRIVER_MUST, .id = "suspend-kicked", .section = "3.4.1", .refs = "SUSP-D4",
	  .text = "The driver does not kick a suspended device.", .needs = REGS | NEED_KICK,
	  .at = AT(KICK) | ONLY(SUSPEND), .check = kicked, .wrong = "SUSPEND, kick" },
	{ DRIVER_MUST, .id = "suspend-config-written", .section = "3.4.1", .refs = "SUSP-D5",
	  .text = "The driver does not write the configuration of a suspended device.",
	  .needs = REGS, .at = AT(CONFIG_WRITE), .check = config_written,
	  .wrong = "SUSPEND, writeback <- 0" },
	{ DRIVER_MUST, .id = "resume-not-awaited", .section = "3.4.1", .refs = "SUSP-D6",
	  .text = "After resuming the device the driver waits until device_status shows "
		  "DRIVER_OK without SUSPEND.",
	  .needs = REGS, .at = AT(KICK) | AT(CONFIG_WRITE) | ONLY(SUSPEND), .check = hasty,
	  .wrong = "DRIVER_OK, kick" },
	{ DEVICE_MUST, .id = "suspend-early-obeyed", .section = "3.4.2", .refs = "SUSP-V1",
	  .text = "The device ignores SUSPEND before DRIVER_OK.", .needs = REGS,
	  .at = AT(STATUS_READ), .check = early_obeyed,
	  .wrong = "SUSPEND before DRIVER_OK, and it reads back" },
	{ DEVICE_MUST, .id = "suspended-active", .section = "3.4.2", .refs = "SUSP-V3 SUSP-V8",
	  .text = "While suspended the device accesses no queues and sends no used buffer "
		  "notifications.",
	  .needs = REGS | NEED_DEVICE, .at = AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ) | ONLY(SUSPEND),
	  .check = active, .wrong = "suspended, a chain is popped" },
	{ DEVICE_MUST, .id = "suspended-config-notified", .section = "3.4.2", .refs = "SUSP-V4",
	  .text = "While suspended the device sends no configuration change notifications.",
	  .needs = REGS | NEED_IRQ, .at = AT(CONFIG_IRQ), .check = active,
	  .wrong = "suspended, a configuration interrupt" },
	{ DEVICE_MUST, .id = "suspended-config-changed", .section = "3.4.2", .refs = "SUSP-V3",
	  .text = "While suspended the device does not change its configuration.",
	  .needs = REGS | NEED_CONFIG, .at = AT(CONFIG_READ), .check = config_changed,
	  .wrong = "suspended, capacity reads 100, then 200" },
	{ DEVICE_SHOULD, .id = "suspended-write-taken", .section = "3.4.2", .refs = "SUSP-V2",
	  .text = "While suspended the device ignores writes to its configuration.",
	  .needs = REGS | NEED_CONFIG, .at = AT(CONFIG_READ), .check = write_taken,
	  .wrong = "suspended, writeback <- 0, = 0" },
	{ DEVICE_MUST, .id = "suspended-change-untold", .section = "3.4.2", .refs = "SUSP-V5",
	  .text = "After it is resumed the device sends a notification if its configuration "
		  "changed while it was suspended.",
	  .needs = REGS | NEED_CONFIG | NEED_IRQ, .at = AT(TICK) | AT(END),
	  .check = change_not_notified,
	  .wrong = "suspended, capacity reads 100, then 200; resumed, no notification" },
	{ DEVICE_MUST, .id = "suspend-undecided", .section = "3.4.2", .refs = "SUSP-V6",
	  .text = "A device that is asked to suspend does so or sets DEVICE_NEEDS_RESET.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = undecided, .arg = SUSPEND_ASKED,
	  .wrong = "SUSPEND, and device_status stays 0x1f" },
	{ DEVICE_MUST, .id = "resume-undecided", .section = "3.4.2", .refs = "SUSP-V7",
	  .text = "A device that is asked to resume does so or sets DEVICE_NEEDS_RESET.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = undecided, .arg = SUSPEND_RESUMING,
	  .wrong = "DRIVER_OK, and device_status still shows SUSPEND" },
	{ DEVICE_SHOULD, .id = "suspend-not-drained", .section = "3.4.2", .refs = "SUSP-V9",
	  .text = "The device shows SUSPEND only after it has used all chains it popped.",
	  .needs = REGS | NEED_CHAIN | NEED_DEVICE, .at = AT(STATUS_READ), .check = not_drained,
	  .wrong = "3 chains in flight, SUSPEND shows" },
	{ DEVICE_SHOULD, .id = "suspend-not-told", .section = "3.4.2", .refs = "SUSP-V10",
	  .text = "The device sends all notifications that are due before it shows SUSPEND.",
	  .needs = REGS | NEED_IRQ | NEED_RING | NEED_DEVICE, .at = AT(STATUS_READ),
	  .check = not_notified, .wrong = "a chain used, no notification, SUSPEND shows" },
};

const struct rule_table rules_suspend = {
	RULES(rows),
	.why = "A suspended device may lose its power or its memory. What it does after it shows SUSPEND is\n"
	       "lost, or is written to memory that is used for something else.",
	.right = "device_status <- ...|SUSPEND, read until SUSPEND without DRIVER_OK\n"
		 "no buffers, no kicks, no configuration writes; no notifications either\n"
		 "device_status <- ...|DRIVER_OK, read until DRIVER_OK without SUSPEND\n",
};
