/* SPDX-License-Identifier: MIT */
/* The assembled device: layout, regions, and who hears of what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/transport/virtio_pci.h"

/* Where QEMU puts them, so that traces compare; any place would do. */
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

static unsigned queue_count(const struct emu_device_config *cfg)
{
	return cfg->queues ? cfg->queues : 1;
}

static void layout_ids(struct emu_pci_layout *l, const struct emu_device_config *cfg)
{
	const struct emu_class *c = cfg->cls;
	l->vendor = l->subsys_vendor = VIRTIO_PCI_VENDOR;
	l->class_code = c->pci_class;
	l->pin = 1;
	if (cfg->transitional) { /* 4.1.2.3 */
		l->device = c->pci_transitional;
		l->subsys = c->virtio_id;
		l->revision = 0;
	} else { /* 4.1.2.1 */
		l->device = VIRTIO_PCI_ID_MODERN + c->virtio_id;
		l->subsys = 0x1100;
		l->revision = 1;
	}
}

void emu_device_layout(struct emu_pci_layout *out, const struct emu_device_config *cfg)
{
	struct emu_pci_layout *l = out;
	unsigned queues = queue_count(cfg), n = 0;
	uint32_t notify = pow2_above((uint64_t)queues * NOTIFY_MULT);
	notify = notify < STRUCT_LEN ? STRUCT_LEN : notify;
	memset(l, 0, sizeof(*l));
	layout_ids(l, cfg);
	l->express = cfg->express;
	l->vectors = cfg->vectors == VQT_NO_VECTOR ? 0 : cfg->vectors ? cfg->vectors : queues + 1;
	if (cfg->transitional)
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
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR,
					    .type = VIRTIO_PCI_CAP_COMMON_CFG,
					    .bar = MODERN_BAR,
					    .offset = COMMON_AT,
					    .length = STRUCT_LEN };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR,
					    .type = VIRTIO_PCI_CAP_ISR_CFG,
					    .bar = MODERN_BAR,
					    .offset = ISR_AT,
					    .length = STRUCT_LEN };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR,
					    .type = VIRTIO_PCI_CAP_DEVICE_CFG,
					    .bar = MODERN_BAR,
					    .offset = CONFIG_AT,
					    .length = STRUCT_LEN };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR,
					    .type = VIRTIO_PCI_CAP_NOTIFY_CFG,
					    .bar = MODERN_BAR,
					    .offset = NOTIFY_AT,
					    .length = notify,
					    .multiplier = NOTIFY_MULT };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_VNDR, .type = VIRTIO_PCI_CAP_PCI_CFG };
	l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_PM };
	if (cfg->express)
		l->cap[n++] = (struct emu_pci_cap){ .id = PCI_CAP_ID_EXP };
	if (emu_fault_hit(cfg->fault, EMU_FAULT_CAP_LEN))
		l->cap[l->vectors ? 1 : 0].len = 12;
}

/* Structures must lie in their BARs, 4.1.4. */
static bool layout_sound(const struct emu_pci_layout *l)
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

/* --- what the PCI function says ---------------------------------------------------- */

static void pci_msix(void *opaque, uint16_t vector, uint64_t address, uint32_t data)
{
	struct emu_device *d = opaque;
	if (d->host.msix)
		d->host.msix(d->host.opaque, vector, address, data);
}

static void pci_intx(void *opaque, bool level)
{
	struct emu_device *d = opaque;
	if (d->host.intx)
		d->host.intx(d->host.opaque, level);
}

static void pci_changed(void *opaque)
{
	struct emu_device *d = opaque;
	d->v.paused = !d->ignore_bus_master && !emu_pci_master(&d->pci);
	emu_vpci_interrupt(d);
}

