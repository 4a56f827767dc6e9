/* SPDX-License-Identifier: MIT */
/* What the checker remembers of registers: status, features, queues, vectors. */
#include "decoder/check/impl.h"

static void first(uint64_t *number, bool set, uint64_t now)
{
	if (set && !*number)
		*number = now;
}

static void status_written(struct rule_context *ctx)
{
	uint8_t v = (uint8_t)reg(ctx)->value, now = v & ~ctx->d->status.written;
	struct check_device *d = ctx->d;

	if (!v) {
		check_device_reset(d, ctx->number);
		d->reset.written = d->reset.awaited = true;
		d->reset.ts = ctx->now;
		d->known.from_start = false;
		check_device_drain(d, true);
		return;
	}
	d->status.n_write = ctx->number;
	d->status.ts_write = ctx->now;
	d->status.written = v;
	d->status.ever |= v;
	d->reset.awaited = false;
	check_device_drain(d, false);
	first(&d->status.n_ack, v & VIRTIO_CONFIG_S_ACKNOWLEDGE, ctx->number);
	first(&d->status.n_driver, v & VIRTIO_CONFIG_S_DRIVER, ctx->number);
	first(&d->status.n_driver_ok, v & VIRTIO_CONFIG_S_DRIVER_OK, ctx->number);
	first(&d->status.n_failed, v & VIRTIO_CONFIG_S_FAILED, ctx->number);
	if (now & VIRTIO_CONFIG_S_FEATURES_OK) {
		d->status.n_features_ok = ctx->number;
		d->features.answered = d->features.refused = false;
	}
}

static void features_seen(struct rule_context *ctx, uint8_t v)
{
	struct check_device *d = ctx->d;

	if (!d->status.n_features_ok || d->features.answered || d->reset.awaited)
		return;
	d->features.answered = true;
	d->features.refused = !(v & VIRTIO_CONFIG_S_FEATURES_OK);
	if (d->features.refused) {
		d->features.n_refused = ctx->number;
		return;
	}
	memcpy(d->agreed.set, ctx->dev->accepted, sizeof(d->agreed.set));
	d->agreed.known = true;
	d->agreed.number = ctx->number;
}

static void status_read(struct rule_context *ctx)
{
	uint8_t v = (uint8_t)reg(ctx)->value;
	struct check_device *d = ctx->d;

	if (d->reset.awaited)
		d->reset.reads++;
	if (d->reset.awaited && !v) {
		d->reset.awaited = false;
		d->reset.n_done = ctx->number;
		check_device_drain(d, false);
	}
	features_seen(ctx, v);
	if (v & VIRTIO_CONFIG_S_NEEDS_RESET && !d->reset.awaited) {
		if (!d->status.n_needs_reset && driver_ok(ctx) &&
		    d->irqs.n_change <= d->status.n_read)
			d->irqs.needs_reset = obligation(ctx, 0, 0);
		first(&d->status.n_needs_reset, true, ctx->number);
	}
	if (d->irqs.no_change.number)
		d->irqs.no_change_status = true;
	d->status.n_read = ctx->number;
}

static void feature_access(struct rule_context *ctx, uint64_t triggers)
{
	unsigned word = ctx->e->select;

	if (triggers & AT(OFFER_READ)) {
		ctx->d->features.n_offer = ctx->number;
		if (word < 4)
			ctx->d->features.offer_read |= (uint8_t)(1 << word);
	} else if (triggers & AT(FEATURE_WRITE)) {
		ctx->d->features.n_accept = ctx->number;
		if (word < 4)
			ctx->d->features.accept_written |= (uint8_t)(1 << word);
	}
}

static uint64_t *queue_history(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;

	/* An address in two registers is set by its low half: the high one may stay as it is. */
	if (!f || f->flags & SPEC_HI)
		return NULL;
	switch (f->id) {
	case SPEC_REG_QUEUE_SIZE: return &ctx->q->setup.n_size;
	case SPEC_REG_QUEUE_DESC: return &ctx->q->setup.n_desc;
	case SPEC_REG_QUEUE_DRIVER: return &ctx->q->setup.n_driver;
	case SPEC_REG_QUEUE_DEVICE: return &ctx->q->setup.n_device;
	case SPEC_REG_QUEUE_VECTOR: return &ctx->q->setup.n_vector;
	case SPEC_REG_QUEUE_ALIGN: return &ctx->q->setup.n_align;
	}
	return NULL;
}

/* The legacy way to take a queue away; what the driver knows of it, and has set, stays. */
static void taken_away(struct rule_context *ctx)
{
	struct check_queue_setup before = ctx->q->setup;

	check_queue_clear(ctx->q, ctx->d->known.born);
	ctx->q->setup.n_size = before.n_size;
	ctx->q->setup.n_size_read = before.n_size_read;
	ctx->q->setup.n_align = before.n_align;
}

static void queue_written(struct rule_context *ctx, uint64_t triggers)
{
	uint64_t *history = queue_history(ctx);

	ctx->d->n_setup = ctx->number;
	if (history)
		*history = ctx->number;
	if (triggers & AT(ENABLE)) {
		ctx->q->setup.n_enable = ctx->number;
		ctx->q->setup.legacy = legacy_access(ctx);
		ctx->q->setup.reset = QRESET_NONE;
	}
	if (legacy_access(ctx) && register_is(ctx, SPEC_REG_QUEUE_PFN) && !reg(ctx)->value)
		taken_away(ctx);
	if (triggers & AT(QRESET_WRITE) && reg(ctx)->value & 1) {
		check_queue_clear(ctx->q, ctx->d->known.born);
		ctx->q->setup.reset = QRESET_ASKED;
		ctx->q->setup.n_reset = ctx->number;
		ctx->q->draining = true;
	}
}

