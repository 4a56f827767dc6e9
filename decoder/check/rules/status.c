/* SPDX-License-Identifier: MIT */
/* Device status and the order of initialisation: 2.1, 3.1. */
#include "decoder/check/context.h"

#define ACK VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRV VIRTIO_CONFIG_S_DRIVER
#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED VIRTIO_CONFIG_S_FAILED

static uint8_t value(const struct rule_context *ctx)
{
	return (uint8_t)reg(ctx)->value;
}

static const char *status(const struct rule_context *ctx, unsigned v)
{
	static _Thread_local char buf[2][96];
	static _Thread_local unsigned n;

	return spec_format_status(buf[n++ & 1], sizeof(buf[0]), v);
}

static enum verdict bit_cleared(struct rule_context *ctx)
{
	uint8_t free = NEEDS_RESET, lost;

	if (!value(ctx) || !ctx->e->before_known || ctx->d->reset.awaited)
		return RULE_NA;
	if (accepted(ctx, VIRTIO_F_SUSPEND))
		free |= VIRTIO_CONFIG_S_SUSPEND | DRIVER_OK;
	lost = ctx->e->status_before & (uint8_t)~value(ctx) & (uint8_t)~free;
	if (!lost)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_write, "the status before");
	return rule_fail(ctx, "device_status was %s and the driver wrote %s",
			 status(ctx, ctx->e->status_before), status(ctx, value(ctx)));
}

/* arg: the bit that comes too early, low byte; those it needs, high byte. */
static enum verdict step_order(struct rule_context *ctx)
{
	uint8_t bit = ctx->rule->arg & 0xff, needs = (ctx->rule->arg >> 8) & 0xff;

	if (!(sets(ctx) & bit))
		return RULE_NA;
	/* The legacy interface has no FEATURES_OK. */
	if (needs & FEATURES_OK && !modern(ctx) && !modern_access(ctx))
		return RULE_NA;
	/* A bit that was set and is cleared by this write was not left out. */
	if (((value(ctx) | ctx->e->status_before) & needs) == needs)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->status.n_write, "the status before");
	return rule_fail(ctx, "device_status went from %s to %s",
			 status(ctx, ctx->e->status_before), status(ctx, value(ctx)));
}

/* Features are written, or a queue enabled, with the bit `arg` never set. */
static enum verdict bit_missing(struct rule_context *ctx)
{
	if (ctx->d->reset.awaited || !ctx->dev->status_known)
		return RULE_NA;
	if (ctx->d->status.ever & ctx->rule->arg)
		return RULE_PASSED;
	if (ctx->d->status.missed & ctx->rule->arg)
		return RULE_NA; /* said once: whatever follows is by the same omission */
	ctx->d->status.missed |= (uint8_t)ctx->rule->arg;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->status.n_write, "the status before");
	return rule_fail(ctx, "%s was written while device_status is %s", ctx->e->field->name,
			 status(ctx, ctx->dev->status));
}

static enum verdict steps_merged(struct rule_context *ctx)
{
	uint8_t steps = sets(ctx) & (ACK | DRV | FEATURES_OK | DRIVER_OK);

	if (!steps)
		return RULE_NA;
	if (!(steps & (steps - 1)))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "one write set several bits: %s to %s",
			 status(ctx, ctx->e->status_before), status(ctx, value(ctx)));
}

static enum verdict no_reset_first(struct rule_context *ctx)
{
	if (!value(ctx) || ctx->e->status_before || ctx->d->status.n_write)
		return RULE_NA;
	if (ctx->d->reset.written)
		return RULE_PASSED;
	return rule_fail(ctx, "the first status written is %s, without a 0 before it",
			 status(ctx, value(ctx)));
}

static enum verdict after_failed(struct rule_context *ctx)
{
	if (!ctx->d->status.n_failed || ctx->d->reset.awaited || unmaps_vector(ctx))
		return RULE_NA;
	if (register_is(ctx, SPEC_REG_DEVICE_STATUS) &&
	    (!value(ctx) || value(ctx) == ctx->d->status.written))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_failed, "FAILED set");
	return rule_fail(ctx, "%s was written after FAILED, without a reset",
			 ctx->e->field ? ctx->e->field->name : "a register");
}

