/* SPDX-License-Identifier: MIT */
/* The specification tables: their shape, walking them, formatting. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "decoder/trace/event.h"
#include "decoder/class/class.h"
#include "tests/unit/spec_names.h"
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
	CHECK(f->feature < 0 || class_feature(virtio_id, (unsigned)f->feature));
	CHECK(!f->feature2 || (f->feature >= 0 && class_feature(virtio_id, (unsigned)f->feature2)));
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
	const struct class *c;

	for (unsigned r = VQT_REGION_PCI; r <= VQT_REGION_BAR; r++) {
		CHECK(strcmp(spec_region_name(r), "unknown"));
		CHECK((class_region_fields(r, 0)->count == 0) ==
		      (r == VQT_REGION_DEVICE || r == VQT_REGION_BAR));
		fields_ok(class_region_fields(r, 0), 0);
	}
	for (size_t n = 0; (c = class_nth(n)); n++) {
		CHECK(class_region_fields(VQT_REGION_DEVICE, c->id) == &c->config);
		fields_ok(&c->config, c->id);
	}
	for (unsigned id = 0; id < 0x20; id++)
		for (unsigned type = 0; type < 12; type++)
			fields_ok(spec_pci_cap_fields(id, type), 0);
	CHECK_EQ(class_region_fields(99, 2)->count, 0);
	CHECK_STR(spec_region_name(0), "unknown");
	CHECK_STR(spec_region_name(99), "unknown");
}
/* One register of a region has an id, or the two halves of one; the same on each transport. */
static void register_ids(void)
{
	static const struct {
		unsigned region;
		const char *name;
	} status[] = {
		{ VQT_REGION_COMMON, "device_status" },
		{ VQT_REGION_LEGACY, "device_status" },
		{ VQT_REGION_MMIO, "Status" },
	};
	static const unsigned halves = SPEC_LO | SPEC_HI;

	for (unsigned r = VQT_REGION_COMMON; r <= VQT_REGION_MMIO; r++) {
		const struct spec_fields *t = spec_region_fields(r);

		for (size_t i = 0; i < t->count; i++)
			for (size_t k = i + 1; k < t->count && t->field[i].id; k++)
				CHECK(t->field[i].id != t->field[k].id ||
				      (t->field[i].flags & halves) != (t->field[k].flags & halves));
	}
	for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++)
		CHECK_STR(spec_field_by_id(spec_region_fields(status[i].region),
					   SPEC_REG_DEVICE_STATUS)
				  ->name,
			  status[i].name);
	CHECK(!spec_field_by_id(spec_region_fields(VQT_REGION_MMIO), SPEC_REG_NUM_QUEUES));
	CHECK(spec_field_by_name(spec_region_fields(VQT_REGION_MMIO), "QueueDescHigh")->flags &
	      SPEC_HI);
}

static void prerequisites_ok(const struct class *c, const struct spec_feature *f,
			     const uint64_t set[2])
{
	for (unsigned bit = 0; bit < 128; bit++) {
		const struct spec_feature *needed = class_feature(c->id, bit);

		if (!(set[bit / 64] & SPEC_BIT(bit)))
			continue;
		CHECK(bit != f->bit);
		CHECK(needed && (!needed->legacy || f->legacy));
	}
}

