/* SPDX-License-Identifier: MIT */
/* Axes: which slices of time are where, with idle time cut out; durations and numbers. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "decoder/report/svg_impl.h"
#include "decoder/util/text.h"

#define CUT 26 /* pixels of a piece of time that is left out */
#define LABEL 76 /* that a label on the time axis takes, at least */
#define TICKS 8
#define UPRIGHT 80 /* that a cut's label takes */

/* --- the range, and the cuts in it --- */

/* After the last request, the time that others are in flight is shown where it is that of all events. */
static bool is_shown(const struct plot *p, const struct stats_slice *s)
{
	return s->popped || s->used || (s->flight_ns && !p->v->filter);
}

/* Idle slices after one of those shown. */
static uint64_t idle_after(const struct plot *p, unsigned i)
{
	return i + 1 < p->n ? plot_slice(p, i + 1)->index - plot_slice(p, i)->index - 1 : 0;
}

static void find_cuts(struct plot *p, uint64_t least)
{
	p->ncuts = 0;
	p->slices = p->n;
	for (unsigned i = 0; i < p->n; i++) {
		uint64_t idle = idle_after(p, i);

		if (idle < least)
			p->slices += idle;
		else
			p->cut[p->ncuts++] = (struct plot_cut){ .after = i, .n = idle };
	}
	p->cut_width = fmin(CUT, SVG_PLOT / 2.0 / (p->ncuts ? p->ncuts : 1));
}

/* Cut out what would take clearly more room than what marks it. */
static void choose_cuts(struct plot *p)
{
	uint64_t least = 3;

	for (find_cuts(p, least); p->ncuts; find_cuts(p, least)) {
		double wide = (SVG_PLOT - p->cut_width * p->ncuts) / (double)p->slices;

		if ((double)least * wide >= 2 * CUT)
			break;
		least += least / 2;
	}
}

/* Cuts are of one width, and the slices share the rest. */
static void place(struct plot *p)
{
	double x = SVG_LEFT, wide;
	unsigned c = 0;

	wide = (SVG_PLOT - p->cut_width * p->ncuts) / (double)p->slices;
	for (unsigned i = 0; i < p->n; i++) {
		p->x[i] = x;
		x += wide;
		p->end[i] = x;
		if (c < p->ncuts && p->cut[c].after == i) {
			p->cut[c++].x = x;
			x += p->cut_width;
		} else {
			x += wide * (double)idle_after(p, i);
		}
	}
}

bool plot_range(struct plot *p)
{
	unsigned last = 0;

	p->first = p->d->nslices;
	for (unsigned i = 0; i < p->d->nslices; i++) {
		if (!is_shown(p, &p->d->slice[i]))
			continue;
		p->first = i < p->first ? i : p->first;
		last = i;
	}
	p->n = p->first < p->d->nslices ? last - p->first + 1 : 0;
	p->left = SVG_LEFT;
	p->width = SVG_PLOT;
	if (!p->n || !p->d->counts.used)
		return false;
	choose_cuts(p);
	place(p);
	return true;
}

/* --- values --- */

double plot_y(const struct plot *p, double v)
{
	double at = (v - p->low) / (p->high - p->low);

	return p->top + p->height * (1 - (at < 0 ? 0 : at > 1 ? 1 : at));
}

double plot_log(uint64_t ns)
{
	return log10((double)ns + 1);
}

/* 1, 2 or 5 times a power of ten, not below v. */
static double nice(double v)
{
	double unit = pow(10, floor(log10(v))), r = v / unit;

	return unit * (r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10);
}

void plot_frame(const struct plot *p, const char *title)
{
	fprintf(p->to,
		"<rect class=\"f\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"/>\n"
		"<text class=\"b\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
		p->left, p->top, p->width, p->height, p->left, p->top - 6, title);
}

static void label_y(const struct plot *p, double v, const char *text)
{
	double y = plot_y(p, v);

	fprintf(p->to,
		"<path class=\"g\" d=\"M%.0f %.1fh%.0f\"/><text class=\"y\" x=\"%.0f\" "
		"y=\"%.1f\">%s</text>\n",
		p->left, y, p->width, p->left - 6, y + 4, text);
}

void plot_axis_linear(struct plot *p, double most)
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

void plot_axis_log(struct plot *p, uint64_t least, uint64_t most)
{
	p->low = fmin(floor(log10((double)(least ? least : 1))), 18);
	p->high = fmin(ceil(plot_log(most)), 19); /* what 64 bits hold */
	if (p->high <= p->low)
		p->high = p->low + 1;
	for (double v = p->low; v <= p->high; v++) {
		TEXT(t, 24);

		text_duration(&t, (uint64_t)(pow(10, v) + 0.5));
		label_y(p, v, t.buf);
	}
}

/* --- time --- */

void plot_begin_zoom(const struct plot *p)
{
	fprintf(p->to,
		"<svg class=\"z\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" viewBox=\"%d "
		"%.1f %d %.1f\" preserveAspectRatio=\"none\">\n",
		SVG_LEFT, p->top, SVG_PLOT, p->height, SVG_LEFT, p->top, SVG_PLOT, p->height);
}

void plot_end_zoom(const struct plot *p)
{
	fputs("</svg>\n", p->to);
}

double plot_seconds(const struct plot *p, unsigned i)
{
	return p->begin_s + (double)plot_slice(p, i)->index * p->slice_s;
}

