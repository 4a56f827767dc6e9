/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/spec.h"
#include "decoder/trace.h"
#include "emu/blk.h"
#include "emu/confine.h"
#include "emu/defs.h"
#include "emu/door.h"
#include "emu/door_map.h"

#define SNAPLEN 32
#define FLUSH_MS 200

struct serve_run {
	const char *disk, *vfio, *vhost, *path, *trace;
	struct emu_blk_config blk;
	struct emu_file_options file;
	struct door_config cfg;
	struct emu_tap_config tap;
	uint64_t on[1], off[1]; /* --features */
	bool quiet, verbose, once, no_confine;
	/* while it runs */
	char command[1024];
	struct trace_writer *w;
	int write_err;
	uint64_t written, by_type[64];
	struct door *door;
	int dir; /* of the socket */
	bool stop;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
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
	if (!r->w || r->write_err)
		return;
	r->write_err = trace_write(r->w, record, len);
	if (r->write_err == -EPIPE)
		r->stop = true; /* the reader has had enough */
	else if (r->write_err) /* the device goes on: a guest depends on it */
		cli_error("%s: %s; the trace ends here, the device does not", r->trace,
			  strerror(-r->write_err));
}

static void say(void *opaque, enum door_say what, const char *text)
{
	struct serve_run *r = opaque;

	if (what == DOOR_BAD)
		cli_warn("%s; it was disconnected, waiting for the next", text);
	else if (what == DOOR_NOTE)
		cli_warn("%s", text);
	else if (!r->quiet)
		fprintf(stderr, "%s\n", text);
	if (r->once && what != DOOR_CAME && what != DOOR_NOTE)
		r->stop = true;
}

/* --- the device ------------------------------------------------------------ */

