/* SPDX-License-Identifier: MIT */
/*
 * Events that are carried by the packet of a later one (VQT_TAG_CARRIED): of some 40 bytes that a
 * packet and a header have, most are as they were before.  A recorder in a guest, whose bytes are
 * dear, writes packets of many events; what reads traces hands them out one by one, as if each had
 * a packet of its own.
 */
#ifndef VQT_DECODER_TRACE_CARRIED_H
#define VQT_DECODER_TRACE_CARRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/record.h"

/* --- reading --- */

/* The events that a packet carries, and its own. */
struct carried {
	struct record own; /* of the packet */
	bool pending; /* it has not been handed out */
	const uint8_t *at, *end; /* of what is left of VQT_TAG_CARRIED */
	uint32_t left; /* events */
	bool first;
	struct vqt_hdr last; /* the header of the one before */
	_Alignas(8) uint8_t bytes[sizeof(struct vqt_hdr) + VQT_CARRIED_MAX];
};

/*
 * A packet has been read, and parsed.  Its own record comes out of carried_next() after those that it
 * carries; *own points into its bytes, which must remain.
 */
void carried_begin(struct carried *c, const struct record *own);
/*
 * The next record; *out is valid until the next call.  1; 0: none is left; -EBADMSG: what the packet
 * carries is not as it must be (*why, a static sentence), of which the rest is left out.
 */
int carried_next(struct carried *c, struct record *out, const char **why);

/* --- writing --- */

#define CARRIER_EVENTS 64 /* that a packet carries at most */
#define CARRIER_BYTES 4096 /* which they take at most */
#define CARRIER_MORE 32 /* besides, what says how many they are, and padding */

/* Hands on a packet: 0 or a negative errno, which the calls below return. */
typedef int carrier_put(void *ctx, uint64_t ts, const void *record, size_t len);

/* Events that wait for a packet; all zero: none do. */
struct carrier {
	carrier_put *put;
	void *ctx;
	struct vqt_hdr first,
		last; /* of those in `run`: ts of the first, the header of the latest */
	uint32_t n; /* events in `run` */
	size_t run_len;
	size_t held_len; /* the latest event, whole: it carries the others if nothing follows it */
	uint8_t run[CARRIER_BYTES];
	_Alignas(8) uint8_t
		held[sizeof(struct vqt_hdr) + VQT_CARRIED_MAX + CARRIER_BYTES + CARRIER_MORE];
};

/* Write a record, in the order of the calls; small events wait for others, or for a flush. */
int carrier_write(struct carrier *c, const void *record, size_t len);
/* Write what waits. */
int carrier_flush(struct carrier *c);

#endif
