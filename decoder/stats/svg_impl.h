/* SPDX-License-Identifier: MIT */
/* Internal to the picture of statistics (decoder/stats/svg.h). */
#ifndef VQT_DECODER_STATS_SVG_IMPL_H
#define VQT_DECODER_STATS_SVG_IMPL_H

#include <stdio.h>

#include "decoder/stats/stages.h"

/* Pixels. */
#define SVG_LEFT 76
#define SVG_PLOT 780
#define SVG_GAP 34

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
