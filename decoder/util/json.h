/* SPDX-License-Identifier: MIT */
/* What all who write JSON with json-c do. */
#ifndef VQT_DECODER_UTIL_JSON_H
#define VQT_DECODER_UTIL_JSON_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/util/text.h"

void json_put_u64(struct json_object *o, const char *key, uint64_t v);
void json_put_str(struct json_object *o, const char *key, const char *s);
/* A number of which n is the least: n, or if there are more null and "KEY_at_least". */
void json_put_least(struct json_object *o, const char *key, uint64_t n, bool more);
/*
 * One character of unknown origin as it stands in a JSON string, other than ASCII: characters
 * that harm a terminal as \uNNNN, bytes that are not UTF-8 as U+FFFD.  Appends to `to`; returns
 * how many bytes of s, which has len (at least 1), it stands for.
 */
size_t json_character(struct text *to, const char *s, size_t len);
/*
 * Print an object, whose strings may be bytes of unknown origin; flags: JSON_C_TO_STRING_*.  0,
 * -ENOMEM or -EIO.
 */
int json_write(FILE *to, struct json_object *o, int flags, const char *end);
/* json_write() with an end of line; frees the object. */
int json_print(FILE *to, struct json_object *o, int flags);

#endif
