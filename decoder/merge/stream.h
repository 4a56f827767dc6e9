/* SPDX-License-Identifier: MIT */
/* A trace file read from its beginning; damage ends it, and is remembered. */
#ifndef VQT_DECODER_MERGE_STREAM_H
#define VQT_DECODER_MERGE_STREAM_H

#include "decoder/trace/file.h"

struct stream {
	struct trace_reader *t;
	struct record rec; /* if `has` */
	uint64_t number; /* of rec in its file */
	bool has;
	uint64_t broken; /* records that are invalid, and were left out */
	bool cut; /* the file ends in the middle of a record */
	struct trace_error why; /* of the latest of these */
};

/* Opens the file and reads the first record.  0, or negative errno with err filled in. */
int stream_open(struct stream *s, const char *path, struct trace_error *err);
/* Reads the next record; at the end `has` becomes false. */
void stream_next(struct stream *s);
void stream_close(struct stream *s); /* also of one that is zeroed */

#endif
