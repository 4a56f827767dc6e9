/* SPDX-License-Identifier: MIT */
/* Reset of devices and queues: 2.4, 2.6.1, 3.3. */
#include "decoder/check/context.h"
#include "decoder/util/virtqueue.h"

static const char *what(const struct rule_context *ctx)
{
	switch (ctx->e->rec->h.type) {
	case VQT_AVAIL: return "the device popped a chain";
	case VQT_USED: return "the device used a chain";
	case VQT_KICK: return "the driver kicked the queue";
	}
	return "the device sent a notification";
}

static enum verdict not_awaited(struct rule_context *ctx)
{
	bool old = reg(ctx)->region == VQT_REGION_LEGACY || check_mmio(ctx->dev);

	if (old != ctx->rule->arg || !ctx->d->reset.number || !ctx->d->reset.written)
		return RULE_NA;
	if ((register_is(ctx, SPEC_REG_DEVICE_STATUS) && !(reg(ctx)->value & 0xff)) ||
	    unmaps_vector(ctx))
		return RULE_NA; /* another reset, or what belongs to this one */
	if (!ctx->d->reset.awaited)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	ctx->d->reset.awaited = false; /* said once */
	return rule_fail(ctx, "%s was written, but device_status has not read 0 since the reset",
			 ctx->e->field ? ctx->e->field->name : "the device configuration");
}

/* A reset may wait for slow storage: as long as a request may take. */
static enum verdict never_done(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (!d->reset.awaited || !d->reset.reads)
		return RULE_NA;
	if (ctx->now - d->reset.ts < STUCK || d->ts_driver - d->reset.ts < STUCK / 2)
		return RULE_NA;
	rule_related(ctx, d->reset.number, "the reset");
	d->reset.reads = 0;
	d->reset.ts = ctx->now;
	return rule_fail(
		ctx,
		"device_status still reads other than 0 for more than %llu s after 0 was written",
		STUCK / SECONDS);
}

static enum verdict busy_after(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (!d->reset.n_done || ctx->now == d->reset.ts)
		return RULE_NA;
	if (ctx->e->rec->h.type == VQT_IRQ && ctx->e->rec->irq.kind == VQT_IRQ_INTX &&
	    !ctx->e->rec->irq.level)
		return RULE_NA;
	if (d->status.n_write)
		return RULE_PASSED;
	rule_related(ctx, d->reset.number, "the reset");
	rule_related(ctx, d->reset.n_done, "device_status read 0");
	return rule_fail(ctx, "%s after its reset had ended", what(ctx));
}

static enum verdict line_after(struct rule_context *ctx)
{
	if (!ctx->d->reset.awaited || reg(ctx)->value & 0xff)
		return RULE_NA;
	/* It may never have been asserted, or its release may be among what was lost. */
	if (!ctx->d->known.n_line || ctx->d->known.n_line <= ctx->d->known.n_lost)
		return RULE_NA;
	if (!ctx->dev->intx)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "the reset is complete, but the INTx line is still asserted");
}

static enum verdict enabled_after(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_ENABLE) || !ctx->q || ctx->d->reset.awaited ||
	    !ctx->d->reset.written)
		return RULE_NA;
	if (!(reg(ctx)->value & 1) || ctx->q->setup.n_enable || ctx->q->setup.n_reset)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(
		ctx,
		"queue_enable of queue %u reads 1, but the queue was not enabled since the reset",
		ctx->q->index);
}

/* Positions start over: 2.7.13, 2.8.1. */
static enum verdict first_position(struct rule_context *ctx)
{
	uint16_t start = ctx->queue->packed ? virtq_position(0, true) : 0, pos;
	bool used = ctx->e->rec->h.type == VQT_USED;

	if (used ? ctx->q->pos.any_used || ctx->e->rec->used.flags & VQT_USED_BATCHED
		 : ctx->q->chain.number || !chain_true(ctx->req) ||
			    ctx->req->flags & VQT_CHAIN_AGAIN)
		return RULE_NA;
	if (ctx->q->draining || ctx->q->pos.avail_unsure || (used && !ctx->q->chain.number))
		return RULE_NA;
	if ((ctx->q->setup.n_reset != 0) != (ctx->rule->arg != 0))
		return RULE_NA;
	pos = used ? ctx->e->rec->used.pos : ctx->req->pos;
	if (pos == start)
		return RULE_PASSED;
	rule_related(ctx, ctx->rule->arg ? ctx->q->setup.n_reset : ctx->d->reset.number,
		     "the reset");
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	return rule_fail(ctx, "the first chain %s since the reset is at position %u%s",
			 used ? "used" : "popped", virtq_slot(pos),
			 ctx->queue->packed && !virtq_wrap(pos) ? " with wrap counter 0" : "");
}

