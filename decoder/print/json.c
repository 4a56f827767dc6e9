/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/print/json.h"
#include "decoder/util/json.h"

/* Output collected, as stdio costs more a byte than all the rest. */
struct out {
	FILE *to;
	size_t len;
	bool failed;
	char buf[8192];
};

static void flush(struct out *o)
{
	if (o->len && fwrite_unlocked(o->buf, 1, o->len, o->to) != o->len)
		o->failed = true;
	o->len = 0;
}

/* Room for n more bytes, n small. */
static char *room(struct out *o, size_t n)
{
	if (sizeof(o->buf) - o->len < n)
		flush(o);
	return o->buf + o->len;
}

static void put(struct out *o, const char *s, size_t n)
{
	while (n) {
		size_t part = n < 1024 ? n : 1024;

		memcpy(room(o, part), s, part);
		o->len += part;
		s += part;
		n -= part;
	}
}

static void put_char(struct out *o, char c)
{
	*room(o, 1) = c;
	o->len++;
}

/* Two digits a division: the times and addresses of every event are long numbers. */
static void put_u64(struct out *o, uint64_t u)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";
	char digits[20];
	size_t at = sizeof(digits);

	for (; u >= 100; u /= 100)
		memcpy(digits + (at -= 2), pairs + 2 * (u % 100), 2);
	if (u >= 10)
		digits[--at] = pairs[2 * u + 1];
	digits[--at] = u >= 10 ? pairs[2 * u] : (char)('0' + u);
	put(o, digits + at, sizeof(digits) - at);
}

static void put_i64(struct out *o, uint64_t u)
{
	if ((int64_t)u < 0) {
		put_char(o, '-');
		u = 0 - u;
	}
	put_u64(o, u);
}

static const char hex[] = "0123456789abcdef";

