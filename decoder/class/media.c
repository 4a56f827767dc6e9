/* SPDX-License-Identifier: MIT */
/* GPU (5.7), input (5.8), sound (5.14), media (5.22). */
#include "decoder/spec/tables.h"

#define RO SPEC_RO

enum { VIRGL = 0, RESOURCE_BLOB = 3, BLOB_ALIGNMENT = 5 };

static const struct spec_feature gpu_features[] = {
	SPEC_FEATURE(VIRGL, "VIRTIO_GPU_F_VIRGL", "5.7.3"),
	SPEC_FEATURE(1, "VIRTIO_GPU_F_EDID", "5.7.3"),
	SPEC_FEATURE(2, "VIRTIO_GPU_F_RESOURCE_UUID", "5.7.3"),
	SPEC_FEATURE(RESOURCE_BLOB, "VIRTIO_GPU_F_RESOURCE_BLOB", "5.7.3"),
	SPEC_FEATURE(4, "VIRTIO_GPU_F_CONTEXT_INIT", "5.7.3", .requires = { SPEC_BIT(VIRGL) }),
	SPEC_FEATURE(BLOB_ALIGNMENT, "VIRTIO_GPU_F_BLOB_ALIGNMENT", "5.7.3",
		     .requires = { SPEC_BIT(RESOURCE_BLOB) }),
	SPEC_END,
};

static const struct spec_name gpu_events[] = {
	{ 1, "DISPLAY" },
	{ 0, NULL },
};

static const struct spec_field gpu_config[] = {
	SPEC_FIELD(0, 4, BITS, RO, "events_read", -1, "5.7.4", .names = gpu_events),
	SPEC_FIELD(4, 4, BITS, 0, "events_clear", -1, "5.7.4", .names = gpu_events),
	SPEC_FIELD(8, 4, DEC, RO, "num_scanouts", -1, "5.7.4"),
	SPEC_FIELD(12, 4, DEC, RO, "num_capsets", -1, "5.7.4"),
	SPEC_FIELD(16, 4, DEC, RO, "blob_alignment", BLOB_ALIGNMENT, "5.7.4"),
};

static const struct spec_queue gpu_queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "cursorq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_gpu = {
	.id = 16,
	.name = "gpu",
	.title = "GPU device",
	.section = "5.7",
	.features = gpu_features,
	.config = SPEC_TABLE(gpu_config),
	.queues = gpu_queues,
};

static const struct spec_name input_select[] = {
	{ 0x00, "UNSET" },     { 0x01, "ID_NAME" }, { 0x02, "ID_SERIAL" }, { 0x03, "ID_DEVIDS" },
	{ 0x10, "PROP_BITS" }, { 0x11, "EV_BITS" }, { 0x12, "ABS_INFO" },  { 0, NULL },
};

/* u is what select and subsel ask for: a string, a bitmap, axis limits, ids. */
static const struct spec_field input_config[] = {
	SPEC_FIELD(0, 1, ENUM, 0, "select", -1, "5.8.4", .names = input_select),
	SPEC_FIELD(1, 1, DEC, 0, "subsel", -1, "5.8.4"),
	SPEC_FIELD(2, 1, DEC, RO, "size", -1, "5.8.4"),
	SPEC_FIELD(3, 5, BYTES, RO, "reserved", -1, "5.8.4"),
	SPEC_FIELD(8, 128, BYTES, RO, "u", -1, "5.8.4"),
};

static const struct spec_queue input_queues[] = {
	{ "eventq", -1, 0, 0 },
	{ "statusq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_input = {
	.id = 18,
	.name = "input",
	.title = "input device",
	.section = "5.8",
	.features = spec_no_features,
	.config = SPEC_TABLE(input_config),
	.queues = input_queues,
};

enum { SND_CTLS = 0 };

static const struct spec_feature sound_features[] = {
	SPEC_FEATURE(SND_CTLS, "VIRTIO_SND_F_CTLS", "5.14.3"),
	SPEC_END,
};

static const struct spec_field sound_config[] = {
	SPEC_FIELD(0, 4, DEC, RO, "jacks", -1, "5.14.4"),
	SPEC_FIELD(4, 4, DEC, RO, "streams", -1, "5.14.4"),
	SPEC_FIELD(8, 4, DEC, RO, "chmaps", -1, "5.14.4"),
	SPEC_FIELD(12, 4, DEC, RO, "controls", SND_CTLS, "5.14.4"),
};

static const struct spec_queue sound_queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "eventq", -1, 0, 0 },
	{ "txq", -1, 0, 0 },
	{ "rxq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_sound = {
	.id = 25,
	.name = "sound",
	.title = "sound device",
	.section = "5.14",
	.features = sound_features,
	.config = SPEC_TABLE(sound_config),
	.queues = sound_queues,
};

static const struct spec_field media_config[] = {
	SPEC_FIELD(0, 4, HEX, RO, "device_caps", -1, "5.22.4"),
	SPEC_FIELD(4, 4, DEC, RO, "device_type", -1, "5.22.4"),
	SPEC_FIELD(8, 32, BYTES, RO, "card", -1, "5.22.4"),
};

static const struct spec_queue media_queues[] = {
	{ "commandq", -1, 0, 0 },
	{ "eventq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_media = {
	.id = 48,
	.name = "media",
	.title = "media device",
	.section = "5.22",
	.features = spec_no_features,
	.config = SPEC_TABLE(media_config),
	.queues = media_queues,
};
