/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "decoder/util/option.h"
#include "cli/check/live.h"
#include "cli/cli.h"

#define FOLD 3

int check_live_option(struct check_live *l, const char *severity, struct text *why)
{
	int s = severity ? check_severity_by_name(severity) : CHECK_STRUCTURAL;

	if (s < 0)
		return option_refuse(why,
				     "the choices are must, structural, should and suspicious");
	l->on = true;
	l->run.report.severity = (unsigned)s;
	return 0;
}

static void wipe_line(void *opaque, const struct finding *f)
{
	struct check_live *l = opaque;

	if (l->line)
		fputs("\r\033[K", l->to);
	l->line = false;
}

int check_live_begin(struct check_live *l, const char *trace)
{
	int fd = -1;

	if (!l->on)
		return CLI_OK;
	if (!cli_never_waits())
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	l->to = cli_never_waits() ? stderr : fd < 0 ? NULL : fdopen(fd, "w");
	if (!l->to) {
		cli_error("--check: %s", strerror(errno));
		l->on = false;
		return CLI_TROUBLE;
	}
	l->run.report.to = l->to;
	l->run.report.trace = !trace		   ? "what was said"
			      : strcmp(trace, "-") ? trace
						   : "standard output";
	l->run.report.fold = FOLD;
	l->run.report.color = cli_color(stderr);
	l->run.report.ascii = cli_ascii();
	l->run.flush = true;
	l->run.found = wipe_line;
	l->run.opaque = l;
	return check_run_begin(&l->run);
}

void check_live_record(struct check_live *l, const void *bytes, size_t len)
{
	struct record rec;

	if (!l->on || l->err)
		return;
	l->number++;
	if (record_parse(&rec, bytes, len, NULL) == -EBADMSG)
		return;
	l->err = check_run_record(&l->run, &rec, l->number);
	if (l->err)
		cli_error("--check: %s; checking ends here, the trace goes on", strerror(-l->err));
}

int check_live_end(struct check_live *l, int code)
{
	int found = CLI_TROUBLE;

	if (!l->on)
		return code;
	/* If the command failed before the first record, print no summary. */
	if (l->to && l->run.out && (code == CLI_OK || l->number)) {
		wipe_line(l, NULL);
		found = check_run_end(&l->run);
	}
	check_run_free(&l->run);
	if (l->to && l->to != stderr)
		fclose(l->to);
	l->on = false;
	if (l->err)
		found = CLI_TROUBLE;
	return code == CLI_OK ? found : code;
}
