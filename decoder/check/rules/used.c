/* SPDX-License-Identifier: MIT */
/* Completions: 2.7.8, 2.8.22. */
#include <inttypes.h>

#include "decoder/check/impl.h"

static const struct vqt_used *used(const struct look *l)
{
	return &l->e->rec->used;
}

static enum verdict unknown_id(struct look *l)
{
	if (l->q->draining || l->queue->packed != (l->rule->arg != 0) ||
	    used(l)->flags & VQT_USED_SYNTHETIC)
		return RULE_NA;
	if (!l->e->unknown_id)
		return RULE_HELD;
	also(l, l->q->n_avail, "the last chain taken");
	also(l, l->q->n_used, "the last chain used");
	return fail(l, "used %s %u, which is no chain in flight%s",
		    l->queue->packed ? "buffer id" : "id", used(l)->id,
		    l->q->any_used && l->q->last_used_id == used(l)->id
			    ? ": it was used just before"
			    : "");
}

static enum verdict too_much(struct look *l)
{
	const struct model_request *r = l->req;

	if (!r || !chain_whole(r))
		return RULE_NA;
	if (used(l)->len <= r->writable)
		return RULE_HELD;
	also(l, r->number, "the chain");
	return fail(l, "used len %u and the chain has %" PRIu64 " writable bytes", used(l)->len,
		    r->writable);
}

/* 2.7.8.2: what was written is counted; legacy devices often did not. */
static enum verdict nothing(struct look *l)
{
	const struct model_request *r = l->req;

	if (!r || !chain_whole(r) || !r->writable || used(l)->flags & VQT_USED_SYNTHETIC ||
	    !accepted(l, VIRTIO_F_VERSION_1) || l->dev->virtio_id != VIRTIO_ID_BLOCK)
		return RULE_NA;
	if (used(l)->len)
		return RULE_HELD;
	also(l, r->number, "the chain");
	return fail(l, "used len 0 and the device has written at least the status byte");
}

static enum verdict order(struct look *l)
{
	const struct model_request *r = l->req;

	if (!accepted(l, VIRTIO_F_IN_ORDER) || !r)
		return RULE_NA;
	/* QEMU says when a request completes; it keeps the order when it writes the ring. */
	if (l->e->source && l->e->source->kind == VQT_SRC_QEMU)
		return RULE_NA;
	if (r->number > l->q->last_in_order)
		return RULE_HELD;
	also(l, r->number, "the chain taken");
	also(l, l->q->last_in_order, "a later chain taken, and used before");
	return fail(l, "chain %u was used after one that was made available later", r->head);
}

/* Every element counts once in used.idx. */
static enum verdict index_jump(struct look *l)
{
	const struct vqt_ring *r = l->ring;
	uint16_t ahead;

	if (r->known & VQT_RING_PACKED || !(r->known & VQT_RING_USED_IDX) || l->q->draining ||
	    accepted(l, VIRTIO_F_IN_ORDER) || !l->q->any_used)
		return RULE_NA;
	ahead = (uint16_t)(r->used_idx - l->q->next_used);
	if (!ahead)
		return RULE_HELD;
	also(l, l->q->n_used, "the last chain used");
	if (ahead < 0x8000)
		return fail(l, "used.idx is %u and elements were written up to %u", r->used_idx,
			    l->q->next_used);
	/* Behind: only when the last element was published and this thread wrote it. */
	if (l->e->rec->h.type != VQT_USED || used(l)->flags & VQT_USED_BATCHED ||
	    l->q->last_batched)
		return RULE_NA;
	if ((uint16_t)-ahead > 1 + l->queue->size)
		return RULE_NA;
	return fail(l, "used.idx is still %u and elements were written up to %u", r->used_idx,
		    l->q->next_used);
}

static enum verdict position(struct look *l)
{
	if (l->queue->packed || !l->q->any_used || used(l)->flags & VQT_USED_BATCHED ||
	    l->q->last_batched || accepted(l, VIRTIO_F_IN_ORDER) || l->q->draining)
		return RULE_NA;
	if (used(l)->pos == l->q->next_used)
		return RULE_HELD;
	also(l, l->q->n_used, "the last chain used");
	return fail(l, "a used element was written at %u and the one before at %u", used(l)->pos,
		    (uint16_t)(l->q->next_used - 1));
}

