/* SPDX-License-Identifier: MIT */
/* The panel that lists VMs, devices and queues. */
#include <string.h>

#include "cli/top/screen_impl.h"

/* NAME, and the columns from the one that the user moved to. */
static unsigned moved(int room, bool show[], size_t n, size_t aside)
{
	room -= top_columns[0].width + 1;
	for (size_t i = 0; i < n; i++) {
		show[i] = !i || (i > aside && room > top_columns[i].width);
		if (i && show[i])
			room -= top_columns[i].width + 1;
		else if (i > aside)
			room = 0;
	}
	return (unsigned)(room > 0 ? room : 0);
}

/* Which columns fit; the least important ones are left out first. */
static unsigned fitting(int room, bool show[], size_t n)
{
	int width = 0, worst;
	unsigned left = (unsigned)n;

	for (size_t i = 0; i < n; i++) {
		show[i] = true;
		width += top_columns[i].width + 1;
	}
	while (width > room && left > 1) {
		worst = -1;
		for (size_t i = 0; i < n; i++)
			if (show[i] &&
			    (worst < 0 || top_columns[i].priority >= top_columns[worst].priority))
				worst = (int)i;
		show[worst] = false;
		width -= top_columns[worst].width + 1;
		left--;
	}
	return (unsigned)(room - width);
}

static enum paint paint_of(const struct top_row *r)
{
	if (r->stalled || r->counted.errors)
		return PAINT_BAD;
	if (r->gone)
		return PAINT_NOTE;
	return r->kind == TOP_VM ? PAINT_WARN : PAINT_PLAIN;
}

static void draw_row(struct screen *x, int y, const struct top_row *r, const bool show[], size_t n,
		     unsigned spare, bool marked)
{
	enum paint p = marked ? PAINT_SELECTED : paint_of(r);
	int at = 0;

	if (marked)
		screen_put_bar(x, y, p, "");
	for (size_t i = 0; i < n; i++) {
		const struct top_column *c = &top_columns[i];
		TEXT(cell, 80);

		if (!show[i])
			continue;
		top_column_text(c, r, &cell);
		if (c->left && cell.len > (size_t)c->width)
			cell.buf[c->width] = '\0';
		screen_put(x, y, at, p, "%*s", c->left ? -c->width : c->width, cell.buf);
		at += c->width + 1;
	}
	if (!marked && spare >= 8)
		screen_put_gauge(x, y, at, 8,
				 r->size ? (double)(r->flight + r->waiting) / r->size : 0);
}

static void draw_titles(struct screen *x, int y, const bool show[], size_t n, unsigned spare)
{
	int at = 0;

	screen_put_bar(x, y, PAINT_HEAD, "");
	for (size_t i = 0; i < n; i++) {
		const struct top_column *c = &top_columns[i];
		char title[24];

		if (!show[i])
			continue;
		snprintf(title, sizeof(title), "%s%s", c->title,
			 (int)i == x->sort ? x->reverse ? "^" : "v" : "");
		screen_put(x, y, at, PAINT_HEAD, "%*s", c->left ? -c->width : c->width, title);
		at += c->width + 1;
	}
	if (spare >= 8)
		screen_put(x, y, at, PAINT_HEAD, "RING");
}

static double past_rate(const struct top_past *p)
{
	return p->rate;
}

static double past_p99(const struct top_past *p)
{
	return (double)p->p99;
}

/* Below the table: the past of what is selected. */
static void draw_past(struct screen *x, int y, const struct top_row *r)
{
	TEXT(now, 64);
	int at, width = COLS - 30;

	if (width > TOP_HISTORY)
		width = TOP_HISTORY;
	at = screen_put(x, y, 0, PAINT_NOTE, "%-12.12s req/s", r->name);
	screen_put_sparkline(x, y, at + 1, width, r, past_rate);
	at = screen_put(x, y + 1, 0, PAINT_NOTE, "%-12.12s p99  ", "");
	screen_put_sparkline(x, y + 1, at + 1, width, r, past_p99);
	text_duration(&now, hist_percentile(&r->service, 990000));
	if (r->no_rings)
		screen_put(x, y, COLS - 9, PAINT_PLAIN, "%9s", "-");
	else
		screen_put(x, y, COLS - 9, PAINT_PLAIN, "%9.0f",
			   top_per_second(r, r->counted.used));
	screen_put(x, y + 1, COLS - 9, PAINT_PLAIN, "%9s", r->service.count ? now.buf : "-");
}

static void draw_table(struct screen *x, int y, int h)
{
	size_t n = top_columns_count(), at = screen_list_index(x);
	bool show[32];
	unsigned spare = x->aside ? moved(COLS, show, n, x->aside) : fitting(COLS, show, n);
	int rows = h > 8 ? h - 3 : h - 1;

	x->hidden = 0;
	for (size_t i = 0; i < n; i++)
		x->hidden += !show[i];

	if (rows < 1)
		return;
	draw_titles(x, y, show, n, spare);
	if (at < x->top)
		x->top = at;
	if (at >= x->top + (size_t)rows)
		x->top = at - (size_t)rows + 1;
	if (x->top + (size_t)rows > x->nlist)
		x->top = x->nlist > (size_t)rows ? x->nlist - (size_t)rows : 0;
	for (int i = 0; i < rows && x->top + (size_t)i < x->nlist; i++) {
		const struct top_row *r = x->list[x->top + (size_t)i];

		draw_row(x, y + 1 + i, r, show, n, spare, x->top + (size_t)i == at);
	}
	if (!x->nlist)
		screen_put(x, y + 2, 2, PAINT_NOTE,
			   x->o->path
				   ? "nothing yet"
				   : "no QEMU runs that we may see; one that starts appears here");
	if (h > 8 && x->nlist)
		draw_past(x, y + h - 2, x->list[at]);
}

const struct panel panel_table = { .name = "VMs, devices, queues", .draw = draw_table };
