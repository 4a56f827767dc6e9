/* SPDX-License-Identifier: MIT */
/*
 * Rings of a machine of which registers and memory slots tell: this process is the monitor, and its
 * memory the guest's.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/follow/impl.h"
#include "decoder/spec/constants.h"
#include "decoder/trace/build.h"
#include "decoder/util/clock.h"
#include "decoder/util/virtqueue.h"
#include "tests/unit/tap.h"

#define GPA UINT64_C(0x100000)
#define LEN 65536
#define KVM 1 /* the source */
#define DEVICE 1
#define SIZE 8
#define DESC 0x1000
#define DRIVER 0x2000
#define USED 0x3000
#define HEADER 0x4000
#define STATUS 0x4800

static struct follow_source f;
static uint8_t *ram;
static uint16_t avail, used;
/* What came out, and what it was that came first. */
static unsigned n[64];
static uint64_t last_ts;
static struct vqt_avail chain;
static bool more;

static void on_record(void *ctx, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;

	n[h->type & 63]++;
	CHECK(h->ts >= last_ts);
	last_ts = h->ts;
	if (h->type == VQT_AVAIL)
		memcpy(&chain, record, sizeof(chain));
	if (h->type == VQT_LOSS)
		more |= ((const struct vqt_loss *)record)->flags & VQT_LOSS_MORE;
}

static void hand(void *record, size_t len, unsigned type, uint16_t device)
{
	struct vqt_hdr *h = record;

	*h = (struct vqt_hdr){ .ts = clock_ns(CLOCK_MONOTONIC),
			       .type = (uint8_t)type,
			       .source = KVM,
			       .device = device,
			       .queue = VQT_NO_QUEUE };
	follow_on_kvm(&f, record, len);
}

static void write_common(uint32_t offset, unsigned width, uint64_t value)
{
	struct vqt_reg r = { .region = VQT_REGION_COMMON,
			     .op = VQT_WRITE,
			     .width = (uint8_t)width,
			     .offset = offset,
			     .value = value };

	hand(&r, sizeof(r), VQT_REG, DEVICE);
}

static void slot_is(unsigned kind, uint64_t gpa, uint64_t len, const void *host, unsigned more_bits)
{
	struct vqk_event e = { .h.ts = clock_ns(CLOCK_MONOTONIC),
			       .kind = (uint16_t)kind,
			       .addr = gpa,
			       .value = len,
			       .host = (uintptr_t)host,
			       .width = more_bits };

	follow_on_slot(&f, KVM, &e);
}

static void set_slot(const void *host)
{
	slot_is(VQK_SLOT, GPA, LEN, host, 0);
	slot_is(VQK_SLOT_SET, GPA, LEN, host, 0);
}

