/* SPDX-License-Identifier: MIT */
/* Block requests as the driver makes them: 5.2.6. */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

static enum verdict shape(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_whole(r))
		return RULE_NA;
	if (r->readable < BLK_HEADER)
		return rule_fail(ctx,
				 "chain %u has %" PRIu64 " readable bytes, a request header has 16",
				 r->head, r->readable);
	if (!r->writable)
		return rule_fail(ctx, "chain %u has no writable byte for the status", r->head);
	return RULE_PASSED;
}

static enum verdict other_way(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_whole(r))
		return RULE_NA;
	if (r->type_raw == BLK_IN && blk_out(r))
		return rule_fail(ctx,
				 "an IN request has %" PRIu64 " readable bytes besides its header",
				 blk_out(r));
	if (r->type_raw == BLK_OUT && blk_in(r))
		return rule_fail(ctx,
				 "an OUT request has %" PRIu64 " writable bytes besides the status",
				 blk_in(r));
	return r->type_raw <= BLK_OUT ? RULE_PASSED : RULE_NA;
}

static enum verdict unnegotiated(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!r->type || r->type->feature < 0 || !negotiated(ctx))
		return RULE_NA;
	if (accepted(ctx, (unsigned)r->type->feature))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
	return rule_fail(ctx, "%s was sent and its feature is not negotiated", blk_name(r));
}

static enum verdict sector_unused(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t sector = blk_sector(r);
	bool flush = r->type_raw == BLK_FLUSH || r->type_raw == BLK_FLUSH_OUT;
	bool all = r->type_raw == BLK_ZONE_RESET_ALL;

	if (!r->type || r->type->flags & SPEC_REQ_SECTOR || r->type_raw == BLK_SCSI ||
	    r->type_raw == BLK_SCSI_OUT)
		return RULE_NA;
	if (ctx->rule->arg != (flush ? BLK_FLUSH : all ? BLK_ZONE_RESET_ALL : 0))
		return RULE_NA;
	if (!sector)
		return RULE_PASSED;
	return rule_fail(ctx, "%s has sector %" PRIu64, blk_name(r), sector);
}

/* Descriptors with data: not the header's, not the status byte's. */
static unsigned data_segments(const struct model_request *r, uint32_t *longest)
{
	unsigned n = 0;

	*longest = 0;
	for (uint32_t i = 0; i < r->ndesc; i++) {
		const struct vqt_desc *d = &r->desc[i];

		if (d->flags & VRING_DESC_F_INDIRECT)
			continue;
		if (d->flags & VRING_DESC_F_WRITE ? i + 1 == r->ndesc && d->len == 1
						  : !n && d->len == BLK_HEADER)
			continue;
		n++;
		if (d->len > *longest)
			*longest = d->len;
	}
	return n;
}

static enum verdict too_many(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t max;
	uint32_t longest;
	unsigned n;

	if (!r->type || r->type_raw > BLK_OUT || !chain_whole(r))
		return RULE_NA;
	n = data_segments(r, &longest);
	if (accepted(ctx, VIRTIO_BLK_F_SEG_MAX) && check_config(ctx, BLK_SEG_MAX, 4, &max) && max &&
	    n > max)
		return rule_fail(ctx, "%s has %u data segments and seg_max is %" PRIu64,
				 blk_name(r), n, max);
	if (accepted(ctx, VIRTIO_BLK_F_SIZE_MAX) && check_config(ctx, BLK_SIZE_MAX, 4, &max) &&
	    max && longest > max)
		return rule_fail(ctx, "%s has a data segment of %u bytes and size_max is %" PRIu64,
				 blk_name(r), longest, max);
	return RULE_PASSED;
}

static enum verdict past_end(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t capacity, sectors = 0;
	struct blk_segment s;

	if (!r->type || !chain_whole(r) || !check_config(ctx, BLK_CAPACITY, 8, &capacity))
		return RULE_NA;
	if (blk_segmented(r)) {
		for (unsigned i = 0; blk_segment(r, i, &s); i++)
			if (s.sector > capacity || s.sectors > capacity - s.sector)
				return rule_fail(ctx,
						 "%s of sectors %" PRIu64 " to %" PRIu64
						 " and the capacity is %" PRIu64,
						 blk_name(r), s.sector, s.sector + s.sectors,
						 capacity);
		return RULE_PASSED;
	}
	if (r->type_raw > BLK_OUT && r->type_raw != BLK_ZONE_REPORT)
		return RULE_NA;
	if (r->type_raw <= BLK_OUT)
		sectors = r->bytes / BLK_SECTOR;
	else
		sectors = 1;
	if (r->sector <= capacity && sectors <= capacity - r->sector)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "%s of %" PRIu64 " sectors from %" PRIu64 " and the capacity is %" PRIu64,
			 blk_name(r), sectors, r->sector, capacity);
}

