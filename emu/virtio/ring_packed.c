/* SPDX-License-Identifier: MIT */
/* Packed virtqueues, the device's side: virtio 1.4, 2.8. */
#include <errno.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/ring.h"

enum { RING, DRIVER_AREA, DEVICE_AREA };

/* struct pvirtq_desc has id before flags, struct vqt_desc flags before next. */
struct pdesc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

static void packed_layout(unsigned size, uint64_t len[3], unsigned align[3])
{
	len[RING] = virtq_desc_at(size);
	len[DRIVER_AREA] = virtq_driver_len(size, true);
	len[DEVICE_AREA] = virtq_device_len(size, true);
	align[RING] = 16;
	align[DRIVER_AREA] = align[DEVICE_AREA] = 4;
}

static int unreachable(struct emu_ring *r)
{
	return emu_ring_bad(r, NULL, 0, "virtqueue outside guest memory");
}

static int packed_start(struct emu_ring *r)
{
	if (!r->size || r->size > VIRTQ_SIZE_MAX) {
		r->why = "impossible queue size";
		return -EINVAL;
	}
	return emu_ring_check(r);
}

static uint16_t avail_pos(const struct emu_ring *r)
{
	return virtq_position(r->last_avail, r->avail_wrap);
}

static uint16_t used_pos(const struct emu_ring *r)
{
	return virtq_position(r->used, r->used_wrap);
}

static void set_avail(struct emu_ring *r, uint16_t pos)
{
	r->last_avail = virtq_slot(pos);
	r->avail_wrap = virtq_wrap(pos);
}

static void set_used(struct emu_ring *r, uint16_t pos)
{
	r->used = virtq_slot(pos);
	r->used_wrap = virtq_wrap(pos);
}

static int load_flags(struct emu_ring *r, uint16_t slot, uint16_t *flags)
{
	return emu_ring_load16(r, RING, virtq_desc_at(slot) + VIRTQ_PACKED_FLAGS, flags);
}

/* Flags first, then (the load acquires) the rest of the descriptor. */
static int read_desc(struct emu_ring *r, uint16_t pos, struct pdesc *d)
{
	uint16_t flags, slot = virtq_slot(pos);
	if (load_flags(r, slot, &flags) < 0)
		return unreachable(r);
	if (!virtq_is_available(flags, virtq_wrap(pos)))
		return 0;
	if (emu_ring_read(r, RING, virtq_desc_at(slot), d, VIRTQ_PACKED_FLAGS) < 0)
		return unreachable(r);
	d->flags = flags;
	return 1;
}

static int packed_pending(struct emu_ring *r)
{
	uint16_t flags;
	if (load_flags(r, r->last_avail, &flags) < 0)
		return unreachable(r);
	return virtq_is_available(flags, r->avail_wrap);
}

static int take(struct emu_ring *r, struct emu_chain *c, const struct pdesc *p)
{
	struct vqt_desc d = { .addr = p->addr, .len = p->len, .flags = p->flags, .next = p->id };
	c->head = p->id; /* the last one's is the buffer's, 2.8.6 */
	if (!(p->flags & VRING_DESC_F_INDIRECT)) {
		int ret = emu_ring_take_desc(r, c, &d);
		c->ndirect = c->ndesc;
		return ret;
	}
	if (c->ndesc) { /* 2.8.19 */
		emu_chain_add(c, &d);
		c->ndirect = c->ndesc;
		return emu_ring_bad(r, c, 0, "indirect descriptor in a list");
	}
	return emu_ring_indirect(r, c, &d, true);
}

static int packed_pop(struct emu_ring *r, struct emu_chain *c)
{
	uint16_t pos = avail_pos(r);
	struct pdesc d;
	c->pos = pos;
	int got = read_desc(r, pos, &d);
	if (got <= 0)
		return got;
	for (unsigned n = 1;; n++) {
		int ret = take(r, c, &d);
		if (ret < 0)
			return ret;
		pos = virtq_advance(pos, 1, r->size);
		if (!(d.flags & VRING_DESC_F_NEXT))
			break;
		/* 2.8.21: the first descriptor is made available last */
		got = n < r->size ? read_desc(r, pos, &d) : 0;
		if (got < 0)
			return got;
		if (!got)
			return emu_ring_bad(r, c, n < r->size ? VQT_CHAIN_BAD_NEXT : VQT_CHAIN_LOOP,
					    "list goes on in a descriptor that is not available");
	}
	if (emu_ring_busy(r, c->head))
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_HEAD, "buffer id is still in flight");
	set_avail(r, pos);
	r->popped++;
	emu_ring_set_busy(r, c->head, true);
	return 1;
}

static int packed_pop_again(struct emu_ring *r, struct emu_chain *c, const struct emu_again *a)
{
	c->pos = avail_pos(r);
	c->flags |= VQT_CHAIN_AGAIN;
	for (unsigned i = 0; i < a->ndesc; i++) {
		const struct vqt_desc *d = &a->desc[i];
		struct pdesc p = {
			.addr = d->addr, .len = d->len, .id = d->next, .flags = d->flags
		};
		int ret = take(r, c, &p);
		if (ret < 0)
			return ret;
	}
	if (emu_ring_busy(r, c->head))
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_HEAD, "buffer id is still in flight");
	r->popped++;
	emu_ring_set_busy(r, c->head, true);
	return 1;
}

