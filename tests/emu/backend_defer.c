/* SPDX-License-Identifier: MIT */
/* Holds the finished I/Os of another backend until they are released. */
#include <errno.h>
#include <stdlib.h>

#include "tests/emu/backend_defer.h"

struct held {
	struct emu_io io; /* what the inner backend sees */
	struct emu_io *outer;
	struct defer *d;
	struct held *next;
	int ret;
};

struct defer {
	struct emu_backend b;
	struct emu_backend *inner;
	struct held *first, **last;
	unsigned count;
	bool hold;
	unsigned fail_op, fail_count;
	int fail_err;
};

static void let_go(struct held *h)
{
	struct emu_io *io = h->outer;
	int ret = h->ret;
	free(h);
	io->done(io, ret);
}

static void finished(struct emu_io *io, int ret)
{
	struct held *h = (struct held *)io;
	struct defer *d = h->d;
	h->ret = ret;
	if (!d->hold) {
		let_go(h);
		return;
	}
	*d->last = h;
	d->last = &h->next;
	d->count++;
}

static void defer_submit(struct emu_backend *b, struct emu_io *io)
{
	struct defer *d = (struct defer *)b;
	struct held *h = calloc(1, sizeof(*h));
	if (!h) {
		io->done(io, -ENOMEM);
		return;
	}
	h->io = *io;
	h->io.done = finished;
	h->outer = io;
	h->d = d;
	if (d->fail_count && (!d->fail_op || d->fail_op == io->op)) {
		d->fail_count--;
		finished(&h->io, -d->fail_err);
		return;
	}
	d->inner->ops->submit(d->inner, &h->io);
}

static void unlink_held(struct defer *d, struct held **at)
{
	struct held *h = *at;
	*at = h->next;
	if (!h->next)
		d->last = at;
	d->count--;
	let_go(h);
}

static void defer_commit(struct emu_backend *b)
{
	emu_backend_commit(((struct defer *)b)->inner);
}

/* A caller that waits needs all of them: hold none. */
static int defer_poll(struct emu_backend *b, bool wait)
{
	struct defer *d = (struct defer *)b;
	int n = emu_backend_poll(d->inner, wait && !d->first);
	while (wait && d->first) {
		unlink_held(d, &d->first);
		n++;
	}
	return n;
}

static int defer_fd(struct emu_backend *b)
{
	return emu_backend_fd(((struct defer *)b)->inner);
}

static int defer_resize(struct emu_backend *b, uint64_t size)
{
	struct defer *d = (struct defer *)b;
	int ret = d->inner->ops->resize ? d->inner->ops->resize(d->inner, size) : -ENOTSUP;
	b->size = d->inner->size;
	return ret;
}

static int defer_reload(struct emu_backend *b)
{
	struct defer *d = (struct defer *)b;
	int ret = d->inner->ops->reload ? d->inner->ops->reload(d->inner) : -ENOTSUP;
	b->size = d->inner->size;
	return ret;
}

static void defer_close(struct emu_backend *b)
{
	struct defer *d = (struct defer *)b;
	while (d->first)
		unlink_held(d, &d->first);
	emu_backend_close(d->inner);
	free(d);
}

static const struct emu_backend_ops defer_ops = {
	.submit = defer_submit,
	.commit = defer_commit,
	.poll = defer_poll,
	.fd = defer_fd,
	.resize = defer_resize,
	.reload = defer_reload,
	.close = defer_close,
};

int emu_backend_defer(struct emu_backend **out, struct emu_backend *inner)
{
	struct defer *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->b = *inner;
	d->b.ops = &defer_ops;
	d->inner = inner;
	d->last = &d->first;
	*out = &d->b;
	return 0;
}

unsigned emu_backend_defer_held(const struct emu_backend *b)
{
	return ((const struct defer *)b)->count;
}

void emu_backend_defer_hold(struct emu_backend *b, bool hold)
{
	struct defer *d = (struct defer *)b;
	d->hold = hold;
	while (!hold && d->first)
		unlink_held(d, &d->first);
}

int emu_backend_defer_release(struct emu_backend *b, unsigned n)
{
	struct defer *d = (struct defer *)b;
	struct held **at = &d->first;
	while (*at && n--)
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	unlink_held(d, at);
	return 0;
}

int emu_backend_defer_release_tag(struct emu_backend *b, uint64_t tag)
{
	struct defer *d = (struct defer *)b;
	struct held **at = &d->first;
	while (*at && (*at)->io.tag != tag)
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	unlink_held(d, at);
	return 0;
}

void emu_backend_defer_fail(struct emu_backend *b, unsigned op, int err, unsigned count)
{
	struct defer *d = (struct defer *)b;
	d->fail_op = op;
	d->fail_err = err;
	d->fail_count = count;
}
