/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/serve/impl.h"
#include "decoder/spec/spec.h"
#include "emu/server/confine.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/server/map.h"
#include "decoder/util/number.h"

#define FLUSH_MS 200
#define SAMPLE 1000000000ULL
#define SAMPLES_ALIKE 60

static volatile sig_atomic_t stopped, hung_up;

static void on_signal(int sig)
{
	*(sig == SIGHUP ? &hung_up : &stopped) = sig;
}

static uint64_t now_ns(void *opaque)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct serve_run *r = opaque;

	r->by_type[((const struct vqt_hdr *)record)->type & 63]++;
	r->written++;
	check_live_record(&r->check, record, len);
	if (!r->w || r->write_err)
		return;
	r->write_err = trace_write(r->w, record, len);
	if (r->write_err == -EPIPE)
		r->stop = true; /* the reader has had enough */
	else if (r->write_err) /* the device goes on: a guest depends on it */
		cli_error("%s: %s; the trace ends here, the device does not", r->trace,
			  strerror(-r->write_err));
}

static void say(void *opaque, enum server_event what, const char *text)
{
	struct serve_run *r = opaque;

	if (what == SERVER_PROTOCOL_ERROR)
		cli_warn("%s; it was disconnected, waiting for the next", text);
	else if (what == SERVER_NOTE)
		cli_warn("%s", text);
	else if (!r->quiet)
		fprintf(stderr, "%s\n", text);
	if (r->once && what != SERVER_CONNECTED && what != SERVER_NOTE)
		r->stop = true;
}

/* --- the device ------------------------------------------------------------ */

/* --size: the file, if it is not there.  One that is keeps its size. */
static int make_disk(struct serve_run *r)
{
	int fd = open(r->disk, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666), err = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (ftruncate(fd, (off_t)r->size) < 0) {
		err = -errno;
		unlink(r->disk);
	}
	close(fd);
	return err;
}

static int open_disk(struct serve_run *r)
{
	struct emu_backend **b = &r->blk.backend;
	unsigned long long size;
	const char *colon = strchr(r->disk, ':');
	bool mem = !strncmp(r->disk, "mem:", 4), null = !strncmp(r->disk, "null:", 5);
	int err;

	if (mem || null) {
		if (!number_size(colon + 1, &size) || size < BLK_SECTOR)
			return cli_usage("--disk '%s': not a size of at least 512 bytes, such as "
					 "64M",
					 r->disk);
		err = mem ? emu_backend_mem(b, NULL, size) : emu_backend_null(b, size);
	} else {
		err = r->size ? make_disk(r) : 0;
		if (!err)
			err = emu_backend_file(b, r->disk, &r->file);
	}
	if (err) {
		cli_error("cannot open the disk %s: %s%s", r->disk, strerror(-err),
			  err == -ENOENT ? "; --size 1G makes one, or use --disk mem:64M"
			  : err == -EACCES || err == -EROFS ? "; --read-only may do"
			  : err == -EINVAL && r->file.flags & EMU_FILE_DIRECT
				  ? "; this file system may not do --direct"
				  : "");
		return CLI_TROUBLE;
	}
	if ((*b)->size < BLK_SECTOR) {
		cli_error("the disk %s has less than one sector; 'truncate -s 1G %s' makes it "
			  "larger",
			  r->disk, r->disk);
		return CLI_TROUBLE;
	}
	if (r->file.flags & EMU_FILE_READ_ONLY)
		(*b)->read_only = true;
	return CLI_OK;
}

