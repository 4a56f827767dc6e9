/* SPDX-License-Identifier: MIT */
/* Block requests: every type, and the exact status byte and used length of each outcome. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/class/blk/impl.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))

static struct emu_testbed *r;
static uint64_t data;

static void up(struct emu_testbed_options o, uint64_t features, bool legacy)
{
	struct emu_driver_options d = { .features = { features }, .legacy = legacy };
	emu_testbed_free(r);
	r = NULL;
	if (emu_testbed_new(&r, &o) < 0 || emu_driver_start(&r->drv, &d) < 0)
		exit(1);
	data = emu_driver_alloc(&r->drv, 1 << 20, 4096);
}

static uint8_t *mem(void)
{
	return emu_driver_ptr(&r->drv, data);
}

/* A request; its status, with the used length checked. */
static uint8_t ask(uint32_t type, uint64_t sector, uint32_t len, bool in, uint32_t used)
{
	struct emu_blk_request q = {
		.type = type, .sector = sector, .data = data, .len = len, .in = in
	};
	int ret = emu_driver_blk(&r->drv, 0, &q);
	if (ret < 0 || q.used_len != used) {
		printf("# ret %d used length %u, want %u, %s\n", ret, q.used_len, used,
		       r->v->why ? r->v->why : "");
		return 0xee;
	}
	return q.status;
}

static uint8_t segs(uint32_t type, unsigned n, uint64_t sector, uint32_t count, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes s = { .sector = sector,
						     .num_sectors = count,
						     .flags = flags };
	for (unsigned i = 0; i < n; i++, s.sector += count)
		memcpy(mem() + 16 * i, &s, sizeof(s));
	return ask(type, 0, 16 * n, false, 1);
}

static bool all(const uint8_t *p, size_t n, uint8_t v)
{
	while (n--)
		if (*p++ != v)
			return false;
	return true;
}

static void test_data(void)
{
	up((struct emu_testbed_options){ .blk = { .serial = "abc" } }, emu_blk.features, false);
	memset(mem(), 0x11, 8192);
	is(ask(VIRTIO_BLK_T_OUT, 4, 8192, false, 1), 0, "OUT");
	memset(mem(), 0, 8192);
	is(ask(VIRTIO_BLK_T_IN, 4, 8192, true, 8193), 0, "IN");
	ok(all(mem(), 8192, 0x11), "data");
	is(ask(VIRTIO_BLK_T_IN, 2047, 512, true, 513), 0, "IN, last sector");
	is(ask(VIRTIO_BLK_T_IN, 2047, 1024, true, 1025), 1, "IN across the end");
	memset(mem(), 0x22, 1024);
	ask(VIRTIO_BLK_T_IN, 2047, 1024, true, 1025);
	ok(all(mem(), 1024, 0), "a failed read leaves zeroes, not what was there");
	is(ask(VIRTIO_BLK_T_OUT, 2048, 512, false, 1), 1, "OUT beyond the end");
	is(ask(VIRTIO_BLK_T_OUT, UINT64_MAX, 512, false, 1), 1, "OUT, sector 2^64-1");
	is(ask(VIRTIO_BLK_T_OUT, 0, 100, false, 1), 1, "OUT of 100 bytes");
	is(ask(VIRTIO_BLK_T_OUT, 0, 0, false, 1), 0, "OUT of nothing");
	is(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), 0, "FLUSH");
	is(ask(VIRTIO_BLK_T_FLUSH, 5, 512, false, 1), 0, "FLUSH with sector and data: ignored");
	is(ask(VIRTIO_BLK_T_FLUSH_OUT, 0, 0, false, 1), 2, "FLUSH_OUT is legacy");
	is(ask(VIRTIO_BLK_T_SCSI_CMD, 0, 0, false, 1), 2, "SCSI_CMD");
	is(ask(VIRTIO_BLK_T_GET_ID, 0, 20, true, 21), 0, "GET_ID");
	ok(!memcmp(mem(), "abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20), "ID");
	is(ask(VIRTIO_BLK_T_GET_ID, 0, 32, true, 33), 1, "GET_ID of 32 bytes");
	is(ask(VIRTIO_BLK_T_GET_LIFETIME, 0, 6, true, 7), 2, "GET_LIFETIME without its feature");
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, 0, 512, true, 513), 2, "ZONE_REPORT without its feature");
	is(ask(VIRTIO_BLK_T_ZONE_APPEND, 0, 512, false, 1), 2, "ZONE_APPEND without its feature");
	is(ask(VIRTIO_BLK_T_IN, 0, 1 << 20, true, (1 << 20) + 1), 0, "IN of a MiB, the whole disk");
	emu_backend_defer_fail(r->backend, EMU_IO_READ, EIO, 1);
	is(ask(VIRTIO_BLK_T_IN, 0, 512, true, 513), 1, "IN, backend error");
	emu_backend_defer_fail(r->backend, EMU_IO_WRITE, ENOSPC, 1);
	is(ask(VIRTIO_BLK_T_OUT, 0, 512, false, 1), 1, "OUT, backend error");
	emu_backend_defer_fail(r->backend, EMU_IO_FLUSH, EIO, 1);
	is(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), 1, "FLUSH, backend error");
}

