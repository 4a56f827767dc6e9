/* SPDX-License-Identifier: MIT */
/* From what a trace showed of a device to a device that can be built: 4.1.4. */
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/spec/spec.h"
#include "emu/class/blk/blk.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/transport/function.h"
#include "emu/replay/class.h"
#include "emu/replay/profile_impl.h"

static bool known(const struct replay_device *d, unsigned at, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (!(d->pci_known[(at + i) / 8] >> (at + i) % 8 & 1))
			return false;
	return true;
}

static void fill_bytes(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	for (unsigned i = 0; i < EMU_PCI_CONFIG; i++) {
		if (!f->pci[i].any)
			continue;
		d->pci[i] = f->pci[i].value;
		d->pci_known[i / 8] |= 1 << i % 8;
	}
	for (unsigned i = 0; i < REPLAY_CONFIG_MAX; i++) {
		if (!f->config[i].any)
			continue;
		d->config[i] = f->config[i].value;
		d->config_known[i / 8] |= 1 << i % 8;
		d->config_len = i + 1;
	}
	if (f->config_len > d->config_len)
		d->config_len =
			f->config_len < REPLAY_CONFIG_MAX ? f->config_len : REPLAY_CONFIG_MAX;
}

static void fill_features(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	for (unsigned i = 0; i < 4; i++) {
		if (!f->feature[i].any)
			continue;
		d->offered[i / 2] |= (f->feature[i].value & UINT32_MAX) << i % 2 * 32;
		d->offered_known |= 1 << i;
	}
	d->legacy_known = f->legacy.any;
	d->legacy_offered = f->legacy.value;
	/* Never asked for at one interface: what the other said, and what was taken. */
	if (!(d->offered_known & 1))
		d->offered[0] |=
			d->legacy_known ? d->legacy_offered : (uint32_t)d->accepted_ever[0];
	if (!(d->offered_known & 2))
		d->offered[0] |= d->accepted_ever[0] & ~(uint64_t)UINT32_MAX;
	if (!(d->offered_known & 12))
		d->offered[1] |= d->accepted_ever[1];
	if (!d->legacy_known)
		d->legacy_offered = d->offered[0];
}

static void witness(struct replay_vote *v, uint64_t value)
{
	replay_vote(v, value);
	replay_vote(v, value);
}

static void fill_queues(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	if (f->added) /* how many were made, and how large, counts for more than one answer */
		witness(&f->num_queues, f->added);
	unsigned n = f->num_queues.any ? f->num_queues.value : 0;
	d->num_queues_known = n;
	for (unsigned i = 0; i < REPLAY_QUEUES_MAX; i++) {
		struct replay_queue_finding *q = &f->queue[i];
		if (q->added)
			witness(&q->size, q->added);
		if (!f->num_queues.any && (q->size.any && q->size.value) && i >= n)
			n = i + 1;
		d->queue_size[i] = q->size.any ? q->size.value : q->added;
		d->notify_off[i] = q->notify_off.any ? q->notify_off.value : i;
	}
	if (!n)
		n = f->added;
	if (!n)
		n = f->queues_told;
	if (n < f->spoken)
		n = f->spoken;
	d->num_queues = n && n <= REPLAY_QUEUES_MAX ? n : n ? REPLAY_QUEUES_MAX : 1;
	for (unsigned i = 0; i < d->num_queues; i++) /* never spoken of: the usual */
		if (!d->queue_size[i] && !f->queue[i].size.any)
			d->queue_size[i] = 256;
}

/* --- PCI ---------------------------------------------------------------------------- */

static void fill_ids(struct replay_device *d)
{
	struct emu_pci_layout *l = &d->layout;
	if (known(d, PCI_VENDOR_ID, 2))
		l->vendor = get_le16(d->pci + PCI_VENDOR_ID);
	if (known(d, PCI_DEVICE_ID, 2))
		l->device = get_le16(d->pci + PCI_DEVICE_ID);
	if (known(d, PCI_REVISION_ID, 1))
		l->revision = d->pci[PCI_REVISION_ID];
	for (unsigned i = 0; i < 3; i++)
		if (known(d, PCI_CLASS_PROG + i, 1)) {
			l->class_code &= ~(0xffu << 8 * i);
			l->class_code |= d->pci[PCI_CLASS_PROG + i] << 8 * i;
		}
	if (known(d, PCI_SUBSYSTEM_VENDOR_ID, 2))
		l->subsys_vendor = get_le16(d->pci + PCI_SUBSYSTEM_VENDOR_ID);
	if (known(d, PCI_SUBSYSTEM_ID, 2))
		l->subsys = get_le16(d->pci + PCI_SUBSYSTEM_ID);
	if (known(d, PCI_INTERRUPT_PIN, 1))
		l->pin = d->pci[PCI_INTERRUPT_PIN];
}

