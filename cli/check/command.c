/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/check/annotate.h"
#include "cli/check/run.h"
#include "cli/options.h"
#include "decoder/check/report/rules.h"
#include "decoder/trace/file.h"

#define FOLD 3

struct check_cmd {
	struct check_run run;
	const char *path, *write, *filter_text, *explain;
	bool list, all;
	struct filter *filter;
	struct annotate *annotate;
};

static const struct option_row options[] = {
	CLI_OPTION_READ(struct check_cmd, path),
	{ OPTION_TEXT, 0, "rules", "SELECTION",
	  "globs of rule names, clauses, 'driver', 'device' or a severity, separated by commas; "
	  "! before one excludes it: 'T*,!blk-*'",
	  OPTION_TO(struct check_cmd, run.rules) },
	{ OPTION_CHOICE, 0, "severity", "LEVEL",
	  "findings of this severity and those before it: must, structural (default: "
	  "nothing works otherwise), should, suspicious",
	  OPTION_TO(struct check_cmd, run.report.severity), .choices = check_severity_names },
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "only findings at events that match, as in 'vqtrace show'",
	  OPTION_TO(struct check_cmd, filter_text) },
	CLI_OPTION_WINDOW(struct check_cmd, run.window),
	{ OPTION_FLAG, 'a', "all", NULL,
	  "all repetitions, not only the first three of a rule and device",
	  OPTION_TO(struct check_cmd, all) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "stop after COUNT findings",
	  OPTION_TO(struct check_cmd, run.count), .min = 1, .want = "a number of findings" },
	{ OPTION_FLAG, 'V', "verbose", NULL,
	  "name all rules: in order, never came up, not decidable",
	  OPTION_TO(struct check_cmd, run.report.verbose) },
	{ OPTION_CHOICE, 'T', "format", "text|json|junit|sarif",
	  "json: an object a line; junit, sarif: for other programs",
	  OPTION_TO(struct check_cmd, run.report.format), .choices = report_format_names },
	{ OPTION_TEXT, 'w', "write", "FILE",
	  "also write the trace as pcapng, with the findings as packet comments",
	  OPTION_TO(struct check_cmd, write) },
	{ OPTION_FLAG, 'l', "line-buffered", NULL,
	  "flush after every finding (the default on a terminal and when reading a pipe)",
	  OPTION_TO(struct check_cmd, run.flush) },
	CLI_OPTION_BISECT,
	CLI_OPTION_ASCII(struct check_cmd, run.report.ascii),
	CLI_OPTION_COLOR,
	{ OPTION_FLAG, 0, "list", NULL, "list the rules, and exit",
	  OPTION_TO(struct check_cmd, list) },
	{ OPTION_TEXT, 0, "explain", "RULE", "print a page about a rule, and exit",
	  OPTION_TO(struct check_cmd, explain) },
	{},
};

static int parse(struct check_cmd *k, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, k);

	if (stop)
		return stop;
	if (k->all)
		k->run.report.fold = 0;
	if (k->list || k->explain)
		return 0;
	if (cli_trace_path(&k->path, argc, argv))
		return 1 + CLI_TROUBLE;
	if (cli_window_check(&k->run.window))
		return 1 + CLI_TROUBLE;
	if (cli_is_stdout(k->write))
		return 1 + cli_usage("-w -: standard output is for the findings; give -w a file");
	return 0;
}

/* --- rules ------------------------------------------------------------------ */

/* The rule whose name is most similar to an unknown word. */
static const char *similar(const char *word)
{
	const char *best = NULL;
	const struct rule *rule;
	size_t most = 3;

	for (unsigned i = 0; (rule = rule_nth(i)); i++)
		for (const char *at = rule->id; *at; at++) {
			size_t n = 0;

			while (at[n] && at[n] == word[n])
				n++;
			if (n > most) {
				most = n;
				best = rule->id;
			}
		}
	return best;
}

static int explain(const struct check_cmd *k)
{
	const struct check_example *example = check_examples;
	const char *id = k->explain;
	const struct rule *rule = rule_by_id(id);
	const char *other = rule ? NULL : similar(id);

	while (example->rule && strcmp(example->rule, id))
		example++;
	if (rule)
		return cli_output(check_explain(cli_text(), rule, example->rule ? example : NULL,
						k->run.report.ascii));
	return cli_error("--explain: no rule '%s'%s%s%s; 'vqtrace check --list' lists them", id,
			 other ? "; did you mean '" : "", other ? other : "", other ? "'" : "");
}

static int list(struct check_cmd *k)
{
	int rc = CLI_TROUBLE;

	if (k->run.report.format > REPORT_JSON)
		return cli_usage("--list comes as -T text or -T json");
	if (check_run_begin(&k->run) == CLI_OK)
		rc = cli_output(check_list(stdout, k->run.check,
					   k->run.report.format == REPORT_JSON, cli_width(stdout)));
	check_run_free(&k->run);
	return rc;
}

/* --- checking --------------------------------------------------------------- */

static void show_progress(struct check_cmd *k, const struct trace_reader *t)
{
	TEXT(found, 60);

	text_add(&found, ", %llu findings", (unsigned long long)report_count(k->run.out));
	cli_progress(t, found.buf);
}

static void on_found(void *opaque, const struct finding *f)
{
	struct check_cmd *k = opaque;

	cli_progress_hide();
	if (k->annotate)
		annotate_finding(k->annotate, f);
}

