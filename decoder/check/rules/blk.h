/* SPDX-License-Identifier: MIT */
/* What the rules about the block device share; only decoder/check/rules/blk*.c include this. */
#ifndef VQT_DECODER_CHECK_RULES_BLK_H
#define VQT_DECODER_CHECK_RULES_BLK_H

#include "decoder/class/blk.h"
#include "decoder/check/class.h"
#include "decoder/check/context.h"

/* A zone as the latest report has it. */
struct blk_zone {
	uint64_t start, capacity, wp; /* sectors */
	uint8_t type, state; /* 5.2.6: VIRTIO_BLK_ZT_*, ZS_* */
	bool settled; /* nothing was sent since that could change it */
	uint64_t number; /* of the report */
	uint64_t expect; /* a write taken while settled: the event at which it was popped */
};

/* 5.2.6.3: set in a type of the legacy interface, to keep requests in order. */
#define BLK_BARRIER 0x80000000U

/* A field was found changed, and no notification of it yet. */
struct blk_change {
	struct obligation seen;
	uint64_t n_old; /* the event that read the old value */
};

#define BLK_ZONES 64
struct blk_zones {
	uint64_t sectors; /* of a zone */
	unsigned n;
	struct blk_zone zone[BLK_ZONES];
};

/* What the rules remember of a block device. */
struct blk_memory {
	struct obligation early_write; /* writeback before features were read, legacy; a: value */
	struct obligation
		capacity_read; /* a configuration change notified, the capacity not read */
	unsigned capacity_reads;
	struct blk_change capacity, may_unmap;
	/* The capacity as known last, 0 never; and before it became less, at that time. */
	uint64_t capacity_known, capacity_before, ts_shrunk;
	bool writeback_set; /* the driver has written 1 to writeback */
	struct blk_zones *zones; /* NULL: no report yet */
	uint64_t n_zone_touched; /* the latest request that may change a zone */
	uint64_t flushes, writes;
	uint8_t framed[2][2]; /* requests: unusual framing, failed; saturating */
	bool backend_ends; /* it was seen that the backend finished one */
};

/* Of the device that the event is of: a block device, for rules of block devices. */
static inline struct blk_memory *blk_memory(const struct rule_context *ctx)
{
	return ctx->d->of_class;
}

struct blk_zone *blk_zone_at(const struct rule_context *ctx, uint64_t sector); /* NULL: not known */

/* Segment i of a discard-like request, 5.2.6; false when it was not captured. */
struct blk_segment {
	uint64_t sector;
	uint32_t sectors, flags;
};

static inline bool blk_segment(const struct model_request *r, unsigned i, struct blk_segment *s)
{
	const uint8_t *p = r->head_bytes + BLK_HEADER + (size_t)i * BLK_SEGMENT;

	if (r->head_len < BLK_HEADER + (size_t)(i + 1) * BLK_SEGMENT)
		return false;
	s->sector = get_le64(p);
	s->sectors = get_le32(p + 8);
	s->flags = get_le32(p + 12);
	return true;
}

/* All segments were captured: one that was not may be wrong. */
static inline bool blk_segments_seen(const struct model_request *r)
{
	uint64_t n = r->readable > BLK_HEADER ? (r->readable - BLK_HEADER) / BLK_SEGMENT : 0;

	return n && r->head_len >= BLK_HEADER + n * BLK_SEGMENT;
}

/* The event completes a request whose header and status are known. */
static inline bool blk_answered(const struct rule_context *ctx)
{
	return ctx->req && ctx->req->typed && ctx->req->status_known && chain_whole(ctx->req);
}

/* Whether the device has zones, and of how many sectors. */
static inline bool blk_zoned(const struct rule_context *ctx, uint64_t *sectors)
{
	return accepted(ctx, VIRTIO_BLK_F_ZONED) &&
	       check_config(ctx, BLK_CFG_ZONE_SECTORS, 4, sectors) && *sectors;
}

/*
 * Whether the header has a type that the specification defines for the interface in use.  What
 * is of the legacy interface alone, and of no feature, is undefined in the modern one.
 */
bool blk_type_defined(const struct rule_context *ctx, const struct model_request *r);

/* The type that an undefined one is in the other byte order; NULL: none. */
const struct spec_request *blk_type_swapped(const struct model_request *r);

const char *blk_status(const struct model_request *r); /* "IOERR"; until the next call */

static inline const char *blk_name(const struct model_request *r)
{
	return r->type ? r->type->name : "unknown request";
}

static inline uint64_t blk_out(const struct model_request *r)
{
	return r->readable > BLK_HEADER ? r->readable - BLK_HEADER : 0;
}

static inline uint64_t blk_in(const struct model_request *r)
{
	return r->writable ? r->writable - 1 : 0;
}

static inline bool blk_segmented(const struct model_request *r)
{
	return r->type && r->type->flags & SPEC_REQ_SEGMENTS;
}

#endif
