/* SPDX-License-Identifier: MIT */
/* Block device features and configuration: 5.2.3 to 5.2.5. */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK

static bool settles(const struct rule_context *ctx)
{
	uint8_t now = (uint8_t)reg(ctx)->value & (uint8_t)~ctx->e->status_before;

	return now & (reg(ctx)->region == VQT_REGION_LEGACY ? DRIVER_OK : FEATURES_OK);
}

/* The read covers the byte at `at` of the configuration; its value. */
static bool reads(const struct rule_context *ctx, unsigned at, uint8_t *value)
{
	uint32_t from = spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);

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
	rule_related(ctx, ctx->d->n_offer, "the features offered");
	return rule_fail(ctx, "VIRTIO_BLK_F_RO is offered and was not accepted");
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

	if (!reads(ctx, BLK_WRITEBACK, &v) || !modern(ctx))
		return RULE_NA;
	if (ctx->dev->status & FEATURES_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_status, "the last status write");
	return rule_fail(ctx, "writeback was read before FEATURES_OK");
}

static enum verdict writeback_on(struct rule_context *ctx)
{
	uint8_t v;

	if (!reads(ctx, BLK_WRITEBACK, &v) || !modern(ctx) || !negotiated(ctx) ||
	    !accepted(ctx, VIRTIO_BLK_F_CONFIG_WCE) || accepted(ctx, VIRTIO_BLK_F_FLUSH))
		return RULE_NA;
	if (!v)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
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
	       reads(ctx, BLK_ZONE_MODEL, v);
}

static enum verdict zoned_none(struct rule_context *ctx)
{
	uint8_t v;

	if (!model(ctx, &v))
		return RULE_NA;
	if (v)
		return RULE_PASSED;
	return rule_fail(ctx, "VIRTIO_BLK_F_ZONED is offered and the zone model is NONE");
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
	    !check_config(ctx, BLK_ZONE_MODEL, 1, &v) || v != 1)
		return RULE_NA;
	if (!accepted(ctx, VIRTIO_BLK_F_DISCARD))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "VIRTIO_BLK_F_DISCARD was accepted on a host-managed zoned device");
}

static enum verdict zoned_agreed(struct rule_context *ctx)
{
	uint64_t v;

	if (!ctx->d->n_features_ok || ctx->d->features_checked ||
	    !offered(ctx, VIRTIO_BLK_F_ZONED) || accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !check_config(ctx, BLK_ZONE_MODEL, 1, &v) || v != 1)
		return RULE_NA;
	if (!(reg(ctx)->value & FEATURES_OK))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_features_ok, "FEATURES_OK set");
	return rule_fail(
		ctx, "FEATURES_OK stays on a host-managed device, VIRTIO_BLK_F_ZONED not accepted");
}

static enum verdict zoned_fields(struct rule_context *ctx)
{
	bool any = false;
	uint8_t v;

	if (!negotiated(ctx) || !modern(ctx) || accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !offered(ctx, VIRTIO_BLK_F_ZONED))
		return RULE_NA;
	for (unsigned at = BLK_ZONE_SECTORS; at < 96; at++) {
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

	if (!accepted(ctx, VIRTIO_BLK_F_ZONED) || !check_config(ctx, BLK_MAX_APPEND, 4, &append) ||
	    !check_config(ctx, BLK_SEG_MAX, 4, &seg) ||
	    !check_config(ctx, BLK_SIZE_MAX, 4, &size) || !accepted(ctx, VIRTIO_BLK_F_SEG_MAX) ||
	    !accepted(ctx, VIRTIO_BLK_F_SIZE_MAX))
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
	    !check_config(ctx, BLK_ERASE_ALIGNMENT, 4, &align) ||
	    !check_config(ctx, BLK_ZONE_SECTORS, 4, &zone) || !zone)
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
	struct obligation *o = &ctx->d->capacity_read;

	if (!o->number || ctx->now - o->ts < STALL || ctx->driver_ts < o->ts + STALL / 2)
		return RULE_NA;
	rule_related(ctx, o->number, "the notification");
	o->number = 0;
	return rule_fail(ctx,
			 "a configuration change was notified and the capacity not read since");
}

