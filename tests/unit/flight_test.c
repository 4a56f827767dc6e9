/* SPDX-License-Identifier: MIT */
/*
 * Chains in flight, found in rings that nobody watched: driver and device are this test,
 * which knows which chains they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/source/flight.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "tests/emu/tap.h"

#define SIZE_MAX_HERE 64
#define DESC 0x1000u
#define AVAIL 0x2000u
#define USED 0x3000u
#define RAM 0x4000u

static uint8_t ram[RAM];

static int read_ram(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	if (gpa > RAM || len > RAM - gpa)
		return -1;
	memcpy(buf, ram + gpa, len);
	return 0;
}

static const struct ring_memory memory = { .read = read_ram };

/* A ring, and what is really in flight in it. */
struct side {
	struct ring_reader r;
	uint16_t avail_idx; /* split; packed: the driver's position */
	uint16_t fifo[SIZE_MAX_HERE]; /* available and not popped: heads */
	unsigned nfifo;
	uint16_t flying[SIZE_MAX_HERE]; /* heads, the oldest first */
	uint32_t number[SIZE_MAX_HERE]; /* of them: how many were popped before */
	unsigned nflying;
	bool busy[SIZE_MAX_HERE]; /* by head */
	uint16_t slots[SIZE_MAX_HERE]; /* packed: by buffer id */
	uint32_t popped, used;
};

static void put16(uint64_t at, uint16_t v)
{
	memcpy(ram + at, &v, 2);
}

static void begin(struct side *s, uint16_t size, bool packed, uint16_t base)
{
	memset(ram, 0, sizeof(ram));
	memset(s, 0, sizeof(*s));
	s->r = (struct ring_reader){ .mem = &memory,
				     .size = size,
				     .packed = packed,
				     .indirect = true,
				     .area = { DESC, AVAIL, USED } };
	s->r.avail = s->r.used = s->avail_idx = packed ? virtq_position(0, true) : base;
	put16(AVAIL + VIRTQ_RING_IDX, base);
	put16(USED + VIRTQ_RING_IDX, base);
	for (unsigned i = 0; i < size; i++) /* split: a chain is one descriptor */
		memcpy(ram + DESC + virtq_desc_at(i),
		       &(struct vqt_desc){ 0x100000 + 0x1000 * i, 512, 0, 0 },
		       packed ? 0 : sizeof(struct vqt_desc));
}

static void put_packed(struct side *s, uint16_t head, unsigned slots)
{
	for (unsigned i = 0; i < slots; i++) {
		uint16_t flags = virtq_available_flags(virtq_wrap(s->avail_idx));
		struct vqt_desc d = { 0x100000 + 0x1000 * head, 512, head, 0 };

		d.next = flags | (i + 1 < slots ? VRING_DESC_F_NEXT : 0);
		memcpy(ram + DESC + virtq_desc_at(virtq_slot(s->avail_idx)), &d, sizeof(d));
		s->avail_idx = virtq_advance(s->avail_idx, 1, s->r.size);
	}
	s->slots[head] = (uint16_t)slots;
}

static void offer_long(struct side *s, uint16_t head, unsigned slots)
{
	s->busy[head] = true;
	s->fifo[s->nfifo++] = head;
	if (s->r.packed) {
		put_packed(s, head, slots);
		return;
	}
	put16(AVAIL + virtq_avail_at(s->avail_idx % s->r.size), head);
	put16(AVAIL + VIRTQ_RING_IDX, ++s->avail_idx);
}

static void offer(struct side *s, uint16_t head)
{
	offer_long(s, head, 1);
}

static void pop(struct side *s)
{
	uint16_t head = s->fifo[0];

	memmove(s->fifo, s->fifo + 1, --s->nfifo * sizeof(s->fifo[0]));
	s->number[s->nflying] = s->popped++;
	s->flying[s->nflying++] = head;
	s->r.avail = virtq_after(s->r.avail, s->slots[head], s->r.size, s->r.packed);
}

/* The nth of those in flight, the oldest being 0. */
static void use(struct side *s, unsigned nth)
{
	uint16_t head = s->flying[nth], slot = s->r.used % s->r.size;
	bool wrap = virtq_wrap(s->r.used);
	uint32_t elem[2] = { head, 513 };

	s->nflying--;
	for (unsigned i = nth; i < s->nflying; i++) {
		s->flying[i] = s->flying[i + 1];
		s->number[i] = s->number[i + 1];
	}
	s->busy[head] = false;
	s->used++;
	if (s->r.packed) {
		struct vqt_desc d = { 0, 513, head, virtq_used_flags(wrap) };

		memcpy(ram + DESC + virtq_desc_at(virtq_slot(s->r.used)), &d, sizeof(d));
	} else {
		memcpy(ram + USED + virtq_used_at(slot), elem, sizeof(elem));
		put16(USED + VIRTQ_RING_IDX, s->r.used + 1);
	}
	s->r.used = virtq_after(s->r.used, s->slots[head], s->r.size, s->r.packed);
}

