/* SPDX-License-Identifier: MIT */
/*
 * Ports, buses and clocks: console (5.3), socket (5.10), I2C (5.16), SCMI
 * (5.17), GPIO (5.18), CAN (5.20), SPI (5.21), RTC (5.23).
 */
#include "decoder/spec/tables.h"

#define RO SPEC_RO

enum { CONSOLE_SIZE = 0, MULTIPORT = 1, EMERG_WRITE = 2 };

static const struct spec_feature console_features[] = {
	SPEC_FEATURE(CONSOLE_SIZE, "VIRTIO_CONSOLE_F_SIZE", "5.3.3"),
	SPEC_FEATURE(MULTIPORT, "VIRTIO_CONSOLE_F_MULTIPORT", "5.3.3"),
	SPEC_FEATURE(EMERG_WRITE, "VIRTIO_CONSOLE_F_EMERG_WRITE", "5.3.3"),
	SPEC_END,
};

static const struct spec_field console_config[] = {
	SPEC_FIELD(0, 2, DEC, RO, "cols", CONSOLE_SIZE, "5.3.4"),
	SPEC_FIELD(2, 2, DEC, RO, "rows", CONSOLE_SIZE, "5.3.4"),
	SPEC_FIELD(4, 4, DEC, RO, "max_nr_ports", MULTIPORT, "5.3.4"),
	SPEC_FIELD(8, 4, HEX, 0, "emerg_wr", EMERG_WRITE, "5.3.4"),
};

