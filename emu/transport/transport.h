/* SPDX-License-Identifier: MIT */
/*
 * A device as a driver sees it: a device type behind a transport.  Its inputs are accesses
 * and completions; its outputs are values, guest-memory writes and interrupts.  It has no
 * thread, clock or descriptor, and only one thread at a time may call it.
 *
 * Its owner does, for each access of the driver:
 *     emu_device_read() or emu_device_write();   (touches no guest memory)
 *     answer the driver;
 *     emu_virtio_run();                          (serves rings, notifies)
 * and emu_virtio_run() again when emu_virtio_fd() becomes readable.
 *
 * A transport is one file that defines a struct emu_transport, and a row below it.
 */
#ifndef VQT_EMU_TRANSPORT_TRANSPORT_H
#define VQT_EMU_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/virtio/device.h"
#include "emu/virtio/memory.h"
#include "emu/virtio/tap.h"

struct emu_transport;
struct emu_pci_layout;

/* Interrupts out.  A line's level: INTx, or that of a transport with one line. */
struct emu_device_host {
	void (*msix)(void *opaque, uint16_t vector);
	void (*intx)(void *opaque, bool level);
	void *opaque;
};

struct emu_device_config {
	const struct emu_transport *transport; /* NULL: &emu_transport_pci */
	struct emu_virtio_config v;
	struct emu_device_host host;
	/* PCI only; v.transitional: with a legacy I/O BAR, 4.1.2.3 */
	bool express; /* PCI Express capability and extended space */
	bool ignore_bus_master; /* reach memory with bus mastering off (old drivers) */
	bool msix_elsewhere; /* the host keeps MSI-X masks (vfio-user) */
	uint16_t vectors; /* MSI-X; 0: queues + 1; VQT_NO_VECTOR: no MSI-X */
	/*
	 * NULL: the layout of emu_vpci_layout().  To imitate a recorded device, change ids,
	 * BARs and capabilities in a copy of that, and pass the copy.
	 */
	const struct emu_pci_layout *layout;
	/* MMIO only: 4.2.2 */
	uint8_t mmio_version; /* 1: the legacy registers; else those of version 2 */
	uint32_t mmio_vendor; /* VendorID */
};

/* What all transports have in common; theirs begin with it. */
struct emu_device {
	const struct emu_transport *transport;
	struct emu_virtio v;
	struct emu_device_host host;
};

struct emu_transport {
	const char *name; /* "pci" */
	unsigned id; /* enum vqt_transport */
	const struct emu_virtio_host *host; /* how the device notifies; opaque is the device */
	/* A zeroed device with its registers; all of struct emu_device is the caller's. */
	int (*create)(struct emu_device **out, const struct emu_device_config *cfg);
	void (*destroy)(struct emu_device *d);
	/*
	 * Set the registers outside the virtio device to their initial values; also called
	 * once after create().
	 */
	void (*reset)(struct emu_device *d);
	uint64_t (*region_size)(const struct emu_device *d, unsigned region); /* bytes; 0: none */
	/* One access as the bus does it: width 1, 2, 4, or 8 where the register is as wide. */
	uint64_t (*load)(struct emu_device *d, unsigned region, uint64_t off, unsigned width);
	void (*store)(struct emu_device *d, unsigned region, uint64_t off, unsigned width,
		      uint64_t value);
	/* Is a write of len bytes there an available buffer notification? */
	bool (*notifies)(const struct emu_device *d, unsigned region, uint64_t off, uint64_t len);
};

/* The transports: a row each. */
extern const struct emu_transport emu_transport_pci, emu_transport_mmio;

/* 0 or negative errno. */
int emu_device_new(struct emu_device **out, const struct emu_device_config *cfg);
void emu_device_free(struct emu_device *d); /* requests in flight are waited for */

/* Regions, numbered as VFIO does: BARs 0 to 5, configuration space. */
#define EMU_REGION_CONFIG 7
uint64_t emu_device_region_size(const struct emu_device *d, unsigned region); /* 0: none */
/*
 * Any length: split into naturally aligned accesses of at most 4 bytes (8 stays
 * whole where the register takes it).  0, or -EINVAL outside the region.
 */
int emu_device_read(struct emu_device *d, unsigned region, uint64_t off, void *buf, size_t len);
int emu_device_write(struct emu_device *d, unsigned region, uint64_t off, const void *buf,
		     size_t len);
/* One access, see struct emu_transport. */
uint64_t emu_device_load(struct emu_device *d, unsigned region, uint64_t off, unsigned width);
void emu_device_store(struct emu_device *d, unsigned region, uint64_t off, unsigned width,
		      uint64_t value);
bool emu_device_notifies(const struct emu_device *d, unsigned region, uint64_t off, uint64_t len);

/* The driver wrote 0 to device_status (or queue_reset) and requests are in flight. */
bool emu_device_resetting(const struct emu_device *d);
/* A reset by the platform, not the driver: PCI reset (VFIO DEVICE_RESET).  Drains first. */
void emu_device_reset(struct emu_device *d);

#endif
