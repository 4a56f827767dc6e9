/* SPDX-License-Identifier: MIT */
/*
 * Where requests spent their time, stage by stage, as one side recorded it, or both.  The device's
 * side alone counts if it has recorded the back end.  A
 * stage is named by the point that ends it (decoder/model/life.h); a request's stages sum up to
 * its whole life.
 */
#ifndef VQT_DECODER_STATS_STAGES_H
#define VQT_DECODER_STATS_STAGES_H

#include "decoder/model/life.h"
#include "decoder/util/histogram.h"

/* Requests of about one duration. */
struct stages_alike {
	uint64_t requests;
	uint64_t sum[LIFE_POINTS]; /* ns, by the point that ends the stage */
};

struct stats_stages {
	uint64_t requests, both; /* of them with both sides' records */
	uint64_t alone; /* of the device's side, in a trace that has no other */
	uint64_t unmatched; /* whose other side was recorded, but not of them */
	struct hist whole; /* from the first point to the last, ns */
	struct hist until[LIFE_POINTS]; /* stages, ns */
	bool crosses[LIFE_POINTS]; /* from one side to the other */
	struct hist error; /* ns: +- of the times between the sides, where it is known */
	uint64_t kicked; /* requests for which the driver kicked, alone or with others */
	uint64_t unkicked; /* for which it did not need to: the device was awake */
	uint64_t interrupted; /* completions that an interrupt reported */
	uint64_t passing; /* that the driver found in passing */
	struct stages_alike alike[COARSE_BUCKETS]; /* by the bucket of `whole` */
};

void stages_add(struct stats_stages *s, const struct model_life *l);
/* What came to `now` after it was `before`, as hist_sub() does it. */
void stages_sub(struct stats_stages *out, const struct stats_stages *now,
		const struct stats_stages *before);
/*
 * The sums of the slowest requests, of at least so many millionths of all and of one at least;
 * 1000000: of all.
 */
void stages_slowest(const struct stats_stages *s, uint32_t ppm, struct stages_alike *out);
/* The point with the largest sum; LIFE_POINTS: none. */
enum life_point stages_longest(const struct stages_alike *a);
/*
 * The point whose sum may be larger than that, as far as the clocks of the two sides are known;
 * LIFE_POINTS: none.
 */
enum life_point stages_rival(const struct stats_stages *s, const struct stages_alike *a);
uint64_t stages_sum(const struct stages_alike *a); /* ns, of all stages */
/*
 * +- ns of the figures of a stage: 0 for one that a single side recorded.  Of one request in a
 * hundred it may be more, which does not move a percentile by more than that.
 */
uint64_t stages_error(const struct stats_stages *s, enum life_point p);

#endif
