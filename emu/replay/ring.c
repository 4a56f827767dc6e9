/* SPDX-License-Identifier: MIT */
/*
 * The driver's half of a ring in the target's guest memory: 2.7 (split), 2.8
 * (packed).  Areas, tables and buffers lie at their recorded addresses.  Positions in
 * the ring are the recorded ones, unless a chain before could not be laid out.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/replay/class.h"
#include "emu/replay/impl.h"

#define CHAIN_MAX 65536
#define POISON 64 /* leading bytes of a buffer that the device is to write */

static uint32_t numbers(const struct replay_queue *q)
{
	return virtq_numbers(q->size, q->packed);
}

static uint32_t number_of(const struct replay_queue *q, uint16_t pos)
{
	return q->packed ? virtq_number(pos, q->size) : pos;
}

uint32_t replay_ring_position(const struct replay_queue *q, uint16_t pos)
{
	return (number_of(q, pos) + numbers(q) - q->shift) % numbers(q);
}

static int put16(struct replay_instance *i, uint64_t at, uint16_t v)
{
	uint16_t le = htole16(v);
	return i->ops->mem_write(i->target, at, &le, sizeof(le));
}

/* Is there room for so many more bytes of guest memory, besides those of chains in flight? */
static int have_room(const struct replay_instance *i, uint64_t bytes)
{
	const uint64_t most = i->r->opt.memory,
		       now = i->ops->memory ? i->ops->memory(i->target) : 0;
	return now > most || i->room > most - now || bytes > most - now - i->room ? -EFAULT : 0;
}

/* --- up and down ---------------------------------------------------------------------- */

static int zero(struct replay_instance *i, uint64_t at, uint64_t len)
{
	static const uint8_t zeroes[4096];
	while (len) {
		size_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);
		int ret = i->ops->mem_write(i->target, at, zeroes, n);
		if (ret < 0)
			return ret;
		at += n;
		len -= n;
	}
	return 0;
}

int replay_ring_up(struct replay_instance *i, const struct event *e, const struct model_queue *m)
{
	struct replay_queue *q = &i->queue[m->index];
	replay_ring_down(q);
	if (!m->size_known || !m->addr_known || !m->size || m->size > VIRTQ_SIZE_MAX)
		return 0;
	q->packed = replay_has(e, VIRTIO_F_RING_PACKED);
	q->event_idx = replay_has(e, VIRTIO_RING_F_EVENT_IDX);
	q->in_order = replay_has(e, VIRTIO_F_IN_ORDER);
	q->size = m->size;
	q->desc = m->desc;
	q->driver = m->driver;
	q->device = m->device;
	int ret = have_room(i, virtq_desc_at(q->size) + virtq_driver_len(q->size, q->packed) +
				       virtq_device_len(q->size, q->packed) +
				       6ull * REPLAY_DISK_BLOCK);
	if (ret == 0)
		ret = zero(i, q->desc, virtq_desc_at(q->size));
	if (ret == 0)
		ret = zero(i, q->driver, virtq_driver_len(q->size, q->packed));
	if (ret == 0)
		ret = zero(i, q->device, virtq_device_len(q->size, q->packed));
	q->up = ret == 0;
	if (ret != -EFAULT)
		return ret;
	replay_skipped(i, NULL, "rings that lie where replay has no memory (--memory)");
	i->doubt = true; /* the target will need a reset */
	return 0;
}

static void free_chain(struct replay_chain *c)
{
	free(c->bytes);
	free(c->desc);
	free(c);
}

void replay_ring_forget(struct replay_queue *q, struct replay_chain *c)
{
	HASH_DEL(q->chains, c);
	q->i->room -= c->room;
	if (q->spare)
		free_chain(q->spare);
	q->spare = c;
}

void replay_ring_down(struct replay_queue *q)
{
	struct replay_chain *c, *next;
	HASH_ITER (hh, q->chains, c, next) {
		HASH_DEL(q->chains, c);
		q->i->room -= c->room;
		free_chain(c);
	}
	if (q->spare)
		free_chain(q->spare);
	*q = (struct replay_queue){ .i = q->i, .index = q->index };
}

/* --- what the driver asks for, 2.7.7 and 2.8.10 ------------------------------------------ */

