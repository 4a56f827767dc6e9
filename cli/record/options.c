/* SPDX-License-Identifier: MIT */
/* The options of `record`. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/qemu/process.h"
#include "cli/cli.h"
#include "cli/record/run.h"
#include "decoder/util/number.h"

/* --- which processes ------------------------------------------------------- */

static void list_processes(const struct process *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %7d  %-20s %.80s\n", (int)p[i].pid,
			p[i].name[0] ? p[i].name : "(no name)", p[i].object_name);
}

/* -p without a number. */
static int list_all(void)
{
	static struct process all[256];
	size_t n = process_list(all, 256);

	cli_error("-p needs a process id; %s",
		  n ? "these QEMUs run:" : "no QEMU runs that we may see (as root all are)");
	list_processes(all, n);
	return CLI_TROUBLE;
}

static int add_named(struct record_run *r, const char *word)
{
	static struct process all[256], match[256];
	size_t n = process_list(all, 256), m = 0;

	for (size_t i = 0; i < n; i++)
		if (process_matches(&all[i], word))
			match[m++] = all[i];
	if (m == 1 && r->npids < RECORD_PIDS) {
		r->pid[r->npids++] = match[0].pid;
		return CLI_OK;
	}
	if (m > 1)
		cli_error("'%s' means %zu QEMU processes; choose one with -p:", word, m);
	else if (n)
		cli_error("no QEMU is called '%s'; these run:", word);
	else
		cli_error("no QEMU is called '%s', and none runs that we may see (as root all are)",
			  word);
	list_processes(m ? match : all, m ? m : n);
	return CLI_TROUBLE;
}

/* --- one option after the other -------------------------------------------- */

enum {
	OPT_MAX_SIZE = 256,
	OPT_DURATION,
	OPT_ROTATE_SIZE,
	OPT_ROTATE_TIME,
	OPT_BUFFER,
	OPT_QMP,
	OPT_DELIVERY,
	OPT_NO_LIFECYCLE,
	OPT_LIGHT,
	OPT_SAMPLE,
	OPT_CHECK,
	OPT_QUEUE,
	OPT_EMPTY,
	OPT_QMP_ONLY,
	OPT_TABLES,
	OPT_REGRESSION,
	OPT_ORIGIN,
	OPT_VHOST_USER,
	OPT_TYPE,
};

static const struct option longs[] = {
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "rotate-size", required_argument, NULL, OPT_ROTATE_SIZE },
	{ "rotate-time", required_argument, NULL, OPT_ROTATE_TIME },
	{ "buffer", required_argument, NULL, OPT_BUFFER },
	{ "qmp", required_argument, NULL, OPT_QMP },
	{ "delivery", no_argument, NULL, OPT_DELIVERY },
	{ "no-lifecycle", no_argument, NULL, OPT_NO_LIFECYCLE },
	{ "light", optional_argument, NULL, OPT_LIGHT },
	{ "sample", required_argument, NULL, OPT_SAMPLE },
	{ "check", optional_argument, NULL, OPT_CHECK },
	{ "queue", required_argument, NULL, OPT_QUEUE },
	{ "empty-probes", no_argument, NULL, OPT_EMPTY },
	{ "qmp-only", no_argument, NULL, OPT_QMP_ONLY },
	{ "tables", required_argument, NULL, OPT_TABLES },
	{ "regression", required_argument, NULL, OPT_REGRESSION },
	{ "origin", required_argument, NULL, OPT_ORIGIN },
	{ "vhost-user", required_argument, NULL, OPT_VHOST_USER },
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static int parse_one(struct record_run *r, int opt, const char *arg)
{
	unsigned long long v = 0;

	switch (opt) {
	case 'w': r->out.path = arg; return CLI_OK;
	case 'p':
		if (!number_parse(arg, 1 << 22, &v) || !v || r->npids == RECORD_PIDS)
			return cli_bad_value("-p", arg, "a process id");
		r->pid[r->npids++] = (pid_t)v;
		return CLI_OK;
	case 'n': return add_named(r, arg);
	case 'd':
		if (r->ndevices + 1 < sizeof(r->device) / sizeof(r->device[0]))
			r->device[r->ndevices++] = arg;
		return CLI_OK;
	case 'c':
		if (!number_parse(arg, ~0ULL, &v) || !v)
			return cli_bad_value("-c", arg, "a count of events");
		r->count = v;
		return CLI_OK;
	case 's':
		if (!number_parse(arg, 1024, &v))
			return cli_bad_value("-s", arg, "a number of bytes from 0 to 1024");
		r->options.snaplen = (uint32_t)v;
		return CLI_OK;
	case 'W':
		if (!number_parse(arg, 100000, &v) || !v)
			return cli_bad_value("-W", arg, "a count of files");
		r->out.files = (unsigned)v;
		return CLI_OK;
	case 'q': r->quiet = true; return CLI_OK;
	case 'v': r->verbose = true; return CLI_OK;
	case OPT_MAX_SIZE:
		return number_size(arg, (unsigned long long *)&r->out.max_size)
			       ? CLI_OK
			       : cli_bad_value("--max-size", arg, "a size such as 100M");
	case OPT_DURATION:
		return number_duration(arg, (unsigned long long *)&r->duration)
			       ? CLI_OK
			       : cli_bad_value("--duration", arg, "a time such as 10s or 5m");
	case OPT_ROTATE_SIZE:
		return number_size(arg, (unsigned long long *)&r->out.rotate_size)
			       ? CLI_OK
			       : cli_bad_value("--rotate-size", arg, "a size such as 100M");
	case OPT_ROTATE_TIME:
		return number_duration(arg, (unsigned long long *)&r->out.rotate_ns)
			       ? CLI_OK
			       : cli_bad_value("--rotate-time", arg, "a time such as 10s or 5m");
	case OPT_BUFFER:
		if (!number_size(arg, &v) || v < 65536 || v > 1ULL << 30)
			return cli_bad_value("--buffer", arg, "a size from 64k to 1G");
		r->options.buffer = v;
		return CLI_OK;
	case OPT_QUEUE:
		if (!number_parse(arg, 1023, &v))
			return cli_bad_value("--queue", arg, "a queue number");
		r->options.queues |= 1ULL << (v < 63 ? v : 63);
		return CLI_OK;
	case OPT_QMP: r->qmp = arg; return CLI_OK;
	case OPT_DELIVERY: r->options.delivery = true; return CLI_OK;
	case OPT_NO_LIFECYCLE: r->options.no_lifecycle = true; return CLI_OK;
	case OPT_QMP_ONLY: r->options.qmp_only = true; return CLI_OK;
	case OPT_LIGHT:
		if (!number_duration(arg ? arg : "1s", (unsigned long long *)&r->options.light))
			return cli_bad_value("--light", arg, "a time such as 1s or 200ms");
		return CLI_OK;
	case OPT_SAMPLE:
		return number_duration(arg, (unsigned long long *)&r->options.sample)
			       ? CLI_OK
			       : cli_bad_value("--sample", arg, "a time such as 1s or 200ms, or 0");
	case OPT_CHECK: return check_live_option(&r->check, arg);
	case OPT_TABLES:
		if (!number_parse(arg, 1 << 20, &v) || !v)
			return cli_bad_value("--tables", arg, "a number of queues");
		r->options.tables = (uint32_t)v;
		return CLI_OK;
	case OPT_REGRESSION: r->regression.name = arg; return CLI_OK;
	case OPT_ORIGIN: r->regression.origin = arg; return CLI_OK;
	case 'r': r->regression.read = arg; return CLI_OK;
	case OPT_EMPTY: r->options.empty = true; return CLI_OK;
	case OPT_VHOST_USER: return record_proxy_option(&r->proxy, arg);
	case OPT_TYPE: return record_proxy_type(&r->proxy, arg);
	}
	return cli_usage("unknown option");
}

