/* SPDX-License-Identifier: MIT */
/* SCSI host (5.6), file system (5.11), RPMB (5.12). */
#include "decoder/spec/tables.h"

#define RO SPEC_RO

static const struct spec_feature scsi_features[] = {
	SPEC_FEATURE(0, "VIRTIO_SCSI_F_INOUT", "5.6.3"),
	SPEC_FEATURE(1, "VIRTIO_SCSI_F_HOTPLUG", "5.6.3"),
	SPEC_FEATURE(2, "VIRTIO_SCSI_F_CHANGE", "5.6.3"),
	SPEC_FEATURE(3, "VIRTIO_SCSI_F_T10_PI", "5.6.3"),
	SPEC_END,
};

static const struct spec_field scsi_config[] = {
	SPEC_FIELD(0, 4, DEC, RO, "num_queues", -1, "5.6.4"),
	SPEC_FIELD(4, 4, DEC, RO, "seg_max", -1, "5.6.4"),
	SPEC_FIELD(8, 4, DEC, RO, "max_sectors", -1, "5.6.4"),
	SPEC_FIELD(12, 4, DEC, RO, "cmd_per_lun", -1, "5.6.4"),
	SPEC_FIELD(16, 4, DEC, RO, "event_info_size", -1, "5.6.4"),
	SPEC_FIELD(20, 4, DEC, 0, "sense_size", -1, "5.6.4"),
	SPEC_FIELD(24, 4, DEC, 0, "cdb_size", -1, "5.6.4"),
	SPEC_FIELD(28, 2, DEC, RO, "max_channel", -1, "5.6.4"),
	SPEC_FIELD(30, 2, DEC, RO, "max_target", -1, "5.6.4"),
	SPEC_FIELD(32, 4, DEC, RO, "max_lun", -1, "5.6.4"),
};

static const struct spec_queue scsi_queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "eventq", -1, 0, 0 },
	{ "requestq#", -1, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

const struct spec_class spec_class_scsi = {
	.id = 8,
	.name = "scsi",
	.title = "SCSI host",
	.section = "5.6",
	.features = scsi_features,
	.config = SPEC_TABLE(scsi_config),
	.queues = scsi_queues,
};

enum { FS_NOTIFICATION = 0 };

static const struct spec_feature fs_features[] = {
	SPEC_FEATURE(FS_NOTIFICATION, "VIRTIO_FS_F_NOTIFICATION", "5.11.3"),
	SPEC_END,
};

static const struct spec_field fs_config[] = {
	SPEC_FIELD(0, 36, BYTES, RO, "tag", -1, "5.11.4"),
	SPEC_FIELD(36, 4, DEC, RO, "num_request_queues", -1, "5.11.4"),
	SPEC_FIELD(40, 4, DEC, RO, "notify_buf_size", FS_NOTIFICATION, "5.11.4"),
};

/* Without notification queue the request queues begin at 1, as everyone implements it. */
static const struct spec_queue fs_queues[] = {
	{ "hiprio", -1, 0, 0 },
	{ "notification", FS_NOTIFICATION, SPEC_QUEUE_SHIFT, 0 },
	{ "requestq#", -1, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

const struct spec_class spec_class_fs = {
	.id = 26,
	.name = "fs",
	.title = "file system device",
	.section = "5.11",
	.features = fs_features,
	.config = SPEC_TABLE(fs_config),
	.queues = fs_queues,
};

static const struct spec_field rpmb_config[] = {
	SPEC_FIELD(0, 1, DEC, RO, "capacity", -1, "5.12.4"),
	SPEC_FIELD(1, 1, DEC, RO, "max_wr_cnt", -1, "5.12.4"),
	SPEC_FIELD(2, 1, DEC, RO, "max_rd_cnt", -1, "5.12.4"),
};

static const struct spec_queue rpmb_queues[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_rpmb = {
	.id = 28,
	.name = "rpmb",
	.title = "RPMB device",
	.section = "5.12",
	.features = spec_no_features,
	.config = SPEC_TABLE(rpmb_config),
	.queues = rpmb_queues,
};
