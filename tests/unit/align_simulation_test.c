/* SPDX-License-Identifier: MIT */
/*
 * Two clocks of known offset, drift, pauses and steps, bounds with known delays, and what
 * decoder/merge makes of them: the error that it claims is never less than the real one, and
 * rarely much more than what the bounds allow, which is computed here in another, slow way.
 *
 *   align_simulation_test [PAIRS [SEED]]    450 pairs; tests/full/align_test.sh takes 10000
 */
#include <math.h>
#include <stdlib.h>

#include "decoder/align/align.h"
#include "decoder/util/array.h"
#include "tests/unit/tap.h"

#define BOUNDS 4000
#define SAMPLES 12
#define RUNS 4
#define EVIDENCE 8
#define SECOND 1e9

/* --- chance -------------------------------------------------------------------- */

static uint64_t state = 1;

static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static double uniform(double low, double high)
{
	return low + (high - low) * ((double)(next() >> 11) / 9007199254740992.0);
}

/* Each order of magnitude is as likely as another. */
static double magnitude(double low, double high)
{
	return exp(uniform(log(low), log(high)));
}

static bool one_in(double n)
{
	return uniform(0, n) < 1;
}

/* --- a pair of clocks ------------------------------------------------------------ */

/* What happens in a pair; more than one thing may. */
enum {
	WANDERS = 1,
	PAUSES = 2,
	STEPS = 4,
	MIGRATES = 8,
	ONE_WAY = 16,
	FALSE_ONES = 32,
	HIDDEN = 64, /* steps are smaller than bounds can show */
	RATES = 128, /* at steps only the rate changes */
	ASKED = 256, /* long whiles of nothing but questions: both bounds of one moment */
	PTP = 512, /* with them the host's wall clock is read, which is much nearer */
};

