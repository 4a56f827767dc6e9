/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/impl.h"
#include "emu/proxy/snoop.h"

#define TABLE_COMPARED 8 /* entries of an indirect table: does another chain use it by now? */

/* Ring addresses of struct emu_ring's areas. */
enum { DESC, DRIVER, DEVICE };

int snoop_init(struct snoop *w, struct emu_mem *mem, struct emu_tap *tap, uint16_t queue)
{
	memset(w, 0, sizeof(*w));
	w->mem = mem;
	w->tap = tap;
	w->queue = queue;
	int ret = emu_ring_init(&w->ring, mem);
	w->ring.watched = true;
	return ret;
}

static void forget_all(struct snoop *w, bool report)
{
	for (unsigned id = 0; w->ring.popped && id < w->ids; id++) {
		struct emu_chain *c = w->by_id[id];
		if (!c)
			continue;
		if (report)
			emu_tap_used_seen(w->tap, w->queue, &(struct vqt_ring){ 0 }, 0, w->mem,
					  &w->none, id, 0, VQT_USED_DETACHED, NULL, NULL);
		emu_ring_set_busy(&w->ring, id, false);
		w->by_id[id] = NULL;
		c->next = w->free;
		w->free = c;
		w->ring.popped--;
	}
	w->ring.popped = 0;
	w->order_n = 0;
}

void snoop_fini(struct snoop *w)
{
	if (w->by_id)
		forget_all(w, false);
	while (w->free) {
		struct emu_chain *next = w->free->next;
		emu_chain_free(w->free);
		w->free = next;
	}
	emu_ring_fini(&w->ring);
	free(w->by_id);
	free(w->order);
	memset(w, 0, sizeof(*w));
}

/* The chain in flight by that id, or NULL. */
static struct emu_chain *flying(const struct snoop *w, uint16_t id)
{
	return id < w->ids ? w->by_id[id] : NULL;
}

static bool feature(const struct snoop *w, unsigned bit)
{
	return w->features >> bit & 1;
}

static bool packed(const struct snoop *w)
{
	return w->ring.ops == &emu_ring_packed;
}

static int reachable(struct emu_ring *r)
{
	const uint64_t at[] = { r->desc, r->driver, r->device };
	uint64_t len[3];
	unsigned align[3];
	r->ops->layout(r->size, len, align);
	for (unsigned i = 0; i < 3; i++)
		if (emu_mem_check(r->mem, at[i], len[i], EMU_MEM_READ) < 0) {
			r->why = "virtqueue outside guest memory";
			return -EFAULT;
		}
	return 0;
}

/* Room for the chains that can be in flight. */
static int make_room(struct snoop *w)
{
	uint32_t ids = packed(w) ? 65536 : w->ring.size;
	if (ids <= w->ids)
		return 0;
	free(w->by_id);
	free(w->order);
	w->by_id = calloc(ids, sizeof(*w->by_id));
	w->order = calloc(ids, sizeof(*w->order));
	w->ids = w->by_id && w->order ? ids : 0;
	return w->ids ? 0 : -ENOMEM;
}

int snoop_start(struct snoop *w, uint64_t features, uint32_t base)
{
	struct emu_ring *r = &w->ring;
	w->features = features;
	r->ops = feature(w, VIRTIO_F_RING_PACKED) ? &emu_ring_packed : &emu_ring_split;
	r->indirect = feature(w, VIRTIO_RING_F_INDIRECT_DESC);
	r->event_idx = feature(w, VIRTIO_RING_F_EVENT_IDX);
	r->in_order = feature(w, VIRTIO_F_IN_ORDER);
	forget_all(w, false);
	emu_ring_rewind(r);
	w->on = false;
	int ret = r->ops->start(r);
	if (ret == 0)
		ret = reachable(r);
	if (ret == 0)
		ret = make_room(w);
	if (ret < 0)
		return ret;
	r->ops->set_base(r, base);
	w->earlier = packed(w) ? base >> 16 != (base & 0xffff) : r->used != (uint16_t)base;
	w->on = true;
	emu_tap_queue_state(w->tap, w->queue, r, base, r->ops->used_pos(r));
	return 0;
}

void snoop_stop(struct snoop *w)
{
	if (!w->on)
		return;
	forget_all(w, true);
	w->on = false;
}

