/* SPDX-License-Identifier: MIT */
/* A virtqueue as QEMU keeps it in its memory. */
#ifndef VQT_BPF_LOOK_VRING_H
#define VQT_BPF_LOOK_VRING_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/process/memory.h"

enum { VRING_DESC, VRING_DRIVER, VRING_DEVICE, VRING_AREAS };

/*
 * The addresses at which the process has the areas mapped, from the VRingMemoryRegionCaches
 * at `caches`.  num: entries of the ring.  false: they cannot be told.
 */
bool vring_areas(const struct process_memory *m, uint64_t caches, uint64_t num, bool packed,
		 uint64_t area[VRING_AREAS]);

#endif
