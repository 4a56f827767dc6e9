/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/pair/chain.h"
#include "decoder/util/hash.h"

#define CONTENT 16 /* bytes: the header of a request; fewer are not compared */

/* Bytes of the first buffer that the driver wrote. */
static uint64_t content_of(const struct record *rec, uint32_t desc)
{
	struct record_seg seg;
	uint64_t w[CONTENT / 8], h = 1;
	uint32_t pos = 0;

	while (record_seg_next(rec, &pos, &seg)) {
		if (seg.desc != desc || seg.offset || seg.len < CONTENT)
			continue;
		memcpy(w, seg.bytes, sizeof(w));
		for (unsigned i = 0; i < CONTENT / 8; i++)
			h = hash_mix(h, w[i]);
		return h ? h : 1;
	}
	return 0;
}

bool chain_id_of(const struct record *rec, struct chain_id *id)
{
	const struct vqt_avail *a = &rec->avail;
	uint64_t h = hash_mix(hash_mix(hash_mix(0, rec->h.queue), a->pos), a->head);
	uint32_t first = UINT32_MAX;

	if (rec->h.type != VQT_AVAIL || a->first || !a->ndesc || a->flags & ~VQT_CHAIN_LATE)
		return false;
	for (uint32_t i = 0; i < a->ndesc; i++) {
		struct vqt_desc d = record_desc(rec, i);

		if (d.flags & VRING_DESC_F_INDIRECT)
			continue; /* names a table: not every driver's trace has it */
		h = hash_mix(h, d.addr);
		h = hash_mix(h, (uint64_t)d.len << 1 | !!(d.flags & VRING_DESC_F_WRITE));
		if (first == UINT32_MAX && !(d.flags & VRING_DESC_F_WRITE))
			first = i;
	}
	id->shape = h;
	id->content = content_of(rec, first);
	return true;
}