static int apply_packed(struct replay_queue *q, const struct vqt_ring *ring)
{
	uint16_t flags = ring->avail_flags, event = ring->used_event;
	if ((flags & 3) == VRING_PACKED_EVENT_FLAG_DESC)
		event = virtq_numbered(replay_ring_position(q, event), q->size);
	if (q->flags_known && flags == q->flags && event == q->event)
		return 0;
	q->flags = flags;
	q->event = event;
	q->flags_known = true;
	int ret = put16(q->i, q->driver + VIRTQ_EVENT_POS, event);
	return ret < 0 ? ret : put16(q->i, q->driver + VIRTQ_EVENT_FLAGS, flags);
}

int replay_ring_apply(struct replay_queue *q, const struct vqt_ring *ring)
{
	int ret = 0;
	if (q->packed) {
		const uint16_t need = VQT_RING_PACKED | VQT_RING_AVAIL_FLAGS;
		return (ring->known & need) == need ? apply_packed(q, ring) : 0;
	}
	if (ring->known & VQT_RING_PACKED)
		return 0;
	if (ring->known & VQT_RING_AVAIL_FLAGS &&
	    (!q->flags_known || q->flags != ring->avail_flags))
		ret = put16(q->i, q->driver, ring->avail_flags);
	if (ring->known & VQT_RING_AVAIL_FLAGS) {
		q->flags = ring->avail_flags;
		q->flags_known = true;
	}
	if (ret < 0 || !q->event_idx || !(ring->known & VQT_RING_USED_EVENT))
		return ret;
	uint16_t event = replay_ring_position(q, ring->used_event);
	if (event != q->event)
		ret = put16(q->i, q->driver + virtq_avail_at(q->size), event);
	q->event = event;
	return ret;
}

/* --- chains --------------------------------------------------------------------------------- */

struct replay_chain *replay_ring_chain(struct replay_queue *q, uint16_t head)
{
	struct replay_chain *c;
	HASH_FIND(hh, q->chains, &head, sizeof(head), c);
	return c;
}

static int add_descs(struct replay_chain *c, const struct record *rec)
{
	uint32_t n = rec->avail.ndesc;
	if (c->ndesc + n > CHAIN_MAX)
		return -E2BIG;
	if (n && !array_room(c->desc, c->cap, c->ndesc + n))
		return -ENOMEM;
	for (uint32_t k = 0; k < n; k++)
		c->desc[c->ndesc++] = record_desc(rec, k);
	return 0;
}

static bool continues(const struct replay_pending *p, const struct replay_pending *of,
		      uint32_t have)
{
	return p->rec.h.type == VQT_AVAIL && p->rec.h.device == of->rec.h.device &&
	       p->rec.h.queue == of->rec.h.queue && p->rec.avail.head == of->rec.avail.head &&
	       p->rec.avail.first == have;
}

/* The descriptors of all records of the chain.  Its later records are marked as published. */
static int read_chain(struct replay_chain *c, struct replay_pending *p)
{
	struct replay_pending *of = p;
	int ret = add_descs(c, &p->rec);
	while (ret == 0 && p->rec.avail.flags & VQT_CHAIN_MORE) {
		struct replay_pending *n = p->next;
		while (n && !continues(n, of, c->ndesc))
			n = n->next;
		if (!n)
			return -ENODATA;
		n->published = true;
		p = n;
		ret = add_descs(c, &p->rec);
	}
	c->ndirect = p->rec.avail.ndirect;
	if (c->ndirect > c->ndesc)
		c->ndirect = c->ndesc;
	return ret;
}

static struct replay_chain *new_chain(struct replay_queue *q)
{
	struct replay_chain *c = q->spare;
	if (!c)
		return calloc(1, sizeof(*c));
	q->spare = NULL;
	*c = (struct replay_chain){
		.desc = c->desc, .cap = c->cap, .bytes = c->bytes, .bytes_cap = c->bytes_cap
	};
	return c;
}

/* A descriptor in memory: split {addr, len, flags, next}, packed {addr, len, id, flags}. */
static int put_desc(const struct replay_queue *q, uint64_t at, const struct vqt_desc *d,
		    uint16_t flags)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t a, b;
	} m = {
		.addr = htole64(d->addr),
		.len = htole32(d->len),
		.a = htole16(q->packed ? d->next : flags),
		.b = htole16(q->packed ? flags : d->next),
	};
	return q->i->ops->mem_write(q->i->target, at, &m, sizeof(m));
}