/* The device worked while nobody read the ring, so it is not known which chains are in flight. */
static void lose(struct snoop *w, uint64_t lost)
{
	struct emu_ring *r = &w->ring;
	uint16_t idx;
	lost = lost ? lost : 1;
	w->stats.lost += lost;
	emu_tap_loss(w->tap, w->queue, lost, VQT_LOSS_MEMORY);
	forget_all(w, false);
	w->earlier = true;
	/* a packed ring does not contain its positions */
	if (packed(w) || emu_ring_load16(r, DEVICE, VIRTQ_RING_IDX, &idx) < 0 ||
	    emu_ring_load16(r, DRIVER, VIRTQ_RING_IDX, &r->avail_seen) < 0) {
		emu_tap_note(
			w->tap, VQT_NOTE_WARNING,
			"a queue could not be followed any further; it will be from its next start on");
		w->on = false;
		return;
	}
	r->used = idx;
	r->last_avail = r->avail_seen;
}

void snoop_skip(struct snoop *w)
{
	if (w->earlier || snoop_pending(w))
		lose(w, 0);
}

/* --- taking --------------------------------------------------------------------------- */

static struct emu_chain *get_chain(struct snoop *w)
{
	struct emu_chain *c = w->free;
	if (!c)
		return emu_chain_new();
	w->free = c->next;
	c->next = NULL;
	c->ndesc = c->ndirect = 0;
	c->flags = c->nread = c->nwrite = 0;
	c->table = false;
	c->read_len = c->write_len = 0;
	c->first_len = 0;
	return c;
}

static void put_chain(struct snoop *w, struct emu_chain *c)
{
	c->next = w->free;
	w->free = c;
}

struct asking {
	struct snoop *w;
	const struct emu_chain *c;
	bool unread;
};

/* Has the device not used this chain yet? Then its memory is as the driver made it. */
static bool still_its(void *opaque)
{
	struct asking *a = opaque;
	struct emu_ring *r = &a->w->ring;
	uint16_t pos = r->ops->used_pos(r), id;
	uint32_t len;
	int ret = 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (unsigned n = 0; n <= r->size; n++) {
		ret = r->ops->used_at(r, pos, &id, &len);
		if (ret <= 0)
			break;
		const struct emu_chain *c = id == a->c->head ? NULL : flying(a->w, id);
		if (!c)
			break;
		pos = r->ops->used_next(r, pos, c->ndirect ? c->ndirect : 1);
	}
	a->unread = ret != 0;
	return !a->unread;
}

static bool same_flags(struct snoop *w, const struct emu_chain *c)
{
	uint16_t pos = c->pos, flags;
	for (uint32_t i = 0; packed(w) && i < c->ndirect; i++) {
		if (emu_ring_load16(&w->ring, DESC,
				    virtq_desc_at(virtq_slot(pos)) + VIRTQ_PACKED_FLAGS,
				    &flags) < 0 ||
		    flags != c->desc[i].flags)
			return false;
		pos = w->ring.ops->used_next(&w->ring, pos, 1);
	}
	return true;
}

static bool still_there(void *opaque)
{
	struct asking *a = opaque;
	if (still_its(opaque) && same_flags(a->w, a->c))
		return true;
	a->unread = true;
	return false;
}

static void keep(struct snoop *w, struct emu_chain *c)
{
	struct emu_ring *r = &w->ring;
	w->by_id[c->head] = c;
	emu_ring_set_busy(r, c->head, true);
	if (r->in_order && w->order_n < w->ids)
		w->order[(w->order_at + w->order_n++) % w->ids] = c->head;
}

/* After a chain that the ring code refused: continue behind it, where that is possible. */
static int step_over(struct snoop *w, struct emu_chain *c)
{
	struct emu_ring *r = &w->ring;
	if (packed(w))
		return -ESTALE; /* its length is unknown */
	r->last_avail++;
	if (c->head >= r->size || flying(w, c->head))
		return 0;
	r->popped++;
	keep(w, c);
	return 1;
}

/*
 * One chain: 1; 0: none is available; -EAGAIN: its id is in flight (with `sure` it is
 * reported nevertheless); -ESTALE: lost.
 */
static int take(struct snoop *w, bool late, bool sure)
{
	struct emu_ring *r = &w->ring;
	struct asking a = { .w = w };
	struct vqt_ring before;
	struct emu_chain *c = get_chain(w);
	if (!c)
		return -ESTALE;
	r->ops->snapshot(r, &before);
	int ret = r->ops->pop(r, c);
	bool busy = ret < 0 && c->flags & VQT_CHAIN_BAD_HEAD && flying(w, c->head);
	if (ret == 0 || (busy && !sure) || (ret < 0 && !c->flags && !c->ndesc)) {
		put_chain(w, c);
		return ret == 0 ? 0 : busy ? -EAGAIN : -ESTALE;
	}
	if (!packed(w) && before.known & VQT_RING_AVAIL_IDX)
		before.avail_idx = r->avail_seen;
	a.c = c;
	c->flags |= late ? VQT_CHAIN_LATE : 0;
	emu_chain_keep(w->mem, c);
	/* without a trace, the answer still counts for the statistics */
	if (w->tap)
		emu_tap_avail_seen(w->tap, w->queue, &before, w->mem, c, still_there, &a);
	else
		still_there(&a);
	w->stats.chains++;
	w->stats.late += late || a.unread;
	w->stats.unread += a.unread;
	if (a.unread) {
		c->flags = VQT_CHAIN_CUT;
		c->ndesc = packed(w) ? c->ndesc : 0;
		c->first_len = 0;
	}
	if (ret > 0) {
		keep(w, c);
		return 1;
	}
	ret = step_over(w, c);
	if (ret <= 0)
		put_chain(w, c);
	return ret < 0 ? ret : 1;
}

