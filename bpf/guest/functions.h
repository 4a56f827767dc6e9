/* SPDX-License-Identifier: MIT */
/* The functions of the virtio drivers that are probed, and what is done at each. */
#ifndef VQT_BPF_GUEST_FUNCTIONS_H
#define VQT_BPF_GUEST_FUNCTIONS_H

#include "bpf/prog/guest.h"

struct probed {
	const char *module; /* that has it; NULL: the kernel itself */
	const char *costs; /* what the trace lacks without it; NULL: a step among many */
	struct vqg_function f;
};

extern const struct probed probed_functions[];
extern const unsigned probed_count;

#endif
