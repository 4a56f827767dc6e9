/* SPDX-License-Identifier: MIT */
/*
 * Filters (`-Y`): conditions on an event, in the names of decoder/fields/fields.h.
 *
 *   device == blk0 && (event == kick || request.type == flush)
 *   used.latency > 10ms and not queue in {0, 2..4}
 *   register.field == device_status && register.value & FEATURES_OK
 *
 * A filter is compiled and checked once.  A name or a type that cannot be right is an error
 * with its column, so no filter silently matches nothing.  Matching does not allocate.
 */
#ifndef VQT_DECODER_FILTER_FILTER_H
#define VQT_DECODER_FILTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/model/model.h"

/* Longer texts are refused. */
#define FILTER_TEXT_MAX 65536

struct filter;

struct filter_error {
	int column; /* of the text, in bytes from 1; 0 if it is nowhere in particular */
	int length; /* bytes that are meant */
	char text[320]; /* cause and, where there is one, the remedy */
};

/* 0; -EINVAL or -ENOMEM with err filled in, and *out NULL. */
int filter_compile(struct filter **out, const char *text, struct filter_error *err);
bool filter_match(const struct filter *f, const struct event *e);
void filter_free(struct filter *f);

/*
 * The error for people, in three lines without a newline at the end: the error, the text
 * near the place, a caret under the place.
 */
char *filter_error_format(char *buf, size_t len, const char *text, const struct filter_error *err);

#endif
