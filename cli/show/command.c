/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/columns.h"
#include "cli/show/format.h"
#include "cli/show/save.h"
#include "cli/window.h"
#include "decoder/filter/filter.h"
#include "decoder/lifecycle/classes.h"
#include "decoder/lifecycle/lifecycle.h"
#include "decoder/print/schema.h"
#include "decoder/requests/table.h"
#include "decoder/trace/file.h"

struct show {
	const char *path, *filter_text, *write;
	bool requests, lifecycle, classes, flush, fields, schema;
	uint64_t count;
	struct cli_window window;
	struct option_list columns; /* -e, each perhaps several with commas between */
	const struct show_format *format;
	struct show_output out;
	FILE *to;
	struct filter *filter;
	struct request_table *table;
	struct lifecycle_print *tree;
	struct classes_print *callbacks;
	struct save *save;
	struct model *model;
};

static const char *const times[] = { "r", "a", "e", "d", NULL }; /* enum line_time */

static int choose_format(void *config, const char *value, struct text *why)
{
	struct show *s = config;

	for (s->format = show_formats; s->format->name; s->format++)
		if (!strcmp(s->format->name, value))
			return 0;
	text_add(why, "the choices are");
	for (const struct show_format *f = show_formats; f->name; f++)
		text_add(why, "%s %s", f == show_formats ? "" : f[1].name ? "," : " and", f->name);
	return -EINVAL;
}

static const struct option_row options[] = {
	CLI_OPTION_READ(struct show, path),
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "only events that match, for example 'device == blk0 && event == kick'",
	  OPTION_TO(struct show, filter_text) },
	CLI_OPTION_WINDOW(struct show, window),
	{ OPTION_TEXT, 'w', "write", "FILE",
	  "print nothing; write the events, and those that describe them, into this trace",
	  OPTION_TO(struct show, write) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "every field of every event, as a tree",
	  OPTION_TO(struct show, out.verbose) },
	{ OPTION_FLAG, 'x', "hex", NULL, "also the captured bytes, as a hex dump",
	  OPTION_TO(struct show, out.hex) },
	{ OPTION_CALL, 'T', "format", "text|json|csv|folded",
	  "json: one object a line, with the keys that --fields lists; csv: the fields of -e; folded: "
	  "call stacks and how many events have them, for flame graphs",
	  .call = choose_format },
	{ OPTION_LIST, 'e', "field", "FIELD",
	  "a column of -T csv, of those that --fields lists; repeat it, or put commas between",
	  OPTION_TO(struct show, columns) },
	{ OPTION_FLAG, '#', "number", NULL, "a first column: the number of the event in the trace",
	  OPTION_TO(struct show, out.line.number) },
	{ OPTION_FLAG, 0, "requests", NULL, "one row a request: where its time went",
	  OPTION_TO(struct show, requests) },
	{ OPTION_FLAG, 0, "lifecycle", NULL,
	  "how devices came to be: the driver's calls as trees, with times and registers; with -V and "
	  "their call stacks",
	  OPTION_TO(struct show, lifecycle) },
	{ OPTION_FLAG, 0, "classes", NULL,
	  "the classes of QEMU's devices: types, and whose function each callback is (record "
	  "--lifecycle)",
	  OPTION_TO(struct show, classes) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "stop after COUNT events were printed",
	  OPTION_TO(struct show, count), .min = 1, .want = "a number of events" },
	{ OPTION_CHOICE, 't', "time", "r|a|d|e",
	  "times relative to the first event (default), of day, of day with the date, or "
	  "since 1970",
	  OPTION_TO(struct show, out.line.time), .choices = times },
	{ OPTION_FLAG, 'l', "line-buffered", NULL,
	  "flush after every line (the default on a terminal and when reading a pipe)",
	  OPTION_TO(struct show, flush) },
	CLI_OPTION_ASCII(struct show, out.line.ascii),
	CLI_OPTION_COLOR,
	{ OPTION_FLAG, 0, "fields", NULL, "list the names that -Y, -e and -T json know, and stop",
	  OPTION_TO(struct show, fields) },
	{ OPTION_FLAG, 0, "schema", NULL, "print the JSON Schema of -T json, and stop",
	  OPTION_TO(struct show, schema) },
	{},
};

