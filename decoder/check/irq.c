/* SPDX-License-Identifier: MIT */
/* What the checker remembers of interrupts. */
#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

static void irq_to_queue(struct rule_context *ctx, struct cqueue *q)
{
	q->irq.number = 0;
	q->n_irq = ctx->number;
	q->ts_irq = ctx->now;
	q->irqs++;
}

/* The device's own decision, once per notification: did anybody ask for it? */
static void irq_decided(struct rule_context *ctx)
{
	struct cqueue *q = ctx->q;

	if (!q->crossed && q->irqs && q->completions && q->n_ring)
		q->extra_irq = (struct obligation){
			ctx->number, ctx->now,
			q->ring.known & VQT_RING_USED_EVENT ? q->ring.used_event : 0, q->suppressed
		};
	q->crossed = false;
}

/* A vector, or the line, can speak for several queues. */
static void irq_to_all(struct rule_context *ctx, bool by_vector)
{
	for (struct cqueue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (!by_vector || (m && m->vector == ctx->e->rec->irq.vector))
			irq_to_queue(ctx, q);
	}
}

/* The vector of configuration changes is a queue's, too. */
static bool queue_has(const struct rule_context *ctx, uint16_t vector)
{
	if (!ctx->dev->msix || vector == VQT_NO_VECTOR || !ctx->d->n_config_vector)
		return false;
	for (const struct model_queue *q = ctx->dev->queues; q; q = q->hh.next)
		if (q->enabled && q->vector == vector)
			return true;
	return false;
}

void check_remember_irq(struct rule_context *ctx, uint64_t triggers)
{
	struct cdev *d = ctx->d;

	if (triggers & AT(INTX)) {
		d->intx.number = 0;
		if (ctx->e->rec->irq.level) {
			d->intx = (struct obligation){ ctx->number, ctx->now, 0, 0 };
			d->intx_since_config = d->intx_since_queue = true;
			d->n_any_irq = ctx->number;
			irq_to_all(ctx, false);
		}
		return;
	}
	d->n_any_irq = ctx->number;
	if (triggers & AT(MSIX)) {
		d->n_msix = ctx->number;
		irq_to_all(ctx, true);
	} else if (triggers & AT(QUEUE_IRQ)) {
		irq_decided(ctx);
		irq_to_queue(ctx, ctx->q);
	}
	if (triggers & AT(QUEUE_IRQ)) {
		d->n_queue_irq = ctx->number;
		d->ts_queue_irq = ctx->now;
		d->intx_since_queue = false;
	}
	if (!(triggers & AT(CONFIG_IRQ)))
		return;
	if (driver_ok(ctx) && !d->n_error && queue_has(ctx, ctx->dev->config_vector))
		d->shared = (struct obligation){ ctx->number, ctx->now, 0, 0 };
	d->n_config_irq = ctx->number;
	d->ts_config_irq = ctx->now;
	d->intx_since_config = false;
	d->needs_reset_irq.number = d->capacity_irq.number = 0;
	if (driver_ok(ctx) && !d->n_error && !d->n_needs_reset)
		d->capacity_read = (struct obligation){ ctx->number, ctx->now, 0, 0 };
	d->nochange = (struct obligation){ d->n_error ? 0 : ctx->number, ctx->now, 0, 0 };
	d->nochange_status = d->nochange_generation = false;
}
