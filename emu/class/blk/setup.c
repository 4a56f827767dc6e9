/* SPDX-License-Identifier: MIT */
/* The options of a block device on the command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decoder/util/number.h"
#include "emu/class/blk/impl.h"

struct config {
	struct emu_blk_config blk; /* first: this is what the class gets */
	const char *disk;
	uint64_t size; /* of a file to be made; 0: it exists */
	bool read_only, direct, no_uring;
};

static void init(void *config)
{
	struct config *c = config;
	strcpy(c->blk.serial, "vqtrace");
}

/* Of "mem:64M" or "null:1G", the part after the colon; NULL: the disk is a file. */
static const char *size_after(const char *disk, const char *word)
{
	size_t n = strlen(word);
	return strncmp(disk, word, n) ? NULL : disk + n;
}

static int set_disk(void *config, const char *value, struct text *why)
{
	struct config *c = config;
	const char *size = size_after(value, "mem:");
	unsigned long long bytes;
	if (!size)
		size = size_after(value, "null:");
	if (size && (!number_size(size, &bytes) || bytes < BLK_SECTOR))
		return option_refuse(why, "not a size of at least 512 bytes, such as 64M");
	c->disk = value;
	return 0;
}

static int set_serial(void *config, const char *value, struct text *why)
{
	struct config *c = config;
	if (strlen(value) >= sizeof(c->blk.serial))
		return option_refuse(why, "not at most 20 characters");
	strcpy(c->blk.serial, value);
	return 0;
}

static int set_block_size(void *config, const char *value, struct text *why)
{
	struct config *c = config;
	unsigned long long v;
	if (!number_size(value, &v) || v < BLK_SECTOR || v > 65536 || v & (v - 1))
		return option_refuse(why, "not a power of two from 512 to 64k");
	c->blk.blk_size = v;
	return 0;
}

/* hm|ha,size=256M,conventional=N,open=N,active=N,append=1M,capacity=SIZE */
static int set_zones(void *config, const char *value, struct text *why)
{
	struct emu_blk_zones *z = &((struct config *)config)->blk.zones;
	const struct {
		const char *name;
		uint32_t *to;
		unsigned unit;
	} keys[] = {
		{ "size=", &z->zone_sectors, BLK_SECTOR },
		{ "capacity=", &z->capacity_sectors, BLK_SECTOR },
		{ "append=", &z->max_append_sectors, BLK_SECTOR },
		{ "conventional=", &z->conventional, 1 },
		{ "open=", &z->max_open, 1 },
		{ "active=", &z->max_active, 1 },
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
		    v / keys[i].unit > UINT32_MAX)
			return option_refuse(why,
					     "'%s' is not understood; for example "
					     "hm,size=64M,conventional=2,open=8,active=12",
					     word);
		*keys[i].to = v / keys[i].unit;
	}
	return 0;
}

/* --size: create the file if it does not exist.  An existing file keeps its size. */
static int make_file(const struct config *c)
{
	int fd = open(c->disk, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666), err = 0;
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (ftruncate(fd, c->size) < 0) {
		err = -errno;
		unlink(c->disk);
	}
	close(fd);
	return err;
}

static int open_backend(struct config *c)
{
	const char *mem = size_after(c->disk, "mem:"), *null = size_after(c->disk, "null:");
	unsigned long long size = 0;
	if (mem && number_size(mem, &size))
		return emu_backend_mem(&c->blk.backend, NULL, size);
	if (null && number_size(null, &size))
		return emu_backend_null(&c->blk.backend, size);
	struct emu_file_options file = { .flags = EMU_FILE_LOCK |
						  (c->read_only ? EMU_FILE_READ_ONLY : 0) |
						  (c->direct ? EMU_FILE_DIRECT : 0) |
						  (c->no_uring ? EMU_FILE_NO_URING : 0) };
	int ret = c->size ? make_file(c) : 0;
	return ret < 0 ? ret : emu_backend_file(&c->blk.backend, c->disk, &file);
}

static void close_disk(void *config)
{
	struct config *c = config;
	emu_backend_close(c->blk.backend);
}

