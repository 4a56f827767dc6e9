/* SPDX-License-Identifier: MIT */
/*
 * When passive proxies look at their rings, and waiting until then or until a message comes.  They
 * look after a kick or a call; and by time (decoder/source/pace.h), as two sides that are busy do not
 * notify each other.  One of these paces all proxies of a process.
 */
#ifndef VQT_EMU_PROXY_POLL_H
#define VQT_EMU_PROXY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/source/pace.h"
#include "decoder/util/histogram.h"
#include "decoder/util/idle.h"
#include "decoder/util/text.h"

#define PROXY_SHARE 10 /* percent of one core, unless another is asked for */
#define PROXY_SHARE_LEAST 2 /* where the two sides have use for all processors */

struct proxy_poll {
	struct pace pace;
	uint64_t due; /* ns: the next look; 0: at once */
	uint64_t free; /* ns: from then on a kick or a call may lead to a look */
	uint64_t gap; /* ns between two of those: a part of the time that a request takes */
	uint64_t noticed; /* ns: the latest notification after which something was found */
	bool resting; /* there is nothing to look at */
	bool woken; /* a message came since the latest look: requests may follow it */
	bool notified; /* and a kick or a call */
	int timer; /* descriptor; -1: none */
	int slack; /* ns, of this thread's timers before; 0: unchanged */
	uint64_t looks, began, cpu; /* ns: as looking began */
	uint64_t spent, measured, each; /* ns of processor time: so far, when measured, of a look */
	struct hist within; /* ns that each event may have happened before its time */
	struct hist apart; /* ns between two looks */
	uint64_t latest; /* ns: the latest look */
	bool yields; /* the share is as much as the processors have to spare, within the limits above */
	struct idle idle;
	uint64_t asked, asked_cpu; /* ns: when that was asked; processor time until then */
};

/*
 * share: percent of one core, 1 to 100; 0: PROXY_SHARE, or less, down to PROXY_SHARE_LEAST, while the
 * processors have less than a core to spare.  0 or negative errno.
 */
int proxy_poll_open(struct proxy_poll *w, unsigned share);
void proxy_poll_close(struct proxy_poll *w); /* fine on zeroes but for the timer: -1 */
/* The thread that calls this is the one that looks, and waits. */
void proxy_poll_begin(struct proxy_poll *w);
/* The time to wait, ns, until a look is due or it is `until` (ns). */
uint64_t proxy_poll_wait(const struct proxy_poll *w, uint64_t until);
/* The descriptor that can be read when a look is due, for who waits otherwise. */
int proxy_poll_timer(struct proxy_poll *w);
bool proxy_poll_due(const struct proxy_poll *w);
/* A look has ended: what it is known by. */
struct proxy_poll_look {
	uint64_t now, cpu; /* ns; cpu: processor time since any fixed time */
	bool follows; /* is there a ring at all? */
	unsigned found; /* entries, of available and of used rings */
	uint32_t in_flight; /* chains */
};
/* A function of times only: when the next look is due, and when one may follow a kick or a call. */
void proxy_poll_plan(struct proxy_poll *w, const struct proxy_poll_look *l);
/* The same, at the time when it is called. */
void proxy_poll_looked(struct proxy_poll *w, bool follows, unsigned found, uint32_t in_flight);
/* The share, where `idle` percent of a core have had nothing to do, and looks took `own`. */
unsigned proxy_poll_share(int idle, unsigned own);
/* A message may have begun a ring: look at once, and often for a while. */
void proxy_poll_wake(struct proxy_poll *w);
/* A kick or a call: look as soon as that is allowed. */
void proxy_poll_notified(struct proxy_poll *w);
/* Is it too early for a look?  Then kicks and calls need not wake anybody. */
bool proxy_poll_spent(const struct proxy_poll *w);
/* "times are right to -1.2 us in 99 % ..."; nothing, where there was no event. */
void proxy_poll_put_within(const struct proxy_poll *w, struct text *t);
/* How often it looked, and what that took. */
void proxy_poll_put_cost(const struct proxy_poll *w, struct text *t);

#endif
