/* SPDX-License-Identifier: MIT */
/*
 * A page that is served by HTTP, between other work and without a thread.  Clients are not trusted:
 * each has few bytes and seconds, and those that do nothing make room for those that ask.
 */
#ifndef VQT_CLI_METRICS_HTTP_H
#define VQT_CLI_METRICS_HTTP_H

#include <stddef.h>

#include "cli/metrics/accept.h"

struct http;

struct http_site {
	const char *option; /* as the user gave it: "--prometheus" */
	const char *port; /* where the address has none */
	const char *path; /* of the page: "/metrics" */
	const char *root; /* what "/" says */
	const struct media *media; /* the forms of the page, of which clients choose */
	unsigned nmedia;
	/* The page in this form, malloced; NULL: no memory. */
	char *(*page)(void *ctx, unsigned media, size_t *len);
};

/*
 * Listen at ADDR:PORT, [ADDR]:PORT, ADDR or :PORT (the loopback address).  There, a request must name
 * this machine as its host: a page from elsewhere in somebody's browser cannot read it.  site is
 * borrowed.  CLI_OK, or CLI_TROUBLE, and the reason was printed.
 */
int http_open(struct http **out, const struct http_site *site, const char *where, void *ctx);
/* Serve what asks now; to be called often. */
void http_poll(struct http *h);
void http_close(struct http *h); /* NULL is fine */

#endif
