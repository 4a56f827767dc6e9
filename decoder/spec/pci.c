/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space: type 0 header, the capabilities a virtio function
 * shows, MSI-X structures.  Sections with "PCI" are of PCI Express Base 5.0.
 */
#include "decoder/spec/tables.h"

#define RO SPEC_RO
#define F(off, w, kind, flags, name, sec, ...) \
	SPEC_FIELD(off, w, kind, flags, name, -1, sec, ##__VA_ARGS__)

const struct spec_name spec_pci_caps[] = {
	{ 0x01, "PM" },	   { 0x03, "VPD" },  { 0x05, "MSI" },  { 0x09, "VNDR" },
	{ 0x0d, "SSVID" }, { 0x10, "PCIE" }, { 0x11, "MSIX" }, { 0x12, "SATA" },
	{ 0x13, "AF" },	   { 0x14, "EA" },   { 0, NULL },
};

const struct spec_name spec_cap_types[] = {
	{ 1, "COMMON_CFG" }, { 2, "NOTIFY_CFG" },	 { 3, "ISR_CFG" },    { 4, "DEVICE_CFG" },
	{ 5, "PCI_CFG" },    { 8, "SHARED_MEMORY_CFG" }, { 9, "VENDOR_CFG" }, { 0, NULL },
};

static const struct spec_name command[] = {
	{ 0x0001, "IO_SPACE" },
	{ 0x0002, "MEMORY_SPACE" },
	{ 0x0004, "BUS_MASTER" },
	{ 0x0008, "SPECIAL_CYCLES" },
	{ 0x0010, "MEMORY_INVALIDATE" },
	{ 0x0020, "VGA_PALETTE" },
	{ 0x0040, "PARITY" },
	{ 0x0080, "WAIT" },
	{ 0x0100, "SERR" },
	{ 0x0200, "FAST_BACK" },
	{ 0x0400, "INTX_DISABLE" },
	{ 0, NULL },
};

static const struct spec_name status[] = {
	{ 0x0001, "IMMEDIATE_READINESS" },
	{ 0x0008, "INTERRUPT" },
	{ 0x0010, "CAP_LIST" },
	{ 0x0020, "66MHZ" },
	{ 0x0080, "FAST_BACK" },
	{ 0x0100, "MASTER_PARITY" },
	{ 0x0600, "DEVSEL" },
	{ 0x0800, "SIG_TARGET_ABORT" },
	{ 0x1000, "REC_TARGET_ABORT" },
	{ 0x2000, "REC_MASTER_ABORT" },
	{ 0x4000, "SIG_SYSTEM_ERROR" },
	{ 0x8000, "DETECTED_PARITY" },
	{ 0, NULL },
};

static const struct spec_name header_type[] = {
	{ 0x7f, "TYPE" },
	{ 0x80, "MULTI_FUNCTION" },
	{ 0, NULL },
};

static const struct spec_name rom_bits[] = {
	{ 0x00000001, "ENABLE" },
	{ 0, NULL },
};

static const struct spec_field header[] = {
	F(0x00, 2, HEX, RO, "vendor_id", "PCI 7.5.1.1.1"),
	F(0x02, 2, HEX, RO, "device_id", "PCI 7.5.1.1.2"),
	F(0x04, 2, BITS, 0, "command", "PCI 7.5.1.1.3", .names = command),
	F(0x06, 2, BITS, 0, "status", "PCI 7.5.1.1.4", .names = status),
	F(0x08, 1, HEX, RO, "revision_id", "PCI 7.5.1.1.5"),
	F(0x09, 1, HEX, RO, "prog_if", "PCI 7.5.1.1.6"),
	F(0x0a, 1, HEX, RO, "subclass", "PCI 7.5.1.1.6"),
	F(0x0b, 1, HEX, RO, "base_class", "PCI 7.5.1.1.6"),
	F(0x0c, 1, DEC, 0, "cache_line_size", "PCI 7.5.1.1.7"),
	F(0x0d, 1, DEC, 0, "latency_timer", "PCI 7.5.1.1.8"),
	F(0x0e, 1, BITS, RO, "header_type", "PCI 7.5.1.1.9", .names = header_type),
	F(0x0f, 1, HEX, 0, "bist", "PCI 7.5.1.1.10"),
	F(0x10, 4, HEX, 0, "bar0", "PCI 7.5.1.2.1"),
	F(0x14, 4, HEX, 0, "bar1", "PCI 7.5.1.2.1"),
	F(0x18, 4, HEX, 0, "bar2", "PCI 7.5.1.2.1"),
	F(0x1c, 4, HEX, 0, "bar3", "PCI 7.5.1.2.1"),
	F(0x20, 4, HEX, 0, "bar4", "PCI 7.5.1.2.1"),
	F(0x24, 4, HEX, 0, "bar5", "PCI 7.5.1.2.1"),
	F(0x28, 4, HEX, RO, "cardbus_cis", "PCI 7.5.1.2.2"),
	F(0x2c, 2, HEX, RO, "subsystem_vendor_id", "PCI 7.5.1.2.3"),
	F(0x2e, 2, HEX, RO, "subsystem_id", "PCI 7.5.1.2.3"),
	F(0x30, 4, BITS, 0, "expansion_rom", "PCI 7.5.1.2.4", .names = rom_bits),
	F(0x34, 1, HEX, RO, "capabilities_pointer", "PCI 7.5.1.1.11"),
	F(0x35, 7, BYTES, RO, "reserved", "PCI 7.5.1.2"),
	F(0x3c, 1, DEC, 0, "interrupt_line", "PCI 7.5.1.1.12"),
	F(0x3d, 1, DEC, RO, "interrupt_pin", "PCI 7.5.1.1.13"),
	F(0x3e, 1, DEC, RO, "min_gnt", "PCI 7.5.1.2.5"),
	F(0x3f, 1, DEC, RO, "max_lat", "PCI 7.5.1.2.5"),
};
const struct spec_fields spec_pci_header = SPEC_TABLE(header);

#define CAP(sec) \
	F(0, 1, ENUM, RO, "cap_id", sec, .names = spec_pci_caps), F(1, 1, HEX, RO, "cap_next", sec)

static const struct spec_field any_cap[] = { CAP("PCI 7.5.3") };

static const struct spec_name pm_control[] = {
	{ 0x0003, "D" },
	{ 0x0008, "NO_SOFT_RESET" },
	{ 0x0100, "PME_ENABLE" },
	{ 0x1e00, "DATA_SELECT" },
	{ 0x6000, "DATA_SCALE" },
	{ 0x8000, "PME_STATUS" },
	{ 0, NULL },
};

static const struct spec_field pm_cap[] = {
	CAP("PCI 7.5.2.1"),
	F(2, 2, HEX, RO, "pm_capabilities", "PCI 7.5.2.1"),
	F(4, 2, BITS, 0, "pm_control_status", "PCI 7.5.2.2", .names = pm_control),
	F(6, 1, HEX, RO, "pm_bridge", "PCI 7.5.2.2"),
	F(7, 1, HEX, RO, "pm_data", "PCI 7.5.2.3"),
};

static const struct spec_name msi_control[] = {
	{ 0x0001, "ENABLE" }, { 0x000e, "MESSAGES_CAPABLE" }, { 0x0070, "MESSAGES_ENABLED" },
	{ 0x0080, "64BIT" },  { 0x0100, "MASKABLE" },	      { 0, NULL },
};

/* As with 64-bit addresses and masking; without, later fields lie 4 bytes earlier. */
static const struct spec_field msi_cap[] = {
	CAP("PCI 7.7.1.1"),
	F(2, 2, BITS, 0, "msi_control", "PCI 7.7.1.2", .names = msi_control),
	F(4, 4, HEX, 0, "msi_address_lo", "PCI 7.7.1.3"),
	F(8, 4, HEX, 0, "msi_address_hi", "PCI 7.7.1.4"),
	F(12, 2, HEX, 0, "msi_data", "PCI 7.7.1.5"),
	F(14, 2, HEX, 0, "msi_data_ext", "PCI 7.7.1.6"),
	F(16, 4, HEX, 0, "msi_mask", "PCI 7.7.1.7"),
	F(20, 4, HEX, RO, "msi_pending", "PCI 7.7.1.8"),
};

/* TABLE_SIZE is encoded as entries minus one. */
static const struct spec_name msix_control[] = {
	{ 0x07ff, "TABLE_SIZE" },
	{ 0x4000, "FUNCTION_MASK" },
	{ 0x8000, "ENABLE" },
	{ 0, NULL },
};

static const struct spec_name bir[] = {
	{ 0x00000007, "BIR" },
	{ 0, NULL },
};

static const struct spec_field msix_cap[] = {
	CAP("PCI 7.7.2.1"),
	F(2, 2, BITS, 0, "msix_control", "PCI 7.7.2.2", .names = msix_control,
	  .id = SPEC_REG_MSIX_CONTROL),
	F(4, 4, BITS, RO, "msix_table", "PCI 7.7.2.3", .names = bir),
	F(8, 4, BITS, RO, "msix_pba", "PCI 7.7.2.4", .names = bir),
};

static const struct spec_field pcie_cap[] = {
	CAP("PCI 7.5.3.1"),
	F(0x02, 2, HEX, RO, "pcie_capabilities", "PCI 7.5.3.2"),
	F(0x04, 4, HEX, RO, "device_capabilities", "PCI 7.5.3.3"),
	F(0x08, 2, HEX, 0, "device_control", "PCI 7.5.3.4"),
	F(0x0a, 2, HEX, 0, "device_status", "PCI 7.5.3.5"),
	F(0x0c, 4, HEX, RO, "link_capabilities", "PCI 7.5.3.6"),
	F(0x10, 2, HEX, 0, "link_control", "PCI 7.5.3.7"),
	F(0x12, 2, HEX, 0, "link_status", "PCI 7.5.3.8"),
	F(0x14, 4, HEX, RO, "slot_capabilities", "PCI 7.5.3.9"),
	F(0x18, 2, HEX, 0, "slot_control", "PCI 7.5.3.10"),
	F(0x1a, 2, HEX, 0, "slot_status", "PCI 7.5.3.11"),
	F(0x1c, 2, HEX, 0, "root_control", "PCI 7.5.3.12"),
	F(0x1e, 2, HEX, RO, "root_capabilities", "PCI 7.5.3.13"),
	F(0x20, 4, HEX, 0, "root_status", "PCI 7.5.3.14"),
	F(0x24, 4, HEX, RO, "device_capabilities_2", "PCI 7.5.3.15"),
	F(0x28, 2, HEX, 0, "device_control_2", "PCI 7.5.3.16"),
	F(0x2a, 2, HEX, 0, "device_status_2", "PCI 7.5.3.17"),
	F(0x2c, 4, HEX, RO, "link_capabilities_2", "PCI 7.5.3.18"),
	F(0x30, 2, HEX, 0, "link_control_2", "PCI 7.5.3.19"),
	F(0x32, 2, HEX, 0, "link_status_2", "PCI 7.5.3.20"),
	F(0x34, 4, HEX, RO, "slot_capabilities_2", "PCI 7.5.3.21"),
	F(0x38, 2, HEX, 0, "slot_control_2", "PCI 7.5.3.22"),
	F(0x3a, 2, HEX, 0, "slot_status_2", "PCI 7.5.3.23"),
};

/* struct virtio_pci_cap; bar, offset and length are writable in PCI_CFG only (4.1.4.9). */
#define VIRTIO_CAP_START \
	F(0, 1, ENUM, RO, "cap_vndr", "4.1.4", .names = spec_pci_caps), \
		F(1, 1, HEX, RO, "cap_next", "4.1.4"), F(2, 1, DEC, RO, "cap_len", "4.1.4"), \
		F(3, 1, ENUM, RO, "cfg_type", "4.1.4", .names = spec_cap_types)
#define VIRTIO_CAP(flags) \
	VIRTIO_CAP_START, F(4, 1, DEC, flags, "bar", "4.1.4"), F(5, 1, DEC, RO, "id", "4.1.4"), \
		F(6, 2, BYTES, RO, "padding", "4.1.4"), F(8, 4, HEX, flags, "offset", "4.1.4"), \
		F(12, 4, HEX, flags, "length", "4.1.4")

static const struct spec_field virtio_cap[] = {
	VIRTIO_CAP(RO),
};
static const struct spec_field notify_cap[] = {
	VIRTIO_CAP(RO),
	F(16, 4, DEC, RO, "notify_off_multiplier", "4.1.4.4"),
};
static const struct spec_field pci_cfg_cap[] = {
	VIRTIO_CAP(0),
	F(16, 4, HEX, 0, "pci_cfg_data", "4.1.4.9", .id = SPEC_REG_PCI_CFG_DATA),
};
static const struct spec_field shm_cap[] = {
	VIRTIO_CAP(RO),
	F(16, 4, HEX, RO, "offset_hi", "4.1.4"),
	F(20, 4, HEX, RO, "length_hi", "4.1.4"),
};
static const struct spec_field vendor_cap[] = {
	VIRTIO_CAP_START,
	F(4, 2, HEX, RO, "vendor_id", "4.1.4.8"),
};

static const struct {
	unsigned cap_id, cfg_type;
	struct spec_fields fields;
} caps[] = {
	{ 0x01, 0, SPEC_TABLE(pm_cap) },     { 0x05, 0, SPEC_TABLE(msi_cap) },
	{ 0x09, 2, SPEC_TABLE(notify_cap) }, { 0x09, 5, SPEC_TABLE(pci_cfg_cap) },
	{ 0x09, 8, SPEC_TABLE(shm_cap) },    { 0x09, 9, SPEC_TABLE(vendor_cap) },
	{ 0x09, 0, SPEC_TABLE(virtio_cap) }, /* 0: any other */
	{ 0x10, 0, SPEC_TABLE(pcie_cap) },   { 0x11, 0, SPEC_TABLE(msix_cap) },
	{ 0, 0, SPEC_TABLE(any_cap) },
};

const struct spec_fields *spec_pci_cap_fields(unsigned cap_id, unsigned cfg_type)
{
	size_t i;

	for (i = 0; caps[i].cap_id; i++)
		if (caps[i].cap_id == cap_id && (!caps[i].cfg_type || caps[i].cfg_type == cfg_type))
			break;
	return &caps[i].fields;
}

static const struct spec_name vector_control[] = {
	{ 0x00000001, "MASKED" },
	{ 0, NULL },
};

static const struct spec_field msix_entry[] = {
	F(0, 4, HEX, 0, "address_lo", "PCI 7.7.2.5"),
	F(4, 4, HEX, 0, "address_hi", "PCI 7.7.2.6"),
	F(8, 4, HEX, 0, "data", "PCI 7.7.2.7"),
	F(12, 4, BITS, 0, "vector_control", "PCI 7.7.2.8", .names = vector_control),
};
const struct spec_fields spec_msix_table = SPEC_TABLE(msix_entry);

static const struct spec_field pba[] = {
	F(0, 8, HEX, RO, "pending", "PCI 7.7.2.9"),
};
const struct spec_fields spec_msix_pba = SPEC_TABLE(pba);
