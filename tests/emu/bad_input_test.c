/* SPDX-License-Identifier: MIT */
/*
 * The 63 kinds of bad (and some odd but legal) input that QEMU's virtio-blk was
 * probed with, each with our device's exact outcome, QEMU 7.2's, and the clause
 * that decides where they differ.  `--markdown` prints the table.
 */
#include <stdlib.h>

#include "decoder/trace/event.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"
#include "tests/emu/tap.h"

#define BIT(n) (1ull << (n))
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define FAR 0x80000000ull /* no memory there */

struct env {
	struct emu_testbed *r;
	struct emu_driver *d;
	struct vqt_desc *desc;
	uint64_t hdr, data, status, table;
	/* what the set-up writes; a row's pre() may change it */
	uint64_t features;
	uint64_t area[3];
	uint16_t size, enable, avail_idx, head;
	uint8_t ok;
	int kick; /* queue, -1: none */
	struct virtio_blk_outhdr h;
	char extra[160];
	bool only_extra; /* the outcome is nothing but extra */
};

static void desc(struct env *e, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t next)
{
	e->desc[i] = (struct vqt_desc){ .addr = addr, .len = len, .flags = flags, .next = next };
}

static uint64_t reg(struct env *e, uint32_t off, unsigned w)
{
	return emu_driver_read(e->d, &e->d->common, off, w);
}

static void set(struct env *e, uint32_t off, unsigned w, uint64_t v)
{
	emu_driver_write(e->d, &e->d->common, off, w, v);
}

/* --- chains -------------------------------------------------------------------------- */

static void head_8(struct env *e)
{
	e->head = 8;
}
static void next_out(struct env *e)
{
	e->desc[0].next = 8;
}
static void direct_loop(struct env *e)
{
	e->desc[1].flags |= NEXT;
	e->desc[1].next = 1;
}
static void zero_data(struct env *e)
{
	e->desc[1].len = 0;
}
static void data_far(struct env *e)
{
	e->desc[1].addr = FAR;
}
static void data_wraps(struct env *e)
{
	e->desc[1].addr = -512ull;
	e->desc[1].len = 4096;
}
static void data_huge(struct env *e)
{
	e->desc[1].len = UINT32_MAX;
}

/* A table with the usual three descriptors, and desc 0 naming it. */
static struct vqt_desc *indirect(struct env *e, uint32_t len)
{
	struct vqt_desc *t = emu_driver_ptr(e->d, e->table);
	memcpy(t, e->desc, 3 * sizeof(*t));
	desc(e, 0, e->table, len, INDIRECT, 0);
	return t;
}

static void ind_ok(struct env *e)
{
	indirect(e, 48);
}
static void ind_40(struct env *e)
{
	indirect(e, 40);
}
static void ind_0(struct env *e)
{
	indirect(e, 0);
}
static void ind_next(struct env *e)
{
	indirect(e, 48);
	e->desc[0].flags |= NEXT;
	e->desc[0].next = 1;
}
static void ind_loop(struct env *e)
{
	indirect(e, 48)[2] = (struct vqt_desc){ e->data, 512, NEXT | WRITE, 1 };
}
static void ind_out(struct env *e)
{
	indirect(e, 48)[1].next = 3;
}
static void ind_far(struct env *e)
{
	indirect(e, 48);
	e->desc[0].addr = FAR;
}
static void ind_ind(struct env *e)
{
	indirect(e, 48)[1] = (struct vqt_desc){ e->table, 48, INDIRECT, 0 };
}
static void ind_2048(struct env *e)
{
	struct vqt_desc *t = indirect(e, 2048 * 16);
	t[2047] = t[2];
	for (unsigned i = 1; i < 2047; i++)
		t[i] = (struct vqt_desc){ e->data, 512, NEXT | WRITE, i + 1 };
}
static void no_indirect(struct env *e)
{
	e->features &= ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
}

