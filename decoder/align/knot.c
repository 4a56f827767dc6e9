/* SPDX-License-Identifier: MIT */
/*
 * What is known of f at one moment: the tightest that all bounds in a window around it allow.
 *
 * The tangent of f there is a straight line, and f leaves it by at most wander * x within the
 * window.  So the line keeps all bounds once they are wider by that much; the highest and the
 * lowest such line at this moment are what f can be.
 */
#include <math.h>

#include "decoder/align/impl.h"

#define SLACK 0.5 /* ns: keeps what is just possible possible when numbers are rounded */

/* --- the past of a run --------------------------------------------------------- */

void align_past_clear(struct align *a)
{
	a->nblocks = 0;
}

static struct block *newest_block(struct align *a, uint64_t g)
{
	struct block *b = &a->block[a->last_block];

	if (a->nblocks && align_x(g, b->g) < (double)a->limits.window / (ALIGN_BLOCKS - 1))
		return b;
	a->last_block = (a->last_block + 1) % ALIGN_BLOCKS;
	if (a->nblocks < ALIGN_BLOCKS)
		a->nblocks++;
	b = &a->block[a->last_block];
	b->g = g;
	b->n[LOWER] = b->n[UPPER] = 0;
	return b;
}

/* The number of the point in a hull, not its ends, without which it changes least. */
static unsigned least(const struct line_point *p, unsigned n)
{
	unsigned best = 1;
	double area = INFINITY;

	for (unsigned i = 1; i + 1 < n; i++) {
		double of = fabs((p[i].x - p[i - 1].x) * (p[i + 1].y - p[i - 1].y) -
				 (p[i + 1].x - p[i - 1].x) * (p[i].y - p[i - 1].y));

		if (of < area) {
			area = of;
			best = i;
		}
	}
	return best;
}

void align_past_add(struct align *a, const struct bound *b)
{
	struct block *block = newest_block(a, b->g);
	struct bound *hull = block->hull[b->kind];
	struct line_point p[ALIGN_HULL + 1];
	unsigned n = block->n[b->kind], left;

	for (unsigned i = 0; i < n; i++)
		p[i] = (struct line_point){ align_x(hull[i].g, b->g),
					    align_y(hull[i].g, hull[i].h, b->g, b->h) };
	left = line_hull_add(p, n, (struct line_point){ 0, 0 }, b->kind == UPPER);
	if (left && (p[left - 1].x != 0 || p[left - 1].y != 0))
		return; /* at the same time as one that says more */
	if (left > ALIGN_HULL) {
		unsigned out = least(p, left);

		for (unsigned i = out; i + 1 < n; i++)
			hull[i] = hull[i + 1];
		left--;
	}
	hull[left - 1] = *b;
	block->n[b->kind] = left;
}

/* --- a moment -------------------------------------------------------------------- */

/* What was gathered: y is 0 where the host's clock is as far ahead of the guest's as at h. */
struct moment {
	uint64_t g, h;
	uint32_t run;
	unsigned n[2]; /* of a->hull */
	/* What bounds of a kind not after this moment, and not before it, say by the drift alone. */
	struct side {
		bool has[2];
		double cone[2];
	} left, right;
	bool seen[2]; /* earlier in the run */
	double low, high; /* f(g) - h */
};

static void see(struct side *s, unsigned kind, double sign, double y)
{
	if (!s->has[kind] || sign * (y - s->cone[kind]) < 0)
		s->cone[kind] = y;
	s->has[kind] = true;
}

static void gather(struct align *a, struct moment *m, const struct bound *b)
{
	double x = align_x(b->g, m->g), y = align_y(b->g, b->h, m->g, m->h);
	bool upper = b->kind == UPPER;
	double sign = upper ? 1 : -1, wide = a->wander * fabs(x) + SLACK;

	if (fabs(x) <= (double)a->limits.window)
		m->n[b->kind] = line_hull_add(a->hull[b->kind], m->n[b->kind],
					      (struct line_point){ x, y + sign * wide }, upper);
	y += sign * a->drift * fabs(x);
	if (x <= 0)
		see(&m->left, b->kind, sign, y);
	if (x >= 0)
		see(&m->right, b->kind, sign, y);
}

static void gather_all(struct align *a, struct moment *m)
{
	for (unsigned i = a->nblocks; i--;) {
		const struct block *b =
			&a->block[(a->last_block + ALIGN_BLOCKS - i) % ALIGN_BLOCKS];

		for (unsigned kind = LOWER; kind <= UPPER; kind++)
			for (unsigned j = 0; j < b->n[kind]; j++)
				gather(a, m, &b->hull[kind][j]);
	}
	for (unsigned i = a->first; i < a->scanned; i++) {
		const struct bound *b = &a->pending[i];

		if (b->state == BOUND_USED && b->run == m->run)
			gather(a, m, b);
	}
}