static bool flies(const struct side *s, uint16_t head)
{
	for (unsigned i = 0; i < s->nflying; i++)
		if (s->flying[i] == head)
			return true;
	return false;
}

/* Everything that is called sure is in flight; returns how many of the others are not. */
static unsigned wrong(const struct side *s, const struct ring_flight *f, unsigned *sure_wrong)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++) {
		bool in = flies(s, f->chain[i].head);

		n += !in;
		*sure_wrong += !in && f->chain[i].sure;
	}
	return n;
}

/* The chains in flight are as listed here, and as sure as that. */
static bool finds(struct side *s, unsigned number, unsigned named, unsigned sure)
{
	struct ring_flight f;
	unsigned bad = 0, nsure = 0;
	bool good = ring_flight_find(&f, &s->r) == 0 && f.number == number && f.n == named;

	for (unsigned i = 0; good && i < f.n; i++)
		nsure += f.chain[i].sure;
	good = good && nsure == sure && !wrong(s, &f, &bad) && !bad;
	ring_flight_fini(&f);
	return good;
}

static void split_cases(void)
{
	struct side s;

	begin(&s, 8, false, 0);
	ok(finds(&s, 0, 0, 0), "a ring that nobody used: nothing is in flight");
	for (uint16_t i = 0; i < 3; i++)
		offer(&s, i);
	pop(&s);
	pop(&s);
	ok(finds(&s, 2, 2, 1), "the first chains of a new ring: zeroes are no proof of head 0");
	use(&s, 1);
	pop(&s);
	ok(finds(&s, 2, 2, 1), "one was overtaken: which, is likely in a new ring");

	begin(&s, 8, false, 65530);
	for (unsigned n = 0; n < 40; n++) { /* over the end of the index */
		offer(&s, 3);
		pop(&s);
		use(&s, 0);
	}
	ok(finds(&s, 0, 0, 0), "all used");
	offer(&s, 3);
	pop(&s);
	ok(finds(&s, 1, 1, 0), "the same head again and again: likely, not sure");
	offer(&s, 5);
	pop(&s);
	ok(finds(&s, 2, 2, 1), "and one that was never used");
	offer(&s, 1);
	ok(finds(&s, 2, 2, 1), "one that was not popped is not in flight");

	begin(&s, 8, false, 16);
	offer(&s, 7);
	pop(&s);
	for (unsigned n = 0; n < 20; n++) {
		offer(&s, 2);
		pop(&s);
		use(&s, 1);
	}
	struct ring_flight f;
	ok(ring_flight_find(&f, &s.r) == 0 && f.number == 1 && f.exact &&
		   (!f.n || !f.chain[0].sure),
	   "one that is older than the ring shows: the number is right, no other one is sure");
	ring_flight_fini(&f);

	begin(&s, 8, false, 100);
	s.r.in_order = true;
	for (uint16_t i = 0; i < 6; i++) {
		offer(&s, i);
		pop(&s);
	}
	use(&s, 0);
	use(&s, 0);
	ok(finds(&s, 4, 4, 4), "IN_ORDER: the latest ones");
}

static void packed_cases(void)
{
	struct side s;
	struct ring_flight f;

	begin(&s, 8, true, 0);
	ok(finds(&s, 0, 0, 0), "packed: nothing is in flight");
	offer_long(&s, 0, 3);
	offer_long(&s, 1, 1);
	offer_long(&s, 2, 1);
	pop(&s);
	pop(&s);
	ok(ring_flight_find(&f, &s.r) == 0 && f.number == 1 && !f.exact && f.n == 2 &&
		   f.chain[0].head == 0 && f.chain[1].head == 1 && !f.chain[0].sure,
	   "packed: likely these two, at least one");
	struct ring_chain c = { 0 };
	ok(ring_flight_read(&s.r, &f.chain[0], &c) == 0 && c.ndesc == 3 && c.head == 0,
	   "and their descriptors");
	ring_chain_fini(&c);
	ring_flight_fini(&f);
	use(&s, 1); /* its slot is the third of the other's */
	ok(ring_flight_find(&f, &s.r) == 0 && f.number == 1 && !f.exact &&
		   (!f.n || !f.chain[0].sure),
	   "packed: after one was overtaken nothing is sure");
	ring_flight_fini(&f);

	begin(&s, 8, true, 0);
	for (uint16_t i = 0; i < 3; i++) {
		offer(&s, i);
		pop(&s);
	}
	use(&s, 1); /* over the slot of 0 */
	offer(&s, 1);
	pop(&s);
	ok(ring_flight_find(&f, &s.r) == 0 && f.n == 2 && f.chain[0].head == 2 &&
		   f.chain[1].head == 1 && virtq_slot(f.chain[1].pos) == 3,
	   "packed: an id twice: the earlier chain is done");
	ring_flight_fini(&f);

	begin(&s, 4, true, 0);
	s.r.in_order = true;
	for (unsigned n = 0; n < 9; n++) {
		offer(&s, n % 4);
		pop(&s);
		use(&s, 0);
	}
	offer(&s, 0);
	offer(&s, 1);
	pop(&s);
	pop(&s);
	ok(finds(&s, 2, 2, 2), "packed, IN_ORDER: these two, over the end of the ring");
}

