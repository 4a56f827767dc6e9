/* SPDX-License-Identifier: MIT */
/* Rings by themselves: when to notify, positions, wrap counters, broken packed lists. */
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))
#define F_AVAIL 0x80
#define F_USED 0x8000

static struct emu_testbed *r;

static void up(uint64_t features)
{
	struct emu_testbed_options o = {
		.dev = { .v.queues = 1, .v.queue_size = 8, .v.features = ~0ull }
	};
	struct emu_driver_options d = { .features = { features } };
	emu_testbed_free(r);
	r = NULL;
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
}

static struct emu_driver_queue *q(void)
{
	return &r->drv.queue[0];
}

/* A number of requests at once; how many interrupts came of it. */
static unsigned burst(unsigned n)
{
	struct emu_blk_request b[8] = { 0 };
	uint64_t cookie;
	uint32_t len, before = r->msix_total;
	for (unsigned i = 0; i < n; i++) {
		b[i].type = VIRTIO_BLK_T_FLUSH;
		emu_driver_blk_add(&r->drv, q(), &b[i]);
	}
	emu_driver_kick(&r->drv, q());
	emu_driver_run(&r->drv);
	unsigned got = r->msix_total - before;
	for (unsigned i = 0; i < n; i++)
		if (emu_driver_get(&r->drv, q(), &cookie, &len) != 1)
			return 99;
	return got;
}

static void put(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

/* 2.7.7.2: exactly when used_event is passed */
static void test_split_event(void)
{
	up(BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_BLK_F_FLUSH));
	uint8_t *used_event = q()->p_driver + 4 + 2 * 8;
	q()->no_interrupts = true; /* we move it ourselves */
	is(burst(1), 1, "used_event 0: the first one notifies");
	put(used_event, 5);
	is(burst(3), 0, "used 1 to 3: not yet");
	is(burst(1), 0, "4: entry 4 is not entry 5");
	is(burst(1), 1, "entry 5: notify");
	is(burst(2), 0, "and no more");
	put(used_event, r->v->queue[0].ring.in.used + 3);
	is(burst(4), 1, "a batch that passes it: once");
	for (unsigned i = 0; i < 40000; i++) { /* indices wrap at 2^16 */
		put(used_event,
		    i & 1 ? r->v->queue[0].ring.in.used : r->v->queue[0].ring.in.used - 1);
		if (burst(2) != (i & 1)) {
			ok(0, "wrong at round %u", i);
			return;
		}
		r->drv.next = 0x100000; /* forget the headers */
	}
	ok(1, "right for 80000 entries");
}

static void test_split_flags(void)
{
	up(BIT(VIRTIO_BLK_F_FLUSH));
	is(burst(2), 1, "flags 0: notify");
	put(q()->p_driver, VRING_AVAIL_F_NO_INTERRUPT);
	is(burst(2), 0, "NO_INTERRUPT: do not");
	put(q()->p_driver, 0);
	is(burst(1), 1, "notify again");
	is(q()->p_device[0], 0, "an idle device wants to be notified");
}

/* 2.8.10 */
static void test_packed_event(void)
{
	up(BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_BLK_F_FLUSH));
	q()->no_interrupts = true;
	put(q()->p_driver + 2, VRING_PACKED_EVENT_FLAG_DISABLE);
	is(burst(1), 0, "DISABLE");
	put(q()->p_driver + 2, VRING_PACKED_EVENT_FLAG_ENABLE);
	is(burst(1), 1, "ENABLE");
	bool good = true;
	for (unsigned i = 0; i < 2000 && good; i++) {
		struct emu_ring *ring = &r->v->queue[0].ring;
		unsigned ahead = i % 3; /* slots: 2 a request */
		unsigned slot = virtq_slot(ring->in.used) + 2 * ahead,
			 wrap = virtq_wrap(ring->in.used);
		if (slot >= 8) {
			slot -= 8;
			wrap = !wrap;
		}
		put(q()->p_driver, slot | wrap << 15);
		put(q()->p_driver + 2, VRING_PACKED_EVENT_FLAG_DESC);
		good = burst(2) == (ahead < 2);
		r->drv.next = 0x100000;
	}
	ok(good, "exactly when the named slot is used, over many turns");
	is(q()->p_device[2], VRING_PACKED_EVENT_FLAG_DESC, "the device asks by slot, too");
}

static void test_base(bool packed)
{
	up((packed ? BIT(VIRTIO_F_RING_PACKED) : 0) | BIT(VIRTIO_BLK_F_FLUSH));
	struct emu_queue *dq = &r->v->queue[0];
	for (unsigned i = 0; i < 7; i++)
		burst(1);
	uint32_t base = emu_queue_base(dq);
	is(base, packed ? (14 % 8 | (uint32_t)(14 % 8) << 16) : 7, "%s: position",
	   packed ? "packed" : "split");
	emu_queue_stop(dq);
	is(emu_queue_base(dq), 0, "stopped");
	is(emu_queue_start_at(dq, base), 0, "started again");
	is(burst(2), 1, "goes on where it was");
	struct vqt_ring s;
	emu_ring_snapshot(&dq->ring, &s);
	ok(!!(s.known & VQT_RING_PACKED) == packed, "snapshot");
}

/* Descriptors of a packed ring by hand. */
static void pdesc(unsigned i, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct vqt_desc d = { .addr = addr, .len = len, .flags = id, .next = flags };
	memcpy(q()->p_desc + 16 * i, &d, sizeof(d));
}