static const struct kind {
	const char *name;
	unsigned what;
} kinds[] = {
	{ "steady", 0 },
	{ "drift changes", WANDERS },
	{ "pauses", PAUSES },
	{ "steps", STEPS },
	{ "migration", MIGRATES },
	{ "one direction for long", ONE_WAY },
	{ "false bounds", FALSE_ONES },
	{ "all but false bounds", WANDERS | PAUSES | STEPS | MIGRATES | ONE_WAY },
	{ "all", WANDERS | PAUSES | STEPS | MIGRATES | ONE_WAY | FALSE_ONES },
	/* Not among what is promised: */
	{ "steps too small to show", PAUSES | STEPS | HIDDEN },
	{ "sudden changes of rate", PAUSES | RATES },
	/* Promised, too; behind the others, so that those stay the same pairs: */
	{ "asked while nothing goes on", ASKED | WANDERS },
	{ "asked, pauses and steps", ASKED | WANDERS | PAUSES | STEPS },
	{ "asked, with a PTP clock", ASKED | PTP | WANDERS | PAUSES },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define PROMISED (KINDS - 5)
#define QUESTIONS (KINDS - 3)

/* Without a step: f(g) = h + x + rate x + (swing / speed)(sin(speed x + phase) - sin(phase)). */
struct run {
	double from; /* guest time, from the pair's begin */
	uint64_t h; /* at `from` */
	double rate, swing, speed, phase;
};

struct delay {
	double least, scale, tail;
};

struct pair {
	unsigned what;
	uint64_t g; /* where the guest's clock begins */
	double length; /* ns */
	double per_second, share; /* bounds, and how many of them are upper ones */
	double loss;
	struct delay delay[2];
	struct run run[RUNS];
	unsigned runs;
	double hidden; /* sum of steps that need not show */
	double one_way[2][2]; /* intervals without upper, without lower bounds */
	double quiet[2], every; /* an interval of questions alone, so often */
};

/* A bound, and what is true of it. */
struct known {
	double x; /* guest time from the pair's begin */
	uint64_t h;
	unsigned run;
	bool upper, untrue;
};

static struct known known[BOUNDS];
static unsigned nknown;

static double ahead(const struct run *r, double x) /* f(g) - h - x */
{
	double d = x - r->from;

	return r->rate * d +
	       (r->swing ? r->swing / r->speed * (sin(r->speed * d + r->phase) - sin(r->phase))
			 : 0);
}

/* f less the run's h. */
static double host_of(const struct run *r, double x)
{
	return x - r->from + ahead(r, x);
}

static void make_rate(struct run *r, unsigned what)
{
	r->rate = uniform(-200e-6, 200e-6);
	r->swing = 0;
	if (!(what & WANDERS))
		return;
	/* Within any 16 s by 1 ppm at most, as the limits are. */
	if (one_in(2)) {
		r->swing = magnitude(0.01e-6, 0.5e-6);
		r->speed = 2 * M_PI / magnitude(1e6, 1e11);
	} else {
		r->swing = magnitude(0.5e-6, 20e-6);
		r->speed = 1e-6 / (r->swing * 16e9);
	}
	r->phase = uniform(0, 2 * M_PI);
}

/* What a step is larger than, so that bounds can show it. */
static double visible(const struct pair *p)
{
	double slack = 0,
	       gap = SECOND / (p->per_second * (1 - p->loss) * fmin(p->share, 1 - p->share));

	for (unsigned i = 0; i < 2; i++)
		slack += p->delay[i].least + 4 * p->delay[i].scale;
	for (unsigned i = 0; i < 2; i++)
		gap = fmax(gap, (p->one_way[i][1] - p->one_way[i][0]) / 10);
	gap = fmax(gap, p->every);
	return 4 * slack + 20 * gap * ALIGN_DRIFT_MAX / 1e9;
}

static void make_steps(struct pair *p)
{
	unsigned what[3], n = 0;

	for (unsigned w = PAUSES; w <= MIGRATES; w *= 2)
		if (p->what & w)
			for (unsigned times = 1 + (unsigned)one_in(2); times && n < RUNS - 1;
			     times--)
				what[n++] = w;
	for (unsigned i = 0; i < n; i++) {
		struct run *old = &p->run[i], *r = old + 1;
		double least = visible(p), jump = magnitude(least, fmax(1e13, 10 * least));
		double from = p->length * (i + 1 + uniform(-0.3, 0.3)) / (n + 1);

		*r = *old;
		r->from = from;
		if (p->what & (HIDDEN | RATES))
			jump = p->what & RATES ? 0 : magnitude(100, least);
		if (p->what & HIDDEN)
			p->hidden += jump;
		if (what[i] == STEPS)
			jump = -jump;
		r->h = old->h + (uint64_t)(int64_t)(floor(host_of(old, from)) + floor(jump));
		if (p->what & RATES)
			make_rate(r, p->what);
		if (what[i] == MIGRATES) {
			make_rate(r, p->what);
			r->h += next() >> 8;
		}
		p->runs++;
	}
}

static void make_pair(struct pair *p, unsigned what)
{
	double n = magnitude(100, BOUNDS);

	memset(p, 0, sizeof(*p));
	p->what = what;
	p->g = one_in(10) ? next() : next() >> 7;
	p->run[0].h = one_in(10) ? next() : next() >> 7;
	p->per_second = magnitude(1, 100000);
	p->length = n / p->per_second * SECOND;
	p->share = uniform(0.1, 0.9);
	p->loss = one_in(2) ? 0 : uniform(0.01, 0.5);
	for (unsigned i = 0; i < 2; i++)
		p->delay[i] = (struct delay){ magnitude(200, 50000), magnitude(200, 100000),
					      uniform(0.7, 3) };
	make_rate(&p->run[0], what);
	p->runs = 1;
	if (what & ONE_WAY)
		for (unsigned i = 0; i < 2; i++) {
			p->one_way[i][0] = uniform(0, 1) * p->length;
			p->one_way[i][1] = p->one_way[i][0] + uniform(0, 0.6) * p->length;
		}
	if (what & ASKED) {
		p->every = uniform(0.3, 2) * SECOND;
		p->quiet[0] = floor(uniform(0.2, 0.8) * p->length);
		p->quiet[1] = p->quiet[0] + floor(uniform(5, 60) * SECOND);
		p->length += p->quiet[1] - p->quiet[0];
	}
	make_steps(p);
}

static double delayed(const struct delay *d)
{
	double tail = d->scale * (pow(uniform(0, 1) + 1e-12, -1 / d->tail) - 1);

	return d->least + fmin(tail, 50e6);
}

static unsigned run_of(const struct pair *p, double x)
{
	unsigned run = 0;

	while (run + 1 < p->runs && x >= p->run[run + 1].from)
		run++;
	return run;
}

static void make_bound(const struct pair *p, const struct delay *delay, double x, bool upper,
		       bool may_lie)
{
	struct known *k = &known[nknown];
	double h, off = delayed(delay), far = visible(p);
	unsigned run = run_of(p, x);
	bool untrue = may_lie && p->what & FALSE_ONES && one_in(200);

	h = host_of(&p->run[run], x);
	if (untrue)
		off = -magnitude(far, fmax(1e9, 10 * far));
	h = upper ? ceil(h + off) : floor(h - off);
	*k = (struct known){ .x = x,
			     .h = p->run[run].h + (uint64_t)(int64_t)h,
			     .run = run,
			     .upper = upper,
			     .untrue = untrue };
	nknown++;
}

static bool is_quiet(const struct pair *p, double x)
{
	return x >= p->quiet[0] && x < p->quiet[1];
}

/* A question was read at x: after it was sent, and before its answer came. */
static void make_question(const struct pair *p, double x)
{
	static const struct delay call = { 100, 500, 3 }; /* of the hypervisor */

	if (uniform(0, 1) < p->loss / 4 || nknown + 4 > BOUNDS)
		return;
	make_bound(p, &p->delay[true], x, true, false);
	make_bound(p, &p->delay[false], x, false, false);
	if (!(p->what & PTP) || one_in(5))
		return;
	make_bound(p, &call, x, true, false);
	make_bound(p, &call, x + 1000, false, false);
}

static void make_bounds(const struct pair *p)
{
	double x = 0;

	for (nknown = 0; nknown < BOUNDS;) {
		bool upper;

		if (is_quiet(p, x)) {
			make_question(p, x);
			x = floor(x + p->every * uniform(0.9, 1.1));
			continue;
		}
		x = floor(x - log(uniform(0, 1) + 1e-12) * SECOND / p->per_second);
		if (x > p->length)
			return;
		upper = uniform(0, 1) < p->share;
		const double *out = p->one_way[!upper];
		if (uniform(0, 1) < p->loss || (x >= out[0] && x < out[1]))
			continue;
		make_bound(p, &p->delay[upper], x, upper, true);
	}
}

/* True bounds of the other kind than known[at]'s in its run, before it or after it. */
static unsigned witnesses(unsigned at, int step)
{
	unsigned n = 0;
	int i = (int)at;

	for (unsigned far = 0; far < 30 && i >= 0 && i < (int)nknown; far++, i += step)
		n += known[i].run == known[at].run && known[i].upper != known[at].upper &&
		     !known[i].untrue;
	return n;
}

/* Leave out false bounds that no others near them can prove false. */
static void drop_unproved(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nknown; i++)
		if (known[i].untrue && (witnesses(i, -1) < 3 || witnesses(i, 1) < 3))
			known[i].run = RUNS; /* not used, and no witness */
	for (unsigned i = 0; i < nknown; i++)
		if (known[i].run < RUNS)
			known[n++] = known[i];
	nknown = n;
}

