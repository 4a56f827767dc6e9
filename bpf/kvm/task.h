/* SPDX-License-Identifier: MIT */
/* What the programs must know of the kernel's tasks. */
#ifndef VQT_BPF_KVM_TASK_H
#define VQT_BPF_KVM_TASK_H

#include <stdint.h>

/* Where `flags` is in struct task_struct, bytes; 0: not known. */
uint32_t task_flags_offset(void);

#endif
