/* SPDX-License-Identifier: MIT */
/* The same rows as an aligned table, as CSV, and as a JSON object a line. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/stats/print_impl.h"

#define COLUMNS 48

struct table {
	FILE *to;
	unsigned view; /* bit of stat_column.views */
	const char *indent;
	unsigned rows;
	unsigned width[COLUMNS]; /* of the columns with a title */
};

static bool shown(const struct table *t, const struct stat_column *c)
{
	return c->views & t->view && c->title;
}

static void cell_of(const struct stat_column *col, const struct stat_row *r, struct stat_cell *c)
{
	*c = (struct stat_cell){ .kind = CELL_NONE };
	col->get(r, c);
}

static void cell_text(const struct stat_cell *c, struct text *t)
{
	if (c->s) {
		text_puts(t, c->s);
		return;
	}
	switch (c->kind) {
	case CELL_COUNT: text_u64(t, c->u, 0, ' '); break;
	case CELL_NS: text_duration(t, c->u); break;
	case CELL_BYTES: text_size(t, c->u); break;
	case CELL_BYTE_RATE: stat_text_byte_rate(t, c->real); break;
	case CELL_REAL: text_add(t, c->real < 1000 ? "%.1f" : "%.0f", c->real); break;
	case CELL_SECONDS:
		text_add(t, "%" PRIu64 ".%03" PRIu64, c->u / 1000000000,
			 c->u % 1000000000 / 1000000);
		break;
	default: text_puts(t, "-");
	}
}

static int measure(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;

	t->rows++;
	for (unsigned i = 0; stat_columns[i].name; i++) {
		struct stat_cell c;
		TEXT(s, 64);

		if (!shown(t, &stat_columns[i]))
			continue;
		cell_of(&stat_columns[i], r, &c);
		cell_text(&c, &s);
		if (s.len > t->width[i])
			t->width[i] = (unsigned)s.len;
	}
	return 0;
}

/* Words to the left, numbers to the right. */
static void put_aligned(struct table *t, struct text *line, unsigned i, const char *s, bool left)
{
	text_puts(line, line->len > strlen(t->indent) ? "  " : "");
	text_add(line, left ? "%-*s" : "%*s", (int)t->width[i], s);
}

static int put_line(struct table *t, struct text *line)
{
	while (line->len && line->buf[line->len - 1] == ' ')
		line->buf[--line->len] = '\0';
	return fprintf(t->to, "%s\n", line->buf) < 0 ? -EIO : 0;
}

static int print_row(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;
	TEXT(line, 1024);

	text_puts(&line, t->indent);
	for (unsigned i = 0; stat_columns[i].name; i++) {
		struct stat_cell c;
		TEXT(s, 64);

		if (!shown(t, &stat_columns[i]))
			continue;
		cell_of(&stat_columns[i], r, &c);
		cell_text(&c, &s);
		put_aligned(t, &line, i, s.buf, c.kind == CELL_TEXT);
	}
	return put_line(t, &line);
}

static int print_head(struct table *t, const struct stat_row *r)
{
	TEXT(line, 1024);

	text_puts(&line, t->indent);
	for (unsigned i = 0; stat_columns[i].name; i++) {
		struct stat_cell c;

		if (!shown(t, &stat_columns[i]))
			continue;
		cell_of(&stat_columns[i], r, &c);
		put_aligned(t, &line, i, stat_columns[i].title, c.kind == CELL_TEXT);
	}
	return put_line(t, &line);
}

/* The first row says which columns are words. */
static int head_once(void *opaque, const struct stat_row *r)
{
	int rc = print_head(opaque, r);

	return rc ? rc : 1;
}

int stat_print_table(FILE *to, const struct stat_view *v, enum stat_by by,
		     const struct stats_device *d, unsigned column, const char *indent)
{
	struct table t = { .to = to, .view = column, .indent = indent };
	int rc;

	for (unsigned i = 0; stat_columns[i].name; i++)
		t.width[i] = stat_columns[i].title ? (unsigned)strlen(stat_columns[i].title) : 0;
	stat_rows(v, by, d, measure, &t);
	if (!t.rows)
		return 0;
	rc = stat_rows(v, by, d, head_once, &t);
	return rc < 0 ? rc : stat_rows(v, by, d, print_row, &t);
}

/* A number as programs read it; false: none. */
static bool cell_number(const struct stat_cell *c, struct text *t)
{
	switch (c->kind) {
	case CELL_COUNT:
	case CELL_NS:
	case CELL_BYTES:
	case CELL_SECONDS: text_u64(t, c->u, 0, ' '); return true;
	case CELL_REAL:
	case CELL_BYTE_RATE: text_add(t, "%.3f", c->real); return true;
	}
	return false;
}

static int csv_head(struct table *t)
{
	const char *comma = "";

	for (const struct stat_column *c = stat_columns; c->name; c++)
		if (c->views & t->view) {
			fprintf(t->to, "%s%s", comma, c->name);
			comma = ",";
		}
	return fputc('\n', t->to) < 0 ? -EIO : 0;
}

/* The words here are ours, without a comma or quote. */
static int csv_row(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;
	const char *comma = "";

	for (const struct stat_column *col = stat_columns; col->name; col++) {
		struct stat_cell c;
		TEXT(s, 64);

		if (!(col->views & t->view))
			continue;
		cell_of(col, r, &c);
		if (c.kind == CELL_TEXT)
			text_puts(&s, c.s);
		else
			cell_number(&c, &s);
		fprintf(t->to, "%s%s", comma, s.buf);
		comma = ",";
	}
	return fputc('\n', t->to) < 0 ? -EIO : 0;
}

static int json_row(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;
	const char *comma = "{";

	for (const struct stat_column *col = stat_columns; col->name; col++) {
		struct stat_cell c;
		TEXT(s, 64);

		if (!(col->views & t->view))
			continue;
		cell_of(col, r, &c);
		if (c.kind == CELL_TEXT)
			text_add(&s, "\"%s\"", c.s);
		else if (!cell_number(&c, &s))
			continue;
		fprintf(t->to, "%s\"%s\":%s", comma, col->name, s.buf);
		comma = ",";
	}
	return fputs("}\n", t->to) < 0 ? -EIO : 0;
}

int stat_print_by(FILE *to, const struct stat_view *v, enum stat_by by, enum stat_format format)
{
	struct table t = { .to = to, .view = 1U << by };
	int rc;

	switch (format) {
	case STAT_JSON: return stat_rows(v, by, NULL, json_row, &t);
	case STAT_CSV: rc = csv_head(&t); return rc ? rc : stat_rows(v, by, NULL, csv_row, &t);
	default: return stat_print_table(to, v, by, NULL, t.view, "");
	}
}
