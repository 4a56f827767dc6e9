/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/source/snoop_record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"

#define DESCS_A_RECORD 4096

/* NULL: nobody wants records. */
static void *begin(struct snoop *w, struct build *b, unsigned type, size_t size)
{
	struct vqt_hdr *h;

	if (!w->sink->record)
		return NULL;
	h = build_begin(b, w->sink->space, VQT_RECORD_MAX, type, size);
	h->device = w->sink->device;
	h->queue = w->queue;
	return h;
}

static void end(struct snoop *w, struct build *b)
{
	w->sink->record(w->sink->opaque, b->bytes, b->len);
}

/* --- chains ------------------------------------------------------------------------ */

static struct build_buffers buffers(const struct snoop *w, const struct ring_chain *c)
{
	return (struct build_buffers){ .desc = c->desc,
				       .end = c->ndesc,
				       .table = ring_chain_table(c),
				       .each = w->sink->snaplen,
				       .total = UINT64_MAX,
				       .read = w->ring.mem->read,
				       .opaque = w->ring.mem->opaque };
}

/* Descriptors from `first` on, as many as one record takes. */
static bool record_part(struct snoop *w, const struct vqt_ring *before, const struct ring_chain *c,
			uint32_t first, uint32_t n)
{
	struct build_buffers from = buffers(w, c);
	struct build b;
	struct vqt_avail *a = begin(w, &b, VQT_AVAIL, sizeof(*a));
	bool still;

	if (!a)
		return snoop_still_available(w, c);
	from.first = first;
	from.end = first + n;
	a->ring = *before;
	a->head = c->head;
	a->pos = c->pos;
	a->flags = c->flags | (first + n < c->ndesc ? VQT_CHAIN_MORE : 0);
	a->first = (uint16_t)first;
	a->ndesc = (uint16_t)n;
	a->ndirect = (uint16_t)c->ndirect;
	if (n)
		build_bytes(&b, c->desc + first, n * sizeof(*c->desc));
	a->nseg = (uint16_t)build_segs(&b, &from);
	still = !(c->flags & VQT_CHAIN_CUT) && snoop_still_available(w, c);
	if (!still) { /* what was read may belong to another chain: say only that there was one */
		b.len = sizeof(*a);
		a->ndesc = a->nseg = 0;
		if (!w->ring.packed)
			a->ndirect = 0;
		a->flags = VQT_CHAIN_CUT | VQT_CHAIN_LATE;
	}
	end(w, &b);
	return still;
}

bool snoop_record_chain(struct snoop *w, const struct vqt_ring *before, const struct ring_chain *c)
{
	uint32_t first = 0, n;
	bool still;

	do {
		n = c->ndesc - first;
		n = n < DESCS_A_RECORD ? n : DESCS_A_RECORD;
		still = record_part(w, before, c, first, n);
		first += n;
	} while (still && first < c->ndesc);
	return still;
}

/* The last byte that the device may write. */
static bool read_status(const struct snoop *w, const struct ring_chain *c, uint8_t *status)
{
	for (uint32_t i = c->ndesc; i-- > 0;) {
		const struct vqt_desc *d = &c->desc[i];

		if (i == ring_chain_table(c) || !(d->flags & VRING_DESC_F_WRITE) || !d->len)
			continue;
		return w->ring.mem->read(w->ring.mem->opaque, d->addr + d->len - 1, status, 1) == 0;
	}
	return false;
}

bool snoop_record_used(struct snoop *w, const struct ring_chain *c, uint16_t id, uint32_t len,
		       unsigned flags)
{
	struct build_buffers from = buffers(w, c);
	struct build b;
	struct vqt_used *u = begin(w, &b, VQT_USED, sizeof(*u));
	bool still;

	if (!u)
		return snoop_still_used(w, c);
	from.writable = true;
	from.total = len;
	ring_snapshot(&w->ring, &u->ring);
	u->id = id;
	u->pos = w->ring.used;
	u->len = len;
	still = c->ndesc && !snoop_seen_again(w, c);
	if (still) {
		if (read_status(w, c, &u->status))
			u->flags |= VQT_USED_STATUS;
		u->nseg = (uint16_t)build_segs(&b, &from);
		still = snoop_still_used(w, c);
	}
	if (!still) {
		b.len = sizeof(*u);
		u->nseg = u->flags = u->status = 0;
	}
	u->flags |= (uint8_t)flags;
	end(w, &b);
	return still;
}

