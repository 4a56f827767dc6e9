/* SPDX-License-Identifier: MIT */
/* What split and packed rings share: areas, and chains on their way to the device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/ring.h"

#define BUSY_WORDS (65536 / 64)

static int read_memory(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	return emu_mem_read(opaque, gpa, buf, len) < 0 ? -EFAULT : 0;
}

static const void *map_memory(void *opaque, uint64_t gpa, uint64_t len)
{
	return emu_mem_ptr(opaque, gpa, len, EMU_MEM_READ);
}

struct ring_memory emu_ring_memory(struct emu_mem *mem)
{
	return (struct ring_memory){ .read = read_memory, .map = map_memory, .opaque = mem };
}

int emu_ring_init(struct emu_ring *r, struct emu_mem *mem)
{
	memset(r, 0, sizeof(*r));
	r->mem = mem;
	r->memory = emu_ring_memory(mem);
	r->in.mem = &r->memory;
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
	r->in.avail = r->in.used = virtq_position(0, r->in.packed);
	r->in.avail_seen = r->signalled = r->unsignalled = 0;
	r->signalled_valid = r->kicks_off = r->resolved = false;
	r->popped = 0;
	r->why = NULL;
	memset(r->busy, 0, BUSY_WORDS * sizeof(*r->busy));
}

static bool busy(const struct emu_ring *r, uint16_t id)
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

static int refuse(struct emu_ring *r, int err, const char *why)
{
	r->why = why;
	return err;
}

int emu_ring_unreachable(struct emu_ring *r)
{
	return refuse(r, -EBADMSG, "virtqueue outside guest memory");
}

/* 2.7, 2.8: alignments of the parts; they lie apart. */
int emu_ring_start(struct emu_ring *r)
{
	static const unsigned split[] = { VRING_DESC_ALIGN_SIZE, VRING_AVAIL_ALIGN_SIZE,
					  VRING_USED_ALIGN_SIZE };
	static const unsigned packed[] = { 16, 4, 4 };
	const struct ring_reader *in = &r->in;
	/* the size may have been chosen while the ring was to be a packed one */
	if (!in->packed && (!in->size || in->size & (in->size - 1)))
		return refuse(r, -EINVAL, "the size of a split virtqueue is not a power of 2");
	if (!in->size || in->size > VIRTQ_SIZE_MAX)
		return refuse(r, -EINVAL, "impossible queue size");
	for (unsigned i = 0; i < RING_AREAS; i++) {
		uint64_t a = in->area[i], last = ring_area_len(in, i) - 1;
		if (a % (in->packed ? packed : split)[i])
			return refuse(r, -EINVAL, "a part of the virtqueue is misaligned");
		if (a + last < a)
			return refuse(r, -EINVAL,
				      "a part of the virtqueue wraps around the address space");
		for (unsigned j = 0; j < i; j++)
			if (a <= in->area[j] + (ring_area_len(in, j) - 1) &&
			    in->area[j] <= a + last)
				return refuse(r, -EINVAL, "parts of the virtqueue overlap");
	}
	return 0;
}

/* Host addresses of the areas are valid while the memory ranges do not change. */
void emu_ring_map(struct emu_ring *r)
{
	if (r->resolved && r->gen == emu_mem_generation(r->mem))
		return;
	ring_remap(&r->in);
	for (unsigned i = 0; i < RING_AREAS; i++)
		r->out[i] =
			emu_mem_ptr(r->mem, r->in.area[i], ring_area_len(&r->in, i), EMU_MEM_WRITE);
	r->gen = emu_mem_generation(r->mem);
	r->resolved = true;
}

int emu_ring_load16(struct emu_ring *r, enum ring_area area, uint64_t off, uint16_t *v)
{
	emu_ring_map(r);
	return ring_load16(&r->in, area, off, v);
}

int emu_ring_write(struct emu_ring *r, enum ring_area area, uint64_t off, const void *buf,
		   size_t len)
{
	emu_ring_map(r);
	if (!r->out[area])
		return emu_mem_write(r->mem, r->in.area[area] + off, buf, len);
	memcpy(r->out[area] + off, buf, len);
	return 0;
}

