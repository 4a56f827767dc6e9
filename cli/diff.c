/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/stdin_copy.h"
#include "decoder/diff/diff.h"
#include "decoder/filter/filter.h"
#include "decoder/diff/print.h"
#include "decoder/print/line.h"
#include "decoder/trace/file.h"

struct side {
	struct trace_reader *t;
	struct model *m;
	bool broken; /* ended in the middle: compared up to there */
};

struct diff_run {
	const char *path[DIFF_SIDES];
	struct stdin_copy stdin_copy; /* standard input, copied: a trace is read twice */
	const char *filter_text;
	struct filter *filter;
	struct option_list pairs; /* -d A=B */
	uint32_t only, ignore;
	bool strict, json, quiet, list;
	uint64_t lines; /* of context */
	bool cut; /* no memory for some of the lines around the first difference */
	struct line_options line;
	struct diff *d;
	struct side side[DIFF_SIDES];
	struct diff_trace trace[DIFF_SIDES];
};

static int list_classes(void)
{
	for (unsigned c = 0; c < DIFF_CLASSES; c++)
		printf("%-12s %s%s\n", diff_class_name(c),
		       diff_classes_default() >> c & 1	? ""
		       : diff_classes_strict() >> c & 1 ? "(--strict) "
							: "",
		       diff_class_help(c));
	return CLI_OK;
}

static int parse_classes(const char *value, uint32_t *set, struct text *why)
{
	char buf[256], *save = NULL;

	if (strlen(value) >= sizeof(buf))
		return option_refuse(why, "too long a list");
	strcpy(buf, value);
	for (char *w = strtok_r(buf, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		int c = diff_class_by_name(w);

		if (c < 0)
			return option_refuse(
				why, "no class '%s'; 'vqtrace diff --classes' lists them", w);
		*set |= 1U << c;
	}
	return 0;
}

static int parse_only(void *config, const char *value, struct text *why)
{
	return parse_classes(value, &((struct diff_run *)config)->only, why);
}

static int parse_ignore(void *config, const char *value, struct text *why)
{
	return parse_classes(value, &((struct diff_run *)config)->ignore, why);
}

static const struct option_row options[] = {
	{ OPTION_LIST, 'd', "device", "A=B",
	  "device A of the first trace is device B of the second (names as show prints them, or "
	  "the user's ids; repeat)",
	  OPTION_TO(struct diff_run, pairs) },
	{ OPTION_TEXT, 'Y', "filter", "FILTER",
	  "compare only events that match, as in 'vqtrace show -Y'",
	  OPTION_TO(struct diff_run, filter_text) },
	{ OPTION_CALL, 0, "only", "LIST", "only these classes of differences, separated by commas",
	  .call = parse_only },
	{ OPTION_CALL, 0, "ignore", "LIST", "all classes but these", .call = parse_ignore },
	{ OPTION_FLAG, 0, "strict", NULL,
	  "also what only one of the drivers reads, order, placement and counts",
	  OPTION_TO(struct diff_run, strict) },
	{ OPTION_NUMBER, 'C', "context", "LINES",
	  "events to show before and after the first difference (3)",
	  OPTION_TO(struct diff_run, lines), .max = 1000, .want = "a number of events" },
	{ OPTION_CHOICE, 'T', "format", "text|json", "json: one object",
	  OPTION_TO(struct diff_run, json), .choices = option_text_or_json },
	{ OPTION_FLAG, 'q', "quiet", NULL, "nothing but the exit status",
	  OPTION_TO(struct diff_run, quiet) },
	CLI_OPTION_ASCII(struct diff_run, line.ascii),
	CLI_OPTION_COLOR,
	{ OPTION_FLAG, 0, "classes", NULL, "list the classes, and stop",
	  OPTION_TO(struct diff_run, list) },
	{},
};

static int parse(struct diff_run *r, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, r);

	if (stop)
		return stop;
	if (r->list)
		return 1 + list_classes();
	for (unsigned i = 0; i < r->pairs.n; i++)
		if (!strchr(r->pairs.item[i], '='))
			return 1 + cli_usage("-d %s: not of the form A=B", r->pairs.item[i]);
	if (argc - optind != 2)
		return 1 + cli_usage("which two traces? give A and B");
	r->path[DIFF_A] = argv[optind];
	r->path[DIFF_B] = argv[optind + 1];
	if (!strcmp(r->path[DIFF_A], "-") && !strcmp(r->path[DIFF_B], "-"))
		return 1 + cli_usage("only one of the traces can be standard input");
	return 0;
}

/* --- reading --------------------------------------------------------------- */

static const char *path_of(const struct diff_run *r, int side)
{
	return strcmp(r->path[side], "-") ? r->path[side] : r->stdin_copy.path;
}

static int open_side(struct diff_run *r, int side)
{
	if (cli_trace_open(&r->side[side].t, path_of(r, side)))
		return CLI_TROUBLE;
	r->side[side].m = model_new();
	if (!r->side[side].m)
		return cli_error("no memory");
	return CLI_OK;
}

