/* SPDX-License-Identifier: MIT */
/*
 * What both sides of a device recorded, compared: did what the driver did arrive as it was, and did
 * what the device answered?  Where not, something between them is at fault, or one of the recorders;
 * that is no rule of the specification, and accuses neither side.
 *
 * An observer of the model.  Memory is fixed.  What cannot be compared for certain (records that were
 * lost, times that are not known, accesses of another width) is counted as unknown, and never as
 * agreeing or contradicting.
 */
#ifndef VQT_DECODER_CHECK_SIDES_H
#define VQT_DECODER_CHECK_SIDES_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/model/model.h"

enum sides_what {
	SIDES_WRITE, /* registers that the driver wrote */
	SIDES_READ, /* and read */
	SIDES_CHAIN, /* chains that it added */
	SIDES_USED, /* and took back */
	SIDES_WHATS
};

struct sides_count {
	uint64_t agree, differ, missing, unknown;
};

struct sides_contradiction {
	enum sides_what what;
	const struct model_device *device; /* the device's side */
	unsigned queue; /* VQT_NO_QUEUE */
	uint64_t driver, host; /* numbers of the events; host 0: there is none */
	uint64_t since; /* ns since the first event: when the driver did it */
	const char *text; /* a sentence without a full stop; valid during the call */
};
typedef void sides_found(void *opaque, const struct sides_contradiction *c);

struct sides;

struct sides *sides_new(sides_found *found, void *opaque); /* NULL: no memory */
void sides_free(struct sides *s);
/* After model_feed() filled in `e`, for every event in order. */
void sides_feed(struct sides *s, const struct model *m, const struct event *e);
void sides_finish(struct sides *s, const struct model *m);
/* By enum sides_what. */
const struct sides_count *sides_counts(const struct sides *s);
const char *sides_name(enum sides_what what); /* "writes of registers" */
const char *sides_key(enum sides_what what); /* of JSON: "writes" */

#endif
