/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/trace/file.h"
#include "decoder/util/text.h"

#define EVENTS 4096 /* between two looks at the clock */
#define EVERY 500000000ULL /* ns; reading that takes less shows no progress */

static bool drawn;
static uint64_t shown;

void cli_progress_hide(void)
{
	if (drawn)
		cli_status("%s", "");
	drawn = false;
}

void cli_status(const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	TEXT(t, 1024);

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_untrusted(&t, text, strlen(text));
	fprintf(stderr, "\r%s\033[K", t.buf);
}

void cli_progress(const struct trace_reader *t, const char *more)
{
	int done = trace_progress(t);
	uint64_t now;
	TEXT(part, 16);

	if (trace_number(t) % EVENTS || !isatty(STDERR_FILENO))
		return;
	now = cli_clock();
	if (!shown)
		shown = now;
	if (now - shown < EVERY)
		return;
	shown = now;
	drawn = true;
	if (done >= 0)
		text_add(&part, "%d %%, ", done / 10);
	cli_status("reading: %s%" PRIu64 " events%s", part.buf, trace_number(t), more ? more : "");
}