/* arg: first byte of the field; its width is in the upper half */
static enum verdict not_told(struct rule_context *ctx)
{
	unsigned at = ctx->rule->arg & 0xffff, width = ctx->rule->arg >> 16;
	uint64_t old = 0;
	bool differs = false;
	uint8_t v;

	if (!driver_ok(ctx))
		return RULE_NA;
	for (unsigned i = at; i < at + width; i++) {
		if (!reads(ctx, i, &v) || !bit_set(ctx->d->config_known, i))
			continue;
		old = ctx->d->n_config[i / 4];
		differs |= ctx->d->config[i] != v;
	}
	if (!old || old < ctx->d->n_driver_ok)
		return RULE_NA;
	if (!differs || ctx->d->n_config_irq > old)
		return RULE_PASSED;
	rule_related(ctx, old, "read before");
	return rule_fail(ctx,
			 "%s reads otherwise than before and no configuration change was notified",
			 at ? "write_zeroes_may_unmap" : "capacity");
}

static enum verdict never_flushed(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;

	if (!accepted(ctx, VIRTIO_BLK_F_FLUSH) || d->flushes || d->writes < 1000 ||
	    ctx->now - d->first_ts < 2 * STUCK)
		return RULE_NA;
	rule_related(ctx, d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "%" PRIu64 " writes and not one FLUSH, which was negotiated",
			 d->writes);
}

