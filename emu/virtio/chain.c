/* SPDX-License-Identifier: MIT */
/* Descriptor chains: the bytes behind them, whatever their framing (2.7.4). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/ring.h"

struct emu_chain *emu_chain_new(void)
{
	return calloc(1, sizeof(struct emu_chain));
}

void emu_chain_free(struct emu_chain *c)
{
	if (!c)
		return;
	if (c->priv && c->priv_free)
		c->priv_free(c->priv);
	ring_chain_fini(&c->chain);
	free(c);
}

/* One contiguous guest piece after another of the part [off, off+len). */
struct walk {
	const struct ring_chain *c;
	uint32_t i;
	uint64_t off, len;
	bool writable;
};

static bool walk_next(struct walk *w, uint64_t *gpa, uint64_t *n)
{
	while (w->len && w->i < w->c->ndesc) {
		const struct vqt_desc *d = &w->c->desc[w->i];
		bool mine = w->i != ring_chain_table(w->c) &&
			    !(d->flags & VRING_DESC_F_WRITE) == !w->writable;
		if (!mine || w->off >= d->len) {
			if (mine)
				w->off -= d->len;
			w->i++;
			continue;
		}
		*gpa = d->addr + w->off;
		*n = d->len - w->off < w->len ? d->len - w->off : w->len;
		if (*gpa < d->addr) /* wraps around: reaches nothing */
			return false;
		w->off += *n;
		w->len -= *n;
		return true;
	}
	return false;
}

static int copy(struct emu_mem *m, const struct emu_chain *c, bool writable, uint64_t off,
		uint8_t *p, size_t len, bool write)
{
	struct walk w = { .c = &c->chain, .off = off, .len = len, .writable = writable };
	uint64_t gpa, n;
	while (walk_next(&w, &gpa, &n)) {
		int ret = write ? emu_mem_write(m, gpa, p, n) : emu_mem_read(m, gpa, p, n);
		if (ret < 0)
			return ret;
		p += n;
	}
	return w.len ? -EFAULT : 0;
}

int emu_chain_read(struct emu_mem *m, const struct emu_chain *c, uint64_t off, void *buf,
		   size_t len)
{
	return copy(m, c, false, off, buf, len, false);
}

int emu_chain_read_written(struct emu_mem *m, const struct emu_chain *c, uint64_t off, void *buf,
			   size_t len)
{
	return copy(m, c, true, off, buf, len, false);
}

int emu_chain_write(struct emu_mem *m, const struct emu_chain *c, uint64_t off, const void *buf,
		    size_t len)
{
	return copy(m, c, true, off, (uint8_t *)buf, len, true);
}

uint64_t emu_chain_zero(struct emu_mem *m, const struct emu_chain *c, uint64_t off, uint64_t len)
{
	static const uint8_t zero[4096];
	struct walk w = { .c = &c->chain, .off = off, .len = len, .writable = true };
	uint64_t gpa, n, done = 0;
	while (walk_next(&w, &gpa, &n)) {
		if (emu_mem_check(m, gpa, n, EMU_MEM_WRITE) < 0)
			break;
		while (n) {
			size_t part = n < sizeof(zero) ? n : sizeof(zero);
			if (emu_mem_write(m, gpa, zero, part) < 0)
				return done;
			gpa += part;
			n -= part;
			done += part;
		}
	}
	return done;
}

int emu_chain_map(struct emu_mem *m, const struct emu_chain *c, bool writable, uint64_t off,
		  uint64_t len, struct iovec *iov, int max)
{
	struct walk w = { .c = &c->chain, .off = off, .len = len, .writable = writable };
	uint64_t gpa, n;
	int count = 0;
	while (walk_next(&w, &gpa, &n)) {
		int ret = emu_mem_map(m, gpa, n, writable ? EMU_MEM_WRITE : EMU_MEM_READ, iov,
				      &count, max);
		if (ret < 0)
			return ret;
	}
	return w.len ? -EFAULT : count;
}
