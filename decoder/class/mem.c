/* SPDX-License-Identifier: MIT */
/* The memory device (5.15). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_MEM_F_ACPI_PXM", "5.15.3"),
	SPEC_FEATURE(1, "VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE", "5.15.3"),
	SPEC_FEATURE(2, "VIRTIO_MEM_F_PERSISTENT_SUSPEND", "5.15.3"),
	SPEC_END,
};

/* All fields are always there; node_id means something with ACPI_PXM only. */
static const struct spec_field config[] = {
	SPEC_FIELD(0, 8, HEX, SPEC_RO, "block_size", -1, "5.15.4"),
	SPEC_FIELD(8, 2, DEC, SPEC_RO, "node_id", -1, "5.15.4"),
	SPEC_FIELD(10, 6, BYTES, SPEC_RO, "padding", -1, "5.15.4"),
	SPEC_FIELD(16, 8, HEX, SPEC_RO, "addr", -1, "5.15.4"),
	SPEC_FIELD(24, 8, HEX, SPEC_RO, "region_size", -1, "5.15.4"),
	SPEC_FIELD(32, 8, HEX, SPEC_RO, "usable_region_size", -1, "5.15.4"),
	SPEC_FIELD(40, 8, HEX, SPEC_RO, "plugged_size", -1, "5.15.4"),
	SPEC_FIELD(48, 8, HEX, SPEC_RO, "requested_size", -1, "5.15.4"),
};

static const struct spec_queue queues[] = {
	{ "guest-request", -1, 0, 0 },
	SPEC_END,
};

const struct class class_mem = {
	.id = 24,
	.name = "mem",
	.title = "memory device",
	.section = "5.15",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
