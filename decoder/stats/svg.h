/* SPDX-License-Identifier: MIT */
/* Statistics over time as a picture: throughput, latency, a heat map of latency. */
#ifndef VQT_DECODER_STATS_SVG_H
#define VQT_DECODER_STATS_SVG_H

#include <stdio.h>

#include "decoder/stats/print.h"

/*
 * An SVG of every device that completed requests, one below the other.  It needs
 * no colour and no script: lines differ in their strokes, the heat map in shades
 * of grey.  0 or -EIO.
 */
int plot_svg(FILE *to, const struct stat_view *v);

#endif
