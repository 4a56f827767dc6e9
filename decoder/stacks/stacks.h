/* SPDX-License-Identifier: MIT */
/*
 * Call stacks of events, counted: "device;event;outermost;...;innermost COUNT", a line for each, as
 * flame graphs are made of (flamegraph.pl, inferno, speedscope).
 */
#ifndef VQT_DECODER_STACKS_STACKS_H
#define VQT_DECODER_STACKS_STACKS_H

#include <stdio.h>

#include "decoder/model/model.h"

struct stack_count;

struct stack_counts { /* {0}: none */
	struct stack_count *by_text;
	size_t bytes;
	uint64_t without; /* events that have no stack, or none that is known */
	uint64_t left_out; /* events of stacks beyond the memory for them */
};

/* 0 or -ENOMEM. */
int stack_counts_add(struct stack_counts *s, const struct event *e);
/* In the order of their text; 0 or a negative errno of the write.  They are freed. */
int stack_counts_print(FILE *to, struct stack_counts *s);
void stack_counts_free(struct stack_counts *s);

#endif
