/* SPDX-License-Identifier: MIT */
/* Slices of time: all devices' are of one width, which doubles when a trace outgrows them. */
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
	unsigned n = (d->nslices + 1) / 2;

	for (unsigned i = 0; i < n; i++) {
		if (i)
			d->slice[i] = d->slice[2 * i];
		if (2 * i + 1 < d->nslices)
			add_slice(&d->slice[i], &d->slice[2 * i + 1]);
	}
	if (d->nslices > n)
		memset(&d->slice[n], 0, (d->nslices - n) * sizeof(*d->slice));
	d->nslices = n;
}

static int make_room(struct stats_device *d, unsigned n)
{
	unsigned cap = d->slices_cap ? d->slices_cap : 4;
	struct stats_slice *slice;

	while (cap < n)
		cap *= 2;
	if (cap == d->slices_cap)
		return 0;
	slice = realloc(d->slice, cap * sizeof(*slice));
	if (!slice)
		return -ENOMEM;
	memset(slice + d->slices_cap, 0, (cap - d->slices_cap) * sizeof(*slice));
	d->slice = slice;
	d->slices_cap = cap;
	return 0;
}

struct stats_slice *stats_slice_at(struct stats *s, struct stats_device *d, uint64_t ts)
{
	uint64_t since;
	unsigned i;

	if (!s->slice_ts)
		s->slice_ts = ts;
	since = ts > s->slice_ts ? ts - s->slice_ts : 0;

	while (since / s->total.slice_ns >= STATS_SLICES) {
		for (struct stats_device *o = s->devices; o; o = o->hh.next)
			join_pairs(o);
		s->total.slice_ns *= 2;
	}
	i = (unsigned)(since / s->total.slice_ns);
	if (make_room(d, i + 1))
		return NULL;
	if (i >= d->nslices)
		d->nslices = i + 1;
	return &d->slice[i];
}

int stats_slices_spread(struct stats *s, struct stats_device *d, uint64_t from, uint64_t to,
			void (*add)(struct stats_slice *slice, uint64_t begin, uint64_t end,
				    const void *what),
			const void *what)
{
	uint64_t done = 0, wide = to > from ? to - from : 0, width;

	/* first the earliest slice, which may be the first one of all; then all have one width */
	if (!stats_slice_at(s, d, from) || !stats_slice_at(s, d, to))
		return -ENOMEM;
	width = s->total.slice_ns;
	for (uint64_t at = from; done < STATS_PARTS;) {
		uint64_t since = at > s->slice_ts ? at - s->slice_ts : 0;
		uint64_t next = s->slice_ts + (since / width + 1) * width;
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
	if (!stats_slice_at(s, d, to)) /* now all have one width, and are there */
		return -ENOMEM;
	do {
		uint64_t i = (at - s->slice_ts) / s->total.slice_ns;
		struct stats_slice *slice = &d->slice[i];

		end = s->slice_ts + (i + 1) * s->total.slice_ns;
		end = end < to ? end : to;
		slice->flight_ns += d->flight * (end - at);
		if (d->flight > slice->flight_max)
			slice->flight_max = d->flight;
		at = end;
	} while (at < to);
	return 0;
}
