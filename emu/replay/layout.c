/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/trace/record.h"
#include "emu/replay/layout.h"

const struct emu_pci_cap *replay_layout_cap(const struct emu_pci_layout *l, unsigned id,
					    unsigned type)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && l->cap[i].id; i++)
		if (l->cap[i].id == id && (id != PCI_CAP_ID_VNDR || l->cap[i].type == type))
			return &l->cap[i];
	return NULL;
}

uint32_t replay_layout_number(const uint8_t *pci, const uint8_t *known, unsigned at, unsigned len,
			      uint32_t otherwise)
{
	for (unsigned i = 0; i < len && at + i < EMU_PCI_CONFIG; i++)
		if (!known || known[(at + i) / 8] >> (at + i) % 8 & 1)
			otherwise = (otherwise & ~(0xffu << 8 * i)) | (uint32_t)pci[at + i]
									      << 8 * i;
	return otherwise;
}

/* A configuration space, of which not every byte need be known. */
struct space {
	const uint8_t *bytes, *known;
};

static bool known(const struct space *s, unsigned at)
{
	return !s->known || s->known[at / 8] >> at % 8 & 1;
}

static uint32_t number(const struct space *s, unsigned at, unsigned len, uint32_t otherwise)
{
	return replay_layout_number(s->bytes, s->known, at, len, otherwise);
}

static void read_structure(const struct space *s, const struct emu_pci_layout *usual,
			   struct emu_pci_cap *c)
{
	static const struct emu_pci_cap none = { .length = 4096, .multiplier = 4 };
	const struct emu_pci_cap *u;
	if (c->type == VIRTIO_PCI_CAP_PCI_CFG)
		return;
	u = replay_layout_cap(usual, PCI_CAP_ID_VNDR, c->type);
	u = u ? u : &none;
	c->bar = number(s, c->at + VIRTIO_PCI_CAP_BAR, 1, u->bar);
	c->offset = number(s, c->at + VIRTIO_PCI_CAP_OFFSET, 4, u->offset);
	c->length = number(s, c->at + VIRTIO_PCI_CAP_LENGTH, 4, u->length);
	c->multiplier = number(s, c->at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4,
			       u->multiplier ? u->multiplier : none.multiplier);
}

static void read_vendor(const struct space *s, const struct emu_pci_layout *usual,
			struct emu_pci_cap *c)
{
	c->type = number(s, c->at + VIRTIO_PCI_CAP_CFG_TYPE, 1, 0);
	c->len = number(s, c->at + VIRTIO_PCI_CAP_LEN, 1, 0);
	if (c->type)
		read_structure(s, usual, c);
}

static void read_msix(const struct space *s, const struct emu_pci_layout *usual,
		      struct emu_pci_layout *l, struct emu_pci_cap *c)
{
	static const struct emu_pci_cap none = { .bar = 1, .pba_bar = 1, .pba_offset = 2048 };
	const struct emu_pci_cap *u = replay_layout_cap(usual, PCI_CAP_ID_MSIX, 0);
	u = u ? u : &none;
	uint32_t table = number(s, c->at + PCI_MSIX_TABLE, 4, u->offset | u->bar);
	uint32_t pba = number(s, c->at + PCI_MSIX_PBA, 4, u->pba_offset | u->pba_bar);
	if (known(s, c->at + PCI_MSIX_FLAGS))
		l->vectors = (number(s, c->at + PCI_MSIX_FLAGS, 2, 0) & PCI_MSIX_FLAGS_QSIZE) + 1;
	c->bar = table & PCI_MSIX_TABLE_BIR;
	c->offset = table & PCI_MSIX_TABLE_OFFSET;
	c->pba_bar = pba & PCI_MSIX_PBA_BIR;
	c->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
}

static bool has_type(const struct emu_pci_layout *l, unsigned type)
{
	return replay_layout_cap(l, PCI_CAP_ID_VNDR, type);
}

/*
 * Some drivers look at nothing but the ids and links of capabilities.  Those whose type was
 * not read are the usual ones that are missing, by their places: the list may run backwards.
 */
static void guess_types(const struct space *s, const struct emu_pci_layout *usual,
			struct emu_pci_layout *l)
{
	const struct emu_pci_cap *u = usual->cap, *end = usual->cap + EMU_PCI_CAPS;
	for (;;) {
		struct emu_pci_cap *c = NULL;
		for (unsigned n = 0; n < EMU_PCI_CAPS && l->cap[n].id; n++)
			if (l->cap[n].id == PCI_CAP_ID_VNDR && !l->cap[n].type &&
			    !known(s, l->cap[n].at + VIRTIO_PCI_CAP_CFG_TYPE) &&
			    (!c || l->cap[n].at < c->at))
				c = &l->cap[n];
		while (u < end && u->id && (u->id != PCI_CAP_ID_VNDR || has_type(l, u->type)))
			u++;
		if (!c || u == end || !u->id)
			return;
		c->type = u->type;
		read_structure(s, usual, c);
	}
}

bool replay_layout_read(struct emu_pci_layout *l, const uint8_t *pci, const uint8_t *which,
			const struct emu_pci_layout *usual)
{
	const struct space s = { .bytes = pci, .known = which };
	struct emu_pci_layout new = *l;
	unsigned at = pci[PCI_CAPABILITY_LIST] & ~3u, n = 0;
	if (!known(&s, PCI_CAPABILITY_LIST))
		return false;
	memset(new.cap, 0, sizeof(new.cap));
	while (at && n < EMU_PCI_CAPS - 1) {
		struct emu_pci_cap *c = &new.cap[n++];
		if (at < 0x40 || !known(&s, at) || !pci[at])
			return false;
		c->id = pci[at];
		c->at = at;
		if (c->id == PCI_CAP_ID_VNDR)
			read_vendor(&s, usual, c);
		else if (c->id == PCI_CAP_ID_MSIX)
			read_msix(&s, usual, &new, c);
		/* A driver that found what it looked for goes no further: so does the list. */
		at = known(&s, at + 1) ? pci[at + 1] & ~3u : 0;
	}
	if (at)
		return false;
	guess_types(&s, usual, &new);
	*l = new;
	return true;
}

bool replay_layout_place(const struct emu_pci_layout *l, unsigned region, struct replay_place *out)
{
	static const uint8_t types[] = {
		[VQT_REGION_COMMON] = VIRTIO_PCI_CAP_COMMON_CFG,
		[VQT_REGION_NOTIFY] = VIRTIO_PCI_CAP_NOTIFY_CFG,
		[VQT_REGION_ISR] = VIRTIO_PCI_CAP_ISR_CFG,
		[VQT_REGION_DEVICE] = VIRTIO_PCI_CAP_DEVICE_CFG,
	};
	bool msix = region == VQT_REGION_MSIX_TABLE || region == VQT_REGION_MSIX_PBA;
	unsigned type = region < sizeof(types) ? types[region] : 0;
	const struct emu_pci_cap *c = NULL;
	if (msix)
		c = replay_layout_cap(l, PCI_CAP_ID_MSIX, 0);
	else if (type)
		c = replay_layout_cap(l, PCI_CAP_ID_VNDR, type);
	if (!c)
		return false;
	*out = (struct replay_place){ .bar = c->bar, .offset = c->offset, .length = c->length };
	if (region == VQT_REGION_MSIX_TABLE)
		out->length = l->vectors * 16ull;
	if (region == VQT_REGION_MSIX_PBA)
		*out = (struct replay_place){ .bar = c->pba_bar,
					      .offset = c->pba_offset,
					      .length = (l->vectors + 63ull) / 64 * 8 };
	return out->bar < EMU_PCI_BARS;
}
