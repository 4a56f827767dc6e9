/* SPDX-License-Identifier: MIT */
/* Any bytes as the machine code of a function. */
#include <stdlib.h>

#include "bpf/code/ends.h"
#include "bpf/code/insn.h"
#include "bpf/prog/qemu.h"
#include "tests/unit/tiny_elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_function(const struct function *f)
{
	uint64_t at = f->start;

	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->addr != at || !in->len || function_at(f, at) != i)
			abort();
		at += in->len;
		for (int r = 0; r < 16; r++)
			if (f->in[i][r].base >= VALUE_LOAD + (int)f->n)
				abort(); /* loaded by no instruction */
	}
	if (at > f->end)
		abort();
}

/* With the stack tracked the same instructions; targets of indirect calls are found or not. */
static void check_stack(const struct elf *e, uint64_t at, size_t n)
{
	struct function *f;

	if (function_open_stack(&f, e, at))
		abort();
	check_function(f);
	if (f->n != n)
		abort();
	for (size_t i = 0; i < f->n; i++)
		if (function_through(f, i).base >= VALUE_LOAD + (int)f->n)
			abort();
	function_close(f);
}

/* The ends of the function are instructions that return or jump. */
static void check_ends(const struct elf *e)
{
	struct function_end end[FUNCTION_ENDS];
	struct function *f;
	struct ends *x;
	size_t n, at;

	if (ends_open(&x, e))
		abort();
	if (!ends_find(x, TINY_CODE, end, &n)) {
		if (function_open(&f, e, TINY_CODE) || n > FUNCTION_ENDS)
			abort();
		for (size_t i = 0; i < n; i++) {
			at = function_at(f, end[i].addr);
			if (at == f->n || f->insn[at].kind < INSN_JMP ||
			    (end[i].kind == END_RETURN) != (f->insn[at].kind == INSN_RET))
				abort();
		}
		function_close(f);
	}
	ends_close(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tiny_elf t;
	struct function *f;
	struct elf *e;
	int64_t off;

	if (!size || size > TINY_CODE_MAX)
		return 0;
	tiny_elf(&t, data, size);
	if (elf_open_memory(&e, "fuzz", t.bytes, t.size))
		abort();
	if (!function_open(&f, e, TINY_CODE + size / 2)) {
		check_function(f);
		for (unsigned n = 0; n < 6; n++) {
			size_t i = function_probe_point(f, 1U << n);

			if (i >= f->n)
				abort();
			function_arg_reg(f, i, n);
			function_arg_reg_near(f, f->n - 1, n, &off);
		}
		function_trace_site(f, TINY_CODE, TINY_CODE + 8);
		function_call_site(f, TINY_CODE + size / 2);
		check_stack(e, TINY_CODE + size / 2, f->n);
		function_close(f);
	}
	check_ends(e);
	elf_close(e);
	return 0;
}