int emu_ring_store16(struct emu_ring *r, enum ring_area area, uint64_t off, uint16_t v)
{
	emu_ring_map(r);
	uint8_t *p = r->out[area] ? r->out[area] + off : NULL;
	if (p && !((uintptr_t)p & 1)) {
		__atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
		return 0;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return emu_ring_write(r, area, off, &v, sizeof(v));
}

/* --- chains ---------------------------------------------------------------------- */

int emu_ring_pending(struct emu_ring *r)
{
	emu_ring_map(r);
	int ret = ring_pending(&r->in);
	if (ret == -EFAULT)
		return emu_ring_unreachable(r);
	return ret < 0 ? refuse(r, ret, "available index moved by more than the queue size") : ret;
}

/* What the reader of a ring accepts, but a device need not. */
static const char *malformed(const struct emu_ring *r, const struct ring_chain *c)
{
	if (c->table && r->in.packed && c->ndirect > 1) /* 2.8.19 */
		return "indirect descriptor in a list";
	if (c->table && c->desc[c->ndirect - 1].flags & VRING_DESC_F_NEXT)
		return "descriptor with both INDIRECT and NEXT";
	if (c->mixed) /* 2.7.4.2 */
		return "device-readable descriptor after a writable one";
	if (c->read_len + c->write_len > 1ull << 32) /* 2.7.5 */
		return "descriptor chain of more than 2^32 bytes";
	return NULL;
}

/* A chain was read, with this result: is it one that the device can process? */
static int accept(struct emu_ring *r, struct emu_chain *e, int ret)
{
	struct ring_chain *c = &e->chain;
	bool known = ret >= 0 || (ret != -EFAULT && !r->in.packed); /* c->head */
	if (known && busy(r, c->head)) /* 2.7.13: only free descriptors are offered */
		ret = ring_chain_in_flight(&r->in, c);
	const char *why = c->flags & VQT_CHAIN_BAD_HEAD ? NULL : malformed(r, c);
	if (ret == -EFAULT)
		return emu_ring_unreachable(r);
	if (ret < 0 || why)
		return refuse(r, -EBADMSG, why ? why : c->why);
	r->popped++;
	emu_ring_set_busy(r, c->head, true);
	return 1;
}

int emu_ring_pop(struct emu_ring *r, struct emu_chain *c)
{
	uint16_t after;
	int ret = emu_ring_pending(r);
	if (ret <= 0)
		return ret;
	ret = ring_chain(&r->in, &c->chain, &after);
	if (ret == 0)
		return 0;
	ret = accept(r, c, ret);
	if (ret > 0)
		r->in.avail = after;
	return ret;
}

int emu_ring_pop_again(struct emu_ring *r, struct emu_chain *c, const struct emu_again *a)
{
	int ret = 0;
	emu_ring_map(r);
	c->chain.head = a->head;
	c->chain.pos = r->in.avail;
	c->chain.flags |= VQT_CHAIN_AGAIN;
	if (!r->in.packed)
		return accept(r, c, ring_chain_at_head(&r->in, &c->chain));
	for (unsigned i = 0; i < a->ndesc && ret == 0; i++) {
		c->chain.head = a->desc[i].next;
		ret = ring_chain_add(&r->in, &c->chain, &a->desc[i]);
	}
	return accept(r, c, ret);
}

void emu_ring_set_base(struct emu_ring *r, uint32_t base)
{
	emu_ring_map(r);
	ring_set_base(&r->in, base);
	r->signalled_valid = false;
}

/* A split ring's indices as they are in memory, not only up to the device's positions. */
void emu_ring_snapshot(struct emu_ring *r, struct vqt_ring *o)
{
	emu_ring_map(r);
	ring_snapshot(&r->in, o);
	if (r->in.packed)
		return;
	if (ring_load16(&r->in, RING_DRIVER, VIRTQ_RING_IDX, &o->avail_idx) < 0)
		o->known &= ~VQT_RING_AVAIL_IDX;
	if (ring_load16(&r->in, RING_DEVICE, VIRTQ_RING_IDX, &o->used_idx) < 0)
		o->known &= ~VQT_RING_USED_IDX;
}
