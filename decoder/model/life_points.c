/* SPDX-License-Identifier: MIT */
/* The points of a request's life: what they are called, and the time between them. */
#include "decoder/model/life.h"

static const struct point_words {
	const char *name, *help;
} points[LIFE_POINTS] = {
	[LIFE_MADE] = { "made", "the block layer makes the request" },
	[LIFE_ISSUED] = { "issued", "in the block layer's queue" },
	[LIFE_ADDING] = { "adding", "the driver prepares it" },
	[LIFE_ADDED] = { "added", "the driver adds it to the ring" },
	[LIFE_DECIDED] = { "decided", "added, until the driver looks whether to kick" },
	[LIFE_NOTIFIED] = { "notified", "until the driver kicks" },
	[LIFE_KICKED] = { "kicked", "the kick's way to the device" },
	[LIFE_POPPED] = { "popped", "in the ring, until the device pops it" },
	[LIFE_SUBMITTED] = { "submitted", "the device prepares it" },
	[LIFE_ANSWERED] = { "answered", "in the back end" },
	[LIFE_PUSHED] = { "pushed", "at the device, until it has used it" },
	[LIFE_RAISED] = { "raised", "used, until the device interrupts" },
	[LIFE_HANDLED] = { "handled", "the interrupt's way to the driver's handler" },
	[LIFE_TAKEN] = { "taken", "in the used ring, until the driver takes it" },
	[LIFE_COMPLETED] = { "completed", "the driver completes it" },
};

const char *life_point_name(enum life_point p)
{
	return points[p].name;
}

const char *life_point_help(enum life_point p)
{
	return points[p].help;
}

unsigned life_spans(const struct model_life *l, struct life_span out[LIFE_POINTS])
{
	enum life_point from = LIFE_POINTS;
	unsigned n = 0;
	uint64_t at = 0;

	for (enum life_point p = 0; p < LIFE_POINTS; p++) {
		if (!l->at[p])
			continue;
		if (from != LIFE_POINTS)
			out[n++] = (struct life_span){
				.to = p,
				.ns = l->at[p] > at ? l->at[p] - at : 0,
				.crosses = life_point_of_driver(from) != life_point_of_driver(p),
			};
		from = p;
		/* what lies before an earlier point takes no time, so that the sum is the whole */
		at = l->at[p] > at ? l->at[p] : at;
	}
	return n;
}
