/* SPDX-License-Identifier: MIT */
/* The same rows as a table of a page of HTML. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/stats/print_impl.h"
#include "decoder/util/xml.h"

struct html {
	FILE *to;
	enum stat_by by;
	unsigned view; /* bit of stat_column.views */
	bool headed;
};

static bool is_shown(const struct html *h, const struct stat_column *c)
{
	return c->views & h->view && c->title;
}

static void head(struct html *h)
{
	fprintf(h->to, "<div class=\"wide\"><table data-by=\"%s\">\n<thead><tr>",
		stat_by_names[h->by]);
	for (const struct stat_column *c = stat_columns; c->name; c++)
		if (is_shown(h, c))
			fprintf(h->to, "<th scope=\"col\"%s>%s</th>",
				c->kind == CELL_TEXT ? " class=\"words\"" : "", c->title);
	fputs("</tr></thead>\n<tbody>\n", h->to);
	h->headed = true;
}

static void put_value(FILE *to, const struct stat_column *c, const struct stat_cell *cell)
{
	if (c->kind == CELL_TEXT)
		xml_escape(to, cell->s, strlen(cell->s));
	else if (c->kind == CELL_REAL || c->kind == CELL_BYTE_RATE)
		fprintf(to, "%.3f", cell->real);
	else
		fprintf(to, "%" PRIu64, cell->u);
}

static int row(void *opaque, const struct stat_row *r)
{
	struct html *h = opaque;

	if (!h->headed)
		head(h);
	fputs("<tr>", h->to);
	for (const struct stat_column *c = stat_columns; c->name; c++) {
		struct stat_cell cell;
		bool unknown;
		TEXT(t, 64);

		if (!is_shown(h, c))
			continue;
		fprintf(h->to, "<td%s data-name=\"%s\"",
			c->kind == CELL_TEXT ? " class=\"words\"" : "", c->name);
		if (stat_cell(r, c, &cell, &unknown)) {
			fputs(" data-value=\"", h->to);
			put_value(h->to, c, &cell);
			fputc('"', h->to);
		}
		fputc('>', h->to);
		stat_cell_text(c, r, &t);
		xml_escape(h->to, t.buf, t.len);
		fputs("</td>", h->to);
	}
	return fputs("</tr>\n", h->to) < 0 ? -EIO : 0;
}

int stat_print_html(FILE *to, const struct stat_view *v, enum stat_by by,
		    const struct stats_device *d)
{
	struct html h = { .to = to, .by = by, .view = d ? STAT_PAGE(by) : 1U << by };
	int rc = stat_rows(v, by, d, row, &h);

	if (h.headed)
		fputs("</tbody></table></div>\n", to);
	return rc ? rc : ferror(to) ? -EIO : 0;
}
