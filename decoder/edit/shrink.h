/* SPDX-License-Identifier: MIT */
/*
 * Shortens a trace so that it is still a valid conversation.
 *
 * The traffic of a queue repeats.  It is divided into busy periods: from a kick that finds
 * the queue idle to the next such kick.  Every chain popped in a busy period is also used in
 * it.  A busy period is left out if its requests were all seen before (by type, length,
 * segments, outcome, depth) and the ring has the same state before and after it, relative to
 * its indices: suppression, flags and interrupt line.  The indices, slots and wrap counters
 * after a cut are moved by the number of entries left out, so that the result could have
 * been captured.
 *
 * Set-up, resets, errors and the busy periods next to them always stay.
 *
 * There are two passes over the same trace: shrink_plan() for every event, then
 * shrink_plan_end(), then shrink_apply() for every event of a fresh model.
 */
#ifndef VQT_DECODER_EDIT_SHRINK_H
#define VQT_DECODER_EDIT_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model/model.h"

struct shrink;

/* keep: number of busy periods to keep of each class of requests after each reset; at least 1. */
struct shrink *shrink_new(unsigned keep); /* NULL: no memory */
void shrink_free(struct shrink *s);

/* 0 or -ENOMEM. */
int shrink_plan(struct shrink *s, const struct event *e);
int shrink_plan_end(struct shrink *s);

/*
 * Whether the event stays.  If so, its record is copied to buf (at least e->rec->len bytes),
 * with adjusted indices and sequence number; *len is its length.
 */
bool shrink_apply(struct shrink *s, const struct event *e, uint8_t *buf, size_t *len);

/* Call when the caller leaves out an event for which shrink_apply() returned true. */
void shrink_left_out(struct shrink *s, const struct event *e);

struct shrink_stats {
	uint64_t events, events_kept;
	uint64_t requests, requests_kept;
};
void shrink_stats(const struct shrink *s, struct shrink_stats *out);

#endif