/* --- using ------------------------------------------------------------------------------ */

/* Made available again already? */
static bool offered_again(struct snoop *w, uint16_t id)
{
	struct emu_ring *r = &w->ring;
	uint16_t idx, head;
	if (packed(w))
		return r->ops->pending(r) != 0;
	if (emu_ring_load16(r, DRIVER, VIRTQ_RING_IDX, &idx) < 0 ||
	    (uint16_t)(idx - r->last_avail) > r->size)
		return true;
	for (uint16_t at = r->last_avail; at != idx; at++)
		if (emu_ring_load16(r, DRIVER, virtq_avail_at(at % r->size), &head) < 0 ||
		    head == id)
			return true;
	return false;
}

static bool same_descs(struct snoop *w, const struct emu_chain *c)
{
	struct vqt_desc d;
	uint16_t at = c->head;
	for (uint32_t i = 0; !packed(w) && i < c->ndirect; at = c->desc[i++].next)
		if (emu_ring_read(&w->ring, DESC, virtq_desc_at(at % w->ring.size), &d, sizeof(d)) <
			    0 ||
		    memcmp(&d, &c->desc[i], sizeof(d)))
			return false;
	if (!c->table || packed(w))
		return true;
	for (uint32_t i = 0, n = c->ndesc - c->ndirect; i < n && i < TABLE_COMPARED; i++)
		if (emu_mem_read(w->mem, c->desc[c->ndirect - 1].addr + virtq_desc_at(i), &d,
				 sizeof(d)) < 0 ||
		    d.addr != c->desc[c->ndirect + i].addr || d.len != c->desc[c->ndirect + i].len)
			return false;
	return true;
}

/* Is the memory of a used chain still what the device left? */
static bool still_left(void *opaque)
{
	struct asking *a = opaque;
	const struct emu_chain *c = a->c;
	struct emu_chain now = { .desc = c->desc, .ndesc = c->ndesc };
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	emu_chain_keep(a->w->mem, &now);
	a->unread = !c->ndesc || now.first_len != c->first_len ||
		    memcmp(now.first, c->first, c->first_len) || !same_descs(a->w, c) ||
		    offered_again(a->w, c->head);
	return !a->unread;
}

/* One used entry; its chain may be unknown. */
static void use(struct snoop *w, struct emu_chain *c, uint16_t id, uint32_t len, unsigned flags)
{
	struct emu_ring *r = &w->ring;
	struct asking a = { .w = w, .c = c };
	struct vqt_ring before;
	uint16_t pos = r->ops->used_pos(r);
	r->ops->snapshot(r, &before);
	if (w->tap)
		emu_tap_used_seen(w->tap, w->queue, &before, pos, w->mem, c, id, len, flags,
				  still_left, &a);
	else
		still_left(&a);
	w->stats.used++;
	w->used_seen = true;
	w->stats.unsure += a.unread;
	r->ops->set_used(r, r->ops->used_next(r, pos, c->ndirect ? c->ndirect : 1));
	if (c == &w->none)
		return;
	w->by_id[id] = NULL;
	emu_ring_set_busy(r, id, false);
	r->popped--;
	put_chain(w, c);
}

/* IN_ORDER, 2.7.8: one entry may stand for all before it, too. */
static void use_before(struct snoop *w, uint16_t id)
{
	while (w->order_n) {
		uint16_t first = w->order[w->order_at];
		w->order_at = (w->order_at + 1) % w->ids;
		w->order_n--;
		if (first == id)
			return;
		if (flying(w, first))
			use(w, flying(w, first), first, 0, VQT_USED_SYNTHETIC);
	}
}

/* Find the chain of a used entry: read available entries until it appears. */
static struct emu_chain *find(struct snoop *w, uint16_t id)
{
	for (unsigned n = 0; !flying(w, id) && n < 2u * w->ring.size; n++) {
		int ret = take(w, true, true);
		if (ret < 0)
			return NULL;
		if (ret == 0)
			break;
	}
	return flying(w, id) ? flying(w, id) : &w->none;
}

