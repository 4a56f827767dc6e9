/* SPDX-License-Identifier: MIT */
/* Which of several forms of a page an HTTP client asks for (RFC 9110, 12.5.1). */
#ifndef VQT_CLI_METRICS_ACCEPT_H
#define VQT_CLI_METRICS_ACCEPT_H

struct media {
	const char *type; /* "text/plain", in lower case */
	const char *version; /* the value of that parameter in Accept, if there is one: "0.0.4" */
	const char *content_type; /* of the answer, with parameters */
};

/*
 * The index of the media type that a client prefers which sends this Accept header (NULL: none).
 * The first one is for those that accept anything, and for those that accept none of them: they
 * get what they can read more often than an error.  Where two are wanted as much, one that is named
 * goes before one that a wildcard means, then the later one.  Hostile headers are expected.
 */
unsigned accept_choose(const char *accept, const struct media *media, unsigned n);

#endif