static int open_disk(struct serve_run *r)
{
	struct emu_backend **b = &r->blk.backend;
	unsigned long long size;
	const char *colon = strchr(r->disk, ':');
	bool mem = !strncmp(r->disk, "mem:", 4), null = !strncmp(r->disk, "null:", 5);
	int err;

	if (mem || null) {
		if (!cli_size(colon + 1, &size) || size < BLK_SECTOR)
			return cli_usage("--disk '%s': not a size of at least 512 bytes, such as "
					 "64M", r->disk);
		err = mem ? emu_backend_mem(b, NULL, size) : emu_backend_null(b, size);
	} else {
		err = emu_backend_file(b, r->disk, &r->file);
	}
	if (err) {
		cli_error("cannot open the disk %s: %s%s", r->disk, strerror(-err),
			  err == -ENOENT ? "; make one with 'truncate -s 1G FILE', or use "
					   "--disk mem:64M" :
			  err == -EACCES || err == -EROFS ? "; --read-only may do" :
			  err == -EINVAL && r->file.flags & EMU_FILE_DIRECT ?
				  "; this file system may not do --direct" : "");
		return CLI_TROUBLE;
	}
	if ((*b)->size < BLK_SECTOR) {
		cli_error("the disk %s has less than one sector; 'truncate -s 1G %s' makes it "
			  "larger", r->disk, r->disk);
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

	if (!r->trace)
		return CLI_OK;
	if (trace_create(&r->w, r->trace, &err)) {
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

static int open_door(struct serve_run *r)
{
	int err, fd;

	r->cfg.cls = &emu_blk;
	r->cfg.class_config = &r->blk;
	r->blk.features = (emu_blk_default_features() | (r->on[0] & emu_blk_all_features())) &
			  ~r->off[0];
	r->cfg.features = (emu_virtio_core_features() | r->on[0]) & ~r->off[0];
	r->cfg.say = say;
	r->cfg.opaque = r;
	door_map_guard();
	err = r->vfio ? vfio_user_new(&r->door, &r->cfg) : vhost_user_new(&r->door, &r->cfg);
	if (err) {
		cli_error("cannot make this device: %s%s", strerror(-err), err == -EINVAL ?
			  "; its options do not fit together (queue sizes are powers of two, "
			  "zones must fit the disk)" : "");
		return CLI_TROUBLE;
	}
	r->blk.backend = NULL; /* the device's now */
	fd = door_socket(r->path);
	if (fd < 0) {
		cli_error("cannot listen on %s: %s%s", r->path, strerror(-fd),
			  fd == -EADDRINUSE ? "; is another server using it, or is it a file? "
					      "Choose another name or remove it" :
			  fd == -ENAMETOOLONG ? "; socket paths have at most 107 bytes" :
			  fd == -ENOENT ? "; its folder does not exist" : "");
		return CLI_TROUBLE;
	}
	err = door_listen(r->door, fd);
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
		fprintf(stderr, "  qemu-system-x86_64 (10.1 or later) -machine q35,memory-backend=m0 \\\n"
			"    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
			"    -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\","
			"\"path\":\"%s\"}}' ...\n", r->path);
	else
		fprintf(stderr, "  qemu-system-x86_64 -machine q35,memory-backend=m0 \\\n"
			"    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
			"    -chardev socket,id=c0,path=%s \\\n"
			"    -device vhost-user-blk-pci,chardev=c0,num-queues=%u ...\n",
			r->path, r->cfg.queues ? r->cfg.queues : 1);
}

static void loop(struct serve_run *r)
{
	sigset_t blocked, open;
	uint64_t seen = 0;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	while (!stopped && !r->stop) {
		bool dirty = r->w && r->written != seen;
		uint64_t before = r->written;

		/* signals come in only while waiting: none is missed */
		door_step(r->door, dirty ? FLUSH_MS : -1, &open);
		if (dirty && r->written == before) {
			seen = r->written;
			trace_flush(r->w);
		}
	}
	sigprocmask(SIG_SETMASK, &open, NULL);
}

static void summarize(struct serve_run *r, const struct door_stats *s)
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
	struct door_stats stats = {0};
	int err;

	if (r->door) {
		char name[256];
		stats = door_stats(r->door);
		door_free(r->door);
		snprintf(name, sizeof(name), "%s", strrchr(r->path, '/') ?
			 strrchr(r->path, '/') + 1 : r->path);
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
	return code;
}

/* --- options --------------------------------------------------------------- */

enum {
	OPT_DISK = 256,
	OPT_VFIO,
	OPT_VHOST,
	OPT_QUEUES,
	OPT_QUEUE_SIZE,
	OPT_READ_ONLY,
	OPT_SERIAL,
	OPT_BLOCK_SIZE,
	OPT_FEATURES,
	OPT_ZONES,
	OPT_DIRECT,
	OPT_NO_URING,
	OPT_TRANSITIONAL,
	OPT_NO_MSIX,
	OPT_SPIN,
	OPT_ONCE,
	OPT_NO_CONFINE,
};

static const struct option longs[] = {
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "vfio-user", required_argument, NULL, OPT_VFIO },
	{ "vhost-user", required_argument, NULL, OPT_VHOST },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "queue-size", required_argument, NULL, OPT_QUEUE_SIZE },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
	{ "features", required_argument, NULL, OPT_FEATURES },
	{ "zones", required_argument, NULL, OPT_ZONES },
	{ "direct", no_argument, NULL, OPT_DIRECT },
	{ "no-io-uring", no_argument, NULL, OPT_NO_URING },
	{ "transitional", no_argument, NULL, OPT_TRANSITIONAL },
	{ "no-msix", no_argument, NULL, OPT_NO_MSIX },
	{ "spin", required_argument, NULL, OPT_SPIN },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "no-confine", no_argument, NULL, OPT_NO_CONFINE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static int bad(const char *what, const char *value, const char *want)
{
	return cli_usage("%s '%s': not %s", what, value, want);
}

/* Bits of the core it can offer beside the usual ones. */
static uint64_t on_request(void)
{
	return SPEC_BIT(VIRTIO_F_IN_ORDER) | SPEC_BIT(VIRTIO_F_NOTIFICATION_DATA) |
	       SPEC_BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | SPEC_BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       SPEC_BIT(VIRTIO_F_ORDER_PLATFORM);
}

/* +name,-name,... */
static int parse_features(struct serve_run *r, const char *arg)
{
	uint64_t can = emu_blk_all_features() | emu_virtio_core_features() | on_request();
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", arg);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		bool minus = *word == '-';
		int bit = spec_feature_by_name(emu_blk.virtio_id, word + (minus || *word == '+'));

		if (bit < 0 || bit > 63 || !(can & SPEC_BIT(bit)))
			return cli_usage("--features: '%s' is not a feature this device can offer; "
					 "for example +in_order,-ring_packed,-event_idx,+lifetime", word);
		*(minus ? r->off : r->on) |= SPEC_BIT(bit);
		*(minus ? r->on : r->off) &= ~SPEC_BIT(bit);
	}
	return CLI_OK;
}

/* hm|ha,size=256M,conventional=N,open=N,active=N,append=1M,capacity=SIZE */
static int parse_zones(struct serve_run *r, const char *arg)
{
	struct emu_blk_zones *z = &r->blk.zones;
	const struct {
		const char *name;
		uint32_t *to;
		bool size;
	} keys[] = {
		{ "size=", &z->zone_sectors, true },
		{ "capacity=", &z->capacity_sectors, true },
		{ "append=", &z->max_append_sectors, true },
		{ "conventional=", &z->conventional, false },
		{ "open=", &z->max_open, false },
		{ "active=", &z->max_active, false },
	};
	char copy[256], *save, *word;

	*z = (struct emu_blk_zones){ .model = VIRTIO_BLK_Z_HM, .zone_sectors = (256u << 20) / BLK_SECTOR,
		.max_append_sectors = (1u << 20) / BLK_SECTOR };
	snprintf(copy, sizeof(copy), "%s", arg);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		unsigned long long v;
		size_t i, n = sizeof(keys) / sizeof(keys[0]);

		if (!strcmp(word, "hm") || !strcmp(word, "ha")) {
			z->model = word[1] == 'm' ? VIRTIO_BLK_Z_HM : VIRTIO_BLK_Z_HA;
			continue;
		}
		for (i = 0; i < n && strncmp(word, keys[i].name, strlen(keys[i].name)); i++)
			;
		if (i == n || !cli_size(word + strlen(keys[i].name), &v) ||
		    (keys[i].size ? v / BLK_SECTOR : v) > UINT32_MAX)
			return cli_usage("--zones: '%s' is not understood; for example "
					 "hm,size=64M,conventional=2,open=8,active=12", word);
		*keys[i].to = (uint32_t)(keys[i].size ? v / BLK_SECTOR : v);
	}
	return CLI_OK;
}

