/* SPDX-License-Identifier: MIT */
/* The options of `record`. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "bpf/qemu/process.h"
#include "cli/options.h"
#include "cli/record/run.h"
#include "decoder/util/number.h"

/* --- which processes ------------------------------------------------------- */

static void list_processes(const struct process *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %7d  %-20s %.80s\n", (int)p[i].pid,
			p[i].name[0] ? p[i].name : "(no name)", p[i].object_name);
}

static int parse_pid(void *config, const char *value, struct text *why)
{
	struct record_run *r = config;
	unsigned long long v;

	if (!number_parse(value, 1 << 22, &v) || !v || r->npids == RECORD_PIDS) {
		text_add(why, "not a process id");
		return -EINVAL;
	}
	r->pid[r->npids++] = (pid_t)v;
	return 0;
}

static int parse_queue(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_parse(value, 1023, &v)) {
		text_add(why, "not a queue number");
		return -EINVAL;
	}
	((struct record_run *)config)->options.queues |= 1ULL << (v < 63 ? v : 63);
	return 0;
}

static int parse_light(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_duration(value ? value : "1s", &v)) {
		text_add(why, "not a time such as 1s or 200ms");
		return -EINVAL;
	}
	((struct record_run *)config)->options.light = v;
	return 0;
}

static int parse_check(void *config, const char *value, struct text *why)
{
	return check_live_option(&((struct record_run *)config)->check, value, why);
}

/* --- the table ------------------------------------------------------------- */

static int add_proxy(void *config, const char *value, struct text *why)
{
	return record_proxy_option(&((struct record_run *)config)->proxy, value, why);
}

static int set_type(void *config, const char *value, struct text *why)
{
	return record_proxy_type(&((struct record_run *)config)->proxy, value, why);
}

