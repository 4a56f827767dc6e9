/* SPDX-License-Identifier: MIT */
/* Completions: matched by request, compared in length, status and data. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "emu/class/blk/blk.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/replay/impl.h"

#define PATIENCE 1000 /* ms, the most asked of a target at a time */

/* --- what is known of a disk ------------------------------------------------------------ */

static void know(struct replay_known *k, uint64_t off, uint64_t len, bool known)
{
	static const uint8_t ones[REPLAY_DISK_BLOCK];
	if (known == k->inverted) {
		replay_disk_forget(k->set, off, len);
		return;
	}
	if (len > 64 << 20) /* more than any request: not kept track of */
		len = 64 << 20;
	while (len) {
		size_t n = len < sizeof(ones) ? len : sizeof(ones);
		if (replay_disk_set(k->set, off, ones, n) < 0)
			return;
		off += n;
		len -= n;
	}
}

/* known[k]: is byte off + k? */
static void which_known(const struct replay_known *k, uint64_t off, uint8_t *known, size_t len)
{
	uint8_t bytes[4096];
	replay_disk_get(k->set, off, bytes, known, len);
	for (size_t n = 0; k->inverted && n < len; n++)
		known[n] = !known[n];
}

int replay_requests_begin(struct replay_instance *i, bool whole_disk)
{
	i->known.inverted = whole_disk;
	i->known.set =
		whole_disk || !i->d->disk ? replay_disk_new(0) : replay_disk_copy(i->d->disk);
	return i->known.set ? 0 : -ENOMEM;
}

void replay_forget_disk(struct replay_instance *i)
{
	struct replay_disk *none = replay_disk_new(0);
	if (!none)
		return;
	replay_disk_free(i->known.set);
	i->known.set = none;
	i->known.inverted = false;
}

void replay_requests_end(struct replay_instance *i)
{
	replay_disk_free(i->known.set);
	i->known.set = NULL;
}

/* A write that ended while the read was under way may or may not be in it. */
static bool beside_write(const struct replay_instance *i, uint64_t off, uint64_t len,
			 uint64_t since)
{
	unsigned n = i->nwrites < REPLAY_WRITES ? i->nwrites : REPLAY_WRITES;
	for (unsigned k = 0; k < n; k++)
		if (i->writes[k].number > since && off < i->writes[k].off + i->writes[k].len &&
		    i->writes[k].off < off + len)
			return true;
	return false;
}

static void note_write(struct replay_instance *i, const struct event *e, uint64_t off, uint64_t len)
{
	unsigned k = i->nwrites++ % REPLAY_WRITES;
	i->writes[k].off = off;
	i->writes[k].len = len;
	i->writes[k].number = e->number;
}

/* --- telling the target ------------------------------------------------------------------ */

void replay_request_of(struct replay_queue *q, const struct replay_chain *c, const uint8_t *head,
		       size_t len, struct replay_request *out)
{
	struct replay_instance *i = q->i;
	struct replay *r = i->r;
	*out = (struct replay_request){
		.queue = q->index,
		.head = c->head,
		.number = c->number,
		.virtio_id = i->d->virtio_id,
		.type = ~0U,
	};
	if (i->d->virtio_id != VIRTIO_ID_BLOCK || len < BLK_HEADER)
		return;
	out->type = get_le32(head);
	out->sector = get_le64(head + 8);
	bool writes = out->type & 1; /* 5.2.6: what the driver supplies */
	uint64_t framing = writes ? BLK_HEADER : 1;
	for (uint32_t k = 0; k < c->ndesc; k++)
		if (!(c->desc[k].flags & VRING_DESC_F_INDIRECT) &&
		    writes != !!(c->desc[k].flags & VRING_DESC_F_WRITE))
			out->bytes += c->desc[k].len;
	out->bytes = out->bytes > framing ? out->bytes - framing : 0;
	out->fail = replay_profile_status(r->profile, c->number) == VIRTIO_BLK_S_IOERR &&
		    (r->opt.io_errors || replay_profile_backend_failed(r->profile, c->number));
}

/* --- comparing -------------------------------------------------------------------------- */

struct look {
	struct replay_instance *i;
	struct replay_queue *q;
	struct replay_chain *c;
	const struct event *e;
	bool equal, doubtful;
};

static void differs(struct look *l, const char *subject, const char *clause, const char *hint,
		    const char *recorded, const char *replayed)
{
	l->equal = false;
	l->doubtful = l->i->doubt;
	replay_differs(l->i, l->e,
		       &(struct replay_found){ .clause = clause,
					       .hint = hint,
					       .queue = l->q->index,
					       .related = l->c ? l->c->number : 0 },
		       subject, recorded, replayed);
}

