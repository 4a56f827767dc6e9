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
	    ctx->d->irqs.n_queue <= ctx->d->irqs.n_queue_seen || !driver_ok(ctx))
		return RULE_NA;
	rule_related(ctx, ctx->d->irqs.n_queue, "the interrupt");
	return rule_fail(ctx, "ISR status was read with MSI-X enabled");
}

static bool disabled(const struct rule_context *ctx)
{
	uint32_t command;

	return check_pci(ctx->dev, PCI_COMMAND, 2, &command) && command & PCI_COMMAND_INTX_DISABLE;
}

static enum verdict unacknowledged(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.intx;

	if (!o->number || ctx->dev->msix || disabled(ctx) || !driver_ok(ctx) ||
	    ctx->now - o->ts < STALL || ctx->d->ts_driver < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, o->number, "INTx asserted");
	o->number = 0;
	return rule_fail(ctx,
			 "INTx is asserted and ISR status has not been read for a second or more");
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
	  .refs = "NOTIFY-D7",
	  .text = "When queues and configuration changes share an interrupt the driver checks "
		  "for both.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_LIFE | NEED_MSIX, .at = AT(TICK) | AT(END),
	  .check = overlooked,
	  .wrong = "ISR status = 0x03, used buffers handled, the configuration never read" },
	{ DRIVER_STRUCTURAL, .id = "intx-unacknowledged", .section = "4.1.5.5", .refs = "I20 T21",
	  .text = "A driver that uses INTx reads ISR status on each interrupt: nothing else "
		  "deasserts the line.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_MSIX, .at = AT(TICK) | AT(END),
	  .check = unacknowledged,
	  .wrong = "INTx asserted, used buffers handled, ISR status never read" },
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