/* The wall clock at a time since the trace began; false: the trace does not tell. */
static bool wall_clock(const struct plot *p, double s, struct tm *tm, unsigned *ns)
{
	int64_t wall = model_wall(p->v->model);
	uint64_t at =
		stats_total(p->v->stats)->start_ts + (uint64_t)wall + (uint64_t)(s * 1e9 + 0.5);
	time_t t = (time_t)(at / 1000000000);

	*ns = (unsigned)(at % 1000000000);
	return wall && localtime_r(&t, tm);
}

double plot_wall_begin(const struct plot *p)
{
	struct tm tm;
	unsigned ns;

	if (!wall_clock(p, 0, &tm, &ns))
		return -1;
	return tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec + ns / 1e9;
}

void plot_text_wall(struct text *t, const struct plot *p)
{
	struct tm tm;
	unsigned ns;
	char buf[64];

	if (wall_clock(p, p->n ? plot_seconds(p, 0) : 0, &tm, &ns) &&
	    strftime(buf, sizeof(buf), "%Y-%m-%d, UTC%z", &tm))
		text_add(t, "wall clock of %s", buf);
}

static void label_x(const struct plot *p, double x, double s, int decimals)
{
	double y = p->top + p->height;
	static const unsigned parts[] = { 1000000000, 100000000, 10000000, 1000000, 100000,
					  10000,      1000,	 100,	   10,	    1 };
	struct tm tm;
	unsigned ns;
	char buf[32];

	decimals = decimals > 9 ? 9 : decimals;
	fprintf(p->to,
		"<g class=\"tick\"><path class=\"f\" d=\"M%.1f %.0fv4\"/><text class=\"x\" x=\"%.1f\" "
		"y=\"%.0f\">%.*f s</text>",
		x, y, x, y + 14, decimals, s);
	if (wall_clock(p, s, &tm, &ns) && strftime(buf, sizeof(buf), "%H:%M:%S", &tm)) {
		fprintf(p->to, "<text class=\"x w\" x=\"%.1f\" y=\"%.0f\">%s", x, y + 25, buf);
		if (decimals)
			fprintf(p->to, ".%0*u", decimals, ns / parts[decimals]);
		fputs("</text>", p->to);
	}
	fputs("</g>\n", p->to);
}

/* Labels of a piece of the axis without a cut, to its last slice; returns where the last one is. */
static double label_piece(const struct plot *p, unsigned first, unsigned until, double step,
			  double last)
{
	double from = plot_seconds(p, first), to = plot_seconds(p, until) + p->slice_s;
	double scale = (p->end[until] - p->x[first]) / (to - from);
	int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);

	/* where no tick falls into it, its begin is one */
	if (ceil(from / step - 1e-9) * step > to && p->x[first] >= last + LABEL) {
		last = p->x[first];
		label_x(p, last, from, decimals);
	}
	for (double t = ceil(from / step - 1e-9) * step; t <= to + step / 1000; t += step) {
		double x = p->x[first] + (t - from) * scale;

		if (x < last + LABEL)
			continue;
		label_x(p, x, t, decimals);
		last = x;
	}
	return last;
}

/* Hatched, and how long it is, where there is room for that. */
static void mark_cut(const struct plot *p, const struct plot_cut *c)
{
	double left = c->x, right = c->x + p->cut_width, y = p->top + p->height;
	TEXT(t, 24);

	text_duration(&t, (uint64_t)((double)c->n * p->slice_s * 1e9));
	plot_begin_zoom(p);
	fprintf(p->to,
		"<g><title>%s without a request, left out</title><rect class=\"cut\" x=\"%.1f\" "
		"y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
		t.buf, left, p->top, right - left, p->height);
	for (double at = y - 3; at > p->top; at -= 8)
		fprintf(p->to, "<path class=\"c\" d=\"M%.1f %.1fL%.1f %.1f\"/>", left + 2, at,
			right - 2, fmax(at - 6, p->top));
	fputs("</g>\n", p->to);
	plot_end_zoom(p);
	if (p->height >= UPRIGHT)
		fprintf(p->to,
			"<text class=\"x gap\" data-x=\"%.1f\" transform=\"translate(%.1f,%.1f) "
			"rotate(-90)\">%s idle</text>\n",
			(left + right) / 2, (left + right) / 2 + 3, p->top + p->height / 2, t.buf);
}

/* The slice that the piece of the axis ends with which begins with this one. */
static unsigned piece_end(const struct plot *p, unsigned piece)
{
	return piece < p->ncuts ? p->cut[piece].after : p->n - 1;
}

void plot_axis_time(const struct plot *p)
{
	double step = nice((double)p->slices * p->slice_s / TICKS), last = -LABEL;
	unsigned at = 0;

	fputs("<g class=\"axis\">\n", p->to);
	for (unsigned c = 0; c <= p->ncuts; c++) {
		last = label_piece(p, at, piece_end(p, c), step, last);
		at = piece_end(p, c) + 1;
	}
	fputs("</g>\n", p->to);
	for (unsigned c = 0; c < p->ncuts; c++)
		mark_cut(p, &p->cut[c]);
}

void plot_pieces(const struct plot *p)
{
	unsigned at = 0;

	for (unsigned c = 0; c <= p->ncuts; c++) {
		unsigned until = piece_end(p, c);

		fprintf(p->to, "%s%.2f,%.2f,%.9f,%.9f", c ? " " : "", p->x[at], p->end[until],
			plot_seconds(p, at), plot_seconds(p, until) + p->slice_s);
		at = until + 1;
	}
}
