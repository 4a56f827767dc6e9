/* SPDX-License-Identifier: MIT */
/*
 * Guest memory in copies of pages.  Each read of another process is a system call, whose cost does
 * not depend on whether it reads 2 bytes or a page, or a few pages.  So a page is copied when a part
 * of it is wanted, with the pages that were wanted lately; and all copies are forgotten whenever
 * what was read before must not count any more.
 */
#ifndef VQT_BPF_MEMORY_COPIES_H
#define VQT_BPF_MEMORY_COPIES_H

#include "bpf/qemu/guest.h"

#define COPIES_PAGE 4096U
#define COPIES_PAGES 8
#define COPIES_AHEAD 2 /* pages that were wanted lately, and come with one that is wanted now */

struct copies {
	const struct process_memory *m; /* borrowed */
	/* private: page numbers in the process, the latest first; 0: none */
	uint64_t recent[COPIES_PAGES];
	unsigned n; /* copies there are */
	uint64_t page[COPIES_PAGES]; /* of each copy */
	uint8_t bytes[8 + COPIES_PAGES * COPIES_PAGE];
};

/* What struct ring_memory wants, of one guest memory.  opaque: struct copies_of. */
struct copies_of {
	struct copies *c; /* borrowed, as the other */
	const struct guest_memory *g;
};
int copies_read(void *opaque, uint64_t gpa, void *buf, size_t len);
int copies_load(void *opaque, uint64_t gpa, void *buf, size_t len);
void copies_renew(void *opaque);

#endif
