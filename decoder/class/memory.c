/* SPDX-License-Identifier: MIT */
/* Traditional balloon (5.5), IOMMU (5.13), memory (5.15), PMEM (5.19). */
#include "decoder/spec/tables.h"

#define RO SPEC_RO

enum { STATS_VQ = 1, FREE_PAGE_HINT = 3, PAGE_POISON = 4, PAGE_REPORTING = 5 };

static const struct spec_feature balloon_features[] = {
	SPEC_FEATURE(0, "VIRTIO_BALLOON_F_MUST_TELL_HOST", "5.5.3"),
	SPEC_FEATURE(STATS_VQ, "VIRTIO_BALLOON_F_STATS_VQ", "5.5.3"),
	SPEC_FEATURE(2, "VIRTIO_BALLOON_F_DEFLATE_ON_OOM", "5.5.3"),
	SPEC_FEATURE(FREE_PAGE_HINT, "VIRTIO_BALLOON_F_FREE_PAGE_HINT", "5.5.3"),
	SPEC_FEATURE(PAGE_POISON, "VIRTIO_BALLOON_F_PAGE_POISON", "5.5.3"),
	SPEC_FEATURE(PAGE_REPORTING, "VIRTIO_BALLOON_F_PAGE_REPORTING", "5.5.3"),
	SPEC_END,
};

static const struct spec_field balloon_config[] = {
	SPEC_FIELD(0, 4, DEC, RO, "num_pages", -1, "5.5.4"),
	SPEC_FIELD(4, 4, DEC, 0, "actual", -1, "5.5.4"),
	SPEC_FIELD(8, 4, DEC, RO, "free_page_hint_cmd_id", FREE_PAGE_HINT, "5.5.4"),
	SPEC_FIELD(12, 4, HEX, 0, "poison_val", PAGE_POISON, "5.5.4"),
};

/* Indices are fixed in 5.5.2, though Linux and QEMU close the gaps. */
static const struct spec_queue balloon_queues[] = {
	{ "inflateq", -1, 0, 0 },
	{ "deflateq", -1, 0, 0 },
	{ "statsq", STATS_VQ, 0, 0 },
	{ "free_page_vq", FREE_PAGE_HINT, 0, 0 },
	{ "reporting_vq", PAGE_REPORTING, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_balloon = {
	.id = 5,
	.name = "balloon",
	.title = "traditional memory balloon device",
	.section = "5.5",
	.features = balloon_features,
	.config = SPEC_TABLE(balloon_config),
	.queues = balloon_queues,
};

enum { INPUT_RANGE = 0, DOMAIN_RANGE = 1, PROBE = 4, BYPASS_CONFIG = 6 };

static const struct spec_feature iommu_features[] = {
	SPEC_FEATURE(INPUT_RANGE, "VIRTIO_IOMMU_F_INPUT_RANGE", "5.13.3"),
	SPEC_FEATURE(DOMAIN_RANGE, "VIRTIO_IOMMU_F_DOMAIN_RANGE", "5.13.3"),
	SPEC_FEATURE(2, "VIRTIO_IOMMU_F_MAP_UNMAP", "5.13.3"),
	SPEC_FEATURE(3, "VIRTIO_IOMMU_F_BYPASS", "5.13.3"),
	SPEC_FEATURE(PROBE, "VIRTIO_IOMMU_F_PROBE", "5.13.3"),
	SPEC_FEATURE(5, "VIRTIO_IOMMU_F_MMIO", "5.13.3"),
	SPEC_FEATURE(BYPASS_CONFIG, "VIRTIO_IOMMU_F_BYPASS_CONFIG", "5.13.3"),
	SPEC_END,
};

static const struct spec_field iommu_config[] = {
	SPEC_FIELD(0, 8, HEX, RO, "page_size_mask", -1, "5.13.4"),
	SPEC_FIELD(8, 8, HEX, RO, "input_range.start", INPUT_RANGE, "5.13.4"),
	SPEC_FIELD(16, 8, HEX, RO, "input_range.end", INPUT_RANGE, "5.13.4"),
	SPEC_FIELD(24, 4, DEC, RO, "domain_range.start", DOMAIN_RANGE, "5.13.4"),
	SPEC_FIELD(28, 4, DEC, RO, "domain_range.end", DOMAIN_RANGE, "5.13.4"),
	SPEC_FIELD(32, 4, DEC, RO, "probe_size", PROBE, "5.13.4"),
	SPEC_FIELD(36, 1, DEC, 0, "bypass", BYPASS_CONFIG, "5.13.4"),
	SPEC_FIELD(37, 3, BYTES, RO, "reserved", -1, "5.13.4"),
};

static const struct spec_queue iommu_queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "eventq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_iommu = {
	.id = 23,
	.name = "iommu",
	.title = "IOMMU device",
	.section = "5.13",
	.features = iommu_features,
	.config = SPEC_TABLE(iommu_config),
	.queues = iommu_queues,
};

static const struct spec_feature mem_features[] = {
	SPEC_FEATURE(0, "VIRTIO_MEM_F_ACPI_PXM", "5.15.3"),
	SPEC_FEATURE(1, "VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE", "5.15.3"),
	SPEC_FEATURE(2, "VIRTIO_MEM_F_PERSISTENT_SUSPEND", "5.15.3"),
	SPEC_END,
};

/* All fields are always there; node_id means something with ACPI_PXM only. */
static const struct spec_field mem_config[] = {
	SPEC_FIELD(0, 8, HEX, RO, "block_size", -1, "5.15.4"),
	SPEC_FIELD(8, 2, DEC, RO, "node_id", -1, "5.15.4"),
	SPEC_FIELD(10, 6, BYTES, RO, "padding", -1, "5.15.4"),
	SPEC_FIELD(16, 8, HEX, RO, "addr", -1, "5.15.4"),
	SPEC_FIELD(24, 8, HEX, RO, "region_size", -1, "5.15.4"),
	SPEC_FIELD(32, 8, HEX, RO, "usable_region_size", -1, "5.15.4"),
	SPEC_FIELD(40, 8, HEX, RO, "plugged_size", -1, "5.15.4"),
	SPEC_FIELD(48, 8, HEX, RO, "requested_size", -1, "5.15.4"),
};

static const struct spec_queue mem_queues[] = {
	{ "guest-request", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_mem = {
	.id = 24,
	.name = "mem",
	.title = "memory device",
	.section = "5.15",
	.features = mem_features,
	.config = SPEC_TABLE(mem_config),
	.queues = mem_queues,
};

static const struct spec_feature pmem_features[] = {
	/* Not on channel I/O: 4.3.4. */
	SPEC_FEATURE(0, "VIRTIO_PMEM_F_SHMEM_REGION", "5.19.3", .not_on = 1 << VQT_TRANSPORT_CCW),
	SPEC_END,
};

static const struct spec_field pmem_config[] = {
	SPEC_FIELD(0, 8, HEX, RO, "start", -1, "5.19.4"),
	SPEC_FIELD(8, 8, HEX, RO, "size", -1, "5.19.4"),
};

static const struct spec_queue pmem_queues[] = {
	{ "req_vq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_pmem = {
	.id = 27,
	.name = "pmem",
	.title = "PMEM device",
	.section = "5.19",
	.features = pmem_features,
	.config = SPEC_TABLE(pmem_config),
	.queues = pmem_queues,
};
