/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "decoder/trace/compress_impl.h"

/* The part of <zstd.h> that is used here; stable since version 1.4. */
#define ZSTD_LIBRARY "libzstd.so.1"
#define ZSTD_D_WINDOW_LOG_MAX 100

struct zstd_buffer {
	void *bytes;
	size_t size, pos;
};

struct zstd {
	void *(*create_read)(void), *(*create_write)(void);
	size_t (*free_read)(void *), (*free_write)(void *);
	size_t (*set_read)(void *, int, int);
	size_t (*read)(void *, struct zstd_buffer *out, struct zstd_buffer *in);
	size_t (*write)(void *, struct zstd_buffer *out, struct zstd_buffer *in, int end);
	unsigned (*is_error)(size_t);
};

/* A frame that needs more memory is refused; the command's levels up to 19 need at most this. */
#define WINDOW_LOG 23

static const struct zstd *library(void)
{
	static struct zstd z;
	void *so = z.read ? NULL : dlopen(ZSTD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *to;
	} symbols[] = {
		{ "ZSTD_createDCtx", &z.create_read },
		{ "ZSTD_createCCtx", &z.create_write },
		{ "ZSTD_freeDCtx", &z.free_read },
		{ "ZSTD_freeCCtx", &z.free_write },
		{ "ZSTD_DCtx_setParameter", &z.set_read },
		{ "ZSTD_isError", &z.is_error },
		{ "ZSTD_compressStream2", &z.write },
		{ "ZSTD_decompressStream", &z.read }, /* last: all are there */
	};

	if (z.read)
		return &z;
	for (size_t i = 0; so && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *symbol = dlsym(so, symbols[i].name);

		if (!symbol) {
			dlclose(so);
			return NULL;
		}
		*(void **)symbols[i].to = symbol;
	}
	return so ? &z : NULL;
}

static void *open_zstd(bool write, const char **why)
{
	const struct zstd *z = library();
	void *state;

	if (!z) {
		*why = "zstd needs " ZSTD_LIBRARY " (package libzstd1); or use gzip";
		return NULL;
	}
	state = write ? z->create_write() : z->create_read();
	if (!state)
		*why = "no memory";
	else if (!write)
		z->set_read(state, ZSTD_D_WINDOW_LOG_MAX, WINDOW_LOG);
	return state;
}

static void store(struct compress_step *s, const struct zstd_buffer *in,
		  const struct zstd_buffer *out)
{
	if (in->pos) /* at the end of a file there is no input, and `in` may be NULL */
		s->in += in->pos;
	s->in_len -= in->pos;
	s->out += out->pos;
	s->out_len -= out->pos;
}

static int read_zstd(void *state, struct compress_step *s, const char **why)
{
	struct zstd_buffer in = { (void *)(uintptr_t)s->in, s->in_len, 0 };
	struct zstd_buffer out = { s->out, s->out_len, 0 };
	size_t rc = library()->read(state, &out, &in);

	store(s, &in, &out);
	if (!library()->is_error(rc))
		return 0;
	*why = "its zstd data is broken, or needs more than 8 MiB to be read; decompress it first";
	return -EBADMSG;
}

static int write_zstd(void *state, struct compress_step *s, enum compress_end end)
{
	struct zstd_buffer in = { (void *)(uintptr_t)s->in, s->in_len, 0 };
	struct zstd_buffer out = { s->out, s->out_len, 0 };
	size_t rc = library()->write(state, &out, &in, (int)end); /* ZSTD_e_* are the same */

	store(s, &in, &out);
	if (library()->is_error(rc))
		return -EIO;
	return end == COMPRESS_MORE ? s->in_len > 0 : rc > 0;
}

static void close_zstd(void *state, bool write)
{
	if (write)
		library()->free_write(state);
	else
		library()->free_read(state);
}

const struct compress_format compress_zstd = {
	.suffix = ".zst",
	.magic = { 0x28, 0xb5, 0x2f, 0xfd },
	.magic_len = 4,
	.open = open_zstd,
	.read = read_zstd,
	.write = write_zstd,
	.close = close_zstd,
};
