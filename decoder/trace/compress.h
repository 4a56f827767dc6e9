/* SPDX-License-Identifier: MIT */
/*
 * Compressed trace files: gzip (RFC 1952) and zstd (RFC 8878) below the pcap reader and writer.
 * zstd is loaded when it is first needed, as it has no static archive and not every machine
 * has its headers; without it an error says so.
 *
 * A compressed file is not trusted.  Its memory is bounded (16 MiB), and so is what it may
 * become: above 64 MiB not more than 1000 times its own size.
 */
#ifndef VQT_DECODER_TRACE_COMPRESS_H
#define VQT_DECODER_TRACE_COMPRESS_H

#include <stdint.h>
#include <stdio.h>

/* The state of a compressed stream.  It lives until its FILE is closed. */
struct compress;

/*
 * If *f begins as a compressed file does, replace it by a stream of what it decompresses to;
 * closing that closes the former one.  *c is NULL for a plain file.  0, or a negative errno
 * with *why pointing at a static sentence; then *f is as it was.
 */
int compress_reader(FILE **f, struct compress **c, const char **why);
/* Replace *f by a stream that compresses, if the name of the file ends with .gz or .zst. */
int compress_writer(FILE **f, const char *path, struct compress **c, const char **why);

/* Why reading ended with an error; NULL: no error of compression.  Static. */
const char *compress_error(const struct compress *c);
/* Bytes of the compressed file read or written so far. */
uint64_t compress_bytes(const struct compress *c);
/*
 * After fflush(): make what was written until now readable (end 0), or end the compressed
 * data (end 1); after that nothing can be written.  Negative errno.
 */
int compress_flush(struct compress *c, int end);

#endif
