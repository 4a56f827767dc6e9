/* SPDX-License-Identifier: MIT */
/* The model against conversations made by hand. */
#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define COMMON VQT_REGION_COMMON

static struct record_builder t;

static struct model_device *dev(void)
{
	return model_device(t.model, 1);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
}

static void names(void)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK };

	begin();
	CHECK_STR(dev()->name, "blk0");
	t.device = 7;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	CHECK_STR(t.e.dev->name, "blk1");
	d.virtio_id = VIRTIO_ID_NET;
	t.device = 9;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	CHECK_STR(t.e.dev->name, "net0");
	builder_finish(&t);
}

static void features(void)
{
	begin();
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	builder_read(&t, COMMON, VIRTIO_PCI_COMMON_DF, 4, 1);
	CHECK_EQ(t.e.select, 1);
	CHECK_EQ(dev()->offered[0], 1ULL << VIRTIO_F_VERSION_1);
	CHECK_EQ(dev()->offered_known, 2);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GF, 4, 0x44);
	CHECK_EQ(dev()->accepted[0], 0x44);
	CHECK(model_accepted(dev(), VIRTIO_BLK_F_BLK_SIZE));
	CHECK(!model_accepted(dev(), VIRTIO_F_VERSION_1));
	/* words 2 and 3 exist, more do not */
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, 3);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GF, 4, 0x80000000);
	CHECK_EQ(dev()->accepted[1], 1ULL << 63);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GFSELECT, 4, 0xffffffff);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_GF, 4, 5);
	CHECK_EQ(dev()->accepted[1], 1ULL << 63);
	builder_finish(&t);
}

static void status_and_lives(void)
{
	begin();
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK_EQ(dev()->resets, 0);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	CHECK_EQ(t.e.status_before, 1);
	CHECK(t.e.before_known);
	CHECK_EQ(t.e.before, 1);
	builder_read_request(&t, 0, 8);
	builder_read_request(&t, 3, 8);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK_EQ(dev()->resets, 1);
	CHECK_EQ(dev()->status, 0);
	/* what was in flight is shown once and gone */
	CHECK(t.e.dropped && t.e.dropped->next && !t.e.dropped->next->next);
	CHECK_EQ(model_queue(dev(), 0)->n_in_flight, 0);
	builder_read(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK(!t.e.dropped);
	builder_finish(&t);
}

/* 4.1.3.1: 64-bit fields are written whole or in halves; odd accesses still count. */
static void addresses(void)
{
	struct model_queue *q;

	begin();
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_SELECT, 2, 3);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x11112000);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0x1);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, 0x1234567890abcdef);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_USEDLO + 2, 2, 0xbeef);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_SIZE, 2, 64);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	q = model_queue(dev(), 3);
	CHECK(q && t.e.queue == q);
	CHECK_EQ(q->desc, 0x111112000);
	CHECK_EQ(q->driver, 0x1234567890abcdef);
	CHECK_EQ(q->device, 0xbeef0000);
	CHECK_EQ(q->size, 64);
	CHECK(q->enabled);
	builder_finish(&t);
}

/* One 4-byte read covers device_status, config_generation and queue_select. */
static void wide_access(void)
{
	begin();
	builder_read(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 4, 0x0002050f);
	CHECK_EQ(dev()->status, 0x0f);
	CHECK_EQ(dev()->generation, 5);
	CHECK_EQ(dev()->queue_select, 2);
	/* nonsense widths and places are looked at, not obeyed */
	builder_read(&t, COMMON, 0xfffffffc, 8, 1);
	builder_read(&t, COMMON, VIRTIO_PCI_COMMON_STATUS, 255, 1);
	CHECK_EQ(dev()->status, 0x0f);
	builder_write(&t, VQT_REGION_DEVICE, 0xffffffff, 8, ~0ULL);
	builder_write(&t, VQT_REGION_PCI, 0xffffffff, 8, ~0ULL);
	builder_finish(&t);
}

