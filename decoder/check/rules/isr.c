/* SPDX-License-Identifier: MIT */
/* ISR status and the INTx line: 4.1.4.5. */
#include "decoder/check/context.h"

/* Longer than an interrupt and the read it causes can be out of order in a recording. */
#define SETTLED 1000000ULL

static unsigned value(const struct rule_context *ctx)
{
	return (unsigned)reg(ctx)->value & 0xff;
}

/* arg: 1 of queues, 2 of configuration changes */
static enum verdict cause(struct rule_context *ctx)
{
	const struct check_irqs *i = &ctx->d->irqs;
	bool queue = ctx->rule->arg == 1, line = queue ? i->intx_since_queue : i->intx_since_config;
	uint64_t n = queue ? i->n_queue : i->n_config, ts = queue ? i->ts_queue : i->ts_config;

	if (ctx->dev->msix || n <= (queue ? i->n_queue_seen : i->n_config_seen) ||
	    (!queue && !driver_ok(ctx)) || !(line || ctx->now - ts > SETTLED))
		return RULE_NA;
	if (value(ctx) & ctx->rule->arg)
		return RULE_PASSED;
	rule_related(ctx, n, "the notification");
	return rule_fail(ctx, "ISR status reads 0x%02x after a %s notification", value(ctx),
			 queue ? "used buffer" : "configuration change");
}

static enum verdict not_cleared(struct rule_context *ctx)
{
	const struct check_device *d = ctx->d;

	if (!d->irqs.isr_read && !d->reset.written)
		return RULE_NA;
	if (!value(ctx))
		return RULE_PASSED;
	if (d->irqs.isr_read ? d->irqs.n_any > d->irqs.n_isr : d->irqs.n_any != 0)
		return RULE_PASSED;
	rule_related(ctx, d->reset.number, "the reset");
	rule_related(ctx, d->irqs.n_isr, "ISR status read before");
	return rule_fail(ctx, "ISR status reads 0x%02x, but no interrupt came since %s", value(ctx),
			 d->irqs.isr_read ? "it was read" : "the reset");
}

static enum verdict with_msix(struct rule_context *ctx)
{
	if (reported(ctx) || !ctx->dev->msix || !ctx->d->irqs.n_queue ||
	    ctx->d->irqs.n_queue <= ctx->d->irqs.n_queue_seen || !driver_ok(ctx) ||
	    ctx->d->irqs.n_change > ctx->d->irqs.n_queue) /* it may be about that one */
		return RULE_NA;
	rule_related(ctx, ctx->d->irqs.n_queue, "the interrupt");
	return rule_fail(ctx, "ISR status was read with MSI-X enabled");
}

static bool disabled(const struct rule_context *ctx)
{
	uint32_t command;

	return check_pci(ctx->dev, PCI_COMMAND, 2, &command) && command & PCI_COMMAND_INTX_DISABLE;
}

/* arg: 1 of a driver that was seen to take INTx. One that never reads ISR status may poll:
 * no access to the device tells whether it is interrupted. */
static enum verdict unacknowledged(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.intx;

	if (!o->number || ctx->dev->msix || disabled(ctx) || !driver_ok(ctx) ||
	    ctx->now - o->ts < STALL || ctx->d->ts_driver < o->ts + STALL / 2 ||
	    ctx->d->irqs.intx_handled != (ctx->rule->arg == 1) ||
	    (!ctx->rule->arg && reported(ctx)))
		return RULE_NA;
	rule_related(ctx, o->number, "INTx asserted");
	o->number = 0;
	return rule_fail(ctx, "INTx is asserted and ISR status %s",
			 ctx->rule->arg ? "has not been read for a second or more"
					: "was not read since the driver set DRIVER_OK");
}

