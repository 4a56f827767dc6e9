/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/columns.h"
#include "cli/window.h"
#include "decoder/check/check.h"
#include "decoder/export/export.h"
#include "decoder/filter/filter.h"
#include "decoder/model/model.h"
#include "decoder/trace/file.h"
#include "decoder/util/create.h"

struct export_run {
	const char *path, *filter_text;
	const char *out[EXPORT_COUNT]; /* where to; NULL: not asked for */
	struct option_list columns; /* -e */
	struct cli_window window;
	struct cli_columns csv;
	struct filter *filter;
	struct model *model;
	struct check *check; /* NULL: no format that is asked for has a place for findings */
	FILE *to[EXPORT_COUNT];
	void *made[EXPORT_COUNT];
	int failed[EXPORT_COUNT]; /* negative errno: it is not written any more */
	bool no_memory;
	bool ended; /* the trace was read to its end, or to where it is broken */
};

static const struct option_row options[] = {
	CLI_OPTION_READ(struct export_run, path),
	{ OPTION_HEADING, .help = "Formats, at least one; OUT is a file, - is standard output" },
#define OPTION(name, words) \
	{ OPTION_TEXT, 0, #name, "OUT", words, OPTION_TO(struct export_run, out[EXPORT_##name]) },
	EXPORT_FORMATS(OPTION)
#undef OPTION
		{ OPTION_HEADING, .help = "What of it" },
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "only events that match, for example 'device == blk0'",
	  OPTION_TO(struct export_run, filter_text) },
	CLI_OPTION_WINDOW(struct export_run, window),
	{ OPTION_LIST, 'e', "field", "FIELD",
	  "a column of --csv, of those that 'vqtrace show --fields' lists; repeat it, or put commas "
	  "between",
	  OPTION_TO(struct export_run, columns) },
	{},
};

static int parse(struct export_run *x, int argc, char **argv)
{
	unsigned n = 0, piped = 0;
	int stop = cli_parse(argc, argv, x);

	if (stop)
		return stop;
	if (cli_trace_path(&x->path, argc, argv))
		return 1 + CLI_TROUBLE;
	for (unsigned i = 0; i < EXPORT_COUNT; i++) {
		n += x->out[i] != NULL;
		piped += cli_is_stdout(x->out[i]);
	}
	if (!n)
		return 1 + cli_usage("into which format? --perfetto OUT, or another one of --help");
	if (piped > 1)
		return 1 +
		       cli_usage("one format can go to standard output; give the others a file");
	if (x->columns.n && !x->out[EXPORT_csv])
		return 1 + cli_usage("-e names the columns of --csv; give both");
	if (cli_is_stdout(x->out[EXPORT_perfetto]) || cli_is_stdout(x->out[EXPORT_blkparse]))
		if (isatty(STDOUT_FILENO))
			return 1 +
			       cli_usage("standard output is a terminal; pipe it, or name a file");
	return cli_window_check(&x->window) ? 1 + CLI_TROUBLE : 0;
}

/* A format that cannot be written any more ends; the others go on. */
static void note(struct export_run *x, unsigned i, int rc)
{
	if (rc == -ENOMEM)
		x->no_memory = true;
	if (rc && !x->failed[i])
		x->failed[i] = rc == -EIO && errno ? -errno : rc;
}

static void on_finding(void *opaque, const struct finding *f)
{
	struct export_run *x = opaque;

	if (!cli_window_has(&x->window, f->since))
		return;
	for (unsigned i = 0; i < EXPORT_COUNT; i++)
		if (x->made[i] && !x->failed[i] && export_formats[i]->finding)
			note(x, i, export_formats[i]->finding(x->made[i], f));
}

