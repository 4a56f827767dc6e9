/* SPDX-License-Identifier: MIT */
/* What machine code says: registers that hold arguments, loads, places for probes. */
#include <errno.h>
#include <stdlib.h>

#include "bpf/code/insn.h"
#include "bpf/process/foreign.h"
#include "bpf/prog/qemu.h"
#include "tests/unit/tap.h"
#include "tests/unit/tiny_elf.h"

static struct foreign by;
static struct elf *e;
static struct function *f;

/* A function of this program: tests/unit/fake_qemu_code.c. */
static bool begin(const char *name)
{
	foreign_init(&by, 0, NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	CHECK_EQ(elf_open(&e, "/proc/self/exe", &by), 0);
	CHECK_EQ(function_open(&f, e, elf_symbol(e, name)), 0);
	return f != NULL;
}

/* One of these bytes. */
static bool begin_code(const void *code, size_t len)
{
	static struct tiny_elf t;

	tiny_elf(&t, code, len);
	CHECK_EQ(elf_open_memory(&e, "", t.bytes, t.size), 0);
	CHECK_EQ(function_open(&f, e, TINY_CODE), 0);
	return f != NULL;
}

static void end(void)
{
	function_close(f);
	elf_close(e);
	f = NULL;
	e = NULL;
}

static void loads(void)
{
	if (begin("virtio_queue_get_desc_addr")) { /* movslq, imul, add, mov, ret */
		CHECK_EQ(f->n, 5);
		CHECK_EQ(f->insn[2].load_width, 8); /* vdev->vq */
		CHECK_EQ(f->insn[2].load.base, VALUE_ARG(0));
		CHECK_EQ(f->insn[2].load.off, 240);
		CHECK_EQ(f->insn[3].load_width, 8); /* vq[n].desc */
		CHECK_EQ(f->insn[3].load.base, VALUE_LOAD + 2);
		CHECK_EQ(f->insn[3].load.scale, 160);
		CHECK_EQ(f->insn[3].load.off, 16);
		CHECK_EQ(f->insn[4].kind, INSN_RET);
	}
	end();
	if (begin("object_get_root"))
		CHECK_EQ(f->insn[0].rip_ref, elf_symbol(e, "fake_root"));
	end();
}

static void arguments(void)
{
	int64_t off = 0;

	if (begin("virtqueue_detach_element")) { /* mov %rdi,%r8; mov %rsi,%rdi; push ... */
		CHECK_EQ(function_arg_reg(f, 0, 0), VQP_RDI);
		CHECK_EQ(function_arg_reg(f, 2, 0), VQP_R8);
		CHECK_EQ(function_arg_reg(f, 2, 1), VQP_RSI);
		CHECK_EQ(function_arg_reg(f, f->n, 0), VQP_NO_REG);
	}
	end();
	if (begin("virtio_queue_host_notifier_read")) {
		size_t last = function_call_site(f, elf_symbol(e, "fake_queue_notify_vq"));

		CHECK(last < f->n && f->insn[last].kind == INSN_JMP);
		/* the call has lost what it may change; the rest is the queue, near argument 0 */
		CHECK_EQ(function_arg_reg(f, last, 0), VQP_NO_REG);
		CHECK_EQ(function_arg_reg_near(f, last, 0, &off), VQP_RDI);
		CHECK_EQ(off, -116);
		CHECK_EQ(function_call_site(f, 1), f->n);
	}
	end();
}

/* Both ways to an instruction must agree on a register. */
static void merges(void)
{
	/* test %esi,%esi; je 1f; mov %rdx,%rdi; 1: push %rbx; ret */
	static const uint8_t code[] = { 0x85, 0xf6, 0x74, 0x03, 0x48, 0x89, 0xd7, 0x53, 0xc3 };
	/* 1: add $8,%rdi; jmp 1b */
	static const uint8_t loop[] = { 0x48, 0x83, 0xc7, 0x08, 0xeb, 0xfa };

	if (begin_code(code, sizeof(code))) {
		CHECK_EQ(f->n, 5);
		CHECK_EQ(function_arg_reg(f, 2, 0), VQP_RDI);
		CHECK_EQ(function_arg_reg(f, 3, 0), VQP_NO_REG);
		CHECK_EQ(function_arg_reg(f, 3, 2), VQP_RDX);
	}
	end();
	if (begin_code(loop, sizeof(loop)))
		CHECK_EQ(function_arg_reg(f, 0, 0), VQP_NO_REG);
	end();
}

static void probe_points(void)
{
	/* 1: nop; jmp 1b: an instruction that is come to more than once a call */
	static const uint8_t loop[] = { 0x48, 0x89, 0xf8, 0x90, 0xeb, 0xfd };

	if (begin("virtqueue_pop")) {
		CHECK(!f->insn[0].emulated && f->insn[1].emulated);
		CHECK_EQ(function_probe_point(f, 1), 1);
	}
	end();
	if (begin("virtio_queue_get_num")) /* nothing cheap before its end */
		CHECK_EQ(function_probe_point(f, 1), 0);
	end();
	if (begin_code(loop, sizeof(loop)))
		CHECK_EQ(function_probe_point(f, 1), 0);
	end();
}

static void first_tests(void)
{
	/* test %esi,%esi; je 1f; cmp %ecx,76(%rdi); jae 1f; addl $1,76(%rdi); jb 1f; nop; 1: ret */
	static const uint8_t one[] = { 0x85, 0xf6, 0x74, 0x0c, 0x39, 0x4f, 0x4c, 0x73, 0x07,
				       0x83, 0x47, 0x4c, 0x01, 0x72, 0x01, 0x90, 0xc3 };
	/* test %esi,%esi; je 1f; cmp %ecx,76(%rdi); jae 2f; 1: cmp %edx,76(%rdi); jb 2f; 2: ret */
	static const uint8_t two[] = { 0x85, 0xf6, 0x74, 0x05, 0x39, 0x4f, 0x4c, 0x73,
				       0x05, 0x39, 0x57, 0x4c, 0x72, 0x00, 0xc3 };
	/* cmp %ecx,76(%rdi); ret */
	static const uint8_t none[] = { 0x39, 0x4f, 0x4c, 0xc3 };
	const struct value word = { .base = VALUE_ARG(0), .off = 76 };
	size_t at[2];

	if (begin_code(one, sizeof(one))) {
		CHECK_EQ(function_first_tests(f, word, 4, at, 2), 1);
		CHECK_EQ(at[0], 3);
		CHECK_EQ(function_first_tests(f, word, 2, at, 2), 0);
		CHECK_EQ(function_first_tests(f, word, 4, at, 0), 0);
	}
	end();
	if (begin_code(two, sizeof(two)))
		CHECK_EQ(function_first_tests(f, word, 4, at, 2), 2);
	end();
	if (begin_code(none, sizeof(none)))
		CHECK_EQ(function_first_tests(f, word, 4, at, 2), 0);
	end();
}

static void trace_sites(void)
{
	uint64_t enabled, state;

	if (begin("virtio_notify")) {
		enabled = elf_symbol(e, "trace_events_enabled_count");
		state = elf_symbol(e, "_TRACE_VIRTIO_NOTIFY_DSTATE");
		CHECK_EQ(function_trace_site(f, enabled, state), 2);
		CHECK_EQ(function_trace_site(f, enabled, state + 8), f->n);
		CHECK_EQ(function_trace_site(f, enabled, 0), f->n);
	}
	end();
}

static void hostile(void)
{
	static uint8_t code[TINY_CODE_MAX];
	struct function *g;

	/* what is no instruction ends the function there */
	memset(code, 0x90, sizeof(code));
	code[3] = 0x06; /* push %es: not in long mode */
	if (begin_code(code, 16))
		CHECK_EQ(f->n, 3);
	CHECK_EQ(function_open(&g, e, 1), (uint64_t)-ENOENT);
	CHECK(g == NULL);
	end();
	/* jumps, each to the one before the last */
	for (size_t i = 0; i + 2 <= sizeof(code); i += 2) {
		code[i] = 0x74;
		code[i + 1] = (uint8_t)(i > 8 ? -8 : 0);
	}
	if (begin_code(code, sizeof(code)))
		CHECK_EQ(f->n, sizeof(code) / 2);
	end();
}

static const struct tap_test tests[] = {
	{ "loads of structures", loads },
	{ "where arguments are", arguments },
	{ "paths that meet", merges },
	{ "where a probe is cheap", probe_points },
	{ "where a word is tested first", first_tests },
	{ "where a trace event is emitted", trace_sites },
	{ "bytes that are no code", hostile },
};
TAP_MAIN(tests)
