/* SPDX-License-Identifier: MIT */
/* The faults in used entries. */
#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/virtio/device.h"

void emu_fault_used(struct emu_virtio *v, struct emu_queue *q, struct emu_chain *c, uint32_t *len)
{
	struct emu_fault *f = v->fault;
	if (emu_fault_hit(f, EMU_FAULT_USED_ID_UNKNOWN))
		c->chain.head = q->ring.in.size > 1
					? (c->chain.head + q->ring.in.size / 2) % q->ring.in.size
					: 1;
	if (f->id == EMU_FAULT_USED_ID_DUPLICATE) {
		if (emu_fault_hit(f, EMU_FAULT_USED_ID_DUPLICATE) && f->last_id_valid)
			c->chain.head = f->last_id;
		f->last_id = c->chain.head;
		f->last_id_valid = true;
	}
	if (emu_fault_hit(f, EMU_FAULT_USED_ID_MIDDLE) && c->chain.ndirect > 1)
		c->chain.head = c->chain.desc[0].next;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_ZERO))
		*len = 0;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_NO_STATUS) && *len)
		--*len;
	if (emu_fault_hit(f, EMU_FAULT_USED_LEN_TOO_LONG))
		*len = c->chain.write_len + 4096;
	if (emu_fault_hit(f, EMU_FAULT_WRITES_READABLE))
		for (uint32_t i = c->chain.ndesc; i-- > 0;) /* the last: data, if there is any */
			if (!(c->chain.desc[i].flags & VRING_DESC_F_WRITE) &&
			    c->chain.desc[i].len) {
				emu_mem_write(v->mem, c->chain.desc[i].addr, "\xee", 1);
				break;
			}
}
