/* SPDX-License-Identifier: MIT */
/* Functions of drivers that had not returned when the trace ended, where their kernel was recorded. */
#ifndef VQT_DECODER_STUCK_CALLS_H
#define VQT_DECODER_STUCK_CALLS_H

#include <json-c/json.h>
#include <stdio.h>

#include "decoder/model/model.h"

#define STUCK_CALLS 8 /* functions of a thread, from the outermost, that are named */

struct stuck_calls;

/* A thread that is in such functions. */
struct stuck_call {
	char device[64]; /* "blk0.driver": of the innermost one; "" none */
	uint32_t tid; /* 0 unknown */
	uint64_t age; /* ns from the innermost one's entry to the end of the trace */
	uint64_t silent; /* ns: for so long nothing was recorded of its kernel any more */
	char function[STUCK_CALLS][48]; /* the outermost first */
	unsigned n; /* 1 to STUCK_CALLS; of more, the innermost are left out */
	/* The latest access to a register that the innermost one's thread made; "" none. */
	char access[96];
};

struct stuck_calls *stuck_calls_new(void); /* NULL: no memory */
void stuck_calls_free(struct stuck_calls *c);
int stuck_calls_feed(struct stuck_calls *c, const struct event *e); /* 0 or -ENOMEM */
/*
 * Those that the trace's last record, at `end` (ns), finds waiting for a second or longer; their
 * number.  last: times of the last records, by source.  *calls is malloced; it may be NULL where there are none.
 */
size_t stuck_calls_end(const struct stuck_calls *c, const struct model *m, const uint64_t last[256],
		       uint64_t end, struct stuck_call **calls);

/* "blk0.driver: the driver is in virtblk_probe > init_vq, ... for 3.1 s". */
void stuck_calls_print(FILE *to, const struct stuck_call *call, size_t n);
struct json_object *stuck_calls_json(const struct stuck_call *call, size_t n);

#endif