static void legacy(void)
{
	struct model_queue *q;

	begin();
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_SEL, 2, 0);
	builder_read(&t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_NUM, 2, 256);
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_PFN, 4, 0x100);
	q = model_queue(dev(), 0);
	CHECK_EQ(q->desc, 0x100000);
	CHECK_EQ(q->driver, 0x101000);
	CHECK_EQ(q->device, 0x102000);
	CHECK(q->enabled);
	/* without MSI-X offset 20 is device configuration */
	builder_read(&t, VQT_REGION_LEGACY, 20, 4, 0x12345);
	CHECK_EQ(dev()->config[0], 0x45);
	CHECK_EQ(dev()->config_vector, VQT_NO_VECTOR);
	CHECK(t.e.field && !strcmp(t.e.field->name, "capacity"));
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_QUEUE_PFN, 4, 0);
	CHECK(!q->enabled);
	builder_finish(&t);
}

static void capabilities(void)
{
	begin();
	builder_read(&t, VQT_REGION_PCI, PCI_CAPABILITY_LIST, 1, 0x98);
	builder_read(&t, VQT_REGION_PCI, 0x98, 2, 0x4011);
	builder_read(&t, VQT_REGION_PCI, 0x40, 2, 0x0009);
	CHECK_EQ(model_pci_cap(dev(), PCI_CAP_ID_MSIX, 0), 0x98);
	CHECK_EQ(model_pci_cap(dev(), PCI_CAP_ID_VNDR, 0), 0x40);
	CHECK_EQ(model_pci_cap(dev(), PCI_CAP_ID_VNDR, 1), 0);
	CHECK_EQ(model_pci_cap_at(dev(), 0x9a), 0x98);
	builder_write(&t, VQT_REGION_PCI, 0x9a, 2, 0x8001);
	CHECK(dev()->msix);
	builder_write(&t, VQT_REGION_PCI, 0x9a, 2, 0x0001);
	CHECK(!dev()->msix);
	/* a list that loops ends */
	builder_read(&t, VQT_REGION_PCI, 0x40, 2, 0x9809);
	CHECK_EQ(model_pci_cap(dev(), 0x77, 0), 0);
	builder_finish(&t);
}

static void request(void)
{
	struct model_request *r;

	begin();
	builder_kick(&t, 0, 1);
	builder_read_request(&t, 5, 2048);
	r = t.e.req;
	CHECK(r && r->typed && r->type && !strcmp(r->type->name, "IN"));
	CHECK_EQ(r->sector, 2048);
	CHECK_EQ(r->bytes, 4096);
	CHECK_EQ(r->kick_ts, r->avail_ts - 1000);
	builder_used(&t, 5, 4097, 0);
	CHECK(t.e.req && t.e.req->done);
	CHECK_EQ(t.e.latency, 1000);
	CHECK_EQ(t.e.queue->n_in_flight, 0);
	builder_used(&t, 5, 4097, 0);
	CHECK(t.e.unknown_id && !t.e.req);
	builder_finish(&t);
}

/* 2.7.4.2: the header may be cut anywhere; captured bytes join until a gap. */
static void framing(void)
{
	struct vqt_avail a = { .head = 1, .ndesc = 4, .ndirect = 4, .nseg = 2 };
	struct {
		struct vqt_desc d[4];
		struct vqt_seg s0;
		uint8_t b0[8];
		struct vqt_seg s1;
		uint8_t b1[8];
	} tail = {
		.d = { { 0, 8, 1, 1 }, { 8, 8, 1, 2 }, { 64, 512, 3, 3 }, { 99, 1, 2, 0 } },
		.s0 = { .desc = 0, .len = 8 },
		.s1 = { .desc = 1, .len = 8 },
		.b1 = { 0x10 },
	};

	begin();
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail, sizeof(tail));
	CHECK(t.e.req && t.e.req->typed);
	CHECK_EQ(t.e.req->sector, 0x10);
	CHECK_EQ(t.e.req->bytes, 512);
	CHECK_EQ(t.e.req->writable, 513);
	/* the second half missing: not decodable, and not guessed at */
	a.nseg = 1;
	a.head = 2;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail,
		    sizeof(tail.d) + sizeof(tail.s0) + sizeof(tail.b0));
	CHECK(!t.e.req->typed);
	CHECK_EQ(t.e.req->head_len, 8);
	builder_finish(&t);
}

