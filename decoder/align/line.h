/* SPDX-License-Identifier: MIT */
/*
 * Straight lines that run below some points and above others: y = a + r * x, with a + r * x <= y
 * at each upper point (x, y) and >= at each lower one.
 */
#ifndef VQT_DECODER_ALIGN_LINE_H
#define VQT_DECODER_ALIGN_LINE_H

#include <stdbool.h>

struct line_point {
	double x, y;
};

struct line_constraint {
	double x, y;
	bool upper;
};

/*
 * Add a point, whose x is not less than the last one's, to a convex hull: of upper points if
 * upper, which has those that a line below all points can touch; else of lower points.  Returns
 * how many there are.
 */
unsigned line_hull_add(struct line_point *hull, unsigned n, struct line_point p, bool upper);

/*
 * The line for which along_a * a + along_r * r is largest among those with r in [low, high];
 * *a beyond +-1e29: there is no limit.  Linear in n for the order that line_shuffle() makes.
 * false: there is no line.
 */
bool line_extreme(const struct line_constraint *c, unsigned n, double low, double high,
		  double along_a, double along_r, double *a, double *r);
void line_shuffle(struct line_constraint *c, unsigned n);

#endif
