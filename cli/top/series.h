/* SPDX-License-Identifier: MIT */
/* The devices and queues that have samples on a page for Prometheus, by their labels. */
#ifndef VQT_CLI_TOP_SERIES_H
#define VQT_CLI_TOP_SERIES_H

#include "cli/top/core.h"

/* A row of a device or a queue, as it is now. */
struct series {
	char *labels; /* the key: no two series have the same */
	struct top_row *row;
	const struct model_device *model;
	const struct stats_device *device;
	const struct stats_queue *queue; /* of a queue's row */
	struct stats_counts counts;
	UT_hash_handle hh;
};

/*
 * Into *all, which is NULL before, in order of the rows; what has been gone for ten minutes is left
 * out.  Valid until the next record or tick.  0, or -ENOMEM: then *all may hold some.
 */
int top_series_find(struct series **all, const struct top_core *c);
void top_series_free(struct series *all); /* NULL is fine */

#endif
