/* SPDX-License-Identifier: MIT */
/*
 * Percentiles: how long at most a part of the requests took.  To the right each step is a tenth of
 * the requests of the one before: half way to the slowest, the last hundredth and thousandth.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "decoder/report/svg_impl.h"
#include "decoder/util/text.h"

#define PANEL 170
#define BETWEEN 72
#define CHARTS 3
#define LINES 5

struct line {
	const struct hist *h;
	char name[40];
};

struct chart {
	const char *title;
	unsigned n, more; /* lines drawn; those with fewer requests */
	struct line line[LINES];
};

static int by_count(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->h->count < y->h->count ? 1 : x->h->count > y->h->count ? -1 : 0;
}

/* Keep the lines of most requests. */
static void add_line(struct chart *c, const struct hist *h, const char *name)
{
	struct line l = { .h = h };
	struct text t = { .buf = l.name, .size = sizeof(l.name) };

	if (!h || !h->count)
		return;
	text_puts(&t, name ? name : "?");
	if (c->n < LINES) {
		c->line[c->n++] = l;
	} else {
		c->more++;
		if (h->count > c->line[LINES - 1].h->count)
			c->line[LINES - 1] = l;
	}
	if (c->n == LINES)
		qsort(c->line, c->n, sizeof(l), by_count);
}

static void fill(const struct plot *p, struct chart c[CHARTS])
{
	static const char *const names[STATS_SPANS] = { "waiting", "service", "both",
							"to interrupt", "back end" };
	/* The driver's side does not see what the device does. */
	bool driver = p->dev->by_driver;

	c[0] = (struct chart){ .title = "percentiles" };
	c[1] = (struct chart){ .title =
				       driver ? "added to taken, by type" : "of service, by type" };
	c[2] = (struct chart){ .title = driver ? "added to taken, by queue"
					       : "of service, by queue" };
	for (unsigned i = 0; i < STATS_SPANS; i++)
		add_line(&c[0], p->d->span[i],
			 driver && i == STATS_SERVICE ? "added to taken" : names[i]);
	for (unsigned i = 0; i < STATS_TYPES; i++)
		if (p->d->type[i])
			add_line(&c[1], &p->d->type[i]->service, stats_type_name(p->dev->class, i));
	for (const struct stats_queue *q = p->d->queues; q; q = q->hh.next) {
		TEXT(t, 12);

		text_add(&t, "q%u", q->index);
		add_line(&c[2], q->span[STATS_SERVICE], t.buf);
	}
}

unsigned plot_percentiles_height(const struct plot *p)
{
	struct chart c[CHARTS];

	fill(p, c);
	return c[0].n ? PANEL + SVG_AXIS + 10 : 0;
}

/* Up to the part of the requests of which there is at least one. */
static double decades_of(const struct chart *c)
{
	uint64_t most = 1;

	for (unsigned i = 0; i < c->n; i++)
		most = c->line[i].h->count > most ? c->line[i].h->count : most;
	return fmin(fmax(ceil(log10((double)most)), 1), 5);
}

static void draw_line(const struct plot *p, const struct hist *h, unsigned nth, double decades)
{
	uint64_t before = 0;
	double x = p->left;

	fprintf(p->to, "<path class=\"l%u\" d=\"M%.1f %.1f", nth + 1, x,
		plot_y(p, plot_log(h->min)));
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		uint64_t upper = hist_upper(b) < h->max ? hist_upper(b) : h->max;
		double part;

		if (!h->bucket[b])
			continue;
		before += h->bucket[b];
		part = before < h->count ? -log10(1 - (double)before / (double)h->count) : decades;
		x = p->left + p->width * fmin(part, decades) / decades;
		fprintf(p->to, "V%.1fH%.1f", plot_y(p, plot_log(upper)), x);
	}
	fputs("\"/>\n", p->to);
}

static void axis(const struct plot *p, double decades)
{
	static const char *const names[] = {
		"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"
	};

	for (unsigned i = 0; i <= (unsigned)decades; i++) {
		double x = p->left + p->width * i / decades, y = p->top + p->height;

		fprintf(p->to,
			"<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/><text class=\"x\" x=\"%.1f\" "
			"y=\"%.0f\">%s</text>\n",
			x, p->top, y, x, y + 14, i == (unsigned)decades ? "100 %" : names[i]);
		/* the median stands between the first two */
		if (!i)
			fprintf(p->to,
				"<path class=\"f\" d=\"M%.1f %.1fv4\"/><text class=\"x\" x=\"%.1f\" "
				"y=\"%.0f\">50 %%</text>\n",
				x + p->width * log10(2) / decades, y,
				x + p->width * log10(2) / decades, y + 25);
	}
}

/* Durations grow to the right, so that above the lines there is most room. */
static void legend(const struct plot *p, const struct chart *c)
{
	for (unsigned i = 0; i < c->n; i++)
		fprintf(p->to,
			"<path class=\"l%u\" d=\"M%.0f %.0fh20\"/><text class=\"k\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
			i + 1, p->left + 6, p->top + 12 + 13 * i, p->left + 30,
			p->top + 16 + 13 * i, c->line[i].name);
	if (c->more)
		fprintf(p->to, "<text class=\"k\" x=\"%.0f\" y=\"%.0f\">and %u more</text>\n",
			p->left + 30, p->top + 16 + 13 * LINES, c->more);
}

static void draw_chart(struct plot *p, const struct chart *c)
{
	uint64_t least = UINT64_MAX, most = 0;
	double decades = decades_of(c);

	for (unsigned i = 0; i < c->n; i++) {
		least = c->line[i].h->min < least ? c->line[i].h->min : least;
		most = c->line[i].h->max > most ? c->line[i].h->max : most;
	}
	plot_frame(p, c->title);
	plot_axis_log(p, least, most);
	axis(p, decades);
	for (unsigned i = 0; i < c->n; i++)
		draw_line(p, c->line[i].h, i, decades);
	legend(p, c);
}

/* The last one only where it says more than the first. */
void plot_percentiles(struct plot *p, double y)
{
	struct chart c[CHARTS];
	unsigned n;

	fill(p, c);
	n = !c[1].n ? 1 : c[2].n > 1 ? 3 : 2;
	p->top = y + SVG_GAP - 10;
	p->height = PANEL;
	p->width = (SVG_PLOT - BETWEEN * (double)(n - 1)) / n;
	for (unsigned i = 0; i < n; i++) {
		p->left = SVG_LEFT + i * (p->width + BETWEEN);
		draw_chart(p, &c[i]);
	}
	p->left = SVG_LEFT;
	p->width = SVG_PLOT;
}
