/* SPDX-License-Identifier: MIT */
/* The formats of show -T: each is a row of a table and a printer of decoder/print. */
#ifndef VQT_CLI_SHOW_FORMAT_H
#define VQT_CLI_SHOW_FORMAT_H

#include "cli/columns.h"
#include "decoder/fields/fields.h"
#include "decoder/print/fold.h"
#include "decoder/stacks/stacks.h"

/* What an output is made with. */
struct show_output {
	const struct model *model;
	struct line_options line;
	bool verbose, hex, fold;
	struct line_fold folded;
	struct cli_columns columns; /* csv */
	struct stack_counts stacks; /* folded */
};

/*
 * All return 0 or a negative errno, and event() 1 if the event adds no line.  begin and end may
 * be NULL.
 */
struct show_format {
	const char *name;
	bool plain; /* no colours, and nothing but what it is */
	int (*begin)(FILE *to, struct show_output *o);
	int (*event)(FILE *to, struct show_output *o, const struct event *e);
	int (*end)(FILE *to, struct show_output *o);
};

extern const struct show_format show_formats[]; /* ends with name NULL; text is first */

#endif
