/* SPDX-License-Identifier: MIT */
/* top without a screen: tables or JSON to standard output, or figures by HTTP. */
#ifndef VQT_CLI_TOP_BATCH_H
#define VQT_CLI_TOP_BATCH_H

#include <stdio.h>

#include "cli/metrics/http.h"
#include "cli/top/feed.h"

/* One tick; 0 or negative errno of a write. */
int top_print_text(FILE *to, const struct top_core *c, const struct top_feed *s);
int top_print_json(FILE *to, const struct top_core *c, const struct top_feed *s);

/*
 * Serve the counts for Prometheus at ADDR:PORT (an address without a port: 9752).  The core is
 * borrowed until http_close(), and looked at only inside http_poll(), which answers what has come and
 * never waits.  CLI_OK or CLI_TROUBLE, having said why.
 */
int top_prom_open(struct http **out, const char *where, struct top_core *c);

#endif
