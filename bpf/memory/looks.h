/* SPDX-License-Identifier: MIT */
/* The thread that looks at rings: when (decoder/source/pace.h), before what other work, at what cost. */
#ifndef VQT_BPF_MEMORY_LOOKS_H
#define VQT_BPF_MEMORY_LOOKS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "decoder/source/pace.h"
#include "decoder/source/snoop.h"
#include "decoder/source/source.h"
#include "decoder/trace/build.h"
#include "decoder/util/histogram.h"
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
	uint64_t others; /* ns of processor time that others have spent for it since then */
	/* Of the present look; who looks counts: */
	unsigned arrived; /* chains that were found */
	bool late; /* one of them had been used already */
	bool left_out; /* they are not counted */
	struct hist within; /* of events: ns that each may have happened before its time */
	struct hist apart; /* ns between two looks at a queue in use */
};

/* share: percent of one core.  0 or negative errno. */
int looks_open(struct looks *l, unsigned share, bool (*look)(void *opaque, uint64_t now),
	       void *opaque);
void looks_close(struct looks *l);
/* The thread that calls this is the one that looks. */
void looks_begin(struct looks *l);
/* descriptors() of source_ops: what is readable when a look is due. */
unsigned looks_descriptor(struct looks *l, struct pollfd *fd, int *timeout_ms);
/* Look whenever it is due, for so long; below 0: for a while.  0 or -EINTR. */
int looks_run(struct looks *l, int timeout_ms);
/* Looks come before other work; all else that this thread does may not: false before that. */
void looks_hurry(struct looks *l, bool yes);

/* Others have spent so much processor time (ns) for it by now; less than before: that is not known. */
static inline void looks_others(struct looks *l, uint64_t ns)
{
	if (ns > l->others)
		l->others = ns;
}
/*
 * A record of a snooper that this look has made: a chain is counted, and how far the device has popped
 * is taken out of it: that is not known, and the snooper's own position is another one.
 */
void looks_event(struct looks *l, void *record);
/* What is found now was not found by a look at this time: nothing is learned of when chains come. */
static inline void looks_leave_out(struct looks *l, bool yes)
{
	l->left_out = yes;
}

/*
 * How long before `now` (ns), its time, it may have happened: since the look at `looked`.  0: that was
 * the first look, and nobody knows.
 */
void looks_add_within(struct looks *l, uint64_t now, uint64_t looked, struct build *b);
/* How right the times are. */
void looks_put_within(const struct looks *l, struct text *t);
/* A process that was looked at has ended, `ns` after the look that is longest ago. */
void looks_put_end(struct text *t, uint64_t ns);
/* What looking cost, and what it has not seen.  end: a queue's, as in "was reset". */
void looks_report(const struct looks *l, const struct source_request *r,
		  const struct snoop_stats *t, const char *end);

#endif
