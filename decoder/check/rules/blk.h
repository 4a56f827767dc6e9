/* SPDX-License-Identifier: MIT */
/* What the rules about the block device share; only decoder/check/rules/blk*.c include this. */
#ifndef VQT_DECODER_CHECK_RULES_BLK_H
#define VQT_DECODER_CHECK_RULES_BLK_H

#include "decoder/class/blk.h"
#include "decoder/check/impl.h"

enum blk_type {
	BLK_IN = 0,
	BLK_OUT = 1,
	BLK_SCSI = 2,
	BLK_SCSI_OUT = 3,
	BLK_FLUSH = 4,
	BLK_FLUSH_OUT = 5,
	BLK_GET_ID = 8,
	BLK_GET_LIFETIME = 10,
	BLK_DISCARD = 11,
	BLK_WRITE_ZEROES = 13,
	BLK_SECURE_ERASE = 14,
	BLK_ZONE_APPEND = 15,
	BLK_ZONE_REPORT = 16,
	BLK_ZONE_OPEN = 18,
	BLK_ZONE_CLOSE = 20,
	BLK_ZONE_FINISH = 22,
	BLK_ZONE_RESET = 24,
	BLK_ZONE_RESET_ALL = 26,
};

enum blk_status {
	BLK_OK,
	BLK_IOERR,
	BLK_UNSUPP,
	BLK_ZONE_INVALID_CMD,
	BLK_ZONE_UNALIGNED_WP,
	BLK_ZONE_OPEN_RESOURCE,
	BLK_ZONE_ACTIVE_RESOURCE,
};

/* Fields of the configuration, by offset: 5.2.4. */
enum blk_field {
	BLK_CAPACITY = 0,
	BLK_SIZE_MAX = 8,
	BLK_SEG_MAX = 12,
	BLK_WRITEBACK = 32,
	BLK_MAX_DISCARD_SECTORS = 36,
	BLK_MAX_DISCARD_SEG = 40,
	BLK_MAX_ZEROES_SECTORS = 48,
	BLK_MAX_ZEROES_SEG = 52,
	BLK_MAX_ERASE_SECTORS = 60,
	BLK_MAX_ERASE_SEG = 64,
	BLK_ERASE_ALIGNMENT = 68,
	BLK_ZONE_SECTORS = 72,
	BLK_MAX_OPEN_ZONES = 76,
	BLK_MAX_ACTIVE_ZONES = 80,
	BLK_MAX_APPEND = 84,
	BLK_WRITE_GRANULARITY = 88,
	BLK_ZONE_MODEL = 92,
};

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

/* The header's own sector: the model's is that of the first segment, where there are some. */
static inline uint64_t blk_sector(const struct model_request *r)
{
	return get_le64(r->head_bytes + 8);
}

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
