/* SPDX-License-Identifier: MIT */
/*
 * Files of others, mapped.  Who owns such a file can truncate it at any time, and an access behind
 * its end is a SIGBUS.  The handler puts zeroes there instead of ending the process, and notes it in
 * the mapping.  It interrupts the thread that reads, which is the only one that maps and unmaps.
 */
#ifndef VQT_DECODER_UTIL_GUARD_H
#define VQT_DECODER_UTIL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard {
	struct guard *next; /* private: of the process */
	uint8_t *base; /* NULL: not mapped */
	size_t len, unit; /* unit: of its pages */
	volatile int lost; /* the file is shorter than it was: there are zeroes now */
};

/* Install the handler, once in a process. */
int guard_install(void);
/*
 * Map `size` bytes of a regular file from `offset` on; prot as for mmap().  *at is the first of them.
 * 0; -EINVAL: the file is shorter, or none that can be mapped; -ENOSPC: as many are mapped as may be.
 */
int guard_map(struct guard *g, int fd, uint64_t offset, uint64_t size, int prot, uint8_t **at);
void guard_unmap(struct guard *g); /* fine if it is not mapped */
bool guard_any_lost(void);
/* How many mappings a process holds at most. */
unsigned guard_limit(void);

#endif
