/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/record/run.h"
#include "decoder/util/child.h"

#define STATUS_EVERY 200000000ULL

static volatile sig_atomic_t stop_signal, stop_count;

static void on_signal(int sig)
{
	stop_signal = sig;
	stop_count++;
}

/* Descriptive records and samples come by themselves and are not what -c counts. */
static bool is_event(const void *record)
{
	unsigned type = ((const struct vqt_hdr *)record)->type;

	return type >= VQT_REG && type != VQT_RING;
}

static void on_record(void *ctx, const void *record, size_t len)
{
	struct record_run *r = ctx;

	if (r->done)
		return;
	record_out_write(&r->out, record, len);
	check_live_record(&r->check, record, len);
	r->by_type[((const struct vqt_hdr *)record)->type & 63]++;
	if (is_event(record) && ++r->events == r->count)
		r->done = true;
	if (r->out.err || r->out.full)
		r->done = true;
}

/* --- attaching ------------------------------------------------------------- */

static int open_capture(struct record_run *r)
{
	struct capture_error err;
	struct trace_error terr;
	int code;

	code = r->proxy.n ? 0 : capture_open(&r->c, &r->options, &err);
	if (code) {
		cli_error("%s", err.text);
		return CLI_TROUBLE;
	}
	if (record_out_open(&r->out, &terr)) {
		cli_error("%s", terr.text);
		return CLI_TROUBLE;
	}
	return r->proxy.n ? record_proxy_open(&r->proxy) : CLI_OK;
}

/* Beside the proxy runs whatever connects to it. */
static int start_front_end(struct record_run *r)
{
	pid_t pid = r->command ? child_run(r->command[0], r->command) : 0;

	r->live = pid >= 0;
	if (pid < 0) {
		cli_error("cannot start %s: %s%s", r->command[0], strerror(-pid),
			  pid == -ENOENT ? "; is it installed and in PATH?" : "");
		return CLI_TROUBLE;
	}
	r->launch.child = pid;
	return CLI_OK;
}

static int start_command(struct record_run *r)
{
	struct capture_error err;
	int code = launch_start(&r->launch, r->command);

	if (code) {
		cli_error("cannot start %s: %s%s", r->command[0], strerror(-code),
			  code == -ENOENT ? "; is it installed and in PATH?" : "");
		return CLI_TROUBLE;
	}
	if (!r->launch.qemu) {
		cli_error("%s ended without becoming a QEMU system emulator; nothing was recorded",
			  r->command[0]);
		return CLI_TROUBLE;
	}
	code = capture_attach(r->c, r->launch.qemu, false, &err);
	if (code) {
		cli_error("%s", err.text);
		kill(r->launch.qemu, SIGKILL);
		launch_release(&r->launch);
		return CLI_TROUBLE;
	}
	r->live = true;
	launch_release(&r->launch);
	return CLI_OK;
}

static int attach_running(struct record_run *r)
{
	struct capture_error err;

	for (size_t i = 0; i < r->npids; i++) {
		if (capture_attach(r->c, r->pid[i], true, &err)) {
			cli_error("%s", err.text);
			return CLI_TROUBLE;
		}
		if (r->qmp && capture_qmp(r->c, r->pid[i], r->qmp, &err))
			cli_warn("%s", err.text);
	}
	r->live = true;
	return CLI_OK;
}

/* --- while it runs --------------------------------------------------------- */

static void show_status(struct record_run *r, uint64_t now)
{
	struct capture_stats s = { .lost = record_proxy_lost(&r->proxy), .alive = r->proxy.n };

	/* the reader of a pipe has the terminal for itself */
	if (r->quiet || !strcmp(r->out.path, "-") || !isatty(STDERR_FILENO) ||
	    now - r->shown < STATUS_EVERY)
		return;
	r->shown = now;
	if (r->c)
		capture_stats(r->c, &s);
	fprintf(stderr, "\rrecording %u %s%s: %llu events, %llu requests, %llu kB, %llu lost\033[K",
		s.alive, r->c ? "QEMU" : "device", s.alive == 1 ? "" : "s",
		(unsigned long long)r->events, (unsigned long long)r->by_type[VQT_USED],
		(unsigned long long)record_out_bytes(&r->out) >> 10, (unsigned long long)s.lost);
	r->check.line = true;
}