static void test_ranges(void)
{
	struct emu_testbed_options o = { .blk = { .max_discard_seg = 4,
						  .max_zeroes_seg = 2,
						  .max_discard_sectors = 100,
						  .max_zeroes_sectors = 100 } };
	up(o, emu_blk.features, false);
	memset(mem(), 0x33, 65536);
	ask(VIRTIO_BLK_T_OUT, 0, 65536, false, 1);
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 2, 8, 8, 0), 0, "WRITE_ZEROES, two segments");
	ask(VIRTIO_BLK_T_IN, 0, 65536, true, 65537);
	ok(all(mem(), 4096, 0x33) && all(mem() + 4096, 8192, 0) && all(mem() + 12288, 4096, 0x33),
	   "just those");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 8, 8, 1), 0, "with unmap");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 3, 8, 8, 0), 2, "more segments than allowed");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 8, 101, 0), 1, "longer than allowed");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 2040, 16, 0), 1, "across the end");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 8, 8, 2), 2, "unknown flag");
	is(segs(VIRTIO_BLK_T_DISCARD, 4, 8, 8, 0), 0, "DISCARD, four segments");
	is(segs(VIRTIO_BLK_T_DISCARD, 1, 8, 8, 1), 2, "DISCARD with unmap");
	is(segs(VIRTIO_BLK_T_DISCARD, 0, 0, 0, 0), 0, "DISCARD of no segment");
	is(ask(VIRTIO_BLK_T_DISCARD, 0, 24, false, 1), 1, "DISCARD of one and a half");
	is(ask(VIRTIO_BLK_T_DISCARD, 0, 16, true, 17), 1, "DISCARD whose data is writable");
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 1, 0, 8, 0), 2, "SECURE_ERASE without its feature");
	emu_backend_defer_fail(r->backend, EMU_IO_DISCARD, EIO, 1);
	is(segs(VIRTIO_BLK_T_DISCARD, 1, 8, 8, 0), 1, "DISCARD, backend error");
	o = (struct emu_testbed_options){ .blk = { .features = BIT(VIRTIO_BLK_F_SECURE_ERASE) |
							       BIT(VIRTIO_BLK_F_LIFETIME),
						   .lifetime = { 1, 2, 3 } } };
	up(o, ~0ull & ~BIT(VIRTIO_F_RING_PACKED), false);
	memset(mem(), 0x44, 4096);
	ask(VIRTIO_BLK_T_OUT, 0, 4096, false, 1);
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 1, 0, 8, 0), 0, "SECURE_ERASE");
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 1, 0, 8, 1), 2, "SECURE_ERASE with a flag");
	ask(VIRTIO_BLK_T_IN, 0, 4096, true, 4097);
	ok(all(mem(), 4096, 0), "erased");
	is(ask(VIRTIO_BLK_T_GET_LIFETIME, 0, 6, true, 7), 0, "GET_LIFETIME");
	ok(!memcmp(mem(), "\1\0\2\0\3\0", 6), "lifetime");
	is(ask(VIRTIO_BLK_T_GET_LIFETIME, 0, 4, true, 5), 1, "GET_LIFETIME, too small");
	is(ask(VIRTIO_BLK_T_GET_LIFETIME, 0, 16, true, 17), 0, "GET_LIFETIME, larger");
	is(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), 2, "FLUSH without its feature");
	is(segs(VIRTIO_BLK_T_DISCARD, 1, 8, 8, 0), 2, "DISCARD without its feature");
}

