/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "decoder/util/histogram.h"

static unsigned bucket_of(uint64_t v, unsigned bits, unsigned buckets)
{
	unsigned log = 63 - (unsigned)__builtin_clzll(v | 1);

	if (v >> HIST_OCTAVES)
		return buckets - 1;
	if (log < bits)
		return (unsigned)v;
	return ((log - bits + 1) << bits) + (unsigned)(v >> (log - bits) & ((1U << bits) - 1));
}

static uint64_t lower_of(unsigned b, unsigned bits)
{
	unsigned octave = b >> bits, sub = b & ((1U << bits) - 1);

	return octave ? (uint64_t)((1U << bits) + sub) << (octave - 1) : sub;
}

unsigned hist_bucket(uint64_t value)
{
	return bucket_of(value, HIST_SUB_BITS, HIST_BUCKETS);
}

uint64_t hist_lower(unsigned bucket)
{
	return lower_of(bucket, HIST_SUB_BITS);
}

uint64_t hist_upper(unsigned bucket)
{
	return bucket + 1 < HIST_BUCKETS ? lower_of(bucket + 1, HIST_SUB_BITS) - 1 : UINT64_MAX;
}

unsigned coarse_bucket(uint64_t value)
{
	return bucket_of(value, COARSE_SUB_BITS, COARSE_BUCKETS);
}

uint64_t coarse_lower(unsigned bucket)
{
	return lower_of(bucket, COARSE_SUB_BITS);
}

uint64_t coarse_upper(unsigned bucket)
{
	return bucket + 1 < COARSE_BUCKETS ? lower_of(bucket + 1, COARSE_SUB_BITS) - 1 : UINT64_MAX;
}

void hist_add(struct hist *h, uint64_t value, uint64_t n)
{
	if (!n)
		return;
	if (!h->count || value < h->min)
		h->min = value;
	if (!h->count || value > h->max)
		h->max = value;
	h->count += n;
	h->sum += value * n;
	h->bucket[hist_bucket(value)] += n;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	if (!from->count)
		return;
	if (!to->count || from->min < to->min)
		to->min = from->min;
	if (!to->count || from->max > to->max)
		to->max = from->max;
	to->count += from->count;
	to->sum += from->sum;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

void hist_sub(struct hist *out, const struct hist *now, const struct hist *before)
{
	unsigned first = HIST_BUCKETS, last = 0;
	uint64_t least = now->min, most = now->max;

	out->count = now->count - before->count;
	out->sum = now->sum - before->sum;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		out->bucket[i] = now->bucket[i] - before->bucket[i];
		if (!out->bucket[i])
			continue;
		first = first < i ? first : i;
		last = i;
	}
	out->min = out->max = 0;
	if (first == HIST_BUCKETS)
		return;
	/* The extremes of all lie on the same side of those of a part. */
	out->min = hist_lower(first) > least ? hist_lower(first) : least;
	out->max = hist_upper(last) < most ? hist_upper(last) : most;
}

uint64_t hist_mean(const struct hist *h)
{
	return h->count ? h->sum / h->count : 0;
}

/* The how-manieth value a percentile is, from 1; without overflow. */
static uint64_t rank_of(uint64_t count, uint32_t ppm)
{
	uint64_t whole = count / 1000000, part = count % 1000000;
	uint64_t rank = whole * ppm + (part * ppm + 999999) / 1000000;

	return rank ? rank : 1;
}

static uint64_t clip(uint64_t v, uint64_t most)
{
	return v < most ? v : most;
}

uint64_t hist_percentile(const struct hist *h, uint32_t ppm)
{
	uint64_t rank = rank_of(h->count, ppm), seen = 0;

	for (unsigned i = 0; i < HIST_BUCKETS && h->count; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return clip(hist_upper(i), h->max);
	}
	return 0;
}

uint64_t coarse_percentile(const uint32_t *bucket, uint32_t ppm, uint64_t most)
{
	uint64_t count = 0, seen = 0, rank;

	for (unsigned i = 0; i < COARSE_BUCKETS; i++)
		count += bucket[i];
	rank = rank_of(count, ppm);
	for (unsigned i = 0; i < COARSE_BUCKETS && count; i++) {
		seen += bucket[i];
		if (seen >= rank)
			return clip(coarse_upper(i), most);
	}
	return 0;
}
