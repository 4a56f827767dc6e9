/* SPDX-License-Identifier: MIT */
/* What the processors that this thread may use have had nothing to do for (proc_stat(5)). */
#ifndef VQT_DECODER_UTIL_IDLE_H
#define VQT_DECODER_UTIL_IDLE_H

#include <sched.h>
#include <stdint.h>

struct idle {
	/* private */
	int fd; /* /proc/stat; -1: it cannot be read */
	long hz; /* ticks a second */
	cpu_set_t allowed;
	uint64_t at, ticks; /* ns; as of the latest question */
};

void idle_open(struct idle *i);
void idle_close(struct idle *i);
/*
 * Percent of one core, since the question before (of several cores it may be more than 100).  now: ns.
 * -1: unknown, as at the first question.  It is counted in ticks, so questions should be 100 ms apart.
 */
int idle_percent(struct idle *i, uint64_t now);
/* The same from the text of /proc/stat: ticks that the allowed ones were idle so far. */
uint64_t idle_ticks(const char *stat, const cpu_set_t *allowed);

#endif
