/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/confine.h"
#include "cli/record/run.h"
#include "decoder/util/outlet.h"
#include "decoder/util/text.h"

#define STATUS_EVERY 200000000ULL /* ns */
#define STEP_MS 25

static volatile sig_atomic_t stop_signal, stop_count;

static void on_signal(int sig)
{
	stop_signal = sig;
	stop_count++;
}

/* Descriptive records and samples are not what -c counts: no step of either side made them. */
static bool is_event(const void *record)
{
	unsigned type = ((const struct vqt_hdr *)record)->type;

	return type >= VQT_REG && type != VQT_RING;
}

static void count(struct record_counts *c, const void *record)
{
	c->by_type[((const struct vqt_hdr *)record)->type & 63]++;
	c->events += is_event(record);
}

static int output_error(const struct record_run *r, int err, const char *then)
{
	return cli_error("%s: %s%s; %s", r->out.current, trace_out_error(err),
			 err == -ENOSPC ? " (make room, or use --max-size)" : "", then);
}

/* Of a proxy, which front end and back end need, only the trace ends when that cannot be written. */
static void output_failed(struct record_run *r)
{
	if (!r->choice.ops->between) {
		r->done = true;
		return;
	}
	if (r->trace_ended)
		return;
	r->trace_ended = true;
	if (r->out.err != -EPIPE && !r->reported) {
		output_error(r, r->out.err, "the trace ends here, the proxy does not");
		r->reported = true;
	} else if (r->out.err == -EPIPE && !r->quiet) {
		cli_say("the trace ends: its reader has left; the proxy continues");
	}
}

static void on_record(void *ctx, const void *record, size_t len)
{
	struct record_run *r = ctx;

	if (r->done)
		return;
	trace_out_write(&r->out, record, len);
	check_live_record(&r->check, record, len);
	if (r->trace_ended)
		return;
	count(&r->counts, record);
	if (is_event(record) && r->counts.events == r->count)
		r->done = true;
	if (r->out.full)
		r->done = true;
	else if (r->out.err)
		output_failed(r);
}

/* Attaching ends at the signal that would end the recording. */
static bool is_ended(void *ctx)
{
	const struct record_run *r = ctx;

	return stop_count > (r->command ? 1 : 0);
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	const struct record_run *r = ctx;

	if (level == SOURCE_WARNING)
		cli_warn("%s", text);
	else if (level == SOURCE_INFO ? !r->quiet : r->verbose)
		cli_say("%s", text);
}

static void kill_both(const struct record_run *r, int sig)
{
	if (r->child.worker > 0 && r->child.worker != r->child.pid)
		kill(r->child.worker, sig);
	kill(r->child.pid, sig);
}

/* Tasks of the helper. */
enum { RECORD_NEXT_FILE, RECORD_SIGNAL };

static int signal_task(void *opaque, uint32_t arg, int *gives)
{
	const struct record_run *r = opaque;

	if (r->child.pid > 0 && arg < NSIG)
		kill_both(r, (int)arg);
	return 0;
}

/* What a capture needs from here on; and to write beside its files, which may be in others' folders. */
static uint64_t needed(const struct record_run *r)
{
	return r->choice.ops->capabilities |
	       (r->regression.name ? UINT64_C(1) << CAP_DAC_OVERRIDE : 0);
}

/*
 * Give up what is not needed any more, once the command that was started has all its user's rights.  A
 * helper keeps them, for the next files and for signals to the command, which may be somebody else's.
 * A source that strangers speak to needs no more than it has; --regression does.
 */
static int confine_it(struct record_run *r)
{
	static struct helper_task tasks[] = {
		[RECORD_NEXT_FILE] = { trace_out_task }, [RECORD_SIGNAL] = { signal_task }
	};
	int err;

	tasks[RECORD_NEXT_FILE].opaque = &r->out;
	tasks[RECORD_SIGNAL].opaque = r;
	err = helper_start(&r->helper, tasks, sizeof(tasks) / sizeof(tasks[0]));
	if (err)
		return cli_error("cannot start a helper: %s", strerror(-err));
	r->out.helper = r->helper;
	r->out.helper_task = RECORD_NEXT_FILE;
	if (r->choice.ops->confinable && !r->regression.name)
		cli_confine(true, r->no_confine, r->verbose);
	else
		cli_keep_capabilities(needed(r), r->verbose);
	return CLI_OK;
}

