/* SPDX-License-Identifier: MIT */
/* The specification tables against Linux's headers: features, ids, layouts, registers. */
#include <linux/pci_regs.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_crypto.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_gpio.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_i2c.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_input.h>
#include <linux/virtio_iommu.h>
#include <linux/virtio_mem.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_pmem.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scmi.h>
#include <linux/virtio_scsi.h>
#include <linux/virtio_snd.h>
#include <linux/virtio_vsock.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "decoder/trace/event.h"
#include "decoder/class/class.h"
#include "tests/unit/spec_names.h"
#include "tests/unit/tap.h"

#define IS(id, constant) \
	{ \
		id, #constant, constant \
	}
/* A constant Linux spells otherwise than the specification. */
#define ALSO(id, name, constant) \
	{ \
		id, name, constant \
	}

static const struct {
	unsigned id;
	const char *name;
	unsigned bit;
} linux_features[] = {
	IS(0, VIRTIO_F_NOTIFY_ON_EMPTY),
	IS(0, VIRTIO_F_ANY_LAYOUT),
	IS(0, VIRTIO_F_VERSION_1),
	IS(0, VIRTIO_F_ACCESS_PLATFORM),
	IS(0, VIRTIO_F_RING_PACKED),
	IS(0, VIRTIO_F_IN_ORDER),
	IS(0, VIRTIO_F_ORDER_PLATFORM),
	IS(0, VIRTIO_F_SR_IOV),
	IS(0, VIRTIO_F_RING_RESET),
	IS(0, VIRTIO_RING_F_INDIRECT_DESC),
	IS(0, VIRTIO_RING_F_EVENT_IDX),
	IS(1, VIRTIO_NET_F_CSUM),
	IS(1, VIRTIO_NET_F_GUEST_CSUM),
	IS(1, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
	IS(1, VIRTIO_NET_F_MTU),
	IS(1, VIRTIO_NET_F_MAC),
	IS(1, VIRTIO_NET_F_GUEST_TSO4),
	IS(1, VIRTIO_NET_F_GUEST_TSO6),
	IS(1, VIRTIO_NET_F_GUEST_ECN),
	IS(1, VIRTIO_NET_F_GUEST_UFO),
	IS(1, VIRTIO_NET_F_HOST_TSO4),
	IS(1, VIRTIO_NET_F_HOST_TSO6),
	IS(1, VIRTIO_NET_F_HOST_ECN),
	IS(1, VIRTIO_NET_F_HOST_UFO),
	IS(1, VIRTIO_NET_F_MRG_RXBUF),
	IS(1, VIRTIO_NET_F_STATUS),
	IS(1, VIRTIO_NET_F_CTRL_VQ),
	IS(1, VIRTIO_NET_F_CTRL_RX),
	IS(1, VIRTIO_NET_F_CTRL_VLAN),
	IS(1, VIRTIO_NET_F_CTRL_RX_EXTRA),
	IS(1, VIRTIO_NET_F_GUEST_ANNOUNCE),
	IS(1, VIRTIO_NET_F_MQ),
	IS(1, VIRTIO_NET_F_CTRL_MAC_ADDR),
	IS(1, VIRTIO_NET_F_NOTF_COAL),
	IS(1, VIRTIO_NET_F_HASH_REPORT),
	IS(1, VIRTIO_NET_F_RSS),
	IS(1, VIRTIO_NET_F_RSC_EXT),
	IS(1, VIRTIO_NET_F_STANDBY),
	IS(1, VIRTIO_NET_F_SPEED_DUPLEX),
	IS(1, VIRTIO_NET_F_GSO),
	IS(2, VIRTIO_BLK_F_BARRIER),
	IS(2, VIRTIO_BLK_F_SIZE_MAX),
	IS(2, VIRTIO_BLK_F_SEG_MAX),
	IS(2, VIRTIO_BLK_F_GEOMETRY),
	IS(2, VIRTIO_BLK_F_RO),
	IS(2, VIRTIO_BLK_F_BLK_SIZE),
	IS(2, VIRTIO_BLK_F_SCSI),
	IS(2, VIRTIO_BLK_F_FLUSH),
	IS(2, VIRTIO_BLK_F_TOPOLOGY),
	IS(2, VIRTIO_BLK_F_CONFIG_WCE),
	IS(2, VIRTIO_BLK_F_MQ),
	IS(2, VIRTIO_BLK_F_DISCARD),
	IS(2, VIRTIO_BLK_F_WRITE_ZEROES),
	IS(2, VIRTIO_BLK_F_SECURE_ERASE),
	IS(3, VIRTIO_CONSOLE_F_SIZE),
	IS(3, VIRTIO_CONSOLE_F_MULTIPORT),
	IS(3, VIRTIO_CONSOLE_F_EMERG_WRITE),
	IS(5, VIRTIO_BALLOON_F_MUST_TELL_HOST),
	IS(5, VIRTIO_BALLOON_F_STATS_VQ),
	IS(5, VIRTIO_BALLOON_F_DEFLATE_ON_OOM),
	IS(5, VIRTIO_BALLOON_F_FREE_PAGE_HINT),
	IS(5, VIRTIO_BALLOON_F_PAGE_POISON),
	ALSO(5, "PAGE_REPORTING", VIRTIO_BALLOON_F_REPORTING),
	IS(8, VIRTIO_SCSI_F_INOUT),
	IS(8, VIRTIO_SCSI_F_HOTPLUG),
	IS(8, VIRTIO_SCSI_F_CHANGE),
	IS(8, VIRTIO_SCSI_F_T10_PI),
	IS(16, VIRTIO_GPU_F_VIRGL),
	IS(16, VIRTIO_GPU_F_EDID),
	IS(16, VIRTIO_GPU_F_RESOURCE_UUID),
	IS(16, VIRTIO_GPU_F_RESOURCE_BLOB),
	IS(16, VIRTIO_GPU_F_CONTEXT_INIT),
	IS(19, VIRTIO_VSOCK_F_SEQPACKET),
	IS(23, VIRTIO_IOMMU_F_INPUT_RANGE),
	IS(23, VIRTIO_IOMMU_F_DOMAIN_RANGE),
	IS(23, VIRTIO_IOMMU_F_MAP_UNMAP),
	IS(23, VIRTIO_IOMMU_F_BYPASS),
	IS(23, VIRTIO_IOMMU_F_PROBE),
	IS(23, VIRTIO_IOMMU_F_MMIO),
	IS(23, VIRTIO_IOMMU_F_BYPASS_CONFIG),
	IS(24, VIRTIO_MEM_F_ACPI_PXM),
	IS(24, VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE),
	IS(32, VIRTIO_SCMI_F_P2A_CHANNELS),
	IS(32, VIRTIO_SCMI_F_SHARED_MEMORY),
	IS(34, VIRTIO_I2C_F_ZERO_LENGTH_REQUEST),
	IS(41, VIRTIO_GPIO_F_IRQ),
};

static void linux_feature_bits(void)
{
	for (size_t i = 0; i < sizeof(linux_features) / sizeof(linux_features[0]); i++) {
		CHECK_EQ(class_feature_by_name(linux_features[i].id, linux_features[i].name),
			 linux_features[i].bit);
		if (tap_failed) {
			printf("# in %s\n", linux_features[i].name);
			return;
		}
	}
}

static const struct {
	const char *name;
	unsigned id;
} linux_ids[] = {
	{ "net", VIRTIO_ID_NET },	  { "blk", VIRTIO_ID_BLOCK },
	{ "console", VIRTIO_ID_CONSOLE }, { "rng", VIRTIO_ID_RNG },
	{ "balloon", VIRTIO_ID_BALLOON }, { "scsi", VIRTIO_ID_SCSI },
	{ "9p", VIRTIO_ID_9P },		  { "mac80211", VIRTIO_ID_MAC80211_WLAN },
	{ "gpu", VIRTIO_ID_GPU },	  { "rtc", VIRTIO_ID_CLOCK },
	{ "input", VIRTIO_ID_INPUT },	  { "vsock", VIRTIO_ID_VSOCK },
	{ "crypto", VIRTIO_ID_CRYPTO },	  { "iommu", VIRTIO_ID_IOMMU },
	{ "mem", VIRTIO_ID_MEM },	  { "sound", VIRTIO_ID_SOUND },
	{ "fs", VIRTIO_ID_FS },		  { "pmem", VIRTIO_ID_PMEM },
	{ "rpmb", VIRTIO_ID_RPMB },	  { "scmi", VIRTIO_ID_SCMI },
	{ "i2c", VIRTIO_ID_I2C_ADAPTER }, { "can", VIRTIO_ID_CAN },
	{ "bt", VIRTIO_ID_BT },		  { "gpio", VIRTIO_ID_GPIO },
};

static void linux_device_ids(void)
{
	for (size_t i = 0; i < sizeof(linux_ids) / sizeof(linux_ids[0]); i++) {
		const struct class *c = class_by_name(linux_ids[i].name);

		CHECK(c && c->id == linux_ids[i].id);
	}
}

/* A member of one of Linux's structures is a field of the same place and size. */
#define AT(id, type, member, name) \
	{ \
		id, name, offsetof(struct type, member), sizeof(((struct type *)0)->member) \
	}
#define SAME(id, type, member) AT(id, type, member, #member)

static const struct {
	unsigned id;
	const char *name;
	size_t offset, width;
} linux_layouts[] = {
	SAME(1, virtio_net_config, mac),
	SAME(1, virtio_net_config, status),
	SAME(1, virtio_net_config, max_virtqueue_pairs),
	SAME(1, virtio_net_config, mtu),
	SAME(1, virtio_net_config, speed),
	SAME(1, virtio_net_config, duplex),
	SAME(1, virtio_net_config, rss_max_key_size),
	SAME(1, virtio_net_config, rss_max_indirection_table_length),
	SAME(1, virtio_net_config, supported_hash_types),
	SAME(2, virtio_blk_config, capacity),
	SAME(2, virtio_blk_config, size_max),
	SAME(2, virtio_blk_config, seg_max),
	SAME(2, virtio_blk_config, geometry.cylinders),
	SAME(2, virtio_blk_config, geometry.heads),
	SAME(2, virtio_blk_config, geometry.sectors),
	SAME(2, virtio_blk_config, blk_size),
	AT(2, virtio_blk_config, physical_block_exp, "topology.physical_block_exp"),
	AT(2, virtio_blk_config, alignment_offset, "topology.alignment_offset"),
	AT(2, virtio_blk_config, min_io_size, "topology.min_io_size"),
	AT(2, virtio_blk_config, opt_io_size, "topology.opt_io_size"),
	AT(2, virtio_blk_config, wce, "writeback"),
	AT(2, virtio_blk_config, unused, "unused0"),
	SAME(2, virtio_blk_config, num_queues),
	SAME(2, virtio_blk_config, max_discard_sectors),
	SAME(2, virtio_blk_config, max_discard_seg),
	SAME(2, virtio_blk_config, discard_sector_alignment),
	SAME(2, virtio_blk_config, max_write_zeroes_sectors),
	SAME(2, virtio_blk_config, max_write_zeroes_seg),
	SAME(2, virtio_blk_config, write_zeroes_may_unmap),
	SAME(2, virtio_blk_config, unused1),
	SAME(2, virtio_blk_config, max_secure_erase_sectors),
	SAME(2, virtio_blk_config, max_secure_erase_seg),
	SAME(2, virtio_blk_config, secure_erase_sector_alignment),
	SAME(3, virtio_console_config, cols),
	SAME(3, virtio_console_config, rows),
	SAME(3, virtio_console_config, max_nr_ports),
	SAME(3, virtio_console_config, emerg_wr),
	SAME(5, virtio_balloon_config, num_pages),
	SAME(5, virtio_balloon_config, actual),
	SAME(5, virtio_balloon_config, free_page_hint_cmd_id),
	SAME(5, virtio_balloon_config, poison_val),
	SAME(8, virtio_scsi_config, num_queues),
	SAME(8, virtio_scsi_config, seg_max),
	SAME(8, virtio_scsi_config, max_sectors),
	SAME(8, virtio_scsi_config, cmd_per_lun),
	SAME(8, virtio_scsi_config, event_info_size),
	SAME(8, virtio_scsi_config, sense_size),
	SAME(8, virtio_scsi_config, cdb_size),
	SAME(8, virtio_scsi_config, max_channel),
	SAME(8, virtio_scsi_config, max_target),
	SAME(8, virtio_scsi_config, max_lun),
	SAME(16, virtio_gpu_config, events_read),
	SAME(16, virtio_gpu_config, events_clear),
	SAME(16, virtio_gpu_config, num_scanouts),
	SAME(16, virtio_gpu_config, num_capsets),
	SAME(18, virtio_input_config, select),
	SAME(18, virtio_input_config, subsel),
	SAME(18, virtio_input_config, size),
	SAME(18, virtio_input_config, reserved),
	SAME(18, virtio_input_config, u),
	SAME(19, virtio_vsock_config, guest_cid),
	SAME(20, virtio_crypto_config, status),
	SAME(20, virtio_crypto_config, max_dataqueues),
	SAME(20, virtio_crypto_config, crypto_services),
	SAME(20, virtio_crypto_config, cipher_algo_l),
	SAME(20, virtio_crypto_config, cipher_algo_h),
	SAME(20, virtio_crypto_config, hash_algo),
	SAME(20, virtio_crypto_config, mac_algo_l),
	SAME(20, virtio_crypto_config, mac_algo_h),
	SAME(20, virtio_crypto_config, aead_algo),
	SAME(20, virtio_crypto_config, max_cipher_key_len),
	SAME(20, virtio_crypto_config, max_auth_key_len),
	SAME(20, virtio_crypto_config, akcipher_algo),
	SAME(20, virtio_crypto_config, max_size),
	SAME(23, virtio_iommu_config, page_size_mask),
	SAME(23, virtio_iommu_config, input_range.start),
	SAME(23, virtio_iommu_config, input_range.end),
	SAME(23, virtio_iommu_config, domain_range.start),
	SAME(23, virtio_iommu_config, domain_range.end),
	SAME(23, virtio_iommu_config, probe_size),
	SAME(23, virtio_iommu_config, bypass),
	SAME(23, virtio_iommu_config, reserved),
	SAME(24, virtio_mem_config, block_size),
	SAME(24, virtio_mem_config, node_id),
	SAME(24, virtio_mem_config, padding),
	SAME(24, virtio_mem_config, addr),
	SAME(24, virtio_mem_config, region_size),
	SAME(24, virtio_mem_config, usable_region_size),
	SAME(24, virtio_mem_config, plugged_size),
	SAME(24, virtio_mem_config, requested_size),
	SAME(25, virtio_snd_config, jacks),
	SAME(25, virtio_snd_config, streams),
	SAME(25, virtio_snd_config, chmaps),
	SAME(26, virtio_fs_config, tag),
	SAME(26, virtio_fs_config, num_request_queues),
	SAME(27, virtio_pmem_config, start),
	SAME(27, virtio_pmem_config, size),
	SAME(41, virtio_gpio_config, ngpio),
	SAME(41, virtio_gpio_config, padding),
	SAME(41, virtio_gpio_config, gpio_names_size),
};

static void linux_config_layouts(void)
{
	for (size_t i = 0; i < sizeof(linux_layouts) / sizeof(linux_layouts[0]); i++) {
		const struct spec_fields *t =
			class_region_fields(VQT_REGION_DEVICE, linux_layouts[i].id);
		const struct spec_field *f = spec_field_by_name(t, linux_layouts[i].name);

		CHECK(f && f->offset == linux_layouts[i].offset &&
		      f->width == linux_layouts[i].width);
		if (tap_failed) {
			printf("# in %u %s\n", linux_layouts[i].id, linux_layouts[i].name);
			return;
		}
	}
}

static const struct {
	unsigned region;
	const char *name;
	uint32_t offset;
} linux_registers[] = {
	{ VQT_REGION_COMMON, "device_feature_select", VIRTIO_PCI_COMMON_DFSELECT },
	{ VQT_REGION_COMMON, "device_feature", VIRTIO_PCI_COMMON_DF },
	{ VQT_REGION_COMMON, "driver_feature_select", VIRTIO_PCI_COMMON_GFSELECT },
	{ VQT_REGION_COMMON, "driver_feature", VIRTIO_PCI_COMMON_GF },
	{ VQT_REGION_COMMON, "config_msix_vector", VIRTIO_PCI_COMMON_MSIX },
	{ VQT_REGION_COMMON, "num_queues", VIRTIO_PCI_COMMON_NUMQ },
	{ VQT_REGION_COMMON, "device_status", VIRTIO_PCI_COMMON_STATUS },
	{ VQT_REGION_COMMON, "config_generation", VIRTIO_PCI_COMMON_CFGGENERATION },
	{ VQT_REGION_COMMON, "queue_select", VIRTIO_PCI_COMMON_Q_SELECT },
	{ VQT_REGION_COMMON, "queue_size", VIRTIO_PCI_COMMON_Q_SIZE },
	{ VQT_REGION_COMMON, "queue_msix_vector", VIRTIO_PCI_COMMON_Q_MSIX },
	{ VQT_REGION_COMMON, "queue_enable", VIRTIO_PCI_COMMON_Q_ENABLE },
	{ VQT_REGION_COMMON, "queue_notify_off", VIRTIO_PCI_COMMON_Q_NOFF },
	{ VQT_REGION_COMMON, "queue_desc", VIRTIO_PCI_COMMON_Q_DESCLO },
	{ VQT_REGION_COMMON, "queue_driver", VIRTIO_PCI_COMMON_Q_AVAILLO },
	{ VQT_REGION_COMMON, "queue_device", VIRTIO_PCI_COMMON_Q_USEDLO },
	{ VQT_REGION_COMMON, "queue_notif_config_data", VIRTIO_PCI_COMMON_Q_NDATA },
	{ VQT_REGION_COMMON, "queue_reset", VIRTIO_PCI_COMMON_Q_RESET },
	{ VQT_REGION_COMMON, "admin_queue_index", 60 },
	{ VQT_REGION_COMMON, "admin_queue_num", 62 },
	{ VQT_REGION_LEGACY, "device_features", VIRTIO_PCI_HOST_FEATURES },
	{ VQT_REGION_LEGACY, "driver_features", VIRTIO_PCI_GUEST_FEATURES },
	{ VQT_REGION_LEGACY, "queue_address", VIRTIO_PCI_QUEUE_PFN },
	{ VQT_REGION_LEGACY, "queue_size", VIRTIO_PCI_QUEUE_NUM },
	{ VQT_REGION_LEGACY, "queue_select", VIRTIO_PCI_QUEUE_SEL },
	{ VQT_REGION_LEGACY, "queue_notify", VIRTIO_PCI_QUEUE_NOTIFY },
	{ VQT_REGION_LEGACY, "device_status", VIRTIO_PCI_STATUS },
	{ VQT_REGION_LEGACY, "isr_status", VIRTIO_PCI_ISR },
	{ VQT_REGION_LEGACY, "config_msix_vector", VIRTIO_MSI_CONFIG_VECTOR },
	{ VQT_REGION_LEGACY, "queue_msix_vector", VIRTIO_MSI_QUEUE_VECTOR },
	{ VQT_REGION_MMIO, "MagicValue", VIRTIO_MMIO_MAGIC_VALUE },
	{ VQT_REGION_MMIO, "DeviceFeatures", VIRTIO_MMIO_DEVICE_FEATURES },
	{ VQT_REGION_MMIO, "DriverFeaturesSel", VIRTIO_MMIO_DRIVER_FEATURES_SEL },
	{ VQT_REGION_MMIO, "GuestPageSize", VIRTIO_MMIO_GUEST_PAGE_SIZE },
	{ VQT_REGION_MMIO, "QueueSizeMax", VIRTIO_MMIO_QUEUE_NUM_MAX },
	{ VQT_REGION_MMIO, "QueueAlign", VIRTIO_MMIO_QUEUE_ALIGN },
	{ VQT_REGION_MMIO, "QueuePFN", VIRTIO_MMIO_QUEUE_PFN },
	{ VQT_REGION_MMIO, "QueueReady", VIRTIO_MMIO_QUEUE_READY },
	{ VQT_REGION_MMIO, "QueueNotify", VIRTIO_MMIO_QUEUE_NOTIFY },
	{ VQT_REGION_MMIO, "InterruptStatus", VIRTIO_MMIO_INTERRUPT_STATUS },
	{ VQT_REGION_MMIO, "InterruptACK", VIRTIO_MMIO_INTERRUPT_ACK },
	{ VQT_REGION_MMIO, "Status", VIRTIO_MMIO_STATUS },
	{ VQT_REGION_MMIO, "QueueDescLow", VIRTIO_MMIO_QUEUE_DESC_LOW },
	{ VQT_REGION_MMIO, "QueueDriverLow", VIRTIO_MMIO_QUEUE_AVAIL_LOW },
	{ VQT_REGION_MMIO, "QueueDeviceHigh", VIRTIO_MMIO_QUEUE_USED_HIGH },
	{ VQT_REGION_MMIO, "SHMSel", VIRTIO_MMIO_SHM_SEL },
	{ VQT_REGION_MMIO, "SHMBaseHigh", VIRTIO_MMIO_SHM_BASE_HIGH },
	{ VQT_REGION_MMIO, "ConfigGeneration", VIRTIO_MMIO_CONFIG_GENERATION },
	{ VQT_REGION_PCI, "vendor_id", PCI_VENDOR_ID },
	{ VQT_REGION_PCI, "command", PCI_COMMAND },
	{ VQT_REGION_PCI, "status", PCI_STATUS },
	{ VQT_REGION_PCI, "revision_id", PCI_CLASS_REVISION },
	{ VQT_REGION_PCI, "base_class", PCI_CLASS_DEVICE + 1 },
	{ VQT_REGION_PCI, "header_type", PCI_HEADER_TYPE },
	{ VQT_REGION_PCI, "bar5", PCI_BASE_ADDRESS_5 },
	{ VQT_REGION_PCI, "subsystem_id", PCI_SUBSYSTEM_ID },
	{ VQT_REGION_PCI, "expansion_rom", PCI_ROM_ADDRESS },
	{ VQT_REGION_PCI, "capabilities_pointer", PCI_CAPABILITY_LIST },
	{ VQT_REGION_PCI, "interrupt_line", PCI_INTERRUPT_LINE },
	{ VQT_REGION_PCI, "max_lat", PCI_MAX_LAT },
	{ VQT_REGION_MSIX_TABLE, "address_lo", PCI_MSIX_ENTRY_LOWER_ADDR },
	{ VQT_REGION_MSIX_TABLE, "data", PCI_MSIX_ENTRY_DATA },
	{ VQT_REGION_MSIX_TABLE, "vector_control", PCI_MSIX_ENTRY_VECTOR_CTRL },
};

static void linux_register_offsets(void)
{
	for (size_t i = 0; i < sizeof(linux_registers) / sizeof(linux_registers[0]); i++) {
		const struct spec_fields *t = class_region_fields(linux_registers[i].region, 0);
		const struct spec_field *f = spec_field_by_name(t, linux_registers[i].name);

		CHECK(f && f->offset == linux_registers[i].offset);
		if (tap_failed) {
			printf("# in %s\n", linux_registers[i].name);
			return;
		}
	}
	CHECK_EQ(class_region_fields(VQT_REGION_MSIX_TABLE, 0)->count, PCI_MSIX_ENTRY_SIZE / 4);
	CHECK_EQ(spec_legacy_config_base(0), VIRTIO_PCI_CONFIG_OFF(0));
	CHECK_EQ(spec_legacy_config_base(1), VIRTIO_PCI_CONFIG_OFF(1));
}

static void check_cap(unsigned cap, unsigned type, const char *name, uint32_t offset,
		      unsigned width)
{
	const struct spec_field *f = spec_field_by_name(spec_pci_cap_fields(cap, type), name);

	CHECK(f && f->offset == offset && f->width == width);
	if (!f || f->offset != offset || f->width != width)
		printf("# in capability %u.%u %s\n", cap, type, name);
}

#define CAP_FIELD(type, s, member) \
	check_cap(PCI_CAP_ID_VNDR, type, #member, offsetof(struct s, member), \
		  sizeof(((struct s *)0)->member))

static void linux_capabilities(void)
{
	CAP_FIELD(VIRTIO_PCI_CAP_COMMON_CFG, virtio_pci_cap, cap_vndr);
	CAP_FIELD(VIRTIO_PCI_CAP_COMMON_CFG, virtio_pci_cap, cap_next);
	CAP_FIELD(VIRTIO_PCI_CAP_ISR_CFG, virtio_pci_cap, cap_len);
	CAP_FIELD(VIRTIO_PCI_CAP_ISR_CFG, virtio_pci_cap, cfg_type);
	CAP_FIELD(VIRTIO_PCI_CAP_DEVICE_CFG, virtio_pci_cap, bar);
	CAP_FIELD(VIRTIO_PCI_CAP_DEVICE_CFG, virtio_pci_cap, id);
	CAP_FIELD(VIRTIO_PCI_CAP_DEVICE_CFG, virtio_pci_cap, padding);
	CAP_FIELD(VIRTIO_PCI_CAP_DEVICE_CFG, virtio_pci_cap, offset);
	CAP_FIELD(VIRTIO_PCI_CAP_DEVICE_CFG, virtio_pci_cap, length);
	CAP_FIELD(VIRTIO_PCI_CAP_NOTIFY_CFG, virtio_pci_notify_cap, notify_off_multiplier);
	CAP_FIELD(VIRTIO_PCI_CAP_PCI_CFG, virtio_pci_cfg_cap, pci_cfg_data);
	CAP_FIELD(VIRTIO_PCI_CAP_SHARED_MEMORY_CFG, virtio_pci_cap64, offset_hi);
	CAP_FIELD(VIRTIO_PCI_CAP_SHARED_MEMORY_CFG, virtio_pci_cap64, length_hi);
	check_cap(PCI_CAP_ID_VNDR, 9, "vendor_id", 4, 2);
	check_cap(PCI_CAP_ID_MSIX, 0, "msix_control", PCI_MSIX_FLAGS, 2);
	check_cap(PCI_CAP_ID_MSIX, 0, "msix_table", PCI_MSIX_TABLE, 4);
	check_cap(PCI_CAP_ID_MSIX, 0, "msix_pba", PCI_MSIX_PBA, 4);
	check_cap(PCI_CAP_ID_MSI, 0, "msi_data", PCI_MSI_DATA_64, 2);
	check_cap(PCI_CAP_ID_MSI, 0, "msi_mask", PCI_MSI_MASK_64, 4);
	check_cap(PCI_CAP_ID_PM, 0, "pm_control_status", PCI_PM_CTRL, 2);
	check_cap(PCI_CAP_ID_EXP, 0, "device_control", PCI_EXP_DEVCTL, 2);
	check_cap(PCI_CAP_ID_EXP, 0, "root_status", PCI_EXP_RTSTA, 4);
	check_cap(PCI_CAP_ID_EXP, 0, "slot_status_2", PCI_EXP_SLTSTA2, 2);
	check_cap(PCI_CAP_ID_VPD, 0, "cap_next", 1, 1);
	CHECK_STR(spec_name_of(spec_pci_caps, PCI_CAP_ID_VNDR), "VNDR");
	CHECK_STR(spec_name_of(spec_pci_caps, PCI_CAP_ID_MSIX), "MSIX");
	CHECK_STR(spec_name_of(spec_cap_types, VIRTIO_PCI_CAP_DEVICE_CFG), "DEVICE_CFG");
	CHECK(!spec_name_of(spec_cap_types, 7));
}

static const struct tap_test tests[] = {
	{ "feature bits are Linux's", linux_feature_bits },
	{ "device types are Linux's", linux_device_ids },
	{ "configuration layouts are Linux's", linux_config_layouts },
	{ "registers are Linux's", linux_register_offsets },
	{ "capabilities are Linux's", linux_capabilities },
};

TAP_MAIN(tests)