/* The lines that the window allows.  false: none, the rate changed too much. */
static bool lines(struct align *a, struct moment *m, struct rates *rates)
{
	struct line_constraint *c = a->constraint;
	double d = a->drift, high, low, r_high, r_low, unused;
	unsigned n = 0;

	for (unsigned kind = LOWER; kind <= UPPER; kind++)
		for (unsigned i = 0; i < m->n[kind]; i++)
			c[n++] = (struct line_constraint){ a->hull[kind][i].x, a->hull[kind][i].y,
							   kind == UPPER };
	line_shuffle(c, n);
	if (!line_extreme(c, n, -d, d, 1, 0, &high, &unused) ||
	    !line_extreme(c, n, -d, d, -1, 0, &low, &unused) ||
	    !line_extreme(c, n, -d, d, 0, 1, &unused, &r_high) ||
	    !line_extreme(c, n, -d, d, 0, -1, &unused, &r_low))
		return false;
	m->high = high > 1e29 ? INFINITY : high;
	m->low = low < -1e29 ? -INFINITY : low;
	*rates = (struct rates){ true, m->run, m->g, r_low, r_high };
	return true;
}

/* The rate changed somewhere near: what holds whatever it did. */
static void cones_only(struct moment *m)
{
	m->high = m->left.has[UPPER] ? m->left.cone[UPPER] : INFINITY;
	m->low = m->left.has[LOWER] ? m->left.cone[LOWER] : -INFINITY;
}

/* What was known at the last knot, carried on. */
static void carry_on(struct align *a, struct moment *m)
{
	const struct knot *k = &a->knot;
	double low, high, x = align_x(m->g, k->g), y = align_y(k->g, k->h, m->g, m->h);

	if (!a->has_knot || k->run != m->run)
		return;
	align_slopes(a, m->run, k->g, m->g, &low, &high);
	m->high = fmin(m->high, y + k->above + high * x);
	m->low = fmax(m->low, y - k->below + low * x);
}

/*
 * A step up is shown by upper bounds before it and lower ones after it.  Where either is missing
 * there may be one: then only lower bounds before this moment and upper ones after it hold.
 * So it is with steps down, the other way round.
 */
static void distrust(struct moment *m, struct knot *k)
{
	const struct side *l = &m->left, *r = &m->right;
	bool never[2] = { !m->seen[LOWER] && !l->has[LOWER], !m->seen[UPPER] && !l->has[UPPER] };

	k->may_rise = never[UPPER] || (r->has[UPPER] && !r->has[LOWER]);
	k->may_fall = never[LOWER] || (r->has[LOWER] && !r->has[UPPER]);
	if (r->has[UPPER])
		m->high = k->may_rise ? r->cone[UPPER] : fmin(m->high, r->cone[UPPER]);
	if (r->has[LOWER])
		m->low = k->may_fall ? r->cone[LOWER] : fmax(m->low, r->cone[LOWER]);
	if (never[UPPER])
		m->low = l->has[LOWER] ? l->cone[LOWER] : -INFINITY;
	if (never[LOWER])
		m->high = l->has[UPPER] ? l->cone[UPPER] : INFINITY;
}

static uint64_t some_host(const struct align *a, uint64_t g, uint32_t run)
{
	for (unsigned i = a->first; i < a->scanned; i++) {
		const struct bound *b = &a->pending[i];

		if (b->state == BOUND_USED && b->run == run)
			return b->h + (g - b->g);
	}
	return a->knot.h + (g - a->knot.g);
}

void align_claim(struct align *a, uint64_t g, uint32_t run, struct knot *k)
{
	struct moment m = { .g = g, .h = some_host(a, g, run), .run = run };
	bool same = a->has_knot && a->knot.run == run;
	struct rates rates = { 0 };

	*k = (struct knot){ .g = g, .run = run };
	m.low = -INFINITY;
	m.high = INFINITY;
	gather_all(a, &m);
	k->extrapolated = !m.right.has[LOWER] && !m.right.has[UPPER];
	m.seen[LOWER] = same && a->seen[LOWER];
	m.seen[UPPER] = same && a->seen[UPPER];
	k->loose = run == a->loose_run || !lines(a, &m, &rates);
	if (k->loose) {
		k->changed = run != a->loose_run;
		a->rates.known = false;
		align_past_clear(a);
		cones_only(&m);
	}
	carry_on(a, &m);
	distrust(&m, k);
	if (rates.known && !k->extrapolated && !k->may_rise && !k->may_fall)
		a->rates = rates;
	if (m.low > m.high) { /* bounds that contradict by less than was noticed */
		double t = m.low;

		m.low = m.high;
		m.high = t;
	}

	double mid = isinf(m.low) || isinf(m.high) ? 0 : floor((m.low + m.high) / 2);

	mid = fmin(fmax(mid, -9e18), 9e18);
	k->h = m.h + (uint64_t)(int64_t)mid;
	k->above = m.high - mid;
	k->below = mid - m.low;
}

double align_bend(const struct align *a, double length, bool loose)
{
	if (loose)
		return a->drift / 2 * length;

	/* A chord is nowhere farther off than a quarter of what the rate may vary, times length. */
	double vary = a->wander * (1 + length / (double)a->limits.window);

	return fmin(vary / 4, a->drift / 2) * length;
}
