/* SPDX-License-Identifier: MIT */
/*
 * Block devices in replay.  The first reading of the trace learns from its read requests
 * what the disk held before.  While the trace is played, data is compared where its value is
 * known, either learned in this way or written since.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/spec/constants.h"
#include "decoder/util/number.h"
#include "emu/class/blk/backend_replay.h"
#include "emu/class/blk/blk.h"
#include "emu/replay/class.h"
#include "emu/replay/impl.h"
#include "emu/replay/profile_impl.h"
#include "emu/replay/qemu/class.h"

#define WRITES 64
#define KNOWN_MAX (64u << 20) /* bytes of one request that are kept track of */

static bool succeeded(const struct model_request *r)
{
	return !r->status_known || r->status == VIRTIO_BLK_S_OK;
}

static bool sane(const struct model_request *r)
{
	return r->typed && r->sector < INT64_MAX / BLK_SECTOR;
}

static uint64_t written_len(const struct model_request *r)
{
	return r->readable > BLK_HEADER ? r->readable - BLK_HEADER : 0;
}

/* A range of the disk, in bytes. */
struct range {
	uint64_t off, len;
};
#define RANGES ((CLASS_HEAD_BYTES - BLK_HEADER) / BLK_SEGMENT)

/*
 * What a discard, write zeroes or secure erase is of: how many ranges; -1: not all of its
 * segments were captured.
 */
static int ranges(const struct model_request *r, struct range out[RANGES])
{
	unsigned n = 0;
	for (uint32_t at = BLK_HEADER; at + BLK_SEGMENT <= r->head_len; at += BLK_SEGMENT) {
		uint64_t sector = get_le64(r->head_bytes + at);
		if (sector < INT64_MAX / BLK_SECTOR)
			out[n++] = (struct range){ sector * BLK_SECTOR,
						   (uint64_t)get_le32(r->head_bytes + at + 8) *
							   BLK_SECTOR };
	}
	return r->readable > r->head_len ? -1 : (int)n;
}

/* Mark a range of a set of known bytes; what does not fit is not kept track of. */
static void mark(struct replay_disk *set, uint64_t off, uint64_t len)
{
	replay_disk_zero(set, off, len < KNOWN_MAX ? len : KNOWN_MAX);
}

/* Captured bytes that the device wrote as data of a request, and their place in the data. */
struct piece {
	struct record_seg seg;
	size_t len; /* of seg's bytes, those that are data */
	uint64_t at;
};

static bool next_read(const struct event *e, uint32_t *pos, struct piece *p)
{
	const struct model_request *r = e->req;
	while (record_seg_next(e->rec, pos, &p->seg)) {
		const struct vqt_desc *d = p->seg.desc < r->ndesc ? &r->desc[p->seg.desc] : NULL;
		uint64_t end = r->writable - 1; /* the status is not data */
		if (!d || d->flags & VRING_DESC_F_INDIRECT || !(d->flags & VRING_DESC_F_WRITE) ||
		    p->seg.offset >= d->len)
			continue;
		p->at = replay_desc_place(r->desc, p->seg.desc) + p->seg.offset;
		if (p->at >= end)
			continue;
		p->len = p->seg.len < d->len - p->seg.offset ? p->seg.len : d->len - p->seg.offset;
		p->len = p->len < end - p->at ? p->len : end - p->at;
		return true;
	}
	return false;
}

/* --- the first reading ----------------------------------------------------------------- */

struct learned {
	struct replay_disk *before; /* contents before the trace */
	struct replay_disk *written; /* what the trace wrote: marked, not kept */
	bool anywhere; /* a range was not captured: the trace may have written anywhere */
	bool serial_known;
	bool wrote; /* a write succeeded */
};

static void forget(struct replay_finding *f)
{
	struct learned *l = f->learned;
	if (!l)
		return;
	replay_disk_free(l->before);
	replay_disk_free(l->written);
	free(l);
	f->learned = NULL;
}

