/* SPDX-License-Identifier: MIT */
/* The picture of stages. */
#include <inttypes.h>

#include "decoder/stats/print.h"
#include "decoder/report/svg_impl.h"

#define PANEL 190
#define AXIS 34 /* below it */
#define ROW 15 /* of the legend and the words */
#define WORDS 3 /* lines */
#define BOTTOM 14

/* --- fills: what the driver's side does is hatched, what the device does is grey --- */

static const struct fill {
	const char *ground;
	const char *lines; /* of a tile of 8 pixels; NULL: none */
	const char *width;
} fills[LIFE_POINTS] = {
	[LIFE_MADE] = { "#fff", NULL, NULL },
	[LIFE_ISSUED] = { "#fff", "M-2 2l4-4M0 8l8-8M6 10l4-4", "1" },
	[LIFE_ADDING] = { "#fff", "M-2 6l4 4M0 0l8 8M6-2l4 4", "1" },
	[LIFE_ADDED] = { "#fff", "M0 2h8M0 6h8", "1" },
	[LIFE_DECIDED] = { "#fff", "M2 0v8M6 0v8", "1" },
	[LIFE_NOTIFIED] = { "#fff", "M3 4h2", "2" },
	[LIFE_KICKED] = { "#fff", "M0 0l8 8M0 8l8-8", "1" },
	[LIFE_POPPED] = { "#eee", NULL, NULL },
	[LIFE_SUBMITTED] = { "#ccc", NULL, NULL },
	[LIFE_ANSWERED] = { "#666", NULL, NULL },
	[LIFE_PUSHED] = { "#999", NULL, NULL },
	[LIFE_RAISED] = { "#333", NULL, NULL },
	[LIFE_HANDLED] = { "#fff", "M4 0v8M0 4h8", "1" },
	[LIFE_TAKEN] = { "#fff", "M-2 2l4-4M0 8l8-8M6 10l4-4", "3" },
	[LIFE_COMPLETED] = { "#fff", "M-2 6l4 4M0 0l8 8M6-2l4 4", "3" },
};

void plot_stages_patterns(FILE *to)
{
	fputs("<defs>\n", to);
	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		fprintf(to,
			"<pattern id=\"stage-%s\" width=\"8\" height=\"8\" "
			"patternUnits=\"userSpaceOnUse\">"
			"<rect width=\"8\" height=\"8\" fill=\"%s\"/>",
			life_point_name(p), fills[p].ground);
		if (fills[p].lines)
			fprintf(to, "<path d=\"%s\" stroke=\"#000\" stroke-width=\"%s\"/>",
				fills[p].lines, fills[p].width);
		fputs("</pattern>\n", to);
	}
	fputs("</defs>\n", to);
}

/* --- where things are --- */

/* The slowest tenth has half the width, the slowest hundredth half of that. */
static double x_of(double part)
{
	double x = part <= 0.9	  ? part / 0.9 * 0.5
		   : part <= 0.99 ? 0.5 + (part - 0.9) / 0.09 * 0.25
				  : 0.75 + (part - 0.99) / 0.01 * 0.25;

	return SVG_LEFT + SVG_PLOT * x;
}

/* A column: requests of about one duration. */
struct column {
	const struct stages_alike *alike;
	double left, right;
	uint64_t sum;
};

/* The columns, from the fastest requests to the slowest; returns their number. */
static unsigned columns(const struct stats_stages *s, struct column out[COARSE_BUCKETS])
{
	uint64_t before = 0;
	unsigned n = 0;

	for (unsigned b = 0; b < COARSE_BUCKETS; b++) {
		const struct stages_alike *a = &s->alike[b];
		uint64_t sum = stages_sum(a), left = before;

		before += a->requests;
		if (!sum) /* of a single point, or of no time at all */
			continue;
		out[n++] = (struct column){
			.alike = a,
			.left = x_of((double)left / (double)s->whole.count),
			.right = x_of((double)before / (double)s->whole.count),
			.sum = sum,
		};
	}
	return n;
}

static double share_until(const struct column *c, enum life_point p)
{
	uint64_t sum = 0;

	for (enum life_point q = 0; q <= p; q++)
		sum += c->alike->sum[q];
	return (double)sum / (double)c->sum;
}

static unsigned drawn(const struct stats_stages *s)
{
	unsigned n = 0;

	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		n += s->until[p].count > 0;
	return n;
}

static unsigned legend_rows(const struct stats_stages *s)
{
	return (drawn(s) + 1) / 2;
}

unsigned plot_stages_height(const struct stats_stages *s)
{
	if (!s || !s->whole.sum)
		return 0;
	return SVG_GAP + PANEL + AXIS + ROW * (legend_rows(s) + WORDS) + BOTTOM;
}

/* --- drawing --- */

/* What lies between the end of the stage before it and its own; and a line below it. */
static void band(FILE *to, const struct column *c, unsigned n, enum life_point p, double top)
{
	fprintf(to, "<path fill=\"url(#stage-%s)\" d=\"", life_point_name(p));
	for (unsigned i = 0; i < n; i++) {
		double from = top + PANEL * (p ? share_until(&c[i], p - 1) : 0),
		       until = top + PANEL * share_until(&c[i], p);

		if (until - from < 0.05)
			continue;
		fprintf(to, "M%.1f %.1fH%.1fV%.1fH%.1fz", c[i].left, from, c[i].right, until,
			c[i].left);
	}
	fputs("\"/>\n<path class=\"s\" d=\"", to);
	for (unsigned i = 0; i < n; i++)
		fprintf(to, "%c%.1f%s%.1fH%.1f", i ? 'H' : 'M', c[i].left, i ? "V" : " ",
			top + PANEL * share_until(&c[i], p), c[i].right);
	fputs("\"/>\n", to);
}

