/* SPDX-License-Identifier: MIT */
/* The PCI function of a recorded device as a layout: identity, BARs, capabilities (4.1.4). */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/class/class.h"
#include "emu/replay/layout.h"
#include "emu/replay/profile_impl.h"
#include "emu/transport/virtio_pci.h"

#define QEMU_NOTIFY_QUEUES 1024u /* its notification structure has room for so many */

/* The bytes of configuration space that were read are these. */
static void set(struct replay_device *d, unsigned at, unsigned len, uint32_t value)
{
	for (unsigned i = 0; i < len; i++)
		if (replay_bit(d->pci_known, at + i))
			d->pci[at + i] = value >> 8 * i;
}

bool replay_from_qemu(const struct replay_finding *f)
{
	for (unsigned t = VIRTIO_PCI_CAP_COMMON_CFG; t <= VIRTIO_PCI_CAP_DEVICE_CFG; t++)
		if (!f->region_len[t])
			return false;
	return f->bar_recorded[4];
}

/* --- the header, 4.1.2 and PCI 6.2 --------------------------------------------------------- */

static unsigned transitional_id(unsigned virtio_id)
{
	for (unsigned id = 0x1000; id < VIRTIO_PCI_ID_MODERN; id++)
		if (class_id_of_pci(id, 0) == virtio_id)
			return id;
	return 0;
}

static uint16_t device_id(const struct replay_finding *f, uint16_t id, bool legacy)
{
	const struct replay_device *d = &f->d;
	unsigned modern = VIRTIO_PCI_ID_MODERN + d->virtio_id, old = transitional_id(d->virtio_id);
	if (!replay_bit(d->pci_known, PCI_DEVICE_ID) || !d->virtio_id ||
	    (id == old && !replay_from_qemu(f)))
		return id;
	return !legacy ? modern : old ? old : id;
}

/* PCI 7.5.1.1.3: some must be there, others may be hardwired to 0; QEMU has SERR of these. */
static uint16_t command_bits(const struct replay_finding *f)
{
	uint16_t bits = replay_from_qemu(f) ? EMU_PCI_COMMAND_MUST | PCI_COMMAND_SERR
					    : EMU_PCI_COMMAND_USUAL;
	const uint16_t must = EMU_PCI_COMMAND_MUST & ~(f->d.transitional ? 0 : PCI_COMMAND_IO);
	for (unsigned b = 0; b < 16 && !replay_from_qemu(f); b++)
		if (f->command[b].any && !(must >> b & 1))
			bits = (bits & ~(1u << b)) | (uint16_t)f->command[b].value << b;
	return bits;
}

static void describe_header(struct replay_finding *f, struct emu_pci_layout *l)
{
	struct replay_device *d = &f->d;
	bool qemu = replay_from_qemu(f);
	bool legacy = qemu ? f->bar_recorded[0] && f->bar_type[0] & PCI_BASE_ADDRESS_SPACE_IO
			   : f->legacy_seen || f->transitional;
	const struct {
		uint8_t at, len;
		uint32_t value;
	} was[] = {
		{ PCI_DEVICE_ID, 2, l->device },
		{ PCI_REVISION_ID, 1, l->revision },
		{ PCI_CLASS_PROG, 3, l->class_code },
		{ PCI_SUBSYSTEM_VENDOR_ID, 2, l->subsys_vendor },
		{ PCI_SUBSYSTEM_ID, 2, l->subsys },
		{ PCI_INTERRUPT_PIN, 1, l->pin },
	};
	uint32_t v[6];
	for (unsigned i = 0; i < 6; i++)
		v[i] = replay_layout_number(d->pci, d->pci_known, was[i].at, was[i].len,
					    was[i].value);
	l->vendor = VIRTIO_PCI_VENDOR;
	l->device = device_id(f, v[0], legacy);
	l->revision = legacy ? 0 : qemu ? 1 : v[1]; /* 4.1.2.3 */
	l->class_code = f->class->pci_class ? f->class->pci_class << 16 | (v[2] & 0xffff) : v[2];
	l->subsys_vendor = qemu ? VIRTIO_PCI_VENDOR : v[3];
	l->subsys = legacy ? d->virtio_id : qemu ? 0x1100 : v[4];
	l->pin = v[5] > 4 || qemu ? 1 : v[5];
	l->command = command_bits(f);
	set(d, PCI_VENDOR_ID, 2, l->vendor);
	set(d, PCI_DEVICE_ID, 2, l->device);
	set(d, PCI_REVISION_ID, 1, l->revision);
	set(d, PCI_CLASS_PROG, 3, l->class_code);
	set(d, PCI_SUBSYSTEM_VENDOR_ID, 2, l->subsys_vendor);
	set(d, PCI_SUBSYSTEM_ID, 2, l->subsys);
	set(d, PCI_INTERRUPT_PIN, 1, l->pin);
	if (f->born) { /* as reset leaves them */
		set(d, PCI_LATENCY_TIMER, 1, 0);
		set(d, PCI_BIST, 1, 0);
	}
}

