/* SPDX-License-Identifier: MIT */
/* What the checker remembers of devices and queues: one function a kind of event. */
#include <stdlib.h>
#include <uthash.h>

#include "decoder/check_impl.h"

bool check_config(const struct model_device *d, unsigned offset, unsigned width, uint64_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (offset + i >= sizeof(d->config) || !bit_set(d->config_known, offset + i))
			return false;
		*value |= (uint64_t)d->config[offset + i] << (8 * i);
	}
	return true;
}

bool check_pci(const struct model_device *d, unsigned offset, unsigned width, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (offset + i >= sizeof(d->pci) || !bit_set(d->pci_known, offset + i))
			return false;
		*value |= (uint32_t)d->pci[offset + i] << (8 * i);
	}
	return true;
}

struct cqueue *check_queue_find(const struct cdev *d, unsigned index)
{
	uint16_t key = (uint16_t)index;
	struct cqueue *q;

	HASH_FIND(hh, d->queues, &key, sizeof(key), q);
	return q;
}

struct cqueue *check_queue(struct cdev *d, unsigned index)
{
	struct cqueue *q = d->last_queue;

	/* Most events speak of the same one. */
	if (q && q->index == index)
		return q;
	q = check_queue_find(d, index);
	if (q)
		return d->last_queue = q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->index = (uint16_t)index;
	q->flight = d->born;
	HASH_ADD(hh, d->queues, index, sizeof(q->index), q);
	return q;
}

void check_free_queues(struct cdev *d)
{
	struct cqueue *q, *next;

	HASH_ITER(hh, d->queues, q, next) {
		HASH_DEL(d->queues, q);
		free(q);
	}
}

/* --- lives ------------------------------------------------------------------ */

/* Forget all but who it is. */
static void clear_queue(struct cqueue *q, bool flight)
{
	UT_hash_handle hh = q->hh;
	uint16_t index = q->index;

	memset(q, 0, sizeof(*q));
	q->hh = hh;
	q->index = index;
	q->flight = flight;
}

static void clear_life(struct cdev *d)
{
	memset((char *)d + offsetof(struct cdev, born), 0,
	       offsetof(struct cdev, n_lost) - offsetof(struct cdev, born));
}

void check_life(struct cdev *d, uint64_t number)
{
	clear_life(d);
	d->born = true;
	d->n_reset = number;
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		clear_queue(q, true);
}

void check_forget(struct cdev *d, uint64_t number)
{
	clear_life(d);
	d->n_lost = number;
	d->from_start = false;
	d->window.number = 0;
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		clear_queue(q, false);
}

/* The device may be busy until it shows 0, or the driver goes on regardless. */
static void set_draining(struct cdev *d, bool on)
{
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		q->draining = on;
}

/* --- registers -------------------------------------------------------------- */

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
		set_draining(d, true);
		return;
	}
	suspend_written(l, v);
	d->n_status = l->number;
	d->ts_status = l->now;
	d->written = v;
	d->ever |= v;
	d->reset_wait = false;
	set_draining(d, false);
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
		set_draining(d, false);
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
		clear_queue(l->q, l->d->born);
	if (moments & AT(QRESET_WRITE) && reg(l)->value & 1) {
		clear_queue(l->q, l->d->born);
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
		if (l->d->vector.number && l->d->vector.b == queue)
			l->d->vector.number = 0;
		return;
	}
	if (!l->q)
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

	d->isr_read = true;
	d->n_isr = l->number;
	d->n_config_irq_isr = d->n_config_irq;
	d->n_queue_irq_isr = d->n_queue_irq;
	d->n_isr_queue_irq = d->n_any_irq;
	d->intx.number = 0;
}

/* --- device configuration --------------------------------------------------- */

static uint32_t config_offset(const struct look *l)
{
	return spec_field_offset(reg(l)->region, reg(l)->offset, l->dev->msix);
}

