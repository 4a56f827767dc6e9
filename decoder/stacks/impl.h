/* SPDX-License-Identifier: MIT */
/* Internal to the pictures of call stacks (stacks.h, flame.h). */
#ifndef VQT_DECODER_STACKS_IMPL_H
#define VQT_DECODER_STACKS_IMPL_H

#include "decoder/stacks/stacks.h"
#include "decoder/util/hash.h"

struct stack_count {
	uint64_t n; /* events */
	UT_hash_handle hh;
	char text[]; /* "device;event;outermost;...;innermost", names by text_untrusted() */
};

/* By frames: stacks that begin with the same ones are neighbours. */
void stack_counts_sort(struct stack_counts *s);

#endif
