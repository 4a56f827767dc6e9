/* SPDX-License-Identifier: MIT */
/* The events that the snooper reports, as records. */
#ifndef VQT_DECODER_SOURCE_SNOOP_RECORD_H
#define VQT_DECODER_SOURCE_SNOOP_RECORD_H

#include "decoder/source/snoop.h"

/* A chain that was made available; before: the ring before it.  False: see below. */
bool snoop_record_chain(struct snoop *w, const struct vqt_ring *before, const struct ring_chain *c);
/* The used entry at w->ring.used.  False: see below.  flags: VQT_USED_* to be added. */
bool snoop_record_used(struct snoop *w, const struct ring_chain *c, uint16_t id, uint32_t len,
		       unsigned flags);
/*
 * The chains in flight at the positions of w->ring, as found there, each as one that was in
 * flight before the trace.  0 or -ENOMEM.
 */
struct ring_flight;
int snoop_record_flight(struct snoop *w, const struct ring_flight *f);
void snoop_record_detached(struct snoop *w, uint16_t id);
void snoop_record_kick(struct snoop *w, unsigned via, uint32_t value, unsigned width);
void snoop_record_call(struct snoop *w);
void snoop_record_sample(struct snoop *w);
void snoop_record_loss(struct snoop *w, uint64_t lost, bool more); /* VQT_LOSS_MORE */
void snoop_record_note(struct snoop *w, const char *text);

/*
 * Asked after the memory of a chain was read: was it the chain's until now?  If not, the
 * record has no bytes, and that of an available chain no descriptors.  In snoop.c.
 */
bool snoop_still_available(struct snoop *w, const struct ring_chain *c);
bool snoop_still_used(struct snoop *w, const struct ring_chain *c);
/* By what is known already: was it made available again?  Then its memory need not be read. */
bool snoop_seen_again(const struct snoop *w, const struct ring_chain *c);

#endif
