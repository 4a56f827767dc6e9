/* SPDX-License-Identifier: MIT */
/* Requests of a hostile guest that are as large as can be: others get their turn all the same. */
#include <stdlib.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "decoder/spec/constants.h"
#include "tests/emu/tap.h"
#include "tests/emu/testbed.h"

#define PIECE (1u << 20)
#define PIECES 8

static struct emu_testbed *testbed(bool message_dma)
{
	struct emu_testbed_options opt = { .ram_size = 8u << 20,
					   .disk_size = 16u << 20,
					   .message_dma = message_dma,
					   .hold_run = true };
	struct emu_driver_options drv = { .features = { 1ull << VIRTIO_F_VERSION_1 } };
	struct emu_testbed *r;
	if (emu_testbed_new(&r, &opt) < 0 || emu_driver_start(&r->drv, &drv) < 0) {
		printf("Bail out! no testbed\n");
		exit(1);
	}
	return r;
}

/* Buffers may lie anywhere, also on each other. */
static void add(struct emu_testbed *r, struct virtio_blk_outhdr h)
{
	struct emu_driver_queue *q = &r->drv.queue[0];
	uint64_t at = emu_driver_alloc(&r->drv, 32, 16);
	struct emu_seg seg[PIECES + 2] = { { .gpa = at, .len = BLK_HEADER } };
	memcpy(emu_driver_ptr(&r->drv, at), &h, sizeof(h));
	for (unsigned i = 1; i <= PIECES; i++)
		seg[i] = (struct emu_seg){ .gpa = 4u << 20, .len = PIECE, .writable = true };
	seg[PIECES + 1] = (struct emu_seg){ .gpa = at + 16, .len = 1, .writable = true };
	if (emu_driver_add(&r->drv, q, seg, PIECES + 2, false, at) < 0)
		abort();
}

/* All of a buffer is cleared where a request fails: 2.7.8.2. */
static void test_budget(void)
{
	struct emu_testbed *r = testbed(false);
	for (unsigned i = 0; i < 4; i++)
		add(r, (struct virtio_blk_outhdr){ .type = 0x99 });
	emu_driver_kick_now(&r->drv, &r->drv.queue[0]);
	emu_virtio_run(r->v, 1);
	is(r->v->queue[0].completed, 1, "one request of 8 MiB is more than a budget of one");
	emu_virtio_run(r->v, 16);
	is(r->v->queue[0].completed, 3, "a budget of 16 is used up by two");
	ok(emu_virtio_busy(r->v), "there is more to do");
	emu_virtio_run(r->v, 16);
	is(r->v->queue[0].completed, 4, "which is done then");
	emu_testbed_free(r);
}

/* A reset does not wait until all of a large request is moved. */
static void test_reset(void)
{
	struct emu_testbed *r = testbed(true);
	add(r, (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN });
	emu_backend_defer_hold(r->backend, true);
	emu_driver_kick_now(&r->drv, &r->drv.queue[0]);
	emu_virtio_run(r->v, 0);
	is(emu_backend_defer_held(r->backend), 1, "the first MiB is being read");
	emu_virtio_set_status(r->v, 0, false);
	ok(r->v->status, "the reset waits for it");
	emu_backend_defer_release(r->backend, 0);
	is(emu_backend_defer_held(r->backend), 0, "not for those behind it");
	is(r->v->status, 0, "then it is over");
	emu_backend_defer_hold(r->backend, false);
	emu_testbed_free(r);
}

int main(void)
{
	test_budget();
	test_reset();
	return done();
}
