/* SPDX-License-Identifier: MIT */
/*
 * Used buffer notifications are compared by what the driver asked for, not by their
 * number: one is due when a used buffer reaches the entry that the driver named
 * (2.7.7.2, 2.8.10.2), and covers everything used before it.  A device differs when
 * the driver made its next step without a notification that was due, or when it
 * notified though nothing had been used.
 */
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/replay/impl.h"

static const char *clause_due(const struct replay_queue *q)
{
	return q->packed ? "2.8.10.2" : "2.7.7.2";
}

/*
 * Has the driver asked for a notification when the entry at position was used, of so
 * many slots?  *exact: by naming an entry, not by flags.
 */
static bool is_due(const struct replay_queue *q, uint32_t position, uint32_t slots, bool *exact)
{
	*exact = q->flags_known &&
		 (q->packed ? q->flags == VRING_PACKED_EVENT_FLAG_DESC : q->event_idx);
	if (*exact && q->packed)
		return virtq_packed_need_event(q->event, virtq_numbered(position + slots, q->size),
					       slots, q->size);
	if (*exact)
		return virtq_need_event(q->event, position + 1, position);
	if (q->packed)
		return q->flags_known && q->flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	return q->flags_known && !(q->flags & VRING_AVAIL_F_NO_INTERRUPT);
}

/* 4.1.5.1.2: a queue without a vector sends no notification. */
static bool silent(const struct replay_instance *i, const struct event *e,
		   const struct replay_queue *q)
{
	const struct model_queue *m = model_queue(e->dev, q->index);
	return replay_msix(i, e) && m && m->vector == VQT_NO_VECTOR;
}

static void missed(struct replay_queue *q, unsigned side, const struct event *e)
{
	struct replay_instance *i = q->i;
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
	i->n.interrupts.equal -= s->counted;
	if (i->doubt) { /* replay_differs() says why */
		i->n.interrupts.compared -= s->counted;
		i->n.interrupts.not_compared += s->counted;
	}
	replay_differs(i, e, &f, "interrupt.missing",
		       side == RECORDED ? "no notification of what was used" : "a notification",
		       side == RECORDED ? "a notification" : "no notification of what was used");
}

/* Equal, until it turns out that one of the two devices has not sent it. */
static void count(struct replay_queue *q)
{
	replay_compared(&q->i->n.interrupts, true);
	q->side[RECORDED].counted = 1;
	if (q->side[REPLAYED].due)
		q->side[REPLAYED].counted++;
}

void replay_notifications_used(struct replay_queue *q, unsigned side, const struct event *e,
			       uint32_t position, const struct replay_chain *c)
{
	struct replay_instance *i = q->i;
	struct replay_side *s = &q->side[side];
	uint32_t slots = q->packed && c ? c->ndirect : 1; /* split: an entry for each chain */
	bool go_on = c && side == RECORDED && e->req;
	bool exact, due = is_due(q, position, slots, &exact) && !silent(i, e, q);
	/* a driver says when its handler ran, KVM not what was used */
	if (e->dev->by_driver || e->dev->no_rings || e->dev->apart)
		return;
	s->news = true;
	if (s->due && go_on && c->order >= s->due_popped)
		missed(q, side, e);
	/*
	 * A driver changes its flags while it works: the notification already sent makes
	 * it look at the ring, where it may find this entry, too.
	 */
	if (due && !exact && go_on && c->order < s->reported_popped)
		due = false;
	if (side == REPLAYED && i->line && !replay_msix(i, e)) /* the line is still asserted */
		due = false;
	if (!due || s->due)
		return;
	s->due = true;
	s->due_at = e->number;
	s->due_popped = q->popped;
	if (side == RECORDED)
		count(q);
	else /* that of the recorded device, which is due since the same event */
		s->counted = q->side[RECORDED].due && q->side[RECORDED].due_at == e->number;
}

/* Is this interrupt the queue's? */
static bool is_for(const struct replay_instance *i, const struct event *e,
		   const struct replay_queue *q, const struct replay_irq *irq)
{
	const struct model_queue *m = model_queue(e->dev, q->index);
	if (irq->kind == VQT_IRQ_INTX)
		return !replay_msix(i, e);
	return m && m->vector == irq->vector;
}

void replay_notifications_irq(struct replay_instance *i, const struct event *e, unsigned side,
			      const struct replay_irq *irq, struct replay_queue *q)
{
	bool news = false, anyone = false;
	if (e->dev->by_driver || e->dev->no_rings || e->dev->apart)
		return;
	for (unsigned n = 0; n < i->d->num_queues; n++) {
		struct replay_queue *k = &i->queue[n];
		if (!k->up || (q ? k != q : !is_for(i, e, k, irq)))
			continue;
		anyone = true;
		news |= k->side[side].news;
		k->side[side].news = k->side[side].due = false;
		k->side[side].reported_popped = k->popped;
	}
	/* 4.1.5.4: it may announce a configuration change, at any time */
	bool config = irq->kind == VQT_IRQ_INTX || irq->vector == e->dev->config_vector;
	if (news || !anyone || (config && !q))
		return;
	if (side == RECORDED && i->scripted) {
		i->used_since_isr = true; /* its ISR status may show it */
		replay_skipped(
			i, &i->n.interrupts,
			"notifications of a device that vqtrace does not emulate, when nothing "
			"was used");
		return;
	}
	if (side == RECORDED && !i->doubt)
		i->n.interrupts.compared++;
	replay_differs(i, e,
		       &(struct replay_found){ .clause = q ? clause_due(q) : "2.7.7.2",
					       .queue = q ? q->index : VQT_NO_QUEUE },
		       "interrupt.spurious",
		       side == RECORDED ? "a notification, and nothing was used" : "none",
		       side == RECORDED ? "none" : "a notification, and nothing was used");
}

void replay_notifications_end(struct replay_queue *q, const struct event *e)
{
	for (unsigned side = 0; side < 2; side++)
		if (q->side[side].due && q->i->driver_at > q->side[side].due_at)
			missed(q, side, e);
}
