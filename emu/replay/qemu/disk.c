/* SPDX-License-Identifier: MIT */
/*
 * The disk of the QEMU that is replayed against, for the NBD server.  Its contents, in
 * memory, are those of the trace or of a file.  The I/O of a request is held back until
 * the recording has its completion, so that requests complete in recorded order; a
 * request that the recorded backend failed fails here, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu/replay/qemu/impl.h"

#define SECTOR 512u
#define COPY 65536u
#define REQUESTS 4096 /* in flight, known by queue and head */

/* A request the driver made, from before it is published until its I/O is done. */
struct asked {
	uint16_t queue, head;
	bool live, fail;
	bool go; /* the recording has come to its completion */
	bool came; /* its I/O has begun */
	uint8_t op; /* enum nbd_op */
	bool anywhere; /* off and len do not give its place on the disk */
	uint64_t off, len;
};

struct qemu_disk {
	struct nbd_disk nbd[QEMU_ENDS];
	uint64_t size; /* the largest */
	int fd; /* a sparse file in memory */
	uint64_t room; /* bytes that may still be written to it */
	struct asked asked[REQUESTS];
	unsigned nasked; /* slots in use, live or not */
};

/* --- which request an I/O is of ---------------------------------------------------------- */

static bool is_of(const struct asked *a, unsigned op, uint64_t off, uint32_t len)
{
	return a->live && !(a->go && a->came) && a->op == op &&
	       (a->anywhere || (off >= a->off && len <= a->len && off - a->off <= a->len - len));
}

/* An id is the slot's number and one. */
static int64_t disk_came(void *opaque, unsigned op, uint64_t off, uint32_t len)
{
	struct qemu_disk *d = opaque;
	struct asked *best = NULL;

	for (unsigned i = 0; i < d->nasked; i++)
		if (is_of(&d->asked[i], op, off, len) &&
		    (!best || (best->came && !d->asked[i].came)))
			best = &d->asked[i];
	if (!best)
		return 0;
	best->came = true;
	if (!best->go)
		return best - d->asked + 1;
	return best->fail ? -EIO : 0;
}

static int disk_going(void *opaque, int64_t id)
{
	struct qemu_disk *d = opaque;
	const struct asked *a = id > 0 && id <= d->nasked ? &d->asked[id - 1] : NULL;

	return a && a->fail ? -EIO : 0;
}

static struct asked *find(struct qemu_disk *d, uint16_t queue, uint16_t head)
{
	for (struct asked *a = d->asked; a < d->asked + d->nasked; a++)
		if (a->live && a->queue == queue && a->head == head)
			return a;
	return NULL;
}

static struct asked *slot_for(struct qemu_disk *d, uint16_t queue, uint16_t head)
{
	struct asked *a = find(d, queue, head);

	for (unsigned i = 0; !a && i < d->nasked; i++)
		if (!d->asked[i].live)
			a = &d->asked[i];
	return a || d->nasked == REQUESTS ? a : &d->asked[d->nasked++];
}

static const enum nbd_op op_of[] = {
	[REPLAY_IO_READ] = NBD_READ,	 [REPLAY_IO_WRITE] = NBD_WRITE,
	[REPLAY_IO_FLUSH] = NBD_FLUSH,	 [REPLAY_IO_DISCARD] = NBD_TRIM,
	[REPLAY_IO_ZEROES] = NBD_ZEROES,
};

void qemu_disk_request(struct qemu_disk *d, const struct replay_request *r)
{
	struct asked *a = slot_for(d, r->queue, r->head);

	if (!a) /* the I/O of more requests is done at once */
		return;
	*a = (struct asked){ .queue = r->queue,
			     .head = r->head,
			     .live = r->io != REPLAY_IO_NONE,
			     .fail = r->fail,
			     .op = op_of[r->io],
			     .anywhere = r->io != REPLAY_IO_READ && r->io != REPLAY_IO_WRITE,
			     .off = r->offset,
			     .len = r->len };
}

int64_t qemu_disk_go(struct qemu_disk *d, uint16_t queue, uint16_t head)
{
	struct asked *a = find(d, queue, head);

	if (!a)
		return 0;
	a->go = true;
	return a - d->asked + 1;
}

void qemu_disk_over(struct qemu_disk *d)
{
	d->nasked = 0;
}

/* --- contents ------------------------------------------------------------------------------ */

