/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/source/snoop.h"
#include "decoder/source/snoop_record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"

#define TABLE_COMPARED 8 /* entries of an indirect table: does another chain use it by now? */

void snoop_init(struct snoop *w, const struct ring_memory *mem, const struct snoop_sink *sink,
		uint16_t queue)
{
	memset(w, 0, sizeof(*w));
	w->ring.mem = mem;
	w->sink = sink;
	w->queue = queue;
}

static void put_chain(struct snoop *w, struct ring_chain *c)
{
	c->next = w->free;
	w->free = c;
}

static void forget_all(struct snoop *w, bool report)
{
	for (unsigned id = 0; w->in_flight && id < w->ids; id++) {
		struct ring_chain *c = w->by_id[id];

		if (!c)
			continue;
		if (report)
			snoop_record_detached(w, id);
		w->by_id[id] = NULL;
		put_chain(w, c);
		w->in_flight--;
	}
	w->in_flight = 0;
	w->order_n = 0;
}

void snoop_fini(struct snoop *w)
{
	if (w->by_id)
		forget_all(w, false);
	while (w->free) {
		struct ring_chain *next = w->free->next;

		ring_chain_fini(w->free);
		free(w->free);
		w->free = next;
	}
	free(w->by_id);
	free(w->order);
	memset(w, 0, sizeof(*w));
}

/* The chain in flight by that id, or NULL. */
static struct ring_chain *flying(const struct snoop *w, uint16_t id)
{
	return id < w->ids ? w->by_id[id] : NULL;
}

/* Room for the chains that can be in flight. */
static int make_room(struct snoop *w)
{
	uint32_t ids = w->ring.packed ? 65536 : w->ring.size;

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
	struct ring_reader *r = &w->ring;
	int ret;

	forget_all(w, false);
	w->on = false;
	r->packed = features >> VIRTIO_F_RING_PACKED & 1;
	r->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	r->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	r->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	ret = ring_start(r, base, &w->why);
	if (ret == 0)
		ret = make_room(w);
	if (ret < 0)
		return ret;
	w->earlier = r->used != r->avail;
	w->on = true;
	return 0;
}

void snoop_stop(struct snoop *w)
{
	if (!w->on)
		return;
	forget_all(w, true);
	w->on = false;
}

/*
 * The device worked while nobody read the ring, so it is not known which chains are in flight.
 * lost: how many chains are not in the trace; more: others may be missing, too.  used: the index
 * up to which they were counted; NULL: they were not.
 */
static void lose(struct snoop *w, const uint16_t *used, uint64_t lost, bool more)
{
	struct ring_reader *r = &w->ring;
	uint16_t idx = used ? *used : 0;

	w->stats.lost += lost;
	w->stats.lost_more += more;
	snoop_record_loss(w, lost, more);
	forget_all(w, false);
	w->earlier = true;
	/* a packed ring does not contain its positions */
	if (r->packed || (!used && ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &idx) < 0) ||
	    ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &r->avail_seen) < 0) {
		snoop_record_note(
			w,
			"a queue could not be followed any further; it will be from its next start on");
		w->on = false;
		return;
	}
	r->used = idx;
	r->avail = r->avail_seen;
}

void snoop_skip(struct snoop *w)
{
	if (w->earlier || snoop_pending(w))
		lose(w, NULL, 0, true);
}

/* --- available --------------------------------------------------------------------------- */

static struct ring_chain *get_chain(struct snoop *w)
{
	struct ring_chain *c = w->free;

	if (!c)
		return calloc(1, sizeof(*c));
	w->free = c->next;
	ring_chain_clear(c);
	return c;
}

/* Has the device not used this chain yet? Then its memory is as the driver made it. */
static bool not_used_yet(struct snoop *w, const struct ring_chain *c)
{
	const struct ring_reader *r = &w->ring;
	struct ring_entry e;
	uint16_t pos = r->used;
	int ret = 0;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (unsigned n = 0; n <= r->size; n++) {
		const struct ring_chain *other;

		ret = ring_used(r, pos, w->in_flight, &e);
		other = ret <= 0 || e.id == c->head ? NULL : flying(w, e.id);
		if (!other)
			break;
		pos = virtq_after(pos, other->ndirect ? other->ndirect : 1, r->size, r->packed);
	}
	return ret == 0;
}

