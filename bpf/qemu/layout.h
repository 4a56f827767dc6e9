/* SPDX-License-Identifier: MIT */
/* Reads the structure offsets of a QEMU build from the code of its accessors. */
#ifndef VQT_BPF_QEMU_LAYOUT_H
#define VQT_BPF_QEMU_LAYOUT_H

#include <stdbool.h>

#include "bpf/code/insn.h"
#include "bpf/qemu/discover.h"

/*
 * Fill in q->layout.  An offset that was not found becomes VQP_UNKNOWN and is listed in q's
 * gaps.
 */
void layout_find(struct qemu *q);
/* Name of the first missing offset that a capture cannot do without; NULL if there is none. */
const char *layout_unusable(const struct vqp_proc *l);

/*
 * The offset of the first load relative to an argument (VALUE_ARG()) in an exported function,
 * of a width in bytes, with an immediate operand or any (-1); -1: there is none.
 */
int64_t layout_first_load(const struct qemu *q, const char *symbol, int base, uint8_t width,
			  int64_t imm);

/* The offsets, for display. */
struct layout_field {
	const char *name; /* "VirtQueue.last_avail_idx" */
	unsigned short value; /* VQP_UNKNOWN */
};
size_t layout_list(const struct qemu *q, struct layout_field *out, size_t max);

#endif
