/* SPDX-License-Identifier: MIT */
/*
 * Linear programming in two variables, one constraint after the other (Seidel 1991): while the
 * best line so far keeps the next one nothing is to be done, else the best line touches it.
 */
#include <math.h>
#include <stdint.h>

#include "decoder/align/line.h"

#define NO_LIMIT 1e30

unsigned line_hull_add(struct line_point *hull, unsigned n, struct line_point p, bool upper)
{
	double sign = upper ? 1 : -1;

	if (n && p.x <= hull[n - 1].x) {
		if (sign * (p.y - hull[n - 1].y) >= 0)
			return n;
		n--;
	}
	for (; n > 1; n--) {
		const struct line_point *from = &hull[n - 2], *mid = &hull[n - 1];

		if (sign * ((mid->y - from->y) * (p.x - from->x) -
			    (p.y - from->y) * (mid->x - from->x)) <
		    0)
			break;
	}
	hull[n] = p;
	return n + 1;
}

void line_shuffle(struct line_constraint *c, unsigned n)
{
	uint32_t random = 1;

	for (unsigned i = n; i > 1; i--) {
		random = random * 1664525 + 1013904223;
		unsigned j = (unsigned)((uint64_t)random * i >> 32);
		struct line_constraint t = c[i - 1];

		c[i - 1] = c[j];
		c[j] = t;
	}
}

static bool keeps(const struct line_constraint *c, double a, double r)
{
	double y = a + r * c->x;

	return c->upper ? y <= c->y : y >= c->y;
}

/* The r in [*low, *high] with which a line that touches `on` keeps the n constraints. */
static bool range(const struct line_constraint *on, const struct line_constraint *c, unsigned n,
		  double *low, double *high)
{
	for (unsigned i = 0; i < n; i++) {
		double dx = c[i].x - on->x, dy = c[i].y - on->y;

		if (!c[i].upper) {
			dx = -dx;
			dy = -dy;
		}
		/* r * dx <= dy */
		if (dx > 0)
			*high = fmin(*high, dy / dx);
		else if (dx < 0)
			*low = fmax(*low, dy / dx);
		else if (dy < 0)
			return false;
	}
	return *low <= *high;
}

bool line_extreme(const struct line_constraint *c, unsigned n, double low, double high,
		  double along_a, double along_r, double *a, double *r)
{
	*r = along_r > 0 ? high : low;
	*a = along_a > 0 ? NO_LIMIT : along_a < 0 ? -NO_LIMIT : 0;
	for (unsigned i = 0; i < n; i++) {
		double from = low, to = high;

		if (keeps(&c[i], *a, *r))
			continue;
		if (!range(&c[i], c, i, &from, &to))
			return false;
		*r = along_r - along_a * c[i].x > 0 ? to : from;
		*a = c[i].y - *r * c[i].x;
	}
	return true;
}
