/* SPDX-License-Identifier: MIT */
/* For the tap: when a chain is completed, is it in guest memory what it was when it was popped? */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/impl.h"

/* The beginning of the readable part, where reading it needs no DMA message. */
static const void *header_of(struct emu_mem *m, const struct emu_chain *c, uint8_t *len)
{
	for (uint32_t i = 0; i < c->chain.ndesc; i++) {
		const struct vqt_desc *d = &c->chain.desc[i];
		if (d->flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT) || !d->len)
			continue;
		*len = d->len < VQT_HEADER_BYTES ? d->len : VQT_HEADER_BYTES;
		return emu_mem_ptr(m, d->addr, *len, EMU_MEM_READ);
	}
	return NULL;
}

void emu_chain_keep(struct emu_mem *m, struct emu_chain *c)
{
	const void *p = header_of(m, c, &c->chain.first_len);
	if (p)
		memcpy(c->chain.first, p, c->chain.first_len);
	else
		c->chain.first_len = 0;
}

/* The device may have overwritten slots of a packed ring with used descriptors. */
void emu_chain_report(struct emu_queue *q, const struct emu_chain *c)
{
	struct emu_ring *r = &q->ring;
	bool packed = r->in.packed;
	emu_ring_map(r);
	uint8_t len = 0;
	const void *p = header_of(q->v->mem, c, &len);
	if (p && len == c->chain.first_len && memcmp(p, c->chain.first, len))
		emu_tap_lifecycle(q->v->tap, VQT_LIFECYCLE_CHAIN_CHANGED, q->index, c->chain.head,
				  0, 1, NULL);
	if (!r->in.at[RING_DESC] || (packed && q->completed != c->completed))
		return;
	for (uint32_t i = 0, at = packed ? virtq_slot(c->chain.pos) : c->chain.head;
	     i < c->chain.ndirect && i < c->chain.ndesc; i++) {
		struct vqt_desc d;
		memcpy(&d, r->in.at[RING_DESC] + virtq_desc_at(at % r->in.size), sizeof(d));
		if (packed) { /* 2.8.13: the id comes before the flags */
			uint16_t id = d.flags;
			d.flags = d.next;
			d.next = id;
		}
		if (memcmp(&d, &c->chain.desc[i], sizeof(d)))
			emu_tap_lifecycle(q->v->tap, VQT_LIFECYCLE_CHAIN_CHANGED, q->index,
					  c->chain.head, i, 0, NULL);
		at = packed ? at + 1 : c->chain.desc[i].next;
	}
}
