/* SPDX-License-Identifier: MIT */
/* The block device (5.2). Requests are header, data, status, in any framing (2.7.4). */
#include "decoder/class/blk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

enum {
	BARRIER = 0,
	SIZE_MAX_ = 1,
	SEG_MAX = 2,
	GEOMETRY = 4,
	RO = 5,
	BLK_SIZE = 6,
	SCSI = 7,
	FLUSH = 9,
	TOPOLOGY = 10,
	CONFIG_WCE = 11,
	MQ = 12,
	DISCARD = 13,
	WRITE_ZEROES = 14,
	LIFETIME = 15,
	SECURE_ERASE = 16,
	ZONED = 17,
};

#define F(bit, name, ...) SPEC_FEATURE(bit, name, "5.2.3", ##__VA_ARGS__)
#define OLD(bit, name) SPEC_FEATURE(bit, name, "5.2.3.1", .legacy = 1)

static const struct spec_feature features[] = {
	OLD(BARRIER, "VIRTIO_BLK_F_BARRIER"),
	F(SIZE_MAX_, "VIRTIO_BLK_F_SIZE_MAX"),
	F(SEG_MAX, "VIRTIO_BLK_F_SEG_MAX"),
	F(GEOMETRY, "VIRTIO_BLK_F_GEOMETRY"),
	F(RO, "VIRTIO_BLK_F_RO"),
	F(BLK_SIZE, "VIRTIO_BLK_F_BLK_SIZE"),
	OLD(SCSI, "VIRTIO_BLK_F_SCSI"),
	F(FLUSH, "VIRTIO_BLK_F_FLUSH"),
	F(TOPOLOGY, "VIRTIO_BLK_F_TOPOLOGY"),
	/* 5.2.5.2 binds the device only: it says what happens when a driver refuses FLUSH. */
	F(CONFIG_WCE, "VIRTIO_BLK_F_CONFIG_WCE", .offers = { SPEC_BIT(FLUSH) }),
	F(MQ, "VIRTIO_BLK_F_MQ"),
	F(DISCARD, "VIRTIO_BLK_F_DISCARD"),
	F(WRITE_ZEROES, "VIRTIO_BLK_F_WRITE_ZEROES"),
	F(LIFETIME, "VIRTIO_BLK_F_LIFETIME"),
	F(SECURE_ERASE, "VIRTIO_BLK_F_SECURE_ERASE"),
	F(ZONED, "VIRTIO_BLK_F_ZONED"),
	SPEC_END,
};

static const struct spec_name wce[] = {
	{ 0, "WRITETHROUGH" },
	{ 1, "WRITEBACK" },
	{ 0, NULL },
};

static const struct spec_name zone_models[] = {
	{ 0, "NONE" },
	{ 1, "HM" },
	{ 2, "HA" },
	{ 0, NULL },
};

