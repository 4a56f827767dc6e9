/* SPDX-License-Identifier: MIT */
/* Block device features and configuration: 5.2.3 to 5.2.5. */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK

/* The read covers the byte at `at` of the configuration; its value. */
static bool reads(const struct rule_context *ctx, unsigned at, uint8_t *value)
{
	uint32_t from = config_offset(ctx);

	if (at < from || at >= from + reg(ctx)->width || at - from > 7)
		return false;
	*value = (uint8_t)(reg(ctx)->value >> (8 * (at - from)));
	return true;
}

static enum verdict ro_refused(struct rule_context *ctx)
{
	if (!settles(ctx) || !offered_known(ctx, VIRTIO_BLK_F_RO) || !offered(ctx, VIRTIO_BLK_F_RO))
		return RULE_NA;
	if (accepted(ctx, VIRTIO_BLK_F_RO))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	return rule_fail(ctx, "VIRTIO_BLK_F_RO is offered, but was not accepted");
}

/* arg: 1 because of CONFIG_WCE */
static enum verdict no_flush(struct rule_context *ctx)
{
	if (ctx->e->select || !offered_known(ctx, 0))
		return RULE_NA;
	if (ctx->rule->arg && !offered(ctx, VIRTIO_BLK_F_CONFIG_WCE))
		return RULE_NA;
	if (offered(ctx, VIRTIO_BLK_F_FLUSH))
		return RULE_PASSED;
	if (!ctx->rule->arg && offered(ctx, VIRTIO_BLK_F_CONFIG_WCE))
		return RULE_NA; /* the other row's */
	return rule_fail(ctx, "VIRTIO_BLK_F_FLUSH is not offered%s",
			 ctx->rule->arg ? ", CONFIG_WCE is" : "");
}

static enum verdict writeback_early(struct rule_context *ctx)
{
	uint8_t v;

	if (!reads(ctx, BLK_CFG_WRITEBACK, &v) || !modern(ctx))
		return RULE_NA;
	if (ctx->dev->status & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_write, "the last status write");
	return rule_fail(ctx, "writeback was read before FEATURES_OK");
}

static enum verdict writeback_on(struct rule_context *ctx)
{
	uint8_t v;

	if (!reads(ctx, BLK_CFG_WRITEBACK, &v) || !modern(ctx) || !negotiated(ctx) ||
	    !accepted(ctx, VIRTIO_BLK_F_CONFIG_WCE) || accepted(ctx, VIRTIO_BLK_F_FLUSH))
		return RULE_NA;
	if (!v || blk_memory(ctx)->writeback_set)
		return v ? RULE_NA : RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "writeback reads %u with CONFIG_WCE and without FLUSH negotiated", v);
}

/* arg: 1 unused2, which belongs to zones */
static enum verdict padding(struct rule_context *ctx)
{
	static const uint8_t bytes[2][5] = { { 33, 57, 58, 59, 0 }, { 93, 94, 95, 0, 0 } };
	bool any = false;
	uint8_t v;

	if (ctx->rule->arg && !accepted(ctx, VIRTIO_BLK_F_ZONED))
		return RULE_NA;
	for (unsigned i = 0; bytes[ctx->rule->arg][i]; i++) {
		if (!reads(ctx, bytes[ctx->rule->arg][i], &v))
			continue;
		any = true;
		if (v)
			return rule_fail(
				ctx, "the padding at offset %u of the configuration reads 0x%02x",
				bytes[ctx->rule->arg][i], v);
	}
	return any ? RULE_PASSED : RULE_NA;
}

static bool model(const struct rule_context *ctx, uint8_t *v)
{
	return offered_known(ctx, VIRTIO_BLK_F_ZONED) && offered(ctx, VIRTIO_BLK_F_ZONED) &&
	       reads(ctx, BLK_CFG_ZONE_MODEL, v);
}

static enum verdict zoned_none(struct rule_context *ctx)
{
	uint8_t v;

	if (!model(ctx, &v))
		return RULE_NA;
	if (v)
		return RULE_PASSED;
	return rule_fail(ctx, "VIRTIO_BLK_F_ZONED is offered, but the zone model is NONE");
}

static enum verdict zone_model(struct rule_context *ctx)
{
	uint8_t v;

	if (!model(ctx, &v) || !accepted(ctx, VIRTIO_BLK_F_ZONED))
		return RULE_NA;
	if (v <= 2)
		return RULE_PASSED;
	return rule_fail(ctx, "the zone model reads %u", v);
}

static enum verdict zoned_legacy(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_LEGACY)
		return RULE_NA;
	if (!(reg(ctx)->value >> VIRTIO_BLK_F_ZONED & 1))
		return RULE_PASSED;
	return rule_fail(ctx, "the legacy device_features read 0x%08x, with VIRTIO_BLK_F_ZONED",
			 (uint32_t)reg(ctx)->value);
}

