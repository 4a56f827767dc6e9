/* SPDX-License-Identifier: MIT */
/*
 * Streams hold the items of both sides on one topic and align them in windows.
 *
 * Equal items at the heads are dropped at once.  Otherwise a window of both sides is
 * aligned, and its items up to the last common one are reported and dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/diff/impl.h"

int item_append(struct item_list *l, const struct diff_item *t)
{
	if (l->first + l->n == l->cap) {
		if (l->first > l->cap / 2) {
			memmove(l->t, l->t + l->first, l->n * sizeof(*l->t));
			l->first = 0;
		} else if (!array_room(l->t, l->cap, l->cap + 1)) {
			return -ENOMEM;
		}
	}
	l->t[l->first + l->n++] = *t;
	return 0;
}

/* Drop the first n items and free their texts. */
static void drop_first(struct item_list *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(item_at(l, i)->text);
	l->first += n;
	l->n -= n;
	if (!l->n)
		l->first = 0;
}

void item_list_free(struct item_list *l)
{
	drop_first(l, l->n);
	free(l->t);
	memset(l, 0, sizeof(*l));
}

static unsigned stream_key(const struct diff *d, const struct diff_pair_impl *p, unsigned key)
{
	return (unsigned)(p - d->pair) << 17 | key;
}

static struct diff_stream *find_stream(const struct diff_event *s, unsigned key)
{
	unsigned k = stream_key(s->d, s->p, key);
	struct diff_stream *l;

	HASH_FIND(hh, s->d->stream, &k, sizeof(k), l);
	return l;
}

static struct diff_stream *get_stream(const struct diff_event *s, unsigned key, int *rc)
{
	struct diff_stream *l = find_stream(s, key);

	*rc = 0;
	if (l || HASH_COUNT(s->d->stream) >= DIFF_STREAMS_MAX)
		return l;
	hash_add_new(s->d->stream, key, stream_key(s->d, s->p, key), l);
	*rc = l ? 0 : -ENOMEM;
	if (!l)
		return NULL;
	l->pair = (unsigned)(s->p - s->d->pair);
	l->pooled = key < STREAM_SETUP;
	l->window = DIFF_WINDOW;
	return l;
}

struct diff_item *diff_stream_item(const struct diff_event *s, unsigned queue, uint64_t number)
{
	struct diff_stream *l = find_stream(s, queue);
	struct item_list *list = l ? &l->side[s->side] : NULL;
	size_t lo = 0, hi = list ? list->n : 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (item_at(list, mid)->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!list || lo == list->n || item_at(list, lo)->number != number)
		return NULL;
	return item_at(list, lo);
}

static bool full(const struct diff_stream *l, int side)
{
	return l->side[side].n >= DIFF_STREAM_MAX;
}

static void drop(struct diff *d, struct diff_stream *l, int side, size_t n)
{
	bool was = full(l, side);

	if (n)
		l->last[side] = item_at(&l->side[side], n - 1)->number;
	drop_first(&l->side[side], n);
	d->held[side] -= n;
	if (was && !full(l, side))
		d->full[side]--;
}

static void same(struct diff *d, struct diff_stream *l, struct diff_item *a, struct diff_item *b)
{
	struct diff_pair_impl *p = &d->pair[l->pair];

	p->pub.alike[a->class]++;
	if (a->kind == ITEM_REQUEST)
		diff_report_notify(d, p, a, b);
}

static void drop_equal_heads(struct diff *d, struct diff_stream *l)
{
	size_t n = 0;

	while (n < l->side[DIFF_A].n && n < l->side[DIFF_B].n) {
		struct diff_item *a = item_at(&l->side[DIFF_A], n);
		struct diff_item *b = item_at(&l->side[DIFF_B], n);

		if (a->pending || b->pending || a->key[0] != b->key[0])
			break;
		same(d, l, a, b);
		n++;
	}
	drop(d, l, DIFF_A, n);
	drop(d, l, DIFF_B, n);
}

