/* SPDX-License-Identifier: MIT */
/* Guest memory: a sorted table of ranges, looked up by bisection. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "emu/virtio/memory.h"

#define MAX_RANGES 65536

struct range {
	uint64_t gpa, size;
	uint8_t *hva; /* NULL: callbacks */
	unsigned prot;
};

struct emu_mem {
	struct range *range;
	unsigned count, cap, last; /* last: the range hit most recently */
	unsigned generation;
	const struct emu_mem_ops *ops;
	void *opaque;
};

struct emu_mem *emu_mem_new(void)
{
	struct emu_mem *m = calloc(1, sizeof(*m));
	if (m)
		m->generation = 1;
	return m;
}

void emu_mem_free(struct emu_mem *m)
{
	if (m)
		free(m->range);
	free(m);
}

void emu_mem_set_ops(struct emu_mem *m, const struct emu_mem_ops *ops, void *opaque)
{
	m->ops = ops;
	m->opaque = opaque;
	m->generation++;
}

/* Index of the first range that ends after gpa. */
static unsigned find(const struct emu_mem *m, uint64_t gpa)
{
	unsigned lo = 0, hi = m->count;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct range *r = &m->range[mid];
		/* size - 1: a range may end at 2^64 */
		if (r->gpa + (r->size - 1) < gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int emu_mem_add(struct emu_mem *m, uint64_t gpa, uint64_t size, void *hva, unsigned prot)
{
	if (!size || gpa + (size - 1) < gpa)
		return -EINVAL;
	if (m->count >= MAX_RANGES)
		return -ENOSPC;
	unsigned at = find(m, gpa);
	if (at < m->count && m->range[at].gpa <= gpa + (size - 1))
		return -EEXIST;
	if (!array_room(m->range, m->cap, m->count + 1))
		return -ENOMEM;
	memmove(&m->range[at + 1], &m->range[at], (m->count - at) * sizeof(*m->range));
	m->range[at] = (struct range){ .gpa = gpa, .size = size, .hva = hva, .prot = prot };
	m->count++;
	m->generation++;
	return 0;
}

int emu_mem_del(struct emu_mem *m, uint64_t gpa, uint64_t size)
{
	unsigned kept = 0, gone = 0;
	for (unsigned i = 0; i < m->count; i++) {
		const struct range *r = &m->range[i];
		/* compare last bytes, so that nothing overflows */
		if (size && r->gpa >= gpa && r->gpa + (r->size - 1) - gpa <= size - 1)
			gone++;
		else
			m->range[kept++] = *r;
	}
	m->count = kept;
	m->last = 0;
	if (!gone)
		return -ENOENT;
	m->generation++;
	return (int)gone;
}

void emu_mem_clear(struct emu_mem *m)
{
	m->count = m->last = 0;
	m->generation++;
}

unsigned emu_mem_generation(const struct emu_mem *m)
{
	return m->generation;
}

unsigned emu_mem_ranges(const struct emu_mem *m)
{
	return m->count;
}

/* The range gpa lies in, with that permission; *room bytes from gpa to its end. */
static const struct range *lookup(struct emu_mem *m, uint64_t gpa, unsigned prot, uint64_t *room)
{
	const struct range *r = m->last < m->count ? &m->range[m->last] : NULL;
	if (!r || gpa < r->gpa || gpa - r->gpa >= r->size) {
		unsigned i = find(m, gpa);
		if (i >= m->count || m->range[i].gpa > gpa)
			return NULL;
		m->last = i;
		r = &m->range[i];
	}
	if ((r->prot & prot) != prot)
		return NULL;
	*room = r->size - (gpa - r->gpa);
	return r;
}

/* Inline, so that each direction has its own code. */
static inline int copy(struct emu_mem *m, uint64_t gpa, uint8_t *p, size_t len, bool write)
{
	while (len) {
		uint64_t room;
		const struct range *r = lookup(m, gpa, write ? EMU_MEM_WRITE : EMU_MEM_READ, &room);
		if (!r)
			return -EFAULT;
		size_t n = len < room ? len : room;
		if (r->hva) {
			uint8_t *at = r->hva + (gpa - r->gpa);
			memcpy(write ? at : p, write ? p : at, n);
		} else {
			int ret = !m->ops ? -EFAULT
				  : write ? m->ops->write(m->opaque, gpa, p, n)
					  : m->ops->read(m->opaque, gpa, p, n);
			if (ret < 0)
				return ret;
		}
		p += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int emu_mem_read(struct emu_mem *m, uint64_t gpa, void *buf, size_t len)
{
	return copy(m, gpa, buf, len, false);
}

int emu_mem_write(struct emu_mem *m, uint64_t gpa, const void *buf, size_t len)
{
	return copy(m, gpa, (uint8_t *)buf, len, true); /* which does not write to buf */
}

int emu_mem_check(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot)
{
	if (len && gpa + (len - 1) < gpa)
		return -EFAULT;
	while (len) {
		uint64_t room;
		if (!lookup(m, gpa, prot, &room))
			return -EFAULT;
		uint64_t n = len < room ? len : room;
		gpa += n;
		len -= n;
	}
	return 0;
}

void *emu_mem_ptr(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot)
{
	uint64_t room;
	const struct range *r = lookup(m, gpa, prot, &room);
	return r && r->hva && len <= room ? r->hva + (gpa - r->gpa) : NULL;
}

int emu_mem_map(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot, struct iovec *iov,
		int *n, int max)
{
	if (len && gpa + (len - 1) < gpa)
		return -EFAULT;
	while (len) {
		uint64_t room;
		const struct range *r = lookup(m, gpa, prot, &room);
		if (!r)
			return -EFAULT;
		if (!r->hva)
			return -ENOTSUP;
		uint64_t part = len < room ? len : room;
		uint8_t *p = r->hva + (gpa - r->gpa);
		struct iovec *prev = *n ? &iov[*n - 1] : NULL;
		if (prev && (uint8_t *)prev->iov_base + prev->iov_len == p) {
			prev->iov_len += part;
		} else {
			if (*n >= max)
				return -E2BIG;
			iov[(*n)++] = (struct iovec){ .iov_base = p, .iov_len = part };
		}
		gpa += part;
		len -= part;
	}
	return 0;
}