static enum verdict zoned_discard(struct rule_context *ctx)
{
	uint64_t v;

	if (!settles(ctx) || !offered(ctx, VIRTIO_BLK_F_ZONED) ||
	    !check_config(ctx, BLK_CFG_ZONE_MODEL, 1, &v) || v != 1)
		return RULE_NA;
	if (!accepted(ctx, VIRTIO_BLK_F_DISCARD))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "VIRTIO_BLK_F_DISCARD was accepted on a host-managed zoned device");
}

static enum verdict zoned_agreed(struct rule_context *ctx)
{
	uint64_t v;

	if (!ctx->d->status.n_features_ok || ctx->d->features.answered ||
	    !offered(ctx, VIRTIO_BLK_F_ZONED) || accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !check_config(ctx, BLK_CFG_ZONE_MODEL, 1, &v) || v != 1)
		return RULE_NA;
	if (!(reg(ctx)->value & FEATURES_OK))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->status.n_features_ok, "FEATURES_OK set");
	return rule_fail(ctx, "a host-managed device keeps FEATURES_OK without VIRTIO_BLK_F_ZONED");
}

static enum verdict zoned_fields(struct rule_context *ctx)
{
	bool any = false;
	uint8_t v;

	if (!negotiated(ctx) || !modern(ctx) || accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !offered(ctx, VIRTIO_BLK_F_ZONED))
		return RULE_NA;
	for (unsigned at = BLK_CFG_ZONE_SECTORS; at < 96; at++) {
		if (!reads(ctx, at, &v))
			continue;
		any = true;
		if (v)
			return rule_fail(ctx,
					 "zoned characteristics read 0x%02x at offset %u, "
					 "VIRTIO_BLK_F_ZONED not accepted",
					 v, at);
	}
	return any ? RULE_PASSED : RULE_NA;
}

static enum verdict append_limit(struct rule_context *ctx)
{
	uint64_t append, seg, size;

	if (!accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !check_config(ctx, BLK_CFG_ZONE_APPEND, 4, &append) ||
	    !check_config(ctx, BLK_CFG_SEG_MAX, 4, &seg) ||
	    !check_config(ctx, BLK_CFG_SIZE_MAX, 4, &size) ||
	    !accepted(ctx, VIRTIO_BLK_F_SEG_MAX) || !accepted(ctx, VIRTIO_BLK_F_SIZE_MAX))
		return RULE_NA;
	if (append * BLK_SECTOR <= seg * size)
		return RULE_PASSED;
	return rule_fail(
		ctx, "max_append_sectors is %" PRIu64 ", seg_max %" PRIu64 " and size_max %" PRIu64,
		append, seg, size);
}

static enum verdict erase_alignment(struct rule_context *ctx)
{
	uint64_t align, zone;

	if (!accepted(ctx, VIRTIO_BLK_F_ZONED) || !accepted(ctx, VIRTIO_BLK_F_SECURE_ERASE) ||
	    !check_config(ctx, BLK_CFG_ERASE_ALIGN, 4, &align) ||
	    !check_config(ctx, BLK_CFG_ZONE_SECTORS, 4, &zone) || !zone)
		return RULE_NA;
	if (!(align % zone))
		return RULE_PASSED;
	return rule_fail(ctx,
			 "secure_erase_sector_alignment is %" PRIu64 " and zones have %" PRIu64
			 " sectors",
			 align, zone);
}

/* --- changes ---------------------------------------------------------------- */

static enum verdict not_looked(struct rule_context *ctx)
{
	struct obligation *o = &blk_memory(ctx)->capacity_read;

	if (!o->number || ctx->now - o->ts < STALL || ctx->driver_ts < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, o->number, "the notification");
	o->number = 0;
	return rule_fail(
		ctx, "the capacity has not been read since a configuration change was notified");
}

/* A driver that polls may find the change before the notification comes. */
static enum verdict never_notified(struct rule_context *ctx, struct blk_change *c)
{
	if (!c->seen.number)
		return RULE_NA;
	if (ctx->d->irqs.n_change > c->n_old) {
		c->seen.number = 0;
		return RULE_PASSED;
	}
	if (ctx->now - c->seen.ts < STALL || changes_unheard(ctx))
		return RULE_NA;
	rule_related(ctx, c->n_old, "read before");
	rule_related(ctx, c->seen.number, "read with another value");
	c->seen.number = 0;
	return rule_fail(ctx, "%s has changed, but no configuration change was notified",
			 ctx->rule->arg & 0xffff ? "write_zeroes_may_unmap" : "capacity");
}

