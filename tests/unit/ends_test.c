/* SPDX-License-Identifier: MIT */
/* Where functions end: returns, jumps to other functions, parts that are elsewhere; and what is none. */
#include <errno.h>

#include "bpf/prog/qemu.h"
#include "bpf/code/ends.h"
#include "bpf/process/foreign.h"
#include "tests/unit/tap.h"

/* Code with a frame description of its own; a name at each place that is asked for. */
#define PIECE(name, code) \
	asm(".text\n" \
	    ".globl " #name "\n" #name ":\n" \
	    ".cfi_startproc\n" code ".cfi_endproc\n")

PIECE(ends_other, "xor %eax, %eax\n ret\n");
PIECE(ends_caller, "call ends_other\n ends_caller_ret: ret\n");
PIECE(ends_by_one, "call ends_caller\n ret\n");
PIECE(ends_by_two, "call ends_by_one\n ret\n");
PIECE(ends_by_pointer, "call *(%rdi)\n ret\n");
PIECE(ends_returns, "test %edi, %edi\n je 1f\n jns 2f\n jp 3f\n"
		    "ends_ret: ret\n"
		    "1: ends_rep: repz ret\n"
		    "2: ends_bnd: .byte 0xf2, 0xc3\n"
		    "3: ends_ret_n: ret $8\n");
PIECE(ends_jumps, "test %edi, %edi\n"
		  "ends_if: jne ends_other\n"
		  "ends_jump: jmp ends_other\n");
PIECE(ends_abroad, "ends_plt: jmp abort@PLT\n");
/* What runs seldom is elsewhere: with something on the stack, and without. */
PIECE(ends_parts, "test %edi, %edi\n"
		  "jne ends_bare_cold\n"
		  "push %rbx\n .cfi_def_cfa_offset 16\n"
		  "test %esi, %esi\n"
		  "jne ends_cold\n"
		  "1: pop %rbx\n .cfi_def_cfa_offset 8\n"
		  "ends_hot_ret: ret\n"
		  "ends_middle: nop\n"
		  "jmp ends_bare_cold\n");
asm(".text\n ends_cold:\n .cfi_startproc\n .cfi_def_cfa_offset 16\n"
    "test %edx, %edx\n jne ends_middle\n"
    "pop %rbx\n .cfi_def_cfa_offset 8\n ends_cold_ret: ret\n .cfi_endproc\n");
asm(".text\n ends_bare_cold:\n .cfi_startproc\n nop\n ends_bare_ret: ret\n .cfi_endproc\n");
/* Switch statements. */
PIECE(ends_cases, "cmp $2, %edi\n ja 1f\n"
		  "lea ends_offsets(%rip), %rdx\n mov %edi, %edi\n"
		  "movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n notrack jmp *%rax\n"
		  "ends_case_0: ret\n"
		  "ends_case_1: jmp ends_other\n"
		  "1: ends_default: ret\n");
asm(".section .rodata\n ends_offsets: .long ends_case_0 - ends_offsets, ends_case_1 - ends_offsets,"
    " ends_default - ends_offsets, 0x7fffffff\n .text\n");
PIECE(ends_switch, "lea ends_table(%rip), %rdx\n"
		   "cmp $4, %edi\n je 1f\n jb 2f\n js 3f\n jp 4f\n"
		   "movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n"
		   "1: mov (%rdx,%rdi,8), %rax\n jmp *%rax\n"
		   "2: jmp *(%rdx,%rdi,8)\n"
		   "3: notrack jmp *%rsi\n"
		   "4: ends_switch_ret: ret\n");
asm(".section .rodata\n ends_table: .quad 0, 0, 0, 0\n .text\n");
/* What only a table leads to that is not understood; one that leads into an instruction; data. */
PIECE(ends_unbound, "lea ends_offsets(%rip), %rdx\n"
		    "movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n ret\n");