static int list_fields(void)
{
	const struct field *f;

	for (unsigned i = 0; (f = field_nth(i)); i++)
		fprintf(cli_text(), "%-34s %-8s %s\n", f->path, field_kind_name(f->kind), f->help);
	return cli_output(false);
}

/* --- running --------------------------------------------------------------------------- */

/* What does not go together. */
static int check_options(struct show *s)
{
	const char *format = s->format->name;

	if ((s->requests || s->lifecycle || s->classes) && strcmp(format, "text") &&
	    strcmp(format, "json"))
		return cli_usage("%s as -T text or -T json", s->requests    ? "--requests come"
							     : s->lifecycle ? "--lifecycle comes"
									    : "--classes come");
	if (s->requests && s->write)
		return cli_usage("-w writes events and --requests prints a table; leave one out");
	if (s->lifecycle && (s->write || s->requests))
		return cli_usage("--lifecycle prints trees; leave out %s",
				 s->write ? "-w" : "--requests");
	if (s->classes && (s->write || s->requests || s->lifecycle))
		return cli_usage("--classes prints a table of each device; leave out %s",
				 s->write      ? "-w"
				 : s->requests ? "--requests"
					       : "--lifecycle");
	if (s->columns.n && strcmp(format, "csv"))
		return cli_usage("-e names the columns of -T csv; give both");
	return cli_window_check(&s->window);
}

/* The words of what is kept, for the description of the trace that -w writes. */
static int open_save(struct show *s)
{
	static char words[2048];
	struct text t = { .buf = words, .size = sizeof(words) };

	if (!s->write)
		return CLI_OK;
	text_puts(&t, s->filter_text ? s->filter_text : "");
	cli_window_words(&t, &s->window);
	if (!t.len)
		text_puts(&t, "anything");
	return save_open(&s->save, s->write, s->path, words);
}

static int prepare(struct show *s)
{
	if (cli_filter(&s->filter, s->filter_text))
		return CLI_TROUBLE;
	s->to = s->format->plain ? stdout : cli_text();
	s->model = model_new();
	if (s->requests)
		s->table = request_table_new(s->to, !strcmp(s->format->name, "json"),
					     cli_width(stdout));
	if (s->lifecycle)
		s->tree = lifecycle_print_new(s->to, !strcmp(s->format->name, "json"),
					      s->out.line.ascii || cli_ascii(), s->out.verbose);
	if (s->classes)
		s->callbacks = classes_print_new(s->to, !strcmp(s->format->name, "json"));
	if (!s->model || (s->requests && !s->table) || (s->lifecycle && !s->tree) ||
	    (s->classes && !s->callbacks))
		return cli_error("no memory");
	if (s->table && (s->filter || s->window.from || s->window.to))
		request_table_selects(s->table);
	s->out.model = s->model;
	s->out.line.ascii |= cli_ascii();
	s->out.line.color = !s->format->plain && cli_color(stdout);
	s->out.fold = !s->out.verbose && !s->out.hex && !s->filter;
	s->flush |= !strcmp(s->path, "-") || isatty(STDOUT_FILENO);
	return cli_columns_choose(&s->out.columns, &s->columns);
}

static int print_event(struct show *s, const struct event *e)
{
	int rc;

	cli_progress_hide();
	rc = s->format->event(s->to, &s->out, e);
	if (!rc && s->flush && fflush(s->to))
		rc = -errno;
	return rc;
}

/* One event; 1: that was the last one that is asked for; negative errno. */
static int show_event(struct show *s, const struct event *e, uint64_t *printed)
{
	bool matched =
		cli_window_has(&s->window, e->since) && (!s->filter || filter_match(s->filter, e));
	int rc = 0;

	/* The last line that is asked for is a run that goes on, or has ended. */
	if (s->count && *printed == s->count && !line_folds(e))
		return 1;
	if (s->save)
		rc = save_event(s->save, e, matched);
	else if (s->table)
		rc = request_table_feed(s->table, s->model, e, matched);
	else if (s->tree)
		rc = lifecycle_print_feed(s->tree, e, matched);
	else if (s->callbacks)
		rc = classes_print_feed(s->callbacks, e, matched);
	else if (matched)
		rc = print_event(s, e);
	if (rc < 0)
		return rc;
	*printed += matched && !rc; /* 1: held back */
	return (s->count && *printed == s->count && !s->out.folded.n) ||
	       cli_window_past(&s->window, e->since);
}

