/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/edit/move.h"
#include "decoder/util/virtqueue.h"

static uint16_t move(uint16_t pos, uint32_t by, bool packed, unsigned size)
{
	if (!packed)
		return (uint16_t)(pos - by);
	if (!size)
		return pos;
	return virtq_numbered(virtq_number(pos, size) + 2 * size - by % (2 * size), size);
}

static void move_ring(struct vqt_ring *r, const struct move *by, const struct event *e)
{
	bool packed = r->known & VQT_RING_PACKED;
	unsigned size = e->queue->size;
	/* A position that is not known stays as it is. */
	bool events = packed || model_accepted(e->dev, VIRTIO_RING_F_EVENT_IDX);

	if (r->known & VQT_RING_AVAIL_IDX)
		r->avail_idx = move(r->avail_idx, by->avail, packed, size);
	if (r->known & VQT_RING_LAST_AVAIL)
		r->last_avail = move(r->last_avail, by->avail, packed, size);
	if (r->known & (VQT_RING_USED_IDX | VQT_RING_USED_POS))
		r->used_idx = move(r->used_idx, by->used, packed, size);
	if (r->known & VQT_RING_USED_EVENT && events &&
	    (!packed || (r->avail_flags & VIRTQ_EVENT_FLAGS_MASK) == VRING_PACKED_EVENT_FLAG_DESC))
		r->used_event = move(r->used_event, by->used, packed, size);
	if (r->known & VQT_RING_AVAIL_EVENT && events &&
	    (!packed || (r->used_flags & VIRTQ_EVENT_FLAGS_MASK) == VRING_PACKED_EVENT_FLAG_DESC))
		r->avail_event = move(r->avail_event, by->avail, packed, size);
}

/* The driver sends its next position with the kick, 4.1.5.2. */
static void move_kick(struct vqt_kick *k, const struct move *by, const struct event *e)
{
	bool packed = e->queue->packed;

	move_ring(&k->ring, by, e);
	if (k->width != 4 || !model_accepted(e->dev, 38 /* VIRTIO_F_NOTIFICATION_DATA */))
		return;
	k->value = (k->value & 0xffff) |
		   (uint32_t)move((uint16_t)(k->value >> 16), by->avail, packed, e->queue->size)
			   << 16;
}

/* Packed: descriptors in the ring carry the wrap counter of their slot, 2.8.1. */
static void move_descs(struct vqt_avail *a, const struct move *by, const struct event *e)
{
	struct vqt_desc *d = (struct vqt_desc *)(a + 1);
	unsigned size = e->queue->size;

	if (!(a->ring.known & VQT_RING_PACKED) || !size)
		return;
	for (unsigned i = 0; i < a->ndesc && a->first + i < a->ndirect; i++) {
		uint16_t was = virtq_numbered(virtq_number(a->pos, size) + a->first + i, size);
		struct vqt_desc desc;

		memcpy(&desc, &d[i], sizeof(desc));
		if (virtq_wrap(was) != virtq_wrap(move(was, by->avail, true, size)))
			desc.flags ^= VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
		memcpy(&d[i], &desc, sizeof(desc));
	}
}

void move_record(uint8_t *buf, const struct move *by, const struct event *e)
{
	struct vqt_avail *a = (void *)buf;
	struct vqt_used *u = (void *)buf;
	bool packed = e->queue->packed;

	switch (e->rec->h.type) {
	case VQT_KICK: move_kick((void *)buf, by, e); break;
	case VQT_RING: move_ring(&((struct vqt_ringstate *)(void *)buf)->ring, by, e); break;
	case VQT_AVAIL:
		move_descs(a, by, e);
		move_ring(&a->ring, by, e);
		a->pos = move(a->pos, by->avail, packed, e->queue->size);
		break;
	case VQT_USED:
		move_ring(&u->ring, by, e);
		u->pos = move(u->pos, by->used, packed, e->queue->size);
		break;
	}
}