PIECE(ends_astray, "cmp $0, %edi\n ja 1f\n"
		   "lea ends_inside(%rip), %rdx\n"
		   "movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n"
		   "1: mov $0xc3c3c3c3, %eax\n ret\n");
asm(".section .rodata\n ends_inside: .long ends_astray_end - 2 - ends_inside\n .text\n"
    "ends_astray_end:\n");
PIECE(ends_data, "jmp 1f\n .byte 0x90, 0xc3\n 1: ret\n");
PIECE(ends_trap, "test %edi, %edi\n je 1f\n ud2\n .byte 0x90, 0xc3\n 1: ret\n");
PIECE(ends_padded, "jmp 1f\n .byte 0x0f, 0x1f, 0x40, 0xc3\n 1: ends_padded_ret: ret\n");
/* Through pointers. */
PIECE(ends_register, "mov 16(%rdi), %rax\n ends_to_rax: jmp *%rax\n");
PIECE(ends_memory, "mov (%rdi), %r8\n ends_to_r8: jmp *-8(%r8)\n");
PIECE(ends_saved, "push %rbx\n .cfi_def_cfa_offset 16\n mov %rdi, %rbx\n"
		  "call ends_other\n mov %rbx, %rdi\n pop %rbx\n .cfi_def_cfa_offset 8\n"
		  "ends_to_call: jmp *32(%rax)\n");
PIECE(ends_stack, "push %rbx\n mov 16(%rdi), %rax\n jmp *%rax\n");
PIECE(ends_unknown, "jmp *8(%r12)\n");
/* What is not understood. */
PIECE(ends_invalid, "ret\n .byte 0x06\n ret\n");
PIECE(ends_middle_of, "jmp 1f + 1\n 1: mov $0xc3c3c3c3, %eax\n ret\n");
PIECE(ends_cut, "ret\n .byte 0x48, 0xb8, 0xc3\n");
PIECE(ends_far, "lret\n");

static struct foreign by;
static struct elf *e;
static struct ends *x;
static struct function_end end[FUNCTION_ENDS];
static size_t n;

static uint64_t at(const char *name)
{
	uint64_t a = elf_symbol(e, name);

	CHECK(a != 0);
	return a;
}