/* Between two steps, bounds of both kinds: else nothing can tell that there are two. */
static bool evident(const struct pair *p)
{
	unsigned n[RUNS][2] = { 0 };

	for (unsigned i = 0; i < nknown; i++)
		n[known[i].run][known[i].upper] += !known[i].untrue;
	for (unsigned i = 0; i < p->runs; i++)
		if (n[i][0] < EVIDENCE || n[i][1] < EVIDENCE)
			return false;
	return true;
}

/* --- what the bounds allow ----------------------------------------------------------- */

struct spot {
	double x, y;
	bool upper;
};

static struct spot spots[BOUNDS];

/* Those that a line can touch, of one kind, in place.  In another way than line_hull_add(). */
static unsigned corners(struct spot *s, unsigned n, bool upper)
{
	unsigned kept = 0, at = 0;
	double sign = upper ? 1 : -1;

	if (!n)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if (s[i].x == s[0].x && sign * s[i].y < sign * s[at].y)
			at = i;
	for (;;) {
		unsigned best = n;

		s[kept++] = s[at];
		for (unsigned i = at + 1; i < n; i++) {
			if (s[i].x <= s[kept - 1].x)
				continue;
			if (best == n ||
			    sign * (s[i].y - s[kept - 1].y) * (s[best].x - s[kept - 1].x) <=
				    sign * (s[best].y - s[kept - 1].y) * (s[i].x - s[kept - 1].x))
				best = i;
		}
		if (best == n)
			return kept;
		at = best;
	}
}

