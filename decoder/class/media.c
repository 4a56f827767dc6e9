/* SPDX-License-Identifier: MIT */
/* The media device (5.22). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_field config[] = {
	SPEC_FIELD(0, 4, HEX, SPEC_RO, "device_caps", -1, "5.22.4"),
	SPEC_FIELD(4, 4, DEC, SPEC_RO, "device_type", -1, "5.22.4"),
	SPEC_FIELD(8, 32, BYTES, SPEC_RO | SPEC_IDENTITY, "card", -1, "5.22.4"),
};

static const struct spec_queue queues[] = {
	{ "commandq", -1, 0, 0 },
	{ "eventq", -1, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_media = {
	.id = 48,
	.name = "media",
	.title = "media device",
	.section = "5.22",
	.config = SPEC_TABLE(config),
	.queues = queues,
};
