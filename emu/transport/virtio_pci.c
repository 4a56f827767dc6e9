/* SPDX-License-Identifier: MIT */
/* A virtio device as a PCI function (4.1): its layout, its regions, its events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/transport/virtio_pci_impl.h"

/* The places are QEMU's, so that traces can be compared; any others would be correct, too. */
#define MSIX_BAR 1
#define MODERN_BAR 4
#define COMMON_AT 0x0000
#define ISR_AT 0x1000
#define CONFIG_AT 0x2000
#define NOTIFY_AT 0x3000
#define STRUCT_LEN 0x1000
#define NOTIFY_MULT 4

static uint64_t pow2_above(uint64_t n)
{
	uint64_t p = 16;
	while (p < n)
		p <<= 1;
	return p;
}

static void layout_ids(struct emu_pci_layout *l, const struct emu_device_config *cfg)
{
	const struct emu_class *c = cfg->v.cls;
	l->vendor = l->subsys_vendor = VIRTIO_PCI_VENDOR;
	l->class_code = c->pci_class;
	l->pin = 1;
	if (cfg->v.transitional) { /* 4.1.2.3 */
		l->device = c->pci_transitional;
		l->subsys = c->virtio_id;
		l->revision = 0;
	} else { /* 4.1.2.1 */
		l->device = VIRTIO_PCI_ID_MODERN + c->virtio_id;
		l->subsys = 0x1100;
		l->revision = 1;
	}
}

static const struct {
	uint8_t type;
	uint32_t offset;
} structures[] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, COMMON_AT },
	{ VIRTIO_PCI_CAP_ISR_CFG, ISR_AT },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG_AT },
	{ VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY_AT },
};

void emu_vpci_layout(struct emu_pci_layout *out, const struct emu_device_config *cfg)
{
	struct emu_pci_layout *l = out;
	unsigned queues = cfg->v.queues ? cfg->v.queues : 1, n = 0;
	uint32_t notify = pow2_above((uint64_t)queues * NOTIFY_MULT);
	notify = notify < STRUCT_LEN ? STRUCT_LEN : notify;
	memset(l, 0, sizeof(*l));
	layout_ids(l, cfg);
	l->express = cfg->express;
	l->vectors = cfg->vectors == VQT_NO_VECTOR ? 0 : cfg->vectors ? cfg->vectors : queues + 1;
	if (cfg->v.transitional)
		l->bar[0] = (struct emu_pci_bar){ 128, EMU_BAR_IO };
	l->bar[MODERN_BAR] = (struct emu_pci_bar){ pow2_above(NOTIFY_AT + notify),
						   EMU_BAR_64 | EMU_BAR_PREFETCH };
	if (l->vectors) {
		uint32_t table = l->vectors * 16u, pba = (l->vectors + 63) / 64 * 8;
		uint32_t at = table <= 2048 ? 2048 : (table + 4095) & ~4095u;
		l->bar[MSIX_BAR].size = pow2_above(at + pba < 4096 ? 4096 : at + pba);
		l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_MSIX,
						    .bar = MSIX_BAR,
						    .pba_bar = MSIX_BAR,
						    .pba_offset = at };
	}
	for (unsigned i = 0; i < sizeof(structures) / sizeof(structures[0]); i++) {
		bool notifies = structures[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG;
		l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR,
						    .type = structures[i].type,
						    .bar = MODERN_BAR,
						    .offset = structures[i].offset,
						    .length = notifies ? notify : STRUCT_LEN,
						    .multiplier = notifies ? NOTIFY_MULT : 0 };
	}
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR, .type = VIRTIO_PCI_CAP_PCI_CFG };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_PM };
	if (cfg->express)
		l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_EXP };
	if (emu_fault_hit(cfg->v.fault, EMU_FAULT_CAP_LEN))
		l->cap[l->vectors ? 1 : 0].len = 12;
}

/* Structures must lie in their BARs, 4.1.4. */
static bool layout_valid(const struct emu_pci_layout *l)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++) {
		const struct emu_pci_cap *c = &l->cap[i];
		uint64_t len = c->length;
		if (c->id == PCI_CAP_ID_MSIX) {
			uint64_t pba = (l->vectors + 63ull) / 64 * 8;
			len = l->vectors * 16ull;
			if (c->pba_bar >= EMU_PCI_BARS || c->offset & 7 || c->pba_offset & 7 ||
			    c->pba_offset + pba > l->bar[c->pba_bar].size)
				return false;
		} else if (c->id != PCI_CAP_ID_VNDR || c->type == VIRTIO_PCI_CAP_PCI_CFG ||
			   c->type > VIRTIO_PCI_CAP_DEVICE_CFG) {
			continue;
		}
		if (c->bar >= EMU_PCI_BARS || c->offset + len > l->bar[c->bar].size)
			return false;
	}
	return true;
}

/* --- events of the PCI function ------------------------------------------------------ */