const struct option_row record_options[] = {
	{ OPTION_HEADING, .help = "What to record" },
	{ OPTION_CALL, 'p', "pid", "PID", "a running QEMU (repeat for several)",
	  .call = parse_pid },
	{ OPTION_LIST, 'n', "name", "NAME",
	  "a running QEMU by guest name (-name), UUID or program (repeat)",
	  OPTION_TO(struct record_run, names) },
	{ OPTION_LIST, 'd', "device", "DEVICE",
	  "only this device: its id, \"blk0\", type or QOM path (repeat)",
	  OPTION_TO(struct record_run, devices) },
	{ OPTION_CALL, 0, "queue", "N", "only this virtqueue (repeat; 63 and above count as one)",
	  .call = parse_queue },
	{ OPTION_TEXT, 0, "qmp", "SOCKET", "of a running QEMU: ask it for what was missed",
	  OPTION_TO(struct record_run, qmp) },
	{ OPTION_CALL, 0, "vhost-user", "LISTEN=BACKEND",
	  "stand between any vhost-user front end, which connects to the socket LISTEN, and the "
	  "device that serves BACKEND (repeat); needs neither root nor BPF.  COMMAND then starts "
	  "the front end",
	  .call = add_proxy },
	{ OPTION_CALL, 0, "type", "NAME",
	  "with --vhost-user: the device's type (blk), which the protocol does not say",
	  .call = set_type },
	{ OPTION_HEADING, .help = "How much" },
	{ OPTION_NUMBER, 's', "snaplen", "BYTES",
	  "leading bytes of each buffer, 0 to 1024 (default 32: a 4 KiB request then takes less "
	  "than 400 bytes of file)",
	  OPTION_TO(struct record_run, options.snaplen), .max = 1024,
	  .want = "a number of bytes from 0 to 1024" },
	{ OPTION_FLAG, 0, "delivery", NULL,
	  "MSI-X messages as sent too, not only decisions to interrupt",
	  OPTION_TO(struct record_run, options.delivery) },
	{ OPTION_FLAG, 0, "no-lifecycle", NULL,
	  "no steps of device creation and set-up inside QEMU",
	  OPTION_TO(struct record_run, options.no_lifecycle) },
	{ OPTION_CALL, 0, "light", "[=TIME]",
	  "count and measure only: a tally of each queue every TIME (1s) instead of every step, at "
	  "a fraction of the cost",
	  .call = parse_light },
	{ OPTION_TIME, 0, "sample", "TIME",
	  "look at each queue's ring this often (default 1s; 0: never), which shows what waits "
	  "where nothing happens",
	  OPTION_TO(struct record_run, options.sample),
	  .want = "a time such as 1s or 200ms, or 0" },
	{ OPTION_SIZE, 0, "buffer", "SIZE",
	  "between kernel and file (default 16M); larger loses less",
	  OPTION_TO(struct record_run, options.buffer), .min = 65536, .max = 1 << 30,
	  .want = "a size from 64k to 1G" },
	{ OPTION_CALL, 0, "check", "[=LEVEL]", CHECK_LIVE_HELP, .call = parse_check },
	{ OPTION_FLAG, 0, "empty-probes", NULL, NULL, OPTION_TO(struct record_run, options.empty) },
	{ OPTION_FLAG, 0, "qmp-only", NULL, NULL, OPTION_TO(struct record_run, options.qmp_only) },
	{ OPTION_NUMBER, 0, "tables", "N", NULL, OPTION_TO(struct record_run, options.tables),
	  .min = 1, .max = 1 << 20, .want = "a number of queues" },
	{ OPTION_HEADING, .help = "Where to and until when" },
	{ OPTION_TEXT, 'w', "write", "FILE", "trace file; - is standard output",
	  OPTION_TO(struct record_run, out.path) },
	{ OPTION_NUMBER, 'c', "count", "COUNT", "stop after so many events",
	  OPTION_TO(struct record_run, count), .min = 1, .want = "a count of events" },
	{ OPTION_TIME, 0, "duration", "TIME", "stop after 10s, 5m, ...",
	  OPTION_TO(struct record_run, duration), .want = "a time such as 10s or 5m" },
	{ OPTION_SIZE, 0, "max-size", "SIZE", "stop when the file has grown to 100M, 1G, ...",
	  OPTION_TO(struct record_run, out.max_size), .want = "a size such as 100M" },
	{ OPTION_SIZE, 0, "rotate-size", "SIZE",
	  "begin FILE1, FILE2, ... whenever one reaches this size",
	  OPTION_TO(struct record_run, out.rotate_size), .want = "a size such as 100M" },
	{ OPTION_TIME, 0, "rotate-time", "TIME",
	  "begin a new file this often; FILE may be a strftime pattern",
	  OPTION_TO(struct record_run, out.rotate_ns), .want = "a time such as 10s or 5m" },
	{ OPTION_NUMBER, 'W', "files", "COUNT",
	  "keep this many files (by size: reuse them; by time: stop)",
	  OPTION_TO(struct record_run, out.files), .min = 1, .max = 100000,
	  .want = "a count of files" },
	{ OPTION_FLAG, 'q', "quiet", NULL, "no summary", OPTION_TO(struct record_run, quiet) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "list the devices as well",
	  OPTION_TO(struct record_run, verbose) },
	{ OPTION_TEXT, 0, "regression", "NAME",
	  "also make NAME.pcap, a test out of the recording: short, without data, names and paths; "
	  "-w is then not needed.  Prints its line for traces/LIST",
	  OPTION_TO(struct record_run, regression.name) },
	{ OPTION_TEXT, 'r', "read", "FILE", "with --regression: of this trace, recorded earlier",
	  OPTION_TO(struct record_run, regression.read) },
	{ OPTION_TEXT, 0, "origin", "TEXT", "with --regression: what to say of where it is from",
	  OPTION_TO(struct record_run, regression.origin) },
	{},
};

/* The QEMUs that -n names: one each.  CLI_OK or CLI_TROUBLE. */
static int find_named(struct record_run *r, const char *word)
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
	if (r->devices.n || r->qmp || o->queues || o->light || o->delivery || o->no_lifecycle ||
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

/* 0 to go on, else the exit code + 1. */
int record_command_line(struct record_run *r, int argc, char **argv)
{
	int code = cli_parse(argc, argv, r);

	if (code)
		return code;
	if (optind < argc)
		r->command = argv + optind;
	code = regression_begin(&r->regression, &r->out.path);
	if (code == CLI_OK && r->regression.read)
		return 0;
	for (unsigned i = 0; i < r->names.n && code == CLI_OK; i++)
		code = find_named(r, r->names.item[i]);
	if (code == CLI_OK)
		code = parse_proxy(r);
	if (code == CLI_OK)
		code = fits(r);
	return code == CLI_OK ? 0 : code + 1;
}
