/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cli/window.h"
#include "decoder/check/check.h"
#include "decoder/filter/filter.h"
#include "decoder/model/model.h"
#include "decoder/stacks/flame.h"
#include "decoder/report/html.h"
#include "decoder/report/svg.h"
#include "decoder/stats/print.h"
#include "decoder/stats/stats.h"
#include "decoder/trace/file.h"
#include "decoder/util/create.h"

struct stat_run {
	const char *path, *filter_text, *plot, *flame, *html;
	int by; /* enum stat_by, -1 the page */
	enum stat_format format;
	bool latency;
	struct cli_window window;
	bool begun; /* counting: the window has */
	struct filter *filter;
	struct model *model;
	struct stats *stats;
	struct check *check; /* NULL: not asked for */
	struct stat_findings *findings;
	struct stack_counts stacks;
	struct slow *slow; /* NULL: not asked for */
};

static const char *const formats[] = {
	[STAT_TEXT] = "text", [STAT_JSON] = "json", [STAT_CSV] = "csv", NULL
};

static const struct option_row options[] = {
	CLI_OPTION_READ(struct stat_run, path),
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "count only events that match, for example 'device == blk0'",
	  OPTION_TO(struct stat_run, filter_text) },
	CLI_OPTION_WINDOW(struct stat_run, window),
	{ OPTION_CHOICE, 0, "by", "WHAT", "a table instead: queue, type, size, vcpu or time",
	  OPTION_TO(struct stat_run, by), .choices = stat_by_names },
	{ OPTION_FLAG, 0, "latency", NULL, "latency histograms and stages instead",
	  OPTION_TO(struct stat_run, latency) },
	{ OPTION_TEXT, 0, "html", "FILE",
	  "also write a report of everything: figures, pictures, findings, slow requests",
	  OPTION_TO(struct stat_run, html) },
	{ OPTION_TEXT, 0, "plot", "FILE",
	  "also draw throughput, queue depth, latency over time, and stages, as SVG",
	  OPTION_TO(struct stat_run, plot) },
	{ OPTION_TEXT, 0, "flame", "FILE",
	  "also draw the call stacks of the events (record --stacks) as a flame graph, as SVG",
	  OPTION_TO(struct stat_run, flame) },
	{ OPTION_CHOICE, 'T', "format", "text|json|csv",
	  "json: the page is one object, a table is one object a row",
	  OPTION_TO(struct stat_run, format), .choices = formats },
	{},
};

/* A picture or report on standard output has it for itself. */
static unsigned piped(const struct stat_run *s)
{
	return cli_is_stdout(s->html) + cli_is_stdout(s->plot) + cli_is_stdout(s->flame);
}

static int parse(struct stat_run *s, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, s);

	if (stop)
		return stop;
	if (cli_trace_path(&s->path, argc, argv))
		return 1 + CLI_TROUBLE;
	if (s->latency && s->by >= 0)
		return 1 + cli_usage("--by and --latency exclude each other; give one of them");
	if (s->format == STAT_CSV && s->by < 0 && !s->latency)
		return 1 + cli_usage("-T csv is for tables: add --by queue, or --latency");
	if (piped(s) > 1)
		return 1 + cli_usage("one of --html, --plot and --flame can go to standard output; "
				     "give the others a file");
	return cli_window_check(&s->window) ? 1 + CLI_TROUBLE : 0;
}

static void on_finding(void *opaque, const struct finding *f)
{
	const struct stat_run *s = opaque;

	if (cli_window_has(&s->window, f->since))
		stat_findings_add(s->findings, f);
}

static int prepare(struct stat_run *s)
{
	bool page = s->by < 0 && !s->latency;

	if (cli_filter(&s->filter, s->filter_text))
		return CLI_TROUBLE;
	s->model = model_new();
	s->stats = stats_new();
	s->findings = stat_findings_new();
	if (!s->model || !s->stats || !s->findings ||
	    ((page || s->html) && check_new(&s->check, NULL, on_finding, s, NULL)))
		return cli_error("no memory");
	if (s->html && !(s->slow = slow_new()))
		return cli_error("no memory");
	return CLI_OK;
}

static int feed(struct stat_run *s, const struct event *e)
{
	const struct cli_window *w = &s->window;
	bool counted = cli_window_has(w, e->since) && (!s->filter || filter_match(s->filter, e));
	int rc = 0;

	if (!s->begun && w->from && e->since >= w->from) {
		stats_begin(s->stats, e->ts);
		s->begun = true;
	}
	/* The checker takes all events: it concludes much from the end of a trace. */
	if (!w->to || e->since <= w->to)
		rc = stats_feed(s->stats, s->model, e, counted);
	if (!rc && counted && s->flame)
		rc = stack_counts_add(&s->stacks, e);
	if (!rc && s->slow && (!w->to || e->since <= w->to))
		rc = slow_feed(s->slow, s->model, e, counted);
	return rc || !s->check ? rc : check_feed(s->check, s->model, e);
}

static int run_trace(struct stat_run *s, struct trace_reader *t)
{
	const struct model_life *lives = NULL;
	bool broken = false;
	struct record rec;
	struct event e;

	while (cli_trace_next(t, &rec, true, &broken)) {
		if (model_feed(s->model, &rec, trace_number(t), &e) || feed(s, &e))
			return cli_error("no memory");
		if (!s->check && cli_window_past(&s->window, e.since))
			break;
	}
	cli_progress_hide();
	/* what a filter or a window would have matched of these nobody knows */
	if (!s->filter && !s->window.from && !s->window.to)
		lives = model_finish(s->model);
	if (stats_lives(s->stats, lives))
		return cli_error("no memory");
	if (s->slow)
		slow_finish(s->slow, lives);
	if ((s->check && check_finish(s->check, s->model)) || stat_findings_error(s->findings) ||
	    stats_end(s->stats))
		return cli_error("no memory");
	return broken ? CLI_TROUBLE : CLI_OK;
}

