/* SPDX-License-Identifier: MIT */
/*
 * Slices of time: all devices' are of one width, which doubles when the activity of one outgrows them.
 * Only those in which something happened are there, so that idle time takes none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/stats/impl.h"

static void add_each(uint32_t *to, const uint32_t *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		stats_add_saturated(&to[i], from[i]);
}

static void add_slice(struct stats_slice *to, const struct stats_slice *from)
{
	to->kicks += from->kicks;
	to->popped += from->popped;
	to->used += from->used;
	to->errors += from->errors;
	to->interrupts += from->interrupts;
	to->bytes_in += from->bytes_in;
	to->bytes_out += from->bytes_out;
	if (from->flight_max > to->flight_max)
		to->flight_max = from->flight_max;
	to->flight_ns += from->flight_ns;
	if (from->timed && (!to->timed || from->service_min < to->service_min))
		to->service_min = from->service_min;
	to->timed += from->timed;
	to->service_sum += from->service_sum;
	if (from->service_max > to->service_max)
		to->service_max = from->service_max;
	to->waited += from->waited;
	if (from->wait_max > to->wait_max)
		to->wait_max = from->wait_max;
	add_each(to->service, from->service, COARSE_BUCKETS);
	add_each(to->wait, from->wait, COARSE_BUCKETS);
	add_each(to->queue_used, from->queue_used, STATS_SLICE_QUEUES + 1);
	add_each(to->type_used, from->type_used, STATS_TYPES);
}

static void join_pairs(struct stats_device *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->nslices; i++) {
		d->slice[i].index /= 2;
		if (n && d->slice[n - 1].index == d->slice[i].index)
			add_slice(&d->slice[n - 1], &d->slice[i]);
		else if (n++ != i)
			d->slice[n - 1] = d->slice[i];
	}
	d->nslices = n;
}

static void widen(struct stats *s)
{
	for (struct stats_device *d = s->devices; d; d = d->hh.next)
		join_pairs(d);
	s->total.slice_ns *= 2;
}

/* How many slices are before this one. */
static unsigned before(const struct stats_device *d, uint64_t index)
{
	unsigned low = 0, high = d->nslices;

	if (high && d->slice[high - 1].index < index) /* the usual case */
		return high;
	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (d->slice[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_there(const struct stats_device *d, unsigned at, uint64_t index)
{
	return at < d->nslices && d->slice[at].index == index;
}

static struct stats_slice *insert(struct stats_device *d, unsigned at, uint64_t index)
{
	if (d->nslices == d->slices_cap) {
		unsigned cap = d->slices_cap ? 2 * d->slices_cap : 4;
		struct stats_slice *slice = realloc(d->slice, cap * sizeof(*slice));

		if (!slice)
			return NULL;
		d->slice = slice;
		d->slices_cap = cap;
	}
	memmove(&d->slice[at + 1], &d->slice[at], (d->nslices - at) * sizeof(*d->slice));
	memset(&d->slice[at], 0, sizeof(*d->slice));
	d->slice[at].index = index;
	d->nslices++;
	return &d->slice[at];
}

static uint64_t index_of(const struct stats *s, uint64_t ts)
{
	return ts > s->slice_ts ? (ts - s->slice_ts) / s->total.slice_ns : 0;
}

struct stats_slice *stats_slice_at(struct stats *s, struct stats_device *d, uint64_t ts)
{
	uint64_t index;
	unsigned at;

	if (!s->slice_ts)
		s->slice_ts = ts;
	for (;; widen(s)) {
		index = index_of(s, ts);
		at = before(d, index);
		if (is_there(d, at, index))
			return &d->slice[at];
		if (d->nslices < STATS_SLICES)
			return insert(d, at, index);
	}
}

/* Make the slices so wide that all between two times can be there. */
static void make_room(struct stats *s, const struct stats_device *d, uint64_t from, uint64_t to)
{
	if (!s->slice_ts)
		s->slice_ts = from;
	for (;; widen(s)) {
		uint64_t first = index_of(s, from), last = index_of(s, to);
		unsigned begin = before(d, first), there = before(d, last + 1) - begin;

		if (last - first < STATS_SLICES &&
		    d->nslices + last - first + 1 - there <= STATS_SLICES)
			return;
	}
}

int stats_slices_spread(struct stats *s, struct stats_device *d, uint64_t from, uint64_t to,
			void (*add)(struct stats_slice *slice, uint64_t begin, uint64_t end,
				    const void *what),
			const void *what)
{
	uint64_t done = 0, wide = to > from ? to - from : 0, width;

	make_room(s, d, from, wide ? to : from);
	width = s->total.slice_ns;
	for (uint64_t at = from; done < STATS_PARTS;) {
		uint64_t next = s->slice_ts + (index_of(s, at) + 1) * width;
		uint64_t end = STATS_PARTS;
		struct stats_slice *slice = stats_slice_at(s, d, at);

		if (!slice)
			return -ENOMEM;
		if (next > at && next < to)
			end = (uint64_t)((double)(next - from) / (double)wide * STATS_PARTS);
		add(slice, done, end, what);
		done = end;
		at = next;
	}
	return 0;
}

int stats_slice_flight(struct stats *s, struct stats_device *d, uint64_t from, uint64_t to)
{
	uint64_t at = from > s->slice_ts ? from : s->slice_ts, end;

	if (!d->flight || d->tallied || !s->slice_ts || to < at)
		return 0;
	make_room(s, d, at, to);
	do {
		struct stats_slice *slice = stats_slice_at(s, d, at);

		if (!slice)
			return -ENOMEM;
		end = s->slice_ts + (slice->index + 1) * s->total.slice_ns;
		end = end > at && end < to ? end : to;
		slice->flight_ns += d->flight * (end - at);
		if (d->flight > slice->flight_max)
			slice->flight_max = d->flight;
		at = end;
	} while (at < to);
	return 0;
}
