/* SPDX-License-Identifier: MIT */
/* The legacy interface of a transitional device: 4.1.4.10, 2.7.2 (legacy layout). */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/transport/virtio_pci_impl.h"

static uint32_t r_host_features(struct emu_vpci *d)
{
	return emu_virtio_offered(&d->dev.v, 0, true);
}

static uint32_t r_guest_features(struct emu_vpci *d)
{
	return emu_virtio_accepted(&d->dev.v, 0);
}

static void w_guest_features(struct emu_vpci *d, uint32_t v)
{
	emu_virtio_accept(&d->dev.v, 0, v, true);
}

static uint32_t r_pfn(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q && q->enabled ? q->desc >> VIRTIO_PCI_QUEUE_ADDR_SHIFT : 0;
}

/* 2.7.2: one contiguous area, the used ring on the next page. */
static void w_pfn(struct emu_vpci *d, uint32_t pfn)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (!q)
		return;
	d->dev.v.legacy = true;
	if (!pfn) { /* 4.1.5.1.3 (legacy): the queue is given up */
		if (q->enabled)
			emu_queue_reset(q);
		return;
	}
	if (q->enabled)
		return;
	q->desc = (uint64_t)pfn << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
	q->driver = virtq_legacy_driver(q->desc, q->size);
	q->device = virtq_legacy_device(q->desc, q->size);
	emu_queue_enable(q);
}

static uint32_t r_queue_num(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q ? q->size : 0;
}

static uint32_t r_queue_sel(struct emu_vpci *d)
{
	return d->queue_select;
}

static void w_queue_sel(struct emu_vpci *d, uint32_t v)
{
	d->queue_select = v;
}

static uint32_t r_notify(struct emu_vpci *d)
{
	return 0;
}

static void w_notify(struct emu_vpci *d, uint32_t v)
{
	struct emu_queue *q = emu_virtio_queue(&d->dev.v, v);
	if (q)
		emu_queue_kick(q, v, VQT_KICK_LEGACY, 2);
}

static uint32_t r_status(struct emu_vpci *d)
{
	return emu_virtio_get_status(&d->dev.v);
}

static void w_status(struct emu_vpci *d, uint32_t v)
{
	emu_virtio_set_status(&d->dev.v, v, true);
}

static uint32_t r_isr(struct emu_vpci *d)
{
	return emu_vpci_read_isr(d);
}

static uint32_t r_config_vector(struct emu_vpci *d)
{
	return d->config_vector;
}

static void w_config_vector(struct emu_vpci *d, uint32_t v)
{
	d->config_vector = emu_vpci_vector(d, v);
}

static uint32_t r_queue_vector(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q ? q->vector : VQT_NO_VECTOR;
}

static void w_queue_vector(struct emu_vpci *d, uint32_t v)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (q)
		q->vector = emu_vpci_vector(d, v);
}

static const struct emu_reg legacy[] = {
	{ VIRTIO_PCI_HOST_FEATURES, 4, r_host_features, NULL },
	{ VIRTIO_PCI_GUEST_FEATURES, 4, r_guest_features, w_guest_features },
	{ VIRTIO_PCI_QUEUE_PFN, 4, r_pfn, w_pfn },
	{ VIRTIO_PCI_QUEUE_NUM, 2, r_queue_num, NULL }, /* 4.1.5.1.3: not the driver's to choose */
	{ VIRTIO_PCI_QUEUE_SEL, 2, r_queue_sel, w_queue_sel },
	{ VIRTIO_PCI_QUEUE_NOTIFY, 2, r_notify, w_notify },
	{ VIRTIO_PCI_STATUS, 1, r_status, w_status },
	{ VIRTIO_PCI_ISR, 1, r_isr, NULL },
	/* these only while MSI-X is enabled */
	{ VIRTIO_MSI_CONFIG_VECTOR, 2, r_config_vector, w_config_vector },
	{ VIRTIO_MSI_QUEUE_VECTOR, 2, r_queue_vector, w_queue_vector },
};

bool emu_vpci_legacy(struct emu_vpci *d, uint64_t off, unsigned width, uint64_t *value, bool write)
{
	unsigned config = VIRTIO_PCI_CONFIG_OFF(emu_pci_msix_enabled(&d->pci));
	if (off < config)
		return emu_vpci_row(d, legacy, sizeof(legacy) / sizeof(legacy[0]), off, width,
				    value, write);
	/* 4.1.3.1: any width gives what the natural one would */
	if (write)
		emu_virtio_config_write(&d->dev.v, off - config, value, width);
	else
		emu_virtio_config_read(&d->dev.v, off - config, value, width);
	return true;
}
