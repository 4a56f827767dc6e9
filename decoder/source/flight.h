/* SPDX-License-Identifier: MIT */
/*
 * The chains that a device has popped and not used, found in a ring that was not watched
 * before.  The positions say how many there are; which ones they are has to be concluded
 * from the latest entries of the available and the used ring.
 *
 * A ring keeps as many entries as it has room for, and an id returns again and again.  So
 * the entries of one id can mean that its last chain is in flight, or that it was used and
 * an older one is in flight.  Only what holds for every history that can have left these
 * entries is called sure.
 */
#ifndef VQT_DECODER_SOURCE_FLIGHT_H
#define VQT_DECODER_SOURCE_FLIGHT_H

#include "decoder/source/ring.h"

struct ring_flight_chain {
	uint16_t head; /* split: index of the head; packed: buffer id */
	uint16_t pos; /* where it was made available, as in struct vqt_avail */
	/*
	 * The ring proves that this chain is in flight.  Otherwise it is if no chain has been
	 * in flight for longer than the ring shows, which is likely and no more.
	 */
	bool sure;
};

struct ring_flight {
	uint32_t number; /* chains in flight; or, if not exact, at least so many */
	bool exact;
	uint32_t n; /* of them, those that are known: at most number if exact */
	struct ring_flight_chain *chain; /* by position, oldest first; malloced */
};

/*
 * Find the chains in flight of a ring whose size, areas and kind are set, and whose
 * positions avail (the next entry to pop) and used (the next to use) are the device's.  The
 * caller makes sure that the positions were the same before and after.  0; -EBADMSG: the
 * positions contradict each other, or the ring; -EFAULT: the ring cannot be read; -ENOMEM.
 * It reads each area once, and no chains: ring_flight_read().
 */
int ring_flight_find(struct ring_flight *f, const struct ring_reader *r);
void ring_flight_fini(struct ring_flight *f);
/*
 * The descriptors of such a chain: a driver must not change them while it is in flight
 * (2.7.13, 2.8.21).  0 or negative, as ring_chain().
 */
int ring_flight_read(const struct ring_reader *r, const struct ring_flight_chain *f,
		     struct ring_chain *c);

#endif
