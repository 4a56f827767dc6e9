/* SPDX-License-Identifier: MIT */
/* vqtrace top: queues live. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top/batch.h"
#include "cli/top/screen.h"
#include "cli/top/source.h"
#include "decoder/util/number.h"

struct top_run {
	struct top_options o;
	struct top_source s;
	struct top_core core;
	struct top_prom *prom;
	const char *filter, *prometheus;
	const char *device[TOP_CHOSEN + 1];
	size_t ndevices;
	unsigned long long count; /* ticks, 0 until the end */
	bool batch, json, no_check;
	bool failed; /* standard output cannot be written */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

enum {
	OPT_LIGHT = 256,
	OPT_PROMETHEUS,
	OPT_SPEED,
	OPT_NO_CHECK,
	OPT_COLOR,
	OPT_ASCII,
};

static const struct option longs[] = {
	{ "read", required_argument, NULL, 'r' },
	{ "batch", no_argument, NULL, 'b' },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'n' },
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'N' },
	{ "device", required_argument, NULL, 'D' },
	{ "filter", required_argument, NULL, 'Y' },
	{ "format", required_argument, NULL, 'T' },
	{ "light", no_argument, NULL, OPT_LIGHT },
	{ "prometheus", required_argument, NULL, OPT_PROMETHEUS },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "no-check", no_argument, NULL, OPT_NO_CHECK },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "ascii", no_argument, NULL, OPT_ASCII },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: vqtrace top [options]                 the QEMUs that run\n"
	"       vqtrace top -r FILE [options]         a trace, played back\n"
	"\n"
	"Watch queues: requests, bytes, latency, what is in flight, notifications, and\n"
	"what the conformance checker finds.  VMs that start are attached to and VMs that\n"
	"end are let go.  Press h for the keys.\n"
	"\n"
	"What to watch:\n"
	"  -p, --pid PID        this QEMU (repeat); -n, --name NAME by guest name or UUID\n"
	"  --device DEVICE      only this device: its id, \"blk0\", type or QOM path (repeat)\n"
	"  -r, --read FILE      a trace; - is standard input\n"
	"  --speed N            of a trace: 1 as recorded (default), 4, 0.1, 0 as fast as it goes\n"
	"  -Y, --filter FILTER  count only these events (as in 'vqtrace show -Y')\n"
	"  --light              counters and histograms made in the kernel, no record of each\n"
	"                       event: for busy machines; no checker, no timeline\n"
	"  --no-check           without the conformance checker\n"
	"\n"
	"How:\n"
	"  -d, --delay TIME     between two looks: 1s (default), 500ms, ...\n"
	"  -b, --batch          no screen: a table, or with -T json an object, each time\n"
	"  -n, --count COUNT    with -b: stop after so many\n"
	"  -T, --format FORMAT  of -b: text or json\n"
	"  --prometheus ADDR    serve the counts for Prometheus at ADDR:PORT (127.0.0.1:9752 for\n"
	"                       \":9752\"); without -b and a terminal nothing else is shown\n"
	"  --color WHEN         auto, always or never (and NO_COLOR); --ascii: plain letters only\n"
	"\n"
	"Watching running QEMUs needs root (or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE).\n"
	"Exit status: 0, or 2 when something went wrong.\n"
	"\n"
	"Examples:\n"
	"  vqtrace top\n"
	"  vqtrace top --light -n web1 -d 5s\n"
	"  vqtrace top -r slow.pcap --speed 4\n"
	"  vqtrace top -b -n 10 -d 1s -T json | jq '.rows[] | select(.kind == \"device\")'\n"
	"  vqtrace top --light --prometheus 127.0.0.1:9752\n"
	"  vqtrace record -w - -n web1 | vqtrace top -r -\n";

/* -n means what it looks like: a number of ticks, or the name of a guest. */
static int count_or_name(struct top_run *r, const char *arg)
{
	if (number_parse(arg, ~0ULL, &r->count) && r->count)
		return CLI_OK;
	if (r->o.nnames == TOP_CHOSEN)
		return cli_usage("too many names");
	r->o.name[r->o.nnames++] = arg;
	return CLI_OK;
}

