/* SPDX-License-Identifier: MIT */
/*
 * Finds a longest common subsequence by E. W. Myers, "An O(ND) Difference Algorithm and Its
 * Variations" (1986), in linear space: find the middle snake, divide.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"
#include "decoder/util/array.h"

struct diff_work {
	int *forward, *backward; /* furthest x on each diagonal */
	size_t cap;
	uint64_t *sorted[2];
	uint64_t *a, *b; /* keys that occur on both sides */
	size_t *at_a, *at_b;
	size_t items;
};

struct span {
	const uint64_t *a, *b;
	const size_t *at_a, *at_b;
	uint8_t *ma, *mb;
	int *forward, *backward;
	int zero; /* index of diagonal 0 */
};

static void mark(struct span *s, int i, int j)
{
	s->ma[s->at_a[i]] = 1;
	s->mb[s->at_b[j]] = 1;
}

struct box {
	int a0, a1, b0, b1;
};

#define NOWHERE (-0x40000000)

/*
 * The furthest x on diagonal k after d edits, before its snake: one down from
 * k + 1 or one right from k - 1, never out of the n by m box.
 */
static int reach(const int *v, int k, int d, int n, int m)
{
	int down = k < d ? v[k + 1] : NOWHERE;
	int right = k > -d ? v[k - 1] + 1 : NOWHERE;

	if (!d)
		return 0;
	if (down - k > m)
		down = NOWHERE;
	if (right > n || right < 0)
		right = NOWHERE;
	return down > right ? down : right;
}

/* The middle of an optimal path through the box, which has edits both ways in it. */
static bool middle(const struct span *s, struct box x, int *mid_a, int *mid_b)
{
	int n = x.a1 - x.a0, m = x.b1 - x.b0, delta = n - m, half = (n + m + 1) / 2;
	int *f = s->forward + s->zero, *r = s->backward + s->zero;

	for (int d = 0; d <= half; d++) {
		for (int k = -d; k <= d; k += 2) {
			int i = reach(f, k, d, n, m);

			while (i >= 0 && i < n && i - k < m && s->a[x.a0 + i] == s->b[x.b0 + i - k])
				i++;
			f[k] = i;
			if (i >= 0 && delta & 1 && k >= delta - (d - 1) && k <= delta + (d - 1) &&
			    i + r[delta - k] >= n) {
				*mid_a = x.a0 + i;
				*mid_b = x.b0 + i - k;
				return true;
			}
		}
		for (int k = -d; k <= d; k += 2) {
			int i = reach(r, k, d, n, m);

			while (i >= 0 && i < n && i - k < m &&
			       s->a[x.a1 - 1 - i] == s->b[x.b1 - 1 - (i - k)])
				i++;
			r[k] = i;
			if (i >= 0 && !(delta & 1) && k >= delta - d && k <= delta + d &&
			    i + f[delta - k] >= n) {
				*mid_a = x.a1 - i;
				*mid_b = x.b1 - (i - k);
				return true;
			}
		}
	}
	return false;
}

static void divide(struct span *s, struct box x)
{
	int a, b;

	while (x.a0 < x.a1 && x.b0 < x.b1 && s->a[x.a0] == s->b[x.b0])
		mark(s, x.a0++, x.b0++);
	while (x.a0 < x.a1 && x.b0 < x.b1 && s->a[x.a1 - 1] == s->b[x.b1 - 1])
		mark(s, --x.a1, --x.b1);
	if (x.a0 == x.a1 || x.b0 == x.b1)
		return;
	if (!middle(s, x, &a, &b))
		return;
	divide(s, (struct box){ x.a0, a, x.b0, b });
	divide(s, (struct box){ a, x.a1, b, x.b1 });
}

/*
 * Only keys that occur on both sides can align.  Leaving out the others first makes two
 * sequences without common keys cost a sort and no search.
 */
static size_t keep_common(const uint64_t *t, size_t n, const uint64_t *other, size_t m,
			  uint64_t *kept, size_t *at)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i] && bsearch(&t[i], other, m, sizeof(*other), array_by_u64)) {
			kept[k] = t[i];
			at[k++] = i;
		}
	return k;
}

void diff_work_free(struct diff_work *w)
{
	if (!w)
		return;
	free(w->forward);
	free(w->backward);
	free(w->sorted[0]);
	free(w->sorted[1]);
	free(w->a);
	free(w->b);
	free(w->at_a);
	free(w->at_b);
	free(w);
}

static int make_room(struct diff_work **wp, size_t n)
{
	struct diff_work *w = *wp;

	if (w && w->items >= n)
		return 0;
	diff_work_free(w);
	*wp = w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->cap = 4 * n + 8;
	w->forward = calloc(w->cap, sizeof(int));
	w->backward = calloc(w->cap, sizeof(int));
	w->sorted[0] = calloc(n + 1, sizeof(uint64_t));
	w->sorted[1] = calloc(n + 1, sizeof(uint64_t));
	w->a = calloc(n + 1, sizeof(uint64_t));
	w->b = calloc(n + 1, sizeof(uint64_t));
	w->at_a = calloc(n + 1, sizeof(size_t));
	w->at_b = calloc(n + 1, sizeof(size_t));
	if (!w->forward || !w->backward || !w->sorted[0] || !w->sorted[1] || !w->a || !w->b ||
	    !w->at_a || !w->at_b) {
		diff_work_free(w);
		*wp = NULL;
		return -ENOMEM;
	}
	w->items = n;
	return 0;
}

int diff_align(struct diff_work **wp, const uint64_t *a, size_t n, const uint64_t *b, size_t m,
	       uint8_t *ma, uint8_t *mb)
{
	struct diff_work *w;
	struct span s;
	size_t ka, kb;
	int rc = make_room(wp, n > m ? n : m);

	if (rc)
		return rc;
	w = *wp;
	memset(ma, 0, n);
	memset(mb, 0, m);
	if (!n || !m)
		return 0;
	memcpy(w->sorted[0], a, n * sizeof(*a));
	memcpy(w->sorted[1], b, m * sizeof(*b));
	qsort(w->sorted[0], n, sizeof(*a), array_by_u64);
	qsort(w->sorted[1], m, sizeof(*b), array_by_u64);
	ka = keep_common(a, n, w->sorted[1], m, w->a, w->at_a);
	kb = keep_common(b, m, w->sorted[0], n, w->b, w->at_b);
	s = (struct span){
		.a = w->a,
		.b = w->b,
		.at_a = w->at_a,
		.at_b = w->at_b,
		.ma = ma,
		.mb = mb,
		.forward = w->forward,
		.backward = w->backward,
		.zero = (int)(w->cap / 2),
	};
	divide(&s, (struct box){ 0, (int)ka, 0, (int)kb });
	return 0;
}
