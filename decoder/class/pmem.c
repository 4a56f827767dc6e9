/* SPDX-License-Identifier: MIT */
/* The persistent memory device (5.19). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_feature features[] = {
	/* Not on channel I/O: 4.3.4. */
	SPEC_FEATURE(0, "VIRTIO_PMEM_F_SHMEM_REGION", "5.19.3", .not_on = 1 << VQT_TRANSPORT_CCW),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 8, HEX, SPEC_RO, "start", -1, "5.19.4"),
	SPEC_FIELD(8, 8, HEX, SPEC_RO, "size", -1, "5.19.4"),
};

static const struct spec_queue queues[] = {
	{ "req_vq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_pmem = {
	.id = 27,
	.name = "pmem",
	.title = "PMEM device",
	.section = "5.19",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
