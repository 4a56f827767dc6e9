/* SPDX-License-Identifier: MIT */
/* Structure offsets of a QEMU build, read out of its accessors. */
#ifndef VQT_BPF_QEMU_LAYOUT_H
#define VQT_BPF_QEMU_LAYOUT_H

#include <stdbool.h>

#include "bpf/qemu/discover.h"

/* Fill in q->layout; what could not be found is VQP_UNKNOWN and noted. */
void layout_find(struct qemu *q);
/* Name of the first offset without which nothing works, NULL. */
const char *layout_unusable(const struct vqp_proc *l);

/* A table of the offsets for people. */
struct layout_field {
	const char *name; /* "VirtQueue.last_avail_idx" */
	unsigned short value; /* VQP_UNKNOWN */
};
size_t layout_list(const struct qemu *q, struct layout_field *out, size_t max);

#endif
