/* SPDX-License-Identifier: MIT */
/* Statements about rings: what they hold, kicks, chains popped and used, snapshots. */
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/util/virtqueue.h"
#include "tests/unit/conversation_impl.h"

struct vqt_ring *conversation_ring(struct conversation *s)
{
	struct vqt_ring *r = &s->ring[s->t.queue & 3];

	if (s->packed && !(r->known & VQT_RING_PACKED)) {
		memset(r, 0, sizeof(*r));
		r->last_avail = r->used_idx = 0x8000;
		r->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS |
			   VQT_RING_AVAIL_FLAGS | VQT_RING_USED_FLAGS | VQT_RING_USED_EVENT |
			   VQT_RING_AVAIL_EVENT;
	} else if (!s->packed) {
		r->known = 0x7f;
	}
	return r;
}

void conversation_set_ring(struct conversation *s, struct statement *w)
{
	struct vqt_ring *r = conversation_ring(s);
	const struct {
		const char *name;
		uint16_t *at;
	} fields[] = {
		{ "avail_idx", &r->avail_idx },	    { "last_avail", &r->last_avail },
		{ "avail_flags", &r->avail_flags }, { "used_event", &r->used_event },
		{ "used_idx", &r->used_idx },	    { "used_flags", &r->used_flags },
		{ "avail_event", &r->avail_event },
	};

	while (*w->word[w->at] && !w->bad) {
		unsigned i = 0;

		if (statement_takes(w, "filled")) {
			r->known &= (uint16_t)~VQT_RING_FILLED;
			r->known |= VQT_RING_SLOT | (statement_number(w) ? VQT_RING_FILLED : 0);
			continue;
		}
		while (i < sizeof(fields) / sizeof(fields[0]) &&
		       !statement_takes(w, fields[i].name))
			i++;
		if (i < sizeof(fields) / sizeof(fields[0]))
			*fields[i].at = (uint16_t)statement_number(w);
		else
			w->bad = true;
	}
}

#define DESCRIPTORS 600

struct chain {
	struct vqt_avail a;
	struct vqt_desc desc[DESCRIPTORS];
	uint8_t bytes[512];
	unsigned len;
};

/* As often: at addresses that follow each other, if one was named. */
static void repeat(struct chain *c, unsigned long long times, bool placed)
{
	for (; times > 1 && c->a.ndesc < DESCRIPTORS - 10; times--, c->a.ndesc++) {
		struct vqt_desc *d = &c->desc[c->a.ndesc];

		d[1] = *d;
		if (placed)
			d[1].addr += d->len;
	}
}

/* DESC; without flags and next of its own it leads to the one after it. */
static void descriptor(struct chain *c, struct statement *w, bool table, bool packed)
{
	struct vqt_desc *d = &c->desc[c->a.ndesc];
	unsigned long long flags, next, times;
	bool placed;

	if (statement_takes(w, "indirect"))
		d->flags |= VRING_DESC_F_INDIRECT;
	if (statement_takes(w, "writable"))
		d->flags |= VRING_DESC_F_WRITE;
	else
		w->bad |= !statement_takes(w, "readable");
	d->len = (uint32_t)statement_number(w);
	placed = !strcmp(w->word[w->at], "at");
	d->addr = statement_option(w, "at", 0x100000 + 0x10000 * c->a.ndesc);
	flags = statement_option(w, "flags", UINT64_MAX);
	next = statement_option(w, "next", UINT64_MAX);
	times = statement_option(w, "times", 1);
	if (!strcmp(w->word[w->at], ",") && !(packed && table)) {
		d->flags |= VRING_DESC_F_NEXT;
		d->next = (uint16_t)(table ? c->a.ndesc - c->a.ndirect + 1
					   : c->a.head + c->a.ndesc + 1);
	}
	if (flags != UINT64_MAX)
		d->flags = (uint16_t)flags;
	if (next != UINT64_MAX)
		d->next = (uint16_t)next;
	repeat(c, times, placed);
	c->a.ndesc++;
}