static int drawn(const char *path, FILE *to, int rc, const char *why)
{
	if (to == stdout)
		return cli_output(rc);
	if (to && fclose(to))
		rc = -EIO;
	if (!rc)
		return CLI_OK;
	return cli_error("%s cannot be written: %s", path, to ? strerror(errno) : why);
}

static FILE *open_picture(const char *path, const char **why)
{
	return cli_is_stdout(path) ? stdout : create_stream(path, why);
}

static int draw(const struct stat_run *s, const struct stat_view *v)
{
	const char *why;
	FILE *to = open_picture(s->plot, &why);

	return drawn(s->plot, to, to ? plot_svg(to, v) : -EIO, why);
}

static int draw_flame(struct stat_run *s)
{
	const char *why;
	FILE *to = open_picture(s->flame, &why);
	const char *slash = strrchr(s->path, '/');
	TEXT(of, 200);

	text_puts(&of, slash ? slash + 1 : s->path);
	if (s->window.from || s->window.to)
		text_puts(&of, ", ");
	cli_window_words(&of, &s->window);
	if (s->filter_text)
		text_add(&of, ", %s", s->filter_text);
	if (!s->stacks.by_text)
		cli_warn("no event%s has a call stack: record with --stacks",
			 s->filter_text ? " that matched" : "");
	return drawn(s->flame, to, to ? flame_svg(to, &s->stacks, of.buf) : -EIO, why);
}

static int report(const struct stat_run *s, const struct stat_view *v)
{
	const char *why, *slash = strrchr(s->path, '/'), *of = slash ? slash + 1 : s->path;
	FILE *to = open_picture(s->html, &why);

	of = strcmp(s->path, "-") ? of : "standard input";
	return drawn(s->html, to, to ? report_html(to, v, s->slow, of) : -EIO, why);
}

/* The pictures first: if the reader of the page leaves early, SIGPIPE ends this process. */
static int pictures(struct stat_run *s, const struct stat_view *v)
{
	int plot = s->plot ? draw(s, v) : CLI_OK, flame = s->flame ? draw_flame(s) : CLI_OK;
	int html = s->html ? report(s, v) : CLI_OK;

	return plot ? plot : flame ? flame : html;
}

static int print(struct stat_run *s, const struct stat_view *v)
{
	int rc;

	if (piped(s))
		return CLI_OK;
	if (s->by >= 0)
		rc = stat_print_by(stdout, v, (enum stat_by)s->by, s->format);
	else if (s->latency)
		rc = stat_print_latency(stdout, v, s->format);
	else if (s->format == STAT_JSON)
		rc = stat_print_json(stdout, v);
	else
		rc = stat_print_page(stdout, v);
	if (rc == -ENOMEM)
		return cli_error("no memory");
	return cli_output(rc);
}

static int output(struct stat_run *s)
{
	TEXT(window, 80);

	cli_window_words(&window, &s->window);
	const struct stat_view v = {
		.stats = s->stats,
		.model = s->model,
		.findings = s->check ? s->findings : NULL,
		.check = s->check,
		.filter = s->filter_text,
		.window = window.len ? window.buf : NULL,
		.from = s->window.from,
		.to = s->window.to,
		.latency = s->latency,
		.width = cli_width(stdout),
	};
	int made = pictures(s, &v), rc = print(s, &v);

	return rc ? rc : made;
}

static int run(int argc, char **argv)
{
	struct stat_run s = { .by = -1 };
	struct trace_reader *t;
	int rc = parse(&s, argc, argv), printed;

	if (rc)
		return rc - 1;
	rc = prepare(&s);
	if (!rc)
		rc = cli_trace_read(&t, s.path);
	if (rc)
		return rc;
	rc = run_trace(&s, t);
	trace_close(t);
	printed = output(&s);
	stack_counts_free(&s.stacks);
	slow_free(s.slow);
	check_free(s.check);
	stat_findings_free(s.findings);
	stats_free(s.stats);
	model_free(s.model);
	filter_free(s.filter);
	return rc ? rc : printed;
}

const struct cli_command cmd_stat = {
	.name = "stat",
	.summary = "a trace in one page a device: counts, latencies, findings",
	.run = run,
	.synopsis = "[OPTIONS] -r FILE",
	.about = "Counts and times a trace, and prints a page for each device: what was\n"
		 "negotiated, queues, request mix, access pattern, notifications, occupancy,\n"
		 "errors, what 'vqtrace check' found, latencies.\n",
	.options = options,
	.notes =
		"A latency histogram has buckets that are 1/16 of their value wide.  A percentile is\n"
		"the upper end of its bucket: never too low, at most 6.25 % too high.\n"
		"\n"
		"Examples:\n"
		"  vqtrace stat -r t.pcap\n"
		"  vqtrace stat -r t.pcap --by queue -T csv\n"
		"  vqtrace stat -r t.pcap --from 7s --to 8s\n"
		"  vqtrace stat -r t.pcap --latency -Y 'request.type == flush'\n"
		"  vqtrace stat -r t.pcap --html t.html                     for the browser\n"
		"  vqtrace stat -r t.pcap --flame t.svg -Y 'event == kick'  who kicks\n"
		"  vqtrace record -w - -p 4711 | vqtrace stat -r -          at the end, with Ctrl-C\n"
		"\n"
		"Exit status: 0; 2 for an unreadable or broken trace (what is readable is counted).\n",
};
