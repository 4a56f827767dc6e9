/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/trace/file.h"

#define EVENTS 4096 /* between two looks at the clock */
#define EVERY 500000000ULL /* ns; reading that takes less shows no progress */

static bool drawn;
static uint64_t shown;

void cli_progress_hide(void)
{
	if (drawn)
		fputs("\r\033[K", stderr);
	drawn = false;
}

void cli_progress(const struct trace_reader *t, const char *more)
{
	int done = trace_progress(t);
	uint64_t now;

	if (trace_number(t) % EVENTS || !isatty(STDERR_FILENO))
		return;
	now = cli_clock();
	if (!shown)
		shown = now;
	if (now - shown < EVERY)
		return;
	shown = now;
	drawn = true;
	fputs("\rreading: ", stderr);
	if (done >= 0)
		fprintf(stderr, "%d %%, ", done / 10);
	fprintf(stderr, "%" PRIu64 " events%s\033[K", trace_number(t), more ? more : "");
}
