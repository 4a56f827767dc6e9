/* SPDX-License-Identifier: MIT */
/* The GPU device (5.7). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

enum { VIRGL = 0, RESOURCE_BLOB = 3, BLOB_ALIGNMENT = 5 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(VIRGL, "VIRTIO_GPU_F_VIRGL", "5.7.3"),
	SPEC_FEATURE(1, "VIRTIO_GPU_F_EDID", "5.7.3"),
	SPEC_FEATURE(2, "VIRTIO_GPU_F_RESOURCE_UUID", "5.7.3"),
	SPEC_FEATURE(RESOURCE_BLOB, "VIRTIO_GPU_F_RESOURCE_BLOB", "5.7.3"),
	SPEC_FEATURE(4, "VIRTIO_GPU_F_CONTEXT_INIT", "5.7.3", .requires = { SPEC_BIT(VIRGL) }),
	SPEC_FEATURE(BLOB_ALIGNMENT, "VIRTIO_GPU_F_BLOB_ALIGNMENT", "5.7.3",
		     .requires = { SPEC_BIT(RESOURCE_BLOB) }),
	SPEC_END,
};

static const struct spec_name events[] = {
	{ 1, "DISPLAY" },
	{ 0, NULL },
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 4, BITS, SPEC_RO, "events_read", -1, "5.7.4", .names = events),
	SPEC_FIELD(4, 4, BITS, 0, "events_clear", -1, "5.7.4", .names = events),
	SPEC_FIELD(8, 4, DEC, SPEC_RO, "num_scanouts", -1, "5.7.4"),
	SPEC_FIELD(12, 4, DEC, SPEC_RO, "num_capsets", -1, "5.7.4"),
	SPEC_FIELD(16, 4, DEC, SPEC_RO, "blob_alignment", BLOB_ALIGNMENT, "5.7.4"),
};

static const struct spec_queue queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "cursorq", -1, 0, 0 },
	SPEC_END,
};

/* 5.7.6.7: struct virtio_gpu_ctrl_hdr; the types of commands, 2D, 3D and cursor. */
#define GPU_HEADER 24

static bool is_request(const struct class_request *r)
{
	uint32_t type = r->head_len >= 8 ? get_le32(r->head_bytes) : 0;

	return (type >= 0x100 && type <= 0x10d && r->readable >= GPU_HEADER &&
		r->writable >= GPU_HEADER && get_le32(r->head_bytes + 4) <= 3);
}

const struct class class_gpu = {
	.id = 16,
	.name = "gpu",
	.title = "GPU device",
	.section = "5.7",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.is_request = is_request,
};
