/* SPDX-License-Identifier: MIT */
/* The call stacks that the programs have found: each is described once in a file. */
#ifndef VQT_BPF_GUEST_STACKS_H
#define VQT_BPF_GUEST_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/stack/table.h"

struct stacks;

struct stacks *stacks_new(void); /* NULL: no memory */
void stacks_free(struct stacks *s);
/* What a program says of a stack that it has not seen before: a VQT_STACK with a vqg_stack. */
void stacks_add(struct stacks *s, const void *record, size_t len);
/* Its number, from 1; 0: it was lost, or there were too many before it. */
uint32_t stacks_id(const struct stacks *s, uint64_t key);
/*
 * The VQT_STACK that has to be written before an event with this stack; 0: it is in the file
 * already.  The caller sets ts.
 */
size_t stacks_describe(struct stacks *s, uint32_t id, uint8_t *buf, size_t size);
#define STACKS_RECORD STACK_RECORD /* bytes that are enough */
/* A file begins, in which none is described. */
void stacks_describe_again(struct stacks *s);

#endif
