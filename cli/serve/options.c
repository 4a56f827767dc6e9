/* SPDX-License-Identifier: MIT */
/* The command line of vqtrace serve. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/serve/impl.h"
#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "decoder/util/number.h"

const char serve_usage[] =
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
	"  --size SIZE         make FILE, sparse, if it is not there\n"
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
	"  --sample TIME       look at each queue's ring this often (default 1s; 0: never)\n"
	"  --check[=LEVEL]     print rules of virtio that are broken as it happens, and a\n"
	"                      summary; LEVEL as in 'vqtrace check --severity'\n"
	"\n"
	"Serving:\n"
	"  --once              end when the first client leaves\n"
	"  --spin USEC         look for more work that long before sleeping (default 10)\n"
	"  --no-confine        keep all rights (for debuggers); by default, once its files\n"
	"                      are open, it gives up opening any (landlock), new\n"
	"                      privileges, and all system calls but a few (seccomp)\n"
	"  -q, -v              say nothing but trouble; say more\n"
	"\n"
	"SIGHUP: FILE was made larger or smaller; the guest is told its new size.\n"
	"A guest that breaks the rules gets DEVICE_NEEDS_RESET; a client that breaks the\n"
	"protocol is disconnected.  Exit status: 0; 1 with --check when rules were broken; 2\n"
	"when something went wrong.\n"
	"\n"
	"Examples:\n"
	"  vqtrace serve --disk disk.img --vfio-user /tmp/vblk -w boot.pcap\n"
	"  vqtrace serve --disk mem:1G --queues 4 --vhost-user /tmp/vblk\n"
	"  vqtrace serve --disk mem:64M --vfio-user /tmp/vblk -w - | vqtrace show -r -\n"
	"  vqtrace serve --disk mem:1G --zones hm,size=64M,open=8 --vfio-user /tmp/vblk\n";

enum {
	OPT_DISK = 256,
	OPT_SIZE,
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
	OPT_CHECK,
	OPT_SAMPLE,
};

static const struct option longs[] = {
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "size", required_argument, NULL, OPT_SIZE },
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
	{ "sample", required_argument, NULL, OPT_SAMPLE },
	{ "check", optional_argument, NULL, OPT_CHECK },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

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
		int bit = class_feature_by_name(emu_blk.virtio_id, word + (minus || *word == '+'));

		if (bit < 0 || bit > 63 || !(can & SPEC_BIT(bit)))
			return cli_usage("--features: '%s' is not a feature this device can offer; "
					 "for example +in_order,-ring_packed,-event_idx,+lifetime",
					 word);
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

	*z = (struct emu_blk_zones){ .model = VIRTIO_BLK_Z_HM,
				     .zone_sectors = (256u << 20) / BLK_SECTOR,
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
		if (i == n || !number_size(word + strlen(keys[i].name), &v) ||
		    (keys[i].size ? v / BLK_SECTOR : v) > UINT32_MAX)
			return cli_usage("--zones: '%s' is not understood; for example "
					 "hm,size=64M,conventional=2,open=8,active=12",
					 word);
		*keys[i].to = (uint32_t)(keys[i].size ? v / BLK_SECTOR : v);
	}
	return CLI_OK;
}

static int parse_device(struct serve_run *r, int opt, const char *arg)
{
	unsigned long long v = 0;

	switch (opt) {
	case OPT_QUEUES:
		if (!number_parse(arg, 1024, &v) || !v)
			return cli_bad_value("--queues", arg, "a number from 1 to 1024");
		r->cfg.queues = (uint16_t)v;
		return CLI_OK;
	case OPT_QUEUE_SIZE:
		if (!number_parse(arg, 32768, &v) || v < 2 || v & (v - 1))
			return cli_bad_value("--queue-size", arg, "a power of two from 2 to 32768");
		r->cfg.queue_size = (uint16_t)v;
		return CLI_OK;
	case OPT_SERIAL:
		if (strlen(arg) >= sizeof(r->blk.serial))
			return cli_bad_value("--serial", arg, "at most 20 characters");
		strcpy(r->blk.serial, arg);
		return CLI_OK;
	case OPT_BLOCK_SIZE:
		if (!number_size(arg, &v) || v < BLK_SECTOR || v > 65536 || v & (v - 1))
			return cli_bad_value("--block-size", arg, "a power of two from 512 to 64k");
		r->blk.blk_size = (uint32_t)v;
		return CLI_OK;
	case OPT_FEATURES: return parse_features(r, arg);
	case OPT_ZONES: return parse_zones(r, arg);
	case OPT_TRANSITIONAL: r->cfg.transitional = true; return CLI_OK;
	case OPT_NO_MSIX: r->cfg.no_msix = true; return CLI_OK;
	}
	return cli_usage("unknown option");
}

static int parse_one(struct serve_run *r, int opt, const char *arg)
{
	unsigned long long v = 0;

	switch (opt) {
	case OPT_DISK: r->disk = arg; return CLI_OK;
	case OPT_SIZE:
		if (!number_size(arg, &r->size) || r->size < BLK_SECTOR || r->size > INT64_MAX)
			return cli_bad_value("--size", arg,
					     "a size of at least 512 bytes, such as 64M");
		return CLI_OK;
	case OPT_VFIO: r->vfio = r->path = arg; return CLI_OK;
	case OPT_VHOST: r->vhost = r->path = arg; return CLI_OK;
	case 'w': r->trace = arg; return CLI_OK;
	case 's':
		if (!number_parse(arg, 1024, &v))
			return cli_bad_value("-s", arg, "a number of bytes from 0 to 1024");
		r->tap.snaplen = (uint32_t)v;
		return CLI_OK;
	case OPT_READ_ONLY: r->file.flags |= EMU_FILE_READ_ONLY; return CLI_OK;
	case OPT_DIRECT: r->file.flags |= EMU_FILE_DIRECT; return CLI_OK;
	case OPT_NO_URING: r->file.flags |= EMU_FILE_NO_URING; return CLI_OK;
	case OPT_SPIN:
		if (!number_parse(arg, 10000, &v))
			return cli_bad_value("--spin", arg, "a number of microseconds up to 10000");
		r->cfg.spin_us = (unsigned)v;
		return CLI_OK;
	case OPT_ONCE: r->once = true; return CLI_OK;
	case OPT_CHECK: return check_live_option(&r->check, arg);
	case OPT_SAMPLE:
		return number_duration(arg, (unsigned long long *)&r->sample)
			       ? CLI_OK
			       : cli_bad_value("--sample", arg, "a time such as 1s or 200ms, or 0");
	case OPT_NO_CONFINE: r->no_confine = true; return CLI_OK;
	case 'q': r->quiet = true; return CLI_OK;
	case 'v': r->verbose = true; return CLI_OK;
	}
	return parse_device(r, opt, arg);
}

int serve_parse(struct serve_run *r, int argc, char **argv)
{
	int opt, code = CLI_OK;

	opterr = 0;
	optind = 1;
	while (code == CLI_OK && (opt = getopt_long(argc, argv, "+:w:s:qvh", longs, NULL)) != -1) {
		if (opt == 'h') {
			fputs(cli_current->usage, stdout);
			exit(CLI_OK);
		}
		if (opt == ':' || opt == '?')
			return cli_bad_option(opt, argv, longs);
		code = parse_one(r, opt, optarg);
	}
	if (code != CLI_OK)
		return code;
	if (optind < argc)
		return cli_usage("'%s' is not an option", argv[optind]);
	if (!r->disk)
		return cli_usage("say what is on the disk: --disk FILE, mem:SIZE or null:SIZE");
	if (!r->vfio == !r->vhost)
		return cli_usage(
			"say where to serve: one of --vfio-user SOCKET, --vhost-user SOCKET");
	if (r->vhost && (r->cfg.transitional || r->cfg.no_msix))
		return cli_usage("--transitional and --no-msix are of the PCI function, which with "
				 "vhost-user is the client's (QEMU: disable-modern=, vectors=0)");
	if (r->trace && !strcmp(r->trace, "-") && isatty(STDOUT_FILENO))
		return cli_usage("-w -: standard output is a terminal; pipe it, "
				 "for example into 'vqtrace show -r -'");
	return CLI_OK;
}
