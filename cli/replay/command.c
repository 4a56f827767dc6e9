/* SPDX-License-Identifier: MIT */
/* vqtrace replay: a recorded driver plays against a device, and answers are compared. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/replay/report.h"
#include "cli/stdin_copy.h"
#include "decoder/print/line.h"
#include "decoder/trace/file.h"
#include "emu/replay/replay.h"

struct command {
	const char *path, *write_path, *declared_path, *disk;
	struct replay_options opt;
	struct replay_report *report;
	struct replay_declared *declared;
	struct stdin_copy stdin_copy; /* standard input, to be read twice */
	bool json, verbose, quiet, step, realtime;
	struct line_options line;
	struct trace_writer *writer;
	int write_error;
	uint64_t first_ts, start; /* ns: of the trace, of this run */
	bool timed;
	bool broken; /* the trace ends or breaks early */
	/* The trace is read up to three times: for the profile, the replay, the context lines. */
	struct replay_profile *profile;
	struct replay *player;
	struct model *model; /* of the first and third reading; the replay has its own */
	int stopped; /* what use() of each_record() returned last */
};

/* NAME or NAME=PROGRAM. */
static int choose_target(void *config, const char *value, struct text *why)
{
	struct command *c = config;
	size_t n = strcspn(value, "=");

	for (unsigned i = 0; replay_targets[i]; i++) {
		if (strlen(replay_targets[i]->name) != n ||
		    strncmp(replay_targets[i]->name, value, n))
			continue;
		c->opt.against = replay_targets[i];
		c->opt.binary = value[n] ? value + n + 1 : NULL;
		return 0;
	}
	text_add(why, "no such target; there are:");
	for (unsigned i = 0; replay_targets[i]; i++)
		text_add(why, " %s", replay_targets[i]->name);
	return -EINVAL;
}

static const struct option_row options[] = {
	CLI_OPTION_READ(struct command, path),
	{ OPTION_CALL, 0, "against", "TARGET",
	  "emu: our device, configured from the trace (default); qemu or qemu=BINARY: QEMU's own "
	  "device, without a guest",
	  .call = choose_target },
	{ OPTION_TEXT, 'd', "device", "DEVICE", "only this device (blk0, or the user's own id)",
	  OPTION_TO(struct command, opt.only) },
	{ OPTION_TEXT, 0, "disk", "FILE",
	  "what the disk held (raw; it is not written to); without it data is known where the "
	  "trace has it",
	  OPTION_TO(struct command, disk) },
	{ OPTION_SIZE, 0, "memory", "SIZE",
	  "bytes of guest memory that a device may take (K, M, G; default: 1G); what does not fit "
	  "is not compared",
	  OPTION_TO(struct command, opt.memory), .min = 65536,
	  .want = "a size of 64K or more, such as 512M" },
	{ OPTION_TEXT, 0, "declared", "FILE",
	  "differences that are right; default: FILE.declared beside FILE.pcap, where there is one",
	  OPTION_TO(struct command, declared_path) },
	{ OPTION_FLAG, 0, "io-errors", NULL,
	  "the IOERRs of the recording came from its disk, not from the device",
	  OPTION_TO(struct command, opt.io_errors) },
	{ OPTION_NUMBER, 0, "until", "N", "stop after event N",
	  OPTION_TO(struct command, opt.until), .min = 1, .want = "the number of an event" },
	{ OPTION_FLAG, 0, "step", NULL, "show each event and wait for Enter before it is played",
	  OPTION_TO(struct command, step) },
	{ OPTION_FLAG, 0, "realtime", NULL, "with the recorded pauses",
	  OPTION_TO(struct command, realtime) },
	{ OPTION_TEXT, 'w', "write", "FILE", "write the replay as a trace",
	  OPTION_TO(struct command, write_path) },
	{ OPTION_NUMBER, 's', "snaplen", "BYTES",
	  "bytes of each buffer in that trace (default: as recorded)",
	  OPTION_TO(struct command, opt.snaplen), .min = 1, .max = 65535,
	  .want = "a number from 1 to 65535" },
	{ OPTION_CHOICE, 'T', "format", "text|json",
	  "json: the summary and every difference as one object", OPTION_TO(struct command, json),
	  .choices = option_text_or_json },
	{ OPTION_FLAG, 'V', "verbose", NULL,
	  "also differences that were declared, and those that follow from another",
	  OPTION_TO(struct command, verbose) },
	{ OPTION_FLAG, 'q', "quiet", NULL, "nothing but differences",
	  OPTION_TO(struct command, quiet) },
	CLI_OPTION_BISECT,
	CLI_OPTION_COLOR,
	{},
};

