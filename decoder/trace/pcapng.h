/* SPDX-License-Identifier: MIT */
/*
 * A small pcapng writer, for packets with comments: libpcap reads them but
 * cannot write them.  One section, one interface of LINKTYPE_USER0, times in
 * nanoseconds.
 */
#ifndef VQT_DECODER_TRACE_PCAPNG_H
#define VQT_DECODER_TRACE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Negative errno of the write. */
int pcapng_begin(FILE *to);
/* One packet; wall is ns since 1970; comment NULL or "" for none (cut at 65000 bytes). */
int pcapng_packet(FILE *to, uint64_t wall, const void *bytes, size_t len, const char *comment);

#endif
