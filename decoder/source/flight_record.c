/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "decoder/source/flight.h"
#include "decoder/source/snoop_record.h"

int snoop_record_flight(struct snoop *w, const struct ring_flight *f)
{
	const struct vqt_ring unknown = { 0 };
	struct ring_chain c = { 0 };
	int ret = 0;

	for (uint32_t i = 0; i < f->n && ret != -ENOMEM; i++) {
		ring_chain_clear(&c);
		ret = ring_flight_read(&w->ring, &f->chain[i], &c);
		c.flags |= VQT_CHAIN_BEFORE;
		c.flags |= f->chain[i].sure ? 0 : VQT_CHAIN_LIKELY;
		if (ret != -ENOMEM)
			snoop_record_chain(w, &unknown, &c);
	}
	ring_chain_fini(&c);
	return ret == -ENOMEM ? ret : 0;
}
