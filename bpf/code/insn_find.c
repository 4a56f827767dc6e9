/* SPDX-License-Identifier: MIT */
/* What is looked for in decoded functions. */
#include <stdlib.h>

#include "bpf/code/insn.h"
#include "bpf/prog/qemu.h"

#define COLD_MAX 16 /* cold blocks decoded in search of one trace site */

unsigned function_arg_reg_near(const struct function *f, size_t i, unsigned n, int64_t *off)
{
	if (i >= f->n || !f->reached[i])
		return VQP_NO_REG;
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned r = 0; r < 16; r++) {
			struct value v = f->in[i][r];
			bool is = n == 1 ? v.base == VALUE_CONST && v.scale == 1
					 : v.base == VALUE_ARG((int)n) && !v.scale;

			/* first the argument itself, then something near it */
			if (is && (pass ? off != NULL : !v.off)) {
				if (off)
					*off = v.off;
				return r;
			}
		}
	return VQP_NO_REG;
}

unsigned function_arg_reg(const struct function *f, size_t i, unsigned n)
{
	return function_arg_reg_near(f, i, n, NULL);
}

static bool args_live(const struct function *f, size_t i, unsigned mask)
{
	for (unsigned n = 0; n < 6; n++)
		if (mask & 1U << n && function_arg_reg(f, i, n) == VQP_NO_REG)
			return false;
	return true;
}

/* Whether a jump leads to any instruction up to i. */
static bool jumped_into(const struct function *f, size_t i)
{
	for (size_t k = 0; k < f->n; k++)
		if ((f->insn[k].kind == INSN_JMP || f->insn[k].kind == INSN_JCC) &&
		    f->insn[k].target >= f->start && f->insn[k].target <= f->insn[i].addr)
			return true;
	return false;
}

size_t function_probe_point(const struct function *f, unsigned mask)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->emulated && args_live(f, i, mask))
			return jumped_into(f, i) ? 0 : i;
		if (in->kind != INSN_OTHER)
			break;
	}
	return 0;
}

/*
 * Whether the straight-line code from instruction i accesses the variable before its second
 * branch.
 */
static bool touches(const struct function *f, size_t i, uint64_t variable)
{
	for (size_t k = i; k < f->n && k < i + 6; k++) {
		if (f->insn[k].rip_ref == variable)
			return true;
		if (f->insn[k].kind != INSN_OTHER)
			return false;
	}
	return false;
}

static bool touches_cold(const struct function *f, uint64_t addr, uint64_t variable)
{
	struct function *cold;
	bool found = false;
	size_t i = function_at(f, addr);

	if (i < f->n)
		return touches(f, i, variable);
	/* gcc moves unlikely blocks into a function of their own */
	if (function_open(&cold, f->elf, addr))
		return false;
	i = function_at(cold, addr);
	found = i < cold->n && touches(cold, i, variable);
	function_close(cold);
	return found;
}

size_t function_trace_site(const struct function *f, uint64_t enabled_count, uint64_t state)
{
	unsigned cold = 0;

	if (!enabled_count || !state)
		return f->n;
	for (size_t i = 0; i < f->n; i++) {
		if (f->insn[i].rip_ref != enabled_count)
			continue;
		for (size_t k = i; k < f->n && k < i + 8; k++) {
			if (f->insn[k].kind == INSN_OTHER)
				continue;
			if (f->insn[k].kind == INSN_JCC &&
			    (touches(f, k + 1, state) ||
			     (cold++ < COLD_MAX && touches_cold(f, f->insn[k].target, state))))
				return k;
			break;
		}
	}
	return f->n;
}

#define TEST_INSNS 3 /* at most, from the use of a word to the branch */

/* The branch that the instruction's comparison is for; f->n: none follows at once. */
static size_t branch_after(const struct function *f, size_t i)
{
	for (size_t k = i + 1; k < f->n && k <= i + TEST_INSNS; k++)
		if (f->insn[k].kind != INSN_OTHER)
			return f->insn[k].kind == INSN_JCC ? k : f->n;
	return f->n;
}

static bool uses(const struct insn *in, struct value word, unsigned width)
{
	return in->load_width == width && in->load.base == word.base &&
	       in->load.scale == word.scale && in->load.off == word.off;
}

size_t function_first_tests(const struct function *f, struct value word, unsigned width,
			    size_t *out, size_t max)
{
	size_t *todo = calloc(f->n + 1, sizeof(*todo)), n = 0, found = 0, to[2];
	bool *seen = calloc(f->n + 1, sizeof(*seen)), bad = !todo || !seen || !f->n;

	if (!bad) {
		todo[n++] = 0;
		seen[0] = true;
	}
	while (n && !bad) {
		size_t i = todo[--n];
		const struct insn *in = &f->insn[i];

		if (f->reached[i] && uses(in, word, width)) {
			bad = found == max || branch_after(f, i) == f->n;
			if (!bad)
				out[found++] = branch_after(f, i);
			continue;
		}
		to[0] = in->kind == INSN_JMP || in->kind == INSN_JMP_INDIRECT ||
					in->kind == INSN_RET
				? f->n
				: i + 1;
		to[1] = in->kind == INSN_JMP || in->kind == INSN_JCC ? function_at(f, in->target)
								     : f->n;
		for (size_t k = 0; k < 2; k++)
			if (to[k] < f->n && !seen[to[k]]) {
				seen[to[k]] = true;
				todo[n++] = to[k];
			}
	}
	free(todo);
	free(seen);
	return bad ? 0 : found;
}

size_t function_call_site(const struct function *f, uint64_t target)
{
	for (size_t i = 0; i < f->n; i++)
		if ((f->insn[i].kind == INSN_CALL || f->insn[i].kind == INSN_JMP) &&
		    f->insn[i].target == target)
			return i;
	return f->n;
}

struct value function_through(const struct function *f, size_t i)
{
	static const struct value none = { .base = VALUE_UNKNOWN };
	const struct insn *in = &f->insn[i];
	struct value v;

	if ((in->kind != INSN_CALL_INDIRECT && in->kind != INSN_JMP_INDIRECT) || !f->reached[i])
		return none;
	if (in->through == VQP_NO_REG)
		return in->load_width == 8 ? in->load : none;
	v = f->in[i][in->through];
	if (v.base < VALUE_LOAD || v.scale || v.off)
		return none;
	in = &f->insn[v.base - VALUE_LOAD];
	return in->load_width == 8 && in->kind == INSN_OTHER ? in->load : none;
}
