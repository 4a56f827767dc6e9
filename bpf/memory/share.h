/* SPDX-License-Identifier: MIT */
/*
 * Memory of a process that is a shared file (memfd, hugetlbfs, tmpfs), mapped here too, read-only: then
 * reading it takes no system call.  All else is read as ever (bpf/process/memory.h).
 *
 * Nothing is touched that the process has not touched: that would give the file a page where it had
 * none, which takes memory and hides the page from who fills it on demand (userfaultfd).
 */
#ifndef VQT_BPF_MEMORY_SHARE_H
#define VQT_BPF_MEMORY_SHARE_H

#include "bpf/process/memory.h"
#include "decoder/util/guard.h"
#include "decoder/util/text.h"

#define SHARE_WINDOWS 16
#define SHARE_LEN_MAX (UINT64_C(1) << 40) /* bytes of a window */

/* A mapping of the process, and ours of the same file. */
struct share_window {
	struct process_mapping is; /* as the process has it */
	struct guard guard;
	const uint8_t *at; /* its first byte */
	uint8_t *touched; /* bit n: the process has page n */
};

struct share {
	struct process_memory m; /* first: reads by the windows, where it can */
	/* private */
	int pagemap; /* descriptor; -1: not opened yet */
	struct share_window *window[SHARE_WINDOWS];
	unsigned n;
	int err; /* why memory that is a shared file could not be mapped: negative errno; 0 */
	bool kept; /* there was memory that is no shared file */
};

void share_init(struct share *s, struct foreign *f);
void share_close(struct share *s);
/* These bytes will be read often: map what holds them, if that can be. */
void share_learn(struct share *s, uint64_t addr, uint64_t len);
/* Give up the windows that the process does not have any more, or has elsewhere. */
void share_check(struct share *s);
/* How the memory that share_learn() was called for is read, for a note. */
void share_put_way(const struct share *s, struct text *t);

#endif
