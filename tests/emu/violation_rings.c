/* SPDX-License-Identifier: MIT */
/* Violations in descriptors, rings and block requests. */
#include <stddef.h>
#include <string.h>

#include "decoder/util/virtqueue.h"
#include "decoder/class/blk.h"
#include "tests/emu/violation_impl.h"

/* --- rings ------------------------------------------------------------------------------------ */

static int w_long_chain(struct emu_testbed *r)
{
	struct emu_seg seg[40];
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	seg[0] = (struct emu_seg){ HDR, 16, false };
	for (unsigned i = 1; i < 39; i++)
		seg[i] = (struct emu_seg){ DATA + 512 * i, 512, true };
	seg[39] = (struct emu_seg){ HDR + 16, 1, true };
	return violation_offer(r, seg, 40, true);
}

static int w_loop(struct emu_testbed *r)
{
	violation_chain(r);
	violation_desc(r, 2, HDR + 16, 1, WRITE | NEXT, 1);
	return violation_publish(r, 0, 1);
}

static int w_four_gib(struct emu_testbed *r)
{
	violation_chain(r);
	violation_desc(r, 1, DATA, UINT32_MAX, WRITE | NEXT, 2);
	return violation_publish(r, 0, 1);
}

static struct vqt_desc *table(struct emu_testbed *r, uint32_t len, uint16_t flags)
{
	struct vqt_desc *t = emu_driver_ptr(&r->drv, TABLE);
	violation_chain(r);
	memcpy(t, violation_q0(r)->p_desc, 48);
	violation_desc(r, 0, TABLE, len, INDIRECT | flags, 1);
	return t;
}

static int w_indirect(struct emu_testbed *r)
{
	table(r, 48, 0);
	return violation_publish(r, 0, 1);
}

static int w_nested(struct emu_testbed *r)
{
	table(r, 48, 0)[1].flags = INDIRECT;
	return violation_publish(r, 0, 1);
}

static int w_indirect_next(struct emu_testbed *r)
{
	table(r, 48, NEXT);
	return violation_publish(r, 0, 1);
}

static int w_table_length(struct emu_testbed *r)
{
	table(r, 40, 0);
	return violation_publish(r, 0, 1);
}

static int w_idx_jumps(struct emu_testbed *r)
{
	violation_chain(r);
	return violation_publish(r, 0, violation_q0(r)->size + 1);
}

static int w_idx_back(struct emu_testbed *r)
{
	violation_good(r);
	violation_chain(r);
	return violation_publish(r, 0, (uint16_t)-1);
}

static int w_head_outside(struct emu_testbed *r)
{
	violation_chain(r);
	return violation_publish(r, violation_q0(r)->size, 1);
}

static int w_next_outside(struct emu_testbed *r)
{
	violation_chain(r);
	violation_desc(r, 0, HDR, 16, NEXT, violation_q0(r)->size + 3);
	return violation_publish(r, 0, 1);
}

static int w_head_again(struct emu_testbed *r)
{
	emu_backend_defer_hold(r->backend, true);
	violation_chain(r);
	violation_publish(r, 0, 1);
	return violation_publish(r, 0, 1);
}

static int w_changed_in_flight(struct emu_testbed *r)
{
	emu_backend_defer_hold(r->backend, true);
	violation_chain(r);
	violation_publish(r, 0, 1);
	violation_desc(r, 1, DATA + 4096, 512, NEXT | WRITE, 2);
	emu_backend_defer_hold(r->backend, false);
	emu_driver_run(&r->drv);
	return 0;
}

static int w_empty_buffer(struct emu_testbed *r)
{
	violation_chain(r);
	violation_desc(r, 1, DATA, 0, NEXT | WRITE, 2);
	return violation_publish(r, 0, 1);
}

static int w_order(struct emu_testbed *r)
{
	violation_chain(r);
	violation_desc(r, 0, HDR, 16, NEXT, 2);
	violation_desc(r, 2, DATA, 512, NEXT | WRITE, 1);
	violation_desc(r, 1, HDR + 16, 1, WRITE, 0);
	return violation_publish(r, 0, 1);
}