/* Sizes and kinds of BARs as the driver found them by writing ones, PCI 6.2.5.1. */
static void fill_bars(struct replay_finding *f)
{
	struct emu_pci_bar *bar = f->d.layout.bar;
	for (unsigned i = 0; i < REPLAY_BARS; i++) {
		uint32_t mask = get_le32(f->bar_mask + 4 * i);
		if (!f->bar_sized[i] || (i && bar[i - 1].flags & EMU_BAR_64 && bar[i - 1].size))
			continue;
		bar[i] = (struct emu_pci_bar){ 0 };
		if (!mask)
			continue;
		bar[i].flags = mask & (mask & 1 ? 0x1 : 0xf);
		mask &= bar[i].flags & EMU_BAR_IO ? ~3u : ~15u;
		uint64_t size = bar[i].flags & EMU_BAR_IO ? (-mask & UINT16_MAX) : -mask;
		if (!mask && bar[i].flags & EMU_BAR_64 && i + 1 < REPLAY_BARS &&
		    f->bar_sized[i + 1])
			size = (uint64_t)(-get_le32(f->bar_mask + 4 * i + 4)) << 32;
		bar[i].size = size & (size - 1) ? 0 : size;
	}
}

static uint64_t above(uint64_t n)
{
	uint64_t p = 16;
	while (p < n && p < 1ull << 62)
		p <<= 1;
	return p;
}

/* No structure reaches out of its BAR: 4.1.4.  Those whose size nobody asked for grow. */
static void fit_bars(struct replay_finding *f)
{
	struct emu_pci_layout *l = &f->d.layout;
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++) {
		struct emu_pci_cap *c = &l->cap[i];
		uint64_t end = c->id == PCI_CAP_ID_MSIX ? c->offset + 16ull * l->vectors
							: (uint64_t)c->offset + c->length;
		if (c->id == PCI_CAP_ID_MSIX && c->pba_bar < REPLAY_BARS &&
		    !f->bar_sized[c->pba_bar]) {
			uint64_t pba = c->pba_offset + (l->vectors + 63ull) / 64 * 8;
			if (l->bar[c->pba_bar].size < pba)
				l->bar[c->pba_bar].size = above(pba);
		}
		if ((c->id == PCI_CAP_ID_VNDR && c->type != VIRTIO_PCI_CAP_PCI_CFG) ||
		    c->id == PCI_CAP_ID_MSIX)
			if (c->bar < REPLAY_BARS && !f->bar_sized[c->bar] &&
			    l->bar[c->bar].size < end && end <= 1u << 30)
				l->bar[c->bar].size = above(end);
	}
	for (unsigned i = 0; i + 1 < REPLAY_BARS; i++)
		if (l->bar[i].size && l->bar[i].flags & EMU_BAR_64)
			l->bar[i + 1].size = 0;
}

/* The field of a capability, or what the usual layout has there. */
static uint32_t cap32(const struct replay_device *d, unsigned at, uint32_t otherwise)
{
	return known(d, at, 4) ? get_le32(d->pci + at) : otherwise;
}

static const struct emu_pci_cap *usual(const struct emu_pci_layout *l, unsigned id, unsigned type)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++)
		if (l->cap[i].id == id && (id != PCI_CAP_ID_VNDR || l->cap[i].type == type))
			return &l->cap[i];
	return NULL;
}

