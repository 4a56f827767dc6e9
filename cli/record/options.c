/* SPDX-License-Identifier: MIT */
/* The options of `record`. */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/record/run.h"

static int parse_check(void *config, const char *value, struct text *why)
{
	return check_live_option(&((struct record_run *)config)->check, value, why);
}

const struct option_row record_options[] = {
	{ OPTION_HEADING, .help = "Where to and until when" },
	{ OPTION_TEXT, 'w', "write", "FILE", "the trace file; - is standard output",
	  OPTION_TO(struct record_run, out.path) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "stop after so many events",
	  OPTION_TO(struct record_run, count), .min = 1, .want = "a count of events" },
	{ OPTION_TIME, 0, "duration", "TIME", "stop after 10s, 5m, ...",
	  OPTION_TO(struct record_run, duration), .want = "a time such as 10s or 5m" },
	TRACE_OUT_OPTIONS(struct record_run, out, "stop"),
	{ OPTION_CALL, 0, "check", "[=LEVEL]", CHECK_LIVE_HELP, .call = parse_check },
	{ OPTION_FLAG, 0, "with-guest", NULL,
	  "give the QEMU that is started a port named vqtrace, and record as well what the guest's "
	  "vqtrace writes to it: 'vqtrace record -i guest -w /dev/virtio-ports/vqtrace'",
	  OPTION_TO(struct record_run, with_guest) },
	{ OPTION_FLAG, 0, "no-confine", NULL,
	  "of a proxy, which is confined as 'vqtrace serve' is: keep all rights (for debuggers)",
	  OPTION_TO(struct record_run, no_confine) },
	{ OPTION_FLAG, 'q', "quiet", NULL, "no summary", OPTION_TO(struct record_run, quiet) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "list the devices as well",
	  OPTION_TO(struct record_run, verbose) },
	{ OPTION_TEXT, 0, "regression", "NAME",
	  "also make NAME.pcap, a test out of the recording: short, without data, names and paths; "
	  "-w is then not needed; prints its line for traces/LIST",
	  OPTION_TO(struct record_run, regression.name) },
	{ OPTION_TEXT, 'r', "read", "FILE", "with --regression: of this trace, recorded earlier",
	  OPTION_TO(struct record_run, regression.read) },
	{ OPTION_TEXT, 0, "origin", "TEXT",
	  "with --regression: what the trace says of where it is from",
	  OPTION_TO(struct record_run, regression.origin) },
	{},
};

/* Does what is asked for go together?  CLI_OK or CLI_TROUBLE. */
static int check_options(const struct record_run *r)
{
	const struct sources_choice *c = &r->choice;
	bool pipe = cli_is_stdout(r->out.path);
	bool rotated = r->out.rotate_size || r->out.rotate_ns;
	struct source_error err;

	if (c->ops->check(c->config, &c->request, r->command != NULL, &err))
		return cli_usage_lines("%s", err.text);
	if (!r->out.path)
		return cli_usage("say where to: -w FILE, or -w - for a pipe");
	if (pipe && isatty(STDOUT_FILENO))
		return cli_usage("-w -: standard output is a terminal; pipe it, "
				 "for example into 'vqtrace show -r -'");
	if (r->check.on && c->request.light)
		return cli_usage("--check needs every event, and --light records none; "
				 "leave one out");
	if (r->regression.name && (pipe || rotated))
		return cli_usage(
			"--regression makes a test of one file: leave out -w -, --rotate-*");
	if (pipe && rotated)
		return cli_usage("a pipe cannot be rotated; give -w a file");
	return CLI_OK;
}

int record_command_line(struct record_run *r, int argc, char **argv)
{
	int code = sources_parse(argc, argv, r, &r->choice);

	if (code)
		return code;
	if (optind < argc)
		r->command = argv + optind;
	if (r->with_guest) {
		code = record_with_guest(r);
		if (code)
			return code;
	}
	code = sources_join(&r->choice);
	if (code)
		return code;
	code = record_regression_begin(&r->regression, &r->out.path);
	if (code == CLI_OK && !r->regression.read)
		code = check_options(r);
	return code == CLI_OK ? 0 : code + 1;
}