/* --- BARs, PCI 6.2.5.1 ------------------------------------------------------------------------ */

/* What a driver read after writing ones is ones above zeroes: the size most like this. */
static uint64_t nearest_size(uint32_t mask)
{
	const uint32_t type = mask & (mask & 1 ? 1 : 15);
	int best = __builtin_popcount(mask);
	uint64_t size = 0; /* there is no BAR */
	for (unsigned n = mask & 1 ? 2 : 4; n < 32; n++) {
		int wrong = __builtin_popcount((-(1u << n) | type) ^ mask);
		if (wrong < best)
			size = 1ull << n;
		best = wrong < best ? wrong : best;
	}
	return size;
}

static uint64_t above(uint64_t n)
{
	uint64_t p = 16;
	while (p < n && p < 1ull << 62)
		p <<= 1;
	return p;
}

/* 0: not known. */
static uint64_t qemu_bar_size(const struct replay_finding *f, const struct emu_pci_layout *usual,
			      unsigned bar)
{
	if (bar == 4)
		return replay_from_qemu(f) ? usual->bar[4].size : 0;
	if (bar == 0 && f->bar_type[0] & EMU_BAR_IO)
		return f->region_len[0] ? above(f->region_len[0]) : 0;
	return f->msix_recorded && bar == f->msix_bar ? usual->bar[1].size : 0;
}

static void describe_bars(struct replay_finding *f, struct emu_pci_layout *l,
			  const struct emu_pci_layout *usual)
{
	bool made = false; /* its creation was recorded, and with it which BARs there are */
	for (unsigned i = 0; i < REPLAY_BARS; i++)
		made |= f->bar_recorded[i];
	for (unsigned i = 0; i < REPLAY_BARS; i++) {
		uint32_t mask = get_le32(f->bar_mask + 4 * i), type = mask;
		uint64_t size = f->bar_recorded[i] ? qemu_bar_size(f, usual, i) : 0;
		if (!f->bar_sized[i] ||
		    (i && l->bar[i - 1].flags & EMU_BAR_64 && l->bar[i - 1].size))
			continue;
		if (made && (size || !f->bar_recorded[i]))
			type = f->bar_type[i];
		else
			size = nearest_size(mask);
		if (type & EMU_BAR_IO)
			size &= UINT16_MAX;
		type &= type & EMU_BAR_IO ? 1 : 15;
		l->bar[i] = (struct emu_pci_bar){ .size = size, .flags = size ? type : 0 };
	}
	uint32_t rom = -f->rom_mask;
	if (f->rom_sized && !(rom & (rom - 1)) && rom <= EMU_PCI_ROM_MAX)
		l->rom_size = rom;
}

static void grow(const struct replay_finding *f, struct emu_pci_layout *l, unsigned bar,
		 uint64_t end)
{
	if (bar < REPLAY_BARS && !f->bar_sized[bar] && l->bar[bar].size < end && end <= 1u << 30)
		l->bar[bar].size = above(end);
}

/* No structure reaches out of its BAR: 4.1.4.  Those whose size was not read grow. */
static void fit_bars(const struct replay_finding *f, struct emu_pci_layout *l)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++) {
		const struct emu_pci_cap *c = &l->cap[i];
		if (c->id == PCI_CAP_ID_MSIX) {
			grow(f, l, c->bar, c->offset + 16ull * l->vectors);
			grow(f, l, c->pba_bar, c->pba_offset + (l->vectors + 63ull) / 64 * 8);
		} else if (c->id == PCI_CAP_ID_VNDR && c->type != VIRTIO_PCI_CAP_PCI_CFG) {
			grow(f, l, c->bar, (uint64_t)c->offset + c->length);
		}
	}
	for (unsigned i = 0; i + 1 < REPLAY_BARS; i++)
		if (l->bar[i].size && l->bar[i].flags & EMU_BAR_64)
			l->bar[i + 1].size = 0;
}

/* --- capabilities, 4.1.4 and PCI 6.8.2 ------------------------------------------------------- */

