/* SPDX-License-Identifier: MIT */
/* The SPI controller (5.21). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

static const struct spec_name nbits[] = {
	{ 1, "DUAL" },
	{ 2, "QUAD" },
	{ 4, "OCTAL" },
	{ 0, NULL },
};

static const struct spec_name modes[] = {
	{ 0x01, "CPHA_0" },  { 0x02, "CPHA_1" },    { 0x04, "CPOL_0" }, { 0x08, "CPOL_1" },
	{ 0x10, "CS_HIGH" }, { 0x20, "LSB_FIRST" }, { 0x40, "LOOP" },	{ 0, NULL },
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 1, DEC, SPEC_RO, "cs_max_number", -1, "5.21.4"),
	SPEC_FIELD(1, 1, DEC, SPEC_RO, "cs_change_supported", -1, "5.21.4"),
	SPEC_FIELD(2, 1, BITS, SPEC_RO, "tx_nbits_supported", -1, "5.21.4", .names = nbits),
	SPEC_FIELD(3, 1, BITS, SPEC_RO, "rx_nbits_supported", -1, "5.21.4", .names = nbits),
	SPEC_FIELD(4, 4, HEX, SPEC_RO, "bits_per_word_mask", -1, "5.21.4"),
	SPEC_FIELD(8, 4, BITS, SPEC_RO, "mode_func_supported", -1, "5.21.4", .names = modes),
	SPEC_FIELD(12, 4, DEC, SPEC_RO, "max_freq_hz", -1, "5.21.4"),
	SPEC_FIELD(16, 4, DEC, SPEC_RO, "max_word_delay_ns", -1, "5.21.4"),
	SPEC_FIELD(20, 4, DEC, SPEC_RO, "max_cs_setup_ns", -1, "5.21.4"),
	SPEC_FIELD(24, 4, DEC, SPEC_RO, "max_cs_hold_ns", -1, "5.21.4"),
	SPEC_FIELD(28, 4, DEC, SPEC_RO, "max_cs_inactive_ns", -1, "5.21.4"),
};

static const struct spec_queue queues[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_spi = {
	.id = 45,
	.name = "spi",
	.title = "SPI controller",
	.section = "5.21",
	.config = SPEC_TABLE(config),
	.queues = queues,
};
