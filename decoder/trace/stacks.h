/* SPDX-License-Identifier: MIT */
/*
 * Descriptions of call stacks, kept for a file that is written: one that begins later, or that has
 * only some of the events, needs those that its events refer to.
 */
#ifndef VQT_DECODER_TRACE_STACKS_H
#define VQT_DECODER_TRACE_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept_stack;

struct kept_stacks { /* {0}: none */
	struct kept_stack *by_source[256];
	size_t bytes;
};

/*
 * Keep a VQT_STACK, whose lengths were checked; written: it is in the file.  Of more than 16 MiB in
 * all only that they were described is kept.  0 or -ENOMEM.
 */
int kept_stacks_add(struct kept_stacks *s, const void *record, size_t len, bool written);
/*
 * An event of this source and stack is written: what has to be written before it, without time and
 * number; NULL: nothing.
 */
const void *kept_stacks_needed(struct kept_stacks *s, uint8_t source, uint32_t id, size_t *len);
/* A file begins, in which nothing is described. */
void kept_stacks_again(struct kept_stacks *s);
/* None of this source is valid any more: it is described again. */
void kept_stacks_forget(struct kept_stacks *s, uint8_t source);
void kept_stacks_free(struct kept_stacks *s);

#endif