/* Report an item, or two items of one subject, with the last common events before them. */
static void report_alone(struct diff *d, struct diff_stream *l, const struct diff_item *a,
			 const struct diff_item *b)
{
	uint64_t near[DIFF_SIDES] = { l->last[DIFF_A], l->last[DIFF_B] };

	if (l->pooled)
		memcpy(near, a ? a->behind : b->behind, sizeof(near));

	diff_report(d, &d->pair[l->pair], a, b, near);
}

/*
 * Report a range without common items.  Items of one subject are a change, most similar
 * first; the others are missing on one side.
 */
static int report_stretch(struct diff *d, struct diff_stream *l, struct diff_item *a, size_t n,
			  struct diff_item *b, size_t m)
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
			report_alone(d, l, &a[i], &b[j]);
			da[i] = db[j++] = 1;
		}
	}
	for (size_t i = 0; i < n && !rc; i++)
		if (!da[i])
			report_alone(d, l, &a[i], NULL);
	for (size_t j = 0; j < m && !rc; j++)
		if (!db[j])
			report_alone(d, l, NULL, &b[j]);
	free(ka);
	free(ma);
	return rc;
}

/* Move unaligned requests to the pool, where an equal one from elsewhere may match them later. */
static int to_pool(struct diff *d, struct diff_stream *l, int side, struct diff_item *t, size_t n)
{
	struct diff_pair_impl *p = &d->pair[l->pair];

	for (size_t i = 0; i < n; i++) {
		int rc;

		t[i].pending = false;
		memcpy(t[i].behind, l->last, sizeof(l->last));
		rc = item_append(&p->pool[side], &t[i]);
		if (rc)
			return rc;
		t[i].text = NULL;
	}
	return p->pool[side].n >= DIFF_STREAM_MAX ? diff_pool_settle(d, p, false) : 0;
}

static int stretch(struct diff *d, struct diff_stream *l, struct diff_item *a, size_t n,
		   struct diff_item *b, size_t m)
{
	int rc;

	if (!l->pooled)
		return report_stretch(d, l, a, n, b, m);
	rc = to_pool(d, l, DIFF_A, a, n);
	return rc ? rc : to_pool(d, l, DIFF_B, b, m);
}

/* Report the first n and m items; ma and mb mark those that align. */
static int report_window(struct diff *d, struct diff_stream *l, const uint8_t *ma, size_t n,
			 const uint8_t *mb, size_t m)
{
	struct diff_item *a = item_at(&l->side[DIFF_A], 0), *b = item_at(&l->side[DIFF_B], 0);
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

/* How much of a window can be reported: up to its last common items; else half of it. */
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

/* Returns 1 when the items are left for a larger window. */
static int align_window(struct diff *d, struct diff_stream *l, size_t n, size_t m, bool all,
			bool wait)
{
	uint64_t *keys = calloc(n + m + 1, sizeof(*keys));
	uint8_t *marks = calloc(n + m + 1, 1), *mb = marks + n;
	int rc = keys && marks ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !rc; i++)
		keys[i] = item_at(&l->side[DIFF_A], i)->key[0];
	for (size_t j = 0; j < m && !rc; j++)
		keys[n + j] = item_at(&l->side[DIFF_B], j)->key[0];
	if (!rc)
		rc = diff_align(&d->work, keys, n, keys + n, m, marks, mb);
	if (!rc && !all && !commit_point(marks, &n, mb, &m) && wait)
		rc = 1;
	if (!rc)
		rc = report_window(d, l, marks, n, mb, m);
	free(keys);
	free(marks);
	return rc;
}

/* Number of items that can be aligned: those before the first pending one. */
static size_t ready(const struct diff_stream *l, int side, size_t most, bool all)
{
	const struct item_list *list = &l->side[side];
	size_t n = 0;

	if (all || full(l, side))
		return list->n < most ? list->n : most;
	while (n < list->n && n < most && !item_at(list, n)->pending)
		n++;
	return n;
}

int diff_stream_run(struct diff *d, struct diff_stream *l, bool force)
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
		rc = align_window(d, l, n, m, all, !force && l->window < DIFF_STREAM_MAX);
		if (rc < 0 || force)
			return rc;
		l->window = rc ? 2 * l->window : DIFF_WINDOW;
	}
}