static void idx_jump(struct env *e)
{
	e->avail_idx = 9;
}
static void idx_back(struct env *e)
{
	e->avail_idx = 32769;
}
static void read_after_write(struct env *e)
{
	desc(e, 0, e->hdr, 16, NEXT, 1);
	desc(e, 1, e->status, 1, WRITE | NEXT, 2);
	desc(e, 2, e->data, 512, 0, 0);
}
static void no_writable(struct env *e)
{
	e->desc[1].flags = NEXT;
	e->desc[2].flags = 0;
}
static void short_header(struct env *e)
{
	e->desc[0].len = 8;
}
static void split_header(struct env *e)
{
	desc(e, 0, e->hdr, 8, NEXT, 3);
	desc(e, 3, e->hdr + 8, 8, NEXT, 1);
}
static void one_513(struct env *e)
{
	desc(e, 1, e->data, 513, WRITE, 0);
	((uint8_t *)emu_driver_ptr(e->d, e->data))[512] = 0xff;
}
static void show_last(struct env *e)
{
	sprintf(e->extra, " last=0x%x", ((uint8_t *)emu_driver_ptr(e->d, e->data))[512]);
}
static void single(struct env *e)
{
	desc(e, 0, e->hdr, 16, 0, 0);
}
static void unknown_type(struct env *e)
{
	e->h.type = 0x99;
}
static void at_end(struct env *e)
{
	e->h.sector = 2048;
}
static void far_sector(struct env *e)
{
	e->h.sector = UINT64_MAX;
}
static void len_100(struct env *e)
{
	e->desc[1].len = 100;
}
static void out_writable(struct env *e)
{
	e->h.type = VIRTIO_BLK_T_OUT;
}
static void in_readable(struct env *e)
{
	e->desc[1].flags = NEXT;
}
static void no_data(struct env *e)
{
	e->desc[0].next = 2;
}
static void id_8(struct env *e)
{
	e->h.type = VIRTIO_BLK_T_GET_ID;
	e->desc[1].len = 8;
}

static void segments(struct env *e, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes s = { .sector = sector,
						     .num_sectors = n,
						     .flags = flags };
	memcpy(emu_driver_ptr(e->d, e->data), &s, sizeof(s));
	memcpy((char *)emu_driver_ptr(e->d, e->data) + sizeof(s), &s, sizeof(s));
	e->h.type = type;
	e->desc[1].len = sizeof(s);
	e->desc[1].flags = NEXT;
}
static void wz_ok(struct env *e)
{
	segments(e, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0);
}
static void wz_flags(struct env *e)
{
	segments(e, VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0x10);
}
static void wz_two(struct env *e)
{
	wz_ok(e);
	e->desc[1].len = 32;
}
static void wz_15(struct env *e)
{
	wz_ok(e);
	e->desc[1].len = 15;
}
static void wz_many(struct env *e)
{
	segments(e, VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0);
}
static void wz_none(struct env *e)
{
	segments(e, VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 0);
}
static void discard_unmap(struct env *e)
{
	segments(e, VIRTIO_BLK_T_DISCARD, 8, 8, 1);
}
static void discard_far(struct env *e)
{
	segments(e, VIRTIO_BLK_T_DISCARD, 4096, 8, 0);
}
static void discard_ok(struct env *e)
{
	segments(e, VIRTIO_BLK_T_DISCARD, 8, 8, 0);
}
static void no_discard(struct env *e)
{
	e->features &= ~BIT(VIRTIO_BLK_F_DISCARD);
}
static void erase(struct env *e)
{
	segments(e, VIRTIO_BLK_T_SECURE_ERASE, 8, 8, 0);
}

/* --- registers ------------------------------------------------------------------------- */

