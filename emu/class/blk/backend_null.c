/* SPDX-License-Identifier: MIT */
/* No storage: reads are zeroes, writes are discarded.  For measuring. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu/class/blk/backend.h"

static void null_submit(struct emu_backend *b, struct emu_io *io)
{
	if (io->op == EMU_IO_READ)
		for (int i = 0; i < io->niov; i++)
			memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
	io->done(io, 0);
}

static int null_resize(struct emu_backend *b, uint64_t size)
{
	b->size = size;
	return 0;
}

static void null_close(struct emu_backend *b)
{
	free(b);
}

static const struct emu_backend_ops null_ops = {
	.submit = null_submit,
	.resize = null_resize,
	.close = null_close,
};

int emu_backend_null(struct emu_backend **out, uint64_t size)
{
	struct emu_backend *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct emu_backend){
		.ops = &null_ops, .size = size, .align = 1, .can_discard = true
	};
	*out = b;
	return 0;
}
