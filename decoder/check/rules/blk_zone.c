/* SPDX-License-Identifier: MIT */
/*
 * Zoned block devices: 5.2.6.  What a zone is comes from reports that the driver
 * asked for, as far as their bytes were captured; without, only what holds for
 * any zone is checked.
 */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

#define ZT_CONV 1
#define ZT_SWR 2
#define ZS_FULL 14
#define ZS_RDONLY 13
#define ZS_OFFLINE 15

static bool answered(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_BLK_F_ZONED) && blk_answered(ctx) && ctx->req->type;
}

static uint64_t data_sectors(const struct model_request *r)
{
	return (r->type_raw == VIRTIO_BLK_T_IN ? blk_in(r) : blk_out(r)) / BLK_SECTOR;
}

static bool writes(const struct model_request *r)
{
	return r->type_raw == VIRTIO_BLK_T_OUT || r->type_raw == VIRTIO_BLK_T_ZONE_APPEND;
}

static bool manages(const struct model_request *r)
{
	return r->type_raw >= VIRTIO_BLK_T_ZONE_OPEN && r->type_raw <= VIRTIO_BLK_T_ZONE_RESET;
}

/* Statuses that a request of this type cannot have, whatever its zone: bits. */
static const struct {
	unsigned type, never;
} domains[] = {
#define UNALIGNED (1 << VIRTIO_BLK_S_ZONE_UNALIGNED_WP)
#define RESOURCES (1 << VIRTIO_BLK_S_ZONE_OPEN_RESOURCE | 1 << VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE)
	{ VIRTIO_BLK_T_IN, UNALIGNED | RESOURCES },
	{ VIRTIO_BLK_T_SECURE_ERASE, UNALIGNED | RESOURCES },
	{ VIRTIO_BLK_T_ZONE_REPORT, UNALIGNED | RESOURCES },
	{ VIRTIO_BLK_T_ZONE_OPEN, UNALIGNED },
	{ VIRTIO_BLK_T_ZONE_CLOSE, UNALIGNED | RESOURCES },
	{ VIRTIO_BLK_T_ZONE_FINISH, UNALIGNED },
	{ VIRTIO_BLK_T_ZONE_RESET, UNALIGNED | RESOURCES },
	{ VIRTIO_BLK_T_ZONE_RESET_ALL, UNALIGNED | RESOURCES },
};

static enum verdict domain(struct rule_context *ctx)
{
	if (!answered(ctx) || ctx->req->status > 31)
		return RULE_NA;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		if (domains[i].type != ctx->req->type_raw)
			continue;
		if (!(domains[i].never >> ctx->req->status & 1))
			return RULE_PASSED;
		rule_related(ctx, ctx->req->number, "the request");
		return rule_fail(ctx, "%s completed with %s", blk_name(ctx->req),
				 blk_status(ctx->req));
	}
	return RULE_NA;
}

static enum verdict limits(struct rule_context *ctx)
{
	uint64_t open, active, sectors, granularity, model;

	if (!accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !check_config(ctx, BLK_CFG_ZONE_MODEL, 1, &model) || !model || model > 2)
		return RULE_NA;
	if (check_config(ctx, BLK_CFG_ZONE_SECTORS, 4, &sectors) && !sectors)
		return rule_fail(ctx, "zone_sectors is 0");
	if (check_config(ctx, BLK_CFG_ZONE_GRANULARITY, 4, &granularity) &&
	    (!granularity || granularity % BLK_SECTOR))
		return rule_fail(ctx, "write_granularity is %" PRIu64, granularity);
	if (check_config(ctx, BLK_CFG_ZONE_OPEN, 4, &open) &&
	    check_config(ctx, BLK_CFG_ZONE_ACTIVE, 4, &active) && active && open > active)
		return rule_fail(ctx,
				 "max_open_zones is %" PRIu64 " and max_active_zones %" PRIu64
				 ": an open zone is active",
				 open, active);
	return RULE_PASSED;
}

/* --- with a report ---------------------------------------------------------- */