static bool same_flags(struct snoop *w, const struct ring_chain *c)
{
	uint16_t pos = c->pos, flags;

	for (uint32_t i = 0; w->ring.packed && i < c->ndirect; i++) {
		if (ring_load16(&w->ring, RING_DESC,
				virtq_desc_at(virtq_slot(pos)) + VIRTQ_PACKED_FLAGS, &flags) < 0 ||
		    flags != c->desc[i].flags)
			return false;
		pos = virtq_advance(pos, 1, w->ring.size);
	}
	return true;
}

bool snoop_still_available(struct snoop *w, const struct ring_chain *c)
{
	return not_used_yet(w, c) && same_flags(w, c);
}

/* What the readable part of a chain begins with: to see later whether it is still there. */
static uint8_t read_first(struct snoop *w, const struct ring_chain *c, uint8_t *first)
{
	for (uint32_t i = 0; i < c->ndesc; i++) {
		const struct vqt_desc *d = &c->desc[i];
		uint8_t n = d->len < VQT_HEADER_BYTES ? (uint8_t)d->len : VQT_HEADER_BYTES;

		if (d->flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT) || !n)
			continue;
		return w->ring.mem->read(w->ring.mem->opaque, d->addr, first, n) < 0 ? 0 : n;
	}
	return 0;
}

static void keep(struct snoop *w, struct ring_chain *c)
{
	w->by_id[c->head] = c;
	w->in_flight++;
	if (w->ring.in_order && w->order_n < w->ids)
		w->order[(w->order_at + w->order_n++) % w->ids] = c->head;
}

/*
 * The next chain of a split ring, which has been used already: what it was is not looked at, as it
 * could not be relied on.  False: the next one is another, or unknown.
 */
static bool used_chain(struct snoop *w, struct ring_chain *c, const uint16_t *used, uint16_t *after)
{
	struct ring_reader *r = &w->ring;

	if (!used || r->packed || ring_pending(r) != 1 || flying(w, *used) ||
	    ring_peek16(r, RING_DRIVER, virtq_avail_at(r->avail % r->size), &c->head) < 0 ||
	    c->head != *used || c->head >= r->size)
		return false;
	c->pos = r->avail;
	c->flags = VQT_CHAIN_CUT;
	*after = (uint16_t)(r->avail + 1);
	return true;
}

/*
 * One chain: 1; 0: none is available; -EAGAIN: its id is in flight (with `sure` it is
 * reported nevertheless); -ESTALE: lost.  used: the id of a chain that is known to be used; NULL.
 */
static int take(struct snoop *w, bool late, bool sure, const uint16_t *used)
{
	struct ring_reader *r = &w->ring;
	struct ring_chain *c = get_chain(w);
	struct vqt_ring before;
	uint16_t after;
	bool busy, known, unread;
	int ret;

	if (!c)
		return -ESTALE;
	ring_snapshot(r, &before);
	ret = used_chain(w, c, used, &after) ? 1 : ring_chain(r, c, &after);
	busy = after != r->avail && flying(w, c->head);
	if (ret == 0 || (busy && !sure) || (ret < 0 && !c->flags && !c->ndesc)) {
		put_chain(w, c);
		return ret == 0 ? 0 : busy ? -EAGAIN : -ESTALE;
	}
	if (busy)
		ring_chain_in_flight(r, c);
	known = after != r->avail && !(c->flags & VQT_CHAIN_BAD_HEAD);
	if (!r->packed)
		before.avail_idx = r->avail_seen;
	c->flags |= late ? VQT_CHAIN_LATE : 0;
	c->first_len = read_first(w, c, c->first);
	unread = !snoop_record_chain(w, &before, c);
	w->stats.chains++;
	w->stats.late += late || unread;
	w->stats.unread += unread;
	if (unread) {
		c->flags = VQT_CHAIN_CUT;
		c->ndesc = r->packed ? c->ndesc : 0;
		c->first_len = 0;
	}
	ret = after == r->avail ? -ESTALE : 1; /* the length of a bad packed chain is unknown */
	r->avail = after;
	if (known)
		keep(w, c);
	else
		put_chain(w, c);
	return ret;
}

