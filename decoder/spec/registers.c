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
#define REG_IF(off, w, kind, flags, name, feature, ...) \
	SPEC_FIELD(off, w, kind, flags, name, feature, SECTION, ##__VA_ARGS__)

const struct spec_name spec_isr_bits[] = {
	{ 0x01, "QUEUE" },
	{ 0x02, "CONFIG" },
	{ 0, NULL },
};

#define SECTION "4.1.4.3"
static const struct spec_field common[] = {
	REG(0, 4, DEC, 0, "device_feature_select", .id = SPEC_REG_DEVICE_FEATURES_SELECT),
	REG(4, 4, FEATURES, RO, "device_feature", .id = SPEC_REG_DEVICE_FEATURES),
	REG(8, 4, DEC, 0, "driver_feature_select", .id = SPEC_REG_DRIVER_FEATURES_SELECT),
	REG(12, 4, FEATURES, 0, "driver_feature", .id = SPEC_REG_DRIVER_FEATURES),
	REG(16, 2, VECTOR, 0, "config_msix_vector", .id = SPEC_REG_CONFIG_VECTOR),
	REG(18, 2, DEC, RO, "num_queues", .id = SPEC_REG_NUM_QUEUES),
	REG(20, 1, BITS, 0, "device_status", .names = spec_status_bits,
	    .id = SPEC_REG_DEVICE_STATUS),
	REG(21, 1, DEC, RO, "config_generation", .id = SPEC_REG_CONFIG_GENERATION),
	REG(22, 2, DEC, 0, "queue_select", .id = SPEC_REG_QUEUE_SELECT),
	REG(24, 2, DEC, Q, "queue_size", .id = SPEC_REG_QUEUE_SIZE),
	REG(26, 2, VECTOR, Q, "queue_msix_vector", .id = SPEC_REG_QUEUE_VECTOR),
	REG(28, 2, DEC, Q, "queue_enable", .id = SPEC_REG_QUEUE_ENABLE),
	REG(30, 2, DEC, Q | RO, "queue_notify_off", .id = SPEC_REG_QUEUE_NOTIFY_OFF),
	REG(32, 8, HEX, Q, "queue_desc", .id = SPEC_REG_QUEUE_DESC),
	REG(40, 8, HEX, Q, "queue_driver", .id = SPEC_REG_QUEUE_DRIVER),
	REG(48, 8, HEX, Q, "queue_device", .id = SPEC_REG_QUEUE_DEVICE),
	REG_IF(56, 2, HEX, Q | RO, "queue_notif_config_data", NOTIF_CONFIG_DATA,
	       .id = SPEC_REG_QUEUE_NOTIFY_DATA),
	REG_IF(58, 2, DEC, Q, "queue_reset", RING_RESET, .id = SPEC_REG_QUEUE_RESET),
	REG_IF(60, 2, DEC, RO, "admin_queue_index", ADMIN_VQ, .id = SPEC_REG_ADMIN_QUEUE_INDEX),
	REG_IF(62, 2, DEC, RO, "admin_queue_num", ADMIN_VQ, .id = SPEC_REG_ADMIN_QUEUE_NUM),
};
const struct spec_fields spec_common = SPEC_TABLE(common);
#undef SECTION

/*
 * Every address of the area is the same register; the address selects the queue.  Its 16
 * bits grow to 32 with NOTIFICATION_DATA (2.9, 4.1.5.2).
 */
#define SECTION "4.1.4.4"
static const struct spec_field notify[] = {
	REG(0, 2, DEC, WO, "queue_notify", .id = SPEC_REG_QUEUE_NOTIFY),
};
const struct spec_fields spec_notify = SPEC_TABLE(notify);
#undef SECTION

#define SECTION "4.1.4.5"
static const struct spec_field isr[] = {
	REG(0, 1, BITS, RO, "isr_status", .names = spec_isr_bits, .id = SPEC_REG_ISR),
};
const struct spec_fields spec_isr = SPEC_TABLE(isr);
#undef SECTION

/* With MSI-X disabled the last two are not there and device configuration is. */
#define SECTION "4.1.4.10"
#define OLD SPEC_LEGACY
static const struct spec_field legacy[] = {
	REG(0, 4, FEATURES, OLD | RO, "device_features", .id = SPEC_REG_DEVICE_FEATURES),
	REG(4, 4, FEATURES, OLD, "driver_features", .id = SPEC_REG_DRIVER_FEATURES),
	REG(8, 4, HEX, OLD | Q, "queue_address", .id = SPEC_REG_QUEUE_PFN),
	REG(12, 2, DEC, OLD | Q | RO, "queue_size", .id = SPEC_REG_QUEUE_SIZE),
	REG(14, 2, DEC, OLD, "queue_select", .id = SPEC_REG_QUEUE_SELECT),
	REG(16, 2, DEC, OLD, "queue_notify", .id = SPEC_REG_QUEUE_NOTIFY),
	REG(18, 1, BITS, OLD, "device_status", .names = spec_status_bits,
	    .id = SPEC_REG_DEVICE_STATUS),
	REG(19, 1, BITS, OLD | RO, "isr_status", .names = spec_isr_bits, .id = SPEC_REG_ISR),
	REG(20, 2, VECTOR, OLD, "config_msix_vector", .id = SPEC_REG_CONFIG_VECTOR),
	REG(22, 2, VECTOR, OLD | Q, "queue_msix_vector", .id = SPEC_REG_QUEUE_VECTOR),
};
const struct spec_fields spec_legacy = SPEC_TABLE(legacy);
#undef SECTION

/* Legacy registers (4.2.4) share the table; their names do not clash. */
#define SECTION "4.2.2"
#define LO SPEC_LO
#define HI SPEC_HI
#define NEW SPEC_MODERN
#define OLD_REG(off, kind, flags, name, ...) \
	SPEC_FIELD(off, 4, kind, OLD | (flags), name, -1, "4.2.4", ##__VA_ARGS__)
static const struct spec_field mmio[] = {
	REG(0x000, 4, HEX, RO, "MagicValue", .id = SPEC_REG_MAGIC),
	REG(0x004, 4, DEC, RO, "Version", .id = SPEC_REG_VERSION),
	REG(0x008, 4, DEC, RO, "DeviceID", .id = SPEC_REG_DEVICE_ID),
	REG(0x00c, 4, HEX, RO, "VendorID"),
	REG(0x010, 4, FEATURES, RO, "DeviceFeatures", .id = SPEC_REG_DEVICE_FEATURES),
	REG(0x014, 4, DEC, WO, "DeviceFeaturesSel", .id = SPEC_REG_DEVICE_FEATURES_SELECT),
	REG(0x020, 4, FEATURES, WO, "DriverFeatures", .id = SPEC_REG_DRIVER_FEATURES),
	REG(0x024, 4, DEC, WO, "DriverFeaturesSel", .id = SPEC_REG_DRIVER_FEATURES_SELECT),
	OLD_REG(0x028, DEC, WO, "GuestPageSize", .id = SPEC_REG_GUEST_PAGE_SIZE),
	REG(0x030, 4, DEC, WO, "QueueSel", .id = SPEC_REG_QUEUE_SELECT),
	REG(0x034, 4, DEC, Q | RO, "QueueSizeMax", .id = SPEC_REG_QUEUE_SIZE_MAX),
	REG(0x038, 4, DEC, Q | WO, "QueueSize", .id = SPEC_REG_QUEUE_SIZE),
	OLD_REG(0x03c, DEC, Q | WO, "QueueAlign", .id = SPEC_REG_QUEUE_ALIGN),
	OLD_REG(0x040, HEX, Q, "QueuePFN", .id = SPEC_REG_QUEUE_PFN),
	REG(0x044, 4, DEC, NEW | Q, "QueueReady", .id = SPEC_REG_QUEUE_ENABLE),
	REG(0x050, 4, DEC, WO, "QueueNotify", .id = SPEC_REG_QUEUE_NOTIFY),
	REG(0x060, 4, BITS, RO, "InterruptStatus", .names = spec_isr_bits, .id = SPEC_REG_ISR),
	REG(0x064, 4, BITS, WO, "InterruptACK", .names = spec_isr_bits, .id = SPEC_REG_ISR_ACK),
	REG(0x070, 4, BITS, 0, "Status", .names = spec_status_bits, .id = SPEC_REG_DEVICE_STATUS),
	REG(0x080, 4, HEX, NEW | Q | WO | LO, "QueueDescLow", .id = SPEC_REG_QUEUE_DESC),
	REG(0x084, 4, HEX, NEW | Q | WO | HI, "QueueDescHigh", .id = SPEC_REG_QUEUE_DESC),
	REG(0x090, 4, HEX, NEW | Q | WO | LO, "QueueDriverLow", .id = SPEC_REG_QUEUE_DRIVER),
	REG(0x094, 4, HEX, NEW | Q | WO | HI, "QueueDriverHigh", .id = SPEC_REG_QUEUE_DRIVER),
	REG(0x0a0, 4, HEX, NEW | Q | WO | LO, "QueueDeviceLow", .id = SPEC_REG_QUEUE_DEVICE),
	REG(0x0a4, 4, HEX, NEW | Q | WO | HI, "QueueDeviceHigh", .id = SPEC_REG_QUEUE_DEVICE),
	REG(0x0ac, 4, DEC, NEW | WO, "SHMSel", .id = SPEC_REG_SHM_SELECT),
	REG(0x0b0, 4, HEX, NEW | RO | LO, "SHMLenLow", .id = SPEC_REG_SHM_LENGTH),
	REG(0x0b4, 4, HEX, NEW | RO | HI, "SHMLenHigh", .id = SPEC_REG_SHM_LENGTH),
	REG(0x0b8, 4, HEX, NEW | RO | LO, "SHMBaseLow", .id = SPEC_REG_SHM_BASE),
	REG(0x0bc, 4, HEX, NEW | RO | HI, "SHMBaseHigh", .id = SPEC_REG_SHM_BASE),
	REG_IF(0x0c0, 4, DEC, NEW | Q, "QueueReset", RING_RESET, .id = SPEC_REG_QUEUE_RESET),
	REG(0x0fc, 4, DEC, NEW | RO, "ConfigGeneration", .id = SPEC_REG_CONFIG_GENERATION),
};
const struct spec_fields spec_mmio = SPEC_TABLE(mmio);
