/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: code that a process has made, as it tells debuggers of it. */
#ifndef VQT_BPF_STACK_JIT_H
#define VQT_BPF_STACK_JIT_H

#include <stdint.h>

#include "bpf/process/memory.h"

#define JIT_IMAGE_MAX (1 << 20) /* bytes */

/*
 * The first such piece, of the descriptor at this address (__jit_debug_descriptor; 0: none): an ELF file
 * in memory, copied to a file of ours.  QEMU has one, for all that it translates.  A descriptor; -1.
 */
int jit_copy(const struct process_memory *m, uint64_t descriptor);

#endif
