/* SPDX-License-Identifier: MIT */
/* A PCI function's configuration space, built from a layout. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "emu/transport/pci.h"

#define NO_SOFT_RESET 0x8 /* PCI_PM_CTRL, PM 1.2 */
#define EXP_LEN 0x3c

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

/* --- building ------------------------------------------------------------------- */

static void build_header(struct emu_pci *p)
{
	const struct emu_pci_layout *l = &p->l;
	uint8_t *c = p->config, *w = p->writable;
	put16(c + PCI_VENDOR_ID, l->vendor);
	put16(c + PCI_DEVICE_ID, l->device);
	put16(c + PCI_STATUS, PCI_STATUS_CAP_LIST);
	put32(c + PCI_CLASS_REVISION, l->class_code << 8 | l->revision);
	put16(c + PCI_SUBSYSTEM_VENDOR_ID, l->subsys_vendor);
	put16(c + PCI_SUBSYSTEM_ID, l->subsys);
	c[PCI_INTERRUPT_PIN] = l->pin;
	put16(w + PCI_COMMAND, l->command ? l->command : EMU_PCI_COMMAND_USUAL);
	w[PCI_CACHE_LINE_SIZE] = w[PCI_INTERRUPT_LINE] = 0xff;
}

static int build_bars(struct emu_pci *p)
{
	uint32_t rom = p->l.rom_size;
	if (rom & (rom - 1) || rom > EMU_PCI_ROM_MAX || (rom && rom < 2048))
		return -EINVAL;
	if (rom)
		put32(p->writable + PCI_ROM_ADDRESS, -rom | PCI_ROM_ADDRESS_ENABLE);
	for (unsigned i = 0; i < EMU_PCI_BARS; i++) {
		const struct emu_pci_bar *b = &p->l.bar[i];
		unsigned at = PCI_BASE_ADDRESS_0 + 4 * i;
		if (!b->size)
			continue;
		bool wide = b->flags & EMU_BAR_64 && !(b->flags & EMU_BAR_IO);
		uint64_t min = b->flags & EMU_BAR_IO ? 4 : 16;
		if (b->size & (b->size - 1) || b->size < min || (!wide && b->size >> 31) ||
		    (wide && (i == EMU_PCI_BARS - 1 || p->l.bar[i + 1].size)))
			return -EINVAL;
		uint64_t mask = ~(b->size - 1);
		p->config[at] = b->flags & (b->flags & EMU_BAR_IO ? 0x1 : 0xf);
		put32(p->writable + at, mask);
		if (wide) {
			put32(p->writable + at + 4, mask >> 32);
			i++;
		}
	}
	return 0;
}

static unsigned usual_len(const struct emu_pci_cap *cap)
{
	switch (cap->id) {
	case PCI_CAP_ID_MSIX: return PCI_CAP_MSIX_SIZEOF;
	case PCI_CAP_ID_PM: return PCI_PM_SIZEOF;
	case PCI_CAP_ID_EXP: return EXP_LEN;
	case PCI_CAP_ID_VNDR:
		return sizeof(struct virtio_pci_cap) +
		       (cap->type == VIRTIO_PCI_CAP_NOTIFY_CFG ||
					cap->type == VIRTIO_PCI_CAP_PCI_CFG
				? 4
				: 0);
	}
	return 4;
}