static int parse_device(struct serve_run *r, int opt, const char *arg)
{
	unsigned long long v = 0;

	switch (opt) {
	case OPT_QUEUES:
		if (!cli_number(arg, 1024, &v) || !v)
			return bad("--queues", arg, "a number from 1 to 1024");
		r->cfg.queues = (uint16_t)v;
		return CLI_OK;
	case OPT_QUEUE_SIZE:
		if (!cli_number(arg, 32768, &v) || v < 2 || v & (v - 1))
			return bad("--queue-size", arg, "a power of two from 2 to 32768");
		r->cfg.queue_size = (uint16_t)v;
		return CLI_OK;
	case OPT_SERIAL:
		if (strlen(arg) >= sizeof(r->blk.serial))
			return bad("--serial", arg, "at most 20 characters");
		strcpy(r->blk.serial, arg);
		return CLI_OK;
	case OPT_BLOCK_SIZE:
		if (!cli_size(arg, &v) || v < BLK_SECTOR || v > 65536 || v & (v - 1))
			return bad("--block-size", arg, "a power of two from 512 to 64k");
		r->blk.blk_size = (uint32_t)v;
		return CLI_OK;
	case OPT_FEATURES:
		return parse_features(r, arg);
	case OPT_ZONES:
		return parse_zones(r, arg);
	case OPT_TRANSITIONAL:
		r->cfg.transitional = true;
		return CLI_OK;
	case OPT_NO_MSIX:
		r->cfg.no_msix = true;
		return CLI_OK;
	}
	return cli_usage("unknown option");
}

static int parse_one(struct serve_run *r, int opt, const char *arg)
{
	unsigned long long v = 0;

	switch (opt) {
	case OPT_DISK:
		r->disk = arg;
		return CLI_OK;
	case OPT_VFIO:
		r->vfio = r->path = arg;
		return CLI_OK;
	case OPT_VHOST:
		r->vhost = r->path = arg;
		return CLI_OK;
	case 'w':
		r->trace = arg;
		return CLI_OK;
	case 's':
		if (!cli_number(arg, 1024, &v))
			return bad("-s", arg, "a number of bytes from 0 to 1024");
		r->tap.snaplen = (uint32_t)v;
		return CLI_OK;
	case OPT_READ_ONLY:
		r->file.flags |= EMU_FILE_READ_ONLY;
		return CLI_OK;
	case OPT_DIRECT:
		r->file.flags |= EMU_FILE_DIRECT;
		return CLI_OK;
	case OPT_NO_URING:
		r->file.flags |= EMU_FILE_NO_URING;
		return CLI_OK;
	case OPT_SPIN:
		if (!cli_number(arg, 10000, &v))
			return bad("--spin", arg, "a number of microseconds up to 10000");
		r->cfg.spin_us = (unsigned)v;
		return CLI_OK;
	case OPT_ONCE:
		r->once = true;
		return CLI_OK;
	case OPT_NO_CONFINE:
		r->no_confine = true;
		return CLI_OK;
	case 'q':
		r->quiet = true;
		return CLI_OK;
	case 'v':
		r->verbose = true;
		return CLI_OK;
	}
	return parse_device(r, opt, arg);
}

