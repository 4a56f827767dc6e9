/* SPDX-License-Identifier: MIT */
/* Curves over time. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "decoder/report/svg_impl.h"

#define PANEL 96

/* Its subject and style. */
struct curve {
	const char *label, *class; /* stroke style */
	bool (*value)(const struct plot *p, const struct stats_slice *s, double *v);
};

static bool requests(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = (double)s->used / p->slice_s;
	return true;
}

static bool mib_in(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = (double)s->bytes_in / p->slice_s / 1048576;
	return true;
}

static bool mib_out(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = (double)s->bytes_out / p->slice_s / 1048576;
	return true;
}

static bool depth_mean(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = (double)s->flight_ns / (p->slice_s * 1e9);
	return true;
}

static bool depth_most(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = (double)s->flight_max;
	return true;
}

static bool service(const struct stats_slice *s, uint32_t ppm, double *v)
{
	*v = plot_log(coarse_percentile(s->service, ppm, s->service_max));
	return s->timed;
}

static bool service_p50(const struct plot *p, const struct stats_slice *s, double *v)
{
	return service(s, 500000, v);
}

static bool service_p99(const struct plot *p, const struct stats_slice *s, double *v)
{
	return service(s, 990000, v);
}

static bool service_most(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = plot_log(s->service_max);
	return s->timed;
}

static bool service_least(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = plot_log(s->service_min);
	return s->timed;
}

static bool wait_p50(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = plot_log(coarse_percentile(s->wait, 500000, s->wait_max));
	return s->waited;
}

static bool wait_most(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = plot_log(s->wait_max);
	return s->waited;
}

static const struct curve rate_curves[] = {
	{ "requests/s", "l1", requests },
	{ NULL, NULL, NULL },
};
static const struct curve byte_curves[] = {
	{ "to the driver (reads)", "l1", mib_in },
	{ "from the driver (writes)", "l2", mib_out },
	{ NULL, NULL, NULL },
};
static const struct curve depth_curves[] = {
	{ "mean", "l1", depth_mean },
	{ "most", "l3", depth_most },
	{ NULL, NULL, NULL },
};
static const struct curve latency_curves[] = {
	{ "least", "l4", service_least },
	{ "p50", "l1", service_p50 },
	{ "p99", "l2", service_p99 },
	{ "most", "l3", service_most },
	{ NULL, NULL, NULL },
};
static const struct curve wait_curves[] = {
	{ "waiting p50", "l2", wait_p50 },
	{ "waiting, most", "l5", wait_most },
	{ "service p50", "l1", service_p50 },
	{ "service, most", "l3", service_most },
	{ NULL, NULL, NULL },
};

static double highest(const struct plot *p, const struct curve *c)
{
	double high = 0, v;

	for (; c->label; c++)
		for (unsigned i = 0; i < p->n; i++)
			if (c->value(p, plot_slice(p, i), &v) && v > high)
				high = v;
	return high;
}

/* Is idle time between this slice and the one before it, or nothing? */
static bool is_apart(const struct plot *p, unsigned i)
{
	return !i || plot_slice(p, i)->index != plot_slice(p, i - 1)->index + 1;
}

/*
 * A step for each slice; a break where there is no value.  from_zero: what is counted is 0 where time
 * is idle.
 */
static void draw_curve(const struct plot *p, const struct curve *c, bool from_zero)
{
	double zero = p->top + p->height, v;
	bool down = false;

	fprintf(p->to, "<path class=\"%s\" d=\"", c->class);
	for (unsigned i = 0; i < p->n; i++) {
		bool known = c->value(p, plot_slice(p, i), &v);

		if (down && is_apart(p, i) && from_zero)
			fprintf(p->to, "V%.1f", zero);
		down = down && known && !is_apart(p, i);
		if (!known)
			continue;
		if (!down && from_zero)
			fprintf(p->to, "M%.1f %.1fV%.1f", p->x[i], zero, plot_y(p, v));
		else if (!down)
			fprintf(p->to, "M%.1f %.1f", p->x[i], plot_y(p, v));
		else
			fprintf(p->to, "V%.1f", plot_y(p, v));
		fprintf(p->to, "H%.1f", p->end[i]);
		down = true;
	}
	if (down && from_zero)
		fprintf(p->to, "V%.1f", zero);
	fputs("\"/>\n", p->to);
}

static void legend(const struct plot *p, const struct curve *c)
{
	double x = SVG_LEFT + SVG_PLOT;

	for (const struct curve *l = c; l->label; l++)
		x -= 44 + 6.2 * (double)strlen(l->label);
	for (; c->label; c++) {
		fprintf(p->to,
			"<path class=\"%s\" d=\"M%.0f %.0fh26\"/><text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
			c->class, x, p->top - 10, x + 30, p->top - 6, c->label);
		x += 44 + 6.2 * (double)strlen(c->label);
	}
}

static void curves(const struct plot *p, const struct curve *c, bool from_zero)
{
	legend(p, c);
	plot_begin_zoom(p);
	for (; c->label; c++)
		draw_curve(p, c, from_zero);
	plot_end_zoom(p);
}

static void draw_linear(struct plot *p, const struct curve *c)
{
	plot_axis_linear(p, highest(p, c));
	curves(p, c, true);
}

static void draw_rate(struct plot *p)
{
	draw_linear(p, rate_curves);
}

static void draw_bytes(struct plot *p)
{
	draw_linear(p, byte_curves);
}

static void draw_depth(struct plot *p)
{
	draw_linear(p, depth_curves);
}

/* What the slices shown have of these, ns. */
static void extremes(const struct plot *p, const struct curve *c, uint64_t *least, uint64_t *most)
{
	double low = 20, high = 0, v;

	for (; c->label; c++)
		for (unsigned i = 0; i < p->n; i++)
			if (c->value(p, plot_slice(p, i), &v)) {
				low = fmin(low, v);
				high = fmax(high, v);
			}
	*least = low < 19 ? (uint64_t)pow(10, low) : 1;
	*most = high < 19 ? (uint64_t)pow(10, high) : UINT64_MAX;
}

static void draw_log(struct plot *p, const struct curve *c)
{
	uint64_t least, most;

	extremes(p, c, &least, &most);
	plot_axis_log(p, least, most);
	curves(p, c, false);
}

static void draw_latency(struct plot *p)
{
	draw_log(p, latency_curves);
}

static void draw_wait(struct plot *p)
{
	draw_log(p, wait_curves);
}

static unsigned always(const struct plot *p)
{
	return PANEL;
}

/* Where it is known: see stats_depth_known(); a light capture says only what it was at times. */
static unsigned if_depth(const struct plot *p)
{
	return !p->d->tallied && stats_depth_known(p->d->hidden, &p->d->counts) ? PANEL : 0;
}

static unsigned if_timed(const struct plot *p)
{
	const struct hist *h = p->d->span[STATS_SERVICE];

	return h && h->count ? PANEL : 0;
}

static unsigned if_waited(const struct plot *p)
{
	const struct hist *h = p->d->span[STATS_WAIT];

	return h && h->count ? PANEL : 0;
}

const struct plot_panel plot_curves[] = {
	{ "requests a second", NULL, always, draw_rate },
	{ "MiB a second", NULL, always, draw_bytes },
	{ "requests in flight", NULL, if_depth, draw_depth },
	{ "latency, popped to used", "latency, added to taken", if_timed, draw_latency },
	{ "waiting (kick to popped) and service", NULL, if_waited, draw_wait },
	{ .title = NULL },
};
