/* SPDX-License-Identifier: MIT */
/* The socket device (5.10). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

static const struct spec_feature features[] = {
	SPEC_FEATURE(0, "VIRTIO_VSOCK_F_STREAM", "5.10.3"),
	SPEC_FEATURE(1, "VIRTIO_VSOCK_F_SEQPACKET", "5.10.3"),
	SPEC_FEATURE(2, "VIRTIO_VSOCK_F_NO_IMPLIED_STREAM", "5.10.3"),
	SPEC_END,
};

/* The address that replaces a user's: the first that is free (5.10.4). */
static const uint8_t cid[8] = { 3 };

static const struct spec_field config[] = {
	SPEC_FIELD(0, 8, DEC, SPEC_RO | SPEC_IDENTITY, "guest_cid", -1, "5.10.4", .instead = cid),
};

static const struct spec_queue queues[] = {
	{ "rx", -1, SPEC_QUEUE_POSTED, 0 },
	{ "tx", -1, 0, 0 },
	{ "event", -1, SPEC_QUEUE_POSTED, 0 },
	SPEC_END,
};

/* 5.10.6: struct virtio_vsock_hdr. */
#define VSOCK_HEADER 44

static bool is_request(const struct class_request *r)
{
	const uint8_t *h = r->head_bytes;

	return r->queue == 1 && !r->writable && r->head_len >= 32 && r->readable >= VSOCK_HEADER &&
	       !get_le32(h + 4) && !get_le32(h + 12) &&
	       get_le32(h + 24) == r->readable - VSOCK_HEADER && (h[28] == 1 || h[28] == 2) &&
	       !h[29] && h[30] >= 1 && h[30] <= 7 && !h[31];
}

const struct class class_vsock = {
	.id = 19,
	.name = "vsock",
	.title = "socket device",
	.section = "5.10",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.is_request = is_request,
};
