/* SPDX-License-Identifier: MIT */
/*
 * Analysis of machine code without symbols.  A function is decoded, and the values of its
 * registers are tracked from its entry along all paths.  A tracked value has the form: an
 * argument or a loaded value, plus a multiple of the second argument, plus a constant.  This
 * is enough to read structure offsets from accessors, and to find the register that holds an
 * argument at any instruction.  x86-64, System V calling convention.
 */
#ifndef VQT_BPF_CODE_INSN_H
#define VQT_BPF_CODE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/code/elf.h"

enum insn_kind {
	INSN_OTHER,
	INSN_CALL, /* direct; target */
	INSN_CALL_INDIRECT,
	INSN_JMP,
	INSN_JMP_INDIRECT,
	INSN_JCC,
	INSN_RET,
};

/* value = base + scale * (second argument) + off */
struct value {
	int32_t base; /* VALUE_* or VALUE_LOAD + index of the loading instruction */
	int32_t scale;
	int64_t off;
};
#define VALUE_UNKNOWN (-1)
#define VALUE_CONST 0 /* base contributes nothing */
#define VALUE_ARG(n) (1 + (n)) /* n: 0 rdi, 2 rdx, 3 rcx, 4 r8, 5 r9; argument 1 is scale 1 */
#define VALUE_STACK 8 /* the stack pointer at the entry, if the stack is tracked */
#define VALUE_LOAD 16 /* also the result of a direct call, which loads nothing itself */

struct insn {
	uint64_t addr, target; /* of calls and jumps */
	uint64_t rip_ref; /* address of a %rip-relative operand, 0 none */
	uint8_t len, kind;
	uint8_t through; /* the register that an indirect call or jump takes, or VQP_NO_REG */
	bool emulated; /* a uprobe here is emulated by the kernel, not single-stepped */
	bool lea;
	bool indexed; /* the address of its memory operand has an index */
	/* a memory operand that is read */
	uint8_t load_width; /* bytes, 0 none */
	struct value load; /* its address */
	bool has_imm;
	int64_t imm; /* last immediate */
};

struct function {
	const struct elf *elf;
	uint64_t start, end;
	struct insn *insn;
	size_t n;
	struct value (*in)[16]; /* register values before each instruction, enum vqp_reg order */
	bool *reached;
	struct insn_frame *frame; /* private: what the function keeps on its stack; NULL */
};

/* Decode the function that contains addr and track its registers.  0 or negative errno. */
int function_open(struct function **out, const struct elf *e, uint64_t addr);
/*
 * The same; values that the function keeps on its stack are tracked, too, where nothing but its
 * own stores can change them.  This takes a few times as long.
 */
int function_open_stack(struct function **out, const struct elf *e, uint64_t addr);
void function_close(struct function *f);
size_t function_at(const struct function *f, uint64_t addr); /* index; f->n when none */

/* Register that holds argument n (0..5) before instruction i, or VQP_NO_REG. */
unsigned function_arg_reg(const struct function *f, size_t i, unsigned n);
/* The same; if there is none, a register that holds the argument plus a constant, *off. */
unsigned function_arg_reg_near(const struct function *f, size_t i, unsigned n, int64_t *off);
/*
 * First instruction of the first basic block that the kernel can emulate for a uprobe, that
 * has the arguments of `mask` (bit n: argument n) in registers, and that runs exactly once a
 * call. Index 0 when there is none.
 */
size_t function_probe_point(const struct function *f, unsigned mask);
/*
 * The place where the function tests whether to emit QEMU's own trace event: the conditional
 * branch on trace_events_enabled_count whose block tests the event's state variable.  Index,
 * or f->n.
 */
size_t function_trace_site(const struct function *f, uint64_t enabled_count, uint64_t state);
/*
 * The address of the word that an indirect call or jump takes its target from; base
 * VALUE_UNKNOWN if that is not known.
 */
struct value function_through(const struct function *f, size_t i);
/*
 * The conditional branches that test a word in memory where the function uses it first, on each of the
 * ways from its begin that lead to it.  Their indexes to out; returns their number, 0 also if one of these
 * first uses is no test, or if there are more than max.
 */
size_t function_first_tests(const struct function *f, struct value word, unsigned width,
			    size_t *out, size_t max);
/* First call or jump out of the function to target; f->n none. */
size_t function_call_site(const struct function *f, uint64_t target);

#endif
