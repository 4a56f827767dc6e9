/* SPDX-License-Identifier: MIT */
/*
 * Make a trace small and keep it a valid conversation.
 *
 * The traffic of a queue repeats.  It consists of busy periods, each from a kick
 * that finds the queue idle to the next such kick; every chain popped in a busy
 * period is used in it.  A busy period is left out when requests like all of its
 * own (by type, length, segments, result, depth) were seen before, and when the
 * ring is afterwards in the state it was in before, relative to its indices:
 * suppression, flags, interrupt line.  Later indices, slots and wrap counters are
 * moved back by the number of entries left out.
 *
 * Set-up, resets, errors and the busy periods beside them always stay.
 *
 * Two passes over the same trace: shrink_plan() for every event, then
 * shrink_plan_end(), then shrink_apply() for every event of a fresh model.
 */
#ifndef VQT_DECODER_EDIT_SHRINK_H
#define VQT_DECODER_EDIT_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"

struct shrink;

/* keep: how many busy periods stay of each class of requests, between two resets; at least 1. */
struct shrink *shrink_new(unsigned keep); /* NULL: no memory */
void shrink_free(struct shrink *s);

/* 0 or -ENOMEM. */
int shrink_plan(struct shrink *s, const struct event *e);
int shrink_plan_end(struct shrink *s);

/*
 * Whether the event stays.  If so, its record is copied to buf (at least
 * e->rec->len bytes), with indices and sequence number moved; *len is its
 * length.
 */
bool shrink_apply(struct shrink *s, const struct event *e, uint8_t *buf, size_t *len);

/* Call this for an event that shrink_apply() kept and the caller left out. */
void shrink_left_out(struct shrink *s, const struct event *e);

struct shrink_stats {
	uint64_t events, events_kept;
	uint64_t requests, requests_kept;
};
void shrink_stats(const struct shrink *s, struct shrink_stats *out);

#endif
