/* SPDX-License-Identifier: MIT */
/*
 * Block requests: 5.2.6.  Whatever the result, every device-writable byte of a request is
 * written before the request is used, so that the used length includes the status byte
 * (2.7.8.2).  Only memory that cannot be written makes it shorter.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "emu/class/blk/impl.h"
#include "emu/virtio/fault.h"

#define BOUNCE (1u << 20) /* how much of a request is copied at a time */
#define IOVS 1024

static void step(struct blk_req *r);

static bool in_range(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	return sector <= b->capacity && sectors <= b->capacity - sector;
}

static uint8_t bend_status(struct blk_req *r, uint8_t status)
{
	struct emu_fault *f = r->b->v->fault;
	if (status == VIRTIO_BLK_S_IOERR && r->type == VIRTIO_BLK_T_OUT &&
	    emu_fault_hit(f, EMU_FAULT_WRITES_RO))
		return VIRTIO_BLK_S_OK;
	if (r->type == VIRTIO_BLK_T_FLUSH && emu_fault_hit(f, EMU_FAULT_FLUSH_REFUSED))
		return VIRTIO_BLK_S_UNSUPP;
	if (status == VIRTIO_BLK_S_UNSUPP && emu_fault_hit(f, EMU_FAULT_BAD_FLAGS_OK))
		return VIRTIO_BLK_S_OK;
	if (emu_fault_hit(f, EMU_FAULT_STATUS_RESERVED))
		return 0x55;
	return status;
}

/* The driver has given the request up, so nobody waits for its data or its status. */
static bool given_up(const struct blk_req *r)
{
	return r->b->v->resetting || r->q->resetting;
}

void blk_finish(struct blk_req *r, uint8_t status)
{
	struct emu_virtio *v = r->b->v;
	struct emu_chain *c = r->c;
	uint64_t before = c->chain.write_len - 1; /* of the status byte */
	if (given_up(r))
		goto used;
	if (v->fault)
		status = bend_status(r, status);
	if (c->touched < before)
		c->touched += emu_chain_zero(v->mem, c, c->touched, before - c->touched);
	if (v->fault && emu_fault_hit(v->fault, EMU_FAULT_STATUS_UNWRITTEN))
		goto used;
	if (emu_chain_write(v->mem, c, before, &status, 1) < 0) {
		emu_virtio_break(v, r->q, "status byte outside guest memory");
		goto used;
	}
	if (c->touched == before)
		c->touched++;
used:
	emu_queue_complete(r->q, c, c->touched);
}

/* --- moving data ---------------------------------------------------------------- */

static bool aligned(const struct blk_req *r)
{
	uint32_t mask = r->b->backend->align - 1;
	for (int i = 0; i < r->io.niov; i++)
		if (((uintptr_t)r->io.iov[i].iov_base | r->io.iov[i].iov_len) & mask)
			return false;
	return true;
}

static bool reads(const struct blk_req *r)
{
	return r->op == EMU_IO_READ;
}

static uint64_t chain_off(const struct blk_req *r)
{
	return (reads(r) ? 0 : BLK_HEADER) + r->done;
}

/* Without a copy; -ENOTSUP or -E2BIG: the data must be copied. */
static int map_direct(struct blk_req *r)
{
	uint64_t left = r->todo - r->done;
	int max = r->iov == r->small ? BLK_IOV : IOVS;
	int n = emu_chain_map(r->b->v->mem, r->c, reads(r), chain_off(r), left, r->iov, max);
	if (n == -E2BIG && r->iov == r->small) {
		struct iovec *iov = calloc(IOVS, sizeof(*iov));
		if (!iov)
			return -E2BIG;
		r->iov = iov;
		n = emu_chain_map(r->b->v->mem, r->c, reads(r), chain_off(r), left, iov, IOVS);
	}
	if (n < 0)
		return n;
	r->io.iov = r->iov;
	r->io.niov = n;
	r->io.bytes = left;
	return aligned(r) ? 0 : -ENOTSUP;
}

