/* SPDX-License-Identifier: MIT */
/* virtio-blk requests, 5.2.6: header, data, status; any framing (2.7.4). */
#include <inttypes.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>

#include "decoder/class/class.h"

#define SECTOR 512
#define HEADER sizeof(struct virtio_blk_outhdr)
#define SEGMENT sizeof(struct virtio_blk_discard_write_zeroes)

/* The sectors that the captured discard or write-zeroes segments name, 5.2.6. */
static uint64_t segment_bytes(const struct model_request *r)
{
	uint64_t sectors = 0;

	for (uint32_t at = HEADER; at + SEGMENT <= r->head_len; at += SEGMENT)
		sectors += get_le32(r->head_bytes + at + 8);
	return sectors * SECTOR;
}

static void parse(const struct model_device *d, const struct model_queue *q,
		  struct model_request *r)
{
	uint64_t in = r->writable ? r->writable - 1 : 0; /* the status byte is last */
	uint64_t out = r->readable > HEADER ? r->readable - HEADER : 0;

	r->bytes = in + out;
	if (r->head_len < HEADER)
		return;
	r->typed = true;
	r->type_raw = get_le32(r->head_bytes);
	r->sector = get_le64(r->head_bytes + 8);
	r->type = spec_request(VIRTIO_ID_BLOCK, r->type_raw);
	if (!r->type)
		return;
	if (r->type->flags & SPEC_REQ_SEGMENTS) {
		r->bytes = segment_bytes(r);
		if (r->head_len >= HEADER + SEGMENT)
			r->sector = get_le64(r->head_bytes + HEADER);
	} else if (r->type->flags & SPEC_REQ_DATA_IN) {
		r->bytes = in;
	} else if (r->type->flags & SPEC_REQ_DATA_OUT) {
		r->bytes = out;
	} else {
		r->bytes = 0;
	}
}

static void describe(const struct model_device *d, const struct model_request *r, char *buf,
		     size_t len)
{
	if (!r->typed) {
		snprintf(buf, len, "request (header not captured), %" PRIu64 " bytes", r->bytes);
		return;
	}
	if (!r->type) {
		snprintf(buf, len, "type %" PRIu32 " (unknown) sector %" PRIu64, r->type_raw,
			 r->sector);
		return;
	}
	if (r->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS)) {
		const char *cut = r->type->flags & SPEC_REQ_SEGMENTS && r->readable > r->head_len
					  ? "at least "
					  : "";

		snprintf(buf, len, "%s sector %" PRIu64 ", %s%" PRIu64 " sector%s", r->type->name,
			 r->sector, cut, r->bytes / SECTOR, r->bytes / SECTOR == 1 ? "" : "s");
		if (r->bytes % SECTOR) {
			size_t n = strlen(buf);

			snprintf(buf + n, len - n, " + %" PRIu64 " bytes", r->bytes % SECTOR);
		}
		return;
	}
	if (r->bytes)
		snprintf(buf, len, "%s %" PRIu64 " bytes", r->type->name, r->bytes);
	else
		snprintf(buf, len, "%s", r->type->name);
}

static void result(const struct model_device *d, const struct model_request *r, char *buf,
		   size_t len)
{
	const struct spec_class *c = spec_class(VIRTIO_ID_BLOCK);
	const char *name;

	buf[0] = '\0';
	if (!r->status_known)
		return;
	name = c && c->statuses ? spec_name_of(c->statuses, r->status) : NULL;
	if (name)
		snprintf(buf, len, "%s", name);
	else
		snprintf(buf, len, "status 0x%02x", r->status);
}

const struct class_ops class_blk = {
	.virtio_id = VIRTIO_ID_BLOCK,
	.parse = parse,
	.describe = describe,
	.result = result,
};
