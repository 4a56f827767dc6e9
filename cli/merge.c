/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/stdin_copy.h"
#include "decoder/merge/merge.h"
#include "decoder/merge/report.h"
#include "decoder/util/text.h"

struct merge_run {
	const char *write;
	bool quiet;
	struct stdin_copy stdin_copy;
	struct merge_job job;
	struct merge_result result;
};

static const struct option_row options[] = {
	{ OPTION_TEXT, 'w', "write", "FILE",
	  "write the merged trace here; - is standard output (.gz, .zst: compressed)",
	  OPTION_TO(struct merge_run, write) },
	{ OPTION_FLAG, 'q', "quiet", NULL, "say nothing of what was found",
	  OPTION_TO(struct merge_run, quiet) },
	{},
};

static void show_progress(void *ctx, const struct trace_reader *t, const char *what)
{
	(void)ctx;
	cli_progress(t, what);
}

static int add_path(struct merge_run *r, const char *path)
{
	if (strcmp(path, "-")) {
		r->job.path[r->job.paths++] = path;
		return CLI_OK;
	}
	if (r->stdin_copy.fd >= 0)
		return cli_usage("only one of the traces can be standard input");
	if (stdin_copy_make(&r->stdin_copy) != CLI_OK)
		return CLI_TROUBLE;
	r->job.path[r->job.paths++] = r->stdin_copy.path;
	return CLI_OK;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, "-") && strcmp(b, "-") && !stat(a, &x) && !stat(b, &y) &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int parse(struct merge_run *r, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, r);

	if (stop)
		return stop;
	if (!r->write)
		return 1 + cli_usage("where to? -w FILE");
	if (argc - optind < 2)
		return 1 + cli_usage("which traces? give the host's and its guest's");
	if (argc - optind > MERGE_GUESTS + 1)
		return 1 + cli_usage("more than %u traces", MERGE_GUESTS + 1);
	for (int i = optind; i < argc; i++) {
		int rc;

		if (same_file(argv[i], r->write))
			return 1 + cli_usage("-w %s: it is one of the traces to be read", r->write);
		rc = add_path(r, argv[i]);
		if (rc)
			return 1 + rc;
	}
	return 0;
}

static const char *called(const struct merge_run *r, const char *path)
{
	return path == r->stdin_copy.path ? "-" : path;
}

static void warn_cut(const struct merge_run *r, const char *path, bool cut, uint64_t broken,
		     const char *text)
{
	if (broken)
		cli_warn("%s: %" PRIu64 " broken records were left out%s%s", called(r, path),
			 broken, cut ? "" : "; the last: ", cut ? "" : text);
	if (cut)
		cli_warn("%s: merged up to where it is damaged: %s", called(r, path), text);
}

static void report(const struct merge_run *r)
{
	const struct merge_result *m = &r->result;

	warn_cut(r, m->host, m->host_cut, m->host_broken, m->cut_text);
	cli_say("%s: %" PRIu64 " events", called(r, m->host), m->host_records);
	for (unsigned i = 0; i < m->guests; i++) {
		const struct merge_guest *g = &m->guest[i];
		TEXT(t, 400);

		warn_cut(r, g->path, g->cut, g->broken, g->cut_text);
		merge_put_guest(&t, g);
		cli_say("%s: %s", called(r, g->path), t.buf);
		if (g->refused)
			cli_warn("%s: %" PRIu64
				 " records are none that a guest may write; left out",
				 called(r, g->path), g->refused);
	}
}

static int merge(struct merge_run *r)
{
	struct trace_error err;
	int rc;

	r->job.write = r->write;
	r->job.progress = show_progress;
	rc = merge_files(&r->job, &r->result, &err);
	cli_progress_hide();
	return rc && rc != -EPIPE ? cli_error("%s", err.text) : CLI_OK;
}

static int run(int argc, char **argv)
{
	struct merge_run r = { .stdin_copy = STDIN_COPY_NONE };
	int rc = parse(&r, argc, argv);

	if (!rc) {
		rc = merge(&r);
		if (rc == CLI_OK && !r.quiet && r.result.host)
			report(&r);
	} else {
		rc--;
	}
	stdin_copy_close(&r.stdin_copy);
	return rc;
}

const struct cli_command cmd_merge = {
	.name = "merge",
	.summary = "join the traces of a host and its guests into one timeline",
	.run = run,
	.synopsis = "-w FILE HOST GUEST...",
	.about =
		"Joins what was recorded of QEMU and what the kernels of its guests recorded at\n"
		"the same time ('vqtrace record -i guest').  The guests' clocks are aligned with\n"
		"the host's by causality: a chain is added before it is popped, and pushed before\n"
		"it is taken.  How exactly is in the trace, and shown.  Each device is then\n"
		"there twice: blk0 as QEMU saw it, blk0.driver as its driver did.\n",
	.options = options,
	.notes = "The traces may come in any order; one of them may be -, standard input.  Traces\n"
		 "that have no chain and no queue in common are refused.\n"
		 "\n"
		 "Examples:\n"
		 "  vqtrace merge -w both.pcap host.pcap guest.pcap\n"
		 "  vqtrace merge -w - host.pcap guest.pcap | vqtrace show -r -\n"
		 "\n"
		 "Exit status: 0 merged, 2 trouble.\n",
};