static struct learned *learned(struct replay_finding *f)
{
	struct learned *l = f->learned;
	if (l)
		return l;
	f->learned = l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->before = replay_disk_new(0);
	l->written = replay_disk_new(0);
	if (!l->before || !l->written)
		forget(f);
	return f->learned;
}

/* What a read returned was there before the trace, unless the trace wrote it. */
static void learn_read(struct learned *l, const struct event *e)
{
	uint8_t written[512], old[512];
	struct piece p;
	uint32_t pos = 0;
	while (!l->anywhere && next_read(e, &pos, &p)) {
		uint64_t off = e->req->sector * BLK_SECTOR + p.at;
		for (size_t at = 0, n; at < p.len; at += n) {
			n = p.len - at < sizeof(old) ? p.len - at : sizeof(old);
			bool any = replay_disk_get(l->written, off + at, old, written, n);
			if (!any)
				replay_disk_learn(l->before, off + at, p.seg.bytes + at, n);
			for (size_t i = 0; any && i < n; i++)
				if (!written[i])
					replay_disk_learn(l->before, off + at + i,
							  p.seg.bytes + at + i, 1);
		}
	}
}

static void learn_serial(struct replay_finding *f, struct learned *l, const struct event *e)
{
	struct record_seg seg;
	uint32_t pos = 0;
	size_t n = 0;
	while (record_seg_next(e->rec, &pos, &seg) && n < 20) {
		size_t len = seg.len < 20 - n ? seg.len : 20 - n;
		memcpy(f->d.serial + n, seg.bytes, len);
		n += len;
	}
	f->d.serial[n] = '\0';
	l->serial_known = n == 20;
}

static void learn_ranges(struct learned *l, const struct model_request *r)
{
	struct range of[RANGES];
	int n = ranges(r, of);
	l->anywhere |= n < 0;
	for (int i = 0; i < n; i++)
		mark(l->written, of[i].off, of[i].len);
}

static int blk_learn(struct replay_finding *f, const struct event *e)
{
	const struct model_request *r = e->req;
	struct learned *l = learned(f);
	if (!l || !sane(r) || !r->writable)
		return 0;
	bool ok = succeeded(r);
	uint64_t *used = &f->change[f->changes - 1].used;
	if (ok && r->type && r->type->flags & (SPEC_REQ_SECTOR | SPEC_REQ_SEGMENTS) &&
	    r->bytes < INT64_MAX && r->sector + r->bytes / BLK_SECTOR > *used)
		*used = r->sector + r->bytes / BLK_SECTOR;
	if (r->status_known && ok && !model_accepted(e->dev, VIRTIO_F_VERSION_1))
		f->agreed_legacy |= (uint32_t)e->dev->accepted[0];
	switch (r->type_raw) {
	case VIRTIO_BLK_T_IN:
		if (ok)
			learn_read(l, e);
		break;
	case VIRTIO_BLK_T_OUT:
		l->wrote |= r->status_known && ok;
		mark(l->written, r->sector * BLK_SECTOR, written_len(r));
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
	case VIRTIO_BLK_T_SECURE_ERASE: learn_ranges(l, r); break;
	case VIRTIO_BLK_T_GET_ID:
		if (ok && !l->serial_known)
			learn_serial(f, l, e);
		break;
	}
	return 0;
}