/* 2.8.6: one used descriptor, then skip as many slots as the list had. */
static int packed_push(struct emu_ring *r, struct emu_chain *c, uint32_t len)
{
	uint16_t flags = virtq_used_flags(r->used_wrap);
	struct {
		uint32_t len;
		uint16_t id;
	} __attribute__((packed)) body = { len, c->head };
	if (len) /* 2.8.4: something was written; len counts only then */
		flags |= VRING_DESC_F_WRITE;
	uint64_t at = virtq_desc_at(r->used);
	if (emu_ring_write(r, RING, at + offsetof(struct pdesc, len), &body, sizeof(body)) < 0 ||
	    emu_ring_store16(r, RING, at + VIRTQ_PACKED_FLAGS, flags) < 0)
		return unreachable(r);
	bool wrap = r->used_wrap;
	set_used(r, virtq_advance(used_pos(r), c->ndirect, r->size));
	if (r->stuck_wrap)
		r->used_wrap = wrap;
	r->popped--;
	emu_ring_set_busy(r, c->head, false);
	unsigned n = r->unsignalled + c->ndirect; /* in slots: what the event is counted in */
	r->unsignalled = n < UINT16_MAX ? n : UINT16_MAX;
	return 0;
}

/* 2.8.10: the device event suppression structure. */
static int packed_want_kicks(struct emu_ring *r, bool on)
{
	uint16_t flags = !on		? VRING_PACKED_EVENT_FLAG_DISABLE
			 : r->event_idx ? VRING_PACKED_EVENT_FLAG_DESC
					: VRING_PACKED_EVENT_FLAG_ENABLE;
	int ret = 0;
	if (on && r->event_idx)
		ret = emu_ring_store16(r, DEVICE_AREA, VIRTQ_EVENT_POS, avail_pos(r));
	/* until the device writes it, the driver's zeroes mean ENABLE */
	if (ret == 0 && (r->kicks_off == on || !r->signalled_valid))
		ret = emu_ring_store16(r, DEVICE_AREA, VIRTQ_EVENT_FLAGS, flags);
	if (ret < 0)
		return unreachable(r);
	r->signalled_valid = true;
	r->kicks_off = !on;
	if (on)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

static int packed_must_notify(struct emu_ring *r)
{
	uint16_t event, flags;
	unsigned moved = r->unsignalled;
	if (!moved)
		return 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->unsignalled = 0;
	if (emu_ring_load16(r, DRIVER_AREA, VIRTQ_EVENT_FLAGS, &flags) < 0 ||
	    emu_ring_load16(r, DRIVER_AREA, VIRTQ_EVENT_POS, &event) < 0)
		return unreachable(r);
	flags &= VIRTQ_EVENT_FLAGS_MASK;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx)
		return 1;
	return virtq_packed_need_event(event, used_pos(r), moved, r->size);
}

static void packed_snapshot(struct emu_ring *r, struct vqt_ring *o)
{
	uint16_t flags;
	memset(o, 0, sizeof(*o));
	o->last_avail = avail_pos(r);
	o->used_idx = used_pos(r);
	o->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS | VQT_RING_USED_IDX;
#define SNAP(area, off, field, bit) \
	if (emu_ring_load16(r, area, off, &o->field) == 0) \
	o->known |= bit
	SNAP(DRIVER_AREA, VIRTQ_EVENT_FLAGS, avail_flags, VQT_RING_AVAIL_FLAGS);
	SNAP(DRIVER_AREA, VIRTQ_EVENT_POS, used_event, VQT_RING_USED_EVENT);
	SNAP(DEVICE_AREA, VIRTQ_EVENT_FLAGS, used_flags, VQT_RING_USED_FLAGS);
	SNAP(DEVICE_AREA, VIRTQ_EVENT_POS, avail_event, VQT_RING_AVAIL_EVENT);
#undef SNAP
	if (load_flags(r, r->last_avail, &flags) < 0)
		return;
	o->known |= VQT_RING_SLOT;
	if (virtq_is_available(flags, r->avail_wrap))
		o->known |= VQT_RING_FILLED;
}

/* vhost: available position in the low half, used in the high one. */
static uint32_t packed_base(const struct emu_ring *r)
{
	return avail_pos(r) | (uint32_t)used_pos(r) << 16;
}

static void packed_set_base(struct emu_ring *r, uint32_t base)
{
	set_avail(r, (uint16_t)base);
	set_used(r, (uint16_t)(base >> 16));
	r->last_avail %= r->size; /* the value comes from the client */
	r->used %= r->size;
}

const struct emu_ring_ops emu_ring_packed = {
	.name = "packed",
	.layout = packed_layout,
	.start = packed_start,
	.pop = packed_pop,
	.pop_again = packed_pop_again,
	.push = packed_push,
	.want_kicks = packed_want_kicks,
	.pending = packed_pending,
	.must_notify = packed_must_notify,
	.snapshot = packed_snapshot,
	.base = packed_base,
	.set_base = packed_set_base,
};