static enum verdict stuck(struct look *l)
{
	for (struct cqueue *q = l->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(l->dev, q->index);
		const struct model_request *r, *oldest = NULL;

		if (!m || !q->flight || !m->n_in_flight || q->draining || l->d->n_needs_reset)
			continue;
		for (r = m->in_flight; r; r = r->hh.next)
			if (!oldest || r->avail_ts < oldest->avail_ts)
				oldest = r;
		if (l->now - oldest->avail_ts < STUCK || l->driver_ts < oldest->avail_ts + STUCK ||
		    q->n_stuck == oldest->number)
			continue;
		q->n_stuck = oldest->number;
		also(l, oldest->number, "the chain taken");
		fail_queue(l, q->index, "chain %u has been in flight for more than %llu s",
			   oldest->head, STUCK / SECONDS);
	}
	return RULE_NA;
}

static const struct lesson lesson = {
	.why = "The driver looks up what a used element names and believes it. A wrong id frees or\n"
	       "completes another request; a wrong length makes it read memory nobody wrote, or miss some\n"
	       "that was.",
	.right = "the chain with head 5 is taken\n"
		 "its writable buffers are filled: 4096 bytes and a status byte\n"
		 "used.ring[n] = { id 5, len 4097 }, then used.idx = n + 1\n",
};

#define DEVICE CHECK_DEVICE, CHECK_STRUCTURAL, 0
#define FLIGHT (NEED_CHAIN | NEED_USED | NEED_FLIGHT)

const struct rule rules_used[] = {
	{ "used-id-unknown", "I05 T32", DEVICE, "2.7.8",
	  "A used element names the head of a chain in flight, each once.", FLIGHT | NEED_LIFE,
	  AT(USED) | ONLY(SPLIT), unknown_id, 0, &lesson, "chain 5 is in flight, used id 6" },
	{ "used-id-unknown-packed", "I11 T32", DEVICE, "2.8.22",
	  "A used descriptor names a buffer id in flight, each once.", FLIGHT | NEED_LIFE,
	  AT(USED) | ONLY(PACKED), unknown_id, 1, &lesson, "buffer 5 is in flight, used id 6" },
	{ "used-len-too-big", "I09 SPLIT-V14 T33", CHECK_DEVICE, CHECK_MUST, 0, "2.7.8.2",
	  "len is what the device wrote: at most the chain's writable bytes.",
	  NEED_CHAIN | NEED_USED, AT(USED), too_much, 0, &lesson,
	  "4097 writable bytes, used len 8192" },
	{ "used-len-zero", "T33", DEVICE, "2.7.8.2",
	  "len counts what the device wrote, the status byte too.",
	  NEED_CHAIN | NEED_USED | NEED_AGREED, AT(USED), nothing, 0, &lesson,
	  "a read completes OK with len 0" },
	{ "used-out-of-order", "BITS-V5 T37", CHECK_DEVICE, CHECK_MUST, 0, "6.2",
	  "With VIRTIO_F_IN_ORDER chains are used in the order in which they were made available.",
	  FLIGHT, AT(USED) | ONLY(IN_ORDER), order, 0, &lesson,
	  "chains 1, 2, 3 are taken; 2, then 1 used" },
	{ "used-index-wrong", "I06", DEVICE, "2.7.8",
	  "used.idx counts the elements that were written.", FLIGHT | NEED_RING,
	  AT(RING) | ONLY(SPLIT), index_jump, 0, &lesson, "one element written, used.idx up by 2" },
	{ "used-position-wrong", "I06", DEVICE, "2.7.8",
	  "Used elements are written one after the other.", FLIGHT, AT(USED) | ONLY(SPLIT),
	  position, 0, &lesson, "elements written at 7 and 9" },
	{ "request-stuck", "I27", CHECK_DEVICE, CHECK_STRUCTURAL, VIRTIO_ID_BLOCK, "2.7.14",
	  "A request that the device took is used some time, or the device asks for a reset.",
	  NEED_CHAIN | NEED_LIFE, AT(TICK) | AT(END), stuck, 0, &lesson,
	  "a chain is taken and nothing comes for half a minute" },
	ROW_END,
};
