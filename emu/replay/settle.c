/* SPDX-License-Identifier: MIT */
/* After an action of the driver: what the target used and which interrupts it sent. */
#include <stdio.h>

#include "decoder/util/virtqueue.h"
#include "emu/replay/impl.h"

#define IRQS 256

int replay_settle(struct replay_instance *i, const struct event *e)
{
	struct replay_irq irq[IRQS];
	int ret = i->ops->wait(i->target, 0), n;
	if (ret < 0)
		return ret;
	/* The interrupts first: the buffers that they announce have been used by then. */
	n = i->ops->irqs(i->target, irq, IRQS);
	if (n < 0)
		return n;
	ret = 0;
	for (unsigned k = 0; k < i->d->num_queues && ret == 0; k++) {
		struct replay_queue *q = &i->queue[k];
		uint64_t before = q->used_replayed;
		if (q->up && q->chains)
			ret = replay_ring_collect(q, e);
		i->used_since_isr |= q->used_replayed != before;
	}
	for (int k = 0; k < n && ret >= 0; k++) {
		if (irq[k].kind == VQT_IRQ_INTX)
			i->line = irq[k].level;
		if (irq[k].kind != VQT_IRQ_INTX || irq[k].level)
			replay_notifications_irq(i, e, REPLAYED, &irq[k], NULL);
	}
	return ret;
}

struct replay_queue *replay_queue_of(struct replay_instance *i, const struct event *e)
{
	return e->queue && e->queue->index < i->d->num_queues ? &i->queue[e->queue->index] : NULL;
}

void replay_queue_gone(struct replay_queue *q, const struct event *e)
{
	struct replay_instance *i = q->i;
	replay_notifications_end(q, e);
	if (q->used_recorded && !q->chains && !i->doubt && !q->torn) {
		uint32_t numbers = virtq_numbers(q->size, q->packed);
		uint32_t recorded = q->used_last % numbers, replayed = q->used % numbers;
		replay_compared(&i->n.rings, recorded == replayed);
		if (recorded != replayed) {
			char a[48], b[48];
			snprintf(a, sizeof(a), "position %u", recorded);
			snprintf(b, sizeof(b), "position %u", replayed);
			replay_differs(
				i, e,
				&(struct replay_found){ .queue = q->index, .clause = "2.7.8" },
				"ring.final", a, b);
		}
	}
	replay_ring_down(q);
}

void replay_queues_gone(struct replay_instance *i, const struct event *e)
{
	for (unsigned n = 0; n < i->d->num_queues; n++)
		if (i->queue[n].up)
			replay_queue_gone(&i->queue[n], e);
}
