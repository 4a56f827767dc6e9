/* SPDX-License-Identifier: MIT */
/*
 * Make a trace small without making it another conversation.
 *
 * What repeats is the traffic of a queue.  It falls into spells: from a kick
 * that finds the queue idle to the next one.  A spell is whole in itself: every
 * chain taken in it is used in it.  Spells whose requests were all seen before
 * (by type, length, segments, outcome, depth) are left out, where the ring then
 * stands, relative to its indices, as it stood before: suppression, flags and
 * interrupt line.  The indices, slots and wrap counters after it are moved by
 * what is missing, so that what remains is a conversation that could have been.
 *
 * Set-up, resets, errors and the spells beside them always stay.
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

/* keep: spells of each class of requests that stay, in each life of a device, at least 1. */
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

/* The caller has left out an event that stayed, too. */
void shrink_left_out(struct shrink *s, const struct event *e);

struct shrink_stats {
	uint64_t events, events_kept;
	uint64_t requests, requests_kept;
};
void shrink_stats(const struct shrink *s, struct shrink_stats *out);

#endif
