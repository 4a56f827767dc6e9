/* SPDX-License-Identifier: MIT */
/*
 * The time that lists of processes may take: all of a list, those of one user in it, and a single process,
 * which is left alone for a while after it took too long.  What is left out is counted, to be said.  This
 * reads no clock and no process.
 */
#ifndef VQT_BPF_QEMU_BUDGET_H
#define VQT_BPF_QEMU_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "decoder/util/text.h"

#define BUDGET_LIST_NS UINT64_C(3000000000) /* of this thread's time, for all processes */
#define BUDGET_USER_NS UINT64_C(500000000) /* for those of one user */
#define BUDGET_USER_WALL_NS \
	UINT64_C(3000000000) /* for them, of the time that passes: files come from disks */
#define BUDGET_USERS 64 /* kept apart; further ones share */
#define BUDGET_SLOW 64 /* processes that are left alone at a time */

struct budget_process {
	pid_t pid;
	long uid;
	/* When it was started: numbers are used again.  Asked only of those that were slow. */
	unsigned long long (*begun)(pid_t pid);
};

/* What reading a process took: of this thread's time, of the time that passes. */
struct budget_cost {
	uint64_t cpu, wall;
	bool too_long; /* it reached the limits of one process */
};

/* All zeroes: nothing was read before.  Private. */
struct budget {
	struct budget_user {
		long uid;
		bool shared; /* with users that came later */
		uint64_t cpu, wall; /* in this list */
		uint64_t resume,
			pause; /* he used up his time: not looked at before; the next one */
		unsigned left_out; /* processes, in this list */
		bool said;
	} user[BUDGET_USERS];
	size_t nusers;
	struct budget_slow {
		pid_t pid;
		unsigned long long begun;
		uint64_t resume, pause;
		bool said;
	} slow[BUDGET_SLOW];
	size_t nslow;
	uint64_t cpu; /* in this list */
	unsigned left_out; /* as there was no time for any */
	bool said;
};

/* A list begins; processes that have ended are forgotten. */
void budget_begin(struct budget *b, bool (*alive)(pid_t pid));
/* Whether there is time to read this one; now: ns. */
bool budget_allows(struct budget *b, const struct budget_process *p, uint64_t now);
/* It was read, beginning at `now`. */
void budget_took(struct budget *b, const struct budget_process *p, const struct budget_cost *cost,
		 uint64_t now);
/* The n-th thing that is left out, as a line; false: there are no more. */
bool budget_left_out(const struct budget *b, size_t n, struct text *line);
/* The next of them that this has not told of yet. */
bool budget_newly_left_out(struct budget *b, struct text *line);

#endif
