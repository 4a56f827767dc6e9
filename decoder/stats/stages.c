/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/stats/stages.h"
#include "decoder/trace/event.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void count_sides(struct stats_stages *s, const struct model_life *l)
{
	s->requests++;
	if (!l->device || !l->driver) {
		s->unmatched += l->other_recorded;
		s->alone += l->device && !l->other_recorded;
		return;
	}
	s->both++;
	if (l->error != VQT_CLOCK_UNKNOWN)
		hist_add(&s->error, l->error, 1);
}

static void count_wakes(struct stats_stages *s, const struct model_life *l)
{
	if (!l->driver)
		return;
	s->kicked += l->kicked;
	s->unkicked += !l->kicked && l->at[LIFE_DECIDED];
	s->interrupted += l->at[LIFE_TAKEN] && l->at[LIFE_HANDLED];
	s->passing += l->at[LIFE_TAKEN] && !l->at[LIFE_HANDLED];
}

void stages_add(struct stats_stages *s, const struct model_life *l)
{
	struct life_span span[LIFE_POINTS];
	unsigned n = life_spans(l, span);
	struct stages_alike *alike;
	uint64_t whole = 0;

	count_sides(s, l);
	count_wakes(s, l);
	/* times that are not known say nothing of the stages */
	if (l->error == VQT_CLOCK_UNKNOWN)
		return;
	for (unsigned i = 0; i < n; i++)
		whole += span[i].ns;
	alike = &s->alike[coarse_bucket(whole)];
	alike->requests++;
	hist_add(&s->whole, whole, 1);
	for (unsigned i = 0; i < n; i++) {
		hist_add(&s->until[span[i].to], span[i].ns, 1);
		s->crosses[span[i].to] |= span[i].crosses;
		alike->sum[span[i].to] += span[i].ns;
	}
}

void stages_slowest(const struct stats_stages *s, uint32_t ppm, struct stages_alike *out)
{
	uint64_t least = s->whole.count / 1000000 * ppm + s->whole.count % 1000000 * ppm / 1000000;

	memset(out, 0, sizeof(*out));
	for (unsigned b = COARSE_BUCKETS; b-- && (!out->requests || out->requests < least);) {
		out->requests += s->alike[b].requests;
		for (unsigned p = 0; p < LIFE_POINTS; p++)
			out->sum[p] += s->alike[b].sum[p];
	}
}

void stages_sub(struct stats_stages *out, const struct stats_stages *now,
		const struct stats_stages *before)
{
	*out = (struct stats_stages){
		.requests = now->requests - before->requests,
		.both = now->both - before->both,
		.unmatched = now->unmatched - before->unmatched,
		.alone = now->alone - before->alone,
		.kicked = now->kicked - before->kicked,
		.unkicked = now->unkicked - before->unkicked,
		.interrupted = now->interrupted - before->interrupted,
		.passing = now->passing - before->passing,
	};
	hist_sub(&out->whole, &now->whole, &before->whole);
	hist_sub(&out->error, &now->error, &before->error);
	for (unsigned p = 0; p < LIFE_POINTS; p++) {
		hist_sub(&out->until[p], &now->until[p], &before->until[p]);
		out->crosses[p] = now->crosses[p];
	}
	for (unsigned b = 0; b < COARSE_BUCKETS; b++) {
		out->alike[b].requests = now->alike[b].requests - before->alike[b].requests;
		for (unsigned p = 0; p < LIFE_POINTS; p++)
			out->alike[b].sum[p] = now->alike[b].sum[p] - before->alike[b].sum[p];
	}
}

enum life_point stages_rival(const struct stats_stages *s, const struct stages_alike *a)
{
	enum life_point best = stages_longest(a), rival = LIFE_POINTS;
	uint64_t low, most = 0;

	if (best == LIFE_POINTS)
		return LIFE_POINTS;
	low = a->sum[best] - smaller(a->sum[best], stages_error(s, best) * a->requests);
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		uint64_t high = a->sum[p] + stages_error(s, p) * a->requests;

		if (p == best || !s->until[p].count || high <= low || high <= most)
			continue;
		most = high;
		rival = p;
	}
	return rival;
}

uint64_t stages_error(const struct stats_stages *s, enum life_point p)
{
	return s->crosses[p] ? hist_percentile(&s->error, 990000) : 0;
}

uint64_t stages_sum(const struct stages_alike *a)
{
	uint64_t sum = 0;

	for (unsigned p = 0; p < LIFE_POINTS; p++)
		sum += a->sum[p];
	return sum;
}

enum life_point stages_longest(const struct stages_alike *a)
{
	enum life_point best = LIFE_POINTS;

	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		if (a->sum[p] && (best == LIFE_POINTS || a->sum[p] > a->sum[best]))
			best = p;
	return best;
}
