/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue of somebody else's device, watched from beside it: what the driver
 * makes available and what the device uses, read from the memory that both share,
 * as events.  Nothing is written there.  No thread, clock or descriptor in here:
 * whoever stands between kick and call says when to look (emu/proxy/ring.c).
 *
 * What such a watcher can know:
 * - the order: a chain is told before its use, and the use of an id before the next
 *   chain with that id, however late the look;
 * - descriptors and bytes of a chain, when it had not been used by the end of the
 *   look: then they are what the device sees.  Otherwise the driver may have put
 *   others there: the chain is told without (CUT, LATE), and counted;
 * - status and bytes of a used chain, while its descriptors and header are what
 *   they were and its id was not made available again: else they are left out;
 * - not when the device took a chain: it is told at the kick, or when it is found
 *   without one (LATE).
 * Where more was used than the ring still shows, that is a loss (VQT_LOSS).
 */
#ifndef VQT_EMU_PROXY_SNOOP_H
#define VQT_EMU_PROXY_SNOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "emu/virtio/mem.h"
#include "emu/virtio/ring.h"
#include "emu/virtio/tap.h"

struct snoop_stats {
	uint64_t kicks, calls, chains, used;
	uint64_t late; /* chains found without a kick, or with one that came later */
	uint64_t unread; /* of them, used before they could be read */
	uint64_t unsure; /* used chains whose status and bytes were gone */
	uint64_t lost; /* chains of which nothing is known */
};

struct snoop {
	struct emu_ring ring; /* watched */
	struct emu_mem *mem; /* borrowed */
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t queue;
	bool on; /* started, and can be followed */
	bool told; /* used entries, since the device notified last */
	bool earlier; /* chains from before the start, or a loss, may be in flight */
	uint64_t features;
	uint32_t ids; /* a split ring has as many as entries, a packed one 65536 */
	struct emu_chain **by_id; /* in flight; ids of them */
	uint16_t *
		order; /* IN_ORDER: ids in flight, oldest first, from order_at on, round; ids of them */
	unsigned order_at, order_n;
	struct emu_chain *free;
	struct emu_chain none; /* a used chain that nobody knows */
	struct snoop_stats stats;
};

/* -ENOMEM.  snoop_fini is fine on zeroes. */
int snoop_init(struct snoop *w, struct emu_mem *mem, struct emu_tap *tap, uint16_t queue);
void snoop_fini(struct snoop *w);
/*
 * w->ring's size, desc, driver and device are set (guest-physical): follow it from this
 * vring base on.  Negative when the ring cannot be followed: w->ring.why.
 */
int snoop_start(struct snoop *w, uint64_t features, uint32_t base);
/*
 * Another device served the ring before, and this one knows from elsewhere what it left
 * in flight: what is in the available ring already may be of either kind.
 */
void snoop_skip(struct snoop *w);
/* The device has stopped: what it did not use is given up. */
void snoop_stop(struct snoop *w);
/* Are there new entries in the available ring? */
bool snoop_pending(struct snoop *w);
/* If so: are they such as the device asked to be kicked for? */
bool snoop_kick_due(struct snoop *w);
/* A kick: before the device gets it. */
unsigned snoop_kick(struct snoop *w);
/* The device notifies: before the driver hears of it. */
unsigned snoop_call(struct snoop *w);
/* It did so long ago, and nobody looked: of what is known to be used, not of what is found now. */
unsigned snoop_call_late(struct snoop *w);
/* Any other time; with everything new in the available ring, or only what was used. */
unsigned snoop_look(struct snoop *w, bool all);
/* How the ring stands, as an event. */
void snoop_sample(struct snoop *w);

#endif
