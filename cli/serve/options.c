/* SPDX-License-Identifier: MIT */
/* The command line of vqtrace serve. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/serve/impl.h"
#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "decoder/util/number.h"

/* Bits of the core it can offer beside the usual ones. */
static uint64_t on_request(void)
{
	return SPEC_BIT(VIRTIO_F_IN_ORDER) | SPEC_BIT(VIRTIO_F_NOTIFICATION_DATA) |
	       SPEC_BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | SPEC_BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       SPEC_BIT(VIRTIO_F_ORDER_PLATFORM);
}

/* +name,-name,... */
static int parse_features(void *config, const char *value, struct text *why)
{
	struct serve_run *r = config;
	uint64_t can = emu_blk_all_features() | emu_virtio_core_features() | on_request();
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", value);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		bool minus = *word == '-';
		int bit = class_feature_by_name(emu_blk.virtio_id, word + (minus || *word == '+'));

		if (bit < 0 || bit > 63 || !(can & SPEC_BIT(bit))) {
			text_add(why,
				 "'%s' is not a feature this device can offer; for example "
				 "+in_order,-ring_packed,-event_idx,+lifetime",
				 word);
			return -EINVAL;
		}
		*(minus ? r->off : r->on) |= SPEC_BIT(bit);
		*(minus ? r->on : r->off) &= ~SPEC_BIT(bit);
	}
	return CLI_OK;
}

/* hm|ha,size=256M,conventional=N,open=N,active=N,append=1M,capacity=SIZE */
static int parse_zones(void *config, const char *value, struct text *why)
{
	struct serve_run *r = config;
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
	snprintf(copy, sizeof(copy), "%s", value);
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
		    (keys[i].size ? v / BLK_SECTOR : v) > UINT32_MAX) {
			text_add(why,
				 "'%s' is not understood; for example "
				 "hm,size=64M,conventional=2,open=8,active=12",
				 word);
			return -EINVAL;
		}
		*keys[i].to = (uint32_t)(keys[i].size ? v / BLK_SECTOR : v);
	}
	return CLI_OK;
}

static int parse_queue_size(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_parse(value, 32768, &v) || v < 2 || v & (v - 1)) {
		text_add(why, "not a power of two from 2 to 32768");
		return -EINVAL;
	}
	((struct serve_run *)config)->cfg.queue_size = (uint16_t)v;
	return 0;
}

static int parse_block_size(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_size(value, &v) || v < BLK_SECTOR || v > 65536 || v & (v - 1)) {
		text_add(why, "not a power of two from 512 to 64k");
		return -EINVAL;
	}
	((struct serve_run *)config)->blk.blk_size = (uint32_t)v;
	return 0;
}

static int parse_serial(void *config, const char *value, struct text *why)
{
	struct serve_run *r = config;

	if (strlen(value) >= sizeof(r->blk.serial)) {
		text_add(why, "not at most 20 characters");
		return -EINVAL;
	}
	strcpy(r->blk.serial, value);
	return 0;
}

static int parse_check(void *config, const char *value, struct text *why)
{
	return check_live_option(&((struct serve_run *)config)->check, value, why);
}

