/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/memory/copies.h"

#define LATELY 8 /* calls after which a block that is not wanted any more is not read any more */

/* Put the block in front of those that were wanted lately. */
static void note(struct copies *c, uint64_t block)
{
	unsigned i = 0;

	while (i < COPIES_BLOCKS - 1 && c->recent[i].block != block)
		i++;
	memmove(c->recent + 1, c->recent, i * sizeof(c->recent[0]));
	c->recent[0].block = block;
	c->recent[0].time = c->time;
	c->wanted = true;
}

static const uint8_t *find(const struct copies *c, uint64_t block)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->block[i] == block)
			return c->bytes + COPIES_FRONT + (size_t)i * COPIES_BLOCK;
	return NULL;
}

static void forget(struct copies *c)
{
	c->n = 0;
	c->as_of = 0;
	c->told = false;
}

/* --- one system call ------------------------------------------------------------------------- */

struct call {
	struct iovec range[COPIES_RANGES + 2 * COPIES_WORDS + COPIES_BLOCKS];
	unsigned n;
	size_t len;
	size_t head; /* bytes before the blocks */
	unsigned blocks;
};

static uint8_t *pointer(uint64_t addr)
{
	return (uint8_t *)(uintptr_t)addr;
}

static void add(struct call *call, struct iovec range)
{
	call->range[call->n++] = range;
	call->len += range.iov_len;
}

static size_t words_len(const struct copies *c)
{
	return (size_t)WORDS_BYTES * c->words;
}

static void add_words(struct call *call, const struct copies *c)
{
	for (unsigned i = 0; i < c->words; i++)
		add(call, (struct iovec){ pointer(words_base(c->word[i])), WORDS_BYTES });
}

