/* SPDX-License-Identifier: MIT */
/* The modern interface of virtio over PCI: 4.1.4.3 to 4.1.4.9, 4.1.5. */
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/transport/virtio_pci_impl.h"

/* --- interrupts, 4.1.5.3 and 4.1.5.4 ------------------------------------------- */

void emu_vpci_interrupt(struct emu_vpci *d)
{
	emu_pci_intx(&d->pci, d->isr && !emu_pci_msix_enabled(&d->pci));
}

static void signal(struct emu_vpci *d, uint16_t vector)
{
	if (vector == VQT_NO_VECTOR && emu_fault_hit(d->dev.fault, EMU_FAULT_IRQ_FOR_NO_VECTOR))
		vector = 0;
	if (vector != VQT_NO_VECTOR)
		emu_pci_msix(&d->pci, vector);
}

static void host_used(void *opaque, struct emu_queue *q)
{
	struct emu_vpci *d = opaque;
	if (emu_fault_hit(d->dev.fault, EMU_FAULT_CONFIG_IRQ_SPURIOUS)) {
		emu_tap_irq(d->dev.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, d->config_vector, 0);
		d->isr |= VIRTIO_PCI_ISR_CONFIG;
		signal(d, d->config_vector);
	}
	if (emu_pci_msix_enabled(&d->pci)) {
		signal(d, q->vector);
	} else {
		d->isr |= VIRTIO_PCI_ISR_QUEUE;
		emu_vpci_interrupt(d);
	}
}

static void host_config(void *opaque)
{
	struct emu_vpci *d = opaque;
	emu_tap_irq(d->dev.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, d->config_vector, 0);
	/* 4.1.4.5.1: this bit whether or not MSI-X is in use */
	if (!emu_fault_hit(d->dev.fault, EMU_FAULT_ISR_NO_CONFIG))
		d->isr |= VIRTIO_PCI_ISR_CONFIG;
	if (emu_pci_msix_enabled(&d->pci))
		signal(d, d->config_vector);
	else
		emu_vpci_interrupt(d);
}

static void host_reset_done(void *opaque)
{
	struct emu_vpci *d = opaque;
	d->device_feature_select = d->driver_feature_select = 0;
	d->queue_select = 0;
	if (!emu_fault_hit(d->dev.fault, EMU_FAULT_VECTOR_AFTER_RESET))
		d->config_vector = VQT_NO_VECTOR;
	if (!emu_fault_hit(d->dev.fault, EMU_FAULT_RESET_KEEPS_ISR))
		d->isr = 0;
	emu_vpci_interrupt(d);
}

const struct emu_virtio_host emu_vpci_host = {
	.used = host_used,
	.config = host_config,
	.reset_done = host_reset_done,
};

uint8_t emu_vpci_read_isr(struct emu_vpci *d)
{
	uint8_t isr = d->isr;
	if (!emu_fault_hit(d->dev.fault, EMU_FAULT_ISR_NOT_CLEARED))
		d->isr = 0; /* 4.1.4.5.1 */
	emu_vpci_interrupt(d);
	return isr;
}

struct emu_queue *emu_vpci_selected(struct emu_vpci *d)
{
	return emu_virtio_queue(&d->dev.v, d->queue_select);
}

/* 4.1.5.1.2.1 */
uint16_t emu_vpci_vector(struct emu_vpci *d, uint32_t value)
{
	return d->pci.msix_at && value < d->pci.l.vectors ? value : VQT_NO_VECTOR;
}

/* --- 4.1.4.3: the common configuration structure, a row each ---------------------- */

static uint32_t r_device_feature_select(struct emu_vpci *d)
{
	return d->device_feature_select;
}

static void w_device_feature_select(struct emu_vpci *d, uint32_t v)
{
	d->device_feature_select = v;
}

static uint32_t r_device_feature(struct emu_vpci *d)
{
	return emu_virtio_offered(&d->dev.v, d->device_feature_select, false);
}

static uint32_t r_driver_feature_select(struct emu_vpci *d)
{
	return d->driver_feature_select;
}

static void w_driver_feature_select(struct emu_vpci *d, uint32_t v)
{
	d->driver_feature_select = v;
}

static uint32_t r_driver_feature(struct emu_vpci *d)
{
	return emu_virtio_accepted(&d->dev.v, d->driver_feature_select);
}

static void w_driver_feature(struct emu_vpci *d, uint32_t v)
{
	emu_virtio_accept(&d->dev.v, d->driver_feature_select, v, false);
}

