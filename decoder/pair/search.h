/* SPDX-License-Identifier: MIT */
/*
 * What two traces have in common, before anything is known of their clocks: chains, and the
 * addresses that the driver wrote into queue registers.  A sample of both is kept, the same of
 * both by a condition on the hashes, so that memory is bounded whatever their length.
 */
#ifndef VQT_DECODER_PAIR_SEARCH_H
#define VQT_DECODER_PAIR_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/record.h"

enum merge_side {
	MERGE_HOST, /* the device's side */
	MERGE_GUEST, /* the driver's */
	MERGE_SIDES
};

/* An event that both sides recorded, by the numbers of the records. */
struct search_match {
	uint64_t number[MERGE_SIDES];
	uint16_t device[MERGE_SIDES];
	uint8_t source; /* of the host's record */
	bool chain; /* or the address of a queue */
};

struct search;

struct search *search_new(void); /* NULL: no memory */
void search_free(struct search *s);
/* Each record of both traces, in its order, with its number there.  0 or -ENOMEM. */
int search_add(struct search *s, enum merge_side side, const struct record *rec, uint64_t number);
/*
 * Find what matches in what was added so far.  It may be called again when more was.  0 or
 * -ENOMEM.
 */
int search_finish(struct search *s);

/*
 * The matches, in the order of both traces: those that would contradict the others' are left
 * out, and so are those with another process than most of the guest's devices have.
 */
const struct search_match *search_matches(const struct search *s, size_t *n);
/*
 * Chains that may be in the sample of both sides: how many each has, the host of the guest's
 * process, and how many of them match.
 */
struct search_chains {
	size_t side[MERGE_SIDES], match;
};
struct search_chains search_chains(const struct search *s);
/*
 * Whether the traces can be of the same machine at the same time.  Two boots of one system use the
 * same addresses, and may begin with the same requests.
 */
bool search_belongs(const struct search *s);
/* The host's device that is this one of the guest; VQT_NO_DEVICE: none is known. */
uint16_t search_peer(const struct search *s, uint16_t guest_device);

/* Whether both sides have recorded the first bytes of chains. */
bool search_has_content(const struct search *s);
/* A write of the low half of a queue's address: different queues have different ones. */
bool search_is_address(const struct vqt_reg *r);

#endif
