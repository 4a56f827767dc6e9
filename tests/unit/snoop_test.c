/* SPDX-License-Identifier: MIT */
/* A ring watched from beside: driver and device are this test, and write as they like. */
#include <stdlib.h>
#include <string.h>

#include "decoder/source/snoop.h"
#include "decoder/spec/constants.h"
#include "tests/emu/tap.h"

#define RAM 0x10000u
#define SIZE 8
#define AVAIL 0x1000u
#define USED 0x2000u
#define HEADER(id) (0x4000u + 0x100u * (id))
#define STATUS(id) (HEADER(id) + 0x20)
#define PUT16(at, v) memcpy(ram + (at), &(uint16_t){ v }, 2)

static uint8_t ram[RAM] __attribute__((aligned(4096)));
static struct snoop w;
static uint16_t avail_idx, used_idx;
static struct {
	uint8_t type[64];
	uint16_t id[64], flags[64], ndesc[64];
	uint8_t status[64];
	unsigned n;
} log_;

static int read_ram(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	if (gpa > RAM || len > RAM - gpa)
		return -1;
	memcpy(buf, ram + gpa, len);
	return 0;
}

static const void *map_ram(void *opaque, uint64_t gpa, uint64_t len)
{
	return gpa > RAM || len > RAM - gpa ? NULL : ram + gpa;
}

/* Copies of everything, as old as they may be. */
static uint8_t old[sizeof(ram)];
static bool have_old;

static int read_old(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	if (!have_old)
		memcpy(old, ram, sizeof(old));
	have_old = true;
	if (gpa > RAM || len > RAM - gpa)
		return -1;
	memcpy(buf, old + gpa, len);
	return 0;
}

static int load_old(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	have_old = false;
	return read_old(opaque, gpa, buf, len);
}

static void renew_old(void *opaque)
{
	have_old = false;
}

static uint64_t most;

static uint64_t at_most(void *opaque, uint16_t queue)
{
	return most;
}

static void emit(void *opaque, void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	unsigned i = log_.n;
	if (i == 64)
		return;
	memset(&log_.flags[i], 0, sizeof(log_.flags[i]));
	log_.type[i] = h->type;
	if (h->type == VQT_AVAIL) {
		const struct vqt_avail *a = record;
		log_.id[i] = a->head;
		log_.flags[i] = a->flags;
		log_.ndesc[i] = a->ndesc;
	} else if (h->type == VQT_USED) {
		const struct vqt_used *u = record;
		log_.id[i] = u->id;
		log_.flags[i] = u->flags;
		log_.status[i] = u->status;
	} else if (h->type == VQT_LOSS) {
		const struct vqt_loss *l = record;
		log_.id[i] = (uint16_t)l->lost;
		log_.flags[i] = (uint16_t)l->flags;
	}
	log_.n++;
}

static const struct ring_memory mapped = { .read = read_ram, .map = map_ram };
static const struct ring_memory copied = { .read = read_ram };
static const struct ring_memory copies = { .read = read_old, .renew = renew_old, .load = load_old };
static const struct ring_memory *memory = &mapped;

static void begin(uint64_t features, uint32_t base)
{
	static uint8_t space[VQT_RECORD_MAX] __attribute__((aligned(8)));
	static const struct snoop_sink sink = { emit, .at_most = at_most, .space = space,
						.device = 1, .snaplen = 64 };

	most = UINT64_MAX;
	have_old = false;
	memset(ram, 0, sizeof(ram));
	memset(&log_, 0, sizeof(log_));
	snoop_init(&w, memory, &sink, 0);
	w.ring.size = SIZE;
	w.ring.area[RING_DRIVER] = AVAIL;
	w.ring.area[RING_DEVICE] = USED;
	avail_idx = used_idx = base;
	PUT16(AVAIL + 2, base);
	PUT16(USED + 2, base);
	is(snoop_start(&w, features, base), 0, "the ring can be followed");
}

static void end(void)
{
	snoop_fini(&w);
}

/* --- split ------------------------------------------------------------------ */

/* Two descriptors, id and id + 1: a header that begins with mark, a status byte. */
static void prepare(uint16_t id, uint8_t mark)
{
	struct vqt_desc d[2] = { { HEADER(id), 16, VRING_DESC_F_NEXT, id + 1 },
				 { STATUS(id), 1, VRING_DESC_F_WRITE, 0 } };
	memcpy(ram + 16 * id, d, sizeof(d));
	ram[HEADER(id)] = mark;
	ram[STATUS(id)] = 0xff;
}

static void offer(uint16_t id, uint8_t mark)
{
	prepare(id, mark);
	PUT16(AVAIL + 4 + 2 * (avail_idx % SIZE), id);
	avail_idx++;
	PUT16(AVAIL + 2, avail_idx);
}

