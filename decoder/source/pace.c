/* SPDX-License-Identifier: MIT */
#include "decoder/source/pace.h"

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
}

uint64_t pace_next(struct pace *p, uint64_t now, uint64_t cpu, bool found)
{
	uint64_t wait, owed;

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
	owed = p->credit < 0 ? (uint64_t)-p->credit * 100 / p->share : 0;
	return now + (owed > wait ? owed : wait);
}