static int option(struct top_run *r, int c, const char *arg)
{
	unsigned long long v;
	char *end;

	switch (c) {
	case 'r': r->o.path = arg; return CLI_OK;
	case 'b': r->batch = true; return CLI_OK;
	case 'd':
		if (!number_duration(arg, &v) || v < 50000000)
			return cli_usage("-d %s: not a time of 50ms or more", arg);
		r->o.delay = v;
		return CLI_OK;
	case 'n': return count_or_name(r, arg);
	case 'N':
		if (r->o.nnames == TOP_CHOSEN)
			return cli_usage("too many names");
		r->o.name[r->o.nnames++] = arg;
		return CLI_OK;
	case 'p':
		if (!number_parse(arg, 1 << 22, &v) || !v || r->o.npids == TOP_CHOSEN)
			return cli_usage("-p %s: not a process id", arg);
		r->o.pid[r->o.npids++] = (pid_t)v;
		return CLI_OK;
	case 'D':
		if (r->ndevices == TOP_CHOSEN)
			return cli_usage("too many devices");
		r->device[r->ndevices++] = arg;
		r->o.devices = r->device;
		return CLI_OK;
	case 'Y': r->filter = arg; return CLI_OK;
	case 'T':
		r->json = !strcmp(arg, "json");
		return r->json || !strcmp(arg, "text")
			       ? CLI_OK
			       : cli_usage("-T %s: the formats are text and json", arg);
	case OPT_LIGHT: r->o.light = true; return CLI_OK;
	case OPT_PROMETHEUS: r->prometheus = arg; return CLI_OK;
	case OPT_SPEED:
		r->o.speed = strtod(arg, &end);
		return *arg && !*end && r->o.speed >= 0 && r->o.speed <= 1024
			       ? CLI_OK
			       : cli_usage("--speed %s: not a number from 0 to 1024", arg);
	case OPT_NO_CHECK: r->no_check = true; return CLI_OK;
	case OPT_COLOR:
		return cli_color_set(arg) ? CLI_OK
					  : cli_usage("--color %s: auto, always or never", arg);
	case OPT_ASCII: r->o.ascii = true; return CLI_OK;
	}
	return CLI_OK;
}

static int parse(struct top_run *r, int argc, char **argv)
{
	int c, rc;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":r:bd:n:p:Y:T:h", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return -1;
		}
		if (c == '?' || c == ':')
			return cli_bad_option(c, argv, longs);
		rc = option(r, c, optarg);
		if (rc)
			return rc;
	}
	if (optind < argc)
		return cli_usage("'%s' is one argument too many", argv[optind]);
	if (r->o.path && (r->o.npids || r->o.nnames || r->o.light || r->o.devices))
		return cli_usage("-p, -n, --device and --light are for running QEMUs, not for -r; "
				 "-Y 'device == blk0' narrows a trace");
	if (r->json && !r->batch)
		return cli_usage("-T json is for -b");
	return CLI_OK;
}

static int prepare(struct top_run *r)
{
	if (top_core_init(&r->core, !r->no_check && !r->o.light)) {
		cli_error("no memory");
		return CLI_TROUBLE;
	}
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
	unsigned long long n = 0;
	int more = top_file_play(&r->s, 0);

	while (more && !stopped && !r->core.err) {
		uint64_t due = (r->core.tick_ts ? r->core.tick_ts : r->s.first_ts) + r->o.delay;

		more = top_file_play(&r->s, due);
		if (top_core_tick(&r->core, more ? due : r->core.ts) || print(r))
			break;
		if (r->prom)
			top_prom_poll(r->prom);
		if (r->count && ++n == r->count)
			break;
	}
	return r->core.err || r->failed ? CLI_TROUBLE : CLI_OK;
}

static int batch(struct top_run *r)
{
	uint64_t due = cli_clock() + r->o.delay;
	unsigned long long n = 0;
	int more = 1;

	while (more && !stopped && !r->core.err) {
		more = r->s.ops->poll(&r->s, 20);
		if (r->prom)
			top_prom_poll(r->prom);
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

static int watch(struct top_run *r)
{
	struct sigaction act = { .sa_handler = on_signal };
	bool screen = !r->batch && !(r->prometheus && !isatty(STDOUT_FILENO));
	int rc = screen ? top_screen_guard() : -1;

	if (rc >= 0)
		return rc;
	/* takes a while: some 10 ms a probe, with 70 of them */
	if (screen && !r->o.path)
		fputs("attaching to QEMU ...", stderr);
	rc = prepare(r);
	if (screen && !r->o.path)
		fputs("\r\033[K", stderr);
	if (rc)
		return rc;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
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

	if (!r) {
		cli_error("no memory");
		return CLI_TROUBLE;
	}
	r->o.delay = 1000000000;
	r->o.speed = 1;
	rc = parse(r, argc, argv);
	if (rc < 0)
		rc = CLI_OK;
	else if (!rc)
		rc = watch(r);
	if (r->s.ops)
		r->s.ops->close(&r->s);
	top_prom_close(r->prom);
	top_core_free(&r->core);
	free(r);
	return rc;
}

const struct cli_command cmd_top = {
	.name = "top",
	.summary = "watch queues live, or a trace as it was",
	.usage = usage,
	.run = run,
};