static void compare_len(struct look *l)
{
	char recorded[32], replayed[32];
	if (l->e->rec->used.len == l->c->len)
		return;
	snprintf(recorded, sizeof(recorded), "%u", l->e->rec->used.len);
	snprintf(replayed, sizeof(replayed), "%u", l->c->len);
	differs(l, "request.used_len", l->q->packed ? "2.8.14" : "2.7.8.2", NULL, recorded,
		replayed);
}

static void status_name(char *buf, size_t size, uint8_t status)
{
	const struct class *c = class_find(VIRTIO_ID_BLOCK);
	const char *name = c && c->statuses ? spec_name_of(c->statuses, status) : NULL;
	if (name)
		snprintf(buf, size, "%s (%u)", name, status);
	else
		snprintf(buf, size, "0x%02x", status);
}

static int compare_status(struct look *l)
{
	const struct vqt_used *u = &l->e->rec->used;
	char recorded[40], replayed[40];
	const char *hint = NULL;
	uint8_t status;
	if (!(u->flags & VQT_USED_STATUS) || !l->c->has_status)
		return 0;
	int ret = l->i->ops->mem_read(l->i->target, l->c->status_at, &status, 1);
	if (ret < 0)
		return ret;
	if (l->c->fail) {
		replay_declared_meet(l->i->r->opt.declared, l->i->ops->name, "io-error");
		l->i->n.environment++;
	}
	if (status == u->status)
		return 0;
	status_name(recorded, sizeof(recorded), u->status);
	status_name(replayed, sizeof(replayed), status);
	if (u->status == VIRTIO_BLK_S_IOERR && status == VIRTIO_BLK_S_OK)
		hint = "If the recorded disk failed, that is no fault of the device: say so with "
		       "--io-errors, or with io-error in the declarations.";
	differs(l, "request.status", "5.2.6", hint, recorded, replayed);
	return 0;
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

/* Compare the bytes of one segment whose value is known; off: on the disk, ~0 all known. */
static void compare_bytes(struct look *l, const struct record_seg *seg, size_t len, uint64_t off,
			  const uint8_t *mine)
{
	size_t compared = 0, first = len;
	uint8_t known[4096];
	if (off != UINT64_MAX)
		which_known(&l->i->known, off, known, len);
	for (size_t k = 0; k < len; k++) {
		if (off != UINT64_MAX && !known[k])
			continue;
		compared++;
		if (first == len && mine[k] != seg->bytes[k])
			first = k;
	}
	l->i->n.data.compared += compared;
	if (compared < len)
		replay_skipped(l->i, "read data nobody knows (never written or read before)");
	if (first == len) {
		l->i->n.data.equal += compared;
		return;
	}
	char recorded[96], replayed[96], a[52], b[52];
	hex(a, sizeof(a), seg->bytes + first, len - first);
	hex(b, sizeof(b), mine + first, len - first);
	snprintf(recorded, sizeof(recorded), "%s at byte %zu of descriptor %u", a,
		 seg->offset + first, seg->desc);
	snprintf(replayed, sizeof(replayed), "%s", b);
	differs(l, "request.data", off == UINT64_MAX ? "5.2.6.1" : "5.2.6", NULL, recorded,
		replayed);
}

/* Where descriptor `desc` begins in the bytes of its direction. */
static uint64_t place(const struct replay_chain *c, uint32_t desc)
{
	uint64_t at = 0;
	for (uint32_t k = 0; k < desc; k++)
		if (!(c->desc[k].flags & VRING_DESC_F_INDIRECT) &&
		    !((c->desc[k].flags ^ c->desc[desc].flags) & VRING_DESC_F_WRITE))
			at += c->desc[k].len;
	return at;
}

/* The recorded bytes of what the device wrote, against what ours wrote. */
static int compare_data(struct look *l, bool of_disk)
{
	const struct model_request *req = l->e->req;
	struct record_seg seg;
	uint32_t pos = 0;
	uint8_t mine[4096];
	bool ended = false;
	while (!ended && record_seg_next(l->e->rec, &pos, &seg)) {
		const struct vqt_desc *d = seg.desc < l->c->ndesc ? &l->c->desc[seg.desc] : NULL;
		if (!d || !(d->flags & VRING_DESC_F_WRITE) || seg.offset >= d->len)
			continue;
		uint64_t at = place(l->c, seg.desc) + seg.offset, end = req->writable - 1;
		size_t len = seg.len < sizeof(mine) ? seg.len : sizeof(mine);
		if (at >= end)
			continue;
		len = len < d->len - seg.offset ? len : d->len - seg.offset;
		len = len < end - at ? len : end - at;
		int ret = l->i->ops->mem_read(l->i->target, d->addr + seg.offset, mine, len);
		if (ret < 0)
			return ret;
		if (len < d->len - seg.offset && len < end - at)
			replay_skipped(l->i,
				       "read data past the snap length (record with a larger -s)");
		if (!of_disk) { /* 5.2.6.1: a string; what is behind its end is the driver's */
			size_t text = strnlen((const char *)seg.bytes, len);
			ended = text < len;
			len = text + ended;
		}
		compare_bytes(l, &seg, len, of_disk ? req->sector * BLK_SECTOR + at : UINT64_MAX,
			      mine);
	}
	return 0;
}

/* A write is over: what of the disk is known now? */
static void learn_write(struct look *l, const struct replay_known_bytes *bytes)
{
	struct replay_known *k = &l->i->known;
	const struct model_request *req = l->e->req;
	uint64_t off = req->sector * BLK_SECTOR, len;
	len = req->readable > BLK_HEADER ? req->readable - BLK_HEADER : 0;
	note_write(l->i, l->e, off, len);
	know(k, off, len, false);
	if (req->status_known && req->status != VIRTIO_BLK_S_OK)
		return;
	uint64_t seen = 0;
	for (unsigned n = 0; n < l->c->nbytes; n++) {
		uint64_t at = place(l->c, bytes[n].desc) + bytes[n].offset;
		uint64_t skip = at < BLK_HEADER ? BLK_HEADER - at : 0;
		if (bytes[n].len <= skip)
			continue;
		know(k, off + at + skip - BLK_HEADER, bytes[n].len - skip, true);
		seen += bytes[n].len - skip;
	}
	if (seen < len)
		replay_skipped(
			l->i, "written data past the snap length (reading it back proves nothing)");
}

static void learn_range(struct look *l, bool known)
{
	const struct model_request *req = l->e->req;
	bool ok = !req->status_known || req->status == VIRTIO_BLK_S_OK;
	note_write(l->i, l->e, req->sector * BLK_SECTOR, req->bytes);
	know(&l->i->known, req->sector * BLK_SECTOR, req->bytes, known && ok);
}

static int compare_blk(struct look *l)
{
	const struct model_request *req = l->e->req;
	bool ok = !req->status_known || req->status == VIRTIO_BLK_S_OK;
	if (!req->typed) {
		replay_skipped(l->i, "requests whose header was not captured");
		return 0;
	}
	if (req->sector >= INT64_MAX / BLK_SECTOR || !req->writable)
		return 0;
	switch (req->type_raw) {
	case VIRTIO_BLK_T_IN:
		if (!ok || !l->equal)
			return 0;
		if (!beside_write(l->i, req->sector * BLK_SECTOR, req->writable - 1, req->number))
			return compare_data(l, true);
		replay_skipped(l->i, "data read while it was being written");
		return 0;
	case VIRTIO_BLK_T_GET_ID: return ok && l->equal ? compare_data(l, false) : 0;
	case VIRTIO_BLK_T_OUT: learn_write(l, l->c->bytes); return 0;
	case VIRTIO_BLK_T_DISCARD: /* 5.2.6.2: contents unspecified */
		learn_range(l, false);
		return 0;
	case VIRTIO_BLK_T_WRITE_ZEROES:
	case VIRTIO_BLK_T_SECURE_ERASE: learn_range(l, true); return 0;
	}
	return 0;
}

/* --- matching ---------------------------------------------------------------------------- */

/* Let the target complete this chain; wait for it if it needs time. */
static int complete(struct look *l)
{
	struct replay_answer a = {
		.queue = l->q->index,
		.head = l->c->head,
		.len = l->e->rec->used.len,
		.used = l->e->rec,
	};
	unsigned patience = 1;
	int ret = 0;
	if (l->i->ops->complete)
		ret = l->i->ops->complete(l->i->target, &a);
	if (ret == 0)
		ret = replay_settle(l->i, l->e);
	while (ret == 0 && !l->c->done) {
		ret = l->i->ops->wait(l->i->target, patience);
		if (ret <= 0)
			break;
		patience = patience < PATIENCE ? patience * 2 : PATIENCE;
		ret = replay_settle(l->i, l->e);
	}
	return ret < 0 ? ret : replay_settle(l->i, l->e);
}

static struct replay_chain *oldest(struct replay_queue *q, bool only_taken)
{
	struct replay_chain *first = NULL;
	for (struct replay_chain *c = q->chains; c; c = c->hh.next)
		if ((c->popped || !only_taken) && (!first || c->order < first->order))
			first = c;
	return first;
}

/* The recording used an id that was not in flight: which one was meant? */
static int unknown_id(struct look *l)
{
	char recorded[64], replayed[64] = "nothing to use";
	l->c = oldest(l->q, true);
	snprintf(recorded, sizeof(recorded), "used id %u, which is not in flight",
		 l->e->rec->used.id);
	if (l->c)
		snprintf(replayed, sizeof(replayed), "id %u is in flight", l->c->head);
	differs(l, "request.used_id", l->q->packed ? "2.8.14" : "2.7.8", NULL, recorded, replayed);
	if (!l->c)
		return 0;
	int ret = complete(l);
	replay_ring_forget(l->q, l->c);
	return ret;
}

static int in_order(struct look *l)
{
	char recorded[48], replayed[48];
	struct replay_chain *want = l->c, *first = oldest(l->q, false);
	int ret = 0;
	if (!first || first == want)
		return 0;
	snprintf(recorded, sizeof(recorded), "id %u is used first", want->head);
	snprintf(replayed, sizeof(replayed), "id %u is used first", first->head);
	differs(l, "request.order", l->q->packed ? "2.8.8" : "2.7.9", NULL, recorded, replayed);
	while (ret == 0 && first && first->order < want->order && !want->done) {
		l->c = first;
		ret = complete(l);
		for (first = l->q->chains; first && (first->done || first->order > want->order);)
			first = first->hh.next;
	}
	l->c = want;
	return ret;
}

static int compare(struct look *l)
{
	char recorded[48];
	int ret = 0;
	if (!l->c->done) {
		snprintf(recorded, sizeof(recorded), "used, length %u", l->e->rec->used.len);
		differs(l, "request.completion", "2.7.13", NULL, recorded, "never used");
		return 0;
	}
	if (l->i->scripted) {
		replay_skipped(
			l->i,
			"answers of a device type that vqtrace does not have: taken from the trace");
		return 0;
	}
	compare_len(l);
	ret = compare_status(l);
	if (ret == 0 && l->e->req && l->i->d->virtio_id == VIRTIO_ID_BLOCK)
		ret = compare_blk(l);
	return ret;
}

/* A request that is not played: what it wrote to the disk is not there. */
static int not_played(struct replay_instance *i, const struct event *e, const char *why)
{
	const struct model_request *req = e->req;
	replay_skipped(i, why);
	if (i->d->virtio_id != VIRTIO_ID_BLOCK || !req || !req->typed ||
	    req->sector >= INT64_MAX / BLK_SECTOR || req->type_raw == VIRTIO_BLK_T_IN)
		return 0;
	uint64_t len = req->type_raw == VIRTIO_BLK_T_OUT ? req->readable : req->bytes;
	know(&i->known, req->sector * BLK_SECTOR, len, false);
	return 0;
}

int replay_play_used(struct replay_instance *i, const struct event *e)
{
	struct replay_queue *q = replay_queue_of(i, e);
	const struct vqt_used *u = &e->rec->used;
	struct look l = { .i = i, .q = q, .e = e, .equal = true };
	int ret = 0;
	if (!q || !q->up)
		return not_played(i, e, "requests of a queue whose set-up is not in the trace");
	ret = replay_ring_apply(q, &u->ring);
	if (ret < 0)
		return ret;
	l.c = replay_ring_chain(q, u->id);
	replay_notifications_used(q, RECORDED, e, replay_ring_position(q, u->pos), l.c);
	q->used_recorded++;
	q->used_last = replay_ring_position(q, u->pos) + (q->packed && l.c ? l.c->ndirect : 1);
	if (!l.c && !e->unknown_id) {
		q->torn = true;
		return not_played(i, e, "requests that could not be laid out");
	}
	i->n.requests.compared++;
	if (!l.c || !l.c->popped)
		return unknown_id(&l);
	if (q->in_order)
		ret = in_order(&l);
	if (ret == 0)
		ret = complete(&l);
	if (ret == 0)
		ret = compare(&l);
	i->n.requests.compared -= l.doubtful;
	i->n.requests.equal += l.equal;
	replay_ring_forget(q, l.c);
	return ret;
}