static enum verdict flush_data(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (r->type_raw != BLK_FLUSH || !chain_whole(r))
		return RULE_NA;
	if (!blk_out(r) && !blk_in(r))
		return RULE_PASSED;
	return rule_fail(ctx, "FLUSH has %" PRIu64 " bytes of data", blk_out(r) + blk_in(r));
}

static enum verdict length(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t bytes = blk_out(r) + blk_in(r);
	bool bad;

	if (!r->type || !chain_whole(r))
		return RULE_NA;
	if (ctx->rule->arg == BLK_DISCARD ? !blk_segmented(r)
	    : ctx->rule->arg == BLK_IN	  ? r->type_raw > BLK_OUT
					  : r->type_raw != ctx->rule->arg)
		return RULE_NA;
	if (ctx->rule->arg == BLK_DISCARD)
		bytes = blk_out(r);
	bad = ctx->rule->arg == BLK_GET_ID ? bytes != 20
	      : ctx->rule->arg == BLK_IN   ? bytes % BLK_SECTOR
					   : !bytes || bytes % BLK_SEGMENT;
	if (!bad)
		return RULE_PASSED;
	return rule_fail(ctx, "%s has %" PRIu64 " bytes of data", blk_name(r), bytes);
}

/* arg: the type; how many segments it may have, and how long one */
static const struct {
	unsigned type;
	enum blk_field seg, sectors;
} limits[] = {
	{ BLK_DISCARD, BLK_MAX_DISCARD_SEG, BLK_MAX_DISCARD_SECTORS },
	{ BLK_WRITE_ZEROES, BLK_MAX_ZEROES_SEG, BLK_MAX_ZEROES_SECTORS },
	{ BLK_SECURE_ERASE, BLK_MAX_ERASE_SEG, BLK_MAX_ERASE_SECTORS },
};

static enum verdict segments(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t max;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (r->type_raw != limits[i].type || ctx->rule->arg != limits[i].type)
			continue;
		if (!chain_whole(r) || !check_config(ctx, limits[i].seg, 4, &max))
			return RULE_NA;
		if (blk_out(r) / BLK_SEGMENT <= max)
			return RULE_PASSED;
		return rule_fail(ctx,
				 "%s has %" PRIu64 " segments and at most %" PRIu64 " are allowed",
				 blk_name(r), blk_out(r) / BLK_SEGMENT, max);
	}
	return RULE_NA;
}

static enum verdict segment_long(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_segment s;
	uint64_t max;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (r->type_raw != limits[i].type ||
		    !check_config(ctx, limits[i].sectors, 4, &max) || !max)
			continue;
		for (unsigned n = 0; blk_segment(r, n, &s); n++)
			if (s.sectors > max)
				return rule_fail(
					ctx,
					"%s has a segment of %u sectors and at most %" PRIu64
					" are allowed",
					blk_name(r), s.sectors, max);
		return RULE_PASSED;
	}
	return RULE_NA;
}

/* arg: 1 unmap in a discard, ~1 flags without a meaning */
static enum verdict segment_flags(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint32_t bad = ctx->rule->arg;
	struct blk_segment s;

	if (!blk_segmented(r) || (bad == 1 && r->type_raw != BLK_DISCARD))
		return RULE_NA;
	for (unsigned n = 0; blk_segment(r, n, &s); n++)
		if (s.flags & bad)
			return rule_fail(ctx, "segment %u of %s has flags 0x%08x", n, blk_name(r),
					 s.flags);
	return RULE_PASSED;
}

/* --- zones ------------------------------------------------------------------ */

static bool zoned(const struct rule_context *ctx, uint64_t *zone_sectors)
{
	return accepted(ctx, VIRTIO_BLK_F_ZONED) &&
	       check_config(ctx, BLK_ZONE_SECTORS, 4, zone_sectors) && *zone_sectors;
}

/* arg: 1 for ZONE_APPEND, 0 for the zone commands */
static enum verdict zone_start(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t zone;

	if (!zoned(ctx, &zone))
		return RULE_NA;
	if (ctx->rule->arg ? r->type_raw != BLK_ZONE_APPEND
			   : r->type_raw < BLK_ZONE_OPEN || r->type_raw > BLK_ZONE_RESET)
		return RULE_NA;
	if (!(r->sector % zone))
		return RULE_PASSED;
	return rule_fail(ctx, "%s has sector %" PRIu64 " and zones have %" PRIu64 " sectors",
			 blk_name(r), r->sector, zone);
}

