/* SPDX-License-Identifier: MIT */
#include "cli/window.h"

#define SLACK 1000000000ULL /* ns: sources are read in turns */

int cli_window_check(const struct cli_window *w)
{
	if (w->to && w->to < w->from)
		return cli_usage("--to is before --from, so nothing is between them");
	return CLI_OK;
}

bool cli_window_past(const struct cli_window *w, uint64_t since)
{
	return w->to && since > w->to && since - w->to > SLACK;
}

static void put(struct text *t, const char *word, uint64_t ns)
{
	if (!ns)
		return;
	text_add(t, "%s%s ", t->len ? " " : "", word);
	text_duration(t, ns);
}

void cli_window_words(struct text *t, const struct cli_window *w)
{
	put(t, "from", w->from);
	put(t, "to", w->to);
}
