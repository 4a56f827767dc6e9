/* SPDX-License-Identifier: MIT */
/*
 * Virtio over MMIO: a driver of each version by the book, the registers that only one of them
 * has, and the recording of it replayed.
 */
#include <stdlib.h>

#include "decoder/class/blk.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/class/blk/backend.h"
#include "emu/class/blk/blk.h"
#include "emu/transport/transport.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"

#define SECTORS 64
#define SIZE 8 /* of the queue */
#define PAGE 4096
#define RING 0x10000 /* guest addresses */
#define HEADER 0x20000
#define DATA 0x21000
#define STATUS 0x22000
#define RAM 0x30000

struct machine {
	struct emu_device *dev;
	struct emu_mem *mem;
	struct emu_tap *tap;
	struct recording recorded;
	uint8_t ram[RAM], disk[SECTORS * BLK_SECTOR];
	bool line;
	uint32_t page, align; /* of version 1, as the driver writes them */
	bool bare; /* it does not */
};

static void on_line(void *opaque, bool level)
{
	((struct machine *)opaque)->line = level;
}

static uint32_t get(struct machine *m, unsigned reg)
{
	return emu_device_load(m->dev, 0, reg, 4);
}

static void set(struct machine *m, unsigned reg, uint32_t value)
{
	emu_device_store(m->dev, 0, reg, 4, value);
	emu_virtio_run(&m->dev->v, 0);
}

static struct machine *make(unsigned version, bool bare)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct emu_blk_config blk = { 0 };
	struct emu_tap_config tap = { .emit = recording_emit, .opaque = &m->recorded };
	struct emu_device_config cfg = {
		.transport = &emu_transport_mmio,
		.mmio_version = version,
		.mmio_vendor = 0x12345678,
		.v = { .cls = &emu_blk, .class_config = &blk, .queue_size = 256, .queues = 2 },
		.host = { .intx = on_line, .opaque = m },
	};
	for (unsigned i = 0; i < sizeof(m->disk); i++)
		m->disk[i] = i % 251;
	m->bare = bare;
	m->page = bare ? 1 : PAGE;
	m->align = bare ? VIRTIO_PCI_VRING_ALIGN : 256;
	m->mem = emu_mem_new();
	m->tap = emu_tap_new(&tap);
	emu_tap_session(m->tap, "test", NULL, 0);
	emu_tap_source(m->tap, "emu", 0);
	emu_tap_device(m->tap, VIRTIO_ID_BLOCK, VQT_TRANSPORT_MMIO, 0, UINT32_MAX, 2, "disk", NULL);
	cfg.v.mem = m->mem;
	cfg.v.tap = m->tap;
	if (emu_mem_add(m->mem, 0, RAM, m->ram, EMU_MEM_READ | EMU_MEM_WRITE) ||
	    emu_backend_mem(&blk.backend, m->disk, sizeof(m->disk)) ||
	    emu_device_new(&m->dev, &cfg)) {
		printf("Bail out! no device\n");
		exit(1);
	}
	return m;
}

static void unmake(struct machine *m)
{
	emu_device_free(m->dev);
	emu_mem_free(m->mem);
	emu_tap_free(m->tap);
	recording_free(&m->recorded);
	free(m);
}

