/* SPDX-License-Identifier: MIT */
/*
 * Lanes: what both sides say of one thing, aligned in windows.  Heads that are
 * equal go at once; otherwise a window of both sides is aligned and all of it up
 * to the last place where they agree again is told and dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/diff/impl.h"

int token_append(struct token_list *l, const struct diff_token *t)
{
	if (l->first + l->n == l->cap) {
		if (l->first > l->cap / 2) {
			memmove(l->t, l->t + l->first, l->n * sizeof(*l->t));
			l->first = 0;
		} else {
			size_t cap = l->cap ? 2 * l->cap : 16;
			struct diff_token *more = realloc(l->t, cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			l->t = more;
			l->cap = cap;
		}
	}
	l->t[l->first + l->n++] = *t;
	return 0;
}

/* Frees their texts. */
static void drop_first(struct token_list *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(token_at(l, i)->text);
	l->first += n;
	l->n -= n;
	if (!l->n)
		l->first = 0;
}

void token_list_free(struct token_list *l)
{
	drop_first(l, l->n);
	free(l->t);
	memset(l, 0, sizeof(*l));
}

static unsigned lane_key(const struct diff *d, const struct diff_pair_impl *p, unsigned key)
{
	return (unsigned)(p - d->pair) << 17 | key;
}

struct diff_lane *diff_lane_find(struct diff *d, const struct diff_pair_impl *p, unsigned key)
{
	unsigned k = lane_key(d, p, key);
	struct diff_lane *l;

	HASH_FIND(hh, d->lane, &k, sizeof(k), l);
	return l;
}

static struct diff_lane *get_lane(struct diff *d, const struct diff_pair_impl *p, unsigned key,
				  int *rc)
{
	struct diff_lane *l = diff_lane_find(d, p, key);

	*rc = 0;
	if (l || HASH_COUNT(d->lane) >= DIFF_LANES_MAX)
		return l;
	l = calloc(1, sizeof(*l));
	*rc = l ? 0 : -ENOMEM;
	if (!l)
		return NULL;
	l->pair = (unsigned)(p - d->pair);
	l->key = lane_key(d, p, key);
	l->pooled = key < LANE_SETUP;
	l->window = DIFF_WINDOW;
	HASH_ADD(hh, d->lane, key, sizeof(l->key), l);
	if (!hash_holds(l)) {
		free(l);
		*rc = -ENOMEM;
		return NULL;
	}
	return l;
}

struct diff_token *diff_lane_token(struct diff_lane *l, enum diff_side side, uint64_t number)
{
	struct token_list *list = &l->side[side];
	size_t lo = 0, hi = list->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (token_at(list, mid)->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < list->n && token_at(list, lo)->number == number ? token_at(list, lo) : NULL;
}

static bool full(const struct diff_lane *l, int side)
{
	return l->side[side].n >= DIFF_LANE_MAX;
}

static void drop(struct diff *d, struct diff_lane *l, int side, size_t n)
{
	bool was = full(l, side);

	if (n)
		l->last[side] = token_at(&l->side[side], n - 1)->number;
	drop_first(&l->side[side], n);
	d->held[side] -= n;
	if (was && !full(l, side))
		d->full[side]--;
}

static void same(struct diff *d, struct diff_lane *l, struct diff_token *a, struct diff_token *b)
{
	struct diff_pair_impl *p = &d->pair[l->pair];

	p->pub.alike[a->class]++;
	if (a->kind == TOKEN_REQUEST)
		diff_tell_notify(d, p, a, b);
}

static void drop_equal_heads(struct diff *d, struct diff_lane *l)
{
	size_t n = 0;

	while (n < l->side[DIFF_A].n && n < l->side[DIFF_B].n) {
		struct diff_token *a = token_at(&l->side[DIFF_A], n);
		struct diff_token *b = token_at(&l->side[DIFF_B], n);

		if (a->pending || b->pending || a->key[0] != b->key[0])
			break;
		same(d, l, a, b);
		n++;
	}
	drop(d, l, DIFF_A, n);
	drop(d, l, DIFF_B, n);
}

/* Tokens that neither alignment nor key made one: told, each, as missing there. */
static void tell_alone(struct diff *d, struct diff_lane *l, const struct diff_token *a,
		       const struct diff_token *b)
{
	uint64_t near[DIFF_SIDES] = { l->last[DIFF_A], l->last[DIFF_B] };

	if (l->pooled)
		memcpy(near, a ? a->behind : b->behind, sizeof(near));

	diff_tell(d, &d->pair[l->pair], a, b, near);
}

/*
 * A stretch without anything equal: what is about the same thing on both sides
 * is a change, by the strongest key first; what remains is only there or here.
 */
static int tell_stretch(struct diff *d, struct diff_lane *l, struct diff_token *a, size_t n,
			struct diff_token *b, size_t m)
{
	uint64_t *ka = calloc(n + m + 1, sizeof(*ka)), *kb = ka + n;
	uint8_t *ma = calloc(2 * (n + m) + 1, 1), *mb = ma + n, *da = mb + m, *db = da + n;
	int rc = ka && ma ? 0 : -ENOMEM;