static bool is_data(const struct replay_chain *c, uint32_t k)
{
	return !(c->desc[k].flags & VRING_DESC_F_INDIRECT);
}

static int put_table(const struct replay_queue *q, const struct replay_chain *c)
{
	const struct vqt_desc *t = &c->desc[c->ndirect - 1];
	uint32_t at = 0, entries = t->len / 16;
	int ret = 0;
	for (uint32_t k = c->ndirect; k < c->ndesc && ret == 0 && at < entries; k++) {
		ret = put_desc(q, t->addr + virtq_desc_at(at), &c->desc[k], c->desc[k].flags);
		at = q->packed ? at + 1 : c->desc[k].next;
	}
	return ret;
}

/* The table and the buffers; each may begin and end within a page. */
static uint64_t room_of(const struct replay_chain *c)
{
	uint64_t room = 0;
	for (uint32_t k = 0; k < c->ndesc; k++)
		room += is_data(c, k) || k + 1 == c->ndirect
				? c->desc[k].len + 2ull * REPLAY_DISK_BLOCK
				: 0;
	return room;
}

/* Make room for the device's writes, filled with bytes that no device writes by chance. */
static int put_buffers(struct replay_instance *i, struct replay_chain *c)
{
	static const uint8_t poison[POISON] = { [0 ... POISON - 1] = 0xa5 };
	for (uint32_t k = 0; k < c->ndesc; k++) {
		const struct vqt_desc *d = &c->desc[k];
		if (!is_data(c, k) || !d->len)
			continue;
		int ret = i->ops->mem_touch(i->target, d->addr, d->len);
		if (ret < 0)
			return ret;
		if (!(d->flags & VRING_DESC_F_WRITE))
			continue;
		ret = i->ops->mem_write(i->target, d->addr, poison,
					d->len < POISON ? d->len : POISON);
		if (ret < 0)
			return ret;
		c->has_status = true;
		c->status_at = d->addr + d->len - 1;
	}
	return c->has_status ? i->ops->mem_write(i->target, c->status_at, poison, 1) : 0;
}

/* The recorded bytes of the driver's buffers. */
static int put_bytes(struct replay_instance *i, struct replay_chain *c, const struct record *rec)
{
	struct record_seg seg;
	uint32_t pos = 0;
	while (record_seg_next(rec, &pos, &seg)) {
		const struct vqt_desc *d = seg.desc < c->ndesc ? &c->desc[seg.desc] : NULL;
		if (!d || !is_data(c, seg.desc) || d->flags & VRING_DESC_F_WRITE ||
		    seg.offset > d->len || seg.len > d->len - seg.offset)
			continue;
		int ret = i->ops->mem_write(i->target, d->addr + seg.offset, seg.bytes, seg.len);
		if (ret == 0 && !array_room(c->bytes, c->bytes_cap, c->nbytes + 1))
			ret = -ENOMEM;
		if (ret < 0)
			return ret;
		c->bytes[c->nbytes++] =
			(struct replay_known_bytes){ seg.desc, seg.offset, seg.len };
	}
	return 0;
}

/* Of all records that carry bytes of this chain: the avail ones, and data that came later. */
static int put_all_bytes(struct replay_instance *i, struct replay_chain *c,
			 const struct replay_pending *p)
{
	const struct vqt_hdr *h = &p->rec.h;
	uint16_t head = p->rec.avail.head;
	int ret = put_bytes(i, c, &p->rec);
	for (const struct replay_pending *n = p->next; n && ret == 0; n = n->next) {
		const struct vqt_hdr *o = &n->rec.h;
		if (o->device != h->device || o->queue != h->queue)
			continue;
		if (o->type == VQT_USED && n->rec.used.id == head)
			break;
		if (o->type == VQT_AVAIL && n->rec.avail.head == head) {
			if (!n->rec.avail.first)
				break;
			ret = put_bytes(i, c, &n->rec);
		} else if (o->type == VQT_DATA && n->rec.data.head == head) {
			ret = put_bytes(i, c, &n->rec);
		}
	}
	return ret;
}

