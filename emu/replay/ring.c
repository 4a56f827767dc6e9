/* SPDX-License-Identifier: MIT */
/*
 * The driver's half of a ring in the target's guest memory: 2.7 (split), 2.8
 * (packed).  Areas, tables and buffers lie where the recording has them; only
 * positions in the ring are ours, which are the recorded ones unless something
 * could not be laid out.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/replay/impl.h"

#define CHAIN_MAX 65536
#define F_AVAIL (1u << 7) /* 2.8: VIRTQ_DESC_F_AVAIL */
#define F_USED (1u << 15)
#define POISON 64 /* leading bytes of a buffer that the device is to write */

uint32_t replay_ring_wrap(const struct replay_queue *q)
{
	return q->packed ? 2u * q->size : 65536u;
}

/* Positions as numbers that count on: a packed lap with wrap counter 1 comes first. */
static uint32_t linear(const struct replay_queue *q, uint16_t pos)
{
	if (!q->packed)
		return pos;
	return ((pos & 0x7fff) % q->size) + (pos & 0x8000 ? 0 : q->size);
}

static uint16_t packed_pos(const struct replay_queue *q, uint32_t at)
{
	return at % q->size | (at < q->size ? 0x8000 : 0);
}

uint32_t replay_ring_position(const struct replay_queue *q, uint16_t pos)
{
	uint32_t wrap = replay_ring_wrap(q);
	return (linear(q, pos) + wrap - q->shift) % wrap;
}

static int put16(struct replay *r, struct replay_instance *i, uint64_t at, uint16_t v)
{
	uint16_t le = htole16(v);
	return r->ops->mem_write(i->target, at, &le, sizeof(le));
}

/* --- up and down ---------------------------------------------------------------------- */

static int zero(struct replay *r, struct replay_instance *i, uint64_t at, uint64_t len)
{
	static const uint8_t zeroes[4096];
	while (len) {
		size_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);
		int ret = r->ops->mem_write(i->target, at, zeroes, n);
		if (ret < 0)
			return ret;
		at += n;
		len -= n;
	}
	return 0;
}

int replay_ring_up(struct replay *r, struct replay_instance *i, const struct event *e,
		   const struct model_queue *m)
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
	uint64_t n = q->size;
	int ret = zero(r, i, q->desc, 16 * n);
	if (ret == 0)
		ret = zero(r, i, q->driver, q->packed ? 4 : 6 + 2 * n);
	if (ret == 0)
		ret = zero(r, i, q->device, q->packed ? 4 : 6 + 8 * n);
	q->up = ret == 0;
	if (ret != -EFAULT)
		return ret;
	replay_skipped(r, i, "rings that lie where replay has no memory");
	i->doubt = true; /* the device will not like it */
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
	if (q->spare)
		free_chain(q->spare);
	q->spare = c;
}

void replay_ring_down(struct replay_queue *q)
{
	struct replay_chain *c, *next;
	uint16_t index = q->index;
	HASH_ITER (hh, q->chains, c, next) {
		HASH_DEL(q->chains, c);
		free_chain(c);
	}
	if (q->spare)
		free_chain(q->spare);
	memset(q, 0, sizeof(*q));
	q->index = index;
}

/* --- what the driver asks for, 2.7.7 and 2.8.10 ------------------------------------------ */

static int apply_packed(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			const struct vqt_ring *ring)
{
	uint16_t flags = ring->avail_flags, event = ring->used_event;
	if ((flags & 3) == 2)
		event = packed_pos(q, replay_ring_position(q, event));
	if (q->flags_known && flags == q->flags && event == q->event)
		return 0;
	q->flags = flags;
	q->event = event;
	q->flags_known = true;
	int ret = put16(r, i, q->driver, event);
	return ret < 0 ? ret : put16(r, i, q->driver + 2, flags);
}

