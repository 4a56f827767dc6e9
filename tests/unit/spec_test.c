/* SPDX-License-Identifier: MIT */
/* The specification tables: their shape, spot values against Linux's headers, formatting. */
#include <errno.h>
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
#include <stdlib.h>

#include "decoder/event.h"
#include "decoder/spec.h"
#include "tests/unit/tap.h"

#define WITH_CHAPTER 23 /* sections 5.1 to 5.23 */

/* --- shape -------------------------------------------------------------------- */

/* Digits and dots, perhaps after "PCI ". */
static bool section_ok(const char *s)
{
	if (!s)
		return false;
	if (!strncmp(s, "PCI ", 4))
		s += 4;
	return *s && strspn(s, "0123456789.") == strlen(s) && s[strlen(s) - 1] != '.';
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void names_ok(const struct spec_name *names, bool bits)
{
	uint64_t seen = 0;

	for (const struct spec_name *n = names; n->name; n++) {
		CHECK(*n->name);
		CHECK(spec_name_of(names, n->value) == n->name); /* no value twice */
		CHECK(!bits || n->value);
		CHECK(!bits || !(seen & n->value));
		seen |= n->value;
	}
}

static void field_ok(const struct spec_field *f, unsigned virtio_id)
{
	CHECK(f->name && *f->name);
	CHECK(section_ok(f->section));
	CHECK(f->width > 0 && (f->width <= 8 || f->kind == SPEC_BYTES));
	CHECK(f->kind == SPEC_BYTES || (f->width & (f->width - 1)) == 0);
	CHECK(f->kind == SPEC_BYTES || f->offset % (f->width > 4 ? 4 : f->width) == 0);
	CHECK((f->flags & (SPEC_RO | SPEC_WO)) != (SPEC_RO | SPEC_WO));
	CHECK(!f->names == (f->kind != SPEC_ENUM && f->kind != SPEC_BITS));
	CHECK(f->kind != SPEC_FEATURES || f->width == 4);
	CHECK(f->kind != SPEC_VECTOR || f->width == 2);
	if (f->names)
		names_ok(f->names, f->kind == SPEC_BITS);
	CHECK(f->feature >= -1 && f->feature < 128);
	CHECK(f->feature < 0 || spec_feature(virtio_id, (unsigned)f->feature));
	CHECK(!f->feature2 || (f->feature >= 0 && spec_feature(virtio_id, (unsigned)f->feature2)));
}

static void fields_ok(const struct spec_fields *t, unsigned virtio_id)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct spec_field *f = &t->field[i];

		field_ok(f, virtio_id);
		CHECK(!i || f->offset >= f[-1].offset + f[-1].width);
		CHECK(spec_field_by_name(t, f->name) == f); /* unique */
		for (unsigned b = 0; b < f->width; b++)
			CHECK(spec_fields_at(t, f->offset + b, 1) == f);
		if (tap_failed) {
			printf("# in field %s\n", f->name);
			return;
		}
	}
}

static void all_fields(void)
{
	const struct spec_class *c;

	for (unsigned r = VQT_REGION_PCI; r <= VQT_REGION_BAR; r++) {
		CHECK_EQ(spec_region_by_name(spec_region_name(r)), r);
		CHECK((spec_region_fields(r, 0)->count == 0) ==
		      (r == VQT_REGION_DEVICE || r == VQT_REGION_BAR));
		fields_ok(spec_region_fields(r, 0), 0);
	}
	for (size_t n = 0; (c = spec_class_nth(n)); n++) {
		CHECK(spec_region_fields(VQT_REGION_DEVICE, c->id) == &c->config);
		fields_ok(&c->config, c->id);
	}
	for (unsigned id = 0; id < 0x20; id++)
		for (unsigned type = 0; type < 12; type++)
			fields_ok(spec_pci_cap_fields(id, type), 0);
	CHECK_EQ(spec_region_by_name("nowhere"), (uint64_t)-ENOENT);
	CHECK_EQ(spec_region_fields(99, 2)->count, 0);
	CHECK_STR(spec_region_name(0), "unknown");
	CHECK_STR(spec_region_name(99), "unknown");
}

static void prerequisites_ok(const struct spec_class *c, const struct spec_feature *f,
			     const uint64_t set[2])
{
	for (unsigned bit = 0; bit < 128; bit++) {
		const struct spec_feature *needed = spec_feature(c->id, bit);

		if (!(set[bit / 64] & SPEC_BIT(bit)))
			continue;
		CHECK(bit != f->bit);
		CHECK(needed && (!needed->legacy || f->legacy));
	}
}

static void features_ok(const struct spec_class *c)
{
	char section[16];

	snprintf(section, sizeof(section), "%s.3", c->section);
	for (const struct spec_feature *f = c->features; f->name; f++) {
		CHECK(f == c->features || f->bit > f[-1].bit);
		CHECK(f->bit <= 23 || f->bit == 41 || f->bit == 42 || (f->bit >= 50 && f->bit < 128));
		CHECK(starts(f->section, section));
		CHECK(starts(f->name, "VIRTIO_"));
		CHECK(strstr(f->name, "_F_") && !strstr(spec_feature_short(f), "_F_"));
		CHECK_EQ(spec_feature_by_name(c->id, f->name), f->bit);
		CHECK_EQ(spec_feature_by_name(c->id, spec_feature_short(f)), f->bit);
		/* One number has two meanings, 5.1.3.2 and 6: the core's is the living one. */
		CHECK(spec_feature(c->id, f->bit) == f || (c->id == 1 && f->bit == 41));
		prerequisites_ok(c, f, f->requires);
		prerequisites_ok(c, f, f->any_of);
		prerequisites_ok(c, f, f->offers);
		if (tap_failed) {
			printf("# in feature %s\n", f->name);
			return;
		}
	}
}