static int map_bounce(struct blk_req *r)
{
	uint64_t left = r->todo - r->done;
	size_t n = left < BOUNCE ? left : BOUNCE, align = r->b->backend->align;
	if (r->bounce_size < n) {
		void *p;
		if (posix_memalign(&p, align < 4096 ? 4096 : align, n))
			return -ENOMEM;
		free(r->bounce);
		r->bounce = p;
		r->bounce_size = n;
	}
	if (!reads(r)) {
		int ret = emu_chain_read(r->b->v->mem, r->c, chain_off(r), r->bounce, n);
		if (ret < 0)
			return ret;
	}
	r->bouncing = true;
	r->iov[0] = (struct iovec){ .iov_base = r->bounce, .iov_len = n };
	r->io.iov = r->iov;
	r->io.niov = 1;
	r->io.bytes = n;
	return 0;
}

static int prepare_move(struct blk_req *r)
{
	r->bouncing = false;
	int ret = map_direct(r);
	if (ret == -ENOTSUP || ret == -E2BIG)
		ret = map_bounce(r);
	r->io.offset = r->start + r->done;
	return ret;
}

/* The next segment that is not empty; false: none is left. */
static bool prepare_range(struct blk_req *r)
{
	while (r->seg < r->nseg && !r->segs[r->seg].num_sectors)
		r->seg++;
	if (r->seg == r->nseg)
		return false;
	const struct virtio_blk_discard_write_zeroes *s = &r->segs[r->seg++];
	r->io.niov = 0;
	r->io.offset = s->sector * BLK_SECTOR;
	r->io.bytes = (uint64_t)s->num_sectors * BLK_SECTOR;
	r->io.flags &= ~EMU_IO_UNMAP;
	if (s->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)
		r->io.flags |= EMU_IO_UNMAP;
	return true;
}

/* Writes are stable when done, unless a write-back cache was negotiated: 5.2.6.2. */
static bool write_through(const struct blk *b)
{
	if (!emu_virtio_has(b->v, VIRTIO_BLK_F_FLUSH))
		return true;
	return emu_virtio_has(b->v, VIRTIO_BLK_F_CONFIG_WCE) && !b->v->config[BLK_CFG_WRITEBACK];
}

static bool came_back(struct blk_req *r, int ret)
{
	struct blk *b = r->b;
	emu_tap_backend(b->v->tap, r->q->index, r->c->chain.head, r->op, true, ret, r->io.offset,
			r->io.bytes, r->io.tag);
	if (ret == 0 && reads(r) && r->bouncing)
		ret = emu_chain_write(b->v->mem, r->c, r->done, r->bounce, r->io.bytes);
	if (ret < 0)
		return false;
	if (r->op == EMU_IO_READ || r->op == EMU_IO_WRITE)
		r->done += r->io.bytes;
	if (reads(r))
		r->c->touched = r->done;
	return true;
}

static void io_done(struct emu_io *io, int ret)
{
	struct blk_req *r = (struct blk_req *)io;
	bool ok = came_back(r, ret);
	r->status = ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	r->came_back = true;
	if (!r->submitting) /* else the loop below continues */
		step(r);
}

/* 1: submit r->io; 0: all is done; negative errno. */
static int next_step(struct blk_req *r)
{
	switch (r->op) {
	case EMU_IO_READ:
	case EMU_IO_WRITE:
		if (r->done == r->todo)
			return 0;
		int ret = prepare_move(r);
		return ret < 0 ? ret : 1;
	case EMU_IO_FLUSH: return r->done++ == 0;
	default: return prepare_range(r);
	}
}

/*
 * The disk may have become smaller since the request was checked: do not access what is
 * beyond its end.
 */
static bool cut_off(const struct blk_req *r)
{
	uint64_t end = r->b->capacity * BLK_SECTOR;
	return r->io.offset > end || r->io.bytes > end - r->io.offset;
}