int replay_ring_apply(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		      const struct vqt_ring *ring)
{
	int ret = 0;
	if (q->packed) {
		const uint16_t need = VQT_RING_PACKED | VQT_RING_AVAIL_FLAGS;
		return (ring->known & need) == need ? apply_packed(r, i, q, ring) : 0;
	}
	if (ring->known & VQT_RING_PACKED)
		return 0;
	if (ring->known & VQT_RING_AVAIL_FLAGS &&
	    (!q->flags_known || q->flags != ring->avail_flags))
		ret = put16(r, i, q->driver, ring->avail_flags);
	if (ring->known & VQT_RING_AVAIL_FLAGS) {
		q->flags = ring->avail_flags;
		q->flags_known = true;
	}
	if (ret < 0 || !q->event_idx || !(ring->known & VQT_RING_USED_EVENT))
		return ret;
	uint16_t event = replay_ring_position(q, ring->used_event);
	if (event != q->event)
		ret = put16(r, i, q->driver + 4 + 2ull * q->size, event);
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
	if (c->ndesc + n > c->cap) {
		uint32_t cap = c->ndesc + n;
		struct vqt_desc *d = reallocarray(c->desc, cap, sizeof(*d));
		if (!d)
			return -ENOMEM;
		c->desc = d;
		c->cap = cap;
	}
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

/* The descriptors of all records of the chain.  Its later records are marked as seen to. */
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
static int put_desc(struct replay *r, struct replay_instance *i, const struct replay_queue *q,
		    uint64_t at, const struct vqt_desc *d, uint16_t flags)
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
	return r->ops->mem_write(i->target, at, &m, sizeof(m));
}

static bool is_data(const struct replay_chain *c, uint32_t k)
{
	return !(c->desc[k].flags & VRING_DESC_F_INDIRECT);
}

static int put_table(struct replay *r, struct replay_instance *i, const struct replay_queue *q,
		     const struct replay_chain *c)
{
	const struct vqt_desc *t = &c->desc[c->ndirect - 1];
	uint32_t at = 0, entries = t->len / 16;
	int ret = 0;
	for (uint32_t k = c->ndirect; k < c->ndesc && ret == 0 && at < entries; k++) {
		ret = put_desc(r, i, q, t->addr + 16ull * at, &c->desc[k], c->desc[k].flags);
		at = q->packed ? at + 1 : c->desc[k].next;
	}
	return ret;
}

/* Room for the device's writes, with contents that no device writes by chance. */
static int put_buffers(struct replay *r, struct replay_instance *i, struct replay_chain *c)
{
	static const uint8_t poison[POISON] = { [0 ... POISON - 1] = 0xa5 };
	for (uint32_t k = 0; k < c->ndesc; k++) {
		const struct vqt_desc *d = &c->desc[k];
		if (!is_data(c, k) || !d->len)
			continue;
		int ret = r->ops->mem_touch(i->target, d->addr, d->len);
		if (ret < 0)
			return ret;
		if (!(d->flags & VRING_DESC_F_WRITE))
			continue;
		ret = r->ops->mem_write(i->target, d->addr, poison,
					d->len < POISON ? d->len : POISON);
		if (ret < 0)
			return ret;
		c->has_status = true;
		c->status_at = d->addr + d->len - 1;
	}
	return c->has_status ? r->ops->mem_write(i->target, c->status_at, poison, 1) : 0;
}

