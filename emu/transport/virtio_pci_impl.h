/* SPDX-License-Identifier: MIT */
/* Between the files of virtio over PCI (4.1). */
#ifndef VQT_EMU_TRANSPORT_VIRTIO_PCI_IMPL_H
#define VQT_EMU_TRANSPORT_VIRTIO_PCI_IMPL_H

#include "emu/transport/virtio_pci.h"

struct emu_vpci {
	struct emu_device dev; /* first */
	struct emu_pci pci;
	bool ignore_bus_master;
	int legacy_bar; /* -1: none */
	/* 4.1.4.3 */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t config_vector, queue_select;
	uint8_t isr; /* 4.1.4.5 */
};

static inline struct emu_vpci *emu_vpci(struct emu_device *dev)
{
	return (struct emu_vpci *)dev;
}

/* An access in a BAR, wherever it lands; tap flags as in vqt_reg. */
void emu_vpci_bar(struct emu_vpci *d, unsigned bar, uint64_t off, unsigned width, uint64_t *value,
		  bool write, unsigned flags);
/* The legacy structure (4.1.4.10); false: refused. */
bool emu_vpci_legacy(struct emu_vpci *d, uint64_t off, unsigned width, uint64_t *value, bool write);
/*
 * The common and the device configuration structure; cap is the capability that has it, and
 * not used.
 */
bool emu_vpci_common(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
		     unsigned width, uint64_t *value, bool write);
bool emu_vpci_config(struct emu_vpci *d, const struct emu_pci_cap *cap, uint64_t off,
		     unsigned width, uint64_t *value, bool write);
/* Shared by both interfaces. */
uint8_t emu_vpci_read_isr(struct emu_vpci *d);
void emu_vpci_interrupt(struct emu_vpci *d); /* the INTx line follows ISR */
void emu_vpci_vendor(void *opaque, const struct emu_pci_cap *cap, unsigned at, unsigned width,
		     bool write);

extern const struct emu_virtio_host emu_vpci_host;

#endif
