/* SPDX-License-Identifier: MIT */
/*
 * Where a function ends: its return instructions, and its jumps to other functions, which return in
 * its place.  Its machine code is decoded from its begin to its end, and so are the parts of it that
 * the compiler put elsewhere; an end is only where the function's begin leads to, by jumps and tables of
 * switch statements.  A function of which anything is not understood has no ends; an indirect jump that
 * is not proven to leave the function is none.
 */
#ifndef VQT_BPF_CODE_ENDS_H
#define VQT_BPF_CODE_ENDS_H

#include "bpf/code/elf.h"

enum function_end_kind {
	END_RETURN,
	END_JUMP, /* to another function */
	END_JUMP_IF, /* the same, if `condition` holds */
	END_JUMP_THROUGH, /* to the address that `reg` holds, or the word at `reg` plus `off` */
};

struct function_end {
	uint64_t addr; /* of the instruction */
	uint64_t target; /* of END_JUMP and END_JUMP_IF, 0: in another object */
	uint8_t kind; /* enum function_end_kind */
	uint8_t condition; /* as in the instruction: the low four bits of its opcode */
	uint8_t reg; /* enum vqp_reg */
	bool memory; /* a word in memory has the address */
	int32_t off;
};

#define FUNCTION_ENDS 64 /* at most, of one function */

struct ends;

/* Of an object, which must outlive *out.  0 or -ENOMEM. */
int ends_open(struct ends **out, const struct elf *e);
void ends_close(struct ends *x); /* NULL is allowed */
/* A function is known to begin there: a jump to it leaves the function that jumps. */
void ends_known(struct ends *x, uint64_t addr);
/* From how many places the function is called directly; ENDS_CALLS: from as many or more. */
unsigned ends_calls(const struct ends *x, uint64_t addr);
#define ENDS_CALLS 63
/*
 * Whether the function at addr calls functions by pointers, or calls or jumps to one that is wanted, itself
 * or by another one or two in between, as far as its code looks like that.
 */
bool ends_leads_to(const struct ends *x, uint64_t addr, bool wanted(const void *ctx, uint64_t addr),
		   const void *ctx);
/*
 * The ends of the function that begins at addr.  0; -EILSEQ: its code is not understood; -E2BIG: it
 * has too many parts or ends; -ENOENT: no function begins there; -ENOMEM.
 */
int ends_find(const struct ends *x, uint64_t addr, struct function_end out[FUNCTION_ENDS],
	      size_t *n);

#endif