static const struct explanation explanation = {
	.why = "The block device's configuration tells what requests may look like and how long written\n"
	       "data may stay in a cache: a misunderstanding here is data lost at the next power cut.",
	.right = "FEATURES_OK first, then writeback\n"
		 "a notified change: generation, capacity, generation\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, VIRTIO_ID_BLOCK
#define DRIVER_SHOULD CHECK_DRIVER, CHECK_SHOULD, VIRTIO_ID_BLOCK
#define DEVICE CHECK_DEVICE, CHECK_MUST, VIRTIO_ID_BLOCK
#define DEVICE_SHOULD CHECK_DEVICE, CHECK_SHOULD, VIRTIO_ID_BLOCK
#define CONFIG NEED_REGS | NEED_CONFIG | NEED_AGREED, AT(CONFIG_READ)

const struct rule rules_blk_config[] = {
	{ "blk-ro-refused", "BLKOP-D3 T39", DRIVER_SHOULD, "5.2.6.1",
	  "VIRTIO_BLK_F_RO is accepted when it is offered.", NEED_REGS | NEED_AGREED,
	  AT(STATUS_WRITE), ro_refused, 0, &explanation, "bit 5 is offered and ignored" },
	{ "blk-wce-without-flush", "BLKINIT-V1", DEVICE, "5.2.5.2",
	  "A device that offers CONFIG_WCE offers FLUSH.", NEED_REGS | NEED_AGREED, AT(OFFER_READ),
	  no_flush, 1, &explanation, "bit 11 without bit 9" },
	{ "blk-flush-not-offered", "BLKINIT-V1", DEVICE_SHOULD, "5.2.5.2", "A device offers FLUSH.",
	  NEED_REGS | NEED_AGREED, AT(OFFER_READ), no_flush, 0, &explanation,
	  "bit 9 is not offered" },
	{ "blk-writeback-early", "BLKINIT-D4", DRIVER, "5.2.5.1",
	  "writeback is read after FEATURES_OK, for it depends on what was accepted.",
	  NEED_REGS | NEED_CONFIG | NEED_LIFE, AT(CONFIG_READ), writeback_early, 0, &explanation,
	  "writeback is read at ACKNOWLEDGE|DRIVER" },
	{ "blk-writeback-on", "BLKINIT-V2", DEVICE, "5.2.5.2",
	  "With CONFIG_WCE and without FLUSH writeback begins as 0.", CONFIG, writeback_on, 0,
	  &explanation, "writeback = 1 and nobody can flush" },
	{ "blk-padding", "BLKINIT-V3", DEVICE, "5.2.5.2", "unused0 and unused1 read 0.", CONFIG,
	  padding, 0, &explanation, "byte 33 = 0xff" },
	{ "blk-padding-zoned", "BLKINIT-V19", DEVICE, "5.2.5.2", "unused2 reads 0.", CONFIG,
	  padding, 1, &explanation, "byte 93 = 0xff" },
	{ "blk-zoned-none", "BLKINIT-V4", DEVICE_SHOULD, "5.2.5.2",
	  "A device without zones does not offer VIRTIO_BLK_F_ZONED.", CONFIG, zoned_none, 0,
	  &explanation, "bit 17 and model 0" },
	{ "blk-zone-model", "BLKINIT-V8 BLKINIT-V9 BLKINIT-V10", DEVICE, "5.2.5.2",
	  "The zone model is NONE, HM or HA.", CONFIG, zone_model, 0, &explanation, "model = 7" },
	{ "blk-zoned-legacy", "BLKINIT-V5", DEVICE, "5.2.5.2",
	  "VIRTIO_BLK_F_ZONED is not offered through the legacy interface.",
	  NEED_REGS | NEED_AGREED, AT(OFFER_READ), zoned_legacy, 0, &explanation,
	  "legacy features with bit 17" },
	{ "blk-zoned-discard", "BLKINIT-D6", DRIVER, "5.2.5.1",
	  "DISCARD is not accepted on a host-managed device.",
	  NEED_REGS | NEED_AGREED | NEED_CONFIG, AT(STATUS_WRITE), zoned_discard, 0, &explanation,
	  "model HM, bits 13 and 17 accepted" },
	{ "blk-zoned-agreed", "BLKINIT-V7", DEVICE, "5.2.5.2",
	  "A host-managed device refuses FEATURES_OK without VIRTIO_BLK_F_ZONED.",
	  NEED_REGS | NEED_AGREED | NEED_CONFIG, AT(STATUS_READ), zoned_agreed, 0, &explanation,
	  "model HM, bit 17 refused, FEATURES_OK stays" },
	{ "blk-zoned-fields", "BLKINIT-V6", DEVICE_SHOULD, "5.2.5.2",
	  "Without VIRTIO_BLK_F_ZONED the zoned characteristics are 0.", CONFIG, zoned_fields, 0,
	  &explanation, "bit 17 refused, zone_sectors = 4096" },
	{ "blk-append-limit", "BLKINIT-V16", DEVICE, "5.2.5.2",
	  "max_append_sectors fits into seg_max segments of size_max bytes.", CONFIG, append_limit,
	  0, &explanation, "seg_max 1, size_max 4096, max_append_sectors 16" },
	{ "blk-erase-alignment", "BLKOP-V38", DEVICE, "5.2.6.2",
	  "On a zoned device secure_erase_sector_alignment is a multiple of zone_sectors.", CONFIG,
	  erase_alignment, 0, &explanation, "zones of 4096 sectors, alignment 8" },
	{ "blk-capacity-unread", "BLKOP-D1", DRIVER_SHOULD, "5.2.6.1",
	  "A driver looks at the capacity when a configuration change is notified.",
	  NEED_REGS | NEED_IRQ | NEED_LIFE, AT(TICK) | AT(END), not_looked, 0, &explanation,
	  "a configuration interrupt, capacity never read again" },
	{ "blk-capacity-untold", "BLKOP-V2", DEVICE_SHOULD, "5.2.6.2",
	  "A change of the capacity is notified.", NEED_REGS | NEED_CONFIG | NEED_IRQ | NEED_LIFE,
	  AT(CONFIG_READ), not_told, BLK_CAPACITY | 8 << 16, &explanation,
	  "capacity = 100, later 200, no interrupt between" },
	{ "blk-may-unmap-untold", "BLKOP-V10", DEVICE_SHOULD, "5.2.6.2",
	  "A change of write_zeroes_may_unmap is notified.",
	  NEED_REGS | NEED_CONFIG | NEED_IRQ | NEED_LIFE, AT(CONFIG_READ), not_told, 56 | 1 << 16,
	  &explanation, "write_zeroes_may_unmap = 1, later 0, no interrupt between" },
	{ "blk-never-flushed", "BLKINIT-D1 BLKINIT-D3", CHECK_DRIVER, CHECK_SUSPICIOUS,
	  VIRTIO_ID_BLOCK, "5.2.5.1", "A driver that negotiates FLUSH sends some.",
	  NEED_REGS | NEED_BYTES | NEED_LIFE, AT(END), never_flushed, 0, &explanation,
	  "thousands of writes and no FLUSH" },
	ROW_END,
};