static void close_side(struct diff_run *r, int side)
{
	if (r->side[side].t)
		trace_close(r->side[side].t);
	model_free(r->side[side].m);
	r->side[side].t = NULL;
	r->side[side].m = NULL;
}

/*
 * The next event of a side: 1, 0 at the end, -ENOMEM.  A broken trace is compared up to
 * the place where it breaks; `say`: report that (only in the first reading).
 */
static int next(struct diff_run *r, int side, struct record *rec, struct event *e, bool say)
{
	struct side *s = &r->side[side];

	if (!cli_trace_next(s->t, rec, say, &s->broken))
		return 0;
	return model_feed(s->m, rec, trace_number(s->t), e) ? -ENOMEM : 1;
}

static void note_source(struct diff_trace *t, const struct record *rec)
{
	char version[120];

	if (rec->h.type != VQT_SOURCE || t->source[0])
		return;
	record_tlv_str(rec, VQT_TAG_VERSION, version, sizeof(version));
	snprintf(t->source, sizeof(t->source), "%s%s%s",
		 rec->source.kind == VQT_SRC_QEMU     ? "QEMU"
		 : rec->source.kind == VQT_SRC_REPLAY ? "replay"
		 : rec->source.kind == VQT_SRC_EMU    ? "vqtrace's device"
						      : "",
		 version[0] ? " " : "", version);
}

/*
 * Find the devices.  This needs a separate reading, because later records can complete a
 * description.
 */
static int survey(struct diff_run *r, int side)
{
	uint8_t spoke[65536 / 8] = { 0 };
	struct model_device *dev;
	struct record rec;
	struct event e;
	int rc;

	rc = open_side(r, side);
	if (rc)
		return rc;
	while ((rc = next(r, side, &rec, &e, true)) > 0) {
		note_source(&r->trace[side], &rec);
		r->trace[side].events++;
		if (diff_speaks(&e))
			spoke[e.dev->id / 8] |= (uint8_t)(1 << e.dev->id % 8);
	}
	r->trace[side].lost = model_lost(r->side[side].m);
	for (unsigned i = 0; !rc && (dev = model_device_nth(r->side[side].m, i)); i++)
		if (spoke[dev->id / 8] >> dev->id % 8 & 1 && !model_second_view(dev))
			rc = diff_add_device(r->d, side, dev);
	close_side(r, side);
	return rc ? cli_error("no memory") : CLI_OK;
}

static int match(struct diff_run *r)
{
	for (unsigned i = 0; i < r->pairs.n; i++) {
		char a[128];
		const char *b = strchr(r->pairs.item[i], '=') + 1;
		enum diff_side side = DIFF_A;
		int rc;

		snprintf(a, sizeof(a), "%.*s", (int)(b - 1 - r->pairs.item[i]), r->pairs.item[i]);
		rc = diff_force(r->d, a, b, &side);
		if (rc == -ENOMEM)
			return CLI_TROUBLE;
		if (rc)
			return cli_error(
				"-d %s: %s %s '%s'; 'vqtrace show -r %s' names its devices",
				r->pairs.item[i], r->path[side],
				rc == -EBUSY ? "has already matched" : "has no device",
				side ? b : a, r->path[side]);
	}
	return diff_match(r->d) ? CLI_TROUBLE : CLI_OK;
}

static int compare(struct diff_run *r)
{
	bool ended[DIFF_SIDES] = { false, false };
	struct record rec;
	struct event e;
	int rc = 0;

	while (!rc && !(ended[DIFF_A] && ended[DIFF_B])) {
		enum diff_side side = diff_wants(r->d);

		rc = next(r, side, &rec, &e, false);
		if (rc == 0) {
			ended[side] = true;
			rc = diff_end(r->d, side);
		} else if (rc > 0) {
			rc = r->filter && !filter_match(r->filter, &e) ? 0
								       : diff_feed(r->d, side, &e);
		}
	}
	if (!rc)
		rc = diff_finish(r->d);
	return rc ? cli_error("no memory") : CLI_OK;
}

/* --- the report --------------------------------------------------------------- */

static bool shown(const struct diff_pair *p, int side, const struct event *e)
{
	return !p->name[side][0] || (e->dev && !strcmp(e->dev->name, p->name[side]));
}

/* A line of the context, for later.  0 or -ENOMEM. */
static int keep_line(char **line, const struct event *e, const struct model *m,
		     struct line_options *o, bool here)
{
	TEXT(t, LINE_SIZE);

	free(*line);
	print_line_text(&t, e, m, o);
	if (asprintf(line, "  %s%7llu %s", here ? "=>" : "  ", (unsigned long long)e->number,
		     t.buf) >= 0)
		return 0;
	*line = NULL;
	return -ENOMEM;
}

/* Print and free the lines in a ring of `keep`; n: how many lines have been put into it. */
static void put_kept(FILE *to, char **line, uint64_t keep, uint64_t n)
{
	for (uint64_t i = n > keep ? n - keep : 0; i < n; i++)
		if (line[i % keep]) {
			fputs(line[i % keep], to);
			free(line[i % keep]);
			line[i % keep] = NULL;
		}
}

