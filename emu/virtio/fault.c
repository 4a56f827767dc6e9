/* SPDX-License-Identifier: MIT */
/* The faults in used entries. */
#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/virtio/device.h"

void emu_fault_used(struct emu_virtio *v, struct emu_queue *q, struct emu_chain *c, uint32_t *len)
{
	struct emu_fault *f = v->fault;
	if (emu_fault_hit(f, EMU_FAULT_USED_ID_UNKNOWN))
		c->head = q->ring.size > 1 ? (c->head + q->ring.size / 2) % q->ring.size : 1;
	if (f->id == EMU_FAULT_USED_ID_DUPLICATE) {
		if (emu_fault_hit(f, EMU_FAULT_USED_ID_DUPLICATE) && f->last_id_valid)
			c->head = f->last_id;
		f->last_id = c->head;
		f->last_id_valid = true;
	}
	if (emu_fault_hit(f, EMU_FAULT_USED_ID_MIDDLE) && c->ndirect > 1)
		c->head = c->desc[0].next;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_ZERO))
		*len = 0;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_NO_STATUS) && *len)
		--*len;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_TOO_LONG))
		*len = c->write_len + 4096;
	if (emu_fault_hit(f, EMU_FAULT_WRITES_READABLE))
		for (uint32_t i = c->ndesc; i-- > 0;) /* the last: data, if there is any */
			if (!(c->desc[i].flags & VRING_DESC_F_WRITE) && c->desc[i].len) {
				emu_mem_write(v->mem, c->desc[i].addr, "\xee", 1);
				break;
			}
}