/* Open the source and the file, then begin. */
static int begin(struct record_run *r)
{
	struct sources_choice *c = &r->choice;
	struct source_error err;
	struct trace_error trace_err;

	c->request.output = r->out.path;
	if (c->ops->open(&r->source, c->config, &c->request, &err))
		return cli_error_lines("%s", err.text);
	r->out.batches = true;
	if (trace_out_open(&r->out, &trace_err))
		return cli_error("%s", trace_err.text);
	if (c->ops->begin(r->source, r->command, &r->child, &err))
		return cli_error_lines("%s", err.text);
	r->live = true;
	return confine_it(r);
}

/* --- while it runs --------------------------------------------------------- */

static void show_status(struct record_run *r, const struct source_stats *s, uint64_t now)
{
	struct model_loss all = s->lost;
	TEXT(lost, 64);
	TEXT(requests, 40);

	if (r->quiet || now - r->shown < STATUS_EVERY)
		return;
	r->shown = now;
	/* the reader of a pipe has the terminal for itself */
	if (!strcmp(r->out.path, "-") || !isatty(STDERR_FILENO))
		return;
	all.records += trace_out_lost(&r->out);
	model_put_lost(&lost, all, "");
	if (!r->choice.ops->no_rings)
		text_add(&requests, " %llu requests,",
			 (unsigned long long)r->counts.by_type[VQT_USED]);
	cli_status("recording %u %s%s: %llu events,%s %llu kB, %s lost", s->alive,
		   r->choice.ops->noun, s->alive == 1 ? "" : "s",
		   (unsigned long long)r->counts.events, requests.buf,
		   (unsigned long long)trace_out_bytes(&r->out) >> 10, lost.buf);
	r->check.line = true;
}

/* To the command, and to the QEMU that a wrapper may have started. */
static void signal_command(const struct record_run *r, int sig)
{
	if (r->helper)
		helper_ask(r->helper, RECORD_SIGNAL, (uint32_t)sig);
	else
		kill_both(r, sig);
}

/* Once there is something to record: attaching takes a while. */
static void say_attached(struct record_run *r, const struct source_stats *s)
{
	if (r->attached || !s->alive)
		return;
	r->attached = true;
	if (!r->quiet)
		cli_say("vqtrace record: attached, recording %u %s%s; Ctrl-C ends it", s->alive,
			r->choice.ops->noun, s->alive == 1 ? "" : "s");
}

/* A signal ends the recording; a command that we started gets it first and may end by itself. */
static void handle_signal(struct record_run *r)
{
	int sig = stop_signal;

	if (!sig)
		return;
	stop_signal = 0;
	if (!r->command || r->child_gone || stop_count > 1) {
		r->ended = true;
		r->done = !r->choice.ops->whole_stop;
		return;
	}
	/* the terminal has sent SIGINT to both of us */
	if (sig != SIGINT || !isatty(STDIN_FILENO))
		signal_command(r, sig);
}

static void reap_child(struct record_run *r, int flags)
{
	if (r->child.pid && !r->child_gone &&
	    waitpid(r->child.pid, &r->child_status, flags) == r->child.pid)
		r->child_gone = true;
}

static void rotate(struct record_run *r, uint64_t now)
{
	struct trace_error err;

	if (r->done || r->trace_ended || !trace_out_due(&r->out, now))
		return;
	if (r->choice.ops->settle)
		r->choice.ops->settle(r->source);
	if (trace_out_next(&r->out, &err)) {
		cli_error("%s%s", err.text,
			  r->choice.ops->between ? "; the trace ends here, the proxy does not"
						 : "");
		r->reported = true;
		output_failed(r);
	} else if (r->out.full) {
		r->done = true;
	} else {
		r->whole = r->counts;
		r->choice.ops->describe(r->source);
	}
}

/* The records of this turn; what is read as it comes and what waits for a slow reader goes on at once. */
static void flush(struct record_run *r, uint64_t now)
{
	if (!r->out.w || r->trace_ended)
		return;
	trace_out_batch(&r->out, now);
	if (!r->out.err && (!strcmp(r->out.path, "-") || trace_waiting(r->out.w)))
		r->out.err = trace_flush(r->out.w);
	if (r->out.err)
		output_failed(r);
}

static void loop(struct record_run *r)
{
	struct source_stats s;

	r->begun = cli_clock();
	r->choice.ops->stats(r->source, &s);
	say_attached(r, &s);
	while (!r->done && !r->ended) {
		int more = source_step(r->source, -1, STEP_MS);
		uint64_t now = cli_clock();

		handle_signal(r);
		reap_child(r, WNOHANG);
		rotate(r, now);
		r->choice.ops->stats(r->source, &s);
		say_attached(r, &s);
		show_status(r, &s, now);
		cli_words_kept();
		flush(r, now);
		if (r->duration && now - r->begun >= r->duration) {
			r->ended = true;
			r->done = !r->choice.ops->whole_stop;
		}
		if (more <= 0 && (!s.alive || r->child_gone))
			break;
	}
}

