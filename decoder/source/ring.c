/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/source/ring.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"

/* --- chains ------------------------------------------------------------------------ */

void ring_chain_clear(struct ring_chain *c)
{
	*c = (struct ring_chain){ .desc = c->desc, .cap = c->cap };
}

void ring_chain_fini(struct ring_chain *c)
{
	free(c->desc);
	*c = (struct ring_chain){ 0 };
}

uint32_t ring_chain_table(const struct ring_chain *c)
{
	return c->table ? c->ndirect - 1 : BUILD_NO_TABLE;
}

static int bad(struct ring_chain *c, unsigned flag, const char *why)
{
	c->flags |= (uint16_t)flag;
	c->why = why;
	return -EBADMSG;
}

static int add(struct ring_chain *c, const struct vqt_desc *d)
{
	if (!array_room(c->desc, c->cap, c->ndesc + 1)) {
		bad(c, VQT_CHAIN_CUT, "no memory for a descriptor chain");
		return -ENOMEM;
	}
	c->desc[c->ndesc++] = *d;
	return 0;
}

/* A descriptor of a buffer. */
static int add_buffer(const struct ring_reader *r, struct ring_chain *c, const struct vqt_desc *d)
{
	int ret = add(c, d);

	if (ret < 0)
		return ret;
	if (d->flags & VRING_DESC_F_WRITE) {
		c->nwrite++;
		c->write_len += d->len;
	} else {
		c->mixed |= c->nwrite != 0;
		c->nread++;
		c->read_len += d->len;
	}
	/* 2.7.5.3.1, 2.8.19 */
	if (c->nread + c->nwrite > (r->max_chain ? r->max_chain : r->size))
		return bad(c, VQT_CHAIN_LOOP, "descriptor chain longer than the queue, or a loop");
	return 0;
}

/* 2.8.13: a packed descriptor has its id before its flags. */
static void swap_id(struct vqt_desc *d)
{
	uint16_t id = d->flags;

	d->flags = d->next;
	d->next = id;
}

/*
 * The table that the last descriptor of the chain refers to.  Split: its entries are
 * chained by next (2.7.5.3).  Packed: all of them, in order (2.8.7).
 */
static int read_table(const struct ring_reader *r, struct ring_chain *c)
{
	struct vqt_desc table = c->desc[c->ndesc - 1], e;
	uint32_t n = table.len / sizeof(e), i = 0;
	int ret;

	c->table = true;
	if (!r->indirect)
		return bad(c, VQT_CHAIN_NO_TABLE,
			   "indirect descriptor, but INDIRECT_DESC was not negotiated");
	if (!n || table.len % sizeof(e))
		return bad(c, VQT_CHAIN_BAD_TABLE,
			   "indirect table length is 0 or not a multiple of 16");
	for (;;) {
		uint64_t at = table.addr + virtq_desc_at(i);

		if (at < table.addr || r->mem->read(r->mem->opaque, at, &e, sizeof(e)) < 0)
			return bad(c, VQT_CHAIN_NO_TABLE, "indirect table outside guest memory");
		if (r->packed)
			swap_id(&e);
		ret = add_buffer(r, c, &e);
		if (ret < 0)
			return ret;
		if (!r->packed && e.flags & VRING_DESC_F_INDIRECT)
			return bad(c, VQT_CHAIN_BAD_TABLE,
				   "indirect descriptor in an indirect table");
		if (r->packed ? i + 1 == n : !(e.flags & VRING_DESC_F_NEXT))
			return 0;
		i = r->packed ? i + 1 : e.next;
		if (i >= n)
			return bad(c, VQT_CHAIN_BAD_NEXT, "next outside the indirect table");
	}
}

int ring_chain_add(const struct ring_reader *r, struct ring_chain *c, const struct vqt_desc *d)
{
	bool table = d->flags & VRING_DESC_F_INDIRECT;
	int ret = table ? add(c, d) : add_buffer(r, c, d);

	c->ndirect = c->ndesc;
	return ret < 0 || !table ? ret : read_table(r, c);
}