static void pci_msix(void *opaque, uint16_t vector)
{
	struct emu_vpci *d = opaque;
	if (d->dev.host.msix)
		d->dev.host.msix(d->dev.host.opaque, vector);
}

static void pci_intx(void *opaque, bool level)
{
	struct emu_vpci *d = opaque;
	if (d->dev.host.intx)
		d->dev.host.intx(d->dev.host.opaque, level);
}

static void pci_changed(void *opaque)
{
	struct emu_vpci *d = opaque;
	d->dev.v.paused = !d->ignore_bus_master && !emu_pci_master(&d->pci);
	emu_vpci_interrupt(d);
}

static void pci_flr(void *opaque)
{
	struct emu_vpci *d = opaque;
	emu_virtio_set_status(&d->dev.v, 0, false);
	emu_pci_reset(&d->pci);
	pci_changed(d);
}

static const struct emu_pci_owner owner = {
	.msix = pci_msix,
	.intx = pci_intx,
	.changed = pci_changed,
	.flr = pci_flr,
	.vendor_access = emu_vpci_vendor,
};

/* --- the transport ----------------------------------------------------------------------- */

static int init_pci(struct emu_vpci *d, const struct emu_device_config *cfg)
{
	struct emu_pci_layout l;
	if (cfg->layout)
		l = *cfg->layout;
	else
		emu_vpci_layout(&l, cfg);
	if (!layout_valid(&l))
		return -EINVAL;
	d->legacy_bar = cfg->v.transitional && l.bar[0].flags & EMU_BAR_IO ? 0 : -1;
	int ret = emu_pci_init(&d->pci, &l, &owner, d);
	d->pci.tap = cfg->v.tap;
	d->pci.masks_elsewhere = cfg->msix_elsewhere;
	return ret;
}

static int create(struct emu_device **out, const struct emu_device_config *cfg)
{
	struct emu_vpci *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->ignore_bus_master = cfg->ignore_bus_master;
	d->config_vector = VQT_NO_VECTOR;
	int ret = init_pci(d, cfg);
	if (ret < 0)
		free(d);
	else
		*out = &d->dev;
	return ret;
}

static void destroy(struct emu_device *dev)
{
	struct emu_vpci *d = emu_vpci(dev);
	emu_pci_fini(&d->pci);
	free(d);
}

static void reset(struct emu_device *dev)
{
	struct emu_vpci *d = emu_vpci(dev);
	emu_pci_reset(&d->pci);
	pci_changed(d);
}

static uint64_t region_size(const struct emu_device *dev, unsigned region)
{
	const struct emu_pci_layout *l = &((const struct emu_vpci *)dev)->pci.l;
	if (region == EMU_REGION_CONFIG)
		return l->express ? EMU_PCI_CONFIG : 256;
	return region < EMU_PCI_BARS ? l->bar[region].size : 0;
}

static uint64_t load(struct emu_device *dev, unsigned region, uint64_t off, unsigned width)
{
	struct emu_vpci *d = emu_vpci(dev);
	uint64_t value = 0;
	if (region != EMU_REGION_CONFIG) {
		emu_vpci_bar(d, region, off, width, &value, false, 0);
		return value;
	}
	value = emu_pci_config_read(&d->pci, off, width);
	emu_tap_reg(dev->v.tap, VQT_REGION_PCI, VQT_READ, width, 0, off, value);
	return value;
}

static void store(struct emu_device *dev, unsigned region, uint64_t off, unsigned width,
		  uint64_t value)
{
	struct emu_vpci *d = emu_vpci(dev);
	if (region != EMU_REGION_CONFIG) {
		emu_vpci_bar(d, region, off, width, &value, true, 0);
		return;
	}
	emu_tap_reg(dev->v.tap, VQT_REGION_PCI, VQT_WRITE, width, 0, off, (uint32_t)value);
	emu_pci_config_write(&d->pci, off, width, value);
}

static bool notifies(const struct emu_device *dev, unsigned region, uint64_t off, uint64_t len)
{
	const struct emu_vpci *d = (const struct emu_vpci *)dev;
	const struct emu_pci_cap *c = d->pci.l.cap;
	if (d->legacy_bar >= 0 && region == (unsigned)d->legacy_bar)
		return off <= VIRTIO_PCI_QUEUE_NOTIFY && off + len > VIRTIO_PCI_QUEUE_NOTIFY;
	for (unsigned i = 0; i < EMU_PCI_CAPS && c[i].id; i++)
		if (c[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG && c[i].bar == region &&
		    off >= c[i].offset && off - c[i].offset < c[i].length)
			return true;
	return false;
}

struct emu_pci *emu_vpci_pci(struct emu_device *dev)
{
	return &emu_vpci(dev)->pci;
}

const struct emu_transport emu_transport_pci = {
	.name = "pci",
	.id = VQT_TRANSPORT_PCI,
	.host = &emu_vpci_host,
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.region_size = region_size,
	.load = load,
	.store = store,
	.notifies = notifies,
};
