/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/trace/carried.h"

#define NUMBER_MAX 10 /* bytes of a number */
#define ITEM_MAX (2 + 6 * NUMBER_MAX + VQT_CARRIED_MAX + VQT_CARRIED_MAX / 8)

/* --- reading ----------------------------------------------------------------------- */

static bool get_number(struct carried *c, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		uint8_t b = *c->at++;

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return shift < 63 || b < 2;
	}
	return false;
}

void carried_begin(struct carried *c, const struct record *own)
{
	uint64_t n = 0, before = 0;

	c->own = *own;
	c->own.carried = NULL;
	c->own.carried_len = 0;
	c->pending = true;
	c->left = 0;
	if (!own->carried)
		return;
	c->at = own->carried;
	c->end = c->at + own->carried_len;
	c->first = true;
	c->last = own->h;
	/* what cannot be: then the first one, which has no bytes, is refused when it is asked for */
	if (!get_number(c, &n) || !get_number(c, &before) || !n || n > UINT32_MAX ||
	    before > own->h.ts) {
		n = 1;
		c->at = c->end;
	}
	c->left = (uint32_t)n;
	c->last.seq -= c->left + 1;
	c->last.ts -= before;
}

/* tid, device, queue and cpu, if they are not those of the event before. */
static bool get_who(struct carried *c, struct vqt_hdr *h)
{
	uint64_t tid, device, queue, cpu;

	if (!get_number(c, &tid) || !get_number(c, &device) || !get_number(c, &queue) ||
	    !get_number(c, &cpu))
		return false;
	if (tid > UINT32_MAX || device > UINT16_MAX || queue > UINT16_MAX || cpu > UINT16_MAX)
		return false;
	h->tid = (uint32_t)tid;
	h->device = (uint16_t)device;
	h->queue = (uint16_t)(queue - 1);
	h->cpu = (uint16_t)cpu;
	return true;
}

static bool get_body(struct carried *c, size_t n)
{
	uint8_t *to = c->bytes + sizeof(c->last);

	memset(to, 0, n);
	for (size_t i = 0; i < n; i += 8) {
		unsigned mask;

		if (c->at == c->end)
			return false;
		mask = *c->at++;
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!(mask >> bit & 1))
				continue;
			if (i + bit >= n || c->at == c->end)
				return false;
			to[i + bit] = *c->at++;
		}
	}
	return true;
}

/* The next event's bytes; their length, 0: there is none. */
static size_t unpack(struct carried *c)
{
	struct vqt_hdr *h = &c->last;
	uint64_t since = 0, n;
	uint8_t type;

	if (c->at == c->end)
		return 0;
	type = *c->at++;
	h->type = type & (uint8_t)~VQT_CARRIED_WHO;
	if (h->type < VQT_REG || (type & VQT_CARRIED_WHO && !get_who(c, h)))
		return 0;
	if (!c->first && !get_number(c, &since))
		return 0;
	if (since > c->own.h.ts - h->ts || !get_number(c, &n) || n > VQT_CARRIED_MAX ||
	    !get_body(c, n))
		return 0;
	c->first = false;
	h->seq++;
	h->ts += since;
	memcpy(c->bytes, h, sizeof(*h));
	return sizeof(*h) + n;
}

int carried_next(struct carried *c, struct record *out, const char **why)
{
	size_t len;
	int rc;

	if (!c->left) {
		*out = c->own;
		rc = c->pending;
		c->pending = false;
		return rc;
	}
	len = unpack(c);
	*why = "what its packet carries is broken";
	rc = len ? record_parse(out, c->bytes, len, why) : -EBADMSG;
	c->left = rc == -EBADMSG || out->carried ? 0 : c->left - 1;
	if (rc == -EBADMSG || out->carried)
		return -EBADMSG;
	return 1;
}

/* --- writing ------------------------------------------------------------------------ */

static uint8_t *put_number(uint8_t *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static uint8_t *put_body(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint8_t *mask = to++;

		*mask = 0;
		for (unsigned bit = 0; bit < 8 && i + bit < n; bit++)
			if (from[i + bit]) {
				*mask |= (uint8_t)(1 << bit);
				*to++ = from[i + bit];
			}
	}
	return to;
}

static bool same_who(const struct vqt_hdr *a, const struct vqt_hdr *b)
{
	return a->tid == b->tid && a->device == b->device && a->queue == b->queue &&
	       a->cpu == b->cpu;
}

/* The event that is held joins the run. */
static void pack_held(struct carrier *c)
{
	uint8_t *to = c->run + c->run_len;
	size_t n = c->held_len - sizeof(struct vqt_hdr);
	struct vqt_hdr h;
	bool who;

	memcpy(&h, c->held, sizeof(h));
	/* of the first one, the packet's is not known yet */
	who = !c->n || !same_who(&h, &c->last);
	*to++ = h.type | (who ? VQT_CARRIED_WHO : 0);
	if (who) {
		to = put_number(to, h.tid);
		to = put_number(to, h.device);
		to = put_number(to, (uint16_t)(h.queue + 1));
		to = put_number(to, h.cpu);
	}
	if (c->n)
		to = put_number(to, h.ts - c->last.ts);
	else
		c->first = h;
	to = put_number(to, n);
	to = put_body(to, c->held + sizeof(h), n);
	c->run_len = (size_t)(to - c->run);
	c->last = h;
	c->n++;
	c->held_len = 0;
}

/* A packet of the event that is held, and of the run. */
static int put_packet(struct carrier *c)
{
	struct build b = { .bytes = c->held, .size = sizeof(c->held), .len = c->held_len };
	uint8_t value[2 * NUMBER_MAX + CARRIER_BYTES], *to;
	struct vqt_hdr h;

	memcpy(&h, c->held, sizeof(h));
	if (c->n) {
		to = put_number(value, c->n);
		to = put_number(to, h.ts - c->first.ts);
		memcpy(to, c->run, c->run_len);
		build_value(&b, VQT_TAG_CARRIED, value, (size_t)(to - value) + c->run_len);
	}
	c->held_len = c->run_len = c->n = 0;
	return c->put(c->ctx, h.ts, b.bytes, b.len);
}

int carrier_flush(struct carrier *c)
{
	return c->held_len ? put_packet(c) : 0;
}

/* Can this event be carried, and the one that is held by it? */
static bool follows(const struct carrier *c, const struct vqt_hdr *h)
{
	struct vqt_hdr held;

	memcpy(&held, c->held, sizeof(held));
	return h->source == held.source && h->seq == held.seq + 1 && h->ts >= held.ts;
}

static bool is_small(const struct vqt_hdr *h, size_t len)
{
	return h->type >= VQT_REG && h->type < VQT_CARRIED_WHO &&
	       len <= sizeof(*h) + VQT_CARRIED_MAX;
}

int carrier_write(struct carrier *c, const void *record, size_t len)
{
	struct vqt_hdr h;
	int rc = 0;

	memcpy(&h, record, sizeof(h));
	if (!is_small(&h, len)) {
		/* nothing is gained by carrying a few events on a large one */
		rc = carrier_flush(c);
		return rc ? rc : c->put(c->ctx, h.ts, record, len);
	}
	if (c->held_len && follows(c, &h) && c->n < CARRIER_EVENTS &&
	    c->run_len + ITEM_MAX <= CARRIER_BYTES)
		pack_held(c);
	else
		rc = carrier_flush(c);
	memcpy(c->held, record, len);
	c->held_len = len;
	return rc;
}