static void all_features(void)
{
	const struct spec_class *c;

	for (size_t n = 0; (c = spec_class_nth(n)); n++)
		features_ok(c);
	for (unsigned bit = 0; bit < 256; bit++) {
		const struct spec_feature *f = spec_feature(0, bit);

		CHECK(!f || (bit >= 24 && bit <= 43));
		if (!f)
			continue;
		CHECK_EQ(f->bit, bit);
		CHECK(starts(f->name, "VIRTIO_F_") && starts(f->section, "6"));
		CHECK_EQ(spec_feature_by_name(0, f->name), bit);
		CHECK_EQ(spec_feature_by_name(2, spec_feature_short(f)), bit);
	}
	CHECK_EQ(spec_feature_by_name(2, "seg_max"), 2);
	CHECK_EQ(spec_feature_by_name(2, "VIRTIO_RING_F_EVENT_IDX"), 29);
	CHECK_EQ(spec_feature_by_name(2, "VIRTIO_NET_F_MQ"), (uint64_t)-ENOENT);
	CHECK_EQ(spec_feature_by_name(2, ""), (uint64_t)-ENOENT);
	CHECK_EQ(spec_feature_by_name(2, "VIRTIO_RING_F_"), (uint64_t)-ENOENT);
	CHECK_EQ(spec_feature_by_name(99, "MQ"), (uint64_t)-ENOENT);
}

static void requests_ok(const struct spec_class *c)
{
	for (const struct spec_request *r = c->requests; r && r->name; r++) {
		CHECK(r == c->requests || r->type > r[-1].type);
		CHECK(spec_request(c->id, r->type) == r);
		CHECK(starts(r->section, c->section));
		CHECK(strlen(r->json) == strlen(r->name) && !strcasecmp(r->json, r->name));
		CHECK(r->feature == -1 || spec_feature(c->id, (unsigned)r->feature));
	}
	if (c->statuses)
		names_ok(c->statuses, false);
}

static void queues_ok(const struct spec_class *c)
{
	for (const struct spec_queue *q = c->queues; q && q->name; q++) {
		CHECK(q->feature < 64 && (q->feature < 0 || spec_feature(c->id, (unsigned)q->feature)));
		CHECK(!(q->flags & SPEC_QUEUE_REPEAT) == !strchr(q->name, '#'));
		CHECK(!(q->flags & SPEC_QUEUE_SHIFT) || q->feature >= 0);
		CHECK(!(q->flags & SPEC_QUEUE_LAST) ||
		      (q > c->queues && (q[-1].flags & SPEC_QUEUE_REPEAT)));
	}
}

static void all_classes(void)
{
	const struct spec_class *c;
	char section[16], buf[32];
	size_t n;

	for (n = 0; (c = spec_class_nth(n)); n++) {
		CHECK(spec_class(c->id) == c && spec_class_by_name(c->name) == c);
		CHECK(c->title && *c->title && c->features);
		snprintf(section, sizeof(section), "5.%zu", n + 1);
		CHECK_STR(c->section, n < WITH_CHAPTER ? section : "5");
		CHECK(!c->queues == (n >= WITH_CHAPTER));
		CHECK_EQ(spec_virtio_id_of_pci(0x1040u + c->id, 0), c->id);
		CHECK_STR(spec_class_name(c->id, buf, sizeof(buf)), c->name);
		requests_ok(c);
		queues_ok(c);
		if (tap_failed) {
			printf("# in class %s\n", c->name);
			return;
		}
	}
	CHECK(n > WITH_CHAPTER);
	CHECK_STR(spec_class_name(99, buf, sizeof(buf)), "virtio-99");
	CHECK(!spec_class(0) && !spec_class(99) && !spec_class_by_name("blk0"));
	CHECK(!spec_request(99, 0) && !spec_request(1, 0) && !spec_request(2, 9));
}

static void shared_tables(void)
{
	names_ok(spec_status_bits, true);
	names_ok(spec_desc_flags, true);
	names_ok(spec_isr_bits, true);
	names_ok(spec_cap_types, false);
	names_ok(spec_pci_caps, false);
	CHECK(!spec_name_of(NULL, 1));
}

/* --- against Linux's headers ---------------------------------------------------- */

#define IS(id, constant) { id, #constant, constant }
/* A constant Linux spells otherwise than the specification. */
#define ALSO(id, name, constant) { id, name, constant }

