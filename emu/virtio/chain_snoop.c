/* SPDX-License-Identifier: MIT */
/* For the tap: when a chain is completed, is it in guest memory what it was when it was popped? */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/impl.h"

/* The beginning of the readable part, where reading it needs no DMA message. */
static const void *header_of(struct emu_mem *m, const struct emu_chain *c, uint8_t *len)
{
	for (uint32_t i = 0; i < c->ndesc; i++) {
		const struct vqt_desc *d = &c->desc[i];
		if (d->flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT) || !d->len)
			continue;
		*len = d->len < VQT_HEADER_BYTES ? d->len : VQT_HEADER_BYTES;
		return emu_mem_ptr(m, d->addr, *len, EMU_MEM_READ);
	}
	return NULL;
}

void emu_chain_keep(struct emu_mem *m, struct emu_chain *c)
{
	const void *p = header_of(m, c, &c->first_len);
	if (p)
		memcpy(c->first, p, c->first_len);
	else
		c->first_len = 0;
}

/* The device may have overwritten slots of a packed ring with used descriptors. */
void emu_chain_report(struct emu_queue *q, const struct emu_chain *c)
{
	struct emu_ring *r = &q->ring;
	bool packed = r->ops == &emu_ring_packed;
	uint8_t len = 0;
	const void *p = header_of(q->v->mem, c, &len);
	if (p && len == c->first_len && memcmp(p, c->first, len))
		emu_tap_lifecycle(q->v->tap, VQT_LIFECYCLE_CHAIN_CHANGED, q->index, c->head, 0, 1,
				  NULL);
	if (!r->p_desc || (packed && q->completed != c->completed))
		return;
	for (uint32_t i = 0, at = packed ? virtq_slot(c->pos) : c->head;
	     i < c->ndirect && i < c->ndesc; i++) {
		struct vqt_desc d;
		memcpy(&d, r->p_desc + virtq_desc_at(at % r->size), sizeof(d));
		if (packed) { /* 2.8.13: the id comes before the flags */
			uint16_t id = d.flags;
			d.flags = d.next;
			d.next = id;
		}
		if (memcmp(&d, &c->desc[i], sizeof(d)))
			emu_tap_lifecycle(q->v->tap, VQT_LIFECYCLE_CHAIN_CHANGED, q->index, c->head,
					  i, 0, NULL);
		at = packed ? at + 1 : c->desc[i].next;
	}
}
