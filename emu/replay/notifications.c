/* SPDX-License-Identifier: MIT */
/*
 * Notifications, judged on either side by what the driver asked for, not by
 * count: one is owed when a used buffer reaches what the driver named (2.7.7.2,
 * 2.8.10.2), and pays for everything used before it.  A side fails when the
 * driver has visibly gone on without it, or when it speaks with nothing to say.
 */
#include "decoder/spec/constants.h"
#include "emu/replay/impl.h"

static const char *clause_due(const struct replay_queue *q)
{
	return q->packed ? "2.8.10.2" : "2.7.7.2";
}

/* What the driver asked for when the entry at position was used. */
static bool is_due(const struct replay_queue *q, uint32_t position, uint32_t slots, bool *exact)
{
	uint32_t wrap = replay_ring_wrap(q), event;
	*exact = false;
	if (!q->flags_known)
		return false;
	if (q->packed && q->flags != 2) /* RING_EVENT_FLAGS_DESC */
		return q->flags == 0;
	if (!q->packed && !q->event_idx)
		return !(q->flags & VRING_AVAIL_F_NO_INTERRUPT);
	*exact = true;
	event = q->packed ? (q->event & 0x7fffu) % q->size + (q->event & 0x8000 ? 0 : q->size)
			  : q->event;
	return (event + wrap - position) % wrap < slots;
}

/* Nobody hears of a queue without a vector, 4.1.5.1.2. */
static bool silent(const struct replay_instance *i, const struct event *e,
		   const struct replay_queue *q)
{
	const struct model_queue *m = model_queue(e->dev, q->index);
	return replay_msix(i, e) && m && m->vector == VQT_NO_VECTOR;
}

static void owe_no_more(struct replay_queue *q, struct replay_side *s)
{
	s->due = false;
	s->reported_popped = q->popped;
}

static void missed(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		   unsigned side, const struct event *e)
{
	struct replay_side *s = &q->side[side], *other = &q->side[!side];
	struct replay_found f = {
		.number = s->due_at,
		.clause = clause_due(q),
		.queue = q->index,
		.related = e->number,
	};
	bool both = other->due && other->due_at <= s->due_at;
	s->due = false;
	if (both) {
		other->due = false;
		return;
	}
	if (i->doubt) {
		replay_skipped(r, i, "what was lost, or left out, before it may decide");
		return;
	}
	if (side == RECORDED) {
		i->n.interrupts.equal--;
		r->n.interrupts.equal--;
	}
	replay_differs(r, i, e, &f, "interrupt.missing",
		       side == RECORDED ? "no notification of what was used" : "a notification",
		       side == RECORDED ? "a notification" : "no notification of what was used");
}

void replay_notifications_used(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			       unsigned side, const struct event *e, uint32_t position,
			       uint32_t slots)
{
	struct replay_side *s = &q->side[side];
	if (!q->packed)
		slots = 1; /* an entry each, however long the chain */
	const struct replay_chain *c = e->rec->h.type == VQT_USED && e->req && side == RECORDED
					       ? replay_ring_chain(q, e->rec->used.id)
					       : NULL;
	bool exact, due = is_due(q, position, slots, &exact) && !silent(i, e, q);
	s->news = true;
	if (s->due && c && c->order >= s->due_popped)
		missed(r, i, q, side, e);
	/*
	 * Flags come and go while a driver works: a notification on its way makes it
	 * look, and with that it may find this one, too.
	 */
	if (due && !exact && c && c->order < s->reported_popped)
		due = false;
	if (side == REPLAYED && i->line && !replay_msix(i, e)) /* the line says it already */
		due = false;
	if (!due || s->due)
		return;
	s->due = true;
	s->due_at = e->number;
	s->due_popped = q->popped;
	if (side == RECORDED) {
		i->n.interrupts.compared++;
		i->n.interrupts.equal++;
		r->n.interrupts.compared++;
		r->n.interrupts.equal++;
	}
}

static bool hears(const struct replay_instance *i, const struct event *e,
		  const struct replay_queue *q, const struct replay_irq *irq)
{
	const struct model_queue *m = model_queue(e->dev, q->index);
	if (irq->kind == VQT_IRQ_INTX)
		return !replay_msix(i, e);
	return m && m->vector == irq->vector;
}

void replay_notifications_irq(struct replay *r, struct replay_instance *i, const struct event *e,
			      unsigned side, const struct replay_irq *irq, struct replay_queue *q)
{
	bool news = false, anyone = false;
	for (unsigned n = 0; n < i->d->num_queues; n++) {
		struct replay_queue *k = &i->queue[n];
		if (!k->up || (q ? k != q : !hears(i, e, k, irq)))
			continue;
		anyone = true;
		news |= k->side[side].news;
		k->side[side].news = false;
		owe_no_more(k, &k->side[side]);
	}
	/* of the configuration, 4.1.5.4: when, is not the driver's doing */
	bool config = irq->kind == VQT_IRQ_INTX || irq->vector == e->dev->config_vector;
	if (news || !anyone || (config && !q))
		return;
	if (i->doubt) {
		replay_skipped(r, i, "what was lost, or left out, before it may decide");
		return;
	}
	if (side == RECORDED) {
		i->n.interrupts.compared++;
		r->n.interrupts.compared++;
	}
	replay_differs(r, i, e,
		       &(struct replay_found){ .clause = q ? clause_due(q) : "2.7.7.2",
					       .queue = q ? q->index : VQT_NO_QUEUE },
		       "interrupt.spurious",
		       side == RECORDED ? "a notification, and nothing was used" : "none",
		       side == RECORDED ? "none" : "a notification, and nothing was used");
}

void replay_notifications_popped(struct replay_queue *q)
{
	q->popped++;
}

void replay_notifications_end(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			      const struct event *e, bool went_on)
{
	for (unsigned side = 0; side < 2; side++)
		if (q->side[side].due && went_on && i->driver_at > q->side[side].due_at)
			missed(r, i, q, side, e);
}
