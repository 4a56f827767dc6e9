/* SPDX-License-Identifier: MIT */
/*
 * Virtio over MMIO: the registers of version 2 (4.2.2) and of version 1, which is the legacy
 * interface (4.2.4), a row each.  They are 32 bits wide; the device configuration follows
 * them.  There is one interrupt, whose line follows InterruptStatus.
 */
#include <errno.h>
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/transport/transport.h"

#define MAGIC 0x74726976 /* "virt" */
#define REGION_SIZE 0x200u /* as QEMU's; larger where the configuration is */

struct emu_mmio {
	struct emu_device dev; /* first */
	uint32_t vendor;
	bool legacy; /* version 1 */
	uint32_t device_feature_select, driver_feature_select, queue_select;
	uint32_t page_size; /* of version 1, bytes; 0: not written */
	uint32_t *align; /* of version 1, a queue each */
	uint8_t isr; /* InterruptStatus */
	bool line;
};

static struct emu_mmio *mmio(struct emu_device *dev)
{
	return (struct emu_mmio *)dev;
}

/* --- interrupts, 4.2.3.4 --------------------------------------------------------------- */

static void interrupt(struct emu_mmio *d, uint8_t isr)
{
	const bool out = isr;
	d->isr = isr;
	if (out == d->line)
		return;
	d->line = out;
	emu_tap_irq(d->dev.v.tap, VQT_NO_QUEUE, VQT_IRQ_INTX, VQT_NO_VECTOR, out);
	if (d->dev.host.intx)
		d->dev.host.intx(d->dev.host.opaque, out);
}

static void host_used(void *opaque, struct emu_queue *q)
{
	struct emu_mmio *d = opaque;
	interrupt(d, d->isr | VIRTIO_MMIO_INT_VRING);
}

static void host_config(void *opaque)
{
	struct emu_mmio *d = opaque;
	emu_tap_irq(d->dev.v.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, VQT_NO_VECTOR, 0);
	interrupt(d, d->isr | VIRTIO_MMIO_INT_CONFIG);
}

static void host_reset_done(void *opaque)
{
	struct emu_mmio *d = opaque;
	d->device_feature_select = d->driver_feature_select = d->queue_select = 0;
	interrupt(d, 0);
}

static const struct emu_virtio_host host = {
	.used = host_used,
	.config = host_config,
	.reset_done = host_reset_done,
};

/* --- registers ------------------------------------------------------------------------------ */

/* An access to one register. */
struct access {
	struct emu_mmio *d;
	struct emu_virtio *v;
	struct emu_queue *q; /* the selected one; NULL: there is no such queue */
	unsigned offset;
	uint32_t value; /* to write */
};

static uint32_t r_magic(const struct access *a)
{
	return MAGIC;
}

static uint32_t r_version(const struct access *a)
{
	return a->d->legacy ? 1 : 2;
}

static uint32_t r_device_id(const struct access *a)
{
	return a->v->cls->virtio_id;
}

static uint32_t r_vendor_id(const struct access *a)
{
	return a->d->vendor;
}

static uint32_t r_device_features(const struct access *a)
{
	return emu_virtio_offered(a->v, a->d->device_feature_select, a->d->legacy);
}

static void w_device_features_sel(const struct access *a)
{
	a->d->device_feature_select = a->value;
}

/* Version 1 has features 0 to 31 only: 6.3. */
static void w_driver_features(const struct access *a)
{
	if (!a->d->legacy || !a->d->driver_feature_select)
		emu_virtio_accept(a->v, a->d->driver_feature_select, a->value, a->d->legacy);
}

static void w_driver_features_sel(const struct access *a)
{
	a->d->driver_feature_select = a->value;
}

static void w_guest_page_size(const struct access *a)
{
	a->d->page_size = a->value;
}

static void w_queue_sel(const struct access *a)
{
	a->d->queue_select = a->value;
}

static uint32_t r_queue_size_max(const struct access *a)
{
	return a->q ? a->q->size_max : 0;
}

static void w_queue_size(const struct access *a)
{
	emu_queue_set_size(a->q, a->value <= UINT16_MAX ? a->value : 0);
}

static void w_queue_align(const struct access *a)
{
	a->d->align[a->q->index] = a->value;
}

/* Drivers must write both before they set up a queue; QEMU takes these where they do not. */
static uint32_t page_size(const struct emu_mmio *d)
{
	return d->page_size ? d->page_size : 1;
}

static uint32_t queue_align(const struct access *a)
{
	const uint32_t align = a->d->align[a->q->index];
	return align ? align : VIRTIO_PCI_VRING_ALIGN;
}

static uint32_t r_queue_pfn(const struct access *a)
{
	return a->q && a->q->enabled ? a->q->desc / page_size(a->d) : 0;
}