/* What the request is answered with must be `want`. */
static enum verdict must_be(struct rule_context *ctx, const struct blk_zone *z, unsigned want,
			    const char *why)
{
	if (ctx->req->status == want || ctx->req->status == VIRTIO_BLK_S_IOERR)
		return RULE_PASSED;
	rule_related(ctx, z->number, "the zone reported");
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx, "%s of sector %" PRIu64 " completed with %s, %s", blk_name(ctx->req),
			 ctx->req->sector, blk_status(ctx->req), why);
}

static const struct blk_zone *zone(const struct rule_context *ctx)
{
	const struct blk_zone *z = answered(ctx) ? blk_zone_at(ctx, ctx->req->sector) : NULL;

	return z && z->number < ctx->number ? z : NULL;
}

static enum verdict conventional(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);

	if (!z || !manages(ctx->req) || z->type != ZT_CONV)
		return RULE_NA;
	return must_be(ctx, z, VIRTIO_BLK_S_ZONE_INVALID_CMD, "in a conventional zone");
}

static enum verdict append_type(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);

	if (!z || ctx->req->type_raw != VIRTIO_BLK_T_ZONE_APPEND ||
	    ctx->req->sector % blk_memory(ctx)->zones->sectors)
		return RULE_NA;
	if (z->type == ZT_SWR)
		return RULE_PASSED;
	return must_be(ctx, z, VIRTIO_BLK_S_ZONE_INVALID_CMD,
		       "in a zone that is not sequential-write-required");
}

/* A zone that went read-only or offline stays so: arg. */
static enum verdict dead(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);

	if (!z || z->state != ctx->rule->arg || z->number > ctx->req->number)
		return RULE_NA;
	if (ctx->rule->arg == ZS_RDONLY ? !writes(ctx->req)
					: !writes(ctx->req) && !manages(ctx->req) &&
						  ctx->req->type_raw != VIRTIO_BLK_T_IN)
		return RULE_NA;
	return must_be(ctx, z, VIRTIO_BLK_S_ZONE_INVALID_CMD,
		       ctx->rule->arg == ZS_RDONLY ? "in a read-only zone" : "in an offline zone");
}

/* Beyond the end of the zone, for any zone that is appended to: no report is needed. */
static enum verdict crossed(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);
	uint64_t sectors, end;

	if (!answered(ctx) || !blk_zoned(ctx, &sectors) ||
	    (!writes(ctx->req) && ctx->req->type_raw != VIRTIO_BLK_T_IN))
		return RULE_NA;
	if (ctx->req->type_raw != VIRTIO_BLK_T_ZONE_APPEND && (!z || z->type != ZT_SWR))
		return RULE_NA;
	end = ctx->req->sector - ctx->req->sector % sectors + sectors;
	if (ctx->req->sector + data_sectors(ctx->req) <= end)
		return RULE_PASSED;
	if (ctx->req->status != VIRTIO_BLK_S_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx,
			 "%s of %" PRIu64 " sectors from %" PRIu64
			 " completed with OK, and the zone ends at %" PRIu64,
			 blk_name(ctx->req), data_sectors(ctx->req), ctx->req->sector, end);
}

static bool beyond(const struct rule_context *ctx, const struct blk_zone *z,
		   const struct model_request *r)
{
	uint64_t from = r->type_raw == VIRTIO_BLK_T_ZONE_APPEND ? z->start : r->sector;

	return z->type == ZT_SWR && from + data_sectors(r) > z->start + z->capacity;
}

static enum verdict overrun_done(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);

	if (!z || !writes(ctx->req) ||
	    ctx->req->sector % blk_memory(ctx)->zones->sectors + data_sectors(ctx->req) >
		    blk_memory(ctx)->zones->sectors)
		return RULE_NA; /* another rule's */
	if (!beyond(ctx, z, ctx->req) || ctx->req->status != VIRTIO_BLK_S_OK)
		return RULE_PASSED;
	return must_be(ctx, z, VIRTIO_BLK_S_ZONE_INVALID_CMD, "beyond the capacity of the zone");
}

/* The write pointer was known and nothing else was on its way when this was taken. */
static enum verdict unaligned(struct rule_context *ctx)
{
	const struct blk_zone *z = zone(ctx);

