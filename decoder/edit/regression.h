/* SPDX-License-Identifier: MIT */
/*
 * A test made of a trace: shortened and anonymised, and held against the whole trace: it
 * must break the same rules, and nothing in it may be missing or too many.
 */
#ifndef VQT_DECODER_EDIT_REGRESSION_H
#define VQT_DECODER_EDIT_REGRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/edit/shrink.h"
#include "decoder/trace/file.h"

struct rule;

/* Where a regression failed: see regression_make(). */
struct regression_result {
	struct shrink_stats shrunk;
	uint64_t events; /* of the test */
	bool cut; /* at the size that traces/ takes: queues were never idle */
	bool torn; /* the trace ends in the middle of a record: read up to there */
	struct trace_error error; /* of reading or writing, or why the trace is torn */
};

struct regression;

/*
 * Make the test `out` of the trace `in`; origin: what it says of where it is from, NULL
 * for what the trace says itself.  0; -EDOM: result->error says what could not be read or
 * written; -ERANGE: no shortened trace shows what the whole one shows; or another negative
 * errno.  After an error `out` is of no use.  *r is to be freed even then.
 */
int regression_make(struct regression **r, const char *in, const char *out, const char *origin,
		    struct regression_result *result);
/* The n-th rule that the test breaks; that only the whole trace breaks; NULL behind the last. */
const struct rule *regression_broken(const struct regression *r, unsigned n);
const struct rule *regression_lost(const struct regression *r, unsigned n);
void regression_free(struct regression *r);

#endif
