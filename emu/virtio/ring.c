/* SPDX-License-Identifier: MIT */
/* What split and packed rings share: areas, checks of descriptors, indirect tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/ring.h"

#define BUSY_WORDS (65536 / 64)

int emu_ring_init(struct emu_ring *r, struct emu_mem *mem)
{
	memset(r, 0, sizeof(*r));
	r->mem = mem;
	r->busy = calloc(BUSY_WORDS, sizeof(*r->busy));
	return r->busy ? 0 : -ENOMEM;
}

void emu_ring_fini(struct emu_ring *r)
{
	free(r->busy);
	r->busy = NULL;
}

void emu_ring_rewind(struct emu_ring *r)
{
	r->last_avail = r->used = r->avail_seen = r->signalled = r->unsignalled = 0;
	r->avail_wrap = r->used_wrap = true;
	r->signalled_valid = r->kicks_off = r->resolved = false;
	r->popped = 0;
	r->why = NULL;
	memset(r->busy, 0, BUSY_WORDS * sizeof(*r->busy));
}

bool emu_ring_busy(const struct emu_ring *r, uint16_t id)
{
	return r->busy[id / 64] >> id % 64 & 1;
}

void emu_ring_set_busy(struct emu_ring *r, uint16_t id, bool on)
{
	uint64_t bit = 1ull << id % 64;
	if (on)
		r->busy[id / 64] |= bit;
	else
		r->busy[id / 64] &= ~bit;
}

static uint64_t area_addr(const struct emu_ring *r, unsigned area)
{
	return area == 0 ? r->desc : area == 1 ? r->driver : r->device;
}

int emu_ring_check(struct emu_ring *r)
{
	uint64_t len[3];
	unsigned align[3];
	r->ops->layout(r->size, len, align);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t a = area_addr(r, i);
		if (a % align[i]) { /* 2.7, 2.8: alignments of the parts */
			r->why = "a part of the virtqueue is misaligned";
			return -EINVAL;
		}
		if (a + (len[i] - 1) < a) {
			r->why = "a part of the virtqueue wraps around the address space";
			return -EINVAL;
		}
		for (unsigned j = 0; j < i; j++) {
			uint64_t b = area_addr(r, j);
			if (a <= b + (len[j] - 1) && b <= a + (len[i] - 1)) {
				r->why = "parts of the virtqueue overlap";
				return -EINVAL;
			}
		}
	}
	return 0;
}

/*
 * Find the host addresses of the areas once; they are valid while the memory ranges do not
 * change.
 */
static void resolve(struct emu_ring *r)
{
	uint64_t len[3];
	unsigned align[3];
	r->ops->layout(r->size, len, align);
	r->p_desc = emu_mem_ptr(r->mem, r->desc, len[0], EMU_MEM_READ | EMU_MEM_WRITE);
	r->p_driver = emu_mem_ptr(r->mem, r->driver, len[1], EMU_MEM_READ);
	r->p_device = emu_mem_ptr(r->mem, r->device, len[2], EMU_MEM_READ | EMU_MEM_WRITE);
	r->gen = emu_mem_generation(r->mem);
	r->resolved = true;
}

static uint8_t *area_ptr(struct emu_ring *r, unsigned area)
{
	if (!r->resolved || r->gen != emu_mem_generation(r->mem))
		resolve(r);
	return area == 0 ? r->p_desc : area == 1 ? r->p_driver : r->p_device;
}

int emu_ring_read(struct emu_ring *r, unsigned area, uint64_t off, void *buf, size_t len)
{
	const uint8_t *p = area_ptr(r, area);
	if (!p)
		return emu_mem_read(r->mem, area_addr(r, area) + off, buf, len);
	memcpy(buf, p + off, len);
	return 0;
}

int emu_ring_write(struct emu_ring *r, unsigned area, uint64_t off, const void *buf, size_t len)
{
	uint8_t *p = area_ptr(r, area);
	if (!p)
		return emu_mem_write(r->mem, area_addr(r, area) + off, buf, len);
	memcpy(p + off, buf, len);
	return 0;
}

/* The areas are at least 2-aligned (emu_ring_check), ranges page-aligned or copied. */
int emu_ring_load16(struct emu_ring *r, unsigned area, uint64_t off, uint16_t *v)
{
	const uint8_t *p = area_ptr(r, area);
	if (p && !((uintptr_t)(p + off) & 1)) {
		*v = __atomic_load_n((const uint16_t *)(const void *)(p + off), __ATOMIC_ACQUIRE);
		return 0;
	}
	int ret = emu_ring_read(r, area, off, v, sizeof(*v));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ret;
}

