/* SPDX-License-Identifier: MIT */
/*
 * A ring read from beside the device, in memory that a hostile driver and a hostile device write as they
 * like.  What comes out must be records that the decoder takes; chains in flight are found within
 * bounds.  Input: kind of ring, then steps.
 */
#include <errno.h>
#include <stdlib.h>

#include "decoder/model/model.h"
#include "decoder/source/flight.h"
#include "decoder/source/snoop.h"
#include "decoder/spec/constants.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM 0x10000u
#define DESC 0u
#define AVAIL 0x1000u
#define USED 0x2000u

static uint8_t ram[RAM] __attribute__((aligned(4096)));
static uint8_t copy[RAM];
static bool copied;
static struct model *model;
static uint64_t number;
static bool packed;
static unsigned entries;

static int read_ram(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	if (gpa > RAM || len > RAM - gpa)
		return -EFAULT;
	memcpy(buf, ram + gpa, len);
	return 0;
}

static const void *map_ram(void *opaque, uint64_t gpa, uint64_t len)
{
	return gpa > RAM || len > RAM - gpa ? NULL : ram + gpa;
}

/* Copies, as old as they may be. */
static int read_copy(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	if (!copied)
		memcpy(copy, ram, sizeof(copy));
	copied = true;
	if (gpa > RAM || len > RAM - gpa)
		return -EFAULT;
	memcpy(buf, copy + gpa, len);
	return 0;
}

static void renew_copy(void *opaque)
{
	copied = false;
}

static int load_copy(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	copied = false;
	return read_copy(opaque, gpa, buf, len);
}

static const struct ring_memory memories[] = {
	{ .read = read_ram, .map = map_ram },
	{ .read = read_ram },
	{ .read = read_copy, .renew = renew_copy, .load = load_copy },
};

static void emit(void *opaque, void *record, size_t len)
{
	struct vqt_hdr *h = record;
	struct record r;
	struct event e;

	h->source = 1;
	h->seq = (uint32_t)number;
	h->ts = number * 1000;
	if (record_parse(&r, record, len, NULL) || model_feed(model, &r, ++number, &e))
		abort();
}

static uint64_t at_most(void *opaque, uint16_t queue)
{
	return number % 3 ? UINT64_MAX : number % 50;
}

static void put16(uint32_t at, uint64_t v)
{
	uint16_t w = (uint16_t)v;

	memcpy(ram + at % (RAM - 1), &w, sizeof(w));
}

static void add16(uint32_t at, uint64_t v)
{
	uint16_t w;

	memcpy(&w, ram + at, sizeof(w));
	put16(at, w + v);
}

/* Almost right. */
static void poke_desc(struct input *in)
{
	uint8_t how = (uint8_t)take(in, 1);
	struct vqt_desc d = { .addr = 0x4000 + 16 * take(in, 1),
			      .len = (uint32_t)(how & 1 ? take(in, 4) : 16 * take(in, 1)),
			      .flags = (uint16_t)take(in, 1),
			      .next = (uint16_t)(take(in, 1) % (entries + 1)) };
	uint32_t at = DESC + 16 * (uint32_t)(take(in, 1) % entries);

	if (how & 2)
		d.addr = take(in, 8);
	if (how & 4)
		at += 0x4000; /* of an indirect table */
	if (packed) {
		uint16_t flags = (uint16_t)(d.flags | (how & 8 ? 0x80 : 0x8000) | (how & 16) << 3);

		d.flags = d.next;
		d.next = flags;
	}
	memcpy(ram + at, &d, sizeof(d));
}

/* One more entry in the available or the used ring. */
static void go_on(struct input *in, bool used)
{
	uint32_t base = used ? USED : AVAIL, width = used ? 8 : 2;
	uint16_t idx;

	memcpy(&idx, ram + base + 2, sizeof(idx));
	put16(base + 4 + idx % entries * width, take(in, 1) % (entries + 1));
	if (used)
		put16(base + 8 + idx % entries * width, take(in, 2));
	add16(base + 2, 1);
}

static void find_flight(const struct snoop *w, struct input *in)
{
	struct ring_reader r = w->ring;
	struct ring_chain c = { 0 };
	struct ring_flight f;

	r.avail = (uint16_t)take(in, 2);
	r.used = (uint16_t)take(in, 2);
	if (!w->on || ring_flight_find(&f, &r))
		return;
	if (f.n > entries || (f.exact && f.n > f.number))
		abort();
	for (uint32_t i = 0; i < f.n; i++)
		ring_flight_read(&r, f.chain + i, &c);
	ring_chain_fini(&c);
	ring_flight_fini(&f);
}

static void step(struct snoop *w, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);

	switch (op & 15) {
	case 0: put16((uint32_t)take(in, 2), take(in, 2)); break;
	case 1:
	case 2: poke_desc(in); break;
	case 3:
	case 4: go_on(in, false); break;
	case 5:
	case 6: go_on(in, true); break;
	case 7: add16(op & 16 ? AVAIL + 2 : USED + 2, take(in, 2)); break;
	case 8: snoop_kick(w, 1, (uint32_t)take(in, 2), 2); break;
	case 9: op & 16 ? snoop_call_late(w) : snoop_call(w); break;
	case 10: snoop_look(w, op & 16); break;
	case 11: snoop_sample(w); break;
	case 12: find_flight(w, in); break;
	case 13:
		if (snoop_moved(w) || snoop_pending(w) || snoop_kick_due(w))
			snoop_look(w, true);
		break;
	case 14: snoop_stop(w); break;
	default: snoop_skip(w); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[VQT_RECORD_MAX] __attribute__((aligned(8)));
	static const uint8_t bits[] = { VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX,
					VIRTIO_F_IN_ORDER };
	const struct snoop_sink sink = { emit, .at_most = at_most, .space = space, .device = 1,
					 .snaplen = 64 };
	struct input in = { data, size };
	struct snoop w;
	uint64_t features = UINT64_C(1) << VIRTIO_F_VERSION_1;
	uint8_t how;

	memset(ram, 0, sizeof(ram));
	copied = false;
	number = 0;
	model = model_new();
	if (!model)
		return 0;
	how = (uint8_t)take(&in, 1);
	packed = how & 8;
	entries = packed ? 1 + (unsigned)take(&in, 1) % 64 : 1U << take(&in, 1) % 7;
	for (unsigned i = 0; i < 3; i++)
		features |= (uint64_t)(how >> i & 1) << bits[i];
	if (packed)
		features |= UINT64_C(1) << VIRTIO_F_RING_PACKED;
	snoop_init(&w, &memories[(how >> 4 & 3) % 3], &sink, 0);
	w.ring.size = (uint16_t)entries;
	w.ring.area[RING_DESC] = DESC;
	w.ring.area[RING_DRIVER] = AVAIL;
	w.ring.area[RING_DEVICE] = how & 0x80 ? RAM - 64 : USED;
	if (!snoop_start(&w, features,
			 how & 0x40 ? (uint32_t)take(&in, 4)
			 : packed   ? RING_BASE_PACKED
				    : 0))
		while (in.left) {
			step(&w, &in);
			if (w.in_flight > w.ids)
				abort();
		}
	snoop_fini(&w);
	model_free(model);
	return 0;
}
