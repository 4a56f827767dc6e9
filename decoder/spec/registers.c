/* SPDX-License-Identifier: MIT */
/* Registers of the transports: virtio-pci (4.1.4), its legacy layout, virtio-mmio (4.2). */
#include "decoder/spec/tables.h"

/* Core features on which registers depend. */
enum { NOTIF_CONFIG_DATA = 39, RING_RESET = 40, ADMIN_VQ = 41 };

#define RO SPEC_RO
#define WO SPEC_WO
#define Q SPEC_PER_QUEUE
#define REG(off, w, kind, flags, name, ...) \
	SPEC_FIELD(off, w, kind, flags, name, -1, SECTION, ##__VA_ARGS__)
#define REG_IF(off, w, kind, flags, name, feature) \
	SPEC_FIELD(off, w, kind, flags, name, feature, SECTION)

const struct spec_name spec_isr_bits[] = {
	{ 0x01, "QUEUE" },
	{ 0x02, "CONFIG" },
	{ 0, NULL },
};

#define SECTION "4.1.4.3"
static const struct spec_field common[] = {
	REG(0, 4, DEC, 0, "device_feature_select"),
	REG(4, 4, FEATURES, RO, "device_feature"),
	REG(8, 4, DEC, 0, "driver_feature_select"),
	REG(12, 4, FEATURES, 0, "driver_feature"),
	REG(16, 2, VECTOR, 0, "config_msix_vector"),
	REG(18, 2, DEC, RO, "num_queues"),
	REG(20, 1, BITS, 0, "device_status", .names = spec_status_bits),
	REG(21, 1, DEC, RO, "config_generation"),
	REG(22, 2, DEC, 0, "queue_select"),
	REG(24, 2, DEC, Q, "queue_size"),
	REG(26, 2, VECTOR, Q, "queue_msix_vector"),
	REG(28, 2, DEC, Q, "queue_enable"),
	REG(30, 2, DEC, Q | RO, "queue_notify_off"),
	REG(32, 8, HEX, Q, "queue_desc"),
	REG(40, 8, HEX, Q, "queue_driver"),
	REG(48, 8, HEX, Q, "queue_device"),
	REG_IF(56, 2, HEX, Q | RO, "queue_notif_config_data", NOTIF_CONFIG_DATA),
	REG_IF(58, 2, DEC, Q, "queue_reset", RING_RESET),
	REG_IF(60, 2, DEC, RO, "admin_queue_index", ADMIN_VQ),
	REG_IF(62, 2, DEC, RO, "admin_queue_num", ADMIN_VQ),
};
const struct spec_fields spec_common = SPEC_TABLE(common);
#undef SECTION

/*
 * Every address of the area is the same register, told apart by queue.  Its 16
 * bits grow to 32 with NOTIFICATION_DATA (2.9, 4.1.5.2).
 */
#define SECTION "4.1.4.4"
static const struct spec_field notify[] = {
	REG(0, 2, DEC, WO, "queue_notify"),
};
const struct spec_fields spec_notify = SPEC_TABLE(notify);
#undef SECTION

#define SECTION "4.1.4.5"
static const struct spec_field isr[] = {
	REG(0, 1, BITS, RO, "isr_status", .names = spec_isr_bits),
};
const struct spec_fields spec_isr = SPEC_TABLE(isr);
#undef SECTION

/* With MSI-X disabled the last two are not there and device configuration is. */
#define SECTION "4.1.4.10"
#define OLD SPEC_LEGACY
static const struct spec_field legacy[] = {
	REG(0, 4, FEATURES, OLD | RO, "device_features"),
	REG(4, 4, FEATURES, OLD, "driver_features"),
	REG(8, 4, HEX, OLD | Q, "queue_address"),
	REG(12, 2, DEC, OLD | Q | RO, "queue_size"),
	REG(14, 2, DEC, OLD, "queue_select"),
	REG(16, 2, DEC, OLD, "queue_notify"),
	REG(18, 1, BITS, OLD, "device_status", .names = spec_status_bits),
	REG(19, 1, BITS, OLD | RO, "isr_status", .names = spec_isr_bits),
	REG(20, 2, VECTOR, OLD, "config_msix_vector"),
	REG(22, 2, VECTOR, OLD | Q, "queue_msix_vector"),
};
const struct spec_fields spec_legacy = SPEC_TABLE(legacy);
#undef SECTION

/* Legacy registers (4.2.4) share the table; their names do not clash. */
#define SECTION "4.2.2"
#define LO SPEC_LO
#define OLD_REG(off, kind, flags, name) SPEC_FIELD(off, 4, kind, OLD | (flags), name, -1, "4.2.4")
static const struct spec_field mmio[] = {
	REG(0x000, 4, HEX, RO, "MagicValue"),
	REG(0x004, 4, DEC, RO, "Version"),
	REG(0x008, 4, DEC, RO, "DeviceID"),
	REG(0x00c, 4, HEX, RO, "VendorID"),
	REG(0x010, 4, FEATURES, RO, "DeviceFeatures"),
	REG(0x014, 4, DEC, WO, "DeviceFeaturesSel"),
	REG(0x020, 4, FEATURES, WO, "DriverFeatures"),
	REG(0x024, 4, DEC, WO, "DriverFeaturesSel"),
	OLD_REG(0x028, DEC, WO, "GuestPageSize"),
	REG(0x030, 4, DEC, WO, "QueueSel"),
	REG(0x034, 4, DEC, Q | RO, "QueueSizeMax"),
	REG(0x038, 4, DEC, Q | WO, "QueueSize"),
	OLD_REG(0x03c, DEC, Q | WO, "QueueAlign"),
	OLD_REG(0x040, HEX, Q, "QueuePFN"),
	REG(0x044, 4, DEC, Q, "QueueReady"),
	REG(0x050, 4, DEC, WO, "QueueNotify"),
	REG(0x060, 4, BITS, RO, "InterruptStatus", .names = spec_isr_bits),
	REG(0x064, 4, BITS, WO, "InterruptACK", .names = spec_isr_bits),
	REG(0x070, 4, BITS, 0, "Status", .names = spec_status_bits),
	REG(0x080, 4, HEX, Q | WO | LO, "QueueDescLow"),
	REG(0x084, 4, HEX, Q | WO, "QueueDescHigh"),
	REG(0x090, 4, HEX, Q | WO | LO, "QueueDriverLow"),
	REG(0x094, 4, HEX, Q | WO, "QueueDriverHigh"),
	REG(0x0a0, 4, HEX, Q | WO | LO, "QueueDeviceLow"),
	REG(0x0a4, 4, HEX, Q | WO, "QueueDeviceHigh"),
	REG(0x0ac, 4, DEC, WO, "SHMSel"),
	REG(0x0b0, 4, HEX, RO | LO, "SHMLenLow"),
	REG(0x0b4, 4, HEX, RO, "SHMLenHigh"),
	REG(0x0b8, 4, HEX, RO | LO, "SHMBaseLow"),
	REG(0x0bc, 4, HEX, RO, "SHMBaseHigh"),
	REG_IF(0x0c0, 4, DEC, Q, "QueueReset", RING_RESET),
	REG(0x0fc, 4, DEC, RO, "ConfigGeneration"),
};
const struct spec_fields spec_mmio = SPEC_TABLE(mmio);
