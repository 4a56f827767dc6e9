/* SPDX-License-Identifier: MIT */
/* Bounds as they come: the tightest of each short while, in order of the guest's time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/align/impl.h"

const struct align_limits align_limits_default = {
	.drift = ALIGN_DRIFT_MAX,
	.wander = 1000,
	.window = 16000000000,
	.lag = 1000000000,
	.lag_max = 10000000000,
};

struct align *align_new(const struct align_limits *limits)
{
	const struct align_limits *l = limits ? limits : &align_limits_default;
	struct align *a;

	if (l->drift > 100000000 || l->wander > l->drift || !l->window || l->lag < 1000000 ||
	    l->lag_max < l->lag || l->window < l->lag_max || l->window > INT64_MAX / 2) {
		errno = EINVAL;
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->limits = *l;
	a->drift = l->drift / 1e9;
	a->wander = l->wander / 1e9;
	a->reason = ALIGN_START;
	a->run = 1;
	return a;
}

void align_free(struct align *a)
{
	free(a);
}

/* Before the bounds that were looked at: what it says of the last one's time, which is less. */
static void put_off(struct align *a, struct bound *b, uint64_t g)
{
	double x = align_x(g, b->g), more = x * (b->kind == UPPER ? a->drift : -a->drift);

	b->h += (g - b->g) + (uint64_t)(int64_t)(b->kind == UPPER ? more + 1 : more - 1);
	b->g = g;
}

static void make_room(struct align *a)
{
	if (a->n < ALIGN_PENDING)
		return;
	if (!a->first)
		align_decide(a, true);
	memmove(a->pending, a->pending + a->first, (a->n - a->first) * sizeof(a->pending[0]));
	a->n -= a->first;
	a->scanned -= a->first;
	a->first = 0;
}

static void insert(struct align *a, struct bound b)
{
	unsigned at;

	make_room(a);
	if (a->scanned && align_x(b.g, a->pending[a->scanned - 1].g) < 0)
		put_off(a, &b, a->pending[a->scanned - 1].g);
	if (a->has_knot && align_x(b.g, a->knot.g) < 0)
		put_off(a, &b, a->knot.g);
	for (at = a->n; at > a->scanned && align_x(b.g, a->pending[at - 1].g) < 0; at--)
		a->pending[at] = a->pending[at - 1];
	a->pending[at] = b;
	a->n++;
}

/*
 * How many of the bounds that do not go on contradict this one, which does, and are later: those are
 * what proves it false, if it is, and the one that goes on of their kind may be earlier.
 */
static uint8_t denied(const struct align *a, const struct bound *best)
{
	const struct bucket *b = &a->bucket;
	const struct bound *other = &b->best[!best->kind];
	uint8_t n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		const struct bound *d = &b->all[i];

		n += d->kind != best->kind && align_x(d->g, best->g) >= 0 &&
		     (d->g != other->g || d->h != other->h) && align_contradict(a, best, d, false);
	}
	return n;
}

static void close_bucket(struct align *a)
{
	struct bucket *b = &a->bucket;
	bool upper_first =
		b->has[UPPER] && b->has[LOWER] && align_x(b->best[UPPER].g, b->best[LOWER].g) < 0;

	for (unsigned kind = LOWER; kind <= UPPER; kind++)
		if (b->has[kind])
			b->best[kind].denied = denied(a, &b->best[kind]);
	if (b->has[upper_first])
		insert(a, b->best[upper_first]);
	if (b->has[!upper_first])
		insert(a, b->best[!upper_first]);
	memset(b, 0, sizeof(*b));
}

/* A run that has just begun is looked at more closely: it may not become long. */
static unsigned fullness(const struct align *a)
{
	return a->run_all >= ALIGN_FULL * 16 ? ALIGN_FULL : (unsigned)a->run_all / 16 + 1;
}

