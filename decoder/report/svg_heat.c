/* SPDX-License-Identifier: MIT */
/* Heat maps over time: how long requests took; how many there were of each queue and type. */
#include <inttypes.h>
#include <math.h>

#include "decoder/report/svg_impl.h"
#include "decoder/util/text.h"

#define HEAT 150
#define LANE 15

/* Shades by the logarithm of the count: a single slow request is still seen. */
static unsigned shade_of(uint32_t n, uint32_t most)
{
	unsigned shade = (unsigned)(log((double)n) / log((double)most + 1) * SVG_SHADES);

	return shade < SVG_SHADES ? shade : SVG_SHADES - 1;
}

/* What the shades mean. */
static void scale(const struct plot *p, uint32_t most)
{
	TEXT(t, 40);

	text_add(&t, "%" PRIu32 " request%s", most, most == 1 ? "" : "s");
	fprintf(p->to, "<text class=\"y\" x=\"%d\" y=\"%.0f\">1</text>", SVG_LEFT + SVG_PLOT - 199,
		p->top - 6);
	for (unsigned s = 0; s < SVG_SHADES; s++)
		fprintf(p->to,
			"<rect class=\"h%u\" x=\"%d\" y=\"%.0f\" width=\"12\" height=\"10\"/>", s,
			SVG_LEFT + SVG_PLOT - 196 + 12 * (int)s, p->top - 15);
	fprintf(p->to, "<text x=\"%d\" y=\"%.0f\">%s</text>\n", SVG_LEFT + SVG_PLOT - 96,
		p->top - 6, t.buf);
}

/* --- durations --- */

static uint32_t hottest(const struct plot *p)
{
	uint32_t most = 1;

	for (unsigned i = 0; i < p->n; i++)
		for (unsigned b = 0; b < COARSE_BUCKETS; b++)
			if (plot_slice(p, i)->service[b] > most)
				most = plot_slice(p, i)->service[b];
	return most;
}

static void heat_cells(const struct plot *p, unsigned shade, uint32_t most)
{
	fprintf(p->to, "<path class=\"h%u\" d=\"", shade);
	for (unsigned i = 0; i < p->n; i++)
		for (unsigned b = 0; b < COARSE_BUCKETS; b++) {
			uint32_t n = plot_slice(p, i)->service[b];
			double w = p->end[i] - p->x[i], y0, y1;

			if (!n || shade_of(n, most) != shade)
				continue;
			y0 = plot_y(p, plot_log(coarse_lower(b)));
			y1 = plot_y(p, log10((double)(coarse_upper(b) == UINT64_MAX
							      ? plot_slice(p, i)->service_max
							      : coarse_upper(b)) +
					     2));
			fprintf(p->to, "M%.1f %.1fh%.1fv%.1fh-%.1fz", p->x[i], y1, w, y0 - y1, w);
		}
	fputs("\"/>\n", p->to);
}

static void draw_heat(struct plot *p)
{
	const struct hist *h = p->d->span[STATS_SERVICE];
	uint32_t most = hottest(p);

	plot_axis_log(p, h->min, h->max);
	plot_begin_zoom(p);
	for (unsigned s = 0; s < SVG_SHADES; s++)
		heat_cells(p, s, most);
	plot_end_zoom(p);
	scale(p, most);
}

static unsigned heat_height(const struct plot *p)
{
	const struct hist *h = p->d->span[STATS_SERVICE];

	return h && h->count ? HEAT : 0;
}

/* --- a lane for each queue, and for each type --- */

struct lanes {
	unsigned n; /* that there can be */
	uint32_t (*count)(const struct stats_slice *s, unsigned lane);
	void (*name)(const struct plot *p, unsigned lane, struct text *t);
};

static uint32_t of_queue(const struct stats_slice *s, unsigned lane)
{
	return s->queue_used[lane];
}