static void descriptors(struct chain *c, struct statement *w, bool packed)
{
	bool table = false, more = true;

	while (more && !w->bad) {
		descriptor(c, w, table, packed);
		if (statement_takes(w, "|")) {
			table = true;
			c->a.ndirect = c->a.ndesc;
		} else {
			more = statement_takes(w, ",");
		}
	}
	if (!table)
		c->a.ndirect = c->a.ndesc;
}

/* Header, 4096 bytes, status. */
static void usual_descriptors(struct chain *c, bool packed)
{
	static const char text[] = "readable 16, writable 4096, writable 1";
	struct statement w;

	statement_cut(&w, text, sizeof(text) - 1);
	descriptors(c, &w, packed);
}

static void put(struct chain *c, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		c->bytes[c->len++] = (uint8_t)(v >> (8 * i));
}

static unsigned long long request_type(struct statement *w)
{
	const struct spec_request *r = class_by_name("blk")->requests;

	for (; r->name; r++)
		if (statement_takes(w, r->name))
			return r->type;
	return statement_number(w);
}

static void header(struct chain *c, struct statement *w)
{
	unsigned long long type = 0, sector = 8;

	if (statement_takes(w, "headerless"))
		return;
	if (statement_takes(w, "type")) {
		type = request_type(w);
		sector = 0;
	}
	put(c, type, 8);
	put(c, statement_option(w, "sector", sector), 8);
	while (statement_takes(w, "segment")) {
		put(c, statement_number(w), 8);
		put(c, statement_number(w), 4);
		put(c, statement_number(w), 4);
	}
}

/* The bytes of the stream, over the readable descriptors. */
static size_t segments(const struct chain *c, uint8_t *tail)
{
	size_t len = 0;
	unsigned done = 0;

	for (unsigned i = 0; i < c->a.ndesc && done < c->len; i++) {
		struct vqt_seg seg = { .desc = (uint16_t)i };
		unsigned n = c->len - done;

		if (c->desc[i].flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT))
			continue;
		n = n < c->desc[i].len ? n : c->desc[i].len;
		seg.len = (uint16_t)n;
		memcpy(tail + len, &seg, sizeof(seg));
		memcpy(tail + len + sizeof(seg), c->bytes + done, n);
		len += sizeof(seg) + ((n + 3) & ~3U);
		done += n;
		((struct vqt_avail *)&c->a)->nseg++;
	}
	return len;
}

void conversation_pop(struct conversation *s, struct statement *w)
{
	static struct chain c;
	static uint8_t tail[16384];
	struct vqt_ring *r = conversation_ring(s);
	size_t at;

	memset(&c, 0, sizeof(c));
	memset(tail, 0, sizeof(tail));
	c.a.head = (uint16_t)statement_number(w);
	c.a.ring = *r;
	c.a.pos = (uint16_t)statement_option(w, "at", r->last_avail);
	if (statement_takes(w, "flags"))
		c.a.flags = (uint16_t)statement_name(w, event_chain_flags);
	if (statement_takes(w, ":"))
		descriptors(&c, w, s->packed);
	else
		usual_descriptors(&c, s->packed);
	header(&c, w);
	for (unsigned i = 0; s->packed && i < c.a.ndirect; i++)
		if (!(c.desc[i].flags & 0x8080))
			c.desc[i].flags |= virtq_available_flags(
				virtq_wrap(virtq_advance(c.a.pos, i, s->size)));
	at = c.a.ndesc * sizeof(c.desc[0]);
	memcpy(tail, c.desc, at);
	at += segments(&c, tail + at);
	r->last_avail = virtq_after(c.a.pos, c.a.ndirect, s->size, s->packed);
	builder_add(&s->t, VQT_AVAIL, &c.a, sizeof(c.a), tail, at);
}

