/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/serve/impl.h"
#include "decoder/util/clock.h"
#include "decoder/util/outlet.h"
#include "emu/server/confine.h"
#include "decoder/spec/constants.h"
#include "decoder/util/guard.h"

#define FLUSH_MS 200
#define KEPT_MS 10 /* while the reader of a pipe is behind */
#define SAMPLE 1000000000ULL
#define SAMPLES_ALIKE 60

static volatile sig_atomic_t stopped, hung_up;

static void on_signal(int sig)
{
	*(sig == SIGHUP ? &hung_up : &stopped) = sig;
}

static uint64_t now_ns(void *opaque)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct serve_run *r = opaque;

	r->written++;
	check_live_record(&r->check, record, len);
	if (!r->w || r->write_err)
		return;
	r->write_err = trace_write(r->w, record, len);
	if (r->write_err == -EPIPE)
		r->stop = true; /* the reader has had enough */
	else if (r->write_err) /* the device continues, as a guest depends on it */
		cli_error("%s: %s; the trace ends here, the device does not", r->trace,
			  strerror(-r->write_err));
}

static void report(void *opaque, enum server_event what, const char *text)
{
	struct serve_run *r = opaque;

	if (what == SERVER_PROTOCOL_ERROR)
		cli_warn("%s; it was disconnected, waiting for the next", text);
	else if (what == SERVER_NOTE)
		cli_warn("%s", text);
	else if (!r->quiet)
		cli_note(text);
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

static int open_trace(struct serve_run *r)
{
	const struct emu_class *cls = r->cfg.cls;
	char name[64], id[32];
	struct trace_error err;

	if (!r->trace && !r->check.on)
		return CLI_OK;
	if (check_live_begin(&r->check, r->trace))
		return CLI_TROUBLE;
	if (r->trace && trace_create_live(&r->w, r->trace, &err))
		return cli_error("%s", err.text);
	r->tap.emit = emit;
	r->tap.now = now_ns;
	r->tap.opaque = r;
	r->cfg.tap = emu_tap_new(&r->tap);
	if (!r->cfg.tap)
		return cli_error("no memory for the trace");
	emu_tap_session(r->cfg.tap, "vqtrace " VQTRACE_VERSION, r->command,
			(int64_t)(clock_ns(CLOCK_REALTIME) - now_ns(NULL)));
	snprintf(name, sizeof(name), "%s device", r->protocol->name);
	emu_tap_source(r->cfg.tap, name, (uint32_t)getpid());
	snprintf(name, sizeof(name), "%s-%s", r->protocol->name, cls->name);
	snprintf(id, sizeof(id), "%s0", cls->name);
	/* clients of vhost-user do not report their transport; QEMU's devices are PCI functions */
	emu_tap_device(r->cfg.tap, cls->virtio_id,
		       r->protocol->transport ? r->protocol->transport->id : VQT_TRANSPORT_PCI,
		       r->cfg.transitional ? VQT_DEV_TRANSITIONAL : 0, ~0u,
		       r->cfg.queues ? r->cfg.queues : 1, id, name);
	return CLI_OK;
}

static bool ends(void *opaque)
{
	sigset_t set;

	return stopped ||
	       (sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM)));
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
	err = server_listen(r->server, fd);
	if (err)
		return cli_error("cannot wait for clients: %s", strerror(-err));
	return CLI_OK;
}

/* All files are open: nothing else is needed any more. */
static void lock_in(struct serve_run *r)
{
	struct confine_result res;

	if (r->no_confine) {
		cli_warn("running unconfined: a client that finds a bug here has all your rights");
		return;
	}
	if (confine(r->dir, &res))
		cli_warn("%s is not in force (%s); the device runs less confined", res.failed,
			 strerror(-res.error));
	if (r->verbose)
		fprintf(stderr, "confined: no_new_privs %s, seccomp %s, landlock %s (ABI %d)\n",
			res.no_new_privs ? "yes" : "no", res.seccomp ? "yes" : "no",
			res.landlock ? "yes" : "no", res.landlock_abi);
}

/* --- while it runs --------------------------------------------------------- */

static void announce(struct serve_run *r)
{
	char text[1024];

	if (r->fault_what)
		cli_warn("the device breaks a rule on purpose (--fault): %s", r->fault_what);
	if (r->quiet)
		return;
	r->protocol->example(text, sizeof(text), r->path, &r->cfg);
	fprintf(stderr, "virtio-%s on %s %s; start the guest with for example\n%s",
		r->cfg.cls->name, r->protocol->name, r->path, text);
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
		cli_note(text);
}

/* Signals are delivered only while the server waits, which a busy device never does. */
static bool signal_waits(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
					 sigismember(&set, SIGHUP));
}

/*
 * Sample rings in which nothing happens; less often after a while, so that an idle trace
 * grows slowly.
 */
