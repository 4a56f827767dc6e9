/* SPDX-License-Identifier: MIT */
/* The console device (5.3). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

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
	SPEC_FIELD(8, 4, HEX, 0, "emerg_wr", EMERG_WRITE, "5.3.4"),
};

static const struct spec_queue queues[] = {
	{ "receiveq(port0)", -1, 0, 0 },
	{ "transmitq(port0)", -1, 0, 0 },
	{ "control receiveq", MULTIPORT, 0, 0 },
	{ "control transmitq", MULTIPORT, 0, 0 },
	{ "receiveq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT, 0 },
	{ "transmitq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

const struct class class_console = {
	.id = 3,
	.name = "console",
	.title = "console device",
	.section = "5.3",
	.transitional = 0x1003,
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
