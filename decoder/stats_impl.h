/* SPDX-License-Identifier: MIT */
/* The rooms of the statistics among themselves; others include stats.h. */
#ifndef VQT_DECODER_STATS_IMPL_H
#define VQT_DECODER_STATS_IMPL_H

#include "decoder/stats.h"

struct stats {
	struct stats_device *devices; /* uthash by id, in order of appearance */
	struct stats_thread *threads; /* uthash by source and tid */
	struct stats_device *last; /* of the event before: the likely next */
	struct stats_thread *last_thread;
	unsigned nqueues, nthreads;
	uint64_t left_out; /* events of queues without a row */
	uint64_t slice_ns;
	uint64_t start_ts, now; /* of the trace */
	uint64_t first_ts, last_ts; /* of what was counted */
	uint64_t events, lost;
	bool started;
};

static inline uint64_t *stats_member(struct stats_counts *c, size_t at)
{
	return (uint64_t *)((char *)c + at);
}

static inline bool stats_has_types(const struct spec_class *class)
{
	return class && class->requests;
}

struct stats_queue *stats_queue_find(const struct stats_device *d, uint16_t index);

/* Slices of time (stats_slice.c).  The one a time is in, made if need be; NULL: no memory. */
struct stats_slice *stats_slice_at(struct stats *s, struct stats_device *d, uint64_t ts);
/* Note how many are in flight.  0 or -ENOMEM. */
int stats_slice_depth(struct stats *s, struct stats_device *d, uint64_t ts);

#endif
