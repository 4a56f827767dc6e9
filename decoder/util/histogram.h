/* SPDX-License-Identifier: MIT */
/*
 * Histograms of durations.  Buckets are log-linear: an octave has 16 of equal
 * width, so a bucket is never wider than 1/16 (6.25 %) of what lies in it, and
 * values under 32 have buckets of their own.  Count, sum, least and most are exact.
 */
#ifndef VQT_DECODER_UTIL_HISTOGRAM_H
#define VQT_DECODER_UTIL_HISTOGRAM_H

#include <stdint.h>

/* Values from 2^HIST_OCTAVES on (18 minutes, in ns) share the last bucket. */
#define HIST_SUB_BITS 4
#define HIST_OCTAVES 40
#define HIST_BUCKETS (((HIST_OCTAVES - HIST_SUB_BITS + 1) << HIST_SUB_BITS) + 1)

/* The same with 4 buckets an octave (25 %), for the slices of time. */
#define COARSE_SUB_BITS 2
#define COARSE_BUCKETS (((HIST_OCTAVES - COARSE_SUB_BITS + 1) << COARSE_SUB_BITS) + 1)

struct hist {
	uint64_t count, sum; /* sum wraps */
	uint64_t min, max; /* meaningless while count is 0 */
	uint64_t bucket[HIST_BUCKETS];
};

/* n times the value. */
void hist_add(struct hist *h, uint64_t value, uint64_t n);
/* All of `from` into `to`. */
void hist_merge(struct hist *to, const struct hist *from);
/* What came to `now` after it was `before`; least and most become those of the buckets. */
void hist_sub(struct hist *out, const struct hist *now, const struct hist *before);
uint64_t hist_mean(const struct hist *h); /* rounded down; 0 if empty */
/*
 * A value such that at least `ppm` millionths of all are not above it: the upper
 * end of the bucket where that is reached, or the exact most if that is less.
 * hist_percentile(h, 990000) is p99; at most 1/16 above the true one.  0 if empty.
 */
uint64_t hist_percentile(const struct hist *h, uint32_t ppm);

/* Where a value belongs, and the least and most that belong there. */
unsigned hist_bucket(uint64_t value);
uint64_t hist_lower(unsigned bucket);
uint64_t hist_upper(unsigned bucket);
unsigned coarse_bucket(uint64_t value);
uint64_t coarse_lower(unsigned bucket);
uint64_t coarse_upper(unsigned bucket);
/* hist_percentile() of coarse buckets; most: the exact one, or UINT64_MAX. */
uint64_t coarse_percentile(const uint32_t *bucket, uint32_t ppm, uint64_t most);

#endif
