/* SPDX-License-Identifier: MIT */
/* What the checker remembers of registers: status, features, queues, vectors. */
#include "decoder/check/impl.h"

static void suspend_written(struct rule_context *ctx, uint8_t value)
{
	struct cdev *d = ctx->d;

	if (!accepted(ctx, VIRTIO_F_SUSPEND))
		return;
	if (d->suspend == SUSPEND_NO && value & VIRTIO_CONFIG_S_SUSPEND && d->n_driver_ok) {
		d->suspend = SUSPEND_ASKED;
		d->n_suspend = ctx->number;
	} else if (d->suspend == SUSPEND_DONE && value & VIRTIO_CONFIG_S_DRIVER_OK) {
		d->suspend = SUSPEND_RESUMING;
		d->n_resume = ctx->number;
	}
}

static void suspend_read(struct rule_context *ctx, uint8_t value)
{
	struct cdev *d = ctx->d;
	bool suspended = value & VIRTIO_CONFIG_S_SUSPEND && !(value & VIRTIO_CONFIG_S_DRIVER_OK);

	if (d->suspend == SUSPEND_ASKED && suspended) {
		d->suspend = SUSPEND_DONE;
		d->n_suspended = ctx->number;
	} else if (d->suspend == SUSPEND_RESUMING && !suspended &&
		   !(value & VIRTIO_CONFIG_S_SUSPEND)) {
		d->suspend = SUSPEND_NO;
		d->ts_resumed = ctx->now;
	}
}

static void first(uint64_t *number, bool set, uint64_t now)
{
	if (set && !*number)
		*number = now;
}

static void status_written(struct rule_context *ctx)
{
	uint8_t v = (uint8_t)reg(ctx)->value, now = v & ~ctx->d->written;
	struct cdev *d = ctx->d;

	if (!v) {
		check_life(d, ctx->number);
		d->reset_written = d->reset_wait = true;
		d->reset_ts = ctx->now;
		d->from_start = false;
		check_set_draining(d, true);
		return;
	}
	suspend_written(ctx, v);
	d->early.number = 0;
	d->n_status = ctx->number;
	d->ts_status = ctx->now;
	d->written = v;
	d->ever |= v;
	d->reset_wait = false;
	check_set_draining(d, false);
	first(&d->n_ack, v & VIRTIO_CONFIG_S_ACKNOWLEDGE, ctx->number);
	first(&d->n_driver, v & VIRTIO_CONFIG_S_DRIVER, ctx->number);
	first(&d->n_driver_ok, v & VIRTIO_CONFIG_S_DRIVER_OK, ctx->number);
	first(&d->n_failed, v & VIRTIO_CONFIG_S_FAILED, ctx->number);
	if (now & VIRTIO_CONFIG_S_FEATURES_OK) {
		d->n_features_ok = ctx->number;
		d->features_checked = d->features_refused = false;
	}
}

static void features_seen(struct rule_context *ctx, uint8_t v)
{
	struct cdev *d = ctx->d;

	if (!d->n_features_ok || d->features_checked || d->reset_wait)
		return;
	d->features_checked = true;
	d->features_refused = !(v & VIRTIO_CONFIG_S_FEATURES_OK);
	if (d->features_refused) {
		d->n_refused = ctx->number;
		return;
	}
	memcpy(d->ok_set, ctx->dev->accepted, sizeof(d->ok_set));
	d->ok_set_known = true;
	d->n_ok_set = ctx->number;
}

static void status_read(struct rule_context *ctx)
{
	uint8_t v = (uint8_t)reg(ctx)->value;
	struct cdev *d = ctx->d;

	if (d->reset_wait)
		d->reset_reads++;
	if (d->reset_wait && !v) {
		d->reset_wait = false;
		d->n_reset_done = ctx->number;
		check_set_draining(d, false);
	}
	features_seen(ctx, v);
	suspend_read(ctx, v);
	if (v & VIRTIO_CONFIG_S_NEEDS_RESET && !d->reset_wait) {
		if (!d->n_needs_reset && driver_ok(ctx) && d->n_config_irq <= d->n_status_read)
			d->needs_reset_irq = (struct obligation){ ctx->number, ctx->now, 0, 0 };
		first(&d->n_needs_reset, true, ctx->number);
		d->capacity_read.number = 0;
	}
	if (d->nochange.number)
		d->nochange_status = true;
	d->n_status_read = ctx->number;
}

static void feature_access(struct rule_context *ctx, uint64_t triggers)
{
	unsigned word = ctx->e->select;

	if (triggers & AT(OFFER_READ)) {
		ctx->d->n_offer = ctx->number;
		if (word < 4)
			ctx->d->offer_read |= (uint8_t)(1 << word);
	} else if (triggers & AT(FEATURE_WRITE)) {
		ctx->d->n_feature_write = ctx->number;
		ctx->d->early.number = 0;
		if (word < 4)
			ctx->d->accept_written |= (uint8_t)(1 << word);
	}
}

