/* SPDX-License-Identifier: MIT */
/* ISR status and the INTx line: 4.1.4.5. */
#include "decoder/check/impl.h"

/* Longer than an interrupt and the read it causes can be out of order in a recording. */
#define SETTLED 1000000ULL

static unsigned value(const struct rule_context *ctx)
{
	return (unsigned)reg(ctx)->value & 0xff;
}

static bool settled(const struct rule_context *ctx, bool line, uint64_t ts)
{
	return line || ctx->now - ts > SETTLED;
}

static enum verdict config_bit(struct rule_context *ctx)
{
	const struct cdev *d = ctx->d;

	if (ctx->dev->msix || d->n_config_irq <= d->n_config_irq_isr || !driver_ok(ctx) ||
	    !settled(ctx, d->intx_since_config, d->ts_config_irq))
		return RULE_NA;
	if (value(ctx) & 2)
		return RULE_PASSED;
	rule_related(ctx, d->n_config_irq, "the notification");
	return rule_fail(ctx, "ISR status reads 0x%02x after a configuration change notification",
			 value(ctx));
}

static enum verdict queue_bit(struct rule_context *ctx)
{
	const struct cdev *d = ctx->d;

	if (ctx->dev->msix || d->n_queue_irq <= d->n_queue_irq_isr ||
	    !settled(ctx, d->intx_since_queue, d->ts_queue_irq))
		return RULE_NA;
	if (value(ctx) & 1)
		return RULE_PASSED;
	rule_related(ctx, d->n_queue_irq, "the notification");
	return rule_fail(ctx, "ISR status reads 0x%02x after a used buffer notification",
			 value(ctx));
}

static enum verdict not_cleared(struct rule_context *ctx)
{
	const struct cdev *d = ctx->d;

	if (!d->isr_read && !d->reset_written)
		return RULE_NA;
	if (!value(ctx))
		return RULE_PASSED;
	if (d->isr_read ? d->n_any_irq > d->n_isr : d->n_any_irq != 0)
		return RULE_PASSED;
	rule_related(ctx, d->n_reset, "the reset");
	rule_related(ctx, d->n_isr, "ISR status read before");
	return rule_fail(ctx, "ISR status reads 0x%02x and no interrupt came since %s", value(ctx),
			 d->isr_read ? "it was read" : "the reset");
}

static enum verdict with_msix(struct rule_context *ctx)
{
	if (told(ctx))
		return RULE_NA;
	if (!ctx->dev->msix || !ctx->d->n_queue_irq ||
	    ctx->d->n_queue_irq <= ctx->d->n_queue_irq_isr || !driver_ok(ctx))
		return RULE_NA;
	rule_related(ctx, ctx->d->n_queue_irq, "the interrupt");
	return rule_fail(ctx, "ISR status was read with MSI-X enabled");
}

static bool disabled(const struct rule_context *ctx)
{
	uint32_t command;

	return check_pci(ctx->dev, PCI_COMMAND, 2, &command) && command & PCI_COMMAND_INTX_DISABLE;
}

static enum verdict unacknowledged(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->intx;

	if (!o->number || ctx->dev->msix || disabled(ctx) || !driver_ok(ctx) ||
	    ctx->now - o->ts < STALL || ctx->d->driver_ts < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, o->number, "INTx asserted");
	o->number = 0;
	return rule_fail(ctx,
			 "INTx is asserted and ISR status has not been read for a second or more");
}

/* One interrupt for two causes, and the driver saw to the other. */
static enum verdict overlooked(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->shared;

	if (!o->number || !driver_ok(ctx) || ctx->now - o->ts < STALL ||
	    ctx->d->driver_ts < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, ctx->d->n_config_irq, "the configuration change notified");
	rule_related(ctx, o->number, "the interrupt");
	o->number = 0;
	return rule_fail(
		ctx,
		"a configuration change came with an interrupt that queues use, too; the driver goes "
		"on and has read neither status nor configuration");
}

static const struct explanation explanation = {
	.why = "INTx stays asserted until ISR status is read. A driver that does not read it is interrupted\n"
	       "without end; a device that shows the wrong bits makes it look in the wrong place, or not\n"
	       "at all.",
	.right = "the device sets bit 0 (queues) or 1 (configuration), then asserts INTx\n"
		 "the driver reads ISR status: it is 0 from then on, the line released\n"
		 "with MSI-X nobody needs ISR status\n",
};

#define DEVICE CHECK_DEVICE, CHECK_MUST, 0
#define ISR (NEED_REGS | NEED_IRQ | NEED_MSIX), AT(ISR_READ)

const struct rule rules_isr[] = {
	{ "isr-config-bit", "ISR-V2 T21", DEVICE, "4.1.4.5.1",
	  "Bit 1 of ISR status is set before a configuration change is notified.", ISR, config_bit,
	  0, &explanation, "a configuration change, INTx, ISR status = 0x00" },
	{ "isr-queue-bit", "ISR-V3 T21", DEVICE, "4.1.4.5.1",
	  "Without MSI-X bit 0 of ISR status is set before used buffers are notified.", ISR,
	  queue_bit, 0, &explanation, "a chain used, INTx, ISR status = 0x00" },
	{ "isr-not-cleared", "ISR-V5 COMMON-V7 T21 T05", DEVICE, "4.1.4.5.1",
	  "Reading ISR status clears it, and so does a reset.", NEED_REGS | NEED_IRQ | NEED_LIFE,
	  AT(ISR_READ), not_cleared, 0, &explanation, "ISR status = 0x01, and again 0x01" },
	{ "isr-read-with-msix", "ISR-D1", CHECK_DRIVER, CHECK_SHOULD, 0, "4.1.4.5.2",
	  "With MSI-X enabled an interrupt is no reason to read ISR status.", ISR, with_msix, 0,
	  &explanation, "a vector is signalled, ISR status is read" },
	{ "shared-interrupt-overlooked", "NOTIFY-D7", CHECK_DRIVER, CHECK_SUSPICIOUS, 0,
	  "4.1.5.4.2",
	  "Where one interrupt stands for queues and configuration alike a driver looks at both.",
	  NEED_REGS | NEED_IRQ | NEED_LIFE | NEED_MSIX, AT(TICK) | AT(END), overlooked, 0,
	  &explanation, "ISR status = 0x03, used buffers handled, the configuration never read" },
	{ "intx-unacknowledged", "I20 T21", CHECK_DRIVER, CHECK_STRUCTURAL, 0, "4.1.5.5",
	  "A driver that is interrupted by INTx reads ISR status, for nothing else releases the line.",
	  NEED_REGS | NEED_IRQ | NEED_MSIX, AT(TICK) | AT(END), unacknowledged, 0, &explanation,
	  "INTx asserted, used buffers handled, ISR status never read" },
	ROW_END,
};
