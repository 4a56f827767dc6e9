/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/process/cache.h"

#define PAGE 4096U
#define PAGES 1024U /* a page is kept until another one needs its place */

struct page {
	uint64_t at; /* its address and 1: 0 is none */
	size_t have; /* bytes of it that can be read */
	uint8_t bytes[PAGE];
};

struct cache {
	struct process_memory m; /* first: what is read by gets its address */
	const struct process_memory *of;
	struct page *page[PAGES];
};

/* NULL: no memory. */
static const struct page *get(struct cache *c, uint64_t at)
{
	struct page **place = &c->page[at / PAGE % PAGES], *p = *place;
	ssize_t n;

	if (p && p->at == (at | 1))
		return p;
	if (!p)
		p = *place = malloc(sizeof(*p));
	if (!p)
		return NULL;
	n = process_mem(c->of, at, p->bytes, PAGE);
	p->have = n > 0 ? (size_t)n : 0;
	p->at = at | 1;
	return p;
}

static ssize_t read_cached(const struct process_memory *m, const struct iovec *range, unsigned n,
			   void *buf)
{
	struct cache *c = (struct cache *)m;
	uint64_t addr = n ? (uintptr_t)range->iov_base : 0;
	size_t done = 0, len = n ? range->iov_len : 0;

	if (n != 1 || len > PAGE || addr > UINT64_MAX - len)
		return c->of->read(c->of, range, n, buf);
	while (done < len) {
		size_t skip = (addr + done) % PAGE, want = PAGE - skip;
		const struct page *p = get(c, addr + done - skip);

		if (!p)
			return c->of->read(c->of, range, n, buf);
		want = want < len - done ? want : len - done;
		if (skip >= p->have)
			break;
		if (want > p->have - skip)
			want = p->have - skip;
		memcpy((uint8_t *)buf + done, p->bytes + skip, want);
		done += want;
		if (skip + want == p->have && p->have < PAGE)
			break;
	}
	return done || !len ? (ssize_t)done : -EFAULT;
}

struct process_memory *process_cache(const struct process_memory *of)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->m = (struct process_memory){ .by = of->by, .read = read_cached };
	c->of = of;
	return &c->m;
}

void process_cache_free(struct process_memory *cache)
{
	struct cache *c = (struct cache *)cache;

	for (unsigned i = 0; c && i < PAGES; i++)
		free(c->page[i]);
	free(c);
}
