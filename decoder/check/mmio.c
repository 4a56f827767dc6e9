/* SPDX-License-Identifier: MIT */
/* What the checker remembers of the registers that virtio-mmio alone has: 4.2.2, 4.2.4. */
#include "decoder/check/impl.h"

static void identity_read(struct rule_context *ctx)
{
	struct check_mmio *m = &ctx->d->mmio;

	switch (ctx->e->field->id) {
	case SPEC_REG_MAGIC:
		m->n_magic = ctx->number;
		m->other_magic = reg(ctx)->value != CHECK_MMIO_MAGIC;
		break;
	case SPEC_REG_VERSION: m->n_version = ctx->number; break;
	case SPEC_REG_DEVICE_ID:
		m->n_device_id = ctx->number;
		m->no_device = !reg(ctx)->value;
		break;
	case SPEC_REG_SHM_LENGTH:
		m->shm_length_low = ctx->e->field->flags & SPEC_LO ? (uint32_t)reg(ctx)->value : 0;
		m->n_shm_length = ctx->e->field->flags & SPEC_LO ? ctx->number : 0;
		break;
	}
}

static void selected(struct rule_context *ctx)
{
	switch (ctx->e->field->id) {
	case SPEC_REG_DEVICE_FEATURES_SELECT: ctx->d->features.offer_selected = true; break;
	case SPEC_REG_DRIVER_FEATURES_SELECT: ctx->d->features.accept_selected = true; break;
	case SPEC_REG_GUEST_PAGE_SIZE: ctx->d->mmio.n_page_size = ctx->number; break;
	case SPEC_REG_SHM_SELECT: ctx->d->mmio.n_shm_select = ctx->number; break;
	}
}

/*
 * QueueReady 0 ends the use of a queue once it was read back; where the device has got to is not
 * known then, nor where it goes on when the queue is used again.
 */
static void ready_access(struct rule_context *ctx)
{
	struct check_queue_setup setup = ctx->q->setup;
	struct check_queue *q = ctx->q;

	if (is_write(ctx)) {
		if (reg(ctx)->value & 1)
			return;
		q->setup.n_stopped = q->setup.n_enable ? ctx->number : 0;
		q->flight = false;
		return;
	}
	q->setup.n_stopped = 0;
	if (reg(ctx)->value & 1 || !setup.n_enable)
		return;
	check_queue_clear(q, false);
	setup.n_stopped = 0;
	setup.stopped = true;
	q->setup = setup;
}

/* InterruptStatus shows events until they are acknowledged: unlike ISR status of virtio-pci. */
static void status_read(struct rule_context *ctx)
{
	struct check_irqs *i = &ctx->d->irqs;
	uint32_t v = (uint32_t)reg(ctx)->value & 3, unfounded;

	unfounded = (i->n_queue <= i->n_queue_seen && i->n_used <= i->n_queue_seen ? 1 : 0) |
		    (i->n_config <= i->n_config_seen ? 2 : 0);
	i->n_isr = ctx->number;
	i->isr_read = true;
	i->shown = v;
	i->unfounded.number = 0;
	if (v & unfounded)
		i->unfounded = obligation(ctx, v & unfounded, 0);
	if (!v)
		i->unacknowledged.number = 0;
	else if (!i->unacknowledged.number)
		i->unacknowledged = obligation(ctx, v, 0);
	if (v == 3 && driver_ok(ctx) && !ctx->d->status.n_error)
		i->shared = obligation(ctx, 0, 0);
}

static void acknowledged(struct rule_context *ctx)
{
	struct check_irqs *i = &ctx->d->irqs;
	uint32_t v = (uint32_t)reg(ctx)->value;

	i->n_ack = ctx->number;
	i->shown &= ~v;
	i->unacknowledged.number = 0;
	i->unfounded.number = 0;
	if (v & 1)
		i->n_queue_seen = ctx->number;
	if (v & 2)
		i->n_config_seen = ctx->number;
}

void check_remember_mmio(struct rule_context *ctx, uint64_t triggers)
{
	if (!ctx->e->field)
		return;
	if (triggers & AT(ISR_ACK))
		acknowledged(ctx);
	else if (triggers & AT(ISR_READ))
		status_read(ctx);
	else if (ctx->q && register_is(ctx, SPEC_REG_QUEUE_ENABLE) && !legacy_access(ctx))
		ready_access(ctx);
	else if (is_write(ctx))
		selected(ctx);
	else
		identity_read(ctx);
}

/* Which chains were used lately: one of them popped again was reaped before. */
void check_note_used(struct rule_context *ctx)
{
	struct check_reaped *r = &ctx->q->reaped;

	ctx->d->irqs.n_used = ctx->number;
	r->id[r->n % CHECK_REAPED] = ctx->e->rec->used.id;
	r->number[r->n++ % CHECK_REAPED] = ctx->number;
}

void check_note_popped(struct rule_context *ctx)
{
	const struct check_irqs *i = &ctx->d->irqs;
	const struct check_reaped *r = &ctx->q->reaped;

	/* Used since the last acknowledgement, and shown by the status read since. */
	for (unsigned n = 0; n < CHECK_REAPED && n < r->n; n++)
		if (r->id[n] == ctx->req->head && r->number[n] > i->n_ack &&
		    r->number[n] < i->n_isr && i->n_isr > i->n_ack)
			ctx->d->irqs.n_reaped = ctx->number;
}