static void finish(uint16_t id)
{
	uint32_t elem[2] = { id, 1 };
	ram[STATUS(id)] = 0;
	memcpy(ram + USED + 4 + 8 * (used_idx % SIZE), elem, sizeof(elem));
	used_idx++;
	PUT16(USED + 2, used_idx);
}

static bool is_used(unsigned i, uint16_t id, bool status)
{
	return i < log_.n && log_.type[i] == VQT_USED && log_.id[i] == id &&
	       !(log_.flags[i] & VQT_USED_STATUS) == !status && (!status || !log_.status[i]);
}

static bool is_chain(unsigned i, uint16_t id, uint16_t flags)
{
	return i < log_.n && log_.type[i] == VQT_AVAIL && log_.id[i] == id &&
	       log_.flags[i] == flags && log_.ndesc[i] == (flags & VQT_CHAIN_CUT ? 0 : 2);
}

static void in_time(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 65534);
	for (unsigned round = 0; round < 4; round++) { /* over the end of the index */
		log_.n = 0;
		offer(0, 1);
		snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
		finish(0);
		snoop_call(&w);
		ok(log_.n == 4 && log_.type[0] == VQT_KICK && is_chain(1, 0, 0) &&
			   is_used(2, 0, true) && log_.type[3] == VQT_IRQ,
		   "kick, chain, used with its status, interrupt");
	}
	is(w.stats.late + w.stats.unread + w.stats.unsure + w.stats.lost, 0,
	   "nothing late, nothing lost");
	end();
}

static void late(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	snoop_look(&w, true);
	ok(is_chain(0, 0, VQT_CHAIN_LATE), "found without a kick: late, but whole");
	offer(2, 1);
	finish(2);
	snoop_look(&w, true);
	ok(is_chain(1, 2, VQT_CHAIN_CUT | VQT_CHAIN_LATE),
	   "used before it was read: without descriptors");
	ok(is_used(2, 2, false), "and used without a status");
	is(w.stats.unread, 1, "which is counted");
	finish(0);
	offer(0, 2); /* at once again */
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	ok(is_used(3, 0, false) && log_.type[4] == VQT_KICK && is_chain(5, 0, 0),
	   "used and made available again: told in that order, the status left out");
	is(w.stats.unsure, 2, "which is counted");
	end();
}

