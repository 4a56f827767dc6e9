/* SPDX-License-Identifier: MIT */
/* The sound device (5.14). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { CTLS = 0 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(CTLS, "VIRTIO_SND_F_CTLS", "5.14.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 4, DEC, SPEC_RO, "jacks", -1, "5.14.4"),
	SPEC_FIELD(4, 4, DEC, SPEC_RO, "streams", -1, "5.14.4"),
	SPEC_FIELD(8, 4, DEC, SPEC_RO, "chmaps", -1, "5.14.4"),
	SPEC_FIELD(12, 4, DEC, SPEC_RO, "controls", CTLS, "5.14.4"),
};

static const struct spec_queue queues[] = {
	{ "controlq", -1, 0, 0 },
	{ "eventq", -1, SPEC_QUEUE_POSTED, 0 },
	{ "txq", -1, 0, 0 },
	{ "rxq", -1, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_sound = {
	.id = 25,
	.name = "sound",
	.other_names = "snd",
	.title = "sound device",
	.section = "5.14",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
