/* SPDX-License-Identifier: MIT */
/*
 * vqtrace-guest: `record -i guest` and `doctor` alone, as one static program for an initramfs,
 * where no library is and the drivers are not loaded yet.  The source is that of vqtrace.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bpf/guest/source.h"
#include "cli/guest/output.h"
#include "decoder/trace/event.h"
#include "decoder/util/clock.h"
#include "decoder/util/create.h"
#include "decoder/util/number.h"
#include "decoder/util/text.h"

#define TROUBLE 2
#define LAST_WORDS_MS 3000 /* for what the reader has not taken at the end */

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	ended = 1;
}

struct run {
	struct source_request request;
	struct output *out;
	const char *where, *ready;
	uint64_t duration;
	uint64_t count, events;
	int failed, source_failed; /* negative errno: the output, the source */
	bool quiet, verbose;
	void *config;
};

static const char help[] =
	"usage: vqtrace-guest record [-i guest] -w OUTPUT [OPTIONS]\n"
	"       vqtrace-guest doctor\n"
	"\n"
	"Records what the virtio drivers of the kernel it runs on do: a static program for an\n"
	"initramfs, started before the drivers are loaded.  'vqtrace record -i guest' is the same\n"
	"on a system that has vqtrace.\n"
	"\n"
	"OUTPUT is a file (compressed if it is a .gz), '-', a virtio port (/dev/virtio-ports/NAME), a\n"
	"serial line (/dev/ttyS1), or vsock:CID:PORT.  What is not there yet is waited for.\n"
	"\n"
	"  -w OUTPUT        where the trace goes\n"
	"  -d DEVICE        only this device: virtio0, 0000:00:04.0 or blk (repeat)\n"
	"  -s BYTES         leading bytes of each buffer (default 32)\n"
	"  -c COUNT         end after so many events\n"
	"  --duration TIME  end after this time (10s)\n"
	"  --modules DIR    where the drivers' module files are (default /lib/modules/RELEASE)\n"
	"  --stacks[=WHAT]  the kernel's call stacks at set-up and kicks; WHAT: some of setup, kicks,\n"
	"                   chains, interrupts, completions and all\n"
	"  --no-calls       no function calls, only what driver and device say to each other\n"
	"  --ready FILE     make this file when the probes are in place\n"
	"  -q, -V           say less, more\n";

/* Names in it are of unknown origin. */
static void say(const char *text)
{
	TEXT(t, 16384);

	text_untrusted(&t, text, strlen(text));
	fprintf(stderr, "vqtrace-guest: %s\n", t.buf);
}

/* --- what the source says ----------------------------------------------------------- */

static void on_record(void *ctx, const void *record, size_t len)
{
	struct run *r = ctx;
	unsigned type = ((const struct vqt_hdr *)record)->type;

	output_record(r->out, record, len);
	if (type >= VQT_REG && ++r->events == r->count)
		ended = 1;
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	const struct run *r = ctx;

	if (level == SOURCE_WARNING || (level == SOURCE_INFO && !r->quiet) ||
	    (level == SOURCE_DETAIL && r->verbose))
		say(text);
}

static bool is_ended(void *ctx)
{
	return ended;
}

static int trouble(const char *what, const char *why)
{
	TEXT(t, 8192);

	text_add(&t, "%s%s%s", what, *why ? ": " : "", why);
	say(t.buf);
	return TROUBLE;
}

/* --- record ----------------------------------------------------------------------------- */

static int make_ready(const char *path)
{
	const char *why;
	FILE *f = create_stream(path, &why);

	return f && !fclose(f) ? 0 : -errno;
}

/* Until it is to end, or source or output fail. */
static void loop(struct run *r, struct source *s)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);
	int n = 0;

	while (!ended && !r->failed && (n >= 0 || n == -EINTR)) {
		n = source_step(s, output_asks(r->out), 25);
		output_answer(r->out);
		r->failed = output_flush(r->out);
		if (r->duration && clock_ns(CLOCK_MONOTONIC) - begun >= r->duration)
			break;
	}
	r->source_failed = n < 0 && n != -EINTR ? n : 0;
}

static void summarize(const struct run *r, const struct source *s)
{
	struct source_stats stats;
	struct rusage u;

	s->ops->stats(s, &stats);
	getrusage(RUSAGE_SELF, &u);
	if (!r->quiet)
		fprintf(stderr,
			"vqtrace-guest: %llu events, %llu lost, %llu bytes written; %ld MB of memory\n",
			(unsigned long long)r->events,
			(unsigned long long)(stats.lost.records + output_dropped(r->out)),
			(unsigned long long)output_bytes(r->out), u.ru_maxrss >> 10);
}

