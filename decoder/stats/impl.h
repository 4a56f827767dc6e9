/* SPDX-License-Identifier: MIT */
/* Internal to decoder/stats; others include stats.h. */
#ifndef VQT_DECODER_STATS_IMPL_H
#define VQT_DECODER_STATS_IMPL_H

#include "decoder/stats/stats.h"

struct stats {
	struct stats_device *devices; /* uthash by id, in order of appearance */
	struct stats_thread *threads; /* uthash by source and tid */
	struct stats_device *last; /* of the event before: the likely next */
	struct stats_thread *last_thread;
	unsigned nqueues, nthreads, nstages; /* the latter of queues and types */
	struct stats_total total;
	uint64_t slice_ts; /* where the first slice begins, 0 none yet */
	uint64_t now; /* of the trace */
	bool started;
};

static inline uint64_t *stats_member(struct stats_counts *c, size_t at)
{
	return (uint64_t *)((char *)c + at);
}

static inline bool stats_has_types(const struct class *class)
{
	return class && class->requests;
}

struct stats_queue *stats_queue_find(const struct stats_device *d, uint16_t index);

/* The subjects that an event counts for. */
struct feed {
	struct stats *s;
	const struct model *m;
	const struct event *e;
	struct stats_device *d;
	struct stats_queue *q; /* NULL: none, or one of too many */
	struct stats_thread *t; /* NULL: unknown */
	bool counted;
	int rc; /* -ENOMEM: what was in flight could not be recorded */
};

/* Add n to the member at this offset of all that the event counts for. */
static inline void stats_count_at(struct feed *f, size_t at, uint64_t n)
{
	if (!f->counted)
		return;
	*stats_member(&f->d->counts, at) += n;
	if (f->q)
		*stats_member(&f->q->counts, at) += n;
	if (f->t)
		*stats_member(&f->t->group.counts, at) += n;
}

#define COUNT(f, member, n) stats_count_at(f, offsetof(struct stats_counts, member), n)
#define COUNT_ELEMENT(f, member, i) \
	stats_count_at(f, offsetof(struct stats_counts, member) + (i) * sizeof(uint64_t), 1)
/* *p, which is made, zeroed, if it is not there; NULL: no memory. */
#define STATS_MADE(p) (*(p) ? *(p) : (*(p) = calloc(1, sizeof(**(p)))))
unsigned stats_batch_of(uint64_t n);
/*
 * Add a latency to the device and queue, if the event is counted and `from` (ns) is not 0. 0
 * or -ENOMEM.
 */
int stats_add_span(struct feed *f, unsigned span, uint64_t from, uint64_t to);
void stats_follow_ring(struct feed *f, const struct vqt_ring *r);

/* Index of a request's type: stats_type_name(). */
unsigned stats_type_of(const struct class *class, const struct class_request *r);
/* Stages of a queue or a type, as long as there are not too many of them. */
int stats_add_apart(struct stats *s, struct stats_stages **to, const struct model_life *l);
/* Completions and interrupts (decoder/stats/used.c).  0 or -ENOMEM. */
int stats_on_used(struct feed *f);
int stats_on_irq(struct feed *f);
/* Counts of a light capture (decoder/stats/tally.c).  0 or -ENOMEM. */
int stats_on_tally(struct feed *f);
/* When the interval of the tally began, ns. */
uint64_t stats_tally_begin(const struct feed *f);
void stats_stall_ended(struct stats_device *d, struct stats_queue *q, uint64_t ns);
void stats_forget_due(struct stats_queue *q);

/*
 * Slices of time (decoder/stats/slice.c).  The slice that contains a time, created if it is
 * missing; NULL: no memory.
 */
struct stats_slice *stats_slice_at(struct stats *s, struct stats_device *d, uint64_t ts);
/*
 * Spread counts of an interval evenly over the slices from `from` to `to` (ns): add() gets each
 * slice, and the share of the interval up to its begin and its end, in parts of STATS_PARTS.
 * 0 or -ENOMEM.
 */
#define STATS_PARTS UINT64_C(1048576)
int stats_slices_spread(struct stats *s, struct stats_device *d, uint64_t from, uint64_t to,
			void (*add)(struct stats_slice *slice, uint64_t begin, uint64_t end,
				    const void *what),
			const void *what);
/* Count one in the slice of the event's time.  0 or -ENOMEM. */
#define COUNT_SLICE(f, member) \
	({ \
		struct stats_slice *slice_ = stats_slice_at((f)->s, (f)->d, (f)->e->ts); \
\
		if (slice_) \
			slice_->member++; \
		slice_ ? 0 : -ENOMEM; \
	})
/*
 * The device's requests were in flight from one time to another (ns).  Before the first slice, which
 * a counted event begins, nothing is recorded.  0 or -ENOMEM.
 */
int stats_slice_flight(struct stats *s, struct stats_device *d, uint64_t from, uint64_t to);
/* Where a slice counts the completions of the event's queue. */
static inline unsigned stats_slice_queue(const struct feed *f)
{
	return f->q && f->q->index < STATS_SLICE_QUEUES ? f->q->index : STATS_SLICE_QUEUES;
}
/* One or n more, as far as 32 bits hold them. */
static inline void stats_add_saturated(uint32_t *to, uint64_t n)
{
	*to = n < UINT32_MAX - *to ? *to + (uint32_t)n : UINT32_MAX;
}

#endif
