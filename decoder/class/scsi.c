/* SPDX-License-Identifier: MIT */
/* The SCSI host (5.6). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_SCSI_F_INOUT", "5.6.3"),
	SPEC_FEATURE(1, "VIRTIO_SCSI_F_HOTPLUG", "5.6.3"),
	SPEC_FEATURE(2, "VIRTIO_SCSI_F_CHANGE", "5.6.3"),
	SPEC_FEATURE(3, "VIRTIO_SCSI_F_T10_PI", "5.6.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 4, DEC, SPEC_RO, "num_queues", -1, "5.6.4"),
	SPEC_FIELD(4, 4, DEC, SPEC_RO, "seg_max", -1, "5.6.4"),
	SPEC_FIELD(8, 4, DEC, SPEC_RO, "max_sectors", -1, "5.6.4"),
	SPEC_FIELD(12, 4, DEC, SPEC_RO, "cmd_per_lun", -1, "5.6.4"),
	SPEC_FIELD(16, 4, DEC, SPEC_RO, "event_info_size", -1, "5.6.4"),
	SPEC_FIELD(20, 4, DEC, 0, "sense_size", -1, "5.6.4"),
	SPEC_FIELD(24, 4, DEC, 0, "cdb_size", -1, "5.6.4"),
	SPEC_FIELD(28, 2, DEC, SPEC_RO, "max_channel", -1, "5.6.4"),
	SPEC_FIELD(30, 2, DEC, SPEC_RO, "max_target", -1, "5.6.4"),
	SPEC_FIELD(32, 4, DEC, SPEC_RO, "max_lun", -1, "5.6.4"),
};

static const struct spec_queue queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "eventq", -1, SPEC_QUEUE_POSTED, 0 },
	{ "requestq#", -1, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

/* 5.6.6.1: the logical unit is byte 0 = 1, the target, then a flat or peripheral address. */
#define SCSI_REQUEST 51 /* with a command of 32 bytes */
#define SCSI_RESPONSE 108

static bool is_request(const struct class_request *r)
{
	return r->queue >= 2 && r->head_len >= 8 && r->readable >= SCSI_REQUEST &&
	       r->writable >= SCSI_RESPONSE && r->head_bytes[0] == 1 &&
	       !get_le32(r->head_bytes + 4) && !(r->head_bytes[2] & 0x80);
}

const struct class class_scsi = {
	.id = 8,
	.name = "scsi",
	.title = "SCSI host",
	.section = "5.6",
	.transitional = 0x1004,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.is_request = is_request,
};
