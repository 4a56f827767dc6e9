/* SPDX-License-Identifier: MIT */
/*
 * Trace files: nanosecond pcap, LINKTYPE_USER0, one event record a packet,
 * through libpcap.  Packet timestamps are wall-clock, records carry their own
 * clock (struct vqt_session.wall relates the two).  pcapng of the same link
 * type can be read.  A writer can also feed a pipe ("-").  Files compressed with
 * gzip or zstd are read as they are, and written when their name ends with .gz
 * or .zst.
 */
#ifndef VQT_DECODER_TRACE_FILE_H
#define VQT_DECODER_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/record.h"

struct trace_reader;
struct trace_writer;

/* An error in words: cause, then remedy, without a trailing newline. */
struct trace_error {
	char text[384];
};

/*
 * Open for reading; "-" is standard input.  Negative errno, with err filled in
 * one line: not a pcap (-EBADMSG), wrong link type (-EPROTOTYPE), empty (-ENODATA),
 * or what open(2) says.
 */
int trace_open(struct trace_reader **out, const char *path, struct trace_error *err);
/* The same of a descriptor that was opened as this path; owns it from now on. */
int trace_open_fd(struct trace_reader **out, int fd, const char *path, struct trace_error *err);
/* The same from bytes in memory (fuzzing, tests); the bytes must outlive the reader. */
int trace_open_memory(struct trace_reader **out, const void *bytes, size_t len,
		      struct trace_error *err);
/*
 * Read the next record.  1: *rec is valid until the next call; 0: end of file; -EBADMSG: the
 * file ends in the middle of a record or holds an invalid one; err says which, and reading
 * can go on only if *again is set to true.  -EPROTONOSUPPORT: the version is too new.
 */
int trace_next(struct trace_reader *t, struct record *rec, bool *again, struct trace_error *err);
/* Number of the record last returned, from 1, and bytes of the file consumed so far. */
uint64_t trace_number(const struct trace_reader *t);
uint64_t trace_bytes(const struct trace_reader *t);
/* How much of the file was read, in thousandths; -1: of a pipe, unknown. */
int trace_progress(const struct trace_reader *t);
/* Wall-clock ns of the packet last returned. */
uint64_t trace_wall(const struct trace_reader *t);
void trace_close(struct trace_reader *t);

/*
 * Open for writing; "-" is standard output.  The first record written must be a
 * VQT_SESSION: it fixes the relation to the wall clock and the magic of the file.
 */
int trace_create(struct trace_writer **out, const char *path, struct trace_error *err);
/*
 * The same for who must not wait: if the file is a pipe or socket whose reader is slow, some
 * megabytes wait for it, and further events are lost.  They are counted, here and by a
 * VQT_LOSS in the trace once the reader goes on.
 */
int trace_create_live(struct trace_writer **out, const char *path, struct trace_error *err);
/* The same, of a descriptor that was opened as this path; owns it from now on. */
int trace_create_live_fd(struct trace_writer **out, int fd, const char *path,
			 struct trace_error *err);
/* Append one record of len bytes (<= VQT_RECORD_MAX).  Negative errno (ENOSPC, EPIPE). */
int trace_write(struct trace_writer *w, const void *record, size_t len);
int trace_flush(struct trace_writer *w);
/*
 * A plain file gets what is written when it is 4 KiB.  After trace_batches() it gets it by trace_batch(),
 * to be called when a batch of records is complete: one system call for all of them, if they are 4 KiB; or
 * all of it.
 */
void trace_batches(struct trace_writer *w);
int trace_batch(struct trace_writer *w, bool all);
/* Records left out as the reader was slow. */
uint64_t trace_dropped(const struct trace_writer *w);
/* Has the file no name any more?  What is written goes away with the writer. */
bool trace_removed(const struct trace_writer *w);
/* Does something wait for the reader?  trace_flush() gives it what it takes. */
bool trace_waiting(const struct trace_writer *w);
/* Bytes of the file so far; what the compressor still holds back is not counted. */
uint64_t trace_written(const struct trace_writer *w);
/* Flush, close; the error of the last write if there was one. */
int trace_finish(struct trace_writer *w);
/*
 * The same, but when the reader takes nothing for ms, or takes too long, -ETIMEDOUT or -ETIME as
 * outlet_drain() says: what still waited for it is lost.
 */
int trace_finish_within(struct trace_writer *w, int ms);

#endif