static uint32_t r_config_vector(struct emu_vpci *d)
{
	return d->config_vector;
}

static void w_config_vector(struct emu_vpci *d, uint32_t v)
{
	d->config_vector = emu_vpci_vector(d, v);
}

static uint32_t r_num_queues(struct emu_vpci *d)
{
	return d->dev.v.nqueues;
}

static uint32_t r_status(struct emu_vpci *d)
{
	return emu_virtio_get_status(&d->dev.v);
}

static void w_status(struct emu_vpci *d, uint32_t v)
{
	emu_virtio_set_status(&d->dev.v, v, false);
}

static uint32_t r_generation(struct emu_vpci *d)
{
	return d->dev.v.generation;
}

static uint32_t r_queue_select(struct emu_vpci *d)
{
	return d->queue_select;
}

static void w_queue_select(struct emu_vpci *d, uint32_t v)
{
	d->queue_select = v;
}

static uint32_t r_queue_size(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (!q && emu_fault_hit(d->dev.fault, EMU_FAULT_ABSENT_QUEUE_SIZE))
		return 256;
	return q ? q->size : 0; /* 4.1.4.3.1 */
}

static void w_queue_size(struct emu_vpci *d, uint32_t v)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (q)
		emu_queue_set_size(q, v);
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

static uint32_t r_queue_enable(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q && q->enabled;
}

static void w_queue_enable(struct emu_vpci *d, uint32_t v)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (q && v == 1) /* 4.1.4.3.2: nothing else is ever written */
		emu_queue_enable(q);
}

static uint32_t r_queue_notify_off(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q ? q->index : 0;
}

#define HALVES(name) \
	static uint32_t r_##name##_lo(struct emu_vpci *d) \
	{ \
		struct emu_queue *q = emu_vpci_selected(d); \
		return q ? (uint32_t)q->name : 0; \
	} \
	static uint32_t r_##name##_hi(struct emu_vpci *d) \
	{ \
		struct emu_queue *q = emu_vpci_selected(d); \
		return q ? q->name >> 32 : 0; \
	} \
	static void w_##name##_lo(struct emu_vpci *d, uint32_t v) \
	{ \
		struct emu_queue *q = emu_vpci_selected(d); \
		if (q && !q->enabled) \
			q->name = (q->name & ~0xffffffffull) | v; \
	} \
	static void w_##name##_hi(struct emu_vpci *d, uint32_t v) \
	{ \
		struct emu_queue *q = emu_vpci_selected(d); \
		if (q && !q->enabled) \
			q->name = (uint32_t)q->name | (uint64_t)v << 32; \
	}
HALVES(desc)
HALVES(driver)
HALVES(device)
#undef HALVES

/* 4.1.5.2: what names this queue in a notification, when so negotiated */
static uint16_t notif_config_data(const struct emu_queue *q)
{
	return q->index | 0x8000;
}

static uint32_t r_queue_notif_config_data(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q && emu_virtio_has(&d->dev.v, VIRTIO_F_NOTIF_CONFIG_DATA) ? notif_config_data(q)
									  : 0;
}

static uint32_t r_queue_reset(struct emu_vpci *d)
{
	struct emu_queue *q = emu_vpci_selected(d);
	return q && q->resetting;
}

static void w_queue_reset(struct emu_vpci *d, uint32_t v)
{
	struct emu_queue *q = emu_vpci_selected(d);
	if (q && v == 1 && q->enabled && emu_virtio_has(&d->dev.v, VIRTIO_F_RING_RESET))
		emu_queue_reset(q);
}

static uint32_t r_zero(struct emu_vpci *d)
{
	return 0;
}

