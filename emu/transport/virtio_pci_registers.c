/* SPDX-License-Identifier: MIT */
/*
 * The registers of virtio over PCI, a row each: the common configuration structure (4.1.4.3)
 * and the legacy interface of a transitional device (4.1.4.10).
 */
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/fault.h"
#include "emu/transport/virtio_pci_impl.h"

/* An access to one register. */
struct access {
	struct emu_vpci *d;
	struct emu_virtio *v;
	struct emu_queue *q; /* the selected one; NULL: there is no such queue */
	unsigned offset;
	uint32_t value; /* to write */
};

struct reg {
	uint16_t offset;
	uint8_t width;
	bool of_queue; /* where there is no such queue, nothing is written */
	uint32_t (*read)(const struct access *a);
	void (*write)(const struct access *a); /* NULL: read-only */
};

/* --- of the device ---------------------------------------------------------------------- */

static uint32_t r_device_feature_select(const struct access *a)
{
	return a->d->device_feature_select;
}

static void w_device_feature_select(const struct access *a)
{
	a->d->device_feature_select = a->value;
}

static uint32_t r_device_feature(const struct access *a)
{
	return emu_virtio_offered(a->v, a->d->device_feature_select, false);
}

static uint32_t r_driver_feature_select(const struct access *a)
{
	return a->d->driver_feature_select;
}

static void w_driver_feature_select(const struct access *a)
{
	a->d->driver_feature_select = a->value;
}

static uint32_t r_driver_feature(const struct access *a)
{
	return emu_virtio_accepted(a->v, a->d->driver_feature_select);
}

static void w_driver_feature(const struct access *a)
{
	emu_virtio_accept(a->v, a->d->driver_feature_select, a->value, false);
}

/* 4.1.5.1.2.1: what a read returns after this was written */
static uint16_t vector(const struct access *a)
{
	return a->d->pci.msix_at && a->value < a->d->pci.l.vectors ? a->value : VQT_NO_VECTOR;
}

static uint32_t r_config_vector(const struct access *a)
{
	return a->d->config_vector;
}

static void w_config_vector(const struct access *a)
{
	a->d->config_vector = vector(a);
}

static uint32_t r_num_queues(const struct access *a)
{
	return a->v->nqueues;
}

static uint32_t r_status(const struct access *a)
{
	return a->v->status;
}

static void w_status(const struct access *a)
{
	emu_virtio_set_status(a->v, a->value, false);
}

static uint32_t r_generation(const struct access *a)
{
	return a->v->generation;
}

static uint32_t r_queue_select(const struct access *a)
{
	return a->d->queue_select;
}

static void w_queue_select(const struct access *a)
{
	a->d->queue_select = a->value;
}

static uint32_t r_isr(const struct access *a)
{
	return emu_vpci_read_isr(a->d);
}

static uint32_t r_zero(const struct access *a)
{
	return 0;
}

/* --- of a queue -------------------------------------------------------------------------- */

static uint32_t r_queue_size(const struct access *a)
{
	if (!a->q && emu_fault_hit(a->v->fault, EMU_FAULT_ABSENT_QUEUE_SIZE))
		return 256;
	return a->q ? a->q->size : 0; /* 4.1.4.3.1 */
}

static void w_queue_size(const struct access *a)
{
	emu_queue_set_size(a->q, a->value);
}

static uint32_t r_queue_vector(const struct access *a)
{
	return a->q ? a->q->vector : VQT_NO_VECTOR;
}

static void w_queue_vector(const struct access *a)
{
	a->q->vector = vector(a);
}

static uint32_t r_queue_enable(const struct access *a)
{
	return a->q && a->q->enabled;
}

static void w_queue_enable(const struct access *a)
{
	if (a->value == 1) /* 4.1.4.3.2: nothing else is ever written */
		emu_queue_enable(a->q);
}

static uint32_t r_queue_notify_off(const struct access *a)
{
	return a->q ? a->q->index : 0;
}

/* The address of an area has two registers, the low half first. */
static uint64_t *area(const struct access *a)
{
	return a->offset < VIRTIO_PCI_COMMON_Q_AVAILLO	? &a->q->desc
	       : a->offset < VIRTIO_PCI_COMMON_Q_USEDLO ? &a->q->driver
							: &a->q->device;
}

static uint32_t r_area(const struct access *a)
{
	return a->q ? *area(a) >> (a->offset % 8 ? 32 : 0) : 0;
}

static void w_area(const struct access *a)
{
	unsigned shift = a->offset % 8 ? 32 : 0;
	if (!a->q->enabled)
		*area(a) = (*area(a) & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)a->value
										   << shift;
}

/* 4.1.5.2: what names this queue in a notification, when so negotiated */
static uint32_t r_queue_notif_config_data(const struct access *a)
{
	return a->q && emu_virtio_has(a->v, VIRTIO_F_NOTIF_CONFIG_DATA) ? a->q->index | 0x8000 : 0;
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

static const struct reg common[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4, false, r_device_feature_select, w_device_feature_select },
	{ VIRTIO_PCI_COMMON_DF, 4, false, r_device_feature, NULL },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4, false, r_driver_feature_select, w_driver_feature_select },
	{ VIRTIO_PCI_COMMON_GF, 4, false, r_driver_feature, w_driver_feature },
	{ VIRTIO_PCI_COMMON_MSIX, 2, false, r_config_vector, w_config_vector },
	{ VIRTIO_PCI_COMMON_NUMQ, 2, false, r_num_queues, NULL },
	{ VIRTIO_PCI_COMMON_STATUS, 1, false, r_status, w_status },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, false, r_generation, NULL },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2, false, r_queue_select, w_queue_select },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2, true, r_queue_size, w_queue_size },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2, true, r_queue_vector, w_queue_vector },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, true, r_queue_enable, w_queue_enable },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2, true, r_queue_notify_off, NULL },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4, true, r_area, w_area },
	{ VIRTIO_PCI_COMMON_Q_NDATA, 2, true, r_queue_notif_config_data, NULL },
	{ VIRTIO_PCI_COMMON_Q_RESET, 2, true, r_queue_reset, w_queue_reset },
	{ VIRTIO_PCI_COMMON_ADM_Q_IDX, 2, false, r_zero, NULL },
	{ VIRTIO_PCI_COMMON_ADM_Q_NUM, 2, false, r_zero, NULL },
};