/* 5.2.5, 5.2.6 */
static void blk_normalise(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	const struct learned *l = f->learned;
	uint64_t capacity = get_le64(d->config + BLK_CFG_CAPACITY);
	uint32_t block = get_le32(d->config + BLK_CFG_BLK_SIZE);
	if (f->added > 1)
		replay_must_offer(d, VIRTIO_BLK_F_MQ);
	if (l && l->wrote) /* 5.2.6.2: else the write had failed */
		d->offered[0] &= ~(1ull << VIRTIO_BLK_F_RO);
	capacity &= INT64_MAX / BLK_SECTOR; /* of bytes that can be counted */
	if (capacity < f->change[0].used) /* 5.2.6.1 */
		capacity = f->change[0].used;
	replay_set_config(d, BLK_CFG_CAPACITY, 8, capacity);
	if (replay_offers(d, VIRTIO_BLK_F_BLK_SIZE) &&
	    (!number_is_power_of_2(block) || block < BLK_SECTOR || block > 1u << 20))
		replay_set_config(d, BLK_CFG_BLK_SIZE, 4, BLK_SECTOR);
	if (replay_offers(d, VIRTIO_BLK_F_MQ)) /* 5.2.4: as many as the device has */
		replay_set_config(d, BLK_CFG_NUM_QUEUES, 2, d->num_queues);
	if (replay_offers(d, VIRTIO_BLK_F_CONFIG_WCE) && d->config[BLK_CFG_WRITEBACK] > 1)
		replay_set_config(d, BLK_CFG_WRITEBACK, 1, 1);
	if (replay_offers(d, VIRTIO_BLK_F_WRITE_ZEROES) && d->config[BLK_CFG_ZEROES_UNMAP] > 1)
		replay_set_config(d, BLK_CFG_ZEROES_UNMAP, 1, 1);
}

static void blk_describe(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	struct learned *l = learned(f);
	uint64_t unread = 0;
	d->sectors = get_le64(d->config + BLK_CFG_CAPACITY);
	for (unsigned i = 0; i < 8; i++)
		if (!f->change[0].config[BLK_CFG_CAPACITY + i].any)
			unread |= 0xffull << 8 * i;
	if (!~unread || d->sectors < f->change[0].used) /* as used, where it was not read */
		d->sectors = (d->sectors & ~unread) | (f->change[0].used & unread);
	for (unsigned i = 0; i < 8; i++)
		d->config[BLK_CFG_CAPACITY + i] = d->sectors >> 8 * i;
	d->read_only = replay_offers(d, VIRTIO_BLK_F_RO);
	d->disk = l ? l->before : NULL;
}

/*
 * A capacity that was not read stays as it is; the capacity is never less than what requests
 * have used.
 */
static void blk_change(struct replay_finding *f, struct replay_change *c,
		       const uint8_t now[REPLAY_CONFIG_MAX])
{
	struct replay_device *d = &f->d;
	struct replay_vote *at = c->config + BLK_CFG_CAPACITY;
	uint64_t capacity = 0;
	unsigned n = 0;
	for (unsigned i = 0; i < 8; i++)
		capacity |= (at[i].any ? at[i].value : now[BLK_CFG_CAPACITY + i]) << 8 * i;
	for (unsigned i = 0; capacity < c->used && i < 8; i++)
		at[i] = (struct replay_vote){ .any = true, .value = c->used >> 8 * i & 0xff };
	c->differs.sectors = capacity < c->used ? c->used : capacity;
	while (n < d->resizes && d->resize[n] != c->differs.sectors)
		n++;
	if (c->differs.sectors != d->sectors && n == d->resizes && n < REPLAY_RESIZES)
		d->resize[d->resizes++] = c->differs.sectors;
}

/* --- the emulator's device ----------------------------------------------------------------- */

/* The trace does not show the states that the zones of a zoned disk had before it. */
static bool blk_scripted(const struct replay_device *d)
{
	return d->accepted_ever[0] >> VIRTIO_BLK_F_ZONED & 1 && d->config[BLK_CFG_ZONE_MODEL];
}

