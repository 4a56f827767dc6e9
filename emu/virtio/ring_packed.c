/* SPDX-License-Identifier: MIT */
/* Packed virtqueues, the device's side: virtio 1.4, 2.8. */
#include <errno.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/ring.h"

/* 2.8.6: one used descriptor, then skip as many slots as the list had. */
static int packed_push(struct emu_ring *r, struct emu_chain *c, uint32_t len)
{
	struct ring_reader *in = &r->in;
	bool wrap = virtq_wrap(in->used);
	uint16_t flags = virtq_used_flags(wrap);
	struct {
		uint32_t len;
		uint16_t id;
	} __attribute__((packed)) body = { len, c->chain.head };
	if (len) /* 2.8.4: something was written; len counts only then */
		flags |= VRING_DESC_F_WRITE;
	uint64_t at = virtq_desc_at(virtq_slot(in->used));
	if (emu_ring_write(r, RING_DESC, at + offsetof(struct vqt_desc, len), &body, sizeof(body)) <
		    0 ||
	    emu_ring_store16(r, RING_DESC, at + VIRTQ_PACKED_FLAGS, flags) < 0)
		return emu_ring_unreachable(r);
	in->used = virtq_advance(in->used, c->chain.ndirect, in->size);
	if (r->stuck_wrap)
		in->used = virtq_position(virtq_slot(in->used), wrap);
	r->popped--;
	emu_ring_set_busy(r, c->chain.head, false);
	unsigned n = r->unsignalled + c->chain.ndirect; /* in slots: what the event is counted in */
	r->unsignalled = n < UINT16_MAX ? n : UINT16_MAX;
	return 0;
}

/* 2.8.10: the device event suppression structure. */
static int packed_want_kicks(struct emu_ring *r, bool on)
{
	uint16_t flags = !on		   ? VRING_PACKED_EVENT_FLAG_DISABLE
			 : r->in.event_idx ? VRING_PACKED_EVENT_FLAG_DESC
					   : VRING_PACKED_EVENT_FLAG_ENABLE;
	int ret = 0;
	if (on && r->in.event_idx)
		ret = emu_ring_store16(r, RING_DEVICE, VIRTQ_EVENT_POS, r->in.avail);
	/* until the device writes it, the driver's zeroes mean ENABLE */
	if (ret == 0 && (r->kicks_off == on || !r->signalled_valid))
		ret = emu_ring_store16(r, RING_DEVICE, VIRTQ_EVENT_FLAGS, flags);
	if (ret < 0)
		return emu_ring_unreachable(r);
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
	if (emu_ring_load16(r, RING_DRIVER, VIRTQ_EVENT_FLAGS, &flags) < 0 ||
	    emu_ring_load16(r, RING_DRIVER, VIRTQ_EVENT_POS, &event) < 0)
		return emu_ring_unreachable(r);
	flags &= VIRTQ_EVENT_FLAGS_MASK;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->in.event_idx)
		return 1;
	return virtq_packed_need_event(event, r->in.used, moved, r->in.size);
}

const struct emu_ring_ops emu_ring_packed = {
	.name = "packed",
	.push = packed_push,
	.want_kicks = packed_want_kicks,
	.must_notify = packed_must_notify,
};