static void set_up(uint64_t features)
{
	avail = used = 0;
	memset(ram, 0, LEN);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	write_common(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	write_common(VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	write_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	write_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, SIZE);
	write_common(VIRTIO_PCI_COMMON_Q_DESCLO, 4, GPA + DESC);
	write_common(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, GPA + DRIVER);
	write_common(VIRTIO_PCI_COMMON_Q_USEDLO, 4, GPA + USED);
	write_common(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void begin(void)
{
	struct vqt_source s = { .kind = VQT_SRC_KVM, .pid = (uint32_t)getpid() };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .transport = VQT_TRANSPORT_PCI };

	memset(&f, 0, sizeof(f));
	memset(n, 0, sizeof(n));
	last_ts = 0;
	more = false;
	f.request.record = on_record;
	f.request.snaplen = 32;
	f.out.emit = follow_emit;
	f.out.ctx = &f;
	f.model = model_new();
	f.space = aligned_alloc(8, VQT_RECORD_MAX);
	ram = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hand(&s, sizeof(s), VQT_SOURCE, VQT_NO_DEVICE);
	hand(&d, sizeof(d), VQT_DEVICE, DEVICE);
}

static void end(void)
{
	output_flush(&f.out);
	for (unsigned i = 0; i < f.nvmms; i++)
		follow_free_vmm(f.vmm[i]);
	output_free(&f.out);
	model_free(f.model);
	free(f.space);
	munmap(ram, LEN);
}

/* A read of one sector: made available. */
static void offer(void)
{
	struct vring_desc d[2] = { { GPA + HEADER, 16, VRING_DESC_F_NEXT, 1 },
				   { GPA + STATUS, 513, VRING_DESC_F_WRITE, 0 } };
	uint16_t *ring = (uint16_t *)(ram + DRIVER);

	memcpy(ram + DESC, d, sizeof(d));
	ring[2 + avail % SIZE] = 0;
	ring[1] = ++avail;
}

static void complete(void)
{
	struct vring_used_elem e = { .id = 0, .len = 513 };

	memcpy(ram + USED + 4 + used % SIZE * sizeof(e), &e, sizeof(e));
	((uint16_t *)(ram + USED))[1] = ++used;
}

static void look(void)
{
	follow_look(f.vmm[0], true, clock_ns(CLOCK_MONOTONIC));
}

/* The times of what is handed and of what is read are this thread's: no skew. */
static void pass(void)
{
	usleep(100);
}

static void followed(void)
{
	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	output_flush(&f.out);
	CHECK_EQ(n[VQT_QUEUE_STATE], 1);
	for (unsigned i = 0; i < 20; i++) {
		offer();
		look();
		complete();
		look();
	}
	CHECK(output_waits(&f.out));
	CHECK_EQ(n[VQT_AVAIL], 0); /* nothing is sure yet */
	output_flush(&f.out);
	CHECK_EQ(n[VQT_AVAIL], 20);
	CHECK_EQ(n[VQT_USED], 20);
	CHECK_EQ(chain.ndesc, 2);
	CHECK_EQ(n[VQT_LOSS], 0);
	end();
}

/* What a snapshot tells comes after what was read before, also if the snapshot has an earlier time. */
static void in_order(void)
{
	struct vqt_hdr h;

	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	output_flush(&f.out);
	offer();
	look();
	complete();
	f.vmm[0]->copies.as_of = 1;
	CHECK(follow_now(f.vmm[0]) >= f.vmm[0]->read);
	memcpy(&h, f.out.bytes + f.out.item[f.out.n - 1].at, sizeof(h));
	CHECK_EQ(h.type, VQT_AVAIL);
	CHECK(f.vmm[0]->read == h.ts);
	CHECK(follow_now(f.vmm[0]) >= h.ts);
	end();
}

/* What was read after the reset was no ring: it is not in the trace, and what was there is unknown. */
static void reset_meanwhile(void)
{
	struct vqt_reg r = { .region = VQT_REGION_COMMON,
			     .op = VQT_WRITE,
			     .width = 1,
			     .offset = VIRTIO_PCI_COMMON_STATUS };

	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	offer();
	look();
	pass();
	hand(&r, sizeof(r), VQT_REG, DEVICE); /* as it takes effect, for all that is read later */
	end();
	CHECK_EQ(n[VQT_AVAIL], 1);
	CHECK(more);

	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	output_flush(&f.out);
	r.h.ts = clock_ns(CLOCK_MONOTONIC);
	pass();
	offer();
	look();
	r.h = (struct vqt_hdr){ .ts = r.h.ts,
				.type = VQT_REG,
				.source = KVM,
				.device = DEVICE,
				.queue = VQT_NO_QUEUE };
	follow_on_kvm(&f, &r, sizeof(r));
	end();
	CHECK_EQ(n[VQT_AVAIL], 0);
	CHECK(more);
}

static void again_and_at_rest(void)
{
	begin();
	set_slot(ram);
	for (unsigned i = 0; i < 3; i++) {
		set_up(1ULL << VIRTIO_F_VERSION_1);
		offer();
		complete();
		look();
		pass();
		/* since a loss: all that was in flight then has been used by now */
		f.vmm[0]->devices->queues->snoop.earlier = i == 2;
		write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
		CHECK(!f.vmm[0]->devices->queues->snoop.on);
	}
	end();
	CHECK_EQ(n[VQT_QUEUE_STATE], 3);
	CHECK_EQ(n[VQT_AVAIL], 3);
	CHECK_EQ(n[VQT_USED], 3);
	CHECK(!more);
}

/* One request in a packed ring, at this slot of its first lap: made available and used. */
static void pass_packed(unsigned slot)
{
	struct vring_packed_desc d = { GPA + HEADER, 16, 0, VIRTQ_DESC_F_AVAIL };

	memcpy(ram + DESC + slot * sizeof(d), &d, sizeof(d));
	look();
	d.flags = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
	memcpy(ram + DESC + slot * sizeof(d), &d, sizeof(d));
	look();
}

/* What was cleared before the reset was seen looks as if nothing had happened since. */
static void cleared(void)
{
	struct vqt_kick k = { .width = 2 };

	for (unsigned clear = 0; clear < 2; clear++) {
		begin();
		set_slot(ram);
		set_up(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_RING_PACKED);
		pass_packed(0);
		pass_packed(1);
		pass();
		if (clear)
			memset(ram, 0, LEN);
		write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
		end();
		CHECK_EQ(n[VQT_USED], 2);
		CHECK_EQ(more, clear);
	}
	/* set up before, and then again: kicked, and never seen to have anything */
	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	offer();
	complete();
	look();
	pass();
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	output_flush(&f.out);
	CHECK(!more);
	hand(&k, sizeof(k), VQT_KICK, DEVICE);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	end();
	CHECK(more);
}

/* A slot is removed: nothing is read there, even if the process still has the memory. */
static void slot_removed(void)
{
	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	offer();
	complete();
	look();
	pass();
	slot_is(VQK_SLOT, GPA, 0, NULL, 0);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	offer();
	look();
	output_flush(&f.out);
	CHECK_EQ(n[VQT_AVAIL], 1);
	/* asked for, and not yet done; then it goes on */
	slot_is(VQK_SLOT, GPA, LEN, ram, 0);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	slot_is(VQK_SLOT_SET, GPA, LEN, ram, 0);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	output_flush(&f.out);
	CHECK(more); /* what was made meanwhile */
	/* other flags of a slot change nothing */
	slot_is(VQK_SLOT, GPA, LEN, ram, 1);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	end();
}

/* What is at rest before and after has missed nothing. */
static void slot_replaced(void)
{
	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	for (unsigned i = 0; i < 3; i++) {
		offer();
		complete();
		look();
		pass();
		slot_is(VQK_SLOT, GPA, 0, NULL, 0);
		slot_is(VQK_SLOT_SET, GPA, 0, NULL, 0);
		set_slot(ram);
		CHECK(f.vmm[0]->devices->queues->snoop.on);
	}
	end();
	CHECK_EQ(n[VQT_AVAIL], 3);
	CHECK_EQ(n[VQT_USED], 3);
	CHECK_EQ(n[VQT_LOSS], 0);
}

static void refused(void)
{
	begin();
	set_up(1ULL << VIRTIO_F_VERSION_1); /* no slot */
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	set_slot(ram);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	set_up(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	/* changed while it is in use */
	write_common(VIRTIO_PCI_COMMON_Q_DESCLO, 4, GPA + DESC + 4096);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	write_common(VIRTIO_PCI_COMMON_Q_DESCLO, 4, GPA + DESC);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	end();
}

/* Accesses are missing: until the next reset nothing is known. */
static void accesses_lost(void)
{
	struct vqt_loss l = { .lost = 1, .why = VQT_LOSS_BUFFER };

	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	hand(&l, sizeof(l), VQT_LOSS, VQT_NO_DEVICE);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 15);
	CHECK(!f.vmm[0]->devices->queues->snoop.on);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	CHECK(f.vmm[0]->devices->queues->snoop.on);
	end();
}

/* What can never be made sure is given up, and said to be lost. */
static void given_up(void)
{
	begin();
	set_slot(ram);
	set_up(1ULL << VIRTIO_F_VERSION_1);
	offer();
	look();
	CHECK(output_waits(&f.out));
	follow_drop_all(&f);
	CHECK(!output_waits(&f.out));
	end();
	CHECK_EQ(n[VQT_AVAIL], 0);
	CHECK(more);
}

static struct slots slots;

static enum slots_change event(unsigned kind, unsigned id, uint64_t gpa, uint64_t len,
			       uint64_t host, unsigned width)
{
	struct vqk_event e = { .kind = (uint16_t)kind,
			       .count = id,
			       .addr = gpa,
			       .value = len,
			       .host = host,
			       .width = width };
	struct slot was;

	return slots_event(&slots, &e, &was);
}

static void map(void)
{
	uint64_t host = 0;

	memset(&slots, 0, sizeof(slots));
	CHECK_EQ(event(VQK_SLOT, 0, 0, 0x1000, 0x70000000, 0), SLOTS_SAME);
	CHECK(!slots_find(&slots, 0, 1, &host)); /* it may fail */
	CHECK_EQ(event(VQK_SLOT_SET, 0, 0, 0x1000, 0x70000000, 0), SLOTS_MORE);
	CHECK(slots_find(&slots, 0xfff, 1, &host) && host == 0x70000fff);
	CHECK(!slots_find(&slots, 0xfff, 2, &host) && !slots_find(&slots, 0x1000, 1, &host));
	CHECK(!slots_find(&slots, UINT64_MAX, 2, &host));
	/* of system management mode; private memory; around the end */
	CHECK_EQ(event(VQK_SLOT_SET, 1 << 16, 0x1000, 0x1000, 0x1000, 0), SLOTS_SAME);
	CHECK_EQ(event(VQK_SLOT_SET, 1, 0x1000, 0x1000, 0x1000, 4), SLOTS_SAME);
	CHECK_EQ(event(VQK_SLOT_SET, 1, UINT64_MAX - 5, 0x1000, 0x1000, 0), SLOTS_SAME);
	CHECK_EQ(event(VQK_SLOT, 0, 0x2000, 0x1000, 0x70000000, 0), SLOTS_LESS);
	CHECK(!slots_find(&slots, 0, 1, &host) && !slots_find(&slots, 0x2000, 1, &host));
	CHECK_EQ(event(VQK_SLOT_SET, 0, 0x2000, 0x1000, 0x70000000, 0), SLOTS_MORE);
	CHECK(slots_find(&slots, 0x2000, 0x1000, &host));
	for (unsigned i = 1; i < 2 * SLOTS_MAX; i++)
		event(VQK_SLOT_SET, i, 0x10000ULL * i, 0x1000, 0x70000000 + 0x10000ULL * i, 0);
	CHECK_EQ(slots.n, SLOTS_MAX);
	/* a second machine in the process */
	CHECK_EQ(event(VQK_SLOT, 0, 0x2000, 0x1000, 0x70000000, 9 << VQK_SLOT_FD), SLOTS_LESS);
	CHECK(!slots_find(&slots, 0x2000, 1, &host));
	event(VQK_SLOT_SET, 0, 0x2000, 0x1000, 0x70000000, 0);
	CHECK(!slots_find(&slots, 0x2000, 1, &host));
}

static const struct tap_test tests[] = {
	{ "slots become a map", map },
	{ "chains and completions of a ring that registers set up", followed },
	{ "what is read keeps its order", in_order },
	{ "a reset while it is read", reset_meanwhile },
	{ "set up again, at rest", again_and_at_rest },
	{ "cleared before its end was seen", cleared },
	{ "its slot is removed", slot_removed },
	{ "its slot is replaced while it is at rest", slot_replaced },
	{ "what cannot be followed", refused },
	{ "accesses are missing", accesses_lost },
	{ "what is never sure", given_up },
};

TAP_MAIN(tests)
