/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_CAPTURE_MEMORY_H
#define VQT_BPF_CAPTURE_MEMORY_H

#include "bpf/capture/impl.h"

/* Widen what the programs have learned of guest memory to the mappings it lies in. */
void memory_update(struct target *t);

#endif
