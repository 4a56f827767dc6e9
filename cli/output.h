/* SPDX-License-Identifier: MIT */
/* The files that a trace goes to: one, or a series of them by size or time. */
#ifndef VQT_CLI_OUTPUT_H
#define VQT_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/file.h"
#include "emu/server/helper.h"

/* When they end, and when the next one begins. */
#define TRACE_OUT_OPTIONS(type, out, what) \
	{ OPTION_SIZE, \
	  0, \
	  "max-size", \
	  "SIZE", \
	  what " when it has grown to 100M, 1G, ...", \
	  OPTION_TO(type, out.max_size), \
	  .want = "a size such as 100M" }, \
		{ OPTION_SIZE, \
		  0, \
		  "rotate-size", \
		  "SIZE", \
		  "begin FILE1, FILE2, ... whenever one reaches this size", \
		  OPTION_TO(type, out.rotate_size), \
		  .want = "a size such as 100M" }, \
		{ OPTION_TIME, \
		  0, \
		  "rotate-time", \
		  "TIME", \
		  "begin a new file this often; FILE may be a strftime pattern", \
		  OPTION_TO(type, out.rotate_ns), \
		  .want = "a time such as 10s or 5m" }, \
	{ \
		OPTION_NUMBER, 'W', "files", "COUNT", \
			"keep this many files (by size: reuse them; by time: stop)", \
			OPTION_TO(type, out.files), .min = 1, .max = 100000, \
						    .want = "a count of files" \
	}

struct trace_out {
	const char *path; /* "-", a name, or a strftime(3) pattern */
	uint64_t rotate_size, rotate_ns, max_size; /* 0 none */
	unsigned files; /* -W: keep at most so many, 0 any */
	/* Opens files, but not the first, by trace_out_task(); NULL: this process does. */
	struct helper *helper;
	unsigned helper_task;
	bool batches; /* trace_out_batch() is called now and then */
	/* filled in */
	struct trace_writer *w;
	char current[1024];
	unsigned n; /* files begun */
	uint64_t records; /* written to all files, those without room in a pipe included */
	uint64_t begun, total; /* ns of the monotonic clock; bytes of finished files */
	uint64_t rest; /* ns: when little was written, too, and not only what is worth it */
	uint64_t lost; /* records that the readers of finished files did not take */
	int err; /* of the first write that failed */
	bool full; /* --max-size, or the last of -W files by time, is reached */
};

/* Of a helper that started with a copy of the struct trace_out; its argument. */
enum { TRACE_OUT_NEXT, TRACE_OUT_AGAIN }; /* begin the next file; read the current one */
int trace_out_task(void *opaque, uint32_t arg, int *gives);
/* Begin the first file.  Negative errno, err says why. */
int trace_out_open(struct trace_out *o, struct trace_error *err);
/* Append; after the first error nothing is written any more. */
void trace_out_write(struct trace_out *o, const void *record, size_t len);
/* Between two batches of records: what there was is in the file a tenth of a second later. */
void trace_out_batch(struct trace_out *o, uint64_t now);
/* Has this file reached the size or the age at which the next one begins? */
bool trace_out_due(const struct trace_out *o, uint64_t now);
/* Finish this file and begin the next; the caller then writes a preamble. */
int trace_out_next(struct trace_out *o, struct trace_error *err);
/*
 * Hand over what is in buffers, if a file is written.  A descriptor, which the caller owns: that, or
 * something before, failed; the current file is closed, and is readable as far as it goes.  -1: it
 * did not fail, or what was written cannot be read.
 */
int trace_out_settle(struct trace_out *o);
uint64_t trace_out_bytes(const struct trace_out *o); /* in all files */
/* Records that slow readers of pipes did not take. */
uint64_t trace_out_lost(const struct trace_out *o);
int trace_out_close(struct trace_out *o, int ms); /* as trace_finish_within() */
const char *trace_out_error(int err); /* what it returned, in words; valid until strerror(3) */

#endif