/* arg: first byte of the field; its width is in the upper half */
static enum verdict not_notified(struct rule_context *ctx)
{
	unsigned at = ctx->rule->arg & 0xffff, width = ctx->rule->arg >> 16;
	struct blk_change *c = at ? &blk_memory(ctx)->may_unmap : &blk_memory(ctx)->capacity;
	uint64_t old = 0;
	bool differs = false;
	uint8_t v;

	if (ctx->tick)
		return never_notified(ctx, c);
	if (!driver_ok(ctx))
		return RULE_NA;
	for (unsigned i = at; i < at + width; i++) {
		if (!reads(ctx, i, &v) || !bit_set(ctx->d->config.known, i))
			continue;
		old = ctx->d->config.n_word[i / 4];
		differs |= ctx->d->config.bytes[i] != v;
	}
	if (!old || old < ctx->d->status.n_driver_ok)
		return RULE_NA;
	if (!differs || ctx->d->irqs.n_change > old)
		return RULE_PASSED;
	if (!c->seen.number)
		*c = (struct blk_change){ obligation(ctx, 0, 0), old };
	return RULE_NA;
}

static enum verdict never_flushed(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (!accepted(ctx, VIRTIO_BLK_F_FLUSH) || blk_memory(ctx)->flushes ||
	    blk_memory(ctx)->writes < 1000 || ctx->now - d->ts_first < 2 * STUCK)
		return RULE_NA;
	rule_related(ctx, d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "%" PRIu64 " writes and no FLUSH, although FLUSH was negotiated",
			 blk_memory(ctx)->writes);
}

#define CONFIG (NEED_REGS | NEED_CONFIG | NEED_AGREED)

