/* SPDX-License-Identifier: MIT */
/* The words of a ring that tell whether something has happened there. */
#ifndef VQT_BPF_MEMORY_WORDS_H
#define VQT_BPF_MEMORY_WORDS_H

#include <stdbool.h>
#include <sys/uio.h>

#include "decoder/source/ring.h"

/*
 * A word is read with the 8 bytes that it is in: the kernel copies fewer than 8 byte by byte on some
 * processors, and half an old index with half a new one is none of both.
 */
#define WORDS_BYTES 8

static inline uint64_t words_base(uint64_t addr)
{
	return addr & 1 ? addr : addr & ~(uint64_t)(WORDS_BYTES - 1);
}

/* As they are read: split: around the indices; packed: around the flags at both positions. */
struct words_ring {
	uint8_t driver[WORDS_BYTES], device[WORDS_BYTES];
};

#define WORDS_RANGES 2

/* Where they are in the process; host: where its areas are. */
void words_ranges(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  struct iovec range[WORDS_RANGES]);
/* Of them, the addresses of the two words of 16 bits that move. */
void words_moving(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  uint64_t at[WORDS_RANGES]);
/* Has driver or device gone on from the reader's positions?  host: as the words were read. */
bool words_moved(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		 const struct words_ring *w);
/* Has only the device gone on?  Of a packed ring this is not told. */
bool words_only_used(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		     const struct words_ring *w);
/* The reader knows by them how far the driver is. */
void words_take(struct ring_reader *r, const uint64_t host[RING_AREAS], const struct words_ring *w);

#endif