	if (!z || z->expect != ctx->req->number || z->type != ZT_SWR || z->state == ZS_FULL ||
	    z->state == ZS_RDONLY || z->state == ZS_OFFLINE || beyond(ctx, z, ctx->req))
		return RULE_NA;
	if (ctx->rule->arg) {
		if (ctx->req->sector != z->wp || ctx->req->status != VIRTIO_BLK_S_ZONE_INVALID_CMD)
			return ctx->req->sector == z->wp ? RULE_PASSED : RULE_NA;
		rule_related(ctx, z->number, "the zone reported");
		rule_related(ctx, ctx->req->number, "the request");
		return rule_fail(
			ctx, "OUT at the write pointer %" PRIu64 " completed with ZONE_INVALID_CMD",
			z->wp);
	}
	if (ctx->req->sector == z->wp || ctx->req->status != VIRTIO_BLK_S_OK)
		return RULE_PASSED;
	return must_be(ctx, z, VIRTIO_BLK_S_ZONE_UNALIGNED_WP, "not at the write pointer");
}

static enum verdict overrun(struct rule_context *ctx)
{
	const struct blk_zone *z;
	uint64_t sectors;

	if (!blk_zoned(ctx, &sectors) || !writes(ctx->req) || !chain_whole(ctx->req))
		return RULE_NA;
	if (ctx->req->type_raw == VIRTIO_BLK_T_ZONE_APPEND && data_sectors(ctx->req) > sectors)
		return rule_fail(ctx, "ZONE_APPEND of %" PRIu64 " sectors and zones have %" PRIu64,
				 data_sectors(ctx->req), sectors);
	z = blk_zone_at(ctx, ctx->req->sector);
	if (!z)
		return RULE_NA;
	if (!beyond(ctx, z, ctx->req))
		return RULE_PASSED;
	rule_related(ctx, z->number, "the zone reported");
	return rule_fail(ctx,
			 "%s of %" PRIu64 " sectors from %" PRIu64
			 " and the zone's capacity ends at %" PRIu64,
			 blk_name(ctx->req), data_sectors(ctx->req), ctx->req->sector,
			 z->start + z->capacity);
}

/* Each zone begins where zone_sectors says. */
static enum verdict spacing(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct record_seg seg;
	uint64_t sectors, n;
	uint32_t pos = 0;

	if (!answered(ctx) || r->type_raw != VIRTIO_BLK_T_ZONE_REPORT || r->status ||
	    !blk_zoned(ctx, &sectors))
		return RULE_NA;
	while (record_seg_next(ctx->e->rec, &pos, &seg)) {
		if (seg.desc >= r->ndesc || !(r->desc[seg.desc].flags & VRING_DESC_F_WRITE) ||
		    seg.offset || seg.len < 128)
			continue;
		n = get_le64(seg.bytes);
		for (uint64_t i = 0; i < n && 64 + (i + 1) * 64 <= seg.len; i++) {
			uint64_t start = get_le64(seg.bytes + 64 + i * 64 + 8);

			if (start % sectors == 0)
				continue;
			rule_related(ctx, r->number, "the request");
			return rule_fail(ctx,
					 "a zone is reported at sector %" PRIu64
					 " and zone_sectors is %" PRIu64,
					 start, sectors);
		}
		return n ? RULE_PASSED : RULE_NA;
	}
	return RULE_NA;
}

#define USED (NEED_CHAIN | NEED_USED | NEED_BYTES | NEED_CONFIG | NEED_AGREED)

