/* SPDX-License-Identifier: MIT */
/*
 * A small server of the NBD protocol (fixed newstyle, simple replies) on one
 * connected socket: the disk below another program's virtio device, so that the owner
 * decides what it holds and which I/O fails.  One thread, never blocks; the owner polls
 * the socket for nbd_events() and calls nbd_run().
 */
#ifndef VQT_EMU_REPLAY_QEMU_NBD_H
#define VQT_EMU_REPLAY_QEMU_NBD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NBD_MAX_IO (32u << 20) /* bytes, of one request */
#define NBD_HELD_MAX 64u /* requests kept back at a time, of at most NBD_MAX_IO in all */

enum nbd_op { /* as in the protocol */
	      NBD_READ,
	      NBD_WRITE,
	      NBD_DISC,
	      NBD_FLUSH,
	      NBD_TRIM,
	      NBD_CACHE,
	      NBD_ZEROES,
};

/*
 * Functions that access the disk's contents.  Each returns 0, or a negative errno that is
 * sent to the client.
 */
struct nbd_disk {
	uint64_t size; /* bytes */
	bool read_only;
	int (*read)(void *opaque, uint64_t off, void *buf, uint32_t len);
	int (*write)(void *opaque, uint64_t off, const void *buf, uint32_t len);
	int (*zero)(void *opaque, uint64_t off, uint32_t len, bool discard);
	/*
	 * May be NULL.  A request came: 0 do it now; more: an id under which it is
	 * kept back until nbd_release(); negative errno: it fails with that.
	 */
	int64_t (*came)(void *opaque, unsigned op, uint64_t off, uint32_t len);
	/* Called when a request that was kept back is done: 0 or negative errno. */
	int (*going)(void *opaque, int64_t id);
	void *opaque;
};

struct nbd_held;

struct nbd {
	const struct nbd_disk *disk;
	int fd; /* borrowed */
	uint8_t *in, *out;
	size_t have, in_cap, out_len, out_off, out_cap;
	int phase;
	bool no_zeroes;
	struct nbd_held *held; /* oldest first */
	unsigned nheld;
	size_t held_bytes;
};

/* 0 or -ENOMEM.  Sends nothing yet. */
int nbd_init(struct nbd *n, int fd, const struct nbd_disk *disk);
void nbd_fini(struct nbd *n);
/* What to poll the socket for. */
short nbd_events(const struct nbd *n);
/*
 * Do what can be done now: 1 something was, 0 nothing.  Negative: the connection
 * is over, -EPIPE closed by the client, -EPROTO it does not speak NBD, -ENOMEM.
 */
int nbd_run(struct nbd *n);
/* Do what was kept back under this id, or (0) all of it: how many; -ENOMEM. */
int nbd_release(struct nbd *n, int64_t id);

#endif
