/* SPDX-License-Identifier: MIT */
/*
 * Who a virtio device is, read out of QEMU's memory.  QEMU goes on meanwhile: an object
 * may be read before it has been given its id, and after it has been freed.  What was
 * found once is therefore never replaced by nothing, and an object that has become
 * another one, or cannot be read, changes nothing.
 */
#ifndef VQT_BPF_QEMU_IDENTITY_H
#define VQT_BPF_QEMU_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/prog/qemu.h"
#include "bpf/qemu/process.h"
#include "decoder/trace/event.h"

struct identity {
	uint64_t proxy, vdev; /* the two objects in the process; 0 unknown */
	uint64_t named; /* the object that the names below are of */
	uint64_t pci_config; /* its PCI configuration space in the process; 0 unknown */
	char user_id[128]; /* -device ...,id=; "" none, or not given yet */
	char typename[64]; /* of the QOM type */
	char path[256]; /* in the tree of objects; "" until QEMU realizes it */
};

/*
 * Look at the objects and fill in what is known now: *who, and of *r virtio_id,
 * transport, bdf, queues and VQT_DEV_TRANSITIONAL.  realized: QEMU has finished making it,
 * so that its PCI identity is final.
 */
void identity_read(struct identity *who, struct vqt_device *r, const struct process_memory *m,
		   const struct vqp_proc *layout, bool realized);
/* The proxy that a VirtIODevice is plugged into, by its bus, a virtio bus; 0 none. */
uint64_t identity_slot(const struct process_memory *m, const struct vqp_proc *layout,
		       uint64_t vdev);

/* Where QEMU's DeviceState has its path: behind Object, the same since 2.x. */
#define IDENTITY_PATH 48

#endif
