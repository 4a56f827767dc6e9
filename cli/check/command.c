/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/check/annotate.h"
#include "cli/check/run.h"
#include "cli/cli.h"
#include "decoder/check/report/rules.h"
#include "decoder/trace/file.h"
#include "decoder/util/number.h"

#define FOLD 3
#define PROGRESS_EVERY 200000000ULL

static const char usage[] =
	"usage: vqtrace check [OPTIONS] -r FILE\n"
	"       vqtrace check --list [--rules SELECTION] [-T json]\n"
	"       vqtrace check --explain RULE\n"
	"\n"
	"Tells which rules of virtio 1.4 were broken in a trace, by whom and where.\n"
	"\n"
	"  -r FILE            check this trace; - is standard input\n"
	"  --rules SELECTION  globs of rule names, clauses, 'driver', 'device' or a severity,\n"
	"                     separated by commas; ! before one takes away: 'T*,!blk-*'\n"
	"  --severity LEVEL   what counts: must, structural (default: what nothing works\n"
	"                     without), should, suspicious; each with those before it\n"
	"  -Y FILTER          only findings at events that match, as in 'vqtrace show'\n"
	"  -a, --all          every repetition, not only the first three of a rule and device\n"
	"  -c COUNT           stop after COUNT findings\n"
	"  -V                 all rules by name: in order, never came up, not decidable\n"
	"  -T FORMAT          text; json: an object a line; junit, sarif: for other programs\n"
	"  -w FILE            also write the trace as pcapng, findings as packet comments\n"
	"  -l                 flush after every finding (done by itself on a terminal or\n"
	"                     from a pipe)\n"
	"  --ascii            no characters beyond ASCII\n"
	"  --color WHEN       auto, always, never; NO_COLOR is respected\n"
	"  --list             every rule, and stop\n"
	"  --explain RULE     a page about a rule, and stop\n"
	"\n"
	"A finding shows the events that matter as 'vqtrace show' prints them, the one at\n"
	"which it became certain last. Rules that the trace cannot decide are told.\n"
	"\n"
	"Examples:\n"
	"  vqtrace check -r t.pcap                           what is wrong here?\n"
	"  vqtrace check -r t.pcap --rules driver --severity suspicious\n"
	"  vqtrace check -r t.pcap -w annotated.pcapng       for Wireshark\n"
	"  vqtrace record -w - -p 4711 | vqtrace check -r -  live\n"
	"\n"
	"Exit status: 0 nothing found; 1 findings of the severity asked or worse; 2 trouble\n"
	"(what is readable was checked).\n";

struct check_cmd {
	struct check_run run;
	const char *path, *write, *filter_text, *explain;
	bool list;
	struct filter *filter;
	struct annotate *annotate;
	uint64_t size, shown; /* progress: bytes of the file; when it was told last, ns */
	bool progress, told;
};

enum { OPT_RULES = 256, OPT_SEVERITY, OPT_LIST, OPT_EXPLAIN, OPT_ASCII };

static const struct option longs[] = {
	{ "read", required_argument, NULL, 'r' },
	{ "write", required_argument, NULL, 'w' },
	{ "filter", required_argument, NULL, 'Y' },
	{ "format", required_argument, NULL, 'T' },
	{ "count", required_argument, NULL, 'c' },
	{ "all", no_argument, NULL, 'a' },
	{ "verbose", no_argument, NULL, 'V' },
	{ "rules", required_argument, NULL, OPT_RULES },
	{ "severity", required_argument, NULL, OPT_SEVERITY },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "explain", required_argument, NULL, OPT_EXPLAIN },
	{ "ascii", no_argument, NULL, OPT_ASCII },
	{ "color", required_argument, NULL, CLI_OPT_COLOR },
	{ "help", no_argument, NULL, CLI_OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int severity(struct check_cmd *k, const char *arg)
{
	int s = check_severity_by_name(arg);

	if (s < 0)
		return 1 + cli_usage("--severity %s: must, structural, should or suspicious", arg);
	k->run.report.severity = (unsigned)s;
	return 0;
}

static int format(struct check_cmd *k, const char *arg)
{
	int f = report_format_by_name(arg);

	if (f < 0)
		return 1 + cli_usage("-T %s: the formats are text, json, junit and sarif", arg);
	k->run.report.format = (enum report_format)f;
	return 0;
}

/* 0 to go on, else the exit code + 1. */
static int option(void *to, int c)
{
	struct check_cmd *k = to;
	unsigned long long n;

	switch (c) {
	case 'r': k->path = optarg; return 0;
	case 'w': k->write = optarg; return 0;
	case 'Y': k->filter_text = optarg; return 0;
	case 'T': return format(k, optarg);
	case 'c':
		if (!number_parse(optarg, ~0ULL, &n) || !n)
			return 1 + cli_usage("-c %s: not a number of findings", optarg);
		k->run.count = n;
		return 0;
	case 'a': k->run.report.fold = 0; return 0;
	case 'V': k->run.report.verbose = true; return 0;
	case 'l': k->run.flush = true; return 0;
	case OPT_RULES: k->run.rules = optarg; return 0;
	case OPT_SEVERITY: return severity(k, optarg);
	case OPT_LIST: k->list = true; return 0;
	case OPT_EXPLAIN: k->explain = optarg; return 0;
	case OPT_ASCII: k->run.report.ascii = true; return 0;
	}
	return 0;
}

static int parse(struct check_cmd *k, int argc, char **argv)
{
	int stop = cli_options(argc, argv, ":r:w:Y:T:c:aVl", longs, option, k);

	if (stop)
		return stop;
	if (k->list || k->explain)
		return 0;
	if (cli_trace_path(&k->path, argc, argv))
		return 1 + CLI_TROUBLE;
	if (k->write && !strcmp(k->write, "-"))
		return 1 + cli_usage("-w -: standard output is for the findings; give -w a file");
	return 0;
}

/* --- rules ------------------------------------------------------------------ */

static int output(int rc)
{
	if (!rc && fflush(stdout))
		rc = -errno;
	if (rc && rc != -EPIPE)
		cli_error("standard output: %s", strerror(-rc));
	return rc ? CLI_TROUBLE : CLI_OK;
}

/* The rule whose name shares most with a word that is none. */
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
		return output(check_explain(stdout, rule, example->rule ? example : NULL,
					    k->run.report.ascii));
	cli_error("--explain: no rule '%s'%s%s%s; 'vqtrace check --list' lists them", id,
		  other ? "; did you mean '" : "", other ? other : "", other ? "'" : "");
	return CLI_TROUBLE;
}