int ring_chain_in_flight(const struct ring_reader *r, struct ring_chain *c)
{
	if (!r->packed) {
		uint16_t head = c->head, pos = c->pos;

		ring_chain_clear(c);
		c->head = head;
		c->pos = pos;
	}
	c->flags = 0;
	return bad(c, VQT_CHAIN_BAD_HEAD,
		   r->packed ? "buffer id is still in flight" : "head is still in flight");
}

int ring_chain_at_head(const struct ring_reader *r, struct ring_chain *c)
{
	uint16_t i = c->head;

	if (i >= r->size)
		return bad(c, VQT_CHAIN_BAD_HEAD, "head outside the descriptor table");
	for (;;) {
		struct vqt_desc d;
		int ret = ring_read(r, RING_DESC, virtq_desc_at(i), &d, sizeof(d));

		if (ret == 0)
			ret = ring_chain_add(r, c, &d);
		if (ret < 0 || d.flags & VRING_DESC_F_INDIRECT || !(d.flags & VRING_DESC_F_NEXT))
			return ret;
		if (d.next >= r->size)
			return bad(c, VQT_CHAIN_BAD_NEXT, "next outside the descriptor table");
		i = d.next;
	}
}

static int load_flags(const struct ring_reader *r, uint16_t pos, uint16_t *flags)
{
	return ring_load16(r, RING_DESC, virtq_desc_at(virtq_slot(pos)) + VIRTQ_PACKED_FLAGS,
			   flags);
}

/* The descriptor at a packed position, if it is available; its flags are read first. */
static int packed_desc(const struct ring_reader *r, uint16_t pos, struct vqt_desc *d)
{
	uint16_t flags;

	if (load_flags(r, pos, &flags) < 0)
		return -EFAULT;
	if (!virtq_is_available(flags, virtq_wrap(pos)))
		return 0;
	if (ring_read(r, RING_DESC, virtq_desc_at(virtq_slot(pos)), d, sizeof(*d)) < 0)
		return -EFAULT;
	swap_id(d);
	d->flags = flags;
	return 1;
}

static int packed_chain(const struct ring_reader *r, struct ring_chain *c, uint16_t *after)
{
	uint16_t pos = r->avail;
	struct vqt_desc d;
	int ret = packed_desc(r, pos, &d);

	while (ret > 0) {
		bool last = d.flags & VRING_DESC_F_INDIRECT || !(d.flags & VRING_DESC_F_NEXT);

		pos = virtq_advance(pos, 1, r->size);
		if (last)
			*after = pos;
		c->head = d.next; /* the last one's id is the buffer's, 2.8.6 */
		ret = ring_chain_add(r, c, &d);
		if (ret < 0 || last)
			return ret < 0 ? ret : 1;
		ret = packed_desc(r, pos, &d);
	}
	if (!c->ndesc || ret < 0)
		return ret;
	return bad(c, c->ndesc < r->size ? VQT_CHAIN_BAD_NEXT : VQT_CHAIN_LOOP,
		   "list goes on in a descriptor that is not available");
}

int ring_chain(struct ring_reader *r, struct ring_chain *c, uint16_t *after)
{
	int ret;

	c->pos = *after = r->avail;
	if (r->packed)
		return packed_chain(r, c, after);
	ret = ring_pending(r);
	if (ret <= 0)
		return ret;
	if (ring_peek16(r, RING_DRIVER, virtq_avail_at(r->avail % r->size), &c->head) < 0)
		return -EFAULT;
	*after = (uint16_t)(r->avail + 1);
	ret = ring_chain_at_head(r, c);
	return ret < 0 ? ret : 1;
}

/* --- the ring ----------------------------------------------------------------------- */

uint64_t ring_area_len(const struct ring_reader *r, enum ring_area area)
{
	return area == RING_DESC     ? virtq_desc_at(r->size)
	       : area == RING_DRIVER ? virtq_driver_len(r->size, r->packed)
				     : virtq_device_len(r->size, r->packed);
}

void ring_remap(struct ring_reader *r)
{
	if (r->mem->renew)
		r->mem->renew(r->mem->opaque);
	for (enum ring_area i = 0; i < RING_AREAS; i++)
		r->at[i] = r->mem->map
				   ? r->mem->map(r->mem->opaque, r->area[i], ring_area_len(r, i))
				   : NULL;
}