static const struct {
	unsigned id;
	const char *name;
	unsigned bit;
} linux_features[] = {
	IS(0, VIRTIO_F_NOTIFY_ON_EMPTY), IS(0, VIRTIO_F_ANY_LAYOUT), IS(0, VIRTIO_F_VERSION_1),
	IS(0, VIRTIO_F_ACCESS_PLATFORM), IS(0, VIRTIO_F_RING_PACKED), IS(0, VIRTIO_F_IN_ORDER),
	IS(0, VIRTIO_F_ORDER_PLATFORM), IS(0, VIRTIO_F_SR_IOV), IS(0, VIRTIO_F_RING_RESET),
	IS(0, VIRTIO_RING_F_INDIRECT_DESC), IS(0, VIRTIO_RING_F_EVENT_IDX),
	IS(1, VIRTIO_NET_F_CSUM), IS(1, VIRTIO_NET_F_GUEST_CSUM),
	IS(1, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS), IS(1, VIRTIO_NET_F_MTU), IS(1, VIRTIO_NET_F_MAC),
	IS(1, VIRTIO_NET_F_GUEST_TSO4), IS(1, VIRTIO_NET_F_GUEST_TSO6),
	IS(1, VIRTIO_NET_F_GUEST_ECN), IS(1, VIRTIO_NET_F_GUEST_UFO),
	IS(1, VIRTIO_NET_F_HOST_TSO4), IS(1, VIRTIO_NET_F_HOST_TSO6), IS(1, VIRTIO_NET_F_HOST_ECN),
	IS(1, VIRTIO_NET_F_HOST_UFO), IS(1, VIRTIO_NET_F_MRG_RXBUF), IS(1, VIRTIO_NET_F_STATUS),
	IS(1, VIRTIO_NET_F_CTRL_VQ), IS(1, VIRTIO_NET_F_CTRL_RX), IS(1, VIRTIO_NET_F_CTRL_VLAN),
	IS(1, VIRTIO_NET_F_CTRL_RX_EXTRA), IS(1, VIRTIO_NET_F_GUEST_ANNOUNCE),
	IS(1, VIRTIO_NET_F_MQ), IS(1, VIRTIO_NET_F_CTRL_MAC_ADDR), IS(1, VIRTIO_NET_F_NOTF_COAL),
	IS(1, VIRTIO_NET_F_HASH_REPORT), IS(1, VIRTIO_NET_F_RSS), IS(1, VIRTIO_NET_F_RSC_EXT),
	IS(1, VIRTIO_NET_F_STANDBY), IS(1, VIRTIO_NET_F_SPEED_DUPLEX), IS(1, VIRTIO_NET_F_GSO),
	IS(2, VIRTIO_BLK_F_BARRIER), IS(2, VIRTIO_BLK_F_SIZE_MAX), IS(2, VIRTIO_BLK_F_SEG_MAX),
	IS(2, VIRTIO_BLK_F_GEOMETRY), IS(2, VIRTIO_BLK_F_RO), IS(2, VIRTIO_BLK_F_BLK_SIZE),
	IS(2, VIRTIO_BLK_F_SCSI), IS(2, VIRTIO_BLK_F_FLUSH), IS(2, VIRTIO_BLK_F_TOPOLOGY),
	IS(2, VIRTIO_BLK_F_CONFIG_WCE), IS(2, VIRTIO_BLK_F_MQ), IS(2, VIRTIO_BLK_F_DISCARD),
	IS(2, VIRTIO_BLK_F_WRITE_ZEROES), IS(2, VIRTIO_BLK_F_SECURE_ERASE),
	IS(3, VIRTIO_CONSOLE_F_SIZE), IS(3, VIRTIO_CONSOLE_F_MULTIPORT),
	IS(3, VIRTIO_CONSOLE_F_EMERG_WRITE),
	IS(5, VIRTIO_BALLOON_F_MUST_TELL_HOST), IS(5, VIRTIO_BALLOON_F_STATS_VQ),
	IS(5, VIRTIO_BALLOON_F_DEFLATE_ON_OOM), IS(5, VIRTIO_BALLOON_F_FREE_PAGE_HINT),
	IS(5, VIRTIO_BALLOON_F_PAGE_POISON),
	ALSO(5, "PAGE_REPORTING", VIRTIO_BALLOON_F_REPORTING),
	IS(8, VIRTIO_SCSI_F_INOUT), IS(8, VIRTIO_SCSI_F_HOTPLUG), IS(8, VIRTIO_SCSI_F_CHANGE),
	IS(8, VIRTIO_SCSI_F_T10_PI),
	IS(16, VIRTIO_GPU_F_VIRGL), IS(16, VIRTIO_GPU_F_EDID), IS(16, VIRTIO_GPU_F_RESOURCE_UUID),
	IS(16, VIRTIO_GPU_F_RESOURCE_BLOB), IS(16, VIRTIO_GPU_F_CONTEXT_INIT),
	IS(19, VIRTIO_VSOCK_F_SEQPACKET),
	IS(23, VIRTIO_IOMMU_F_INPUT_RANGE), IS(23, VIRTIO_IOMMU_F_DOMAIN_RANGE),
	IS(23, VIRTIO_IOMMU_F_MAP_UNMAP), IS(23, VIRTIO_IOMMU_F_BYPASS), IS(23, VIRTIO_IOMMU_F_PROBE),
	IS(23, VIRTIO_IOMMU_F_MMIO), IS(23, VIRTIO_IOMMU_F_BYPASS_CONFIG),
	IS(24, VIRTIO_MEM_F_ACPI_PXM), IS(24, VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE),
	IS(32, VIRTIO_SCMI_F_P2A_CHANNELS), IS(32, VIRTIO_SCMI_F_SHARED_MEMORY),
	IS(34, VIRTIO_I2C_F_ZERO_LENGTH_REQUEST), IS(41, VIRTIO_GPIO_F_IRQ),
};

