/* SPDX-License-Identifier: MIT */
/* What a capture counts, and what it could not do. */
#ifndef VQT_BPF_SESSION_STATS_H
#define VQT_BPF_SESSION_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct capture_stats {
	uint64_t records; /* passed on */
	uint64_t by_type[64]; /* enum vqt_type */
	uint64_t lost; /* records */
	uint64_t lost_why[5]; /* enum vqt_loss_why */
	uint64_t chains_missed; /* popped by the device without being recorded */
	uint64_t stacks_missed; /* that were asked for */
	uint64_t calls_missed; /* that are in the trace as events only */
	uint64_t stacks_unread; /* stacks with frames in files that cannot be read */
	bool stacks_given_up; /* of a process: its files make unwinding fail */
	unsigned alive; /* processes */
};

/* A probe that was requested but could not be attached. */
struct capture_missing {
	pid_t pid;
	char probe[48];
	char reason[64];
	const char *costs; /* what is missing from the trace */
};

#endif