/* --- the legacy interface, where it differs ------------------------------------------------ */

static uint32_t r_host_features(const struct access *a)
{
	return emu_virtio_offered(a->v, 0, true);
}

static uint32_t r_guest_features(const struct access *a)
{
	return emu_virtio_accepted(a->v, 0);
}

static void w_guest_features(const struct access *a)
{
	emu_virtio_accept(a->v, 0, a->value, true);
}

static uint32_t r_pfn(const struct access *a)
{
	return a->q && a->q->enabled ? a->q->desc >> VIRTIO_PCI_QUEUE_ADDR_SHIFT : 0;
}

/* 2.7.2: one contiguous area, the used ring on the next page. */
static void w_pfn(const struct access *a)
{
	struct emu_queue *q = a->q;
	a->v->legacy = true;
	if (!a->value) { /* 4.1.5.1.3 (legacy): the queue is given up */
		if (q->enabled)
			emu_queue_reset(q);
		return;
	}
	if (q->enabled)
		return;
	q->desc = (uint64_t)a->value << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
	q->driver = virtq_legacy_driver(q->desc, q->size);
	q->device = virtq_legacy_device(q->desc, q->size, VIRTIO_PCI_VRING_ALIGN);
	emu_queue_enable(q);
}

static void w_notify(const struct access *a)
{
	struct emu_queue *q = emu_virtio_queue(a->v, a->value);
	if (q)
		emu_queue_kick(q, a->value, VQT_KICK_LEGACY, 2);
}

static void w_legacy_status(const struct access *a)
{
	emu_virtio_set_status(a->v, a->value, true);
}

static const struct reg legacy[] = {
	{ VIRTIO_PCI_HOST_FEATURES, 4, false, r_host_features, NULL },
	{ VIRTIO_PCI_GUEST_FEATURES, 4, false, r_guest_features, w_guest_features },
	{ VIRTIO_PCI_QUEUE_PFN, 4, true, r_pfn, w_pfn },
	{ VIRTIO_PCI_QUEUE_NUM, 2, true, r_queue_size, NULL }, /* 4.1.5.1.3: the device's choice */
	{ VIRTIO_PCI_QUEUE_SEL, 2, false, r_queue_select, w_queue_select },
	{ VIRTIO_PCI_QUEUE_NOTIFY, 2, false, r_zero, w_notify },
	{ VIRTIO_PCI_STATUS, 1, false, r_status, w_legacy_status },
	{ VIRTIO_PCI_ISR, 1, false, r_isr, NULL },
	/* these only while MSI-X is enabled */
	{ VIRTIO_MSI_CONFIG_VECTOR, 2, false, r_config_vector, w_config_vector },
	{ VIRTIO_MSI_QUEUE_VECTOR, 2, true, r_queue_vector, w_queue_vector },
};

/* --- accesses ------------------------------------------------------------------------------ */

/* Find a register and access it; false: there is none of that offset and width. */
static bool row(struct emu_vpci *d, const struct reg *rows, unsigned count, uint64_t off,
		unsigned width, uint64_t *value, bool write)
{
	const struct reg *r = rows;
	while (r < rows + count && (r->offset != off || r->width != width))
		r++;
	if (r == rows + count || (write && !r->write))
		return false;
	struct access a = { .d = d,
			    .v = &d->dev.v,
			    .q = emu_virtio_queue(&d->dev.v, d->queue_select),
			    .offset = off,
			    .value = *value };
	if (!write)
		*value = r->read(&a);
	else if (a.q || !r->of_queue)
		r->write(&a);
	return true;
}

bool emu_vpci_common(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
		     unsigned width, uint64_t *value, bool write)
{
	const unsigned rows = sizeof(common) / sizeof(common[0]);
	uint64_t lo = *value, hi = *value >> 32;
	if (width != 8)
		return row(d, common, rows, off, width, value, write);
	/* 4.1.3.1 wants two 32-bit accesses; one of 64 means the same */
	if (off < VIRTIO_PCI_COMMON_Q_DESCLO || off > VIRTIO_PCI_COMMON_Q_USEDLO || off % 8)
		return false;
	row(d, common, rows, off, 4, &lo, write);
	row(d, common, rows, off + 4, 4, &hi, write);
	*value = (uint32_t)lo | hi << 32;
	return true;
}

bool emu_vpci_legacy(struct emu_vpci *d, uint64_t off, unsigned width, uint64_t *value, bool write)
{
	unsigned config = VIRTIO_PCI_CONFIG_OFF(emu_pci_msix_enabled(&d->pci));
	if (off < config)
		return row(d, legacy, sizeof(legacy) / sizeof(legacy[0]), off, width, value, write);
	/* 4.1.3.1: any width gives what the natural one would */
	return emu_vpci_config(d, NULL, off - config, width, value, write);
}
