/* SPDX-License-Identifier: MIT */
/* A device's picture: its panels, one below the other; and all devices in one file. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/report/svg.h"
#include "decoder/report/svg_impl.h"
#include "decoder/util/text.h"

#define TITLE 44
#define BOTTOM 10

static const struct plot_panel *const kinds[] = { plot_curves, plot_heats };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A device is drawn if it completed requests, or should have. */
static bool is_drawn(struct plot *p, bool *stalled)
{
	stats_device_stall_max(p->v->stats, p->d, stalled);
	return plot_range(p) || *stalled;
}

static void title(struct plot *p, double y)
{
	bool stalled;
	uint64_t ns = stats_device_stall_max(p->v->stats, p->d, &stalled);
	TEXT(t, 128);
	TEXT(wall, 80);
	TEXT(slice, 24);

	if (stalled) {
		text_add(&t, "; %u in flight, nothing completed for the last ", p->d->flight);
		text_duration(&t, ns);
	}
	if (!p->page)
		fprintf(p->to,
			"<text class=\"t\" x=\"%d\" y=\"%.0f\">%s: %s, %" PRIu64
			" requests%s</text>\n",
			SVG_LEFT, y + 18, p->dev->name,
			p->dev->class ? p->dev->class->title : "virtio device", p->d->counts.used,
			t.buf);
	plot_text_wall(&wall, p);
	text_duration(&slice, (uint64_t)(p->slice_s * 1e9 + 0.5));
	fprintf(p->to,
		"<text class=\"w\" x=\"%d\" y=\"%.0f\">slices of %s%s; seconds since the trace began%s%s"
		"</text>\n",
		SVG_LEFT, y + 34, slice.buf, p->ncuts ? ", idle time cut out" : "",
		wall.len ? ", " : "", wall.buf);
}

/* --- over time --- */

static double panels_height(const struct plot *p)
{
	double height = 0;

	for (unsigned k = 0; k < KINDS; k++)
		for (const struct plot_panel *panel = kinds[k]; panel->title; panel++) {
			unsigned h = panel->height(p);

			height += h ? h + SVG_AXIS : 0;
		}
	return height;
}

static void put_time(const char *what, bool known, uint64_t ns, struct text *t)
{
	if (!known)
		return;
	text_add(t, "\n%s ", what);
	text_duration(t, ns);
}

/* What browsers show below the pointer. */
static void put_title(const struct plot *p, unsigned i)
{
	const struct stats_slice *s = plot_slice(p, i);
	double from = plot_seconds(p, i);
	TEXT(t, 400);

	text_add(&t, "from %.6g s, for %.6g s\n%" PRIu64 " requests completed", from, p->slice_s,
		 s->used);
	if (s->errors)
		text_add(&t, ", %" PRIu64 " failed", s->errors);
	if (!p->d->tallied)
		text_add(&t, "\n%" PRIu64 " in flight at most", s->flight_max);
	put_time("least", s->timed, s->service_min, &t);
	put_time("p50", s->timed, coarse_percentile(s->service, 500000, s->service_max), &t);
	put_time("p99", s->timed, coarse_percentile(s->service, 990000, s->service_max), &t);
	put_time("most", s->timed, s->service_max, &t);
	put_time("waited p50", s->waited, coarse_percentile(s->wait, 500000, s->wait_max), &t);
	put_time("waited at most", s->waited, s->wait_max, &t);
	fprintf(p->to,
		"<rect class=\"hit\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\">"
		"<title>%s</title></rect>\n",
		p->x[i], p->top, p->end[i] - p->x[i], p->height, t.buf);
}

static void put_titles(struct plot *p, double top, double bottom)
{
	p->top = top;
	p->height = bottom - top;
	plot_begin_zoom(p);
	for (unsigned i = 0; i < p->n; i++)
		put_title(p, i);
	plot_end_zoom(p);
}

static double draw_panels(struct plot *p, double y)
{
	double top = y + SVG_GAP - 10;

	for (unsigned k = 0; k < KINDS; k++)
		for (const struct plot_panel *panel = kinds[k]; panel->title; panel++) {
			unsigned h = panel->height(p);

			if (!h)
				continue;
			p->top = y + SVG_GAP - 10;
			p->height = h;
			plot_frame(p, p->dev->by_driver && panel->by_driver ? panel->by_driver
									    : panel->title);
			panel->draw(p);
			plot_axis_time(p);
			y += h + SVG_AXIS;
		}
	if (p->page)
		put_titles(p, top, p->top + p->height);
	return y;
}

