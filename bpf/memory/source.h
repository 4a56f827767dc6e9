/* SPDX-License-Identifier: MIT */
/* The event source that follows rings by the memory of a running QEMU: no probe, no stop. */
#ifndef VQT_BPF_MEMORY_SOURCE_H
#define VQT_BPF_MEMORY_SOURCE_H

#include "decoder/source/source.h"

extern const struct source_ops memory_source_ops;

#endif
