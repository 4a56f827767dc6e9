/* SPDX-License-Identifier: MIT */
/* Virtqueue arithmetic against models that walk one entry or slot at a time. */
#include <linux/virtio_ring.h>
#include <stdint.h>

#include "decoder/util/virtqueue.h"
#include "tests/unit/tap.h"

#define SIZES 9 /* of packed rings: 1 to SIZES, not only powers of 2 */

/* A packed position as 2.8.1 defines it: a slot, and a counter that flips at the end. */
struct walker {
	unsigned slot, size;
	bool wrap;
};

static void step(struct walker *w)
{
	if (++w->slot == w->size) {
		w->slot = 0;
		w->wrap = !w->wrap;
	}
}

static uint16_t at(const struct walker *w)
{
	return (uint16_t)(w->slot | (w->wrap ? 0x8000 : 0));
}

/* Split: indices around the turn at 2^16, every event near them. */
static void events_split(void)
{
	static const uint16_t starts[] = { 0, 1, 0x7ffe, 0x8000, 0xfff0, 0xffff };
	unsigned wrong = 0;

	for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
		for (unsigned moved = 0; moved <= 20; moved++)
			for (unsigned near = 0; near <= 60; near++) {
				uint16_t old = starts[s], event = (uint16_t)(old - 20 + near);
				bool due = false;

				for (uint16_t i = old; i != (uint16_t)(old + moved); i++)
					due |= i == event; /* this entry was added */
				wrong += virtq_need_event(event, (uint16_t)(old + moved), old) !=
					 due;
			}
	CHECK_EQ(wrong, 0);
}

static void passed(void)
{
	CHECK(!virtq_passed(5, 5) && virtq_passed(5, 6) && !virtq_passed(5, 4));
	CHECK(virtq_passed(0xffff, 0) && !virtq_passed(0, 0xffff));
	CHECK(virtq_passed(0, 0x8000) && !virtq_passed(0, 0x8001));
}

static void positions(void)
{
	unsigned wrong = 0;

	for (unsigned pos = 0; pos < 65536; pos++)
		wrong +=
			virtq_position(virtq_slot((uint16_t)pos), virtq_wrap((uint16_t)pos)) != pos;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(virtq_position(3, true), 1 << VRING_PACKED_EVENT_F_WRAP_CTR | 3);
}

