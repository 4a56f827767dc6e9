/* SPDX-License-Identifier: MIT */
/* --from and --to: a part of a trace, by the time since its first event. */
#ifndef VQT_CLI_WINDOW_H
#define VQT_CLI_WINDOW_H

#include "cli/options.h"

struct cli_window {
	uint64_t from, to; /* ns since the first event, both included; to 0: the end */
};

/* Two rows of an option table; field: a struct cli_window. */
#define CLI_OPTION_WINDOW(type, field) \
	{ OPTION_TIME, \
	  0, \
	  "from", \
	  "TIME", \
	  "only events from this time on, since the first event: 7s, 500ms, 1m", \
	  OPTION_TO(type, field.from), \
	  .want = CLI_WINDOW_WANT }, \
	{ \
		OPTION_TIME, 0, "to", "TIME", "only events up to this time", \
			OPTION_TO(type, field.to), .min = 1, .want = CLI_WINDOW_WANT \
	}
#define CLI_WINDOW_WANT "a time with its unit, such as 7s, 500ms or 1m"

/* CLI_OK, or CLI_TROUBLE after saying that nothing can be in it. */
int cli_window_check(const struct cli_window *w);
static inline bool cli_window_has(const struct cli_window *w, uint64_t since)
{
	return since >= w->from && (!w->to || since <= w->to);
}

/* Whether no later event can be in it: records of a trace may be a little out of order. */
bool cli_window_past(const struct cli_window *w, uint64_t since);
/* Add ", from 7s to 8s" in words. */
void cli_window_words(struct text *t, const struct cli_window *w);

#endif