static int blk_make(void **backend, void **config, const struct replay_target_config *cfg,
		    char *why, size_t size)
{
	const struct replay_device *d = cfg->device;
	const uint8_t *c = d->config;
	struct emu_blk_config *blk;
	struct emu_backend *b;
	int fd = -1, ret;
	if (d->sectors > INT64_MAX / BLK_SECTOR) {
		snprintf(why, size, "a capacity of %llu sectors is not possible",
			 (unsigned long long)d->sectors);
		return -ENOTSUP;
	}
	if (d->disk_path) {
		fd = open(d->disk_path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			ret = -errno;
			snprintf(why, size, "%s: %s", d->disk_path, strerror(-ret));
			return ret;
		}
	}
	*config = blk = calloc(1, sizeof(*blk));
	ret = blk ? replay_backend_new(&b, d->sectors * BLK_SECTOR, d->disk, fd, cfg->memory)
		  : -ENOMEM;
	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		snprintf(why, size, "no memory for the disk");
		return ret;
	}
	*backend = blk->backend = b;
	blk->capacity = d->sectors;
	memcpy(blk->serial, d->serial, sizeof(blk->serial));
	blk->max_discard_sectors = get_le32(c + BLK_CFG_DISCARD_SECTORS);
	blk->max_discard_seg = get_le32(c + BLK_CFG_DISCARD_SEG);
	blk->max_zeroes_sectors = get_le32(c + BLK_CFG_ZEROES_SECTORS);
	blk->max_zeroes_seg = get_le32(c + BLK_CFG_ZEROES_SEG);
	blk->max_erase_sectors = get_le32(c + BLK_CFG_ERASE_SECTORS);
	blk->max_erase_seg = get_le32(c + BLK_CFG_ERASE_SEG);
	return 0;
}

static bool blk_reconfigure(struct emu_virtio *v, const uint8_t config[REPLAY_CONFIG_MAX])
{
	uint64_t sectors = get_le64(config + BLK_CFG_CAPACITY);
	bool resized = sectors != get_le64(v->config + BLK_CFG_CAPACITY);
	memcpy(v->config, config, v->config_len);
	return resized && emu_blk_resize(v, sectors) == 0;
}

/* --- the second reading --------------------------------------------------------------------- */

struct played {
	/* The bytes of the disk whose value is known, or (inverted) is not known. */
	struct replay_disk *set;
	bool inverted;
	/* The latest writes: a read at the same time may see old or new data. */
	struct {
		uint64_t off, len, number;
	} writes[WRITES];
	unsigned nwrites;
};

static void know(struct played *p, uint64_t off, uint64_t len, bool known)
{
	if (known == p->inverted)
		replay_disk_forget(p->set, off, len);
	else
		mark(p->set, off, len);
}

static int blk_begin(struct replay_instance *i)
{
	struct played *p = i->play = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->inverted = i->d->disk_path;
	p->set = i->d->disk_path || !i->d->disk ? replay_disk_new(0) : replay_disk_copy(i->d->disk);
	return p->set ? 0 : -ENOMEM;
}

static void blk_end(struct replay_instance *i)
{
	struct played *p = i->play;
	if (p)
		replay_disk_free(p->set);
	free(p);
}

/* A write may be among the lost records: the value of no byte is known any more. */
static void blk_lost(struct replay_instance *i)
{
	struct played *p = i->play;
	struct replay_disk *none = replay_disk_new(0);
	if (!none)
		return;
	replay_disk_free(p->set);
	p->set = none;
	p->inverted = false;
}

static bool beside_write(const struct played *p, uint64_t off, uint64_t len, uint64_t since)
{
	for (unsigned k = 0; k < WRITES && k < p->nwrites; k++)
		if (p->writes[k].number > since && off < p->writes[k].off + p->writes[k].len &&
		    p->writes[k].off < off + len)
			return true;
	return false;
}

