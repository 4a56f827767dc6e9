/* SPDX-License-Identifier: MIT */
/* What the block device answers: 5.2.6.2. */
#include <inttypes.h>
#include <stdio.h>

#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

const char *blk_status(const struct model_request *r)
{
	static _Thread_local char buf[24];
	const struct class *c = class_find(VIRTIO_ID_BLOCK);
	const char *name = c ? spec_name_of(c->statuses, r->status) : NULL;

	if (name)
		return name;
	snprintf(buf, sizeof(buf), "0x%02x", r->status);
	return buf;
}

static enum verdict wrong(struct rule_context *ctx, const char *why)
{
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx, "%s%s completed with %s", blk_name(ctx->req), why,
			 blk_status(ctx->req));
}

static enum verdict range(struct rule_context *ctx)
{
	unsigned most = accepted(ctx, VIRTIO_BLK_F_ZONED) ? 6 : 2;

	if (!blk_answered(ctx) || !ctx->req->writable)
		return RULE_NA;
	if (ctx->req->status <= most)
		return RULE_PASSED;
	return wrong(ctx, "");
}

static enum verdict undefined_done(struct rule_context *ctx)
{
	if (!blk_answered(ctx) || ctx->req->type || blk_type_defined(ctx, ctx->req))
		return RULE_NA;
	if (ctx->req->status != VIRTIO_BLK_S_OK)
		return RULE_PASSED;
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx, "a request of type 0x%08x completed with OK", ctx->req->type_raw);
}

static enum verdict ro(struct rule_context *ctx)
{
	if (!blk_answered(ctx) || ctx->req->type_raw != VIRTIO_BLK_T_OUT ||
	    !offered_known(ctx, 0) || !offered(ctx, VIRTIO_BLK_F_RO))
		return RULE_NA;
	if (ctx->req->status == VIRTIO_BLK_S_IOERR)
		return RULE_PASSED;
	return wrong(ctx, " to a read-only device");
}

/* arg: 1 unmap in a discard, ~1 flags without a meaning */
static enum verdict flags(struct rule_context *ctx)
{
	uint32_t bad = ctx->rule->arg;
	struct blk_segment s;

	if (!blk_answered(ctx) || !blk_segmented(ctx->req) ||
	    (bad == 1 && ctx->req->type_raw != VIRTIO_BLK_T_DISCARD))
		return RULE_NA;
	/* Not negotiated, or refused for another reason first: some other error is as good. */
	if (!accepted(ctx, (unsigned)ctx->req->type->feature))
		return RULE_NA;
	for (unsigned n = 0; blk_segment(ctx->req, n, &s); n++)
		if (s.flags & bad)
			return ctx->req->status == VIRTIO_BLK_S_UNSUPP
				       ? RULE_PASSED
				       : wrong(ctx, bad == 1 ? " with unmap set"
							     : " with reserved flags");
	return RULE_NA;
}

static enum verdict zone_unnegotiated(struct rule_context *ctx)
{
	if (!blk_answered(ctx) || ctx->req->type_raw < VIRTIO_BLK_T_ZONE_APPEND ||
	    ctx->req->type_raw > VIRTIO_BLK_T_ZONE_RESET_ALL || !ctx->req->type ||
	    !negotiated(ctx) || accepted(ctx, VIRTIO_BLK_F_ZONED))
		return RULE_NA;
	if (ctx->req->status == VIRTIO_BLK_S_UNSUPP)
		return RULE_PASSED;
	return wrong(ctx, " without VIRTIO_BLK_F_ZONED");
}

static bool append(const struct rule_context *ctx)
{
	return blk_answered(ctx) && ctx->req->type_raw == VIRTIO_BLK_T_ZONE_APPEND &&
	       accepted(ctx, VIRTIO_BLK_F_ZONED);
}

static enum verdict append_start(struct rule_context *ctx)
{
	uint64_t zone;

	if (!append(ctx) || !blk_zoned(ctx, &zone) || !(ctx->req->sector % zone))
		return RULE_NA;
	if (ctx->req->status == VIRTIO_BLK_S_ZONE_INVALID_CMD)
		return RULE_PASSED;
	return wrong(ctx, " to the middle of a zone");
}

/* arg: 1 no such limit at all */
static enum verdict append_size(struct rule_context *ctx)
{
	uint64_t max, zone;

