/* SPDX-License-Identifier: MIT */
/* Interrupts and accesses of virtio over PCI: 4.1.4.4 to 4.1.4.9, 4.1.5. */
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
	if (vector == VQT_NO_VECTOR && emu_fault_hit(d->dev.v.fault, EMU_FAULT_IRQ_FOR_NO_VECTOR))
		vector = 0;
	if (vector != VQT_NO_VECTOR)
		emu_pci_msix(&d->pci, vector);
}

static void host_used(void *opaque, struct emu_queue *q)
{
	struct emu_vpci *d = opaque;
	if (emu_fault_hit(d->dev.v.fault, EMU_FAULT_CONFIG_IRQ_SPURIOUS)) {
		emu_tap_irq(d->dev.v.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, d->config_vector, 0);
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
	emu_tap_irq(d->dev.v.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, d->config_vector, 0);
	/* 4.1.4.5.1: this bit whether or not MSI-X is in use */
	if (!emu_fault_hit(d->dev.v.fault, EMU_FAULT_ISR_NO_CONFIG))
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
	if (!emu_fault_hit(d->dev.v.fault, EMU_FAULT_VECTOR_AFTER_RESET))
		d->config_vector = VQT_NO_VECTOR;
	if (!emu_fault_hit(d->dev.v.fault, EMU_FAULT_RESET_KEEPS_ISR))
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
	if (!emu_fault_hit(d->dev.v.fault, EMU_FAULT_ISR_NOT_CLEARED))
		d->isr = 0; /* 4.1.4.5.1 */
	emu_vpci_interrupt(d);
	return isr;
}

/* --- the structures ------------------------------------------------------------------ */

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

bool emu_vpci_config(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
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
	[VIRTIO_PCI_CAP_COMMON_CFG] = { VQT_REGION_COMMON, emu_vpci_common },
	[VIRTIO_PCI_CAP_NOTIFY_CFG] = { VQT_REGION_NOTIFY, access_notify },
	[VIRTIO_PCI_CAP_ISR_CFG] = { VQT_REGION_ISR, access_isr },
	[VIRTIO_PCI_CAP_DEVICE_CFG] = { VQT_REGION_DEVICE, emu_vpci_config },
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
	return emu_pci_msix_region(&d->pci, bar, off);
}

static bool dispatch(struct emu_vpci *d, unsigned region, const struct emu_pci_cap *cap,
		     uint64_t off, unsigned width, uint64_t *value, bool write)
{
	if (region == VQT_REGION_LEGACY)
		return emu_vpci_legacy(d, off, width, value, write);
	if (cap)
		return structures[cap->type].access(d, cap, off, width, value, write);
	return region != VQT_REGION_BAR &&
	       emu_pci_msix_access(&d->pci, region, off, width, value, write);
}

void emu_vpci_bar(struct emu_vpci *d, unsigned bar, uint64_t off, unsigned width, uint64_t *value,
		  bool write, unsigned flags)
{
	const struct emu_pci_cap *cap = NULL;
	uint64_t seen = *value;
	unsigned region = region_of(d, bar, &off, width, &cap);
	if (region == VQT_REGION_LEGACY)
		flags |= VQT_REG_PIO;
	if (width < 8)
		seen &= (1ull << 8 * width) - 1;
	*value = seen;
	if (write) {
		emu_tap_reg(d->dev.v.tap, region, VQT_WRITE, width, flags, off, seen);
		dispatch(d, region, cap, off, width, value, true);
		return;
	}
	*value = 0;
	if (!dispatch(d, region, cap, off, width, value, false))
		flags |= VQT_REG_FAILED;
	emu_tap_reg(d->dev.v.tap, region, VQT_READ, width, flags, off, *value);
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
	if (emu_fault_hit(d->dev.v.fault, EMU_FAULT_CFG_WINDOW))
		off = 0;
	if (bar >= EMU_PCI_BARS || (len != 1 && len != 2 && len != 4) || off % len ||
	    d->pci.l.bar[bar].size < len || off > d->pci.l.bar[bar].size - len)
		return;
	memcpy(&value, data, len);
	emu_vpci_bar(d, bar, off, len, &value, write, VQT_REG_VIA_CFG);
	if (!write)
		memcpy(data, &value, len);
}
