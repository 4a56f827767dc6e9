/* SPDX-License-Identifier: MIT */
/*
 * Replay of requests of several ranges: discard, write zeroes, secure erase.  Our own device is
 * recorded with them, and replayed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "decoder/spec/constants.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"
#include "tests/emu/testbed.h"

struct disk {
	struct emu_testbed *r;
	uint64_t data;
};

static void do_request(struct disk *d, uint32_t type, uint64_t sector, uint32_t len)
{
	struct emu_blk_request q = { .type = type,
				     .sector = sector,
				     .data = d->data,
				     .len = len,
				     .in = type == VIRTIO_BLK_T_IN };
	if (emu_driver_blk(&d->r->drv, 0, &q) < 0 || q.status) {
		printf("Bail out! request %u: status %u\n", type, q.status);
		exit(1);
	}
}

/* One sector each. */
static void do_segments(struct disk *d, uint32_t type, unsigned n, const uint64_t *sector)
{
	struct virtio_blk_discard_write_zeroes s[8] = { 0 };
	for (unsigned i = 0; i < n; i++)
		s[i] = (struct virtio_blk_discard_write_zeroes){ sector[i], 1, 0 };
	memcpy(emu_driver_ptr(&d->r->drv, d->data), s, n * sizeof(s[0]));
	do_request(d, type, 0, n * sizeof(s[0]));
}

static void do_write(struct disk *d, uint64_t sector)
{
	memset(emu_driver_ptr(&d->r->drv, d->data), 0x77, 512);
	do_request(d, VIRTIO_BLK_T_OUT, sector, 512);
}

/*
 * Requests of several ranges: what is discarded or erased may read as anything, what is set to
 * zero is known; what lies behind the first range is neither.
 */
static void test_ranges(uint32_t type, unsigned n)
{
	static const uint64_t all[] = { 20, 40, 60, 80, 100 };
	struct recording t = { 0 };
	struct outcome o;
	uint8_t *image = malloc(1 << 20);
	struct emu_tap_config tap = { .emit = recording_emit, .opaque = &t, .snaplen = 512 };
	struct emu_testbed_options opt = { .tap = &tap, .dev = { .v.queue_size = 16 } };
	const uint64_t features = 1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES |
				  1ull << VIRTIO_BLK_F_SECURE_ERASE;
	struct emu_driver_options drv = { .features = { features | 1ull << VIRTIO_F_VERSION_1 } };
	struct disk d;
	uint32_t word;
	memset(image, 0x33, 1 << 20);
	opt.blk.features = features;
	opt.blk.max_discard_seg = opt.blk.max_zeroes_seg = opt.blk.max_erase_seg = 8;
	if (emu_backend_mem(&opt.blk.backend, image, 1 << 20) < 0 ||
	    emu_testbed_new(&d.r, &opt) < 0 || emu_driver_start(&d.r->drv, &drv) < 0) {
		printf("Bail out! no testbed\n");
		exit(1);
	}
	d.data = emu_driver_alloc(&d.r->drv, 4096, 4096);
	for (unsigned at = 0; at < BLK_CFG_LEN; at += 4)
		emu_driver_config(&d.r->drv, at, &word, 4);
	for (unsigned i = 0; i < n; i++)
		do_write(&d, all[i]);
	do_segments(&d, type, n, all);
	if (type != VIRTIO_BLK_T_WRITE_ZEROES)
		memset(image + 20 * 512, 0x11, 512); /* as such a device may */
	for (unsigned i = 0; i < n; i++) {
		do_request(&d, VIRTIO_BLK_T_IN, all[i], 512);
		do_request(&d, VIRTIO_BLK_T_IN, all[i] + 1, 512); /* 0x33, as nobody wrote it */
	}
	emu_testbed_free(d.r);
	recording_replay(&t, NULL, &o);
	if (!ok(o.rc == 0 && !o.differences && o.n.data.compared == o.n.data.equal,
		"request type %u of %u ranges: no difference", type, n))
		outcome_names(&o, 0, "nothing");
	recording_free(&t);
	free(image);
}

int main(void)
{
	for (unsigned n = 1; n <= 5; n++) {
		test_ranges(VIRTIO_BLK_T_DISCARD, n);
		test_ranges(VIRTIO_BLK_T_WRITE_ZEROES, n);
		test_ranges(VIRTIO_BLK_T_SECURE_ERASE, n);
	}
	return done();
}
