/* SPDX-License-Identifier: MIT */
/*
 * A question about a guest's clock, as it is sent to who records there, over the connection that
 * carries the trace: text without control characters, so that a terminal or a multiplexer that it
 * comes to by mistake does nothing.  The answer is a VQT_EXCHANGE in the trace.
 */
#ifndef VQT_DECODER_TRACE_QUESTION_H
#define VQT_DECODER_TRACE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#define QUESTION_BYTES 24 /* "vqt-time" and 16 lower-case hexadecimal digits */

void question_make(char to[QUESTION_BYTES], uint64_t nonce);

/* Questions among bytes as they come; zeroed at first. */
struct question {
	uint64_t nonce; /* of its digits so far */
	unsigned n; /* bytes of a question so far */
};

/* One more byte.  true: it ends a question, and *nonce is set; never 0. */
bool question_read(struct question *q, uint8_t byte, uint64_t *nonce);

#endif
