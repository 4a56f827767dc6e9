/* SPDX-License-Identifier: MIT */
/*
 * Reads the identity of a virtio device from QEMU's memory.  QEMU keeps running meanwhile,
 * so an object may be read before QEMU has set its id, or after QEMU has freed it.
 * Therefore a known value is never replaced by an empty one, and an object that cannot be
 * read or has another type changes nothing.
 */
#ifndef VQT_BPF_QOM_IDENTITY_H
#define VQT_BPF_QOM_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/process/memory.h"
#include "bpf/prog/qemu.h"
#include "decoder/trace/event.h"

struct identity {
	uint64_t proxy, vdev; /* the two objects in the process; 0 unknown */
	uint64_t named; /* the object that has the names below */
	uint64_t pci_config; /* its PCI configuration space in the process; 0 unknown */
	char user_id[128]; /* -device ...,id=; "" none, or not given yet */
	char typename[64]; /* of the QOM type */
	char path[256]; /* in the tree of objects; "" until QEMU realizes it */
};

/*
 * Read the objects and fill in the facts known now: *who, and in *r virtio_id, transport,
 * bdf, queues and VQT_DEV_TRANSITIONAL.  realized: QEMU has realized the device, so its PCI
 * identity is final.
 */
void identity_read(struct identity *who, struct vqt_device *r, const struct process_memory *m,
		   const struct vqp_proc *layout, bool realized);
/* The proxy that a VirtIODevice is plugged into, found through its virtio bus; 0 if none. */
uint64_t identity_slot(const struct process_memory *m, const struct vqp_proc *layout,
		       uint64_t vdev);

/* The virtio device type that a QOM type's name tells ("virtio-blk-pci"); 0 if none. */
unsigned identity_class(const char *type);

/* Offset of the path in QEMU's DeviceState, directly after Object; the same since 2.x. */
#define IDENTITY_PATH 48

#endif
