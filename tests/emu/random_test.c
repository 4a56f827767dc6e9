/* SPDX-License-Identifier: MIT */
/*
 * Random valid requests, in random framing, completed in random order, over
 * every kind of ring, against a model of the disk.  TEST_SEED and TEST_ROUNDS
 * make it longer.
 */
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))
#define SLOTS 12
#define SPAN 64 /* sectors each slot has to itself */
#define MAX_SECTORS 16
#define ROOM (BLK_HEADER + MAX_SECTORS * BLK_SECTOR + 64)

static uint64_t state;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

struct slot {
	bool busy;
	uint64_t out, in; /* guest memory: what the device reads, what it writes */
	uint32_t type, sector, sectors, in_len;
	uint8_t want_status;
	uint64_t serial; /* order of submission */
};

struct world {
	struct emu_testbed *r;
	struct emu_driver *d;
	struct slot slot[2][SLOTS];
	uint8_t disk[2 * SLOTS * SPAN * BLK_SECTOR];
	uint64_t submitted[2], completed[2], total;
	bool in_order, sane, msg;
};

/* Cut [gpa, gpa+len) into up to `most` pieces, empty ones among them. */
static unsigned cut(struct emu_seg *seg, uint64_t gpa, uint32_t len, bool writable, unsigned most)
{
	unsigned n = 0, pieces = 1 + rnd(most);
	while (pieces-- > 1) {
		uint32_t part = rnd(len + 1);
		seg[n++] = (struct emu_seg){ gpa, part, writable };
		gpa += part;
		len -= part;
	}
	seg[n++] = (struct emu_seg){ gpa, len, writable };
	return n;
}

static void segment(struct world *w, struct slot *s, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes z = { .sector = s->sector,
						     .num_sectors = s->sectors,
						     .flags = flags };
	memcpy((char *)emu_driver_ptr(w->d, s->out) + BLK_HEADER, &z, sizeof(z));
}

static uint32_t fill(struct world *w, struct slot *s)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,		 VIRTIO_BLK_T_IN,
		VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_FLUSH,	 VIRTIO_BLK_T_GET_ID,
		VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, 0x77
	};
	uint8_t *out = emu_driver_ptr(w->d, s->out);
	struct virtio_blk_outhdr h = { .type = types[rnd(9)], .sector = s->sector };
	uint32_t out_len = BLK_HEADER, bytes = s->sectors * BLK_SECTOR;
	uint8_t *disk = w->disk + s->sector * BLK_SECTOR;
	s->in_len = 1;
	s->want_status = VIRTIO_BLK_S_OK;
	switch (h.type) {
	case VIRTIO_BLK_T_IN: s->in_len += bytes; break;
	case VIRTIO_BLK_T_OUT:
		for (uint32_t i = 0; i < bytes; i++)
			out[BLK_HEADER + i] = disk[i] = rnd(256);
		out_len += bytes;
		break;
	case VIRTIO_BLK_T_GET_ID: s->in_len += VIRTIO_BLK_ID_BYTES; break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		segment(w, s, h.type == VIRTIO_BLK_T_DISCARD ? 0 : rnd(2));
		memset(disk, 0, bytes);
		out_len += BLK_SEGMENT;
		break;
	case 0x77: s->want_status = VIRTIO_BLK_S_UNSUPP; break;
	}
	s->type = h.type;
	memcpy(out, &h, sizeof(h));
	return out_len;
}

static void submit(struct world *w, unsigned qi, unsigned i)
{
	struct emu_driver_queue *q = &w->d->queue[qi];
	struct slot *s = &w->slot[qi][i];
	struct emu_seg seg[16];
	s->sectors = rnd(MAX_SECTORS + 1);
	s->sector = (qi * SLOTS + i) * SPAN + rnd(SPAN - MAX_SECTORS);
	bool indirect = q->indirect && rnd(2);
	uint8_t before[SPAN * BLK_SECTOR];
	memcpy(before, w->disk + (qi * SLOTS + i) * SPAN * BLK_SECTOR, sizeof(before));
	uint32_t out_len = fill(w, s);
	memset(emu_driver_ptr(w->d, s->in), 0xa5, s->in_len);
	unsigned n = cut(seg, s->out, out_len, false, 4);
	n += cut(seg + n, s->in, s->in_len, true, 4);
	if (emu_driver_add(w->d, q, seg, n, indirect, i) < 0) { /* no room: as if it never was */
		memcpy(w->disk + (qi * SLOTS + i) * SPAN * BLK_SECTOR, before, sizeof(before));
		return;
	}
	s->busy = true;
	s->serial = w->submitted[qi]++;
}

