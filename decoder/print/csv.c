/* SPDX-License-Identifier: MIT */
#include "decoder/print/csv.h"

#include <errno.h>
#include <inttypes.h>

#include "decoder/util/text.h"

static void put_quoted(FILE *to, const char *s)
{
	if (!s[strcspn(s, "\",\r\n")]) {
		fputs(s, to);
		return;
	}
	putc('"', to);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', to);
		putc(*s, to);
	}
	putc('"', to);
}

static void put_value(struct text *t, const struct field *f, const struct field_value *v)
{
	switch (f->kind) {
	case FIELD_STR: text_untrusted(t, v->str, v->len); break;
	case FIELD_BOOL: text_puts(t, v->u ? "true" : "false"); break;
	case FIELD_I64: text_add(t, "%" PRId64, (int64_t)v->u); break;
	case FIELD_BYTES:
		for (size_t i = 0; i < v->len; i++)
			text_add(t, "%02x", v->bytes[i]);
		break;
	default: text_u64(t, v->u, 0, ' ');
	}
}

static void put_field(FILE *to, const struct event *e, const struct field *f)
{
	const struct field_group *g = field_group_of(f);
	struct field_value v;
	TEXT(t, 8192);

	if (!field_group_has(g, e))
		return;
	for (unsigned i = 0; field_get(f, e, i, &v); i++) {
		if (i)
			text_puts(&t, ";");
		put_value(&t, f, &v);
		if (!(f->flags & FIELD_ARRAY))
			break;
	}
	put_quoted(to, t.buf);
}

static int end_line(FILE *to)
{
	putc('\n', to);
	return ferror(to) ? -EIO : 0;
}

int print_csv_header(FILE *to, const struct field *const *column, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			putc(',', to);
		fputs(column[i]->path, to);
	}
	return end_line(to);
}

int print_csv(FILE *to, const struct event *e, const struct field *const *column, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			putc(',', to);
		put_field(to, e, column[i]);
	}
	return end_line(to);
}