int ring_read(const struct ring_reader *r, enum ring_area area, uint64_t off, void *buf, size_t len)
{
	if (!r->at[area])
		return r->mem->read(r->mem->opaque, r->area[area] + off, buf, len);
	memcpy(buf, r->at[area] + off, len);
	return 0;
}

int ring_load16(const struct ring_reader *r, enum ring_area area, uint64_t off, uint16_t *v)
{
	const uint8_t *p = r->at[area] ? r->at[area] + off : NULL;
	int ret = 0;

	if (p && !((uintptr_t)p & 1)) {
		*v = __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
		return 0;
	}
	if (!p && r->mem->load)
		ret = r->mem->load(r->mem->opaque, r->area[area] + off, v, sizeof(*v));
	else
		ret = ring_read(r, area, off, v, sizeof(*v));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ret;
}

int ring_peek16(const struct ring_reader *r, enum ring_area area, uint64_t off, uint16_t *v)
{
	return r->at[area] || !r->mem->load ? ring_load16(r, area, off, v)
					    : ring_read(r, area, off, v, sizeof(*v));
}

/* Both ends of each area can be read. */
static bool reachable(const struct ring_reader *r)
{
	uint8_t byte;

	for (enum ring_area i = 0; i < RING_AREAS; i++) {
		uint64_t last = ring_area_len(r, i) - 1;

		if (r->area[i] + last < last || ring_read(r, i, 0, &byte, 1) < 0 ||
		    ring_read(r, i, last, &byte, 1) < 0)
			return false;
	}
	return true;
}

/*
 * Some front ends name only the position of the next available entry of a packed ring
 * (DPDK: 0x8000 for a new one), and leave the half of the used position at 0.  That is slot 0 of
 * a lap with wrap counter 0: possible only if nothing was used since, while its entry is still as
 * the driver made it available, and the driver is less than a lap ahead.
 */
static bool used_half_missing(const struct ring_reader *r, uint32_t base)
{
	uint16_t flags;

	if (base >> 16 || !base)
		return false;
	if (virtq_wrap(r->avail) && virtq_slot(r->avail))
		return true;
	return load_flags(r, r->used, &flags) < 0 ||
	       !virtq_is_available(flags, virtq_wrap(r->used));
}

/* Packed: the value comes from outside and may name any slot. */
void ring_set_base(struct ring_reader *r, uint32_t base)
{
	uint16_t used = (uint16_t)(base >> 16);

	r->avail = r->used = r->avail_seen = (uint16_t)base;
	if (r->packed) {
		r->avail = virtq_position(virtq_slot(r->avail) % r->size, virtq_wrap(r->avail));
		r->used = virtq_position(virtq_slot(used) % r->size, virtq_wrap(used));
		if (used_half_missing(r, base))
			r->used = r->avail;
	} else if (ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &used) == 0) {
		r->used = used; /* published before */
	}
}

int ring_start(struct ring_reader *r, uint32_t base, const char **why)
{
	*why = r->packed ? "impossible queue size"
			 : "the size of a split virtqueue is not a power of 2";
	if (!r->size || r->size > VIRTQ_SIZE_MAX || (!r->packed && r->size & (r->size - 1)))
		return -EINVAL;
	ring_remap(r);
	*why = "virtqueue outside guest memory";
	if (!reachable(r))
		return -EFAULT;
	*why = NULL;
	ring_set_base(r, base);
	return 0;
}

uint32_t ring_base(const struct ring_reader *r)
{
	return r->avail | (r->packed ? (uint32_t)r->used << 16 : 0);
}

int ring_pending(struct ring_reader *r)
{
	uint16_t flags;

	if (r->packed) {
		if (load_flags(r, r->avail, &flags) < 0)
			return -EFAULT;
		return virtq_is_available(flags, virtq_wrap(r->avail));
	}
	if (r->avail_seen == r->avail &&
	    ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &r->avail_seen) < 0)
		return -EFAULT;
	/* 2.7.6 with 2.7.13.3: the index went back or jumped */
	if ((uint16_t)(r->avail_seen - r->avail) > r->size)
		return -EBADMSG;
	return r->avail_seen != r->avail;
}

