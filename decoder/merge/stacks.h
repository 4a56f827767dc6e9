/* SPDX-License-Identifier: MIT */
/*
 * The call stacks that a guest has described.  A file that begins later needs those that its events
 * refer to again.
 */
#ifndef VQT_DECODER_MERGE_STACKS_H
#define VQT_DECODER_MERGE_STACKS_H

#include <stddef.h>
#include <stdint.h>

struct merge_stack;

struct merge_stacks { /* {0}: none */
	struct merge_stack *by_id;
	size_t bytes;
};

/*
 * A VQT_STACK was written to the file.  It is kept, but for more bytes of all than a guest may
 * have.  0 or -ENOMEM.
 */
int merge_stacks_keep(struct merge_stacks *s, uint32_t id, const void *record, size_t len);
/*
 * An event of this stack is written: what has to be written before it, as it was kept, without time
 * and number; NULL: nothing.
 */
const void *merge_stacks_needed(struct merge_stacks *s, uint32_t id, size_t *len);
/* A file begins, in which nothing is described. */
void merge_stacks_again(struct merge_stacks *s);
/* None is valid any more. */
void merge_stacks_forget(struct merge_stacks *s);

#endif
