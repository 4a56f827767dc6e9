/* SPDX-License-Identifier: MIT */
/* Split virtqueues, the device's side: virtio 1.4, 2.7. */
#include <errno.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/ring.h"

enum { DESC, AVAIL, USED };

static void split_layout(unsigned size, uint64_t len[3], unsigned align[3])
{
	len[DESC] = virtq_desc_at(size);
	len[AVAIL] = virtq_driver_len(size, false);
	len[USED] = virtq_device_len(size, false);
	align[DESC] = VRING_DESC_ALIGN_SIZE;
	align[AVAIL] = VRING_AVAIL_ALIGN_SIZE;
	align[USED] = VRING_USED_ALIGN_SIZE;
}

static int unreachable(struct emu_ring *r)
{
	return emu_ring_bad(r, NULL, 0, "virtqueue outside guest memory");
}

static int split_start(struct emu_ring *r)
{
	/* 2.7; it may have been chosen while the ring was to be a packed one */
	if (!r->size || r->size & (r->size - 1)) {
		r->why = "the size of a split virtqueue is not a power of 2";
		return -EINVAL;
	}
	return emu_ring_check(r);
}

/* How many entries are available; reads avail.idx only when none are known. */
static int available(struct emu_ring *r)
{
	uint16_t n = r->avail_seen - r->last_avail;
	if (!n) {
		if (emu_ring_load16(r, AVAIL, VIRTQ_RING_IDX, &r->avail_seen) < 0)
			return unreachable(r);
		n = r->avail_seen - r->last_avail;
	}
	if (n > r->size) /* 2.7.6 with 2.7.13.3: idx went back or jumped */
		return emu_ring_bad(r, NULL, 0,
				    "available index moved by more than the queue size");
	return n;
}

static int walk_chain(struct emu_ring *r, struct emu_chain *c)
{
	uint16_t i = c->head;
	for (;;) {
		struct vqt_desc d;
		if (emu_ring_read(r, DESC, virtq_desc_at(i), &d, sizeof(d)) < 0)
			return unreachable(r);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return emu_ring_indirect(r, c, &d, false);
		int ret = emu_ring_take_desc(r, c, &d);
		c->ndirect = c->ndesc;
		if (ret < 0)
			return ret;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		if (d.next >= r->size)
			return emu_ring_bad(r, c, VQT_CHAIN_BAD_NEXT,
					    "next outside the descriptor table");
		i = d.next;
	}
}

static int take_head(struct emu_ring *r, struct emu_chain *c)
{
	if (c->head >= r->size)
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_HEAD, "head outside the descriptor table");
	if (emu_ring_busy(r, c->head)) /* 2.7.13: only free descriptors are offered */
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_HEAD, "head is still in flight");
	int ret = walk_chain(r, c);
	if (ret < 0)
		return ret;
	r->popped++;
	emu_ring_set_busy(r, c->head, true);
	return 1;
}

static int split_pop(struct emu_ring *r, struct emu_chain *c)
{
	int n = available(r);
	if (n <= 0)
		return n;
	c->pos = r->last_avail;
	if (emu_ring_load16(r, AVAIL, virtq_avail_at(r->last_avail % r->size), &c->head) < 0)
		return unreachable(r);
	int ret = take_head(r, c);
	if (ret > 0)
		r->last_avail++;
	return ret;
}

static int split_pop_again(struct emu_ring *r, struct emu_chain *c, const struct emu_again *a)
{
	c->head = a->head;
	c->pos = r->last_avail;
	c->flags |= VQT_CHAIN_AGAIN;
	return take_head(r, c);
}

/* 2.7.8.2: the entry first, then idx. */
static int split_push(struct emu_ring *r, struct emu_chain *c, uint32_t len)
{
	uint32_t elem[2] = { c->head, len };
	if (emu_ring_write(r, USED, virtq_used_at(r->used % r->size), elem, sizeof(elem)) < 0 ||
	    emu_ring_store16(r, USED, VIRTQ_RING_IDX, r->used + 1) < 0)
		return unreachable(r);
	r->used++;
	r->popped--;
	emu_ring_set_busy(r, c->head, false);
	if (r->unsignalled < UINT16_MAX)
		r->unsignalled++;
	return 0;
}

/* 2.7.10.1: avail_event with EVENT_IDX, else flags. */
static int split_want_kicks(struct emu_ring *r, bool on)
{
	int ret = 0;
	if (r->event_idx) {
		if (on)
			ret = emu_ring_store16(r, USED, virtq_avail_event_at(r->size),
					       r->last_avail);
	} else if (r->kicks_off == on) {
		ret = emu_ring_store16(r, USED, VIRTQ_RING_FLAGS, on ? 0 : VRING_USED_F_NO_NOTIFY);
	}
	if (ret < 0)
		return unreachable(r);
	r->kicks_off = !on;
	if (on) /* 2.7.13.4.1: the store must precede the caller's next read of the ring */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

/* 2.7.7.2 */
static int split_must_notify(struct emu_ring *r)
{
	uint16_t old = r->signalled, event, flags;
	bool valid = r->signalled_valid && r->unsignalled < UINT16_MAX;
	if (!r->unsignalled)
		return 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->signalled = r->used;
	r->signalled_valid = true;
	r->unsignalled = 0;
	if (r->notify_on_empty && !r->popped && available(r) == 0) /* 6.3 */
		return 1;
	if (r->event_idx) {
		if (emu_ring_load16(r, AVAIL, virtq_used_event_at(r->size), &event) < 0)
			return unreachable(r);
		return !valid || virtq_need_event(event, r->used, old);
	}
	if (emu_ring_load16(r, AVAIL, VIRTQ_RING_FLAGS, &flags) < 0)
		return unreachable(r);
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

static void split_snapshot(struct emu_ring *r, struct vqt_ring *o)
{
	memset(o, 0, sizeof(*o));
	o->last_avail = r->last_avail;
	o->known = VQT_RING_LAST_AVAIL;
#define SNAP(area, off, field, bit) \
	if (emu_ring_load16(r, area, off, &o->field) == 0) \
	o->known |= bit
	SNAP(AVAIL, VIRTQ_RING_IDX, avail_idx, VQT_RING_AVAIL_IDX);
	SNAP(AVAIL, VIRTQ_RING_FLAGS, avail_flags, VQT_RING_AVAIL_FLAGS);
	SNAP(AVAIL, virtq_used_event_at(r->size), used_event, VQT_RING_USED_EVENT);
	SNAP(USED, VIRTQ_RING_IDX, used_idx, VQT_RING_USED_IDX);
	SNAP(USED, VIRTQ_RING_FLAGS, used_flags, VQT_RING_USED_FLAGS);
	SNAP(USED, virtq_avail_event_at(r->size), avail_event, VQT_RING_AVAIL_EVENT);
#undef SNAP
}

static uint32_t split_base(const struct emu_ring *r)
{
	return r->last_avail;
}

static void split_set_base(struct emu_ring *r, uint32_t base)
{
	uint16_t used;
	r->last_avail = r->avail_seen = base;
	/* what was published before is in the ring */
	r->used = emu_ring_load16(r, USED, VIRTQ_RING_IDX, &used) == 0 ? used : base;
	r->signalled_valid = false;
}

const struct emu_ring_ops emu_ring_split = {
	.name = "split",
	.layout = split_layout,
	.start = split_start,
	.pop = split_pop,
	.pop_again = split_pop_again,
	.push = split_push,
	.want_kicks = split_want_kicks,
	.pending = available,
	.must_notify = split_must_notify,
	.snapshot = split_snapshot,
	.base = split_base,
	.set_base = split_set_base,
};
