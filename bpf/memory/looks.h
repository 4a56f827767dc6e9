/* SPDX-License-Identifier: MIT */
/* The thread that looks at rings: when (decoder/source/pace.h), before what other work, at what cost. */
#ifndef VQT_BPF_MEMORY_LOOKS_H
#define VQT_BPF_MEMORY_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/source/pace.h"
#include "decoder/util/text.h"

struct looks {
	/* One look at `now` (ns), at everything that is due; returns whether something was found. */
	bool (*look)(void *opaque, uint64_t now);
	void *opaque;
	struct pace pace;
	int timer; /* descriptor: readable when a look is due */
	uint64_t due; /* ns: the next look */
	int slack; /* of timers, before; 0: unchanged */
	bool normal, hurries; /* scheduling: may it be changed; is it real-time now? */
	uint64_t began, cpu; /* ns, as looking began */
	uint64_t n;
	/* ns of processor time: since then, as of the latest measurement, of a look */
	uint64_t spent, measured, each;
	/* Of the present look; who looks counts: */
	unsigned arrived; /* chains that were found */
	bool late; /* one of them had been used already */
};

/* share: percent of one core.  0 or negative errno. */
int looks_open(struct looks *l, unsigned share, bool (*look)(void *opaque, uint64_t now),
	       void *opaque);
void looks_close(struct looks *l);
/* The thread that calls this is the one that looks. */
void looks_begin(struct looks *l);
/* Descriptor for who waits otherwise: it is readable when a look is due. */
int looks_timer(struct looks *l);
/* Look whenever it is due, for so long.  0 or -EINTR. */
int looks_run(struct looks *l, int timeout_ms);
/* Looks come before other work; all else that this thread does may not: false before that. */
void looks_hurry(struct looks *l, bool yes);
void looks_put_cost(const struct looks *l, struct text *t);

#endif