static enum verdict append_size(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t granularity, max;

	if (r->type_raw != BLK_ZONE_APPEND || !accepted(ctx, VIRTIO_BLK_F_ZONED) || !chain_whole(r))
		return RULE_NA;
	if (check_config(ctx, BLK_WRITE_GRANULARITY, 4, &granularity) && granularity &&
	    blk_out(r) % granularity)
		return rule_fail(
			ctx, "ZONE_APPEND of %" PRIu64 " bytes and write_granularity is %" PRIu64,
			blk_out(r), granularity);
	if (check_config(ctx, BLK_MAX_APPEND, 4, &max) && blk_out(r) / BLK_SECTOR > max)
		return rule_fail(ctx,
				 "ZONE_APPEND of %" PRIu64
				 " sectors and max_append_sectors is %" PRIu64,
				 blk_out(r) / BLK_SECTOR, max);
	return RULE_PASSED;
}

static enum verdict erase_zones(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_segment s;
	uint64_t zone;

	if (r->type_raw != BLK_SECURE_ERASE || !zoned(ctx, &zone))
		return RULE_NA;
	for (unsigned n = 0; blk_segment(r, n, &s); n++)
		if (s.sectors % zone)
			return rule_fail(
				ctx,
				"segment %u of SECURE_ERASE has %u sectors and zones have %" PRIu64,
				n, s.sectors, zone);
	return RULE_PASSED;
}

