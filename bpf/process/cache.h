/* SPDX-License-Identifier: MIT */
/*
 * Memory of a process, read by pages, each once: for looking at many small things that are near each
 * other, at one time.  A system call for each would take longer, and be too many of them.
 */
#ifndef VQT_BPF_PROCESS_CACHE_H
#define VQT_BPF_PROCESS_CACHE_H

#include "bpf/process/memory.h"

/* NULL: no memory.  What it has read stays as it was: free it soon.  `of` is borrowed. */
struct process_memory *process_cache(const struct process_memory *of);
void process_cache_free(struct process_memory *cache);

#endif
