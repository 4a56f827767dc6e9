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

/* qsort() passes no context */
static struct {
	const struct top_column *column; /* NULL: as they belong together, the busiest first */
	bool reverse;
	const struct top_core *core;
} sorting;

static int number_of(const struct top_row *p, const struct top_row *q)
{
	if (p->device != q->device)
		return p->device < q->device ? -1 : 1;
	return (int)p->queue - (int)q->queue;
}

static int by_column(const void *a, const void *b)
{
	const struct top_row *p = *(struct top_row *const *)a, *q = *(struct top_row *const *)b;
	const struct top_column *c = sorting.column;
	double v = c->value ? c->value(p) - c->value(q) : 0;
	int o = v < 0 ? 1 : v > 0 ? -1 : 0; /* the most first */

	if (!c->value) {
		TEXT(s, 80);
		TEXT(t, 80);

		top_column_text(c, p, &s);
		top_column_text(c, q, &t);
		o = strcmp(s.buf, t.buf);
	}
	if (sorting.reverse)
		o = -o;
	return o ? o : number_of(p, q);
}

/* The row of this kind that a row belongs to: its VM, its device, itself. */
static const struct top_row *above(const struct top_row *r, enum top_kind kind)
{
	for (size_t i = 0; i < sorting.core->nrows; i++) {
		const struct top_row *o = sorting.core->row[i];

		if (o->kind == kind && o->source == r->source &&
		    (kind == TOP_VM || o->device == r->device) &&
		    (kind != TOP_QUEUE || o->queue == r->queue))
			return o;
	}
	return r;
}

static double load(const struct top_row *r)
{
	return top_per_second(r, r->counted.used);
}

/*
 * VMs by load; of one VM its devices, of one device its queues by load; each behind what it
 * belongs to.
 */
static int by_load(const void *a, const void *b)
{
	const struct top_row *p = *(struct top_row *const *)a, *q = *(struct top_row *const *)b;

	for (enum top_kind kind = TOP_VM; kind <= TOP_QUEUE; kind++) {
		const struct top_row *x = above(p, kind), *y = above(q, kind);
		double v = load(x) - load(y);
		bool other = x->source != y->source || (kind > TOP_VM && x->device != y->device) ||
			     (kind > TOP_DEVICE && x->queue != y->queue);
		int o = v < 0 ? 1 : -1;

		if (p->kind < kind || q->kind < kind)
			return (int)p->kind - (int)q->kind;
		if (!other)
			continue;
		if (v == 0)
			o = x->source != y->source ? (x->source < y->source ? -1 : 1)
						   : number_of(x, y);
		return sorting.reverse ? -o : o;
	}
	return 0;
}

/* A row that is listed without those it belongs to keeps their names. */
static void name_path(struct screen *x, struct top_row *r)
{
	const struct top_row *vm = above(r, TOP_VM), *device = above(r, TOP_DEVICE);
	bool several = false;

	r->path[0] = '\0';
	if (x->sort < 0 || r->kind == TOP_VM)
		return;
	for (size_t i = 0; i < x->core->nrows; i++)
		several |= x->core->row[i]->source != r->source;
	snprintf(r->path, sizeof(r->path), "%.60s%s%.20s%s%.80s", device->name,
		 r->kind == TOP_QUEUE ? " " : "", r->kind == TOP_QUEUE ? r->name : "",
		 several ? " @" : "", several ? vm->name : "");
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
	sorting.core = c;
	sorting.column = x->sort < 0 ? NULL : &top_columns[x->sort];
	sorting.reverse = x->reverse;
	x->nlist = 0;
	for (size_t i = 0; i < c->nrows; i++) {
		struct top_row *r = c->row[i];

		if (r->kind > x->deepest || (x->only_source && r->source != x->only_source) ||
		    (x->only_device && (r->kind == TOP_VM || r->device != x->only_device)))
			continue;
		/* When sorted by a figure, sums would stand before the rows they add up. */
		if (x->sort >= 0 && r->kind != x->deepest)
			continue;
		name_path(x, r);
		x->list[x->nlist++] = r;
	}
	if (!x->nlist)
		return; /* the list may not be there yet, which qsort() does not take */
	qsort(x->list, x->nlist, sizeof(*x->list), x->sort < 0 ? by_load : by_column);
	if (!(screen_selected(x) && is_row(x, x->list[screen_list_index(x)])))
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