static void test_read_only(void)
{
	up((struct emu_testbed_options){ .blk = { .features = emu_blk.features |
							      BIT(VIRTIO_BLK_F_RO) } },
	   emu_blk.features, false);
	is(ask(VIRTIO_BLK_T_OUT, 0, 512, false, 1), 1, "RO offered, not accepted: OUT is IOERR");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, 8, 0), 1, "WRITE_ZEROES is IOERR");
	is(segs(VIRTIO_BLK_T_DISCARD, 1, 0, 8, 0), 1, "DISCARD is IOERR");
	is(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false, 1), 0, "FLUSH is fine");
	is(ask(VIRTIO_BLK_T_IN, 0, 512, true, 513), 0, "IN is fine");
	ok(all(mem(), 512, 0), "nothing was written");
}

static void test_memory(void)
{
	up((struct emu_testbed_options){ 0 }, BIT(VIRTIO_RING_F_INDIRECT_DESC), false);
	struct emu_driver_queue *q = &r->drv.queue[0];
	uint64_t h = emu_driver_alloc(&r->drv, 32, 16), cookie;
	uint32_t len;
	uint8_t *s = emu_driver_ptr(&r->drv, h + 16);
	struct emu_seg seg[] = { { h, 16, false },
				 { data, 512, true },
				 { 1ull << 40, 512, true },
				 { data, 512, true },
				 { h + 16, 1, true } };
	*s = 0xff;
	emu_driver_add(&r->drv, q, seg, 5, false, 0);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	is(emu_driver_get(&r->drv, q, &cookie, &len), 1, "a hole in the data");
	is(*s, 1, "is IOERR");
	is(len, 512, "with what was written before it");
	seg[0].gpa = 1ull << 40;
	emu_driver_add(&r->drv, q, seg, 2, false, 0);
	seg[1] = seg[4];
	*s = 0xff;
	emu_driver_add(&r->drv, q, seg, 2, false, 0);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	emu_driver_get(&r->drv, q, &cookie, &len);
	is(emu_driver_get(&r->drv, q, &cookie, &len), 1, "an unreachable header");
	is(*s, 1, "is IOERR");
	seg[0].gpa = h;
	seg[1].gpa = 1ull << 40;
	emu_driver_add(&r->drv, q, seg, 2, false, 0);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	is(emu_driver_status(&r->drv), 0x4f,
	   "an unreachable status byte: nothing but a reset helps");
	up((struct emu_testbed_options){ .ram_size = 16 << 20 }, BIT(VIRTIO_RING_F_INDIRECT_DESC),
	   false);
	struct emu_seg many[250];
	q = &r->drv.queue[0];
	h = emu_driver_alloc(&r->drv, 32, 16);
	struct virtio_blk_outhdr oh = { .type = VIRTIO_BLK_T_IN };
	memcpy(emu_driver_ptr(&r->drv, h), &oh, sizeof(oh));
	many[0] = (struct emu_seg){ h, 16, false };
	for (unsigned i = 1; i < 249; i++)
		many[i] = (struct emu_seg){ data + 2048 * (249 - i), 512, true };
	many[249] = (struct emu_seg){ h + 16, 1, true };
	emu_driver_add(&r->drv, q, many, 250, true, 0);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	is(emu_driver_get(&r->drv, q, &cookie, &len), 1, "250 scattered pieces");
	is(len, 248 * 512 + 1, "all of them");
}

static void test_legacy(void)
{
	up((struct emu_testbed_options){ .dev = { .v.transitional = true } }, emu_blk.features,
	   true);
	is(ask(VIRTIO_BLK_T_FLUSH_OUT, 0, 0, false, 1), 0, "legacy FLUSH_OUT");
	is(ask(VIRTIO_BLK_T_IN, 0, 512, true, 513), 0, "legacy IN");
}

/* --- zones ------------------------------------------------------------------------------- */