static void sample(struct serve_run *r)
{
	uint64_t now = now_ns(NULL);

	if (!r->cfg.tap || !r->sample || now - r->sampled < r->sample)
		return;
	r->sampled = now;
	r->alike = r->written == r->sampled_at ? r->alike + 1 : 0;
	if (r->alike < SAMPLES_ALIKE)
		emu_virtio_sample(server_virtio(r->server), VQT_RING_PERIODIC,
				  server_idle(r->server) ? VQT_PENDING_NO : VQT_PENDING_UNKNOWN);
	r->sampled_at = r->written;
}

static int patience(const struct serve_run *r, bool dirty)
{
	uint64_t ms = r->sample / 1000000 + 1;

	if (cli_words_kept() || (r->w && trace_waiting(r->w)))
		return KEPT_MS;
	if (!r->cfg.tap || !r->sample)
		return dirty ? FLUSH_MS : -1;
	if (dirty && ms > FLUSH_MS)
		return FLUSH_MS;
	return ms < 60000 ? (int)ms : 60000;
}

static void loop(struct serve_run *r)
{
	sigset_t blocked, open;
	uint64_t seen = 0, steps = 0;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	while (!stopped && !r->stop) {
		bool dirty = r->w && (r->written != seen || trace_waiting(r->w));
		uint64_t before = r->written;

		/* signals come in only here: none is missed */
		if (steps++ % 32 == 0 && signal_waits()) {
			sigprocmask(SIG_SETMASK, &open, NULL);
			sigprocmask(SIG_BLOCK, &blocked, NULL);
		} else {
			server_step(r->server, patience(r, dirty), &open);
		}
		if (hung_up) {
			hung_up = 0;
			reload(r);
		}
		if (dirty && r->written == before) {
			seen = r->written;
			trace_flush(r->w);
		}
		sample(r);
	}
	sigprocmask(SIG_SETMASK, &open, NULL);
}

static void summarize(struct serve_run *r, const struct server_stats *s)
{
	if (r->quiet)
		return;
	fprintf(stderr, "%llu client%s, %llu messages, %llu requests, %llu interrupts",
		(unsigned long long)s->clients, s->clients == 1 ? "" : "s",
		(unsigned long long)s->messages, (unsigned long long)s->requests,
		(unsigned long long)s->interrupts);
	if (r->w)
		fprintf(stderr, "; %llu records in %s, %llu lost",
			(unsigned long long)(r->written - trace_dropped(r->w)), r->trace,
			(unsigned long long)trace_dropped(r->w));
	fputc('\n', stderr);
}

static int finish(struct serve_run *r, int code)
{
	const struct emu_class_setup *setup = r->cfg.cls->setup;
	struct server_stats stats = { 0 };
	int err;

	if (r->server) {
		char name[256];
		stats = server_stats(r->server);
		server_free(r->server);
		snprintf(name, sizeof(name), "%s",
			 strrchr(r->path, '/') ? strrchr(r->path, '/') + 1 : r->path);
		if (r->dir >= 0 && code == CLI_OK)
			unlinkat(r->dir, name, 0);
	} else if (r->class_config && setup->close)
		setup->close(r->class_config);
	free(r->class_config);
	if (code == CLI_OK)
		summarize(r, &stats);
	emu_tap_free(r->cfg.tap);
	if (r->w && trace_dropped(r->w))
		cli_warn(CLI_PIPE_SLOW, (unsigned long long)trace_dropped(r->w));
	err = r->w ? trace_finish_within(r->w, stopped ? OUTLET_HURRY : -1) : 0;
	if (r->write_err)
		err = r->write_err;
	if (err && err != -EPIPE) {
		if (!r->write_err)
			cli_error("%s: %s; what was written until then is readable", r->trace,
				  err == -ETIMEDOUT ? "its reader stopped reading"
						    : strerror(-err));
		code = CLI_TROUBLE;
	}
	return check_live_end(&r->check, code);
}

static int run(int argc, char **argv)
{
	struct serve_run r = {
		.tap = { .snaplen = SERVE_SNAPLEN }, .sample = SAMPLE, .dir = -1, .cfg.spin_us = 10
	};
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char folder[256];
	int code = serve_parse(&r, argc, argv);

	if (code) {
		free(r.class_config);
		return code - 1;
	}
	cli_join_words(r.command, sizeof(r.command), argc, argv);
	cli_never_wait();
	cli_catch_ends(on_signal);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = open_class(&r);
	if (code == CLI_OK)
		code = open_trace(&r);
	if (code == CLI_OK)
		code = open_server(&r);
	if (code == CLI_OK) {
		snprintf(folder, sizeof(folder), "%s", r.path);
		r.dir = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
		lock_in(&r);
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
