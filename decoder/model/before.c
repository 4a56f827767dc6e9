/* SPDX-License-Identifier: MIT */
/*
 * Chains that were in flight before the trace began.  The positions of the device, which a
 * capture learns when it begins late, say how many they are (2.7, 2.8); records of chains
 * with VQT_CHAIN_BEFORE name some of them, completions name the others.
 *
 * The positions are read while the device works, so records that are older may follow: a
 * position in a record tells whether the learned ones have counted it already.
 */
#include "decoder/model/impl.h"
#include "decoder/util/virtqueue.h"

/* Is the position one that the learned position has passed? */
static bool passed(const struct model_queue *q, uint16_t pos, uint16_t learned)
{
	if (!q->learned.known)
		return false;
	if (q->packed)
		return q->size && virtq_packed_need_event(pos, learned, q->size, q->size);
	return (uint16_t)(learned - pos - 1) < (q->size ? q->size : 0x8000U);
}

unsigned model_flight_before(const struct model_device *d, const struct model_queue *q)
{
	bool posted = class_queue_posted(d->class, q->index, d->accepted_known ? d->accepted : NULL,
					 d->num_queues);
	unsigned n = posted ? 0 : q->unnamed;

	for (const struct model_request *r = q->in_flight; r; r = r->hh.next)
		n += r->before && !r->posted;
	return n;
}

/*
 * A reader that has followed the queue knows better than positions that were read beside it;
 * those of a snooper are in order with its other records.
 */
static bool can_learn(const struct event *e)
{
	const struct model_queue *q = e->queue;

	return (!q->popped_since_reset && !q->used_since_reset && !q->learned.known) ||
	       event_by_snooper(e);
}

/* Of a packed ring the positions count descriptors: of one chain, or of more. */
static void set_slots(struct model_queue *q, unsigned slots)
{
	q->unnamed_slots = slots;
	q->unnamed = slots != 0;
	q->unnamed_more = slots > 1;
}

static unsigned slots_of(unsigned ndirect)
{
	return ndirect ? ndirect : 1;
}

static unsigned slots_named(const struct model_queue *q)
{
	unsigned n = 0;

	for (const struct model_request *r = q->in_flight; r; r = r->hh.next)
		n += slots_of(r->ndirect);
	return n;
}

void model_learn(struct event *e)
{
	const struct vqt_queue_state *s = &e->rec->queue_state;
	struct model_queue *q = e->queue;
	unsigned flight, named;

	if (!can_learn(e))
		return;
	flight = q->packed ? virtq_slots_between(s->used, s->last_avail, q->size)
			   : (uint16_t)(s->last_avail - s->used);
	if (flight > q->size) /* one of them is wrong */
		return;
	q->learned = (struct model_learned){ true, s->last_avail, s->used };
	named = q->packed ? slots_named(q) : q->n_in_flight;
	flight = flight > named ? flight - named : 0;
	if (q->packed)
		set_slots(q, flight);
	else
		q->unnamed = flight;
}

static bool take_unnamed(struct model_queue *q, unsigned ndirect)
{
	unsigned slots = slots_of(ndirect);

	if (!q->unnamed)
		return false;
	if (q->packed)
		set_slots(q, q->unnamed_slots > slots ? q->unnamed_slots - slots : 0);
	else
		q->unnamed--;
	return true;
}

void model_unname(struct model_queue *q, const struct model_request *r)
{
	if (q->packed)
		set_slots(q, q->unnamed_slots + slots_of(r->ndirect));
	else
		q->unnamed++;
}

bool model_was_before(struct model_queue *q, const struct vqt_avail *a)
{
	bool used = a->ring.known & (VQT_RING_USED_IDX | VQT_RING_USED_POS) &&
		    passed(q, a->ring.used_idx, q->learned.used);

	if (a->flags & VQT_CHAIN_BEFORE) {
		take_unnamed(q, a->ndirect);
		return true;
	}
	/* Its use follows; the learned positions may have counted that, too. */
	if (a->flags & VQT_CHAIN_DERIVED)
		return !used && take_unnamed(q, a->ndirect);
	if (passed(q, a->pos, q->learned.avail)) /* counted as in flight, and popped in the trace */
		take_unnamed(q, a->ndirect);
	else
		q->learned.known = false; /* what follows is later, and positions repeat */
	return false;
}

bool model_used_before(struct model_queue *q, const struct vqt_used *u)
{
	if (u->flags & VQT_USED_DETACHED || passed(q, u->pos, q->learned.used))
		return q->learned.known;
	if (!q->packed)
		return take_unnamed(q, 1);
	if (!q->unnamed_slots)
		return false;
	/* how many descriptors it had nobody knows: it may have been the last one */
	q->unnamed_slots--;
	q->unnamed = 0;
	q->unnamed_more = q->unnamed_slots != 0;
	return true;
}