	if (!append(ctx) || !check_config(ctx, BLK_CFG_ZONE_APPEND, 4, &max) ||
	    !max != (ctx->rule->arg != 0) || blk_out(ctx->req) / BLK_SECTOR <= max)
		return RULE_NA;
	if (!blk_zoned(ctx, &zone) || ctx->req->sector % zone)
		return RULE_NA; /* another rule's */
	if (ctx->req->status ==
	    (ctx->rule->arg ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_ZONE_INVALID_CMD))
		return RULE_PASSED;
	return wrong(ctx, ctx->rule->arg ? " to a device without it"
					 : " of more than max_append_sectors");
}

/* Bytes that the device wrote into the writable part of the chain, if all were captured. */
static bool written(const struct rule_context *ctx, uint64_t from, unsigned n, uint64_t *value)
{
	const struct model_request *r = ctx->req;
	struct record_seg seg;
	uint64_t at = 0;
	uint32_t pos = 0;

	*value = 0;
	for (uint32_t i = 0; i < r->ndesc; i++) {
		const struct vqt_desc *d = &r->desc[i];

		if (!(d->flags & VRING_DESC_F_WRITE) || d->flags & VRING_DESC_F_INDIRECT)
			continue;
		for (pos = 0; record_seg_next(ctx->e->rec, &pos, &seg);) {
			if (seg.desc != i || from < at + seg.offset ||
			    from + n > at + seg.offset + seg.len)
				continue;
			for (unsigned b = 0; b < n; b++)
				*value |= (uint64_t)seg.bytes[from - at - seg.offset + b]
					  << (8 * b);
			return true;
		}
		at += d->len;
	}
	return false;
}

static enum verdict append_sector(struct rule_context *ctx)
{
	uint64_t zone, sector, end;

	if (!append(ctx) || ctx->req->status || ctx->req->writable < 9 || !blk_zoned(ctx, &zone) ||
	    !written(ctx, ctx->req->writable - 9, 8, &sector))
		return RULE_NA;
	end = ctx->req->sector + zone;
	if (sector >= ctx->req->sector && sector + blk_out(ctx->req) / BLK_SECTOR <= end)
		return RULE_PASSED;
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx,
			 "append_sector is %" PRIu64 ", but the zone has sectors %" PRIu64
			 " to %" PRIu64,
			 sector, ctx->req->sector, end);
}

static enum verdict lifetime(struct rule_context *ctx)
{
	uint64_t v;

	if (!blk_answered(ctx) || ctx->req->type_raw != VIRTIO_BLK_T_GET_LIFETIME ||
	    ctx->req->status || !written(ctx, 0, 6, &v))
		return RULE_NA;
	if ((v & 0xffff) <= 3 && (v >> 16 & 0xffff) <= 11 && (v >> 32 & 0xffff) <= 11)
		return RULE_PASSED;
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx, "lifetime metrics are %u, %u and %u", (unsigned)(v & 0xffff),
			 (unsigned)(v >> 16 & 0xffff), (unsigned)(v >> 32 & 0xffff));
}

/* The driver did nothing wrong, the feature is there, and the answer is UNSUPP. */
static enum verdict negotiated_refused(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_segment s;

	if (!blk_answered(ctx) || !r->type || !negotiated(ctx) ||
	    (r->type->feature >= 0 && !accepted(ctx, (unsigned)r->type->feature)))
		return RULE_NA;
	if (r->type->flags & SPEC_REQ_LEGACY || r->type_raw == VIRTIO_BLK_T_GET_ID ||
	    r->type_raw == VIRTIO_BLK_T_ZONE_APPEND || r->type_raw == VIRTIO_BLK_T_GET_LIFETIME)
		return RULE_NA;
	for (unsigned n = 0; blk_segmented(r) && blk_segment(r, n, &s); n++)
		if (s.flags & (r->type_raw == VIRTIO_BLK_T_DISCARD ? ~0U : ~1U))
			return RULE_NA;
	/* Too long or misaligned segments may be answered so. */
	if (blk_segmented(r) || (r->type_raw == VIRTIO_BLK_T_OUT && offered(ctx, VIRTIO_BLK_F_RO)))
		return RULE_NA;
	if (r->status != VIRTIO_BLK_S_UNSUPP)
		return RULE_PASSED;
	return wrong(ctx, ", which is negotiated,");
}

static enum verdict len_short(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!blk_answered(ctx) || r->type_raw != VIRTIO_BLK_T_IN || r->status ||
	    !accepted(ctx, VIRTIO_F_VERSION_1) || !r->used_len || !used_len_counts(ctx))
		return RULE_NA;
	if (r->used_len >= r->writable)
		return RULE_PASSED;
	rule_related(ctx, r->number, "the request");
	return rule_fail(ctx, "IN completed with OK and len %u, but %" PRIu64 " bytes were written",
			 r->used_len, r->writable);
}

