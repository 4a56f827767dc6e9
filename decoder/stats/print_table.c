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
	bool json; /* not CSV */
	unsigned width[COLUMNS]; /* of the columns with a title */
	bool here[COLUMNS]; /* which of them the line has */
};

static bool shown(const struct table *t, const struct stat_column *c)
{
	return c->views & t->view && c->title;
}

void stat_cell_text(const struct stat_column *col, const struct stat_row *r, struct text *t)
{
	struct stat_cell c;
	bool unknown, known = stat_cell(r, col, &c, &unknown);

	if (c.s || !known) {
		text_puts(t, c.s ? c.s : "-");
		return;
	}
	switch (col->kind) {
	case CELL_TEXT: break;
	case CELL_COUNT: text_u64(t, c.u, 0, ' '); break;
	case CELL_NS: text_duration(t, c.u); break;
	case CELL_BYTES: text_size(t, c.u); break;
	case CELL_BYTE_RATE: stat_text_byte_rate(t, c.real); break;
	case CELL_REAL: text_add(t, c.real < 1000 ? "%.1f" : "%.0f", c.real); break;
	case CELL_SECONDS:
		text_add(t, "%" PRIu64 ".%03" PRIu64, c.u / 1000000000, c.u % 1000000000 / 1000000);
		break;
	}
}

static int measure(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;

	t->rows++;
	for (unsigned i = 0; stat_columns[i].name; i++) {
		TEXT(s, 64);

		if (!shown(t, &stat_columns[i]))
			continue;
		stat_cell_text(&stat_columns[i], r, &s);
		if (s.len > t->width[i])
			t->width[i] = (unsigned)s.len;
	}
	return 0;
}

/* A row; r NULL: the titles.  Words to the left, numbers to the right. */
static int print_line(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;
	const char *gap = t->indent;
	TEXT(line, 1024);

	for (unsigned i = 0; stat_columns[i].name; i++) {
		const struct stat_column *col = &stat_columns[i];
		TEXT(s, 64);

		if (!t->here[i])
			continue;
		if (r)
			stat_cell_text(col, r, &s);
		else
			text_puts(&s, col->title);
		text_add(&line, col->kind == CELL_TEXT ? "%s%-*s" : "%s%*s", gap, (int)t->width[i],
			 s.buf);
		gap = "  ";
	}
	while (line.len && line.buf[line.len - 1] == ' ')
		line.buf[--line.len] = '\0';
	return fprintf(t->to, "%s\n", line.buf) < 0 ? -EIO : 0;
}

#define GAP 2

/*
 * Choose the columns of a line, from column `next` on, as many as fit; the first ones, which say
 * what a row is about, are in every line.  Returns the column that the next line begins with.
 */
static unsigned fill_line(struct table *t, unsigned next, unsigned width)
{
	size_t used = strlen(t->indent);
	const char *key = "";
	unsigned keys = 0, i;

	memset(t->here, 0, sizeof(t->here));
	for (i = 0; stat_columns[i].name && keys < 2; i++) {
		if (!shown(t, &stat_columns[i]))
			continue;
		/* A device, and which of its parts; on its own page just the part. */
		if (keys && strcmp(key, "device") && strcmp(key, "source"))
			break;
		key = stat_columns[i].name;
		t->here[i] = true;
		used += t->width[i] + GAP;
		keys++;
	}
	i = next > i ? next : i;
	for (bool any = false; stat_columns[i].name; i++) {
		if (!shown(t, &stat_columns[i]))
			continue;
		if (any && width &&
		    used + t->width[i] > (width < STAT_WIDTH_MIN ? STAT_WIDTH_MIN : width))
			break;
		t->here[i] = any = true;
		used += t->width[i] + GAP;
	}
	return i;
}

int stat_print_table(FILE *to, const struct stat_view *v, enum stat_by by,
		     const struct stats_device *d, unsigned column, const char *indent)
{
	struct table t = { .to = to, .view = column, .indent = indent };
	unsigned next = 0;
	int rc = 0;

	for (unsigned i = 0; stat_columns[i].name; i++)
		t.width[i] = stat_columns[i].title ? (unsigned)strlen(stat_columns[i].title) : 0;
	stat_rows(v, by, d, measure, &t);
	while (t.rows && !rc && stat_columns[next].name) {
		if (next && !*indent)
			fputc('\n', to);
		next = fill_line(&t, next, v->width);
		rc = print_line(&t, NULL);
		if (!rc)
			rc = stat_rows(v, by, d, print_line, &t);
	}
	return rc;
}

/* --- for programs --- */

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

/*
 * Values separated by commas, with JSON behind their names.  What is not known is an empty
 * value in CSV, and left out in JSON.  The words here are ours, without a comma or quote.
 */
static int value_row(void *opaque, const struct stat_row *r)
{
	struct table *t = opaque;
	const char *before = t->json ? "{" : "", *quote = t->json ? "\"" : "";

	for (const struct stat_column *col = stat_columns; col->name; col++) {
		struct stat_cell c;
		bool unknown, known;

		if (!(col->views & t->view))
			continue;
		known = stat_cell(r, col, &c, &unknown);
		if (t->json && !known && !unknown)
			continue;
		fputs(before, t->to);
		before = ",";
		if (t->json)
			fprintf(t->to, known ? "\"%s\":" : "\"%s\":null", col->name);
		if (!known)
			continue;
		if (col->kind == CELL_TEXT)
			fprintf(t->to, "%s%s%s", quote, c.s, quote);
		else if (col->kind == CELL_REAL || col->kind == CELL_BYTE_RATE)
			fprintf(t->to, "%.3f", c.real);
		else
			fprintf(t->to, "%" PRIu64, c.u);
	}
	return fputs(t->json ? "}\n" : "\n", t->to) < 0 ? -EIO : 0;
}

int stat_print_by(FILE *to, const struct stat_view *v, enum stat_by by, enum stat_format format)
{
	struct table t = { .to = to, .view = 1U << by, .json = format == STAT_JSON };
	int rc = 0;

	if (format == STAT_TEXT)
		return stat_print_table(to, v, by, NULL, t.view, "");
	if (format == STAT_CSV)
		rc = csv_head(&t);
	return rc ? rc : stat_rows(v, by, NULL, value_row, &t);
}
