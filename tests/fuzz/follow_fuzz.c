/* SPDX-License-Identifier: MIT */
/*
 * Rings of a machine of KVM's, followed by what registers and memory slots tell: a hostile guest writes
 * any register and any memory, a hostile monitor gives any slots.  This process is the monitor, and 64
 * KiB of it the guest's memory.  Input: steps.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/follow/impl.h"
#include "decoder/spec/constants.h"
#include "decoder/util/clock.h"
#include "decoder/util/guard.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA UINT64_C(0x100000)
#define LEN 65536u
#define KVM 1 /* the source */
#define DEVICE 1
#define SIZE 8u
enum { DESC = 0x1000, DRIVER = 0x2000, USED = 0x3000, HEADER = 0x4000 };

static struct follow_source f;
static uint8_t *ram;
static struct model *out; /* what a reader of the trace makes of it */
static uint64_t number, last_ts;

static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;
	struct event e;

	if (record_parse(&r, record, len, NULL) || r.h.ts < last_ts)
		abort();
	last_ts = r.h.ts;
	if (model_feed(out, &r, ++number, &e))
		abort();
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

static void slot(unsigned kind, uint64_t gpa, uint64_t len, uint64_t host, unsigned more)
{
	struct vqk_event e = { .h.ts = clock_ns(CLOCK_MONOTONIC),
			       .kind = (uint16_t)kind,
			       .addr = gpa,
			       .value = len,
			       .host = host,
			       .width = more };

	follow_on_slot(&f, KVM, &e);
}

static void set_up(uint64_t features)
{
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		write_common(VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		write_common(VIRTIO_PCI_COMMON_GF, 4, features >> 32 * i & 0xffffffff);
	}
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	write_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	write_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, SIZE);
	write_common(VIRTIO_PCI_COMMON_Q_DESCLO, 4, GPA + DESC);
	write_common(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, GPA + DRIVER);
	write_common(VIRTIO_PCI_COMMON_Q_USEDLO, 4, GPA + USED);
	write_common(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	write_common(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void add16(uint32_t at, unsigned n)
{
	uint16_t w;

	memcpy(&w, ram + at, sizeof(w));
	w = (uint16_t)(w + n);
	memcpy(ram + at, &w, sizeof(w));
}

/* Almost right. */
static void poke_desc(struct input *in)
{
	uint8_t how = (uint8_t)take(in, 1);
	struct vring_desc d = { .addr = GPA + HEADER + 16 * take(in, 1),
				.len = (uint32_t)take(in, how & 1 ? 4 : 1),
				.flags = (uint16_t)take(in, 1),
				.next = (uint16_t)(take(in, 1) % (SIZE + 1)) };

	if (how & 2)
		d.addr = take(in, 8);
	if (how & 4)
		d.next ^= how & 8 ? 0x8000 : 0x80; /* packed: flags */
	memcpy(ram + DESC + (how >> 4) % SIZE * 16, &d, sizeof(d));
}

static void any_slot(struct input *in)
{
	static const uint64_t lens[] = { 0, 4096, LEN, LEN / 2 + 1, UINT64_C(1) << 40 };
	uint8_t how = (uint8_t)take(in, 1);
	uint64_t gpa = how & 1 ? GPA : GPA + take(in, 2), len = lens[how / 4 % 5];
	uint64_t host = (uintptr_t)ram + (how & 2 ? take(in, 2) : 0);

	if (how & 0x80)
		host = take(in, 8);
	slot(VQK_SLOT, gpa, len, host, how >> 5 & 1);
	if (!(how & 0x40))
		slot(VQK_SLOT_SET, gpa, len, host, how >> 5 & 1);
}

static void step(struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);

	switch (op & 15) {
	case 0: set_up(UINT64_C(1) << VIRTIO_F_VERSION_1 | (uint64_t)(op >> 4) << 28); break;
	case 1:
		set_up(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_RING_PACKED);
		break;
	case 2: write_common((uint32_t)take(in, 1) & 63, 1U << (op >> 4 & 3), take(in, 8)); break;
	case 3: write_common(VIRTIO_PCI_COMMON_STATUS, 1, take(in, 1)); break;
	case 4: any_slot(in); break;
	case 5: ram[take(in, 2) % LEN] = (uint8_t)take(in, 1); break;
	case 6:
	case 7: poke_desc(in); break;
	case 8: add16(DRIVER + 2, op >> 4); break;
	case 9: add16(USED + 2, op >> 4); break;
	case 10: ram[DRIVER + 4 + op / 16] = (uint8_t)take(in, 1); break;
	case 11: ram[USED + 4 + take(in, 1) % 64] = (uint8_t)take(in, 1); break;
	case 12: output_flush(&f.out); break;
	case 13: {
		struct vqt_kick k = { .width = 2 };

		hand(&k, sizeof(k), VQT_KICK, DEVICE);
		break;
	}
	default:
		for (unsigned i = 0; i < f.nvmms; i++)
			follow_look(f.vmm[i], op & 16, clock_ns(CLOCK_MONOTONIC));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vqt_source s = { .kind = VQT_SRC_KVM, .pid = (uint32_t)getpid() };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .transport = VQT_TRANSPORT_PCI };
	struct input in = { data, size };

	guard_install();
	memset(&f, 0, sizeof(f));
	number = last_ts = 0;
	f.request.record = on_record;
	f.request.snaplen = 32;
	f.out.emit = follow_emit;
	f.out.ctx = &f;
	f.model = model_new();
	out = model_new();
	f.space = aligned_alloc(8, VQT_RECORD_MAX);
	ram = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!f.model || !out || !f.space || ram == MAP_FAILED)
		abort();
	hand(&s, sizeof(s), VQT_SOURCE, VQT_NO_DEVICE);
	hand(&d, sizeof(d), VQT_DEVICE, DEVICE);
	if (take(&in, 1) & 1) {
		slot(VQK_SLOT, GPA, LEN, (uintptr_t)ram, 0);
		slot(VQK_SLOT_SET, GPA, LEN, (uintptr_t)ram, 0);
		set_up(UINT64_C(1) << VIRTIO_F_VERSION_1);
	}
	for (unsigned i = 0; in.left && i < 100; i++)
		step(&in);
	output_flush(&f.out);
	for (unsigned i = 0; i < f.nvmms; i++)
		follow_free_vmm(f.vmm[i]);
	output_free(&f.out);
	model_free(f.model);
	model_free(out);
	free(f.space);
	munmap(ram, LEN);
	return 0;
}
