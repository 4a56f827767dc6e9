/* SPDX-License-Identifier: MIT */
/*
 * A trace that is sent while it is recorded: bytes of a nanosecond pcap as they come, for readers
 * that must not block.  The sender may be restarted at any byte, and then begins a new trace; what is
 * between the last whole record and that is left out.
 */
#ifndef VQT_DECODER_TRACE_FEED_H
#define VQT_DECODER_TRACE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/record.h"

struct trace_feed;

enum feed_result {
	FEED_MORE, /* bytes are needed */
	FEED_BEGIN, /* a trace begins: nothing of the one before will come */
	FEED_RECORD, /* a record */
	FEED_BAD, /* something that is none, left out */
};

struct feed_counts {
	uint64_t records;
	uint64_t bad; /* records that are invalid, and places where there was no record */
	uint64_t skipped; /* bytes that belong to no record */
	uint64_t begun; /* traces */
};

struct trace_feed *trace_feed_new(void); /* NULL: no memory */
void trace_feed_free(struct trace_feed *f);
/*
 * Where the next bytes are to be put, and how many fit: at least one once trace_feed_next() has
 * said FEED_MORE.  Records that were handed out are no longer valid.
 */
uint8_t *trace_feed_room(struct trace_feed *f, size_t *room);
/* So many bytes were put there. */
void trace_feed_add(struct trace_feed *f, size_t n);
/* Another connection: what is left of the one before belongs to no record. */
void trace_feed_restart(struct trace_feed *f);
/* No bytes come any more: what waited for the ones behind it is decided. */
void trace_feed_end(struct trace_feed *f);
/* The next of what has come; *rec points into the feed. */
enum feed_result trace_feed_next(struct trace_feed *f, struct record *rec);
void trace_feed_counts(const struct trace_feed *f, struct feed_counts *out);

#endif