#define FRAMINGS 3

/* 2.7.4.1: header, data and status in other than three descriptors are no reason to fail. */
static bool unusual(const struct model_request *r)
{
	uint32_t n = 0, first = 0;

	if (!r)
		return false;
	for (uint32_t i = 0; i < r->ndesc; i++) {
		if (i < r->ndirect && r->desc[i].flags & VRING_DESC_F_INDIRECT)
			continue;
		if (!n++)
			first = r->desc[i].len;
	}
	return n != 3 || first != BLK_HEADER || r->desc[r->ndesc - 1].len != 1;
}

static enum verdict framing(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_memory *m = blk_memory(ctx);
	uint64_t capacity;
	bool odd = unusual(r), bad;

	if (!blk_answered(ctx) || !r->type || r->type_raw > VIRTIO_BLK_T_OUT ||
	    r->bytes % BLK_SECTOR || !r->bytes ||
	    !check_config(ctx, BLK_CFG_CAPACITY, 8, &capacity) ||
	    r->sector + r->bytes / BLK_SECTOR > capacity || offered(ctx, VIRTIO_BLK_F_RO))
		return RULE_NA;
	/* Media fail, too: it takes several, and all of one kind. */
	bad = r->status != VIRTIO_BLK_S_OK;
	if (m->framed[odd][bad] < 255)
		m->framed[odd][bad]++;
	if (!odd || !bad || m->framed[1][0] || m->framed[0][1])
		return odd ? RULE_PASSED : RULE_NA;
	if (m->framed[1][1] < FRAMINGS || m->framed[0][0] < FRAMINGS || reported(ctx))
		return RULE_NA;
	return wrong(ctx, ", like all requests in an unusual framing and no others,");
}

/* What the backend has not finished is not durable. Backends that never say so prove nothing. */
static enum verdict flush_early(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!blk_answered(ctx) || r->type_raw != VIRTIO_BLK_T_FLUSH || !r->backend_ts)
		return RULE_NA;
	if (r->backend_end_ts) {
		blk_memory(ctx)->backend_ends = true;
		return RULE_PASSED;
	}
	if (r->status != VIRTIO_BLK_S_OK || !blk_memory(ctx)->backend_ends ||
	    !model_in_back_end(ctx->model, r)) /* its end may be lost */
		return RULE_NA;
	rule_related(ctx, r->number, "the request");
	return rule_fail(ctx,
			 "FLUSH completed with OK, but the backend's flush for it has not ended");
}

#define USED (NEED_CHAIN | NEED_USED | NEED_BYTES | NEED_AGREED)