#define C(off, w, kind, name, feature, ...) \
	SPEC_FIELD(off, w, kind, SPEC_RO, name, feature, "5.2.4", ##__VA_ARGS__)

static const struct spec_field config[] = {
	C(0, 8, DEC, "capacity", -1),
	C(8, 4, DEC, "size_max", SIZE_MAX_),
	C(12, 4, DEC, "seg_max", SEG_MAX),
	C(16, 2, DEC, "geometry.cylinders", GEOMETRY),
	C(18, 1, DEC, "geometry.heads", GEOMETRY),
	C(19, 1, DEC, "geometry.sectors", GEOMETRY),
	C(20, 4, DEC, "blk_size", BLK_SIZE),
	C(24, 1, DEC, "topology.physical_block_exp", TOPOLOGY),
	C(25, 1, DEC, "topology.alignment_offset", TOPOLOGY),
	C(26, 2, DEC, "topology.min_io_size", TOPOLOGY),
	C(28, 4, DEC, "topology.opt_io_size", TOPOLOGY),
	SPEC_FIELD(32, 1, ENUM, 0, "writeback", CONFIG_WCE, "5.2.4", .names = wce),
	C(33, 1, BYTES, "unused0", -1),
	C(34, 2, DEC, "num_queues", MQ),
	C(36, 4, DEC, "max_discard_sectors", DISCARD),
	C(40, 4, DEC, "max_discard_seg", DISCARD),
	C(44, 4, DEC, "discard_sector_alignment", DISCARD),
	C(48, 4, DEC, "max_write_zeroes_sectors", WRITE_ZEROES),
	C(52, 4, DEC, "max_write_zeroes_seg", WRITE_ZEROES),
	C(56, 1, DEC, "write_zeroes_may_unmap", WRITE_ZEROES),
	C(57, 3, BYTES, "unused1", -1),
	C(60, 4, DEC, "max_secure_erase_sectors", SECURE_ERASE),
	C(64, 4, DEC, "max_secure_erase_seg", SECURE_ERASE),
	C(68, 4, DEC, "secure_erase_sector_alignment", SECURE_ERASE),
	C(72, 4, DEC, "zoned.zone_sectors", ZONED),
	C(76, 4, DEC, "zoned.max_open_zones", ZONED),
	C(80, 4, DEC, "zoned.max_active_zones", ZONED),
	C(84, 4, DEC, "zoned.max_append_sectors", ZONED),
	C(88, 4, DEC, "zoned.write_granularity", ZONED),
	C(92, 1, ENUM, "zoned.model", ZONED, .names = zone_models),
	C(93, 3, BYTES, "zoned.unused2", ZONED),
};

#define IN SPEC_REQ_DATA_IN
#define OUT SPEC_REQ_DATA_OUT
#define AT SPEC_REQ_SECTOR
#define SEGMENTS SPEC_REQ_SEGMENTS
#define COUNTED SPEC_REQ_COUNTED
#define R(type, name, json, feature, flags) \
	{ \
		type, name, json, feature, flags, "5.2.6" \
	}
#define OLD_R(type, name, json, feature, flags) \
	{ \
		type, name, json, feature, (flags) | SPEC_REQ_LEGACY, "5.2.6.3" \
	}

/*
 * In the legacy interface bit 31 of the type is a barrier (5.2.6.3), and both
 * SCSI types carry data either way.
 */
static const struct spec_request requests[] = {
	R(0, "IN", "in", -1, IN | AT | COUNTED),
	R(1, "OUT", "out", -1, OUT | AT | COUNTED),
	OLD_R(2, "SCSI_CMD", "scsi_cmd", SCSI, IN | OUT),
	OLD_R(3, "SCSI_CMD_OUT", "scsi_cmd_out", SCSI, IN | OUT),
	R(4, "FLUSH", "flush", FLUSH, COUNTED),
	OLD_R(5, "FLUSH_OUT", "flush_out", FLUSH, 0),
	R(8, "GET_ID", "get_id", -1, IN),
	R(10, "GET_LIFETIME", "get_lifetime", LIFETIME, IN),
	R(11, "DISCARD", "discard", DISCARD, OUT | SEGMENTS | COUNTED),
	R(13, "WRITE_ZEROES", "write_zeroes", WRITE_ZEROES, OUT | SEGMENTS | COUNTED),
	R(14, "SECURE_ERASE", "secure_erase", SECURE_ERASE, OUT | SEGMENTS),
	R(15, "ZONE_APPEND", "zone_append", ZONED, OUT | AT | SPEC_REQ_RESULT),
	R(16, "ZONE_REPORT", "zone_report", ZONED, IN | AT),
	R(18, "ZONE_OPEN", "zone_open", ZONED, AT),
	R(20, "ZONE_CLOSE", "zone_close", ZONED, AT),
	R(22, "ZONE_FINISH", "zone_finish", ZONED, AT),
	R(24, "ZONE_RESET", "zone_reset", ZONED, AT),
	R(26, "ZONE_RESET_ALL", "zone_reset_all", ZONED, 0),
	SPEC_END,
};

static const struct spec_name statuses[] = {
	{ 0, "OK" },
	{ 1, "IOERR" },
	{ 2, "UNSUPP" },
	{ 3, "ZONE_INVALID_CMD" },
	{ 4, "ZONE_UNALIGNED_WP" },
	{ 5, "ZONE_OPEN_RESOURCE" },
	{ 6, "ZONE_ACTIVE_RESOURCE" },
	{ 0, NULL },
};

static const struct spec_queue queues[] = {
	{ "requestq#", -1, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

/* --- requests, 5.2.6 --- */

#define HEADER(at, bytes, how, what, ...) \
	SPEC_FIELD(at, bytes, how, SPEC_RO, what, -1, "5.2.6", ##__VA_ARGS__)

static const struct spec_field header[] = {
	HEADER(0, 4, HEX, "type", .id = SPEC_REG_REQUEST_TYPE),
	HEADER(4, 4, HEX, "reserved"),
	HEADER(8, 8, DEC, "sector"),
};

static const struct spec_fields *header_of(const struct class_request *r)
{
	static const struct spec_fields fields = SPEC_TABLE(header);

	return &fields;
}

/* The bytes that the captured discard or write-zeroes segments name. */
static uint64_t segment_bytes(const struct class_request *r)
{
	uint64_t sectors = 0;

	for (uint32_t at = BLK_HEADER; at + BLK_SEGMENT <= r->head_len; at += BLK_SEGMENT)
		sectors += get_le32(r->head_bytes + at + 8);
	return sectors * BLK_SECTOR;
}

static void parse(struct class_request *r)
{
	uint64_t in = r->writable ? r->writable - 1 : 0; /* the status byte is last */
	uint64_t out = r->readable > BLK_HEADER ? r->readable - BLK_HEADER : 0;

	r->bytes = in + out;
	if (r->head_len < BLK_HEADER)
		return;
	r->typed = true;
	r->type_raw = get_le32(r->head_bytes);
	r->sector = get_le64(r->head_bytes + 8);
	r->type = spec_request(requests, r->type_raw);
	if (!r->type)
		return;
	if (r->type->flags & SPEC_REQ_SEGMENTS) {
		r->bytes = segment_bytes(r);
		if (r->head_len >= BLK_HEADER + BLK_SEGMENT)
			r->sector = get_le64(r->head_bytes + BLK_HEADER);
	} else if (r->type->flags & SPEC_REQ_DATA_IN) {
		r->bytes = in;
	} else if (r->type->flags & SPEC_REQ_DATA_OUT) {
		r->bytes = out;
	} else {
		r->bytes = 0;
	}
}

static void describe(const struct class_request *r, char *buf, size_t len)
{
	if (!r->typed) {
		snprintf(buf, len, "request (header not captured), %" PRIu64 " bytes", r->bytes);
		return;
	}
	if (!r->type) {
		snprintf(buf, len, "type %" PRIu32 " (unknown) sector %" PRIu64, r->type_raw,
			 r->sector);
		return;
	}
	if (r->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS)) {
		const char *cut = r->type->flags & SPEC_REQ_SEGMENTS && r->readable > r->head_len
					  ? "at least "
					  : "";

		snprintf(buf, len, "%s sector %" PRIu64 ", %s%" PRIu64 " sector%s", r->type->name,
			 r->sector, cut, r->bytes / BLK_SECTOR,
			 r->bytes / BLK_SECTOR == 1 ? "" : "s");
		if (r->bytes % BLK_SECTOR) {
			size_t n = strlen(buf);

			snprintf(buf + n, len - n, " + %" PRIu64 " bytes", r->bytes % BLK_SECTOR);
		}
		return;
	}
	if (r->bytes)
		snprintf(buf, len, "%s %" PRIu64 " bytes", r->type->name, r->bytes);
	else
		snprintf(buf, len, "%s", r->type->name);
}

/* 5.2.6: the reserved field, and lengths that follow from the type. */
static bool is_request(const struct class_request *r)
{
	uint64_t data = r->readable - BLK_HEADER;

	if (r->head_len < BLK_HEADER || r->readable < BLK_HEADER || get_le32(r->head_bytes + 4))
		return false;
	switch (get_le32(r->head_bytes)) {
	case VIRTIO_BLK_T_IN: return !data && r->writable % BLK_SECTOR == 1 && r->writable > 1;
	case VIRTIO_BLK_T_OUT: return data && !(data % BLK_SECTOR) && r->writable == 1;
	case VIRTIO_BLK_T_FLUSH: return !data && r->writable == 1;
	case VIRTIO_BLK_T_GET_ID: return !data && r->writable == VIRTIO_BLK_ID_BYTES + 1;
	}
	return false;
}

static int status_at(const struct class_request *r)
{
	return CLASS_STATUS_LAST;
}

static bool extent(const struct class_request *r, struct class_extent *x)
{
	static const struct {
		uint32_t type;
		unsigned op;
	} ops[] = {
		{ VIRTIO_BLK_T_IN, VQT_BACKEND_READ },
		{ VIRTIO_BLK_T_OUT, VQT_BACKEND_WRITE },
	};

	if (!r->typed || r->sector > UINT64_MAX / BLK_SECTOR)
		return false;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (r->type_raw == ops[i].type) {
			*x = (struct class_extent){ ops[i].op, r->sector * BLK_SECTOR, r->bytes };
			return true;
		}
	return false;
}

static bool block_io(const struct class_request *r, struct class_extent *x)
{
	/* of several segments the first one only would be seen */
	bool one = r->readable == BLK_HEADER + BLK_SEGMENT && r->head_len == r->readable;
	bool discard = r->type_raw == VIRTIO_BLK_T_DISCARD;

	if (extent(r, x))
		return true;
	if (!r->typed || r->sector > UINT64_MAX / BLK_SECTOR)
		return false;
	if (r->type_raw == VIRTIO_BLK_T_FLUSH || r->type_raw == VIRTIO_BLK_T_FLUSH_OUT)
		*x = (struct class_extent){ .op = VQT_BACKEND_FLUSH };
	else if (one && (discard || r->type_raw == VIRTIO_BLK_T_WRITE_ZEROES))
		*x = (struct class_extent){ discard ? VQT_BACKEND_DISCARD : VQT_BACKEND_ZEROES,
					    r->sector * BLK_SECTOR, r->bytes };
	else
		return false;
	return true;
}

static struct class_visible visible(const struct class_request *r, bool writable)
{
	static const char serial[VIRTIO_BLK_ID_BYTES] = "vqtrace";
	struct class_visible v = { .tail = UINT64_MAX };

	if (!writable) {
		v.head = BLK_HEADER;
		if (r->type && r->type->flags & SPEC_REQ_SEGMENTS)
			v.head = UINT64_MAX; /* sectors, not data */
		return v;
	}
	v.tail = r->writable ? r->writable - 1 : 0; /* the status byte */
	if (!r->typed)
		return v;
	if (r->type_raw == VIRTIO_BLK_T_GET_ID) {
		v.instead = serial;
		v.instead_len = sizeof(serial);
	}
	if (r->type_raw == VIRTIO_BLK_T_GET_LIFETIME || r->type_raw == VIRTIO_BLK_T_ZONE_REPORT)
		v.head = UINT64_MAX;
	if (r->type && r->type->flags & SPEC_REQ_RESULT && r->writable >= 9)
		v.tail = r->writable - 9;
	return v;
}

const struct class class_blk = {
	.id = VIRTIO_ID_BLOCK,
	.name = "blk",
	.title = "block device",
	.section = "5.2",
	.transitional = 0x1001,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.requests = requests,
	.statuses = statuses,
	.framing_out = BLK_HEADER,
	.framing_in = 1,
	.is_request = is_request,
	.parse = parse,
	.describe = describe,
	.header = header_of,
	.status_at = status_at,
	.extent = extent,
	.block_io = block_io,
	.visible = visible,
};