static void axes(FILE *to, const struct stats_stages *s, double top)
{
	static const struct tick {
		double at;
		uint32_t ppm;
		const char *text;
	} ticks[] = {
		{ 0, 0, "the fastest" },       { 0.5, 500000, "50 %" },
		{ 0.9, 900000, "90 %" },       { 0.99, 990000, "99 % are not slower" },
		{ 1, 1000000, "the slowest" },
	};

	for (unsigned i = 0; i < 5; i++)
		fprintf(to, "<text class=\"y\" x=\"%d\" y=\"%.1f\">%u %%</text>\n", SVG_LEFT - 6,
			top + PANEL * i / 4.0 + 4, 25 * i);
	for (unsigned i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		const struct tick *t = &ticks[i];
		TEXT(d, 24);

		text_duration(&d, !t->ppm	     ? s->whole.min
				  : t->ppm < 1000000 ? hist_percentile(&s->whole, t->ppm)
						     : s->whole.max);
		fprintf(to,
			"<path class=\"f\" d=\"M%.1f %.0fv4\"/><text class=\"%s\" x=\"%.1f\" "
			"y=\"%.0f\">%s</text><text class=\"%s\" x=\"%.1f\" y=\"%.0f\">%s</text>\n",
			x_of(t->at), top + PANEL, i == 4 ? "y" : "x", x_of(t->at), top + PANEL + 15,
			t->text, i == 4 ? "y" : "x", x_of(t->at), top + PANEL + 28, d.buf);
	}
}

static void legend(FILE *to, const struct stats_stages *s, const struct stages_alike *all,
		   double top)
{
	unsigned rows = legend_rows(s), n = 0;

	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		double x = SVG_LEFT + SVG_PLOT / 2.0 * (n / rows), y = top + ROW * (n % rows);
		TEXT(part, 16);

		if (!s->until[p].count)
			continue;
		stat_text_stage_share(&part, s, all, p);
		fprintf(to,
			"<rect class=\"s\" style=\"fill:url(#stage-%s)\" x=\"%.0f\" y=\"%.0f\" "
			"width=\"26\" height=\"10\"/><text x=\"%.0f\" y=\"%.0f\">%s: %s (%s%s "
			"%%)</text>\n",
			life_point_name(p), x, y, x + 32, y + 9, life_point_name(p),
			life_point_help(p), *part.buf == '<' ? "&lt;" : "",
			part.buf + (*part.buf == '<'));
		n++;
	}
}

static void put_line(FILE *to, double y, const struct text *t)
{
	fprintf(to, "<text x=\"%d\" y=\"%.0f\">%s</text>\n", SVG_LEFT, y, t->buf);
}

/* The same as the page says; the texts have nothing in them that XML would take for its own. */
static void words(FILE *to, const struct stats_stages *s, const struct stages_alike *all,
		  const struct stages_alike *slow, double y)
{
	TEXT(t, 256);

	text_puts(&t, "most of the time: ");
	stat_text_longest(&t, s, all);
	put_line(to, y, &t);
	t.len = 0;
	text_add(&t, "of the slowest %" PRIu64 ": ", slow->requests);
	stat_text_longest(&t, s, slow);
	put_line(to, y + ROW, &t);
	t.len = 0;
	if (!s->error.count)
		return;
	text_puts(&t, "times between the driver's side and the device's to +-");
	text_duration(&t, hist_percentile(&s->error, 500000));
	text_puts(&t, " (half of the requests), +-");
	text_duration(&t, s->error.max);
	text_puts(&t, " (all)");
	put_line(to, y + 2 * ROW, &t);
}

void plot_stages(FILE *to, const struct stats_stages *s, const char *device, double y)
{
	static const char title[] = "where the time goes, by share of the whole: requests from the "
				    "fastest to the slowest";
	struct column c[COARSE_BUCKETS];
	struct stages_alike all, slow;
	double top = y + SVG_GAP - 10, below = top + PANEL + AXIS;
	unsigned n = columns(s, c);
	TEXT(t, 256);

	stages_slowest(s, 1000000, &all);
	stages_slowest(s, 10000, &slow);
	stat_text_longest(&t, s, &all);
	fprintf(to,
		"<g role=\"img\" aria-labelledby=\"%s.stages %s.words\">\n"
		"<title id=\"%s.stages\">%s: %s</title>\n"
		"<desc id=\"%s.words\">%" PRIu64 " requests; most of the time: %s",
		device, device, device, device, title, device, s->whole.count, t.buf);
	t.len = 0;
	stat_text_longest(&t, s, &slow);
	fprintf(to, "; of the slowest %" PRIu64 ": %s</desc>\n", slow.requests, t.buf);
	for (enum life_point p = 0; p < LIFE_POINTS; p++)
		if (s->until[p].count)
			band(to, c, n, p, top);
	fprintf(to,
		"<rect class=\"f\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>\n"
		"<text class=\"b\" x=\"%d\" y=\"%.0f\">%s</text>\n",
		SVG_LEFT, top, SVG_PLOT, PANEL, SVG_LEFT, top - 6, title);
	axes(to, s, top);
	legend(to, s, &all, below + 4);
	words(to, s, &all, &slow, below + ROW * (legend_rows(s) + 1));
	fputs("</g>\n", to);
}
