/* SPDX-License-Identifier: MIT */
/* Snapshots of rings that the kernel's looks have made (switches.h): what who follows rings does with them. */
#ifndef VQT_BPF_MEMORY_SNAPSHOT_H
#define VQT_BPF_MEMORY_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/memory/copies.h"
#include "bpf/memory/words.h"
#include "bpf/prog/switch.h"
#include "decoder/source/ring.h"

/* A ring to be looked at, without its memory: snaplen: bytes of a buffer; host: its areas. */
struct vqs_ring snapshot_ring(const struct ring_reader *r, const uint64_t host[RING_AREAS],
			      uint32_t snaplen);
/* Guest memory from lo to hi is in the process, further by that distance.  Too many are left out. */
void snapshot_ring_area(struct vqs_ring *r, uint64_t lo, uint64_t hi, uint64_t distance);
/* The kernel looks at split rings: a packed one does not say how far it is. */
bool snapshot_can(const struct ring_reader *r, const uint64_t host[RING_AREAS]);
/*
 * Does it tell something new?  Our own looks may have seen more of the ring by now.  Or less: then what
 * is between would have to be read now, when the driver may have written over it.
 */
bool snapshot_goes_on(const struct vqs_snapshot *s, const struct ring_reader *r,
		      const uint64_t host[RING_AREAS]);
struct words_ring snapshot_words(const struct vqs_snapshot *s);

/* Who finds chains while they can still be read?  If nearly always a snapshot, our own looks may be rare. */
struct snapshot_trust {
	unsigned level; /* private */
};

/* By a snapshot, so many: good, or too late.  A look of ours has found one: as bad. */
void snapshot_weigh(struct snapshot_trust *t, uint64_t good, uint64_t bad);
bool snapshot_trusted(const struct snapshot_trust *t);

#endif