static int find(const char *name)
{
	foreign_init(&by, 0, NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	CHECK_EQ(elf_open(&e, "/proc/self/exe", &by), 0);
	CHECK_EQ(ends_open(&x, e), 0);
	return ends_find(x, at(name), end, &n);
}

static void done(void)
{
	ends_close(x);
	elf_close(e);
}

/* Whether there is such an end. */
static bool is(const char *name, enum function_end_kind kind)
{
	uint64_t a = at(name);

	for (size_t i = 0; i < n; i++)
		if (end[i].addr == a)
			return end[i].kind == kind;
	return false;
}

static void returns(void)
{
	CHECK_EQ(find("ends_returns"), 0);
	CHECK_EQ(n, 4);
	CHECK(is("ends_ret", END_RETURN) && is("ends_rep", END_RETURN) &&
	      is("ends_bnd", END_RETURN) && is("ends_ret_n", END_RETURN));
	done();
}

static void jumps(void)
{
	CHECK_EQ(find("ends_jumps"), 0);
	CHECK_EQ(n, 2);
	CHECK(is("ends_if", END_JUMP_IF) && is("ends_jump", END_JUMP));
	CHECK_EQ(end[0].condition, 5); /* jne */
	CHECK_EQ(end[0].target, at("ends_other"));
	CHECK_EQ(end[1].target, at("ends_other"));
	CHECK(ends_calls(x, at("ends_other")) >= 2);
	CHECK_EQ(ends_calls(x, at("ends_jumps")), 0);
	done();
	CHECK_EQ(find("ends_abroad"), 0);
	CHECK(n == 1 && is("ends_plt", END_JUMP));
	CHECK_EQ(end[0].target, 0);
	done();
}

static void parts(void)
{
	CHECK_EQ(find("ends_parts"), 0);
	CHECK_EQ(n, 3);
	CHECK(is("ends_hot_ret", END_RETURN) && is("ends_cold_ret", END_RETURN) &&
	      is("ends_bare_ret", END_RETURN));
	/* something else says that a function begins there */
	ends_known(x, at("ends_bare_cold"));
	CHECK_EQ(ends_find(x, at("ends_parts"), end, &n), 0);
	CHECK_EQ(n, 4);
	CHECK(!is("ends_bare_ret", END_RETURN));
	/* a part is none of those that begin with the stack as a call leaves it */
	CHECK(elf_is_called(e, at("ends_parts")) && elf_is_called(e, at("ends_bare_cold")));
	CHECK(!elf_is_called(e, at("ends_cold")) && !elf_is_called(e, at("ends_middle")));
	done();
}

static bool is_other(const void *ctx, uint64_t addr)
{
	return addr == *(const uint64_t *)ctx;
}

static void leads(void)
{
	uint64_t other, none = 1;

	CHECK_EQ(find("ends_saved"), 0);
	other = at("ends_other");
	CHECK(ends_leads_to(x, at("ends_caller"), is_other, &other));
	CHECK(ends_leads_to(x, at("ends_by_two"), is_other, &other));
	CHECK(ends_leads_to(x, at("ends_by_pointer"), is_other, &none));
	CHECK(!ends_leads_to(x, at("ends_by_two"), is_other, &none));
	CHECK(!ends_leads_to(x, at("ends_other"), is_other, &other));
	done();
}

static void switches(void)
{
	CHECK_EQ(find("ends_switch"), 0);
	CHECK(n == 1 && is("ends_switch_ret", END_RETURN));
	done();
	CHECK_EQ(find("ends_cases"), 0);
	CHECK(n == 3 && is("ends_case_0", END_RETURN) && is("ends_case_1", END_JUMP) &&
	      is("ends_default", END_RETURN));
	done();
}

static void pointers(void)
{
	CHECK_EQ(find("ends_register"), 0);
	CHECK(n == 1 && is("ends_to_rax", END_JUMP_THROUGH));
	CHECK(end[0].reg == VQP_RAX && !end[0].memory);
	done();
	CHECK_EQ(find("ends_memory"), 0);
	CHECK(n == 1 && is("ends_to_r8", END_JUMP_THROUGH));
	CHECK(end[0].reg == VQP_R8 && end[0].memory && end[0].off == -8);
	done();
	CHECK_EQ(find("ends_saved"), 0);
	CHECK(n == 1 && is("ends_to_call", END_JUMP_THROUGH));
	CHECK(end[0].reg == VQP_RAX && end[0].memory && end[0].off == 32);
	done();
	CHECK_EQ(find("ends_stack"), 0);
	CHECK_EQ(n, 0);
	done();
	CHECK_EQ(find("ends_unknown"), 0);
	CHECK_EQ(n, 0);
	done();
}

static void not_understood(void)
{
	static const char *const names[] = { "ends_invalid", "ends_middle_of", "ends_cut",
					     "ends_far",     "ends_unbound",   "ends_astray",
					     "ends_data",    "ends_trap" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK_EQ(find(names[i]), -EILSEQ);
		CHECK_EQ(n, 0);
		done();
	}
	CHECK_EQ(find("ends_padded"), 0); /* without an end in what may be no code */
	CHECK(n == 1 && is("ends_padded_ret", END_RETURN));
	done();
	CHECK_EQ(find("ends_ret"), -ENOENT); /* in the middle of one */
	done();
}

static const struct tap_test tests[] = {
	{ "returns", returns },
	{ "jumps to other functions", jumps },
	{ "parts that are elsewhere", parts },
	{ "functions that lead to others", leads },
	{ "switch statements", switches },
	{ "jumps through pointers", pointers },
	{ "code that is not understood", not_understood },
};
TAP_MAIN(tests)