static int record(struct run *r)
{
	struct sigaction sa = { .sa_handler = on_signal };
	const struct source_ops *ops = &guest_source_ops;
	struct source_error err;
	struct source *s;
	const char *why;
	int code;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	code = output_open(&r->out, r->where, &why);
	if (code)
		return trouble(r->where, why);
	if (ops->open(&s, r->config, &r->request, &err))
		return trouble(err.text, "");
	if (ops->begin(s, NULL, NULL, &err)) {
		ops->close(s);
		return trouble(err.text, "");
	}
	code = r->ready ? make_ready(r->ready) : 0;
	if (code) {
		ops->close(s);
		return trouble(r->ready, strerror(-code));
	}
	loop(r, s);
	ops->stop(s);
	ops->report(s);
	code = r->failed ? r->failed : output_finish(r->out, LAST_WORDS_MS);
	summarize(r, s);
	ops->close(s);
	if (output_close(r->out) && !code)
		code = -EIO;
	if (r->source_failed)
		trouble("the kernel's buffer of events cannot be read",
			strerror(-r->source_failed));
	if (code && code != -EPIPE)
		trouble(r->where, strerror(-code));
	return r->source_failed || (code && code != -EPIPE) ? TROUBLE : 0;
}

/* --- doctor -------------------------------------------------------------------------------- */

static int doctor(void)
{
	static const char *const marks[] = { "ok", "limited", "no" };
	struct source_report *r = calloc(1, sizeof(*r));
	struct source_error err;
	enum source_verdict v;
	TEXT(reason, 256);
	TEXT(remedy, 256);

	if (!r)
		return trouble("no memory", "");
	v = guest_source_ops.available(&reason, &remedy);
	printf("%-8s source guest%s%s\n", marks[v], reason.len ? ": " : "", reason.buf);
	guest_source_ops.examine(NULL, r, &err);
	for (size_t i = 0; i < r->n; i++) {
		const struct source_finding *f = &r->finding[i];

		printf("%-8s %s: %s\n", marks[f->verdict], f->what, f->found);
		if (f->remedy[0] && f->verdict != SOURCE_OK)
			printf("%-8s -> %s\n", "", f->remedy);
	}
	free(r);
	return v == SOURCE_UNAVAILABLE ? TROUBLE : 0;
}

/* --- the command line ------------------------------------------------------------------------ */

/* An option of the source itself, from its table. */
static void source_option(struct run *r, const char *name, const char *value)
{
	for (const struct option_row *o = guest_source_ops.options; o->kind != OPTION_END; o++) {
		if (!o->name || strcmp(o->name, name))
			continue;
		if (o->kind == OPTION_FLAG)
			*(bool *)((char *)r->config + o->to) = true;
		else
			*(const char **)((char *)r->config + o->to) = value;
	}
}

static int usage(const char *why)
{
	say(why);
	fputs(help, stderr);
	return 1 + TROUBLE;
}

/* 0, or 1 + the exit status. */
static int parse(struct run *r, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "modules", required_argument, NULL, 'M' },
		{ "no-calls", no_argument, NULL, 'N' },
		{ "stacks", optional_argument, NULL, 'S' },
		{ "duration", required_argument, NULL, 'D' },
		{ "ready", required_argument, NULL, 'R' },
		{ "verbose", no_argument, NULL, 'V' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	struct source_error err;
	unsigned long long v;
	int c;

	while ((c = getopt_long(argc, argv, "hi:w:d:s:c:qV", longs, NULL)) >= 0)
		switch (c) {
		case 'h': fputs(help, stdout); return 1;
		case 'i':
			if (strcmp(optarg, "guest"))
				return usage("this program has the source guest only");
			break;
		case 'w': r->where = optarg; break;
		case 'd':
			if (r->request.devices.n == OPTION_LIST_MAX)
				return usage("-d: too many devices");
			r->request.devices.item[r->request.devices.n++] = optarg;
			break;
		case 's':
			if (!number_parse(optarg, 256, &v))
				return usage("-s: not a number up to 256");
			r->request.snaplen = (uint32_t)v;
			break;
		case 'c':
			if (!number_parse(optarg, UINT64_MAX, &v))
				return usage("-c: not a number");
			r->count = v;
			break;
		case 'D':
			if (!number_duration(optarg, &v))
				return usage("--duration: not a time such as 10s");
			r->duration = v;
			break;
		case 'M': source_option(r, "modules", optarg); break;
		case 'N': source_option(r, "no-calls", NULL); break;
		case 'S': r->request.stacks = optarg ? optarg : ""; break;
		case 'R': r->ready = optarg; break;
		case 'V': r->verbose = true; break;
		case 'q': r->quiet = true; break;
		default: return usage("see the options below");
		}
	if (optind < argc)
		return usage("it starts no command");
	if (guest_source_ops.check(r->config, &r->request, false, &err))
		return usage(err.text);
	return r->where ? 0 : usage("say where the trace goes: -w");
}

int main(int argc, char **argv)
{
	struct run r = { .request = { .snaplen = SOURCE_SNAPLEN,
				      .record = on_record,
				      .say = on_words,
				      .ended = is_ended } };
	int code;

	if (argc > 1 && !strcmp(argv[1], "doctor"))
		return doctor();
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("vqtrace-guest " VQTRACE_VERSION);
		return 0;
	}
	if (argc < 2 || strcmp(argv[1], "record"))
		return usage("say what to do: record or doctor") - 1;
	r.request.ctx = &r;
	r.config = calloc(1, guest_source_ops.config_size);
	if (!r.config)
		return trouble("no memory", "");
	code = parse(&r, argc - 1, argv + 1);
	r.request.output = r.where;
	r.request.command = "vqtrace-guest record";
	code = code ? code - 1 : record(&r);
	free(r.config);
	return code;
}