static int open_trace(struct serve_run *r)
{
	struct trace_error err;
	struct timespec ts;

	if (!r->trace && !r->check.on)
		return CLI_OK;
	if (check_live_begin(&r->check, r->trace))
		return CLI_TROUBLE;
	if (r->trace && trace_create(&r->w, r->trace, &err)) {
		cli_error("%s", err.text);
		return CLI_TROUBLE;
	}
	r->tap.emit = emit;
	r->tap.now = now_ns;
	r->tap.opaque = r;
	r->cfg.tap = emu_tap_new(&r->tap);
	if (!r->cfg.tap) {
		cli_error("no memory for the trace");
		return CLI_TROUBLE;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	emu_tap_session(r->cfg.tap, "vqtrace " VQTRACE_VERSION, r->command,
			(int64_t)((uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec -
				  now_ns(NULL)));
	emu_tap_source(r->cfg.tap, r->vfio ? "vfio-user device" : "vhost-user device",
		       (uint32_t)getpid());
	emu_tap_device(r->cfg.tap, emu_blk.virtio_id, VQT_TRANSPORT_PCI,
		       r->cfg.transitional ? VQT_DEV_TRANSITIONAL : 0, ~0u,
		       r->cfg.queues ? r->cfg.queues : 1, "blk0",
		       r->vfio ? "vfio-user-blk" : "vhost-user-blk");
	return CLI_OK;
}

static int open_server(struct serve_run *r)
{
	int err, fd;

	r->cfg.cls = &emu_blk;
	r->cfg.class_config = &r->blk;
	r->blk.features =
		(emu_blk_default_features() | (r->on[0] & emu_blk_all_features())) & ~r->off[0];
	r->cfg.features = (emu_virtio_core_features() | r->on[0]) & ~r->off[0];
	r->cfg.say = say;
	r->cfg.opaque = r;
	server_map_guard();
	err = r->vfio ? vfio_user_new(&r->server, &r->cfg) : vhost_user_new(&r->server, &r->cfg);
	if (err) {
		cli_error(
			"cannot make this device: %s%s", strerror(-err),
			err == -EINVAL
				? "; its options do not fit together (queue sizes are powers of two, "
				  "zones must fit the disk)"
				: "");
		return CLI_TROUBLE;
	}
	r->blk.backend = NULL; /* the device's now */
	fd = server_socket(r->path);
	if (fd < 0) {
		cli_error("cannot listen on %s: %s%s", r->path, strerror(-fd),
			  fd == -EADDRINUSE	? "; is another server using it, or is it a file? "
						  "Choose another name or remove it"
			  : fd == -ENAMETOOLONG ? "; socket paths have at most 107 bytes"
			  : fd == -ENOENT	? "; its folder does not exist"
						: "");
		return CLI_TROUBLE;
	}
	err = server_listen(r->server, fd);
	if (err) {
		cli_error("cannot wait for clients: %s", strerror(-err));
		return CLI_TROUBLE;
	}
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
	if (r->quiet)
		return;
	fprintf(stderr, "virtio-blk on %s %s; start the guest with for example\n",
		r->vfio ? "vfio-user" : "vhost-user", r->path);
	if (r->vfio)
		fprintf(stderr,
			"  qemu-system-x86_64 (10.1 or later) -machine q35,memory-backend=m0 \\\n"
			"    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
			"    -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\","
			"\"path\":\"%s\"}}' ...\n",
			r->path);
	else
		fprintf(stderr,
			"  qemu-system-x86_64 -machine q35,memory-backend=m0 \\\n"
			"    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
			"    -chardev socket,id=c0,path=%s \\\n"
			"    -device vhost-user-blk-pci,chardev=c0,num-queues=%u ...\n",
			r->path, r->cfg.queues ? r->cfg.queues : 1);
}

/* SIGHUP: the file or block device was made larger or smaller. */
static void rescan(struct serve_run *r)
{
	struct emu_virtio *v = server_virtio(r->server);
	unsigned long long before = emu_blk_capacity(v);
	int ret = emu_blk_rescan(v);

	if (ret == -EINVAL)
		cli_warn("%s: a zoned device keeps its size; start the server anew", r->disk);
	else if (ret == -ENOTSUP)
		cli_warn("%s is no file: its size does not change", r->disk);
	else if (ret < 0)
		cli_warn("cannot ask for the size of %s: %s; it stays as it was", r->disk,
			 strerror(-ret));
	else if (!r->quiet)
		fprintf(stderr, "%s: %llu sectors, before %llu%s\n", r->disk,
			(unsigned long long)emu_blk_capacity(v), before,
			ret == 0				? ""
			: v->status & VIRTIO_CONFIG_S_DRIVER_OK ? "; the driver is told"
								: "; no driver is running");
}

/* They come in while it waits; a device with always more to do never waits. */
static bool signal_waits(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
					 sigismember(&set, SIGHUP));
}

/* What waits in a ring where nothing happens; a trace does not grow for ever by that. */
static void sample(struct serve_run *r)
{
	uint64_t now = now_ns(NULL);

	if (!r->cfg.tap || !r->sample || now - r->sampled < r->sample)
		return;
	r->sampled = now;
	r->alike = r->written == r->sampled_at ? r->alike + 1 : 0;
	if (r->alike < SAMPLES_ALIKE)
		emu_virtio_sample(server_virtio(r->server), VQT_RING_PERIODIC,
				  server_quiet(r->server) ? VQT_PENDING_NO : VQT_PENDING_UNKNOWN);
	r->sampled_at = r->written;
}

static int patience(const struct serve_run *r, bool dirty)
{
	uint64_t ms = r->sample / 1000000 + 1;

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
		bool dirty = r->w && r->written != seen;
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
			rescan(r);
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
		fprintf(stderr, "; %llu records in %s", (unsigned long long)r->written, r->trace);
	fputc('\n', stderr);
}

static int finish(struct serve_run *r, int code)
{
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
	}
	emu_backend_close(r->blk.backend);
	if (code == CLI_OK)
		summarize(r, &stats);
	emu_tap_free(r->cfg.tap);
	err = r->w ? trace_finish(r->w) : 0;
	if (r->write_err)
		err = r->write_err;
	if (err && err != -EPIPE) {
		if (!r->write_err)
			cli_error("%s: %s; what was written until then is readable", r->trace,
				  strerror(-err));
		code = CLI_TROUBLE;
	}
	return check_live_end(&r->check, code);
}