/* Who watches was held up: a notification that waits belongs to what was used before. */
static void held_up(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	offer(2, 1);
	offer(4, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(0);
	snoop_look(&w, true);
	finish(2);
	snoop_call_late(&w);
	ok(log_.n == 7 && is_used(4, 0, true) && log_.type[5] == VQT_IRQ && is_used(6, 2, true),
	   "a late call is of what was known to be used, not of what is found now");
	finish(4);
	snoop_call(&w);
	log_.n = 0;
	offer(0, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(0);
	snoop_call_late(&w);
	ok(log_.n == 4 && is_used(2, 0, true) && log_.type[3] == VQT_IRQ,
	   "where nothing was known, it is of that");
	end();
}

/* The driver prepares its next one where the used one was, and has not said so yet. */
static void reused(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(0);
	prepare(0, 2);
	snoop_call(&w);
	ok(is_used(2, 0, false), "another header where the used one was: its status is not told");
	end();
}

static void out_of_order(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	offer(2, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(2);
	offer(4, 1);
	finish(4);
	offer(2, 3);
	snoop_look(&w, true);
	ok(is_used(3, 2, false) && is_chain(4, 4, VQT_CHAIN_CUT | VQT_CHAIN_LATE) &&
		   is_used(5, 4, false) && is_chain(6, 2, VQT_CHAIN_LATE),
	   "whatever the order, use comes before the next chain with that id");
	log_.n = 0;
	snoop_stop(&w);
	ok(log_.n == 2 && log_.flags[0] == VQT_USED_DETACHED && log_.flags[1] == VQT_USED_DETACHED,
	   "what the device had not used when it stopped is given up");
	end();
}

static void overrun(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	for (unsigned i = 0; i < 3 * SIZE; i++) {
		offer(2 * (i % 3), i);
		finish(2 * (i % 3));
	}
	snoop_look(&w, true);
	ok(log_.n == 1 && log_.type[0] == VQT_LOSS, "more than the ring shows: a loss");
	is(w.stats.lost, 3 * SIZE, "of so many");
	is(w.stats.lost_more, 1, "or 65536 more");
	offer(0, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(0);
	snoop_call(&w);
	ok(is_chain(2, 0, 0) && is_used(3, 0, true), "and it goes on from there");
	end();
}

/* Who knows how many there can have been knows how many there were. */
static void overrun_known(void)
{
	static const struct {
		uint64_t most;
		uint64_t lost, more;
	} cases[] = {
		{ UINT64_MAX, 3 * SIZE, 1 }, { 65536, 3 * SIZE, 1 }, { 65535, 3 * SIZE, 0 },
		{ 3 * SIZE, 3 * SIZE, 0 },   { 3 * SIZE - 1, 0, 1 }, { 0, 0, 1 },
	};

	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		begin(1ull << VIRTIO_F_VERSION_1, 65530);
		most = cases[c].most;
		for (unsigned i = 0; i < 3 * SIZE; i++) {
			offer(2 * (i % 3), i);
			finish(2 * (i % 3));
		}
		snoop_look(&w, true);
		is(w.stats.lost, cases[c].lost, "lost, of %llu at most", (unsigned long long)most);
		is(w.stats.lost_more, cases[c].more, "or more");
		is(w.ring.used, used_idx, "followed from where it is");
		end();
	}
}

static void moved(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0xfffe);
	for (unsigned i = 0; i < 4; i++) {
		ok(!snoop_moved(&w), "nothing has happened");
		offer(0, 1);
		ok(snoop_moved(&w), "a chain");
		snoop_look(&w, true);
		ok(!snoop_moved(&w), "which is known");
		finish(0);
		ok(snoop_moved(&w), "its use");
		snoop_look(&w, true);
	}
	snoop_stop(&w);
	offer(0, 1);
	ok(!snoop_moved(&w), "a ring that is not followed");
	end();
}

static void bad_driver(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	PUT16(12, VRING_DESC_F_NEXT);
	PUT16(14, 77);
	offer(2, 1);
	PUT16(AVAIL + 4 + 2 * (avail_idx % SIZE), 99);
	avail_idx++;
	PUT16(AVAIL + 2, avail_idx);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	ok(log_.type[1] == VQT_AVAIL && log_.flags[1] == VQT_CHAIN_BAD_NEXT,
	   "a chain that leads nowhere");
	ok(is_chain(2, 2, 0), "the next one is read all the same");
	ok(log_.type[3] == VQT_AVAIL && log_.flags[3] == VQT_CHAIN_BAD_HEAD,
	   "a head outside the table");
	finish(0);
	offer(2, 1); /* in flight */
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	ok(is_used(4, 0, false), "the bad chain is used: where its status is nobody knows");
	ok(log_.type[6] == VQT_AVAIL && log_.flags[6] == VQT_CHAIN_BAD_HEAD,
	   "a head in flight is told as such");
	end();
}

static void bad_device(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	offer(0, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(5);
	snoop_call(&w);
	ok(is_used(2, 5, false) && !(log_.flags[2] & VQT_USED_SYNTHETIC),
	   "an id that nobody offered");
	finish(0);
	snoop_call(&w);
	ok(is_used(4, 0, true), "the one that was is still known");
	end();
}

static void in_order(void)
{
	begin(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_IN_ORDER, 0);
	offer(0, 1);
	offer(2, 1);
	offer(4, 1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish(4); /* one entry for all three */
	used_idx += 2;
	PUT16(USED + 2, used_idx);
	snoop_call(&w);
	ok(log_.type[4] == VQT_USED && log_.id[4] == 0 && log_.flags[4] & VQT_USED_SYNTHETIC &&
		   log_.id[5] == 2 && is_used(6, 4, true) && log_.type[7] == VQT_IRQ,
	   "IN_ORDER: one used entry stands for those before it");
	is(w.in_flight, 0, "and none is left in flight");
	end();
}

static void notifications(void)
{
	begin(1ull << VIRTIO_F_VERSION_1, 0);
	ok(!snoop_pending(&w), "nothing there");
	offer(0, 1);
	ok(snoop_pending(&w) && snoop_kick_due(&w), "an entry that a kick is due for");
	PUT16(USED, VRING_USED_F_NO_NOTIFY);
	ok(!snoop_kick_due(&w), "the device asked for none");
	end();
	begin(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_EVENT_IDX, 0);
	offer(0, 1);
	ok(snoop_pending(&w) && snoop_kick_due(&w), "event index: its mark is passed");
	PUT16(USED + 4 + 8 * SIZE, 5);
	ok(!snoop_kick_due(&w), "event index: not passed");
	end();
}

/* --- packed ------------------------------------------------------------------ */

static uint16_t slot;
static bool wrap;

static void put_packed(uint16_t at, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t id, flags;
	} d = { addr, len, id, flags };
	memcpy(ram + 16 * at, &d, sizeof(d));
}

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED (1u << VRING_PACKED_DESC_F_USED)

static void offer_packed(uint16_t id)
{
	for (int i = 0; i < 2; i++) {
		uint16_t flags =
			(wrap ? F_AVAIL : F_USED) | (i ? VRING_DESC_F_WRITE : VRING_DESC_F_NEXT);
		put_packed(slot, i ? STATUS(id) : HEADER(id), i ? 1 : 16, id, flags);
		wrap ^= slot + 1 == SIZE;
		slot = (slot + 1) % SIZE;
	}
	ram[STATUS(id)] = 0xff;
}

static void finish_packed(uint16_t at, bool w_, uint16_t id)
{
	ram[STATUS(id)] = 0;
	put_packed(at, 0, 1, id, VRING_DESC_F_WRITE | (w_ ? F_AVAIL | F_USED : 0));
}

static void packed(void)
{
	unsigned at = 0;
	bool w_ = true;
	slot = 0;
	wrap = true;
	begin(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED, 0x80008000);
	for (unsigned i = 0; i < 6; i++) { /* twice round: 8 slots of 2 */
		log_.n = 0;
		ok(!snoop_moved(&w), "packed: nothing has happened");
		offer_packed(i & 1);
		ok(snoop_moved(&w), "packed: a chain");
		snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
		ok(!snoop_moved(&w), "packed: which is known");
		finish_packed(at, w_, i & 1);
		ok(snoop_moved(&w), "packed: its use");
		snoop_call(&w);
		ok(log_.n == 4 && is_chain(1, i & 1, 0) && is_used(2, i & 1, true),
		   "packed: kick, chain, used with its status, interrupt");
		w_ ^= at + 2 >= SIZE;
		at = (at + 2) % SIZE;
	}
	ok(log_.flags[2] & VQT_USED_WRITE, "packed: used with WRITE");
	log_.n = 0;
	offer_packed(0);
	offer_packed(1);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	finish_packed(at, w_, 1); /* over the other's descriptor */
	snoop_call(&w);
	ok(is_used(3, 1, true), "packed: out of order");
	ram[STATUS(0)] = 0;
	put_packed(at + 2, 0, 16, 0, w_ ? F_AVAIL | F_USED : 0); /* len as the driver wrote it */
	snoop_call(&w);
	ok(is_used(5, 0, true) && !(log_.flags[5] & VQT_USED_WRITE),
	   "packed: whose descriptor was overwritten; used without WRITE");
	at += 4;
	log_.n = 0;
	offer_packed(0);
	finish_packed(at % SIZE, w_ ^ (at >= SIZE), 0);
	snoop_look(&w, true);
	ok(log_.n && log_.type[0] == VQT_LOSS && !w.on,
	   "packed: used before it was seen: lost, no guess");
	ok(!log_.id[0] && log_.flags[0] == VQT_LOSS_MORE && w.stats.lost_more == 1,
	   "packed: nobody knows how many");
	end();
}

#define PACKED (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED)

/* DPDK names only the available half of a packed base. */
static void packed_half_base(void)
{
	slot = 0;
	wrap = true;
	begin(PACKED, 0x8000);
	is(w.ring.used, 0x8000, "packed: a new ring is used up to where it is available");
	offer_packed(0);
	snoop_kick(&w, VQT_KICK_IOEVENTFD, 0, 0);
	ok(log_.n == 2 && is_chain(1, 0, 0) && w.on, "packed: its chains can be read");
	log_.n = 0;
	snoop_look(&w, true);
	ok(!log_.n && w.on && w.in_flight == 1, "packed: an idle queue loses nothing");
	finish_packed(0, true, 0);
	snoop_call(&w);
	ok(is_used(0, 0, true), "packed: and it is followed on");
	end();

	begin(PACKED, 0x8003); /* a lap cannot be more than a lap ahead */
	is(w.ring.used, 0x8003, "packed: a used position that cannot be is the available one");
	end();

	slot = 0;
	wrap = false;
	begin(PACKED, 0x8000);
	for (uint16_t id = 0; id < SIZE / 2; id++)
		offer_packed(id);
	snoop_stop(&w);
	is(snoop_start(&w, PACKED, 0x8000), 0, "packed: a full ring can be followed");
	is(w.ring.used, 0, "packed: all of it is in flight, and slot 0 is the next used");
	is(snoop_start(&w, PACKED, 0x0004), 0, "packed: started in the middle of a lap");
	is(w.ring.used, 0, "packed: what is before it is in flight");
	finish_packed(0, false, 0);
	is(snoop_start(&w, PACKED, 0x0004), 0, "packed: started after entry 0 was used");
	is(w.ring.used, 4, "packed: the used half was left out");
	end();
}

static void all(const struct ring_memory *m)
{
	memory = m;
	in_time();
	late();
	held_up();
	reused();
	out_of_order();
	overrun();
	overrun_known();
	moved();
	bad_driver();
	bad_device();
	in_order();
	notifications();
	packed();
	packed_half_base();
}

int main(void)
{
	all(&mapped);
	all(&copied);
	all(&copies);
	return done();
}