/* Read a side again, up to event `number`, and print the lines around it.  0 or -ENOMEM. */
static int put_around(FILE *to, struct diff_run *r, enum diff_side side, uint64_t number,
		      const struct diff_pair *p, char **line)
{
	uint64_t keep = r->lines + 1, n = 0, after = 0;
	struct line_options o = r->line;
	struct record rec;
	struct event e;
	int rc;

	while (after <= r->lines && (rc = next(r, side, &rec, &e, false))) {
		if (rc < 0)
			return rc;
		if (e.number != number && !shown(p, side, &e))
			continue;
		if (e.number > number && ++after > r->lines)
			break;
		rc = keep_line(&line[n % keep], &e, r->side[side].m, &o, e.number == number);
		if (rc)
			return rc;
		n++;
		if (e.number >= number)
			put_kept(to, line, keep, n);
	}
	return 0;
}

static void context(void *opaque, FILE *to, enum diff_side side, uint64_t number, unsigned pair)
{
	struct diff_run *r = opaque;
	char **line = calloc(r->lines + 1, sizeof(*line));

	if (!line) {
		cli_error("no memory");
		r->cut = true;
		return;
	}
	if (open_side(r, side)) {
		r->cut = true;
	} else if (put_around(to, r, side, number, diff_pair_nth(r->d, pair), line)) {
		cli_error("no memory");
		r->cut = true;
	}
	for (uint64_t i = 0; i <= r->lines; i++)
		free(line[i]);
	free(line);
	close_side(r, side);
}

static int report(struct diff_run *r)
{
	struct print_diff_options o = {
		.color = !r->json && cli_color(stdout),
		.ascii = r->line.ascii,
		.context = r->lines ? context : NULL,
		.opaque = r,
	};
	int rc = 0;

	r->line.color = o.color;
	if (!r->quiet)
		rc = r->json ? print_diff_json(stdout, r->d, r->trace)
			     : print_diff(stdout, r->d, r->trace, &o);
	if (cli_output(rc))
		return CLI_TROUBLE;
	if (r->side[DIFF_A].broken || r->side[DIFF_B].broken || r->cut)
		return CLI_TROUBLE;
	return diff_nth(r->d, 0) ? CLI_FINDINGS : CLI_OK;
}

static int prepare(struct diff_run *r)
{
	uint32_t classes = r->strict ? diff_classes_strict() : diff_classes_default();

	if (cli_filter(&r->filter, r->filter_text))
		return CLI_TROUBLE;
	if (r->only)
		classes = r->only;
	r->d = diff_new(classes & ~r->ignore);
	if (!r->d)
		return cli_error("no memory");
	r->line.ascii |= cli_ascii();
	for (int side = 0; side < DIFF_SIDES; side++) {
		r->trace[side].path = r->path[side];
		if (!strcmp(r->path[side], "-") && stdin_copy_make(&r->stdin_copy))
			return CLI_TROUBLE;
	}
	return CLI_OK;
}

static int run(int argc, char **argv)
{
	struct diff_run r = { .lines = 3, .stdin_copy = STDIN_COPY_NONE };
	int rc = parse(&r, argc, argv);

	if (rc)
		return rc - 1;
	rc = prepare(&r);
	for (int side = 0; side < DIFF_SIDES && rc == CLI_OK; side++)
		rc = survey(&r, side);
	if (rc == CLI_OK)
		rc = match(&r);
	for (int side = 0; side < DIFF_SIDES && rc == CLI_OK; side++)
		rc = open_side(&r, side);
	if (rc == CLI_OK)
		rc = compare(&r);
	for (int side = 0; side < DIFF_SIDES; side++)
		close_side(&r, side);
	if (rc == CLI_OK)
		rc = report(&r);
	diff_free(r.d);
	filter_free(r.filter);
	stdin_copy_close(&r.stdin_copy);
	return rc;
}

const struct cli_command cmd_diff = {
	.name = "diff",
	.summary = "compare two traces by meaning",
	.run = run,
	.synopsis = "[OPTIONS] A B",
	.about = "Compares two traces by what is said in them, not by when: initialisation,\n"
		 "features, configuration, queues, registers, requests, completions,\n"
		 "notifications, errors.  Addresses, times, threads, polling and the order of\n"
		 "independent requests are no differences.  First comes the first meaningful\n"
		 "difference with what both traces show around it, then the rest, folded.\n",
	.options = options,
	.notes = "One of the traces may be -, standard input.\n"
		 "\n"
		 "Examples:\n"
		 "  vqtrace diff works.pcap hangs.pcap\n"
		 "  vqtrace diff -d blk0=blk1 --ignore lifecycle linux-6.1.pcap linux-6.12.pcap\n"
		 "  vqtrace diff -Y 'queue == 0' --only requests,completions a.pcap b.pcap\n"
		 "\n"
		 "Exit status: 0 no differences, 1 differences, 2 trouble.\n",
};