static const struct rule rows[] = {
	{ DEVICE_STRUCTURAL, .id = "blk-status-range", .section = "5.2.6", .refs = "I26",
	  .text = "The device writes a status byte, and its value is a defined one.", .needs = USED,
	  .at = AT(USED), .check = range, .wrong = "status 0x55" },
	{ DEVICE_MUST, .id = "blk-write-on-ro", .section = "5.2.6.2", .refs = "BLKOP-V3 T39",
	  .text = "A device that offers VIRTIO_BLK_F_RO completes writes with IOERR.",
	  .needs = USED, .at = AT(USED), .check = ro, .wrong = "OUT to a read-only device, OK" },
	{ DEVICE_MUST, .id = "blk-unknown-flags-done", .section = "5.2.6.2", .refs = "BLKOP-V4 T40",
	  .text = "The device completes requests whose segments have unknown flags with UNSUPP.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = flags, .arg = ~1U,
	  .wrong = "WRITE_ZEROES with flags 4, OK" },
	{ DEVICE_MUST, .id = "blk-discard-unmap-done", .section = "5.2.6.2", .refs = "BLKOP-V5 T40",
	  .text = "The device completes DISCARD with the unmap flag with UNSUPP.", .needs = USED,
	  .at = AT(USED) | ONLY(UNUSUAL), .check = flags, .arg = 1,
	  .wrong = "DISCARD with flags 1, OK" },
	{ DEVICE_MUST, .id = "blk-zone-unnegotiated-done", .section = "5.2.6.2",
	  .refs = "BLKOP-V16",
	  .text = "Without VIRTIO_BLK_F_ZONED the device completes zone requests with UNSUPP.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = zone_unnegotiated,
	  .wrong = "ZONE_REPORT without bit 17, OK" },
	{ DEVICE_MUST, .id = "blk-append-start-done", .section = "5.2.6.2", .refs = "BLKOP-V25",
	  .text = "The device completes ZONE_APPEND with ZONE_INVALID_CMD if its sector is not "
		  "the first one of a zone.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = append_start,
	  .wrong = "zones of 4096 sectors, ZONE_APPEND sector 8, OK" },
	{ DEVICE_MUST, .id = "blk-append-size-done", .section = "5.2.6.2",
	  .refs = "BLKOP-V29 BLKINIT-V15",
	  .text = "The device completes ZONE_APPEND beyond max_append_sectors with ZONE_INVALID_CMD.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = append_size,
	  .wrong = "max_append_sectors 64, 128 sectors, OK" },
	{ DEVICE_MUST, .id = "blk-append-unsupported-done", .section = "5.2.6.2",
	  .refs = "BLKOP-V28",
	  .text = "A device with max_append_sectors 0 completes ZONE_APPEND with UNSUPP.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = append_size, .arg = 1,
	  .wrong = "max_append_sectors 0, ZONE_APPEND, OK" },
	{ DEVICE_MUST, .id = "blk-append-sector", .section = "5.2.6.2", .refs = "BLKOP-V27",
	  .text = "append_sector is in the zone to which the data was appended.", .needs = USED,
	  .at = AT(USED) | ONLY(UNUSUAL), .check = append_sector,
	  .wrong = "ZONE_APPEND sector 4096, append_sector 0" },
	{ DEVICE_MUST, .id = "blk-flush-early", .section = "5.2.6.2", .refs = "BLKOP-V11 T39",
	  .text = "The device completes FLUSH only after written data is in stable storage.",
	  .needs = USED | NEED_DEVICE, .at = AT(USED), .check = flush_early,
	  .wrong = "FLUSH, the backend's flush begins, OK, the backend's flush ends" },
	{ DEVICE_MUST, .id = "blk-lifetime", .section = "5.2.6.2", .refs = "BLKOP-V15",
	  .text = "The lifetime metrics contain no reserved values.", .needs = USED,
	  .at = AT(USED) | ONLY(UNUSUAL), .check = lifetime, .wrong = "pre_eol_info 9" },
	{ DEVICE_STRUCTURAL, .id = "blk-undefined-done", .section = "5.2.6", .refs = "I23 T39",
	  .text = "The device does not report success for a request of a type that is not defined.",
	  .needs = USED, .at = AT(USED) | ONLY(UNUSUAL), .check = undefined_done,
	  .wrong = "type 0xdeadbeef, OK" },
	{ DEVICE_STRUCTURAL, .id = "blk-negotiated-refused", .section = "5.2.6",
	  .refs = "FEAT-V3 T39",
	  .text = "The device does not complete negotiated request types with UNSUPP.",
	  .needs = USED, .at = AT(USED), .check = negotiated_refused,
	  .wrong = "VIRTIO_BLK_F_FLUSH accepted, FLUSH, UNSUPP" },
	{ DEVICE_SUSPICIOUS, .id = "blk-len-short", .section = "2.7.8.2", .refs = "T33",
	  .text = "The used length of a successful read covers the data and the status byte; a device "
		  "may count fewer, and drivers that go by len see no answer.",
	  .needs = USED, .at = AT(USED), .check = len_short,
	  .wrong = "IN of 4096 bytes, OK, len 4096" },
	{ DEVICE_SUSPICIOUS, .id = "blk-framing-refused", .section = "2.7.4.1",
	  .refs = "SPLIT-V1 T35",
	  .text = "The device does not fail a request because of how it is divided into descriptors.",
	  .needs = NEED_CHAIN | NEED_USED | NEED_BYTES | NEED_CONFIG | NEED_AGREED, .at = AT(USED),
	  .check = framing, .wrong = "the header in two descriptors, IOERR" },
};

const struct rule_table rules_blk_used = {
	RULES(rows),
	.class = &check_class_blk,
	.why = "The status byte is all that the driver learns about the fate of its data. A wrong OK loses\n"
	       "data silently; a wrong error makes a file system read-only.",
	.right = "done: 0 (OK); the medium failed or is read-only: 1 (IOERR)\n"
		 "an unknown type, or flags without a meaning: 2 (UNSUPP)\n"
		 "used len = data written + 1\n",
};
