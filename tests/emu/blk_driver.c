/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "tests/emu/blk_driver.h"

int emu_driver_blk_add(struct emu_driver *d, struct emu_driver_queue *q, struct emu_blk_request *r)
{
	struct virtio_blk_outhdr h = { .type = r->type, .sector = r->sector };
	struct emu_seg seg[66];
	unsigned n = 0, pieces = r->pieces ? r->pieces : 1;
	if (!r->header)
		r->header = emu_driver_alloc(d, BLK_HEADER + 1, 16);
	if (!r->header || pieces > 64)
		return -ENOMEM;
	memcpy(emu_driver_ptr(d, r->header), &h, sizeof(h));
	*(uint8_t *)emu_driver_ptr(d, r->header + BLK_HEADER) = 0xff;
	r->status = 0xff;
	seg[n++] = (struct emu_seg){ .gpa = r->header, .len = BLK_HEADER };
	for (unsigned i = 0; i < pieces && r->len; i++) {
		uint32_t from = (uint64_t)r->len * i / pieces,
			 to = (uint64_t)r->len * (i + 1) / pieces;
		seg[n++] = (struct emu_seg){ .gpa = r->data + from,
					     .len = to - from,
					     .writable = r->in };
	}
	seg[n++] = (struct emu_seg){ .gpa = r->header + BLK_HEADER, .len = 1, .writable = true };
	return emu_driver_add(d, q, seg, n, r->indirect && q->indirect, (uintptr_t)r);
}

int emu_driver_blk(struct emu_driver *d, uint16_t queue, struct emu_blk_request *r)
{
	struct emu_driver_queue *q = &d->queue[queue];
	uint64_t cookie;
	int ret = emu_driver_blk_add(d, q, r);
	if (ret < 0)
		return ret;
	emu_driver_kick(d, q);
	for (unsigned i = 0; i < 1000; i++) {
		emu_driver_run(d);
		ret = emu_driver_get(d, q, &cookie, &r->used_len);
		if (ret < 0)
			return ret;
		if (ret && cookie == (uintptr_t)r) {
			r->status = *(uint8_t *)emu_driver_ptr(d, r->header + BLK_HEADER);
			return 0;
		}
	}
	return -ETIMEDOUT;
}