static void late_bytes(void)
{
	struct vqt_avail a = { .head = 4, .ndesc = 2, .ndirect = 2 };
	const struct vqt_desc d[2] = { { 0, 16, 1, 1 }, { 64, 1, 2, 0 } };
	struct vqt_data data = { .head = 4, .nseg = 1 };
	struct {
		struct vqt_seg s;
		uint8_t b[16];
	} seg = { .s = { .desc = 0, .len = 16 }, .b = { VIRTIO_BLK_T_FLUSH } };

	begin();
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
	CHECK(!t.e.req->typed);
	builder_add(&t, VQT_DATA, &data, sizeof(data), &seg, sizeof(seg));
	CHECK(t.e.req && t.e.req->typed && !strcmp(t.e.req->type->name, "FLUSH"));
	builder_finish(&t);
}

/* The contents of a table come with the completion, after other chains have been popped. */
static void late_table(void)
{
	struct vqt_avail a = { .head = 4, .ndesc = 1, .ndirect = 1, .flags = VQT_CHAIN_NO_TABLE };
	const struct vqt_desc table = { 0x1000, 32, VRING_DESC_F_INDIRECT, 0 };
	const struct vqt_desc d[2] = { { 0, 16, 1, 1 }, { 64, 1, 2, 0 } };
	struct vqt_data data = { .head = 4, .nseg = 1 };
	struct {
		struct vqt_seg s;
		uint8_t b[16];
	} seg = { .s = { .desc = 1, .len = 16 }, .b = { VIRTIO_BLK_T_FLUSH } };

	begin();
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &table, sizeof(table));
	builder_read_request(&t, 9, 1);
	a = (struct vqt_avail){
		.head = 4, .first = 1, .ndesc = 2, .ndirect = 1, .flags = VQT_CHAIN_DERIVED
	};
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
	CHECK(!t.e.head_in_flight);
	CHECK_EQ(t.e.queue->popped, 2);
	CHECK_EQ(t.e.queue->n_in_flight, 2);
	builder_add(&t, VQT_DATA, &data, sizeof(data), &seg, sizeof(seg));
	CHECK(t.e.req && t.e.req->typed && !strcmp(t.e.req->type->name, "FLUSH"));
	CHECK_EQ(t.e.req->ndesc, 3);
	CHECK_EQ(t.e.req->writable, 1);
	builder_finish(&t);
}

static void long_chain(void)
{
	static struct vqt_desc d[1000];
	struct vqt_avail a = { .head = 0, .ndesc = 1000, .ndirect = 1, .flags = VQT_CHAIN_MORE };

	begin();
	for (unsigned i = 0; i < 1000; i++)
		d[i] = (struct vqt_desc){ .addr = i, .len = 4096, .flags = VRING_DESC_F_WRITE };
	d[0].flags = VRING_DESC_F_INDIRECT;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
	d[0].flags = VRING_DESC_F_WRITE;
	a.first = 1000;
	a.flags = 0;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), d, sizeof(d));
	CHECK_EQ(t.e.req->ndesc, 2000);
	CHECK_EQ(t.e.req->writable, 1999 * 4096ULL);
	CHECK_EQ(t.e.queue->n_in_flight, 1);
	CHECK_EQ(t.e.queue->popped, 1);
	builder_finish(&t);
}

static void head_reuse(void)
{
	begin();
	builder_read_request(&t, 9, 1);
	CHECK(!t.e.head_in_flight);
	builder_read_request(&t, 9, 2);
	CHECK(t.e.head_in_flight);
	CHECK_EQ(t.e.queue->n_in_flight, 1);
	builder_finish(&t);
}

