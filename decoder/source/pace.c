/* SPDX-License-Identifier: MIT */
#include "decoder/source/pace.h"

#define MEAN 32 /* looks that the mean is of */

void pace_init(struct pace *p, unsigned share)
{
	*p = (struct pace){ .share = share ? share : 1,
			    .interval = PACE_FAST,
			    .credit = (int64_t)PACE_BURST };
}

/* What may be spent grows with the time and shrinks with what was spent. */
static void account(struct pace *p, uint64_t now, uint64_t cpu)
{
	uint64_t passed = now - p->now, spent = cpu - p->cpu;
	uint64_t debt = p->credit < 0 ? (uint64_t)-p->credit : 0;
	/* of a long pause nothing more is saved than the burst */
	uint64_t most = (PACE_BURST + debt + spent) * 100 / p->share;

	p->credit += (int64_t)((passed < most ? passed : most) * p->share / 100);
	p->credit -= (int64_t)spent;
	if (p->credit > (int64_t)PACE_BURST)
		p->credit = (int64_t)PACE_BURST;
	spent = spent < PACE_BURST ? spent : PACE_BURST;
	p->mean = p->mean ? (p->mean * (MEAN - 1) + spent) / MEAN : spent;
}

/*
 * The wait that keeps the share, if each look costs the mean.  It shrinks to nothing with what is
 * saved, and grows with the debt, so that neither lasts.
 */
static uint64_t even(const struct pace *p)
{
	const int64_t most = (int64_t)PACE_BURST;
	int64_t credit = p->credit > -most ? p->credit : -most;
	uint64_t each = p->mean * 100 / p->share;

	return each * (uint64_t)(most - credit) / PACE_BURST +
	       (uint64_t)(credit - p->credit) * 100 / p->share;
}

/* The smallest of the latest gaps. */
static uint64_t smallest(const struct pace *p)
{
	uint64_t least = p->gap[0];

	for (unsigned i = 1; i < PACE_GAPS; i++)
		least = p->gap[i] < least ? p->gap[i] : least;
	return least;
}

static void learn(struct pace *p, uint64_t gap)
{
	p->gap[p->gaps % PACE_GAPS] = gap;
	p->gaps = p->gaps + 1 < 2 * PACE_GAPS ? p->gaps + 1 : PACE_GAPS;
	if (p->gaps < PACE_GAPS)
		return;
	/* one who was slow on purpose must not be left alone for long: other rings are looked at, too */
	gap = smallest(p);
	p->quiet = gap < PACE_SLOW ? gap : PACE_SLOW;
}

void pace_arrival(struct pace *p, uint64_t now, unsigned n, bool late)
{
	/* it was not there yet at the last look */
	if (p->arrived && (p->now > p->arrived || n > 1))
		learn(p, (p->now - p->arrived) / n);
	else if (p->arrived && late)
		learn(p, p->quiet / 4 * 3);
	p->arrived = now;
}

void pace_assist(struct pace *p, bool yes)
{
	p->assisted = yes;
}

uint64_t pace_next(struct pace *p, uint64_t now, uint64_t cpu, bool found)
{
	uint64_t wait, least, again;

	if (p->now)
		account(p, now, cpu);
	if (found || !p->now)
		p->found = now;
	p->now = now;
	p->cpu = cpu;
	if (now - p->found < PACE_HOLD)
		p->interval = PACE_FAST;
	else if (p->interval < PACE_SLOW)
		p->interval = p->interval * 2 < PACE_SLOW ? p->interval * 2 : PACE_SLOW;
	wait = p->interval;
	if (p->assisted && wait < PACE_ASSISTED)
		wait = PACE_ASSISTED;
	least = even(p);
	if (least > wait)
		wait = least;
	if (least <= 2 * PACE_FAST || !p->quiet)
		return now + wait;
	again = p->arrived + p->quiet + PACE_MARGIN;
	return again > now + wait ? again : now + wait;
}
