/* SPDX-License-Identifier: MIT */
/* The files a recording goes to: one, or a series of them by size or time. */
#ifndef VQT_CLI_RECORD_OUTPUT_H
#define VQT_CLI_RECORD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/file.h"

struct record_out {
	const char *path; /* "-", a name, or a strftime(3) pattern */
	uint64_t rotate_size, rotate_ns, max_size; /* 0 none */
	unsigned files; /* -W: keep at most so many, 0 any */
	/* filled in */
	struct trace_writer *w;
	char current[1024];
	unsigned n; /* files begun */
	uint64_t begun, total; /* ns of the monotonic clock; bytes of finished files */
	uint64_t lost; /* records that the readers of finished files did not take */
	int err; /* of the first write that failed */
	bool full; /* --max-size, or the last of -W files by time, is reached */
};

/* Begin the first file.  Negative errno, err says why. */
int record_out_open(struct record_out *o, struct trace_error *err);
/* Append; after the first error nothing is written any more. */
void record_out_write(struct record_out *o, const void *record, size_t len);
/* Has this file reached the size or the age at which the next one begins? */
bool record_out_due(const struct record_out *o, uint64_t now);
/* Finish this file and begin the next; the caller then writes a preamble. */
int record_out_next(struct record_out *o, struct trace_error *err);
uint64_t record_out_bytes(const struct record_out *o); /* in all files */
/* Records that slow readers of pipes did not take. */
uint64_t record_out_lost(const struct record_out *o);
int record_out_close(struct record_out *o, int ms); /* as trace_finish_within() */

#endif
