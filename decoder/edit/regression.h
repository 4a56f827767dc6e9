/* SPDX-License-Identifier: MIT */
/*
 * Makes a regression test from a trace: shortens and anonymises it, then compares the result
 * with the whole trace.  The test must break the same rules, with no inconsistency that the
 * whole trace does not have.
 */
#ifndef VQT_DECODER_EDIT_REGRESSION_H
#define VQT_DECODER_EDIT_REGRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/edit/shrink.h"
#include "decoder/trace/file.h"

struct rule;

/* Result of regression_make(). */
struct regression_result {
	struct shrink_stats shrunk;
	uint64_t events; /* of the test */
	bool cut; /* cut at the size limit of traces/, as queues were never idle */
	bool torn; /* the trace ends in the middle of a record: read up to there */
	struct trace_error error; /* error of reading or writing, or why the trace is torn */
};

struct regression;

/*
 * Make the test `out` from the trace `in`.  origin describes where the trace is from; NULL
 * uses the trace's own description.  0; -EDOM: result->error says what could not be read or
 * written; -ERANGE: no shortened trace breaks the same rules as the whole one; or another
 * negative errno. After an error the contents of `out` are undefined.  The caller frees *r,
 * also after an error.
 */
int regression_make(struct regression **r, const char *in, const char *out, const char *origin,
		    struct regression_result *result);
/*
 * The n-th rule that the test breaks, and the n-th that only the whole trace breaks; NULL
 * past the end.
 */
const struct rule *regression_broken(const struct regression *r, unsigned n);
const struct rule *regression_lost(const struct regression *r, unsigned n);
void regression_free(struct regression *r);

#endif
