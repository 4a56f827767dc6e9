/* SPDX-License-Identifier: MIT */
/* A guest whose trace is a file: both traces are read ahead of what is written of it. */
#ifndef VQT_DECODER_MERGE_GUEST_FILE_H
#define VQT_DECODER_MERGE_GUEST_FILE_H

#include "decoder/merge/guest.h"
#include "decoder/merge/stream.h"

struct guest_file {
	struct merge_guest *report;
	struct merge_ids ids;
	struct merging *merging;
	/* Read ahead, both, from one match to the next. */
	struct stream ahead[MERGE_SIDES];
	const struct search_match *match;
	size_t matches, at;
	uint64_t since_fed;
	struct stream out; /* to be written */
};

struct guest_file *guest_file_new(struct merge_guest *report); /* NULL: no memory */
void guest_file_free(struct guest_file *f);
/*
 * Both traces have been looked at: open them again, from their beginning.  0 or negative errno with
 * err filled in; -EXDEV: they have nothing in common.
 */
int guest_file_begin(struct guest_file *f, struct merge_host *h, const char *host,
		     struct trace_error *err);
/* The host's time of its next record, in *ts.  1; 0: it has no more; or as merging_time(). */
int guest_file_next(struct guest_file *f, uint64_t *ts, struct trace_error *err);
/* Write this record, and go on.  0 or negative errno. */
int guest_file_write(struct guest_file *f, struct merge_host *h);
void guest_file_report(struct guest_file *f);

#endif
