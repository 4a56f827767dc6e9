/* SPDX-License-Identifier: MIT */
/* A backend that holds each I/O until it is released, then does it on a sparse disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/util/array.h"
#include "emu/class/blk/backend_replay.h"

#define ZERO_WHOLE (16u << 20) /* in larger ranges, only blocks that exist are zeroed */

struct rb {
	struct emu_backend b;
	struct replay_disk *base, *over;
	int fd;
	struct emu_io *first, **last;
	uint64_t *failing;
	unsigned nfailing, cap;
};

static int read_base(struct rb *d, uint64_t off, uint8_t *buf, size_t len)
{
	if (d->base) {
		replay_disk_get(d->base, off, buf, NULL, len);
		return 0;
	}
	memset(buf, 0, len);
	while (d->fd >= 0 && len) {
		ssize_t n = pread(d->fd, buf, len, off);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		buf += n > 0 ? n : 0;
		off += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
	return 0;
}

static int read_some(struct rb *d, uint64_t off, uint8_t *buf, size_t len)
{
	uint8_t bytes[REPLAY_DISK_BLOCK], known[REPLAY_DISK_BLOCK];
	while (len) {
		size_t n = sizeof(bytes) - off % sizeof(bytes);
		n = n < len ? n : len;
		int ret = read_base(d, off, buf, n);
		if (ret < 0)
			return ret;
		if (replay_disk_get(d->over, off, bytes, known, n))
			for (size_t i = 0; i < n; i++)
				if (known[i])
					buf[i] = bytes[i];
		off += n;
		buf += n;
		len -= n;
	}
	return 0;
}

/* What is zero already needs no block. */
static int write_some(struct rb *d, uint64_t off, const uint8_t *buf, size_t len)
{
	uint8_t old[REPLAY_DISK_BLOCK];
	int ret = 0;
	if (d->fd >= 0)
		return replay_disk_set(d->over, off, buf, len);
	for (size_t n; len && ret == 0; off += n, buf += n, len -= n) {
		n = sizeof(old) - off % sizeof(old);
		n = n < len ? n : len;
		if (d->base && replay_disk_get(d->base, off, old, NULL, n))
			ret = replay_disk_set(d->over, off, buf, n);
		else
			ret = replay_disk_fill(d->over, off, buf, n);
	}
	return ret;
}

/* A large range: only what is not zero already needs a block. */
static int zero_known(struct rb *d, struct replay_disk *of, uint64_t off, uint64_t len)
{
	const uint8_t *bytes, *known;
	uint64_t at = off - off % REPLAY_DISK_BLOCK, end = off + len;
	while (replay_disk_next(of, &at, &bytes, &known) && at < end) {
		uint64_t from = at > off ? at : off;
		uint64_t to = at + REPLAY_DISK_BLOCK < end ? at + REPLAY_DISK_BLOCK : end;
		int ret = replay_disk_zero(d->over, from, to - from);
		if (ret < 0)
			return ret;
		at += REPLAY_DISK_BLOCK;
	}
	return 0;
}

static int zero_some(struct rb *d, uint64_t off, uint64_t len)
{
	if (len <= ZERO_WHOLE || d->fd >= 0)
		return replay_disk_zero(d->over, off, len);
	int ret = d->base ? zero_known(d, d->base, off, len) : 0;
	return ret < 0 ? ret : zero_known(d, d->over, off, len);
}

static int perform(struct rb *d, struct emu_io *io)
{
	uint64_t off = io->offset;
	int ret = 0;
	if (io->op == EMU_IO_FLUSH || io->op == EMU_IO_DISCARD) /* 5.2.6.2: contents unspecified */
		return 0;
	if (off > d->b.size || io->bytes > d->b.size - off)
		return -EINVAL;
	if (io->op == EMU_IO_ZEROES)
		return zero_some(d, off, io->bytes);
	for (int i = 0; i < io->niov && ret == 0; i++) {
		const struct iovec *v = &io->iov[i];
		ret = io->op == EMU_IO_READ ? read_some(d, off, v->iov_base, v->iov_len)
					    : write_some(d, off, v->iov_base, v->iov_len);
		off += v->iov_len;
	}
	return ret;
}

static void rb_submit(struct emu_backend *b, struct emu_io *io)
{
	struct rb *d = (struct rb *)b;
	io->next = NULL;
	*d->last = io;
	d->last = &io->next;
}

static bool fails(const struct rb *d, uint64_t tag)
{
	for (unsigned i = 0; i < d->nfailing; i++)
		if (d->failing[i] == tag)
			return true;
	return false;
}

static void let_go(struct rb *d, struct emu_io **at)
{
	struct emu_io *io = *at;
	*at = io->next;
	if (!io->next)
		d->last = at;
	io->done(io, fails(d, io->tag) ? -EIO : perform(d, io));
}

/* A caller waits only at a reset: do the remaining I/Os. */
static int rb_poll(struct emu_backend *b, bool wait)
{
	struct rb *d = (struct rb *)b;
	int n = 0;
	while (wait && d->first) {
		let_go(d, &d->first);
		n++;
	}
	if (wait)
		d->nfailing = 0;
	return n;
}

static int rb_resize(struct emu_backend *b, uint64_t size)
{
	b->size = size;
	return 0;
}

static void rb_close(struct emu_backend *b)
{
	struct rb *d = (struct rb *)b;
	rb_poll(b, true);
	replay_disk_free(d->over);
	if (d->fd >= 0)
		close(d->fd);
	free(d->failing);
	free(d);
}

static const struct emu_backend_ops ops = {
	.submit = rb_submit,
	.poll = rb_poll,
	.resize = rb_resize,
	.close = rb_close,
};

int replay_backend_new(struct emu_backend **out, uint64_t size, struct replay_disk *base, int fd,
		       uint64_t memory)
{
	struct rb *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->over = replay_disk_new(memory);
	if (!d->over) {
		free(d);
		return -ENOMEM;
	}
	d->b = (struct emu_backend){ .ops = &ops, .size = size, .align = 1, .can_discard = true };
	d->base = fd < 0 ? base : NULL;
	d->fd = fd;
	d->last = &d->first;
	*out = &d->b;
	return 0;
}

void replay_backend_close(void *d)
{
	emu_backend_close(d);
}

int replay_backend_fail(void *backend, uint64_t tag)
{
	struct rb *d = backend;
	if (fails(d, tag))
		return 0;
	if (!array_room(d->failing, d->cap, d->nfailing + 1))
		return -ENOMEM;
	d->failing[d->nfailing++] = tag;
	return 0;
}

void replay_backend_go(void *backend, uint64_t tag)
{
	struct rb *d = backend;
	struct emu_io **at = &d->first;
	while (*at) { /* a step that is done may submit the next, at the end */
		bool ours = (*at)->tag == tag;
		if (ours)
			let_go(d, at);
		at = ours ? &d->first : &(*at)->next;
	}
	for (unsigned i = 0; i < d->nfailing; i++)
		if (d->failing[i] == tag)
			d->failing[i--] = d->failing[--d->nfailing];
}