static int w_readable_last(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 16, false }, { HDR + 16, 1, true }, { DATA, 512, false } };
	violation_header(r, VIRTIO_BLK_T_OUT, 0);
	return violation_offer(r, seg, 3, false);
}

static int w_packed_wrap(struct emu_testbed *r)
{
	for (unsigned i = 0; i < 9; i++) {
		violation_q0(r)->avail |= virtq_position(0, true); /* never toggles */
		violation_good(r);
	}
	return 0;
}

static int w_packed_table_next(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 16, false }, { DATA, 512, true }, { HDR + 16, 1, true } };
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	int id = emu_driver_add(&r->drv, violation_q0(r), seg, 3, true, 0);
	if (id < 0)
		return id;
	uint8_t *t = emu_driver_ptr(&r->drv, violation_q0(r)->slot[id].table);
	t[14] |= NEXT;
	emu_driver_kick(&r->drv, violation_q0(r));
	return violation_take_back(r);
}

/* --- block requests ------------------------------------------------------------------------------
 */

static int w_beyond(struct emu_testbed *r)
{
	uint64_t capacity;
	emu_driver_config(&r->drv, 0, &capacity, 8);
	return violation_request(r, VIRTIO_BLK_T_IN, 1 << 20, 512, true);
}

static int w_odd_length(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_OUT, 0, 100, false);
}

static int w_write_ro(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_OUT, 0, 512, false);
}

static int w_flush_sector(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_FLUSH, 8, 0, false);
}

static int w_id_length(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_GET_ID, 0, 8, true);
}

static int w_unnegotiated(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_SECURE_ERASE, 0, 16, false);
}

static int segments(struct emu_testbed *r, uint32_t type, unsigned len, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes s = { .sector = 8,
						     .num_sectors = 8,
						     .flags = flags };
	for (unsigned i = 0; i < 8; i++)
		memcpy((uint8_t *)emu_driver_ptr(&r->drv, DATA) + 16 * i, &s, sizeof(s));
	return violation_request(r, type, 0, len, false);
}

static int w_discard_unmap(struct emu_testbed *r)
{
	return segments(r, VIRTIO_BLK_T_DISCARD, 16, 1);
}

static int w_reserved_flags(struct emu_testbed *r)
{
	return segments(r, VIRTIO_BLK_T_WRITE_ZEROES, 16, 0x10);
}

static int w_many_segments(struct emu_testbed *r)
{
	uint32_t most;
	emu_driver_config(&r->drv, offsetof(struct virtio_blk_config, max_discard_seg), &most, 4);
	return segments(r, VIRTIO_BLK_T_DISCARD, 128, 0);
}

static int w_segment_length(struct emu_testbed *r)
{
	return segments(r, VIRTIO_BLK_T_WRITE_ZEROES, 15, 0);
}

static int w_no_status(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 16, false }, { DATA, 512, false } };
	violation_header(r, VIRTIO_BLK_T_OUT, 0);
	return violation_offer(r, seg, 2, false);
}

static int w_short_header(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 8, false }, { DATA, 512, true }, { HDR + 16, 1, true } };
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	return violation_offer(r, seg, 3, false);
}

static int w_wrong_direction(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_OUT, 0, 512, true);
}