/* Random driver, random device. */
static void play(struct side *s, unsigned steps, unsigned depth)
{
	for (unsigned n = 0; n < steps; n++) {
		unsigned what = (unsigned)rand() % 3;

		if (what == 0 && s->nfifo + s->nflying < depth) {
			uint16_t head = (uint16_t)(rand() % s->r.size);

			while (s->busy[head])
				head = (uint16_t)((head + 1) % s->r.size);
			offer(s, head);
		} else if (what == 1 && s->nfifo) {
			pop(s);
		} else if (what == 2 && s->nflying) {
			use(s, (unsigned)rand() % s->nflying);
		}
	}
}

/* The available ring still has all entries that are in flight. */
static bool all_shown(const struct side *s)
{
	return !s->nflying || s->popped - s->number[0] <= s->r.size - s->nfifo;
}

static void random_split(void)
{
	unsigned sure_wrong = 0, number_wrong = 0, named = 0, likely_wrong = 0, all = 0;

	for (unsigned seed = 1; seed <= 3000; seed++) {
		struct side s;
		struct ring_flight f;
		unsigned n;

		srand(seed);
		begin(&s, (uint16_t)(4u << seed % 5), false, seed % 3 ? (uint16_t)rand() : 0);
		play(&s, (unsigned)rand() % 600, 1 + (unsigned)rand() % s.r.size);
		if (ring_flight_find(&f, &s.r) < 0) {
			number_wrong++;
			continue;
		}
		number_wrong += f.number != s.nflying || !f.exact || f.n > s.nflying;
		all += s.nflying;
		named += f.n;
		n = wrong(&s, &f, &sure_wrong);
		likely_wrong += all_shown(&s) ? n : 0;
		ring_flight_fini(&f);
	}
	is(number_wrong, 0, "3000 random rings: the number is right");
	is(sure_wrong, 0, "no chain that is sure was used");
	is(likely_wrong, 0, "nor one that is likely, where none is older than the ring shows");
	ok(named * 2 > all, "most of them are known: %u of %u", named, all);
}

static void hostile(void)
{
	struct side s;
	struct ring_flight f;
	unsigned bad = 0;

	begin(&s, 8, false, 0);
	s.r.avail = 9;
	is(ring_flight_find(&f, &s.r), -EBADMSG, "more in flight than the ring has room for");
	s.r.avail = 4;
	put16(AVAIL + VIRTQ_RING_IDX, 20);
	is(ring_flight_find(&f, &s.r), -EBADMSG, "more available than it has room for");
	s.r.area[RING_DEVICE] = RAM;
	is(ring_flight_find(&f, &s.r), -EFAULT, "outside memory");
	s.r.size = 0;
	is(ring_flight_find(&f, &s.r), -EBADMSG, "no ring");
	for (unsigned seed = 1; seed <= 2000; seed++) {
		srand(seed);
		begin(&s, (uint16_t)(1u << seed % 7), seed % 2, 0);
		for (unsigned i = DESC; i < RAM; i++)
			ram[i] = seed % 3 ? (uint8_t)rand() : (uint8_t)(rand() % 4 ? 0 : rand());
		s.r.avail = (uint16_t)(rand() % (2 * s.r.size + 1));
		s.r.used = (uint16_t)(s.r.avail - rand() % (s.r.size + 1));
		put16(AVAIL + VIRTQ_RING_IDX, (uint16_t)(s.r.avail + rand() % (s.r.size + 1)));
		if (ring_flight_find(&f, &s.r) < 0)
			continue;
		bad += f.exact && f.n > f.number;
		for (unsigned i = 0; i < f.n; i++) {
			struct ring_chain c = { 0 };

			bad += f.chain[i].head >= s.r.size && !s.r.packed;
			ring_flight_read(&s.r, &f.chain[i], &c);
			ring_chain_fini(&c);
		}
		ring_flight_fini(&f);
	}
	is(bad, 0, "2000 rings of noise: no more chains than the positions say");
}

int main(void)
{
	split_cases();
	packed_cases();
	random_split();
	hostile();
	return done();
}