static enum verdict taken_back(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->q->index);
	bool enable = register_is(ctx, SPEC_REG_QUEUE_ENABLE);

	/* 4.2.2, 4.2.4: with QueueReady or QueuePFN a driver may stop using a queue. */
	if (reg(ctx)->region == VQT_REGION_MMIO)
		return RULE_NA;
	if (ctx->e->dropped && register_is(ctx, SPEC_REG_QUEUE_PFN))
		return rule_fail(
			ctx,
			"the queue was taken away with chains in flight, the first since event %llu",
			(unsigned long long)ctx->e->dropped->number);
	if (!(enable || places_queue(ctx) || register_is(ctx, SPEC_REG_QUEUE_SIZE)) || !m ||
	    !ctx->q->setup.n_enable || ctx->d->reset.awaited)
		return RULE_NA;
	if (!m->n_in_flight || (enable && reg(ctx)->value))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	rule_related(ctx, ctx->q->seen.n_avail, "the last chain popped");
	return rule_fail(ctx, "%s was written with %u chains in flight", ctx->e->field->name,
			 m->n_in_flight);
}

/* --- one queue -------------------------------------------------------------- */

static enum verdict qreset_busy(struct rule_context *ctx)
{
	if (!ctx->q->setup.n_reset)
		return RULE_NA;
	if (ctx->q->setup.reset != QRESET_DONE)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_reset, "queue_reset written");
	rule_related(ctx, ctx->q->setup.n_reset_read, "queue_reset read 0");
	return rule_fail(ctx, "%s of queue %u after its reset had ended",
			 ctx->e->rec->h.type == VQT_IRQ ? "a notification" : what(ctx),
			 ctx->q->index);
}

static enum verdict qreset_unread(struct rule_context *ctx)
{
	if (!ctx->q->setup.n_reset || register_is(ctx, SPEC_REG_QUEUE_RESET) ||
	    kick_by_eventfd(ctx))
		return RULE_NA;
	if (ctx->q->setup.reset != QRESET_ASKED)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_reset, "queue_reset written");
	ctx->q->setup.reset = QRESET_NONE;
	return rule_fail(ctx, "queue %u was used again, but queue_reset has not read 0",
			 ctx->q->index);
}

static enum verdict qreset_unconfigured(struct rule_context *ctx)
{
	const struct check_queue *q = ctx->q;

	if (!q->setup.n_reset)
		return RULE_NA;
	if (q->setup.n_desc && q->setup.n_driver && q->setup.n_device)
		return RULE_PASSED;
	rule_related(ctx, q->setup.n_reset, "queue_reset written");
	return rule_fail(ctx, "queue %u was enabled again without its %s address", q->index,
			 !q->setup.n_desc     ? "descriptor area"
			 : !q->setup.n_driver ? "driver area"
					      : "device area");
}

static enum verdict qreset_shown(struct rule_context *ctx)
{
	if (!(reg(ctx)->value & 1))
		return RULE_PASSED;
	if (ctx->q->setup.reset == QRESET_ASKED)
		return RULE_NA;
	rule_related(ctx, ctx->d->reset.number, "the device's reset");
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	if ((ctx->q->setup.n_enable != 0) != (ctx->rule->arg != 0))
		return RULE_NA;
	return rule_fail(ctx, "queue_reset of queue %u reads 1, but it is not being reset",
			 ctx->q->index);
}

static enum verdict qreset_enabled(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_ENABLE) || ctx->q->setup.reset != QRESET_DONE)
		return RULE_NA;
	if (!(reg(ctx)->value & 1))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_reset, "queue_reset written");
	rule_related(ctx, ctx->q->setup.n_reset_read, "queue_reset read 0");
	return rule_fail(ctx, "queue_enable of queue %u reads 1 after its reset had ended",
			 ctx->q->index);
}