/* --- used -------------------------------------------------------------------------------- */

/* Made available again already? */
static bool offered_again(struct snoop *w, uint16_t id)
{
	struct ring_reader *r = &w->ring;
	uint16_t idx, head;

	if (r->packed)
		return ring_pending(r) != 0;
	if (ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &idx) < 0 ||
	    (uint16_t)(idx - r->avail) > r->size)
		return true;
	for (uint16_t at = r->avail; at != idx; at++)
		if (ring_peek16(r, RING_DRIVER, virtq_avail_at(at % r->size), &head) < 0 ||
		    head == id)
			return true;
	return false;
}

static bool same_descs(struct snoop *w, const struct ring_chain *c)
{
	const struct ring_memory *m = w->ring.mem;
	uint16_t at = c->head;
	struct vqt_desc d;

	if (w->ring.packed)
		return true;
	for (uint32_t i = 0; i < c->ndirect; at = c->desc[i++].next)
		if (ring_read(&w->ring, RING_DESC, virtq_desc_at(at % w->ring.size), &d,
			      sizeof(d)) < 0 ||
		    memcmp(&d, &c->desc[i], sizeof(d)))
			return false;
	for (uint32_t i = c->ndirect; c->table && i < c->ndesc && i < c->ndirect + TABLE_COMPARED;
	     i++)
		if (m->read(m->opaque, c->desc[c->ndirect - 1].addr + virtq_desc_at(i - c->ndirect),
			    &d, sizeof(d)) < 0 ||
		    d.addr != c->desc[i].addr || d.len != c->desc[i].len)
			return false;
	return true;
}

bool snoop_seen_again(const struct snoop *w, const struct ring_chain *c)
{
	const struct ring_reader *r = &w->ring;
	uint16_t head;

	if (r->packed || (uint16_t)(r->avail_seen - r->avail) > r->size)
		return false;
	for (uint16_t at = r->avail; at != r->avail_seen; at++)
		if (ring_peek16(r, RING_DRIVER, virtq_avail_at(at % r->size), &head) == 0 &&
		    head == c->head)
			return true;
	return false;
}

bool snoop_still_used(struct snoop *w, const struct ring_chain *c)
{
	const struct ring_memory *m = w->ring.mem;
	uint8_t first[VQT_HEADER_BYTES];

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (m->renew)
		m->renew(m->opaque);
	return c->ndesc && read_first(w, c, first) == c->first_len &&
	       !memcmp(first, c->first, c->first_len) && same_descs(w, c) &&
	       !offered_again(w, c->head);
}