static int disk_read(void *opaque, uint64_t off, void *buf, uint32_t len)
{
	struct qemu_disk *d = opaque;

	return pread(d->fd, buf, len, off) == (ssize_t)len ? 0 : -EIO;
}

static int store(struct qemu_disk *d, uint64_t off, const void *buf, size_t len)
{
	if (len > d->room)
		return -ENOSPC;
	d->room -= len;
	return pwrite(d->fd, buf, len, off) == (ssize_t)len ? 0 : -EIO;
}

static int disk_write(void *opaque, uint64_t off, const void *buf, uint32_t len)
{
	struct qemu_disk *d = opaque;

	return store(d, off, buf, len);
}

static int disk_zero(void *opaque, uint64_t off, uint32_t len, bool discard)
{
	struct qemu_disk *d = opaque;

	if (len && fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len))
		return -errno;
	return 0;
}

/* Fill it with what the trace shows; other bytes are zero. */
static int fill_known(struct qemu_disk *d, struct replay_disk *known)
{
	const uint8_t *bytes, *mask;
	uint64_t off = 0;

	for (; known && replay_disk_next(known, &off, &bytes, &mask); off += REPLAY_DISK_BLOCK) {
		uint64_t left = off < d->size ? d->size - off : 0;
		int rc = store(d, off, bytes, left < REPLAY_DISK_BLOCK ? left : REPLAY_DISK_BLOCK);

		if (rc)
			return rc;
	}
	return 0;
}

/* A copy, so that the user's file stays as it is; holes stay holes. */
static int fill_copy(struct qemu_disk *d, int from)
{
	char buf[COPY];
	off_t at = 0, hole;

	while ((at = lseek(from, at, SEEK_DATA)) >= 0 && (uint64_t)at < d->size) {
		hole = lseek(from, at, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > d->size)
			hole = d->size;
		while (at < hole) {
			size_t want =
				hole - at < (off_t)sizeof(buf) ? hole - at : (off_t)sizeof(buf);
			ssize_t n = pread(from, buf, want, at);
			int rc = n > 0 ? store(d, at, buf, n) : 0;

			if (rc || n < 0)
				return rc ? rc : -errno;
			if (!n)
				return 0;
			at += n;
		}
	}
	return 0;
}

static int fill_file(struct qemu_disk *d, const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0) {
		rc = -errno;
		snprintf(why, size, "%s: %s", path, strerror(-rc));
		return rc;
	}
	rc = fill_copy(d, fd);
	close(fd);
	if (rc == -ENOSPC)
		snprintf(why, size, "%s: more data than fits into the memory of a replay", path);
	else if (rc)
		snprintf(why, size, "%s: %s", path, strerror(-rc));
	return rc;
}

int qemu_disk_new(struct qemu_disk **out, const struct replay_target_config *cfg, char *why,
		  size_t size)
{
	const struct replay_device *dev = cfg->device;
	struct qemu_disk *d = calloc(1, sizeof(*d));
	uint64_t most = 0;
	int rc;

	if (!d)
		return -ENOMEM;
	d->room = cfg->memory ? cfg->memory : 4ull << 30;
	d->fd = memfd_create("vqtrace-disk", MFD_CLOEXEC);
	for (unsigned i = 0; i <= dev->resizes; i++) {
		uint64_t sectors = i ? dev->resize[i - 1] : dev->sectors;

		most = sectors > most ? sectors : most;
		d->nbd[i] = (struct nbd_disk){ .size = sectors * SECTOR,
					       .read_only = dev->read_only,
					       .read = disk_read,
					       .write = disk_write,
					       .zero = disk_zero,
					       .came = disk_came,
					       .going = disk_going,
					       .opaque = d };
	}
	if (most > INT64_MAX / SECTOR || d->fd < 0 || ftruncate(d->fd, most * SECTOR)) {
		snprintf(why, size, "a disk of %llu sectors is not possible",
			 (unsigned long long)most);
		qemu_disk_free(d);
		return -ENOTSUP;
	}
	d->size = most * SECTOR;
	rc = dev->disk_path ? fill_file(d, dev->disk_path, why, size) : fill_known(d, dev->disk);
	if (rc) {
		if (!*why)
			snprintf(why, size, "filling the disk: %s", strerror(-rc));
		qemu_disk_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void qemu_disk_free(struct qemu_disk *d)
{
	if (d && d->fd >= 0)
		close(d->fd);
	free(d);
}

const struct nbd_disk *qemu_disk_nbd(struct qemu_disk *d, unsigned n)
{
	return &d->nbd[n];
}