static int parse(struct serve_run *r, int argc, char **argv)
{
	int opt, code = CLI_OK;

	opterr = 0;
	optind = 1;
	while (code == CLI_OK && (opt = getopt_long(argc, argv, "+:w:s:qvh", longs, NULL)) != -1) {
		if (opt == 'h') {
			fputs(cli_current->usage, stdout);
			exit(CLI_OK);
		}
		if (opt == ':')
			return cli_usage("option '%s' needs a value", argv[optind - 1]);
		if (opt == '?')
			return cli_usage("no option '%s'", argv[optind - 1]);
		code = parse_one(r, opt, optarg);
	}
	if (code != CLI_OK)
		return code;
	if (optind < argc)
		return cli_usage("'%s' is not an option", argv[optind]);
	if (!r->disk)
		return cli_usage("say what is on the disk: --disk FILE, mem:SIZE or null:SIZE");
	if (!r->vfio == !r->vhost)
		return cli_usage("say where to serve: one of --vfio-user SOCKET, --vhost-user SOCKET");
	if (r->vhost && (r->cfg.transitional || r->cfg.no_msix))
		return cli_usage("--transitional and --no-msix are of the PCI function, which with "
				 "vhost-user is the client's (QEMU: disable-modern=, vectors=0)");
	if (r->trace && !strcmp(r->trace, "-") && isatty(STDOUT_FILENO))
		return cli_usage("-w -: standard output is a terminal; pipe it, "
				 "for example into 'vqtrace show -r -'");
	return CLI_OK;
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
	struct serve_run r = { .tap = { .snaplen = SNAPLEN }, .dir = -1,
		.blk = { .serial = "vqtrace" } };
	struct sigaction sa = { .sa_handler = on_signal };
	char folder[256];
	int code = parse(&r, argc, argv);

	if (code != CLI_OK)
		return code;
	remember_command(&r, argc, argv);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = open_disk(&r);
	if (code == CLI_OK)
		code = open_trace(&r);
	if (code == CLI_OK)
		code = open_door(&r);
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
	.usage =
		"usage: vqtrace serve --disk DISK --vfio-user SOCKET [OPTIONS]\n"
		"       vqtrace serve --disk DISK --vhost-user SOCKET [OPTIONS]\n"
		"\n"
		"Is a virtio-blk device in a process of its own, strict about the specification,\n"
		"which guests boot from.  vfio-user: a whole PCI function (QEMU 10.1 or later;\n"
		"its registers are in the trace); vhost-user: the data path behind the client's\n"
		"own PCI function (any QEMU, libblkio).  Needs no root.  Serves one client\n"
		"after another until Ctrl-C.\n"
		"\n"
		"The disk:\n"
		"  --disk FILE         a raw image or block device\n"
		"  --disk mem:SIZE     memory, gone at the end\n"
		"  --disk null:SIZE    reads zeroes, forgets writes: for measuring\n"
		"  --read-only         the guest may not write\n"
		"  --direct            O_DIRECT: past the page cache\n"
		"  --no-io-uring       plain reads and writes, one at a time\n"
		"\n"
		"The device:\n"
		"  --queues N          request queues (default 1)\n"
		"  --queue-size N      entries in each, a power of two (default 256; vhost-user:\n"
		"                      at most 1024, the client chooses)\n"
		"  --serial TEXT       what GET_ID answers, up to 20 characters\n"
		"  --block-size N      logical block size, 512 to 64k (default 512)\n"
		"  --features LIST     +NAME to offer, -NAME not to, of the features it can do:\n"
		"                      +in_order,-ring_packed,-event_idx,+lifetime,...\n"
		"  --zones LIST        a zoned device: hm or ha, size=256M, capacity=SIZE,\n"
		"                      conventional=N, open=N, active=N, append=SIZE\n"
		"  --transitional      with the legacy interface too (vfio-user)\n"
		"  --no-msix           INTx only (vfio-user)\n"
		"\n"
		"The trace:\n"
		"  -w FILE             write one, as 'vqtrace record' would; - is standard output\n"
		"  -s SNAPLEN          leading bytes of each buffer, 0 to 1024 (default 32)\n"
		"\n"
		"Serving:\n"
		"  --once              end when the first client leaves\n"
		"  --spin USEC         look for more work that long before sleeping (default 0)\n"
		"  --no-confine        keep all rights (for debuggers); by default, once its files\n"
		"                      are open, it gives up opening any (landlock), new\n"
		"                      privileges, and all system calls but a few (seccomp)\n"
		"  -q, -v              say nothing but trouble; say more\n"
		"\n"
		"A guest that breaks the rules gets DEVICE_NEEDS_RESET; a client that breaks the\n"
		"protocol is disconnected.  Exit status: 0, or 2 when something went wrong.\n"
		"\n"
		"Examples:\n"
		"  vqtrace serve --disk disk.img --vfio-user /tmp/vblk -w boot.pcap\n"
		"  vqtrace serve --disk mem:1G --queues 4 --vhost-user /tmp/vblk\n"
		"  vqtrace serve --disk mem:64M --vfio-user /tmp/vblk -w - | vqtrace show -r -\n"
		"  vqtrace serve --disk mem:1G --zones hm,size=64M,open=8 --vfio-user /tmp/vblk\n",
};
