/* SPDX-License-Identifier: MIT */
/* The block device (5.2). */
#include "decoder/class/blk.h"
#include "decoder/spec/tables.h"

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
#define SECTOR SPEC_REQ_SECTOR
#define SEGMENTS SPEC_REQ_SEGMENTS
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
	R(0, "IN", "in", -1, IN | SECTOR),
	R(1, "OUT", "out", -1, OUT | SECTOR),
	OLD_R(2, "SCSI_CMD", "scsi_cmd", SCSI, IN | OUT),
	OLD_R(3, "SCSI_CMD_OUT", "scsi_cmd_out", SCSI, IN | OUT),
	R(4, "FLUSH", "flush", FLUSH, 0),
	OLD_R(5, "FLUSH_OUT", "flush_out", FLUSH, 0),
	R(8, "GET_ID", "get_id", -1, IN),
	R(10, "GET_LIFETIME", "get_lifetime", LIFETIME, IN),
	R(11, "DISCARD", "discard", DISCARD, OUT | SEGMENTS),
	R(13, "WRITE_ZEROES", "write_zeroes", WRITE_ZEROES, OUT | SEGMENTS),
	R(14, "SECURE_ERASE", "secure_erase", SECURE_ERASE, OUT | SEGMENTS),
	R(15, "ZONE_APPEND", "zone_append", ZONED, OUT | SECTOR | SPEC_REQ_RESULT),
	R(16, "ZONE_REPORT", "zone_report", ZONED, IN | SECTOR),
	R(18, "ZONE_OPEN", "zone_open", ZONED, SECTOR),
	R(20, "ZONE_CLOSE", "zone_close", ZONED, SECTOR),
	R(22, "ZONE_FINISH", "zone_finish", ZONED, SECTOR),
	R(24, "ZONE_RESET", "zone_reset", ZONED, SECTOR),
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

const struct spec_class spec_class_blk = {
	.id = 2,
	.name = "blk",
	.title = "block device",
	.section = "5.2",
	.features = features,
	.config = SPEC_TABLE(config),
	.requests = requests,
	.statuses = statuses,
	.queues = queues,
};