static void features_ok(const struct class *c)
{
	char section[16];

	snprintf(section, sizeof(section), "%s.3", c->section);
	for (const struct spec_feature *f = c->features; f && f->name; f++) {
		CHECK(f == c->features || f->bit > f[-1].bit);
		CHECK(f->bit <= 23 || f->bit == 41 || f->bit == 42 ||
		      (f->bit >= 50 && f->bit < 128));
		CHECK(starts(f->section, section));
		CHECK(starts(f->name, "VIRTIO_"));
		CHECK(strstr(f->name, "_F_") && !strstr(spec_feature_short(f), "_F_"));
		CHECK_EQ(class_feature_by_name(c->id, f->name), f->bit);
		CHECK_EQ(class_feature_by_name(c->id, spec_feature_short(f)), f->bit);
		/* One number has two meanings, 5.1.3.2 and 6: the core's is the living one. */
		CHECK(class_feature(c->id, f->bit) == f || (c->id == 1 && f->bit == 41));
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
	const struct class *c;

	for (size_t n = 0; (c = class_nth(n)); n++)
		features_ok(c);
	for (unsigned bit = 0; bit < 256; bit++) {
		const struct spec_feature *f = class_feature(0, bit);

		CHECK(!f || (bit >= 24 && bit <= 43));
		if (!f)
			continue;
		CHECK_EQ(f->bit, bit);
		CHECK(starts(f->name, "VIRTIO_F_") && starts(f->section, "6"));
		CHECK_EQ(class_feature_by_name(0, f->name), bit);
		CHECK_EQ(class_feature_by_name(2, spec_feature_short(f)), bit);
	}
	CHECK_EQ(class_feature_by_name(2, "seg_max"), 2);
	CHECK_EQ(class_feature_by_name(2, "VIRTIO_RING_F_EVENT_IDX"), 29);
	CHECK_EQ(class_feature_by_name(2, "VIRTIO_NET_F_MQ"), (uint64_t)-ENOENT);
	CHECK_EQ(class_feature_by_name(2, ""), (uint64_t)-ENOENT);
	CHECK_EQ(class_feature_by_name(2, "VIRTIO_RING_F_"), (uint64_t)-ENOENT);
	CHECK_EQ(class_feature_by_name(99, "MQ"), (uint64_t)-ENOENT);
}

static void requests_ok(const struct class *c)
{
	for (const struct spec_request *r = c->requests; r && r->name; r++) {
		CHECK(r == c->requests || r->type > r[-1].type);
		CHECK(class_request_type(c, r->type) == r);
		CHECK(starts(r->section, c->section));
		CHECK(strlen(r->json) == strlen(r->name) && !strcasecmp(r->json, r->name));
		CHECK(r->feature == -1 || class_feature(c->id, (unsigned)r->feature));
	}
	if (c->statuses)
		names_ok(c->statuses, false);
}

static void queues_ok(const struct class *c)
{
	for (const struct spec_queue *q = c->queues; q && q->name; q++) {
		CHECK(q->feature < 64 &&
		      (q->feature < 0 || class_feature(c->id, (unsigned)q->feature)));
		CHECK(!(q->flags & SPEC_QUEUE_REPEAT) == !strchr(q->name, '#'));
		CHECK(!(q->flags & SPEC_QUEUE_SHIFT) || q->feature >= 0);
		CHECK(!(q->flags & SPEC_QUEUE_LAST) ||
		      (q > c->queues && (q[-1].flags & SPEC_QUEUE_REPEAT)));
	}
}

static void all_classes(void)
{
	const struct class *c;
	char section[16], buf[32];
	size_t n;

	for (n = 0; (c = class_nth(n)); n++) {
		CHECK(class_find(c->id) == c && class_by_name(c->name) == c);
		CHECK(c->title && *c->title);
		snprintf(section, sizeof(section), "5.%zu", n + 1);
		CHECK_STR(c->section, n < WITH_CHAPTER ? section : "5");
		CHECK(!c->queues == (n >= WITH_CHAPTER));
		CHECK_EQ(class_id_of_pci(0x1040u + c->id, 0), c->id);
		CHECK_STR(class_name(c->id, buf, sizeof(buf)), c->name);
		requests_ok(c);
		queues_ok(c);
		if (tap_failed) {
			printf("# in class %s\n", c->name);
			return;
		}
	}
	CHECK(n > WITH_CHAPTER);
	CHECK_STR(class_name(99, buf, sizeof(buf)), "virtio-99");
	/* the words in the names of QEMU's types */
	CHECK(class_by_name("serial") == class_find(3) && class_by_name("mouse") == class_find(18));
	CHECK(!class_by_name("keyboard mouse") && !class_by_name("key") && !class_by_name(""));
	CHECK(!class_find(0) && !class_find(99) && !class_by_name("blk0"));
	CHECK(!class_request_type(NULL, 0) && !class_request_type(class_find(1), 0) &&
	      !class_request_type(class_find(2), 9));
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

/* --- block ---------------------------------------------------------------------- */

static void check_request(unsigned type, const char *name, int feature, unsigned flags)
{
	const struct spec_request *r = class_request_type(class_find(2), type);

	CHECK(r && !strcmp(r->name, name) && r->feature == feature && r->flags == flags);
	if (tap_failed)
		printf("# in request %u\n", type);
}

static void blk_requests(void)
{
	check_request(VIRTIO_BLK_T_IN, "IN", -1,
		      SPEC_REQ_DATA_IN | SPEC_REQ_SECTOR | SPEC_REQ_COUNTED);
	check_request(VIRTIO_BLK_T_OUT, "OUT", -1,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SECTOR | SPEC_REQ_COUNTED);
	check_request(VIRTIO_BLK_T_FLUSH, "FLUSH", VIRTIO_BLK_F_FLUSH, SPEC_REQ_COUNTED);
	check_request(VIRTIO_BLK_T_GET_ID, "GET_ID", -1, SPEC_REQ_DATA_IN);
	check_request(10, "GET_LIFETIME", 15, SPEC_REQ_DATA_IN);
	check_request(VIRTIO_BLK_T_DISCARD, "DISCARD", 13,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS | SPEC_REQ_COUNTED);
	check_request(VIRTIO_BLK_T_WRITE_ZEROES, "WRITE_ZEROES", 14,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS | SPEC_REQ_COUNTED);
	check_request(VIRTIO_BLK_T_SECURE_ERASE, "SECURE_ERASE", 16,
		      SPEC_REQ_DATA_OUT | SPEC_REQ_SEGMENTS);
	check_request(15, "ZONE_APPEND", 17, SPEC_REQ_DATA_OUT | SPEC_REQ_SECTOR | SPEC_REQ_RESULT);
	check_request(16, "ZONE_REPORT", 17, SPEC_REQ_DATA_IN | SPEC_REQ_SECTOR);
	check_request(18, "ZONE_OPEN", 17, SPEC_REQ_SECTOR);
	check_request(20, "ZONE_CLOSE", 17, SPEC_REQ_SECTOR);
	check_request(22, "ZONE_FINISH", 17, SPEC_REQ_SECTOR);
	check_request(24, "ZONE_RESET", 17, SPEC_REQ_SECTOR);
	check_request(26, "ZONE_RESET_ALL", 17, 0);
	check_request(VIRTIO_BLK_T_SCSI_CMD, "SCSI_CMD", VIRTIO_BLK_F_SCSI,
		      SPEC_REQ_DATA_IN | SPEC_REQ_DATA_OUT | SPEC_REQ_LEGACY);
	CHECK_STR(spec_name_of(class_find(2)->statuses, VIRTIO_BLK_S_OK), "OK");
	CHECK_STR(spec_name_of(class_find(2)->statuses, VIRTIO_BLK_S_IOERR), "IOERR");
	CHECK_STR(spec_name_of(class_find(2)->statuses, VIRTIO_BLK_S_UNSUPP), "UNSUPP");
	CHECK_STR(spec_name_of(class_find(2)->statuses, 6), "ZONE_ACTIVE_RESOURCE");
	CHECK(!spec_name_of(class_find(2)->statuses, 7));
}

/* --- walkers -------------------------------------------------------------------- */

static const char *at(unsigned region, unsigned id, uint32_t offset, unsigned width, int msix)
{
	const struct spec_field *f = class_field_at(region, id, offset, width, msix);

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

	return spec_field_exists(spec_field_by_name(&class_find(id)->config, name), features);
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
	CHECK_EQ(class_id_of_pci(0x1000, 1), 1);
	CHECK_EQ(class_id_of_pci(0x1001, 2), 2);
	CHECK_EQ(class_id_of_pci(0x1002, 5), 5);
	CHECK_EQ(class_id_of_pci(0x1003, 3), 3);
	CHECK_EQ(class_id_of_pci(0x1004, 8), 8);
	CHECK_EQ(class_id_of_pci(0x1005, 4), 4);
	CHECK_EQ(class_id_of_pci(0x1009, 9), 9);
	CHECK_EQ(class_id_of_pci(0x1012, 19), 19);
	CHECK_EQ(class_id_of_pci(0x1012, 0x1100), 0);
	CHECK_EQ(class_id_of_pci(0x1042, 0x1100), 2);
	CHECK_EQ(class_id_of_pci(0x1040, 2), 0);
	CHECK_EQ(class_id_of_pci(0x107f, 2), 0x3f);
	CHECK_EQ(class_id_of_pci(0x1080, 2), 0);
	CHECK_EQ(class_id_of_pci(0xfff, 2), 0);
}

static void feature_kinds(void)
{
	const unsigned pci = VQT_TRANSPORT_PCI, mmio = VQT_TRANSPORT_MMIO, ccw = VQT_TRANSPORT_CCW;

	CHECK_EQ(class_feature_kind(2, 9, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 0, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(class_feature_kind(2, 27, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(class_feature_kind(2, 3, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(class_feature_kind(2, 42, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(class_feature_kind(2, 127, pci), SPEC_FEATURE_UNDEFINED);
	CHECK_EQ(class_feature_kind(1, 42, pci), SPEC_FEATURE_LEGACY);
	CHECK_EQ(class_feature_kind(9, 0, pci), SPEC_FEATURE_UNKNOWN);
	CHECK_EQ(class_feature_kind(99, 0, pci), SPEC_FEATURE_UNKNOWN);
	CHECK_EQ(class_feature_kind(9, 32, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 25, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(class_feature_kind(2, 31, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(class_feature_kind(2, 44, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(class_feature_kind(2, 49, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(class_feature_kind(2, 128, pci), SPEC_FEATURE_RESERVED);
	CHECK_EQ(class_feature_kind(1, 41, pci), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 41, mmio), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(class_feature_kind(2, 37, ccw), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(class_feature_kind(2, 40, ccw), SPEC_FEATURE_TRANSPORT);
	CHECK_EQ(class_feature_kind(2, 40, mmio), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 41, VQT_TRANSPORT_UNKNOWN), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 41, 77), SPEC_FEATURE_DEFINED);
	CHECK_EQ(class_feature_kind(2, 43, pci), SPEC_FEATURE_DEFINED);
}

static void missing_features(void)
{
	const struct spec_feature *tso = class_feature(1, 7), *ecn = class_feature(1, 9);
	const struct spec_feature *tunnel = class_feature(1, 51), *csum = class_feature(1, 66);
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
	CHECK_EQ(spec_feature_missing(class_feature(2, 11), (uint64_t[2]){ 0, 0 }, missing),
		 SPEC_MISSING_NONE);
	CHECK_EQ(class_feature(2, 11)->offers[0], SPEC_BIT(9));
}

static const char *queue(unsigned id, unsigned index, const uint64_t *features, unsigned queues)
{
	static char buf[64];

	return class_queue_name(buf, sizeof(buf), id, index, features, queues);
}

static void queue_names(void)
{
	const uint64_t none[2] = { 0 }, ctrl[2] = { SPEC_BIT(17), 0 };
	const uint64_t stats[2] = { SPEC_BIT(1) | SPEC_BIT(5), 0 }, hint[2] = { SPEC_BIT(3), 0 };
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
	/* 5.5.2, and without the gaps where features leave some. */
	CHECK_STR(queue(5, 4, NULL, 0), "reporting_vq");
	CHECK_STR(queue(5, 2, stats, 4), "statsq");
	CHECK_STR(queue(5, 3, stats, 4), "reporting_vq");
	CHECK_STR(queue(5, 4, stats, 5), "reporting_vq");
	CHECK_STR(queue(5, 2, hint, 4), "free_page_vq");
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
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 0, 0x44), "SEG_MAX|BLK_SIZE");
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 0, 0), "none");
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 0, 0x30800200),
		  "FLUSH|bit 23|INDIRECT_DESC|EVENT_IDX");
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 1, 0x101), "VERSION_1|RING_RESET");
	CHECK_STR(class_format_features(buf, sizeof(buf), 1, 2, 3),
		  "RSS_CONTEXT|GUEST_UDP_TUNNEL_GSO");
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 4, 1), "bit 128");
	CHECK_STR(class_format_features(buf, sizeof(buf), 2, 0xffffffff, 0x80000000),
		  "bit 137438953471");
	CHECK_STR(class_format_features(buf, sizeof(buf), 99, 0, 0x20000001), "bit 0|EVENT_IDX");
	CHECK_STR(
		class_format_feature_set(buf, sizeof(buf), 2,
					 (uint64_t[2]){ SPEC_BIT(2) | SPEC_BIT(32), SPEC_BIT(64) }),
		"SEG_MAX|VERSION_1|bit 64");
	CHECK_STR(class_format_feature_set(buf, sizeof(buf), 2, (uint64_t[2]){ 0 }), "none");
}

static const char *value(unsigned region, unsigned id, const char *name, uint64_t v)
{
	const struct spec_field *f = spec_field_by_name(class_region_fields(region, id), name);

	return class_format_value(buf, sizeof(buf), f, id, v);
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
	CHECK_STR(
		class_format_value(buf, sizeof(buf),
				   spec_field_by_name(spec_pci_cap_fields(0x11, 0), "msix_control"),
				   0, 0x8003),
		"TABLE_SIZE=3|ENABLE (0x8003)");
	CHECK_STR(class_format_value(buf, sizeof(buf),
				     spec_field_by_name(spec_pci_cap_fields(9, 1), "cfg_type"), 0,
				     1),
		  "COMMON_CFG (1)");
}

static const char *access_to(unsigned id, uint32_t offset, unsigned width, uint64_t v)
{
	const struct spec_field *f = class_field_at(VQT_REGION_DEVICE, id, offset, width, 0);

	return class_format_access(buf, sizeof(buf), f, id, offset, width, v);
}

static const char *touched(unsigned id, uint32_t offset, unsigned width)
{
	const struct spec_field *f = class_field_at(VQT_REGION_DEVICE, id, offset, width, 0);

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
	CHECK_STR(class_format_access(buf, sizeof(buf), NULL, 2, 96, 2, 5), "0x0005");
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
	CHECK(!class_format_feature_set(NULL, 0, 1, (uint64_t[2]){ UINT64_MAX, UINT64_MAX }));
	CHECK_STR(class_format_feature_set(buf, 16, 1, (uint64_t[2]){ UINT64_MAX, UINT64_MAX }),
		  "CSUM|GUEST_C...");
}

static const struct tap_test tests[] = {
	{ "registers have one id on every transport", register_ids },
	{ "fields are sorted, apart and complete", all_fields },
	{ "features are sorted, named once, with known prerequisites", all_features },
	{ "device types are complete and in order", all_classes },
	{ "shared tables", shared_tables },
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
