/* SPDX-License-Identifier: MIT */
/*
 * Statistics over time as a picture: throughput, requests in flight, latency and waiting, a heat map
 * of latency, requests by queue and type, percentiles, stages.
 *
 * A device has at most STATS_SLICES points: each is a slice of time with its least, median and most,
 * so that joining slices loses no extreme.  What is known only from below is in none of them.
 */
#ifndef VQT_DECODER_REPORT_SVG_H
#define VQT_DECODER_REPORT_SVG_H

#include <stdio.h>

#include "decoder/stats/print.h"

/*
 * An SVG of every device that completed requests, one below the other.  It needs
 * no colour and no script: lines differ in their strokes, the heat map in shades
 * of grey.  0 or -EIO.
 */
int plot_svg(FILE *to, const struct stat_view *v);

/*
 * The same of one device for an HTML page, without a style of its own: an <svg class="plot">, or a
 * paragraph that says why there is none.
 * What lies on the time axis is in <svg class="z"> inside, and the attribute data-pieces has the axis.
 */
void plot_device(FILE *to, const struct stat_view *v, const struct stats_device *d);
/* The patterns that the stages of all of them are filled with; to be on the page before them. */
void plot_patterns(FILE *to);
/* The style of strokes, texts and fills, where `ink` and so on are CSS colours. */
struct plot_colors {
	const char *ink, *paper, *grid, *faint;
	const char *line[5]; /* of curves */
	const char *shade[2]; /* of the heat map: a request, and the most */
};
void plot_style(FILE *to, const struct plot_colors *c);

#endif
