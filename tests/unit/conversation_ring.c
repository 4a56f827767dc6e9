/* SPDX-License-Identifier: MIT */
/* The words about rings: chains taken and used, kicks, what a ring holds. */
#include <linux/virtio_ring.h>
#include <string.h>

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

bool conversation_set_ring(struct conversation *s, const char *word)
{
	struct vqt_ring *r = conversation_ring(s);
	struct {
		const char *name;
		uint16_t *at;
	} keys[] = {
		{ "ai", &r->avail_idx },   { "la", &r->last_avail }, { "af", &r->avail_flags },
		{ "ue", &r->used_event },  { "ui", &r->used_idx },   { "uf", &r->used_flags },
		{ "ae", &r->avail_event },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strncmp(word, keys[i].name, 2) && word[2] == '=') {
			word += 3;
			*keys[i].at = (uint16_t)conversation_number(&word);
			return true;
		}
	if (strncmp(word, "fi=", 3))
		return false;
	word += 3;
	r->known &= (uint16_t)~VQT_RING_FILLED;
	r->known |= VQT_RING_SLOT | (conversation_number(&word) ? VQT_RING_FILLED : 0);
	return true;
}

struct chain {
	struct vqt_avail a;
	struct vqt_desc desc[600];
	uint8_t bytes[512];
	unsigned len;
};

/* rL, wL, ir.., &A, fX, >N, *N */
static void descriptor(struct chain *c, const char **at, bool last, bool table, bool packed)
{
	struct vqt_desc *d = &c->desc[c->a.ndesc];
	bool placed = false;

	if (**at == 'i') {
		d->flags |= VRING_DESC_F_INDIRECT;
		++*at;
	}
	if (**at == 'w')
		d->flags |= VRING_DESC_F_WRITE;
	++*at;
	d->len = (uint32_t)conversation_number(at);
	d->addr = 0x100000 + 0x10000 * c->a.ndesc;
	if (!last && !(packed && table)) {
		d->flags |= VRING_DESC_F_NEXT;
		d->next = (uint16_t)(table ? c->a.ndesc - c->a.ndirect + 1
					   : c->a.head + c->a.ndesc + 1);
	}
	if (**at == '&') {
		++*at;
		d->addr = conversation_number(at);
		placed = true;
	}
	if (**at == 'f') {
		++*at;
		d->flags = (uint16_t)conversation_number(at);
	}
	if (**at == '>') {
		++*at;
		d->next = (uint16_t)conversation_number(at);
	}
	if (**at == '*') { /* as often */
		unsigned n;

		++*at;
		for (n = (unsigned)conversation_number(at); n > 1 && c->a.ndesc < 590; n--) {
			c->desc[c->a.ndesc + 1] = *d;
			if (placed)
				c->desc[c->a.ndesc + 1].addr = c->desc[c->a.ndesc].addr + d->len;
			c->a.ndesc++;
		}
	}
	c->a.ndesc++;
}

static void descriptors(struct chain *c, const char **at, bool packed)
{
	bool table = false;

	for (;;) {
		size_t n = strcspn(*at, ",|%");

		descriptor(c, at, (*at)[0] == '\0' || strchr("|%", (*at)[n]) || !(*at)[n], table,
			   packed);
		if (**at == '|') {
			table = true;
			c->a.ndirect = c->a.ndesc;
		} else if (**at != ',') {
			break;
		}
		++*at;
	}
	if (!table)
		c->a.ndirect = c->a.ndesc;
}

static void put(struct chain *c, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		c->bytes[c->len++] = (uint8_t)(v >> (8 * i));
}