static void linux_feature_bits(void)
{
	for (size_t i = 0; i < sizeof(linux_features) / sizeof(linux_features[0]); i++) {
		CHECK_EQ(spec_feature_by_name(linux_features[i].id, linux_features[i].name),
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
	{ "net", VIRTIO_ID_NET }, { "blk", VIRTIO_ID_BLOCK }, { "console", VIRTIO_ID_CONSOLE },
	{ "rng", VIRTIO_ID_RNG }, { "balloon", VIRTIO_ID_BALLOON }, { "scsi", VIRTIO_ID_SCSI },
	{ "9p", VIRTIO_ID_9P }, { "mac80211", VIRTIO_ID_MAC80211_WLAN }, { "gpu", VIRTIO_ID_GPU },
	{ "rtc", VIRTIO_ID_CLOCK }, { "input", VIRTIO_ID_INPUT }, { "vsock", VIRTIO_ID_VSOCK },
	{ "crypto", VIRTIO_ID_CRYPTO }, { "iommu", VIRTIO_ID_IOMMU }, { "mem", VIRTIO_ID_MEM },
	{ "sound", VIRTIO_ID_SOUND }, { "fs", VIRTIO_ID_FS }, { "pmem", VIRTIO_ID_PMEM },
	{ "rpmb", VIRTIO_ID_RPMB }, { "scmi", VIRTIO_ID_SCMI }, { "i2c", VIRTIO_ID_I2C_ADAPTER },
	{ "can", VIRTIO_ID_CAN }, { "bt", VIRTIO_ID_BT }, { "gpio", VIRTIO_ID_GPIO },
};

static void linux_device_ids(void)
{
	for (size_t i = 0; i < sizeof(linux_ids) / sizeof(linux_ids[0]); i++) {
		const struct spec_class *c = spec_class_by_name(linux_ids[i].name);

		CHECK(c && c->id == linux_ids[i].id);
	}
}

/* A member of one of Linux's structures is a field of the same place and size. */
#define AT(id, type, member, name)                                                                 \
	{ id, name, offsetof(struct type, member), sizeof(((struct type *)0)->member) }
#define SAME(id, type, member) AT(id, type, member, #member)

static const struct {
	unsigned id;
	const char *name;
	size_t offset, width;
} linux_layouts[] = {
	SAME(1, virtio_net_config, mac), SAME(1, virtio_net_config, status),
	SAME(1, virtio_net_config, max_virtqueue_pairs), SAME(1, virtio_net_config, mtu),
	SAME(1, virtio_net_config, speed), SAME(1, virtio_net_config, duplex),
	SAME(1, virtio_net_config, rss_max_key_size),
	SAME(1, virtio_net_config, rss_max_indirection_table_length),
	SAME(1, virtio_net_config, supported_hash_types),
	SAME(2, virtio_blk_config, capacity), SAME(2, virtio_blk_config, size_max),
	SAME(2, virtio_blk_config, seg_max), SAME(2, virtio_blk_config, geometry.cylinders),
	SAME(2, virtio_blk_config, geometry.heads), SAME(2, virtio_blk_config, geometry.sectors),
	SAME(2, virtio_blk_config, blk_size),
	AT(2, virtio_blk_config, physical_block_exp, "topology.physical_block_exp"),
	AT(2, virtio_blk_config, alignment_offset, "topology.alignment_offset"),
	AT(2, virtio_blk_config, min_io_size, "topology.min_io_size"),
	AT(2, virtio_blk_config, opt_io_size, "topology.opt_io_size"),
	AT(2, virtio_blk_config, wce, "writeback"), AT(2, virtio_blk_config, unused, "unused0"),
	SAME(2, virtio_blk_config, num_queues), SAME(2, virtio_blk_config, max_discard_sectors),
	SAME(2, virtio_blk_config, max_discard_seg),
	SAME(2, virtio_blk_config, discard_sector_alignment),
	SAME(2, virtio_blk_config, max_write_zeroes_sectors),
	SAME(2, virtio_blk_config, max_write_zeroes_seg),
	SAME(2, virtio_blk_config, write_zeroes_may_unmap), SAME(2, virtio_blk_config, unused1),
	SAME(2, virtio_blk_config, max_secure_erase_sectors),
	SAME(2, virtio_blk_config, max_secure_erase_seg),
	SAME(2, virtio_blk_config, secure_erase_sector_alignment),
	SAME(3, virtio_console_config, cols), SAME(3, virtio_console_config, rows),
	SAME(3, virtio_console_config, max_nr_ports), SAME(3, virtio_console_config, emerg_wr),
	SAME(5, virtio_balloon_config, num_pages), SAME(5, virtio_balloon_config, actual),
	SAME(5, virtio_balloon_config, free_page_hint_cmd_id),
	SAME(5, virtio_balloon_config, poison_val),
	SAME(8, virtio_scsi_config, num_queues), SAME(8, virtio_scsi_config, seg_max),
	SAME(8, virtio_scsi_config, max_sectors), SAME(8, virtio_scsi_config, cmd_per_lun),
	SAME(8, virtio_scsi_config, event_info_size), SAME(8, virtio_scsi_config, sense_size),
	SAME(8, virtio_scsi_config, cdb_size), SAME(8, virtio_scsi_config, max_channel),
	SAME(8, virtio_scsi_config, max_target), SAME(8, virtio_scsi_config, max_lun),
	SAME(16, virtio_gpu_config, events_read), SAME(16, virtio_gpu_config, events_clear),
	SAME(16, virtio_gpu_config, num_scanouts), SAME(16, virtio_gpu_config, num_capsets),
	SAME(18, virtio_input_config, select), SAME(18, virtio_input_config, subsel),
	SAME(18, virtio_input_config, size), SAME(18, virtio_input_config, reserved),
	SAME(18, virtio_input_config, u), SAME(19, virtio_vsock_config, guest_cid),
	SAME(20, virtio_crypto_config, status), SAME(20, virtio_crypto_config, max_dataqueues),
	SAME(20, virtio_crypto_config, crypto_services),
	SAME(20, virtio_crypto_config, cipher_algo_l), SAME(20, virtio_crypto_config, cipher_algo_h),
	SAME(20, virtio_crypto_config, hash_algo), SAME(20, virtio_crypto_config, mac_algo_l),
	SAME(20, virtio_crypto_config, mac_algo_h), SAME(20, virtio_crypto_config, aead_algo),
	SAME(20, virtio_crypto_config, max_cipher_key_len),
	SAME(20, virtio_crypto_config, max_auth_key_len),
	SAME(20, virtio_crypto_config, akcipher_algo), SAME(20, virtio_crypto_config, max_size),
	SAME(23, virtio_iommu_config, page_size_mask),
	SAME(23, virtio_iommu_config, input_range.start),
	SAME(23, virtio_iommu_config, input_range.end),
	SAME(23, virtio_iommu_config, domain_range.start),
	SAME(23, virtio_iommu_config, domain_range.end), SAME(23, virtio_iommu_config, probe_size),
	SAME(23, virtio_iommu_config, bypass), SAME(23, virtio_iommu_config, reserved),
	SAME(24, virtio_mem_config, block_size), SAME(24, virtio_mem_config, node_id),
	SAME(24, virtio_mem_config, padding), SAME(24, virtio_mem_config, addr),
	SAME(24, virtio_mem_config, region_size), SAME(24, virtio_mem_config, usable_region_size),
	SAME(24, virtio_mem_config, plugged_size), SAME(24, virtio_mem_config, requested_size),
	SAME(25, virtio_snd_config, jacks), SAME(25, virtio_snd_config, streams),
	SAME(25, virtio_snd_config, chmaps), SAME(26, virtio_fs_config, tag),
	SAME(26, virtio_fs_config, num_request_queues), SAME(27, virtio_pmem_config, start),
	SAME(27, virtio_pmem_config, size), SAME(41, virtio_gpio_config, ngpio),
	SAME(41, virtio_gpio_config, padding), SAME(41, virtio_gpio_config, gpio_names_size),
};

static void linux_config_layouts(void)
{
	for (size_t i = 0; i < sizeof(linux_layouts) / sizeof(linux_layouts[0]); i++) {
		const struct spec_fields *t =
			spec_region_fields(VQT_REGION_DEVICE, linux_layouts[i].id);
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
		const struct spec_fields *t = spec_region_fields(linux_registers[i].region, 0);
		const struct spec_field *f = spec_field_by_name(t, linux_registers[i].name);

		CHECK(f && f->offset == linux_registers[i].offset);
		if (tap_failed) {
			printf("# in %s\n", linux_registers[i].name);
			return;
		}
	}
	CHECK_EQ(spec_region_fields(VQT_REGION_MSIX_TABLE, 0)->count, PCI_MSIX_ENTRY_SIZE / 4);
	CHECK_EQ(spec_legacy_config_base(0), VIRTIO_PCI_CONFIG_OFF(0));
	CHECK_EQ(spec_legacy_config_base(1), VIRTIO_PCI_CONFIG_OFF(1));
}

static void check_cap(unsigned cap, unsigned type, const char *name, uint32_t offset, unsigned width)
{
	const struct spec_field *f = spec_field_by_name(spec_pci_cap_fields(cap, type), name);

	CHECK(f && f->offset == offset && f->width == width);
	if (!f || f->offset != offset || f->width != width)
		printf("# in capability %u.%u %s\n", cap, type, name);
}

#define CAP_FIELD(type, s, member)                                                                 \
	check_cap(PCI_CAP_ID_VNDR, type, #member, offsetof(struct s, member),                      \
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

/* --- block ---------------------------------------------------------------------- */

static void check_request(unsigned type, const char *name, int feature, unsigned flags)
{
	const struct spec_request *r = spec_request(2, type);

	CHECK(r && !strcmp(r->name, name) && r->feature == feature && r->flags == flags);
	if (tap_failed)
		printf("# in request %u\n", type);
}

static void blk_requests(void)
{
	check_request(VIRTIO_BLK_T_IN, "IN", -1, SPEC_REQ_DATA_IN | SPEC_REQ_SECTOR);
	check_request(VIRTIO_BLK_T_OUT, "OUT", -1, SPEC_REQ_DATA_OUT | SPEC_REQ_SECTOR);
	check_request(VIRTIO_BLK_T_FLUSH, "FLUSH", VIRTIO_BLK_F_FLUSH, 0);
	check_request(VIRTIO_BLK_T_GET_ID, "GET_ID", -1, SPEC_REQ_DATA_IN);
	check_request(10, "GET_LIFETIME", 15, SPEC_REQ_DATA_IN);
	check_request(VIRTIO_BLK_T_DISCARD, "DISCARD", 13, SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS);
	check_request(VIRTIO_BLK_T_WRITE_ZEROES, "WRITE_ZEROES", 14,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS);
	check_request(VIRTIO_BLK_T_SECURE_ERASE, "SECURE_ERASE", 16,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS);
	check_request(15, "ZONE_APPEND", 17,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SECTOR | SPEC_REQ_RESULT);
	check_request(16, "ZONE_REPORT", 17, SPEC_REQ_DATA_IN | SPEC_REQ_SECTOR);
	check_request(18, "ZONE_OPEN", 17, SPEC_REQ_SECTOR);
	check_request(20, "ZONE_CLOSE", 17, SPEC_REQ_SECTOR);
	check_request(22, "ZONE_FINISH", 17, SPEC_REQ_SECTOR);
	check_request(24, "ZONE_RESET", 17, SPEC_REQ_SECTOR);
	check_request(26, "ZONE_RESET_ALL", 17, 0);
	check_request(VIRTIO_BLK_T_SCSI_CMD, "SCSI_CMD", VIRTIO_BLK_F_SCSI,
		      SPEC_REQ_DATA_IN | SPEC_REQ_DATA_OUT | SPEC_REQ_LEGACY);
	CHECK_STR(spec_name_of(spec_class(2)->statuses, VIRTIO_BLK_S_OK), "OK");
	CHECK_STR(spec_name_of(spec_class(2)->statuses, VIRTIO_BLK_S_IOERR), "IOERR");
	CHECK_STR(spec_name_of(spec_class(2)->statuses, VIRTIO_BLK_S_UNSUPP), "UNSUPP");
	CHECK_STR(spec_name_of(spec_class(2)->statuses, 6), "ZONE_ACTIVE_RESOURCE");
	CHECK(!spec_name_of(spec_class(2)->statuses, 7));
}

/* --- walkers -------------------------------------------------------------------- */

static const char *at(unsigned region, unsigned id, uint32_t offset, unsigned width, int msix)
{
	const struct spec_field *f = spec_field_at(region, id, offset, width, msix);

	return f ? f->name : "-";
}

static void lookups(void)
{
	CHECK_STR(at(VQT_REGION_COMMON, 0, 20, 1, 0), "device_status");
	CHECK_STR(at(VQT_REGION_COMMON, 0, 36, 4, 0), "queue_desc");
	CHECK_STR(at(VQT_REGION_COMMON, 0, 64, 4, 0), "-");
	CHECK_STR(at(VQT_REGION_COMMON, 0, 20, 0, 0), "-");
	CHECK_STR(at(VQT_REGION_DEVICE, 2, 16, 4, 0), "geometry.cylinders");
	CHECK_STR(at(VQT_REGION_DEVICE, 1, 3, 1, 0), "mac");
	CHECK_STR(at(VQT_REGION_DEVICE, 99, 0, 4, 0), "-");
	CHECK_STR(at(VQT_REGION_LEGACY, 2, 18, 1, 0), "device_status");
	CHECK_STR(at(VQT_REGION_LEGACY, 2, 20, 4, 0), "capacity");
	CHECK_STR(at(VQT_REGION_LEGACY, 2, 20, 2, 1), "config_msix_vector");
	CHECK_STR(at(VQT_REGION_LEGACY, 2, 22, 2, 1), "queue_msix_vector");
	CHECK_STR(at(VQT_REGION_LEGACY, 2, 28, 4, 1), "capacity");
	CHECK_STR(at(VQT_REGION_LEGACY, 99, 28, 4, 1), "-");
	CHECK_STR(at(VQT_REGION_MMIO, 2, 0x70, 4, 0), "Status");
	CHECK_STR(at(VQT_REGION_MMIO, 2, 0x10c, 4, 0), "seg_max");
	CHECK_STR(at(VQT_REGION_MMIO, 2, 0x18, 4, 0), "-");
	CHECK_STR(at(VQT_REGION_MSIX_TABLE, 2, 16 * 3 + 12, 4, 0), "vector_control");
	CHECK_STR(at(VQT_REGION_MSIX_PBA, 2, 12, 4, 0), "pending");
	CHECK_STR(at(VQT_REGION_NOTIFY, 2, 0x1000, 2, 0), "queue_notify");
	CHECK_STR(at(VQT_REGION_PCI, 2, 0x34, 1, 0), "capabilities_pointer");
	CHECK_STR(at(VQT_REGION_PCI, 2, 0x40, 1, 0), "-");
	CHECK_STR(at(VQT_REGION_BAR, 2, 0, 4, 0), "-");
	CHECK_STR(at(99, 2, 0, 4, 0), "-");
	CHECK_STR(at(VQT_REGION_MMIO, 2, UINT32_MAX, 8, 0), "-");
	CHECK_EQ(spec_field_offset(VQT_REGION_LEGACY, 28, 1), 4);
	CHECK_EQ(spec_field_offset(VQT_REGION_LEGACY, 28, 0), 8);
	CHECK_EQ(spec_field_offset(VQT_REGION_LEGACY, 22, 1), 22);
	CHECK_EQ(spec_field_offset(VQT_REGION_MMIO, 0x10c, 0), 12);
	CHECK_EQ(spec_field_offset(VQT_REGION_MSIX_TABLE, 60, 0), 12);
	CHECK_EQ(spec_field_offset(VQT_REGION_NOTIFY, 0x1000, 0), 0);
	CHECK_EQ(spec_field_offset(VQT_REGION_COMMON, 36, 0), 36);
}

static bool exists(unsigned id, const char *name, uint64_t low)
{
	const uint64_t features[2] = { low, 0 };

	return spec_field_exists(spec_field_by_name(&spec_class(id)->config, name), features);
}

static void optional_fields(void)
{
	CHECK(exists(2, "capacity", 0));
	CHECK(!exists(2, "num_queues", 0) && exists(2, "num_queues", SPEC_BIT(12)));
	CHECK(!exists(1, "max_virtqueue_pairs", SPEC_BIT(0)));
	CHECK(exists(1, "max_virtqueue_pairs", SPEC_BIT(22)));
	CHECK(exists(1, "max_virtqueue_pairs", SPEC_BIT(60)));
	CHECK(exists(1, "rss_max_key_size", SPEC_BIT(57)));
	CHECK(!exists(1, "rss_max_indirection_table_length", SPEC_BIT(57)));
}

static void pci_ids(void)
{
	CHECK_EQ(spec_virtio_id_of_pci(0x1000, 1), 1);
	CHECK_EQ(spec_virtio_id_of_pci(0x1001, 2), 2);
	CHECK_EQ(spec_virtio_id_of_pci(0x1002, 5), 5);
	CHECK_EQ(spec_virtio_id_of_pci(0x1003, 3), 3);
	CHECK_EQ(spec_virtio_id_of_pci(0x1004, 8), 8);
	CHECK_EQ(spec_virtio_id_of_pci(0x1005, 4), 4);
	CHECK_EQ(spec_virtio_id_of_pci(0x1009, 9), 9);
	CHECK_EQ(spec_virtio_id_of_pci(0x1012, 19), 19);
	CHECK_EQ(spec_virtio_id_of_pci(0x1012, 0x1100), 0);
	CHECK_EQ(spec_virtio_id_of_pci(0x1042, 0x1100), 2);
	CHECK_EQ(spec_virtio_id_of_pci(0x1040, 2), 0);
	CHECK_EQ(spec_virtio_id_of_pci(0x107f, 2), 0x3f);
	CHECK_EQ(spec_virtio_id_of_pci(0x1080, 2), 0);
	CHECK_EQ(spec_virtio_id_of_pci(0xfff, 2), 0);
}

static void feature_kinds(void)
{
	const unsigned pci = VQT_TRANSPORT_PCI, mmio = VQT_TRANSPORT_MMIO, ccw = VQT_TRANSPORT_CCW;

	CHECK_EQ(spec_feature_kind(2, 9, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 0, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(spec_feature_kind(2, 27, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(spec_feature_kind(2, 3, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(spec_feature_kind(2, 42, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(spec_feature_kind(2, 127, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(spec_feature_kind(1, 42, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(spec_feature_kind(9, 0, pci), SPEC_FEATURE_UNKNOWN);
	CHECK_EQ(spec_feature_kind(99, 0, pci), SPEC_FEATURE_UNKNOWN);
	CHECK_EQ(spec_feature_kind(9, 32, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 25, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(spec_feature_kind(2, 31, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(spec_feature_kind(2, 44, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(spec_feature_kind(2, 49, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(spec_feature_kind(2, 128, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(spec_feature_kind(1, 41, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 41, mmio), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(spec_feature_kind(2, 37, ccw), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(spec_feature_kind(2, 40, ccw), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(spec_feature_kind(2, 40, mmio), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 41, VQT_TRANSPORT_UNKNOWN), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 41, 77), SPEC_FEATURE_DEFINED);
	CHECK_EQ(spec_feature_kind(2, 43, pci), SPEC_FEATURE_DEFINED);
}

static void missing_features(void)
{
	const struct spec_feature *tso = spec_feature(1, 7), *ecn = spec_feature(1, 9);
	const struct spec_feature *tunnel = spec_feature(1, 51), *csum = spec_feature(1, 66);
	uint64_t missing[2];

	CHECK_EQ(spec_feature_missing(tso, (uint64_t[2]){ 0, 0 }, missing), SPEC_MISSING_ALL);
	CHECK(missing[0] == SPEC_BIT(1) && !missing[1]);
	CHECK_EQ(spec_feature_missing(tso, (uint64_t[2]){ SPEC_BIT(1), 0 }, missing),
		 SPEC_MISSING_NONE);
	CHECK_EQ(spec_feature_missing(ecn, (uint64_t[2]){ 0, 0 }, missing), SPEC_MISSING_ANY);
	CHECK_EQ(missing[0], SPEC_BIT(7) | SPEC_BIT(8));
	CHECK_EQ(spec_feature_missing(ecn, (uint64_t[2]){ SPEC_BIT(8), 0 }, missing),
		 SPEC_MISSING_NONE);
	CHECK_EQ(spec_feature_missing(tunnel, (uint64_t[2]){ SPEC_BIT(60), 0 }, missing),
		 SPEC_MISSING_ALL);
	CHECK_EQ(spec_feature_missing(tunnel, (uint64_t[2]){ SPEC_BIT(17), 0 }, missing),
		 SPEC_MISSING_ANY);
	CHECK_EQ(spec_feature_missing(csum, (uint64_t[2]){ 0, 0 }, missing), SPEC_MISSING_ALL);
	CHECK(!missing[0] && missing[1] == SPEC_BIT(65));
	/* A driver may accept CONFIG_WCE alone; only a device must offer both. */
	CHECK_EQ(spec_feature_missing(spec_feature(2, 11), (uint64_t[2]){ 0, 0 }, missing),
		 SPEC_MISSING_NONE);
	CHECK_EQ(spec_feature(2, 11)->offers[0], SPEC_BIT(9));
}

static const char *queue(unsigned id, unsigned index, const uint64_t *features, unsigned queues)
{
	static char buf[64];

	return spec_queue_name(buf, sizeof(buf), id, index, features, queues);
}

static void queue_names(void)
{
	const uint64_t none[2] = { 0 }, ctrl[2] = { SPEC_BIT(17), 0 };
	const uint64_t mq[2] = { SPEC_BIT(17) | SPEC_BIT(22), 0 }, first[2] = { 1, 0 };

	CHECK_STR(queue(2, 0, NULL, 0), "requestq1");
	CHECK_STR(queue(2, 3, none, 4), "requestq4");
	CHECK_STR(queue(2, 65535, none, 4), "requestq65536");
	CHECK_STR(queue(4, 0, NULL, 0), "requestq");
	CHECK_STR(queue(4, 1, NULL, 0), "queue 1");
	CHECK_STR(queue(99, 7, NULL, 0), "queue 7");
	CHECK_STR(queue(9, 0, NULL, 0), "queue 0");
	/* 5.1.2: the control queue is the last, wherever that is. */
	CHECK_STR(queue(1, 0, NULL, 0), "receiveq1");
	CHECK_STR(queue(1, 1, ctrl, 3), "transmitq1");
	CHECK_STR(queue(1, 2, ctrl, 3), "controlq");
	CHECK_STR(queue(1, 2, ctrl, 9), "controlq");
	CHECK_STR(queue(1, 2, ctrl, 0), "controlq");
	CHECK_STR(queue(1, 2, mq, 9), "receiveq2");
	CHECK_STR(queue(1, 7, mq, 9), "transmitq4");
	CHECK_STR(queue(1, 8, mq, 9), "controlq");
	CHECK_STR(queue(1, 9, mq, 9), "queue 9");
	CHECK_STR(queue(1, 2, NULL, 3), "controlq");
	CHECK_STR(queue(1, 2, NULL, 4), "receiveq2");
	CHECK_STR(queue(1, 2, none, 3), "receiveq2");
	CHECK_STR(queue(3, 1, NULL, 0), "transmitq(port0)");
	CHECK_STR(queue(3, 2, NULL, 0), "control receiveq");
	CHECK_STR(queue(3, 5, NULL, 0), "transmitq(port1)");
	CHECK_STR(queue(5, 4, none, 3), "reporting_vq");
	CHECK_STR(queue(8, 2, NULL, 0), "requestq1");
	CHECK_STR(queue(20, 1, none, 2), "controlq");
	CHECK_STR(queue(20, 0, none, 2), "dataq1");
	CHECK_STR(queue(20, 1, none, 0), "dataq2");
	CHECK_STR(queue(26, 1, none, 2), "requestq1");
	CHECK_STR(queue(26, 1, first, 3), "notification");
	CHECK_STR(queue(26, 2, first, 3), "requestq1");
}

/* --- formatting ------------------------------------------------------------------- */

static char buf[512];

static void format_status(void)
{
	CHECK_STR(spec_format_status(buf, sizeof(buf), 0), "RESET (0x00)");
	CHECK_STR(spec_format_status(buf, sizeof(buf), 0x0b),
		  "ACKNOWLEDGE|DRIVER|FEATURES_OK (0x0b)");
	CHECK_STR(spec_format_status(buf, sizeof(buf), 0x21), "ACKNOWLEDGE|0x20 (0x21)");
	CHECK_STR(spec_format_status(buf, sizeof(buf), 0xd0),
		  "SUSPEND|DEVICE_NEEDS_RESET|FAILED (0xd0)");
}

static void format_features(void)
{
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 0, 0x44), "SEG_MAX|BLK_SIZE");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 0, 0), "none");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 0, 0x30800200),
		  "FLUSH|bit 23|INDIRECT_DESC|EVENT_IDX");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 1, 0x101), "VERSION_1|RING_RESET");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 1, 2, 3),
		  "RSS_CONTEXT|GUEST_UDP_TUNNEL_GSO");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 4, 1), "bit 128");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 2, 0xffffffff, 0x80000000),
		  "bit 137438953471");
	CHECK_STR(spec_format_features(buf, sizeof(buf), 99, 0, 0x20000001), "bit 0|EVENT_IDX");
	CHECK_STR(spec_format_feature_set(buf, sizeof(buf), 2,
					  (uint64_t[2]){ SPEC_BIT(2) | SPEC_BIT(32), SPEC_BIT(64) }),
		  "SEG_MAX|VERSION_1|bit 64");
	CHECK_STR(spec_format_feature_set(buf, sizeof(buf), 2, (uint64_t[2]){ 0 }), "none");
}

static const char *value(unsigned region, unsigned id, const char *name, uint64_t v)
{
	const struct spec_field *f = spec_field_by_name(spec_region_fields(region, id), name);

	return spec_format_value(buf, sizeof(buf), f, id, v);
}

static void format_values(void)
{
	CHECK_STR(value(VQT_REGION_COMMON, 2, "device_status", 3), "ACKNOWLEDGE|DRIVER (0x03)");
	CHECK_STR(value(VQT_REGION_COMMON, 2, "queue_msix_vector", 0xffff), "NO_VECTOR");
	CHECK_STR(value(VQT_REGION_COMMON, 2, "queue_msix_vector", 1), "1");
	CHECK_STR(value(VQT_REGION_COMMON, 2, "queue_size", 256), "256");
	CHECK_STR(value(VQT_REGION_COMMON, 2, "queue_desc", 0x1000), "0x0000000000001000");
	CHECK_STR(value(VQT_REGION_COMMON, 2, "driver_feature", 0x44), "SEG_MAX|BLK_SIZE");
	CHECK_STR(value(VQT_REGION_DEVICE, 2, "writeback", 1), "WRITEBACK (1)");
	CHECK_STR(value(VQT_REGION_DEVICE, 2, "writeback", 9), "9");
	CHECK_STR(value(VQT_REGION_DEVICE, 2, "seg_max", UINT64_MAX), "4294967295");
	CHECK_STR(value(VQT_REGION_DEVICE, 1, "mac", 0x563412005452), "52:54:00:12:34:56");
	CHECK_STR(value(VQT_REGION_DEVICE, 1, "status", 1), "LINK_UP (0x0001)");
	CHECK_STR(value(VQT_REGION_DEVICE, 1, "status", 0), "0x0000");
	CHECK_STR(value(VQT_REGION_PCI, 1, "command", 0x407),
		  "IO_SPACE|MEMORY_SPACE|BUS_MASTER|INTX_DISABLE (0x0407)");
	CHECK_STR(value(VQT_REGION_PCI, 1, "status", 0x210), "CAP_LIST|DEVSEL=1 (0x0210)");
	CHECK_STR(spec_format_bits(buf, sizeof(buf), spec_desc_flags, 3), "NEXT|WRITE");
	CHECK_STR(spec_format_bits(buf, sizeof(buf), spec_desc_flags, 0), "none");
	CHECK_STR(spec_format_bits(buf, sizeof(buf), NULL, 8), "0x8");
	CHECK_STR(spec_format_value(buf, sizeof(buf),
				    spec_field_by_name(spec_pci_cap_fields(0x11, 0), "msix_control"),
				    0, 0x8003),
		  "TABLE_SIZE=3|ENABLE (0x8003)");
	CHECK_STR(spec_format_value(buf, sizeof(buf),
				    spec_field_by_name(spec_pci_cap_fields(9, 1), "cfg_type"), 0, 1),
		  "COMMON_CFG (1)");
}

static const char *access_to(unsigned id, uint32_t offset, unsigned width, uint64_t v)
{
	const struct spec_field *f = spec_field_at(VQT_REGION_DEVICE, id, offset, width, 0);

	return spec_format_access(buf, sizeof(buf), f, id, offset, width, v);
}

static const char *touched(unsigned id, uint32_t offset, unsigned width)
{
	const struct spec_field *f = spec_field_at(VQT_REGION_DEVICE, id, offset, width, 0);

	return spec_format_field(buf, sizeof(buf), f, offset, width);
}

static void format_accesses(void)
{
	CHECK_STR(access_to(2, 8, 4, 7), "7");
	CHECK_STR(access_to(2, 0, 4, 0x2000), "0x00002000");
	CHECK_STR(access_to(2, 18, 2, 0x3f10), "0x3f10");
	CHECK_STR(access_to(1, 0, 1, 0x52), "52");
	CHECK_STR(access_to(1, 4, 4, 0x00015634), "34:56:01:00");
	CHECK_STR(access_to(26, 0, 4, 0x7366796d), "6d:79:66:73");
	CHECK_STR(spec_format_access(buf, sizeof(buf), NULL, 2, 96, 2, 5), "0x0005");
	CHECK_STR(touched(2, 0, 8), "capacity");
	CHECK_STR(touched(2, 0, 4), "capacity.lo");
	CHECK_STR(touched(2, 4, 4), "capacity.hi");
	CHECK_STR(touched(2, 4, 8), "capacity+4...");
	CHECK_STR(touched(2, 2, 2), "capacity+2");
	CHECK_STR(touched(2, 18, 2), "geometry.heads...");
	CHECK_STR(touched(1, 4, 1), "mac+4");
	CHECK_STR(touched(1, 0, 1), "mac+0");
	CHECK_STR(touched(2, 8, 4), "size_max");
}

/* Every length: within bounds, terminated, and "..." when it did not fit. */
static void truncation(void)
{
	static const char whole[] = "ACKNOWLEDGE|DRIVER (0x03)";

	for (size_t len = 1; len <= sizeof(whole) + 1; len++) {
		char *small = malloc(len), want[sizeof(whole)];
		size_t dots = len - 1 < 3 ? len - 1 : 3;

		memcpy(want, whole, sizeof(want));
		if (len < sizeof(whole))
			strcpy(want + len - 1 - dots, &"..."[3 - dots]);
		CHECK(small && spec_format_status(small, len, 3) == small);
		CHECK_STR(small, want);
		free(small);
	}
	CHECK(!spec_format_status(NULL, 0, 3));
	CHECK(!spec_format_feature_set(NULL, 0, 1, (uint64_t[2]){ UINT64_MAX, UINT64_MAX }));
	CHECK_STR(spec_format_feature_set(buf, 16, 1, (uint64_t[2]){ UINT64_MAX, UINT64_MAX }),
		  "CSUM|GUEST_C...");
}

static const struct tap_test tests[] = {
	{ "fields are sorted, apart and complete", all_fields },
	{ "features are sorted, named once, with known prerequisites", all_features },
	{ "device types are complete and in order", all_classes },
	{ "shared tables", shared_tables },
	{ "feature bits are Linux's", linux_feature_bits },
	{ "device types are Linux's", linux_device_ids },
	{ "configuration layouts are Linux's", linux_config_layouts },
	{ "registers are Linux's", linux_register_offsets },
	{ "capabilities are Linux's", linux_capabilities },
	{ "block requests and statuses", blk_requests },
	{ "fields by offset", lookups },
	{ "optional fields", optional_fields },
	{ "PCI device IDs", pci_ids },
	{ "defined, reserved and undefined features", feature_kinds },
	{ "missing prerequisites", missing_features },
	{ "queue names", queue_names },
	{ "status as text", format_status },
	{ "features as text", format_features },
	{ "values as text", format_values },
	{ "accesses as text", format_accesses },
	{ "text cut short", truncation },
};

TAP_MAIN(tests)
