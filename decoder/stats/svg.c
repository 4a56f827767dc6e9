/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "decoder/stats/svg.h"
#include "decoder/stats/svg_impl.h"
#include "decoder/util/text.h"

/* Pixels. */
#define LEFT SVG_LEFT
#define PLOT SVG_PLOT
#define RIGHT 24
#define WIDTH (LEFT + PLOT + RIGHT)
#define TITLE 26
#define PANEL 96
#define HEAT 150
#define GAP SVG_GAP
#define DEVICE (TITLE + 3 * (PANEL + GAP) + HEAT + GAP + 10)
#define SHADES 8

/* One device's time axis, and the panel being drawn. */
struct plot {
	FILE *to;
	const struct stat_view *v;
	const struct stats_device *d;
	double slice_s; /* width of a slice, seconds */
	double begin_s; /* of slice 0 */
	unsigned first, n; /* slices shown */
	double top, height; /* of the panel, pixels */
	double low, high; /* values at its bottom and top; logarithmic: their log10 */
};

static double x_of(const struct plot *p, double slice)
{
	return LEFT + PLOT * (slice - p->first) / p->n;
}

static double y_of(const struct plot *p, double v)
{
	double at = (v - p->low) / (p->high - p->low);

	return p->top + p->height * (1 - (at < 0 ? 0 : at > 1 ? 1 : at));
}

static const struct stats_slice *slice(const struct plot *p, unsigned i)
{
	return &p->d->slice[p->first + i];
}

/* 1, 2 or 5 times a power of ten, not below v. */
static double nice(double v)
{
	double unit = pow(10, floor(log10(v))), r = v / unit;

	return unit * (r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10);
}

static void frame(const struct plot *p, const char *title)
{
	fprintf(p->to, "<rect class=\"f\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%.0f\"/>\n",
		LEFT, p->top, PLOT, p->height);
	fprintf(p->to, "<text class=\"b\" x=\"%d\" y=\"%.0f\">%s</text>\n", LEFT, p->top - 6,
		title);
}

static void label_y(const struct plot *p, double v, const char *text)
{
	double y = y_of(p, v);

	fprintf(p->to,
		"<path class=\"g\" d=\"M%d %.1fh%d\"/><text class=\"y\" x=\"%d\" y=\"%.1f\">%s</text>\n",
		LEFT, y, PLOT, LEFT - 6, y + 4, text);
}

/* Seconds of the trace, below the panel. */
static void axis_x(const struct plot *p)
{
	double begin = p->begin_s + p->first * p->slice_s, end = begin + p->n * p->slice_s;
	double step = nice((end - begin) / 8), t;
	int decimals = step >= 1 ? 0 : (int)ceil(-log10(step));

	for (t = ceil(begin / step) * step; t <= end + step / 1000; t += step) {
		double x = x_of(p, (t - p->begin_s) / p->slice_s);

		fprintf(p->to,
			"<path class=\"f\" d=\"M%.1f %.0fv4\"/><text class=\"x\" x=\"%.1f\" y=\"%.0f\">%.*f s</text>\n",
			x, p->top + p->height, x, p->top + p->height + 15, decimals, t);
	}
}

static void axis_linear(struct plot *p, double most)
{
	double step;

	p->low = 0;
	p->high = most > 0 ? most * 1.05 : 1;
	step = nice(p->high / 4);
	for (double v = 0; v <= p->high; v += step) {
		char text[32];

		snprintf(text, sizeof(text), v < 10000 ? "%.4g" : "%.4gk",
			 v < 10000 ? v : v / 1000);
		label_y(p, v, text);
	}
}

/* Of the device's latencies. */
static void axis_log(struct plot *p)
{
	const struct hist *h = p->d->span[STATS_SERVICE];
	uint64_t least = h && h->count ? h->min : 1, most = h && h->count ? h->max : 1;

	p->low = floor(log10((double)(least ? least : 1)));
	p->high = fmin(ceil(log10((double)most + 1)), 19); /* what 64 bits hold */
	p->low = fmin(p->low, 18);
	if (p->high <= p->low)
		p->high = p->low + 1;
	for (double v = p->low; v <= p->high; v++) {
		TEXT(t, 24);

		text_duration(&t, (uint64_t)(pow(10, v) + 0.5));
		label_y(p, v, t.buf);
	}
}

/* --- curves: their subjects and styles --- */

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

static bool latency(const struct stats_slice *s, uint32_t ppm, double *v)
{
	*v = log10((double)coarse_percentile(s->service, ppm, s->service_max) + 1);
	return s->timed;
}

static bool p50(const struct plot *p, const struct stats_slice *s, double *v)
{
	return latency(s, 500000, v);
}

static bool p99(const struct plot *p, const struct stats_slice *s, double *v)
{
	return latency(s, 990000, v);
}