static void read_vendor(const struct replay_device *d, const struct emu_pci_layout *normal,
			struct emu_pci_cap *c)
{
	unsigned at = c->at;
	const struct emu_pci_cap *u;
	c->type = known(d, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) ? d->pci[at + VIRTIO_PCI_CAP_CFG_TYPE]
							    : 0;
	u = usual(normal, PCI_CAP_ID_VNDR, c->type);
	if (known(d, at + VIRTIO_PCI_CAP_LEN, 1))
		c->len = d->pci[at + VIRTIO_PCI_CAP_LEN];
	if (c->type == VIRTIO_PCI_CAP_PCI_CFG)
		return;
	c->bar = known(d, at + VIRTIO_PCI_CAP_BAR, 1) ? d->pci[at + VIRTIO_PCI_CAP_BAR]
		 : u				      ? u->bar
						      : 0;
	c->offset = cap32(d, at + VIRTIO_PCI_CAP_OFFSET, u ? u->offset : 0);
	c->length = cap32(d, at + VIRTIO_PCI_CAP_LENGTH, u ? u->length : 4096);
	c->multiplier = cap32(d, at + VIRTIO_PCI_NOTIFY_CAP_MULT, u ? u->multiplier : 4);
}

static void read_msix(const struct replay_finding *f, const struct emu_pci_layout *normal,
		      struct emu_pci_layout *l, struct emu_pci_cap *c)
{
	const struct replay_device *d = &f->d;
	const struct emu_pci_cap *u = usual(normal, PCI_CAP_ID_MSIX, 0);
	uint32_t t = cap32(d, c->at + PCI_MSIX_TABLE,
			   f->msix_life ? (uint32_t)f->msix_bar & 7
			   : u		? u->offset | u->bar
					: 1);
	uint32_t p = cap32(d, c->at + PCI_MSIX_PBA, u ? u->pba_offset | (t & 7) : 2048 | (t & 7));
	if (known(d, c->at + PCI_MSIX_FLAGS, 2))
		l->vectors = (get_le16(d->pci + c->at + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1;
	c->bar = t & PCI_MSIX_TABLE_BIR;
	c->offset = t & PCI_MSIX_TABLE_OFFSET;
	c->pba_bar = p & PCI_MSIX_PBA_BIR;
	c->pba_offset = p & PCI_MSIX_PBA_OFFSET;
}

/*
 * The list as the driver walked it; false: it did not get through.  One that stops
 * where it has found what it looked for says nothing of what comes behind: the
 * list ends there.
 */
static bool read_caps(struct replay_finding *f, const struct emu_pci_layout *normal)
{
	struct replay_device *d = &f->d;
	struct emu_pci_layout l = d->layout;
	unsigned at = d->pci[PCI_CAPABILITY_LIST] & ~3u, n = 0;
	if (!known(d, PCI_CAPABILITY_LIST, 1))
		return false;
	memset(l.cap, 0, sizeof(l.cap));
	while (at && n < EMU_PCI_CAPS - 1) {
		struct emu_pci_cap *c = &l.cap[n++];
		if (at < 0x40 || !known(d, at, 1))
			return false;
		c->id = d->pci[at];
		c->at = at;
		if (!c->id)
			return false;
		if (c->id == PCI_CAP_ID_VNDR)
			read_vendor(d, normal, c);
		else if (c->id == PCI_CAP_ID_MSIX)
			read_msix(f, normal, &l, c);
		at = known(d, at + 1, 1) ? d->pci[at + 1] & ~3u : 0;
	}
	if (at)
		return false;
	d->layout = l;
	return true;
}

static void fill_pci(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	struct emu_device_config cfg = {
		.cls = replay_class(d->virtio_id),
		.transitional = d->transitional,
		.queues = d->num_queues,
		.vectors = f->msix_life	     ? (f->vectors ? f->vectors : VQT_NO_VECTOR)
			   : f->vectors_used ? f->vectors_used
					     : 0,
	};
	struct emu_class any;
	struct emu_pci_layout normal;
	if (cfg.cls->virtio_id != d->virtio_id) { /* the one for all types */
		any = *cfg.cls;
		any.virtio_id = d->virtio_id;
		cfg.cls = &any;
	}
	if (cfg.vectors > 2048 && cfg.vectors != VQT_NO_VECTOR)
		cfg.vectors = 2048;
	emu_device_layout(&normal, &cfg);
	replay_normalise_pci(f, &normal);
	d->layout = normal;
	fill_ids(d);
	fill_bars(f);
	if (f->rom_sized && !(-f->rom_mask & (-f->rom_mask - 1)) && -f->rom_mask <= EMU_PCI_ROM_MAX)
		d->layout.rom_size = -f->rom_mask;
	d->modern = true;
	if (read_caps(f, &normal)) {
		d->modern = usual(&d->layout, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_COMMON_CFG);
		if (!usual(&d->layout, PCI_CAP_ID_MSIX, 0))
			d->layout.vectors = 0;
	} else { /* ours are elsewhere, so their bytes do not fit */
		d->pci_known[PCI_CAPABILITY_LIST / 8] &= ~(1 << PCI_CAPABILITY_LIST % 8);
		memset(d->pci_known + 8, 0, sizeof(d->pci_known) - 8);
	}
	for (unsigned i = 256; i < EMU_PCI_CONFIG && !d->layout.express; i++)
		d->layout.express = f->pci[i].any;
	fit_bars(f);
	d->layout.exact = d->pci;
	d->layout.exact_known = d->pci_known;
}

static void fill_blk(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	d->sectors = get_le64(d->config + BLK_CFG_CAPACITY);
	for (unsigned i = 0; i < 8; i++)
		if (!f->config[BLK_CFG_CAPACITY + i].any) { /* nobody asked: as much as was used */
			d->sectors = f->sectors_used;
			break;
		}
	d->read_only = d->offered[0] >> VIRTIO_BLK_F_RO & 1;
	d->disk = f->disk;
}

void replay_describe(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	bool legacy_id;
	d->transport = f->transport;
	d->late = f->late || !f->born; /* a beginning may have been cut off */
	fill_bytes(f);
	fill_features(f);
	replay_normalise_features(f);
	fill_queues(f);
	replay_normalise_queues(f);
	replay_normalise_config(f);
	legacy_id = known(d, PCI_DEVICE_ID, 2) && get_le16(d->pci + PCI_DEVICE_ID) >= 0x1000 &&
		    get_le16(d->pci + PCI_DEVICE_ID) < 0x1040;
	d->transitional = f->legacy_seen || f->transitional || legacy_id;
	fill_pci(f);
	if (d->virtio_id == VIRTIO_ID_BLOCK)
		fill_blk(f);
}

/* --- what became of it ------------------------------------------------------------------ */

/* Nobody asked for the capacity, or was told less than was used: as much as that. */
static void stretch(struct replay_change *c, const uint8_t *now)
{
	struct replay_vote *at = c->config + BLK_CFG_CAPACITY;
	uint64_t capacity = 0;
	for (unsigned i = 0; i < 8; i++)
		capacity |= (at[i].any ? at[i].value : now[BLK_CFG_CAPACITY + i]) << 8 * i;
	if (capacity >= c->sectors_used)
		return;
	for (unsigned i = 0; i < 8; i++)
		at[i] = (struct replay_vote){ .any = true,
					      .value = c->sectors_used >> 8 * i & 0xff };
}

static void list_size(struct replay_device *d, uint64_t sectors)
{
	unsigned n = 0;
	while (n < d->resizes && d->resize[n] != sectors)
		n++;
	if (sectors != d->sectors && n == d->resizes && n < REPLAY_RESIZES)
		d->resize[d->resizes++] = sectors;
}

void replay_describe_changes(struct replay_finding *f)
{
	const bool blk = f->d.virtio_id == VIRTIO_ID_BLOCK;
	uint8_t now[REPLAY_CONFIG_MAX];
	memcpy(now, f->d.config, sizeof(now));
	for (unsigned i = 0; blk && i < 8; i++)
		now[BLK_CFG_CAPACITY + i] = f->d.sectors >> 8 * i;
	for (unsigned n = 0; n < f->changes; n++) {
		struct replay_change *c = &f->change[n];
		if (blk)
			stretch(c, now);
		for (unsigned i = 0; i < REPLAY_CONFIG_MAX; i++) {
			if (!c->config[i].any || c->config[i].value == now[i])
				continue;
			now[i] = c->told.bytes[i] = c->config[i].value;
			c->told.known[i / 8] |= 1 << i % 8;
			c->told.any = true;
		}
		c->told.sectors = get_le64(now + BLK_CFG_CAPACITY);
		if (blk)
			list_size(&f->d, c->told.sectors);
	}
}
