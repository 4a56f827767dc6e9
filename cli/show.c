/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/fields/fields.h"
#include "decoder/filter/filter.h"
#include "decoder/print/hexdump.h"
#include "decoder/model/model.h"
#include "decoder/print/json.h"
#include "decoder/print/line.h"
#include "decoder/print/requests.h"
#include "decoder/print/verbose.h"
#include "decoder/trace/file.h"
#include "decoder/util/number.h"

static const char usage[] =
	"usage: vqtrace show [OPTIONS] -r FILE\n"
	"\n"
	"Prints a trace as a timeline, one line an event, as it is read.\n"
	"\n"
	"  -r FILE        read this trace; - is standard input\n"
	"  -Y FILTER      only events that match, e.g. 'device == blk0 && event == kick'\n"
	"  -V             every field of every event, as a tree\n"
	"  -x             also the captured bytes, as a hex dump\n"
	"  -T text|json   json: one object a line, keys as in 'vqtrace show --fields'\n"
	"  --requests     one row a request: where its time went\n"
	"  -c COUNT       stop after COUNT events printed\n"
	"  -t r|a|d|e     times relative to the first event (default), of day, of day\n"
	"                 with the date, epoch\n"
	"  -l             flush after every line (done by itself on a terminal or from a pipe)\n"
	"  --ascii        no characters beyond ASCII\n"
	"  --color WHEN   auto, always, never; NO_COLOR is respected\n"
	"  --fields       list the names that -Y and -T json know, and stop\n"
	"\n"
	"An arrow to the right is the driver speaking to the device, to the left the\n"
	"device to the driver. 'name ← value' is a write, 'name = value' a read.\n"
	"\n"
	"Examples:\n"
	"  vqtrace show -r t.pcap -Y 'register.region == common'    the initialisation\n"
	"  vqtrace show -r t.pcap -Y 'used.latency > 10ms'          slow requests\n"
	"  vqtrace show -r t.pcap -Y 'since in {7s .. 8s}'          by the first column\n"
	"  vqtrace show -r t.pcap -Y 'request.type in {flush, discard}' -V\n"
	"  vqtrace record -w - -p 4711 | vqtrace show -r -          live\n"
	"\n"
	"Exit status: 0; 2 for an unreadable or broken trace (what is readable is shown).\n";

struct show {
	const char *path, *filter_text;
	bool verbose, hex, json, requests, flush;
	unsigned long long count;
	struct line_options line;
	struct filter *filter;
	struct request_table *table;
	struct model *model;
};

enum { OPT_REQUESTS = 256, OPT_ASCII, OPT_FIELDS };

static const struct option longs[] = {
	{ "read", required_argument, NULL, 'r' },
	{ "filter", required_argument, NULL, 'Y' },
	{ "verbose", no_argument, NULL, 'V' },
	{ "hex", no_argument, NULL, 'x' },
	{ "format", required_argument, NULL, 'T' },
	{ "count", required_argument, NULL, 'c' },
	{ "time", required_argument, NULL, 't' },
	{ "requests", no_argument, NULL, OPT_REQUESTS },
	{ "ascii", no_argument, NULL, OPT_ASCII },
	{ "color", required_argument, NULL, CLI_OPT_COLOR },
	{ "fields", no_argument, NULL, OPT_FIELDS },
	{ "help", no_argument, NULL, CLI_OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int list_fields(void)
{
	const struct field *f;

	for (unsigned i = 0; (f = field_nth(i)); i++)
		printf("%-34s %-8s %s\n", f->path, field_kind_name(f->kind), f->help);
	return CLI_OK;
}

static bool parse_time(struct show *s, const char *arg)
{
	static const char letters[] = "raed";
	const char *at = strlen(arg) == 1 ? strchr(letters, *arg) : NULL;

	if (!at)
		return false;
	s->line.time = (enum line_time)(at - letters);
	return true;
}

/* 0 to go on, else the exit code + 1. */
static int option(void *to, int c)
{
	struct show *s = to;

	switch (c) {
	case 'r': s->path = optarg; return 0;
	case 'Y': s->filter_text = optarg; return 0;
	case 'V': s->verbose = true; return 0;
	case 'x': s->hex = true; return 0;
	case 'l': s->flush = true; return 0;
	case 'T':
		s->json = !strcmp(optarg, "json");
		if (!s->json && strcmp(optarg, "text"))
			return 1 + cli_usage("-T %s: the formats are text and json", optarg);
		return 0;
	case 'c':
		if (!number_parse(optarg, ~0ULL, &s->count) || !s->count)
			return 1 + cli_usage("-c %s: not a number of events", optarg);
		return 0;
	case 't':
		if (!parse_time(s, optarg))
			return 1 +
			       cli_usage(
				       "-t %s: r (relative), a (time of day), d (with the date) or e (epoch)",
				       optarg);
		return 0;
	case OPT_REQUESTS: s->requests = true; return 0;
	case OPT_ASCII: s->line.ascii = true; return 0;
	case OPT_FIELDS: return 1 + list_fields();
	}
	return 0;
}

static int parse(struct show *s, int argc, char **argv)
{
	int stop = cli_options(argc, argv, ":r:Y:VxT:c:t:l", longs, option, s);

	if (stop)
		return stop;
	if (cli_trace_path(&s->path, argc, argv))
		return 1 + CLI_TROUBLE;
	return 0;
}

static int prepare(struct show *s)
{
	if (cli_filter(&s->filter, s->filter_text))
		return CLI_TROUBLE;
	s->model = model_new();
	if (s->requests)
		s->table = request_table_new(stdout, s->json);
	if (!s->model || (s->requests && !s->table)) {
		cli_error("no memory");
		return CLI_TROUBLE;
	}
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8"))
		s->line.ascii = true;
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

/* A reader that has seen enough is no trouble to speak of; a full disk is. */
static int output_failed(void)
{
	if (errno != EPIPE)
		cli_error("standard output: %s", strerror(errno));
	return CLI_TROUBLE;
}

static int run_trace(struct show *s, struct trace_reader *t)
{
	unsigned long long printed = 0;
	int trouble = CLI_OK;
	struct trace_error err;
	struct record rec;
	struct event e;
	bool again;
	int rc;

	while ((rc = trace_next(t, &rec, &again, &err))) {
		if (rc < 0) {
			cli_error("%s", err.text);
			trouble = CLI_TROUBLE;
			if (!again)
				break;
			continue;
		}
		if (model_feed(s->model, &rec, trace_number(t), &e)) {
			cli_error("no memory");
			return CLI_TROUBLE;
		}
		if (s->filter && !filter_match(s->filter, &e))
			continue;
		if (print_event(s, &e))
			return output_failed();
		if (s->count && ++printed == s->count)
			break;
	}
	if (s->table)
		request_table_finish(s->table, s->model);
	return trouble;
}

static int run(int argc, char **argv)
{
	struct show s = { 0 };
	struct trace_reader *t;
	struct trace_error err;
	int rc = parse(&s, argc, argv);

	if (rc)
		return rc - 1;
	rc = prepare(&s);
	if (rc)
		return rc;
	cli_leave_interrupt(s.path);
	if (trace_open(&t, s.path, &err)) {
		cli_error("%s", err.text);
		return CLI_TROUBLE;
	}
	rc = run_trace(&s, t);
	trace_close(t);
	if (rc == CLI_OK && fflush(stdout))
		rc = output_failed();
	request_table_free(s.table);
	model_free(s.model);
	filter_free(s.filter);
	return rc;
}

const struct cli_command cmd_show = {
	.name = "show",
	.summary = "print a trace as a timeline",
	.usage = usage,
	.run = run,
};