/* A set-up access: it belongs after FEATURES_OK was confirmed. */
static bool sets_up(const struct rule_context *ctx)
{
	if (!is_write(ctx) || !ctx->e->field)
		return false;
	if (register_is(ctx, SPEC_REG_DEVICE_STATUS))
		return value(ctx) & DRIVER_OK;
	return ctx->e->field->flags & SPEC_PER_QUEUE || reg(ctx)->region == VQT_REGION_DEVICE;
}

static enum verdict features_ok_unread(struct rule_context *ctx)
{
	if (!modern(ctx) || !ctx->d->status.n_features_ok || !sets_up(ctx) || ctx->d->reset.awaited)
		return RULE_NA;
	if (ctx->d->features.unread)
		return RULE_NA; /* said once */
	if (ctx->d->features.answered || ctx->d->status.n_driver_ok)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	ctx->d->features.unread = true;
	return rule_fail(ctx,
			 "%s was written, but device_status was not read since FEATURES_OK was set",
			 ctx->e->field->name);
}

static enum verdict after_refusal(struct rule_context *ctx)
{
	if (!ctx->d->features.refused || !sets_up(ctx))
		return RULE_NA;
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	rule_related(ctx, ctx->d->features.n_refused, "the device showed it clear");
	return rule_fail(ctx, "%s was written although the device did not keep FEATURES_OK",
			 ctx->e->field->name);
}

/*
 * arg: 0 more features, 1 fewer, or the same again: allowed by the letter, and nothing a
 * device can act on.
 */
static enum verdict features_rewritten(struct rule_context *ctx)
{
	bool fewer = ctx->rule->arg;
	uint32_t now = (uint32_t)reg(ctx)->value, before = (uint32_t)ctx->e->before, change;

	if (!modern(ctx) || !ctx->e->before_known)
		return RULE_NA;
	if (!(ctx->dev->status & FEATURES_OK) || ctx->d->features.refused)
		return fewer ? RULE_NA : RULE_PASSED;
	change = fewer ? before & ~now : now & ~before;
	if (!change)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "driver_feature[%u] %s 0x%08x after FEATURES_OK", ctx->e->select,
			 fewer ? "lost" : "gained", change);
}

static enum verdict features_unread(struct rule_context *ctx)
{
	unsigned words = modern(ctx) ? 3 : 1;

	if (!(sets(ctx) & FEATURES_OK))
		return RULE_NA;
	if ((ctx->d->features.offer_read & words) == words)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx,
			 "FEATURES_OK was set, but device_feature[%u] was not read since the reset",
			 ctx->d->features.offer_read & 1);
}

static enum verdict features_unwritten(struct rule_context *ctx)
{
	if (!(sets(ctx) & FEATURES_OK))
		return RULE_NA;
	if (ctx->d->features.accept_written)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx,
			 "FEATURES_OK was set, but driver_feature was not written since the reset");
}

static enum verdict config_written_early(struct rule_context *ctx)
{
	if (!modern(ctx) || reg(ctx)->region == VQT_REGION_LEGACY)
		return RULE_NA;
	if (ctx->dev->status & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(
		ctx, "%s of the device configuration was written while device_status is %s",
		ctx->e->field ? ctx->e->field->name : "a byte", status(ctx, ctx->dev->status));
}

/*
 * Version 1 of virtio-mmio has no FEATURES_OK, but an order (3.1.2): features that are
 * negotiated after all were so too late for the queues there are.
 */
static enum verdict queue_before_features(struct rule_context *ctx)
{
	enum verdict v = RULE_PASSED;

	if (!check_mmio(ctx->dev) || !legacy_access(ctx) || ctx->d->features.n_accept ||
	    (register_is(ctx, SPEC_REG_DEVICE_STATUS) && !(sets(ctx) & FEATURES_OK)))
		return RULE_NA;
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		if (!q->setup.n_enable)
			continue;
		rule_related(ctx, q->setup.n_enable, "the queue's address set");
		v = rule_fail_queue(ctx, q->index,
				    "queue %u was set up before features were negotiated",
				    q->index);
	}
	return v;
}