static void losses(void)
{
	struct vqt_loss loss = { .lost = 3, .why = VQT_LOSS_BUFFER };

	begin();
	builder_kick(&t, 0, 1);
	t.seq += 4; /* nobody says so */
	builder_kick(&t, 1, 2);
	CHECK_EQ(t.e.gap, 4);
	CHECK_EQ(model_lost(t.model).records, 4);
	builder_add(&t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
	t.seq += 3; /* said */
	builder_kick(&t, 2, 3);
	CHECK_EQ(t.e.gap, 0);
	CHECK_EQ(model_lost(t.model).records, 7);
	/* or said where the gap is: the loss record's own number comes after it */
	t.seq += 3;
	builder_add(&t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
	CHECK_EQ(t.e.gap, 0);
	builder_kick(&t, 3, 4);
	CHECK_EQ(t.e.gap, 0);
	CHECK_EQ(model_lost(t.model).records, 10);
	builder_finish(&t);
}

static void vectors(void)
{
	begin();
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	builder_write(&t, COMMON, VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	t.queue = VQT_NO_QUEUE;
	builder_irq(&t, VQT_IRQ_MSIX, 2);
	CHECK(t.e.queue && t.e.queue->index == 1);
	builder_irq(&t, VQT_IRQ_MSIX, 5);
	CHECK(!t.e.queue);
	builder_finish(&t);
}

static void attach(void)
{
	struct vqt_lifecycle l = { .what = VQT_LIFECYCLE_NOTIFIER_ATTACH };

	builder_add(&t, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

/* A device that notifies itself is no driver that kicks. */
static void own_kicks(void)
{
	begin();
	builder_kick(&t, 0, 0);
	CHECK(t.e.self);
	builder_kick(&t, 0, 1);
	CHECK(!t.e.self);
	builder_read_request(&t, 0, 8);
	builder_kick(&t, 1, 1); /* when the block layer stops draining */
	CHECK(t.e.self);
	CHECK_EQ(model_queue(dev(), 0)->kicks, 1);
	builder_read_request(&t, 1, 8);
	builder_kick(&t, 2, 2); /* for one that was popped before its kick came */
	CHECK(!t.e.self);
	builder_kick(&t, 2, 2);
	CHECK(t.e.self);
	CHECK_EQ(dev()->kicks, 2);
	/* where it is recorded, only those that follow it */
	attach();
	builder_kick(&t, 2, 2);
	CHECK(t.e.self);
	builder_kick(&t, 2, 2);
	CHECK(!t.e.self);
	attach();
	builder_kick(&t, 2, 3);
	CHECK(!t.e.self);
	CHECK_EQ(dev()->kicks, 4);
	builder_finish(&t);
}

#define MMIO VQT_REGION_MMIO

static void mmio_device(void)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .transport = VQT_TRANSPORT_MMIO };

	begin();
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	builder_write(&t, MMIO, 0x70, 4, 0);
}

/* 4.2.4: the areas of a queue, from pages; of the queue that is selected. */
static void mmio_pages(void)
{
	const struct model_queue *q;

	mmio_device();
	CHECK(!model_legacy_region(dev(), MMIO));
	builder_write(&t, MMIO, 0x28, 4, 8192); /* GuestPageSize */
	CHECK_EQ(dev()->mmio_version, 1);
	CHECK(model_legacy_region(dev(), MMIO));
	builder_write(&t, MMIO, 0x30, 4, 1); /* QueueSel */
	builder_read(&t, MMIO, 0x34, 4, 1024); /* QueueSizeMax */
	CHECK_EQ(t.e.select, 1);
	builder_write(&t, MMIO, 0x38, 4, 4);
	builder_write(&t, MMIO, 0x3c, 4, 256); /* QueueAlign */
	CHECK(t.e.queue && t.e.queue->index == 1);
	builder_write(&t, MMIO, 0x40, 4, 0x20); /* QueuePFN */
	q = model_queue(dev(), 1);
	CHECK(q && q->enabled && q->addr_known);
	CHECK_EQ(q->size_max, 1024);
	CHECK_EQ(q->desc, 0x40000);
	CHECK_EQ(q->driver, 0x40040);
	CHECK_EQ(q->device, 0x40100);
	builder_write(&t, MMIO, 0x44, 4, 0); /* QueueReady: not there in version 1 */
	CHECK(model_queue(dev(), 1)->enabled);
	builder_write(&t, MMIO, 0x3c, 4, 0);
	builder_write(&t, MMIO, 0x40, 4, 0x20);
	CHECK(q->enabled && !q->addr_known); /* where the used ring is nobody can say */
	builder_write(&t, MMIO, 0x70, 4, 0);
	CHECK(!q->enabled && !q->align && !q->size_known);
	CHECK_EQ(q->size_max, 1024);
	builder_finish(&t);
}

/* What is known better goes before what is only inferred. */
static void mmio_versions(void)
{
	mmio_device();
	builder_write(&t, MMIO, 0x44, 4, 1);
	CHECK_EQ(dev()->mmio_version, 2);
	CHECK(model_queue(dev(), 0)->enabled);
	builder_write(&t, MMIO, 0x14, 4, 1);
	builder_read(&t, MMIO, 0x10, 4, 0); /* no VERSION_1 */
	CHECK_EQ(dev()->mmio_version, 1);
	builder_read(&t, MMIO, 0x04, 4, 2);
	CHECK_EQ(dev()->mmio_version, 2);
	builder_read(&t, MMIO, 0x10, 4, 0);
	CHECK_EQ(dev()->mmio_version, 2);
	builder_read(&t, MMIO, 0x100, 4, 0x1234); /* device configuration */
	CHECK_EQ(dev()->config[1], 0x12);
	CHECK(dev()->config_known[0] == 0x0f);
	builder_finish(&t);
}

static void features_set(uint64_t features)
{
	struct vqt_lifecycle l = { .what = VQT_LIFECYCLE_SET_FEATURES, .arg = { features } };

	builder_add(&t, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

/* Without VERSION_1 its rings are in the byte order of the machine, which is another. */
static void ccw(void)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK };
	static const char name[20] __attribute__((aligned(4))) = "\x0a\0\x0e\0virtio-blk-ccw";

	begin();
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), name, sizeof(name));
	CHECK_EQ(dev()->transport, VQT_TRANSPORT_CCW);
	features_set(0x50);
	builder_kick(&t, 0, 0x100);
	CHECK(t.e.undecodable && t.e.undecodable_first && !t.e.rec->kick.ring.known);
	CHECK_EQ(model_queue(dev(), 0)->kicks, 1);
	builder_read_request(&t, 0, 8);
	CHECK(t.e.undecodable && !t.e.undecodable_first && !t.e.req && !t.e.rec->avail.ndesc);
	builder_used(&t, 0, 513, 0);
	CHECK(!t.e.req && !t.e.unknown_id && !t.e.rec->used.len);
	features_set(0x50 | 1ULL << VIRTIO_F_VERSION_1);
	builder_read_request(&t, 0, 8);
	CHECK(!t.e.undecodable && t.e.req && t.e.req->typed);
	builder_finish(&t);
}

static void driver_side(uint16_t id, uint16_t peer, unsigned clock)
{
	struct vqt_source s = { .kind = VQT_SRC_GUEST, .clock = (uint16_t)clock };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .peer = peer };

	t.source = 2;
	t.device = 0;
	builder_add(&t, VQT_SOURCE, &s, sizeof(s), NULL, 0);
	t.device = id;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static struct model_device *another(uint16_t id)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK };

	t.source = 1;
	t.device = id;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	return t.e.dev;
}

