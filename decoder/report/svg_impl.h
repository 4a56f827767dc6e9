/* SPDX-License-Identifier: MIT */
/* Internal to the pictures of statistics (decoder/report/svg.h). */
#ifndef VQT_DECODER_REPORT_SVG_IMPL_H
#define VQT_DECODER_REPORT_SVG_IMPL_H

#include <stdio.h>

#include "decoder/report/svg.h"
#include "decoder/stats/stages.h"

/* Pixels. */
#define SVG_LEFT 76
#define SVG_PLOT 780
#define SVG_RIGHT 24
#define SVG_WIDTH (SVG_LEFT + SVG_PLOT + SVG_RIGHT)
#define SVG_GAP 34
#define SVG_AXIS 46 /* between two panels: the axis of one, the title of the next */
#define SVG_SHADES 8

/* Idle time which the axis leaves out. */
struct plot_cut {
	unsigned after; /* the slice before it, of those shown */
	uint64_t n; /* slices that it would be */
	double x; /* where its mark begins; pixels */
};

/* One device's time axis, and the panel being drawn. */
struct plot {
	FILE *to;
	const struct stat_view *v;
	const struct stats_device *d;
	const struct model_device *dev;
	bool page; /* on a page, which may zoom it, and has titles that appear below the pointer */
	double slice_s; /* width of a slice, seconds */
	double begin_s; /* of slice 0 */
	unsigned first, n; /* slices shown */
	double x[STATS_SLICES], end[STATS_SLICES]; /* where each begins and ends, pixels */
	struct plot_cut cut[STATS_SLICES];
	unsigned ncuts;
	double cut_width;
	uint64_t slices; /* on the axis, idle ones that are not cut out included */
	double top, height; /* of the panel, pixels */
	double left, width; /* likewise */
	double low, high; /* values at its bottom and top; logarithmic: their log10 */
};

static inline const struct stats_slice *plot_slice(const struct plot *p, unsigned i)
{
	return &p->d->slice[p->first + i];
}

/* --- axes (decoder/report/svg_axis.c) --- */

/* Which slices are shown, and where; false: the device completed nothing, and has nothing in flight. */
bool plot_range(struct plot *p);
/* When a slice begins, of those shown. */
double plot_seconds(const struct plot *p, unsigned i);
/* The frame of the panel, and its title, which is ours. */
void plot_frame(const struct plot *p, const char *title);
double plot_y(const struct plot *p, double v);
/* What lies between these belongs to the time axis, and is scaled with it. */
void plot_begin_zoom(const struct plot *p);
void plot_end_zoom(const struct plot *p);
/* Time below the panel: since the trace began and, where the trace says it, by the wall clock. */
void plot_axis_time(const struct plot *p);
/* From 0 to a bit more than `most`. */
void plot_axis_linear(struct plot *p, double most);
/* Of durations, ns. */
void plot_axis_log(struct plot *p, uint64_t least, uint64_t most);
/* The same where on it: log10. */
double plot_log(uint64_t ns);
/* "x0,x1,t0,t1 ...": pixels and seconds of each piece of the axis. */
void plot_pieces(const struct plot *p);
/* The time of day, in seconds by the wall clock, at which the trace began; -1: unknown. */
double plot_wall_begin(const struct plot *p);
/* The day and the time zone of the wall clock, if it is known. */
void plot_text_wall(struct text *t, const struct plot *p);

/* --- panels: 0 pixels high where there is nothing to draw --- */

struct plot_panel {
	const char *title, *by_driver; /* the latter of the driver's view; NULL: the same */
	unsigned (*height)(const struct plot *p);
	void (*draw)(struct plot *p);
};
extern const struct plot_panel plot_curves[]; /* decoder/report/svg_curves.c; ends with NULL */
extern const struct plot_panel plot_heats[]; /* decoder/report/svg_heat.c */

/* Percentiles of the spans of requests, of types and of queues (decoder/report/svg_percentiles.c). */
unsigned plot_percentiles_height(const struct plot *p);
void plot_percentiles(struct plot *p, double y);

/*
 * Where requests spent their time: a column for those of about one duration, from the fastest to
 * the slowest, in which each stage has its share; with a legend, and in words.  s may be NULL, or
 * have no requests: then there is nothing to draw.
 */
unsigned plot_stages_height(const struct stats_stages *s); /* 0: nothing to draw */
/* The patterns that fill the stages, once in a picture that has stages. */
void plot_stages_patterns(FILE *to);
/* At height y; device: its name, which is safe in XML. */
void plot_stages(FILE *to, const struct stats_stages *s, const char *device, double y);

#endif
