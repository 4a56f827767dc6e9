/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "decoder/class/class.h"

static void parse_any(const struct model_device *d, const struct model_queue *q,
		      struct model_request *r)
{
	r->bytes = r->readable + r->writable;
}

static void describe_any(const struct model_device *d, const struct model_request *r, char *buf,
			 size_t len)
{
	if (!r->writable)
		snprintf(buf, len, "%" PRIu64 " bytes to the device", r->readable);
	else if (!r->readable)
		snprintf(buf, len, "%" PRIu64 " bytes of room", r->writable);
	else
		snprintf(buf, len, "%" PRIu64 " bytes to the device, %" PRIu64 " bytes of room",
			 r->readable, r->writable);
}

static void result_any(const struct model_device *d, const struct model_request *r, char *buf,
		       size_t len)
{
	buf[0] = '\0';
}

static const struct class_ops any = {
	.parse = parse_any,
	.describe = describe_any,
	.result = result_any,
};

const struct class_ops *class_ops(unsigned virtio_id)
{
	static const struct class_ops *const rows[] = { &class_blk, &class_net };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i]->virtio_id == virtio_id)
			return rows[i];
	return &any;
}