	for (int level = 1; level < DIFF_KEYS && !rc && n && m; level++) {
		for (size_t i = 0; i < n; i++)
			ka[i] = da[i] ? 0 : a[i].key[level];
		for (size_t j = 0; j < m; j++)
			kb[j] = db[j] ? 0 : b[j].key[level];
		rc = diff_align(&d->work, ka, n, kb, m, ma, mb);
		for (size_t i = 0, j = 0; i < n && !rc; i++) {
			if (!ma[i])
				continue;
			while (!mb[j])
				j++;
			tell_alone(d, l, &a[i], &b[j]);
			da[i] = db[j++] = 1;
		}
	}
	for (size_t i = 0; i < n && !rc; i++)
		if (!da[i])
			tell_alone(d, l, &a[i], NULL);
	for (size_t j = 0; j < m && !rc; j++)
		if (!db[j])
			tell_alone(d, l, NULL, &b[j]);
	free(ka);
	free(ma);
	return rc;
}

/* Requests wait for their like from elsewhere before they are told. */
static int to_pool(struct diff *d, struct diff_lane *l, int side, struct diff_token *t, size_t n)
{
	struct diff_pair_impl *p = &d->pair[l->pair];

	for (size_t i = 0; i < n; i++) {
		int rc;

		t[i].pending = false;
		memcpy(t[i].behind, l->last, sizeof(l->last));
		rc = token_append(&p->pool[side], &t[i]);
		if (rc)
			return rc;
		t[i].text = NULL;
	}
	return p->pool[side].n >= DIFF_LANE_MAX ? diff_pool_settle(d, p, false) : 0;
}

static int stretch(struct diff *d, struct diff_lane *l, struct diff_token *a, size_t n,
		   struct diff_token *b, size_t m)
{
	int rc;

	if (!l->pooled)
		return tell_stretch(d, l, a, n, b, m);
	rc = to_pool(d, l, DIFF_A, a, n);
	return rc ? rc : to_pool(d, l, DIFF_B, b, m);
}

/* Tell the first n and m tokens, whose alignment ma and mb is. */
static int tell_window(struct diff *d, struct diff_lane *l, const uint8_t *ma, size_t n,
		       const uint8_t *mb, size_t m)
{
	struct diff_token *a = token_at(&l->side[DIFF_A], 0), *b = token_at(&l->side[DIFF_B], 0);
	size_t i = 0, j = 0;
	int rc = 0;

	while (!rc && (i < n || j < m)) {
		size_t i0 = i, j0 = j;

		while (i < n && !ma[i])
			i++;
		while (j < m && !mb[j])
			j++;
		if (i > i0 || j > j0)
			rc = stretch(d, l, a ? a + i0 : NULL, i - i0, b ? b + j0 : NULL, j - j0);
		if (i < n && j < m && !rc) {
			l->last[DIFF_A] = a[i].number;
			l->last[DIFF_B] = b[j].number;
			same(d, l, &a[i++], &b[j++]);
		}
	}
	drop(d, l, DIFF_A, n);
	drop(d, l, DIFF_B, m);
	return rc;
}

/* Up to where a window can be told: behind the last agreement; else half of it. */
static bool commit_point(const uint8_t *ma, size_t *n, const uint8_t *mb, size_t *m)
{
	size_t i = *n, j = *m;

	while (i && !ma[i - 1])
		i--;
	while (j && !mb[j - 1])
		j--;
	if (i && j) {
		*n = i;
		*m = j;
	} else {
		*n = (*n + 1) / 2;
		*m = (*m + 1) / 2;
	}
	return i && j;
}

/* 1 when it was left for a larger window. */
static int align_window(struct diff *d, struct diff_lane *l, size_t n, size_t m, bool all,
			bool wait)
{
	uint64_t *keys = calloc(n + m + 1, sizeof(*keys));
	uint8_t *marks = calloc(n + m + 1, 1), *mb = marks + n;
	int rc = keys && marks ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !rc; i++)
		keys[i] = token_at(&l->side[DIFF_A], i)->key[0];
	for (size_t j = 0; j < m && !rc; j++)
		keys[n + j] = token_at(&l->side[DIFF_B], j)->key[0];
	if (!rc)
		rc = diff_align(&d->work, keys, n, keys + n, m, marks, mb);
	if (!rc && !all && !commit_point(marks, &n, mb, &m) && wait)
		rc = 1;
	if (!rc)
		rc = tell_window(d, l, marks, n, mb, m);
	free(keys);
	free(marks);
	return rc;
}

/* Tokens that can be aligned: those before the first that may still change. */
static size_t ready(const struct diff_lane *l, int side, size_t most, bool all)
{
	const struct token_list *list = &l->side[side];
	size_t n = 0;

	if (all || full(l, side))
		return list->n < most ? list->n : most;
	while (n < list->n && n < most && !token_at(list, n)->pending)
		n++;
	return n;
}

