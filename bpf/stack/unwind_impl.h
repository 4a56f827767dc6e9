/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: what an unwinder's child answers, and how long that may take. */
#ifndef VQT_BPF_STACK_UNWIND_IMPL_H
#define VQT_BPF_STACK_UNWIND_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/stack/table.h"

/* How long an unwinder may wait for its child, in ns by CLOCK_MONOTONIC. */
struct unwind_time {
	int64_t left, most; /* left below 0: some was borrowed */
	uint64_t earned; /* when the latest of it was */
};
void unwind_time_begin(struct unwind_time *t, unsigned ms, uint64_t now);
/* Whether there is some: a quarter of what has passed since the latest wait comes to it. */
bool unwind_time_has(struct unwind_time *t, uint64_t now);
/* After a wait of at most `most` ms; what was longer we did not wait, but were stopped. */
void unwind_time_spend(struct unwind_time *t, uint64_t since, uint64_t now, unsigned most);

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
