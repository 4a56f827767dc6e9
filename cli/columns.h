/* SPDX-License-Identifier: MIT */
/* -e: which fields of an event are the columns of CSV. */
#ifndef VQT_CLI_COLUMNS_H
#define VQT_CLI_COLUMNS_H

#include "cli/options.h"
#include "decoder/fields/fields.h"

struct cli_columns {
	const struct field *field[OPTION_LIST_MAX];
	size_t n;
};

/* Names, several of them perhaps with commas between; none: the usual ones.  As cli_usage(). */
int cli_columns_choose(struct cli_columns *c, const struct option_list *names);

#endif
