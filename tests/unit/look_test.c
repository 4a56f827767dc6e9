/* SPDX-License-Identifier: MIT */
/* A packed ring that another process serves: what its memory tells of the positions. */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <unistd.h>

#include "bpf/look/queue.h"
#include "decoder/util/virtqueue.h"
#include "tests/unit/tap.h"

#define SIZE 8
#define STEP 64 /* bytes of a MemoryRegionCache */

static struct vring_packed_desc desc[SIZE];
static struct vring_packed_desc_event driver, device;

/* struct VRingMemoryRegionCaches, of which the pointers and lengths of three caches are read. */
static uint8_t caches[1024];

/* VirtQueue: vring.num, the three areas, caches. */
static struct {
	uint64_t num, area[3], caches;
	uint8_t rest[VQP_VQ_BYTES];
} vq;

static void put_cache(unsigned i, const void *area, uint64_t len)
{
	uint64_t at = (uint64_t)(uintptr_t)area;

	memcpy(caches + 16 + i * STEP, &at, sizeof(at));
	memcpy(caches + 32 + i * STEP, &len, sizeof(len));
}

/*
 * A letter a slot: A available and U used in the lap with wrap counter 1, a and u in the lap
 * with 0; + before a letter: the chain goes on behind it.
 */
static void fill(const char *slots)
{
	unsigned i = 0;

	for (const char *s = slots; *s; s++) {
		bool next = *s == '+', wrap;

		s += next;
		wrap = *s == 'A' || *s == 'U';
		desc[i++].flags = (uint16_t)((*s == 'A' || *s == 'a' ? virtq_available_flags(wrap)
								     : virtq_used_flags(wrap)) |
					     (next ? VRING_DESC_F_NEXT : 0));
	}
	CHECK_EQ(i, SIZE);
}

static void look(struct queue_look *l)
{
	struct qemu q = { 0 };
	struct machine m = { .q = &q };
	struct queue_device d = {
		.features = 1ULL << VIRTIO_F_RING_PACKED | 1ULL << VIRTIO_RING_F_EVENT_IDX,
		.elsewhere = true,
	};

	memset(&q.layout, 0xff, sizeof(q.layout)); /* all unknown */
	q.layout.vq_num = 0;
	q.layout.vq_desc = 8;
	q.layout.vq_avail = 16;
	q.layout.vq_used_addr = 24;
	q.layout.vq_caches = 32;
	m.vq_signalled = m.msix_table = VQP_UNKNOWN;
	foreign_init(&m.foreign, getpid(), NULL);
	m.mem = process_memory(&m.foreign);
	vq.num = SIZE;
	vq.area[0] = vq.area[1] = vq.area[2] = 0x1000;
	vq.caches = (uint64_t)(uintptr_t)caches;
	put_cache(0, desc, virtq_desc_at(SIZE));
	put_cache(1, &driver, sizeof(driver));
	put_cache(2, &device, sizeof(device));
	queue_look(&m, &d, (uint64_t)(uintptr_t)&vq, l);
	CHECK(l->read && !l->unstable && l->f.packed && l->f.elsewhere);
}

static void elsewhere(void)
{
	static const struct {
		const char *what, *slots;
		uint16_t wants; /* to be told of this position */
		uint16_t flags;
		int32_t flight, unreaped;
		uint16_t avail; /* where the driver's next chain goes */
	} row[] = {
#define LAP 0x8000
#define DESC VRING_PACKED_EVENT_FLAG_DESC
		{ "nothing yet", "uuuuuuuu", LAP, DESC, 0, 0, LAP },
		{ "idle", "UUUUUuuu", LAP | 5, DESC, 0, 0, LAP | 5 },
		{ "two in flight", "UUUUUAAu", LAP | 5, DESC, 2, 0, LAP | 7 },
		{ "one chain of two", "UUUUU+AAu", LAP | 5, DESC, 1, 0, LAP | 7 },
		{ "over the end of the ring", "aUUUUAAA", LAP | 5, DESC, 4, 0, 1 },
		{ "all in flight", "AAAAAAAA", LAP, DESC, 8, 0, 0 },
		{ "all in flight, later", "aaaAAAAA", LAP | 3, DESC, 8, 0, 3 },
		{ "the second lap", "uuuaaUUU", 3, DESC, 2, 0, 5 },
		{ "used, and not taken", "UUUUUUUu", LAP | 5, DESC, -1, 2, LAP | 7 },
		{ "used, and more in flight", "UUUUUUAu", LAP | 5, DESC, -1, 1, LAP | 7 },
		/* the driver wants to be told later, or this is the rest of a chain */
		{ "available before it", "UUUAUuuu", LAP | 5, DESC, -1, 0, LAP | 5 },
		{ "the driver does not want to be told", "UUUUUAAu", LAP | 5,
		  VRING_PACKED_EVENT_FLAG_DISABLE, -1, -1, 0 },
		{ "told of everything", "UUUUUAAu", LAP | 5, VRING_PACKED_EVENT_FLAG_ENABLE, -1, -1,
		  0 },
		{ "no such position", "UUUUUAAu", LAP | SIZE, DESC, -1, -1, 0 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct queue_look l;

		fill(row[i].slots);
		driver.off_wrap = row[i].wants;
		driver.flags = row[i].flags;
		look(&l);
		if (l.f.flight != row[i].flight || l.f.unreaped != row[i].unreaped ||
		    l.avail != row[i].avail) {
			printf("# %s: in flight %d, unreaped %d, avail %#x\n", row[i].what,
			       (int)l.f.flight, (int)l.f.unreaped, l.avail);
			tap_failed = true;
		}
	}
}

static const struct tap_test tests[] = {
	{ "a packed ring that another process serves", elsewhere },
};
TAP_MAIN(tests)