void snoop_record_detached(struct snoop *w, uint16_t id)
{
	struct build b;
	struct vqt_used *u = begin(w, &b, VQT_USED, sizeof(*u));

	if (!u)
		return;
	u->id = id;
	u->flags = VQT_USED_DETACHED;
	end(w, &b);
}

/* --- notifications and state --------------------------------------------------------- */

void snoop_record_kick(struct snoop *w, unsigned via, uint32_t value, unsigned width)
{
	const struct ring_reader *r = &w->ring;
	struct build b;
	struct vqt_kick *k = begin(w, &b, VQT_KICK, sizeof(*k));
	uint16_t heads[VQT_KICK_HEADS], n = 0;

	if (!k)
		return;
	k->value = value;
	k->via = (uint8_t)via;
	k->width = (uint8_t)width;
	if (w->on) {
		ring_snapshot(r, &k->ring);
		n = r->packed ? 0 : (uint16_t)(r->avail_seen - r->avail);
	}
	for (unsigned i = 0; i < n && i < VQT_KICK_HEADS; i++)
		if (ring_peek16(r, RING_DRIVER, virtq_avail_at((r->avail + i) % r->size),
				&heads[k->nheads]) == 0)
			k->nheads++;
	build_bytes(&b, heads, 2u * k->nheads);
	end(w, &b);
}

/* The device notifies the driver. */
void snoop_record_call(struct snoop *w)
{
	struct build b;
	struct vqt_irq *i = begin(w, &b, VQT_IRQ, sizeof(*i));

	if (!i)
		return;
	i->kind = VQT_IRQ_SIGNAL;
	i->vector = VQT_NO_VECTOR;
	end(w, &b);
}

void snoop_record_sample(struct snoop *w)
{
	struct build b;
	struct vqt_ringstate *s = begin(w, &b, VQT_RING, sizeof(*s));

	if (!s)
		return;
	ring_snapshot(&w->ring, &s->ring);
	s->why = VQT_RING_PERIODIC;
	s->pending = VQT_PENDING_UNKNOWN; /* whether the device has read its eventfd is not seen */
	end(w, &b);
}

void snoop_describe(struct snoop *w)
{
	const struct ring_reader *r = &w->ring;
	struct build b;
	struct vqt_queue_state *s = begin(w, &b, VQT_QUEUE_STATE, sizeof(*s));

	if (!s)
		return;
	s->known = VQT_KNOWN_SIZE | VQT_KNOWN_ADDR | VQT_KNOWN_ENABLED | VQT_KNOWN_INDEX;
	s->size = r->size;
	s->vector = VQT_NO_VECTOR;
	s->desc = r->area[RING_DESC];
	s->driver = r->area[RING_DRIVER];
	s->device = r->area[RING_DEVICE];
	s->last_avail = r->avail;
	s->used = r->used;
	s->enabled = 1;
	end(w, &b);
}

void snoop_record_loss(struct snoop *w, uint64_t lost, bool more)
{
	struct build b;
	struct vqt_loss *l = begin(w, &b, VQT_LOSS, sizeof(*l));

	if (!l)
		return;
	l->lost = lost;
	l->why = VQT_LOSS_MEMORY;
	l->flags = more ? VQT_LOSS_MORE : 0;
	end(w, &b);
}

void snoop_record_note(struct snoop *w, const char *text)
{
	struct build b;
	struct vqt_note *n = begin(w, &b, VQT_NOTE, sizeof(*n));

	if (!n)
		return;
	n->h.queue = VQT_NO_QUEUE;
	n->level = VQT_NOTE_WARNING;
	n->len = (uint16_t)strlen(text);
	build_bytes(&b, text, n->len);
	end(w, &b);
}