static bool allowed(const struct spot *s, unsigned n, double a, double r)
{
	for (unsigned i = 0; i < n; i++) {
		double over = a + r * s[i].x - s[i].y;

		if (s[i].upper ? over > 1e-3 : over < -1e-3)
			return false;
	}
	return true;
}

/* Highest and lowest of all lines through two corners, or one with the greatest drift. */
static double half_width(const struct spot *s, unsigned n)
{
	double low = INFINITY, high = -INFINITY, most = ALIGN_DRIFT_MAX / 1e9;
	bool kind[2] = { false, false };

	for (unsigned i = 0; i < n; i++) {
		kind[s[i].upper] = true;
		for (unsigned j = 0; j < n + 2; j++) {
			double r, a;

			if (j < n && (s[j].x <= s[i].x))
				continue;
			r = j == n	 ? most
			    : j == n + 1 ? -most
					 : (s[j].y - s[i].y) / (s[j].x - s[i].x);
			a = s[i].y - r * s[i].x;
			if (fabs(r) > most || (a <= high && a >= low) || !allowed(s, n, a, r))
				continue;
			low = fmin(low, a);
			high = fmax(high, a);
		}
	}
	return kind[0] && kind[1] ? (high - low) / 2 : INFINITY;
}

/*
 * Half of what the true bounds of its run, in the window around x, leave open there: by tangents
 * whose rate may vary by `wander`.  0: no straight line keeps them all.
 */
static double allowance(const struct pair *p, double x, unsigned run, double wander)
{
	double window = (double)align_limits_default.window, y0 = ahead(&p->run[run], x);
	unsigned n = 0, total = 0;

	for (unsigned upper = 0; upper < 2; upper++) {
		n = total;
		for (unsigned i = 0; i < nknown; i++) {
			const struct known *k = &known[i];
			double d = k->x - x, y;

			if (k->run != run || k->untrue || k->upper != upper || fabs(d) > window)
				continue;
			y = (double)(int64_t)(k->h - p->run[run].h) - (k->x - p->run[run].from) -
			    y0;
			y += (upper ? 1 : -1) * wander * fabs(d);
			spots[n++] = (struct spot){ d, y, upper };
		}
		total += corners(spots + total, n - total, upper);
	}
	n = total;
	return fmax(half_width(spots, n), 0);
}

/* --- what is claimed ------------------------------------------------------------------- */

struct tally {
	unsigned pairs, samples, unknown, violations, false_ones, found, steps, steps_told;
	unsigned excuseless; /* violations by more than hidden steps */
	double most; /* violation: ns that the error is larger than what is claimed */
	double *ratio, *straight; /* claimed to allowed */
	size_t nratio, nstraight, cap, straight_cap;
	double *medians; /* of the pairs */
	size_t nmedians, medians_cap;
};

static unsigned pairs = 450;
static uint64_t seed = 1;
static struct tally tallies[KINDS], sum;

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(double *v, size_t n, double part)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), by_size);
	return v[(size_t)((double)(n - 1) * part)];
}

static void keep(double **v, size_t *n, size_t *cap, double value)
{
	if (array_room(*v, *cap, *n + 1))
		(*v)[(*n)++] = value;
}

