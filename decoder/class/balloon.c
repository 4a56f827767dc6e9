/* SPDX-License-Identifier: MIT */
/* The traditional memory balloon (5.5). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { STATS_VQ = 1, FREE_PAGE_HINT = 3, PAGE_POISON = 4, PAGE_REPORTING = 5 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_BALLOON_F_MUST_TELL_HOST", "5.5.3"),
	SPEC_FEATURE(STATS_VQ, "VIRTIO_BALLOON_F_STATS_VQ", "5.5.3"),
	SPEC_FEATURE(2, "VIRTIO_BALLOON_F_DEFLATE_ON_OOM", "5.5.3"),
	SPEC_FEATURE(FREE_PAGE_HINT, "VIRTIO_BALLOON_F_FREE_PAGE_HINT", "5.5.3"),
	SPEC_FEATURE(PAGE_POISON, "VIRTIO_BALLOON_F_PAGE_POISON", "5.5.3"),
	SPEC_FEATURE(PAGE_REPORTING, "VIRTIO_BALLOON_F_PAGE_REPORTING", "5.5.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 4, DEC, SPEC_RO, "num_pages", -1, "5.5.4"),
	SPEC_FIELD(4, 4, DEC, 0, "actual", -1, "5.5.4"),
	SPEC_FIELD(8, 4, DEC, SPEC_RO, "free_page_hint_cmd_id", FREE_PAGE_HINT, "5.5.4"),
	SPEC_FIELD(12, 4, HEX, 0, "poison_val", PAGE_POISON, "5.5.4"),
};

/*
 * Indices are fixed in 5.5.2, though Linux and QEMU close the gaps.  The device keeps the
 * buffer of statsq until it wants new statistics.
 */
static const struct spec_queue queues[] = {
	{ "inflateq", -1, 0, 0 },
	{ "deflateq", -1, 0, 0 },
	{ "statsq", STATS_VQ, SPEC_QUEUE_SHIFT | SPEC_QUEUE_POSTED, 0 },
	{ "free_page_vq", FREE_PAGE_HINT, SPEC_QUEUE_SHIFT, 0 },
	{ "reporting_vq", PAGE_REPORTING, 0, 0 },
	SPEC_END,
};

const struct class class_balloon = {
	.id = 5,
	.name = "balloon",
	.title = "traditional memory balloon device",
	.section = "5.5",
	.transitional = 0x1002,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