static void collect(struct align *a, uint64_t g, uint64_t h, unsigned kind)
{
	struct bucket *b = &a->bucket;
	double rate = a->rates.known ? (a->rates.low + a->rates.high) / 2 : 0, key;

	if (b->n >= fullness(a) ||
	    (b->n && align_x(g, b->g) > (double)(a->limits.lag / ALIGN_ENOUGH))) {
		close_bucket(a);
		align_decide(a, false);
	}
	a->run_all++;
	b->all[b->n] = (struct bound){ .g = g, .h = h, .kind = (uint8_t)kind };
	if (!b->n++) {
		b->g = g;
		b->h = h;
	}
	key = align_y(g, h, b->g, b->h) - rate * align_x(g, b->g);
	if (b->has[kind] && (kind == UPPER ? key >= b->key[kind] : key <= b->key[kind]))
		return;
	b->has[kind] = true;
	b->key[kind] = key;
	b->best[kind] = b->all[b->n - 1];
}

static void decide_all(struct align *a)
{
	close_bucket(a);
	align_decide(a, true);
}

/* The guest's clock went back: a new run, and nothing joins it to the one before. */
static void go_back(struct align *a)
{
	decide_all(a);
	a->n = a->first = a->scanned = 0;
	a->has_knot = a->had_knot = false;
	a->run++;
	a->run_bounds = a->run_all = 0;
	memset(&a->cones, 0, sizeof(a->cones));
	a->reason = ALIGN_BACK;
	a->counts.steps++;
	a->went_back = a->made;
	a->next_jump = 0;
	a->newest = a->back[0].g;
	for (unsigned i = 0; i < a->nback; i++) {
		if (align_x(a->back[i].g, a->newest) > 0)
			a->newest = a->back[i].g;
		collect(a, a->back[i].g, a->back[i].h, a->back[i].kind);
	}
	a->nback = 0;
}

static void add(struct align *a, uint64_t g, uint64_t h, unsigned kind)
{
	if (a->ended)
		return;
	if (a->started && align_x(g, a->newest) < -ALIGN_DISORDER) {
		a->back[a->nback++] = (struct bound){ .g = g, .h = h, .kind = (uint8_t)kind };
		if (a->nback == ALIGN_RUN)
			go_back(a);
		return;
	}
	a->counts.late += a->nback;
	a->nback = 0;
	if (!a->started || align_x(g, a->newest) > 0)
		a->newest = g;
	a->started = true;
	collect(a, g, h, kind);
}

void align_before(struct align *a, uint64_t guest, uint64_t host)
{
	a->counts.before++;
	add(a, guest, host, UPPER);
}

void align_after(struct align *a, uint64_t guest, uint64_t host)
{
	a->counts.after++;
	add(a, guest, host, LOWER);
}

void align_advance(struct align *a, uint64_t guest)
{
	if (a->ended || !a->started || align_x(guest, a->newest) <= 0)
		return;
	a->newest = guest;
	if (a->bucket.n)
		close_bucket(a);
	align_decide(a, false);
	if (a->newest - a->knot.g >= a->limits.lag_max + a->limits.lag / 8)
		align_extrapolate(a, a->newest - a->limits.lag_max);
}

void align_hurry(struct align *a, uint64_t guest)
{
	if (a->ended || !a->started)
		return;
	a->hurrying = true;
	close_bucket(a);
	align_decide_scanned(a);
	align_put_moment(a);
	align_extrapolate(a, guest);
	a->hurrying = false;
}

void align_end(struct align *a)
{
	if (a->ended)
		return;
	a->counts.late += a->nback;
	a->nback = 0;
	decide_all(a);
	align_put_moment(a);
	a->ended = true;
}

void align_counts(const struct align *a, struct align_counts *out)
{
	*out = a->counts;
}

bool align_unrelated(const struct align *a)
{
	return a->counts.examined >= 64 &&
	       (a->counts.outliers + a->counts.steps + a->counts.rates) * 5 >= a->counts.examined;
}