#define ZONE 128
static void zoned(uint8_t model, uint32_t open, uint32_t active)
{
	struct emu_testbed_options o = { .blk = { .features = emu_blk.features_all &
							      ~BIT(VIRTIO_BLK_F_RO),
						  .capacity = 2000,
						  .max_erase_seg = 2,
						  .zones = { .model = model,
							     .zone_sectors = ZONE,
							     .capacity_sectors = 96,
							     .conventional = 2,
							     .max_open = open,
							     .max_active = active,
							     .max_append_sectors = 64,
							     .write_granularity = 1024 } } };
	up(o, ~0ull & ~BIT(VIRTIO_F_RING_PACKED), false);
}

static uint8_t zop(uint32_t type, uint32_t zone)
{
	return ask(type, (uint64_t)zone * ZONE, 0, false, 1);
}

static uint8_t zstate(uint32_t zone)
{
	return ((const struct blk *)r->v->priv)->zone[zone].state;
}

static uint8_t append(uint64_t sector, uint32_t len, uint64_t *where)
{
	struct emu_driver_queue *q = &r->drv.queue[0];
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_ZONE_APPEND, .sector = sector };
	uint64_t at = emu_driver_alloc(&r->drv, 32, 16), cookie;
	uint32_t used;
	struct emu_seg seg[] = { { at, 16, false }, { data, len, false }, { at + 16, 9, true } };
	memcpy(emu_driver_ptr(&r->drv, at), &h, sizeof(h));
	emu_driver_add(&r->drv, q, seg, 3, false, 0);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	if (emu_driver_get(&r->drv, q, &cookie, &used) != 1 || used != 9)
		return 0xee;
	memcpy(where, emu_driver_ptr(&r->drv, at + 16), 8);
	return *(uint8_t *)emu_driver_ptr(&r->drv, at + 24);
}

static void test_zone_io(void)
{
	uint64_t where;
	zoned(VIRTIO_BLK_Z_HM, 0, 0);
	ok(!emu_virtio_offers(r->v, VIRTIO_BLK_F_DISCARD), "host-managed: no DISCARD");
	is(r->v->config[BLK_CFG_ZONE_MODEL], VIRTIO_BLK_Z_HM, "model");
	memset(mem(), 0x66, 65536);
	is(ask(VIRTIO_BLK_T_OUT, 3, 512, false, 1), 0, "conventional: anywhere");
	is(ask(VIRTIO_BLK_T_OUT, ZONE - 2, 2048, false, 1), 0, "across conventional zones");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE - 2, 2048, false, 1), 3, "into a sequential one: no");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE, 1024, false, 1), 0, "sequential: at the pointer");
	is(zstate(2), VIRTIO_BLK_ZS_IOPEN, "implicitly open");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE, 1024, false, 1), 4, "behind the pointer");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 2, 512, false, 1), 4, "against the granularity");
	is(ask(VIRTIO_BLK_T_IN, 2 * ZONE, 2048, true, 2049), 0, "read across the pointer");
	ok(all(mem(), 1024, 0x66) && all(mem() + 1024, 1024, 0), "unwritten sectors are zeroes");
	is(ask(VIRTIO_BLK_T_IN, 2 * ZONE + 126, 2048, true, 2049), 3, "read across zones");
	is(append(2 * ZONE, 2048, &where), 0, "ZONE_APPEND");
	is(where, 2 * ZONE + 2, "where it went");
	is(append(2 * ZONE + 1, 1024, &where), 3, "not the zone's first sector");
	is(append(0, 1024, &where), 3, "conventional zone");
	is(append(2 * ZONE, 512, &where), 4, "against the granularity");
	is(append(2 * ZONE, 65 * 512, &where), 3, "more than max_append_sectors");
	is(append(2 * ZONE, 0, &where), 3, "nothing");
	is(append(2 * ZONE, 64 * 512, &where), 0, "as much as allowed");
	is(append(2 * ZONE, 64 * 512, &where), 3, "more than is left");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 70, 26 * 512, false, 1), 0, "the rest");
	is(zstate(2), VIRTIO_BLK_ZS_FULL, "full");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 96, 1024, false, 1), 3, "beyond the capacity");
	is(append(2 * ZONE, 1024, &where), 3, "append to a full zone");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, 8, 0), 0, "WRITE_ZEROES on conventional");
	is(segs(VIRTIO_BLK_T_WRITE_ZEROES, 1, 3 * ZONE, 8, 0), 3, "WRITE_ZEROES on sequential");
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 2, 2 * ZONE, ZONE, 0), 0, "SECURE_ERASE of zones");
	is(zstate(2), VIRTIO_BLK_ZS_EMPTY, "resets them");
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 1, 2 * ZONE + 8, 8, 0), 3, "SECURE_ERASE of less");
	is(ask(VIRTIO_BLK_T_ZONE_APPEND, 2 * ZONE, 1024, false, 1), 1,
	   "append without room for the answer");
}