/* 4.2.3.1, 3.1.1; 4.2.4, 3.1.2 */
static void begin(struct machine *m, unsigned version)
{
	is(get(m, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976, "MagicValue");
	is(get(m, VIRTIO_MMIO_VERSION), version, "Version");
	is(get(m, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK, "DeviceID");
	is(get(m, VIRTIO_MMIO_VENDOR_ID), 0x12345678, "VendorID");
	if (version == 1 && !m->bare)
		set(m, VIRTIO_MMIO_GUEST_PAGE_SIZE, m->page);
	set(m, VIRTIO_MMIO_STATUS, 0);
	is(get(m, VIRTIO_MMIO_STATUS), 0, "Status after a reset");
	set(m, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	set(m, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	set(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	uint32_t high = get(m, VIRTIO_MMIO_DEVICE_FEATURES);
	is(high & 1, version == 2, "VERSION_1 is offered by version 2");
	set(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	ok(get(m, VIRTIO_MMIO_DEVICE_FEATURES) >> VIRTIO_BLK_F_FLUSH & 1, "FLUSH is offered");
	set(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(m, VIRTIO_MMIO_DRIVER_FEATURES, version == 2);
	set(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(m, VIRTIO_MMIO_DRIVER_FEATURES, 1 << VIRTIO_BLK_F_FLUSH);
	if (version == 1)
		return;
	set(m, VIRTIO_MMIO_STATUS, 11);
	is(get(m, VIRTIO_MMIO_STATUS), 11, "FEATURES_OK");
}

static void set_address(struct machine *m, unsigned reg, uint64_t address)
{
	set(m, reg, (uint32_t)address);
	set(m, reg + 4, address >> 32);
}

static void set_up(struct machine *m, unsigned version)
{
	set(m, VIRTIO_MMIO_QUEUE_SEL, 2);
	is(get(m, VIRTIO_MMIO_QUEUE_NUM_MAX), 0, "there is no queue 2");
	set(m, VIRTIO_MMIO_QUEUE_SEL, 0);
	is(get(m, VIRTIO_MMIO_QUEUE_NUM_MAX), 256, "QueueSizeMax");
	set(m, VIRTIO_MMIO_QUEUE_NUM, SIZE);
	if (version == 1) {
		is(get(m, VIRTIO_MMIO_QUEUE_PFN), 0, "QueuePFN of a queue not in use");
		if (!m->bare)
			set(m, VIRTIO_MMIO_QUEUE_ALIGN, m->align);
		set(m, VIRTIO_MMIO_QUEUE_PFN, RING / m->page);
		is(get(m, VIRTIO_MMIO_QUEUE_PFN), RING / m->page, "QueuePFN");
	} else {
		is(get(m, VIRTIO_MMIO_QUEUE_READY), 0, "QueueReady of a queue not in use");
		set_address(m, VIRTIO_MMIO_QUEUE_DESC_LOW, RING);
		set_address(m, VIRTIO_MMIO_QUEUE_AVAIL_LOW, virtq_legacy_driver(RING, SIZE));
		set_address(m, VIRTIO_MMIO_QUEUE_USED_LOW,
			    virtq_legacy_device(RING, SIZE, m->align));
		set(m, VIRTIO_MMIO_QUEUE_READY, 1);
		is(get(m, VIRTIO_MMIO_QUEUE_READY), 1, "QueueReady");
	}
	set(m, VIRTIO_MMIO_STATUS, version == 1 ? 7 : 15);
	is(get(m, VIRTIO_MMIO_CONFIG), SECTORS, "capacity");
}

/* Read sector n: the descriptors of request 0, made available again. */
static void request(struct machine *m, unsigned n)
{
	struct vring_desc *d = (void *)(m->ram + RING);
	struct vring_avail *avail = (void *)(m->ram + virtq_legacy_driver(RING, SIZE));
	const struct vring_used *used =
		(void *)(m->ram + virtq_legacy_device(RING, SIZE, m->align));
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = n };
	uint16_t at = avail->idx;
	memcpy(m->ram + HEADER, &header, sizeof(header));
	m->ram[STATUS] = 0xff;
	d[0] = (struct vring_desc){ HEADER, sizeof(header), VRING_DESC_F_NEXT, 1 };
	d[1] = (struct vring_desc){ DATA, BLK_SECTOR, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 };
	d[2] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
	avail->ring[at % SIZE] = 0;
	avail->idx = at + 1;
	set(m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	is(used->idx, at + 1, "request %u is used", at);
	is(m->ram[STATUS], VIRTIO_BLK_S_OK, "OK");
	ok(!memcmp(m->ram + DATA, m->disk + n * BLK_SECTOR, BLK_SECTOR), "its data");
	is(get(m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING, "InterruptStatus");
	ok(m->line, "the interrupt is asserted");
	set(m, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	ok(m->line, "another cause is acknowledged");
	set(m, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ok(!m->line && !get(m, VIRTIO_MMIO_INTERRUPT_STATUS), "it is acknowledged");
}

/* What the other version has, and accesses of another width, are nothing here. */
static void test_others(struct machine *m, unsigned version)
{
	static const uint16_t of[2][3] = {
		{ VIRTIO_MMIO_QUEUE_READY, VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_CONFIG_GENERATION },
		{ VIRTIO_MMIO_GUEST_PAGE_SIZE, VIRTIO_MMIO_QUEUE_ALIGN, VIRTIO_MMIO_QUEUE_PFN }
	};
	for (unsigned i = 0; i < 3; i++) {
		set(m, of[version - 1][i], 1);
		is(get(m, of[version - 1][i]), 0, "register 0x%03x", of[version - 1][i]);
	}
	is(emu_device_load(m->dev, 0, VIRTIO_MMIO_VERSION, 1), 0, "a byte of a register");
	emu_device_store(m->dev, 0, VIRTIO_MMIO_STATUS, 1, 0);
	ok(get(m, VIRTIO_MMIO_STATUS), "a reset by a byte is none");
	is(emu_device_load(m->dev, 0, VIRTIO_MMIO_CONFIG, 1), SECTORS, "a byte of configuration");
	ok(emu_device_notifies(m->dev, 0, VIRTIO_MMIO_QUEUE_NOTIFY, 4) &&
		   !emu_device_notifies(m->dev, 0, VIRTIO_MMIO_STATUS, 4),
	   "QueueNotify is the notification");
	if (version == 2)
		is(get(m, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX, "there is no shared memory");
}

static void test_stop(struct machine *m, unsigned version)
{
	set(m, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(m, version == 1 ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY, 0);
	ok(!m->dev->v.queue[0].enabled, "the queue is given up");
	emu_virtio_config_changed(&m->dev->v);
	is(get(m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG, "a configuration change");
	set(m, VIRTIO_MMIO_STATUS, 0);
	ok(!m->line && !get(m, VIRTIO_MMIO_INTERRUPT_STATUS), "a reset clears it");
}

static bool reads(const struct recording *t, unsigned n, unsigned reg)
{
	const struct vqt_reg *r = (void *)t->bytes[n];
	return r->h.type == VQT_REG && r->op == VQT_READ && r->offset == reg;
}

/* Each answer that the recorded device may not choose, changed in a bit. */
static void test_replay(struct recording *t, unsigned version)
{
	static const uint16_t fixed[] = { VIRTIO_MMIO_MAGIC_VALUE, VIRTIO_MMIO_DEVICE_ID,
					  VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_PFN,
					  VIRTIO_MMIO_QUEUE_READY };
	struct outcome o;
	recording_replay(t, NULL, &o);
	ok(o.rc == 0 && !o.differences && o.n.registers.compared > 15 &&
		   o.n.registers.equal == o.n.registers.compared,
	   "version %u is replayed", version);
	is(o.n.requests.equal, 3, "its requests");
	is(o.n.interrupts.equal, 3, "its interrupts");
	if (o.differences)
		outcome_names(&o, 0, "nothing");
	for (unsigned n = 0; n < t->count; n++)
		for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
			struct vqt_reg *r = recording_at(t, n);
			if (!reads(t, n, fixed[i]) || (version == 1 && fixed[i] == 0x44) ||
			    (version == 2 && fixed[i] == 0x40))
				continue;
			r->value ^= 4;
			recording_replay(t, NULL, &o);
			r->value ^= 4;
			ok(outcome_names(&o, n + 1, "register.mmio."), "a wrong answer at 0x%03x",
			   fixed[i]);
		}
}

/* bare: a driver of version 1 that does not say how large pages are, nor how rings are aligned. */
static void test_version(unsigned version, bool bare)
{
	struct machine *m = make(version, bare);
	begin(m, version);
	set_up(m, version);
	for (unsigned i = 0; i < 3; i++)
		request(m, i * 7);
	test_others(m, version);
	test_stop(m, version);
	test_replay(&m->recorded, version);
	unmake(m);
}

int main(void)
{
	test_version(1, false);
	test_version(1, true);
	test_version(2, false);
	return done();
}