static const struct explanation qreset = {
	.why = "A queue is reset by itself while others are busy. Both sides have only queue_reset and\n"
	       "queue_enable to agree on who owns its memory.",
	.right = "queue_select <- n, queue_reset <- 1\n"
		 "queue_reset = 0 (read until it is), queue_enable = 0\n"
		 "queue_size, queue_desc, queue_driver, queue_device written again\n"
		 "queue_enable <- 1\n",
};

#define REGS (NEED_REGS | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "reset-not-awaited", .section = "4.1.4.3.2",
	  .refs = "COMMON-D5 RESET-D1 T04",
	  .text = "After writing 0 to device_status the driver reads it until it is 0, before it "
		  "does anything else.",
	  .needs = REGS,
	  .at = AT(STATUS_WRITE) | AT(FEATURE_WRITE) | AT(QUEUE_WRITE) | AT(CONFIG_WRITE),
	  .check = not_awaited,
	  .wrong = "device_status <- 0, then <- ACKNOWLEDGE with no read between" },
	{ DRIVER_SHOULD, .id = "legacy-reset-not-read", .section = "2.4.2", .refs = "RESET-D1 T04",
	  .text = "In the legacy interface, too, the driver considers a reset complete when "
		  "device_status reads 0.",
	  .needs = REGS,
	  .at = AT(STATUS_WRITE) | AT(FEATURE_WRITE) | AT(QUEUE_WRITE) | AT(CONFIG_WRITE) |
		ONLY(PCI),
	  .check = not_awaited, .arg = 1,
	  .wrong = "device_status <- 0, then <- ACKNOWLEDGE with no read between" },
	{ DRIVER_SHOULD, .id = "mmio-reset-not-read", .section = "2.4.2", .refs = "RESET-D1 T04",
	  .text = "On virtio-mmio the driver considers a reset complete when Status reads 0.",
	  .needs = REGS,
	  .at = AT(STATUS_WRITE) | AT(FEATURE_WRITE) | AT(QUEUE_WRITE) | AT(CONFIG_WRITE) |
		ONLY(MMIO),
	  .check = not_awaited, .arg = 1,
	  .wrong = "Status <- 0, then <- ACKNOWLEDGE with no read between" },
	{ DEVICE_MUST, .id = "reset-never-ends", .section = "2.4.1",
	  .refs = "RESET-V1 COMMON-V7 T04",
	  .text = "After a reset is complete device_status reads 0.", .needs = REGS,
	  .at = AT(STATUS_READ) | AT(TICK) | AT(END), .check = never_done,
	  .wrong = "device_status <- 0, and it reads 0x0f for ever" },
	{ DEVICE_MUST, .id = "busy-after-reset", .section = "2.4.1", .refs = "RESET-V2 T05",
	  .text = "After device_status reads 0 the device accesses no queues and sends no "
		  "notifications.",
	  .needs = REGS | NEED_DEVICE,
	  .at = AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ) | AT(CONFIG_IRQ) | AT(INTX) | AT(MSIX),
	  .check = busy_after, .wrong = "device_status = 0, then a chain of before is used" },
	{ DEVICE_MUST, .id = "intx-kept-over-reset", .section = "2.4.1", .refs = "RESET-V2 T05",
	  .text = "A reset deasserts the INTx line.", .needs = REGS, .at = AT(STATUS_READ),
	  .check = line_after,
	  .wrong = "INTx asserted, device_status <- 0, = 0, the line still up" },
	{ DEVICE_MUST, .id = "enabled-after-reset", .section = "4.1.4.3.1",
	  .refs = "COMMON-V8 COMMON-V7 T05",
	  .text = "After a reset queue_enable reads 0 for every queue.", .needs = REGS,
	  .at = AT(QUEUE_READ), .check = enabled_after,
	  .wrong = "device_status = 0, queue_enable = 1" },
	{ DEVICE_MUST, .id = "position-kept-over-reset", .section = "4.1.4.3.1", .mmio = "2.4.1",
	  .legacy = "2.4.1", .refs = "COMMON-V7 T05",
	  .text = "After a reset the device pops and uses chains from the start of the rings.",
	  .needs = NEED_CHAIN | NEED_LIFE | NEED_FLIGHT | NEED_DEVICE,
	  .at = AT(CHAIN) | AT(USED) | ONLY(FIRST), .check = first_position,
	  .wrong = "after the reset the first chain is popped from available index 17" },
	{ DRIVER_MUST, .id = "buffers-taken-back", .section = "3.3.1",
	  .refs = "INIT-D16 INIT-D15 T06",
	  .text = "The driver takes back buffers in flight only by resetting the device or the queue.",
	  .needs = REGS | NEED_CHAIN | NEED_FLIGHT, .at = AT(QUEUE_WRITE), .check = taken_back,
	  .wrong = "a chain is in flight, queue_address <- 0" },
	{ DEVICE_MUST, .id = "qreset-busy", .section = "2.6.1.1.1",
	  .refs = "QRESET-V1 COMMON-V11 COMMON-V12 MMIO-V10 MMIO-V11",
	  .text = "After the reset of a queue is complete the device does not access it until it "
		  "is enabled again.",
	  .needs = REGS | NEED_DEVICE, .at = AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ) | ONLY(QRESET),
	  .check = qreset_busy, .explanation = &qreset,
	  .wrong = "queue_reset = 0, then a chain of that queue is used" },
	{ DEVICE_MUST, .id = "qreset-position", .section = "2.6.1.1.1", .refs = "QRESET-V2",
	  .text = "After the reset of a queue the device starts at the beginning of its rings.",
	  .needs = NEED_CHAIN | NEED_LIFE | NEED_FLIGHT | NEED_DEVICE,
	  .at = AT(CHAIN) | AT(USED) | ONLY(QRESET), .check = first_position, .arg = 1,
	  .explanation = &qreset,
	  .wrong = "queue_reset, queue_enable, the first chain is popped from index 17" },
	{ DRIVER_MUST, .id = "qreset-unread", .section = "2.6.1.1.2",
	  .refs = "QRESET-D1 COMMON-D7 MMIO-D21",
	  .text = "The driver does not touch a queue that it has reset until queue_reset reads 0.",
	  .needs = REGS, .at = AT(QUEUE_WRITE) | AT(KICK), .check = qreset_unread,
	  .explanation = &qreset, .wrong = "queue_reset <- 1, queue_enable <- 1" },
	{ DRIVER_MUST, .id = "qreset-unconfigured", .section = "2.6.1.2.2", .refs = "QRESET-D3",
	  .text = "After resetting a queue the driver sets it up again before it enables it.",
	  .needs = REGS, .at = AT(ENABLE), .check = qreset_unconfigured, .explanation = &qreset,
	  .wrong = "queue_reset = 0, queue_enable <- 1 without addresses" },
	{ DEVICE_MUST, .id = "qreset-after-reset", .section = "4.1.4.3.1", .mmio = "4.2.2.1",
	  .refs = "COMMON-V9 MMIO-V8", .text = "After a device reset queue_reset reads 0.",
	  .needs = REGS, .at = AT(QRESET_READ), .check = qreset_shown, .explanation = &qreset,
	  .wrong = "device_status = 0, queue_reset = 1" },
	{ DEVICE_MUST, .id = "qreset-after-enable", .section = "4.1.4.3.1", .mmio = "4.2.2.1",
	  .refs = "COMMON-V10 MMIO-V9", .text = "After a queue is enabled queue_reset reads 0.",
	  .needs = REGS, .at = AT(QRESET_READ), .check = qreset_shown, .arg = 1,
	  .explanation = &qreset, .wrong = "queue_enable <- 1, queue_reset = 1" },
	{ DEVICE_MUST, .id = "qreset-still-enabled", .section = "4.1.4.3.1", .mmio = "4.2.2.1",
	  .refs = "COMMON-V13 MMIO-V12",
	  .text = "When the reset of a queue is complete both queue_reset and queue_enable read 0.",
	  .needs = REGS, .at = AT(QUEUE_READ), .check = qreset_enabled, .explanation = &qreset,
	  .wrong = "queue_reset = 0, queue_enable = 1" },
};

const struct rule_table rules_reset = {
	RULES(rows),
	.why = "Until device_status reads 0 the device may still write to memory and raise interrupts. If\n"
	       "the driver does not wait, or the device shows 0 too early, memory is corrupted that is used\n"
	       "for something else by then, so rarely that nobody suspects the reset.",
	.right = "device_status <- 0\n"
		 "device_status = 0 (read until it is)\n"
		 "the device does nothing any more; its memory can be reused\n"
		 "initialisation starts over: all positions and registers have their defaults\n",
};
