/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/confine.h"
#include "cli/serve/impl.h"
#include "decoder/util/clock.h"
#include "decoder/util/guard.h"
#include "decoder/util/text.h"

#define FLUSH_MS 200
#define KEPT_MS 10 /* while the reader of a pipe is behind */
#define SAMPLE 1000000000ULL
#define SAMPLES_ALIKE 60
#define END_TICK_US 100000
#define END_TICKS 8 /* within which the device ends after a signal, whatever it is doing */

static volatile sig_atomic_t stopped, hung_up, ticks, device_ended;

/*
 * A request may take long, and a client can make it.  The timer also wakes a loop that began to
 * wait just after it had looked whether there was a signal.
 */
static void end_soon(void)
{
	struct itimerval t = { { 0, END_TICK_US }, { 0, END_TICK_US } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void on_tick(int sig)
{
	static const char said[] =
		"vqtrace serve: the device did not end by itself, and was ended; its trace may "
		"lack the last events\n";

	if (++ticks < END_TICKS)
		return;
	if (write(STDERR_FILENO, said, sizeof(said) - 1) < 0)
		_exit(CLI_TROUBLE);
	_exit(CLI_TROUBLE);
}

static void on_signal(int sig)
{
	*(sig == SIGHUP ? &hung_up : &stopped) = sig;
	if (sig != SIGHUP && !ticks && !device_ended)
		end_soon();
}

static void report(void *opaque, enum server_event what, const char *text)
{
	struct serve_run *r = opaque;

	if (!text)
		; /* said too often */
	else if (what == SERVER_PROTOCOL_ERROR)
		cli_warn("%s; it was disconnected, waiting for the next", text);
	else if (what == SERVER_NOTE)
		cli_warn("%s", text);
	else if (!r->quiet)
		cli_say("%s", text);
	if (r->once && what != SERVER_CONNECTED && what != SERVER_NOTE)
		r->stop = true;
}

/* --- the device ------------------------------------------------------------ */

static int open_class(struct serve_run *r)
{
	const struct emu_class_setup *s = r->cfg.cls->setup;
	char why[512];

	if (!s->open || s->open(r->class_config, why, sizeof(why)) >= 0)
		return CLI_OK;
	cli_error("%s", why);
	free(r->class_config);
	r->class_config = NULL;
	return CLI_TROUBLE;
}

static bool ends(void *opaque)
{
	return stopped;
}

static int open_server(struct serve_run *r)
{
	int err, fd;

	r->cfg.class_config = r->class_config;
	r->cfg.report = report;
	r->cfg.ends = ends;
	r->cfg.opaque = r;
	guard_install();
	err = server_new(&r->server, r->protocol->ops, &r->cfg);
	if (err)
		return cli_error(
			"cannot make this device: %s%s", strerror(-err),
			err == -EINVAL
				? "; its options do not fit together (queue sizes are powers of two, "
				  "zones must fit the disk)"
				: "");
	fd = server_socket(r->path);
	if (fd < 0)
		return cli_error("cannot listen on %s: %s%s", r->path, strerror(-fd),
				 fd == -EADDRINUSE
					 ? "; is another server using it, or is it a file? "
					   "Choose another name or remove it"
				 : fd == -ENAMETOOLONG ? "; socket paths have at most 107 bytes"
				 : fd == -ENOENT       ? "; its folder does not exist"
						       : "");
	r->bound = true;
	err = server_listen(r->server, fd);
	if (err)
		return cli_error("cannot wait for clients: %s", strerror(-err));
	return CLI_OK;
}

/* --- while it runs --------------------------------------------------------- */

static void announce(struct serve_run *r)
{
	char text[8192];
	TEXT(path, 1024);

	if (r->fault_what)
		cli_warn("the device breaks a rule on purpose (--fault): %s", r->fault_what);
	if (r->quiet)
		return;
	text_untrusted(&path, r->path, strlen(r->path));
	r->protocol->example(text, sizeof(text), path.buf, &r->cfg);
	cli_say("virtio-%s on %s %s; start the guest with for example", r->cfg.cls->name,
		r->protocol->name, path.buf);
	cli_note(text);
}

/* SIGHUP: the device's class reads again what may have changed, such as the size of a file. */
static void reload(struct serve_run *r)
{
	const struct emu_class_setup *s = r->cfg.cls->setup;
	char text[512];

	if (!s->reload)
		cli_warn("a virtio-%s device has nothing to look at again", r->cfg.cls->name);
	else if (s->reload(server_virtio(r->server), r->class_config, text, sizeof(text)) < 0)
		cli_warn("%s", text);
	else if (!r->quiet)
		cli_say("%s", text);
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* SIGHUP is delivered only while the server waits, which a busy device never does. */
static bool hangup_waits(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, SIGHUP);
}

/*
 * Sample rings in which nothing happens; less often after a while, so that an idle trace
 * grows slowly.
 */
static void sample(struct serve_run *r)
{
	uint64_t now = now_ns();

	if (!r->cfg.tap || !r->sample || now - r->sampled < r->sample)
		return;
	r->sampled = now;
	r->alike = r->written == r->sampled_at ? r->alike + 1 : 0;
	if (r->alike < SAMPLES_ALIKE)
		emu_virtio_sample(server_virtio(r->server), VQT_RING_PERIODIC,
				  server_idle(r->server) ? VQT_PENDING_NO : VQT_PENDING_UNKNOWN);
	r->sampled_at = r->written;
}

/* A trace that ends or rotates by time is looked at this often. */
#define LIMIT_MS 200

static int patience(const struct serve_run *r, bool dirty)
{
	uint64_t ms = r->sample / 1000000 + 1;
	bool timed = r->traced && (r->duration || r->out.rotate_ns);

	if (cli_words_kept() || (r->out.w && trace_waiting(r->out.w)))
		return KEPT_MS;
	if (!r->cfg.tap || !r->sample)
		return dirty ? FLUSH_MS : timed ? LIMIT_MS : -1;
	if (timed && ms > LIMIT_MS)
		return LIMIT_MS;
	if (dirty && ms > FLUSH_MS)
		return FLUSH_MS;
	return ms < 60000 ? (int)ms : 60000;
}

static void loop(struct serve_run *r)
{
	sigset_t blocked, open;
	uint64_t seen = 0, steps = 0;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	while (!stopped && !r->stop) {
		struct trace_writer *w = r->out.w;
		bool dirty = w && (r->written != seen || trace_waiting(w));
		uint64_t before = r->written;

		/* SIGHUP comes in only here: none is missed */
		if (steps++ % 32 == 0 && hangup_waits()) {
			sigprocmask(SIG_SETMASK, &open, NULL);
			sigprocmask(SIG_BLOCK, &blocked, NULL);
		} else {
			server_step(r->server, patience(r, dirty), &open);
		}
		if (hung_up) {
			hung_up = 0;
			reload(r);
		}
		if (dirty && (r->written == before || !r->traced)) {
			seen = r->written;
			serve_trace_flush(r);
		}
		serve_trace_step(r);
		sample(r);
	}
	sigprocmask(SIG_SETMASK, &open, NULL);
}

static void summarize(struct serve_run *r, const struct server_stats *s)
{
	TEXT(trace, 4096);

	if (r->quiet)
		return;
	if (r->out.path)
		text_add(&trace, "; %llu records in %.3800s, %llu lost",
			 (unsigned long long)(r->out.records - trace_out_lost(&r->out)),
			 r->out.path, (unsigned long long)trace_out_lost(&r->out));
	cli_say("%llu client%s, %llu messages, %llu requests, %llu interrupts%s",
		(unsigned long long)s->clients, s->clients == 1 ? "" : "s",
		(unsigned long long)s->messages, (unsigned long long)s->requests,
		(unsigned long long)s->interrupts, trace.buf);
}

/* The device ends first; what then remains may wait for a reader, a little. */
static void end_device(struct serve_run *r, struct server_stats *stats)
{
	static const struct itimerval never;
	const struct emu_class_setup *setup = r->cfg.cls->setup;

	if (r->server) {
		*stats = server_stats(r->server);
		server_free(r->server);
	} else if (r->class_config && setup->close) {
		setup->close(r->class_config);
	}
	free(r->class_config);
	if (r->bound)
		helper_ask(r->helper, SERVE_REMOVE_SOCKET, 0);
	device_ended = true; /* a signal from now on only hurries the wait for a reader */
	setitimer(ITIMER_REAL, &never, NULL);
}

static int finish(struct serve_run *r, int code)
{
	struct server_stats stats = { 0 };

	end_device(r, &stats);
	emu_tap_free(r->cfg.tap);
	if (code == CLI_OK)
		summarize(r, &stats);
	code = serve_trace_close(r, stopped, code);
	helper_end(r->helper);
	return check_live_end(&r->check, code);
}

static int remove_socket(void *opaque, uint32_t arg, int *gives)
{
	return server_socket_remove(((struct serve_run *)opaque)->path);
}

/* What will be done with paths while confined. */
static int open_helper(struct serve_run *r)
{
	static struct helper_task tasks[] = {
		[SERVE_REMOVE_SOCKET] = { remove_socket },
		[SERVE_NEXT_FILE] = { trace_out_task },
	};
	int err;

	tasks[SERVE_REMOVE_SOCKET].opaque = r;
	tasks[SERVE_NEXT_FILE].opaque = &r->out;
	err = helper_start(&r->helper, tasks, sizeof(tasks) / sizeof(tasks[0]));
	return err ? cli_error("cannot start a helper: %s", strerror(-err)) : CLI_OK;
}

static void catch_signals(void)
{
	struct sigaction hup = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	cli_catch_ends(on_signal);
	sigaction(SIGHUP, &hup, NULL);
	sigaction(SIGALRM, &tick, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(int argc, char **argv)
{
	struct serve_run r = { .tap = { .snaplen = SERVE_SNAPLEN },
			       .sample = SAMPLE,
			       .cfg.spin_us = 10 };
	int code = serve_parse(&r, argc, argv);

	if (code) {
		free(r.class_config);
		return code - 1;
	}
	cli_join_words(r.command, sizeof(r.command), argc, argv);
	code = open_helper(&r); /* before there is memory to copy */
	cli_never_wait();
	catch_signals();
	if (code == CLI_OK)
		code = open_class(&r);
	if (code == CLI_OK)
		code = serve_trace_open(&r);
	if (code == CLI_OK)
		code = open_server(&r);
	if (code == CLI_OK) {
		cli_confine(false, r.no_confine, r.verbose);
		announce(&r);
		loop(&r);
	}
	return finish(&r, code);
}

const struct cli_command cmd_serve = {
	.name = "serve",
	.summary = "be a virtio device for a guest, and trace it",
	.run = run,
	.synopsis = "(--disk DISK | --rng) --vfio-user SOCKET [OPTIONS]\n"
		    "(--disk DISK | --rng) --vhost-user SOCKET [OPTIONS]",
	.about =
		"Is a virtio device in a process of its own, strict about the specification, for\n"
		"guests.  One group of options below chooses the device, one option the protocol.\n"
		"Needs no root.  Serves one client after another until Ctrl-C.\n",
	.options = serve_options,
	.more_options = serve_help,
	.notes =
		"SIGHUP: FILE was made larger or smaller; the guest is notified.\n"
		"A guest that breaks the rules gets DEVICE_NEEDS_RESET; a client that breaks the\n"
		"protocol is disconnected.  Exit status: 0; 1 with --check when rules were broken; 2\n"
		"when something went wrong.\n"
		"\n"
		"Examples:\n"
		"  vqtrace serve --disk disk.img --vfio-user /tmp/vblk -w boot.pcap\n"
		"  vqtrace serve --disk mem:1G --queues 4 --vhost-user /tmp/vblk\n"
		"  vqtrace serve --disk mem:64M --vfio-user /tmp/vblk -w - | vqtrace show -r -\n"
		"  vqtrace serve --disk mem:1G --zones hm,size=64M,open=8 --vfio-user /tmp/vblk\n",
};
