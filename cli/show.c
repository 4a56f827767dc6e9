/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "decoder/fields/fields.h"
#include "decoder/filter/filter.h"
#include "decoder/print/hex.h"
#include "decoder/model/model.h"
#include "decoder/print/json.h"
#include "decoder/print/line.h"
#include "decoder/print/requests.h"
#include "decoder/print/verbose.h"
#include "decoder/trace/file.h"

struct show {
	const char *path, *filter_text;
	bool verbose, hex, json, requests, flush, fields;
	uint64_t count;
	struct line_options line;
	struct filter *filter;
	struct request_table *table;
	struct model *model;
};

static const char *const times[] = { "r", "a", "e", "d", NULL }; /* enum line_time */

static const struct option_row options[] = {
	CLI_OPTION_READ(struct show, path),
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "only events that match, for example 'device == blk0 && event == kick'",
	  OPTION_TO(struct show, filter_text) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "every field of every event, as a tree",
	  OPTION_TO(struct show, verbose) },
	{ OPTION_FLAG, 'x', "hex", NULL, "also the captured bytes, as a hex dump",
	  OPTION_TO(struct show, hex) },
	{ OPTION_CHOICE, 'T', "format", "text|json",
	  "json: one object a line, with the keys that --fields lists",
	  OPTION_TO(struct show, json), .choices = option_text_or_json },
	{ OPTION_FLAG, 0, "requests", NULL, "one row a request: where its time went",
	  OPTION_TO(struct show, requests) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "stop after COUNT events were printed",
	  OPTION_TO(struct show, count), .min = 1, .want = "a number of events" },
	{ OPTION_CHOICE, 't', "time", "r|a|d|e",
	  "times relative to the first event (default), of day, of day with the date, or "
	  "since 1970",
	  OPTION_TO(struct show, line.time), .choices = times },
	{ OPTION_FLAG, 'l', "line-buffered", NULL,
	  "flush after every line (the default on a terminal and when reading a pipe)",
	  OPTION_TO(struct show, flush) },
	CLI_OPTION_ASCII(struct show, line.ascii),
	CLI_OPTION_COLOR,
	{ OPTION_FLAG, 0, "fields", NULL, "list the names that -Y and -T json know, and stop",
	  OPTION_TO(struct show, fields) },
	{},
};

static int list_fields(void)
{
	const struct field *f;

	for (unsigned i = 0; (f = field_nth(i)); i++)
		printf("%-34s %-8s %s\n", f->path, field_kind_name(f->kind), f->help);
	return CLI_OK;
}

static int prepare(struct show *s)
{
	if (cli_filter(&s->filter, s->filter_text))
		return CLI_TROUBLE;
	s->model = model_new();
	if (s->requests)
		s->table = request_table_new(stdout, s->json);
	if (!s->model || (s->requests && !s->table))
		return cli_error("no memory");
	s->line.ascii |= cli_ascii();
	s->line.color = !s->json && cli_color(stdout);
	s->flush |= !strcmp(s->path, "-") || isatty(STDOUT_FILENO);
	return CLI_OK;
}

static int print_event(struct show *s, const struct event *e)
{
	int rc;

	if (s->table)
		return request_table_feed(s->table, s->model, e);
	if (s->json)
		rc = print_json(stdout, e);
	else if (s->verbose)
		rc = print_verbose(stdout, e, s->model, s->line.ascii);
	else
		rc = print_line(stdout, e, s->model, &s->line);
	if (!rc && s->hex && !s->json)
		rc = print_hex(stdout, e);
	if (!rc && s->flush && fflush(stdout))
		rc = -errno;
	return rc;
}

static int run_trace(struct show *s, struct trace_reader *t)
{
	uint64_t printed = 0;
	bool broken = false;
	struct record rec;
	struct event e;

	while (cli_trace_next(t, &rec, true, &broken)) {
		if (model_feed(s->model, &rec, trace_number(t), &e))
			return cli_error("no memory");
		if (s->filter && !filter_match(s->filter, &e))
			continue;
		if (print_event(s, &e))
			return cli_output(true);
		if (s->count && ++printed == s->count)
			break;
	}
	if (s->table)
		request_table_finish(s->table, s->model);
	return broken ? CLI_TROUBLE : CLI_OK;
}

static int run(int argc, char **argv)
{
	struct show s = { 0 };
	struct trace_reader *t;
	int rc = cli_parse(argc, argv, &s);

	if (rc)
		return rc - 1;
	if (s.fields)
		return list_fields();
	rc = cli_trace_path(&s.path, argc, argv);
	if (!rc)
		rc = prepare(&s);
	if (rc)
		return rc;
	cli_leave_interrupt(s.path);
	if (cli_trace_open(&t, s.path))
		return CLI_TROUBLE;
	rc = run_trace(&s, t);
	trace_close(t);
	if (rc == CLI_OK)
		rc = cli_output(false);
	request_table_free(s.table);
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
		"  vqtrace show -r t.pcap -Y 'used.latency > 10ms'          slow requests\n"
		"  vqtrace show -r t.pcap -Y 'since in {7s .. 8s}'          by the first column\n"
		"  vqtrace show -r t.pcap -Y 'request.type in {flush, discard}' -V\n"
		"  vqtrace record -w - -p 4711 | vqtrace show -r -          live\n"
		"\n"
		"Exit status: 0; 2 for an unreadable or broken trace (what is readable is shown).\n",
};