static int fill_msix(struct emu_pci *p, const struct emu_pci_cap *cap, uint8_t *c, uint8_t *w)
{
	if (!p->l.vectors || p->msix_at) /* a table has at least one entry */
		return -EINVAL;
	p->msix_at = cap->at;
	put16(c + PCI_MSIX_FLAGS, p->l.vectors - 1);
	put16(w + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put32(c + PCI_MSIX_TABLE, cap->offset | cap->bar);
	put32(c + PCI_MSIX_PBA, cap->pba_offset | cap->pba_bar);
	return 0;
}

/* PCI Express 7.5.3: an endpoint that can be reset by itself. */
static void fill_express(struct emu_pci *p, const struct emu_pci_cap *cap, uint8_t *c, uint8_t *w)
{
	p->exp_at = cap->at;
	put16(c + PCI_EXP_FLAGS, 2);
	put32(c + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR);
	put16(w + PCI_EXP_DEVCTL, 0x7fff);
	put32(c + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4);
	put16(w + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES);
	put16(c + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1);
}

static void fill_pm(struct emu_pci *p, const struct emu_pci_cap *cap, uint8_t *c, uint8_t *w)
{
	p->pm_at = cap->at;
	put16(c + PCI_PM_PMC, 3);
	put16(c + PCI_PM_CTRL, NO_SOFT_RESET);
	put16(w + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
}

/* 4.1.4: struct virtio_pci_cap and what follows it */
static void fill_vendor(const struct emu_pci_cap *cap, uint8_t *c, uint8_t *w)
{
	c[VIRTIO_PCI_CAP_LEN] = cap->len;
	c[VIRTIO_PCI_CAP_CFG_TYPE] = cap->type;
	c[VIRTIO_PCI_CAP_BAR] = cap->bar;
	put32(c + VIRTIO_PCI_CAP_OFFSET, cap->offset);
	put32(c + VIRTIO_PCI_CAP_LENGTH, cap->length);
	if (cap->type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		put32(c + VIRTIO_PCI_NOTIFY_CAP_MULT, cap->multiplier);
	if (cap->type == VIRTIO_PCI_CAP_PCI_CFG) { /* 4.1.4.9: the driver chooses */
		w[VIRTIO_PCI_CAP_BAR] = 0xff;
		memset(w + VIRTIO_PCI_CAP_OFFSET, 0xff, 12);
	}
}

static int build_caps(struct emu_pci *p)
{
	unsigned next = 0x40, link = PCI_CAPABILITY_LIST;
	for (unsigned i = 0; i < EMU_PCI_CAPS && p->l.cap[i].id; i++) {
		struct emu_pci_cap *cap = &p->l.cap[i];
		unsigned need = usual_len(cap);
		if (!cap->len)
			cap->len = need;
		if (!cap->at)
			cap->at = next;
		unsigned len = cap->len > need ? cap->len : need;
		if (cap->at < 0x40 || cap->at % 4 || cap->at + len > 256)
			return -EINVAL;
		if (cap->at + len > next)
			next = (cap->at + len + 3) & ~3u;
		uint8_t *c = p->config + cap->at, *w = p->writable + cap->at;
		p->config[link] = cap->at;
		link = cap->at + PCI_CAP_LIST_NEXT;
		c[0] = cap->id;
		switch (cap->id) {
		case PCI_CAP_ID_MSIX:
			if (fill_msix(p, cap, c, w) < 0)
				return -EINVAL;
			break;
		case PCI_CAP_ID_EXP: fill_express(p, cap, c, w); break;
		case PCI_CAP_ID_PM: fill_pm(p, cap, c, w); break;
		case PCI_CAP_ID_VNDR: fill_vendor(cap, c, w); break;
		}
	}
	return 0;
}

/* Bytes of a recorded device, where ours are not writable. */
static void build_exact(struct emu_pci *p)
{
	for (unsigned i = 0; i < EMU_PCI_CONFIG; i++)
		if (p->l.exact_known[i / 8] >> i % 8 & 1 && !p->writable[i] &&
		    (i < PCI_BASE_ADDRESS_0 || i >= PCI_CARDBUS_CIS))
			p->config[i] = p->l.exact[i];
}

static int build(struct emu_pci *p)
{
	memset(p->config, 0, sizeof(p->config));
	memset(p->writable, 0, sizeof(p->writable));
	p->msix_at = p->exp_at = p->pm_at = 0;
	build_header(p);
	int ret = build_bars(p);
	if (ret == 0)
		ret = build_caps(p);
	if (ret == 0 && p->l.exact)
		build_exact(p);
	return ret;
}

int emu_pci_init(struct emu_pci *p, const struct emu_pci_layout *l,
		 const struct emu_pci_owner *owner, void *opaque)
{
	memset(p, 0, sizeof(*p));
	p->l = *l;
	p->owner = owner;
	p->opaque = opaque;
	if (l->vectors > 2048) /* PCI 6.8.2.3 */
		return -EINVAL;
	int ret = build(p);
	if (ret < 0)
		return ret;
	if (l->vectors) {
		p->table = calloc(l->vectors, PCI_MSIX_ENTRY_SIZE);
		p->pending = calloc((l->vectors + 63) / 64, sizeof(*p->pending));
		if (!p->table || !p->pending) {
			emu_pci_fini(p);
			return -ENOMEM;
		}
	}
	emu_pci_reset(p);
	return 0;
}

void emu_pci_fini(struct emu_pci *p)
{
	free(p->table);
	free(p->pending);
	p->table = NULL;
	p->pending = NULL;
}

void emu_pci_reset(struct emu_pci *p)
{
	build(p);
	for (unsigned i = 0; i < p->l.vectors; i++) {
		memset(p->table + i * PCI_MSIX_ENTRY_SIZE, 0, PCI_MSIX_ENTRY_SIZE);
		p->table[i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	if (p->pending)
		memset(p->pending, 0, (p->l.vectors + 63) / 64 * sizeof(*p->pending));
	emu_pci_intx(p, false);
}

/* --- interrupts -------------------------------------------------------------------- */

bool emu_pci_msix_enabled(const struct emu_pci *p)
{
	return p->msix_at &&
	       get_le16(p->config + p->msix_at + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
}

bool emu_pci_master(const struct emu_pci *p)
{
	return get_le16(p->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

static bool vector_masked(const struct emu_pci *p, uint16_t v)
{
	const uint8_t *e = p->table + v * PCI_MSIX_ENTRY_SIZE;
	if (p->masks_elsewhere)
		return false;
	return get_le16(p->config + p->msix_at + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL ||
	       e[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT || !emu_pci_master(p);
}

void emu_pci_msix(struct emu_pci *p, uint16_t v)
{
	if (v >= p->l.vectors || !emu_pci_msix_enabled(p))
		return;
	if (vector_masked(p, v)) { /* PCI 6.8.3.4 */
		p->pending[v / 64] |= 1ull << v % 64;
		return;
	}
	p->pending[v / 64] &= ~(1ull << v % 64);
	emu_tap_irq(p->tap, VQT_NO_QUEUE, VQT_IRQ_MSIX, v, 0);
	p->owner->msix(p->opaque, v);
}

static void send_pending(struct emu_pci *p)
{
	if (!emu_pci_msix_enabled(p))
		return;
	for (unsigned v = 0; v < p->l.vectors; v++)
		if (p->pending[v / 64] >> v % 64 & 1)
			emu_pci_msix(p, v);
}

static void update_intx(struct emu_pci *p)
{
	bool out = p->intx_level && p->l.pin && !emu_pci_msix_enabled(p) &&
		   !(get_le16(p->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
	if (out == p->intx_out)
		return;
	p->intx_out = out;
	emu_tap_irq(p->tap, VQT_NO_QUEUE, VQT_IRQ_INTX, VQT_NO_VECTOR, out);
	p->owner->intx(p->opaque, out);
}

void emu_pci_intx(struct emu_pci *p, bool level)
{
	p->intx_level = level;
	update_intx(p);
}

unsigned emu_pci_msix_region(const struct emu_pci *p, unsigned bar, uint64_t *off)
{
	const uint8_t *c = p->config + p->msix_at;
	const uint32_t table = get_le32(c + PCI_MSIX_TABLE), pba = get_le32(c + PCI_MSIX_PBA);
	const struct {
		uint64_t bar, at, len;
		unsigned region;
	} places[] = {
		{ table & PCI_MSIX_TABLE_BIR, table & PCI_MSIX_TABLE_OFFSET,
		  (uint64_t)p->l.vectors * PCI_MSIX_ENTRY_SIZE, VQT_REGION_MSIX_TABLE },
		{ pba & PCI_MSIX_PBA_BIR, pba & PCI_MSIX_PBA_OFFSET,
		  (p->l.vectors + 63ull) / 64 * 8, VQT_REGION_MSIX_PBA },
	};
	for (unsigned i = 0; p->msix_at && i < 2; i++)
		if (bar == places[i].bar && *off >= places[i].at &&
		    *off - places[i].at < places[i].len) {
			*off -= places[i].at;
			return places[i].region;
		}
	return VQT_REGION_BAR;
}

bool emu_pci_msix_access(struct emu_pci *p, unsigned region, uint64_t off, unsigned width,
			 uint64_t *value, bool write)
{
	const bool table = region == VQT_REGION_MSIX_TABLE;
	const uint64_t len = table ? (uint64_t)p->l.vectors * PCI_MSIX_ENTRY_SIZE
				   : (p->l.vectors + 63ull) / 64 * 8;
	uint8_t *e = (table ? p->table : (uint8_t *)p->pending) + off;
	if (off > len || width > len - off)
		return false;
	if (!write)
		*value = 0;
	if ((width != 4 && width != 8) || off % width) /* PCI 6.8.2 */
		return true;
	if (!write) {
		memcpy(value, e, width);
	} else if (table) {
		memcpy(e, value, width);
		send_pending(p);
	}
	return true;
}

/* --- configuration accesses ---------------------------------------------------------- */

static bool legal(uint32_t off, unsigned width, const struct emu_pci *p)
{
	uint32_t size = p->l.express ? EMU_PCI_CONFIG : 256;
	return (width == 1 || width == 2 || width == 4) && off % width == 0 && off < size;
}

/* The PCI_CFG capability whose pci_cfg_data the access touches. */
static const struct emu_pci_cap *window(const struct emu_pci *p, uint32_t off, unsigned width)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && p->l.cap[i].id; i++) {
		const struct emu_pci_cap *c = &p->l.cap[i];
		uint32_t data = c->at + sizeof(struct virtio_pci_cap);
		if (c->id == PCI_CAP_ID_VNDR && c->type == VIRTIO_PCI_CAP_PCI_CFG &&
		    off + width > data && off < data + 4)
			return c;
	}
	return NULL;
}

uint32_t emu_pci_config_read(struct emu_pci *p, uint32_t off, unsigned width)
{
	uint32_t v = 0;
	if (!legal(off, width, p))
		return UINT32_MAX;
	const struct emu_pci_cap *w = window(p, off, width);
	if (w && p->owner->vendor_access)
		p->owner->vendor_access(p->opaque, w, off - w->at, width, false);
	memcpy(&v, p->config + off, width);
	/* PCI 6.2.3: Interrupt Status is set even while the interrupt is disabled */
	if (off <= PCI_STATUS && off + width > PCI_STATUS && p->intx_level)
		v |= PCI_STATUS_INTERRUPT << (PCI_STATUS - off) * 8;
	return v;
}

void emu_pci_config_write(struct emu_pci *p, uint32_t off, unsigned width, uint32_t value)
{
	if (!legal(off, width, p))
		return;
	uint8_t old_state = p->pm_at ? p->config[p->pm_at + PCI_PM_CTRL] & 3 : 0;
	for (unsigned i = 0; i < width; i++) {
		uint8_t m = p->writable[off + i];
		p->config[off + i] = (p->config[off + i] & ~m) | (value >> 8 * i & m);
	}
	unsigned pm = p->pm_at + PCI_PM_CTRL;
	if (p->pm_at && off <= pm && off + width > pm) {
		uint8_t *s = &p->config[pm];
		if ((*s & 3) == 1 || (*s & 3) == 2) /* D1, D2: not supported */
			*s = (*s & ~3) | old_state;
	}
	unsigned flr = p->exp_at + PCI_EXP_DEVCTL + 1;
	if (p->exp_at && off <= flr && off + width > flr &&
	    value >> 8 * (flr - off) & PCI_EXP_DEVCTL_BCR_FLR >> 8) {
		p->owner->flr(p->opaque);
		return;
	}
	const struct emu_pci_cap *w = window(p, off, width);
	if (w && p->owner->vendor_access)
		p->owner->vendor_access(p->opaque, w, off - w->at, width, true);
	update_intx(p);
	send_pending(p);
	if (p->owner->changed)
		p->owner->changed(p->opaque);
}
