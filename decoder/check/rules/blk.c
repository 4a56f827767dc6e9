/* SPDX-License-Identifier: MIT */
/* Block requests as the driver makes them: 5.2.6. */
#include <inttypes.h>
#include <stdio.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

static enum verdict shape(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_whole(r))
		return RULE_NA;
	if (r->readable < BLK_HEADER)
		return rule_fail(ctx,
				 "chain %u has %" PRIu64 " readable bytes; a request header has 16",
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
	if (r->type_raw == VIRTIO_BLK_T_IN && blk_out(r))
		return rule_fail(ctx,
				 "an IN request has %" PRIu64 " readable bytes besides its header",
				 blk_out(r));
	if (r->type_raw == VIRTIO_BLK_T_OUT && blk_in(r))
		return rule_fail(ctx,
				 "an OUT request has %" PRIu64 " writable bytes besides the status",
				 blk_in(r));
	return r->type_raw <= VIRTIO_BLK_T_OUT ? RULE_PASSED : RULE_NA;
}

static enum verdict unnegotiated(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!r->type || r->type->feature < 0 || !negotiated(ctx))
		return RULE_NA;
	if (accepted(ctx, (unsigned)r->type->feature))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "%s was sent, but its feature is not negotiated", blk_name(r));
}

const struct spec_request *blk_type_swapped(const struct model_request *r)
{
	return r->type ? NULL
		       : class_request_type(class_find(VIRTIO_ID_BLOCK),
					    __builtin_bswap32(r->type_raw));
}

bool blk_type_defined(const struct rule_context *ctx, const struct model_request *r)
{
	const struct class *c = class_find(VIRTIO_ID_BLOCK);

	if (!accepted(ctx, VIRTIO_F_VERSION_1))
		return r->type || class_request_type(c, r->type_raw & ~BLK_BARRIER);
	return r->type && !(r->type->flags & SPEC_REQ_LEGACY);
}

/* What a type without a meaning may have been meant as; "" when there is no guess. */
static const char *meant(const struct model_request *r, char to[64])
{
	const struct class *c = class_find(VIRTIO_ID_BLOCK);
	const struct spec_request *other;

	*to = '\0';
	if (r->type)
		snprintf(to, 64, " (%s of the legacy interface)", r->type->name);
	else if ((other = blk_type_swapped(r)))
		snprintf(to, 64, ", %s in the other byte order", other->name);
	else if ((other = class_request_type(c, r->type_raw & ~BLK_BARRIER)))
		snprintf(to, 64, ", %s with the barrier bit of the legacy interface", other->name);
	return to;
}

static enum verdict undefined_type(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	char what[64];

	if (blk_type_defined(ctx, r))
		return RULE_PASSED;
	/* Other rules say so. */
	if (r->type ? r->type->feature >= 0 && !accepted(ctx, (unsigned)r->type->feature)
		    : legacy_only(ctx) && blk_type_swapped(r))
		return RULE_NA;
	return rule_fail(ctx, "chain %u has the request type 0x%08x%s", r->head, r->type_raw,
			 meant(r, what));
}