/* Read all used entries; negative: some are lost. */
static int drain(struct snoop *w, unsigned *seen)
{
	struct emu_ring *r = &w->ring;
	uint16_t id;
	uint32_t len;
	int ret;
	for (unsigned n = 0; n < 2u * r->size; n++) {
		ret = r->ops->used_at(r, r->ops->used_pos(r), &id, &len);
		if (ret <= 0)
			return ret;
		struct emu_chain *c = find(w, id);
		if (!c || (c == &w->none && packed(w)))
			return -ESTALE;
		if (r->in_order && c != &w->none)
			use_before(w, id);
		use(w, c, id, len, c == &w->none && w->earlier ? VQT_USED_SYNTHETIC : 0);
		++*seen;
	}
	return 0;
}

/* --- looking ---------------------------------------------------------------------------- */

static unsigned give_up(struct snoop *w, unsigned seen)
{
	uint16_t idx;
	uint64_t lost = 0;
	if (!packed(w) && emu_ring_load16(&w->ring, DEVICE, VIRTQ_RING_IDX, &idx) == 0)
		lost = (uint16_t)(idx - w->ring.used);
	lose(w, lost);
	return seen + 1;
}

/*
 * The driver's index as it is now.  Before looking at what was used: then no more is
 * available beyond what was used than the ring has room for, unless the driver says so.
 */
static void refresh(struct snoop *w)
{
	struct emu_ring *r = &w->ring;
	if (!packed(w))
		emu_ring_load16(r, DRIVER, VIRTQ_RING_IDX, &r->avail_seen);
}

static unsigned take_all(struct snoop *w, bool late, unsigned seen)
{
	for (unsigned n = 0; n < 2u * w->ring.size; n++) {
		int ret = take(w, late, false);
		if (ret == -EAGAIN) { /* it was used meanwhile, or the driver is wrong */
			ret = drain(w, &seen);
			if (ret == 0)
				ret = take(w, late, true);
		}
		if (ret < 0)
			return give_up(w, seen);
		if (ret == 0)
			return seen;
		seen++;
	}
	return seen;
}

unsigned snoop_look(struct snoop *w, bool all)
{
	unsigned seen = 0;
	if (!w->on)
		return 0;
	if (drain(w, &seen) < 0)
		return give_up(w, seen);
	return all ? take_all(w, true, seen) : seen;
}

unsigned snoop_kick(struct snoop *w)
{
	unsigned seen = 0;
	w->stats.kicks++;
	if (w->on)
		refresh(w);
	if (w->on && drain(w, &seen) < 0)
		give_up(w, seen);
	if (w->ring.ops)
		emu_tap_kick(w->tap, w->queue, &w->ring, 0, VQT_KICK_IOEVENTFD, 0);
	return w->on ? take_all(w, false, seen) : seen;
}

static void notified(struct snoop *w)
{
	w->stats.calls++;
	w->used_seen = false;
	emu_tap_irq(w->tap, w->queue, VQT_IRQ_SIGNAL, VQT_NO_VECTOR, 0);
}

unsigned snoop_call(struct snoop *w)
{
	unsigned seen = snoop_look(w, false);
	notified(w);
	return seen;
}

unsigned snoop_call_late(struct snoop *w)
{
	if (!w->used_seen)
		return snoop_call(w);
	notified(w);
	return snoop_look(w, false);
}

bool snoop_pending(struct snoop *w)
{
	if (!w->on)
		return false;
	refresh(w);
	return w->ring.ops->pending(&w->ring) != 0;
}

bool snoop_kick_due(struct snoop *w)
{
	struct emu_ring *r = &w->ring;
	struct vqt_ring now;
	if (!w->on)
		return false;
	r->ops->snapshot(r, &now);
	if (packed(w)) /* the event offset is not examined */
		return now.known & VQT_RING_USED_FLAGS &&
		       now.used_flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!r->event_idx)
		return now.known & VQT_RING_USED_FLAGS &&
		       !(now.used_flags & VRING_USED_F_NO_NOTIFY);
	return now.known & VQT_RING_AVAIL_EVENT &&
	       virtq_need_event(now.avail_event, r->avail_seen, r->last_avail);
}

void snoop_sample(struct snoop *w)
{
	if (!w->on)
		return;
	refresh(w);
	snoop_look(w, false);
	/* whether the back end has read its eventfd cannot be seen from here */
	emu_tap_ring(w->tap, w->queue, &w->ring, VQT_RING_PERIODIC, VQT_PENDING_UNKNOWN);
}
