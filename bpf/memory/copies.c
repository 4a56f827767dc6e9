/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bpf/memory/copies.h"

/* Put the page in front of those that were wanted lately. */
static void note(struct copies *c, uint64_t page)
{
	unsigned i = 0;

	while (i < COPIES_PAGES - 1 && c->recent[i] != page)
		i++;
	memmove(c->recent + 1, c->recent, i * sizeof(c->recent[0]));
	c->recent[0] = page;
}

static const uint8_t *find(const struct copies *c, uint64_t page)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->page[i] == page)
			return c->bytes + 8 + (size_t)i * COPIES_PAGE;
	return NULL;
}

static struct iovec whole(uint64_t page)
{
	return (struct iovec){ (void *)(uintptr_t)(page * COPIES_PAGE), COPIES_PAGE };
}

/* Copy the page, and before the room ends those that were wanted lately and are not here. */
static const uint8_t *fetch(struct copies *c, uint64_t page)
{
	struct iovec range[COPIES_PAGES];
	unsigned n = 0;
	ssize_t got;

	if (c->n == COPIES_PAGES)
		c->n = 0;
	c->page[c->n] = page;
	range[n++] = whole(page);
	for (unsigned i = 0; i < COPIES_PAGES && n <= COPIES_AHEAD && c->n + n < COPIES_PAGES;
	     i++) {
		if (!c->recent[i] || c->recent[i] == page || find(c, c->recent[i]))
			continue;
		c->page[c->n + n] = c->recent[i];
		range[n++] = whole(c->recent[i]);
	}
	got = c->m->read(c->m, range, n, c->bytes + 8 + (size_t)c->n * COPIES_PAGE);
	if (got < (ssize_t)COPIES_PAGE)
		return NULL;
	if (got < (ssize_t)(n * COPIES_PAGE)) /* one of the others is there no more */
		memset(c->recent, 0, sizeof(c->recent));
	c->n += (unsigned)(got / COPIES_PAGE);
	return find(c, page);
}

static int read_host(struct copies *c, uint64_t host, uint8_t *buf, size_t len)
{
	while (len) {
		uint64_t page = host / COPIES_PAGE;
		size_t at = host % COPIES_PAGE, n = COPIES_PAGE - at;
		const uint8_t *bytes = find(c, page);

		n = n < len ? n : len;
		if (!bytes)
			bytes = fetch(c, page);
		if (!bytes)
			return -EFAULT;
		note(c, page);
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

	if (len > (size_t)2 * COPIES_PAGE)
		return guest_read((void *)(uintptr_t)o->g, gpa, buf, len);
	return guest_find(o->g, gpa, len, &host) ? read_host(o->c, host, buf, len) : -EFAULT;
}

/* The word first, then its page: the system reads them in this order. */
int copies_load(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	const struct copies_of *o = opaque;
	struct copies *c = o->c;
	uint64_t host;
	struct iovec range[2];
	ssize_t got;

	c->n = 0;
	if (len > 8 || !guest_find(o->g, gpa, len, &host))
		return -EFAULT;
	c->page[0] = host / COPIES_PAGE;
	range[0] = (struct iovec){ (void *)(uintptr_t)host, len };
	range[1] = whole(c->page[0]);
	got = c->m->read(c->m, range, 2, c->bytes + 8 - len);
	if (got < (ssize_t)len)
		return -EFAULT;
	memcpy(buf, c->bytes + 8 - len, len);
	c->n = got == (ssize_t)(len + COPIES_PAGE);
	return 0;
}

void copies_renew(void *opaque)
{
	((const struct copies_of *)opaque)->c->n = 0;
}