const struct option_row serve_options[] = {
	{ OPTION_HEADING, .help = "The disk" },
	{ OPTION_TEXT, 0, "disk", "DISK",
	  "FILE: a raw image or block device; mem:SIZE: memory, gone at the end; null:SIZE: reads "
	  "zeroes, forgets writes, for measuring",
	  OPTION_TO(struct serve_run, disk) },
	{ OPTION_SIZE, 0, "size", "SIZE", "make FILE, sparse, if it is not there",
	  OPTION_TO(struct serve_run, size), .min = BLK_SECTOR, .max = INT64_MAX,
	  .want = "a size of at least 512 bytes, such as 64M" },
	{ OPTION_FLAG, 0, "read-only", NULL, "the guest may not write",
	  OPTION_TO(struct serve_run, read_only) },
	{ OPTION_FLAG, 0, "direct", NULL, "O_DIRECT: past the page cache",
	  OPTION_TO(struct serve_run, direct) },
	{ OPTION_FLAG, 0, "no-io-uring", NULL, "plain reads and writes, one at a time",
	  OPTION_TO(struct serve_run, no_uring) },
	{ OPTION_HEADING, .help = "The device" },
	{ OPTION_NUMBER, 0, "queues", "N", "request queues (default 1)",
	  OPTION_TO(struct serve_run, cfg.queues), .min = 1, .max = 1024,
	  .want = "a number from 1 to 1024" },
	{ OPTION_CALL, 0, "queue-size", "N",
	  "entries in each, a power of two (default 256; vhost-user: at most 1024, the client "
	  "chooses)",
	  .call = parse_queue_size },
	{ OPTION_CALL, 0, "serial", "TEXT", "what GET_ID answers, up to 20 characters",
	  .call = parse_serial },
	{ OPTION_CALL, 0, "block-size", "N", "logical block size, 512 to 64k (default 512)",
	  .call = parse_block_size },
	{ OPTION_CALL, 0, "features", "LIST",
	  "+NAME to offer, -NAME not to, of the features it can do: "
	  "+in_order,-ring_packed,-event_idx,+lifetime,...",
	  .call = parse_features },
	{ OPTION_CALL, 0, "zones", "LIST",
	  "a zoned device: hm or ha, size=256M, capacity=SIZE, conventional=N, open=N, active=N, "
	  "append=SIZE",
	  .call = parse_zones },
	{ OPTION_FLAG, 0, "transitional", NULL, "with the legacy interface too (vfio-user)",
	  OPTION_TO(struct serve_run, cfg.transitional) },
	{ OPTION_FLAG, 0, "no-msix", NULL, "INTx only (vfio-user)",
	  OPTION_TO(struct serve_run, cfg.no_msix) },
	{ OPTION_HEADING, .help = "The trace" },
	{ OPTION_TEXT, 'w', "write", "FILE",
	  "write one, as 'vqtrace record' would; - is standard output",
	  OPTION_TO(struct serve_run, trace) },
	{ OPTION_NUMBER, 's', "snaplen", "BYTES",
	  "leading bytes of each buffer, 0 to 1024 (default 32)",
	  OPTION_TO(struct serve_run, tap.snaplen), .max = 1024,
	  .want = "a number of bytes from 0 to 1024" },
	{ OPTION_TIME, 0, "sample", "TIME",
	  "look at each queue's ring this often (default 1s; 0: never)",
	  OPTION_TO(struct serve_run, sample), .want = "a time such as 1s or 200ms, or 0" },
	{ OPTION_CALL, 0, "check", "[=LEVEL]", CHECK_LIVE_HELP, .call = parse_check },
	{ OPTION_HEADING, .help = "Serving" },
	{ OPTION_TEXT, 0, "vfio-user", "SOCKET", "serve a whole PCI function to a vfio-user client",
	  OPTION_TO(struct serve_run, vfio) },
	{ OPTION_TEXT, 0, "vhost-user", "SOCKET", "serve the data path to a vhost-user client",
	  OPTION_TO(struct serve_run, vhost) },
	{ OPTION_FLAG, 0, "once", NULL, "end when the first client leaves",
	  OPTION_TO(struct serve_run, once) },
	{ OPTION_NUMBER, 0, "spin", "USEC",
	  "look for more work that long before sleeping (default 10)",
	  OPTION_TO(struct serve_run, cfg.spin_us), .max = 10000,
	  .want = "a number of microseconds up to 10000" },
	{ OPTION_FLAG, 0, "no-confine", NULL,
	  "keep all rights (for debuggers); by default, once its files are open, it gives up "
	  "opening any (landlock), new privileges, and all system calls but a few (seccomp)",
	  OPTION_TO(struct serve_run, no_confine) },
	{ OPTION_FLAG, 'q', "quiet", NULL, "print only errors and warnings",
	  OPTION_TO(struct serve_run, quiet) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "say more", OPTION_TO(struct serve_run, verbose) },
	{},
};

int serve_parse(struct serve_run *r, int argc, char **argv)
{
	int stop = cli_parse(argc, argv, r);

	if (!stop)
		stop = cli_no_operands(argc, argv);
	if (stop)
		return stop;
	r->file.flags |= (r->read_only ? EMU_FILE_READ_ONLY : 0) |
			 (r->direct ? EMU_FILE_DIRECT : 0) | (r->no_uring ? EMU_FILE_NO_URING : 0);
	r->path = r->vfio ? r->vfio : r->vhost;
	if (!r->disk)
		return 1 + cli_usage("say what is on the disk: --disk FILE, mem:SIZE or null:SIZE");
	if (!r->vfio == !r->vhost)
		return 1 +
		       cli_usage(
			       "say where to serve: one of --vfio-user SOCKET, --vhost-user SOCKET");
	if (r->vhost && (r->cfg.transitional || r->cfg.no_msix))
		return 1 +
		       cli_usage("--transitional and --no-msix are of the PCI function, which with "
				 "vhost-user is the client's (QEMU: disable-modern=, vectors=0)");
	if (r->trace && !strcmp(r->trace, "-") && isatty(STDOUT_FILENO))
		return 1 + cli_usage("-w -: standard output is a terminal; pipe it, "
				     "for example into 'vqtrace show -r -'");
	return 0;
}
