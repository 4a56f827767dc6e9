/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: the work of an unwinder (unwind.h), in the process that is to do it. */
#ifndef VQT_BPF_STACK_LOCAL_H
#define VQT_BPF_STACK_LOCAL_H

#include "bpf/stack/unwind.h"

struct foreign; /* bpf/process/foreign.h */
struct local;

struct local *local_new(struct foreign *by); /* borrowed; NULL: no memory */
void local_free(struct local *u);
void local_walk(struct local *u, const struct unwind_copy *from, struct stack_frames *out);
void local_name(struct local *u, const struct stack_frames *walked, struct stack_frames *out);

#endif