/* Word of the read that last covered the byte. */
static void config_read(struct look *l)
{
	uint32_t at = config_offset(l);
	struct cdev *d = l->d;

	d->n_config_read = l->number;
	d->config_width = reg(l)->width;
	if (!at && l->dev->virtio_id == VIRTIO_ID_BLOCK) {
		d->capacity_read.number = 0;
		d->capacity_reads++;
	}
	for (unsigned i = 0; i < reg(l)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		uint8_t byte = (uint8_t)(reg(l)->value >> (8 * i));

		if (bit_set(d->config_known, at + i) && d->config[at + i] != byte &&
		    !d->diff.n_new) {
			d->diff.n_old = d->n_config[(at + i) / 4];
			d->diff.n_new = l->number;
			d->diff.offset = at;
			d->diff.width = reg(l)->width;
			d->diff.across_features_ok = d->n_features_ok > d->diff.n_old;
			d->diff.generation = d->generation;
			d->diff.generation_known = d->n_generation_same &&
						   d->n_generation_same < d->diff.n_old;
		}
		d->config[at + i] = byte;
		d->config_known[(at + i) / 8] |= (uint8_t)(1 << (at + i) % 8);
	}
	for (uint32_t w = at / 4; w <= (at + reg(l)->width - 1) / 4 && w < CHECK_CONFIG / 4; w++)
		d->n_config[w] = l->number;
	/* A field of more than 32 bits, in parts: 2.5.3 */
	if (l->e->field && l->e->field->width == 8 && reg(l)->width < 8)
		d->torn = (struct owed){ l->number, l->now, at & ~7U, (uint32_t)(d->n_generation != 0) };
}

/* What the driver writes may change anything; only what the device changes is of interest. */
static void config_written(struct look *l)
{
	memset(l->d->config_known, 0, sizeof(l->d->config_known));
	l->d->diff.n_new = 0;
}

static void generation_read(struct look *l)
{
	struct cdev *d = l->d;

	if (d->nochange.number) {
		if (d->n_generation && d->generation == (uint8_t)reg(l)->value)
			d->nochange_generation = true;
		else
			d->nochange.number = 0;
	}
	d->diff.n_new = 0;
	d->torn.number = 0;
	if (!d->n_generation || d->generation != (uint8_t)reg(l)->value)
		d->n_generation_same = l->number;
	d->n_generation = l->number;
	d->generation = (uint8_t)reg(l)->value;
}

/* --- PCI -------------------------------------------------------------------- */

static void bar_access(struct look *l)
{
	unsigned bar = (reg(l)->offset - PCI_BASE_ADDRESS_0) / 4;
	uint32_t v = (uint32_t)reg(l)->value, size;

	if (is_write(l)) {
		l->d->bar_sizing = (uint8_t)((l->d->bar_sizing & ~(1 << bar)) |
					     (v >= 0xfffffff0U) << bar);
		return;
	}
	if (!(l->d->bar_sizing >> bar & 1))
		return;
	l->d->bar_sizing &= (uint8_t)~(1 << bar);
	size = v & 1 ? v & ~3U : v & ~15U;
	l->d->bar_size[bar] = v & 1 ? (~size & 0xffff) + 1 : ~size + 1;
}

static void pci_access(struct look *l)
{
	unsigned at = l->e->pci_cap;

	if (reg(l)->offset >= PCI_BASE_ADDRESS_0 && reg(l)->offset <= PCI_BASE_ADDRESS_5 &&
	    reg(l)->width == 4 && !(reg(l)->offset & 3))
		bar_access(l);
	if (at && at < 256 && !is_write(l) && l->dev->pci[at] == PCI_CAP_ID_VNDR &&
	    l->dev->pci[at + 3] == 9 && reg(l)->offset < at + 6 &&
	    reg(l)->offset + reg(l)->width > at + 4)
		l->d->vendor_read |= 1ULL << at / 4;
	l->d->window.number = 0;
	if (is_write(l) && field_is(l, "pci_cfg_data") && at && at < 240)
		l->d->window = (struct owed){ l->number, l->now, (uint32_t)reg(l)->value,
					      get_le32(l->dev->pci + at + 8) };
}

static void via_cfg(struct look *l)
{
	l->d->n_via = l->number;
	l->d->via_value = reg(l)->value;
	l->d->via_offset = reg(l)->offset;
	l->d->via_region = reg(l)->region;
}