static void step(struct blk_req *r)
{
	struct emu_backend *backend = r->b->backend;
	while (r->status == VIRTIO_BLK_S_OK && !given_up(r)) {
		int more = next_step(r);
		if (more > 0 && cut_off(r))
			more = -EIO;
		if (more <= 0) {
			r->status = more < 0 ? VIRTIO_BLK_S_IOERR : r->status;
			break;
		}
		r->io.op = r->op;
		r->io.done = io_done;
		emu_tap_backend(r->b->v->tap, r->q->index, r->c->chain.head, r->op, false, 0,
				r->io.offset, r->io.bytes, r->io.tag);
		r->submitting = true;
		r->came_back = false;
		backend->ops->submit(backend, &r->io);
		r->submitting = false;
		if (!r->came_back)
			return;
	}
	blk_finish(r, r->status);
}

static void begin(struct blk_req *r, uint8_t op)
{
	r->op = op;
	r->done = 0;
	r->seg = 0;
	r->status = VIRTIO_BLK_S_OK;
	r->io.niov = 0;
	r->io.offset = r->io.bytes = 0;
	r->io.flags = op != EMU_IO_READ && write_through(r->b) ? EMU_IO_FUA : 0;
	if (r->type == VIRTIO_BLK_T_SECURE_ERASE)
		r->io.flags = EMU_IO_FUA;
	step(r);
}

void blk_move(struct blk_req *r, uint8_t op, uint64_t sector, uint64_t bytes)
{
	r->start = sector * BLK_SECTOR;
	r->todo = bytes;
	begin(r, op);
}

/* --- the request types ------------------------------------------------------------ */

/* Is this a request that has data of whole sectors, on the disk, and no other bytes? */
static bool well_formed(const struct blk_req *r, bool framed)
{
	return framed && r->data_len % BLK_SECTOR == 0 &&
	       in_range(r->b, r->sector, r->data_len / BLK_SECTOR);
}

static void start_in(struct blk_req *r)
{
	uint64_t sectors = r->data_len / BLK_SECTOR;
	uint8_t status = well_formed(r, r->c->chain.read_len == BLK_HEADER)
				 ? blk_zone_read(r->b, r->sector, &sectors)
				 : VIRTIO_BLK_S_IOERR;
	if (status == VIRTIO_BLK_S_OK)
		blk_move(r, EMU_IO_READ, r->sector, sectors * BLK_SECTOR);
	else
		blk_finish(r, status);
}

static void start_out(struct blk_req *r)
{
	uint8_t status = well_formed(r, r->c->chain.write_len == 1)
				 ? blk_zone_write(r->b, r->sector, r->data_len / BLK_SECTOR)
				 : VIRTIO_BLK_S_IOERR;
	if (status == VIRTIO_BLK_S_OK)
		blk_move(r, EMU_IO_WRITE, r->sector, r->data_len);
	else
		blk_finish(r, status);
}

static void start_flush(struct blk_req *r)
{
	begin(r, EMU_IO_FLUSH);
}

/* Answer with a structure of fixed size. */
static void answer(struct blk_req *r, const void *data, size_t len)
{
	if (emu_chain_write(r->b->v->mem, r->c, 0, data, len) < 0) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->c->touched = len;
	blk_finish(r, VIRTIO_BLK_S_OK);
}

static void start_get_id(struct blk_req *r)
{
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };
	if (r->data_len != sizeof(id)) { /* 5.2.6.1 */
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	memcpy(id, r->b->cfg.serial, strnlen(r->b->cfg.serial, sizeof(id)));
	answer(r, id, sizeof(id));
}

static void start_lifetime(struct blk_req *r)
{
	uint16_t le[3];
	for (unsigned i = 0; i < 3; i++)
		le[i] = htole16(r->b->cfg.lifetime[i]);
	if (r->data_len < sizeof(le))
		blk_finish(r, VIRTIO_BLK_S_IOERR);
	else
		answer(r, le, sizeof(le));
}