static void test_zone_states(void)
{
	uint64_t where;
	zoned(VIRTIO_BLK_Z_HM, 2, 3);
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 0), 3, "OPEN conventional");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 2), 0, "OPEN");
	is(zstate(2), VIRTIO_BLK_ZS_EOPEN, "explicitly open");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 2), 0, "OPEN again");
	is(ask(VIRTIO_BLK_T_ZONE_OPEN, 2 * ZONE + 1, 0, false, 1), 3, "OPEN inside a zone");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 99), 3, "OPEN beyond the device");
	is(zop(VIRTIO_BLK_T_ZONE_CLOSE, 2), 0, "CLOSE");
	is(zstate(2), VIRTIO_BLK_ZS_EMPTY, "an unwritten zone closes to empty");
	is(zop(VIRTIO_BLK_T_ZONE_CLOSE, 2), 3, "CLOSE an empty zone");
	ask(VIRTIO_BLK_T_OUT, 2 * ZONE, 1024, false, 1);
	is(zop(VIRTIO_BLK_T_ZONE_CLOSE, 2), 0, "CLOSE a written zone");
	is(zstate(2), VIRTIO_BLK_ZS_CLOSED, "closed");
	is(zop(VIRTIO_BLK_T_ZONE_CLOSE, 2), 0, "CLOSE again");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 3), 0, "a second");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 4), 0, "a third");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 5), 6, "active resources");
	is(ask(VIRTIO_BLK_T_OUT, 5 * ZONE, 1024, false, 1), 6, "for a write, too");
	is(append(5 * ZONE, 1024, &where), 6, "and an append");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 2), 5, "open resources");
	zop(VIRTIO_BLK_T_ZONE_CLOSE, 4);
	is(ask(VIRTIO_BLK_T_OUT, 4 * ZONE, 1024, false, 1), 0, "implicitly");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 2), 0, "an implicitly open zone makes room");
	is(zstate(4), VIRTIO_BLK_ZS_CLOSED, "by being closed");
	is(zop(VIRTIO_BLK_T_ZONE_FINISH, 4), 0, "FINISH");
	is(zstate(4), VIRTIO_BLK_ZS_FULL, "full");
	is(zop(VIRTIO_BLK_T_ZONE_FINISH, 4), 0, "FINISH again");
	is(zop(VIRTIO_BLK_T_ZONE_OPEN, 4), 3, "OPEN a full zone");
	is(zop(VIRTIO_BLK_T_ZONE_CLOSE, 4), 3, "CLOSE a full zone");
	is(zop(VIRTIO_BLK_T_ZONE_RESET, 4), 0, "RESET");
	is(zstate(4), VIRTIO_BLK_ZS_EMPTY, "empty");
	is(zop(VIRTIO_BLK_T_ZONE_RESET, 1), 3, "RESET conventional");
	((struct blk *)r->v->priv)->zone[6].state = VIRTIO_BLK_ZS_RDONLY;
	((struct blk *)r->v->priv)->zone[7].state = VIRTIO_BLK_ZS_OFFLINE;
	is(ask(VIRTIO_BLK_T_OUT, 6 * ZONE, 1024, false, 1), 3, "write a read-only zone");
	is(ask(VIRTIO_BLK_T_IN, 6 * ZONE, 1024, true, 1025), 0, "read a read-only zone");
	is(zop(VIRTIO_BLK_T_ZONE_RESET, 6), 3, "RESET a read-only zone");
	is(append(6 * ZONE, 1024, &where), 3, "append to a read-only zone");
	is(ask(VIRTIO_BLK_T_IN, 7 * ZONE, 1024, true, 1025), 3, "read an offline zone");
	is(segs(VIRTIO_BLK_T_SECURE_ERASE, 1, 7 * ZONE, ZONE, 0), 3, "erase an offline zone");
	is(zop(VIRTIO_BLK_T_ZONE_RESET_ALL, 1), 3, "RESET_ALL with a sector");
	is(zop(VIRTIO_BLK_T_ZONE_RESET_ALL, 0), 0, "RESET_ALL");
	is(zstate(2) | zstate(3), VIRTIO_BLK_ZS_EMPTY, "all empty");
	is(zstate(7), VIRTIO_BLK_ZS_OFFLINE, "but the dead");
	is((uint64_t)-emu_blk_resize(r->v, 8), EINVAL, "zoned devices keep their size");
}

