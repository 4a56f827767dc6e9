/* SPDX-License-Identifier: MIT */
/*
 * Which bounds are true, and where the clocks made a step.
 *
 * A bound that contradicts the ones before it is either false or the first that shows a step.
 * The bounds after it decide: do more of them contradict the past, or this one?
 */
#include <math.h>
#include <stdlib.h>

#include "decoder/align/impl.h"

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

bool align_contradict(const struct align *a, const struct bound *old, const struct bound *new,
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
	return c->has[!b->kind] && align_contradict(a, &c->tip[!b->kind], b, tight);
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

/* A step: the bound that shows it, and the first one that is surely behind it. */
struct step {
	unsigned shown, begin;
};

/* What the bounds after pending[at] say, as far as they were looked at. */
struct evidence {
	unsigned at;
	struct cones past, alone; /* what was before it, and it; with those that agree */
	int against; /* how many more contradict pending[at] than the past */
	unsigned both; /* contradict it and the past */
	unsigned agree; /* of its kind, with the past */
	unsigned second; /* the next of its kind that does not; 0: none */
	unsigned begin; /* the same if enough agreed before; else `at` */
	bool denied; /* some contradict pending[at] */
	/* The next of its kind that contradicts the past, and none after it pending[at]; 0: none. */
	unsigned sure;
	bool both_since; /* but for some after `sure` that contradict both */
};

static void weigh(const struct align *a, struct evidence *e, unsigned i)
{
	const struct bound *b = &a->pending[i];
	bool not_it = contradicts(a, &e->alone, b, false),
	     not_past = contradicts(a, &e->past, b, true),
	     same_kind = b->kind == a->pending[e->at].kind;

	e->against += not_it - not_past;
	e->both += not_it && not_past;
	if (!not_it)
		absorb(a, &e->alone, b, false);
	if (!not_past) {
		absorb(a, &e->past, b, true);
		e->agree += same_kind;
	}
	if (not_it && !same_kind) {
		e->denied = e->both_since = true;
		e->sure = not_past ? e->sure : 0;
	}
	if (!not_past || !same_kind)
		return;
	if (!e->second && e->agree >= ALIGN_ALONE)
		e->begin = i;
	if (!e->second)
		e->second = i;
	if ((!e->sure || e->both_since) && !not_it && !b->denied &&
	    contradicts(a, &a->cones, b, true)) {
		e->sure = i;
		e->both_since = false;
	}
}

/* Where both pending[at] and the past are contradicted is another step; what follows is of that. */
static bool is_over(const struct evidence *e)
{
	return abs(e->against) >= ALIGN_CLEAR || e->both >= ALIGN_CLEAR;
}

static bool is_false(const struct evidence *e)
{
	bool alone = e->both >= ALIGN_CLEAR || (!e->second && e->agree >= ALIGN_ALONE);

	return e->against > 0 || (e->denied && !e->sure) || (!e->against && alone);
}

/*
 * Does more of what follows contradict the bound pending[at], or what was before it?  The first
 * difference that is clear counts: later there may be another step.
 *
 * Where bounds come of one kind only they contradict neither.  But then a false bound stands out
 * alone, while all after a step do.
 *
 * Where some contradict pending[at] and yet more the past, it may be false, and the step after it.
 * Then it is left out; the step is shown by the next one that no others contradict.
 */
static enum verdict judge(const struct align *a, unsigned at, bool now, struct step *step)
{
	const struct bound *first = &a->pending[at];
	struct evidence e = { .at = at,
			      .past = a->cones,
			      .against = first->denied,
			      .denied = first->denied,
			      .begin = at };
	bool all = a->n - at > ALIGN_AHEAD || a->newest - first->g >= a->limits.lag_max;

	absorb(a, &e.alone, first, false);
	for (unsigned i = at + 1; i < a->n && i - at <= ALIGN_AHEAD && !is_over(&e); i++)
		weigh(a, &e, i);
	if (!is_over(&e) && !all && !now)
		return OPEN;
	if (is_false(&e))
		return FALSE_BOUND;
	*step = e.denied ? (struct step){ e.sure, e.sure } : (struct step){ at, e.begin };
	return STEP;
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
	if (align_contradict(a, b, first, tight))
		return true;
	/* One that is false must not make the step later than it was. */
	for (unsigned i = 1; i < n && against < 2; i++)
		against += first[i].kind == first->kind && align_contradict(a, b, &first[i], tight);
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
		struct step step;

		a->undecided = false;
		if (contradicts(a, &a->cones, &a->pending[a->scanned], true)) {
			v = judge(a, a->scanned, now, &step);
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
			begin_run(a, step.shown, step.begin);
		use(a, &a->pending[a->scanned]);
	}
}
