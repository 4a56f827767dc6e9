/* SPDX-License-Identifier: MIT */
/* The event source that follows rings by the memory of a running QEMU: no probe, no stop. */
#ifndef VQT_BPF_MEMORY_SOURCE_H
#define VQT_BPF_MEMORY_SOURCE_H

#include "decoder/source/source.h"

/* What its own options fill in. */
struct memory_config {
	uint32_t share; /* percent of one core; 0: MEMORY_SHARE */
	bool poll_only; /* no looks by the kernel */
};

#define MEMORY_SHARE 20

extern const struct source_ops memory_source_ops;

#endif