static const struct rule rows[] = {
	{ DEVICE_MUST, .id = "blk-zone-status", .section = "5.2.6.2",
	  .refs = "BLKOP-V19 BLKOP-V20 BLKOP-V21 BLKOP-V22 BLKOP-V23 BLKOP-V40",
	  .text = "The device completes zone requests only with the statuses defined for them.",
	  .needs = USED, .at = AT(USED), .check = domain,
	  .wrong = "ZONE_CLOSE, ZONE_OPEN_RESOURCE" },
	{ DEVICE_MUST, .id = "blk-zone-limits", .section = "5.2.5.2",
	  .refs = "BLKINIT-V11 BLKINIT-V13 BLKINIT-V14 BLKINIT-V18",
	  .text = "zone_sectors is not 0, write_granularity is a multiple of 512 above 0, and "
		  "max_open_zones is at most max_active_zones.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_AGREED, .at = AT(CONFIG_READ), .check = limits,
	  .wrong = "max_active_zones 4, max_open_zones 8" },
	{ DEVICE_MUST, .id = "blk-zone-conventional-managed", .section = "5.2.6.2",
	  .refs = "BLKOP-V17",
	  .text = "The device completes ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH and ZONE_RESET of a "
		  "conventional zone with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = conventional,
	  .wrong = "a conventional zone, ZONE_OPEN, OK" },
	{ DEVICE_MUST, .id = "blk-zone-append-elsewhere", .section = "5.2.6.2", .refs = "BLKOP-V18",
	  .text = "The device completes ZONE_APPEND to a zone that is not "
		  "sequential-write-required with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = append_type,
	  .wrong = "a conventional zone, ZONE_APPEND, OK" },
	{ DEVICE_MUST, .id = "blk-zone-read-only-written", .section = "5.2.6.2",
	  .refs = "BLKOP-V33",
	  .text = "The device completes writes to a read-only zone with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = dead, .arg = ZS_RDONLY,
	  .wrong = "a zone in state 13, OUT, OK" },
	{ DEVICE_MUST, .id = "blk-zone-offline-served", .section = "5.2.6.2", .refs = "BLKOP-V34",
	  .text = "The device completes requests to an offline zone with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = dead, .arg = ZS_OFFLINE,
	  .wrong = "a zone in state 15, IN, OK" },
	{ DEVICE_MUST, .id = "blk-zone-crossed", .section = "5.2.6.2", .refs = "BLKOP-V30",
	  .text = "The device completes a request that crosses into the next zone with "
		  "ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = crossed,
	  .wrong = "zones of 4096 sectors, ZONE_APPEND of 5000, OK" },
	{ DEVICE_MUST, .id = "blk-zone-overrun-done", .section = "5.2.6.2", .refs = "BLKOP-V26",
	  .text = "The device completes a write beyond the capacity of a zone with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED), .check = overrun_done,
	  .wrong = "a zone with a capacity of 4000, OUT at 3999 of 8 sectors, OK" },
	{ DEVICE_MUST, .id = "blk-zone-unaligned-done", .section = "5.2.6.2", .refs = "BLKOP-V31",
	  .text = "The device completes a write that does not start at the write pointer with "
		  "ZONE_UNALIGNED_WP.",
	  .needs = USED, .at = AT(USED), .check = unaligned,
	  .wrong = "write pointer 4100, OUT sector 4096, OK" },
	{ DEVICE_SUSPICIOUS, .id = "blk-zone-write-refused", .section = "5.2.6.2",
	  .refs = "BLKOP-V24",
	  .text = "A write at the write pointer fails only because resources are lacking, with "
		  "that status, or because the zone has failed.",
	  .needs = USED, .at = AT(USED), .check = unaligned, .arg = 1,
	  .wrong = "write pointer 4100, OUT sector 4100, ZONE_INVALID_CMD" },
	{ DRIVER_MUST, .id = "blk-zone-overrun", .section = "5.2.6.1", .refs = "BLKOP-D27",
	  .text = "The driver writes no data beyond the end of a zone.",
	  .needs = NEED_CHAIN | NEED_BYTES | NEED_CONFIG | NEED_AGREED, .at = AT(REQUEST),
	  .check = overrun, .wrong = "zones of 4096 sectors, ZONE_APPEND of 5000" },
	{ DEVICE_MUST, .id = "blk-zone-misplaced", .section = "5.2.5.2", .refs = "BLKINIT-V11",
	  .text = "The start of each zone is a multiple of zone_sectors.", .needs = USED,
	  .at = AT(USED), .check = spacing, .wrong = "zone_sectors 4096, a zone at 4100" },
};

const struct rule_table rules_blk_zone = {
	RULES(rows),
	.class = &check_class_blk,
	.why = "Zones of a shingled or flash disk are written sequentially. File systems for such disks\n"
	       "rely on the statuses: a write that ends in OK and went elsewhere is lost data, and after a\n"
	       "wrong error the file system treats the zone as broken.",
	.right = "ZONE_REPORT: the zone at 4096 is sequential, its write pointer at 4100\n"
		 "OUT sector 4100: OK; OUT sector 4096: ZONE_UNALIGNED_WP\n"
		 "ZONE_APPEND sector 4096: OK, with the sector it went to\n",
};