static int parse(struct command *c, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, c);

	if (stop)
		return stop;
	if (cli_trace_path(&c->path, argc, argv))
		return 1 + CLI_TROUBLE;
	if (c->step && !strcmp(c->path, "-"))
		return 1 + cli_usage("--step reads the keyboard; give the trace as a file");
	if (cli_is_stdout(c->write_path) && isatty(STDOUT_FILENO))
		return 1 + cli_usage("-w -: standard output is a terminal; pipe it, "
				     "for example into 'vqtrace show -r -'");
	if (cli_is_stdout(c->write_path) && !c->quiet)
		return 1 + cli_usage("-w - writes the trace to standard output; give -q as well");
	return 0;
}

/* --- reading, more than once ----------------------------------------------------- */

/* Pass each record to `use` until that returns other than 0 (c->stopped). */
static int each_record(struct command *c, bool complain,
		       int (*use)(struct command *c, const struct record *rec, uint64_t number))
{
	struct trace_reader *t;
	struct record rec;

	c->stopped = 0;
	if (cli_trace_open(&t, *c->stdin_copy.path ? c->stdin_copy.path : c->path))
		return CLI_TROUBLE;
	while (!c->stopped && cli_trace_next(t, &rec, complain, &c->broken))
		c->stopped = use(c, &rec, trace_number(t));
	trace_close(t);
	return CLI_OK;
}

/* --- the passes --------------------------------------------------------------------- */

static int profile_record(struct command *c, const struct record *rec, uint64_t number)
{
	struct event e;
	int rc;

	if (rec->h.type == VQT_SESSION) {
		c->opt.wall = rec->session.wall;
		if (!c->opt.snaplen)
			c->opt.snaplen = rec->session.snaplen;
	}
	if (!c->opt.start)
		c->opt.start = rec->h.ts;
	rc = model_feed(c->model, rec, number, &e);
	return rc ? rc : replay_profile_feed(c->profile, &e);
}

static int read_first(struct command *c)
{
	int rc;

	c->profile = replay_profile_new();
	c->model = model_new();
	if (!c->profile || !c->model)
		return cli_error("no memory");
	rc = each_record(c, true, profile_record);
	if (rc == CLI_OK && c->stopped)
		return cli_error("%s", strerror(-c->stopped));
	replay_profile_finish(c->profile, c->disk);
	return rc;
}

static int play_record(struct command *c, const struct record *rec, uint64_t number)
{
	int rc = replay_feed(c->player, rec, number);

	return rc ? rc : c->write_error ? 1 : 0;
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct command *c = opaque;
	int rc = c->writer ? trace_write(c->writer, record, len) : 0;

	if (rc && !c->write_error)
		c->write_error = rc;
}

static void diverged(void *opaque, const struct replay_divergence *d)
{
	struct command *c = opaque;

	replay_report_difference(c->report, d);
	if (c->step && !d->follows)
		replay_report_now(stdout, d, &c->line);
}

static void keep_pace(struct command *c, const struct event *e)
{
	if (!c->timed) {
		c->timed = true;
		c->first_ts = e->ts;
		c->start = cli_clock();
	}
	if (e->ts <= c->first_ts)
		return;
	uint64_t at = c->start + (e->ts - c->first_ts);
	struct timespec until = { (time_t)(at / 1000000000), (long)(at % 1000000000) };

	fflush(stdout);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Enter: the next event; c: continue to the end; q: stop. */
static int ask(struct command *c)
{
	char answer[64];

	fputs("(Enter: next, c: go on, q: stop) ", stdout);
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin) || answer[0] == 'q')
		return -ECANCELED;
	if (answer[0] == 'c')
		c->step = false;
	return 0;
}

static int before_event(void *opaque, const struct event *e, const struct model *m)
{
	struct command *c = opaque;

	if (c->realtime)
		keep_pace(c, e);
	if (!c->step || e->rec->h.type < VQT_REG)
		return 0;
	printf("%7llu ", (unsigned long long)e->number);
	if (print_line(stdout, e, m, &c->line))
		return -EPIPE;
	return ask(c);
}