/* One interrupt for two causes, and the driver saw to the other. */
static enum verdict overlooked(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.shared;

	if (!o->number || !driver_ok(ctx) || ctx->now - o->ts < STALL ||
	    ctx->d->ts_driver < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, ctx->d->irqs.n_config, "the configuration change notified");
	rule_related(ctx, o->number, "the interrupt");
	o->number = 0;
	return rule_fail(
		ctx,
		"a configuration change came with an interrupt that queues use, too; the driver continues, "
		"but has read neither status nor configuration");
}

/* --- InterruptStatus and InterruptACK of virtio-mmio ------------------------- */

/* arg: 1 of queues, 2 of configuration changes; shown until they are acknowledged */
static enum verdict not_shown(struct rule_context *ctx)
{
	const struct check_irqs *i = &ctx->d->irqs;
	bool queue = ctx->rule->arg == 1;
	uint64_t n = queue ? i->n_queue : i->n_config, ts = queue ? i->ts_queue : i->ts_config;

	if (n <= (queue ? i->n_queue_seen : i->n_config_seen) || ctx->now - ts <= SETTLED ||
	    !driver_ok(ctx))
		return RULE_NA;
	if (value(ctx) & ctx->rule->arg)
		return RULE_PASSED;
	rule_related(ctx, n, "the notification");
	rule_related(ctx, i->n_ack, "InterruptACK written");
	return rule_fail(ctx, "InterruptStatus reads 0x%02x after a %s notification", value(ctx),
			 queue ? "used buffer" : "configuration change");
}

/* The event may be recorded a moment after the bit that shows it. */
static enum verdict unfounded(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.unfounded;
	const struct check_irqs *i = &ctx->d->irqs;

	if (!o->number || ctx->now - o->ts <= SETTLED)
		return RULE_NA;
	if ((o->a & 1 && (i->n_queue > o->number || i->n_used > o->number)) ||
	    (o->a & 2 && i->n_config > o->number)) {
		o->number = 0;
		return RULE_PASSED;
	}
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, i->n_ack, "InterruptACK written");
	rule_related(ctx, o->number, "InterruptStatus read");
	o->number = 0;
	return rule_fail(ctx, "InterruptStatus showed bit %u, but there was no such event since %s",
			 o->a & 1 ? 0 : 1, i->n_ack ? "it was acknowledged" : "the reset");
}

/* One read may be acknowledged in several writes: each event when it is handled. */
static enum verdict ack_unread(struct rule_context *ctx)
{
	const struct check_irqs *i = &ctx->d->irqs;

	if (!value(ctx))
		return RULE_NA;
	if ((i->isr_read && i->n_isr > i->n_ack) || !(value(ctx) & ~i->shown))
		return RULE_PASSED;
	rule_related(ctx, i->n_ack, "InterruptACK written before");
	rule_related(ctx, i->n_queue, "the last used buffer notification");
	return rule_fail(ctx,
			 "0x%02x was written to InterruptACK, but InterruptStatus was not read",
			 value(ctx));
}

static enum verdict ack_undefined(struct rule_context *ctx)
{
	uint64_t v = reg(ctx)->value;

	if (!(v & ~3ULL))
		return RULE_PASSED;
	return rule_fail(ctx, "0x%08x was written to InterruptACK", (unsigned)v);
}

static enum verdict unhandled(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.unacknowledged;

	if (!o->number || !driver_ok(ctx) || ctx->now - o->ts < STALL ||
	    ctx->d->ts_driver < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, o->number, "InterruptStatus read");
	o->number = 0;
	return rule_fail(
		ctx,
		"InterruptStatus showed 0x%02x, and InterruptACK has not been written for a "
		"second or more",
		o->a);
}

static enum verdict ack_late(struct rule_context *ctx)
{
	const struct check_irqs *i = &ctx->d->irqs;

	if (!(value(ctx) & 1) || i->n_isr <= i->n_ack)
		return RULE_NA;
	if (i->n_reaped <= i->n_isr)
		return RULE_PASSED;
	rule_related(ctx, i->n_isr, "InterruptStatus read");
	rule_related(ctx, i->n_reaped, "a chain in use again that was reaped meanwhile");
	return rule_fail(ctx, "InterruptACK was written after used buffers were reaped");
}