static void desc_misaligned(struct env *e)
{
	e->area[0] += 4;
}
static void used_misaligned(struct env *e)
{
	e->area[2] += 2;
}
static void desc_far(struct env *e)
{
	e->area[0] = FAR;
}
static void overlap(struct env *e)
{
	e->area[2] = e->area[1];
}
static void size_7(struct env *e)
{
	e->size = 7;
}
static void size_0(struct env *e)
{
	e->size = 0;
}
static void size_2048(struct env *e)
{
	e->size = 2048;
}
static void show_size(struct env *e)
{
	set(e, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	sprintf(e->extra, " size_rb=%d", (int)reg(e, VIRTIO_PCI_COMMON_Q_SIZE, 2));
}
static void enable_0(struct env *e)
{
	e->enable = 0;
}
static void enable_2(struct env *e)
{
	e->enable = 2;
}
static void bit_63(struct env *e)
{
	e->features |= BIT(63);
}
static void no_version(struct env *e)
{
	e->features &= ~BIT(VIRTIO_F_VERSION_1);
}
static void show_status(struct env *e)
{
	sprintf(e->extra, "status after FEATURES_OK 0x%x",
		(int)reg(e, VIRTIO_PCI_COMMON_STATUS, 1));
	e->only_extra = true;
}
static void stop_at_features(struct env *e)
{
	e->ok = 0;
}
static void bit_63_stop(struct env *e)
{
	bit_63(e);
	stop_at_features(e);
}
static void no_version_stop(struct env *e)
{
	no_version(e);
	stop_at_features(e);
}
static void ok_without_features(struct env *e)
{
	e->features = 0;
	e->ok = 0x7;
}
static void kick_5(struct env *e)
{
	e->kick = 5;
}
static void size_after(struct env *e)
{
	set(e, VIRTIO_PCI_COMMON_Q_SIZE, 2, 16);
}
static void desc_after(struct env *e)
{
	set(e, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x30000);
}
static void clear_features(struct env *e)
{
	for (unsigned s = 0; s < 2; s++) {
		set(e, VIRTIO_PCI_COMMON_GFSELECT, 4, s);
		set(e, VIRTIO_PCI_COMMON_GF, 4, 0);
	}
}
static void queue_reset(struct env *e)
{
	set(e, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	sprintf(e->extra, "reset_rb=%d enable_rb=%d ", (int)reg(e, VIRTIO_PCI_COMMON_Q_RESET, 2),
		(int)reg(e, VIRTIO_PCI_COMMON_Q_ENABLE, 2));
}
static void no_ring_reset(struct env *e)
{
	e->features &= ~BIT(VIRTIO_F_RING_RESET);
}
static void selects(struct env *e)
{
	static const uint16_t q[] = { 0xffff, 1, 2, 1024 };
	char *p = e->extra + sprintf(e->extra, "sel");
	for (unsigned i = 0; i < 4; i++) {
		set(e, VIRTIO_PCI_COMMON_Q_SELECT, 2, q[i]);
		p += sprintf(p, " %x->%d", q[i], (int)reg(e, VIRTIO_PCI_COMMON_Q_SIZE, 2));
	}
	e->only_extra = true;
}

/* --- the table ---------------------------------------------------------------------------- */

#define GOOD "dev_status=0xf used_idx=1 used_len=513 blk_status=0x0"
#define RESET "dev_status=0x4f used_idx=0 blk_status=0xff"
#define ONE(st) "dev_status=0xf used_idx=1 used_len=1 blk_status=" st
#define IDLE "dev_status=0xf used_idx=0 blk_status=0xff"
#define REFUSED "dev_status=0x43 used_idx=0 blk_status=0xff"

struct row {
	const char *name;
	void (*pre)(struct env *e); /* changes what the set-up writes */
	void (*chain)(struct env *e); /* changes the request */
	void (*post)(struct env *e); /* after DRIVER_OK */
	void (*show)(struct env *e); /* adds to the outcome */
	const char *ours, *qemu; /* qemu NULL: the same */
	const char *clause, *why; /* where they differ, or the text is what decides */
};

static const struct row rows[] = {
	{ "valid read", .ours = GOOD },
	{ "head=8 (=qsize)", .chain = head_8, .ours = RESET, .clause = "I01" },
	{ "next out of range", .chain = next_out, .ours = RESET, .clause = "I02" },
	{ "direct loop", .chain = direct_loop, .ours = RESET, .clause = "SPLIT-D5" },
	{ "zero-length data desc", .chain = zero_data, .ours = ONE("0x0"), .qemu = RESET,
	  .clause = "SPLIT-V1",
	  .why = "no clause forbids an empty descriptor; framing is not to be assumed" },
	{ "data addr outside RAM", .chain = data_far,
	  .ours = "dev_status=0xf used_idx=1 used_len=0 blk_status=0x1", .qemu = GOOD,
	  .clause = "SPLIT-V14",
	  .why = "a length promises bytes that were written; none was, and the request failed" },
	{ "data addr+len wraps 2^64", .chain = data_wraps,
	  .ours = "dev_status=0xf used_idx=1 used_len=0 blk_status=0x1",
	  .qemu = "dev_status=0xf used_idx=1 used_len=4097 blk_status=0x0", .clause = "SPLIT-V14",
	  .why = "as above" },
	{ "data len 0xffffffff", .chain = data_huge, .ours = RESET, .clause = "SPLIT-D5" },
	{ "indirect valid", .chain = ind_ok, .ours = GOOD },
	{ "indirect len 40 (not x16)", .chain = ind_40, .ours = RESET, .clause = "I08" },
	{ "indirect len 0", .chain = ind_0, .ours = RESET, .clause = "I08" },
	{ "indirect in indirect", .chain = ind_ind, .ours = RESET, .clause = "SPLIT-D8" },
	{ "indirect + NEXT", .chain = ind_next, .ours = RESET, .qemu = GOOD, .clause = "SPLIT-D10",
	  .why = "forbidden; what NEXT leads to is ambiguous" },
	{ "indirect loop", .chain = ind_loop, .ours = RESET, .clause = "SPLIT-D5 SPLIT-D9" },
	{ "indirect next out of table", .chain = ind_out, .ours = RESET, .clause = "I02" },
	{ "indirect table outside RAM", .chain = ind_far, .ours = RESET },
	{ "indirect 2048 entries", .chain = ind_2048, .ours = RESET, .clause = "SPLIT-D9" },
	{ "indirect not negotiated", .pre = no_indirect, .chain = ind_ok, .ours = RESET,
	  .qemu = GOOD, .clause = "SPLIT-D7", .why = "the flag means nothing without the feature" },
	{ "avail idx jumps qsize+1", .chain = idx_jump, .ours = RESET, .clause = "I04",
	  .why = "QEMU's probe had not preset blk_status yet" },
	{ "avail idx goes 32769", .chain = idx_back, .ours = RESET, .clause = "SPLIT-D12 I04",
	  .why = "QEMU's probe had not preset blk_status yet" },
	{ "readable after writable", .chain = read_after_write, .ours = RESET,
	  .clause = "SPLIT-D3" },
	{ "no writable desc", .chain = no_writable, .ours = RESET, .clause = "I21" },
	{ "header only 8 bytes", .chain = short_header,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0x1", .qemu = RESET,
	  .clause = "I21",
	  .why = "IOERR is for \"device or driver error\", and there is a place to put it" },
	{ "header split 8+8", .chain = split_header, .ours = GOOD, .clause = "SPLIT-V1" },
	{ "status+data one desc 513", .chain = one_513, .show = show_last,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0xff last=0x0",
	  .clause = "SPLIT-V1" },
	{ "single desc header only", .chain = single, .ours = RESET, .clause = "I21" },
	{ "unknown type 0x99", .chain = unknown_type,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0x2" },
	{ "sector==capacity", .chain = at_end,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0x1", .clause = "BLKOP-D2" },
	{ "sector=2^64-1", .chain = far_sector,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0x1", .clause = "BLKOP-D2" },
	{ "data len 100", .chain = len_100,
	  .ours = "dev_status=0xf used_idx=1 used_len=101 blk_status=0x1", .clause = "BLKOP-D6" },
	{ "T_OUT with writable data", .chain = out_writable,
	  .ours = "dev_status=0xf used_idx=1 used_len=513 blk_status=0x1", .qemu = GOOD,
	  .clause = "I22", .why = "OK would claim a write that had no data" },
	{ "T_IN with readable data", .chain = in_readable, .ours = ONE("0x1"), .qemu = ONE("0x0"),
	  .clause = "I22", .why = "OK would claim a read that went nowhere" },
	{ "T_IN no data", .chain = no_data, .ours = ONE("0x0"), .clause = "BLKOP-D6" },
	{ "GET_ID 8-byte buffer", .chain = id_8,
	  .ours = "dev_status=0xf used_idx=1 used_len=9 blk_status=0x1",
	  .qemu = "dev_status=0xf used_idx=1 used_len=9 blk_status=0x0", .clause = "BLKOP-D8",
	  .why = "the data must be 20 bytes; a cut ID is not the ID" },
	{ "write_zeroes ok", .chain = wz_ok, .ours = ONE("0x0") },
	{ "write_zeroes flags=0x10", .chain = wz_flags, .ours = ONE("0x2"), .clause = "BLKOP-V4" },
	{ "write_zeroes 2 segments", .chain = wz_two, .ours = ONE("0x2"), .clause = "BLKOP-D11" },
	{ "write_zeroes len 15", .chain = wz_15, .ours = ONE("0x1"), .qemu = RESET,
	  .clause = "BLKOP-D7", .why = "a driver error with a place to report it" },
	{ "write_zeroes 0xffffffff sectors", .chain = wz_many, .ours = ONE("0x1"),
	  .clause = "BLKOP-D2" },
	{ "write_zeroes 0 sectors", .chain = wz_none, .ours = ONE("0x0") },
	{ "discard flags=1 (unmap)", .chain = discard_unmap, .ours = ONE("0x2"),
	  .clause = "BLKOP-V5" },
	{ "discard sector beyond end", .chain = discard_far, .ours = ONE("0x1"),
	  .clause = "BLKOP-D2" },
	{ "discard not negotiated", .pre = no_discard, .chain = discard_ok, .ours = ONE("0x2"),
	  .qemu = ONE("0x0"), .clause = "I23 FEAT-D1",
	  .why = "the request does not exist without its feature" },
	{ "secure_erase type 14", .chain = erase, .ours = ONE("0x2"), .clause = "I23" },
	{ "desc table addr misaligned +4", .pre = desc_misaligned,
	  .ours = "dev_status=0x4f used_idx=0 blk_status=0xff", .qemu = GOOD,
	  .clause = "SPLIT-D1 STATUS-V2", .why = "the queue is not enabled" },
	{ "used ring misaligned +2", .pre = used_misaligned,
	  .ours = "dev_status=0x4f used_idx=0 blk_status=0xff",
	  .qemu = "dev_status=0xf used_idx=0 blk_status=0x0", .clause = "SPLIT-D1 STATUS-V2",
	  .why = "the queue is not enabled" },
	{ "desc ring outside RAM", .pre = desc_far, .ours = RESET },
	{ "rings overlap (used==avail)", .pre = overlap,
	  .ours = "dev_status=0x4f used_idx=0 blk_status=0xff",
	  .qemu = "dev_status=0xf used_idx=0 blk_status=0x0", .clause = "SPLIT-V4 STATUS-V2",
	  .why = "the device could not use such a ring without overwriting what is not its own" },
	{ "queue_size=7", .pre = size_7, .show = show_size, .ours = GOOD " size_rb=256",
	  .qemu = GOOD " size_rb=7", .clause = "COMMON-V15",
	  .why = "queue_size never reads as anything but 0 or a power of 2" },
	{ "queue_size=0", .pre = size_0, .show = show_size, .ours = GOOD " size_rb=256",
	  .clause = "COMMON-V15" },
	{ "queue_size=2048>max256", .pre = size_2048, .show = show_size,
	  .ours = GOOD " size_rb=256", .clause = "I10" },
	{ "queue_enable=0", .pre = enable_0, .ours = IDLE, .clause = "COMMON-D6" },
	{ "queue_enable=2", .pre = enable_2, .ours = IDLE },
	{ "feature bits unknown (63)", .pre = bit_63_stop, .show = show_status,
	  .ours = "status after FEATURES_OK 0x3", .qemu = "status after FEATURES_OK 0xb",
	  .clause = "FEAT-D1 FEAT-V2", .why = "not a subset of what was offered" },
	{ "no VERSION_1", .pre = no_version_stop, .show = show_status,
	  .ours = "status after FEATURES_OK 0x3", .qemu = "status after FEATURES_OK 0xb",
	  .clause = "BITS-D1 BITS-V2",
	  .why = "the device may fail to operate further, and says so" },
	{ "DRIVER_OK without FEATURES_OK", .pre = ok_without_features, .ours = REFUSED,
	  .qemu = GOOD, .clause = "STATUS-D1 STATUS-V2", .why = "features were never settled" },
	{ "notify nonexistent queue 5/63", .post = kick_5, .ours = GOOD, .clause = "SPLIT-V20" },
	{ "queue_size changed after enable", .post = size_after, .show = show_size,
	  .ours = GOOD " size_rb=8",
	  .qemu = "dev_status=0x4f used_idx=0 blk_status=0xff size_rb=256", .clause = "COMMON-D4",
	  .why = "fields of an enabled queue do not change (11.1.3 completes, too)" },
	{ "desc addr changed after enable", .post = desc_after, .ours = GOOD,
	  .clause = "COMMON-D4" },
	{ "features cleared after DRIVER_OK", .post = clear_features, .ours = GOOD,
	  .clause = "INIT-D7" },
	{ "queue_reset (RING_RESET negotiated)", .post = queue_reset,
	  .ours = "reset_rb=0 enable_rb=0 " IDLE, .clause = "COMMON-V13" },
	{ "queue_reset not negotiated", .pre = no_ring_reset, .post = queue_reset,
	  .ours = "reset_rb=0 enable_rb=1 " GOOD, .qemu = "reset_rb=0 enable_rb=0 " IDLE,
	  .clause = "FEAT-D1 COMMON-V11",
	  .why = "the register does not exist without its feature" },
	{ "queue_select out of range", .show = selects, .ours = "sel ffff->0 1->256 2->0 400->0",
	  .qemu = "sel ffff->size 8 sel1->256 sel2->0 sel1024->0", .clause = "COMMON-V14",
	  .why = "a queue that is not there has size 0" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- the probe --------------------------------------------------------------------------- */

static void setup(struct env *e, const struct row *row)
{
	struct emu_driver *d = e->d;
	emu_driver_probe(d);
	emu_driver_reset(d);
	e->area[0] = emu_driver_alloc(d, 16 * 8 + 16, 4096);
	e->area[1] = emu_driver_alloc(d, 6 + 2 * 256, 4096);
	e->area[2] = emu_driver_alloc(d, 6 + 8 * 256, 4096);
	e->hdr = emu_driver_alloc(d, 17, 64);
	e->status = e->hdr + 16;
	e->data = emu_driver_alloc(d, 4096, 4096);
	e->table = emu_driver_alloc(d, 2048 * 16, 4096);
	uint64_t desc_at = e->area[0];
	if (row->pre)
		row->pre(e);
	e->desc = emu_driver_ptr(d, desc_at);
	set(e, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	set(e, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned s = 0; s < 2; s++) {
		set(e, VIRTIO_PCI_COMMON_GFSELECT, 4, s);
		set(e, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(e->features >> 32 * s));
	}
	if (e->features)
		set(e, VIRTIO_PCI_COMMON_STATUS, 1, 0xb);
	if (!e->ok)
		return;
	set(e, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	set(e, VIRTIO_PCI_COMMON_Q_SIZE, 2, e->size);
	for (unsigned i = 0; i < 3; i++)
		set(e, VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i, 8, e->area[i]);
	set(e, VIRTIO_PCI_COMMON_Q_ENABLE, 2, e->enable);
	set(e, VIRTIO_PCI_COMMON_STATUS, 1, e->ok);
	emu_driver_run(d);
	if (row->post)
		row->post(e);
}

static void request(struct env *e, const struct row *row)
{
	struct emu_driver *d = e->d;
	e->h = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN };
	desc(e, 0, e->hdr, 16, NEXT, 1);
	desc(e, 1, e->data, 512, NEXT | WRITE, 2);
	desc(e, 2, e->status, 1, WRITE, 0);
	e->avail_idx = 1;
	*(uint8_t *)emu_driver_ptr(d, e->status) = 0xff;
	if (row->chain)
		row->chain(e);
	memcpy(emu_driver_ptr(d, e->hdr), &e->h, sizeof(e->h));
	uint16_t *avail = emu_driver_ptr(d, e->area[1] < FAR ? e->area[1] : 0x1000);
	avail[2] = e->head;
	avail[1] = e->avail_idx;
	emu_driver_write(d, &d->notify, e->kick * d->notify_multiplier, 2, e->kick);
	emu_driver_run(d);
	if (e->kick) { /* the notification that counts */
		emu_driver_write(d, &d->notify, 0, 2, 0);
		emu_driver_run(d);
	}
}

static void outcome(struct env *e, const struct row *row, char *out)
{
	struct emu_driver *d = e->d;
	uint8_t status = reg(e, VIRTIO_PCI_COMMON_STATUS, 1);
	const uint16_t *used = emu_driver_ptr(d, e->area[2]);
	bool misplaced = e->area[2] == e->area[1];
	bool first = row->post == queue_reset;
	if (row->show)
		row->show(e);
	if (e->only_extra) {
		strcpy(out, e->extra);
		return;
	}
	out += first ? sprintf(out, "%s", e->extra) : 0;
	uint16_t idx = misplaced ? 0 : used[1];
	out += sprintf(out, "dev_status=0x%x used_idx=%d ", status, idx);
	if (idx)
		out += sprintf(out, "used_len=%u ", *(const uint32_t *)(const void *)(used + 4));
	out += sprintf(out, "blk_status=0x%x", *(uint8_t *)emu_driver_ptr(d, e->status));
	if (!first)
		strcpy(out, e->extra);
}

static void probe(const struct row *row, char *out)
{
	struct emu_testbed_options o = { .dev = { .v.queues = 2 } };
	struct env e = { .size = 8, .enable = 1, .ok = 0xf };
	emu_testbed_new(&e.r, &o);
	e.d = &e.r->drv;
	e.features = (emu_virtio_core_features() & ~BIT(VIRTIO_F_RING_PACKED) &
		      ~BIT(VIRTIO_RING_F_EVENT_IDX)) |
		     emu_blk.features;
	setup(&e, row);
	if (e.ok)
		request(&e, row);
	outcome(&e, row, out);
	emu_testbed_free(e.r);
}

/* --- the table in the documentation ---------------------------------------------------------- */

/* Where virtio 1.4 has them; I: what its text implies without saying "must". */
static const struct {
	const char *ref, *section;
} sections[] = {
	{ "STATUS-D", "2.1.1" },      { "STATUS-V", "2.1.2" },	   { "FEAT-D", "2.2.1" },
	{ "FEAT-V", "2.2.2" },	      { "SPLIT-D1", "2.7" },	   { "SPLIT-V1", "2.7.4.1" },
	{ "SPLIT-D3", "2.7.4.2" },    { "SPLIT-V4", "2.7.5.1" },   { "SPLIT-D5", "2.7.5.2" },
	{ "SPLIT-D7", "2.7.5.3.1" },  { "SPLIT-D8", "2.7.5.3.1" }, { "SPLIT-D9", "2.7.5.3.1" },
	{ "SPLIT-D10", "2.7.5.3.1" }, { "SPLIT-D12", "2.7.6.1" },  { "SPLIT-V14", "2.7.8.2" },
	{ "SPLIT-V20", "2.7.10.2" },  { "INIT-D", "3.1.1" },	   { "COMMON-V", "4.1.4.3.1" },
	{ "COMMON-D", "4.1.4.3.2" },  { "BLKOP-D", "5.2.6.1" },	   { "BLKOP-V", "5.2.6.2" },
	{ "BITS-D", "6.1" },	      { "BITS-V", "6.2" },	   { "I01", "2.7.6" },
	{ "I02", "2.7.5" },	      { "I04", "2.7.6" },	   { "I08", "2.7.5.3" },
	{ "I10", "4.1.4.3" },	      { "I21", "5.2.6" },	   { "I22", "5.2.6" },
	{ "I23", "5.2.3" },
};

static const char *section(const char *ref, size_t len)
{
	for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const char *have = sections[i].ref;
		size_t n = strlen(have);
		bool whole = have[n - 1] >= '0' && have[n - 1] <= '9';
		if (whole ? n == len && !memcmp(have, ref, n) : n < len && !memcmp(have, ref, n))
			return sections[i].section;
	}
	return NULL;
}

/* "2.7.5.2 SPLIT-D5, 2.7.6 I04" */
static void print_clauses(const char *refs)
{
	for (const char *p = refs, *sep = ""; p && *p; sep = ", ") {
		size_t n = strcspn(p, " ");
		const char *at = section(p, n);
		printf("%s%s%s%.*s", sep, at ? at : "", at ? " " : "", (int)n, p);
		p += n + strspn(p + n, " ");
	}
}

static void table(bool differing)
{
	printf("| input | our device | %svirtio 1.4 | %s |\n|---|---|---|---|%s\n",
	       differing ? "QEMU 7.2 | " : "", differing ? "why" : "note", differing ? "---|" : "");
	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		if (!r->qemu != !differing)
			continue;
		printf("| %s | `%s` | ", r->name, r->ours);
		if (differing)
			printf("`%s` | ", r->qemu);
		print_clauses(r->clause);
		printf(" | %s |\n", r->why ? r->why : "");
	}
}

static void markdown(void)
{
	printf("%s",
	       "# Where our device differs from QEMU's, and why\n\n"
	       "Written by `make differences` from the tables in tests/emu; `make check` sees that it\n"
	       "is up to date, and the tests that each line is true of our device.\n\n"
	       "What QEMU's virtio-blk answers was observed on QEMU 7.2, driven without a guest: queue\n"
	       "size 8, split ring, one read of 512 bytes bent in 63 ways. 11.1.3 answers the same\n"
	       "except where said. `dev_status` 0x4f has DEVICE_NEEDS_RESET set; `blk_status` 0xff was\n"
	       "never written. Clauses are sections of virtio 1.4 with the name our checker has for the\n"
	       "statement (`vqtrace check --list`): D a driver's, V a device's, I what the text implies.\n\n"
	       "## Different\n\n");
	table(true);
	printf("\n## The same\n\n");
	table(false);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--markdown")) {
		markdown();
		return 0;
	}
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[256] = "";
		probe(&rows[i], got);
		if (!ok(!strcmp(got, rows[i].ours), "%s", rows[i].name))
			printf("#  got %s\n# want %s\n", got, rows[i].ours);
		if (rows[i].qemu)
			ok(rows[i].clause && rows[i].why, "%s: the difference is explained",
			   rows[i].name);
	}
	is(sizeof(rows) / sizeof(rows[0]), 63, "63 kinds");
	return done();
}
