/* SPDX-License-Identifier: MIT */
/* The columns of top's tables: one row each, for the screen and for batch output. */
#ifndef VQT_CLI_TOP_COLUMNS_H
#define VQT_CLI_TOP_COLUMNS_H

#include "cli/top/core.h"
#include "decoder/util/text.h"

struct top_column {
	const char *title; /* "REQ/S"; also its name to sort by, in small letters */
	int width;
	int priority; /* the higher, the sooner left out of a narrow terminal */
	const char *help;
	void (*text)(const struct top_row *r, struct text *t); /* NULL: the value, by put() */
	double (*value)(const struct top_row *r); /* to sort by, -1 none; NULL: by the text */
	void (*put)(struct text *t, double value);
	bool left; /* aligned */
};

extern const struct top_column top_columns[];
size_t top_columns_count(void);
void top_column_text(const struct top_column *c, const struct top_row *r, struct text *t);

#endif
