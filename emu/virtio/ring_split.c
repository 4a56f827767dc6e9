/* SPDX-License-Identifier: MIT */
/* Split virtqueues, the device's side: virtio 1.4, 2.7. */
#include <errno.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/ring.h"

/* 2.7.8.2: the entry first, then idx. */
static int split_push(struct emu_ring *r, struct emu_chain *c, uint32_t len)
{
	uint32_t elem[2] = { c->chain.head, len };
	if (emu_ring_write(r, RING_DEVICE, virtq_used_at(r->in.used % r->in.size), elem,
			   sizeof(elem)) < 0 ||
	    emu_ring_store16(r, RING_DEVICE, VIRTQ_RING_IDX, r->in.used + 1) < 0)
		return emu_ring_unreachable(r);
	r->in.used++;
	r->popped--;
	emu_ring_set_busy(r, c->chain.head, false);
	if (r->unsignalled < UINT16_MAX)
		r->unsignalled++;
	return 0;
}

/* 2.7.10.1: avail_event with EVENT_IDX, else flags. */
static int split_want_kicks(struct emu_ring *r, bool on)
{
	int ret = 0;
	if (r->in.event_idx) {
		if (on)
			ret = emu_ring_store16(r, RING_DEVICE, virtq_avail_event_at(r->in.size),
					       r->in.avail);
	} else if (r->kicks_off == on) {
		ret = emu_ring_store16(r, RING_DEVICE, VIRTQ_RING_FLAGS,
				       on ? 0 : VRING_USED_F_NO_NOTIFY);
	}
	if (ret < 0)
		return emu_ring_unreachable(r);
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
	r->signalled = r->in.used;
	r->signalled_valid = true;
	r->unsignalled = 0;
	if (r->notify_on_empty && !r->popped && emu_ring_pending(r) == 0) /* 6.3 */
		return 1;
	if (r->in.event_idx) {
		if (emu_ring_load16(r, RING_DRIVER, virtq_used_event_at(r->in.size), &event) < 0)
			return emu_ring_unreachable(r);
		return !valid || virtq_need_event(event, r->in.used, old);
	}
	if (emu_ring_load16(r, RING_DRIVER, VIRTQ_RING_FLAGS, &flags) < 0)
		return emu_ring_unreachable(r);
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

const struct emu_ring_ops emu_ring_split = {
	.name = "split",
	.push = split_push,
	.want_kicks = split_want_kicks,
	.must_notify = split_must_notify,
};