static const struct rule rows[] = {
	{ DRIVER_SHOULD, .id = "blk-ro-refused", .section = "5.2.6.1", .refs = "BLKOP-D3 T39",
	  .text = "The driver accepts VIRTIO_BLK_F_RO when the device offers it.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(STATUS_WRITE), .check = ro_refused,
	  .wrong = "bit 5 is offered and ignored" },
	{ DEVICE_MUST, .id = "blk-wce-without-flush", .section = "5.2.5.2", .refs = "BLKINIT-V1",
	  .text = "A device that offers VIRTIO_BLK_F_CONFIG_WCE also offers VIRTIO_BLK_F_FLUSH.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(OFFER_READ), .check = no_flush, .arg = 1,
	  .wrong = "bit 11 without bit 9" },
	{ DEVICE_SHOULD, .id = "blk-flush-not-offered", .section = "5.2.5.2", .refs = "BLKINIT-V1",
	  .text = "The device offers VIRTIO_BLK_F_FLUSH.", .needs = NEED_REGS | NEED_AGREED,
	  .at = AT(OFFER_READ), .check = no_flush, .wrong = "bit 9 is not offered" },
	{ DRIVER_MUST, .id = "blk-writeback-early", .section = "5.2.5.1", .refs = "BLKINIT-D4",
	  .text = "The driver reads writeback only after FEATURES_OK: it depends on the features "
		  "accepted.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ),
	  .check = writeback_early, .wrong = "writeback is read at ACKNOWLEDGE|DRIVER" },
	{ DEVICE_MUST, .id = "blk-writeback-on", .section = "5.2.5.2", .refs = "BLKINIT-V2",
	  .text = "With CONFIG_WCE and without FLUSH writeback is 0 at first.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ),
	  .check = writeback_on, .wrong = "writeback = 1 and nobody can flush" },
	{ DEVICE_MUST, .id = "blk-padding", .section = "5.2.5.2", .refs = "BLKINIT-V3",
	  .text = "unused0 and unused1 read 0.", .needs = CONFIG, .at = AT(CONFIG_READ),
	  .check = padding, .wrong = "byte 33 = 0xff" },
	{ DEVICE_MUST, .id = "blk-padding-zoned", .section = "5.2.5.2", .refs = "BLKINIT-V19",
	  .text = "unused2 reads 0.", .needs = CONFIG, .at = AT(CONFIG_READ), .check = padding,
	  .arg = 1, .wrong = "byte 93 = 0xff" },
	{ DEVICE_SHOULD, .id = "blk-zoned-none", .section = "5.2.5.2", .refs = "BLKINIT-V4",
	  .text = "A device without zones does not offer VIRTIO_BLK_F_ZONED.", .needs = CONFIG,
	  .at = AT(CONFIG_READ), .check = zoned_none, .wrong = "bit 17 and model 0" },
	{ DEVICE_MUST, .id = "blk-zone-model", .section = "5.2.5.2",
	  .refs = "BLKINIT-V8 BLKINIT-V9 BLKINIT-V10", .text = "The zone model is NONE, HM or HA.",
	  .needs = CONFIG, .at = AT(CONFIG_READ), .check = zone_model, .wrong = "model = 7" },
	{ DEVICE_MUST, .id = "blk-zoned-legacy", .section = "5.2.5.2", .refs = "BLKINIT-V5",
	  .text = "The device does not offer VIRTIO_BLK_F_ZONED through the legacy interface.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(OFFER_READ), .check = zoned_legacy,
	  .wrong = "legacy features with bit 17" },
	{ DRIVER_MUST, .id = "blk-zoned-discard", .section = "5.2.5.1", .refs = "BLKINIT-D6",
	  .text = "The driver does not accept VIRTIO_BLK_F_DISCARD on a host-managed device.",
	  .needs = NEED_REGS | NEED_AGREED | NEED_CONFIG, .at = AT(STATUS_WRITE),
	  .check = zoned_discard, .wrong = "model HM, bits 13 and 17 accepted" },
	{ DEVICE_MUST, .id = "blk-zoned-agreed", .section = "5.2.5.2", .refs = "BLKINIT-V7",
	  .text = "A host-managed device refuses FEATURES_OK if the driver did not accept "
		  "VIRTIO_BLK_F_ZONED.",
	  .needs = NEED_REGS | NEED_AGREED | NEED_CONFIG, .at = AT(STATUS_READ),
	  .check = zoned_agreed, .wrong = "model HM, bit 17 refused, FEATURES_OK stays" },
	{ DEVICE_SHOULD, .id = "blk-zoned-fields", .section = "5.2.5.2", .refs = "BLKINIT-V6",
	  .text = "Without VIRTIO_BLK_F_ZONED the zoned characteristics are 0.", .needs = CONFIG,
	  .at = AT(CONFIG_READ), .check = zoned_fields,
	  .wrong = "bit 17 refused, zone_sectors = 4096" },
	{ DEVICE_MUST, .id = "blk-append-limit", .section = "5.2.5.2", .refs = "BLKINIT-V16",
	  .text = "max_append_sectors sectors fit into seg_max segments of size_max bytes.",
	  .needs = CONFIG, .at = AT(CONFIG_READ), .check = append_limit,
	  .wrong = "seg_max 1, size_max 4096, max_append_sectors 16" },
	{ DEVICE_MUST, .id = "blk-erase-alignment", .section = "5.2.6.2", .refs = "BLKOP-V38",
	  .text = "On a zoned device secure_erase_sector_alignment is a multiple of zone_sectors.",
	  .needs = CONFIG, .at = AT(CONFIG_READ), .check = erase_alignment,
	  .wrong = "zones of 4096 sectors, alignment 8" },
	{ DRIVER_SHOULD, .id = "blk-capacity-unread", .section = "5.2.6.1", .refs = "BLKOP-D1",
	  .text = "The driver reads the capacity after a configuration change notification.",
	  .needs = NEED_REGS | NEED_IRQ | NEED_LIFE, .at = AT(TICK) | AT(END), .check = not_looked,
	  .wrong = "a configuration interrupt, capacity never read again" },
	{ DEVICE_SHOULD, .id = "blk-capacity-untold", .section = "5.2.6.2", .refs = "BLKOP-V2",
	  .text = "The device notifies the driver when the capacity changes.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_IRQ | NEED_LIFE,
	  .at = AT(CONFIG_READ) | AT(TICK) | AT(END), .check = not_notified,
	  .arg = BLK_CFG_CAPACITY | 8 << 16,
	  .wrong = "capacity = 100, later 200, no interrupt between" },
	{ DEVICE_SHOULD, .id = "blk-may-unmap-untold", .section = "5.2.6.2", .refs = "BLKOP-V10",
	  .text = "The device notifies the driver when write_zeroes_may_unmap changes.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_IRQ | NEED_LIFE,
	  .at = AT(CONFIG_READ) | AT(TICK) | AT(END), .check = not_notified, .arg = 56 | 1 << 16,
	  .wrong = "write_zeroes_may_unmap = 1, later 0, no interrupt between" },
	{ DRIVER_SUSPICIOUS, .id = "blk-never-flushed", .section = "5.2.5.1",
	  .refs = "BLKINIT-D1 BLKINIT-D3",
	  .text = "A driver that negotiated VIRTIO_BLK_F_FLUSH sends FLUSH requests.",
	  .needs = NEED_REGS | NEED_BYTES | NEED_LIFE, .at = AT(END), .check = never_flushed,
	  .wrong = "thousands of writes and no FLUSH" },
};

const struct rule_table rules_blk_config = {
	RULES(rows),
	.class = &check_class_blk,
	.why = "The block device's configuration says what requests may look like and whether written data\n"
	       "may stay in a cache. If driver and device understand it differently, data is lost at the\n"
	       "next power failure.",
	.right = "the driver sets FEATURES_OK, then reads writeback\n"
		 "a change is notified: it reads config_generation, capacity, config_generation\n",
};
