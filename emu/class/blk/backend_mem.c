/* SPDX-License-Identifier: MIT */
/* Sectors in memory. Everything completes within submit(). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu/class/blk/backend.h"

struct mem_backend {
	struct emu_backend b;
	uint8_t *data;
	bool owned;
};

static void copy(uint8_t *data, const struct emu_io *io)
{
	for (int i = 0; i < io->niov; i++) {
		const struct iovec *v = &io->iov[i];
		if (io->op == EMU_IO_READ)
			memcpy(v->iov_base, data, v->iov_len);
		else
			memcpy(data, v->iov_base, v->iov_len);
		data += v->iov_len;
	}
}

static void mem_submit(struct emu_backend *b, struct emu_io *io)
{
	struct mem_backend *m = (struct mem_backend *)b;
	if (io->op == EMU_IO_FLUSH) {
		io->done(io, 0);
		return;
	}
	if (io->offset > b->size || io->bytes > b->size - io->offset) {
		io->done(io, -EINVAL);
		return;
	}
	if (io->op == EMU_IO_READ || io->op == EMU_IO_WRITE)
		copy(m->data + io->offset, io);
	else
		memset(m->data + io->offset, 0, io->bytes);
	io->done(io, 0);
}

static int mem_resize(struct emu_backend *b, uint64_t size)
{
	struct mem_backend *m = (struct mem_backend *)b;
	if (!m->owned)
		return -ENOTSUP;
	uint8_t *p = realloc(m->data, size ? size : 1);
	if (!p)
		return -ENOMEM;
	if (size > b->size)
		memset(p + b->size, 0, size - b->size);
	m->data = p;
	b->size = size;
	return 0;
}

static void mem_close(struct emu_backend *b)
{
	struct mem_backend *m = (struct mem_backend *)b;
	if (m->owned)
		free(m->data);
	free(m);
}

static const struct emu_backend_ops mem_ops = {
	.submit = mem_submit,
	.resize = mem_resize,
	.close = mem_close,
};

int emu_backend_mem(struct emu_backend **out, void *data, uint64_t size)
{
	struct mem_backend *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->data = data;
	if (!data) {
		m->owned = true;
		m->data = calloc(1, size ? size : 1);
		if (!m->data) {
			free(m);
			return -ENOMEM;
		}
	}
	m->b = (struct emu_backend){
		.ops = &mem_ops, .size = size, .align = 1, .can_discard = true
	};
	*out = &m->b;
	return 0;
}