/* --- a device --- */

static unsigned height_of(struct plot *p)
{
	bool any = plot_range(p);

	return TITLE + BOTTOM +
	       (unsigned)(any ? panels_height(p) + plot_percentiles_height(p) : 0) +
	       plot_stages_height(p->d->stages);
}

static void draw_device(struct plot *p, double y)
{
	bool any = plot_range(p);

	title(p, y);
	y += TITLE;
	if (any) {
		y = draw_panels(p, y);
		if (plot_percentiles_height(p))
			plot_percentiles(p, y);
		y += plot_percentiles_height(p);
	}
	if (plot_stages_height(p->d->stages))
		plot_stages(p->to, p->d->stages, p->dev->name, y);
}

static struct plot plot_of(FILE *to, const struct stat_view *v)
{
	return (struct plot){
		.to = to,
		.v = v,
		.slice_s = (double)stats_total(v->stats)->slice_ns / 1e9,
		.begin_s = (double)stats_slice_start(v->stats, 0) / 1e9,
	};
}

static const char *why_none(bool unseen)
{
	return unseen ? "requests are not in the trace: KVM does not show them"
		      : "no requests were completed";
}

void plot_device(FILE *to, const struct stat_view *v, const struct stats_device *d)
{
	struct plot p = plot_of(to, v);
	unsigned height;
	bool stalled;

	p.d = d;
	p.dev = model_device(v->model, d->id);
	p.page = true;
	if (!p.dev || !is_drawn(&p, &stalled)) {
		fprintf(to, "<p>No picture: %s.</p>\n", why_none(p.dev && p.dev->no_rings));
		return;
	}
	height = height_of(&p);
	fprintf(to,
		"<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" role=\"img\" "
		"aria-label=\"%s over time\" data-left=\"%d\" data-width=\"%d\" data-wall=\"%.6f\" "
		"data-pieces=\"",
		SVG_WIDTH, height, p.dev->name, SVG_LEFT, SVG_PLOT, plot_wall_begin(&p));
	if (p.n && p.d->counts.used)
		plot_pieces(&p);
	fputs("\">\n", to);
	draw_device(&p, 0);
	fputs("</svg>\n", to);
}

void plot_patterns(FILE *to)
{
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" height=\"0\" "
	      "aria-hidden=\"true\" style=\"position:absolute\">\n",
	      to);
	plot_stages_patterns(to);
	fputs("</svg>\n", to);
}

/* --- a file of its own --- */

static void head(FILE *to, unsigned height, bool staged)
{
	static const struct plot_colors grey = {
		.ink = "#000",
		.paper = "#fff",
		.grid = "#ccc",
		.faint = "#666",
		.line = { "#000", "#000", "#000", "#000", "#000" },
	};

	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
		"height=\"%u\">\n<style>",
		SVG_WIDTH, height, SVG_WIDTH, height);
	plot_style(to, &grey);
	fprintf(to, "</style>\n<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n", SVG_WIDTH,
		height);
	if (staged)
		plot_stages_patterns(to);
}

int plot_svg(FILE *to, const struct stat_view *v)
{
	struct plot p = plot_of(to, v);
	unsigned height = 0, at = 0;
	bool stalled, staged = false, unseen = false;

	for (unsigned i = 0; (p.d = stats_device_nth(v->stats, i)); i++) {
		p.dev = model_device(v->model, p.d->id);
		unseen |= p.dev && p.dev->no_rings;
		if (!p.dev || !is_drawn(&p, &stalled))
			continue;
		height += height_of(&p);
		staged |= plot_stages_height(p.d->stages);
	}
	head(to, height ? height : 60, staged);
	if (!height)
		fprintf(to, "<text x=\"20\" y=\"34\">%s</text>\n", why_none(unseen));
	for (unsigned i = 0; (p.d = stats_device_nth(v->stats, i)); i++) {
		p.dev = model_device(v->model, p.d->id);
		if (!p.dev || !is_drawn(&p, &stalled))
			continue;
		draw_device(&p, at);
		at += height_of(&p);
	}
	return fputs("</svg>\n", to) < 0 || ferror(to) ? -EIO : 0;
}
