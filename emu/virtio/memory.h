/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: the one checked interface through which the device reaches it.
 * Ranges are known by guest-physical address and either mapped here (hva) or
 * reached by callbacks (message-based DMA).  Every access is bounds-checked,
 * copies once, and can fail; no byte is checked in one read and used from another.
 *
 * Ranges may change between calls of the device, but not while requests that map
 * them are in flight: the server drains first (emu_virtio_drain).
 */
#ifndef VQT_EMU_VIRTIO_MEMORY_H
#define VQT_EMU_VIRTIO_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define EMU_MEM_READ 1 /* by the device */
#define EMU_MEM_WRITE 2

struct emu_mem;

/* For ranges without a mapping.  0 or negative errno. */
struct emu_mem_ops {
	int (*read)(void *opaque, uint64_t gpa, void *buf, size_t len);
	int (*write)(void *opaque, uint64_t gpa, const void *buf, size_t len);
};

struct emu_mem *emu_mem_new(void); /* NULL: no memory */
void emu_mem_free(struct emu_mem *m);
/* opaque is the callbacks'; ops is borrowed. */
void emu_mem_set_ops(struct emu_mem *m, const struct emu_mem_ops *ops, void *opaque);
/*
 * Add a range.  hva: borrowed until it is removed; NULL: through the callbacks.
 * prot: EMU_MEM_READ|WRITE.  0; -EINVAL for an empty one or
 * one that wraps, -EEXIST when it overlaps another, -ENOSPC over the limit.
 */
int emu_mem_add(struct emu_mem *m, uint64_t gpa, uint64_t size, void *hva, unsigned prot);
/* Remove the ranges that lie wholly inside; returns how many, -ENOENT if none. */
int emu_mem_del(struct emu_mem *m, uint64_t gpa, uint64_t size);
void emu_mem_clear(struct emu_mem *m);
/* Changes whenever the ranges do: caches of pointers compare it. */
unsigned emu_mem_generation(const struct emu_mem *m);
unsigned emu_mem_ranges(const struct emu_mem *m);

/* Copy.  0, or -EFAULT, or the error of a callback; after an error a part may have been copied. */
int emu_mem_read(struct emu_mem *m, uint64_t gpa, void *buf, size_t len);
int emu_mem_write(struct emu_mem *m, uint64_t gpa, const void *buf, size_t len);
/* Does all of it lie within ranges with that permission?  0 or -EFAULT. */
int emu_mem_check(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot);
/* Host address of len bytes, if they lie in one mapped range; else NULL. */
void *emu_mem_ptr(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot);
/*
 * Append the host pieces of [gpa, gpa+len) to iov[*n], at most max in all.
 * 0; -EFAULT outside; -ENOTSUP where a range has no mapping; -E2BIG.
 */
int emu_mem_map(struct emu_mem *m, uint64_t gpa, uint64_t len, unsigned prot, struct iovec *iov,
		int *n, int max);

#endif
