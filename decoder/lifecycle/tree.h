/* SPDX-License-Identifier: MIT */
/* A tree of calls, and of what happened in them, as lines or as a JSON object. */
#ifndef VQT_DECODER_LIFECYCLE_TREE_H
#define VQT_DECODER_LIFECYCLE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TREE_DEPTH_MAX 32 /* what is deeper is drawn at this depth */

/* A call, or something that happened in one. */
struct tree_node {
	uint64_t ts, end; /* ns since the first event; end 0: no call, or it has not returned */
	uint16_t depth;
	bool call;
	uint16_t what; /* the caller's */
	char device[40]; /* "": none */
	char *text; /* malloced */
	char *stack; /* malloced; where it happened, a line for each frame; NULL: not recorded */
};

/* Nodes in the order in which they began: what is in a call follows it, deeper.  Zeroes: empty. */
struct tree {
	struct tree_node *node;
	size_t n, cap;
	uint64_t left_out; /* for which there was no room */
};

/* Add a node, whose text and stack it takes over, also when it fails.  0 or -ENOMEM. */
int tree_add(struct tree *t, struct tree_node n);
void tree_clear(struct tree *t);
void tree_fini(struct tree *t);

struct tree_printer {
	FILE *to;
	bool json; /* one object a line for each node at depth 0 */
	bool stacks; /* in lines below what happened there; json has them always */
	bool headed; /* private: the heading was printed */
};
void tree_print(struct tree_printer *p, const struct tree *t);

#endif
