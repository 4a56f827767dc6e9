/* SPDX-License-Identifier: MIT */
/*
 * Traces for other programs: each format is one file of this room and one row of EXPORT_FORMATS.
 *
 * Formats observe the events of a trace in one walk, and write as they go; their memory is bounded
 * by the devices, queues and requests in flight, not by the length of the trace.  None of them
 * makes up a time: what a trace does not tell is left out, and said where the format has words.
 */
#ifndef VQT_DECODER_EXPORT_EXPORT_H
#define VQT_DECODER_EXPORT_EXPORT_H

#include <stdio.h>

#include "decoder/check/check.h"
#include "decoder/fields/fields.h"
#include "decoder/model/model.h"

/* The name of the option (without "--"), and what --help says of it. */
#define EXPORT_FORMATS(ROW) \
	ROW(perfetto, \
	    "tracks, slices, flows and counters for https://ui.perfetto.dev and trace_processor") \
	ROW(chrome, "the same as JSON, for chrome://tracing and what else reads its trace events") \
	ROW(csv, "one line an event, with the fields of -e, for spreadsheets and scripts") \
	ROW(folded, "call stacks and how many events have them, for flame graphs") \
	ROW(blkparse, "the I/O of block devices as blktrace records it, for blkparse and btt") \
	ROW(fio, "the I/O of block devices as an iolog, for fio --read_iolog")

enum export_id {
#define EXPORT_ID(name, help) EXPORT_##name,
	EXPORT_FORMATS(EXPORT_ID)
#undef EXPORT_ID
		EXPORT_COUNT
};

/* What a format is made with; borrowed until it is freed. */
struct export_output {
	FILE *to;
	const struct model *model;
	const struct field *const *column; /* of csv */
	size_t ncolumn;
};

/* Functions return 0, -ENOMEM, or another negative errno of the write. */
struct export_format {
	const char *name;
	void *(*make)(const struct export_output *o); /* NULL: no memory */
	/*
	 * Each event of the trace, in order, after model_feed().  matched: it is to be exported;
	 * the others are only followed.
	 */
	int (*feed)(void *x, const struct event *e, bool matched);
	int (*finding)(void *x, const struct finding *f); /* NULL: it has no place for findings */
	/* The trace is over.  lives: of model_finish(). */
	int (*finish)(void *x, const struct model_life *lives);
	/* After that, what the file lacks, as a sentence: empty if nothing.  NULL: never. */
	void (*lacks)(const void *x, struct text *t);
	void (*free)(void *x);
};

/* By enum export_id. */
extern const struct export_format *const export_formats[EXPORT_COUNT];

#define EXPORT_DECLARE(name, help) extern const struct export_format export_##name;
EXPORT_FORMATS(EXPORT_DECLARE)
#undef EXPORT_DECLARE

#endif