static bool fits(const struct replay_finding *f, const struct emu_pci_layout *l,
		 const struct emu_pci_cap *c)
{
	static const uint8_t least[] = { [VIRTIO_PCI_CAP_COMMON_CFG] = 56,
					 [VIRTIO_PCI_CAP_NOTIFY_CFG] = 2,
					 [VIRTIO_PCI_CAP_ISR_CFG] = 1,
					 [VIRTIO_PCI_CAP_DEVICE_CFG] = 0 };
	static const uint8_t align[] = { [VIRTIO_PCI_CAP_COMMON_CFG] = 4,
					 [VIRTIO_PCI_CAP_NOTIFY_CFG] = 2,
					 [VIRTIO_PCI_CAP_ISR_CFG] = 1,
					 [VIRTIO_PCI_CAP_DEVICE_CFG] = 4 };
	return c->bar < REPLAY_BARS && c->length >= least[c->type] &&
	       c->offset % align[c->type] == 0 &&
	       (!f->bar_sized[c->bar] || (uint64_t)c->offset + c->length <= l->bar[c->bar].size);
}

static void describe_structure(struct replay_finding *f, const struct emu_pci_layout *l,
			       const struct emu_pci_layout *usual, struct emu_pci_cap *c)
{
	struct replay_device *d = &f->d;
	const struct emu_pci_cap *u = replay_layout_cap(usual, PCI_CAP_ID_VNDR, c->type);
	uint32_t mult = c->multiplier;
	bool qemu = replay_from_qemu(f);
	if (u && (qemu || !fits(f, l, c))) {
		c->bar = u->bar;
		c->offset = u->offset;
		c->length = qemu ? f->region_len[c->type] : u->length;
	}
	set(d, c->at + VIRTIO_PCI_CAP_BAR, 1, c->bar);
	set(d, c->at + VIRTIO_PCI_CAP_OFFSET, 4, c->offset);
	set(d, c->at + VIRTIO_PCI_CAP_LENGTH, 4, c->length);
	if (c->type != VIRTIO_PCI_CAP_NOTIFY_CFG)
		return;
	if (qemu)
		c->multiplier = f->region_len[c->type] / QEMU_NOTIFY_QUEUES;
	else if (mult & (mult - 1) || mult == 1) /* 4.1.4.4 */
		c->multiplier = u ? u->multiplier : 4;
	set(d, c->at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, c->multiplier);
	for (unsigned i = 0; i < d->num_queues; i++) /* each notification is in the structure */
		if ((uint64_t)d->notify_off[i] * c->multiplier + 2 > c->length)
			d->notify_off[i] = i;
}

/* How many vectors, and in which BAR, was recorded when the device was made. */
static void describe_msix(struct replay_finding *f, struct emu_pci_layout *l,
			  const struct emu_pci_layout *usual, struct emu_pci_cap *c)
{
	struct replay_device *d = &f->d;
	const struct emu_pci_cap *u = replay_layout_cap(usual, PCI_CAP_ID_MSIX, 0);
	if (!replay_from_qemu(f) || !f->msix_recorded || !f->vectors ||
	    f->vectors > REPLAY_VECTORS_MAX || !u)
		return;
	l->vectors = f->vectors;
	c->bar = c->pba_bar = f->msix_bar & PCI_MSIX_TABLE_BIR;
	c->offset = u->offset;
	c->pba_offset = u->pba_offset;
	set(d, c->at + PCI_MSIX_FLAGS, 2, l->vectors - 1u);
	set(d, c->at + PCI_MSIX_TABLE, 4, c->offset | c->bar);
	set(d, c->at + PCI_MSIX_PBA, 4, c->pba_offset | c->pba_bar);
}

/* Of QEMU's device the order of its capabilities is known, and the length of each. */
static void describe_order(struct replay_device *d, struct emu_pci_layout *l)
{
	static const struct {
		uint8_t type, len;
	} order[] = {
		{ VIRTIO_PCI_CAP_COMMON_CFG, 16 }, { VIRTIO_PCI_CAP_ISR_CFG, 16 },
		{ VIRTIO_PCI_CAP_DEVICE_CFG, 16 }, { VIRTIO_PCI_CAP_NOTIFY_CFG, 20 },
		{ VIRTIO_PCI_CAP_PCI_CFG, 20 },
	};
	const unsigned count = sizeof(order) / sizeof(order[0]);
	unsigned vendor = 0;
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++)
		vendor += l->cap[i].id == PCI_CAP_ID_VNDR;
	for (unsigned i = 0; vendor == count && i < EMU_PCI_CAPS && l->cap[i].id; i++) {
		struct emu_pci_cap *c = &l->cap[i];
		unsigned nth = 0; /* by place: the list runs backwards */
		if (c->id != PCI_CAP_ID_VNDR)
			continue;
		for (unsigned k = 0; k < EMU_PCI_CAPS && l->cap[k].id; k++)
			nth += l->cap[k].id == PCI_CAP_ID_VNDR && l->cap[k].at < c->at;
		c->type = order[nth].type;
		c->len = order[nth].len;
		set(d, c->at + VIRTIO_PCI_CAP_CFG_TYPE, 1, c->type);
		set(d, c->at + VIRTIO_PCI_CAP_LEN, 1, c->len);
		set(d, c->at + VIRTIO_PCI_CAP_BAR + 1, 3, 0); /* id, padding */
	}
}

