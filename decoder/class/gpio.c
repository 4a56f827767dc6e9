/* SPDX-License-Identifier: MIT */
/* The GPIO device (5.18). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { IRQ = 0 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(IRQ, "VIRTIO_GPIO_F_IRQ", "5.18.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 2, DEC, SPEC_RO, "ngpio", -1, "5.18.4"),
	SPEC_FIELD(2, 2, BYTES, SPEC_RO, "padding", -1, "5.18.4"),
	SPEC_FIELD(4, 4, DEC, SPEC_RO, "gpio_names_size", -1, "5.18.4"),
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "eventq", IRQ, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_gpio = {
	.id = 41,
	.name = "gpio",
	.title = "GPIO device",
	.section = "5.18",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
