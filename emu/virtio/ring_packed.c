/* SPDX-License-Identifier: MIT */
/* Packed virtqueues, the device's side: virtio 1.4, 2.8. */
#include <errno.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/ring.h"

enum { RING, DRIVER_AREA, DEVICE_AREA };

/* 2.8.10: desc (off | wrap << 15), flags */
#define EVENT_DESC 0
#define EVENT_FLAGS 2
#define EVENT_FLAGS_MASK 3

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED (1u << VRING_PACKED_DESC_F_USED)
#define DESC_FLAGS 14 /* offset of flags in struct pvirtq_desc */

/* struct pvirtq_desc has id before flags, struct vqt_desc flags before next. */
struct pdesc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

static void packed_layout(unsigned size, uint64_t len[3], unsigned align[3])
{
	len[RING] = 16ull * size;
	len[DRIVER_AREA] = len[DEVICE_AREA] = 4;
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

static uint16_t position(uint16_t slot, bool wrap)
{
	return slot | (uint16_t)wrap << VRING_PACKED_EVENT_F_WRAP_CTR;
}

static void advance(const struct emu_ring *r, uint16_t *slot, bool *wrap, unsigned n)
{
	unsigned s = *slot + n;
	if (s >= r->size) { /* also on an exact full turn, 2.8.1 */
		s -= r->size;
		*wrap = !*wrap;
	}
	*slot = s;
}

/* 2.8.1: available when AVAIL equals the wrap counter and USED does not. */
static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

/* Flags first, then (the load acquires) the rest of the descriptor. */
static int read_desc(struct emu_ring *r, uint16_t slot, bool wrap, struct pdesc *d)
{
	uint16_t flags;
	if (emu_ring_load16(r, RING, 16ull * slot + DESC_FLAGS, &flags) < 0)
		return unreachable(r);
	if (!is_available(flags, wrap))
		return 0;
	if (emu_ring_read(r, RING, 16ull * slot, d, DESC_FLAGS) < 0)
		return unreachable(r);
	d->flags = flags;
	return 1;
}

static int packed_pending(struct emu_ring *r)
{
	uint16_t flags;
	if (emu_ring_load16(r, RING, 16ull * r->last_avail + DESC_FLAGS, &flags) < 0)
		return unreachable(r);
	return is_available(flags, r->avail_wrap);
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
	uint16_t slot = r->last_avail;
	bool wrap = r->avail_wrap;
	struct pdesc d;
	c->pos = position(slot, wrap);
	int got = read_desc(r, slot, wrap, &d);
	if (got <= 0)
		return got;
	for (unsigned n = 1;; n++) {
		int ret = take(r, c, &d);
		if (ret < 0)
			return ret;
		advance(r, &slot, &wrap, 1);
		if (!(d.flags & VRING_DESC_F_NEXT))
			break;
		/* 2.8.21: the first descriptor is made available last */
		got = n < r->size ? read_desc(r, slot, wrap, &d) : 0;
		if (got < 0)
			return got;
		if (!got)
			return emu_ring_bad(r, c, n < r->size ? VQT_CHAIN_BAD_NEXT : VQT_CHAIN_LOOP,
					    "list goes on in a descriptor that is not available");
	}
	if (emu_ring_busy(r, c->head))
		return emu_ring_bad(r, c, VQT_CHAIN_BAD_HEAD, "buffer id is still in flight");
	r->last_avail = slot;
	r->avail_wrap = wrap;
	r->popped++;
	emu_ring_set_busy(r, c->head, true);
	return 1;
}

static int packed_pop_again(struct emu_ring *r, struct emu_chain *c, const struct emu_again *a)
{
	c->pos = position(r->last_avail, r->avail_wrap);
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
	uint16_t flags = r->used_wrap ? F_AVAIL | F_USED : 0;
	struct {
		uint32_t len;
		uint16_t id;
	} __attribute__((packed)) body = { len, c->head };
	if (len) /* 2.8.4: something was written; len counts only then */
		flags |= VRING_DESC_F_WRITE;
	if (emu_ring_write(r, RING, 16ull * r->used + 8, &body, sizeof(body)) < 0 ||
	    emu_ring_store16(r, RING, 16ull * r->used + DESC_FLAGS, flags) < 0)
		return unreachable(r);
	bool wrap = r->used_wrap;
	advance(r, &r->used, &r->used_wrap, c->ndirect);
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
		ret = emu_ring_store16(r, DEVICE_AREA, EVENT_DESC,
				       position(r->last_avail, r->avail_wrap));
	/* the driver's zeroes say ENABLE until we first speak */
	if (ret == 0 && (r->kicks_off == on || !r->signalled_valid))
		ret = emu_ring_store16(r, DEVICE_AREA, EVENT_FLAGS, flags);
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
	if (emu_ring_load16(r, DRIVER_AREA, EVENT_FLAGS, &flags) < 0 ||
	    emu_ring_load16(r, DRIVER_AREA, EVENT_DESC, &event) < 0)
		return unreachable(r);
	flags &= EVENT_FLAGS_MASK;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx)
		return 1;
	/* Slots from the event to where we are now, going forward: 2.8.10 */
	uint16_t slot = event & 0x7fff;
	int back = r->used - slot;
	if ((event >> VRING_PACKED_EVENT_F_WRAP_CTR) != r->used_wrap)
		back += r->size;
	return back > 0 && (unsigned)back <= moved;
}