static const struct explanation request = {
	.why = "A device that trusts a malformed request reads or writes the wrong sectors, or the wrong\n"
	       "memory; one that does not stops, and the guest's disk is gone until it restarts.",
	.right =
		"16 readable bytes: type, 0, sector\n"
		"data: readable for OUT, writable for IN, a multiple of 512 bytes, inside the capacity\n"
		"1 writable byte at the very end: the status\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, VIRTIO_ID_BLOCK
#define STRUCTURAL CHECK_DRIVER, CHECK_STRUCTURAL, VIRTIO_ID_BLOCK
#define REQUEST (NEED_CHAIN | NEED_BYTES), AT(REQUEST)
#define LIMITED (NEED_CHAIN | NEED_BYTES | NEED_CONFIG | NEED_AGREED), AT(REQUEST)
#define AGREED (NEED_CHAIN | NEED_BYTES | NEED_AGREED), AT(REQUEST)

const struct rule rules_blk[] = {
	{ "blk-shape", "I21 T40", STRUCTURAL, "5.2.6",
	  "A request has a header of 16 readable bytes and ends with a writable byte.", NEED_CHAIN,
	  AT(CHAIN), shape, 0, &request, "header and data, and no status byte" },
	{ "blk-other-way", "I22", STRUCTURAL, "5.2.6",
	  "IN has writable data only, OUT readable data only.", REQUEST, other_way, 0, &request,
	  "IN with 512 readable bytes" },
	{ "blk-unnegotiated", "I23 T08", STRUCTURAL, "5.2.6",
	  "Request types that belong to a feature are sent when it is negotiated.",
	  AGREED | ONLY(UNUSUAL), unnegotiated, 0, &request,
	  "DISCARD without VIRTIO_BLK_F_DISCARD" },
	{ "blk-sector-unused", "I24", STRUCTURAL, "5.2.6",
	  "sector is 0 in requests that do not name one.", REQUEST | ONLY(UNUSUAL), sector_unused,
	  0, &request, "GET_ID with sector 8" },
	{ "blk-segments", "I25 PACKED-D6 PACKED-D14 T26", STRUCTURAL, "5.2.6",
	  "A request has at most seg_max data segments, each of at most size_max bytes.", LIMITED,
	  too_many, 0, &request, "seg_max 126, 127 data descriptors" },
	{ "blk-past-end", "BLKOP-D2 BLKOP-D18 T38", DRIVER, "5.2.6.1",
	  "No request goes past the capacity that the driver has read.", LIMITED, past_end, 0,
	  &request, "capacity 2048, IN sector 2048" },
	{ "blk-flush-sector", "BLKOP-D4", DRIVER, "5.2.6.1", "FLUSH has sector 0.",
	  REQUEST | ONLY(UNUSUAL), sector_unused, BLK_FLUSH, &request, "FLUSH sector 8" },
	{ "blk-flush-data", "BLKOP-D5", CHECK_DRIVER, CHECK_SHOULD, VIRTIO_ID_BLOCK, "5.2.6.1",
	  "FLUSH has no data.", REQUEST | ONLY(UNUSUAL), flush_data, 0, &request,
	  "FLUSH with 512 bytes" },
	{ "blk-length", "BLKOP-D6 T38", DRIVER, "5.2.6.1",
	  "Data of IN and OUT is a multiple of 512 bytes, whatever the block size.", REQUEST,
	  length, BLK_IN, &request, "IN of 500 bytes" },
	{ "blk-segment-length", "BLKOP-D7 T40", DRIVER, "5.2.6.1",
	  "Data of DISCARD, WRITE_ZEROES and SECURE_ERASE is a number of whole segments of 16 bytes.",
	  REQUEST | ONLY(UNUSUAL), length, BLK_DISCARD, &request, "DISCARD with 24 bytes" },
	{ "blk-id-length", "BLKOP-D8", DRIVER, "5.2.6.1", "GET_ID has room for 20 bytes.",
	  REQUEST | ONLY(UNUSUAL), length, BLK_GET_ID, &request, "GET_ID with 16 bytes" },
	{ "blk-discard-segments", "BLKOP-D9 T40", DRIVER, "5.2.6.1",
	  "DISCARD has at most max_discard_seg segments.", LIMITED | ONLY(UNUSUAL), segments,
	  BLK_DISCARD, &request, "max_discard_seg 1, 2 segments" },
	{ "blk-erase-segments", "BLKOP-D10", DRIVER, "5.2.6.1",
	  "SECURE_ERASE has at most max_secure_erase_seg segments.", LIMITED | ONLY(UNUSUAL),
	  segments, BLK_SECURE_ERASE, &request, "max_secure_erase_seg 1, 2 segments" },
	{ "blk-zeroes-segments", "BLKOP-D11 T40", DRIVER, "5.2.6.1",
	  "WRITE_ZEROES has at most max_write_zeroes_seg segments.", LIMITED | ONLY(UNUSUAL),
	  segments, BLK_WRITE_ZEROES, &request, "max_write_zeroes_seg 1, 2 segments" },
	{ "blk-segment-too-long", "T40", STRUCTURAL, "5.2.6",
	  "A segment has at most as many sectors as the configuration says.",
	  LIMITED | ONLY(UNUSUAL), segment_long, 0, &request,
	  "max_discard_sectors 1024, a segment of 2048" },
	{ "blk-discard-unmap", "BLKOP-D14 T40", DRIVER, "5.2.6.1", "DISCARD does not set unmap.",
	  REQUEST | ONLY(UNUSUAL), segment_flags, 1, &request, "DISCARD with flags 1" },
	{ "blk-segment-flags", "T40", STRUCTURAL, "5.2.6", "Reserved flags of segments are 0.",
	  REQUEST | ONLY(UNUSUAL), segment_flags, ~1U, &request, "WRITE_ZEROES with flags 4" },
	{ "blk-zone-start", "BLKOP-D20", DRIVER, "5.2.6.1",
	  "OPEN, CLOSE, FINISH and RESET name the first sector of their zone.",
	  LIMITED | ONLY(UNUSUAL), zone_start, 0, &request,
	  "zones of 4096 sectors, ZONE_OPEN sector 8" },
	{ "blk-zone-reset-all", "BLKOP-D21", DRIVER, "5.2.6.1", "ZONE_RESET_ALL has sector 0.",
	  REQUEST | ONLY(UNUSUAL), sector_unused, BLK_ZONE_RESET_ALL, &request,
	  "ZONE_RESET_ALL sector 8" },
	{ "blk-append-start", "BLKOP-D22 BLKOP-D26", DRIVER, "5.2.6.1",
	  "ZONE_APPEND names the first sector of its zone.", LIMITED | ONLY(UNUSUAL), zone_start, 1,
	  &request, "zones of 4096 sectors, ZONE_APPEND sector 8" },
	{ "blk-append-size", "BLKOP-D23 BLKOP-D25", DRIVER, "5.2.6.1",
	  "ZONE_APPEND has whole units of write_granularity, at most max_append_sectors.",
	  LIMITED | ONLY(UNUSUAL), append_size, 0, &request, "max_append_sectors 64, 128 sectors" },
	{ "blk-erase-zones", "BLKOP-V39", DRIVER, "5.2.6.2",
	  "On a zoned device SECURE_ERASE is for whole zones.", LIMITED | ONLY(UNUSUAL),
	  erase_zones, 0, &request, "zones of 4096 sectors, 8 sectors erased" },
	ROW_END,
};
