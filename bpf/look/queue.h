/* SPDX-License-Identifier: MIT */
/* One look at a virtqueue of a QEMU: positions of both sides, the kick, the interrupt. */
#ifndef VQT_BPF_LOOK_QUEUE_H
#define VQT_BPF_LOOK_QUEUE_H

#include "bpf/look/machine.h"
#include "bpf/look/vring.h"

/* What a look needs to know of the device. */
struct queue_device {
	uint64_t proxy, vdev, pci_config; /* in the process; 0 unknown */
	uint64_t features; /* accepted, bits 0-63 */
	uint8_t status, isr;
	bool isr_known, pci, mmio;
	bool elsewhere;
};

/* Zeroed: the queue could not be read. */
struct queue_look {
	bool read, unstable; /* unstable: it changed while it was read, again and again */
	uint16_t size, vector;
	uint64_t gpa[VRING_AREAS], host[VRING_AREAS];
	/* Positions: of the driver's next entry, the next to pop, the next to use. */
	uint16_t avail, popped, used;
	uint16_t used_event; /* where the driver wants to be told */
	struct stuck_facts f;
};

/* vq: address of the VirtQueue.  Fills in l; l->f has the facts of the queue alone. */
void queue_look(struct machine *m, const struct queue_device *d, uint64_t vq, struct queue_look *l);
/* Whether something of the queue moved between two looks. */
bool queue_moved(const struct queue_look *a, const struct queue_look *b);
/* Chains used between two looks, the ring's size at most. */
uint32_t queue_completed(const struct queue_look *a, const struct queue_look *b);

#endif
