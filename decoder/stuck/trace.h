/* SPDX-License-Identifier: MIT */
/* The state of all queues at the end of a trace. */
#ifndef VQT_DECODER_STUCK_TRACE_H
#define VQT_DECODER_STUCK_TRACE_H

#include "decoder/stuck/calls.h"
#include "decoder/stuck/report.h"
#include "decoder/trace/record.h"

struct stuck_trace;

struct stuck_trace *stuck_trace_new(void); /* NULL: no memory */
void stuck_trace_free(struct stuck_trace *t);
/* 0 or -ENOMEM. */
int stuck_trace_feed(struct stuck_trace *t, const struct record *rec);
/*
 * Judge all queues as they are after the last record.  *rows is malloced, and NULL without
 * memory; returns their number.
 */
size_t stuck_trace_end(struct stuck_trace *t, struct stuck_row **rows);
/* Functions of drivers that have not returned: as stuck_calls_end(). */
size_t stuck_trace_calls(const struct stuck_trace *t, struct stuck_call **calls);

#endif
