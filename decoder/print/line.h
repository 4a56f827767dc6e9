/* SPDX-License-Identifier: MIT */
/* The timeline: one line an event, for people. */
#ifndef VQT_DECODER_PRINT_LINE_H
#define VQT_DECODER_PRINT_LINE_H

#include <stdio.h>

#include "decoder/model/model.h"
#include "decoder/util/text.h"

enum line_time {
	LINE_RELATIVE, /* since the first event */
	LINE_WALL, /* local time of day */
	LINE_EPOCH, /* seconds since 1970 */
	LINE_DATE, /* local date and time of day */
};

struct line_options {
	bool color; /* SGR sequences */
	bool ascii; /* no arrows beyond ASCII */
	bool number; /* a column of event numbers */
	enum line_time time;
	uint64_t last; /* ts of the line printed before, for the delta; 0 none */
	bool any; /* a line was printed before */
};

/* One line with its newline to `to`; keeps o->last.  Negative errno on write errors. */
int print_line(FILE *to, const struct event *e, const struct model *m, struct line_options *o);
#define LINE_SIZE 2048 /* bytes of the longest line, with its newline */
/* The same at the end of an empty text of that size. */
void print_line_text(struct text *t, const struct event *e, const struct model *m,
		     struct line_options *o);
/* Only the meaning of the event; ascii: no arrows beyond ASCII. */
void print_meaning(struct text *t, const struct event *e, bool ascii);

#endif