static bool is_power_of_2(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* 2.7.2, 4.2.4: one contiguous area. */
static void w_queue_pfn(const struct access *a)
{
	struct emu_queue *q = a->q;
	a->v->legacy = true;
	if (!a->value) { /* the queue is given up */
		if (q->enabled)
			emu_queue_reset(q);
		return;
	}
	if (q->enabled)
		return;
	if (!is_power_of_2(page_size(a->d)) || !is_power_of_2(queue_align(a))) {
		emu_virtio_break(a->v, q, "GuestPageSize or QueueAlign is not a power of 2");
		return;
	}
	q->desc = (uint64_t)a->value * page_size(a->d);
	q->driver = virtq_legacy_driver(q->desc, q->size);
	q->device = virtq_legacy_device(q->desc, q->size, queue_align(a));
	emu_queue_enable(q);
}

static uint32_t r_queue_ready(const struct access *a)
{
	return a->q && a->q->enabled;
}

/* 4.2.2.2: 0 stops the queue; the driver reads until that is done. */
static void w_queue_ready(const struct access *a)
{
	if (a->value == 1)
		emu_queue_enable(a->q);
	else if (!a->value && a->q->enabled)
		emu_queue_reset(a->q);
}

static void w_queue_notify(const struct access *a)
{
	struct emu_queue *q = emu_virtio_queue(a->v, a->value & UINT16_MAX);
	if (q)
		emu_queue_kick(q, a->value, VQT_KICK_MMIO, 4);
}

static uint32_t r_interrupt_status(const struct access *a)
{
	return a->d->isr;
}

static void w_interrupt_ack(const struct access *a)
{
	interrupt(a->d, a->d->isr & ~a->value);
}

static uint32_t r_status(const struct access *a)
{
	return a->v->status;
}

static void w_status(const struct access *a)
{
	emu_virtio_set_status(a->v, a->value, a->d->legacy);
}

/* The address of an area has two registers, the low half first. */
static void w_area(const struct access *a)
{
	uint64_t *area = a->offset < VIRTIO_MMIO_QUEUE_AVAIL_LOW  ? &a->q->desc
			 : a->offset < VIRTIO_MMIO_QUEUE_USED_LOW ? &a->q->driver
								  : &a->q->device;
	unsigned shift = a->offset & 4 ? 32 : 0;
	if (!a->q->enabled)
		*area = (*area & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)a->value << shift;
}

static void w_nothing(const struct access *a)
{
}

/* 4.2.2.1: there is no shared memory, whatever SHMSel is. */
static uint32_t r_no_memory(const struct access *a)
{
	return UINT32_MAX;
}

static uint32_t r_queue_reset(const struct access *a)
{
	return a->q && a->q->resetting;
}

static void w_queue_reset(const struct access *a)
{
	if (a->value == 1 && a->q->enabled && emu_virtio_has(a->v, VIRTIO_F_RING_RESET))
		emu_queue_reset(a->q);
}

static uint32_t r_generation(const struct access *a)
{
	return a->v->generation;
}

enum { ANY, OLD, NEW }; /* versions that have a register */

static const struct reg {
	uint16_t offset;
	uint8_t version;
	bool of_queue; /* where there is no such queue, nothing is written */
	uint32_t (*read)(const struct access *a); /* NULL: reads as 0 */
	void (*write)(const struct access *a); /* NULL: read-only */
} regs[] = {
	{ VIRTIO_MMIO_MAGIC_VALUE, ANY, false, r_magic, NULL },
	{ VIRTIO_MMIO_VERSION, ANY, false, r_version, NULL },
	{ VIRTIO_MMIO_DEVICE_ID, ANY, false, r_device_id, NULL },
	{ VIRTIO_MMIO_VENDOR_ID, ANY, false, r_vendor_id, NULL },
	{ VIRTIO_MMIO_DEVICE_FEATURES, ANY, false, r_device_features, NULL },
	{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, ANY, false, NULL, w_device_features_sel },
	{ VIRTIO_MMIO_DRIVER_FEATURES, ANY, false, NULL, w_driver_features },
	{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, ANY, false, NULL, w_driver_features_sel },
	{ VIRTIO_MMIO_GUEST_PAGE_SIZE, OLD, false, NULL, w_guest_page_size },
	{ VIRTIO_MMIO_QUEUE_SEL, ANY, false, NULL, w_queue_sel },
	{ VIRTIO_MMIO_QUEUE_NUM_MAX, ANY, false, r_queue_size_max, NULL },
	{ VIRTIO_MMIO_QUEUE_NUM, ANY, true, NULL, w_queue_size },
	{ VIRTIO_MMIO_QUEUE_ALIGN, OLD, true, NULL, w_queue_align },
	{ VIRTIO_MMIO_QUEUE_PFN, OLD, true, r_queue_pfn, w_queue_pfn },
	{ VIRTIO_MMIO_QUEUE_READY, NEW, true, r_queue_ready, w_queue_ready },
	{ VIRTIO_MMIO_QUEUE_NOTIFY, ANY, false, NULL, w_queue_notify },
	{ VIRTIO_MMIO_INTERRUPT_STATUS, ANY, false, r_interrupt_status, NULL },
	{ VIRTIO_MMIO_INTERRUPT_ACK, ANY, false, NULL, w_interrupt_ack },
	{ VIRTIO_MMIO_STATUS, ANY, false, r_status, w_status },
	{ VIRTIO_MMIO_QUEUE_DESC_LOW, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_QUEUE_DESC_HIGH, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_QUEUE_AVAIL_LOW, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_QUEUE_AVAIL_HIGH, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_QUEUE_USED_LOW, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_QUEUE_USED_HIGH, NEW, true, NULL, w_area },
	{ VIRTIO_MMIO_SHM_SEL, NEW, false, NULL, w_nothing },
	{ VIRTIO_MMIO_SHM_LEN_LOW, NEW, false, r_no_memory, NULL },
	{ VIRTIO_MMIO_SHM_LEN_HIGH, NEW, false, r_no_memory, NULL },
	{ VIRTIO_MMIO_SHM_BASE_LOW, NEW, false, r_no_memory, NULL },
	{ VIRTIO_MMIO_SHM_BASE_HIGH, NEW, false, r_no_memory, NULL },
	{ VIRTIO_MMIO_QUEUE_RESET, NEW, true, r_queue_reset, w_queue_reset },
	{ VIRTIO_MMIO_CONFIG_GENERATION, NEW, false, r_generation, NULL },
};

static const struct reg *find(const struct emu_mmio *d, uint64_t off, unsigned width)
{
	const struct reg *end = regs + sizeof(regs) / sizeof(regs[0]);
	const struct reg *r = regs;
	while (r < end && (r->offset != off || r->version == (d->legacy ? NEW : OLD)))
		r++;
	return r < end && width == 4 ? r : NULL; /* 4.2.2.2 */
}

/* --- the transport ------------------------------------------------------------------------------ */

static uint64_t load(struct emu_device *dev, unsigned region, uint64_t off, unsigned width)
{
	struct emu_mmio *d = mmio(dev);
	const struct reg *r = find(d, off, width);
	const struct access a = {
		.d = d, .v = &dev->v, .q = emu_virtio_queue(&dev->v, d->queue_select), .offset = off
	};
	uint64_t value = 0;
	if (off >= VIRTIO_MMIO_CONFIG)
		emu_virtio_config_read(&dev->v, off - VIRTIO_MMIO_CONFIG, &value, width);
	else if (r && r->read)
		value = r->read(&a);
	emu_tap_reg(dev->v.tap, VQT_REGION_MMIO, VQT_READ, width, 0, off, value);
	return value;
}

static void store(struct emu_device *dev, unsigned region, uint64_t off, unsigned width,
		  uint64_t value)
{
	struct emu_mmio *d = mmio(dev);
	const struct reg *r = find(d, off, width);
	const struct access a = { .d = d,
				  .v = &dev->v,
				  .q = emu_virtio_queue(&dev->v, d->queue_select),
				  .offset = off,
				  .value = value };
	if (width < 8)
		value &= (1ull << 8 * width) - 1;
	emu_tap_reg(dev->v.tap, VQT_REGION_MMIO, VQT_WRITE, width, 0, off, value);
	if (off >= VIRTIO_MMIO_CONFIG)
		emu_virtio_config_write(&dev->v, off - VIRTIO_MMIO_CONFIG, &value, width);
	else if (r && r->write && (a.q || !r->of_queue))
		r->write(&a);
}

static uint64_t region_size(const struct emu_device *dev, unsigned region)
{
	uint64_t size = REGION_SIZE;
	while (size < VIRTIO_MMIO_CONFIG + (uint64_t)dev->v.config_len)
		size <<= 1;
	return region ? 0 : size;
}

static bool notifies(const struct emu_device *dev, unsigned region, uint64_t off, uint64_t len)
{
	return !region && off <= VIRTIO_MMIO_QUEUE_NOTIFY && off + len > VIRTIO_MMIO_QUEUE_NOTIFY;
}

static int create(struct emu_device **out, const struct emu_device_config *cfg)
{
	struct emu_mmio *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->legacy = cfg->mmio_version == 1;
	d->vendor = cfg->mmio_vendor;
	d->align = calloc(cfg->v.queues ? cfg->v.queues : 1, sizeof(*d->align));
	if (!d->align) {
		free(d);
		return -ENOMEM;
	}
	*out = &d->dev;
	return 0;
}

static void destroy(struct emu_device *dev)
{
	free(mmio(dev)->align);
	free(dev);
}

static void reset(struct emu_device *dev)
{
	struct emu_mmio *d = mmio(dev);
	for (unsigned i = 0; i < dev->v.nqueues; i++)
		d->align[i] = 0;
	d->page_size = 0;
	host_reset_done(d);
}

const struct emu_transport emu_transport_mmio = {
	.name = "mmio",
	.id = VQT_TRANSPORT_MMIO,
	.host = &host,
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.region_size = region_size,
	.load = load,
	.store = store,
	.notifies = notifies,
};
