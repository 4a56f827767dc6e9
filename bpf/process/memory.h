/* SPDX-License-Identifier: MIT */
/* The memory of a process, and what is mapped there. */
#ifndef VQT_BPF_PROCESS_MEMORY_H
#define VQT_BPF_PROCESS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "bpf/process/foreign.h"

/*
 * Access to the memory of a process.  Its contents are not trusted.  Tests and fuzzers
 * supply their own memory here.
 */
struct process_memory {
	struct foreign *by; /* borrowed; NULL: not of a process */
	/*
	 * Read n address ranges into buf, one after the other; buf has room for all of them.
	 * Returns the bytes read, fewer where a range ends in a hole, or negative errno.
	 */
	ssize_t (*read)(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
};
struct process_memory process_memory(struct foreign *f);

/* Bytes read (fewer at a hole), or negative errno. */
ssize_t process_mem(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/* False when not all of it could be read; the contents of buf are then undefined. */
bool process_mem_all(const struct process_memory *m, uint64_t addr, void *buf, size_t len);
/*
 * The same for n ranges, placed in buf one after the other.  One system call reads them all,
 * which is as close to the same time as the system allows.
 */
bool process_mem_ranges(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf);
/* The pointer at addr; 0 when unreadable. */
uint64_t process_pointer(const struct process_memory *m, uint64_t addr);
/* The C string at addr, cut to fit; "" when unreadable. */
char *process_string(const struct process_memory *m, uint64_t addr, char *buf, size_t size);

/* A line of /proc/PID/maps. */
struct process_mapping {
	uint64_t start, end, offset, inode; /* inode 0: no file */
	unsigned major, minor; /* of the file's device */
	char perms[5]; /* "r-xp" */
	char path[512]; /* as the process sees it; "" none */
};
/* The next one of the lines of `maps`; false: no more. */
bool process_next_mapping(struct foreign_lines *l, struct process_mapping *m);
/* A path by which this process can open what the other has mapped, whatever its root directory. */
void process_openable(const struct foreign *f, const struct process_mapping *m, char *out,
		      size_t size);
/* Bounds of the mapping that holds addr. */
bool process_mapping(struct foreign *f, uint64_t addr, uint64_t *start, uint64_t *end);

#endif
