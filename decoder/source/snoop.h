/* SPDX-License-Identifier: MIT */
/*
 * The snooper: reads a virtqueue of another process's device from the memory that driver
 * and device share, and makes events of what the driver makes available and what the
 * device uses.  It never writes there, and has no thread, clock or descriptor: its caller,
 * which sees kicks and calls pass, says when to read.
 *
 * What the snooper can observe:
 * - The order.  A chain is reported before its use, and the use of an id before the next
 *   chain with that id, however late the ring is read.
 * - Descriptors and bytes of a chain, if it had not been used by the time they were read:
 *   then the device sees the same.  Otherwise the driver may have replaced them; the chain
 *   is reported without them (CUT, LATE), and counted.
 * - Status and bytes of a used chain, as long as its descriptors and header are unchanged
 *   and its id was not made available again; otherwise they are left out.
 * - Not when the device pops a chain.  It is reported at the kick, or, if there is no
 *   kick, when it is found (LATE).
 * If more was used than the ring still shows, that is a loss (VQT_LOSS).  How many chains were
 * lost is unknown where the ring does not tell, as in packed rings.
 */
#ifndef VQT_DECODER_SOURCE_SNOOP_H
#define VQT_DECODER_SOURCE_SNOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/source/ring.h"

/* Where events go, and what they say of the device. */
struct snoop_sink {
	/*
	 * Called for each record, in order.  Its time, sequence number and source are the
	 * callee's to fill in; the bytes are valid during the call.  NULL: only statistics
	 * are wanted.
	 */
	void (*record)(void *opaque, void *record, size_t len);
	/*
	 * How many entries the device can have used at most since the queue was read last.  Below
	 * 65536 the index of a split ring says how many were lost.  NULL: unknown.
	 */
	uint64_t (*at_most)(void *opaque, uint16_t queue);
	void *opaque;
	uint8_t *space; /* VQT_RECORD_MAX bytes, aligned to 8, in which records are built */
	uint16_t device; /* trace-wide id */
	uint32_t snaplen; /* leading bytes of each buffer */
};

struct snoop_stats {
	uint64_t kicks, calls, chains, used;
	uint64_t late; /* chains found without a kick, or with one that came later */
	uint64_t unread; /* of them, used before they could be read */
	uint64_t unsure; /* used chains whose status and bytes were gone */
	uint64_t lost; /* chains of which nothing is known, at least */
	uint64_t lost_more; /* times that more were lost, and nobody knows how many */
};

static inline void snoop_stats_add(struct snoop_stats *to, const struct snoop_stats *s)
{
	to->kicks += s->kicks;
	to->calls += s->calls;
	to->chains += s->chains;
	to->used += s->used;
	to->late += s->late;
	to->unread += s->unread;
	to->unsure += s->unsure;
	to->lost += s->lost;
	to->lost_more += s->lost_more;
}

struct snoop {
	struct ring_reader ring;
	const struct snoop_sink *sink; /* borrowed */
	uint16_t queue;
	bool on; /* started, and can be followed */
	bool used_seen; /* were used entries reported since the device last notified? */
	bool earlier; /* chains from before the start, or a loss, may be in flight */
	uint32_t in_flight; /* chains */
	uint32_t ids; /* a split ring has as many as entries, a packed one 65536 */
	struct ring_chain **by_id; /* in flight; ids of them */
	uint16_t *order; /* IN_ORDER: ids in flight, oldest first, from order_at on, round */
	unsigned order_at, order_n;
	struct ring_chain *free;
	struct ring_chain none; /* a used chain that nobody knows */
	struct snoop_stats stats;
	const char *why; /* the ring cannot be followed: one static sentence, or NULL */
};

void snoop_init(struct snoop *w, const struct ring_memory *mem, const struct snoop_sink *sink,
		uint16_t queue);
void snoop_fini(struct snoop *w); /* fine on zeroes */
/*
 * w->ring's size and areas are set: follow it from this vring base on.  Negative errno
 * when the ring cannot be followed: w->why.
 */
int snoop_start(struct snoop *w, uint64_t features, uint32_t base);
/* May chains be in flight?  Where both positions of a split ring are the same, none are. */
static inline bool snoop_busy(const struct snoop *w)
{
	return w->in_flight || (w->earlier && (w->ring.packed || w->ring.avail != w->ring.used));
}
/* Write where the ring lies and how far it is as an event (VQT_QUEUE_STATE). */
void snoop_describe(struct snoop *w);
/*
 * Another device served the ring before, and this one knows which chains it left in
 * flight: entries that are in the available ring now may be those, or new ones.
 */
void snoop_skip(struct snoop *w);
/* The device has stopped: chains that it did not use are reported as detached. */
void snoop_stop(struct snoop *w);
/* Has driver or device gone on since the ring was read last?  Costs two words of the ring. */
bool snoop_moved(struct snoop *w);
/* Are there new entries in the available ring? */
bool snoop_pending(struct snoop *w);
/* If so: did the device ask to be kicked for them? */
bool snoop_kick_due(struct snoop *w);
/* A kick: before the device gets it.  via, value and width as in struct vqt_kick. */
unsigned snoop_kick(struct snoop *w, unsigned via, uint32_t value, unsigned width);
/* The device notifies: before the driver hears of it. */
unsigned snoop_call(struct snoop *w);
/*
 * The device notified some time ago, for the entries that were known to be used then, not
 * for those found now.
 */
unsigned snoop_call_late(struct snoop *w);
/* Read the used ring, and (all) the available ring too, at any other time. */
unsigned snoop_look(struct snoop *w, bool all);
/* Write the state of the ring as an event (VQT_RING). */
void snoop_sample(struct snoop *w);

#endif
