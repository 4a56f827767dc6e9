/* SPDX-License-Identifier: MIT */
/* Which rows the table shows, which of them is selected, and the line of messages. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top/screen_impl.h"

static bool is_row(const struct screen *x, const struct top_row *r)
{
	return r->kind == x->kind && r->source == x->source && r->device == x->device &&
	       r->queue == x->queue;
}

size_t screen_list_index(const struct screen *x)
{
	for (size_t i = 0; i < x->nlist; i++)
		if (is_row(x, x->list[i]))
			return i;
	return 0;
}

void screen_list_select(struct screen *x, size_t i)
{
	const struct top_row *r;

	if (!x->nlist)
		return;
	r = x->list[i < x->nlist ? i : x->nlist - 1];
	x->kind = r->kind;
	x->source = r->source;
	x->device = r->device;
	x->queue = r->queue;
}

struct top_row *screen_selected(struct screen *x)
{
	for (size_t i = 0; i < x->core->nrows; i++)
		if (is_row(x, x->core->row[i]))
			return x->core->row[i];
	return NULL;
}

struct model_device *screen_selected_device(struct screen *x)
{
	const struct top_row *r = screen_selected(x);

	return r && r->kind != TOP_VM ? model_device(x->core->model, r->device) : NULL;
}

static struct screen *sorting; /* qsort() passes no context */

static int by_column(const void *a, const void *b)
{
	const struct top_row *p = *(struct top_row *const *)a, *q = *(struct top_row *const *)b;
	const struct top_column *c = &top_columns[sorting->sort];
	double v = c->value ? c->value(p) - c->value(q) : 0;
	int o = v < 0 ? 1 : v > 0 ? -1 : 0; /* the most first */

	if (!c->value) {
		TEXT(s, 80);
		TEXT(t, 80);

		top_column_text(c, p, &s);
		top_column_text(c, q, &t);
		o = strcmp(s.buf, t.buf);
	}
	if (sorting->reverse)
		o = -o;
	return o			? o
	       : p->device != q->device ? (p->device < q->device ? -1 : 1)
					: (int)p->queue - (int)q->queue;
}

void screen_list_rows(struct screen *x)
{
	const struct top_core *c = x->core;

	if (x->list_cap < c->nrows) {
		struct top_row **more = realloc(x->list, c->nrows * sizeof(*more));

		if (!more)
			return;
		x->list = more;
		x->list_cap = c->nrows;
	}
	x->nlist = 0;
	for (size_t i = 0; i < c->nrows; i++) {
		struct top_row *r = c->row[i];

		if (r->kind > x->deepest || (x->only_source && r->source != x->only_source) ||
		    (x->only_device && (r->kind == TOP_VM || r->device != x->only_device)))
			continue;
		/* When sorted by a figure, sums would stand before the rows they add up. */
		if (x->sort >= 0 && r->kind != x->deepest)
			continue;
		x->list[x->nlist++] = r;
	}
	sorting = x;
	if (x->sort >= 0)
		qsort(x->list, x->nlist, sizeof(*x->list), by_column);
	if (x->nlist && !(screen_selected(x) && is_row(x, x->list[screen_list_index(x)])))
		screen_list_select(x, 0);
}

void screen_message(struct screen *x, bool bad, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->message, sizeof(x->message), fmt, ap);
	va_end(ap);
	x->message_bad = bad;
	if (bad)
		beep();
}