/* --- the end --------------------------------------------------------------- */

#define ENDING_MS 500 /* for a command whose machine has ended to end, too */

/* The command does not outlive its recording. */
static void end_child(struct record_run *r)
{
	/* its machine may be gone before it can be waited for: it ends by itself, and how counts */
	for (unsigned i = 0; i < ENDING_MS / 10 && !r->done && !r->ended; i++) {
		reap_child(r, WNOHANG);
		if (!r->child.pid || r->child_gone)
			return;
		usleep(10000);
	}
	if (!r->child.pid || r->child_gone)
		return;
	signal_command(r, SIGTERM);
	reap_child(r, 0);
	r->child_status = 0; /* it was ended by us */
}

static const struct {
	unsigned type;
	const char *one, *many;
} kinds[] = {
	{ VQT_REG, "register access", "register accesses" },
	{ VQT_KICK, "kick", "kicks" },
	{ VQT_AVAIL, "chain", "chains" },
	{ VQT_USED, "completion", "completions" },
	{ VQT_BACKEND, "step of the back end", "steps of the back end" },
	{ VQT_IRQ, "interrupt", "interrupts" },
	{ VQT_RING, "ring sample", "ring samples" },
	{ VQT_DATA, "late read of data", "late reads of data" },
	{ VQT_TALLY, "tally", "tallies" },
	{ VQT_VHOST_USER, "message", "messages" },
	{ VQT_LIFECYCLE, "lifecycle step", "lifecycle steps" },
	{ VQT_RETURN, "return of a function", "returns of functions" },
	{ VQT_ROUTES, "table of interrupt routes", "tables of interrupt routes" },
};

static void print_kinds(const struct record_run *r)
{
	const char *separator = ":";
	TEXT(t, 2048);

	text_add(&t, "%llu events", (unsigned long long)r->counts.events);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t n = r->counts.by_type[kinds[i].type];

		if (!n)
			continue;
		text_add(&t, "%s %llu %s", separator, (unsigned long long)n,
			 n == 1 ? kinds[i].one : kinds[i].many);
		separator = ",";
	}
	cli_say("%s", t.buf);
}

static void print_totals(const struct record_run *r)
{
	uint64_t requests = r->counts.by_type[VQT_USED];
	struct source_stats s;
	TEXT(lost, 64);
	TEXT(had, 64);

	r->choice.ops->stats(r->source, &s);
	s.lost.records += trace_out_lost(&r->out);
	model_put_lost(&lost, s.lost, "");
	if (!r->choice.request.light && !r->choice.ops->no_rings)
		text_add(&had, "%llu request%s, ", (unsigned long long)requests,
			 requests == 1 ? "" : "s");
	cli_say("%s%llu bytes in %u file%s, %s lost", had.buf,
		(unsigned long long)trace_out_bytes(&r->out), r->out.n, r->out.n == 1 ? "" : "s",
		lost.buf);
}

/* Of a file that could not be written to its end, what is readable. */
static void recount(struct record_run *r, int fd)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	bool again = true;
	int n = 1;

	r->counts = r->whole;
	if (trace_open_fd(&t, fd, r->out.current, &err))
		return;
	while (n > 0 || (n < 0 && again)) {
		n = trace_next(t, &rec, &again, &err);
		if (n > 0)
			count(&r->counts, &rec.h);
	}
	trace_close(t);
}

static void summarize(struct record_run *r)
{
	if (isatty(STDERR_FILENO) && !r->quiet)
		cli_status("%s", "");
	if (!r->quiet) {
		print_kinds(r);
		print_totals(r);
	}
	r->choice.ops->report(r->source);
}

/* CLI_TROUBLE when the files could not be written. */
static int finish_output(struct record_run *r)
{
	uint64_t lost = trace_out_lost(&r->out);
	int err = trace_out_close(&r->out, stop_count ? OUTLET_HURRY : -1);

	if (lost)
		cli_warn(CLI_PIPE_SLOW, (unsigned long long)lost);
	if (r->out.err)
		err = r->out.err;
	if (r->reported)
		return CLI_TROUBLE;
	if (!err || err == -EPIPE) /* it is no error when the reader of the pipe stops reading */
		return CLI_OK;
	return output_error(r, err, "what was written until then is readable");
}

