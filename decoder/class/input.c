/* SPDX-License-Identifier: MIT */
/* The input device (5.8). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_name selects[] = {
	{ 0x00, "UNSET" },     { 0x01, "ID_NAME" }, { 0x02, "ID_SERIAL" }, { 0x03, "ID_DEVIDS" },
	{ 0x10, "PROP_BITS" }, { 0x11, "EV_BITS" }, { 0x12, "ABS_INFO" },  { 0, NULL },
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 1, ENUM, 0, "select", -1, "5.8.4", .names = selects),
	SPEC_FIELD(1, 1, DEC, 0, "subsel", -1, "5.8.4"),
	SPEC_FIELD(2, 1, DEC, SPEC_RO, "size", -1, "5.8.4"),
	SPEC_FIELD(3, 5, BYTES, SPEC_RO, "reserved", -1, "5.8.4"),
	SPEC_FIELD(8, 128, BYTES, SPEC_RO | SPEC_IDENTITY, "u", -1, "5.8.4"),
};

/* select says what u holds; subsel only chooses which bitmap or axis. */
#define U(off, w, kind, name) SPEC_FIELD(off, w, kind, SPEC_RO | SPEC_IDENTITY, name, -1, "5.8.4")

static const struct spec_field string[] = { U(8, 128, BYTES, "u.string") };
static const struct spec_field bitmap[] = { U(8, 128, BYTES, "u.bitmap") };
static const struct spec_field ids[] = {
	U(8, 2, HEX, "u.ids.bustype"),
	U(10, 2, HEX, "u.ids.vendor"),
	U(12, 2, HEX, "u.ids.product"),
	U(14, 2, HEX, "u.ids.version"),
};
static const struct spec_field axis[] = {
	U(8, 4, DEC, "u.abs.min"),   U(12, 4, DEC, "u.abs.max"), U(16, 4, DEC, "u.abs.fuzz"),
	U(20, 4, DEC, "u.abs.flat"), U(24, 4, DEC, "u.abs.res"),
};

static const struct class_variant variants[] = {
	{ 0, 0x01, SPEC_TABLE(string) }, { 0, 0x02, SPEC_TABLE(string) },
	{ 0, 0x03, SPEC_TABLE(ids) },	 { 0, 0x10, SPEC_TABLE(bitmap) },
	{ 0, 0x11, SPEC_TABLE(bitmap) }, { 0, 0x12, SPEC_TABLE(axis) },
	{ 0, 0, { NULL, 0 } },
};

static const struct spec_queue queues[] = {
	{ "eventq", -1, SPEC_QUEUE_POSTED, 0 },
	{ "statusq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_input = {
	.id = 18,
	.name = "input",
	.other_names = "keyboard mouse tablet multitouch",
	.title = "input device",
	.section = "5.8",
	.config = SPEC_TABLE(config),
	.variants = variants,
	.selectors = 2,
	.queues = queues,
};