static void sample(const struct pair *p, struct align *a, struct tally *t, double **of_pair,
		   size_t *n, size_t *cap)
{
	double x = floor(uniform(known[0].x, known[nknown - 1].x)), off, allows, straight;
	unsigned run = run_of(p, x);
	uint64_t h;
	uint32_t error;

	t->samples++;
	allows = allowance(p, x, run, align_limits_default.wander / 1e9);
	if (align_map(a, p->g + (uint64_t)x, &h, &error) != ALIGN_IS) {
		t->unknown += isfinite(allows);
		return;
	}
	off = fabs((double)(int64_t)(h - p->run[run].h) - host_of(&p->run[run], x));
	if (off > error) {
		t->violations++;
		t->most = fmax(t->most, off - error);
		t->excuseless += off > error + p->hidden;
	}
	if (!isfinite(allows) || allows <= 0)
		return;
	keep(&t->ratio, &t->nratio, &t->cap, error / allows);
	keep(of_pair, n, cap, error / allows);
	straight = allowance(p, x, run, 0);
	if (straight > 0)
		keep(&t->straight, &t->nstraight, &t->straight_cap, error / straight);
}

static void align_pair(const struct pair *p, struct tally *t)
{
	struct align *a = align_new(NULL);
	struct align_segment s;
	struct align_counts c;
	double *of_pair = NULL;
	size_t n = 0, cap = 0;

	if (!a)
		return;
	for (unsigned i = 0; i < nknown; i++) {
		uint64_t g = p->g + (uint64_t)known[i].x;

		if (known[i].upper)
			align_before(a, g, known[i].h);
		else
			align_after(a, g, known[i].h);
		t->false_ones += known[i].untrue;
	}
	align_end(a);
	align_counts(a, &c);
	t->pairs++;
	t->found += (unsigned)c.outliers;
	t->steps += p->runs - 1;
	t->steps_told += (unsigned)c.steps;
	for (unsigned i = 0; nknown > 1 && i < SAMPLES; i++)
		sample(p, a, t, &of_pair, &n, &cap);
	if (n)
		keep(&t->medians, &t->nmedians, &t->medians_cap, percentile(of_pair, n, 0.5));
	free(of_pair);
	while (align_next(a, &s))
		;
	align_free(a);
}

static void show(const char *name, struct tally *t)
{
	printf("# %-24s %6u %7u %6u %5u %9.0f   %5.2f %5.2f %6.2f   %5.2f %6.2f  %5u/%-5u %5u/%-5u\n",
	       name, t->pairs, t->samples, t->unknown, t->violations, t->most,
	       percentile(t->ratio, t->nratio, 0.5), percentile(t->ratio, t->nratio, 0.9),
	       percentile(t->medians, t->nmedians, 0.9), percentile(t->straight, t->nstraight, 0.5),
	       percentile(t->straight, t->nstraight, 0.9), t->found, t->false_ones, t->steps_told,
	       t->steps);
}

static void simulate_pair(unsigned i, unsigned kind)
{
	static struct pair p;
	unsigned before = tallies[kind].violations;

	state = seed * 1000003 + i;
	do {
		make_pair(&p, kinds[kind].what);
		make_bounds(&p);
		drop_unproved();
	} while (!evident(&p));
	align_pair(&p, &tallies[kind]);
	if (tallies[kind].violations > before && (kind < PROMISED || kind >= QUESTIONS))
		printf("# violated: pair %u of seed %" PRIu64 ", %s\n", i, seed, kinds[kind].name);
}

static void add(struct tally *to, const struct tally *t)
{
	for (size_t i = 0; i < t->nratio; i++)
		keep(&to->ratio, &to->nratio, &to->cap, t->ratio[i]);
	for (size_t i = 0; i < t->nstraight; i++)
		keep(&to->straight, &to->nstraight, &to->straight_cap, t->straight[i]);
	for (size_t i = 0; i < t->nmedians; i++)
		keep(&to->medians, &to->nmedians, &to->medians_cap, t->medians[i]);
	to->pairs += t->pairs;
	to->samples += t->samples;
	to->unknown += t->unknown;
	to->violations += t->violations;
	to->most = fmax(to->most, t->most);
	to->found += t->found;
	to->false_ones += t->false_ones;
	to->steps += t->steps;
	to->steps_told += t->steps_told;
}

