/* SPDX-License-Identifier: MIT */
/* What all who write JSON with json-c do. */
#ifndef VQT_DECODER_UTIL_JSON_H
#define VQT_DECODER_UTIL_JSON_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

void json_put_u64(struct json_object *o, const char *key, uint64_t v);
void json_put_str(struct json_object *o, const char *key, const char *s);
/* A string of bytes from a trace: what is not UTF-8 is escaped. */
struct json_object *json_untrusted(const char *s);
/* Print and free an object; flags: JSON_C_TO_STRING_*.  0, -ENOMEM or -EIO. */
int json_print(FILE *to, struct json_object *o, int flags);

#endif