static void queue_lane(const struct plot *p, unsigned lane, struct text *t)
{
	if (lane < STATS_SLICE_QUEUES)
		text_add(t, "q%u", lane);
	else
		text_puts(t, "others");
}

static uint32_t of_type(const struct stats_slice *s, unsigned lane)
{
	return s->type_used[lane];
}

static void type_lane(const struct plot *p, unsigned lane, struct text *t)
{
	const char *name = stats_type_name(p->dev->class, lane);

	text_puts(t, name ? name : "?");
}

static const struct lanes queue_lanes = { STATS_SLICE_QUEUES + 1, of_queue, queue_lane };
static const struct lanes type_lanes = { STATS_TYPES, of_type, type_lane };

static uint64_t in_lane(const struct plot *p, const struct lanes *l, unsigned lane)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += l->count(plot_slice(p, i), lane);
	return n;
}

/* One lane alone would be the first panel again. */
static unsigned lanes_height(const struct plot *p, const struct lanes *l)
{
	unsigned lanes = 0;

	for (unsigned lane = 0; lane < l->n; lane++)
		lanes += in_lane(p, l, lane) > 0;
	return lanes > 1 ? lanes * LANE : 0;
}

static uint32_t most_in_lanes(const struct plot *p, const struct lanes *l)
{
	uint32_t most = 1;

	for (unsigned lane = 0; lane < l->n; lane++)
		for (unsigned i = 0; i < p->n; i++)
			if (l->count(plot_slice(p, i), lane) > most)
				most = l->count(plot_slice(p, i), lane);
	return most;
}

static void draw_lane(const struct plot *p, const struct lanes *l, unsigned lane, double y,
		      uint32_t most)
{
	for (unsigned s = 0; s < SVG_SHADES; s++) {
		bool any = false;

		for (unsigned i = 0; i < p->n; i++) {
			uint32_t n = l->count(plot_slice(p, i), lane);
			double w = p->end[i] - p->x[i];

			if (!n || shade_of(n, most) != s)
				continue;
			if (!any)
				fprintf(p->to, "<path class=\"h%u\" d=\"", s);
			any = true;
			fprintf(p->to, "M%.1f %.1fh%.1fv%dh-%.1fz", p->x[i], y + 1, w, LANE - 2, w);
		}
		if (any)
			fputs("\"/>\n", p->to);
	}
}

static void draw_lanes(struct plot *p, const struct lanes *l)
{
	uint32_t most = most_in_lanes(p, l);
	double y = p->top;

	plot_begin_zoom(p);
	for (unsigned lane = 0; lane < l->n; lane++)
		if (in_lane(p, l, lane)) {
			draw_lane(p, l, lane, y, most);
			y += LANE;
		}
	plot_end_zoom(p);
	y = p->top;
	for (unsigned lane = 0; lane < l->n; lane++) {
		TEXT(t, 40);

		if (!in_lane(p, l, lane))
			continue;
		l->name(p, lane, &t);
		fprintf(p->to, "<text class=\"y\" x=\"%d\" y=\"%.1f\">%s</text>\n", SVG_LEFT - 6,
			y + 11, t.buf);
		y += LANE;
	}
	scale(p, most);
}

static unsigned queues_height(const struct plot *p)
{
	return lanes_height(p, &queue_lanes);
}

static void draw_queues(struct plot *p)
{
	draw_lanes(p, &queue_lanes);
}

static unsigned types_height(const struct plot *p)
{
	return lanes_height(p, &type_lanes);
}

static void draw_types(struct plot *p)
{
	draw_lanes(p, &type_lanes);
}

const struct plot_panel plot_heats[] = {
	{ "latency, popped to used: how many requests",
	  "latency, added to taken: how many requests", heat_height, draw_heat },
	{ "requests completed, by queue", NULL, queues_height, draw_queues },
	{ "requests completed, by type", NULL, types_height, draw_types },
	{ .title = NULL },
};
