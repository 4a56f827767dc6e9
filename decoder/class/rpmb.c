/* SPDX-License-Identifier: MIT */
/* The RPMB device (5.12). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_field config[] = {
	SPEC_FIELD(0, 1, DEC, SPEC_RO, "capacity", -1, "5.12.4"),
	SPEC_FIELD(1, 1, DEC, SPEC_RO, "max_wr_cnt", -1, "5.12.4"),
	SPEC_FIELD(2, 1, DEC, SPEC_RO, "max_rd_cnt", -1, "5.12.4"),
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_rpmb = {
	.id = 28,
	.name = "rpmb",
	.title = "RPMB device",
	.section = "5.12",
	.config = SPEC_TABLE(config),
	.queues = queues,
};