static void describe_caps(struct replay_finding *f, struct emu_pci_layout *l,
			  const struct emu_pci_layout *usual)
{
	if (replay_from_qemu(f))
		describe_order(&f->d, l);
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++) {
		struct emu_pci_cap *c = &l->cap[i];
		if (c->id == PCI_CAP_ID_MSIX)
			describe_msix(f, l, usual, c);
		else if (c->id == PCI_CAP_ID_VNDR && c->type >= VIRTIO_PCI_CAP_COMMON_CFG &&
			 c->type <= VIRTIO_PCI_CAP_DEVICE_CFG)
			describe_structure(f, l, usual, c);
	}
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The layout of the emulator's own device of this kind. */
static void usual_layout(const struct replay_finding *f, struct emu_pci_layout *out)
{
	const struct replay_device *d = &f->d;
	struct emu_class any = replay_class_any;
	struct emu_device_config cfg = {
		.v.cls = f->class->device ? f->class->device : &any,
		.v.transitional = d->transitional,
		.v.queues = d->num_queues,
		.vectors = f->msix_recorded  ? (f->vectors ? f->vectors : VQT_NO_VECTOR)
			   : f->vectors_used ? f->vectors_used
					     : 0,
	};
	any.virtio_id = d->virtio_id;
	if (!f->msix_recorded && f->vectors_sent > (cfg.vectors ? cfg.vectors : d->num_queues + 1u))
		cfg.vectors = f->vectors_sent;
	if (cfg.vectors > REPLAY_VECTORS_MAX && cfg.vectors != VQT_NO_VECTOR)
		cfg.vectors = REPLAY_VECTORS_MAX;
	emu_vpci_layout(out, &cfg);
}

/* A list that ends before what the driver has used was not read to its end. */
static bool read_caps(const struct replay_finding *f, struct emu_pci_layout *l,
		      const struct emu_pci_layout *usual)
{
	struct emu_pci_layout new = *l;
	if (!replay_layout_read(&new, f->d.pci, f->d.pci_known, usual) ||
	    (f->modern_seen &&
	     !replay_layout_cap(&new, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_COMMON_CFG)))
		return false;
	*l = new;
	return true;
}

void replay_describe_pci(struct replay_finding *f)
{
	struct replay_device *d = &f->d;
	struct emu_pci_layout usual, *l = &d->layout;
	unsigned id = get_le16(d->pci + PCI_DEVICE_ID);
	d->transitional = f->legacy_seen || f->transitional ||
			  (replay_bit(d->pci_known, PCI_DEVICE_ID) &&
			   replay_bit(d->pci_known, PCI_DEVICE_ID + 1) && id >= 0x1000 &&
			   id < VIRTIO_PCI_ID_MODERN);
	usual_layout(f, &usual);
	*l = usual;
	describe_header(f, l);
	describe_bars(f, l, &usual);
	d->modern = true;
	if (read_caps(f, l, &usual)) {
		describe_caps(f, l, &usual);
		d->modern = replay_layout_cap(l, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_COMMON_CFG);
		if (!replay_layout_cap(l, PCI_CAP_ID_MSIX, 0))
			l->vectors = 0;
	} else { /* the usual ones are elsewhere, so these bytes do not fit */
		d->pci_known[PCI_CAPABILITY_LIST / 8] &= ~(1 << PCI_CAPABILITY_LIST % 8);
		memset(d->pci_known + 8, 0, sizeof(d->pci_known) - 8);
	}
	for (unsigned i = 256; i < EMU_PCI_CONFIG && !l->express; i++)
		l->express = f->pci[i].any;
	fit_bars(f, l);
	l->exact = d->pci;
	l->exact_known = d->pci_known;
}