/* The proxy sees rings and messages, the probes a QEMU. */
static int parse_proxy(struct record_run *r)
{
	const struct capture_options *o = &r->options;

	if (r->proxy.type && !r->proxy.n)
		return cli_usage("--type is for --vhost-user");
	if (!r->proxy.n)
		return CLI_OK;
	if (r->npids)
		return cli_usage(
			"record a QEMU (-p, -n) or a vhost-user connection (--vhost-user), not "
			"both in one trace");
	if (r->ndevices || r->qmp || o->queues || o->light || o->delivery || o->no_lifecycle ||
	    o->empty || o->buffer || o->qmp_only)
		return cli_usage(
			"-d, --queue, --qmp, --light, --delivery, --buffer and --no-lifecycle are "
			"about probes in a QEMU, not for --vhost-user");
	return CLI_OK;
}

/* What is asked for goes together. */
static int fits(const struct record_run *r)
{
	if (!r->command && !r->npids && !r->proxy.n)
		return cli_usage(
			"say what to record: -p PID, -n NAME, --vhost-user LISTEN=BACKEND or "
			"-- COMMAND");
	if (r->command && r->npids)
		return cli_usage("record what runs (-p, -n) or a command, not both");
	if (!r->out.path)
		return cli_usage("say where to: -w FILE, or -w - for a pipe");
	if (!strcmp(r->out.path, "-") && isatty(STDOUT_FILENO))
		return cli_usage("-w -: standard output is a terminal; pipe it, "
				 "for example into 'vqtrace show -r -'");
	if (r->check.on && r->options.light)
		return cli_usage("--check looks at every step, and --light records none; "
				 "leave one out");
	if (r->regression.name &&
	    (!strcmp(r->out.path, "-") || r->out.rotate_size || r->out.rotate_ns))
		return cli_usage(
			"--regression makes a test of one file: leave out -w -, --rotate-*");
	if (!strcmp(r->out.path, "-") && (r->out.rotate_size || r->out.rotate_ns))
		return cli_usage("a pipe cannot be rotated; give -w a file");
	return CLI_OK;
}

int record_options(struct record_run *r, int argc, char **argv)
{
	int opt, code = CLI_OK;

	opterr = 0;
	optind = 1;
	while (code == CLI_OK &&
	       (opt = getopt_long(argc, argv, "+:w:p:n:d:c:s:W:r:qvh", longs, NULL)) != -1) {
		if (opt == 'h') {
			fputs(cli_current->usage, stdout);
			exit(CLI_OK);
		}
		if (opt == ':' && optopt == 'p')
			return list_all();
		if (opt == ':' || opt == '?')
			return cli_bad_option(opt, argv, longs);
		code = parse_one(r, opt, optarg);
	}
	if (code != CLI_OK)
		return code;
	if (optind < argc)
		r->command = argv + optind;
	code = regression_begin(&r->regression, &r->out.path);
	if (code != CLI_OK || r->regression.read)
		return code;
	code = parse_proxy(r);
	if (code != CLI_OK)
		return code;
	return fits(r);
}
