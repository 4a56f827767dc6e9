/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_CAPTURE_MEMORY_H
#define VQT_BPF_CAPTURE_MEMORY_H

#include "bpf/session/session.h"

/*
 * The BPF programs learn guest memory in pieces: extend each piece to the mapping that
 * contains it.  false: not all could be done, try again.
 */
bool memory_update(struct target *t);

/*
 * Extend one piece of guest memory: [start, end) is the mapping of the process that contains
 * it, low_end the guest address where memory below 4 GiB ends, 0 if unknown.
 */
void memory_widen(struct vqp_region *g, uint64_t start, uint64_t end, uint64_t low_end);

#endif
