/* SPDX-License-Identifier: MIT */
/*
 * A split ring that is read by way of copies: of its memory, whose words change between two reads, and of
 * snapshots, which say what the kernel's look has found, and whose bytes a guest has chosen.  Input: size of
 * what can be read; then one step after the other.
 */
#include <stdlib.h>

#include "bpf/memory/copies.h"
#include "bpf/memory/snapshot.h"
#include "decoder/source/ring.h"
#include "tests/fuzz/input.h"
#include "tests/unit/fake_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA UINT64_C(0x4000000)
enum { DESC = 0, DRIVER = 0x1000, DEVICE = 0x2000, SIZE = 8 };

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory fake;
static struct input in;
static ssize_t (*really)(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf);

static ssize_t changing(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	if (take(&in, 1) & 1) {
		uint32_t at = (uint32_t)take(&in, 2) % (FAKE_SIZE - 8);
		uint64_t word = take(&in, 8);

		memcpy(bytes + at, &word, 8);
	}
	return really(m, range, n, buf);
}

static void watch(struct copies *c)
{
	const uint64_t word[COPIES_WORDS] = { FAKE_BASE + DRIVER + 2, FAKE_BASE + DEVICE + 2 };

	copies_watch(c, word, COPIES_WORDS);
}

static void look(struct copies *c)
{
	struct iovec range[COPIES_RANGES];
	uint8_t buf[COPIES_FRONT];
	unsigned n = (unsigned)take(&in, 1) % (COPIES_RANGES + 1);

	for (unsigned i = 0; i < n; i++)
		range[i] = (struct iovec){ (void *)(uintptr_t)(FAKE_BASE + take(&in, 2)),
					   (size_t)take(&in, 1) };
	copies_look(c, range, n, buf);
}

/* How many blocks there are is the program's word; all else may be anything. */
static void take_snapshot(struct copies *c, const struct ring_reader *r)
{
	static const uint64_t host[RING_AREAS] = { FAKE_BASE + DESC, FAKE_BASE + DRIVER,
						   FAKE_BASE + DEVICE };
	static struct vqs_snapshot s;
	size_t n = sizeof(s.driver);

	memset(&s, 0, sizeof(s));
	s.ended = take(&in, 1);
	s.unsure = (uint32_t)take(&in, 1) & 1;
	s.avail_from = (uint16_t)take(&in, 2);
	s.used_from = (uint16_t)take(&in, 2);
	memcpy(s.driver, take_bytes(&in, &n), n);
	n = sizeof(s.device);
	memcpy(s.device, take_bytes(&in, &n), n);
	s.n = (uint32_t)take(&in, 1) % (VQS_BLOCKS + 1);
	for (uint32_t i = 0; i < s.n; i++) {
		n = VQS_BLOCK;
		s.block[i] = FAKE_BASE / VQS_BLOCK + take(&in, 1);
		memcpy(s.bytes + (size_t)i * VQS_BLOCK, take_bytes(&in, &n), n);
	}
	snapshot_goes_on(&s, r, host);
	snapshot_words(&s);
	copies_take(c, &s);
}

static void read_ring(struct ring_reader *r)
{
	static struct ring_chain chain;
	struct ring_entry e;
	struct vqt_ring state;
	uint16_t after;

	if (ring_pending(r) == 1 && ring_chain(r, &chain, &after) == 1) {
		if (chain.ndesc > chain.cap)
			abort();
		r->avail = after;
	}
	if (ring_used(r, r->used, true, &e) == 1)
		r->used++;
	ring_snapshot(r, &state);
}

/* What was read of a copy is as it was when the copy was made: twice the same. */
static void read_twice(struct copies_of *of)
{
	uint8_t a[2 * COPIES_BLOCK], b[2 * COPIES_BLOCK];
	uint64_t gpa = GPA + take(&in, 2);
	size_t len = 1 + (size_t)take(&in, 1);

	if (copies_read(of, gpa, a, len) || !of->c->n || of->c->n > COPIES_MOST)
		return;
	if (len <= COPIES_BLOCK && (gpa % COPIES_BLOCK) + len <= COPIES_BLOCK &&
	    (copies_read(of, gpa, b, len) || memcmp(a, b, len)))
		abort();
}

static void step(struct copies_of *of, struct ring_reader *r)
{
	switch (take(&in, 1) % 7) {
	case 0: watch(of->c); break;
	case 1: look(of->c); break;
	case 2: take_snapshot(of->c, r); break;
	case 3: copies_renew(of); break;
	case 4: read_ring(r); break;
	case 5: read_twice(of); break;
	case 6: fake.size = (size_t)take(&in, 2); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct copies copies;
	struct guest_memory guest = { .m = &fake.m, .areas_only = true };
	struct copies_of of = { &copies, &guest };
	const struct ring_memory memory = {
		.opaque = &of, .read = copies_read, .load = copies_load, .renew = copies_renew
	};
	struct ring_reader r = { .mem = &memory,
				 .size = SIZE,
				 .indirect = true,
				 .event_idx = true,
				 .area = { GPA + DESC, GPA + DRIVER, GPA + DEVICE } };
	const char *why;

	in = (struct input){ data, size };
	memset(bytes, 0, sizeof(bytes));
	memset(&copies, 0, sizeof(copies));
	fake_init(&fake, bytes, sizeof(bytes));
	really = fake.m.read;
	fake.m.read = changing;
	copies.m = &fake.m;
	guest_learn(&guest, GPA, FAKE_BASE, FAKE_SIZE);
	watch(&copies);
	if (ring_start(&r, 0, &why))
		return 0;
	for (unsigned i = 0; i < 200 && in.left; i++)
		step(&of, &r);
	return 0;
}
