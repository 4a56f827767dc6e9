/* SPDX-License-Identifier: MIT */
/* What the checker remembers of interrupts. */
#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

static void irq_to_queue(struct rule_context *ctx, struct check_queue *q)
{
	q->irq.due.number = 0;
	q->seen.n_irq = ctx->number;
	q->seen.ts_irq = ctx->now;
	q->seen.irqs++;
}

/* The device's own decision, once per notification: did anybody ask for it? */
static void irq_decided(struct rule_context *ctx)
{
	struct check_queue *q = ctx->q;

	if (!q->irq.crossed && q->seen.completions && q->last.number)
		q->irq.extra = obligation(ctx, check_wish(&q->last.ring), q->irq.suppressed);
	q->irq.crossed = false;
}

/*
 * Where only messages are recorded, one of a queue's own vector is the decision.  A vector that
 * speaks of configuration changes, too, may mean those.
 */
static bool message_decides(const struct rule_context *ctx)
{
	return !ctx->q->irq.signals && ctx->e->rec->irq.vector != ctx->dev->config_vector;
}

/* A vector, or the line, can speak for several queues. */
static void irq_to_all(struct rule_context *ctx, bool by_vector)
{
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (!by_vector || (m && m->vector == ctx->e->rec->irq.vector))
			irq_to_queue(ctx, q);
	}
}

/* The vector of configuration changes is a queue's, too. */
static bool queue_has(const struct rule_context *ctx, uint16_t vector)
{
	if (!ctx->dev->msix || vector == VQT_NO_VECTOR || !ctx->d->vectors.n_config)
		return false;
	for (const struct model_queue *q = ctx->dev->queues; q; q = q->hh.next)
		if (q->enabled && q->vector == vector)
			return true;
	return false;
}

/*
 * A configuration change was notified: it has to be found, unless the driver found it before the
 * notification came.  Before DRIVER_OK no driver is told of what the device decides.
 */
static void change_told(struct rule_context *ctx)
{
	struct check_irqs *i = &ctx->d->irqs;

	i->no_change.number = 0;
	i->no_change_status = i->no_change_generation = false;
	if (i->changes_untold) {
		i->changes_untold--;
		return;
	}
	i->told_unfound += i->told_unfound < UINT8_MAX;
	if (driver_ok(ctx) && !ctx->d->status.n_error)
		i->no_change = obligation(ctx, 0, 0);
}

void check_remember_irq(struct rule_context *ctx, uint64_t triggers)
{
	struct check_device *d = ctx->d;

	if (triggers & AT(INTX)) {
		d->known.n_line = ctx->number;
		d->irqs.intx.number = 0;
		if (ctx->e->rec->irq.level) {
			d->irqs.intx = obligation(ctx, 0, 0);
			d->irqs.intx_since_config = d->irqs.intx_since_queue = true;
			d->irqs.n_any = ctx->number;
			irq_to_all(ctx, false);
		}
		return;
	}
	d->irqs.n_any = ctx->number;
	if (triggers & AT(MSIX)) {
		d->irqs.n_msix = ctx->number;
		if (ctx->e->rec->irq.vector == ctx->dev->config_vector) {
			d->irqs.n_change = ctx->number;
			d->irqs.needs_reset.number = 0;
		}
		if (triggers & AT(QUEUE_IRQ) && message_decides(ctx))
			irq_decided(ctx);
		irq_to_all(ctx, true);
	} else if (triggers & AT(QUEUE_IRQ)) {
		ctx->q->irq.signals = true;
		irq_decided(ctx);
		irq_to_queue(ctx, ctx->q);
	}
	if (triggers & AT(QUEUE_IRQ)) {
		d->irqs.n_queue = ctx->number;
		d->irqs.ts_queue = ctx->now;
		d->irqs.intx_since_queue = false;
	}
	if (!(triggers & AT(CONFIG_IRQ)))
		return;
	if (driver_ok(ctx) && !d->status.n_error && queue_has(ctx, ctx->dev->config_vector))
		d->irqs.shared = obligation(ctx, 0, 0);
	d->irqs.n_config = d->irqs.n_change = ctx->number;
	d->irqs.ts_config = ctx->now;
	d->irqs.intx_since_config = false;
	d->irqs.needs_reset.number = 0;
	change_told(ctx);
}
