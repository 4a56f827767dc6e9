/* SPDX-License-Identifier: MIT */
/* What the requests of a trace tell of a disk: contents, size, serial number. */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/replay/profile_impl.h"

/*
 * Walk the recorded bytes of a request's data, each with its place on the disk:
 * the writable ones of a read, the readable ones of a write without the header.
 */
static void walk_data(const struct model_request *r, const struct record *rec, bool writable,
		      void (*use)(void *opaque, uint64_t off, const uint8_t *bytes, size_t len),
		      void *opaque)
{
	struct record_seg seg;
	uint32_t pos = 0;
	while (record_seg_next(rec, &pos, &seg)) {
		uint64_t at = 0, total = writable ? r->writable - 1 : r->readable;
		if (seg.desc >= r->ndesc || seg.offset > r->desc[seg.desc].len)
			continue;
		for (unsigned i = 0; i < seg.desc; i++)
			if (!(r->desc[i].flags & VRING_DESC_F_INDIRECT) &&
			    !(r->desc[i].flags & VRING_DESC_F_WRITE) == !writable)
				at += r->desc[i].len;
		const struct vqt_desc *d = &r->desc[seg.desc];
		if (d->flags & VRING_DESC_F_INDIRECT ||
		    !(d->flags & VRING_DESC_F_WRITE) != !writable)
			continue;
		at += seg.offset;
		size_t len = seg.len, skip = 0;
		if (len > d->len - seg.offset)
			len = d->len - seg.offset;
		if (at >= total)
			continue;
		if (len > total - at)
			len = total - at;
		if (!writable && at < BLK_HEADER)
			skip = BLK_HEADER - at < len ? BLK_HEADER - at : len;
		at = writable ? at : at + skip - BLK_HEADER;
		if (len > skip)
			use(opaque, r->sector * BLK_SECTOR + at, seg.bytes + skip, len - skip);
	}
}

/* A read tells what was there all the time, unless the trace wrote it. */
static void learn_read(void *opaque, uint64_t off, const uint8_t *bytes, size_t len)
{
	struct replay_finding *f = opaque;
	uint8_t known[512], old[512];
	while (len) {
		size_t n = len < sizeof(known) ? len : sizeof(known);
		bool any = replay_disk_get(f->now, off, old, known, n); /* known: written since */
		if (!any)
			replay_disk_learn(f->disk, off, bytes, n);
		for (size_t i = 0; any && i < n; i++)
			if (!known[i])
				replay_disk_learn(f->disk, off + i, bytes + i, 1);
		off += n;
		bytes += n;
		len -= n;
	}
}

static bool sector_sane(const struct model_request *r)
{
	return r->sector < INT64_MAX / BLK_SECTOR;
}

/* Which parts of the disk are no longer as before the trace: marked in f->now. */
static void mark_written(struct replay_finding *f, uint64_t sector, uint64_t bytes)
{
	static const uint8_t ones[REPLAY_DISK_BLOCK];
	uint64_t off = sector * BLK_SECTOR;
	if (bytes > 64 << 20) /* of a hostile length: the rest is not kept track of */
		bytes = 64 << 20;
	while (bytes) {
		size_t n = bytes < sizeof(ones) ? bytes : sizeof(ones);
		if (replay_disk_set(f->now, off, ones, n) < 0)
			return;
		off += n;
		bytes -= n;
	}
}

static void profile_serial(struct replay_finding *f, const struct event *e)
{
	struct record_seg seg;
	uint32_t pos = 0;
	char *to = f->d.serial;
	size_t n = 0;
	while (record_seg_next(e->rec, &pos, &seg) && n < 20) {
		size_t len = seg.len < 20 - n ? seg.len : 20 - n;
		memcpy(to + n, seg.bytes, len);
		n += len;
	}
	to[n] = '\0';
	f->serial_known = n == 20;
}

void replay_profile_blk(struct replay_finding *f, const struct event *e)
{
	const struct model_request *r = e->req;
	if (!r || !r->typed || !sector_sane(r) || !r->writable)
		return;
	bool ok = !r->status_known || r->status == VIRTIO_BLK_S_OK;
	uint64_t *used = f->changes ? &f->change[f->changes - 1].sectors_used : &f->sectors_used;
	if (ok && r->type && r->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS) &&
	    r->bytes < INT64_MAX && r->sector + r->bytes / BLK_SECTOR > *used)
		*used = r->sector + r->bytes / BLK_SECTOR;
	if (r->status_known && ok && !model_accepted(e->dev, VIRTIO_F_VERSION_1))
		f->agreed_legacy |= (uint32_t)e->dev->accepted[0];
	switch (r->type_raw) {
	case VIRTIO_BLK_T_IN:
		if (ok)
			walk_data(r, e->rec, true, learn_read, f);
		break;
	case VIRTIO_BLK_T_OUT:
		f->wrote |= r->status_known && ok;
		mark_written(f, r->sector, r->readable > BLK_HEADER ? r->readable - BLK_HEADER : 0);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
	case VIRTIO_BLK_T_SECURE_ERASE: mark_written(f, r->sector, r->bytes); break;
	case VIRTIO_BLK_T_GET_ID:
		if (ok && !f->serial_known)
			profile_serial(f, e);
		break;
	}
}
