/* SPDX-License-Identifier: MIT */
#include "cli/show/format.h"

#include "decoder/print/csv.h"
#include "decoder/print/hex.h"
#include "decoder/print/json.h"
#include "decoder/print/verbose.h"

static int text_event(FILE *to, struct show_output *o, const struct event *e)
{
	int rc;

	if (o->fold && line_fold(&o->folded, e, o->model, &o->line))
		return o->folded.n > 1;
	rc = line_fold_end(to, &o->folded);
	if (!rc && o->verbose)
		rc = print_verbose(to, e, o->model, o->line.ascii);
	else if (!rc)
		rc = print_line(to, e, o->model, &o->line);
	return !rc && o->hex ? print_hex(to, e) : rc;
}

static int text_end(FILE *to, struct show_output *o)
{
	return line_fold_end(to, &o->folded);
}

static int json_event(FILE *to, struct show_output *o, const struct event *e)
{
	return print_json(to, e);
}

static int csv_begin(FILE *to, struct show_output *o)
{
	return print_csv_header(to, o->columns.field, o->columns.n);
}

static int csv_event(FILE *to, struct show_output *o, const struct event *e)
{
	return print_csv(to, e, o->columns.field, o->columns.n);
}

static int folded_event(FILE *to, struct show_output *o, const struct event *e)
{
	int rc = stack_counts_add(&o->stacks, e);

	return rc || e->rec->stack_id ? rc : 1;
}

static int folded_end(FILE *to, struct show_output *o)
{
	if (o->stacks.left_out)
		cli_warn("%llu events are not counted: too many different stacks",
			 (unsigned long long)o->stacks.left_out);
	if (o->stacks.without)
		cli_warn(
			"%llu events have no call stack; record with --stacks=all, or select those that "
			"have one: -Y stack_id",
			(unsigned long long)o->stacks.without);
	return stack_counts_print(to, &o->stacks);
}

const struct show_format show_formats[] = {
	{ .name = "text", .event = text_event, .end = text_end },
	{ .name = "json", .plain = true, .event = json_event },
	{ .name = "csv", .plain = true, .begin = csv_begin, .event = csv_event },
	{ .name = "folded", .plain = true, .event = folded_event, .end = folded_end },
	{ .name = NULL },
};