static void check(struct world *w, unsigned qi, unsigned i, uint32_t len)
{
	struct slot *s = &w->slot[qi][i];
	const uint8_t *in = emu_driver_ptr(w->d, s->in);
	bool good = s->busy && len == s->in_len && in[s->in_len - 1] == s->want_status;
	if (good && s->type == VIRTIO_BLK_T_IN)
		good = !memcmp(in, w->disk + s->sector * BLK_SECTOR, s->in_len - 1);
	if (good && s->type == VIRTIO_BLK_T_GET_ID)
		good = !memcmp(in, "serial\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	if (good && w->in_order)
		good = s->serial == w->completed[qi];
	if (!good)
		printf("# queue %u slot %u type %u sectors %u: len %u want %u, status %u want %u\n",
		       qi, i, s->type, s->sectors, len, s->in_len, in[s->in_len - 1],
		       s->want_status);
	w->sane &= good;
	w->completed[qi]++;
	w->total++;
	s->busy = false;
}

static void reap(struct world *w)
{
	uint64_t cookie;
	uint32_t len;
	int ret;
	for (unsigned qi = 0; qi < w->d->num_queues; qi++) {
		while ((ret = emu_driver_get(w->d, &w->d->queue[qi], &cookie, &len)) > 0)
			check(w, qi, cookie, len);
		w->sane &= ret == 0;
	}
}

static void one_step(struct world *w)
{
	unsigned qi = rnd(w->d->num_queues), i = rnd(SLOTS);
	unsigned held = emu_backend_defer_held(w->r->backend);
	switch (rnd(6)) {
	case 0:
	case 1:
		if (!w->slot[qi][i].busy)
			submit(w, qi, i);
		break;
	case 2: emu_driver_kick(w->d, &w->d->queue[qi]); break;
	case 3: emu_virtio_run(&w->r->dev->v, rnd(4)); break;
	case 4:
		if (held)
			emu_backend_defer_release(w->r->backend, rnd(held));
		emu_virtio_notify(w->r->v);
		break;
	default: emu_driver_interrupts(w->d, &w->d->queue[qi], rnd(2)); reap(w);
	}
}

static uint64_t all(struct world *w)
{
	return w->submitted[0] + w->submitted[1];
}

static void play(unsigned bits, unsigned rounds)
{
	struct world *w = calloc(1, sizeof(*w));
	struct emu_testbed_options o = {
		.dev = { .v.queues = 2, .v.queue_size = 16, .v.features = ~0ull },
		.disk_size = sizeof(w->disk),
		.message_dma = bits & 32,
		.blk = { .serial = "serial", .max_discard_seg = 4 }
	};
	struct emu_driver_options d = { .queues = 2, .features = { emu_blk.features } };
	d.features[0] |= bits & 1 ? BIT(VIRTIO_F_RING_PACKED) : 0;
	d.features[0] |= bits & 2 ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0;
	d.features[0] |= bits & 4 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
	d.features[0] |= bits & 8 ? BIT(VIRTIO_F_IN_ORDER) : 0;
	d.features[0] |=
		bits & 16 ? BIT(VIRTIO_F_NOTIFICATION_DATA) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) : 0;
	w->in_order = bits & 8;
	w->sane = emu_testbed_new(&w->r, &o) == 0;
	w->d = &w->r->drv;
	w->sane &= emu_driver_start(w->d, &d) == 0;
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		w->slot[i / SLOTS][i % SLOTS].out = emu_driver_alloc(w->d, ROOM, 16);
		w->slot[i / SLOTS][i % SLOTS].in = emu_driver_alloc(w->d, ROOM, 16);
	}
	emu_backend_defer_hold(w->r->backend, true);
	for (unsigned i = 0; i < rounds && w->sane; i++)
		one_step(w);
	emu_backend_defer_hold(w->r->backend, false);
	for (unsigned qi = 0; qi < 2; qi++)
		emu_driver_kick_now(w->d, &w->d->queue[qi]);
	emu_virtio_run(&w->r->dev->v, 0);
	reap(w);
	ok(w->sane && w->total == all(w) && emu_driver_status(w->d) == 0xf,
	   "%s%s%s%s%s%s: %d requests, %u interrupts, %u kicks", bits & 1 ? "packed" : "split",
	   bits & 2 ? " indirect" : "", bits & 4 ? " event-idx" : "", bits & 8 ? " in-order" : "",
	   bits & 16 ? " notification-data" : "", bits & 32 ? " messages" : "", (int)w->total,
	   w->r->msix_total, w->d->kicks);
	emu_testbed_free(w->r);
	free(w);
}

int main(void)
{
	const char *seed = getenv("TEST_SEED"), *rounds = getenv("TEST_ROUNDS");
	state = seed ? strtoull(seed, NULL, 0) | 1 : 0x9e3779b97f4a7c15ull;
	for (unsigned bits = 0; bits < 64; bits++)
		play(bits, rounds ? atoi(rounds) : 3000);
	return done();
}
