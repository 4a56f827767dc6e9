/* SPDX-License-Identifier: MIT */
/* The I2C adapter (5.16). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_I2C_F_ZERO_LENGTH_REQUEST", "5.16.3"),
	SPEC_END,
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_i2c = {
	.id = 34,
	.name = "i2c",
	.title = "I2C adapter",
	.section = "5.16",
	.features = features,
	.queues = queues,
};
