/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "decoder/trace/compress_impl.h"

#define WINDOW_GZIP (15 + 16) /* 32 KiB; with a gzip header */

static void *open_gzip(bool write, const char **why)
{
	z_stream *z = calloc(1, sizeof(*z));
	int rc = Z_MEM_ERROR;

	if (z)
		rc = write ? deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, 8,
					  Z_DEFAULT_STRATEGY)
			   : inflateInit2(z, WINDOW_GZIP);
	if (rc == Z_OK)
		return z;
	free(z);
	*why = "no memory";
	return NULL;
}

static void load(z_stream *z, const struct compress_step *s)
{
	z->next_in = (Bytef *)(uintptr_t)s->in;
	z->avail_in = s->in_len < UINT_MAX ? (uInt)s->in_len : UINT_MAX;
	z->next_out = s->out;
	z->avail_out = s->out_len < UINT_MAX ? (uInt)s->out_len : UINT_MAX;
}

static void store(const z_stream *z, struct compress_step *s)
{
	s->in_len -= (size_t)(z->next_in - s->in);
	s->in = z->next_in;
	s->out_len -= (size_t)(z->next_out - s->out);
	s->out = z->next_out;
}

static int read_gzip(void *state, struct compress_step *s, const char **why)
{
	z_stream *z = state;
	int rc;

	load(z, s);
	rc = inflate(z, Z_NO_FLUSH);
	store(z, s);
	if (rc == Z_STREAM_END)
		inflateReset(z); /* another member may follow */
	else if (rc != Z_OK && rc != Z_BUF_ERROR) {
		*why = rc == Z_MEM_ERROR ? "no memory" : "its gzip data is broken";
		return -EBADMSG;
	}
	return 0;
}

static int write_gzip(void *state, struct compress_step *s, enum compress_end end)
{
	static const int how[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *z = state;
	int rc;

	load(z, s);
	rc = deflate(z, how[end]);
	store(z, s);
	return end == COMPRESS_END ? rc != Z_STREAM_END : s->in_len || !s->out_len;
}

static void close_gzip(void *state, bool write)
{
	if (write)
		deflateEnd(state);
	else
		inflateEnd(state);
	free(state);
}

const struct compress_format compress_gzip = {
	.suffix = ".gz",
	.magic = { 0x1f, 0x8b },
	.magic_len = 2,
	.open = open_gzip,
	.read = read_gzip,
	.write = write_gzip,
	.close = close_gzip,
};