static int run_trace(struct show *s, struct trace_reader *t)
{
	uint64_t printed = 0;
	bool broken = false;
	struct record rec;
	struct event e;
	int rc = 0;

	if (!s->table && !s->tree && !s->callbacks && !s->save && s->format->begin &&
	    s->format->begin(s->to, &s->out))
		return cli_output(true);
	while (!rc && cli_trace_next(t, &rec, true, &broken)) {
		if (model_feed(s->model, &rec, trace_number(t), &e))
			return cli_error("no memory");
		rc = show_event(s, &e, &printed);
	}
	cli_progress_hide();
	if (rc < 0)
		return s->save ? CLI_OK : cli_output(true); /* closing the file says why */
	if (s->table) {
		request_table_lives(s->table, model_finish(s->model));
		request_table_finish(s->table, s->model);
	} else if (s->tree) {
		lifecycle_print_finish(s->tree);
	} else if (s->callbacks) {
		if (!classes_print_finish(s->callbacks))
			cli_say("%s: no classes; record --lifecycle writes them", s->path);
	} else if (!s->save && s->format->end && s->format->end(s->to, &s->out)) {
		return cli_output(true);
	}
	return broken ? CLI_TROUBLE : CLI_OK;
}

static int run(int argc, char **argv)
{
	struct show s = { .format = show_formats };
	struct trace_reader *t;
	int rc = cli_parse(argc, argv, &s);

	if (rc)
		return rc - 1;
	if (s.fields)
		return list_fields();
	if (s.schema)
		return cli_output(print_schema(stdout) != 0);
	rc = cli_trace_path(&s.path, argc, argv);
	if (!rc)
		rc = check_options(&s);
	if (!rc)
		rc = prepare(&s);
	if (!rc)
		rc = cli_trace_read(&t, s.path);
	if (rc)
		return rc;
	rc = open_save(&s);
	if (rc == CLI_OK)
		rc = run_trace(&s, t);
	if (save_close(s.save))
		rc = CLI_TROUBLE;
	trace_close(t);
	if (rc == CLI_OK)
		rc = cli_output(false);
	request_table_free(s.table);
	lifecycle_print_free(s.tree);
	classes_print_free(s.callbacks);
	model_free(s.model);
	filter_free(s.filter);
	return rc;
}

const struct cli_command cmd_show = {
	.name = "show",
	.summary = "print a trace as a timeline",
	.run = run,
	.synopsis = "[OPTIONS] -r FILE",
	.about = "Prints a trace as a timeline, one line an event, as it is read.\n",
	.options = options,
	.notes =
		"An arrow to the right: the driver speaks to the device.  To the left: the device\n"
		"speaks to the driver.  'name ← value' is a write, 'name = value' a read.\n"
		"\n"
		"Examples:\n"
		"  vqtrace show -r t.pcap -Y 'register.region == common'    the initialisation\n"
		"  vqtrace show -r t.pcap -Y 'request.latency > 5ms'        slow requests\n"
		"  vqtrace show -r t.pcap --from 7s --to 8s                 by the first column\n"
		"  vqtrace show -r t.pcap -Y 'device == blk0' -w blk0.pcap  only these, as a trace\n"
		"  vqtrace show -r t.pcap -Y used -T csv -e since,device,request.latency\n"
		"  vqtrace show -r t.pcap -Y 'request.type in {flush, discard}' -V\n"
		"  vqtrace record -w - -p 4711 | vqtrace show -r -          live\n"
		"\n"
		"Exit status: 0; 2 for an unreadable or broken trace (what is readable is shown).\n",
};