const struct emu_violation emu_violation_rings[] = {
	{ "buffers-taken-back", 6, "SPLIT-D12 INIT-D16", "the available index goes back",
	  w_idx_back, 0, 0 },
	{ "changed-in-flight", 6, "INIT-D15", "a descriptor in flight is changed",
	  w_changed_in_flight, 0, 0 },
	{ "chain-too-long", 26, "SPLIT-D9", "a chain longer than the queue", w_long_chain, IND, 0 },
	{ "chain-too-long-packed", 26, "PACKED-D7", "a list longer than the queue", w_long_chain,
	  IND | PACKED, 0 },
	{ "descriptor-loop", 27, "SPLIT-D5", "descriptors form a loop", w_loop, 0, 0 },
	{ "chain-over-4-gib", 27, "SPLIT-D5", "a chain of more than 2^32 bytes", w_four_gib, 0, 0 },
	{ "indirect-not-negotiated", 28, "SPLIT-D7", "INDIRECT without its feature", w_indirect, 0,
	  0 },
	{ "indirect-nested", 28, "SPLIT-D8", "INDIRECT inside a table", w_nested, IND, 0 },
	{ "indirect-with-next", 28, "SPLIT-D10", "INDIRECT and NEXT", w_indirect_next, IND, 0 },
	{ "indirect-table-length", 28, "I08", "a table of two and a half descriptors",
	  w_table_length, IND, 0 },
	{ "avail-index-jumps", 29, "I04", "the available index jumps over the queue size",
	  w_idx_jumps, 0, 0 },
	{ "head-outside", 30, "I01", "a head beyond the table", w_head_outside, 0, 0 },
	{ "next-outside", 30, "I02", "next beyond the table", w_next_outside, 0, 0 },
	{ "head-in-flight", 31, "I03", "a head is offered again while in flight", w_head_again, 0,
	  0 },
	{ "zero-length-buffer", 34, "I07", "an empty descriptor", w_empty_buffer, 0, 0 },
	{ "readable-after-writable", 35, "SPLIT-D3",
	  "a device-readable descriptor after a writable one", w_readable_last, 0, 0 },
	{ "readable-after-writable-packed", 35, "PACKED-D8", "the same, packed", w_readable_last,
	  PACKED, 0 },
	{ "packed-wrap-not-toggled", 36, "I15", "the driver's wrap counter never toggles",
	  w_packed_wrap, PACKED, 0 },
	{ "packed-next-in-indirect", 36, "PACKED-D13", "NEXT in a packed indirect table",
	  w_packed_table_next, PACKED | IND, 0 },
	{ "in-order-next", 37, "SPLIT-D6", "IN_ORDER, and next is not x + 1", w_order,
	  BIT(VIRTIO_F_IN_ORDER), 0 },
	{ "beyond-capacity", 38, "BLKOP-D2", "a read beyond the capacity", w_beyond, 0, 0 },
	{ "length-not-sectors", 38, "BLKOP-D6", "a write of 100 bytes", w_odd_length, 0, 0 },
	{ "write-to-read-only", 39, "BLKOP-V3 BLKOP-D3",
	  "a write to a read-only device, RO not accepted", w_write_ro, 0,
	  EMU_VIOLATION_READ_ONLY },
	{ "flush-with-sector", 39, "BLKOP-D4", "FLUSH with a sector", w_flush_sector, 0, 0 },
	{ "get-id-length", 0, "BLKOP-D8", "GET_ID of 8 bytes", w_id_length, 0, 0 },
	{ "request-not-negotiated", 8, "I23", "SECURE_ERASE without its feature", w_unnegotiated, 0,
	  0 },
	{ "discard-unmap", 40, "BLKOP-D14", "DISCARD with the unmap flag", w_discard_unmap, 0, 0 },
	{ "segment-flags-reserved", 40, "BLKOP-V4", "WRITE_ZEROES with a reserved flag",
	  w_reserved_flags, 0, 0 },
	{ "too-many-segments", 40, "BLKOP-D9", "more segments than max_discard_seg",
	  w_many_segments, 0, 0 },
	{ "segment-length", 40, "BLKOP-D7", "segments of 15 bytes", w_segment_length, 0, 0 },
	{ "no-status-descriptor", 40, "I21", "a request without a status byte", w_no_status, 0, 0 },
	{ "short-header", 0, "I21", "a header of 8 bytes", w_short_header, 0, 0 },
	{ "wrong-direction", 0, "I22", "OUT with device-writable data", w_wrong_direction, 0, 0 },
	{ 0 },
};
