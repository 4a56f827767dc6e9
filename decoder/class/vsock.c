/* SPDX-License-Identifier: MIT */
/* The socket device (5.10). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_VSOCK_F_STREAM", "5.10.3"),
	SPEC_FEATURE(1, "VIRTIO_VSOCK_F_SEQPACKET", "5.10.3"),
	SPEC_FEATURE(2, "VIRTIO_VSOCK_F_NO_IMPLIED_STREAM", "5.10.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 8, DEC, SPEC_RO, "guest_cid", -1, "5.10.4"),
};

static const struct spec_queue queues[] = {
	{ "rx", -1, 0, 0 },
	{ "tx", -1, 0, 0 },
	{ "event", -1, 0, 0 },
	SPEC_END,
};

const struct class class_vsock = {
	.id = 19,
	.name = "vsock",
	.title = "socket device",
	.section = "5.10",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