int diff_lane_run(struct diff *d, struct diff_lane *l, bool force)
{
	bool over = d->ended[DIFF_A] && d->ended[DIFF_B];

	for (;;) {
		size_t n, m;
		bool all;
		int rc;

		drop_equal_heads(d, l);
		n = ready(l, DIFF_A, l->window, over || force);
		m = ready(l, DIFF_B, l->window, over || force);
		if (!over && !force && !(n == l->window && m == l->window))
			return 0;
		if (!n && !m)
			return 0;
		all = over && n == l->side[DIFF_A].n && m == l->side[DIFF_B].n;
		rc = align_window(d, l, n, m, all, !force && l->window < DIFF_LANE_MAX);
		if (rc < 0 || force)
			return rc;
		l->window = rc ? 2 * l->window : DIFF_WINDOW;
	}
}

int diff_lane_add(struct diff *d, struct diff_pair_impl *p, unsigned key, enum diff_side side,
		  const struct diff_token *t)
{
	bool force;
	int rc;
	struct diff_lane *l = get_lane(d, p, key, &rc);

	if (!l || !p->half[!side].there) {
		free(t->text); /* nothing to compare it with */
		return rc;
	}
	rc = token_append(&l->side[side], t);
	if (rc)
		return rc;
	d->held[side]++;
	d->tokens[side]++;
	if (l->side[side].n == DIFF_LANE_MAX) {
		d->full[side]++;
		return 0; /* the other side is read first: diff_wants() */
	}
	/* Not for each token: heads are mostly equal once both are there. */
	force = l->side[side].n > DIFF_LANE_MAX || d->held[side] > DIFF_TOKENS_MAX;
	if (!force && l->side[side].n % 16)
		return 0;
	return diff_lane_run(d, l, force);
}

/* --- the pool --------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
	const struct diff_token *a = *(struct diff_token *const *)x;
	const struct diff_token *b = *(struct diff_token *const *)y;

	if (a->key[0] != b->key[0])
		return a->key[0] < b->key[0] ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static struct diff_token **sorted_pool(struct token_list *l)
{
	struct diff_token **t = calloc(l->n + 1, sizeof(struct diff_token *));

	for (size_t i = 0; t && i < l->n; i++)
		t[i] = token_at(l, i);
	if (t && l->n)
		qsort(t, l->n, sizeof(struct diff_token *), by_key);
	return t;
}

/* Equal requests that stood elsewhere: in another order, on another queue. */
static int settle_moved(struct diff *d, struct diff_pair_impl *p)
{
	struct diff_token **a = sorted_pool(&p->pool[DIFF_A]), **b = sorted_pool(&p->pool[DIFF_B]);
	size_t n = p->pool[DIFF_A].n, m = p->pool[DIFF_B].n;
	int rc = a && b ? 0 : -ENOMEM;

	for (size_t i = 0, j = 0; !rc && i < n && j < m;) {
		if (a[i]->key[0] != b[j]->key[0]) {
			if (a[i]->key[0] < b[j]->key[0])
				i++;
			else
				j++;
			continue;
		}
		p->pub.alike[a[i]->class]++;
		diff_tell_moved(d, p, a[i], b[j]);
		a[i++]->pending = b[j++]->pending = true; /* settled */
	}
	free(a);
	free(b);
	return rc;
}

static void forget_settled(struct token_list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct diff_token *t = token_at(l, i);

		if (t->pending)
			free(t->text);
		else
			*token_at(l, kept++) = *t;
	}
	l->n = kept;
}

static int by_number(const void *x, const void *y)
{
	const struct diff_token *a = x, *b = y;

	return a->number < b->number ? -1 : a->number > b->number;
}

static int by_queue(const void *x, const void *y)
{
	const struct diff_token *a = x, *b = y;

	if (a->queue != b->queue)
		return a->queue < b->queue ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* At the end all of the pool is told; before, the older half if it is crowded. */
int diff_pool_settle(struct diff *d, struct diff_pair_impl *p, bool all)
{
	struct token_list *a = &p->pool[DIFF_A], *b = &p->pool[DIFF_B];
	struct diff_lane lane = { .pair = (unsigned)(p - d->pair), .pooled = true };
	size_t n[DIFF_SIDES], even;
	int rc = settle_moved(d, p);

	if (rc)
		return rc;
	forget_settled(a);
	forget_settled(b);
	if (!all && a->n < DIFF_WINDOW && b->n < DIFF_WINDOW)
		return 0;
	even = (a->n < b->n ? a->n : b->n) / 2; /* what changed needs its counterpart */
	for (int side = 0; side < DIFF_SIDES; side++) {
		struct token_list *l = &p->pool[side];

		n[side] = all ? l->n : even >= DIFF_WINDOW / 4 ? even : l->n / 2;
		if (!l->n)
			continue;
		qsort(token_at(l, 0), l->n, sizeof(struct diff_token), by_number);
		qsort(token_at(l, 0), n[side], sizeof(struct diff_token), by_queue);
	}
	rc = tell_stretch(d, &lane, a->n ? token_at(a, 0) : NULL, n[DIFF_A],
			  b->n ? token_at(b, 0) : NULL, n[DIFF_B]);
	drop_first(a, n[DIFF_A]);
	drop_first(b, n[DIFF_B]);
	return rc;
}
