/* SPDX-License-Identifier: MIT */
/*
 * Records that wait in an outlet for a reader who is late: which of them still have room, and
 * what the trace says of those that have none.
 */
#ifndef VQT_DECODER_TRACE_BACKLOG_H
#define VQT_DECODER_TRACE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/event.h"

struct outlet;

struct backlog {
	struct outlet *outlet; /* NULL: its writer may wait, nothing is dropped */
	size_t limit; /* of the outlet */
	size_t reserve; /* of it, not for events: descriptions, and a compressor's output */
	bool losing; /* until the outlet is half empty */
	uint64_t dropped, told; /* records; of them, those that the trace tells */
	uint64_t dropped_of[256]; /* by source, those that it does not tell yet */
};

/*
 * Is there no room for the record?  It is then counted.  Events leave the reserve to what
 * describes them.
 */
bool backlog_drops(struct backlog *b, const struct vqt_hdr *h);
/*
 * What is to be written before the next record, or at the end, so that the gap in the sequence
 * numbers is explained before it is met.  False: nothing more.
 */
bool backlog_tell(struct backlog *b, uint64_t ts, struct vqt_loss *out);

#endif