static enum verdict sector_unused(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	/* The header's own: the model's is that of the first segment, where there are some. */
	uint64_t sector = get_le64(r->head_bytes + 8);
	bool flush = r->type_raw == VIRTIO_BLK_T_FLUSH || r->type_raw == VIRTIO_BLK_T_FLUSH_OUT;
	bool all = r->type_raw == VIRTIO_BLK_T_ZONE_RESET_ALL;

	if (!r->type || r->type->flags & SPEC_REQ_SECTOR || r->type_raw == VIRTIO_BLK_T_SCSI_CMD ||
	    r->type_raw == VIRTIO_BLK_T_SCSI_CMD_OUT)
		return RULE_NA;
	if (ctx->rule->arg != (flush ? VIRTIO_BLK_T_FLUSH : all ? VIRTIO_BLK_T_ZONE_RESET_ALL : 0))
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

/* A limit that was negotiated; 0: none, or it is not known, which *unsure remembers. */
static uint64_t agreed_max(const struct rule_context *ctx, unsigned feature, unsigned at,
			   bool *unsure)
{
	uint64_t max = 0;

	if (accepted(ctx, feature) && !check_config(ctx, at, 4, &max))
		*unsure = true;
	return max;
}

static enum verdict too_many(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t seg_max, size_max;
	bool unsure = false;
	uint32_t longest;
	unsigned n;

	if (!r->type || r->type_raw > VIRTIO_BLK_T_OUT || !chain_whole(r))
		return RULE_NA;
	n = data_segments(r, &longest);
	seg_max = agreed_max(ctx, VIRTIO_BLK_F_SEG_MAX, BLK_CFG_SEG_MAX, &unsure);
	size_max = agreed_max(ctx, VIRTIO_BLK_F_SIZE_MAX, BLK_CFG_SIZE_MAX, &unsure);
	if (seg_max && n > seg_max)
		return rule_fail(ctx, "%s has %u data segments, but seg_max is %" PRIu64,
				 blk_name(r), n, seg_max);
	if (size_max && longest > size_max)
		return rule_fail(ctx, "%s has a data segment of %u bytes, but size_max is %" PRIu64,
				 blk_name(r), longest, size_max);
	return unsure ? RULE_NA : RULE_PASSED;
}

/*
 * What the driver has read became less: a request popped since may have been made available before,
 * and another processor may submit one between the halves.
 */
static bool shrinks(const struct rule_context *ctx, uint64_t *capacity)
{
	const struct blk_memory *m = blk_memory(ctx);

	if (m->capacity_before <= *capacity || ctx->now - m->ts_shrunk >= STALL)
		return false;
	*capacity = m->capacity_before;
	return true;
}

static enum verdict past_end(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t capacity, sectors = 0;
	struct blk_segment s;
	bool unsure;

	if (!r->type || !chain_whole(r) || !check_config(ctx, BLK_CFG_CAPACITY, 8, &capacity))
		return RULE_NA;
	unsure = shrinks(ctx, &capacity);
	if (blk_segmented(r)) {
		for (unsigned i = 0; blk_segment(r, i, &s); i++)
			if (s.sector > capacity || s.sectors > capacity - s.sector)
				return rule_fail(ctx,
						 "%s of sectors %" PRIu64 " to %" PRIu64
						 " and the capacity is %" PRIu64,
						 blk_name(r), s.sector, s.sector + s.sectors,
						 capacity);
		return blk_segments_seen(r) && !unsure ? RULE_PASSED : RULE_NA;
	}
	if (r->type_raw > VIRTIO_BLK_T_OUT && r->type_raw != VIRTIO_BLK_T_ZONE_REPORT)
		return RULE_NA;
	if (r->type_raw <= VIRTIO_BLK_T_OUT)
		sectors = r->bytes / BLK_SECTOR;
	else
		sectors = 1;
	if (r->sector <= capacity && sectors <= capacity - r->sector)
		return unsure ? RULE_NA : RULE_PASSED;
	return rule_fail(ctx,
			 "%s of %" PRIu64 " sectors from %" PRIu64 " and the capacity is %" PRIu64,
			 blk_name(r), sectors, r->sector, capacity);
}

static enum verdict flush_data(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (r->type_raw != VIRTIO_BLK_T_FLUSH || !chain_whole(r))
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
	if (ctx->rule->arg == VIRTIO_BLK_T_DISCARD ? !blk_segmented(r)
	    : ctx->rule->arg == VIRTIO_BLK_T_IN	   ? r->type_raw > VIRTIO_BLK_T_OUT
						   : r->type_raw != ctx->rule->arg)
		return RULE_NA;
	if (ctx->rule->arg == VIRTIO_BLK_T_DISCARD)
		bytes = blk_out(r);
	bad = ctx->rule->arg == VIRTIO_BLK_T_GET_ID ? bytes != 20
	      : ctx->rule->arg == VIRTIO_BLK_T_IN   ? bytes % BLK_SECTOR
						    : !bytes || bytes % BLK_SEGMENT;
	if (!bad)
		return RULE_PASSED;
	return rule_fail(ctx, "%s has %" PRIu64 " bytes of data", blk_name(r), bytes);
}

/* Where the configuration says how many segments a request may have, and how long one. */
static const struct limit {
	unsigned type;
	unsigned seg, sectors;
} limits[] = {
	{ VIRTIO_BLK_T_DISCARD, BLK_CFG_DISCARD_SEG, BLK_CFG_DISCARD_SECTORS },
	{ VIRTIO_BLK_T_WRITE_ZEROES, BLK_CFG_ZEROES_SEG, BLK_CFG_ZEROES_SECTORS },
	{ VIRTIO_BLK_T_SECURE_ERASE, BLK_CFG_ERASE_SEG, BLK_CFG_ERASE_SECTORS },
};

static const struct limit *limit_of(const struct model_request *r)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (r->type_raw == limits[i].type)
			return &limits[i];
	return NULL;
}

