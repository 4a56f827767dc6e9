/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_CAPTURE_MEMORY_H
#define VQT_BPF_CAPTURE_MEMORY_H

#include "bpf/capture/impl.h"

/*
 * The BPF programs learn guest memory in pieces: extend each piece to the mapping that
 * contains it.
 */
void memory_update(struct target *t);

#endif