/* The leading driver-written bytes, as they are in memory now. */
static size_t read_head(struct replay_instance *i, const struct replay_chain *c, uint8_t *head,
			size_t len)
{
	size_t have = 0;
	for (uint32_t k = 0; k < c->ndesc && have < len; k++) {
		const struct vqt_desc *d = &c->desc[k];
		if (!is_data(c, k) || d->flags & VRING_DESC_F_WRITE)
			continue;
		size_t n = d->len < len - have ? d->len : len - have;
		if (i->ops->mem_read(i->target, d->addr, head + have, n) < 0)
			break;
		have += n;
	}
	return have;
}

static int put_split(struct replay_queue *q, const struct replay_chain *c)
{
	uint16_t at = c->head;
	int ret = 0;
	for (uint32_t k = 0; k < c->ndirect && ret == 0 && at < q->size; k++) {
		ret = put_desc(q, q->desc + virtq_desc_at(at), &c->desc[k], c->desc[k].flags);
		at = c->desc[k].next;
	}
	if (ret == 0)
		ret = put16(q->i, q->driver + virtq_avail_at(q->avail % q->size), c->head);
	q->avail = (q->avail + 1) & UINT16_MAX;
	return ret;
}

/* The first one last: until then the device sees nothing. */
static int put_packed(struct replay_queue *q, const struct replay_chain *c)
{
	int ret = 0;
	for (uint32_t k = c->ndirect; k-- > 0 && ret == 0;) {
		uint32_t at = (q->avail + k) % numbers(q);
		uint16_t flags = c->desc[k].flags & ~(VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED);
		flags |= virtq_available_flags(at < q->size);
		ret = put_desc(q, q->desc + virtq_desc_at(at % q->size), &c->desc[k], flags);
	}
	q->avail = (q->avail + c->ndirect) % numbers(q);
	return ret;
}

/* What the request is, as its device type reads it. */
static void request_of(struct replay_queue *q, const struct replay_chain *c,
		       struct replay_request *out)
{
	struct replay_instance *i = q->i;
	const struct model_device *d = model_device(i->r->model, i->d->id);
	struct model_request r = { .desc = c->desc, .ndesc = c->ndesc };
	*out = (struct replay_request){
		.queue = q->index,
		.head = c->head,
		.fail = replay_profile_failed(i->r->profile, c->number, i->r->opt.io_errors),
	};
	if (!i->class->io)
		return;
	for (uint32_t k = 0; k < c->ndesc; k++)
		if (is_data(c, k))
			*(c->desc[k].flags & VRING_DESC_F_WRITE ? &r.writable : &r.readable) +=
				c->desc[k].len;
	r.head_len = read_head(i, c, r.head_bytes, sizeof(r.head_bytes));
	r.accepted = d->accepted;
	r.queue = q->index;
	class_parse(d->class, &r.io);
	i->class->io(&r, out);
}

static int lay_out(struct replay_queue *q, struct replay_chain *c, const struct replay_pending *p)
{
	struct replay_instance *i = q->i;
	struct replay_request req;
	c->room = room_of(c);
	int ret = have_room(i, c->room);
	if (ret == 0)
		ret = put_buffers(i, c);
	if (ret == 0 && c->ndirect && c->desc[c->ndirect - 1].flags & VRING_DESC_F_INDIRECT)
		ret = put_table(q, c);
	if (ret == 0)
		ret = put_all_bytes(i, c, p);
	if (ret < 0)
		return ret;
	request_of(q, c, &req);
	c->fail = req.fail;
	if (i->ops->request)
		ret = i->ops->request(i->target, &req);
	if (ret < 0)
		return ret;
	return q->packed ? put_packed(q, c) : put_split(q, c);
}