static int play(struct command *c)
{
	char why[256] = "";
	int rc;

	c->opt.event = c->step || c->realtime ? before_event : NULL;
	c->opt.emit = c->writer ? emit : NULL;
	c->opt.diverged = diverged;
	c->opt.opaque = c;
	if (replay_new(&c->player, c->profile, &c->opt, why, sizeof(why)))
		return cli_error("%s", *why ? why : "no memory");
	if (each_record(c, false, play_record) != CLI_OK)
		return CLI_TROUBLE;
	rc = c->stopped;
	if (rc >= 0 && !c->write_error)
		rc = replay_finish(c->player);
	if (rc == -ECANCELED)
		return CLI_OK; /* the user stopped it: report what was compared */
	if (rc < 0)
		return cli_error("%s", replay_error(c->player));
	return CLI_OK;
}

static int context_record(struct command *c, const struct record *rec, uint64_t number)
{
	struct event e;

	int rc = model_feed(c->model, rec, number, &e);

	return rc ? rc : replay_report_context(c->report, &e, c->model, &c->line);
}

/* The third reading: the events before each difference, in the lines of show. */
static int read_context(struct command *c)
{
	int rc;

	model_free(c->model);
	c->model = model_new();
	rc = c->model ? each_record(c, false, context_record) : CLI_OK;
	if (!c->model || c->stopped < 0)
		return cli_error("no memory");
	return rc;
}

/* --- declarations ------------------------------------------------------------------- */

static char *read_file(FILE *f, size_t *len)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t n = getdelim(&text, &cap, '\0', f);

	if (n < 0 && !feof(f)) {
		free(text);
		return NULL;
	}
	*len = n > 0 ? (size_t)n : 0;
	return text;
}

static int load_declared(struct command *c, const char *path, bool must)
{
	char why[128] = "no memory";
	FILE *f = fopen(path, "re");
	size_t len;
	char *text;
	int rc;

	if (!f && errno == ENOENT && !must)
		return CLI_OK;
	if (!f)
		return cli_error("%s: %s", path, strerror(errno));
	text = read_file(f, &len);
	rc = text ? replay_declared_parse(&c->declared, text, len, why, sizeof(why)) : -errno;
	if (!text)
		snprintf(why, sizeof(why), "%s", strerror(-rc));
	fclose(f);
	free(text);
	if (rc)
		return cli_error("%s: %s", path, why);
	c->opt.declared = c->declared;
	if (replay_declared_io_errors(c->declared, c->opt.against->name))
		c->opt.io_errors = true;
	return CLI_OK;
}

/* t.pcap has its declarations in t.declared. */
static int find_declared(struct command *c)
{
	char path[4096];
	size_t n = strlen(c->path), dot = n;

	if (c->declared_path)
		return load_declared(c, c->declared_path, true);
	if (*c->stdin_copy.path)
		return CLI_OK;
	for (size_t i = n; i-- > 0 && c->path[i] != '/';)
		if (c->path[i] == '.') {
			dot = i;
			break;
		}
	if (dot + sizeof(".declared") > sizeof(path))
		return CLI_OK;
	memcpy(path, c->path, dot);
	strcpy(path + dot, ".declared");
	return load_declared(c, path, false);
}

/* --- the command ---------------------------------------------------------------------- */

static int open_output(struct command *c)
{
	struct trace_error err;

	if (!c->write_path)
		return CLI_OK;
	if (trace_create(&c->writer, c->write_path, &err))
		return cli_error("%s", err.text);
	return CLI_OK;
}

static int close_output(struct command *c)
{
	int rc = c->writer ? trace_finish(c->writer) : 0;

	if (!rc)
		rc = c->write_error;
	c->writer = NULL;
	if (!rc)
		return CLI_OK;
	return cli_error("%s: %s", c->write_path, strerror(-rc));
}

static bool any_played(const struct command *c)
{
	struct replay_device_report d;

	for (unsigned n = 0; replay_report(c->player, n, &d); n++)
		if (d.played)
			return true;
	return false;
}