static void blk_io(const struct model_request *r, struct replay_request *out)
{
	if (!sane(r))
		return;
	switch (r->type_raw) {
	case VIRTIO_BLK_T_IN: out->io = REPLAY_IO_READ; break;
	case VIRTIO_BLK_T_OUT: out->io = REPLAY_IO_WRITE; break;
	case VIRTIO_BLK_T_FLUSH: out->io = REPLAY_IO_FLUSH; break;
	case VIRTIO_BLK_T_DISCARD: out->io = REPLAY_IO_DISCARD; break;
	case VIRTIO_BLK_T_WRITE_ZEROES: out->io = REPLAY_IO_ZEROES; break;
	}
	out->offset = r->sector * BLK_SECTOR;
	out->len = r->bytes;
}

static void hex(char *buf, size_t size, const uint8_t *bytes, size_t len)
{
	size_t at = 0;
	buf[0] = '\0';
	for (size_t k = 0; k < len && k < 16 && at + 4 < size; k++)
		at += snprintf(buf + at, size - at, "%02x ", bytes[k]);
	if (at)
		buf[at - 1] = '\0';
}

/* Compare the first len bytes of a piece where they are known; off: on the disk, ~0 all known. */
static void compare_bytes(struct replay_completion *l, const struct piece *piece, size_t len,
			  uint64_t off, const uint8_t *mine)
{
	const struct played *p = l->i->play;
	const struct record_seg *seg = &piece->seg;
	size_t compared = 0, first = len;
	uint8_t bytes[4096], known[4096];
	if (off != UINT64_MAX)
		replay_disk_get(p->set, off, bytes, known, len);
	for (size_t k = 0; k < len; k++) {
		if (off != UINT64_MAX && known[k] == p->inverted)
			continue;
		compared++;
		if (first == len && mine[k] != seg->bytes[k])
			first = k;
	}
	l->i->n.data.compared += compared;
	if (compared < len)
		replay_skipped(l->i, NULL,
			       "read data whose value is not known (never written or read before)");
	if (first == len) {
		l->i->n.data.equal += compared;
		return;
	}
	char recorded[96], replayed[52], a[52];
	hex(a, sizeof(a), seg->bytes + first, len - first);
	hex(replayed, sizeof(replayed), mine + first, len - first);
	snprintf(recorded, sizeof(recorded), "%s at byte %zu of descriptor %u", a,
		 seg->offset + first, seg->desc);
	replay_completion_differs(l, "request.data", off == UINT64_MAX ? "5.2.6.1" : "5.2.6", NULL,
				  recorded, replayed);
}

/* The recorded bytes of what the device wrote, against what the target wrote. */
static int compare_data(struct replay_completion *l, bool of_disk)
{
	const struct model_request *r = l->e->req;
	struct piece p;
	uint32_t pos = 0;
	uint8_t mine[4096];
	bool ended = false;
	while (!ended && next_read(l->e, &pos, &p)) {
		const struct vqt_desc *d = &r->desc[p.seg.desc];
		size_t len = p.len < sizeof(mine) ? p.len : sizeof(mine);
		int ret = l->i->ops->mem_read(l->i->target, d->addr + p.seg.offset, mine, len);
		if (ret < 0)
			return ret;
		if (len < d->len - p.seg.offset && len < r->writable - 1 - p.at)
			replay_skipped(l->i, NULL,
				       "read data past the snap length (record with a larger -s)");
		if (!of_disk) { /* 5.2.6.1: a string; bytes after its end are not the device's */
			size_t text = strnlen((const char *)p.seg.bytes, len);
			ended = text < len;
			len = text + ended;
		}
		compare_bytes(l, &p, len, of_disk ? r->sector * BLK_SECTOR + p.at : UINT64_MAX,
			      mine);
	}
	return 0;
}

/* A range was written, or (known) has a value that the specification gives. */
static void changed(struct replay_completion *l, uint64_t off, uint64_t len, bool known)
{
	struct played *p = l->i->play;
	unsigned k = p->nwrites++ % WRITES;
	p->writes[k].off = off;
	p->writes[k].len = len;
	p->writes[k].number = l->e->number;
	know(p, off, len, known && succeeded(l->e->req));
}

