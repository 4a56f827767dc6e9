/* SPDX-License-Identifier: MIT */
/*
 * Packets on their way to a plain file: many of them to a write(2), and always whole ones, so that a file
 * ends with a whole record, unless a write is cut short by SIGKILL or the machine going down: a reader
 * leaves such an end out.
 */
#ifndef VQT_DECODER_TRACE_WRITEBUF_H
#define VQT_DECODER_TRACE_WRITEBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writebuf {
	int fd; /* not closed here */
	bool cut; /* when a write fails in the middle of a packet, its beginning is taken back */
	size_t len;
	uint8_t *bytes; /* NULL: there is no buffer */
};

/* 0 or -ENOMEM.  cut: only for a file that nobody else writes to. */
int writebuf_open(struct writebuf *b, int fd, bool cut);
/*
 * Add a packet of a nanosecond pcap; len is at most VQT_RECORD_MAX.  false: there is no room for it before
 * what there is has been written.
 */
bool writebuf_put(struct writebuf *b, uint64_t wall_ns, const void *record, size_t len);
/* Write what there is.  Negative errno; nothing of it is kept then. */
int writebuf_flush(struct writebuf *b);
void writebuf_free(struct writebuf *b);

#endif