/* CLI_TROUBLE when the command failed by itself. */
static int finish_command(const struct record_run *r)
{
	int status = r->child_status;

	if (r->child_gone && WIFEXITED(status) && WEXITSTATUS(status))
		return cli_error("%s ended with status %d", r->command[0], WEXITSTATUS(status));
	if (r->child_gone && WIFSIGNALED(status) && !stop_count)
		return cli_error("%s was ended by signal %d (%s)", r->command[0], WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	return CLI_OK;
}

static int finish(struct record_run *r, int code)
{
	const struct source_ops *ops = r->choice.ops;
	int again;

	if (r->live) {
		/* what is in flight still belongs to the recording, unless a limit has ended it */
		ops->stop(r->source);
		end_child(r);
		again = trace_out_settle(&r->out);
		if (again >= 0)
			recount(r, again);
		summarize(r);
	}
	ops->close(r->source);
	helper_end(r->helper);
	if (finish_output(r) == CLI_TROUBLE)
		code = CLI_TROUBLE;
	if (finish_command(r) == CLI_TROUBLE)
		code = CLI_TROUBLE;
	return check_live_end(&r->check, code);
}

static int record(struct record_run *r)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int code;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	cli_never_wait();
	code = check_live_begin(&r->check, r->out.path);
	if (code == CLI_OK)
		code = begin(r);
	if (code == CLI_OK) {
		sa.sa_flags = SA_RESTART;
		sigaction(SIGHUP, &sa, NULL);
		cli_catch_ends(on_signal);
		loop(r);
	}
	code = finish(r, code);
	return record_regression_end(&r->regression, r->out.path, code, r->quiet);
}

static int run(int argc, char **argv)
{
	struct record_run r = { .choice.request = { .snaplen = SOURCE_SNAPLEN,
						    .sample = SOURCE_SAMPLE,
						    .record = on_record,
						    .say = on_words,
						    .ended = is_ended,
						    .ctx = &r } };
	char command[1024];
	int code;

	cli_join_words(command, sizeof(command), argc, argv);
	r.choice.request.command = command;
	code = record_command_line(&r, argc, argv);
	if (code == 1 + CLI_OK)
		code = CLI_OK;
	else if (code || r.regression.read)
		code = record_regression_end(&r.regression, NULL, code ? code - 1 : CLI_OK,
					     r.quiet);
	else
		code = record(&r);
	with_guest_end(&r.port);
	sources_choice_free(&r.choice);
	return code;
}

const struct cli_command cmd_record = {
	.name = "record",
	.summary = "record what a driver and a device say to each other",
	.run = run,
	.synopsis = "-w FILE [OPTIONS] -p PID...\n"
		    "-w FILE [OPTIONS] -n NAME\n"
		    "-w FILE [OPTIONS] [--] QEMU-COMMAND...\n"
		    "-w FILE [OPTIONS] --vhost-user LISTEN=BACKEND... [-- COMMAND...]\n"
		    "-r FILE --regression NAME [--origin TEXT]",
	.about =
		"Records what drivers and virtio devices say to each other: register accesses,\n"
		"kicks, rings, descriptor chains, completions, interrupts.  The usual source is a\n"
		"QEMU, which needs no debug information and is not restarted or changed.  That needs\n"
		"root (or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and it keeps no more than it needs);\n"
		"'vqtrace doctor' says what works here, and -D lists the sources.  COMMAND is started and recorded from its start.\n",
	.options = record_options,
	.more_options = sources_help,
	.runs_command = true,
	.notes =
		"Ctrl-C ends a recording; a command started here is ended with it.  Exit status: 0;\n"
		"1 with --check when rules were broken; 2 when something went wrong (the file is\n"
		"readable even then).\n"
		"\n"
		"Examples:\n"
		"  vqtrace record -w boot.pcap -- qemu-system-x86_64 -drive file=disk.img,if=virtio\n"
		"  vqtrace record -w slow.pcap -n web1 -d blk0 --duration 10s\n"
		"  vqtrace record -w - -p 4711 -c 1000 | vqtrace show -r -\n"
		"  vqtrace record -w ring.pcap --rotate-size 100M -W 10 -p 4711\n"
		"  vqtrace record -w both.pcap --with-guest -- qemu-system-x86_64 ...\n"
		"  vqtrace record -w vm.pcap -i kvm -p 4711\n"
		"  vqtrace record -w vm.pcap -i kvm -i memory -- cloud-hypervisor ...\n"
		"  vqtrace record -w disk.pcap --vhost-user /tmp/front.sock=/run/spdk/vhost.0\n",
};
