/* SPDX-License-Identifier: MIT */
/* The words of a ring that tell whether something has happened there. */
#ifndef VQT_BPF_MEMORY_WORDS_H
#define VQT_BPF_MEMORY_WORDS_H

#include <stdbool.h>
#include <sys/uio.h>

#include "decoder/source/ring.h"

/* As they are read: split: flags and index; packed: flags at both positions. */
struct words_ring {
	uint8_t driver[4], device[4];
};

#define WORDS_RANGES 2

/* Where they are in the process; host: where its areas are. */
void words_ranges(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  struct iovec range[WORDS_RANGES]);
/* Of them, the addresses of the two words of 16 bits that move. */
void words_moving(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  uint64_t at[WORDS_RANGES]);
/* Has driver or device gone on from the reader's positions? */
bool words_moved(const struct ring_reader *r, const struct words_ring *w);
/* The reader knows by them how far the driver is. */
void words_take(struct ring_reader *r, const struct words_ring *w);

#endif
