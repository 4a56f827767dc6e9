/* SPDX-License-Identifier: MIT */
/* Internal to the page (decoder/report/html.h). */
#ifndef VQT_DECODER_REPORT_HTML_IMPL_H
#define VQT_DECODER_REPORT_HTML_IMPL_H

#include "decoder/report/html.h"
#include "decoder/util/text.h"

/* Text of unknown origin, escaped. */
void html_text(FILE *to, const char *s);
/* A duration, with its ns for programs: <data>. */
void html_duration(FILE *to, const char *name, uint64_t ns);
void html_count(FILE *to, const char *name, uint64_t n);

/* One device's section: figures, picture, findings. */
int html_device(FILE *to, const struct stat_view *v, const struct stats_device *d,
		const struct model_device *dev);
/* The slowest requests. */
void html_slow(FILE *to, const struct stat_view *v, const struct slow *slow);

extern const char html_script[];

#endif
