/* SPDX-License-Identifier: MIT */
/*
 * The entropy device (5.4): one queue of buffers for the device to fill with
 * random bytes.  The smallest whole device type, and the file to copy.
 */
#include "decoder/class/class.h"

#include <inttypes.h>
#include <stdio.h>

#include "decoder/spec/constants.h"
#include "decoder/spec/tables.h"

/* 5.4.2.  A type with features and configuration has tables of them, too: gpio.c. */
static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

/* 5.4.6.  There is no header, so there is one type, and no status. */
static const struct spec_request requests[] = {
	{ 0, "ENTROPY", "entropy", -1, SPEC_REQ_DATA_IN, "5.4.6" },
	SPEC_END,
};

static void parse(struct class_request *r)
{
	r->type = requests;
	r->bytes = r->writable;
	if (r->done && r->used_len < r->bytes) /* 5.4.6.2: the device may write less */
		r->bytes = r->used_len;
}

static void describe(const struct class_request *r, char *buf, size_t len)
{
	snprintf(buf, len, "entropy, %" PRIu64 " byte%s", r->writable, r->writable == 1 ? "" : "s");
}

static void result(const struct class_request *r, char *buf, size_t len)
{
	if (r->bytes == r->writable)
		snprintf(buf, len, "full");
	else
		snprintf(buf, len, "%" PRIu64 " of %" PRIu64 " bytes", r->bytes, r->writable);
}

const struct class class_rng = {
	.id = VIRTIO_ID_RNG,
	.name = "rng",
	.title = "entropy device",
	.section = "5.4",
	.transitional = 0x1005,
	.queues = queues,
	.requests = requests,
	.parse = parse,
	.describe = describe,
	.result = result,
};