int diff_stream_add(const struct diff_event *s, unsigned key, const struct diff_item *t)
{
	struct diff *d = s->d;
	struct item_list *list;
	bool force;
	int rc;
	struct diff_stream *l = get_stream(s, key, &rc);

	if (!l || !s->p->half[!s->side].there) {
		free(t->text); /* nothing to compare it with */
		return rc;
	}
	list = &l->side[s->side];
	rc = item_append(list, t);
	if (rc)
		return rc;
	d->held[s->side]++;
	d->items[s->side]++;
	if (list->n == DIFF_STREAM_MAX) {
		d->full[s->side]++;
		return 0; /* diff_wants() reads the other side first */
	}
	/* Aligning for each item would be slow: the heads are mostly equal once both are there. */
	force = list->n > DIFF_STREAM_MAX || d->held[s->side] > DIFF_ITEMS_MAX;
	if (!force && list->n % 16)
		return 0;
	return diff_stream_run(d, l, force);
}

/* --- the pool --------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
	const struct diff_item *a = *(struct diff_item *const *)x;
	const struct diff_item *b = *(struct diff_item *const *)y;

	if (a->key[0] != b->key[0])
		return a->key[0] < b->key[0] ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static struct diff_item **sorted_pool(struct item_list *l)
{
	struct diff_item **t = calloc(l->n + 1, sizeof(struct diff_item *));

	for (size_t i = 0; t && i < l->n; i++)
		t[i] = item_at(l, i);
	if (t && l->n)
		qsort(t, l->n, sizeof(struct diff_item *), by_key);
	return t;
}

/* Match equal requests that have another order or another queue. */
static int settle_moved(struct diff *d, struct diff_pair_impl *p)
{
	struct diff_item **a = sorted_pool(&p->pool[DIFF_A]), **b = sorted_pool(&p->pool[DIFF_B]);
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
		diff_report_moved(d, p, a[i], b[j]);
		a[i++]->pending = b[j++]->pending = true; /* matched: dropped below */
	}
	free(a);
	free(b);
	return rc;
}

static void forget_settled(struct item_list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct diff_item *t = item_at(l, i);

		if (t->pending)
			free(t->text);
		else
			*item_at(l, kept++) = *t;
	}
	l->n = kept;
}

static int by_number(const void *x, const void *y)
{
	const struct diff_item *a = x, *b = y;

	return a->number < b->number ? -1 : a->number > b->number;
}

static int by_queue(const void *x, const void *y)
{
	const struct diff_item *a = x, *b = y;

	if (a->queue != b->queue)
		return a->queue < b->queue ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* At the end report the whole pool; before that, the older half when it is too full. */
int diff_pool_settle(struct diff *d, struct diff_pair_impl *p, bool all)
{
	struct item_list *a = &p->pool[DIFF_A], *b = &p->pool[DIFF_B];
	struct diff_stream stream = { .pair = (unsigned)(p - d->pair), .pooled = true };
	size_t n[DIFF_SIDES], even;
	int rc = settle_moved(d, p);

	if (rc)
		return rc;
	forget_settled(a);
	forget_settled(b);
	if (!all && a->n < DIFF_WINDOW && b->n < DIFF_WINDOW)
		return 0;
	even = (a->n < b->n ? a->n : b->n) /
	       2; /* a changed request needs its counterpart: report equal numbers */
	for (int side = 0; side < DIFF_SIDES; side++) {
		struct item_list *l = &p->pool[side];

		n[side] = all ? l->n : even >= DIFF_WINDOW / 4 ? even : l->n / 2;
		if (!l->n)
			continue;
		qsort(item_at(l, 0), l->n, sizeof(struct diff_item), by_number);
		qsort(item_at(l, 0), n[side], sizeof(struct diff_item), by_queue);
	}
	rc = report_stretch(d, &stream, a->n ? item_at(a, 0) : NULL, n[DIFF_A],
			    b->n ? item_at(b, 0) : NULL, n[DIFF_B]);
	drop_first(a, n[DIFF_A]);
	drop_first(b, n[DIFF_B]);
	return rc;
}