/* arg: the type */
static enum verdict segments(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	const struct limit *l = limit_of(r);
	uint64_t max, n = blk_out(r) / BLK_SEGMENT;

	if (!l || l->type != ctx->rule->arg || !chain_whole(r) ||
	    !check_config(ctx, l->seg, 4, &max))
		return RULE_NA;
	if (n <= max)
		return RULE_PASSED;
	return rule_fail(ctx, "%s has %" PRIu64 " segments, but at most %" PRIu64 " are allowed",
			 blk_name(r), n, max);
}

static enum verdict segment_long(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	const struct limit *l = limit_of(r);
	struct blk_segment s;
	uint64_t max;

	if (!l || !check_config(ctx, l->sectors, 4, &max) || !max)
		return RULE_NA;
	for (unsigned n = 0; blk_segment(r, n, &s); n++)
		if (s.sectors > max)
			return rule_fail(ctx,
					 "%s has a segment of %u sectors, but at most %" PRIu64
					 " are allowed",
					 blk_name(r), s.sectors, max);
	return blk_segments_seen(r) ? RULE_PASSED : RULE_NA;
}

/* arg: 1 unmap in a discard, ~1 flags without a meaning */
static enum verdict segment_flags(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint32_t bad = ctx->rule->arg;
	struct blk_segment s;

	if (!blk_segmented(r) || (bad == 1 && r->type_raw != VIRTIO_BLK_T_DISCARD))
		return RULE_NA;
	for (unsigned n = 0; blk_segment(r, n, &s); n++)
		if (s.flags & bad)
			return rule_fail(ctx, "segment %u of %s has flags 0x%08x", n, blk_name(r),
					 s.flags);
	return blk_segments_seen(r) ? RULE_PASSED : RULE_NA;
}

/* --- zones ------------------------------------------------------------------ */

/* arg: 1 for ZONE_APPEND, 0 for the zone commands */
static enum verdict zone_start(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t zone;

	if (!blk_zoned(ctx, &zone))
		return RULE_NA;
	if (ctx->rule->arg
		    ? r->type_raw != VIRTIO_BLK_T_ZONE_APPEND
		    : r->type_raw < VIRTIO_BLK_T_ZONE_OPEN || r->type_raw > VIRTIO_BLK_T_ZONE_RESET)
		return RULE_NA;
	if (!(r->sector % zone))
		return RULE_PASSED;
	return rule_fail(ctx, "%s has sector %" PRIu64 ", but zones have %" PRIu64 " sectors",
			 blk_name(r), r->sector, zone);
}

static enum verdict append_size(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint64_t granularity, max;

	if (r->type_raw != VIRTIO_BLK_T_ZONE_APPEND || !accepted(ctx, VIRTIO_BLK_F_ZONED) ||
	    !chain_whole(r))
		return RULE_NA;
	if (check_config(ctx, BLK_CFG_ZONE_GRANULARITY, 4, &granularity) && granularity &&
	    blk_out(r) % granularity)
		return rule_fail(
			ctx, "ZONE_APPEND of %" PRIu64 " bytes, but write_granularity is %" PRIu64,
			blk_out(r), granularity);
	if (check_config(ctx, BLK_CFG_ZONE_APPEND, 4, &max) && blk_out(r) / BLK_SECTOR > max)
		return rule_fail(ctx,
				 "ZONE_APPEND of %" PRIu64
				 " sectors, but max_append_sectors is %" PRIu64,
				 blk_out(r) / BLK_SECTOR, max);
	return RULE_PASSED;
}

static enum verdict erase_zones(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_segment s;
	uint64_t zone;

	if (r->type_raw != VIRTIO_BLK_T_SECURE_ERASE || !blk_zoned(ctx, &zone))
		return RULE_NA;
	for (unsigned n = 0; blk_segment(r, n, &s); n++)
		if (s.sectors % zone)
			return rule_fail(
				ctx,
				"segment %u of SECURE_ERASE has %u sectors, but zones have %" PRIu64,
				n, s.sectors, zone);
	return blk_segments_seen(r) ? RULE_PASSED : RULE_NA;
}

#define LIMITED (NEED_CHAIN | NEED_BYTES | NEED_CONFIG | NEED_AGREED)
#define AGREED (NEED_CHAIN | NEED_BYTES | NEED_AGREED)

