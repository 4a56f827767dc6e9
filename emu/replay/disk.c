/* SPDX-License-Identifier: MIT */
/* Blocks of a disk by number, each with a bit for every byte that is known. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/hash.h"
#include "emu/replay/target.h"

#define BLOCK REPLAY_DISK_BLOCK

struct block {
	uint64_t number;
	uint8_t bytes[BLOCK];
	uint8_t known[BLOCK / 8];
	UT_hash_handle hh;
};

struct replay_disk {
	struct block *blocks;
	uint64_t limit, count;
	bool sorted;
	struct block *walked; /* where replay_disk_next() was */
};

struct replay_disk *replay_disk_new(uint64_t limit)
{
	struct replay_disk *d = calloc(1, sizeof(*d));
	if (d)
		d->limit = (limit ? limit : 1ull << 30) / BLOCK;
	return d;
}

void replay_disk_free(struct replay_disk *d)
{
	if (!d)
		return;
	hash_free(d->blocks);
	free(d);
}

static struct block *find(const struct replay_disk *d, uint64_t number)
{
	struct block *b;
	HASH_FIND(hh, d->blocks, &number, sizeof(number), b);
	return b;
}

static struct block *make(struct replay_disk *d, uint64_t number, int *why)
{
	struct block *b = find(d, number);
	if (b)
		return b;
	*why = d->count >= d->limit ? -ENOSPC : -ENOMEM;
	if (d->count < d->limit)
		hash_add_new(d->blocks, number, number, b);
	if (!b)
		return NULL;
	d->count++;
	d->sorted = false;
	return b;
}

struct replay_disk *replay_disk_copy(const struct replay_disk *d)
{
	struct replay_disk *c = replay_disk_new(d->limit * BLOCK);
	int why = 0;
	if (!c)
		return NULL;
	for (const struct block *b = d->blocks; b; b = b->hh.next) {
		struct block *n = make(c, b->number, &why);
		if (!n) {
			replay_disk_free(c);
			return NULL;
		}
		memcpy(n->bytes, b->bytes, sizeof(n->bytes));
		memcpy(n->known, b->known, sizeof(n->known));
	}
	return c;
}

/* Set or clear the bits [from, to). */
static void mark(uint8_t *set, unsigned from, unsigned to, bool on)
{
	while (from < to) {
		if (from % 8 == 0 && to - from >= 8) {
			memset(set + from / 8, on ? 0xff : 0, (to - from) / 8);
			from += (to - from) / 8 * 8;
		} else {
			set[from / 8] = (set[from / 8] & ~(1 << from % 8)) | on << from % 8;
			from++;
		}
	}
}

static int put(struct replay_disk *d, uint64_t off, const uint8_t *bytes, size_t len, bool all)
{
	while (len) {
		unsigned at = off % BLOCK;
		size_t n = len < BLOCK - at ? len : BLOCK - at;
		int why;
		struct block *b = make(d, off / BLOCK, &why);
		if (!b)
			return why;
		for (size_t i = 0; !all && i < n; i++)
			if (!replay_bit(b->known, at + i))
				b->bytes[at + i] = bytes[i];
		if (all)
			memcpy(b->bytes + at, bytes, n);
		mark(b->known, at, at + n, true);
		bytes += n;
		off += n;
		len -= n;
	}
	return 0;
}

int replay_disk_set(struct replay_disk *d, uint64_t off, const void *bytes, size_t len)
{
	return put(d, off, bytes, len, true);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

int replay_disk_fill(struct replay_disk *d, uint64_t off, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	int ret = 0;
	for (size_t n; len && ret == 0; off += n, p += n, len -= n) {
		n = len < BLOCK - off % BLOCK ? len : BLOCK - off % BLOCK;
		if (!all_zero(p, n) || find(d, off / BLOCK))
			ret = put(d, off, p, n, true);
	}
	return ret;
}

uint64_t replay_disk_size(const struct replay_disk *d)
{
	return d->count * sizeof(struct block);
}

int replay_disk_zero(struct replay_disk *d, uint64_t off, uint64_t len)
{
	static const uint8_t zero[BLOCK];
	int ret = 0;
	for (size_t n; len && ret == 0; off += n, len -= n) {
		n = len < BLOCK - off % BLOCK ? len : BLOCK - off % BLOCK;
		ret = put(d, off, zero, n, true);
	}
	return ret;
}

int replay_disk_learn(struct replay_disk *d, uint64_t off, const void *bytes, size_t len)
{
	return put(d, off, bytes, len, false);
}

static void forget_in(struct block *b, uint64_t from, uint64_t to)
{
	mark(b->known, from, to, false);
	memset(b->bytes + from, 0, to - from);
}

void replay_disk_forget(struct replay_disk *d, uint64_t off, uint64_t len)
{
	uint64_t end = len > UINT64_MAX - off ? UINT64_MAX : off + len;
	uint64_t first = off / BLOCK, last = end / BLOCK;
	struct block *b;
	if (!len)
		return;
	if (last - first <= d->count) { /* fewer look-ups than blocks */
		for (uint64_t n = first; n <= last; n++) {
			b = find(d, n);
			if (b)
				forget_in(b, n == first ? off % BLOCK : 0,
					  n == last ? end % BLOCK : BLOCK);
		}
		return;
	}
	for (b = d->blocks; b; b = b->hh.next)
		if (b->number >= first && b->number <= last)
			forget_in(b, b->number == first ? off % BLOCK : 0,
				  b->number == last ? end % BLOCK : BLOCK);
}

bool replay_disk_get(const struct replay_disk *d, uint64_t off, uint8_t *bytes, uint8_t *known,
		     size_t len)
{
	bool any = false;
	while (len) {
		unsigned at = off % BLOCK;
		size_t n = len < BLOCK - at ? len : BLOCK - at;
		const struct block *b = find(d, off / BLOCK);
		any |= b != NULL;
		if (b)
			memcpy(bytes, b->bytes + at, n);
		else
			memset(bytes, 0, n);
		if (known && !b)
			memset(known, 0, n);
		for (size_t i = 0; known && b && i < n; i++)
			known[i] = replay_bit(b->known, at + i);
		bytes += n;
		known = known ? known + n : NULL;
		off += n;
		len -= n;
	}
	return any;
}

static int by_number(const struct block *a, const struct block *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

bool replay_disk_next(struct replay_disk *d, uint64_t *off, const uint8_t **bytes,
		      const uint8_t **known)
{
	struct block *b;
	if (!d->sorted) {
		HASH_SORT(d->blocks, by_number);
		d->walked = NULL;
	}
	d->sorted = true;
	b = d->walked && d->walked->number * BLOCK < *off ? d->walked : d->blocks;
	while (b && b->number * BLOCK < *off)
		b = b->hh.next;
	if (!b)
		return false;
	d->walked = b;
	*off = b->number * BLOCK;
	*bytes = b->bytes;
	*known = b->known;
	return true;
}
