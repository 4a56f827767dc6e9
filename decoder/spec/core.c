/* SPDX-License-Identifier: MIT */
/* The core: device status (2.1), descriptor flags (2.7.5, 2.8), feature bits (6). */
#include "decoder/spec/tables.h"

const struct spec_name spec_status_bits[] = {
	{ 0x01, "ACKNOWLEDGE" }, { 0x02, "DRIVER" },  { 0x04, "DRIVER_OK" },
	{ 0x08, "FEATURES_OK" }, { 0x10, "SUSPEND" }, { 0x40, "DEVICE_NEEDS_RESET" },
	{ 0x80, "FAILED" },	 { 0, NULL },
};

const struct spec_name spec_desc_flags[] = {
	{ 0x0001, "NEXT" },  { 0x0002, "WRITE" }, { 0x0004, "INDIRECT" },
	{ 0x0080, "AVAIL" }, { 0x8000, "USED" },  { 0, NULL },
};

#define ON_PCI_ONLY .not_on = 1 << VQT_TRANSPORT_MMIO | 1 << VQT_TRANSPORT_CCW
#define CORE(bit, name, ...) SPEC_FEATURE(bit, name, "6", ##__VA_ARGS__)
#define OLD(bit, name) SPEC_FEATURE(bit, name, "6.3", .legacy = 1)

/*
 * The text names no prerequisite among these.  Bits from 32 are out of reach
 * of the legacy interface (4.1.4.10), which is a matter of the registers, not
 * of VERSION_1.
 */
const struct spec_feature spec_core_features[] = {
	OLD(24, "VIRTIO_F_NOTIFY_ON_EMPTY"),
	OLD(27, "VIRTIO_F_ANY_LAYOUT"),
	CORE(28, "VIRTIO_F_INDIRECT_DESC"),
	CORE(29, "VIRTIO_F_EVENT_IDX"),
	OLD(30, "VIRTIO_F_UNUSED"), /* QEMU's VIRTIO_F_BAD_FEATURE; never to be accepted */
	CORE(32, "VIRTIO_F_VERSION_1"),
	CORE(33, "VIRTIO_F_ACCESS_PLATFORM"),
	CORE(34, "VIRTIO_F_RING_PACKED"),
	CORE(35, "VIRTIO_F_IN_ORDER"),
	CORE(36, "VIRTIO_F_ORDER_PLATFORM"),
	CORE(37, "VIRTIO_F_SR_IOV", ON_PCI_ONLY),
	CORE(38, "VIRTIO_F_NOTIFICATION_DATA"),
	CORE(39, "VIRTIO_F_NOTIF_CONFIG_DATA"),
	CORE(40, "VIRTIO_F_RING_RESET", .not_on = 1 << VQT_TRANSPORT_CCW), /* 4.3.4 */
	CORE(41, "VIRTIO_F_ADMIN_VQ", ON_PCI_ONLY), /* 4.2.5, 4.3.4 */
	CORE(43, "VIRTIO_F_SUSPEND"),
	SPEC_END,
};
