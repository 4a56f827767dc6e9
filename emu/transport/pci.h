/* SPDX-License-Identifier: MIT */
/*
 * A PCI function: configuration space with BARs, capabilities, INTx and MSI-X (PCI Local
 * Bus 3.0 chapter 6, PCI Express 7.5).  It does not depend on virtio; it calls its owner.
 */
#ifndef VQT_EMU_TRANSPORT_PCI_H
#define VQT_EMU_TRANSPORT_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/virtio/tap.h"

#define EMU_PCI_BARS 6
#define EMU_PCI_CAPS 16
#define EMU_PCI_CONFIG 4096

/* emu_pci_bar.flags: the low bits of the register */
#define EMU_BAR_IO 0x1
#define EMU_BAR_64 0x4
#define EMU_BAR_PREFETCH 0x8

struct emu_pci_bar {
	uint64_t size; /* power of two; 0: none */
	uint8_t flags;
};

/* Where a capability is and what is in it: one row each. */
struct emu_pci_cap {
	uint8_t id; /* PCI_CAP_ID_*; 0 ends */
	uint8_t at; /* offset in configuration space; 0: next free */
	uint8_t len; /* 0: the usual */
	/* PCI_CAP_ID_VNDR: 4.1.4 */
	uint8_t type; /* VIRTIO_PCI_CAP_* */
	uint8_t bar;
	uint32_t offset, length;
	uint32_t multiplier; /* notify */
	/* PCI_CAP_ID_MSIX: bar, offset of the table; and of the pending bits */
	uint8_t pba_bar;
	uint32_t pba_offset;
};

#define EMU_PCI_COMMAND_MUST \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define EMU_PCI_COMMAND_USUAL (EMU_PCI_COMMAND_MUST | PCI_COMMAND_PARITY | PCI_COMMAND_SERR)

#define EMU_PCI_ROM_MAX (16u << 20)

struct emu_pci_layout {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code; /* 24 bits */
	uint8_t pin; /* 1: INTA; 0: none */
	uint16_t command; /* bits of PCI_COMMAND that a driver can set; 0: the usual ones */
	uint16_t vectors; /* of MSI-X */
	bool express; /* has a configuration space of 4096 bytes */
	struct emu_pci_bar bar[EMU_PCI_BARS];
	/*
	 * Bytes, a power of two from 2 KiB to EMU_PCI_ROM_MAX; 0: none.  Its address can be
	 * written; no ROM is there (PCI 7.5.1.2.4).
	 */
	uint32_t rom_size;
	struct emu_pci_cap cap[EMU_PCI_CAPS];
	/*
	 * The configuration space of a recorded device, [EMU_PCI_CONFIG] bytes, and a bit
	 * for each byte that is known.  Known bytes replace those of the layout where the
	 * driver cannot write.  Borrowed; NULL: none.
	 */
	const uint8_t *exact, *exact_known;
};

struct emu_pci_owner {
	/* Send the message of a vector. */
	void (*msix)(void *opaque, uint16_t vector);
	void (*intx)(void *opaque, bool level);
	/* PCI_COMMAND, MSI-X enable or power state changed. */
	void (*changed)(void *opaque);
	void (*flr)(void *opaque); /* function level reset was asked for */
	/* Access window in a vendor capability (4.1.4.9); at is within the capability. */
	void (*vendor_access)(void *opaque, const struct emu_pci_cap *cap, unsigned at,
			      unsigned width, bool write);
};

struct emu_pci {
	struct emu_pci_layout l;
	const struct emu_pci_owner *owner;
	void *opaque;
	struct emu_tap *tap;
	uint8_t config[EMU_PCI_CONFIG];
	uint8_t writable[EMU_PCI_CONFIG]; /* masks */
	uint16_t msix_at, exp_at, pm_at; /* capability offsets, 0 none */
	uint8_t *table; /* 16 bytes a vector */
	uint64_t *pending;
	bool intx_level; /* asserted by the function, though it may be masked */
	bool intx_out; /* as last passed to the owner */
	bool masks_elsewhere; /* a host (VFIO) has the MSI-X table: the one here never masks */
};

int emu_pci_init(struct emu_pci *p, const struct emu_pci_layout *l,
		 const struct emu_pci_owner *owner, void *opaque);
void emu_pci_fini(struct emu_pci *p);
void emu_pci_reset(struct emu_pci *p); /* conventional reset: registers as after init */

/* width 1, 2 or 4, aligned; anything else reads as ones and is ignored. */
uint32_t emu_pci_config_read(struct emu_pci *p, uint32_t off, unsigned width);
void emu_pci_config_write(struct emu_pci *p, uint32_t off, unsigned width, uint32_t value);

/*
 * MSI-X structures in BARs: VQT_REGION_MSIX_TABLE or _PBA, and *off is made the offset in it;
 * else VQT_REGION_BAR.
 */
unsigned emu_pci_msix_region(const struct emu_pci *p, unsigned bar, uint64_t *off);
/* false: not all of the access is in it. */
bool emu_pci_msix_access(struct emu_pci *p, unsigned region, uint64_t off, unsigned width,
			 uint64_t *value, bool write);
bool emu_pci_msix_enabled(const struct emu_pci *p);
bool emu_pci_master(const struct emu_pci *p); /* may the function access memory? */
void emu_pci_msix(struct emu_pci *p, uint16_t vector); /* send it, or set its pending bit */
void emu_pci_intx(struct emu_pci *p, bool level);

#endif
