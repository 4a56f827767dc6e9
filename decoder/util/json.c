/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/util/json.h"
#include "decoder/util/text.h"

void json_put_u64(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

void json_put_least(struct json_object *o, const char *key, uint64_t n, bool more)
{
	TEXT(least, 64);

	if (!more) {
		json_put_u64(o, key, n);
		return;
	}
	text_add(&least, "%s_at_least", key);
	json_object_object_add(o, key, NULL);
	json_put_u64(o, least.buf, n);
}

void json_put_str(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, json_object_new_string(s));
}

size_t json_character(struct text *to, const char *s, size_t len)
{
	bool c1 = len > 1 && (unsigned char)s[0] == 0xc2 && ((unsigned char)s[1] & 0xe0) == 0x80;
	size_t n = c1 ? 2 : text_utf8(s, len);
	uint32_t c = n ? text_code_point(s, n) : 0xfffd;

	if (c != 0x7f && !c1 && !text_is_format(c))
		text_add(to, "%.*s", n ? (int)n : 3, n ? s : "\xef\xbf\xbd");
	else if (c < 0x10000)
		text_add(to, "\\u%04" PRIx32, c);
	else /* RFC 8259, 7: as a pair of surrogates */
		text_add(to, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (c >> 10),
			 0xdc00 + (c & 0x3ff));
	return n ? n : 1;
}

/* json-c escapes what JSON's syntax needs; all that is not ASCII is inside of strings. */
int json_write(FILE *to, struct json_object *o, int flags, const char *end)
{
	const char *s = json_object_to_json_string_ext(o, flags);
	size_t left = s ? strlen(s) : 0;

	if (!s)
		return -ENOMEM;
	while (left) {
		size_t n = 0;
		TEXT(t, 16);

		while (n < left && !(s[n] & 0x80) && s[n] != 0x7f)
			n++;
		fwrite(s, 1, n, to);
		if (n < left)
			n += json_character(&t, s + n, left - n);
		fputs(t.buf, to);
		s += n;
		left -= n;
	}
	return fputs(end, to) < 0 || ferror(to) ? -EIO : 0;
}

int json_print(FILE *to, struct json_object *o, int flags)
{
	int rc = json_write(to, o, flags, "\n");

	json_object_put(o);
	return rc;
}