/* What both sides recorded of a device is two devices, each the other's peer. */
static void two_sides(void)
{
	struct model_device *g;

	begin();
	driver_side(9, 1, VQT_CLOCK_MAPPED);
	g = t.e.dev;
	CHECK(g && g->peer == dev() && dev()->peer == g);
	CHECK_STR(g->name, "blk0.driver");
	CHECK(g->by_driver && !dev()->by_driver);
	CHECK_STR(another(2)->name, "blk1"); /* the driver's view does not count */
	driver_side(10, 1, VQT_CLOCK_MAPPED); /* it has one already */
	CHECK(!t.e.dev->peer && dev()->peer == g);
	CHECK_STR(t.e.dev->name, "blk2");
	driver_side(11, 10, VQT_CLOCK_MAPPED); /* of the same side */
	CHECK(!t.e.dev->peer);
	driver_side(11, 99, VQT_CLOCK_MAPPED);
	driver_side(11, 11, VQT_CLOCK_MAPPED);
	CHECK(!t.e.dev->peer);
	CHECK_STR(t.e.dev->name, "blk3");
	driver_side(10, 2, VQT_CLOCK_MAPPED); /* told later */
	CHECK_STR(t.e.dev->name, "blk1.driver");
	CHECK_STR(another(3)->name, "blk4"); /* blk3 is another one's name */
	builder_finish(&t);
}

