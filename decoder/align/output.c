/* SPDX-License-Identifier: MIT */
/* When a moment is decided, and the segments between such moments. */
#include <math.h>

#include "decoder/align/impl.h"

static void put(struct align *a, struct align_segment s)
{
	if (a->made - a->taken >= ALIGN_SEGMENTS) {
		a->taken++;
		a->counts.lost++;
	}
	a->segment[a->made++ % ALIGN_SEGMENTS] = s;
}

static double either(const struct knot *k)
{
	return fmax(k->below, k->above);
}

/* Another time of those that it may be. */
static void move(struct knot *k, int64_t by)
{
	k->h += (uint64_t)by;
	k->above = fmax(k->above - (double)by, 0);
	k->below = fmax(k->below + (double)by, 0);
}

/* From the last knot to this one, in one run. */
static void put_between(struct align *a, const struct knot *to)
{
	const struct knot *from = &a->knot;
	double x = align_x(to->g, from->g), y = align_y(to->g, to->h, from->g, from->h);
	double error = fmax(either(from), either(to)) + align_bend(a, x, from->loose || to->loose);

	/* A step may be anywhere between: f at its end, or at its beginning, is that of all. */
	if (from->may_rise || to->may_rise)
		error = fmax(error, fmax(from->below, to->above) + fmax(y, 0) + a->drift * x);
	if (from->may_fall || to->may_fall)
		error = fmax(error, fmax(from->above, to->below) + fmax(-y, 0) + a->drift * x);

	put(a, (struct align_segment){
		       .guest = from->g,
		       .guest_end = to->g,
		       .host = from->h,
		       .host_end = to->h,
		       .error = align_whole(error),
		       .jump = a->next_jump,
		       .reason = a->next_reason ? a->next_reason
				 : to->changed	? ALIGN_RATE
						: ALIGN_CONTINUES,
		       .extrapolated = to->extrapolated,
		       .hurried = to->extrapolated && a->hurrying,
	       });
	a->counts.rates += to->changed;
	a->next_reason = ALIGN_CONTINUES;
	a->next_jump = 0;
}

/*
 * Do bounds that were left out between the last knot and this one say that f, less the last knot's,
 * was not always in [low, high]?  Then there may have been more than the one step.
 */
static bool other_steps(const struct align *a, const struct knot *to, double low, double high)
{
	for (unsigned i = a->first; i < a->scanned && a->pending[i].state != BOUND_USED; i++) {
		const struct bound *b = &a->pending[i];
		double h = (double)(int64_t)(b->h - a->knot.h);

		if (align_x(b->g, to->g) < 0 && (b->kind == UPPER ? h < low : h > high))
			return true;
	}
	return false;
}

/* From the last knot over a step to this one. */
static void put_step(struct align *a, struct knot *to, enum align_reason reason)
{
	const struct knot *from = &a->knot;

	if (reason != ALIGN_STEP && (int64_t)(to->h - from->h) < 0)
		move(to, (int64_t)(from->h - to->h));

	double x = align_x(to->g, from->g), h = (double)(int64_t)(to->h - from->h);
	double drift = a->drift * x;
	/* f - from->h, if the step is at the end or at the beginning. */
	double high = fmax(from->above + x + drift, h + to->above);
	double low = fmin(-from->below, h - to->below - x - drift);

	/* A step up, or none, leaves f between what it was and what it becomes. */
	if (h >= x) {
		low = -from->below;
		high = fmax(h + to->above, from->above + x + drift);
	}
	put(a, (struct align_segment){
		       .guest = from->g,
		       .guest_end = to->g,
		       .host = from->h,
		       .host_end = to->h,
		       .error = a->next_reason || other_steps(a, to, low, high)
					? ALIGN_UNKNOWN
					: align_whole(fmax(high - fmin(0, h), fmax(0, h) - low)),
		       .jump = (int64_t)((to->h - from->h) - (to->g - from->g)),
		       .reason = a->next_reason ? a->next_reason : (uint8_t)reason,
	       });
	a->next_reason = ALIGN_CONTINUES;
}

/* --- the next knot --------------------------------------------------------------- */

static bool used(const struct align *a, unsigned i, uint32_t run)
{
	return a->pending[i].state == BOUND_USED && a->pending[i].run == run;
}

/* Is the moment of pending[at] to be decided with the bounds that are there? */
static bool ripe(const struct align *a, unsigned at)
{
	unsigned after = a->scanned - at - 1, n[2] = { 0 };
	uint64_t time = a->newest - a->pending[at].g;

	if (a->undecided)
		return false;
	if (after >= ALIGN_PLENTY || time >= a->limits.lag_max)
		return true;
	if (after < ALIGN_ENOUGH && time < a->limits.lag)
		return false;
	for (unsigned i = at + 1; i < a->scanned; i++)
		if (used(a, i, a->pending[at].run) && ++n[a->pending[i].kind] >= ALIGN_EACH &&
		    n[LOWER] >= ALIGN_EACH && n[UPPER] >= ALIGN_EACH)
			return true;
	return false;
}

/* The bound in (knot, pending[at]) by which the straight line to k is most wrong; at: by none. */
static unsigned worst(const struct align *a, unsigned at, const struct knot *k, double *low,
		      double *high)
{
	double length = align_x(k->g, a->knot.g), h = (double)(int64_t)(k->h - a->knot.h), most = 1;
	unsigned found = at;

	*low = -INFINITY;
	*high = INFINITY;
	for (unsigned i = a->first; i < at; i++) {
		const struct bound *b = &a->pending[i];
		double x = align_x(b->g, a->knot.g), y = (double)(int64_t)(b->h - a->knot.h);
		double off = b->kind == UPPER ? h * x / length - y : y - h * x / length;

		if (!used(a, i, k->run) || x <= 0 || x >= length)
			continue;
		if (b->kind == UPPER)
			*high = fmin(*high, y * length / x);
		else
			*low = fmax(*low, y * length / x);
		if (off > most) {
			most = off;
			found = i;
		}
	}
	return found;
}

