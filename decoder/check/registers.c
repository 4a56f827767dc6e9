/* SPDX-License-Identifier: MIT */
/* What the checker remembers of registers: status, features, queues, vectors. */
#include "decoder/check/impl.h"

static void suspend_written(struct look *l, uint8_t value)
{
	struct cdev *d = l->d;

	if (!accepted(l, F_SUSPEND))
		return;
	if (d->suspend == SUSPEND_NO && value & S_SUSPEND && d->n_driver_ok) {
		d->suspend = SUSPEND_ASKED;
		d->n_suspend = l->number;
	} else if (d->suspend == SUSPEND_DONE && value & VIRTIO_CONFIG_S_DRIVER_OK) {
		d->suspend = SUSPEND_RESUMING;
		d->n_resume = l->number;
	}
}

static void suspend_read(struct look *l, uint8_t value)
{
	struct cdev *d = l->d;
	bool suspended = value & S_SUSPEND && !(value & VIRTIO_CONFIG_S_DRIVER_OK);

	if (d->suspend == SUSPEND_ASKED && suspended) {
		d->suspend = SUSPEND_DONE;
		d->n_suspended = l->number;
	} else if (d->suspend == SUSPEND_RESUMING && !suspended && !(value & S_SUSPEND)) {
		d->suspend = SUSPEND_NO;
		d->ts_resumed = l->now;
	}
}

static void first(uint64_t *number, bool set, uint64_t now)
{
	if (set && !*number)
		*number = now;
}

static void status_written(struct look *l)
{
	uint8_t v = (uint8_t)reg(l)->value, now = v & ~l->d->written;
	struct cdev *d = l->d;

	if (!v) {
		check_life(d, l->number);
		d->reset_written = d->reset_wait = true;
		d->reset_ts = l->now;
		d->from_start = false;
		check_set_draining(d, true);
		return;
	}
	suspend_written(l, v);
	d->early.number = 0;
	d->n_status = l->number;
	d->ts_status = l->now;
	d->written = v;
	d->ever |= v;
	d->reset_wait = false;
	check_set_draining(d, false);
	first(&d->n_ack, v & VIRTIO_CONFIG_S_ACKNOWLEDGE, l->number);
	first(&d->n_driver, v & VIRTIO_CONFIG_S_DRIVER, l->number);
	first(&d->n_driver_ok, v & VIRTIO_CONFIG_S_DRIVER_OK, l->number);
	first(&d->n_failed, v & VIRTIO_CONFIG_S_FAILED, l->number);
	if (now & VIRTIO_CONFIG_S_FEATURES_OK) {
		d->n_features_ok = l->number;
		d->features_checked = d->features_refused = false;
	}
}

static void features_seen(struct look *l, uint8_t v)
{
	struct cdev *d = l->d;

	if (!d->n_features_ok || d->features_checked || d->reset_wait)
		return;
	d->features_checked = true;
	d->features_refused = !(v & VIRTIO_CONFIG_S_FEATURES_OK);
	if (d->features_refused) {
		d->n_refused = l->number;
		return;
	}
	memcpy(d->ok_set, l->dev->accepted, sizeof(d->ok_set));
	d->ok_set_known = true;
	d->n_ok_set = l->number;
}

static void status_read(struct look *l)
{
	uint8_t v = (uint8_t)reg(l)->value;
	struct cdev *d = l->d;

	if (d->reset_wait)
		d->reset_reads++;
	if (d->reset_wait && !v) {
		d->reset_wait = false;
		d->n_reset_done = l->number;
		check_set_draining(d, false);
	}
	features_seen(l, v);
	suspend_read(l, v);
	if (v & VIRTIO_CONFIG_S_NEEDS_RESET && !d->reset_wait) {
		if (!d->n_needs_reset && driver_ok(l) && d->n_config_irq <= d->n_status_read)
			d->needs_reset_irq = (struct owed){ l->number, l->now, 0, 0 };
		first(&d->n_needs_reset, true, l->number);
		d->capacity_read.number = 0;
	}
	if (d->nochange.number)
		d->nochange_status = true;
	d->n_status_read = l->number;
}

static void feature_access(struct look *l, uint64_t moments)
{
	unsigned word = l->e->select;

	if (moments & AT(OFFER_READ)) {
		l->d->n_offer = l->number;
		if (word < 4)
			l->d->offer_read |= (uint8_t)(1 << word);
	} else if (moments & AT(FEATURE_WRITE)) {
		l->d->n_feature_write = l->number;
		l->d->early.number = 0;
		if (word < 4)
			l->d->accept_written |= (uint8_t)(1 << word);
	}
}

static uint64_t *queue_history(struct look *l)
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
		if (field_is(l, rows[i].field))
			return (uint64_t *)((char *)l->q + rows[i].at);
	return NULL;
}

