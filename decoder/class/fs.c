/* SPDX-License-Identifier: MIT */
/* The file system device (5.11). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

enum { NOTIFICATION = 0 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(NOTIFICATION, "VIRTIO_FS_F_NOTIFICATION", "5.11.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 36, BYTES, SPEC_RO | SPEC_IDENTITY, "tag", -1, "5.11.4"),
	SPEC_FIELD(36, 4, DEC, SPEC_RO, "num_request_queues", -1, "5.11.4"),
	SPEC_FIELD(40, 4, DEC, SPEC_RO, "notify_buf_size", NOTIFICATION, "5.11.4"),
};

/* Without notification queue the request queues begin at 1, as everyone implements it. */
static const struct spec_queue queues[] = {
	{ "hiprio", -1, 0, 0 },
	{ "notification", NOTIFICATION, SPEC_QUEUE_SHIFT | SPEC_QUEUE_POSTED, 0 },
	{ "requestq#", -1, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

/* 5.11.6.1: struct fuse_in_header begins with the length of all that the driver supplies. */
#define FUSE_IN_HEADER 40

static bool is_request(const struct class_request *r)
{
	return r->head_len >= 8 && r->readable >= FUSE_IN_HEADER &&
	       get_le32(r->head_bytes) == r->readable;
}

const struct class class_fs = {
	.id = 26,
	.name = "fs",
	.title = "file system device",
	.section = "5.11",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.is_request = is_request,
};
