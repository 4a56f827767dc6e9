/* SPDX-License-Identifier: MIT */
/* The answers for the queues of a machine or a trace, as text and JSON. */
#ifndef VQT_DECODER_STUCK_REPORT_H
#define VQT_DECODER_STUCK_REPORT_H

#include <json-c/json.h>
#include <stdio.h>

#include "decoder/stuck/stuck.h"

#define STUCK_REQUESTS 4 /* requests of a queue that are named */

struct stuck_request {
	uint16_t head; /* split: index of the head; packed: buffer id */
	bool sure; /* it is proven to be in flight; otherwise it is likely */
	uint64_t age; /* ns it has waited; 0 unknown */
	bool older; /* at least so long: it was popped before the trace began */
	char text[128]; /* "IN sector 2048, 8 sectors"; "" unknown */
};

/* A queue and its answer.  Names may be of unknown origin. */
struct stuck_row {
	char device[64]; /* "blk0" */
	char id[128]; /* the user's own; "" none */
	char type[64]; /* of the device; "" unknown */
	unsigned queue;
	char name[32]; /* "requestq" */
	struct stuck_facts facts;
	enum stuck_verdict verdict;
	struct stuck_request request[STUCK_REQUESTS]; /* the oldest first */
	size_t nrequests;
};

/*
 * Print the rows of one machine, those of a device together: queues with something
 * outstanding, and the others in one line a device, or all of them.
 */
void stuck_print(FILE *to, const struct stuck_row *row, size_t n, bool all);
struct json_object *stuck_json(const struct stuck_row *row);
/* How many are stuck. */
size_t stuck_count(const struct stuck_row *row, size_t n);

#endif