/* From each position of a ring, as many slots on as there are in three laps. */
static void walks(void)
{
	unsigned wrong = 0;

	for (unsigned size = 1; size <= SIZES; size++) {
		struct walker from = { .size = size, .wrap = true };

		for (unsigned a = 0; a < 2 * size; a++, step(&from)) {
			struct walker to = from;

			wrong += virtq_number(at(&from), size) != a;
			wrong += virtq_numbered(a, size) != at(&from);
			for (unsigned n = 0; n <= 3 * size; n++, step(&to)) {
				if (n <= size)
					wrong += virtq_advance(at(&from), n, size) != at(&to);
				wrong += virtq_numbered(a + n, size) != at(&to);
				wrong += virtq_slots_between(at(&from), at(&to), size) !=
					 n % (2 * size);
			}
		}
		CHECK_EQ(at(&from), 0x8000); /* two laps: where it began */
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(virtq_advance(0x8000 | 32767, 1, 32768), 0);
	CHECK_EQ(virtq_numbers(8, true), 16);
	CHECK_EQ(virtq_numbers(8, false), 65536);
}

/* Packed: every event, every number of slots that can have been added since. */
static void events_packed(void)
{
	unsigned wrong = 0;

	for (unsigned size = 1; size <= SIZES; size++)
		for (unsigned old = 0; old < 2 * size; old++)
			for (unsigned event = 0; event < 2 * size; event++) {
				bool due = false;

				for (unsigned moved = 0; moved <= size; moved++) {
					uint16_t now = virtq_numbered(old + moved, size);

					wrong +=
						virtq_packed_need_event(virtq_numbered(event, size),
									now, moved, size) != due;
					due |= (old + moved) % (2 * size) == event;
				}
			}
	CHECK_EQ(wrong, 0);
}

/* As include/linux/virtio_ring.h and Linux's driver have it. */
static void as_linux(void)
{
	unsigned wrong = 0;

	for (unsigned size = 1; size <= SIZES; size++)
		for (unsigned now = 0; now < 2 * size; now++)
			for (unsigned event = 0; event < 2 * size; event++)
				for (unsigned moved = 0; moved <= size; moved++) {
					uint16_t n = virtq_numbered(now, size),
						 e = virtq_numbered(event, size);
					uint16_t new = virtq_slot(n), off = virtq_slot(e);

					if (virtq_wrap(e) != virtq_wrap(n))
						off = (uint16_t)(off - size);
					wrong += virtq_packed_need_event(e, n, moved, size) !=
						 !!vring_need_event(off, new,
								    (uint16_t)(new - moved));
				}
	for (unsigned i = 0; i < 1u << 18; i++) {
		uint16_t e = (uint16_t)(i * 40503u), n = (uint16_t)(i >> 2), o = (uint16_t)(n - i);

		wrong += virtq_need_event(e, n, o) != !!vring_need_event(e, n, o);
	}
	CHECK_EQ(wrong, 0);
}

static void descriptors(void)
{
	for (unsigned wrap = 0; wrap < 2; wrap++) {
		CHECK(virtq_is_available(virtq_available_flags(wrap), wrap));
		CHECK(!virtq_is_used(virtq_available_flags(wrap), wrap));
		CHECK(virtq_is_used(virtq_used_flags(wrap), wrap));
		CHECK(!virtq_is_available(virtq_used_flags(wrap), wrap));
		/* of the lap before: neither */
		CHECK(!virtq_is_available(virtq_used_flags(!wrap), wrap));
		CHECK(!virtq_is_used(virtq_used_flags(!wrap), wrap));
		CHECK(!virtq_is_used(virtq_available_flags(!wrap), wrap));
	}
	CHECK_EQ(virtq_available_flags(true), 1 << VRING_PACKED_DESC_F_AVAIL);
	CHECK_EQ(virtq_available_flags(false), 1 << VRING_PACKED_DESC_F_USED);
}

static void areas(void)
{
	char memory[16384];
	struct vring r;

	vring_init(&r, 8, memory, 16);
	CHECK_EQ(virtq_desc_at(8), (char *)r.avail - (char *)r.desc);
	CHECK_EQ(virtq_avail_at(5), (char *)&r.avail->ring[5] - (char *)r.avail);
	CHECK_EQ(virtq_used_event_at(8), (char *)&vring_used_event(&r) - (char *)r.avail);
	CHECK_EQ(virtq_used_at(5), (char *)&r.used->ring[5] - (char *)r.used);
	CHECK_EQ(virtq_avail_event_at(8), (char *)&vring_avail_event(&r) - (char *)r.used);
	CHECK_EQ(virtq_driver_len(8, false), 22);
	CHECK_EQ(virtq_device_len(8, false), 70);
	CHECK_EQ(virtq_driver_len(8, true), 4);
	CHECK_EQ(virtq_device_len(8, true), 4);
}

/* Values no ring has; the sanitizers watch. */
static void hostile(void)
{
	static const uint32_t sizes[] = { 0, 1, 3, 32768, 65535, 65536, 0x80000000, 0xffffffff };

	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (unsigned pos = 0; pos < 65536; pos += 251) {
			uint32_t size = sizes[s], n = virtq_number((uint16_t)pos, size);

			CHECK(size > 65536 || (size ? n < 2 * size : n == 0));
			virtq_numbered(n, size);
			virtq_advance((uint16_t)pos, 0xffffffff, size);
			virtq_packed_need_event((uint16_t)pos, (uint16_t)~pos, 3, size);
		}
}

static const struct tap_test tests[] = {
	{ "split: an event is passed once", events_split },
	{ "split: what lies behind an index", passed },
	{ "packed: slot and wrap counter", positions },
	{ "packed: walking, numbering, distances", walks },
	{ "packed: an event is passed once", events_packed },
	{ "events as in Linux", as_linux },
	{ "packed: available and used descriptors", descriptors },
	{ "offsets and lengths as in <linux/virtio_ring.h>", areas },
	{ "values that no ring has", hostile },
};

TAP_MAIN(tests)