static void compare(uint64_t there, uint32_t error)
{
	struct vqt_clock c = { .other = 2, .there = there, .error = error };

	t.source = 1;
	t.device = 0;
	builder_add(&t, VQT_CLOCK, &c, sizeof(c), NULL, 0);
	t.source = 2;
	t.device = 9;
}

/* Times of another clock are moved, but for those that have been mapped. */
static void clocks(void)
{
	uint64_t ts;

	begin();
	driver_side(9, 1, VQT_CLOCK_GUEST);
	ts = t.ts;
	compare(ts - 5000, 30);
	ts = t.ts;
	builder_kick(&t, 0, 1);
	CHECK_EQ(t.e.ts, ts + 5000);
	driver_side(9, 1, VQT_CLOCK_MAPPED);
	CHECK_EQ(t.e.source->error, VQT_CLOCK_UNKNOWN);
	compare(7, 30);
	ts = t.ts;
	builder_kick(&t, 1, 2);
	CHECK_EQ(t.e.ts, ts);
	CHECK_EQ(t.e.source->error, 30);
	builder_finish(&t);
}

static void kick_with_heads(uint16_t avail_idx, uint16_t head)
{
	struct vqt_kick k = { .ring = { .avail_idx = avail_idx,
					.known = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL },
			      .via = VQT_KICK_LEGACY,
			      .nheads = 2 };
	uint16_t heads[2] = { 0, head };

	builder_add(&t, VQT_KICK, &k, sizeof(k), heads, sizeof(heads));
}

/* A legacy driver on a machine of the other byte order. */
static void swapped(void)
{
	begin();
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS, 1, 0);
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_GUEST_FEATURES, 4, 0);
	kick_with_heads(0x100, 1); /* 256 entries that differ */
	CHECK(!t.e.undecodable);
	kick_with_heads(0x100, 0);
	CHECK(t.e.undecodable && t.e.undecodable_first);
	builder_read_request(&t, 0, 8);
	CHECK(t.e.undecodable);
	builder_write(&t, VQT_REGION_LEGACY, VIRTIO_PCI_STATUS, 1, 0);
	builder_read_request(&t, 0, 8);
	CHECK(!t.e.undecodable);
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "a device notifies itself", own_kicks },
	{ "virtio-mmio: pages", mmio_pages },
	{ "virtio-mmio: versions", mmio_versions },
	{ "virtio-ccw", ccw },
	{ "rings in the other byte order", swapped },
	{ "both sides of a device", two_sides },
	{ "clocks of other sources", clocks },
	{ "devices are named by class", names },
	{ "feature words", features },
	{ "status, resets, requests taken back", status_and_lives },
	{ "queue addresses in every legal cut", addresses },
	{ "an access over several registers; hostile ones", wide_access },
	{ "legacy queue and configuration", legacy },
	{ "PCI capabilities and MSI-X enable", capabilities },
	{ "a request from kick to used", request },
	{ "request headers cut by the driver", framing },
	{ "bytes that come later", late_bytes },
	{ "a table that comes later", late_table },
	{ "a chain over several records", long_chain },
	{ "a head used twice", head_reuse },
	{ "losses told and untold", losses },
	{ "a vector names its queue", vectors },
};

TAP_MAIN(tests)