static const struct emu_reg common[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4, r_device_feature_select, w_device_feature_select },
	{ VIRTIO_PCI_COMMON_DF, 4, r_device_feature, NULL },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4, r_driver_feature_select, w_driver_feature_select },
	{ VIRTIO_PCI_COMMON_GF, 4, r_driver_feature, w_driver_feature },
	{ VIRTIO_PCI_COMMON_MSIX, 2, r_config_vector, w_config_vector },
	{ VIRTIO_PCI_COMMON_NUMQ, 2, r_num_queues, NULL },
	{ VIRTIO_PCI_COMMON_STATUS, 1, r_status, w_status },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, r_generation, NULL },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2, r_queue_select, w_queue_select },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2, r_queue_size, w_queue_size },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2, r_queue_vector, w_queue_vector },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, r_queue_enable, w_queue_enable },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2, r_queue_notify_off, NULL },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4, r_desc_lo, w_desc_lo },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4, r_desc_hi, w_desc_hi },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4, r_driver_lo, w_driver_lo },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4, r_driver_hi, w_driver_hi },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4, r_device_lo, w_device_lo },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4, r_device_hi, w_device_hi },
	{ VIRTIO_PCI_COMMON_Q_NDATA, 2, r_queue_notif_config_data, NULL },
	{ VIRTIO_PCI_COMMON_Q_RESET, 2, r_queue_reset, w_queue_reset },
	{ VIRTIO_PCI_COMMON_ADM_Q_IDX, 2, r_zero, NULL },
	{ VIRTIO_PCI_COMMON_ADM_Q_NUM, 2, r_zero, NULL },
};

bool emu_vpci_row(struct emu_vpci *d, const struct emu_reg *rows, unsigned count, uint64_t off,
		  unsigned width, uint64_t *value, bool write)
{
	for (unsigned i = 0; i < count; i++) {
		const struct emu_reg *r = &rows[i];
		if (r->offset != off || r->width != width)
			continue;
		if (!write)
			*value = r->read(d);
		else if (r->write)
			r->write(d, *value);
		return !write || r->write;
	}
	return false;
}

#define ROWS (sizeof(common) / sizeof(common[0]))

/* --- the structures ------------------------------------------------------------------ */

static bool access_common(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
			  unsigned width, uint64_t *value, bool write)
{
	uint64_t lo = *value, hi = *value >> 32;
	if (width != 8)
		return emu_vpci_row(d, common, ROWS, off, width, value, write);
	/* 4.1.3.1 wants two 32-bit accesses; one of 64 means the same */
	if (off < VIRTIO_PCI_COMMON_Q_DESCLO || off > VIRTIO_PCI_COMMON_Q_USEDLO || off % 8)
		return false;
	emu_vpci_row(d, common, ROWS, off, 4, &lo, write);
	emu_vpci_row(d, common, ROWS, off + 4, 4, &hi, write);
	*value = (uint32_t)lo | hi << 32;
	return true;
}

/* 4.1.4.4, 4.1.5.2: the address names the queue, or the value where all share one. */
static bool access_notify(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
			  unsigned width, uint64_t *value, bool write)
{
	uint16_t named = *value;
	if (!write)
		return true; /* reads as 0 */
	if (cap->multiplier) {
		if (off % cap->multiplier)
			return false;
		named = off / cap->multiplier;
	} else if (emu_virtio_has(&d->dev.v, VIRTIO_F_NOTIF_CONFIG_DATA)) {
		named &= 0x7fff;
	}
	struct emu_queue *q = off / (cap->multiplier ? cap->multiplier : 1) > UINT16_MAX
				      ? NULL
				      : emu_virtio_queue(&d->dev.v, named);
	if (!q)
		return false;
	emu_queue_kick(q, *value, VQT_KICK_MMIO, width);
	return true;
}

static bool access_isr(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
		       unsigned width, uint64_t *value, bool write)
{
	if (off || width != 1 || write)
		return false;
	*value = emu_vpci_read_isr(d);
	return true;
}

static bool access_device(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
			  unsigned width, uint64_t *value, bool write)
{
	if (write)
		emu_virtio_config_write(&d->dev.v, off, value, width);
	else
		emu_virtio_config_read(&d->dev.v, off, value, width);
	return true;
}

static const struct {
	uint8_t region; /* enum vqt_region */
	bool (*access)(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
		       unsigned width, uint64_t *value, bool write);
} structures[] = {
	[VIRTIO_PCI_CAP_COMMON_CFG] = { VQT_REGION_COMMON, access_common },
	[VIRTIO_PCI_CAP_NOTIFY_CFG] = { VQT_REGION_NOTIFY, access_notify },
	[VIRTIO_PCI_CAP_ISR_CFG] = { VQT_REGION_ISR, access_isr },
	[VIRTIO_PCI_CAP_DEVICE_CFG] = { VQT_REGION_DEVICE, access_device },
};