static void pci_flr(void *opaque)
{
	struct emu_device *d = opaque;
	emu_virtio_set_status(&d->v, 0, false);
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

/* --- life ----------------------------------------------------------------------------- */

static int init_pci(struct emu_device *d, const struct emu_device_config *cfg)
{
	struct emu_pci_layout l;
	if (cfg->layout)
		l = *cfg->layout;
	else
		emu_device_layout(&l, cfg);
	if (!layout_sound(&l))
		return -EINVAL;
	d->legacy_bar = cfg->transitional && l.bar[0].flags & EMU_BAR_IO ? 0 : -1;
	d->pci.tap = cfg->tap;
	int ret = emu_pci_init(&d->pci, &l, &owner, d);
	d->pci.tap = cfg->tap;
	d->pci.masks_elsewhere = cfg->msix_elsewhere;
	return ret;
}

int emu_device_new(struct emu_device **out, const struct emu_device_config *cfg)
{
	struct emu_device *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	struct emu_virtio_config vc = {
		.cls = cfg->cls,
		.class_config = cfg->class_config,
		.mem = cfg->mem,
		.tap = cfg->tap,
		.fault = cfg->fault,
		.queues = cfg->queues,
		.queue_size = cfg->queue_size,
		.queue_sizes = cfg->queue_sizes,
		.features = { cfg->features ? cfg->features : emu_virtio_core_features() },
		.features_on = cfg->features_on,
		.features_off = cfg->features_off,
		.features_exact = cfg->features_exact,
		.legacy_exact = cfg->legacy_exact,
		.config_exact = cfg->config_exact,
		.config_exact_len = cfg->config_exact_len,
		.max_chain = cfg->max_chain,
		.transitional = cfg->transitional,
	};
	d->host = cfg->host;
	d->tap = cfg->tap;
	d->fault = cfg->fault;
	d->ignore_bus_master = cfg->ignore_bus_master;
	d->config_vector = VQT_NO_VECTOR;
	int ret = init_pci(d, cfg);
	if (ret == 0) {
		ret = emu_virtio_init(&d->v, &vc, &emu_vpci_host, d);
		if (ret < 0)
			emu_pci_fini(&d->pci);
	}
	if (ret < 0) {
		free(d);
		return ret;
	}
	pci_changed(d);
	*out = d;
	return 0;
}

void emu_device_free(struct emu_device *d)
{
	if (!d)
		return;
	emu_virtio_fini(&d->v);
	emu_pci_fini(&d->pci);
	free(d);
}

/* --- accesses ---------------------------------------------------------------------------- */

uint64_t emu_device_region_size(const struct emu_device *d, unsigned region)
{
	if (region == EMU_REGION_CONFIG)
		return d->pci.l.express ? EMU_PCI_CONFIG : 256;
	return region < EMU_PCI_BARS ? d->pci.l.bar[region].size : 0;
}

uint64_t emu_device_bar_read(struct emu_device *d, unsigned bar, uint64_t off, unsigned width)
{
	uint64_t value = 0;
	emu_vpci_bar(d, bar, off, width, &value, false, 0);
	return value;
}

void emu_device_bar_write(struct emu_device *d, unsigned bar, uint64_t off, unsigned width,
			  uint64_t value)
{
	emu_vpci_bar(d, bar, off, width, &value, true, 0);
}

uint32_t emu_device_config_read(struct emu_device *d, uint32_t off, unsigned width)
{
	uint32_t v = emu_pci_config_read(&d->pci, off, width);
	emu_tap_reg(d->tap, VQT_REGION_PCI, VQT_READ, width, 0, off, v);
	return v;
}

void emu_device_config_write(struct emu_device *d, uint32_t off, unsigned width, uint32_t value)
{
	emu_tap_reg(d->tap, VQT_REGION_PCI, VQT_WRITE, width, 0, off, value);
	emu_pci_config_write(&d->pci, off, width, value);
}

/* The widest natural access at off of at most len bytes. */
static unsigned natural(uint64_t off, size_t len, unsigned max)
{
	unsigned w = max;
	while (w > 1 && (off % w || w > len))
		w >>= 1;
	return w;
}

static bool in_region(const struct emu_device *d, unsigned region, uint64_t off, size_t len)
{
	uint64_t size = emu_device_region_size(d, region);
	return off <= size && len <= size - off;
}

int emu_device_read(struct emu_device *d, unsigned region, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	if (!in_region(d, region, off, len))
		return -EINVAL;
	while (len) {
		unsigned w = natural(off, len, region == EMU_REGION_CONFIG || len > 8 ? 4 : 8);
		uint64_t v = region == EMU_REGION_CONFIG ? emu_device_config_read(d, off, w)
							 : emu_device_bar_read(d, region, off, w);
		memcpy(p, &v, w);
		p += w;
		off += w;
		len -= w;
	}
	return 0;
}

int emu_device_write(struct emu_device *d, unsigned region, uint64_t off, const void *buf,
		     size_t len)
{
	const uint8_t *p = buf;
	if (!in_region(d, region, off, len))
		return -EINVAL;
	while (len) {
		unsigned w = natural(off, len, region == EMU_REGION_CONFIG || len > 8 ? 4 : 8);
		uint64_t v = 0;
		memcpy(&v, p, w);
		if (region == EMU_REGION_CONFIG)
			emu_device_config_write(d, off, w, v);
		else
			emu_device_bar_write(d, region, off, w, v);
		p += w;
		off += w;
		len -= w;
	}
	return 0;
}

/* --- work ---------------------------------------------------------------------------------- */

int emu_device_run(struct emu_device *d, unsigned budget)
{
	return emu_virtio_run(&d->v, budget);
}

bool emu_device_busy(const struct emu_device *d)
{
	return emu_virtio_busy(&d->v);
}

uint32_t emu_device_inflight(const struct emu_device *d)
{
	return d->v.inflight;
}

bool emu_device_resetting(const struct emu_device *d)
{
	for (unsigned i = 0; i < d->v.nqueues; i++)
		if (d->v.queue[i].resetting)
			return true;
	return d->v.resetting;
}

int emu_device_drain(struct emu_device *d)
{
	return emu_virtio_drain(&d->v);
}

int emu_device_fd(const struct emu_device *d)
{
	struct emu_virtio *v = (struct emu_virtio *)&d->v;
	return v->cls->fd ? v->cls->fd(v) : -1;
}

void emu_device_reset(struct emu_device *d)
{
	emu_virtio_set_status(&d->v, 0, false);
	emu_virtio_drain(&d->v);
	emu_pci_reset(&d->pci);
	pci_changed(d);
}

struct emu_virtio *emu_device_virtio(struct emu_device *d)
{
	return &d->v;
}

struct emu_pci *emu_device_pci(struct emu_device *d)
{
	return &d->pci;
}