/* To the command, and to the QEMU a wrapper may have started. */
static void signal_command(const struct record_run *r, int sig)
{
	if (r->launch.qemu > 0 && r->launch.qemu != r->launch.child)
		kill(r->launch.qemu, sig);
	kill(r->launch.child, sig);
}

/* A signal ends the recording; a QEMU that is ours gets it first and may end by itself. */
static void handle_signal(struct record_run *r)
{
	int sig = stop_signal;

	if (!sig)
		return;
	stop_signal = 0;
	if (!r->command || r->child_gone || stop_count > 1) {
		r->ended = true;
		r->done =
			r->c != NULL; /* probes go one by one: what comes then is half the truth */
		return;
	}
	/* the terminal has sent SIGINT to both of us */
	if (sig != SIGINT || !isatty(STDIN_FILENO))
		signal_command(r, sig);
}

static void watch_child(struct record_run *r)
{
	int status;

	if (!r->command || r->child_gone)
		return;
	if (waitpid(r->launch.child, &status, WNOHANG) == r->launch.child) {
		r->child_gone = true;
		r->child_status = status;
	}
}

static void rotate(struct record_run *r, uint64_t now)
{
	struct trace_error err;

	if (r->done || !record_out_due(&r->out, now))
		return;
	if (record_out_next(&r->out, &err)) {
		cli_error("%s", err.text);
		r->told = true;
		r->done = true;
	} else if (r->out.full) {
		r->done = true;
	} else if (r->c) {
		capture_preamble(r->c);
	} else {
		record_proxy_preamble(&r->proxy);
	}
}

static void loop(struct record_run *r)
{
	struct capture_stats s;

	r->begun = cli_clock();
	while (!r->done && !r->ended) {
		int n = r->c ? capture_poll(r->c, 25) : 0;
		uint64_t now;

		if (!r->c)
			record_proxy_poll(&r->proxy, 25);
		now = cli_clock();

		handle_signal(r);
		watch_child(r);
		rotate(r, now);
		show_status(r, now);
		if (!strcmp(r->out.path, "-") && r->out.w && trace_flush(r->out.w))
			r->done = true;
		if (r->duration && now - r->begun >= r->duration)
			r->done = true;
		s.alive = 1;
		if (r->c)
			capture_stats(r->c, &s);
		if (n <= 0 && (!s.alive || (r->command && r->child_gone)))
			break;
	}
}

/* --- the end --------------------------------------------------------------- */

static void end_child(struct record_run *r)
{
	int status;

	if (!r->command || r->child_gone)
		return;
	/* Like perf: the command does not outlive its recording. */
	signal_command(r, SIGTERM);
	if (waitpid(r->launch.child, &status, 0) == r->launch.child)
		r->child_gone = true;
}

static const struct {
	unsigned type;
	const char *one, *many;
} kinds[] = {
	{ VQT_REG, "register access", "register accesses" },
	{ VQT_KICK, "kick", "kicks" },
	{ VQT_AVAIL, "chain", "chains" },
	{ VQT_USED, "completion", "completions" },
	{ VQT_IRQ, "interrupt", "interrupts" },
	{ VQT_RING, "ring sample", "ring samples" },
	{ VQT_DATA, "late read of data", "late reads of data" },
	{ VQT_TALLY, "tally", "tallies" },
	{ VQT_LIFECYCLE, "lifecycle step", "lifecycle steps" },
};