static const struct emu_pci_cap *structure_at(const struct emu_vpci *d, unsigned bar, uint64_t off,
					      unsigned width)
{
	const struct emu_pci_cap *c = d->pci.l.cap;
	for (unsigned i = 0; i < EMU_PCI_CAPS && c[i].id; i++)
		if (c[i].id == PCI_CAP_ID_VNDR && c[i].type >= VIRTIO_PCI_CAP_COMMON_CFG &&
		    c[i].type <= VIRTIO_PCI_CAP_DEVICE_CFG && c[i].bar == bar &&
		    off >= c[i].offset && off - c[i].offset < c[i].length &&
		    width <= c[i].length - (off - c[i].offset))
			return &c[i];
	return NULL;
}

/* Where an access lands: its region, and the offset in there. */
static unsigned region_of(struct emu_vpci *d, unsigned bar, uint64_t *off, unsigned width,
			  const struct emu_pci_cap **cap)
{
	if ((int)bar == d->legacy_bar)
		return VQT_REGION_LEGACY;
	*cap = structure_at(d, bar, *off, width);
	if (*cap) {
		*off -= (*cap)->offset;
		return structures[(*cap)->type].region;
	}
	if (d->pci.msix_at) {
		uint32_t t = get_le32(d->pci.config + d->pci.msix_at + PCI_MSIX_TABLE);
		uint32_t p = get_le32(d->pci.config + d->pci.msix_at + PCI_MSIX_PBA);
		uint32_t at = t & PCI_MSIX_TABLE_OFFSET, pba = p & PCI_MSIX_PBA_OFFSET;
		if (bar == (t & PCI_MSIX_TABLE_BIR) && *off >= at &&
		    *off - at < d->pci.l.vectors * 16u) {
			*off -= at;
			return VQT_REGION_MSIX_TABLE;
		}
		if (bar == (p & PCI_MSIX_PBA_BIR) && *off >= pba &&
		    *off - pba < (d->pci.l.vectors + 63u) / 64 * 8) {
			*off -= pba;
			return VQT_REGION_MSIX_PBA;
		}
	}
	return VQT_REGION_BAR;
}

static bool dispatch(struct emu_vpci *d, unsigned region, const struct emu_pci_cap *cap,
		     unsigned bar, uint64_t bar_off, uint64_t off, unsigned width, uint64_t *value,
		     bool write)
{
	if (region == VQT_REGION_LEGACY)
		return emu_vpci_legacy(d, off, width, value, write);
	if (cap)
		return structures[cap->type].access(d, cap, off, width, value, write);
	return emu_pci_msix_access(&d->pci, bar, bar_off, width, value, write);
}

void emu_vpci_bar(struct emu_vpci *d, unsigned bar, uint64_t off, unsigned width, uint64_t *value,
		  bool write, unsigned flags)
{
	const struct emu_pci_cap *cap = NULL;
	uint64_t at = off, seen = *value;
	unsigned region = region_of(d, bar, &at, width, &cap);
	if (region == VQT_REGION_LEGACY)
		flags |= VQT_REG_PIO;
	if (width < 8)
		seen &= (1ull << 8 * width) - 1;
	*value = seen;
	if (write) {
		emu_tap_reg(d->dev.tap, region, VQT_WRITE, width, flags, at, seen);
		dispatch(d, region, cap, bar, off, at, width, value, true);
		return;
	}
	*value = 0;
	if (!dispatch(d, region, cap, bar, off, at, width, value, false))
		flags |= VQT_REG_FAILED;
	emu_tap_reg(d->dev.tap, region, VQT_READ, width, flags, at, *value);
}

/* 4.1.4.9: an access through pci_cfg_data. */
void emu_vpci_vendor(void *opaque, const struct emu_pci_cap *cap, unsigned at, unsigned width,
		     bool write)
{
	struct emu_vpci *d = opaque;
	uint8_t *c = d->pci.config + cap->at, *data = c + sizeof(struct virtio_pci_cap);
	unsigned bar = c[VIRTIO_PCI_CAP_BAR];
	uint32_t off = get_le32(c + VIRTIO_PCI_CAP_OFFSET),
		 len = get_le32(c + VIRTIO_PCI_CAP_LENGTH);
	uint64_t value = 0;
	if (emu_fault_hit(d->dev.fault, EMU_FAULT_CFG_WINDOW))
		off = 0;
	if (bar >= EMU_PCI_BARS || (len != 1 && len != 2 && len != 4) || off % len ||
	    d->pci.l.bar[bar].size < len || off > d->pci.l.bar[bar].size - len)
		return;
	memcpy(&value, data, len);
	emu_vpci_bar(d, bar, off, len, &value, write, VQT_REG_VIA_CFG);
	if (!write)
		memcpy(data, &value, len);
}
