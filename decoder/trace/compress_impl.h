/* SPDX-License-Identifier: MIT */
/* Between compressed streams and the formats: one ops table a format. */
#ifndef VQT_DECODER_TRACE_COMPRESS_IMPL_H
#define VQT_DECODER_TRACE_COMPRESS_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One step: how much of the input is left, and of the room for output. */
struct compress_step {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

enum compress_end {
	COMPRESS_MORE, /* more will follow */
	COMPRESS_FLUSH, /* give out all that came in */
	COMPRESS_END,
};

struct compress_format {
	const char *suffix; /* of file names */
	uint8_t magic[4];
	size_t magic_len;
	/* NULL, with *why pointing at a static sentence. */
	void *(*open)(bool write, const char **why);
	/*
	 * Decompress; the pointers and lengths move on.  0, or a negative errno with *why.  At
	 * the end of a compressed part the next one may follow.
	 */
	int (*read)(void *state, struct compress_step *s, const char **why);
	/* Compress; 1 while more output is to come for `end`, 0 when it is done. */
	int (*write)(void *state, struct compress_step *s, enum compress_end end);
	void (*close)(void *state, bool write);
};

extern const struct compress_format compress_gzip, compress_zstd;

#endif