/* Ascending: what follows the block before is one range with it. */
static void add_block(struct call *call, struct copies *c, uint64_t block)
{
	struct iovec *last = call->blocks ? &call->range[call->n - 1] : NULL;
	uint8_t *at = pointer(block * COPIES_BLOCK);

	c->block[c->n + call->blocks++] = block;
	if (!last || (uint8_t *)last->iov_base + last->iov_len != at) {
		add(call, (struct iovec){ at, COPIES_BLOCK });
		return;
	}
	last->iov_len += COPIES_BLOCK;
	call->len += COPIES_BLOCK;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * The block (0: none) and, as far as there is room, those that were wanted lately.  Returns how many
 * must be read for the block to be.
 */
static unsigned add_blocks(struct call *call, struct copies *c, uint64_t block)
{
	uint64_t all[COPIES_BLOCKS];
	unsigned n = 0, upto = 0;

	if (block)
		all[n++] = block;
	for (unsigned i = 0; i < COPIES_BLOCKS && c->n + n < COPIES_BLOCKS; i++) {
		uint64_t other = c->recent[i].block;

		if (other && other != block && c->time - c->recent[i].time < LATELY &&
		    !find(c, other))
			all[n++] = other;
	}
	qsort(all, n, sizeof(all[0]), by_number);
	for (unsigned i = 0; i < n; i++) {
		add_block(call, c, all[i]);
		if (all[i] == block)
			upto = i + 1;
	}
	return upto;
}

/* The bytes of the next copy; what is read before the blocks comes in front of them. */
static uint8_t *next(struct copies *c)
{
	return c->bytes + COPIES_FRONT + (size_t)c->n * COPIES_BLOCK;
}

static size_t read_all(struct copies *c, const struct call *call)
{
	c->as_of = 0;
	ssize_t n = c->m->read(c->m, call->range, call->n, next(c) - call->head);

	return n > 0 ? (size_t)n : 0;
}

/* Only what is asked for; the block may be missing behind the front. */
static size_t gather_plainly(struct copies *c, const struct iovec *front, unsigned n,
			     uint64_t block)
{
	struct call call = { .n = 0 };
	size_t got;

	c->told = false;
	while (n--)
		add(&call, *front++);
	call.head = call.len;
	if (block)
		add_block(&call, c, block);
	got = read_all(c, &call);
	c->n += block && got == call.len;
	return got;
}

static void take(struct copies *c, const struct call *call, size_t got, bool first)
{
	size_t blocks = (got - call->head) / COPIES_BLOCK, words = words_len(c);

	c->told = got == call->len && (first || c->told);
	if (got < call->len) /* something is there no more */
		memset(c->recent, 0, sizeof(c->recent));
	if (first)
		memcpy(c->before, next(c) - words, words);
	memcpy(c->after, next(c) + (size_t)call->blocks * COPIES_BLOCK, words);
	c->n += blocks < call->blocks ? (unsigned)blocks : call->blocks;
}

/*
 * Read these ranges (n of them, to buf; then there must be no copies), the words, and as far as there
 * is room the block (0: none), which is not here, and those that were wanted lately.  Returns the
 * bytes of what was asked for that could be read, the block being behind the ranges.
 */
static size_t gather(struct copies *c, const struct iovec *front, unsigned n, void *buf,
		     uint64_t block)
{
	struct call call = { .n = 0 };
	bool first = !c->n && !c->told;
	size_t len, got, least;

	c->time += c->wanted;
	c->wanted = false;
	for (unsigned i = 0; i < n; i++)
		add(&call, front[i]);
	len = call.len;
	if (first)
		add_words(&call, c);
	call.head = call.len;
	least = call.head + (size_t)add_blocks(&call, c, block) * COPIES_BLOCK;
	add_words(&call, c);
	got = read_all(c, &call);
	if (got < least) {
		got = gather_plainly(c, front, n, block);
		if (n)
			memcpy(buf, c->bytes + COPIES_FRONT - len, len);
		return got;
	}
	if (n)
		memcpy(buf, next(c) - call.head, len);
	take(c, &call, got, first);
	return len + (block ? COPIES_BLOCK : 0);
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_host(struct copies *c, uint64_t host, uint8_t *buf, size_t len)
{
	while (len) {
		uint64_t block = host / COPIES_BLOCK;
		size_t at = host % COPIES_BLOCK, n = COPIES_BLOCK - at;
		const uint8_t *bytes = find(c, block);

		n = n < len ? n : len;
		if (!bytes) {
			if (c->n >= COPIES_BLOCKS)
				forget(c);
			if (gather(c, NULL, 0, NULL, block) < COPIES_BLOCK)
				return -EFAULT;
			bytes = find(c, block);
		}
		note(c, block);
		memcpy(buf, bytes + at, n);
		host += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int copies_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	const struct copies_of *o = opaque;
	uint64_t host;

	if (len > (size_t)2 * COPIES_BLOCK) {
		o->c->told = false; /* this is read after the words */
		o->c->as_of = 0;
		return guest_read((void *)(uintptr_t)o->g, gpa, buf, len);
	}
	return guest_find(o->g, gpa, len, &host) ? read_host(o->c, host, buf, len) : -EFAULT;
}

static unsigned find_word(const struct copies *c, uint64_t host, size_t len)
{
	unsigned i = 0;

	while (i < c->words && (c->word[i] != host || len != 2))
		i++;
	return i;
}

/* Where the word is in what was read before the copies, and after them. */
static size_t place(const struct copies *c, unsigned i)
{
	return (size_t)WORDS_BYTES * i + (c->word[i] - words_base(c->word[i]));
}

/* As of now, whole if it does not cross a multiple of 8; all that is read later is read after it. */
static int load_now(struct copies *c, uint64_t host, void *buf, size_t len)
{
	bool whole = host % WORDS_BYTES + len <= WORDS_BYTES;
	uint64_t at = whole ? host - host % WORDS_BYTES : host;
	struct iovec around = { (void *)(uintptr_t)at, whole ? WORDS_BYTES : len };
	uint8_t bytes[WORDS_BYTES];

	forget(c);
	if (gather(c, &around, 1, bytes, host / COPIES_BLOCK) < around.iov_len)
		return -EFAULT;
	memcpy(buf, bytes + (host - at), len);
	return 0;
}

int copies_load(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	const struct copies_of *o = opaque;
	struct copies *c = o->c;
	uint64_t host;
	unsigned i;

	if (len > WORDS_BYTES || !guest_find(o->g, gpa, len, &host))
		return -EFAULT;
	i = find_word(c, host, len);
	if (i == c->words || !c->told || memcmp(c->before + place(c, i), c->after + place(c, i), 2))
		return load_now(c, host, buf, len);
	memcpy(buf, c->before + place(c, i), len);
	return 0;
}

void copies_renew(void *opaque)
{
	struct copies *c = ((const struct copies_of *)opaque)->c;

	if (!c->fresh && (!c->as_of || c->unsure))
		forget(c);
	c->fresh = false;
}

void copies_watch(struct copies *c, const uint64_t *word, unsigned n)
{
	forget(c);
	c->fresh = false;
	c->words = n;
	for (unsigned i = 0; i < n; i++)
		c->word[i] = word[i];
}

bool copies_look(struct copies *c, const struct iovec *range, unsigned n, void *buf)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += range[i].iov_len;
	if (n > COPIES_RANGES || len > COPIES_FRONT - WORDS_BYTES * COPIES_WORDS)
		return false;
	forget(c);
	c->fresh = gather(c, range, n, buf, 0) == len && c->told;
	return c->fresh;
}

void copies_take(struct copies *c, const struct vqs_snapshot *s)
{
	forget(c);
	for (unsigned i = 0; i < COPIES_WORDS; i++) {
		const uint8_t *word = i ? s->device : s->driver;

		memcpy(c->before + (size_t)i * WORDS_BYTES, word, WORDS_BYTES);
		memcpy(c->after + (size_t)i * WORDS_BYTES, word, WORDS_BYTES);
	}
	c->n = s->n;
	memcpy(c->block, s->block, s->n * sizeof(c->block[0]));
	memcpy(c->bytes + COPIES_FRONT, s->bytes, (size_t)s->n * COPIES_BLOCK);
	c->told = c->fresh = true;
	c->as_of = s->ended;
	c->unsure = s->unsure;
}
