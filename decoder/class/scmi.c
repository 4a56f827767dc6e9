/* SPDX-License-Identifier: MIT */
/* The SCMI device (5.17). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { P2A_CHANNELS = 0 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(P2A_CHANNELS, "VIRTIO_SCMI_F_P2A_CHANNELS", "5.17.3"),
	SPEC_FEATURE(1, "VIRTIO_SCMI_F_SHARED_MEMORY", "5.17.3"),
	SPEC_END,
};

static const struct spec_queue queues[] = {
	{ "cmdq", -1, 0, 0 },
	{ "eventq", P2A_CHANNELS, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_scmi = {
	.id = 32,
	.name = "scmi",
	.title = "SCMI device",
	.section = "5.17",
	.features = features,
	.queues = queues,
};