static void changed_ranges(struct replay_completion *l, bool known)
{
	struct range of[RANGES];
	int n = ranges(l->e->req, of);
	for (int i = 0; i < n; i++)
		changed(l, of[i].off, of[i].len, known);
	if (n >= 0)
		return;
	blk_lost(l->i);
	replay_skipped(l->i, NULL,
		       "what is on the disk after requests of whose ranges not all were captured");
}

static void written(struct replay_completion *l)
{
	const struct model_request *r = l->e->req;
	uint64_t seen = 0;
	changed(l, r->sector * BLK_SECTOR, written_len(r), false);
	if (!succeeded(r))
		return;
	for (unsigned n = 0; n < l->c->nbytes; n++) {
		const struct replay_known_bytes *b = &l->c->bytes[n];
		uint64_t at = replay_desc_place(l->c->desc, b->desc) + b->offset;
		uint64_t skip = at < BLK_HEADER ? BLK_HEADER - at : 0;
		if (b->len <= skip)
			continue;
		know(l->i->play, r->sector * BLK_SECTOR + at + skip - BLK_HEADER, b->len - skip,
		     true);
		seen += b->len - skip;
	}
	if (seen < written_len(r))
		replay_skipped(
			l->i, NULL,
			"written data past the snap length (later reads of it are not compared)");
}

static int blk_compare(struct replay_completion *l)
{
	const struct model_request *r = l->e->req;
	if (!r->typed) {
		replay_skipped(l->i, NULL, "requests whose header was not captured");
		return 0;
	}
	if (!sane(r) || !r->writable)
		return 0;
	switch (r->type_raw) {
	case VIRTIO_BLK_T_IN:
		if (!succeeded(r) || !l->equal)
			return 0;
		if (!beside_write(l->i->play, r->sector * BLK_SECTOR, r->writable - 1, r->number))
			return compare_data(l, true);
		replay_skipped(l->i, NULL, "data read while it was being written");
		return 0;
	case VIRTIO_BLK_T_GET_ID: return succeeded(r) && l->equal ? compare_data(l, false) : 0;
	case VIRTIO_BLK_T_OUT: written(l); return 0;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_SECURE_ERASE:
		changed_ranges(l, false);
		return 0; /* 5.2.6.2: unspecified */
	case VIRTIO_BLK_T_WRITE_ZEROES: changed_ranges(l, true); return 0;
	}
	return 0;
}

/* What an unplayed request wrote is not on the target's disk. */
static void blk_unplayed(struct replay_instance *i, const struct model_request *r)
{
	struct range of[RANGES];
	int n = 0;
	if (!sane(r) || r->type_raw == VIRTIO_BLK_T_IN)
		return;
	if (r->type && r->type->flags & SPEC_REQ_SEGMENTS)
		n = ranges(r, of);
	else
		of[n++] = (struct range){ r->sector * BLK_SECTOR, r->readable };
	for (int k = 0; k < n; k++)
		know(i->play, of[k].off, of[k].len, false);
	if (n < 0)
		blk_lost(i);
}

const struct replay_class replay_blk = {
	.virtio_id = VIRTIO_ID_BLOCK,
	.pci_class = 0x01,
	.section = "5.2.6",
	.backend_error = VIRTIO_BLK_S_IOERR,
	.device = &emu_blk,
	.qemu = &qemu_blk,
	.learn = blk_learn,
	.normalise = blk_normalise,
	.describe = blk_describe,
	.describe_change = blk_change,
	.forget = forget,
	.scripted = blk_scripted,
	.make = blk_make,
	.unmake = replay_backend_close,
	.fail = replay_backend_fail,
	.complete = replay_backend_go,
	.reconfigure = blk_reconfigure,
	.begin = blk_begin,
	.end = blk_end,
	.lost = blk_lost,
	.io = blk_io,
	.compare = blk_compare,
	.unplayed = blk_unplayed,
};