static void put_escape(struct out *o, unsigned char c)
{
	static const char *const names = "b\bf\fn\nr\rt\t\"\"\\\\";

	for (const char *n = names; *n; n += 2) {
		if ((unsigned char)n[1] == c) {
			put_char(o, '\\');
			put_char(o, n[0]);
			return;
		}
	}
	put(o, "\\u00", 4);
	put_char(o, hex[c >> 4]);
	put_char(o, hex[c & 15]);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character that cannot stand as it is, or is not ASCII; returns its bytes. */
static size_t put_special(struct out *o, const char *s, size_t len)
{
	size_t n;
	TEXT(t, 16);

	if (!(*s & 0x80)) {
		put_escape(o, (unsigned char)*s);
		return 1;
	}
	n = json_character(&t, s, len);
	put(o, t.buf, t.len);
	return n;
}

static void put_str(struct out *o, const char *s, size_t len)
{
	put_char(o, '"');
	while (len) {
		size_t n = 0;

		while (n < len && is_plain((unsigned char)s[n]))
			n++;
		put(o, s, n);
		if (n < len)
			n += put_special(o, s + n, len - n);
		s += n;
		len -= n;
	}
	put_char(o, '"');
}

static void put_bytes(struct out *o, const uint8_t *p, size_t len)
{
	put_char(o, '"');
	while (len--) {
		char *at = room(o, 2);

		at[0] = hex[*p >> 4];
		at[1] = hex[*p++ & 15];
		o->len += 2;
	}
	put_char(o, '"');
}

static void put_value(struct out *o, const struct field *f, const struct field_value *v)
{
	switch (f->kind) {
	case FIELD_I64: put_i64(o, v->u); break;
	case FIELD_STR: put_str(o, v->str, v->len); break;
	case FIELD_BOOL: put(o, v->u ? "true" : "false", v->u ? 4 : 5); break;
	case FIELD_BYTES: put_bytes(o, v->bytes, v->len); break;
	default: put_u64(o, v->u);
	}
}

/* `"key":`, with what must stand before it; keys are the table's, so short and plain. */
static void put_key(struct out *o, bool *first, const char *key, size_t len)
{
	char *at = room(o, len + 4), *p = at;

	if (!*first)
		*p++ = ',';
	*first = false;
	*p++ = '"';
	memcpy(p, key, len);
	p += len;
	*p++ = '"';
	*p++ = ':';
	o->len += (size_t)(p - at);
}

/* "kick.heads": numbers.  key is the field's name in its object. */
static void put_numbers(struct out *o, const struct field *f, const char *key, bool *first,
			const struct event *e, struct field_value *v)
{
	if (!field_get(f, e, 0, v))
		return;
	put_key(o, first, key, strlen(key));
	put_char(o, '[');
	for (unsigned i = 0; i == 0 || field_get(f, e, i, v); i++) {
		if (i)
			put_char(o, ',');
		put_value(o, f, v);
	}
	put_char(o, ']');
}

static void put_element(struct out *o, const struct field *f, const struct field *end, size_t skip,
			const struct event *e, unsigned i, struct field_value *v)
{
	bool first = true;

	put_char(o, '{');
	for (; f < end; f++) {
		/* The caller asked the first field already, to see whether there is an element. */
		if (!first && !field_get(f, e, i, v))
			continue;
		put_key(o, &first, f->path + skip, strlen(f->path + skip));
		put_value(o, f, v);
	}
	put_char(o, '}');
}

/* Fields f up to end are the members of an array of objects of this name. */
static void put_objects(struct out *o, const struct field *f, const struct field *end,
			const char *name, size_t len, bool *first, const struct event *e,
			struct field_value *v)
{
	size_t skip = (size_t)(name - f->path) + len + 1;

	if (!field_get(f, e, 0, v))
		return;
	put_key(o, first, name, len);
	put_char(o, '[');
	for (unsigned i = 0; i == 0 || field_get(f, e, i, v); i++) {
		if (i)
			put_char(o, ',');
		put_element(o, f, end, skip, e, i, v);
	}
	put_char(o, ']');
}

static void put_group_fields(struct out *o, const struct field_group *g, bool *first,
			     const struct event *e, struct field_value *v)
{
	size_t skip = g->name[0] ? strlen(g->name) + 1 : 0;

	for (const struct field *f = g->fields; f->path;) {
		const char *key = f->path + skip, *dot = NULL;

		if (f->flags & FIELD_ARRAY)
			dot = strchr(key, '.');
		if (dot) {
			const struct field *end = f;
			size_t prefix = (size_t)(dot - f->path) + 1;

			while (end->path && !strncmp(end->path, f->path, prefix))
				end++;
			put_objects(o, f, end, key, (size_t)(dot - key), first, e, v);
			f = end;
			continue;
		}
		if (f->flags & FIELD_ARRAY) {
			put_numbers(o, f, key, first, e, v);
		} else if (!(f->flags & FIELD_FILTER) && field_get(f, e, 0, v)) {
			put_key(o, first, key, strlen(key));
			put_value(o, f, v);
		}
		f++;
	}
}

/* The group "buffers" is an array itself: its members are those of its elements. */
static void put_group_array(struct out *o, const struct field_group *g, bool *first,
			    const struct event *e, struct field_value *v)
{
	const struct field *end = g->fields;

	while (end->path)
		end++;
	put_objects(o, g->fields, end, g->fields->path, strlen(g->name), first, e, v);
}

/* nested: another group that goes inside this one, or NULL. */
static void put_group(struct out *o, const struct field_group *g, const struct field_group *nested,
		      bool *first, const struct event *e, struct field_value *v)
{
	bool none = true, was_first = *first;
	size_t mark;

	if (g->fields->flags & FIELD_ARRAY) {
		put_group_array(o, g, first, e, v);
		return;
	}
	room(o, 256); /* so that the key stays in the buffer and can be taken back */
	mark = o->len;
	put_key(o, first, g->name, strlen(g->name));
	put_char(o, '{');
	put_group_fields(o, g, &none, e, v);
	if (nested && field_group_has(nested, e))
		put_group(o, nested, NULL, &none, e, v);
	put_char(o, '}');
	if (none) {
		o->len = mark; /* nothing is known: no object */
		*first = was_first;
	}
}

/*
 * What an event says of its request stands inside the event's own object:
 * "avail":{...,"request":{...}}.
 */
static void put_groups(struct out *o, const struct event *e, struct field_value *v)
{
	const char *own = record_type_name(e->rec->h.type);
	const struct field_group *request = NULL;
	bool first = true;

	put_group_fields(o, &field_groups[0], &first, e, v);
	for (const struct field_group *g = field_groups + 1; g->name; g++)
		if (!strcmp(g->name, "request"))
			request = g;
	for (const struct field_group *g = field_groups + 1; g->name; g++)
		if (g != request && field_group_has(g, e))
			put_group(o, g, strcmp(g->name, own) ? NULL : request, &first, e, v);
}

int print_json(FILE *to, const struct event *e)
{
	struct field_value v;
	struct out o;

	o.to = to;
	o.len = 0;
	o.failed = false;
	put_char(&o, '{');
	if (e->rec->h.type == VQT_SESSION) {
		put(&o, "\"json_version\":", 15);
		put_u64(&o, JSON_VERSION);
		put_char(&o, ',');
	}
	put_groups(&o, e, &v);
	put(&o, "}\n", 2);
	flush(&o);
	return o.failed ? -EIO : 0;
}
