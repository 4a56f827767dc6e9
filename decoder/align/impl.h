/* SPDX-License-Identifier: MIT */
/* Internal to decoder/align; others include align.h. */
#ifndef VQT_DECODER_ALIGN_IMPL_H
#define VQT_DECODER_ALIGN_IMPL_H

#include "decoder/align/align.h"
#include "decoder/align/line.h"

#define ALIGN_PENDING 4096 /* bounds that are not decided */
#define ALIGN_FULL 8 /* bounds of which the tightest ones go on */
#define ALIGN_ENOUGH 256 /* of these after a moment: it need not wait for more */
#define ALIGN_PLENTY 1024 /* even if they are of one kind */
#define ALIGN_EACH 4 /* of each kind after a moment are both kinds */
#define ALIGN_HOP 64 /* most bounds from one knot to the next */
#define ALIGN_AHEAD 64 /* bounds that are asked whether one is false */
#define ALIGN_CLEAR 2 /* more of them for one than for the other decide */
#define ALIGN_ALONE 3 /* of its kind contradict nothing: then one that does is alone */
#define ALIGN_RUN 3 /* bounds that make a run; fewer are outliers */
#define ALIGN_SEGMENTS 8192
#define ALIGN_OUTLIERS 256
#define ALIGN_BLOCKS 9 /* a window has 8, begun at any time */
#define ALIGN_HULL 24 /* bounds of a kind that a block keeps */
#define ALIGN_DISORDER 10000000 /* ns */
#define ALIGN_FAR 10000000000 /* ns that align_map() goes beyond what is known */

enum bound_state {
	BOUND_NEW, /* not looked at */
	BOUND_USED,
	BOUND_LEFT_OUT, /* on an unknown side of a step, or an outlier */
};

/* kind: of f's value, this is an upper or a lower bound. */
enum { LOWER, UPPER };

struct bound {
	uint64_t g, h;
	uint32_t run; /* between two steps; valid if used */
	uint8_t kind;
	uint8_t state; /* enum bound_state */
	uint8_t reason; /* enum align_reason, of the first bound in a run */
	uint8_t denied; /* by so many later bounds of its bucket that did not go on */
};

/* A moment that a segment ends at: f(g) lies in [h - below, h + above]. */
struct knot {
	uint64_t g, h;
	double below, above; /* not negative; INFINITY: unknown */
	uint32_t run;
	/* Near it there may be a step up, or down, that no bounds show. */
	bool may_rise, may_fall;
	bool changed; /* of rate */
	bool loose; /* nothing is known of the rate but that it is possible */
	bool extrapolated;
};

/* The part of a window's past that matters: convex hulls of what was in a while. */
struct block {
	uint64_t g; /* of the first bound */
	unsigned n[2]; /* by kind */
	struct bound hull[2][ALIGN_HULL];
};

/* The bounds of a while until their tightest go on, one a kind. */
struct bucket {
	unsigned n;
	uint64_t g, h; /* the first */
	bool has[2];
	struct bound best[2];
	double key[2];
	struct bound all[ALIGN_FULL];
};

/* The rates that the bounds around a moment allow, as y for x. */
struct rates {
	bool known;
	uint32_t run;
	uint64_t g;
	double low, high;
};

/* The tightest bounds of a run: which cones of possible rates stand on them. */
struct cones {
	bool has[2];
	struct bound tip[2];
};

struct align {
	struct align_limits limits;
	double drift, wander; /* as y for x */
	struct align_counts counts;
	bool started, ended, hurrying;
	uint64_t newest; /* guest time */

	struct bucket bucket;
	struct bound back[ALIGN_RUN]; /* that went back in time */
	unsigned nback;

	struct bound pending[ALIGN_PENDING]; /* by g */
	unsigned first, n; /* those from first on to n are not decided */
	unsigned scanned; /* those before this are used or left out */

	/* scan.c */
	uint32_t run; /* of the last bound that was scanned */
	uint64_t run_bounds; /* used in it */
	uint64_t run_all; /* that came since it began */
	uint8_t reason; /* why the run began */
	struct cones cones;
	uint32_t loose_run; /* at the end of it the rate changed; 0: none */
	bool undecided; /* whether the next one is false: others have to come */

	/* knot.c */
	struct rates rates;
	struct block block[ALIGN_BLOCKS]; /* a ring: the past of the last knot's run */
	unsigned nblocks, last_block;
	struct line_point hull[2][ALIGN_PENDING + ALIGN_BLOCKS * ALIGN_HULL];
	struct line_constraint constraint[2 * (ALIGN_PENDING + ALIGN_BLOCKS * ALIGN_HULL)];

	bool has_knot; /* in the run that is put out */
	bool had_knot; /* in any run, and guest time did not go back since */
	struct knot knot; /* the last one */
	bool seen[2]; /* bounds of a kind in its run, up to it */
	uint8_t next_reason;
	int64_t next_jump;

	struct align_segment segment[ALIGN_SEGMENTS]; /* rings */
	uint64_t made, taken;
	uint64_t went_back; /* how many were made when guest time last went back */
	struct align_outlier outlier[ALIGN_OUTLIERS];
	uint64_t outliers_taken;
};

/* Signed differences: of guest times, and of how far the host's clock is ahead of the guest's. */
static inline double align_x(uint64_t g, uint64_t from)
{
	return (double)(int64_t)(g - from);
}

static inline double align_y(uint64_t g, uint64_t h, uint64_t from_g, uint64_t from_h)
{
	return (double)(int64_t)((h - from_h) - (g - from_g));
}

/* An error in whole ns, rounded up; or ALIGN_UNKNOWN. */
static inline uint32_t align_whole(double error)
{
	return error < (double)(ALIGN_UNKNOWN - 2) ? (uint32_t)error + 2 : ALIGN_UNKNOWN;
}

/* scan.c: look at pending bounds; now: decide with those that are there. */
void align_scan(struct align *a, bool now);
/*
 * The two are of different kinds, and no f keeps both.  tight: with the rates that are known of the
 * run, not only the possible ones.
 */
bool align_contradict(const struct align *a, const struct bound *old, const struct bound *later,
		      bool tight);
void align_slopes(const struct align *a, uint32_t run, uint64_t g, uint64_t to, double *low,
		  double *high);

/* knot.c: what is known of f at guest time g in a run, of bounds up to pending[scanned]. */
void align_claim(struct align *a, uint64_t g, uint32_t run, struct knot *k);
void align_past_clear(struct align *a);
void align_past_add(struct align *a, const struct bound *b);
/* The most that f may be off the straight line between two of its points. */
double align_bend(const struct align *a, double length, bool loose);

/* output.c: decide pending bounds; now: all. */
void align_decide(struct align *a, bool now);
/* The same for those of which it is known whether they are true; now. */
void align_decide_scanned(struct align *a);
/* Nothing was known but one moment: a segment of no length. */
void align_put_moment(struct align *a);
/* Nothing came for a while, and it cannot be waited for: decide up to guest time g. */
void align_extrapolate(struct align *a, uint64_t g);

#endif
