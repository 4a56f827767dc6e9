/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: what an unwinder's child answers. */
#ifndef VQT_BPF_STACK_UNWIND_IMPL_H
#define VQT_BPF_STACK_UNWIND_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/stack/table.h"

struct unwind_answer {
	uint32_t n, cut, unread, pad;
	uint64_t files, len, named; /* as in struct stack_frames */
	uint64_t pc[STACK_FRAMES];
	char symbols[STACK_TEXT];
};

/*
 * Whether `size` bytes from a child are an answer: at least one frame, as many symbols as frames, each with
 * its end, and nothing else.
 */
bool unwind_answer_valid(const struct unwind_answer *a, size_t size);

/* A path without its folders. */
const char *file_name(const char *path);

#endif
