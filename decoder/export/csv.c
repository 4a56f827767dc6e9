/* SPDX-License-Identifier: MIT */
/* The lines of show -T csv. */
#include <stdlib.h>

#include "decoder/export/export.h"
#include "decoder/print/csv.h"

struct csv {
	struct export_output out;
	bool headed;
};

static void *make(const struct export_output *o)
{
	struct csv *c = calloc(1, sizeof(*c));

	if (c)
		c->out = *o;
	return c;
}

static int head(struct csv *c)
{
	if (c->headed)
		return 0;
	c->headed = true;
	return print_csv_header(c->out.to, c->out.column, c->out.ncolumn);
}

static int feed(void *x, const struct event *e, bool matched)
{
	struct csv *c = x;
	int rc = head(c);

	return rc || !matched ? rc : print_csv(c->out.to, e, c->out.column, c->out.ncolumn);
}

static int finish(void *x, const struct model_life *lives)
{
	return head(x);
}

const struct export_format export_csv = {
	.name = "csv",
	.make = make,
	.feed = feed,
	.finish = finish,
	.free = free,
};
