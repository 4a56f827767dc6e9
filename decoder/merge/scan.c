/* SPDX-License-Identifier: MIT */
/*
 * Which bounds are true, and where the clocks made a step.
 *
 * A bound that contradicts the ones before it is either false or the first that shows a step.
 * The bounds after it decide: do more of them contradict the past, or this one?
 */
#include <math.h>
#include <stdlib.h>

#include "decoder/merge/impl.h"

#define ROUNDING 2 /* ns: bounds are whole numbers */

void align_slopes(const struct align *a, uint32_t run, uint64_t g, uint64_t to, double *low,
		  double *high)
{
	*low = -a->drift;
	*high = a->drift;
	if (!a->rates.known || a->rates.run != run)
		return;

	double far = fmax(fabs(align_x(g, a->rates.g)), fabs(align_x(to, a->rates.g)));
	double more = a->wander * (1 + far / (double)a->limits.window);

	*low = fmax(*low, a->rates.low - more);
	*high = fmin(*high, a->rates.high + more);
}

/*
 * The two are of different kinds: no f keeps both.  tight: with the rates that are known of the
 * run, not only the possible ones.
 */
static bool contradict(const struct align *a, const struct bound *old, const struct bound *new,
		       bool tight)
{
	double low = -a->drift, high = a->drift;
	double x = align_x(new->g, old->g), y = align_y(new->g, new->h, old->g, old->h);

	if (tight)
		align_slopes(a, a->run, old->g, new->g, &low, &high);
	return new->kind == LOWER ? y > high *x + ROUNDING : y < low *x - ROUNDING;
}

static bool contradicts(const struct align *a, const struct cones *c, const struct bound *b,
			bool tight)
{
	return c->has[!b->kind] && contradict(a, &c->tip[!b->kind], b, tight);
}

static void absorb(const struct align *a, struct cones *c, const struct bound *b, bool tight)
{
	const struct bound *tip = &c->tip[b->kind];
	double low = -a->drift, high = a->drift;
	double x = align_x(b->g, tip->g), y = align_y(b->g, b->h, tip->g, tip->h);

	if (tight)
		align_slopes(a, a->run, tip->g, b->g, &low, &high);
	if (c->has[b->kind] && (b->kind == UPPER ? y > high * x : y < low * x))
		return;
	c->has[b->kind] = true;
	c->tip[b->kind] = *b;
}

enum verdict { OPEN, FALSE_BOUND, STEP };

/*
 * Does more of what follows contradict the bound pending[at], or what was before it?  The first
 * difference that is clear counts: later there may be another step.
 *
 * Where bounds come of one kind only they contradict neither.  But then a false bound stands out
 * alone, while all after a step do.  STEP: *begin is set to the first bound that is surely
 * behind it.
 */
static enum verdict judge(const struct align *a, unsigned at, bool now, unsigned *begin)
{
	struct cones past = a->cones, alone = { 0 };
	bool all = a->n - at > ALIGN_AHEAD || a->newest - a->pending[at].g >= a->limits.lag_max;
	int against = 0;
	unsigned agree = 0, second = 0; /* of the kind, with the past; the next that does not */

	*begin = at;
	absorb(a, &alone, &a->pending[at], false);
	for (unsigned i = at + 1; i < a->n && i - at <= ALIGN_AHEAD && abs(against) < ALIGN_CLEAR;
	     i++) {
		const struct bound *b = &a->pending[i];

		if (contradicts(a, &alone, b, false))
			against++;
		else
			absorb(a, &alone, b, false);
		if (contradicts(a, &past, b, true)) {
			against--;
			if (!second && b->kind == a->pending[at].kind) {
				second = i;
				if (agree >= ALIGN_ALONE)
					*begin = i;
			}
		} else {
			absorb(a, &past, b, true);
			agree += b->kind == a->pending[at].kind;
		}
	}
	if (abs(against) < ALIGN_CLEAR && !all && !now)
		return OPEN;
	return against > 0 || (!against && !second && agree >= ALIGN_ALONE) ? FALSE_BOUND : STEP;
}