static int open_disk(void *config, char *why, size_t size)
{
	struct config *c = config;
	if (!c->disk) {
		snprintf(why, size, "say what is on the disk: --disk FILE, mem:SIZE or null:SIZE");
		return -EINVAL;
	}
	int ret = open_backend(c);
	if (ret == -EBUSY) {
		char who[256];
		emu_backend_file_holder(c->disk, who, sizeof(who));
		snprintf(why, size, "cannot open the disk %s: %s%s", c->disk, who,
			 c->read_only ? " for writing, so that it cannot be shared" : "");
		return ret;
	}
	if (ret < 0) {
		snprintf(why, size, "cannot open the disk %s: %s%s", c->disk, strerror(-ret),
			 ret == -ENOENT ? "; --size 1G makes one, or use --disk mem:64M"
			 : ret == -EACCES || ret == -EROFS ? "; --read-only may do"
			 : ret == -EINVAL && c->direct ? "; this file system may not do --direct"
						       : "");
		return ret;
	}
	if (c->blk.backend->size < BLK_SECTOR) {
		snprintf(
			why, size,
			"the disk %s has less than one sector; 'truncate -s 1G %s' makes it larger",
			c->disk, c->disk);
		close_disk(c);
		return -EINVAL;
	}
	if (c->read_only)
		c->blk.backend->read_only = true;
	return 0;
}

/* The file or block device was made larger or smaller. */
static int reload(struct emu_virtio *v, const void *config, char *text, size_t size)
{
	const char *disk = ((const struct config *)config)->disk;
	unsigned long long before = emu_blk_capacity(v);
	int ret = emu_blk_rescan(v);
	if (ret == -EINVAL)
		snprintf(text, size, "%s: a zoned device keeps its size; start the server anew",
			 disk);
	else if (ret == -ENOTSUP)
		snprintf(text, size, "%s is no file: its size does not change", disk);
	else if (ret < 0)
		snprintf(text, size, "cannot ask for the size of %s: %s; it stays as it was", disk,
			 strerror(-ret));
	else
		snprintf(text, size, "%s: %llu sectors, before %llu%s", disk,
			 (unsigned long long)emu_blk_capacity(v), before,
			 ret == 0				 ? ""
			 : v->status & VIRTIO_CONFIG_S_DRIVER_OK ? "; the driver is notified"
								 : "; no driver is running");
	return ret;
}

static const struct option_row options[] = {
	{ OPTION_CALL, 0, "disk", "DISK",
	  "FILE: a raw image or block device; mem:SIZE: memory, gone at the end; null:SIZE: reads "
	  "zeroes, forgets writes, for measuring",
	  .call = set_disk },
	{ OPTION_SIZE, 0, "size", "SIZE", "make FILE, sparse, if it is not there",
	  OPTION_TO(struct config, size), .min = BLK_SECTOR, .max = INT64_MAX,
	  .want = "a size of at least 512 bytes, such as 64M" },
	{ OPTION_FLAG, 0, "read-only", NULL, "the guest may not write",
	  OPTION_TO(struct config, read_only) },
	{ OPTION_FLAG, 0, "direct", NULL, "O_DIRECT: past the page cache",
	  OPTION_TO(struct config, direct) },
	{ OPTION_FLAG, 0, "no-io-uring", NULL, "plain reads and writes, one at a time",
	  OPTION_TO(struct config, no_uring) },
	{ OPTION_CALL, 0, "serial", "TEXT", "what GET_ID answers, up to 20 characters",
	  .call = set_serial },
	{ OPTION_CALL, 0, "block-size", "N", "logical block size, 512 to 64k (default 512)",
	  .call = set_block_size },
	{ OPTION_CALL, 0, "zones", "LIST",
	  "a zoned device: hm or ha, size=256M, capacity=SIZE, conventional=N, open=N, active=N, "
	  "append=SIZE",
	  .call = set_zones },
	{},
};

const struct emu_class_setup blk_setup = {
	.title = "A disk",
	.options = options,
	.config_size = sizeof(struct config),
	.init = init,
	.open = open_disk,
	.close = close_disk,
	.reload = reload,
};