static enum verdict queue_too_early(struct rule_context *ctx)
{
	if (register_is(ctx, SPEC_REG_DEVICE_STATUS) || register_is(ctx, SPEC_REG_DRIVER_FEATURES))
		return queue_before_features(ctx);
	if (!modern(ctx) || ctx->d->reset.awaited)
		return RULE_NA;
	if (ctx->dev->status & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "queue %u was enabled while device_status is %s",
			 ctx->dev->queue_select, status(ctx, ctx->dev->status));
}

static enum verdict queue_too_late(struct rule_context *ctx)
{
	if (!modern(ctx))
		return RULE_NA;
	if (!(ctx->dev->status & DRIVER_OK) ||
	    (ctx->q && (ctx->q->setup.n_reset || ctx->q->setup.stopped)))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_driver_ok, "DRIVER_OK set");
	return rule_fail(ctx, "queue %u was enabled after DRIVER_OK", ctx->dev->queue_select);
}

static enum verdict no_queue(struct rule_context *ctx)
{
	if (!(sets(ctx) & DRIVER_OK))
		return RULE_NA;
	for (const struct model_queue *q = ctx->dev->queues; q; q = q->hh.next)
		if (q->enabled)
			return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->n_setup, "the last write to a queue register");
	return rule_fail(ctx, "DRIVER_OK was set, but no queue is enabled");
}

static enum verdict legacy_features_ok(struct rule_context *ctx)
{
	if (!legacy_access(ctx))
		return RULE_NA;
	if (!(sets(ctx) & FEATURES_OK))
		return RULE_PASSED;
	return rule_fail(ctx, "FEATURES_OK was written to the legacy status register");
}

static enum verdict modern_on_legacy(struct rule_context *ctx)
{
	if (!(sets(ctx) & FEATURES_OK) || reg(ctx)->region != VQT_REGION_COMMON ||
	    !offered_known(ctx, VIRTIO_F_VERSION_1))
		return RULE_NA;
	if (offered(ctx, VIRTIO_F_VERSION_1))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	return rule_fail(ctx, "FEATURES_OK was set though VIRTIO_F_VERSION_1 is not offered");
}

static enum verdict abandoned(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (!(d->status.ever & DRV) || d->status.n_driver_ok || d->status.n_failed ||
	    d->reset.awaited)
		return RULE_NA;
	if (ctx->now - d->ts_driver < ABANDONED || ctx->driver_ts <= d->ts_driver ||
	    d->status.ts_abandoned == d->ts_driver)
		return RULE_NA;
	d->status.ts_abandoned = d->ts_driver;
	rule_related(ctx, d->status.n_write, "the last status write");
	return rule_fail(ctx, "initialisation stopped at %s, without FAILED or a reset",
			 status(ctx, d->status.written));
}

static enum verdict kick_early(struct rule_context *ctx)
{
	if (!modern(ctx) || ctx->q->draining || !ctx->dev->status_known)
		return RULE_NA;
	if (ctx->d->status.n_driver_ok)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "queue %u was kicked while device_status is %s", ctx->q->index,
			 status(ctx, ctx->dev->status));
}

static enum verdict consumed_early(struct rule_context *ctx)
{
	if (!modern(ctx) || ctx->q->draining || !ctx->d->status.n_write)
		return RULE_NA;
	if (ctx->d->status.n_driver_ok)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "the device %s while device_status is %s",
			 ctx->e->rec->h.type == VQT_AVAIL  ? "popped a chain"
			 : ctx->e->rec->h.type == VQT_USED ? "used a chain"
							   : "sent a notification",
			 status(ctx, ctx->dev->status));
}

/* --- what the device shows -------------------------------------------------- */

static enum verdict device_failed(struct rule_context *ctx)
{
	if (ctx->d->reset.awaited)
		return RULE_NA;
	if (!(value(ctx) & FAILED) || ctx->d->status.ever & FAILED)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "device_status reads %s, but the driver did not set FAILED",
			 status(ctx, value(ctx)));
}