static const struct rule rows[] = {
	{ DRIVER_STRUCTURAL, .id = "blk-shape", .section = "5.2.6", .refs = "I21 T40",
	  .text = "A request begins with a header of 16 readable bytes and ends with a writable byte.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN), .check = shape,
	  .wrong = "header and data, and no status byte" },
	{ DRIVER_STRUCTURAL, .id = "blk-other-way", .section = "5.2.6", .refs = "I22",
	  .text = "IN requests have writable data only, OUT requests readable data only.",
	  .needs = NEED_CHAIN | NEED_BYTES, .at = AT(REQUEST), .check = other_way,
	  .wrong = "IN with 512 readable bytes" },
	{ DRIVER_STRUCTURAL, .id = "blk-unnegotiated", .section = "5.2.6", .refs = "I23 T08",
	  .text = "The driver sends a request that belongs to a feature only if that feature is "
		  "negotiated.",
	  .needs = AGREED, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = unnegotiated,
	  .wrong = "DISCARD without VIRTIO_BLK_F_DISCARD" },
	{ DRIVER_STRUCTURAL, .id = "blk-type-undefined", .section = "5.2.6", .refs = "I23",
	  .text = "The driver sends only requests of a type that the specification defines.",
	  .needs = AGREED, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = undefined_type,
	  .wrong = "a request of type 0xdeadbeef" },
	{ DRIVER_STRUCTURAL, .id = "blk-sector-unused", .section = "5.2.6", .refs = "I24",
	  .text = "sector is 0 in requests that have no use for it.",
	  .needs = NEED_CHAIN | NEED_BYTES, .at = AT(REQUEST) | ONLY(UNUSUAL),
	  .check = sector_unused, .wrong = "GET_ID with sector 8" },
	{ DRIVER_STRUCTURAL, .id = "blk-segments", .section = "5.2.6",
	  .refs = "I25 PACKED-D6 PACKED-D14 T26",
	  .text = "A request has at most seg_max data segments, each of at most size_max bytes.",
	  .needs = LIMITED, .at = AT(REQUEST), .check = too_many,
	  .wrong = "seg_max 126, 127 data descriptors" },
	{ DRIVER_MUST, .id = "blk-past-end", .section = "5.2.6.1", .refs = "BLKOP-D2 BLKOP-D18 T38",
	  .text = "No request goes beyond the capacity that the driver has read.", .needs = LIMITED,
	  .at = AT(REQUEST), .check = past_end, .wrong = "capacity 2048, IN sector 2048" },
	{ DRIVER_MUST, .id = "blk-flush-sector", .section = "5.2.6.1", .refs = "BLKOP-D4",
	  .text = "FLUSH has sector 0.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = sector_unused, .arg = VIRTIO_BLK_T_FLUSH,
	  .wrong = "FLUSH sector 8" },
	{ DRIVER_SHOULD, .id = "blk-flush-data", .section = "5.2.6.1", .refs = "BLKOP-D5",
	  .text = "FLUSH has no data.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = flush_data, .wrong = "FLUSH with 512 bytes" },
	{ DRIVER_MUST, .id = "blk-length", .section = "5.2.6.1", .refs = "BLKOP-D6 T38",
	  .text = "The data of IN and OUT requests is a multiple of 512 bytes, whatever the "
		  "block size.",
	  .needs = NEED_CHAIN | NEED_BYTES, .at = AT(REQUEST), .check = length,
	  .arg = VIRTIO_BLK_T_IN, .wrong = "IN of 500 bytes" },
	{ DRIVER_MUST, .id = "blk-segment-length", .section = "5.2.6.1", .refs = "BLKOP-D7 T40",
	  .text = "The data of DISCARD, WRITE_ZEROES and SECURE_ERASE requests consists of whole "
		  "segments of 16 bytes.",
	  .needs = NEED_CHAIN | NEED_BYTES, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = length,
	  .arg = VIRTIO_BLK_T_DISCARD, .wrong = "DISCARD with 24 bytes" },
	{ DRIVER_MUST, .id = "blk-id-length", .section = "5.2.6.1", .refs = "BLKOP-D8",
	  .text = "GET_ID has room for 20 bytes.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = length, .arg = VIRTIO_BLK_T_GET_ID,
	  .wrong = "GET_ID with 16 bytes" },
	{ DRIVER_MUST, .id = "blk-discard-segments", .section = "5.2.6.1", .refs = "BLKOP-D9 T40",
	  .text = "DISCARD has at most max_discard_seg segments.", .needs = LIMITED,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segments, .arg = VIRTIO_BLK_T_DISCARD,
	  .wrong = "max_discard_seg 1, 2 segments" },
	{ DRIVER_MUST, .id = "blk-erase-segments", .section = "5.2.6.1", .refs = "BLKOP-D10",
	  .text = "SECURE_ERASE has at most max_secure_erase_seg segments.", .needs = LIMITED,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segments, .arg = VIRTIO_BLK_T_SECURE_ERASE,
	  .wrong = "max_secure_erase_seg 1, 2 segments" },
	{ DRIVER_MUST, .id = "blk-zeroes-segments", .section = "5.2.6.1", .refs = "BLKOP-D11 T40",
	  .text = "WRITE_ZEROES has at most max_write_zeroes_seg segments.", .needs = LIMITED,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segments, .arg = VIRTIO_BLK_T_WRITE_ZEROES,
	  .wrong = "max_write_zeroes_seg 1, 2 segments" },
	{ DRIVER_STRUCTURAL, .id = "blk-segment-too-long", .section = "5.2.6", .refs = "T40",
	  .text = "A segment has at most as many sectors as the configuration allows.",
	  .needs = LIMITED, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segment_long,
	  .wrong = "max_discard_sectors 1024, a segment of 2048" },
	{ DRIVER_MUST, .id = "blk-discard-unmap", .section = "5.2.6.1", .refs = "BLKOP-D14 T40",
	  .text = "DISCARD does not set the unmap flag.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segment_flags, .arg = 1,
	  .wrong = "DISCARD with flags 1" },
	{ DRIVER_STRUCTURAL, .id = "blk-segment-flags", .section = "5.2.6", .refs = "T40",
	  .text = "Reserved flags of a segment are 0.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = segment_flags, .arg = ~1U,
	  .wrong = "WRITE_ZEROES with flags 4" },
	{ DRIVER_MUST, .id = "blk-zone-start", .section = "5.2.6.1", .refs = "BLKOP-D20",
	  .text = "The sector of ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH and ZONE_RESET is the first "
		  "one of a zone.",
	  .needs = LIMITED, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = zone_start,
	  .wrong = "zones of 4096 sectors, ZONE_OPEN sector 8" },
	{ DRIVER_MUST, .id = "blk-zone-reset-all", .section = "5.2.6.1", .refs = "BLKOP-D21",
	  .text = "ZONE_RESET_ALL has sector 0.", .needs = NEED_CHAIN | NEED_BYTES,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = sector_unused,
	  .arg = VIRTIO_BLK_T_ZONE_RESET_ALL, .wrong = "ZONE_RESET_ALL sector 8" },
	{ DRIVER_MUST, .id = "blk-append-start", .section = "5.2.6.1",
	  .refs = "BLKOP-D22 BLKOP-D26",
	  .text = "The sector of ZONE_APPEND is the first one of a zone.", .needs = LIMITED,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = zone_start, .arg = 1,
	  .wrong = "zones of 4096 sectors, ZONE_APPEND sector 8" },
	{ DRIVER_MUST, .id = "blk-append-size", .section = "5.2.6.1", .refs = "BLKOP-D23 BLKOP-D25",
	  .text = "The data of ZONE_APPEND is a multiple of write_granularity and at most "
		  "max_append_sectors.",
	  .needs = LIMITED, .at = AT(REQUEST) | ONLY(UNUSUAL), .check = append_size,
	  .wrong = "max_append_sectors 64, 128 sectors" },
	{ DRIVER_MUST, .id = "blk-erase-zones", .section = "5.2.6.2", .refs = "BLKOP-V39",
	  .text = "On a zoned device SECURE_ERASE covers whole zones.", .needs = LIMITED,
	  .at = AT(REQUEST) | ONLY(UNUSUAL), .check = erase_zones,
	  .wrong = "zones of 4096 sectors, 8 sectors erased" },
};

const struct rule_table rules_blk = {
	RULES(rows),
	.class = &check_class_blk,
	.why = "A device that trusts a malformed request reads or writes the wrong sectors or the wrong\n"
	       "memory; a device that does not trust it stops, and the guest loses its disk until it\n"
	       "restarts.",
	.right =
		"16 readable bytes: type, 0, sector\n"
		"data: readable for OUT, writable for IN, a multiple of 512 bytes, inside the capacity\n"
		"1 writable byte at the very end: the status\n",
};