/*
 * The knot at pending[at], or at one before it, so that the line to it keeps the bounds that it
 * passes and does not go back.  Returns which.
 */
static unsigned aim(struct align *a, unsigned at, struct knot *k)
{
	uint32_t run = a->pending[at].run;

	for (unsigned tries = 0;; tries++) {
		double low, high, h;
		unsigned bad;

		align_claim(a, a->pending[at].g, run, k);
		if (isinf(k->below) || isinf(k->above) || isinf(a->knot.below) ||
		    isinf(a->knot.above))
			return at;
		if ((int64_t)(k->h - a->knot.h) < 0)
			move(k, (int64_t)(a->knot.h - k->h));
		bad = worst(a, at, k, &low, &high);
		if (bad == at)
			return at;
		h = (double)(int64_t)(k->h - a->knot.h);
		low = fmax(low, fmax(h - k->below, 0)) - h;
		high = fmin(high, h + k->above) - h;
		if (low <= high && low < 9e18 && high > -9e18) { /* as little as is needed */
			move(k, (int64_t)(low > 0 ? ceil(low) : floor(fmin(high, 0))));
			return at;
		}
		if (tries == 8 || a->pending[bad].g == a->knot.g)
			return at;
		at = bad;
	}
}

/* The last bound before which, and not after, bounds of both kinds are known to follow. */
static unsigned last_sure(const struct align *a, uint32_t run)
{
	bool has[2] = { false, false };

	for (unsigned i = a->scanned; i-- > a->first;) {
		if (!used(a, i, run))
			continue;
		has[a->pending[i].kind] = true;
		if (has[LOWER] && has[UPPER])
			return i;
	}
	return a->first;
}

/* The last bound of a hop that begins at the last knot and with pending[at]. */
static unsigned hop(const struct align *a, unsigned at, uint32_t run)
{
	unsigned last = at, sure = last_sure(a, run), most = at <= sure ? ALIGN_HOP : ALIGN_HOP / 8;
	uint64_t length = a->limits.lag / 8;

	if (!a->seen[LOWER] || !a->seen[UPPER])
		return at;
	for (unsigned i = at + 1; i < a->scanned && i - at < most && (at > sure || i <= sure); i++)
		if (used(a, i, run) && a->pending[i].g - a->knot.g <= length)
			last = i;
	return last;
}

/* Everything up to pending[at] is decided. */
static void pass(struct align *a, unsigned at, const struct knot *k)
{
	for (; a->first < a->scanned; a->first++) {
		const struct bound *b = &a->pending[a->first];

		if (a->first > at && (b->g != k->g || (b->state == BOUND_USED && b->run != k->run)))
			break;
		if (used(a, a->first, k->run)) {
			align_past_add(a, b);
			a->seen[b->kind] = true;
		}
	}
	a->knot = *k;
	a->has_knot = a->had_knot = true;
}

static bool decide_one(struct align *a, bool now)
{
	unsigned at = a->first;
	struct knot k;
	bool over, first;

	while (at < a->scanned && a->pending[at].state != BOUND_USED)
		at++;
	if (at == a->scanned) {
		a->first = at;
		return false;
	}

	const struct bound *b = &a->pending[at];
	enum align_reason reason = b->reason;
	uint32_t run = b->run;

	over = run != a->run;
	first = !a->has_knot || a->knot.run != run;
	if (!first)
		at = hop(a, at, run);
	if (!now && !over && !ripe(a, at))
		return false;
	if (first) {
		align_past_clear(a);
		a->seen[LOWER] = a->seen[UPPER] = false;
		align_claim(a, a->pending[at].g, run, &k);
	} else if (a->pending[at].g == a->knot.g) {
		k = a->knot; /* they came late */
	} else {
		at = aim(a, at, &k);
		put_between(a, &k);
	}
	if (first && a->had_knot && reason != ALIGN_START && reason != ALIGN_BACK)
		put_step(a, &k, reason);
	else if (first)
		a->next_reason = (uint8_t)reason;
	pass(a, at, &k);
	return true;
}

void align_extrapolate(struct align *a, uint64_t g)
{
	struct knot k;

	if (!a->has_knot || a->first < a->n || align_x(g, a->knot.g) <= 0)
		return;
	align_claim(a, g, a->knot.run, &k);
	k.extrapolated = true;
	if ((int64_t)(k.h - a->knot.h) < 0)
		move(&k, (int64_t)(a->knot.h - k.h));
	put_between(a, &k);
	a->knot = k;
}

void align_decide(struct align *a, bool now)
{
	align_scan(a, now);
	while (decide_one(a, now))
		;
}

void align_decide_scanned(struct align *a)
{
	align_scan(a, false);
	while (decide_one(a, true))
		;
}

void align_put_moment(struct align *a)
{
	const struct knot *k = &a->knot;

	if (a->made || !a->has_knot || isinf(k->below) || isinf(k->above))
		return;
	put(a, (struct align_segment){
		       .guest = k->g,
		       .guest_end = k->g,
		       .host = k->h,
		       .host_end = k->h,
		       .error = align_whole(either(k)),
		       .reason = a->next_reason,
		       .extrapolated = true,
		       .hurried = a->hurrying,
	       });
	a->next_reason = ALIGN_CONTINUES;
}
