/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/process/caps.h"
#include "cli/confine.h"
#include "cli/sources.h"
#include "decoder/util/json.h"

struct doctor {
	const char *target, *source;
	bool verbose, json, list;
	struct source_report report;
};

static const char *const words[] = {
	[SOURCE_OK] = "ok", [SOURCE_LIMITED] = "warn", [SOURCE_UNAVAILABLE] = "fail"
};
static const char *const colors[] = {
	[SOURCE_OK] = "\033[32m", [SOURCE_LIMITED] = "\033[33m", [SOURCE_UNAVAILABLE] = "\033[31m"
};
static const char *const answers[] = {
	[SOURCE_OK] = "Recording works here.",
	[SOURCE_LIMITED] = "Recording works here, with the limits marked warn.",
	[SOURCE_UNAVAILABLE] = "Recording does not work here: see what is marked fail."
};

static enum source_verdict worst_of(const struct source_report *r)
{
	enum source_verdict worst = SOURCE_OK;

	for (size_t i = 0; i < r->n; i++)
		if (r->finding[i].verdict > worst)
			worst = r->finding[i].verdict;
	return worst;
}

/* One line for each source that was not examined. */
static void print_others(const struct source_ops *examined)
{
	for (unsigned i = 0; sources[i]; i++) {
		TEXT(reason, 256);
		TEXT(remedy, 256);

		if (sources[i] != examined)
			printf("The source %s %s (%s).\n", sources[i]->name,
			       sources[i]->available(&reason, &remedy) == SOURCE_UNAVAILABLE
				       ? "does not work"
				       : "works",
			       sources[i]->summary);
	}
}

static void print_text(const struct source_report *r, const struct source_ops *source)
{
	bool color = cli_color(stdout);

	for (size_t i = 0; i < r->n; i++) {
		const struct source_finding *f = &r->finding[i];

		printf("%s%-4s%s  %-34s %s\n", color ? colors[f->verdict] : "", words[f->verdict],
		       color ? "\033[0m" : "", f->what, f->found);
		if (f->remedy[0])
			printf("      %-34s -> %s\n", "", f->remedy);
	}
	printf("\n%s\n", answers[worst_of(r)]);
	print_others(source);
}

static void print_json(const struct source_report *r, const struct source_ops *source)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < r->n; i++) {
		struct json_object *f = json_object_new_object();

		json_put_str(f, "check", r->finding[i].what);
		json_put_str(f, "verdict", words[r->finding[i].verdict]);
		json_put_str(f, "found", r->finding[i].found);
		if (r->finding[i].remedy[0])
			json_put_str(f, "remedy", r->finding[i].remedy);
		json_object_array_add(list, f);
	}
	json_put_str(o, "source", source->name);
	json_put_str(o, "verdict", words[worst_of(r)]);
	json_object_object_add(o, "checks", list);
	if (r->detail)
		json_object_object_add(o, source->name, json_tokener_parse(r->detail));
	json_print(stdout, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static int examine(struct doctor *d, const struct source_ops *source)
{
	static const enum cli_exit codes[] = { [SOURCE_OK] = CLI_OK,
					       [SOURCE_LIMITED] = CLI_FINDINGS,
					       [SOURCE_UNAVAILABLE] = CLI_TROUBLE };
	struct source_error err;
	uint64_t keep = 0;

	for (unsigned i = 0; sources[i]; i++)
		keep |= sources[i]->capabilities;
	/* to look at the usual source tracefs need not be mounted */
	cli_keep_capabilities(
		source == sources[0] ? keep & ~CAPS(SYS_ADMIN) : keep | CAPS(SYS_ADMIN), false);
	d->report.verbose = d->verbose;
	d->report.json = d->json;
	if (source->examine(d->target, &d->report, &err))
		return cli_error_lines("%s", err.text);
	if (d->json)
		print_json(&d->report, source);
	else
		print_text(&d->report, source);
	return codes[worst_of(&d->report)];
}

static const struct option_row options[] = {
	{ OPTION_TEXT, 'p', "pid", "PID|BINARY", "which QEMU; the -p may be left out",
	  OPTION_TO(struct doctor, target) },
	{ OPTION_TEXT, 'i', "source", "SOURCE",
	  "which source of events (default qemu; -D lists them)",
	  OPTION_TO(struct doctor, source) },
	{ OPTION_FLAG, 'D', "list-sources", NULL,
	  "list the sources and what each can record here, and stop",
	  OPTION_TO(struct doctor, list) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "every probe and structure offset, too",
	  OPTION_TO(struct doctor, verbose) },
	{ OPTION_CHOICE, 'T', "format", "text|json", "how to print", OPTION_TO(struct doctor, json),
	  .choices = option_text_or_json },
	CLI_OPTION_COLOR,
	{},
};

static int run(int argc, char **argv)
{
	struct doctor *d = calloc(1, sizeof(*d));
	const struct source_ops *source = sources[0];
	int code;

	if (!d)
		return CLI_TROUBLE;
	code = cli_parse(argc, argv, d);
	if (!code && !d->target && optind < argc)
		d->target = argv[optind++];
	if (!code)
		code = cli_no_operands(argc, argv);
	if (code)
		code--;
	else if (d->list)
		code = sources_list();
	else if (d->source && !(source = sources_by_name(d->source)))
		code = CLI_TROUBLE;
	else
		code = examine(d, source);
	free(d->report.detail);
	free(d);
	return code;
}

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.summary = "say what can be recorded here, and what cannot and why",
	.run = run,
	.synopsis = "[OPTIONS] [[-p] PID|BINARY]",
	.about =
		"Checks what a source of events can record on this host.  For QEMU: kernel, privileges\n"
		"and BPF by trying, and how much of a QEMU can be traced: of a running one (PID), of a\n"
		"file (BINARY), or of the installed one.  Each line is ok, warn (a trace will lack\n"
		"something) or fail (no recording), with the remedy.\n",
	.options = options,
	.notes = "Exit status: 0 all is well, 1 recording works with limits, 2 it does not.\n",
};
