/* SPDX-License-Identifier: MIT */
/* What the checker remembers of interrupts. */
#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

static void irq_to_queue(struct look *l, struct cqueue *q)
{
	q->irq.number = 0;
	q->n_irq = l->number;
	q->ts_irq = l->now;
	q->irqs++;
}

/* The device's own decision, once per notification: did anybody ask for it? */
static void irq_decided(struct look *l)
{
	struct cqueue *q = l->q;

	if (!q->crossed && q->irqs && q->completions && q->n_ring)
		q->extra_irq =
			(struct owed){ l->number, l->now,
				       q->ring.known & VQT_RING_USED_EVENT ? q->ring.used_event : 0,
				       q->suppressed };
	q->crossed = false;
}

/* A vector, or the line, can speak for several queues. */
static void irq_to_all(struct look *l, bool by_vector)
{
	for (struct cqueue *q = l->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(l->dev, q->index);

		if (!by_vector || (m && m->vector == l->e->rec->irq.vector))
			irq_to_queue(l, q);
	}
}

/* The vector of configuration changes is a queue's, too. */
static bool queue_has(const struct look *l, uint16_t vector)
{
	if (!l->dev->msix || vector == VQT_NO_VECTOR || !l->d->n_config_vector)
		return false;
	for (const struct model_queue *q = l->dev->queues; q; q = q->hh.next)
		if (q->enabled && q->vector == vector)
			return true;
	return false;
}

void check_remember_irq(struct look *l, uint64_t moments)
{
	struct cdev *d = l->d;

	if (moments & AT(INTX)) {
		d->intx.number = 0;
		if (l->e->rec->irq.level) {
			d->intx = (struct owed){ l->number, l->now, 0, 0 };
			d->intx_since_config = d->intx_since_queue = true;
			d->n_any_irq = l->number;
			irq_to_all(l, false);
		}
		return;
	}
	d->n_any_irq = l->number;
	if (moments & AT(MSIX)) {
		d->n_msix = l->number;
		irq_to_all(l, true);
	} else if (moments & AT(QUEUE_IRQ)) {
		irq_decided(l);
		irq_to_queue(l, l->q);
	}
	if (moments & AT(QUEUE_IRQ)) {
		d->n_queue_irq = l->number;
		d->ts_queue_irq = l->now;
		d->intx_since_queue = false;
	}
	if (!(moments & AT(CONFIG_IRQ)))
		return;
	if (driver_ok(l) && !d->n_error && queue_has(l, l->dev->config_vector))
		d->shared = (struct owed){ l->number, l->now, 0, 0 };
	d->n_config_irq = l->number;
	d->ts_config_irq = l->now;
	d->intx_since_config = false;
	d->needs_reset_irq.number = d->capacity_irq.number = 0;
	if (driver_ok(l) && !d->n_error && !d->n_needs_reset)
		d->capacity_read = (struct owed){ l->number, l->now, 0, 0 };
	d->nochange = (struct owed){ d->n_error ? 0 : l->number, l->now, 0, 0 };
	d->nochange_status = d->nochange_generation = false;
}