static void header(struct chain *c, const char **at)
{
	unsigned long long type = 0, sector = 8;

	if (**at == '%') {
		++*at;
		if (**at == '-') {
			++*at;
			return;
		}
		type = conversation_number(at);
		sector = 0;
		if (**at == ',') {
			++*at;
			sector = conversation_number(at);
		}
	}
	put(c, type, 8);
	put(c, sector, 8);
	while (**at == ';') {
		++*at;
		put(c, conversation_number(at), 8);
		++*at;
		put(c, conversation_number(at), 4);
		++*at;
		put(c, conversation_number(at), 4);
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

void conversation_chain(struct conversation *s, const char *word)
{
	static struct chain c;
	static uint8_t tail[16384];
	struct vqt_ring *r = conversation_ring(s);
	size_t at;

	memset(&c, 0, sizeof(c));
	memset(tail, 0, sizeof(tail));
	c.a.head = (uint16_t)conversation_number(&word);
	c.a.pos = r->last_avail;
	c.a.ring = *r;
	if (*word == '@') {
		word++;
		c.a.pos = (uint16_t)conversation_number(&word);
	}
	if (*word == '^') {
		word++;
		c.a.flags = (uint16_t)conversation_number(&word);
	}
	if (*word == ':') {
		word++;
		descriptors(&c, &word, s->packed);
	} else {
		const char *usual = "r16,w4096,w1";

		descriptors(&c, &usual, s->packed);
	}
	header(&c, &word);
	for (unsigned i = 0; s->packed && i < c.a.ndirect; i++)
		if (!(c.desc[i].flags & (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)))
			c.desc[i].flags |= virtq_available_flags(
				virtq_wrap(virtq_advance(c.a.pos, i, s->size)));
	at = c.a.ndesc * sizeof(c.desc[0]);
	memcpy(tail, c.desc, at);
	at += segments(&c, tail + at);
	r->last_avail = virtq_after(c.a.pos, c.a.ndirect, s->size, s->packed);
	builder_add(&s->t, VQT_AVAIL, &c.a, sizeof(c.a), tail, at);
}

/* zD.START.CAPACITY.WP.TYPE.STATE: a report of one zone in descriptor D, 5.2.6 */
static size_t zone_report(uint8_t *tail, const char **at)
{
	struct vqt_seg seg = { .len = 128 };
	uint8_t *zone = tail + sizeof(seg) + 64;
	uint64_t v[5];

	++*at;
	seg.desc = (uint16_t)conversation_number(at);
	for (unsigned i = 0; i < 5; i++) {
		++*at;
		v[i] = conversation_number(at);
	}
	memcpy(tail, &seg, sizeof(seg));
	tail[sizeof(seg)] = 1; /* nr_zones */
	memcpy(zone, &v[1], 8);
	memcpy(zone + 8, &v[0], 8);
	memcpy(zone + 16, &v[2], 8);
	zone[24] = (uint8_t)v[3];
	zone[25] = (uint8_t)v[4];
	return sizeof(seg) + seg.len;
}

void conversation_used(struct conversation *s, const char *word)
{
	struct vqt_ring *r = conversation_ring(s);
	struct vqt_used u = {
		.ring = *r, .len = 4097, .flags = VQT_USED_STATUS, .pos = r->used_idx
	};
	struct model_request *req;
	uint8_t tail[192] = { 0 };
	size_t len = 0;

	u.id = (uint16_t)conversation_number(&word);
	if (*word == '@') {
		word++;
		u.pos = (uint16_t)conversation_number(&word);
	}
	if (*word == '^') {
		word++;
		u.flags |= (uint8_t)conversation_number(&word);
	}
	if (*word == '=') {
		word++;
		u.len = (uint32_t)conversation_number(&word);
		if (*word == ',') {
			word++;
			u.status = (uint8_t)conversation_number(&word);
		}
	}
	if (*word == ';' && word[1] == 'z') {
		word++;
		u.nseg = 1;
		len = zone_report(tail, &word);
	} else if (*word == ';') { /* ;D.V: 8 bytes of descriptor D */
		struct vqt_seg seg = { .len = 8 };
		uint64_t v;

		word++;
		seg.desc = (uint16_t)conversation_number(&word);
		word++;
		v = conversation_number(&word);
		memcpy(tail, &seg, sizeof(seg));
		memcpy(tail + sizeof(seg), &v, 8);
		u.nseg = 1;
		len = sizeof(seg) + 8;
	}
	req = model_device(s->t.model, 1) && model_queue(model_device(s->t.model, 1), s->t.queue)
		      ? model_in_flight(model_queue(model_device(s->t.model, 1), s->t.queue), u.id)
		      : NULL;
	r->used_idx = virtq_after(u.pos, req ? req->ndirect : 1, s->size, s->packed);
	builder_add(&s->t, VQT_USED, &u, sizeof(u), tail, len);
}

void conversation_kick(struct conversation *s, const char *word)
{
	struct vqt_kick k = { .ring = *conversation_ring(s), .via = VQT_KICK_IOEVENTFD };
	uint8_t heads[2 * VQT_KICK_HEADS] = { 0 };

	if (*word && *word != ':') {
		k.via = VQT_KICK_MMIO;
		k.width = (uint8_t)conversation_number(&word);
		k.value = s->t.queue;
		if (*word == '=') {
			word++;
			k.value = (uint32_t)conversation_number(&word);
		}
	}
	if (*word == ':') {
		word++;
		k.nheads = (uint16_t)conversation_number(&word);
	}
	builder_add(&s->t, VQT_KICK, &k, sizeof(k), heads, (2u * k.nheads + 3) & ~3U);
}
