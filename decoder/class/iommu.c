/* SPDX-License-Identifier: MIT */
/* The IOMMU device (5.13). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { INPUT_RANGE = 0, DOMAIN_RANGE = 1, PROBE = 4, BYPASS_CONFIG = 6 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(INPUT_RANGE, "VIRTIO_IOMMU_F_INPUT_RANGE", "5.13.3"),
	SPEC_FEATURE(DOMAIN_RANGE, "VIRTIO_IOMMU_F_DOMAIN_RANGE", "5.13.3"),
	SPEC_FEATURE(2, "VIRTIO_IOMMU_F_MAP_UNMAP", "5.13.3"),
	SPEC_FEATURE(3, "VIRTIO_IOMMU_F_BYPASS", "5.13.3"),
	SPEC_FEATURE(PROBE, "VIRTIO_IOMMU_F_PROBE", "5.13.3"),
	SPEC_FEATURE(5, "VIRTIO_IOMMU_F_MMIO", "5.13.3"),
	SPEC_FEATURE(BYPASS_CONFIG, "VIRTIO_IOMMU_F_BYPASS_CONFIG", "5.13.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 8, HEX, SPEC_RO, "page_size_mask", -1, "5.13.4"),
	SPEC_FIELD(8, 8, HEX, SPEC_RO, "input_range.start", INPUT_RANGE, "5.13.4"),
	SPEC_FIELD(16, 8, HEX, SPEC_RO, "input_range.end", INPUT_RANGE, "5.13.4"),
	SPEC_FIELD(24, 4, DEC, SPEC_RO, "domain_range.start", DOMAIN_RANGE, "5.13.4"),
	SPEC_FIELD(28, 4, DEC, SPEC_RO, "domain_range.end", DOMAIN_RANGE, "5.13.4"),
	SPEC_FIELD(32, 4, DEC, SPEC_RO, "probe_size", PROBE, "5.13.4"),
	SPEC_FIELD(36, 1, DEC, 0, "bypass", BYPASS_CONFIG, "5.13.4"),
	SPEC_FIELD(37, 3, BYTES, SPEC_RO, "reserved", -1, "5.13.4"),
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "eventq", -1, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

const struct class class_iommu = {
	.id = 23,
	.name = "iommu",
	.title = "IOMMU device",
	.section = "5.13",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
