/* SPDX-License-Identifier: MIT */
/*
 * A report of a trace as one page of HTML: the figures of `stat`, pictures, findings, the slowest
 * requests with their events.  It is whole in itself: it asks no network for anything, and needs no
 * script, which only zooms.  Names of guests and users are escaped.
 */
#ifndef VQT_DECODER_REPORT_HTML_H
#define VQT_DECODER_REPORT_HTML_H

#include <stdio.h>

#include "decoder/report/slow.h"
#include "decoder/stats/print.h"

/* of: the name of the trace, bytes that nothing was checked of.  0, -EIO or -ENOMEM. */
int report_html(FILE *to, const struct stat_view *v, const struct slow *slow, const char *of);

#endif
