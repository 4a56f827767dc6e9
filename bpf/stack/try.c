/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/stack/try.h"
#include "bpf/stack/unwind.h"
#include "decoder/util/text.h"

/* Where each register by its DWARF number is in a ucontext_t. */
static const int registers[UNWIND_REGS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					    REG_RBP, REG_RSP, REG_R8,  REG_R9,	REG_R10, REG_R11,
					    REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

/* Memory of ours from an address on; the stack may end before so many bytes. */
static size_t copy_stack(uint64_t at, uint8_t *bytes, size_t size)
{
	struct foreign self;
	ssize_t n = 0;

	foreign_init(&self, getpid(), NULL);
	for (; size && n <= 0; size /= 2) {
		struct iovec range = { .iov_base = (void *)at, .iov_len = size };

		n = foreign_memory(&self, &range, 1, bytes);
	}
	return n > 0 ? (size_t)n : 0;
}

/* Our own registers, and the top of our stack. */
static void copy_self(struct unwind_copy *copy, uint8_t *bytes, size_t size)
{
	ucontext_t c;

	getcontext(&c);
	for (unsigned i = 0; i < UNWIND_REGS; i++)
		copy->reg[i] = (uint64_t)c.uc_mcontext.gregs[registers[i]];
	copy->bytes = bytes;
	copy->len = copy_stack(copy->reg[7], bytes, size); /* rsp */
}

bool unwind_try(struct text *how)
{
	struct unwinder *u = unwinder_new(getpid());
	struct stack_frames *f = calloc(2, sizeof(*f));
	struct unwind_copy copy = { .len = 0 };
	static uint8_t bytes[16384];
	bool works = false;

	if (!u || !f) {
		text_puts(how, "no memory");
	} else {
		copy_self(&copy, bytes, sizeof(bytes));
		unwinder_walk(u, &copy, &f[0]);
		unwinder_name(u, &f[0], &f[1]);
		works = !unwinder_lost(u) && f[0].n > 1 && f[1].symbols[0];
		text_add(how, works ? "are unwound, by libdw %s" : "cannot be unwound by libdw %s",
			 dwfl_version(NULL));
	}
	free(f);
	unwinder_free(u);
	return works;
}

bool debuginfod_try(struct text *how)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *lib;

	if (!urls || !*urls) {
		text_puts(how, "no server is asked (DEBUGINFOD_URLS is not set)");
		return true;
	}
	lib = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	if (lib)
		dlclose(lib);
	text_add(how, "%s",
		 lib ? "servers of DEBUGINFOD_URLS are asked"
		     : "DEBUGINFOD_URLS is set, but libdebuginfod.so.1 is not installed");
	return lib != NULL;
}