static void remember_command(struct serve_run *r, int argc, char **argv)
{
	strcpy(r->command, "vqtrace");
	for (int i = 0; i < argc; i++) {
		strncat(r->command, " ", sizeof(r->command) - strlen(r->command) - 1);
		strncat(r->command, argv[i], sizeof(r->command) - strlen(r->command) - 1);
	}
}

static int run(int argc, char **argv)
{
	struct serve_run r = { .tap = { .snaplen = SERVE_SNAPLEN },
			       .sample = SAMPLE,
			       .dir = -1,
			       .cfg.spin_us = 10,
			       .blk = { .serial = "vqtrace" } };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char folder[256];
	int code = serve_parse(&r, argc, argv);

	if (code)
		return code - 1;
	remember_command(&r, argc, argv);
	cli_catch_ends(on_signal);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = open_disk(&r);
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
	.summary = "be a virtio-blk device for a guest, and trace it",
	.run = run,
	.synopsis = "--disk DISK --vfio-user SOCKET [OPTIONS]\n"
		    "--disk DISK --vhost-user SOCKET [OPTIONS]",
	.about = "Is a virtio-blk device in a process of its own, strict about the specification,\n"
		 "which guests boot from.  vfio-user: a whole PCI function (QEMU 10.1 or later;\n"
		 "its registers are in the trace); vhost-user: the data path behind the client's\n"
		 "own PCI function (any QEMU, libblkio).  Needs no root.  Serves one client\n"
		 "after another until Ctrl-C.\n",
	.options = serve_options,
	.notes =
		"SIGHUP: FILE was made larger or smaller; the guest is told its new size.\n"
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