static enum verdict device_set_bits(struct rule_context *ctx)
{
	uint8_t extra =
		value(ctx) & (ACK | DRV | DRIVER_OK | FEATURES_OK) & (uint8_t)~ctx->d->status.ever;

	if (ctx->d->reset.awaited)
		return RULE_NA;
	if (!extra)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "device_status reads %s, but the driver did not set %s",
			 status(ctx, value(ctx)), status(ctx, extra));
}

/* QEMU stops a device whose bus mastering was taken away. */
static bool bus_master_off(const struct rule_context *ctx)
{
	uint32_t command;

	return check_pci(ctx->dev, PCI_COMMAND, 2, &command) && !(command & PCI_COMMAND_MASTER);
}

static enum verdict device_cleared(struct rule_context *ctx)
{
	uint8_t lost = ctx->d->status.written & (uint8_t)~value(ctx) &
		       (ACK | DRV | DRIVER_OK | FEATURES_OK);

	if (ctx->d->reset.awaited || !ctx->d->status.n_write || bus_master_off(ctx) ||
	    ctx->d->suspend.state)
		return RULE_NA;
	/* Its way to refuse, 2.2.2, whatever the driver makes of it; unless it was seen to agree. */
	if (!ctx->d->status.n_driver_ok || !ctx->d->agreed.known ||
	    ctx->d->agreed.number < ctx->d->status.n_features_ok)
		lost &= (uint8_t)~FEATURES_OK;
	if (!lost)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "device_status reads %s after the driver wrote %s",
			 status(ctx, value(ctx)), status(ctx, ctx->d->status.written));
}

static enum verdict needs_reset_silent(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->irqs.needs_reset;

	if (!o->number || ctx->now - o->ts < STALL || changes_unheard(ctx))
		return RULE_NA;
	rule_related(ctx, o->number, "DEVICE_NEEDS_RESET read");
	rule_related(ctx, ctx->d->irqs.n_config, "the last configuration change notification");
	o->number = 0;
	return rule_fail(
		ctx,
		"device_status shows DEVICE_NEEDS_RESET, but no configuration change notification came");
}

static enum verdict kick_needs_reset(struct rule_context *ctx)
{
	if (reported(ctx) || !ctx->d->status.n_needs_reset)
		return RULE_NA;
	rule_related(ctx, ctx->d->status.n_needs_reset, "DEVICE_NEEDS_RESET read");
	return rule_fail(ctx, "queue %u was kicked although the driver has read DEVICE_NEEDS_RESET",
			 ctx->q->index);
}

static enum verdict error_hidden(struct rule_context *ctx)
{
	if (!ctx->d->status.n_error || !modern(ctx) || ctx->d->reset.awaited)
		return RULE_NA;
	if (value(ctx) & NEEDS_RESET)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_error, "the device's error");
	return rule_fail(ctx, "device_status reads %s after the device reported an error",
			 status(ctx, value(ctx)));
}

static const struct explanation trouble = {
	.why = "Only status bits tell the driver that the device has given up, and the device that the\n"
	       "driver has. If a side does not set them, or sets those of the other side, requests hang\n"
	       "without a visible cause.",
	.right = "the device meets an error: it sets DEVICE_NEEDS_RESET\n"
		 "it sends a configuration change notification\n"
		 "the driver reads device_status, stops using the queues, resets the device\n",
};