static int split_used(const struct ring_reader *r, uint16_t pos, struct ring_entry *e)
{
	uint16_t idx;
	uint32_t elem[2];

	if (ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &idx) < 0)
		return -EFAULT;
	if (idx == pos)
		return 0;
	if ((uint16_t)(idx - pos) > r->size) /* overwritten since, or the index went back */
		return -ESTALE;
	if (ring_read(r, RING_DEVICE, virtq_used_at(pos % r->size), elem, sizeof(elem)) < 0)
		return -EFAULT;
	*e = (struct ring_entry){ .id = (uint16_t)elem[0], .len = elem[1] };
	return 1;
}

int ring_used(const struct ring_reader *r, uint16_t pos, bool busy, struct ring_entry *e)
{
	bool wrap = virtq_wrap(pos);
	uint16_t flags, again;
	struct vqt_desc d;

	if (!r->packed)
		return split_used(r, pos, e);
	if (load_flags(r, pos, &flags) < 0)
		return -EFAULT;
	/* one lap ahead: this entry was overwritten; one lap behind: it is not written yet */
	if (virtq_is_available(flags, !wrap))
		return busy ? -ESTALE : 0;
	if (!virtq_is_used(flags, wrap))
		return 0;
	if (ring_read(r, RING_DESC, virtq_desc_at(virtq_slot(pos)), &d, sizeof(d)) < 0)
		return -EFAULT;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (load_flags(r, pos, &again) < 0)
		return -EFAULT;
	if (again != flags)
		return -ESTALE;
	swap_id(&d);
	*e = (struct ring_entry){ d.len, d.next, flags & VRING_DESC_F_WRITE };
	return 1;
}

bool ring_kept(const struct ring_reader *r)
{
	uint16_t flags;

	if (!r->packed || !virtq_wrap(r->avail) || !virtq_slot(r->avail))
		return true;
	return load_flags(r, (uint16_t)(r->avail - 1), &flags) == 0 && flags & VIRTQ_DESC_F_AVAIL;
}

void ring_snapshot(const struct ring_reader *r, struct vqt_ring *o)
{
	const struct {
		enum ring_area area;
		uint64_t off;
		uint16_t *to;
		unsigned bit;
	} word[] = {
		{ RING_DRIVER, r->packed ? VIRTQ_EVENT_FLAGS : VIRTQ_RING_FLAGS, &o->avail_flags,
		  VQT_RING_AVAIL_FLAGS },
		{ RING_DRIVER, r->packed ? VIRTQ_EVENT_POS : virtq_used_event_at(r->size),
		  &o->used_event, VQT_RING_USED_EVENT },
		{ RING_DEVICE, r->packed ? VIRTQ_EVENT_FLAGS : VIRTQ_RING_FLAGS, &o->used_flags,
		  VQT_RING_USED_FLAGS },
		{ RING_DEVICE, r->packed ? VIRTQ_EVENT_POS : virtq_avail_event_at(r->size),
		  &o->avail_event, VQT_RING_AVAIL_EVENT },
	};
	uint16_t flags;

	memset(o, 0, sizeof(*o));
	o->last_avail = r->avail;
	o->used_idx = r->used;
	o->known = VQT_RING_LAST_AVAIL | VQT_RING_USED_IDX;
	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (ring_peek16(r, word[i].area, word[i].off, word[i].to) == 0)
			o->known |= word[i].bit;
	if (!r->packed) {
		o->avail_idx = r->avail_seen;
		o->known |= VQT_RING_AVAIL_IDX;
		return;
	}
	o->known |= VQT_RING_PACKED | VQT_RING_USED_POS;
	if (ring_peek16(r, RING_DESC, virtq_desc_at(virtq_slot(r->avail)) + VIRTQ_PACKED_FLAGS,
			&flags) < 0)
		return;
	o->known |= VQT_RING_SLOT;
	if (virtq_is_available(flags, virtq_wrap(r->avail)))
		o->known |= VQT_RING_FILLED;
}