static int list(struct check_cmd *k)
{
	int rc = CLI_TROUBLE;

	if (k->run.report.format > REPORT_JSON)
		return cli_usage("--list comes as -T text or -T json");
	if (check_run_begin(&k->run) == CLI_OK)
		rc = output(check_list(stdout, k->run.check, k->run.report.format == REPORT_JSON));
	check_run_free(&k->run);
	return rc;
}

/* --- checking --------------------------------------------------------------- */

static void hide_progress(struct check_cmd *k)
{
	if (k->told)
		fputs("\r\033[K", stderr);
	k->told = false;
}

static void show_progress(struct check_cmd *k, const struct trace_reader *t)
{
	uint64_t now;

	if (!k->progress || trace_number(t) % 4096)
		return;
	now = cli_clock();
	if (!k->shown)
		k->shown = now; /* what takes no time needs no progress */
	if (now - k->shown < PROGRESS_EVERY)
		return;
	k->shown = now;
	k->told = true;
	fprintf(stderr, "\rchecking: %2u %%, %llu events, %llu findings\033[K",
		(unsigned)(trace_bytes(t) * 100 / k->size), (unsigned long long)trace_number(t),
		(unsigned long long)report_count(k->run.out));
}

static void on_found(void *opaque, const struct finding *f)
{
	struct check_cmd *k = opaque;

	hide_progress(k);
	if (k->annotate)
		annotate_finding(k->annotate, f);
}

static int prepare(struct check_cmd *k)
{
	struct stat st;

	if (cli_filter(&k->filter, k->filter_text))
		return CLI_TROUBLE;
	k->run.filter = k->filter;
	k->run.report.trace = strcmp(k->path, "-") ? k->path : "standard input";
	k->run.report.color = k->run.report.format == REPORT_TEXT && cli_color(stdout);
	k->run.flush |= !strcmp(k->path, "-") || isatty(STDOUT_FILENO);
	k->run.found = on_found;
	k->run.opaque = k;
	if (strcmp(k->path, "-") && !stat(k->path, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		k->size = (uint64_t)st.st_size;
	k->progress = k->size && isatty(STDERR_FILENO);
	return check_run_begin(&k->run);
}

static int open_annotated(struct check_cmd *k)
{
	struct stat in, out;
	int rc;

	if (!k->write)
		return CLI_OK;
	if (!stat(k->path, &in) && !stat(k->write, &out) && in.st_dev == out.st_dev &&
	    in.st_ino == out.st_ino) {
		cli_error("-w %s: is the trace itself; give another file", k->write);
		return CLI_TROUBLE;
	}
	rc = annotate_open(&k->annotate, k->write);
	if (rc)
		cli_error("%s: cannot be written: %s", k->write, strerror(-rc));
	return rc ? CLI_TROUBLE : CLI_OK;
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
			hide_progress(k);
			cli_error("%s", err.text);
			trouble = CLI_TROUBLE;
			if (!again)
				break;
			continue;
		}
		if (k->annotate)
			annotate_record(k->annotate, &rec, trace_wall(t));
		rc = check_run_record(&k->run, &rec, trace_number(t));
		if (rc == -ENOMEM) {
			cli_error("no memory");
			return CLI_TROUBLE;
		}
		if (rc)
			break;
		show_progress(k, t);
	}
	hide_progress(k);
	return trouble;
}

/* The rest of the trace still belongs into the annotated one. */
static int finish_annotated(struct check_cmd *k, struct trace_reader *t)
{
	struct trace_error err;
	struct record rec;
	bool again;
	int rc;

	if (!k->annotate)
		return CLI_OK;
	while (k->run.full && trace_next(t, &rec, &again, &err) == 1)
		annotate_record(k->annotate, &rec, trace_wall(t));
	rc = annotate_close(k->annotate);
	if (rc)
		cli_error("%s: %s", k->write, strerror(-rc));
	return rc ? CLI_TROUBLE : CLI_OK;
}

static int check_trace(struct check_cmd *k)
{
	struct trace_reader *t = NULL;
	struct trace_error err;
	int code = prepare(k), trouble = CLI_OK;

	cli_leave_interrupt(k->path);
	if (code == CLI_OK && trace_open(&t, k->path, &err)) {
		cli_error("%s", err.text);
		code = CLI_TROUBLE;
	}
	if (code == CLI_OK)
		code = open_annotated(k);
	if (code == CLI_OK) {
		trouble = run_trace(k, t);
		code = check_run_end(&k->run);
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
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8"))
		k.run.report.ascii = true;
	if (k.explain)
		return explain(&k);
	return k.list ? list(&k) : check_trace(&k);
}

const struct cli_command cmd_check = {
	.name = "check",
	.summary = "tell which rules of virtio 1.4 were broken, by whom",
	.usage = usage,
	.run = run,
};