static int open_output(struct export_run *x, unsigned i)
{
	const struct export_output out = {
		.to = x->to[i],
		.model = x->model,
		.column = x->csv.field,
		.ncolumn = x->csv.n,
	};

	x->made[i] = export_formats[i]->make(&out);
	return x->made[i] ? CLI_OK : cli_error("no memory");
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Creating it empties what is there: not the trace, and not what another format is written to. */
static int create(struct export_run *x, unsigned i)
{
	struct stat there, other;
	const char *why;

	if (cli_is_stdout(x->out[i])) {
		x->to[i] = stdout;
		return CLI_OK;
	}
	if (!stat(x->out[i], &there)) {
		if (!stat(x->path, &other) && is_same(&there, &other))
			return cli_error("--%s %s: is the trace itself; give another file",
					 export_formats[i]->name, x->out[i]);
		for (unsigned k = 0; k < i; k++)
			if (x->to[k] && !fstat(fileno(x->to[k]), &other) && is_same(&there, &other))
				return cli_error(
					"--%s and --%s are the same file; give each its own",
					export_formats[k]->name, export_formats[i]->name);
	}
	x->to[i] = create_stream(x->out[i], &why);
	return x->to[i] ? CLI_OK : cli_error("%s cannot be written: %s", x->out[i], why);
}

static int prepare(struct export_run *x)
{
	bool findings = false;

	if (cli_filter(&x->filter, x->filter_text) || cli_columns_choose(&x->csv, &x->columns))
		return CLI_TROUBLE;
	x->model = model_new();
	if (!x->model)
		return cli_error("no memory");
	for (unsigned i = 0; i < EXPORT_COUNT; i++)
		findings |= x->out[i] && export_formats[i]->finding;
	if (findings && check_new(&x->check, NULL, on_finding, x, NULL))
		return cli_error("no memory");
	for (unsigned i = 0; i < EXPORT_COUNT; i++) {
		if (!x->out[i])
			continue;
		if (create(x, i) || open_output(x, i))
			return CLI_TROUBLE;
	}
	return CLI_OK;
}

static void feed(struct export_run *x, const struct event *e)
{
	bool matched =
		cli_window_has(&x->window, e->since) && (!x->filter || filter_match(x->filter, e));

	for (unsigned i = 0; i < EXPORT_COUNT; i++) {
		errno = 0;
		if (x->made[i] && !x->failed[i])
			note(x, i, export_formats[i]->feed(x->made[i], e, matched));
	}
}

static bool any_left(const struct export_run *x)
{
	for (unsigned i = 0; i < EXPORT_COUNT; i++)
		if (x->made[i] && !x->failed[i])
			return true;
	return false;
}

static void finish(struct export_run *x)
{
	const struct model_life *lives = model_finish(x->model);

	x->ended = true;
	for (unsigned i = 0; i < EXPORT_COUNT; i++) {
		errno = 0;
		if (x->made[i] && !x->failed[i])
			note(x, i, export_formats[i]->finish(x->made[i], lives));
	}
}

static int run_trace(struct export_run *x, struct trace_reader *t)
{
	bool broken = false;
	struct record rec;
	struct event e;

	while (any_left(x) && cli_trace_next(t, &rec, true, &broken)) {
		if (model_feed(x->model, &rec, trace_number(t), &e))
			return cli_error("no memory");
		feed(x, &e);
		/* the checker takes all events: it concludes much from the end of a trace */
		if (x->check && (!x->window.to || e.since <= x->window.to) &&
		    check_feed(x->check, x->model, &e))
			return cli_error("no memory");
		if (x->no_memory)
			return cli_error("no memory");
		if (cli_window_past(&x->window, e.since))
			break;
	}
	cli_progress_hide();
	if (x->check && check_finish(x->check, x->model))
		return cli_error("no memory");
	finish(x);
	return x->no_memory ? cli_error("no memory") : broken ? CLI_TROUBLE : CLI_OK;
}

static int close_output(struct export_run *x, unsigned i)
{
	TEXT(words, 400);
	int rc = x->failed[i];

	if (x->ended && !rc && export_formats[i]->lacks && x->made[i])
		export_formats[i]->lacks(x->made[i], &words);
	if (x->made[i])
		export_formats[i]->free(x->made[i]);
	if (x->to[i] == stdout) {
		errno = rc ? -rc : 0;
		rc = cli_output(rc != 0);
	} else if (x->to[i]) {
		if (fclose(x->to[i]) && !rc)
			rc = -errno;
		rc = rc ? cli_error("%s cannot be written: %s", x->out[i], strerror(-rc)) : CLI_OK;
	}
	if (!rc && words.len)
		cli_warn("%s: %s", cli_is_stdout(x->out[i]) ? "standard output" : x->out[i],
			 words.buf);
	return rc;
}

static int run(int argc, char **argv)
{
	struct export_run x = { 0 };
	struct trace_reader *t = NULL;
	int rc = parse(&x, argc, argv);

	if (rc)
		return rc - 1;
	rc = cli_trace_read(&t, x.path);
	if (!rc)
		rc = prepare(&x);
	if (!rc)
		rc = run_trace(&x, t);
	for (unsigned i = 0; i < EXPORT_COUNT; i++)
		if (close_output(&x, i))
			rc = CLI_TROUBLE;
	if (t)
		trace_close(t);
	check_free(x.check);
	model_free(x.model);
	filter_free(x.filter);
	return rc;
}

const struct cli_command cmd_export = {
	.name = "export",
	.summary = "a trace for Perfetto, Chrome, spreadsheets, blkparse, fio",
	.run = run,
	.synopsis = "[OPTIONS] -r FILE --FORMAT OUT...",
	.about =
		"Writes what is in a trace as other programs read it.  Several formats may be asked\n"
		"for at once.\n",
	.options = options,
	.notes =
		"Examples:\n"
		"  vqtrace export -r t.pcap --perfetto t.pftrace      open it in ui.perfetto.dev\n"
		"  vqtrace export -r t.pcap --chrome t.json --from 7s --to 8s\n"
		"  vqtrace export -r t.pcap --csv - -Y used -e since,device,request.latency\n"
		"  vqtrace export -r t.pcap --folded - -Y 'event == kick' | flamegraph.pl > kicks.svg\n"
		"  vqtrace export -r t.pcap --blkparse t.blktrace.0; blkparse -i t\n"
		"  vqtrace export -r t.pcap --fio t.iolog -Y 'device == blk0'\n"
		"  fio --name=replay --read_iolog=t.iolog --replay_redirect=/dev/vdb --ioengine=libaio \\\n"
		"      --direct=1 --iodepth=64\n"
		"\n"
		"Exit status: 0; 2 for an unreadable or broken trace (what is readable is exported).\n",
};