static void remember_register(struct look *l, uint64_t moments)
{
	struct cdev *d = l->d;
	bool write = is_write(l);

	if (reg(l)->flags & VQT_REG_FAILED)
		return;
	if (moments & (AT(PCI_READ) | AT(PCI_WRITE))) {
		pci_access(l);
		return;
	}
	if (moments & AT(VIA_CFG))
		via_cfg(l);
	d->window.number = 0;
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
		config_read(l);
	if (moments & AT(CONFIG_WRITE))
		config_written(l);
	if (moments & AT(GENERATION))
		generation_read(l);
}

/* --- interrupts and the rest ------------------------------------------------ */

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
		q->extra_irq = (struct owed){ l->number, l->now,
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

static void remember_irq(struct look *l, uint64_t moments)
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
	d->n_config_irq = l->number;
	d->ts_config_irq = l->now;
	d->intx_since_config = false;
	d->needs_reset_irq.number = d->capacity_irq.number = 0;
	if (driver_ok(l) && !d->n_error && !d->n_needs_reset)
		d->capacity_read = (struct owed){ l->number, l->now, 0, 0 };
	d->nochange = (struct owed){ d->n_error ? 0 : l->number, l->now, 0, 0 };
	d->nochange_status = d->nochange_generation = false;
}

/* QEMU restores a migrated device without a word on the registers. */
static bool unexplained(const struct look *l)
{
	uint64_t status = l->e->rec->life.arg[0] & 0xff;

	return status & ~(uint64_t)(l->d->ever | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/*
 * A reset of the machine.  The driver's own began with its write; and one that
 * only follows that (QEMU resets once more when a legacy queue is taken away)
 * does not undo that the driver has asked for it.
 */
static void machine_reset(struct look *l)
{
	struct cdev *d = l->d;
	bool asked = d->reset_written && !d->n_status;
	uint64_t ts = d->reset_ts, done = d->n_reset_done, began = d->n_reset;

	if (d->reset_wait)
		return;
	check_life(d, l->number);
	if (!asked)
		return;
	d->reset_written = true;
	d->reset_ts = ts;
	d->n_reset_done = done;
	d->n_reset = began;
}

static void remember_life(struct look *l)
{
	struct cdev *d = l->d;

	switch (l->e->rec->life.what) {
	case VQT_LIFE_RESET:
		machine_reset(l);
		break;
	case VQT_LIFE_SET_STATUS:
		if (d->born && unexplained(l))
			check_forget(d, l->number);
		break;
	case VQT_LIFE_VHOST_START:
	case VQT_LIFE_VHOST_STOP:
		for (struct cqueue *q = d->queues; q; q = q->hh.next)
			q->flight = false;
		break;
	case VQT_LIFE_UNPOP:
		if (l->q)
			l->q->avail_pos_unsure = true;
		break;
	case VQT_LIFE_ERROR:
		d->n_error = l->number;
		break;
	}
}

static void remember_device(struct look *l)
{
	struct cdev *d = l->d;

	if (l->e->rec->device.flags & VQT_DEV_LATE) {
		if (l->dev->events == 1)
			d->born = false;
		return;
	}
	if (l->dev->events == 1 && !d->n_lost) { /* the first anybody says of it */
		check_life(d, l->number);
		d->from_start = true;
	}
}

static void count_request(struct look *l)
{
	if (l->dev->virtio_id != VIRTIO_ID_BLOCK)
		return;
	l->d->writes += l->req->type_raw == VIRTIO_BLK_T_OUT;
	l->d->flushes += l->req->type_raw == VIRTIO_BLK_T_FLUSH;
}

void check_remember(struct look *l, uint64_t moments)
{
	switch (l->e->rec->h.type) {
	case VQT_DEVICE:
		remember_device(l);
		break;
	case VQT_DEVICE_STATE:
	case VQT_QUEUE_STATE:
		l->d->from_start = false;
		break;
	case VQT_REG:
		remember_register(l, moments);
		break;
	case VQT_IRQ:
		remember_irq(l, moments);
		break;
	case VQT_LIFE:
		remember_life(l);
		break;
	default:
		if (moments & AT(REQUEST))
			count_request(l);
		if (l->q)
			check_remember_queue(l, moments);
	}
}
