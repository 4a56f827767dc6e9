/* SPDX-License-Identifier: MIT */
/* What the programs must know of the kernel's tasks. */
#ifndef VQT_BPF_KVM_TASK_H
#define VQT_BPF_KVM_TASK_H

#include <stdint.h>

struct btf;

/* Where `flags` is in struct task_struct, bytes; 0: not known.  By the kernel's BTF; by this one. */
uint32_t task_flags_offset(void);
uint32_t task_flags_in(const struct btf *btf);

#endif