#define ORDER(bit, needs) ((bit) | (needs) << 8)
#define REGS (NEED_REGS | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "status-bit-cleared", .section = "2.1.1", .refs = "STATUS-D2 T03",
	  .text = "The driver clears a status bit only by resetting the device, that is, by writing 0.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = bit_cleared,
	  .wrong = "device_status <- ACKNOWLEDGE|DRIVER, then <- FEATURES_OK alone" },
	{ DRIVER_MUST, .id = "init-without-reset", .section = "3.1.1", .refs = "INIT-D1",
	  .text = "The driver begins initialisation with a reset of the device.", .needs = REGS,
	  .at = AT(STATUS_WRITE), .check = no_reset_first,
	  .wrong = "the first status write is ACKNOWLEDGE" },
	{ DRIVER_MUST, .id = "acknowledge-missing", .section = "3.1.1",
	  .refs = "INIT-D2 STATUS-D1 T02",
	  .text = "The driver sets ACKNOWLEDGE before it negotiates features or enables a queue.",
	  .needs = REGS, .at = AT(FEATURE_WRITE) | AT(ENABLE), .check = bit_missing, .arg = ACK,
	  .wrong = "device_status <- 0, then driver_feature is written" },
	{ DRIVER_MUST, .id = "driver-missing", .section = "3.1.1", .refs = "INIT-D3 STATUS-D1 T02",
	  .text = "The driver sets DRIVER before it negotiates features or enables a queue.",
	  .needs = REGS, .at = AT(FEATURE_WRITE) | AT(ENABLE), .check = bit_missing, .arg = DRV,
	  .wrong = "device_status <- ACKNOWLEDGE, then driver_feature is written" },
	{ DRIVER_MUST, .id = "features-ok-before-driver", .section = "3.1.1",
	  .refs = "STATUS-D1 INIT-D3 T02",
	  .text = "The driver sets FEATURES_OK after ACKNOWLEDGE and DRIVER.", .needs = REGS,
	  .at = AT(STATUS_WRITE), .check = step_order, .arg = ORDER(FEATURES_OK, ACK | DRV),
	  .wrong = "device_status <- ACKNOWLEDGE|FEATURES_OK" },
	{ DRIVER_MUST, .id = "driver-ok-without-features-ok", .section = "3.1.1",
	  .refs = "INIT-D6 STATUS-D1 T02",
	  .text = "With VIRTIO_F_VERSION_1 the driver sets FEATURES_OK before DRIVER_OK.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = step_order,
	  .arg = ORDER(DRIVER_OK, FEATURES_OK),
	  .wrong = "device_status <- ACKNOWLEDGE|DRIVER|DRIVER_OK" },
	{ DRIVER_SUSPICIOUS, .id = "status-steps-merged", .section = "2.1.1",
	  .refs = "STATUS-D1 T02",
	  .text = "The driver sets each status bit in a write of its own; merging some is common "
		  "and mostly harmless.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = steps_merged,
	  .wrong = "device_status <- ACKNOWLEDGE|DRIVER in one write" },
	{ DRIVER_MUST, .id = "features-unread", .section = "3.1.1", .refs = "INIT-D4 FEAT-D2 T02",
	  .text = "The driver reads all words of device_feature before it sets FEATURES_OK.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = features_unread,
	  .wrong = "FEATURES_OK is set and device_feature[1] was never read" },
	{ DRIVER_MUST, .id = "features-unwritten", .section = "3.1.1", .refs = "INIT-D4",
	  .text = "The driver writes driver_feature before it sets FEATURES_OK.", .needs = REGS,
	  .at = AT(STATUS_WRITE), .check = features_unwritten,
	  .wrong = "FEATURES_OK is set and driver_feature was never written" },
	{ DRIVER_MUST, .id = "features-ok-unread", .section = "3.1.1", .refs = "INIT-D8 T02",
	  .text = "After setting FEATURES_OK the driver reads device_status to learn whether the "
		  "device accepts the features.",
	  .needs = REGS, .at = AT(STATUS_WRITE) | AT(QUEUE_WRITE) | AT(CONFIG_WRITE),
	  .check = features_ok_unread,
	  .wrong = "device_status <- ...|FEATURES_OK, then queue_size is written" },
	{ DRIVER_MUST, .id = "init-after-refusal", .section = "3.1.1",
	  .refs = "INIT-D8 INIT-D12 T02",
	  .text = "The driver does not continue an initialisation whose features the device refused.",
	  .needs = REGS, .at = AT(STATUS_WRITE) | AT(QUEUE_WRITE) | AT(CONFIG_WRITE),
	  .check = after_refusal,
	  .wrong = "device_status reads without FEATURES_OK, then queues are set up" },
	{ DRIVER_MUST, .id = "features-after-features-ok", .section = "3.1.1",
	  .refs = "INIT-D7 T03", .text = "The driver accepts no more features after FEATURES_OK.",
	  .needs = REGS, .at = AT(FEATURE_WRITE), .check = features_rewritten,
	  .wrong = "driver_feature is written again with more bits, after FEATURES_OK" },
	{ DRIVER_SUSPICIOUS, .id = "features-dropped-late", .section = "3.1.1", .refs = "T08",
	  .text = "The driver drops no features after FEATURES_OK: the device keeps to those it "
		  "agreed to.",
	  .needs = REGS, .at = AT(FEATURE_WRITE), .check = features_rewritten, .arg = 1,
	  .wrong = "driver_feature[0] <- 0 after FEATURES_OK" },
	{ DRIVER_MUST, .id = "config-written-early", .section = "3.1.1", .refs = "INIT-D5",
	  .text = "The driver does not write the device configuration before FEATURES_OK; it may "
		  "read it.",
	  .needs = REGS, .at = AT(CONFIG_WRITE), .check = config_written_early,
	  .wrong = "writeback is written before FEATURES_OK" },
	{ DRIVER_MUST, .id = "queue-set-up-early", .section = "3.1.1", .refs = "INIT-D9 T02",
	  .text = "The driver sets up queues after FEATURES_OK.", .needs = REGS,
	  .at = AT(ENABLE) | AT(FEATURE_WRITE) | AT(STATUS_WRITE), .check = queue_too_early,
	  .wrong = "queue_enable <- 1 before FEATURES_OK" },
	{ DRIVER_SUSPICIOUS, .id = "queue-enabled-late", .section = "3.1.1", .refs = "INIT-D9",
	  .text = "The driver enables queues before DRIVER_OK, except after resetting a single queue.",
	  .needs = REGS, .at = AT(ENABLE), .check = queue_too_late,
	  .wrong = "queue_enable <- 1 after DRIVER_OK" },
	{ DRIVER_STRUCTURAL, .id = "driver-ok-without-queue", .section = "3.1.1", .refs = "I18 T17",
	  .text = "The driver enables at least one queue before it sets DRIVER_OK.", .needs = REGS,
	  .at = AT(STATUS_WRITE), .check = no_queue,
	  .wrong = "device_status <- ...|DRIVER_OK with no queue_enable before" },
	{ DRIVER_MUST, .id = "kick-before-driver-ok", .section = "3.1.1",
	  .refs = "INIT-D13 INIT-D10 T01", .text = "The driver kicks no queue before DRIVER_OK.",
	  .needs = REGS | NEED_KICK, .at = AT(KICK), .check = kick_early,
	  .wrong = "queue_enable <- 1, kick, then DRIVER_OK" },
	{ DRIVER_MUST, .id = "legacy-features-ok", .section = "3.1.2", .refs = "INIT-D14 T10",
	  .text = "The driver does not set FEATURES_OK through the legacy interface, which does "
		  "not have it.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = legacy_features_ok,
	  .wrong = "0x0b is written to the legacy status register" },
	{ DRIVER_MUST, .id = "features-ok-on-legacy-device", .section = "2.2.3", .refs = "FEAT-D9",
	  .text = "The driver treats a device that does not offer VIRTIO_F_VERSION_1 as a legacy "
		  "device.",
	  .needs = REGS, .at = AT(STATUS_WRITE), .check = modern_on_legacy,
	  .wrong = "device_feature[1] lacks bit 0, FEATURES_OK is set" },
	{ DRIVER_SHOULD, .id = "init-abandoned", .section = "3.1.1", .refs = "INIT-D11 FEAT-D7",
	  .text = "A driver that gives up on a device sets FAILED or resets the device.",
	  .needs = REGS, .at = AT(TICK), .check = abandoned,
	  .wrong = "device_status stays at ACKNOWLEDGE|DRIVER for ever" },
	{ DRIVER_MUST, .id = "used-after-failed", .section = "2.1.1",
	  .refs = "STATUS-D3 INIT-D12 T02",
	  .text = "After setting FAILED the driver resets the device before it initialises it again.",
	  .needs = REGS, .at = AT(STATUS_WRITE) | AT(FEATURE_WRITE) | AT(QUEUE_WRITE),
	  .check = after_failed, .explanation = &trouble,
	  .wrong = "device_status <- FAILED, then ACKNOWLEDGE without 0 between" },
	{ DRIVER_SHOULD, .id = "kick-after-needs-reset", .section = "2.1.1", .refs = "STATUS-D4",
	  .text = "A driver that has read DEVICE_NEEDS_RESET does not rely on further completions.",
	  .needs = REGS | NEED_KICK, .at = AT(KICK), .check = kick_needs_reset,
	  .explanation = &trouble, .wrong = "device_status reads with 0x40, kicks go on" },
	{ DEVICE_MUST, .id = "served-before-driver-ok", .section = "2.1.2", .refs = "STATUS-V1",
	  .text = "Before DRIVER_OK the device pops no chains and sends no used buffer notifications.",
	  .needs = REGS | NEED_DEVICE, .at = AT(CHAIN) | AT(USED) | AT(QUEUE_IRQ),
	  .check = consumed_early, .wrong = "the device takes a chain, then DRIVER_OK is written" },
	{ DEVICE_STRUCTURAL, .id = "device-sets-failed", .section = "2.1", .refs = "T22",
	  .text = "The device does not set FAILED, which is the driver's; in an error it sets "
		  "DEVICE_NEEDS_RESET.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = device_failed, .explanation = &trouble,
	  .wrong = "device_status reads with 0x80 that nobody wrote" },
	{ DEVICE_STRUCTURAL, .id = "device-sets-status-bits", .section = "2.1", .refs = "T03",
	  .text = "The device sets no status bit that the driver has not written, except "
		  "DEVICE_NEEDS_RESET.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = device_set_bits, .explanation = &trouble,
	  .wrong = "device_status <- ACKNOWLEDGE, and it reads as ACKNOWLEDGE|DRIVER" },
	{ DEVICE_STRUCTURAL, .id = "device-clears-status-bits", .section = "2.1", .refs = "T03",
	  .text = "The device keeps the status bits that the driver has written until a reset; "
		  "it may refuse FEATURES_OK only.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = device_cleared, .explanation = &trouble,
	  .wrong = "device_status <- ...|DRIVER_OK, and it reads without DRIVER" },
	{ DEVICE_MUST, .id = "needs-reset-silent", .section = "2.1.2", .refs = "STATUS-V3 T22",
	  .text = "A device that sets DEVICE_NEEDS_RESET after DRIVER_OK sends a configuration "
		  "change notification.",
	  .needs = REGS | NEED_IRQ, .at = AT(TICK) | AT(END), .check = needs_reset_silent,
	  .explanation = &trouble,
	  .wrong = "device_status reads with 0x40 and no notification comes" },
	{ DEVICE_SHOULD, .id = "error-without-needs-reset", .section = "2.1.2", .refs = "STATUS-V2",
	  .text = "A device in an error that only a reset can end sets DEVICE_NEEDS_RESET.",
	  .needs = REGS, .at = AT(STATUS_READ), .check = error_hidden, .explanation = &trouble,
	  .wrong = "the device stops serving, device_status still reads 0x0f" },
};

const struct rule_table rules_status = {
	RULES(rows),
	.why = "Each bit tells the device how far the driver has come. A device may prepare, refuse or\n"
	       "start work at a step; a driver that skips, merges or repeats steps works with the devices\n"
	       "it was tried on and fails with the next.",
	.right = "device_status <- 0, until it reads 0\n"
		 "device_status <- ACKNOWLEDGE, then <- ACKNOWLEDGE|DRIVER\n"
		 "read device_feature, write driver_feature\n"
		 "device_status <- ...|FEATURES_OK; read it: the bit is still set\n"
		 "set up queues, interrupts, configuration\n"
		 "device_status <- ...|DRIVER_OK, and only then kick\n",
};
