/* SPDX-License-Identifier: MIT */
/* The table of stages, and in words which of them takes the time. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "decoder/stats/print_impl.h"
#include "decoder/trace/event.h"

#define TABLE_WIDTH 69 /* without p90 10 less, which any terminal has */
#define HELP_WIDTH 48

void stat_text_stage(struct text *t, uint64_t ns, uint64_t error)
{
	uint64_t step = 1;

	while (step <= error / 10)
		step *= 10;
	if (error && ns < error)
		text_puts(t, "<");
	text_duration(t, error && ns < error ? error : (ns + step / 2) / step * step);
}

static void put_ns(struct text *t, uint64_t ns, uint64_t error)
{
	TEXT(d, 24);

	stat_text_stage(&d, ns, error);
	text_add(t, " %9s", d.buf);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

void stat_text_stage_share(struct text *t, const struct stats_stages *s,
			   const struct stages_alike *a, enum life_point p)
{
	uint64_t whole = stages_sum(a);
	double part = share(a->sum[p], whole), unsure = whole ? 100.0 * (double)stages_error(s, p) *
									(double)s->until[p].count /
									(double)whole
							      : 0;

	if (unsure < 0.05)
		text_add(t, "%.1f", part);
	else if (part < unsure)
		text_add(t, "<%.0f", ceil(unsure < 100 ? unsure : 100));
	else
		text_add(t, "%.0f", part);
}

static void put_row(struct text *t, const struct stats_stages *s, enum life_point p,
		    const struct stages_alike *all, bool narrow)
{
	const struct hist *h = &s->until[p];
	uint64_t error = stages_error(s, p);
	TEXT(part, 16);

	stat_text_stage_share(&part, s, all, p);
	text_add(t, "  %-11s %9" PRIu64 " %5s", life_point_name(p), h->count, part.buf);
	put_ns(t, hist_percentile(h, 500000), error);
	if (!narrow)
		put_ns(t, hist_percentile(h, 900000), error);
	put_ns(t, hist_percentile(h, 990000), error);
	put_ns(t, h->max, s->crosses[p] ? s->error.max : 0);
}

void stat_text_longest(struct text *t, const struct stats_stages *s, const struct stages_alike *a)
{
	enum life_point p = stages_longest(a), rival = stages_rival(s, a);

	if (p == LIFE_POINTS)
		return;
	text_add(t, "%.0f %% until %s (%s)", share(a->sum[p], stages_sum(a)), life_point_name(p),
		 life_point_help(p));
	if (rival != LIFE_POINTS)
		text_add(t, ", or until %s: the clocks are not known well enough to tell",
			 life_point_name(rival));
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
	if (s->alone)
		text_add(t, "; of %" PRIu64 " only the device's side and its back end", s->alone);
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

void stat_print_words(FILE *to, const struct text *t, unsigned width)
{
	const char *at = t->buf, *indent = "";
	size_t left = t->len;

	while (left) {
		size_t n = text_line(at, left, width ? width - strlen(indent) : left);

		fprintf(to, "%s%.*s\n", indent, (int)n, at);
		indent = "    ";
		at += n;
		left -= n;
		while (left && *at == ' ')
			at++, left--;
	}
}

/* What did not fit beside the figures: p90, or what a stage is. */
static void print_rest(FILE *to, const struct stats_stages *s, bool p90)
{
	fprintf(to, "\n  %-11s %s\n", "until", p90 ? "      p90" : " what goes on");
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		TEXT(t, 128);

		if (!s->until[p].count)
			continue;
		text_add(&t, "  %-11s", life_point_name(p));
		if (p90)
			put_ns(&t, hist_percentile(&s->until[p], 900000), stages_error(s, p));
		else
			text_add(&t, "  %s", life_point_help(p));
		fprintf(to, "%s\n", t.buf);
	}
}

static void print_rows(FILE *to, const struct stats_stages *s, const struct stages_alike *all,
		       unsigned width, bool explained)
{
	bool beside = !width || width >= TABLE_WIDTH + HELP_WIDTH;
	bool narrow = width && width < TABLE_WIDTH, below = explained && !beside;

	fprintf(to, "  %-11s %9s %5s %9s%s %9s %9s%s\n", "until", "requests", "%", "p50",
		narrow ? "" : "       p90", "p99", "max", beside ? "  what goes on" : "");
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		TEXT(t, 256);

		if (!s->until[p].count)
			continue;
		put_row(&t, s, p, all, narrow);
		if (beside)
			text_add(&t, "  %s", life_point_help(p));
		fprintf(to, "%s\n", t.buf);
	}
	if (narrow)
		print_rest(to, s, true);
	if (below)
		print_rest(to, s, false);
	if (narrow || below)
		fputc('\n', to);
}

void stat_print_stages(FILE *to, const struct stats_stages *s, const char *of, unsigned width,
		       bool explained)
{
	struct stages_alike all, slow;
	TEXT(t, 512);

	if (!s || !s->requests)
		return;
	text_add(&t, "%s%" PRIu64 " requests from %s", of, s->requests,
		 s->both	? "both sides"
		 : s->unmatched ? "one of the sides"
		 : s->alone == s->requests
			 ? "the device's side, whose time in the back end is known"
			 : "the driver's side");
	put_errors(&t, s);
	stat_print_words(to, &t, width);
	if (!s->whole.count)
		return;
	stages_slowest(s, 1000000, &all);
	stages_slowest(s, 10000, &slow);
	print_rows(to, s, &all, width, explained);
	t.len = 0;
	text_puts(&t, "  most of the time: ");
	stat_text_longest(&t, s, &all);
	stat_print_words(to, &t, width);
	t.len = 0;
	text_add(&t, "  of the slowest %" PRIu64 ": ", slow.requests);
	stat_text_longest(&t, s, &slow);
	stat_print_words(to, &t, width);
	t.len = 0;
	text_puts(&t, "  ");
	put_wakes(&t, s);
	if (t.len > 2)
		stat_print_words(to, &t, width);
}