static void packed_snapshot(struct emu_ring *r, struct vqt_ring *o)
{
	uint16_t flags;
	memset(o, 0, sizeof(*o));
	o->last_avail = position(r->last_avail, r->avail_wrap);
	o->used_idx = position(r->used, r->used_wrap);
	o->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS | VQT_RING_USED_IDX;
#define SNAP(area, off, field, bit) \
	if (emu_ring_load16(r, area, off, &o->field) == 0) \
	o->known |= bit
	SNAP(DRIVER_AREA, EVENT_FLAGS, avail_flags, VQT_RING_AVAIL_FLAGS);
	SNAP(DRIVER_AREA, EVENT_DESC, used_event, VQT_RING_USED_EVENT);
	SNAP(DEVICE_AREA, EVENT_FLAGS, used_flags, VQT_RING_USED_FLAGS);
	SNAP(DEVICE_AREA, EVENT_DESC, avail_event, VQT_RING_AVAIL_EVENT);
#undef SNAP
	if (emu_ring_load16(r, RING, 16ull * r->last_avail + DESC_FLAGS, &flags) < 0)
		return;
	o->known |= VQT_RING_SLOT;
	if (is_available(flags, r->avail_wrap))
		o->known |= VQT_RING_FILLED;
}

/* vhost: available position in the low half, used in the high one. */
static uint32_t packed_base(const struct emu_ring *r)
{
	return position(r->last_avail, r->avail_wrap) | (uint32_t)position(r->used, r->used_wrap)
								<< 16;
}

static void packed_set_base(struct emu_ring *r, uint32_t base)
{
	r->last_avail = (base & 0x7fff) % r->size;
	r->avail_wrap = base >> 15 & 1;
	r->used = (base >> 16 & 0x7fff) % r->size;
	r->used_wrap = base >> 31 & 1;
}

/* 2.8.1: used when AVAIL and USED both equal the wrap counter. */
static int packed_used_at(struct emu_ring *r, uint16_t pos, uint16_t *id, uint32_t *len)
{
	uint16_t slot = pos & 0x7fff, flags, again;
	bool wrap = pos >> 15;
	struct pdesc d;
	if (emu_ring_load16(r, RING, 16ull * slot + DESC_FLAGS, &flags) < 0)
		return -EFAULT;
	/* the next round's is there, if there was one of this round: or it is of the round before */
	if (is_available(flags, !wrap))
		return r->popped ? -ESTALE : 0;
	if (!!(flags & F_AVAIL) != wrap || !!(flags & F_USED) != wrap)
		return 0;
	if (emu_ring_read(r, RING, 16ull * slot, &d, DESC_FLAGS) < 0)
		return -EFAULT;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (emu_ring_load16(r, RING, 16ull * slot + DESC_FLAGS, &again) < 0)
		return -EFAULT;
	if (again != flags)
		return -ESTALE;
	*id = d.id;
	*len = d.len;
	return 1;
}

static uint16_t packed_used_pos(const struct emu_ring *r)
{
	return position(r->used, r->used_wrap);
}

static uint16_t packed_used_next(const struct emu_ring *r, uint16_t pos, unsigned ndirect)
{
	uint16_t slot = pos & 0x7fff;
	bool wrap = pos >> 15;
	advance(r, &slot, &wrap, ndirect);
	return position(slot, wrap);
}

static void packed_set_used(struct emu_ring *r, uint16_t pos)
{
	r->used = pos & 0x7fff;
	r->used_wrap = pos >> 15;
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
	.used_at = packed_used_at,
	.used_pos = packed_used_pos,
	.used_next = packed_used_next,
	.set_used = packed_set_used,
};
