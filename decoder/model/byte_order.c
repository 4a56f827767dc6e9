/* SPDX-License-Identifier: MIT */
/*
 * Rings that are not little-endian.  Without VERSION_1 rings and requests are in the guest's
 * byte order (2.7.3, 5.2.6.3).  No record says which that is: of virtio-ccw it is the other
 * one, elsewhere the first kick may show it.  What was read of such rings means nothing.
 */
#include <linux/virtio_config.h>
#include <string.h>

#include "decoder/model/impl.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

void model_transport_by_name(struct model_device *d)
{
	if (ends_with(d->type_name, "-ccw"))
		d->transport = VQT_TRANSPORT_CCW;
}

/*
 * 1 in the other byte order is 256: so many entries at the very first kick, all of which name
 * the same descriptor, are one entry.
 */
static bool looks_swapped(const struct event *e)
{
	const struct vqt_kick *k = &e->rec->kick;
	const uint16_t need = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL;

	if (e->rec->h.type != VQT_KICK || !e->queue || k->ring.known & VQT_RING_PACKED ||
	    (k->ring.known & need) != need || k->ring.last_avail || e->queue->popped_since_reset ||
	    k->nheads < 2 || !k->ring.avail_idx || k->ring.avail_idx & 0xff)
		return false;
	for (unsigned i = 1; i < k->nheads; i++)
		if (record_head(e->rec, i) != record_head(e->rec, 0))
			return false;
	return true;
}

static bool is_undecodable(const struct event *e)
{
	struct model_device *d = e->dev;

	if (model_accepted(d, VIRTIO_F_VERSION_1))
		return false;
	if (d->transport == VQT_TRANSPORT_CCW)
		return true;
	/* Before negotiation is over nobody knows: only legacy drivers kick then. */
	if (!d->swapped && d->accepted_known && looks_swapped(e))
		d->swapped = true;
	return d->swapped;
}

/* What the record has of guest memory is left out; the header, and what the device said, stay. */
static void leave_out(struct record *r)
{
	r->tail = r->segs = r->raw;
	r->tail_len = r->segs_len = 0;
	switch (r->h.type) {
	case VQT_KICK:
		memset(&r->kick.ring, 0, sizeof(r->kick.ring));
		r->kick.nheads = 0;
		break;
	case VQT_RING: memset(&r->ring.ring, 0, sizeof(r->ring.ring)); break;
	case VQT_AVAIL:
		memset(&r->avail.ring, 0, sizeof(r->avail) - offsetof(struct vqt_avail, ring));
		break;
	case VQT_USED:
		memset(&r->used.ring, 0, sizeof(r->used) - offsetof(struct vqt_used, ring));
		break;
	case VQT_DATA:
		memset(&r->data.head, 0, sizeof(r->data) - offsetof(struct vqt_data, head));
		break;
	}
}

void model_leave_out_undecodable(struct model *m, struct event *e)
{
	switch (e->rec->h.type) {
	case VQT_KICK:
	case VQT_RING:
	case VQT_AVAIL:
	case VQT_USED:
	case VQT_DATA: break;
	default: return;
	}
	if (!e->dev || !is_undecodable(e))
		return;
	m->readable = *e->rec;
	leave_out(&m->readable);
	e->rec = &m->readable;
	e->undecodable = true;
	e->undecodable_first = !e->dev->undecodable;
	e->dev->undecodable = true;
}

/* The device's own steps are true all the same; a chain popped is known from the ring alone. */
int model_count_undecodable(struct event *e)
{
	if (!e->queue)
		return 0;
	if (e->rec->h.type == VQT_KICK) {
		e->queue->kicks++;
		e->queue->kick_ts = e->ts;
		e->dev->kicks++;
	} else if (e->rec->h.type == VQT_USED) {
		e->queue->used++;
		e->queue->used_since_reset++;
	}
	return 0;
}