int replay_ring_publish(struct replay_queue *q, struct replay_pending *p, const char **why)
{
	const struct vqt_avail *a = &p->rec.avail;
	struct replay_chain *c;
	p->published = true;
	*why = "the chain was not captured in full";
	if (a->flags & (VQT_CHAIN_CUT | VQT_CHAIN_NO_TABLE | VQT_CHAIN_DERIVED) || a->first)
		return 0;
	*why = "the chain was in flight before the trace began";
	if (a->flags & VQT_CHAIN_BEFORE)
		return 0;
	c = new_chain(q);
	if (!c)
		return -ENOMEM;
	c->head = a->head;
	c->number = p->number;
	int ret = read_chain(c, p);
	if (ret == 0 && q->packed && (!c->ndirect || c->ndirect > q->size))
		ret = -ENODATA;
	if (ret == 0) {
		q->shift = (number_of(q, a->pos) + numbers(q) - q->avail) % numbers(q);
		ret = lay_out(q, c, p);
	}
	if (ret < 0) {
		free_chain(c);
		*why = ret == -EFAULT
			       ? "a buffer lies where replay has no memory, or is larger than "
				 "that (--memory)"
			       : *why;
		return ret == -EFAULT || ret == -ENODATA || ret == -E2BIG ? 0 : ret;
	}
	c->order = q->published++;
	q->i->room += c->room;
	HASH_ADD(hh, q->chains, head, sizeof(c->head), c);
	if (!hash_holds(c)) {
		q->i->room -= c->room;
		free_chain(c);
		return -ENOMEM;
	}
	return 1;
}

int replay_ring_show(struct replay_queue *q)
{
	return q->packed ? 0 : put16(q->i, q->driver + VIRTQ_RING_IDX, q->avail);
}

/* --- what the device used ----------------------------------------------------------------- */

static void completed(struct replay_queue *q, const struct event *e, uint32_t id, uint32_t len,
		      uint32_t position)
{
	struct replay_chain *c = id <= UINT16_MAX ? replay_ring_chain(q, id) : NULL;
	char replayed[64];
	q->used_replayed++;
	replay_notifications_used(q, REPLAYED, e, position, c);
	if (c && !c->done) {
		c->done = true;
		c->len = len;
		return;
	}
	snprintf(replayed, sizeof(replayed), "used id %u, which is not in flight", id);
	replay_differs(q->i, e,
		       &(struct replay_found){ .clause = q->packed ? "2.8.14" : "2.7.8",
					       .queue = q->index },
		       "ring.used_id", "nothing of the kind", replayed);
}

static int collect_split(struct replay_queue *q, const struct event *e)
{
	struct replay_instance *i = q->i;
	uint16_t idx, n;
	int ret = i->ops->mem_read(i->target, q->device + VIRTQ_RING_IDX, &idx, sizeof(idx));
	if (ret < 0)
		return ret;
	n = le16toh(idx) - q->used;
	if (n > q->size) {
		char words[48];
		snprintf(words, sizeof(words), "used.idx moved from %u to %u", q->used,
			 le16toh(idx));
		replay_differs(i, e, &(struct replay_found){ .clause = "2.7.8", .queue = q->index },
			       "ring.used_idx", "nothing of the kind", words);
		q->used = le16toh(idx);
		return 0;
	}
	for (; n; n--) {
		uint32_t elem[2], at = q->used;
		ret = i->ops->mem_read(i->target, q->device + virtq_used_at(at % q->size), elem,
				       sizeof(elem));
		if (ret < 0)
			return ret;
		q->used = (at + 1) & UINT16_MAX;
		completed(q, e, le32toh(elem[0]), le32toh(elem[1]), at);
	}
	return 0;
}

static int collect_packed(struct replay_queue *q, const struct event *e)
{
	struct replay_instance *i = q->i;
	for (unsigned n = 0; n < q->size; n++) {
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t id, flags;
		} d;
		uint32_t at = q->used;
		int ret = i->ops->mem_read(i->target, q->desc + virtq_desc_at(at % q->size), &d,
					   sizeof(d));
		if (ret < 0)
			return ret;
		if (!virtq_is_used(le16toh(d.flags), at < q->size) ||
		    (at == q->avail && !q->chains))
			return 0;
		struct replay_chain *c = replay_ring_chain(q, le16toh(d.id));
		q->used = (at + (c ? c->ndirect : 1)) % numbers(q);
		completed(q, e, le16toh(d.id), le32toh(d.len), at);
	}
	return 0;
}

int replay_ring_collect(struct replay_queue *q, const struct event *e)
{
	return q->packed ? collect_packed(q, e) : collect_split(q, e);
}
