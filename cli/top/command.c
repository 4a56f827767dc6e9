/* SPDX-License-Identifier: MIT */
/* vqtrace top: queues live. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/confine.h"
#include "cli/options.h"
#include "cli/top/batch.h"
#include "cli/top/screen.h"
#include "cli/top/feed.h"
#include "decoder/util/number.h"

struct top_run {
	struct top_options o;
	struct sources_choice sources;
	struct top_feed s;
	struct top_core core;
	struct http *prom;
	const char *filter, *prometheus;
	uint64_t count; /* ticks, 0 until the end */
	bool batch, json, no_check;
	bool failed; /* standard output cannot be written */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

static int parse_speed(void *config, const char *value, struct text *why)
{
	struct top_run *r = config;
	char *end;

	r->o.speed = strtod(value, &end);
	if (*value && !*end && r->o.speed >= 0 && r->o.speed <= 1024)
		return 0;
	return option_refuse(why, "not a number from 0 to 1024");
}

static const struct option_row options[] = {
	{ OPTION_HEADING, .help = "How to watch" },
	{ OPTION_TEXT, 'r', "read", "FILE", "a trace; - is standard input",
	  OPTION_TO(struct top_run, o.path) },
	{ OPTION_CALL, 0, "speed", "N",
	  "of a trace: 1 as recorded (default), 4, 0.1, 0 as fast as it goes",
	  .call = parse_speed },
	{ OPTION_TEXT, 'Y', "filter", "FILTER", "count only these events (as in 'vqtrace show -Y')",
	  OPTION_TO(struct top_run, filter) },
	{ OPTION_FLAG, 0, "no-check", NULL, "without the conformance checker",
	  OPTION_TO(struct top_run, no_check) },
	{ OPTION_TIME, 0, "delay", "TIME", "between two updates: 1s (default), 500ms, ...",
	  OPTION_TO(struct top_run, o.delay), .min = 50000000, .want = "a time of 50ms or more" },
	{ OPTION_FLAG, 'b', "batch", NULL,
	  "no screen: a table, or with -T json an object, each time",
	  OPTION_TO(struct top_run, batch) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "with -b: stop after so many updates",
	  OPTION_TO(struct top_run, count), .min = 1, .want = "a number of updates" },
	{ OPTION_CHOICE, 'T', "format", "text|json", "of -b", OPTION_TO(struct top_run, json),
	  .choices = option_text_or_json },
	{ OPTION_TEXT, 0, "prometheus", "ADDR",
	  "serve the counts for Prometheus at ADDR:PORT (127.0.0.1:9752 for \":9752\"); without "
	  "-b and a terminal nothing else is shown",
	  OPTION_TO(struct top_run, prometheus) },
	CLI_OPTION_ASCII(struct top_run, o.ascii),
	CLI_OPTION_COLOR,
	{},
};

/* 0 to go on, else the exit code + 1. */
static int parse(struct top_run *r, int argc, char **argv)
{
	struct sources_choice *c = &r->sources;
	struct source_error err;
	int stop = sources_parse(argc, argv, r, c);

	if (!stop)
		stop = cli_no_operands(argc, argv);
	if (stop)
		return stop;
	if (r->o.path && c->given)
		return 1 +
		       cli_usage(
			       "-p, -n, -d, --light and the other options of a source are not for -r; "
			       "-Y 'device == blk0' narrows a trace");
	stop = sources_join(c);
	if (stop)
		return stop;
	if (!r->o.path && c->ops->check(c->config, &c->request, false, &err))
		return 1 + cli_usage_lines("%s", err.text);
	if (c->request.light)
		c->request.light = r->o.delay; /* a tally for each update */
	if (r->json && !r->batch)
		return 1 + cli_usage("-T json is for -b");
	return 0;
}

static int prepare(struct top_run *r)
{
	if (top_core_init(&r->core, !r->no_check && !r->sources.request.light))
		return cli_error("no memory");
	if (cli_filter(&r->core.filter, r->filter))
		return CLI_TROUBLE;
	r->s.ops = !r->o.path ? &top_live : strcmp(r->o.path, "-") ? &top_file : &top_pipe;
	r->s.o = &r->o;
	r->s.core = &r->core;
	if (r->prometheus && top_prom_open(&r->prom, r->prometheus, &r->core))
		return CLI_TROUBLE;
	return r->s.ops->open(&r->s);
}

/* --- without a screen ------------------------------------------------------ */