static void summarize(struct record_run *r)
{
	struct capture_missing missing[128];
	struct capture_device dev[64];
	struct capture_stats s = { .lost = record_proxy_lost(&r->proxy) };
	bool first = true, unmatched;
	size_t n, matched = 0;

	if (r->c)
		capture_stats(r->c, &s);
	if (isatty(STDERR_FILENO) && !r->quiet)
		fputs("\r\033[K", stderr);
	if (!r->quiet) {
		fprintf(stderr, "%llu events", (unsigned long long)r->events);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			uint64_t k = r->by_type[kinds[i].type];

			if (k)
				fprintf(stderr, "%s %llu %s", first ? ":" : ",",
					(unsigned long long)k,
					k == 1 ? kinds[i].one : kinds[i].many);
			first = first && !k;
		}
		fputs("\n", stderr);
		if (!r->options.light)
			fprintf(stderr, "%llu request%s, ",
				(unsigned long long)r->by_type[VQT_USED],
				r->by_type[VQT_USED] == 1 ? "" : "s");
		fprintf(stderr, "%llu bytes in %u file%s, %llu lost\n",
			(unsigned long long)record_out_bytes(&r->out), r->out.n,
			r->out.n == 1 ? "" : "s", (unsigned long long)s.lost);
	}
	if (!r->c) {
		record_proxy_summarize(&r->proxy);
		return;
	}
	if (s.lost || s.chains_missed)
		cli_warn("%llu records lost (%llu buffer full, %llu memory unreadable, %llu table "
			 "full), %llu chains missed; a larger --buffer helps against the first",
			 (unsigned long long)s.lost,
			 (unsigned long long)s.lost_why[VQT_LOSS_BUFFER],
			 (unsigned long long)s.lost_why[VQT_LOSS_MEMORY],
			 (unsigned long long)s.lost_why[VQT_LOSS_LIMIT],
			 (unsigned long long)s.chains_missed);
	n = capture_missing(r->c, missing, 128);
	for (size_t i = 0; i < n; i++)
		cli_warn("no probe for %s (%s): the trace lacks %s", missing[i].probe,
			 missing[i].reason, missing[i].costs);
	n = capture_devices(r->c, dev, 64);
	for (size_t i = 0; i < n; i++)
		matched += dev[i].recorded;
	unmatched = r->devices.n && !matched;
	if (unmatched)
		cli_warn("no device that -d names was seen%s", n ? "; these were:" : "");
	else if (!n)
		cli_warn("no virtio device was seen");
	else if (!r->events && !r->command && !r->options.light)
		cli_warn("nothing was said while recording: the guest is idle or hangs, or -d and "
			 "--queue leave nothing; 'vqtrace show' has what its queues had come to");
	for (size_t i = 0; i < n; i++)
		if (dev[i].recorded && dev[i].flags & VQT_DEV_DATAPATH_ELSEWHERE)
			cli_warn("%s (%s): its data path is not in this QEMU (vhost, vhost-user): "
				 "registers are recorded, requests are not%s",
				 dev[i].name, dev[i].type,
				 strstr(dev[i].type, "vhost-user")
					 ? "; 'vqtrace record --vhost-user' "
					   "between QEMU and the device records them"
					 : "");
		else if (r->verbose || unmatched)
			fprintf(stderr, "  %-12s %s%s\n", dev[i].name, dev[i].type,
				dev[i].recorded ? "" : " (not asked for)");
}

static int finish(struct record_run *r, int code)
{
	int err;

	if (r->live) {
		/* what was in flight still belongs to the recording unless a limit ended it */
		if (r->c)
			capture_stop(r->c);
		else
			record_proxy_end(&r->proxy);
		end_child(r);
		summarize(r);
	}
	record_proxy_close(&r->proxy);
	err = record_out_close(&r->out);
	if (r->out.err)
		err = r->out.err;
	if (err == -EPIPE)
		err = 0; /* the reader has had enough */
	if (r->told)
		code = CLI_TROUBLE;
	else if (err) {
		cli_error("%s: %s%s; what was written until then is readable", r->out.current,
			  strerror(-err), err == -ENOSPC ? " (make room, or use --max-size)" : "");
		code = CLI_TROUBLE;
	}
	if (r->child_gone && WIFEXITED(r->child_status) && WEXITSTATUS(r->child_status)) {
		cli_error("%s ended with status %d", r->command[0], WEXITSTATUS(r->child_status));
		code = CLI_TROUBLE;
	} else if (r->child_gone && WIFSIGNALED(r->child_status) && !stop_count) {
		cli_error("%s was ended by signal %d (%s)", r->command[0],
			  WTERMSIG(r->child_status), strsignal(WTERMSIG(r->child_status)));
		code = CLI_TROUBLE;
	}
	capture_close(r->c);
	return check_live_end(&r->check, code);
}

