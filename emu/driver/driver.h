/* SPDX-License-Identifier: MIT */
/*
 * A virtio-pci driver in process: it finds the device in PCI configuration space,
 * negotiates, lays out rings in guest memory and makes requests, as the specification
 * demands.  It reaches the device only through struct emu_bus, and does not depend on
 * device types: a request is a list of buffers.  tests/emu/violation.h breaks rules with it.
 */
#ifndef VQT_EMU_DRIVER_DRIVER_H
#define VQT_EMU_DRIVER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How registers and memory are reached. */
struct emu_bus {
	uint32_t (*config_read)(void *opaque, uint32_t off, unsigned width);
	void (*config_write)(void *opaque, uint32_t off, unsigned width, uint32_t value);
	uint64_t (*bar_read)(void *opaque, unsigned bar, uint64_t off, unsigned width);
	void (*bar_write)(void *opaque, unsigned bar, uint64_t off, unsigned width, uint64_t value);
	void (*run)(void *opaque); /* let the device work; may be NULL */
	void *opaque;
	uint8_t *ram; /* guest memory, mapped */
	uint64_t ram_gpa, ram_size;
};

struct emu_driver_options {
	uint64_t features[2]; /* wanted; what is not offered is left out.  0: VERSION_1 */
	uint16_t queues; /* 0: 1 */
	uint16_t queue_size; /* 0: as the device has it */
	bool legacy; /* through the legacy I/O BAR */
	bool no_msix; /* INTx */
};

/* One piece of a buffer. */
struct emu_seg {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

/* A structure found by its capability, 4.1.4. */
struct emu_place {
	bool found;
	uint8_t bar, at; /* at: of the capability */
	uint32_t offset, length;
};

struct emu_driver_slot {
	uint64_t cookie;
	uint64_t table; /* of indirect descriptors, kept for reuse */
	uint16_t ndesc, table_cap;
	uint16_t next; /* of this descriptor of a split ring, in its chain */
	bool busy;
};

struct emu_driver_queue {
	uint16_t index, size;
	bool packed, event_idx, in_order, indirect;
	uint32_t notify_off;
	uint16_t notify_value;
	uint64_t desc, driver, device; /* guest-physical */
	uint8_t *p_desc, *p_driver, *p_device;
	struct emu_driver_slot *slot; /* by head (split) or buffer id (packed) */
	uint16_t *free; /* FIFO of free descriptors or ids */
	uint16_t free_head, free_count;
	uint16_t free_desc; /* packed: ring slots left */
	uint16_t avail, used; /* positions: split: free-running; packed: slot | wrap << 15 */
	uint16_t kicked; /* avail at the last decision to notify */
	uint16_t added; /* slots since then */
	bool no_interrupts; /* asked for */
};

struct emu_driver {
	struct emu_bus bus;
	struct emu_driver_options opt;
	uint64_t next; /* of the memory allocator */
	uint16_t device_id, subsys;
	uint64_t bar_size[6];
	struct emu_place common, notify, isr, config, window;
	uint32_t notify_multiplier;
	uint8_t msix_at; /* capability, 0 none */
	uint16_t vectors;
	uint64_t offered[2], accepted[2];
	uint16_t num_queues;
	struct emu_driver_queue *queue;
	uint32_t kicks; /* sent */
	const char *why; /* of the last error */
};

int emu_driver_init(struct emu_driver *d, const struct emu_bus *bus);
void emu_driver_fini(struct emu_driver *d);
uint64_t emu_driver_alloc(struct emu_driver *d, uint64_t size, uint64_t align); /* gpa; 0: full */
void *emu_driver_ptr(struct emu_driver *d, uint64_t gpa);
void emu_driver_run(struct emu_driver *d);

/* PCI: identify, size and place BARs, enable, walk the capabilities. */
int emu_driver_probe(struct emu_driver *d);
/* The initialisation of 3.1.1, in one call or step by step. */
int emu_driver_start(struct emu_driver *d, const struct emu_driver_options *opt);
int emu_driver_reset(struct emu_driver *d); /* waits until device_status reads 0 */
int emu_driver_negotiate(struct emu_driver *d); /* ACKNOWLEDGE to FEATURES_OK; by d->opt */
int emu_driver_queues(struct emu_driver *d); /* MSI-X, rings, enable */
int emu_driver_queue(struct emu_driver *d, uint16_t index); /* one of them */
void emu_driver_ok(struct emu_driver *d); /* DRIVER_OK */
int emu_driver_queue_reset(struct emu_driver *d, uint16_t index); /* 2.6.1, waits */

/* Registers by offset in their structure; status through either interface. */
uint64_t emu_driver_read(struct emu_driver *d, const struct emu_place *p, uint32_t off, unsigned w);
void emu_driver_write(struct emu_driver *d, const struct emu_place *p, uint32_t off, unsigned w,
		      uint64_t v);
uint8_t emu_driver_status(struct emu_driver *d);
void emu_driver_set_status(struct emu_driver *d, uint8_t status);
/* Device configuration, with the generation loop of 2.5.1. */
void emu_driver_config(struct emu_driver *d, uint32_t off, void *buf, uint32_t len);
bool emu_driver_has(const struct emu_driver *d, unsigned bit);

/* Offer a buffer: readable pieces first.  Its head or id, or -ENOSPC. */
int emu_driver_add(struct emu_driver *d, struct emu_driver_queue *q, const struct emu_seg *seg,
		   unsigned n, bool indirect, uint64_t cookie);
/* Notify the device if it asks for that; returns whether a notification was sent. */
bool emu_driver_kick(struct emu_driver *d, struct emu_driver_queue *q);
void emu_driver_kick_now(struct emu_driver *d, struct emu_driver_queue *q);
/* Take a used buffer: 1, 0 none, -EPROTO when the device returned nonsense. */
int emu_driver_get(struct emu_driver *d, struct emu_driver_queue *q, uint64_t *cookie,
		   uint32_t *len);
/* Ask for interrupts (2.7.7, 2.8.10), or not. */
void emu_driver_interrupts(struct emu_driver *d, struct emu_driver_queue *q, bool on);

#endif
