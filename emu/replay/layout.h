/* SPDX-License-Identifier: MIT */
/* PCI configuration space as a driver finds it, read into a layout: 4.1.4, PCI 6.7. */
#ifndef VQT_EMU_REPLAY_LAYOUT_H
#define VQT_EMU_REPLAY_LAYOUT_H

#include "emu/transport/pci.h"

/* The first capability with this id, of PCI_CAP_ID_VNDR with this type; NULL: none. */
const struct emu_pci_cap *replay_layout_cap(const struct emu_pci_layout *l, unsigned id,
					    unsigned type);

/*
 * A little-endian number in the configuration space pci[], of which known[] has a bit for
 * each byte that is known (NULL: all are).  Unknown bytes are those of otherwise.
 */
uint32_t replay_layout_number(const uint8_t *pci, const uint8_t *known, unsigned at, unsigned len,
			      uint32_t otherwise);

/*
 * Fill l->cap and l->vectors from the capability list.  Fields that are not known are those
 * of the same capability in usual.  false: the list could not be followed, and l is as
 * before.
 */
bool replay_layout_read(struct emu_pci_layout *l, const uint8_t *pci, const uint8_t *known,
			const struct emu_pci_layout *usual);

/* Where the registers of a region lie. */
struct replay_place {
	uint8_t bar;
	uint64_t offset, length; /* bytes */
};
/* region: enum vqt_region, COMMON to MSIX_PBA.  false: the layout has no such place. */
bool replay_layout_place(const struct emu_pci_layout *l, unsigned region, struct replay_place *out);

#endif