static uint8_t kicked(void)
{
	emu_driver_kick_now(&r->drv, q());
	emu_driver_run(&r->drv);
	return emu_driver_status(&r->drv);
}

static void test_packed_bad(void)
{
	uint64_t all = BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_INDIRECT_DESC);
	up(all);
	pdesc(0, 0x1000, 16, 0, F_AVAIL | VRING_DESC_F_NEXT);
	is(kicked(), 0x4f, "a list that goes on in nothing");
	up(all);
	for (unsigned i = 0; i < 8; i++)
		pdesc(i, 0x1000, 16, 0, F_AVAIL | VRING_DESC_F_NEXT);
	is(kicked(), 0x4f, "a list without end");
	up(all);
	pdesc(1, 0x1000, 16, 0, F_AVAIL | VRING_DESC_F_INDIRECT);
	pdesc(0, 0x1000, 16, 0, F_AVAIL | VRING_DESC_F_NEXT);
	is(kicked(), 0x4f, "an indirect table inside a list");
	up(all);
	emu_backend_defer_hold(r->backend, true);
	for (unsigned i = 0; i < 2; i++) {
		pdesc(2 * i + 1, 0x210000, 513, 5, F_AVAIL | VRING_DESC_F_WRITE);
		pdesc(2 * i, 0x200000, 16, 5, F_AVAIL | VRING_DESC_F_NEXT);
	}
	is(kicked(), 0x4f, "a buffer id twice in flight");
	emu_backend_defer_hold(r->backend, false);
	up(all);
	pdesc(0, 0x1000, 16, 0, F_AVAIL | F_USED);
	is(kicked(), 0xf, "neither available nor used: not popped");
	emu_mem_clear(r->mem);
	is(kicked(), 0x4f, "the ring's memory goes away");
	up(all);
	emu_mem_clear(r->mem);
	struct emu_ring *ring = &r->v->queue[0].ring;
	struct emu_chain *c = emu_chain_new();
	ok(emu_ring_pop(ring, c) < 0 && ring->ops->push(ring, c, 0) < 0 &&
		   ring->ops->want_kicks(ring, false) < 0 && emu_ring_pending(ring) < 0,
	   "and every operation says so");
	ring->unsignalled = 1;
	ok(ring->ops->must_notify(ring) < 0, "notifying, too");
	emu_chain_free(c);
	up(0);
	emu_mem_clear(r->mem);
	ring = &r->v->queue[0].ring;
	c = emu_chain_new();
	ok(emu_ring_pop(ring, c) < 0 && ring->ops->push(ring, c, 0) < 0 &&
		   emu_ring_pending(ring) < 0,
	   "split: likewise");
	ring->unsignalled = 1;
	ok(ring->ops->must_notify(ring) < 0, "split: notifying, too");
	emu_chain_free(c);
	up(BIT(VIRTIO_RING_F_EVENT_IDX));
	emu_mem_clear(r->mem);
	ring = &r->v->queue[0].ring;
	ring->unsignalled = 1;
	ok(ring->ops->must_notify(ring) < 0 && ring->ops->want_kicks(ring, true) < 0,
	   "with event index");
}

/* The ring breaks when a buffer is returned. */
static void test_break_on_push(void)
{
	struct emu_blk_request b = {
		.type = VIRTIO_BLK_T_IN, .in = true, .len = 512, .data = 0x2000
	};
	up(0);
	emu_backend_defer_hold(r->backend, true);
	emu_driver_blk_add(&r->drv, q(), &b);
	emu_driver_kick(&r->drv, q());
	emu_driver_run(&r->drv);
	emu_mem_del(r->mem, 0, 4 << 20);
	emu_mem_add(r->mem, 0x0, q()->device & ~4095ull, r->ram, 3); /* all but the used ring on */
	emu_backend_defer_hold(r->backend, false);
	emu_driver_run(&r->drv);
	is(emu_driver_status(&r->drv), 0x4f, "a used ring that is gone: needs reset");
	is(r->dev->v.inflight, 0, "nothing is left in flight");
}

/* As the vhost-user server does it: no registers, no status writes. */
static void test_adopt(void)
{
	const uint64_t features[2] = { BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_FLUSH) };
	up(BIT(VIRTIO_BLK_F_FLUSH));
	struct emu_queue *dq = &r->v->queue[0];
	uint64_t desc = dq->desc, driver = dq->driver, device = dq->device;
	emu_virtio_set_status(r->v, 0, false);
	emu_virtio_adopt(r->v, features);
	dq->desc = desc;
	dq->driver = driver;
	dq->device = device;
	emu_queue_set_size(dq, 8);
	dq->vector = 1;
	dq->polled = true;
	is(emu_queue_start_at(dq, 0), 0, "started");
	is(burst(3), 1, "served, polling");
	is(emu_queue_base(dq), 3, "position");
	dq->device = dq->driver;
	emu_queue_stop(dq);
	ok(emu_queue_start_at(dq, 0) < 0, "areas are checked here, too");
}

int main(void)
{
	test_adopt();
	test_split_event();
	test_split_flags();
	test_packed_event();
	test_base(false);
	test_base(true);
	test_packed_bad();
	test_break_on_push();
	emu_testbed_free(r);
	return done();
}