static void head(void)
{
	printf("# %-24s %6s %7s %7s %5s %9s   %-18s   %-12s  %-11s %s\n", "", "pairs", "samples",
	       "no idea", "wrong", "by ns", "/allowed 50 90 pair90", "/line 50 90", "outliers",
	       "steps");
}

static void promised(void)
{
	for (unsigned i = 0; i < pairs; i++)
		simulate_pair(i, i % PROMISED);
	head();
	for (unsigned i = 0; i < PROMISED; i++) {
		show(kinds[i].name, &tallies[i]);
		add(&sum, &tallies[i]);
	}
	show("all of these", &sum);
	CHECK_EQ(sum.violations, 0);
}

static void near(void)
{
	CHECK(sum.nratio > sum.samples / 2);
	CHECK(percentile(sum.ratio, sum.nratio, 0.5) <= 1.5);
	for (unsigned i = 0; i < PROMISED; i++)
		CHECK(percentile(tallies[i].ratio, tallies[i].nratio, 0.5) <= 1.5);
	CHECK(percentile(sum.medians, sum.nmedians, 0.9) <= 1.5);
	CHECK(sum.unknown * 20 < sum.samples);
}

/* Of steps and false bounds nearly all, and nearly nothing else. */
static void found(void)
{
	CHECK(sum.steps_told * 100 >= sum.steps * 98 && sum.steps_told * 100 <= sum.steps * 102);
	CHECK(sum.found * 100 >= sum.false_ones * 95 && sum.found <= sum.false_ones);
	CHECK_EQ(tallies[0].steps_told + tallies[1].steps_told + tallies[5].steps_told, 0);
}

/* What is not noticed makes claims too small by no more than its size. */
static void beyond(void)
{
	for (unsigned i = 0; i < pairs / 8; i++)
		simulate_pair(pairs + i, PROMISED + i % 2);
	head();
	show(kinds[PROMISED].name, &tallies[PROMISED]);
	show(kinds[PROMISED + 1].name, &tallies[PROMISED + 1]);
	CHECK_EQ(tallies[PROMISED].excuseless, 0);
}

/* Where nothing but questions tells of the clocks, no claim is too small either, or much too large. */
static void questions(void)
{
	for (unsigned i = 0; i < pairs / 3; i++)
		simulate_pair(2 * pairs + i, QUESTIONS + i % (KINDS - QUESTIONS));
	head();
	for (unsigned i = QUESTIONS; i < KINDS; i++) {
		show(kinds[i].name, &tallies[i]);
		CHECK_EQ(tallies[i].violations, 0);
		CHECK(percentile(tallies[i].ratio, tallies[i].nratio, 0.5) <= 1.5);
		CHECK_EQ(tallies[i].found, 0);
		CHECK_EQ(tallies[i].steps_told, tallies[i].steps);
	}
}

/*
 * Pairs of which too little error was claimed once: a false bound shortly before a step, or after
 * another false one behind a step, was taken for the first behind it.
 */
static void once_violated(void)
{
	static const struct {
		uint64_t seed;
		unsigned pair;
	} found[] = {
		{ 7, 7235 },
		{ 7, 23264 },
		{ 10, 16388 },
	};
	uint64_t given = seed;

	for (unsigned i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		unsigned kind = found[i].pair % PROMISED, before = tallies[kind].violations;

		seed = found[i].seed;
		simulate_pair(found[i].pair, kind);
		CHECK_EQ(tallies[kind].violations, before);
	}
	seed = given;
}

static const struct tap_test tests[] = {
	{ "no error is larger than what is claimed", promised },
	{ "what is claimed is near what the bounds allow", near },
	{ "steps and false bounds are found", found },
	{ "steps that do not show do no more harm than they are large", beyond },
	{ "clocks that are asked while nothing goes on", questions },
	{ "pairs that were once violated", once_violated },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		pairs = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