static void queue_written(struct look *l, uint64_t moments)
{
	uint64_t *history = queue_history(l);

	l->d->n_setup = l->number;
	if (history)
		*history = l->number;
	if (moments & AT(ENABLE)) {
		l->q->n_enable = l->number;
		l->q->legacy = reg(l)->region == VQT_REGION_LEGACY;
		l->q->reset = QRESET_NONE;
	}
	/* The legacy way to take a queue away. */
	if (field_is(l, "queue_address") && !reg(l)->value)
		check_clear_queue(l->q, l->d->born);
	if (moments & AT(QRESET_WRITE) && reg(l)->value & 1) {
		check_clear_queue(l->q, l->d->born);
		l->q->reset = QRESET_ASKED;
		l->q->n_reset = l->number;
		l->q->draining = true;
	}
}

static void queue_read(struct look *l, uint64_t moments)
{
	if (field_is(l, "queue_size"))
		l->q->n_size_read = l->number;
	if (field_is(l, "queue_notif_config_data")) {
		l->q->notify_config = reg(l)->value & 0xffff;
		l->q->notify_config_known = true;
	}
	if (moments & AT(QRESET_READ) && l->q->reset == QRESET_ASKED && !(reg(l)->value & 1)) {
		l->q->reset = QRESET_DONE;
		l->q->n_reset_read = l->number;
		l->q->draining = false;
	}
}

static void vector_access(struct look *l, uint64_t moments)
{
	uint16_t v = (uint16_t)reg(l)->value;
	unsigned queue = l->q ? l->q->index : VQT_NO_QUEUE;

	if (moments & AT(VECTOR_READ)) {
		if (l->q)
			l->q->n_vector_read = v != VQT_NO_VECTOR ? l->number : 0;
		if (l->d->vector.number && l->d->vector.b == queue)
			l->d->vector.number = 0;
		return;
	}
	if (l->q)
		l->q->n_vector_read = 0;
	else
		l->d->n_config_vector = l->number;
	l->d->vector = (struct owed){ v == VQT_NO_VECTOR ? 0 : l->number, l->now, v, queue };
	if (v < CHECK_VECTORS)
		l->d->vector_mapped[v / 8] |= (uint8_t)(1 << v % 8);
}

static void other_register(struct look *l)
{
	if (field_is(l, "num_queues") && !is_write(l)) {
		l->d->num_queues = (uint16_t)reg(l)->value;
		l->d->num_queues_known = true;
	} else if (field_is(l, "admin_queue_index")) {
		l->d->admin_index = (uint16_t)reg(l)->value;
		l->d->admin_index_known = true;
	} else if (field_is(l, "admin_queue_num")) {
		l->d->admin_num = (uint16_t)reg(l)->value;
	}
}

static void isr_read(struct look *l)
{
	struct cdev *d = l->d;

	/* Both causes are there to be seen. */
	if (!l->dev->msix && (reg(l)->value & 3) == 3 && driver_ok(l) && !d->n_error)
		d->shared = (struct owed){ l->number, l->now, 0, 0 };
	d->isr_read = true;
	d->n_isr = l->number;
	d->n_config_irq_isr = d->n_config_irq;
	d->n_queue_irq_isr = d->n_queue_irq;
	d->intx.number = 0;
}

void check_remember_register(struct look *l, uint64_t moments)
{
	struct cdev *d = l->d;
	bool write = is_write(l);

	if (reg(l)->flags & VQT_REG_FAILED) {
		if (reg(l)->flags & VQT_REG_VIA_CFG)
			check_via_cfg(l);
		return;
	}
	if (moments & (AT(PCI_READ) | AT(PCI_WRITE))) {
		check_pci_access(l);
		return;
	}
	if (moments & AT(VIA_CFG))
		check_via_cfg(l);
	d->window.number = 0;
	if (moments & (AT(STATUS_READ) | AT(CONFIG_READ) | AT(GENERATION)))
		d->shared.number = 0;
	if (moments & AT(STATUS_WRITE))
		status_written(l);
	if (reg(l)->region == VQT_REGION_LEGACY)
		d->legacy = true;
	else if (moments & AT(COMMON))
		d->modern = true;
	/* Whatever comes between, a configuration read has ended. */
	if (!(moments & (AT(CONFIG_READ) | AT(GENERATION))))
		d->torn.number = 0;
	if (moments & AT(STATUS_READ))
		status_read(l);
	if (moments & (AT(OFFER_READ) | AT(FEATURE_WRITE)))
		feature_access(l, moments);
	if (l->q && write)
		queue_written(l, moments);
	if (l->q && !write)
		queue_read(l, moments);
	if (moments & (AT(VECTOR_WRITE) | AT(VECTOR_READ)))
		vector_access(l, moments);
	if (moments & AT(COMMON))
		other_register(l);
	if (moments & AT(ISR_READ))
		isr_read(l);
	if (moments & AT(CONFIG_READ))
		check_config_read(l);
	if (moments & AT(CONFIG_WRITE))
		check_config_written(l);
	if (moments & AT(GENERATION))
		check_generation_read(l);
}
