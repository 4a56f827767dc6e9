/* SPDX-License-Identifier: MIT */
/* The lines of show -T folded. */
#include <stdlib.h>

#include "decoder/export/export.h"
#include "decoder/stacks/stacks.h"

struct folded {
	FILE *to;
	struct stack_counts stacks;
	uint64_t without, left_out; /* after the end */
};

static void *make(const struct export_output *o)
{
	struct folded *f = calloc(1, sizeof(*f));

	if (f)
		f->to = o->to;
	return f;
}

static int feed(void *x, const struct event *e, bool matched)
{
	struct folded *f = x;

	return matched ? stack_counts_add(&f->stacks, e) : 0;
}

static int finish(void *x, const struct model_life *lives)
{
	struct folded *f = x;

	f->without = f->stacks.without;
	f->left_out = f->stacks.left_out;
	return stack_counts_print(f->to, &f->stacks);
}

static void lacks(const void *x, struct text *t)
{
	const struct folded *f = x;

	if (f->left_out)
		text_add(t, "left out: %llu events, as there are too many different stacks",
			 (unsigned long long)f->left_out);
	if (f->without)
		text_add(t,
			 "%s%llu events without a call stack; record with --stacks=all, or select "
			 "those that have one: -Y stack_id",
			 t->len ? "; " : "left out: ", (unsigned long long)f->without);
}

static void release(void *x)
{
	struct folded *f = x;

	stack_counts_free(&f->stacks);
	free(f);
}

const struct export_format export_folded = {
	.name = "folded",
	.make = make,
	.feed = feed,
	.finish = finish,
	.lacks = lacks,
	.free = release,
};
