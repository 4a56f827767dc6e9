/* SPDX-License-Identifier: MIT */
/* The table of stages, and in words which of them takes the time. */
#include <inttypes.h>

#include "decoder/stats/print_impl.h"
#include "decoder/trace/event.h"

#define HELP_WIDTH 48

/* No digit of what is between the sides is finer than what is known of their clocks. */
static void put_ns(struct text *t, uint64_t ns, uint64_t error)
{
	uint64_t step = 1;
	TEXT(d, 24);

	while (step * 10 <= error)
		step *= 10;
	if (error && ns < error)
		text_puts(&d, "<");
	text_duration(&d, error && ns < error ? error : (ns + step / 2) / step * step);
	text_add(t, " %9s", d.buf);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void put_row(struct text *t, const struct stats_stages *s, enum life_point p,
		    const struct stages_alike *all, uint64_t whole)
{
	const struct hist *h = &s->until[p];
	/* of one in a hundred it may be more, which does not move a percentile by more than that */
	uint64_t error = s->crosses[p] ? hist_percentile(&s->error, 990000) : 0;

	text_add(t, "  %-11s %9" PRIu64 " %5.1f", life_point_name(p), h->count,
		 share(all->sum[p], whole));
	put_ns(t, hist_percentile(h, 500000), error);
	put_ns(t, hist_percentile(h, 900000), error);
	put_ns(t, hist_percentile(h, 990000), error);
	put_ns(t, h->max, s->crosses[p] ? s->error.max : 0);
}

static uint64_t sum_of(const struct stages_alike *a)
{
	uint64_t sum = 0;

	for (unsigned p = 0; p < LIFE_POINTS; p++)
		sum += a->sum[p];
	return sum;
}

/* "42 % until handled: the interrupt's way to the driver's handler" */
static void put_longest(struct text *t, const struct stages_alike *a)
{
	enum life_point p = stages_longest(a);

	if (p == LIFE_POINTS)
		return;
	text_add(t, "%.0f %% until %s (%s)", share(a->sum[p], sum_of(a)), life_point_name(p),
		 life_point_help(p));
}

static void put_errors(struct text *t, const struct stats_stages *s)
{
	if (!s->both && !s->unmatched)
		return;
	if (s->error.count) {
		text_puts(t, ", times between the sides to +-");
		text_duration(t, hist_percentile(&s->error, 500000));
		text_puts(t, " (half of them), +-");
		text_duration(t, s->error.max);
		text_puts(t, " (all)");
	}
	if (s->error.count < s->both)
		text_add(t, ", of %" PRIu64 " not known", s->both - s->error.count);
	if (s->unmatched)
		text_add(t, "; of %" PRIu64 " only one side was recorded", s->unmatched);
}

static void put_wakes(struct text *t, const struct stats_stages *s)
{
	if (s->kicked + s->unkicked)
		text_add(t, "the device had to be kicked for %" PRIu64 ", was awake for %" PRIu64,
			 s->kicked, s->unkicked);
	if (s->interrupted + s->passing)
		text_add(t,
			 "%san interrupt reported %" PRIu64 ", %" PRIu64
			 " the driver found in passing",
			 s->kicked + s->unkicked ? "; " : "", s->interrupted, s->passing);
}

void stat_print_stages(FILE *to, const struct stats_stages *s, unsigned width)
{
	struct stages_alike all, slow;
	bool helped = !width || width >= 79 + HELP_WIDTH;
	uint64_t whole;
	TEXT(t, 512);

	if (!s || !s->whole.count)
		return;
	stages_slowest(s, 1000000, &all);
	stages_slowest(s, 10000, &slow);
	whole = sum_of(&all);
	text_add(&t, "\n  %" PRIu64 " requests from %s", s->requests,
		 s->both	? "both sides"
		 : s->unmatched ? "one of the sides"
		 : s->alone == s->requests
			 ? "the device's side, whose time in the back end is known"
			 : "the driver's side");
	put_errors(&t, s);
	fprintf(to, "%s\n", t.buf);
	fprintf(to, "  %-11s %9s %5s %9s %9s %9s %9s%s\n", "until", "requests", "%", "p50", "p90",
		"p99", "max", helped ? "  what goes on" : "");
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		if (!s->until[p].count)
			continue;
		t.len = 0;
		put_row(&t, s, p, &all, whole);
		if (helped)
			text_add(&t, "  %s", life_point_help(p));
		fprintf(to, "%s\n", t.buf);
	}
	t.len = 0;
	text_puts(&t, "  most of the time: ");
	put_longest(&t, &all);
	fprintf(to, "%s\n", t.buf);
	t.len = 0;
	text_add(&t, "  of the slowest %" PRIu64 ": ", slow.requests);
	put_longest(&t, &slow);
	fprintf(to, "%s\n", t.buf);
	t.len = 0;
	put_wakes(&t, s);
	if (t.len)
		fprintf(to, "  %s\n", t.buf);
}
