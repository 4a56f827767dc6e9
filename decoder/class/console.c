/* SPDX-License-Identifier: MIT */
/* The console device (5.3). */
#include "decoder/class/class.h"

#include <inttypes.h>
#include <stdio.h>

#include "decoder/spec/tables.h"
#include "decoder/trace/record.h"

enum { SIZE = 0, MULTIPORT = 1, EMERG_WRITE = 2 };

static const struct spec_feature features[] = {
	SPEC_FEATURE(SIZE, "VIRTIO_CONSOLE_F_SIZE", "5.3.3"),
	SPEC_FEATURE(MULTIPORT, "VIRTIO_CONSOLE_F_MULTIPORT", "5.3.3"),
	SPEC_FEATURE(EMERG_WRITE, "VIRTIO_CONSOLE_F_EMERG_WRITE", "5.3.3"),
	SPEC_END,
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 2, DEC, SPEC_RO, "cols", SIZE, "5.3.4"),
	SPEC_FIELD(2, 2, DEC, SPEC_RO, "rows", SIZE, "5.3.4"),
	SPEC_FIELD(4, 4, DEC, SPEC_RO, "max_nr_ports", MULTIPORT, "5.3.4"),
	/* A character of what the guest prints. */
	SPEC_FIELD(8, 4, HEX, SPEC_IDENTITY, "emerg_wr", EMERG_WRITE, "5.3.4"),
};

static const struct spec_queue queues[] = {
	{ "receiveq(port0)", -1, SPEC_QUEUE_POSTED, 0 },
	{ "transmitq(port0)", -1, SPEC_QUEUE_RECLAIMED, 0 },
	{ "control receiveq", MULTIPORT, SPEC_QUEUE_POSTED, 0 },
	{ "control transmitq", MULTIPORT, 0, 0 },
	{ "receiveq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT | SPEC_QUEUE_POSTED, 0 },
	{ "transmitq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT | SPEC_QUEUE_RECLAIMED, 0 },
	SPEC_END,
};

/* 5.3.6.2: messages on the control queues. */
static const struct spec_name events[] = {
	{ 0, "DEVICE_READY" }, { 1, "DEVICE_ADD" },   { 2, "DEVICE_REMOVE" },
	{ 3, "PORT_READY" },   { 4, "CONSOLE_PORT" }, { 5, "RESIZE" },
	{ 6, "PORT_OPEN" },    { 7, "PORT_NAME" },    { 0, NULL },
};

static const struct spec_field control_fields[] = {
	SPEC_FIELD(0, 4, DEC, 0, "id", -1, "5.3.6.2"),
	SPEC_FIELD(4, 2, ENUM, 0, "event", -1, "5.3.6.2", .names = events),
	SPEC_FIELD(6, 2, DEC, 0, "value", -1, "5.3.6.2"),
};
static const struct spec_fields control = SPEC_TABLE(control_fields);
#define CONTROL_BYTES 8

enum { CONTROL_RX = 2, CONTROL_TX = 3 };

static bool multiport(const struct class_request *r)
{
	return !r->accepted || r->accepted[0] >> MULTIPORT & 1;
}

static void put_control(char *buf, size_t len, const uint8_t *message)
{
	uint16_t event = get_le16(message + 4);
	const char *name = spec_name_of(events, event);
	char number[16];

	snprintf(number, sizeof(number), "event %u", event);
	snprintf(buf, len, "control: %s port %" PRIu32 ", value %u", name ? name : number,
		 get_le32(message), get_le16(message + 6));
}

static void describe(const struct class_request *r, char *buf, size_t len)
{
	bool to_device = !r->writable;

	if (multiport(r) && r->queue == CONTROL_TX && r->head_len >= CONTROL_BYTES)
		put_control(buf, len, r->head_bytes);
	else
		snprintf(buf, len, "%s%" PRIu64 " bytes %s",
			 multiport(r) && (r->queue == CONTROL_RX || r->queue == CONTROL_TX)
				 ? "control: "
				 : "",
			 to_device ? r->readable : r->writable,
			 to_device ? "to the device" : "of room");
}

static void result(const struct class_request *r, char *buf, size_t len)
{
	buf[0] = '\0';
	if (multiport(r) && r->queue == CONTROL_RX && r->written_len >= CONTROL_BYTES)
		put_control(buf, len, r->written);
}

static const struct spec_fields *header(const struct class_request *r)
{
	return multiport(r) && r->queue == CONTROL_TX ? &control : NULL;
}

const struct class class_console = {
	.id = 3,
	.name = "console",
	.other_names = "serial",
	.title = "console device",
	.section = "5.3",
	.transitional = 0x1003,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
	.describe = describe,
	.reads_written = true,
	.result = result,
	.header = header,
};