static int print(struct top_run *r)
{
	int err;

	if (r->s.problem[0]) {
		cli_warn("%s", r->s.problem);
		r->s.problem[0] = '\0';
	}
	if (!r->batch)
		return 0;
	err = r->json ? top_print_json(stdout, &r->core, &r->s)
		      : top_print_text(stdout, &r->core, &r->s);
	if (err && err != -EPIPE) {
		cli_error("standard output: %s", strerror(-err));
		r->failed = true;
	}
	return err;
}

/* A trace without a screen has no reason to wait: its own clock makes the ticks. */
static int batch_file(struct top_run *r)
{
	uint64_t n = 0;
	int more = top_file_play(&r->s, 0);

	while (more && !stopped && !r->core.err) {
		uint64_t due = (r->core.tick_ts ? r->core.tick_ts : r->s.first_ts) + r->o.delay;

		more = top_file_play(&r->s, due);
		if (top_core_tick(&r->core, more ? due : r->core.ts) || print(r))
			break;
		if (r->prom)
			http_poll(r->prom);
		if (r->count && ++n == r->count)
			break;
	}
	return r->core.err || r->failed ? CLI_TROUBLE : CLI_OK;
}

static int batch(struct top_run *r)
{
	uint64_t due = cli_clock() + r->o.delay;
	uint64_t n = 0;
	int more = 1;

	while (more && !stopped && !r->core.err) {
		more = r->s.ops->poll(&r->s, 20);
		if (r->prom)
			http_poll(r->prom);
		if (more && cli_clock() < due)
			continue;
		due += r->o.delay;
		if (top_core_tick(&r->core, r->s.ops->now(&r->s)) || print(r))
			break;
		if (r->count && ++n == r->count)
			break;
	}
	return r->core.err || r->failed ? CLI_TROUBLE : CLI_OK;
}

/* What attaching to others later does not need.  To begin to measure what probes cost takes more. */
static void give_up(struct top_run *r, bool screen)
{
	double hits, share;

	if (screen)
		top_live_cost(&r->s, 1, &hits, &share);
	cli_keep_capabilities(r->sources.ops->capabilities, false);
}

static int watch(struct top_run *r)
{
	struct sigaction act = { .sa_handler = on_signal };
	bool screen = !r->batch && !(r->prometheus && !isatty(STDOUT_FILENO));
	int rc = screen ? top_screen_guard() : -1;

	if (rc >= 0)
		return rc;
	/* attaching takes a while: some 10 ms for each of 70 probes of a QEMU */
	if (screen && !r->o.path)
		cli_status("attaching ...");
	rc = prepare(r);
	if (screen && !r->o.path)
		cli_status("%s", "");
	if (rc)
		return rc;
	if (!r->o.path)
		give_up(r, screen);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	r->s.stop = &stopped;
	if (screen)
		rc = top_screen_run(&r->s, &r->o);
	else
		rc = r->s.ops == &top_file ? batch_file(r) : batch(r);
	if (r->core.err)
		cli_error("no memory");
	return rc;
}

static int run(int argc, char **argv)
{
	struct top_run *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return cli_error("no memory");
	r->o.delay = 1000000000;
	r->o.speed = 1;
	r->o.sources = &r->sources;
	r->s.keyboard = -1;
	r->sources.request = (struct source_request){
		.snaplen = 16, /* a request's header */
		.sample = SOURCE_SAMPLE,
		.follow = true,
	};
	rc = parse(r, argc, argv);
	rc = rc ? rc - 1 : watch(r);
	if (r->s.ops)
		r->s.ops->close(&r->s);
	http_close(r->prom);
	top_core_free(&r->core);
	sources_choice_free(&r->sources);
	free(r);
	return rc;
}

const struct cli_command cmd_top = {
	.name = "top",
	.summary = "watch queues live, or a trace as it was",
	.run = run,
	.synopsis = "[OPTIONS]                 what runs\n"
		    "-r FILE [OPTIONS]         a trace, played back",
	.about =
		"Watch queues: requests, bytes, latency, what is in flight, notifications, and\n"
		"what the conformance checker finds.  top attaches to VMs as they start and lets go of\n"
		"VMs that end.  Press h for the keys.\n",
	.options = options,
	.more_options = sources_help,
	.notes = "Watching running QEMUs needs root (or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE).\n"
		 "Exit status: 0, or 2 when something went wrong.\n"
		 "\n"
		 "Examples:\n"
		 "  vqtrace top\n"
		 "  vqtrace top --light -n web1 --delay 5s\n"
		 "  vqtrace top -r slow.pcap --speed 4\n"
		 "  vqtrace top -b -c 10 -T json | jq '.rows[] | select(.kind == \"device\")'\n"
		 "  vqtrace top --light --prometheus 127.0.0.1:9752\n"
		 "  vqtrace record -w - -n web1 | vqtrace top -r -\n",
};
