/* SPDX-License-Identifier: MIT */
/*
 * Writing XML 1.0.  Whatever bytes it is given, what comes out is well-formed UTF-8: markup is
 * escaped, and what text_untrusted() does not leave as it is, XML could not hold either, or readers
 * should not get it.
 */
#ifndef VQT_DECODER_UTIL_XML_H
#define VQT_DECODER_UTIL_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define XML_DEPTH 8 /* elements within each other; what is opened beyond it is left out */

/* A document, one element a line.  Writes may fail: the caller looks at ferror(to). */
struct xml {
	FILE *to; /* borrowed */
	const char *name[XML_DEPTH]; /* of the elements that are open; borrowed until they end */
	unsigned depth;
	bool tag; /* the start tag of the innermost can still have attributes */
	bool text; /* the innermost has text: its end tag stands right behind it */
};

/* The declaration. */
void xml_begin(struct xml *w, FILE *to);
/* name: of our own, not escaped. */
void xml_open(struct xml *w, const char *name);
/* Right behind xml_open(); key: of our own, not escaped. */
void xml_attribute(struct xml *w, const char *key, const char *value);
void xml_attribute_u64(struct xml *w, const char *key, uint64_t value);
/* Text of the innermost element; its ends of lines stay. */
void xml_text(struct xml *w, const char *s);
/* The innermost element ends. */
void xml_close(struct xml *w);

/* Bytes of unknown origin as text or as an attribute's value in double quotes. */
void xml_escape(FILE *to, const char *bytes, size_t len);

#endif