/* The words of --from and --to for the report; NULL: there are none. */
static const char *window_words(const struct cli_window *w)
{
	static char words[80];
	struct text t = { .buf = words, .size = sizeof(words) };

	cli_window_words(&t, w);
	return t.len ? words : NULL;
}

static int prepare(struct check_cmd *k)
{
	if (cli_filter(&k->filter, k->filter_text))
		return CLI_TROUBLE;
	k->run.filter = k->filter;
	k->run.report.trace = strcmp(k->path, "-") ? k->path : "standard input";
	k->run.report.window = window_words(&k->run.window);
	k->run.report.color = k->run.report.format == REPORT_TEXT && cli_color(stdout);
	if (k->run.report.format == REPORT_TEXT)
		k->run.report.to = cli_text();
	k->run.flush |= !strcmp(k->path, "-") || isatty(STDOUT_FILENO);
	k->run.found = on_found;
	k->run.opaque = k;
	return check_run_begin(&k->run);
}

static int open_annotated(struct check_cmd *k)
{
	struct stat in, out;
	int rc;

	if (!k->write)
		return CLI_OK;
	if (!stat(k->path, &in) && !stat(k->write, &out) && in.st_dev == out.st_dev &&
	    in.st_ino == out.st_ino)
		return cli_error("-w %s: is the trace itself; give another file", k->write);
	rc = annotate_open(&k->annotate, k->write);
	return rc ? cli_error("%s: cannot be written: %s", k->write, strerror(-rc)) : CLI_OK;
}

/* CLI_OK or CLI_TROUBLE; what could be read has been checked. */
static int run_trace(struct check_cmd *k, struct trace_reader *t)
{
	int trouble = CLI_OK, rc;
	struct trace_error err;
	struct record rec;
	bool again;

	while (!k->run.full && (rc = trace_next(t, &rec, &again, &err))) {
		if (rc < 0) {
			trouble = cli_error("%s", err.text);
			report_trouble(k->run.out, err.text);
			if (!again)
				break;
			continue;
		}
		if (k->annotate)
			annotate_record(k->annotate, &rec, trace_wall(t));
		rc = check_run_record(&k->run, &rec, trace_number(t));
		if (rc == -ENOMEM)
			return cli_error("no memory");
		if (rc)
			break;
		show_progress(k, t);
	}
	cli_progress_hide();
	return trouble;
}

/* The rest of the trace still belongs into the annotated one. */
static int finish_annotated(struct check_cmd *k, struct trace_reader *t)
{
	struct record rec;
	bool broken;
	int rc;

	if (!k->annotate)
		return CLI_OK;
	while (k->run.full && cli_trace_next(t, &rec, false, &broken))
		annotate_record(k->annotate, &rec, trace_wall(t));
	rc = annotate_close(k->annotate);
	return rc ? cli_error("%s: %s", k->write, strerror(-rc)) : CLI_OK;
}

static int check_trace(struct check_cmd *k)
{
	struct trace_reader *t = NULL;
	int code = prepare(k), trouble = CLI_OK;

	if (code == CLI_OK)
		code = cli_trace_read(&t, k->path);
	if (code == CLI_OK)
		code = open_annotated(k);
	if (code == CLI_OK) {
		trouble = run_trace(k, t);
		code = check_run_end(&k->run);
		if (code == CLI_OK && !check_run_decided(&k->run))
			code = CLI_TROUBLE;
		trouble |= finish_annotated(k, t);
	}
	trace_close(t);
	check_run_free(&k->run);
	filter_free(k->filter);
	return trouble ? trouble : code;
}

static int run(int argc, char **argv)
{
	struct check_cmd k = { .run.report = {
				       .to = stdout,
				       .severity = CHECK_STRUCTURAL,
				       .fold = FOLD,
			       } };
	int rc = parse(&k, argc, argv);

	if (rc)
		return rc - 1;
	k.run.report.ascii |= cli_ascii();
	if (k.explain)
		return explain(&k);
	return k.list ? list(&k) : check_trace(&k);
}

const struct cli_command cmd_check = {
	.name = "check",
	.summary = "report which rules of virtio 1.4 were broken, and by whom",
	.run = run,
	.synopsis = "[OPTIONS] -r FILE\n"
		    "--list [--rules SELECTION] [-T json]\n"
		    "--explain RULE",
	.about = "Reports which rules of virtio 1.4 a trace breaks, where, and by whom.\n",
	.options = options,
	.notes =
		"A finding shows the events that matter as 'vqtrace show' prints them; the last one is\n"
		"the event at which it became certain.  The summary names rules that could not be decided.\n"
		"\n"
		"Examples:\n"
		"  vqtrace check -r t.pcap                           what is wrong here?\n"
		"  vqtrace check -r t.pcap --rules driver --severity suspicious\n"
		"  vqtrace check -r t.pcap --from 7s --to 8s         findings of that time\n"
		"  vqtrace check -r t.pcap -w annotated.pcapng       for Wireshark\n"
		"  vqtrace record -w - -p 4711 | vqtrace check -r -  live\n"
		"\n"
		"Exit status: 0 no findings; 1 findings of the requested severity or worse; 2 trouble\n"
		"(what is readable was checked), or nothing was decidable; with --bisect 125 for that.\n",
};