int emu_ring_store16(struct emu_ring *r, unsigned area, uint64_t off, uint16_t v)
{
	uint8_t *p = area_ptr(r, area);
	if (p && !((uintptr_t)(p + off) & 1)) {
		__atomic_store_n((uint16_t *)(void *)(p + off), v, __ATOMIC_RELEASE);
		return 0;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return emu_ring_write(r, area, off, &v, sizeof(v));
}

int emu_ring_bad(struct emu_ring *r, struct emu_chain *c, unsigned flag, const char *why)
{
	if (c)
		c->flags |= flag;
	r->why = why;
	return -EBADMSG;
}

/* Add one data-bearing descriptor to a chain. */
int emu_ring_take_desc(struct emu_ring *r, struct emu_chain *c, const struct vqt_desc *d)
{
	uint32_t max = r->max_chain ? r->max_chain : r->size;
	if (emu_chain_add(c, d) < 0)
		return emu_ring_bad(r, c, VQT_CHAIN_CUT, "no memory for a descriptor chain");
	if ((uint32_t)c->nread + c->nwrite + 1 > max) /* 2.7.5.3.1, 2.8.19: or it loops */
		return emu_ring_bad(r, c, VQT_CHAIN_LOOP,
				    "descriptor chain longer than the queue, or a loop");
	if (d->flags & VRING_DESC_F_WRITE) {
		c->nwrite++;
		c->write_len += d->len;
	} else {
		if (c->nwrite) /* 2.7.4.2 */
			return emu_ring_bad(r, c, 0,
					    "device-readable descriptor after a writable one");
		c->nread++;
		c->read_len += d->len;
	}
	if (c->read_len + c->write_len > 1ull << 32) /* 2.7.5 */
		return emu_ring_bad(r, c, 0, "descriptor chain of more than 2^32 bytes");
	return 0;
}

static int check_table(struct emu_ring *r, struct emu_chain *c, const struct vqt_desc *d)
{
	if (!r->indirect) /* 2.7.5.3.1 */
		return emu_ring_bad(r, c, VQT_CHAIN_NO_TABLE,
				    "indirect descriptor, but INDIRECT_DESC was not negotiated");
	if (d->flags & VRING_DESC_F_NEXT)
		return emu_ring_bad(r, c, 0, "descriptor with both INDIRECT and NEXT");
	if (!d->len || d->len % sizeof(struct vqt_desc))
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_TABLE,
				    "indirect table length is 0 or not a multiple of 16");
	return 0;
}

static int read_entry(struct emu_ring *r, struct emu_chain *c, uint64_t table, uint32_t i,
		      struct vqt_desc *e)
{
	uint64_t at = table + (uint64_t)i * sizeof(*e);
	if (at < table || emu_mem_read(r->mem, at, e, sizeof(*e)) < 0)
		return emu_ring_bad(r, c, VQT_CHAIN_NO_TABLE,
				    "indirect table outside guest memory");
	return 0;
}

/*
 * The table that d names.  Split: entries are chained by next from the first
 * (2.7.5.3).  Packed: entries in order, all of them; flags but WRITE and the
 * buffer id are reserved and ignored (2.8.7).
 */
int emu_ring_indirect(struct emu_ring *r, struct emu_chain *c, const struct vqt_desc *d,
		      bool packed)
{
	if (emu_chain_add(c, d) < 0)
		return emu_ring_bad(r, c, VQT_CHAIN_CUT, "no memory for a descriptor chain");
	c->ndirect = c->ndesc;
	c->table = true;
	int ret = check_table(r, c, d);
	if (ret < 0)
		return ret;
	uint32_t n = d->len / sizeof(struct vqt_desc), i = 0;
	for (;;) {
		struct vqt_desc e;
		ret = read_entry(r, c, d->addr, i, &e);
		if (ret < 0)
			return ret;
		if (packed) { /* id precedes flags, 2.8.13 */
			uint16_t id = e.flags;
			e.flags = e.next;
			e.next = id;
		}
		ret = emu_ring_take_desc(r, c, &e);
		if (ret < 0)
			return ret;
		if (!packed && e.flags & VRING_DESC_F_INDIRECT) /* 2.7.5.3.1 */
			return emu_ring_bad(r, c, VQT_CHAIN_BAD_TABLE,
					    "indirect descriptor in an indirect table");
		if (packed) {
			if (++i >= n)
				return 0;
			continue;
		}
		if (!(e.flags & VRING_DESC_F_NEXT))
			return 0;
		if (e.next >= n)
			return emu_ring_bad(r, c, VQT_CHAIN_BAD_NEXT,
					    "next outside the indirect table");
		i = e.next;
	}
}