static uint8_t check_segment(const struct blk *b, const struct virtio_blk_discard_write_zeroes *s,
			     uint32_t max, uint32_t flags)
{
	if (s->flags & ~flags) /* 5.2.6.2 */
		return VIRTIO_BLK_S_UNSUPP;
	if (s->num_sectors > max || !in_range(b, s->sector, s->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* The request's data as segments, checked for flags and bounds; false: finished already. */
static bool read_segments(struct blk_req *r, uint32_t max_seg, uint32_t max_sectors, uint32_t flags)
{
	uint64_t n = r->data_len / BLK_SEGMENT;
	uint8_t status = VIRTIO_BLK_S_OK;
	if (r->data_len % BLK_SEGMENT || r->c->chain.write_len != 1)
		status = VIRTIO_BLK_S_IOERR;
	else if (n > max_seg || n > BLK_SEGMENTS)
		status = VIRTIO_BLK_S_UNSUPP;
	if (status == VIRTIO_BLK_S_OK && n && !r->segs)
		r->segs = calloc(BLK_SEGMENTS, sizeof(*r->segs));
	if (status == VIRTIO_BLK_S_OK && n &&
	    (!r->segs ||
	     emu_chain_read(r->b->v->mem, r->c, BLK_HEADER, r->segs, n * BLK_SEGMENT) < 0))
		status = VIRTIO_BLK_S_IOERR;
	r->nseg = n;
	for (uint64_t i = 0; status == VIRTIO_BLK_S_OK && i < n; i++) {
		r->segs[i].sector = le64toh(r->segs[i].sector);
		r->segs[i].num_sectors = le32toh(r->segs[i].num_sectors);
		r->segs[i].flags = le32toh(r->segs[i].flags);
		status = check_segment(r->b, &r->segs[i], max_sectors, flags);
	}
	if (status == VIRTIO_BLK_S_OK)
		return true;
	blk_finish(r, status);
	return false;
}

/* Sequential zones are not to be written, or emptied, behind their pointer's back. */
static bool touches_zones(struct blk_req *r)
{
	for (uint32_t i = 0; i < r->nseg; i++)
		if (blk_zone_sequential(r->b, r->segs[i].sector, r->segs[i].num_sectors))
			return true;
	return false;
}

static void start_ranges(struct blk_req *r, uint8_t op, uint32_t max_seg, uint32_t max_sectors,
			 uint32_t flags)
{
	if (!read_segments(r, max_seg, max_sectors, flags))
		return;
	if (touches_zones(r))
		blk_finish(r, VIRTIO_BLK_S_ZONE_INVALID_CMD);
	else
		begin(r, op);
}

static void start_discard(struct blk_req *r)
{
	const struct emu_blk_config *c = &r->b->cfg;
	start_ranges(r, EMU_IO_DISCARD, c->max_discard_seg, c->max_discard_sectors, 0);
}

static void start_zeroes(struct blk_req *r)
{
	const struct emu_blk_config *c = &r->b->cfg;
	start_ranges(r, EMU_IO_ZEROES, c->max_zeroes_seg, c->max_zeroes_sectors,
		     VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
}

static void start_erase(struct blk_req *r)
{
	const struct emu_blk_config *c = &r->b->cfg;
	if (!read_segments(r, c->max_erase_seg, c->max_erase_sectors, 0))
		return;
	for (uint32_t i = 0; i < r->nseg; i++) { /* 5.2.6.2: like ZONE_RESET */
		uint8_t s = blk_zone_erase(r->b, r->segs[i].sector, r->segs[i].num_sectors);
		if (s != VIRTIO_BLK_S_OK) {
			blk_finish(r, s);
			return;
		}
	}
	begin(r, EMU_IO_ZEROES);
}

static const struct blk_type types[] = {
	[VIRTIO_BLK_T_IN] = { -1, false, start_in },
	[VIRTIO_BLK_T_OUT] = { -1, true, start_out },
	[VIRTIO_BLK_T_FLUSH] = { VIRTIO_BLK_F_FLUSH, false, start_flush },
	[VIRTIO_BLK_T_GET_ID] = { -1, false, start_get_id },
	[VIRTIO_BLK_T_GET_LIFETIME] = { VIRTIO_BLK_F_LIFETIME, false, start_lifetime },
	[VIRTIO_BLK_T_DISCARD] = { VIRTIO_BLK_F_DISCARD, true, start_discard },
	[VIRTIO_BLK_T_WRITE_ZEROES] = { VIRTIO_BLK_F_WRITE_ZEROES, true, start_zeroes },
	[VIRTIO_BLK_T_SECURE_ERASE] = { VIRTIO_BLK_F_SECURE_ERASE, true, start_erase },
	[VIRTIO_BLK_T_ZONE_APPEND] = { VIRTIO_BLK_F_ZONED, true, blk_zone_append },
	[VIRTIO_BLK_T_ZONE_REPORT] = { VIRTIO_BLK_F_ZONED, false, blk_zone_report },
	[VIRTIO_BLK_T_ZONE_OPEN] = { VIRTIO_BLK_F_ZONED, true, blk_zone_manage },
	[VIRTIO_BLK_T_ZONE_CLOSE] = { VIRTIO_BLK_F_ZONED, true, blk_zone_manage },
	[VIRTIO_BLK_T_ZONE_FINISH] = { VIRTIO_BLK_F_ZONED, true, blk_zone_manage },
	[VIRTIO_BLK_T_ZONE_RESET] = { VIRTIO_BLK_F_ZONED, true, blk_zone_manage },
	[VIRTIO_BLK_T_ZONE_RESET_ALL] = { VIRTIO_BLK_F_ZONED, true, blk_zone_manage },
};

static void dispatch(struct blk_req *r)
{
	struct emu_virtio *v = r->b->v;
	if (v->legacy && r->type == VIRTIO_BLK_T_FLUSH_OUT) /* 5.2.6.3 */
		r->type = VIRTIO_BLK_T_FLUSH;
	const struct blk_type *t =
		r->type < sizeof(types) / sizeof(types[0]) ? &types[r->type] : NULL;
	if (!t || !t->start || (t->feature >= 0 && !emu_virtio_has(v, t->feature)))
		blk_finish(r, VIRTIO_BLK_S_UNSUPP);
	else if (t->modifies && emu_virtio_offers(v, VIRTIO_BLK_F_RO)) /* 5.2.6.2 */
		blk_finish(r, VIRTIO_BLK_S_IOERR);
	else
		t->start(r);
}

static void free_req(void *priv)
{
	struct blk_req *r = priv;
	if (r->iov != r->small)
		free(r->iov);
	free(r->bounce);
	free(r->segs);
	free(r);
}

static struct blk_req *request_of(struct emu_chain *c)
{
	struct blk_req *r = c->priv;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return NULL;
		r->iov = r->small;
		c->priv = r;
		c->priv_free = free_req;
	}
	return r;
}

void blk_handle(struct emu_queue *q, struct emu_chain *c)
{
	struct blk *b = q->v->priv;
	struct blk_req *r = request_of(c);
	struct virtio_blk_outhdr h;
	if (!r || !c->chain.write_len) {
		emu_virtio_break(q->v, q,
				 r ? "request without a status byte" : "no memory for a request");
		emu_queue_complete(q, c, 0);
		return;
	}
	r->b = b;
	r->q = q;
	r->c = c;
	r->io.tag = (uint64_t)q->index << 16 | c->chain.head;
	r->type = UINT32_MAX;
	if (c->chain.read_len < BLK_HEADER || emu_chain_read(q->v->mem, c, 0, &h, sizeof(h)) < 0 ||
	    (c->chain.ndesc != 3 && emu_fault_hit(q->v->fault, EMU_FAULT_REFUSES_FRAMING))) {
		blk_finish(r, VIRTIO_BLK_S_IOERR); /* 5.2.6: "device or driver error" */
		return;
	}
	r->type = le32toh(h.type);
	r->sector = le64toh(h.sector);
	bool in = r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID ||
		  r->type == VIRTIO_BLK_T_GET_LIFETIME;
	r->data_len = in ? c->chain.write_len - 1 : c->chain.read_len - BLK_HEADER;
	dispatch(r);
}
