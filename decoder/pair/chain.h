/* SPDX-License-Identifier: MIT */
/*
 * What a chain of descriptors is recognised by on both sides: its place in the ring and its
 * buffers are the same in the driver's trace and in the device's.
 */
#ifndef VQT_DECODER_PAIR_CHAIN_H
#define VQT_DECODER_PAIR_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/trace/record.h"

struct chain_id {
	uint64_t shape; /* hash of queue, position, head and buffers */
	uint64_t content; /* hash of the first bytes that the driver wrote; 0: not recorded */
};

/*
 * Of a VQT_AVAIL.  false: what the record has of the chain is not what the other side would
 * have (a part, a copy, an earlier state).
 */
bool chain_id_of(const struct record *rec, struct chain_id *id);
/* May they be of one chain? */
static inline bool chain_id_agree(const struct chain_id *a, const struct chain_id *b)
{
	return a->shape == b->shape && (!a->content || !b->content || a->content == b->content);
}

#endif
