/* SPDX-License-Identifier: MIT */
/*
 * The assembled device: a virtio-pci function around a device class.  A pure
 * machine: accesses and completions go in, values, guest-memory writes and
 * interrupts come out.  No thread, clock or descriptor is inside; one thread at
 * a time may be in a device.
 *
 * A front door does, for each access of the driver:
 *     emu_device_read() or emu_device_write();   (touches no guest memory)
 *     answer the driver;
 *     emu_device_run();                          (serves rings, notifies)
 * and emu_device_run() again when emu_device_fd() becomes readable.
 */
#ifndef VQT_EMU_TRANSPORT_FUNCTION_H
#define VQT_EMU_TRANSPORT_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/virtio/mem.h"
#include "emu/transport/pci.h"
#include "emu/virtio/tap.h"
#include "emu/virtio/device.h"

struct emu_device;

/* Interrupts out. */
struct emu_device_host {
	void (*msix)(void *opaque, uint16_t vector, uint64_t address, uint32_t data);
	void (*intx)(void *opaque, bool level);
	void *opaque;
};

struct emu_device_config {
	const struct emu_class *cls; /* &emu_blk */
	const void *class_config; /* struct emu_blk_config */
	struct emu_mem *mem; /* borrowed */
	struct emu_device_host host;
	struct emu_tap *tap; /* borrowed, may be NULL */
	struct emu_fault *fault; /* borrowed, may be NULL */
	bool transitional; /* legacy I/O BAR, 4.1.2.3 */
	bool express; /* PCI Express capability and extended space */
	bool ignore_bus_master; /* reach memory with bus mastering off (old drivers) */
	bool msix_elsewhere; /* the host keeps MSI-X masks (vfio-user) */
	uint16_t queues, queue_size; /* 0: 1, 256 */
	const uint16_t *queue_sizes; /* per queue; overrides */
	uint16_t vectors; /* MSI-X; 0: queues + 1; VQT_NO_VECTOR: no MSI-X */
	uint64_t features; /* of the core; 0: emu_virtio_core_features() */
	uint64_t features_on, features_off; /* as in struct emu_virtio_config */
	const uint64_t *features_exact; /* [2]: offer precisely these */
	const uint32_t *legacy_exact; /* and this at the legacy interface; NULL: the same */
	const uint8_t *config_exact; /* device configuration, overlaid */
	uint16_t config_exact_len;
	uint32_t max_chain; /* 0: the queue size */
	/*
	 * PCI layout; NULL: emu_device_layout()'s.  To stand in for a recorded
	 * device take that, change ids, BARs and capabilities, and pass it.
	 */
	const struct emu_pci_layout *layout;
};

/* The layout used by default for this configuration. */
void emu_device_layout(struct emu_pci_layout *out, const struct emu_device_config *cfg);
int emu_device_new(struct emu_device **out, const struct emu_device_config *cfg);
void emu_device_free(struct emu_device *d); /* requests in flight are waited for */

/* Regions, numbered as VFIO does. */
#define EMU_REGION_BAR0 0
#define EMU_REGION_CONFIG 7
uint64_t emu_device_region_size(const struct emu_device *d, unsigned region); /* 0: none */
/*
 * Any length: split into naturally aligned accesses of at most 4 bytes (8 stays
 * whole where the register takes it).  0, or -EINVAL outside the region.
 */
int emu_device_read(struct emu_device *d, unsigned region, uint64_t off, void *buf, size_t len);
int emu_device_write(struct emu_device *d, unsigned region, uint64_t off, const void *buf,
		     size_t len);
/* One access as the bus does it: width 1, 2, 4 or 8. */
uint64_t emu_device_bar_read(struct emu_device *d, unsigned bar, uint64_t off, unsigned width);
void emu_device_bar_write(struct emu_device *d, unsigned bar, uint64_t off, unsigned width,
			  uint64_t value);
uint32_t emu_device_config_read(struct emu_device *d, uint32_t off, unsigned width);
void emu_device_config_write(struct emu_device *d, uint32_t off, unsigned width, uint32_t value);

/* See emu_virtio_run(). */
int emu_device_run(struct emu_device *d, unsigned budget);
bool emu_device_busy(const struct emu_device *d); /* kicked queues remain to be run */
uint32_t emu_device_inflight(const struct emu_device *d);
/* The driver wrote 0 to device_status (or queue_reset) and requests are in flight. */
bool emu_device_resetting(const struct emu_device *d);
int emu_device_drain(struct emu_device *d);
int emu_device_fd(const struct emu_device *d); /* -1: completions never come by themselves */
/* From outside the driver: PCI reset (VFIO DEVICE_RESET), drains first. */
void emu_device_reset(struct emu_device *d);

struct emu_virtio *emu_device_virtio(struct emu_device *d);
struct emu_pci *emu_device_pci(struct emu_device *d);

#endif