/* DESC START CAPACITY POINTER TYPE STATE: a report of one zone, 5.2.6 */
static size_t zone_report(uint8_t *tail, struct statement *w)
{
	struct vqt_seg seg = { .len = 128 };
	uint8_t *zone = tail + sizeof(seg) + 64;
	uint64_t v[5];

	seg.desc = (uint16_t)statement_number(w);
	for (unsigned i = 0; i < 5; i++)
		v[i] = statement_number(w);
	memcpy(tail, &seg, sizeof(seg));
	tail[sizeof(seg)] = 1; /* nr_zones */
	memcpy(zone, &v[1], 8);
	memcpy(zone + 8, &v[0], 8);
	memcpy(zone + 16, &v[2], 8);
	zone[24] = (uint8_t)v[3];
	zone[25] = (uint8_t)v[4];
	return sizeof(seg) + seg.len;
}

/* DESC VALUE */
static size_t eight_bytes(uint8_t *tail, struct statement *w)
{
	struct vqt_seg seg = { .len = 8 };
	uint64_t v;

	seg.desc = (uint16_t)statement_number(w);
	v = statement_number(w);
	memcpy(tail, &seg, sizeof(seg));
	memcpy(tail + sizeof(seg), &v, 8);
	return sizeof(seg) + 8;
}

static unsigned slots_of(const struct conversation *s, uint16_t id)
{
	const struct model_device *d = model_device(s->t.model, 1);
	const struct model_queue *q = d ? model_queue(d, s->t.queue) : NULL;
	const struct model_request *r = q ? model_in_flight(q, id) : NULL;

	return r ? r->ndirect : 1;
}

void conversation_use(struct conversation *s, struct statement *w)
{
	struct vqt_ring *r = conversation_ring(s);
	struct vqt_used u = { .ring = *r, .flags = VQT_USED_STATUS };
	uint8_t tail[192] = { 0 };
	size_t len = 0;

	u.id = (uint16_t)statement_number(w);
	u.pos = (uint16_t)statement_option(w, "at", r->used_idx);
	u.flags |= (uint8_t)statement_option(w, "flags", 0);
	u.len = (uint32_t)statement_option(w, "len", 4097);
	u.status = (uint8_t)statement_option(w, "status", 0);
	if (statement_takes(w, "zone"))
		len = zone_report(tail, w);
	else if (statement_takes(w, "bytes"))
		len = eight_bytes(tail, w);
	u.nseg = len != 0;
	r->used_idx = virtq_after(u.pos, slots_of(s, u.id), s->size, s->packed);
	builder_add(&s->t, VQT_USED, &u, sizeof(u), tail, len);
}

void conversation_kick(struct conversation *s, struct statement *w)
{
	struct vqt_kick k = { .ring = *conversation_ring(s), .via = VQT_KICK_IOEVENTFD };
	uint8_t heads[2 * VQT_KICK_HEADS] = { 0 };

	if (statement_takes(w, "width")) {
		k.via = VQT_KICK_MMIO;
		k.width = (uint8_t)statement_number(w);
		k.value = (uint32_t)statement_option(w, "value", s->t.queue);
	}
	k.nheads = (uint16_t)statement_option(w, "heads", 0);
	w->bad |= k.nheads > VQT_KICK_HEADS;
	builder_add(&s->t, VQT_KICK, &k, sizeof(k), heads, w->bad ? 0 : (2u * k.nheads + 3) & ~3U);
}

void conversation_sample(struct conversation *s, struct statement *w)
{
	struct vqt_ringstate g = { .ring = *conversation_ring(s), .why = VQT_RING_ASKED };

	g.pending = VQT_PENDING_UNKNOWN;
	if (statement_takes(w, "status")) {
		g.why = VQT_RING_STATUS;
	} else if (statement_takes(w, "pending")) {
		g.why = VQT_RING_PERIODIC;
		g.pending = (uint8_t)statement_name(w, event_pendings);
	}
	builder_add(&s->t, VQT_RING, &g, sizeof(g), NULL, 0);
}
