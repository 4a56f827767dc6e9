/* SPDX-License-Identifier: MIT */
/*
 * Events of two traces paired, for what they say of the clocks: a chain is added before it is
 * popped, and pushed before it is taken; a register is written while its function runs; a question
 * is read after it was sent, and before its answer comes.  Each pair is a bound for align/align.h.
 *
 * The records of each trace come in its order, those of both roughly as they happened: what has
 * no counterpart waits, and the oldest is given up when too many do.
 */
#ifndef VQT_DECODER_PAIR_PAIR_H
#define VQT_DECODER_PAIR_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/align/align.h"
#include "decoder/pair/search.h"

struct pair_counts {
	uint64_t chains[MERGE_SIDES]; /* that could be recognised */
	uint64_t paired; /* of them on both sides */
	uint64_t exchanges; /* questions that both sides recorded */
	uint64_t ptp, ptp_wrong; /* of them with a PTP clock; with one that contradicts the rest */
};

struct pair;

/*
 * The bounds go to `to`, which outlives it.  content: both sides have recorded what chains begin
 * with (search_has_content()).  NULL: no memory.
 */
struct pair *pair_new(struct align *to, bool content);
void pair_free(struct pair *p);
/*
 * A record of a device that both sides have; device: the number that the host's trace has for
 * it.  Of a guest's other devices, with VQT_NO_DEVICE, the times count.  0 or -ENOMEM.
 */
int pair_host(struct pair *p, const struct record *rec, uint16_t device);
int pair_guest(struct pair *p, const struct record *rec, uint16_t device);
/* A VQT_EXCHANGE, of any host's source, or of the guest's.  0 or -ENOMEM. */
int pair_exchange(struct pair *p, enum merge_side side, const struct record *rec);
/* Up to when, at the host's time, bounds of both kinds have come; 0: none have. */
uint64_t pair_told(const struct pair *p);
/* Give what is held back to align: nothing comes any more, or it cannot be waited for. */
void pair_release(struct pair *p);
void pair_counts(const struct pair *p, struct pair_counts *out);

#endif
