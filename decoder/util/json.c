/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/util/json.h"
#include "decoder/util/text.h"

void json_put_u64(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

void json_put_str(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, json_object_new_string(s));
}

struct json_object *json_untrusted(const char *s)
{
	TEXT(t, 2048);

	text_untrusted(&t, s, strlen(s));
	return json_object_new_string_len(t.buf, (int)t.len);
}

int json_print(FILE *to, struct json_object *o, int flags)
{
	const char *text = json_object_to_json_string_ext(o, flags);
	int rc = !text ? -ENOMEM : fprintf(to, "%s\n", text) < 0 ? -EIO : 0;

	json_object_put(o);
	return rc;
}
