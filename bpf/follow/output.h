/* SPDX-License-Identifier: MIT */
/*
 * Records on their way out.  What was read of a ring waits here until it is known that it was a ring
 * by then, and is dropped if it was not; and the records of both sources get into the order of their
 * times.
 */
#ifndef VQT_BPF_FOLLOW_OUTPUT_H
#define VQT_BPF_FOLLOW_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/event.h"

struct output_item {
	uint64_t ts;
	size_t at, len; /* in `bytes` */
	bool read; /* of a ring */
};

struct output {
	/* The record; the bytes are valid during the call and may be changed. */
	void (*emit)(void *ctx, void *record, size_t len);
	void *ctx;
	bool as_put; /* the order is that in which they come: they describe, for a file to begin */
	/* private */
	uint8_t *bytes;
	size_t len, size;
	struct output_item *item;
	size_t n, room;
	unsigned reads; /* items that were read of rings */
};

#define OUTPUT_BYTES (32U << 20) /* that wait, at most; then nothing more is to be read of rings */

void output_free(struct output *o);
/* 0 or -ENOMEM: it is not taken.  read: see above. */
int output_put(struct output *o, const void *record, size_t len, bool read);
/*
 * What was read of this device's rings after `ts` (ns) was read of something else.  queue:
 * VQT_NO_QUEUE: of all.  Returns how many records are dropped.
 */
unsigned output_drop(struct output *o, uint8_t source, uint16_t device, uint16_t queue,
		     uint64_t ts);
/* Does anything wait that was read of a ring? */
bool output_waits(const struct output *o);
bool output_full(const struct output *o);
void output_flush(struct output *o);

#endif
