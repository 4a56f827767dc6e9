/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI (4.1): the registers between a PCI function and a virtio
 * device.  Internal to the assembled device (emu/transport/function.h), whose struct this is.
 */
#ifndef VQT_EMU_TRANSPORT_VIRTIO_PCI_H
#define VQT_EMU_TRANSPORT_VIRTIO_PCI_H

#include "emu/transport/function.h"

struct emu_device {
	struct emu_virtio v;
	struct emu_pci pci;
	struct emu_device_host host;
	struct emu_tap *tap;
	struct emu_fault *fault;
	bool ignore_bus_master;
	bool ready; /* callbacks may be acted upon */
	int legacy_bar; /* -1: none */
	/* 4.1.4.3 */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t config_vector, queue_select;
	uint8_t isr; /* 4.1.4.5 */
};

/* One register: a row. */
struct emu_reg {
	uint16_t offset;
	uint8_t width;
	uint32_t (*read)(struct emu_device *d);
	void (*write)(struct emu_device *d, uint32_t value); /* NULL: read-only */
};

/* An access in a BAR, wherever it lands; tap flags as in vqt_reg. */
void emu_vpci_bar(struct emu_device *d, unsigned bar, uint64_t off, unsigned width, uint64_t *value,
		  bool write, unsigned flags);
/* The legacy structure (4.1.4.10); false: refused. */
bool emu_vpci_legacy(struct emu_device *d, uint64_t off, unsigned width, uint64_t *value,
		     bool write);
/* Look a register up and do it; false: no such register of that width. */
bool emu_vpci_row(struct emu_device *d, const struct emu_reg *rows, unsigned count, uint64_t off,
		  unsigned width, uint64_t *value, bool write);

/* Shared by both interfaces. */
struct emu_queue *emu_vpci_selected(struct emu_device *d); /* NULL: no such queue */
uint16_t emu_vpci_vector(struct emu_device *d, uint32_t value); /* what is really set */
uint8_t emu_vpci_read_isr(struct emu_device *d);
void emu_vpci_interrupt(struct emu_device *d); /* the INTx line follows ISR */
void emu_vpci_vendor(void *opaque, const struct emu_pci_cap *cap, unsigned at, unsigned width,
		     bool write);

extern const struct emu_virtio_host emu_vpci_host;

#endif