static const struct spec_queue console_queues[] = {
	{ "receiveq(port0)", -1, 0, 0 },
	{ "transmitq(port0)", -1, 0, 0 },
	{ "control receiveq", MULTIPORT, 0, 0 },
	{ "control transmitq", MULTIPORT, 0, 0 },
	{ "receiveq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT, 0 },
	{ "transmitq(port#)", MULTIPORT, SPEC_QUEUE_REPEAT, 0 },
	SPEC_END,
};

const struct spec_class spec_class_console = {
	.id = 3,
	.name = "console",
	.title = "console device",
	.section = "5.3",
	.features = console_features,
	.config = SPEC_TABLE(console_config),
	.queues = console_queues,
};

static const struct spec_feature vsock_features[] = {
	SPEC_FEATURE(0, "VIRTIO_VSOCK_F_STREAM", "5.10.3"),
	SPEC_FEATURE(1, "VIRTIO_VSOCK_F_SEQPACKET", "5.10.3"),
	SPEC_FEATURE(2, "VIRTIO_VSOCK_F_NO_IMPLIED_STREAM", "5.10.3"),
	SPEC_END,
};

static const struct spec_field vsock_config[] = {
	SPEC_FIELD(0, 8, DEC, RO, "guest_cid", -1, "5.10.4"),
};

static const struct spec_queue vsock_queues[] = {
	{ "rx", -1, 0, 0 },
	{ "tx", -1, 0, 0 },
	{ "event", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_vsock = {
	.id = 19,
	.name = "vsock",
	.title = "socket device",
	.section = "5.10",
	.features = vsock_features,
	.config = SPEC_TABLE(vsock_config),
	.queues = vsock_queues,
};

static const struct spec_queue requestq[] = {
	{ "requestq", -1, 0, 0 },
	SPEC_END,
};

static const struct spec_feature i2c_features[] = {
	SPEC_FEATURE(0, "VIRTIO_I2C_F_ZERO_LENGTH_REQUEST", "5.16.3"),
	SPEC_END,
};

const struct spec_class spec_class_i2c = {
	.id = 34,
	.name = "i2c",
	.title = "I2C adapter",
	.section = "5.16",
	.features = i2c_features,
	.queues = requestq,
};

enum { P2A_CHANNELS = 0 };

static const struct spec_feature scmi_features[] = {
	SPEC_FEATURE(P2A_CHANNELS, "VIRTIO_SCMI_F_P2A_CHANNELS", "5.17.3"),
	SPEC_FEATURE(1, "VIRTIO_SCMI_F_SHARED_MEMORY", "5.17.3"),
	SPEC_END,
};

static const struct spec_queue scmi_queues[] = {
	{ "cmdq", -1, 0, 0 },
	{ "eventq", P2A_CHANNELS, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_scmi = {
	.id = 32,
	.name = "scmi",
	.title = "SCMI device",
	.section = "5.17",
	.features = scmi_features,
	.queues = scmi_queues,
};

enum { GPIO_IRQ = 0 };

static const struct spec_feature gpio_features[] = {
	SPEC_FEATURE(GPIO_IRQ, "VIRTIO_GPIO_F_IRQ", "5.18.3"),
	SPEC_END,
};

static const struct spec_field gpio_config[] = {
	SPEC_FIELD(0, 2, DEC, RO, "ngpio", -1, "5.18.4"),
	SPEC_FIELD(2, 2, BYTES, RO, "padding", -1, "5.18.4"),
	SPEC_FIELD(4, 4, DEC, RO, "gpio_names_size", -1, "5.18.4"),
};

static const struct spec_queue gpio_queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "eventq", GPIO_IRQ, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_gpio = {
	.id = 41,
	.name = "gpio",
	.title = "GPIO device",
	.section = "5.18",
	.features = gpio_features,
	.config = SPEC_TABLE(gpio_config),
	.queues = gpio_queues,
};

enum { CAN_CLASSIC = 0, CAN_FD = 1 };

/* 5.20.3.1 also asks for at least one of CLASSIC and FD, which no single bit can say. */
static const struct spec_feature can_features[] = {
	SPEC_FEATURE(CAN_CLASSIC, "VIRTIO_CAN_F_CAN_CLASSIC", "5.20.3"),
	SPEC_FEATURE(CAN_FD, "VIRTIO_CAN_F_CAN_FD", "5.20.3"),
	SPEC_FEATURE(2, "VIRTIO_CAN_F_RTR_FRAMES", "5.20.3", .requires = { SPEC_BIT(CAN_CLASSIC) }),
	SPEC_FEATURE(3, "VIRTIO_CAN_F_LATE_TX_ACK", "5.20.3"),
	SPEC_END,
};

static const struct spec_name can_status[] = {
	{ 1, "CTRL_BUSOFF" },
	{ 0, NULL },
};

static const struct spec_field can_config[] = {
	SPEC_FIELD(0, 2, BITS, RO, "status", -1, "5.20.4", .names = can_status),
};

static const struct spec_queue can_queues[] = {
	{ "Txq", -1, 0, 0 },
	{ "Rxq", -1, 0, 0 },
	{ "Controlq", -1, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_can = {
	.id = 36,
	.name = "can",
	.title = "CAN device",
	.section = "5.20",
	.features = can_features,
	.config = SPEC_TABLE(can_config),
	.queues = can_queues,
};

static const struct spec_name spi_nbits[] = {
	{ 1, "DUAL" },
	{ 2, "QUAD" },
	{ 4, "OCTAL" },
	{ 0, NULL },
};

static const struct spec_name spi_modes[] = {
	{ 0x01, "CPHA_0" },  { 0x02, "CPHA_1" },    { 0x04, "CPOL_0" }, { 0x08, "CPOL_1" },
	{ 0x10, "CS_HIGH" }, { 0x20, "LSB_FIRST" }, { 0x40, "LOOP" },	{ 0, NULL },
};

static const struct spec_field spi_config[] = {
	SPEC_FIELD(0, 1, DEC, RO, "cs_max_number", -1, "5.21.4"),
	SPEC_FIELD(1, 1, DEC, RO, "cs_change_supported", -1, "5.21.4"),
	SPEC_FIELD(2, 1, BITS, RO, "tx_nbits_supported", -1, "5.21.4", .names = spi_nbits),
	SPEC_FIELD(3, 1, BITS, RO, "rx_nbits_supported", -1, "5.21.4", .names = spi_nbits),
	SPEC_FIELD(4, 4, HEX, RO, "bits_per_word_mask", -1, "5.21.4"),
	SPEC_FIELD(8, 4, BITS, RO, "mode_func_supported", -1, "5.21.4", .names = spi_modes),
	SPEC_FIELD(12, 4, DEC, RO, "max_freq_hz", -1, "5.21.4"),
	SPEC_FIELD(16, 4, DEC, RO, "max_word_delay_ns", -1, "5.21.4"),
	SPEC_FIELD(20, 4, DEC, RO, "max_cs_setup_ns", -1, "5.21.4"),
	SPEC_FIELD(24, 4, DEC, RO, "max_cs_hold_ns", -1, "5.21.4"),
	SPEC_FIELD(28, 4, DEC, RO, "max_cs_inactive_ns", -1, "5.21.4"),
};

const struct spec_class spec_class_spi = {
	.id = 45,
	.name = "spi",
	.title = "SPI controller",
	.section = "5.21",
	.features = spec_no_features,
	.config = SPEC_TABLE(spi_config),
	.queues = requestq,
};

enum { RTC_ALARM = 0 };

static const struct spec_feature rtc_features[] = {
	SPEC_FEATURE(RTC_ALARM, "VIRTIO_RTC_F_ALARM", "5.23.3"),
	SPEC_END,
};

static const struct spec_queue rtc_queues[] = {
	{ "requestq", -1, 0, 0 },
	{ "alarmq", RTC_ALARM, 0, 0 },
	SPEC_END,
};

const struct spec_class spec_class_rtc = {
	.id = 17,
	.name = "rtc",
	.title = "real-time clock device",
	.section = "5.23",
	.features = rtc_features,
	.queues = rtc_queues,
};