/* Exit status 0 says that the devices are alike: not where no answer was compared. */
static int compared(const struct command *c)
{
	const struct replay_counts n = replay_counts(c->player);
	struct replay_skip skip[REPLAY_SKIPS];
	const unsigned skips = replay_skips(c->player, skip);
	unsigned k = 0;

	while (k < skips && !skip[k].requests)
		k++;
	if (n.requests.not_compared && !n.requests.compared)
		return cli_error("none of %llu requests was compared%s%s",
				 (unsigned long long)n.requests.not_compared, k < skips ? ": " : "",
				 k < skips ? skip[k].why : "");
	if (!replay_compared_any(&n))
		return cli_error("nothing of this trace was compared");
	return CLI_OK;
}

static int report(struct command *c)
{
	const struct replay_report_options o = {
		.trace = c->path,
		.against = c->opt.against->name,
		.json = c->json,
		.verbose = c->verbose,
		.quiet = c->quiet,
		.color = c->line.color,
	};

	if (replay_report_wants_context(c->report) && read_context(c) != CLI_OK)
		return CLI_TROUBLE;
	replay_report_print(stdout, c->report, c->player, c->declared, &o);
	if (cli_output(false))
		return CLI_TROUBLE;
	if (!any_played(c))
		return cli_error("no device of this trace was replayed%s",
				 c->opt.only ? "; is the name of -d right?" : "");
	if (replay_report_findings(c->report, c->player, c->declared, o.against))
		return CLI_FINDINGS;
	return compared(c);
}

static void cleanup(struct command *c)
{
	replay_report_free(c->report);
	replay_free(c->player);
	replay_profile_free(c->profile);
	model_free(c->model);
	replay_declared_free(c->declared);
	stdin_copy_close(&c->stdin_copy);
	if (c->writer)
		trace_finish(c->writer);
}

static int steps(struct command *c)
{
	int rc = strcmp(c->path, "-") ? CLI_OK : stdin_copy_make(&c->stdin_copy), out;

	if (rc == CLI_OK)
		rc = find_declared(c);
	if (rc == CLI_OK)
		rc = read_first(c);
	if (rc == CLI_OK)
		rc = open_output(c);
	if (rc == CLI_OK)
		rc = play(c);
	out = close_output(c);
	if (rc == CLI_OK)
		rc = out;
	if (rc == CLI_OK)
		rc = report(c);
	return c->broken ? CLI_TROUBLE : rc;
}

static int run(int argc, char **argv)
{
	struct command c = { .opt.against = replay_targets[0], .stdin_copy = STDIN_COPY_NONE };
	int rc = parse(&c, argc, argv);

	if (rc)
		return rc - 1;
	c.line.ascii = cli_ascii();
	c.line.color = !c.json && cli_color(stdout);
	c.report = replay_report_new();
	if (!c.report)
		return cli_error("no memory");
	rc = steps(&c);
	cleanup(&c);
	return rc;
}

const struct cli_command cmd_replay = {
	.name = "replay",
	.summary = "play a recorded driver against a device, and compare",
	.run = run,
	.synopsis = "[OPTIONS] -r FILE",
	.about = "Plays the driver's half of a recorded conversation against a device, and says\n"
		 "where the device's half differs from the recording.  No guest is needed.\n",
	.options = options,
	.notes =
		"Compared are: every register that the driver read; of every request its used\n"
		"length, status and data where they are known; the order of completion where\n"
		"IN_ORDER was negotiated; interrupts by the rules that say when one is due, not\n"
		"by their number; the final position of the rings and the device status.\n"
		"\n"
		"Examples:\n"
		"  vqtrace replay -r t.pcap                      does our device answer the same?\n"
		"  vqtrace replay -r t.pcap -T json | jq .requests\n"
		"  vqtrace replay -r t.pcap --step --until 240   see it happen\n"
		"  vqtrace replay -r t.pcap --against qemu=/opt/qemu/bin/qemu-system-x86_64\n"
		"  vqtrace replay -r t.pcap -w replay.pcap       the same conversation, with our device\n"
		"\n"
		"Exit status: 0 no difference in what was compared; 1 differences (or a declaration\n"
		"that nothing met); 2 trouble: an unreadable trace, no device in it that can be\n"
		"replayed, or none of its requests could be compared; with --bisect 125 for that.\n",
};
