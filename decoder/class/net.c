/* SPDX-License-Identifier: MIT */
/* virtio-net packets, 5.1.6: a header of 10 or 12 bytes, then the frame. */
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdio.h>

#include "decoder/class/class.h"

/* The last queue of a multi-queue device is the control queue; its chains read and write. */
static bool is_control(const struct model_request *r)
{
	return r->readable && r->writable;
}

static uint32_t header_len(const struct model_device *d)
{
	return model_accepted(d, 32) || model_accepted(d, VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;
}

static void parse(const struct model_device *d, const struct model_queue *q,
		  struct model_request *r)
{
	uint64_t all = r->readable + r->writable;
	uint32_t h = is_control(r) ? 0 : header_len(d);

	r->bytes = all > h ? all - h : 0;
}

static void describe(const struct model_device *d, const struct model_request *r, char *buf,
		     size_t len)
{
	if (is_control(r))
		snprintf(buf, len, "control class %u command %u",
			 r->head_len > 0 ? r->head_bytes[0] : 0,
			 r->head_len > 1 ? r->head_bytes[1] : 0);
	else if (r->readable)
		snprintf(buf, len, "transmit %" PRIu64 " bytes", r->bytes);
	else
		snprintf(buf, len, "receive buffer of %" PRIu64 " bytes", r->bytes);
}

static void result(const struct model_device *d, const struct model_request *r, char *buf,
		   size_t len)
{
	buf[0] = '\0';
	if (is_control(r) && r->status_known)
		snprintf(buf, len, "%s", r->status == VIRTIO_NET_OK ? "OK" : "ERR");
}

const struct class_ops class_net = {
	.virtio_id = VIRTIO_ID_NET,
	.parse = parse,
	.describe = describe,
	.result = result,
};
