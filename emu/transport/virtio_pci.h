/* SPDX-License-Identifier: MIT */
/* Functions for a device that is a PCI function. */
#ifndef VQT_EMU_TRANSPORT_VIRTIO_PCI_H
#define VQT_EMU_TRANSPORT_VIRTIO_PCI_H

#include "emu/transport/pci.h"
#include "emu/transport/transport.h"

/* The layout used by default for this configuration. */
void emu_vpci_layout(struct emu_pci_layout *out, const struct emu_device_config *cfg);
/* The PCI function; d has emu_transport_pci. */
struct emu_pci *emu_vpci_pci(struct emu_device *d);

#endif
