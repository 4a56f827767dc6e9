/* SPDX-License-Identifier: MIT */
/* The CAN device (5.20). */
#include "decoder/class/class.h"
#include "decoder/spec/tables.h"

enum { CAN_CLASSIC = 0, CAN_FD = 1 };

/* 5.20.3.1 also asks for at least one of CLASSIC and FD, which no single bit can say. */
static const struct spec_feature features[] = {
	SPEC_FEATURE(CAN_CLASSIC, "VIRTIO_CAN_F_CAN_CLASSIC", "5.20.3"),
	SPEC_FEATURE(CAN_FD, "VIRTIO_CAN_F_CAN_FD", "5.20.3"),
	SPEC_FEATURE(2, "VIRTIO_CAN_F_RTR_FRAMES", "5.20.3", .requires = { SPEC_BIT(CAN_CLASSIC) }),
	SPEC_FEATURE(3, "VIRTIO_CAN_F_LATE_TX_ACK", "5.20.3"),
	SPEC_END,
};

static const struct spec_name status_bits[] = {
	{ 1, "CTRL_BUSOFF" },
	{ 0, NULL },
};

static const struct spec_field config[] = {
	SPEC_FIELD(0, 2, BITS, SPEC_RO, "status", -1, "5.20.4", .names = status_bits),
};

static const struct spec_queue queues[] = {
	{ "Txq", -1, 0, 0 },
	{ "Rxq", -1, SPEC_QUEUE_POSTED, 0 },
	{ "Controlq", -1, 0, 0 },
	SPEC_END,
};

const struct class class_can = {
	.id = 36,
	.name = "can",
	.title = "CAN device",
	.section = "5.20",
	.features = features,
	.config = SPEC_TABLE(config),
	.queues = queues,
};
