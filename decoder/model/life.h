/* SPDX-License-Identifier: MIT */
/*
 * The life of a request as both sides recorded it, or as its driver did: when it was where.  A
 * request of a device that only the device's side recorded has none; struct model_request has its
 * times.
 */
#ifndef VQT_DECODER_MODEL_LIFE_H
#define VQT_DECODER_MODEL_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/class/class.h"

struct model_device;

/* Points of a life, in the order of a request that is announced and reported. */
enum life_point {
	LIFE_MADE, /* driver's side: the block layer has it (struct request.start_time_ns) */
	LIFE_ISSUED, /* and hands it to the driver (block_rq_issue) */
	LIFE_ADDING, /* the driver begins to add it to the ring (virtqueue_add_*) */
	LIFE_ADDED, /* and has added it */
	LIFE_DECIDED, /* it has looked whether the device wants a kick (virtqueue_kick_prepare) */
	LIFE_NOTIFIED, /* it writes the kick (virtqueue_notify) */
	LIFE_KICKED, /* device's side: the kick has come */
	LIFE_POPPED, /* it takes the chain from the ring */
	LIFE_SUBMITTED, /* its back end has the request */
	LIFE_ANSWERED, /* and has answered it */
	LIFE_PUSHED, /* the chain is in the used ring */
	LIFE_RAISED, /* the device interrupts */
	LIFE_HANDLED, /* driver's side: the handler runs (vring_interrupt) */
	LIFE_TAKEN, /* the driver takes what was used (virtqueue_get_buf) */
	LIFE_COMPLETED, /* the block layer has it back (block_rq_complete) */
	LIFE_POINTS
};

/* "popped" */
const char *life_point_name(enum life_point p);
/* What goes on until this point: "in the ring, until the device pops it". */
const char *life_point_help(enum life_point p);
/* Is it the driver's clock that the point was seen by? */
static inline bool life_point_of_driver(enum life_point p)
{
	return p < LIFE_KICKED || p >= LIFE_HANDLED;
}

struct model_life {
	uint64_t number; /* of the event with which it began to be seen */
	uint64_t popped, added; /* of the VQT_AVAIL on each side; 0 none */
	struct model_device *device, *driver; /* the two sides; NULL: this one saw nothing of it */
	uint16_t queue, head, pos;
	/* ns on the trace's clock; 0: the point was not seen, or the request did without it */
	uint64_t at[LIFE_POINTS];
	uint32_t
		error; /* ns: +- of the driver's times; VQT_CLOCK_UNKNOWN; 0: the trace's own clock */
	struct class_request io; /* .accepted is NULL */
	uint32_t ndesc; /* descriptors of buffers */
	bool other_recorded; /* one side only, though the other one's trace is there, too */
	bool kicked; /* the driver has notified for it or for others that it added with it */
	uint64_t rq; /* address of the struct request; 0 unknown */
	int32_t tag; /* blk-mq's, if rq is known */
	struct model_life *next; /* in event.lives */
	/* Internal to the model. */
	struct life_links *links;
};

/*
 * The times that a request spent until each point, which sum up to its whole life.  Returns the
 * number of spans; at most LIFE_POINTS.
 */
struct life_span {
	enum life_point to; /* from the point before it that was seen */
	uint64_t ns; /* what the clocks say; not below 0 */
	bool crosses; /* between the sides: right to +-error only */
};
unsigned life_spans(const struct model_life *l, struct life_span out[LIFE_POINTS]);

#endif
