/* SPDX-License-Identifier: MIT */
#include "decoder/trace/backlog.h"

#include "decoder/util/outlet.h"

bool backlog_drops(struct backlog *b, const struct vqt_hdr *h)
{
	size_t room;

	if (!b->outlet)
		return false;
	room = outlet_room(b->outlet);
	if (b->losing || room < b->reserve) {
		outlet_push(b->outlet);
		room = outlet_room(b->outlet);
		b->losing = room < (b->losing ? b->limit / 2 : b->reserve);
	}
	if (h->type < VQT_REG ? room >= b->reserve / 2 : !b->losing)
		return false;
	b->dropped++;
	b->dropped_of[h->source]++;
	return true;
}

bool backlog_tell(struct backlog *b, uint64_t ts, struct vqt_loss *out)
{
	if (b->told == b->dropped)
		return false;
	for (unsigned i = 0; i < 256; i++) {
		if (!b->dropped_of[i])
			continue;
		*out = (struct vqt_loss){ .lost = b->dropped_of[i], .why = VQT_LOSS_BUFFER };
		out->h = (struct vqt_hdr){
			.ts = ts,
			.type = VQT_LOSS,
			.source = (uint8_t)i,
			.device = VQT_NO_DEVICE,
			.queue = VQT_NO_QUEUE,
		};
		b->told += b->dropped_of[i];
		b->dropped_of[i] = 0;
		return true;
	}
	return false;
}