static int run(int argc, char **argv)
{
	struct record_run r = { .options = { .snaplen = CAPTURE_SNAPLEN,
					     .sample = CAPTURE_SAMPLE } };
	struct sigaction sa = { .sa_handler = on_signal };
	char command[1024] = "vqtrace";
	int code = record_command_line(&r, argc, argv);

	if (code == 1 + CLI_OK)
		return CLI_OK;
	if (code || r.regression.read)
		return regression_end(&r.regression, NULL, code ? code - 1 : CLI_OK, r.quiet);
	for (int i = 0; i < argc; i++) {
		strncat(command, " ", sizeof(command) - strlen(command) - 1);
		strncat(command, argv[i], sizeof(command) - strlen(command) - 1);
	}
	r.options.command = command;
	r.options.devices = r.devices.n ? r.devices.item : NULL;
	r.options.record = on_record;
	r.options.ctx = &r;
	r.proxy.record = on_record;
	r.proxy.ctx = &r;
	r.proxy.command = command;
	r.proxy.snaplen = r.options.snaplen;
	r.proxy.quiet = r.quiet;
	r.proxy.verbose = r.verbose;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = check_live_begin(&r.check, r.out.path);
	if (code == CLI_OK)
		code = open_capture(&r);
	if (code == CLI_OK)
		code = r.proxy.n   ? start_front_end(&r)
		       : r.command ? start_command(&r)
				   : attach_running(&r);
	if (code == CLI_OK) {
		sa.sa_flags = SA_RESTART;
		sigaction(SIGHUP, &sa, NULL);
		cli_catch_ends(on_signal);
		loop(&r);
	}
	code = finish(&r, code);
	return regression_end(&r.regression, r.out.path, code, r.quiet);
}

const struct cli_command cmd_record = {
	.name = "record",
	.summary = "record a QEMU's virtio devices to a trace file",
	.run = run,
	.synopsis = "-w FILE [OPTIONS] -p PID...\n"
		    "-w FILE [OPTIONS] -n NAME\n"
		    "-w FILE [OPTIONS] [--] QEMU-COMMAND...\n"
		    "-w FILE [OPTIONS] --vhost-user LISTEN=BACKEND... [-- COMMAND...]\n"
		    "-r FILE --regression NAME [--origin TEXT]",
	.about = "Records what drivers and virtio devices say to each other in a QEMU: register\n"
		 "accesses, kicks, rings, descriptor chains, completions, interrupts.  QEMU needs\n"
		 "no debug information and is not restarted or changed.  Needs root (or CAP_BPF,\n"
		 "CAP_PERFMON and CAP_SYS_PTRACE); 'vqtrace doctor' says what works here.\n",
	.options = record_options,
	.runs_command = true,
	.notes =
		"Ctrl-C ends a recording; a QEMU started here is ended with it.  Exit status: 0;\n"
		"1 with --check when rules were broken; 2 when something went wrong (the file is\n"
		"readable even then).\n"
		"\n"
		"Examples:\n"
		"  vqtrace record -w boot.pcap -- qemu-system-x86_64 -drive file=disk.img,if=virtio\n"
		"  vqtrace record -w slow.pcap -n web1 -d blk0 --duration 10s\n"
		"  vqtrace record -w - -p 4711 -c 1000 | vqtrace show -r -\n"
		"  vqtrace record -w ring.pcap --rotate-size 100M -W 10 -p 4711\n"
		"  vqtrace record -w disk.pcap --vhost-user /tmp/front.sock=/run/spdk/vhost.0\n",
};