static void leave_out(struct align *a, struct bound *b, bool outlier)
{
	b->state = BOUND_LEFT_OUT;
	if (outlier)
		a->outlier[a->counts.outliers++ % ALIGN_OUTLIERS] =
			(struct align_outlier){ b->g, b->h, b->kind == UPPER };
}

/* How many of the bounds from pending[at] on agree with it and with each other. */
static unsigned agreeing(const struct align *a, unsigned at)
{
	struct cones c = { 0 };
	unsigned n = 0;

	for (; at + n < a->n && n < ALIGN_AHEAD; n++) {
		const struct bound *b = &a->pending[at + n];

		if (contradicts(a, &c, b, false))
			break;
		absorb(a, &c, b, false);
	}
	return n;
}

/* Does a used bound contradict the new run, the n bounds from `first` on? */
static bool before_step(const struct align *a, const struct bound *b, const struct bound *first,
			unsigned n, bool tight)
{
	unsigned against = 0;

	if (b->kind == first->kind)
		return false;
	if (contradict(a, b, first, tight))
		return true;
	/* One that is false must not make the step later than it was. */
	for (unsigned i = 1; i < n && against < 2; i++)
		against += first[i].kind == first->kind && contradict(a, b, &first[i], tight);
	return against >= 2;
}

/*
 * The clocks made a step between the last bound that contradicts pending[at] and pending[begin].
 * Not the very last one: a false bound must not make the step later than it was.
 */
static void begin_run(struct align *a, unsigned at, unsigned begin)
{
	struct bound *b = &a->pending[at];
	bool few = a->run_bounds < ALIGN_RUN && !(a->has_knot && a->knot.run == a->run);
	bool tight = !contradicts(a, &a->cones, b, false);
	unsigned n = agreeing(a, at), against = 0, end = a->first;

	for (unsigned i = at; i > a->first && !few && against < 2; i--) {
		struct bound *old = &a->pending[i - 1];

		if (old->state == BOUND_USED && old->run == a->run &&
		    before_step(a, old, b, n, tight)) {
			against++;
			end = i;
		}
	}
	for (unsigned i = end; i < at; i++)
		if (a->pending[i].state == BOUND_USED && a->pending[i].run == a->run)
			leave_out(a, &a->pending[i], few);
	for (; a->scanned < begin; a->scanned++)
		leave_out(a, &a->pending[a->scanned], false);
	if (!few) {
		a->reason = tight ? ALIGN_RATE : b->kind == LOWER ? ALIGN_PAUSE : ALIGN_STEP;
		if (tight) {
			a->loose_run = a->run;
			a->counts.rates++;
		} else {
			a->counts.steps++;
		}
		a->run++;
	}
	a->run_bounds = a->run_all = 0;
	a->cones = (struct cones){ 0 };
}

static void use(struct align *a, struct bound *b)
{
	b->state = BOUND_USED;
	b->run = a->run;
	b->reason = a->run_bounds++ ? ALIGN_CONTINUES : a->reason;
	absorb(a, &a->cones, b, true);
}

void align_scan(struct align *a, bool now)
{
	for (; a->scanned < a->n; a->scanned++) {
		enum verdict v = OPEN;
		unsigned begin;

		a->undecided = false;
		if (contradicts(a, &a->cones, &a->pending[a->scanned], true)) {
			v = judge(a, a->scanned, now, &begin);
			a->undecided = v == OPEN;
			if (v == OPEN)
				return;
		}
		a->counts.examined++;
		if (v == FALSE_BOUND) {
			leave_out(a, &a->pending[a->scanned], true);
			continue;
		}
		if (v == STEP)
			begin_run(a, a->scanned, begin);
		use(a, &a->pending[a->scanned]);
	}
}
