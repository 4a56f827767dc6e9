/* SPDX-License-Identifier: MIT */
/* A trace in memory, as a list of records that tests can change. */
#ifndef VQT_TESTS_UNIT_TRACE_BUFFER_H
#define VQT_TESTS_UNIT_TRACE_BUFFER_H

#include "decoder/model/model.h"

struct trace_buffer {
	uint8_t **bytes;
	size_t *len;
	size_t n, cap;
};

void trace_buffer_add(struct trace_buffer *t, const void *bytes, size_t len);
bool trace_buffer_load(struct trace_buffer *t,
		       const char *path); /* a trace file; false: not readable */
void trace_buffer_copy(struct trace_buffer *to, const struct trace_buffer *from);
void trace_buffer_remove(struct trace_buffer *t, size_t i);
void trace_buffer_free(struct trace_buffer *t);

/*
 * Find the nth event (from 0) for which `is` returns true.  Returns its record's bytes,
 * which may be changed in place, and its index (if not NULL); NULL: none.
 */
uint8_t *trace_buffer_find(struct trace_buffer *t, bool (*is)(const struct event *e), unsigned nth,
			   size_t *index);

#endif