static bool most(const struct plot *p, const struct stats_slice *s, double *v)
{
	*v = log10((double)s->service_max + 1);
	return s->timed;
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
static const struct curve latency_curves[] = {
	{ "p50", "l1", p50 },
	{ "p99", "l2", p99 },
	{ "most", "l3", most },
	{ NULL, NULL, NULL },
};

static double highest(const struct plot *p, const struct curve *c)
{
	double high = 0, v;

	for (; c->label; c++)
		for (unsigned i = 0; i < p->n; i++)
			if (c->value(p, slice(p, i), &v) && v > high)
				high = v;
	return high;
}

/* A step for each slice; a break where there is no value. */
static void draw_curve(const struct plot *p, const struct curve *c)
{
	bool down = false;
	double v;

	fprintf(p->to, "<path class=\"%s\" d=\"", c->class);
	for (unsigned i = 0; i < p->n; i++) {
		if (!c->value(p, slice(p, i), &v)) {
			down = false;
			continue;
		}
		if (!down)
			fprintf(p->to, "M%.1f %.1f", x_of(p, p->first + i), y_of(p, v));
		else
			fprintf(p->to, "V%.1f", y_of(p, v));
		fprintf(p->to, "H%.1f", x_of(p, p->first + i + 1));
		down = true;
	}
	fputs("\"/>\n", p->to);
}

static void legend(const struct plot *p, const struct curve *c)
{
	double x = LEFT + PLOT;

	for (const struct curve *l = c; l->label; l++)
		x -= 44 + 6.2 * (double)strlen(l->label);
	for (; c->label; c++) {
		fprintf(p->to,
			"<path class=\"%s\" d=\"M%.0f %.0fh26\"/><text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
			c->class, x, p->top - 10, x + 30, p->top - 6, c->label);
		x += 44 + 6.2 * (double)strlen(c->label);
	}
}

static void curves(const struct plot *p, const struct curve *c)
{
	legend(p, c);
	for (; c->label; c++)
		draw_curve(p, c);
	axis_x(p);
}

/* --- the heat map --- */

static uint32_t hottest(const struct plot *p)
{
	uint32_t most_of = 1;

	for (unsigned i = 0; i < p->n; i++)
		for (unsigned b = 0; b < COARSE_BUCKETS; b++)
			if (slice(p, i)->service[b] > most_of)
				most_of = slice(p, i)->service[b];
	return most_of;
}

/* Shades by the logarithm of the count: a single slow request is still seen. */
static unsigned shade_of(uint32_t n, uint32_t most_of)
{
	unsigned shade = (unsigned)(log((double)n) / log((double)most_of + 1) * SHADES);

	return shade < SHADES ? shade : SHADES - 1;
}

static void heat_cells(const struct plot *p, unsigned shade, uint32_t most_of)
{
	double w = (double)PLOT / p->n;

	fprintf(p->to, "<path class=\"h%u\" d=\"", shade);
	for (unsigned i = 0; i < p->n; i++)
		for (unsigned b = 0; b < COARSE_BUCKETS; b++) {
			uint32_t n = slice(p, i)->service[b];
			double y0, y1;

			if (!n || shade_of(n, most_of) != shade)
				continue;
			y0 = y_of(p, log10((double)coarse_lower(b) + 1));
			y1 = y_of(p, log10((double)(coarse_upper(b) == UINT64_MAX
							    ? slice(p, i)->service_max
							    : coarse_upper(b)) +
					   2));
			fprintf(p->to, "M%.1f %.1fh%.1fv%.1fh-%.1fz", x_of(p, p->first + i), y1, w,
				y0 - y1, w);
		}
	fputs("\"/>\n", p->to);
}

static void heat_map(const struct plot *p)
{
	uint32_t most_of = hottest(p);

	for (unsigned s = 0; s < SHADES; s++)
		heat_cells(p, s, most_of);
	fprintf(p->to, "<text x=\"%d\" y=\"%.0f\">1</text>", LEFT + PLOT - 206, p->top - 6);
	for (unsigned s = 0; s < SHADES; s++)
		fprintf(p->to,
			"<rect class=\"h%u\" x=\"%d\" y=\"%.0f\" width=\"12\" height=\"10\"/>", s,
			LEFT + PLOT - 196 + 12 * (int)s, p->top - 15);
	fprintf(p->to, "<text x=\"%d\" y=\"%.0f\">%" PRIu32 " requests</text>\n", LEFT + PLOT - 96,
		p->top - 6, most_of);
	axis_x(p);
}

/* --- a device --- */

static bool find_range(struct plot *p)
{
	unsigned last = 0;

	p->first = p->d->nslices;
	for (unsigned i = 0; i < p->d->nslices; i++) {
		if (!p->d->slice[i].popped && !p->d->slice[i].used)
			continue;
		p->first = i < p->first ? i : p->first;
		last = i;
	}
	p->n = p->first < p->d->nslices ? last - p->first + 1 : 0;
	return p->n && p->d->counts.used;
}

/* A device is drawn if it completed requests, or should have. */
static bool is_drawn(struct plot *p, bool *stalled)
{
	stats_device_stall_max(p->v->stats, p->d, stalled);
	return find_range(p) || *stalled;
}

static void title(struct plot *p, const struct model_device *dev, double y)
{
	bool stalled;
	uint64_t ns = stats_device_stall_max(p->v->stats, p->d, &stalled);
	TEXT(t, 128);

	if (stalled) {
		text_add(&t, "; %u in flight, nothing completed for the last ", p->d->flight);
		text_duration(&t, ns);
	}
	fprintf(p->to,
		"<text class=\"t\" x=\"%d\" y=\"%.0f\">%s: %s, %" PRIu64
		" requests; slices of %g ms%s</text>\n",
		LEFT, y + 18, dev->name, dev->class ? dev->class->title : "virtio device",
		p->d->counts.used, p->slice_s * 1000, t.buf);
}

static void begin_panel(struct plot *p, double *y, double height, const char *title)
{
	p->top = *y + GAP - 10;
	p->height = height;
	*y += height + GAP;
	frame(p, title);
}

/* Over time. */
static void draw_panels(struct plot *p, double y)
{
	y += TITLE;
	begin_panel(p, &y, PANEL, "requests a second");
	axis_linear(p, highest(p, rate_curves));
	curves(p, rate_curves);
	begin_panel(p, &y, PANEL, "MiB a second");
	axis_linear(p, highest(p, byte_curves));
	curves(p, byte_curves);
	begin_panel(p, &y, PANEL, "latency, popped to used");
	axis_log(p);
	curves(p, latency_curves);
	begin_panel(p, &y, HEAT, "latency, popped to used: how many requests");
	axis_log(p);
	heat_map(p);
}

static void draw_device(struct plot *p, const struct model_device *dev, double y)
{
	title(p, dev, y);
	if (find_range(p))
		draw_panels(p, y);
	if (plot_stages_height(p->d->stages))
		plot_stages(p->to, p->d->stages, dev->name, y + DEVICE);
}

static unsigned height_of(const struct plot *p)
{
	return DEVICE + plot_stages_height(p->d->stages);
}

static void head(FILE *to, unsigned height, bool staged)
{
	static const char style[] =
		"text{font:11px sans-serif;fill:#000}.t{font:bold 14px sans-serif}.b{font-weight:bold}"
		".x{text-anchor:middle}.y{text-anchor:end}.f{fill:none;stroke:#000;stroke-width:1}"
		".g{fill:none;stroke:#ccc;stroke-width:.5}.l1,.l2,.l3{fill:none;stroke:#000}"
		".l1{stroke-width:1.8}.l2{stroke-width:1.4;stroke-dasharray:6 3}"
		".l3{stroke-width:1.2;stroke-dasharray:1.5 2.5}";
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
		"height=\"%u\">\n<style>%s",
		WIDTH, height, WIDTH, height, style);
	for (unsigned s = 0; s < SHADES; s++) {
		unsigned grey = 0xe0 - 0xe0 * s / (SHADES - 1);

		fprintf(to, ".h%u{fill:#%02x%02x%02x}", s, grey, grey, grey);
	}
	if (staged)
		fputs(".s{fill:none;stroke:#000;stroke-width:.6}", to);
	fprintf(to, "</style>\n<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n", WIDTH, height);
	if (staged)
		plot_stages_patterns(to);
}

int plot_svg(FILE *to, const struct stat_view *v)
{
	struct plot p = {
		.to = to,
		.v = v,
		.slice_s = (double)stats_total(v->stats)->slice_ns / 1e9,
		.begin_s = (double)stats_slice_start(v->stats, 0) / 1e9,
	};
	unsigned height = 0, at = 0;
	bool stalled, staged = false, unseen = false;

	for (unsigned i = 0; (p.d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, p.d->id);

		unseen |= dev && dev->no_rings;
		if (!is_drawn(&p, &stalled) || !dev)
			continue;
		height += height_of(&p);
		staged |= plot_stages_height(p.d->stages);
	}
	head(to, height ? height : 60, staged);
	if (!height)
		fprintf(to, "<text x=\"20\" y=\"34\">%s</text>\n",
			unseen ? "requests are not in the trace: KVM does not show them"
			       : "no requests were completed");
	for (unsigned i = 0; (p.d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, p.d->id);

		if (!dev || !is_drawn(&p, &stalled))
			continue;
		draw_device(&p, dev, at);
		at += height_of(&p);
	}
	return fputs("</svg>\n", to) < 0 || ferror(to) ? -EIO : 0;
}
