/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as a process has it mapped, learned from pairs of a guest-physical address and
 * the host address of the same bytes.  The areas of a queue are such pairs.
 */
#ifndef VQT_BPF_QEMU_GUEST_H
#define VQT_BPF_QEMU_GUEST_H

#include "bpf/process/memory.h"

#define GUEST_AREAS 8

struct guest_memory {
	const struct process_memory *m; /* borrowed */
	/*
	 * Behind an IOMMU the addresses of buffers are not those of memory: then only the areas
	 * can be read.
	 */
	bool areas_only;
	/* Who knows the whole map has this instead of areas; NULL: it is learned.  map is passed on. */
	bool (*find)(const void *map, uint64_t gpa, size_t len, uint64_t *host);
	const void *map;
	unsigned n;
	struct {
		uint64_t gpa, host, len; /* an area */
		uint64_t lo, hi; /* guest-physical: what surrounds it at the same distance */
	} area[GUEST_AREAS];
};

/* These len bytes are at `host` in the process.  More than GUEST_AREAS are not taken. */
void guest_learn(struct guest_memory *g, uint64_t gpa, uint64_t host, uint64_t len);
/* Where these bytes are in the process; false: that is not known. */
bool guest_find(const struct guest_memory *g, uint64_t gpa, size_t len, uint64_t *host);
/* Copy from guest memory: 0 or -EFAULT.  opaque: the struct guest_memory. */
int guest_read(void *opaque, uint64_t gpa, void *buf, size_t len);

#endif