static void test_zone_report(void)
{
	zoned(VIRTIO_BLK_Z_HM, 0, 0);
	uint64_t v;
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, ZONE + 5, 64 + 3 * 64 + 10, true, 64 + 3 * 64 + 11), 0,
	   "REPORT");
	memcpy(&v, mem(), 8);
	is(v, 3, "as many as fit");
	memcpy(&v, mem() + 64 + 8, 8);
	is(v, ZONE, "from the zone that holds the sector");
	is(mem()[64 + 24], VIRTIO_BLK_ZT_CONV, "conventional");
	is(mem()[64 + 25], VIRTIO_BLK_ZS_NOT_WP, "without a pointer");
	is(mem()[128 + 24], VIRTIO_BLK_ZT_SWR, "sequential");
	memcpy(&v, mem() + 128, 8);
	is(v, 96, "capacity");
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, 15 * ZONE, 4096, true, 4097), 0, "the last zone");
	memcpy(&v, mem(), 8);
	is(v, 1, "is one");
	memcpy(&v, mem() + 64, 8);
	is(v, 80, "and shorter");
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, 2000, 4096, true, 4097), 3, "beyond the device");
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, 0, 127, true, 128), 3, "no room for a zone");
}

static void test_zone_models(void)
{
	uint64_t where;
	zoned(VIRTIO_BLK_Z_HA, 0, 0);
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 40, 1024, false, 1), 0, "host-aware: anywhere");
	is(zstate(2), VIRTIO_BLK_ZS_IOPEN, "the pointer follows");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 94, 4096, false, 1), 0, "to the end and across");
	is(zstate(2), VIRTIO_BLK_ZS_FULL, "full");
	is(append(3 * ZONE, 1024, &where), 3, "ZONE_APPEND is for SWR zones");
	is(segs(VIRTIO_BLK_T_DISCARD, 1, 0, 8, 0), 0, "DISCARD on conventional");
	emu_driver_reset(&r->drv);
	struct emu_driver_options d = { .features = { BIT(VIRTIO_BLK_F_FLUSH) } };
	is(emu_driver_start(&r->drv, &d), 0, "host-aware without ZONED");
	is(r->v->config[BLK_CFG_ZONE_MODEL], 0, "zoned characteristics are zero");
	is(ask(VIRTIO_BLK_T_ZONE_RESET, 2 * ZONE, 0, false, 1), 2,
	   "zone requests are not supported");
	is(ask(VIRTIO_BLK_T_OUT, 2 * ZONE + 7, 1024, false, 1), 0, "a plain disk");
	zoned(VIRTIO_BLK_Z_HM, 0, 0);
	emu_driver_reset(&r->drv);
	is((uint64_t)-emu_driver_start(&r->drv, &d), ENOTSUP,
	   "host-managed without ZONED: refused");
	zoned(VIRTIO_BLK_Z_NONE, 0, 0);
	is(append(0, 1024, &where), 3, "a device without zones: append");
	is(ask(VIRTIO_BLK_T_ZONE_RESET, 0, 0, false, 1), 3, "reset");
	is(ask(VIRTIO_BLK_T_ZONE_REPORT, 0, 512, true, 513), 3, "report");
}

int main(void)
{
	test_data();
	test_ranges();
	test_read_only();
	test_memory();
	test_legacy();
	test_zone_io();
	test_zone_states();
	test_zone_report();
	test_zone_models();
	emu_testbed_free(r);
	return done();
}
