/* SPDX-License-Identifier: MIT */
/*
 * When to look at the rings next.  While something happens, and for a while after it, looks are
 * close together; then they become rare.  However much happens, the processor time stays
 * below a share of one core: where that allows fewer looks, they are evenly apart, those that
 * cost more as those that cost less; but not so soon after an arrival that none has ever followed
 * another as fast.  A function of times only: it has no clock.
 */
#ifndef VQT_DECODER_SOURCE_PACE_H
#define VQT_DECODER_SOURCE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_FAST UINT64_C(20000) /* ns between two looks while something happens */
#define PACE_SLOW UINT64_C(10000000) /* ns, at most, when nothing has happened for long */
#define PACE_ASSISTED UINT64_C(1000000) /* ns between two looks while others see what happens */
#define PACE_MARGIN UINT64_C(40000) /* ns that what arrives early may wait for a look */
#define PACE_GAPS 64
#define PACE_HOLD UINT64_C(1000000000) /* ns after the last event that looks stay close together */
#define PACE_BURST UINT64_C(10000000) /* ns of processor time that may be saved up, or borrowed */

struct pace {
	unsigned share; /* percent of one core */
	/* private */
	uint64_t now, cpu; /* as of the last call; now 0: none yet */
	uint64_t found; /* ns, when something was found last */
	uint64_t interval;
	int64_t credit; /* ns of processor time that may be spent at once; below 0: a debt */
	uint64_t gap[PACE_GAPS]; /* ns, at least, between the latest arrivals */
	unsigned gaps; /* that there ever were, up to PACE_GAPS and back to 0 */
	/* ns, up to PACE_SLOW: nothing has arrived as soon as that after what arrived before */
	uint64_t quiet;
	uint64_t arrived; /* ns, when something had arrived last; 0: never */
	uint64_t mean; /* ns of processor time from one look to the next */
	bool assisted;
};

void pace_init(struct pace *p, unsigned share);
/* While something else tells of what happens, looks are further apart. */
void pace_assist(struct pace *p, bool yes);
/*
 * The look that ends at `now` has found n > 0 new entries that the other side must see while they
 * are there.  To be called before pace_next().
 */
void pace_arrival(struct pace *p, uint64_t now, unsigned n, bool late);
/*
 * A look has ended at `now` (ns), and `cpu` ns of processor time have been spent since any fixed
 * time.  found: did it find something?  Returns the time of the next look, after now.  Neither
 * time may go back.
 */
uint64_t pace_next(struct pace *p, uint64_t now, uint64_t cpu, bool found);

#endif