static const struct explanation mmio = {
	.why = "The interrupt of virtio-mmio stays asserted until every event is acknowledged, and an\n"
	       "acknowledgement takes back whatever came until then. A driver that reaps first and\n"
	       "acknowledges afterwards loses the notification of a buffer used in between.",
	.right = "the device sets bit 0 (queues) or 1 (configuration) and asserts its interrupt\n"
		 "InterruptStatus = 1, InterruptACK <- 1\n"
		 "then the driver reaps the used buffers of all queues\n",
};

#define ISR (NEED_REGS | NEED_IRQ | NEED_MSIX)

static const struct rule rows[] = {
	{ DEVICE_MUST, .id = "isr-config-bit", .section = "4.1.4.5.1", .refs = "ISR-V2 T21",
	  .text = "The device sets bit 1 of ISR status before it notifies of a configuration change.",
	  .needs = ISR, .at = AT(ISR_READ), .check = cause, .arg = 2,
	  .wrong = "a configuration change, INTx, ISR status = 0x00" },
	{ DEVICE_MUST, .id = "isr-queue-bit", .section = "4.1.4.5.1", .refs = "ISR-V3 T21",
	  .text = "Without MSI-X the device sets bit 0 of ISR status before it notifies of used "
		  "buffers.",
	  .needs = ISR, .at = AT(ISR_READ), .check = cause, .arg = 1,
	  .wrong = "a chain used, INTx, ISR status = 0x00" },
	{ DEVICE_MUST, .id = "isr-not-cleared", .section = "4.1.4.5.1",
	  .refs = "ISR-V5 COMMON-V7 T21 T05",
	  .text = "A read of ISR status clears it, and so does a reset.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_LIFE, .at = AT(ISR_READ), .check = not_cleared,
	  .wrong = "ISR status = 0x01, and again 0x01" },
	{ DRIVER_SHOULD, .id = "isr-read-with-msix", .section = "4.1.4.5.2", .refs = "ISR-D1",
	  .text = "With MSI-X enabled the driver does not read ISR status because of an interrupt.",
	  .needs = ISR, .at = AT(ISR_READ), .check = with_msix,
	  .wrong = "a vector is signalled, ISR status is read" },
	{ DRIVER_SUSPICIOUS, .id = "shared-interrupt-overlooked", .section = "4.1.5.4.2",
	  .mmio = "4.2.3.4.1", .refs = "NOTIFY-D7",
	  .text = "When queues and configuration changes share an interrupt the driver checks "
		  "for both.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_LIFE | NEED_MSIX, .at = AT(TICK) | AT(END),
	  .check = overlooked,
	  .wrong = "ISR status = 0x03, used buffers handled, the configuration never read" },
	{ DRIVER_STRUCTURAL, .id = "intx-unacknowledged", .section = "4.1.5.5", .refs = "I20 T21",
	  .text = "A driver that uses INTx reads ISR status on each interrupt: nothing else "
		  "deasserts the line.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_MSIX, .at = AT(TICK) | AT(END),
	  .check = unacknowledged, .arg = 1,
	  .wrong = "ISR status read for one interrupt, and not for the next" },
	{ DRIVER_SUSPICIOUS, .id = "intx-never-read", .section = "4.1.4.5", .refs = "I20 T21",
	  .text = "A driver that takes no interrupts turns INTx off or reads ISR status: a line that "
		  "stays asserted keeps the interrupts of other devices on it from being noticed.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_MSIX | NEED_LIFE, .at = AT(TICK) | AT(END),
	  .check = unacknowledged,
	  .wrong = "INTx asserted, used buffers handled, ISR status never read" },
	{ DEVICE_MUST, .id = "mmio-event-not-shown", .section = "4.2.2.1", .refs = "MMIO-V3 T21",
	  .text = "The device shows used buffer notifications as bit 0 of InterruptStatus until they "
		  "are acknowledged.",
	  .needs = NEED_REGS | NEED_IRQ, .at = AT(ISR_READ) | ONLY(MMIO), .check = not_shown,
	  .arg = 1, .explanation = &mmio, .wrong = "an interrupt, InterruptStatus = 0" },
	{ DEVICE_MUST, .id = "mmio-change-not-shown", .section = "4.2.2.1", .refs = "MMIO-V3 T21",
	  .text = "The device shows configuration change notifications as bit 1 of InterruptStatus "
		  "until they are acknowledged.",
	  .needs = NEED_REGS | NEED_IRQ, .at = AT(ISR_READ) | ONLY(MMIO), .check = not_shown,
	  .arg = 2, .explanation = &mmio, .wrong = "a configuration change, InterruptStatus = 0" },
	{ DEVICE_MUST, .id = "mmio-event-unfounded", .section = "4.2.2.1",
	  .refs = "MMIO-V4 MMIO-V5 T21 T05",
	  .text = "InterruptStatus shows only events since the reset and since they were acknowledged.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_LIFE,
	  .at = AT(ISR_READ) | AT(TICK) | AT(END) | ONLY(MMIO), .check = unfounded,
	  .explanation = &mmio,
	  .wrong = "InterruptACK <- 1, InterruptStatus = 1 with nothing used" },
	{ DRIVER_MUST, .id = "mmio-interrupt-unread", .section = "4.2.3.4.1", .refs = "MMIOINT-D1",
	  .text = "The driver reads InterruptStatus to learn what caused an interrupt, before it "
		  "acknowledges it.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(ISR_ACK) | ONLY(MMIO), .check = ack_unread,
	  .explanation = &mmio, .wrong = "an interrupt, InterruptACK <- 3" },
	{ DRIVER_MUST, .id = "mmio-ack-undefined", .section = "4.2.2.2", .refs = "MMIO-D20",
	  .text = "The driver writes only bits 0 and 1 to InterruptACK.",
	  .needs = NEED_REGS | NEED_EXACT, .at = AT(ISR_ACK) | ONLY(MMIO), .check = ack_undefined,
	  .explanation = &mmio, .wrong = "InterruptACK <- 0xffffffff" },
	{ DRIVER_MUST, .id = "mmio-interrupt-unacknowledged", .section = "4.2.3.4.1",
	  .refs = "MMIOINT-D3 MMIO-D19 T21",
	  .text = "After an interrupt is handled the driver acknowledges its events by InterruptACK.",
	  .needs = NEED_REGS, .at = AT(TICK) | AT(END) | ONLY(MMIO), .check = unhandled,
	  .explanation = &mmio, .wrong = "InterruptStatus = 1, InterruptACK never written" },
	{ DRIVER_SUSPICIOUS, .id = "mmio-ack-after-reaping", .section = "4.2.3.4.1", .refs = "T23",
	  .text = "The driver acknowledges an interrupt before it reaps used buffers: otherwise the "
		  "notification of one used meanwhile is lost.",
	  .needs = NEED_REGS | NEED_CHAIN | NEED_USED | NEED_LIFE, .at = AT(ISR_ACK) | ONLY(MMIO),
	  .check = ack_late, .explanation = &mmio,
	  .wrong = "InterruptStatus = 1, a chain reaped and used again, InterruptACK <- 1" },
};

const struct rule_table rules_isr = {
	RULES(rows),
	.why = "INTx stays asserted until the driver reads ISR status. A driver that does not read it is\n"
	       "interrupted without end; a device that shows the wrong bits makes the driver look in the\n"
	       "wrong place, or not at all.",
	.right = "the device sets bit 0 (queues) or 1 (configuration), then asserts INTx\n"
		 "the driver reads ISR status, which clears it and deasserts the line\n"
		 "with MSI-X the driver does not read ISR status\n",
};