static uint64_t *queue_history(struct rule_context *ctx)
{
	static const struct {
		const char *field;
		size_t at;
	} rows[] = {
		{ "queue_size", offsetof(struct cqueue, n_size) },
		{ "QueueSize", offsetof(struct cqueue, n_size) },
		{ "queue_desc", offsetof(struct cqueue, n_desc) },
		{ "QueueDescLow", offsetof(struct cqueue, n_desc) },
		{ "queue_driver", offsetof(struct cqueue, n_driver) },
		{ "QueueDriverLow", offsetof(struct cqueue, n_driver) },
		{ "queue_device", offsetof(struct cqueue, n_device) },
		{ "QueueDeviceLow", offsetof(struct cqueue, n_device) },
		{ "queue_msix_vector", offsetof(struct cqueue, n_vector) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (field_is(ctx, rows[i].field))
			return (uint64_t *)((char *)ctx->q + rows[i].at);
	return NULL;
}

static void queue_written(struct rule_context *ctx, uint64_t triggers)
{
	uint64_t *history = queue_history(ctx);

	ctx->d->n_setup = ctx->number;
	if (history)
		*history = ctx->number;
	if (triggers & AT(ENABLE)) {
		ctx->q->n_enable = ctx->number;
		ctx->q->legacy = reg(ctx)->region == VQT_REGION_LEGACY;
		ctx->q->reset = QRESET_NONE;
	}
	/* The legacy way to take a queue away. */
	if (field_is(ctx, "queue_address") && !reg(ctx)->value)
		check_clear_queue(ctx->q, ctx->d->born);
	if (triggers & AT(QRESET_WRITE) && reg(ctx)->value & 1) {
		check_clear_queue(ctx->q, ctx->d->born);
		ctx->q->reset = QRESET_ASKED;
		ctx->q->n_reset = ctx->number;
		ctx->q->draining = true;
	}
}

static void queue_read(struct rule_context *ctx, uint64_t triggers)
{
	if (field_is(ctx, "queue_size"))
		ctx->q->n_size_read = ctx->number;
	if (field_is(ctx, "queue_notif_config_data")) {
		ctx->q->notify_config = reg(ctx)->value & 0xffff;
		ctx->q->notify_config_known = true;
	}
	if (triggers & AT(QRESET_READ) && ctx->q->reset == QRESET_ASKED && !(reg(ctx)->value & 1)) {
		ctx->q->reset = QRESET_DONE;
		ctx->q->n_reset_read = ctx->number;
		ctx->q->draining = false;
	}
}

static void vector_access(struct rule_context *ctx, uint64_t triggers)
{
	uint16_t v = (uint16_t)reg(ctx)->value;
	unsigned queue = ctx->q ? ctx->q->index : VQT_NO_QUEUE;

	if (triggers & AT(VECTOR_READ)) {
		if (ctx->q)
			ctx->q->n_vector_read = v != VQT_NO_VECTOR ? ctx->number : 0;
		if (ctx->d->vector.number && ctx->d->vector.b == queue)
			ctx->d->vector.number = 0;
		return;
	}
	if (ctx->q)
		ctx->q->n_vector_read = 0;
	else
		ctx->d->n_config_vector = ctx->number;
	ctx->d->vector =
		(struct obligation){ v == VQT_NO_VECTOR ? 0 : ctx->number, ctx->now, v, queue };
	if (v < CHECK_VECTORS)
		ctx->d->vector_mapped[v / 8] |= (uint8_t)(1 << v % 8);
}

static void other_register(struct rule_context *ctx)
{
	if (field_is(ctx, "num_queues") && !is_write(ctx)) {
		ctx->d->num_queues = (uint16_t)reg(ctx)->value;
		ctx->d->num_queues_known = true;
	} else if (field_is(ctx, "admin_queue_index")) {
		ctx->d->admin_index = (uint16_t)reg(ctx)->value;
		ctx->d->admin_index_known = true;
	} else if (field_is(ctx, "admin_queue_num")) {
		ctx->d->admin_num = (uint16_t)reg(ctx)->value;
	}
}

static void isr_read(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;

	/* Both causes are there to be seen. */
	if (!ctx->dev->msix && (reg(ctx)->value & 3) == 3 && driver_ok(ctx) && !d->n_error)
		d->shared = (struct obligation){ ctx->number, ctx->now, 0, 0 };
	d->isr_read = true;
	d->n_isr = ctx->number;
	d->n_config_irq_isr = d->n_config_irq;
	d->n_queue_irq_isr = d->n_queue_irq;
	d->intx.number = 0;
}

void check_remember_register(struct rule_context *ctx, uint64_t triggers)
{
	struct cdev *d = ctx->d;
	bool write = is_write(ctx);

	if (reg(ctx)->flags & VQT_REG_FAILED) {
		if (reg(ctx)->flags & VQT_REG_VIA_CFG)
			check_via_cfg(ctx);
		return;
	}
	if (triggers & (AT(PCI_READ) | AT(PCI_WRITE))) {
		check_pci_access(ctx);
		return;
	}
	if (triggers & AT(VIA_CFG))
		check_via_cfg(ctx);
	d->window.number = 0;
	if (triggers & (AT(STATUS_READ) | AT(CONFIG_READ) | AT(GENERATION)))
		d->shared.number = 0;
	if (triggers & AT(STATUS_WRITE))
		status_written(ctx);
	if (reg(ctx)->region == VQT_REGION_LEGACY)
		d->legacy = true;
	else if (triggers & AT(COMMON))
		d->modern = true;
	/* Whatever comes between, a configuration read has ended. */
	if (!(triggers & (AT(CONFIG_READ) | AT(GENERATION))))
		d->torn.number = 0;
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
	if (triggers & AT(ISR_READ))
		isr_read(ctx);
	if (triggers & AT(CONFIG_READ))
		check_config_read(ctx);
	if (triggers & AT(CONFIG_WRITE))
		check_config_written(ctx);
	if (triggers & AT(GENERATION))
		check_generation_read(ctx);
}