static int note_bytes(struct replay_chain *c, const struct record_seg *seg)
{
	if (c->nbytes == c->bytes_cap) {
		unsigned cap = c->bytes_cap ? c->bytes_cap * 2 : 8;
		struct replay_known_bytes *p = reallocarray(c->bytes, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->bytes = p;
		c->bytes_cap = cap;
	}
	c->bytes[c->nbytes++] = (struct replay_known_bytes){ seg->desc, seg->offset, seg->len };
	return 0;
}

/* The recorded bytes of the driver's buffers. */
static int put_bytes(struct replay *r, struct replay_instance *i, struct replay_chain *c,
		     const struct record *rec)
{
	struct record_seg seg;
	uint32_t pos = 0;
	while (record_seg_next(rec, &pos, &seg)) {
		const struct vqt_desc *d = seg.desc < c->ndesc ? &c->desc[seg.desc] : NULL;
		if (!d || !is_data(c, seg.desc) || d->flags & VRING_DESC_F_WRITE ||
		    seg.offset > d->len || seg.len > d->len - seg.offset)
			continue;
		int ret = r->ops->mem_write(i->target, d->addr + seg.offset, seg.bytes, seg.len);
		if (ret == 0)
			ret = note_bytes(c, &seg);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Of all records that carry bytes of this chain: the avail ones, and data that came later. */
static int put_all_bytes(struct replay *r, struct replay_instance *i, struct replay_chain *c,
			 const struct replay_pending *p)
{
	const struct vqt_hdr *h = &p->rec.h;
	uint16_t head = p->rec.avail.head;
	int ret = put_bytes(r, i, c, &p->rec);
	for (const struct replay_pending *n = p->next; n && ret == 0; n = n->next) {
		const struct vqt_hdr *o = &n->rec.h;
		if (o->device != h->device || o->queue != h->queue)
			continue;
		if (o->type == VQT_USED && n->rec.used.id == head)
			break;
		if (o->type == VQT_AVAIL && n->rec.avail.head == head) {
			if (!n->rec.avail.first)
				break;
			ret = put_bytes(r, i, c, &n->rec);
		} else if (o->type == VQT_DATA && n->rec.data.head == head) {
			ret = put_bytes(r, i, c, &n->rec);
		}
	}
	return ret;
}

/* The leading driver-written bytes, as they are in memory now. */
static size_t read_head(struct replay *r, struct replay_instance *i, const struct replay_chain *c,
			uint8_t *head, size_t len)
{
	size_t have = 0;
	for (uint32_t k = 0; k < c->ndesc && have < len; k++) {
		const struct vqt_desc *d = &c->desc[k];
		if (!is_data(c, k) || d->flags & VRING_DESC_F_WRITE)
			continue;
		size_t n = d->len < len - have ? d->len : len - have;
		if (r->ops->mem_read(i->target, d->addr, head + have, n) < 0)
			break;
		have += n;
	}
	return have;
}

static int put_split(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		     const struct replay_chain *c)
{
	uint16_t at = c->head;
	int ret = 0;
	for (uint32_t k = 0; k < c->ndirect && ret == 0 && at < q->size; k++) {
		ret = put_desc(r, i, q, q->desc + 16ull * at, &c->desc[k], c->desc[k].flags);
		at = c->desc[k].next;
	}
	if (ret == 0)
		ret = put16(r, i, q->driver + 4 + 2ull * (q->avail % q->size), c->head);
	q->avail = (q->avail + 1) & UINT16_MAX;
	return ret;
}

/* The first one last: until then the device sees nothing. */
static int put_packed(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		      const struct replay_chain *c)
{
	int ret = 0;
	for (uint32_t k = c->ndirect; k-- > 0 && ret == 0;) {
		uint32_t at = (q->avail + k) % replay_ring_wrap(q);
		uint16_t flags = c->desc[k].flags & ~(F_AVAIL | F_USED);
		flags |= at < q->size ? F_AVAIL : F_USED;
		ret = put_desc(r, i, q, q->desc + 16ull * (at % q->size), &c->desc[k], flags);
	}
	q->avail = (q->avail + c->ndirect) % replay_ring_wrap(q);
	return ret;
}

static int lay_out(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		   struct replay_chain *c, const struct replay_pending *p)
{
	struct replay_request req;
	uint8_t head[24];
	int ret = put_buffers(r, i, c);
	if (ret == 0 && c->ndirect && c->desc[c->ndirect - 1].flags & VRING_DESC_F_INDIRECT)
		ret = put_table(r, i, q, c);
	if (ret == 0)
		ret = put_all_bytes(r, i, c, p);
	if (ret < 0)
		return ret;
	replay_request_of(r, i, q, c, head, read_head(r, i, c, head, sizeof(head)), &req);
	c->fail = req.fail;
	if (r->ops->request)
		ret = r->ops->request(i->target, &req);
	if (ret < 0)
		return ret;
	return q->packed ? put_packed(r, i, q, c) : put_split(r, i, q, c);
}

int replay_ring_publish(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			struct replay_pending *p, const char **why)
{
	const struct vqt_avail *a = &p->rec.avail;
	struct replay_chain *c;
	uint32_t wrap = replay_ring_wrap(q);
	p->published = true;
	*why = "the chain was not captured in full";
	if (a->flags & (VQT_CHAIN_CUT | VQT_CHAIN_NO_TABLE | VQT_CHAIN_DERIVED) || a->first)
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
		q->shift = (linear(q, a->pos) + wrap - q->avail) % wrap;
		ret = lay_out(r, i, q, c, p);
	}
	if (ret < 0) {
		free_chain(c);
		*why = ret == -EFAULT ? "a buffer lies where replay has no memory" : *why;
		return ret == -EFAULT || ret == -ENODATA || ret == -E2BIG ? 0 : ret;
	}
	c->order = q->published++;
	HASH_ADD(hh, q->chains, head, sizeof(c->head), c);
	if (!hash_holds(c)) {
		free_chain(c);
		return -ENOMEM;
	}
	return 1;
}

int replay_ring_show(struct replay *r, struct replay_instance *i, struct replay_queue *q)
{
	return q->packed ? 0 : put16(r, i, q->driver + 2, q->avail);
}

/* --- what the device used ----------------------------------------------------------------- */

static void completed(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		      const struct event *e, uint32_t id, uint32_t len, uint32_t position)
{
	struct replay_chain *c = id <= UINT16_MAX ? replay_ring_chain(q, id) : NULL;
	char recorded[64], replayed[64];
	q->used_replayed++;
	replay_notifications_used(r, i, q, REPLAYED, e, position, c ? c->ndirect : 1);
	if (c && !c->done) {
		c->done = true;
		c->len = len;
		return;
	}
	snprintf(recorded, sizeof(recorded), "nothing of the kind");
	snprintf(replayed, sizeof(replayed), "used id %u, which is not in flight", id);
	replay_differs(r, i, e,
		       &(struct replay_found){ .clause = q->packed ? "2.8.14" : "2.7.8",
					       .queue = q->index },
		       "ring.used_id", recorded, replayed);
}

static int collect_split(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			 const struct event *e)
{
	uint16_t idx, n;
	int ret = r->ops->mem_read(i->target, q->device + 2, &idx, sizeof(idx));
	if (ret < 0)
		return ret;
	n = le16toh(idx) - q->used;
	if (n > q->size) {
		char words[48];
		snprintf(words, sizeof(words), "used.idx moved from %u to %u", q->used,
			 le16toh(idx));
		replay_differs(r, i, e,
			       &(struct replay_found){ .clause = "2.7.8", .queue = q->index },
			       "ring.used_idx", "nothing of the kind", words);
		q->used = le16toh(idx);
		return 0;
	}
	for (; n; n--) {
		uint32_t elem[2], at = q->used;
		ret = r->ops->mem_read(i->target, q->device + 4 + 8ull * (at % q->size), elem,
				       sizeof(elem));
		if (ret < 0)
			return ret;
		q->used = (at + 1) & UINT16_MAX;
		completed(r, i, q, e, le32toh(elem[0]), le32toh(elem[1]), at);
	}
	return 0;
}

static int collect_packed(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			  const struct event *e)
{
	for (unsigned n = 0; n < q->size; n++) {
		struct {
			uint64_t addr;
			uint32_t len;
			uint16_t id, flags;
		} d;
		uint32_t at = q->used;
		int ret = r->ops->mem_read(i->target, q->desc + 16ull * (at % q->size), &d,
					   sizeof(d));
		if (ret < 0)
			return ret;
		uint16_t flags = le16toh(d.flags), want = at < q->size ? F_AVAIL | F_USED : 0;
		if ((flags & (F_AVAIL | F_USED)) != want || (at == q->avail && !q->chains))
			return 0;
		struct replay_chain *c = replay_ring_chain(q, le16toh(d.id));
		q->used = (at + (c ? c->ndirect : 1)) % replay_ring_wrap(q);
		completed(r, i, q, e, le16toh(d.id), le32toh(d.len), at);
	}
	return 0;
}

int replay_ring_collect(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			const struct event *e)
{
	return q->packed ? collect_packed(r, i, q, e) : collect_split(r, i, q, e);
}
