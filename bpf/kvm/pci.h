/* SPDX-License-Identifier: MIT */
/*
 * What accesses to the PCI configuration space of a virtio function tell of it: where its BARs are
 * and, by its capabilities (4.1.4), which structure of virtio is where in them.
 *
 * Both sides are hostile: the guest chooses what is accessed and written, the device what is read.
 * A function is of a fixed size, and a capability list is followed for 48 steps at most.
 */
#ifndef VQT_BPF_KVM_PCI_H
#define VQT_BPF_KVM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_CONFIG 256 /* bytes; what is behind them has no virtio capability */
#define PCI_AREAS 16
#define PCI_VENDOR_VIRTIO 0x1af4 /* 4.1.2 */

/* A structure of the device, in guest-physical memory or among the I/O ports. */
struct pci_area {
	uint64_t start, len; /* bytes */
	uint8_t region; /* enum vqt_region */
	bool io;
	uint32_t multiplier; /* VQT_REGION_NOTIFY: notify_off_multiplier, 4.1.4.4 */
	/* Where it is in the function, which does not change with the BAR. */
	uint8_t bar;
	uint32_t offset;
};

/*
 * All zeroes is a function of which nothing is known.  The configuration space is as read, for what
 * the guest writes has no effect on most of it, and as written where it has: in the BARs, the
 * command register and the access window.
 */
struct pci_function {
	uint8_t config[PCI_CONFIG];
	uint8_t known[PCI_CONFIG / 8]; /* bit n: byte n */
	uint8_t mask[6 * 4]; /* BARs as read after all ones were written */
	uint8_t mask_known[6]; /* of each, bit n: byte n */
	uint8_t kind[6]; /* of each, the low byte as read: its low bits are the kind */
	uint8_t kind_known; /* bit n: of BAR n */
	uint8_t sizing; /* bit n: all ones were written to BAR n last; it has no address */
	uint8_t unclear; /* bit n: what was written to BAR n last is not known, nor what reads mean */
	uint8_t window; /* where the configuration access capability is (4.1.4.9); 0: not known */
	uint8_t msix; /* where its MSI-X capability is; 0: not known */
	bool msix_on; /* as last read or written there */
	bool legacy; /* it has the legacy interface, 4.1.4.10 */
	unsigned nareas;
	struct pci_area area[PCI_AREAS]; /* those whose place is known, in the order of the list */
};

/* An access to its configuration space, at offset; width: 1, 2 or 4 bytes. */
void pci_config(struct pci_function *f, bool write, uint32_t offset, unsigned width,
		uint32_t value);
/* Nothing answers at its place: it decodes nothing, until it is written or read again. */
void pci_gone(struct pci_function *f);
/* Something was written there, and it is not known what. */
void pci_forget(struct pci_function *f, uint32_t offset, unsigned width);
/* The 1, 2 or 4 bytes at offset; false: not all of them are known. */
bool pci_get(const struct pci_function *f, unsigned offset, unsigned width, uint32_t *value);
/*
 * The structure that contains this address, NULL: none, or the function does not decode its BARs
 * (command register).
 */
const struct pci_area *pci_find(const struct pci_function *f, bool io, uint64_t addr);
/* Whether the function answers at this address, by a structure or by what else is in its BARs. */
bool pci_claims(const struct pci_function *f, bool io, uint64_t addr);

/* What an access to the data of the access window does (4.1.4.9). */
enum pci_window {
	PCI_WINDOW_UNKNOWN,
	PCI_WINDOW_SHUT, /* nothing: the length in it is no width */
	PCI_WINDOW_ELSEWHERE, /* it goes to no known structure */
	PCI_WINDOW_OPEN,
};

/*
 * The structure, also one whose address is not known, that the window points into, where in it, and
 * the bytes that are then read or written: 1, 2 or 4.  They are set where it is PCI_WINDOW_OPEN.
 */
enum pci_window pci_find_window(const struct pci_function *f, const struct pci_area **area,
				uint32_t *offset, unsigned *width);

#endif