/* One used entry; its chain may be unknown. */
static void use(struct snoop *w, struct ring_chain *c, uint16_t id, uint32_t len, unsigned flags)
{
	struct ring_reader *r = &w->ring;

	w->stats.unsure += !snoop_record_used(w, c, id, len, flags);
	w->stats.used++;
	w->used_seen = true;
	r->used = virtq_after(r->used, c->ndirect ? c->ndirect : 1, r->size, r->packed);
	if (c == &w->none)
		return;
	w->by_id[id] = NULL;
	w->in_flight--;
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
static struct ring_chain *find(struct snoop *w, uint16_t id)
{
	for (unsigned n = 0; !flying(w, id) && n < 2u * w->ring.size; n++) {
		int ret = take(w, true, true, &id);

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
	struct ring_reader *r = &w->ring;
	struct ring_entry e;
	int ret;

	for (unsigned n = 0; n < 2u * r->size; n++) {
		struct ring_chain *c;

		ret = ring_used(r, r->used, w->in_flight, &e);
		if (ret <= 0)
			return ret;
		c = find(w, e.id);
		if (!c || (c == &w->none && w->ring.packed))
			return -ESTALE;
		if (r->in_order && c != &w->none)
			use_before(w, e.id);
		use(w, c, e.id, e.len,
		    (c == &w->none && w->earlier ? VQT_USED_SYNTHETIC : 0) |
			    (e.write ? VQT_USED_WRITE : 0));
		++*seen;
	}
	return 0;
}

/* --- looking ---------------------------------------------------------------------------- */

static unsigned give_up(struct snoop *w, unsigned seen)
{
	const struct ring_reader *r = &w->ring;
	const struct snoop_sink *sink = w->sink;
	uint64_t most = sink->at_most ? sink->at_most(sink->opaque, w->queue) : UINT64_MAX;
	uint16_t idx, lost = 0;
	bool read = !r->packed && ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &idx) == 0, more;

	/* the index wraps: of more than the ring holds nobody knows how often it did */
	if (read)
		lost = (uint16_t)(idx - r->used);
	more = !lost || (lost > r->size && most >= 65536);
	if (lost > most) { /* it went back */
		lost = 0;
		more = true;
	}
	lose(w, read ? &idx : NULL, lost, more);
	return seen + 1;
}

/*
 * The driver's index as it is now.  Before looking at what was used: then no more is
 * available beyond what was used than the ring has room for, unless the driver says so.
 */
static void refresh(struct snoop *w)
{
	struct ring_reader *r = &w->ring;

	ring_remap(r);
	if (!r->packed)
		ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &r->avail_seen);
}

static unsigned take_all(struct snoop *w, bool late, unsigned seen)
{
	for (unsigned n = 0; n < 2u * w->ring.size; n++) {
		int ret = take(w, late, false, NULL);

		if (ret == -EAGAIN) { /* it was used meanwhile, or the driver is wrong */
			ret = drain(w, &seen);
			if (ret == 0)
				ret = take(w, late, true, NULL);
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
	ring_remap(&w->ring);
	if (drain(w, &seen) < 0)
		return give_up(w, seen);
	return all ? take_all(w, true, seen) : seen;
}

unsigned snoop_kick(struct snoop *w, unsigned via, uint32_t value, unsigned width)
{
	unsigned seen = 0;

	w->stats.kicks++;
	if (w->on)
		refresh(w);
	if (w->on && drain(w, &seen) < 0)
		give_up(w, seen);
	snoop_record_kick(w, via, value, width);
	return w->on ? take_all(w, false, seen) : seen;
}

static void notified(struct snoop *w)
{
	w->stats.calls++;
	w->used_seen = false;
	snoop_record_call(w);
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

static bool split_moved(const struct ring_reader *r)
{
	uint16_t avail, used;

	return ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &avail) < 0 ||
	       ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &used) < 0 || avail != r->avail ||
	       used != r->used;
}

bool snoop_moved(struct snoop *w)
{
	struct ring_reader *r = &w->ring;
	struct ring_entry e;

	if (!w->on)
		return false;
	ring_remap(r);
	return r->packed ? ring_pending(r) != 0 || ring_used(r, r->used, w->in_flight, &e) != 0
			 : split_moved(r);
}

bool snoop_pending(struct snoop *w)
{
	if (!w->on)
		return false;
	refresh(w);
	return ring_pending(&w->ring) != 0;
}

bool snoop_kick_due(struct snoop *w)
{
	struct ring_reader *r = &w->ring;
	struct vqt_ring now;

	if (!w->on)
		return false;
	ring_remap(r);
	ring_snapshot(r, &now);
	if (r->packed) /* the event offset is not examined */
		return now.known & VQT_RING_USED_FLAGS &&
		       now.used_flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!r->event_idx)
		return now.known & VQT_RING_USED_FLAGS &&
		       !(now.used_flags & VRING_USED_F_NO_NOTIFY);
	return now.known & VQT_RING_AVAIL_EVENT &&
	       virtq_need_event(now.avail_event, r->avail_seen, r->avail);
}

void snoop_sample(struct snoop *w)
{
	if (!w->on)
		return;
	refresh(w);
	snoop_look(w, false);
	snoop_record_sample(w);
}