static void queue_read(struct rule_context *ctx, uint64_t triggers)
{
	if (register_is(ctx, SPEC_REG_QUEUE_SIZE) || register_is(ctx, SPEC_REG_QUEUE_SIZE_MAX))
		ctx->q->setup.n_size_read = ctx->number;
	if (register_is(ctx, SPEC_REG_QUEUE_NOTIFY_DATA)) {
		ctx->q->setup.notify_config = reg(ctx)->value & 0xffff;
		ctx->q->setup.notify_config_known = true;
	}
	if (triggers & AT(QRESET_READ) && ctx->q->setup.reset == QRESET_ASKED &&
	    !(reg(ctx)->value & 1)) {
		ctx->q->setup.reset = QRESET_DONE;
		ctx->q->setup.n_reset_read = ctx->number;
		ctx->q->draining = false;
	}
}

static void vector_access(struct rule_context *ctx, uint64_t triggers)
{
	uint16_t v = (uint16_t)reg(ctx)->value;
	struct obligation *unread = ctx->q ? &ctx->q->setup.vector_unread : &ctx->d->vectors.unread;

	if (triggers & AT(VECTOR_READ)) {
		if (ctx->q)
			ctx->q->setup.n_vector_read = v != VQT_NO_VECTOR ? ctx->number : 0;
		unread->number = 0;
		return;
	}
	if (ctx->q)
		ctx->q->setup.n_vector_read = 0;
	else
		ctx->d->vectors.n_config = ctx->number;
	*unread = (struct obligation){ v == VQT_NO_VECTOR ? 0 : ctx->number, ctx->now, v, 0 };
	if (v < CHECK_VECTORS)
		ctx->d->vectors.mapped[v / 8] |= (uint8_t)(1 << v % 8);
}

static void other_register(struct rule_context *ctx)
{
	if (register_is(ctx, SPEC_REG_NUM_QUEUES) && !is_write(ctx)) {
		ctx->d->num_queues = (uint16_t)reg(ctx)->value;
		ctx->d->num_queues_known = true;
	} else if (register_is(ctx, SPEC_REG_ADMIN_QUEUE_INDEX)) {
		ctx->d->admin.index = (uint16_t)reg(ctx)->value;
		ctx->d->admin.index_known = true;
	} else if (register_is(ctx, SPEC_REG_ADMIN_QUEUE_NUM)) {
		ctx->d->admin.num = (uint16_t)reg(ctx)->value;
	}
}

static void isr_read(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	/* Both causes are there to be seen. */
	if (!ctx->dev->msix && (reg(ctx)->value & 3) == 3 && driver_ok(ctx) && !d->status.n_error)
		d->irqs.shared = obligation(ctx, 0, 0);
	d->irqs.isr_read = true;
	d->irqs.n_isr = ctx->number;
	d->irqs.n_config_seen = d->irqs.n_config;
	d->irqs.n_queue_seen = d->irqs.n_queue;
	d->irqs.intx_handled |= d->irqs.intx.number && driver_ok(ctx);
	d->irqs.intx.number = 0;
}

/* Of virtio-mmio it is one or the other, and which may show late. */
static void note_interface(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (reg(ctx)->region == VQT_REGION_MMIO)
		d->legacy = d->modern = false;
	if (legacy_access(ctx))
		d->legacy = true;
	else if (modern_access(ctx))
		d->modern = true;
}

void check_remember_register(struct rule_context *ctx, uint64_t triggers)
{
	struct check_device *d = ctx->d;
	bool write = is_write(ctx);

	if (reg(ctx)->flags & VQT_REG_FAILED) {
		if (reg(ctx)->flags & VQT_REG_VIA_CFG)
			check_remember_window(ctx);
		return;
	}
	if (triggers & (AT(PCI_READ) | AT(PCI_WRITE))) {
		check_remember_pci(ctx);
		return;
	}
	if (triggers & AT(VIA_CFG))
		check_remember_window(ctx);
	d->window.write.number = 0;
	if (triggers & (AT(STATUS_READ) | AT(CONFIG_READ) | AT(GENERATION)))
		d->irqs.shared.number = 0;
	if (triggers & (AT(STATUS_WRITE) | AT(STATUS_READ)))
		check_remember_suspend(ctx, triggers);
	if (triggers & AT(STATUS_WRITE))
		status_written(ctx);
	note_interface(ctx);
	/* Whatever comes between, a configuration read has ended: except what other processors do. */
	if (!(triggers &
	      (AT(CONFIG_READ) | AT(GENERATION) | AT(ISR_READ) | AT(ISR_ACK) | AT(NOTIFY))))
		d->config.torn.number = 0;
	if (triggers & AT(STATUS_READ))
		status_read(ctx);
	if (triggers & (AT(OFFER_READ) | AT(FEATURE_WRITE)))
		feature_access(ctx, triggers);
	if (ctx->q && write)
		queue_written(ctx, triggers);
	if (ctx->q && !write)
		queue_read(ctx, triggers);
	if (triggers & (AT(VECTOR_WRITE) | AT(VECTOR_READ)))
		vector_access(ctx, triggers);
	if (triggers & AT(COMMON))
		other_register(ctx);
	if (reg(ctx)->region == VQT_REGION_MMIO)
		check_remember_mmio(ctx, triggers);
	else if (triggers & AT(ISR_READ))
		isr_read(ctx);
	if (triggers & (AT(CONFIG_READ) | AT(CONFIG_WRITE) | AT(GENERATION)))
		check_remember_config(ctx, triggers);
}
