/* SPDX-License-Identifier: MIT */
/* What an event says, by decoder/fields/fields.h: a vqtrace_field is a struct field. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "decoder/api/impl.h"
#include "decoder/fields/fields.h"
#include "decoder/util/text.h"

#define ESCAPE_MAX 12 /* bytes that one byte or character can become */

#define FIELDS_MAX 1024

struct vqtrace_field {
	const struct field *f;
	const struct field_group *group;
};

/* A field with its group, which would take a search for each value. */
static struct vqtrace_field all[FIELDS_MAX];
static unsigned number;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void list_fields(void)
{
	for (const struct field_group *g = field_groups; g->name; g++)
		for (const struct field *f = g->fields; f->path && number < FIELDS_MAX; f++)
			all[number++] = (struct vqtrace_field){ f, g };
}

const struct vqtrace_field *vqtrace_field(const char *name)
{
	pthread_once(&once, list_fields);
	for (unsigned i = 0; name && i < number; i++)
		if (!strcmp(all[i].f->path, name))
			return &all[i];
	return NULL;
}

const struct vqtrace_field *vqtrace_field_nth(unsigned n)
{
	pthread_once(&once, list_fields);
	return n < number ? &all[n] : NULL;
}

const char *vqtrace_field_name(const struct vqtrace_field *f)
{
	return f->f->path;
}

const char *vqtrace_field_help(const struct vqtrace_field *f)
{
	return f->f->help;
}

int vqtrace_field_is_array(const struct vqtrace_field *f)
{
	return (f->f->flags & FIELD_ARRAY) != 0;
}

enum vqtrace_kind vqtrace_field_kind(const struct vqtrace_field *f)
{
	static const enum vqtrace_kind kinds[] = {
		[FIELD_U64] = VQTRACE_UNSIGNED, [FIELD_HEX] = VQTRACE_UNSIGNED,
		[FIELD_I64] = VQTRACE_SIGNED,	[FIELD_TIME] = VQTRACE_TIME,
		[FIELD_BOOL] = VQTRACE_BOOLEAN, [FIELD_STR] = VQTRACE_TEXT,
		[FIELD_BYTES] = VQTRACE_BYTES,
	};

	return kinds[f->f->kind];
}

/* Element i, which is found from the one that was read last, or from the first. */
static bool get_ordered(struct vqtrace_event *e, const struct field *f, unsigned i)
{
	unsigned k = e->found && e->nth <= i ? e->nth : 0;

	do
		e->found = field_get(f, &e->e, k, &e->at);
	while (e->found && k++ < i);
	e->nth = i;
	return e->found;
}

/* 0, -ENOENT, -EINVAL */
static int get(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
	       struct field_value *v)
{
	if (!f)
		return -EINVAL;
	if ((i && !(f->f->flags & FIELD_ARRAY)) || !field_group_has(f->group, &e->e))
		return -ENOENT;
	if (f->f->flags & FIELD_ORDERED) { /* the event is not const but to the caller */
		if (!get_ordered((struct vqtrace_event *)e, f->f, i))
			return -ENOENT;
		*v = e->at;
		return 0;
	}
	return field_get(f->f, &e->e, i, v) ? 0 : -ENOENT;
}

static bool is_number(const struct vqtrace_field *f)
{
	return f->f->kind != FIELD_STR && f->f->kind != FIELD_BYTES;
}

int vqtrace_get_u64(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		    uint64_t *to)
{
	struct field_value v;
	int rc = f && is_number(f) ? get(e, f, i, &v) : -EINVAL;

	if (!rc && f->f->kind == FIELD_I64 && (int64_t)v.u < 0)
		rc = -ERANGE;
	if (!rc)
		*to = v.u;
	return rc;
}

int vqtrace_get_i64(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		    int64_t *to)
{
	struct field_value v;
	int rc = f && is_number(f) ? get(e, f, i, &v) : -EINVAL;

	if (!rc && f->f->kind != FIELD_I64 && v.u > INT64_MAX)
		rc = -ERANGE;
	if (!rc)
		*to = (int64_t)v.u;
	return rc;
}

/* Text of which a part fits, and all is counted. */
struct cut {
	char *buf;
	size_t size, len;
	bool full; /* a character did not fit: nothing is added behind it */
};

/* n bytes that stay together, as a character does */
static void cut_add(struct cut *c, const char *s, size_t n)
{
	if (!c->full && c->size && c->len + n < c->size)
		memcpy(c->buf + c->len, s, n);
	else if (!c->full) {
		c->full = true;
		if (c->size)
			c->buf[c->len] = '\0';
	}
	c->len += n;
}

static int cut_end(struct cut *c)
{
	if (!c->full && c->size)
		c->buf[c->len] = '\0';
	return c->len > INT_MAX ? INT_MAX : (int)c->len;
}

static void add_text(struct cut *c, const char *s, size_t len)
{
	while (len) {
		size_t n = text_utf8(s, len);
		TEXT(t, ESCAPE_MAX + 1);

		n = n ? n : 1;
		text_untrusted(&t, s, n);
		cut_add(c, t.buf, t.len);
		s += n;
		len -= n;
	}
}

static void add_bytes(struct cut *c, const uint8_t *p, size_t len)
{
	char hex[3];

	for (; len; len--, p++) {
		snprintf(hex, sizeof(hex), "%02x", *p);
		cut_add(c, hex, 2);
	}
}

int vqtrace_get_text(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		     char *buf, size_t size)
{
	struct cut c = { .buf = buf, .size = size };
	struct field_value v;
	char number[24];
	int rc = get(e, f, i, &v);

	if (size)
		*buf = '\0';
	if (rc)
		return rc;
	switch (f->f->kind) {
	case FIELD_STR: add_text(&c, v.str, v.len); return cut_end(&c);
	case FIELD_BYTES: add_bytes(&c, v.bytes, v.len); return cut_end(&c);
	case FIELD_BOOL: snprintf(number, sizeof(number), "%s", v.u ? "true" : "false"); break;
	case FIELD_I64: snprintf(number, sizeof(number), "%" PRId64, (int64_t)v.u); break;
	default: snprintf(number, sizeof(number), "%" PRIu64, v.u);
	}
	cut_add(&c, number, strlen(number));
	return cut_end(&c);
}

int vqtrace_get_bytes(const struct vqtrace_event *e, const struct vqtrace_field *f, unsigned i,
		      void *buf, size_t size)
{
	struct field_value v;
	int rc = f && !is_number(f) ? get(e, f, i, &v) : -EINVAL;

	if (rc)
		return rc;
	if (v.len && size)
		memcpy(buf, f->f->kind == FIELD_STR ? (const void *)v.str : v.bytes,
		       v.len < size ? v.len : size);
	return v.len > INT_MAX ? INT_MAX : (int)v.len;
}
