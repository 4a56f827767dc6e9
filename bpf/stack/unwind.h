/* SPDX-License-Identifier: MIT */
/*
 * Call stacks of a process from copies of its registers and of the top of its stack, by the call
 * frame information of the files that it has mapped (libdw): programs of distributions have no frame
 * pointers.  Symbols come from the files' dynamic symbols, from their symbol tables, or from separate
 * debug files that are found by build-id or debuglink, or, where DEBUGINFOD_URLS is set, from a server.
 */
#ifndef VQT_BPF_STACK_UNWIND_H
#define VQT_BPF_STACK_UNWIND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/stack/table.h"

struct unwinder;

#define UNWIND_REGS 17 /* as DWARF numbers them on x86-64; the last is rip */

/* What a stack is unwound from. */
struct unwind_copy {
	uint64_t reg[UNWIND_REGS];
	const uint8_t *bytes; /* memory from rsp on */
	size_t len;
};

/*
 * Of a process.  The work is done by a child process, which is started when it is first needed; ending
 * the unwinder ends it.  NULL: no memory.
 */
struct unwinder *unwinder_new(pid_t pid);
void unwinder_free(struct unwinder *u);
/* How long it is waited for: files and debug information are read when they are first needed. */
#define UNWINDER_PATIENCE_MS 10000
void unwinder_set_patience(struct unwinder *u, unsigned ms);
/*
 * How long it is waited for in all: so many ms, and a quarter of the time that passes beside.  Of an
 * answer UNWINDER_QUICK_MS are not counted: a stack of what is not hostile takes much less.  When this
 * is used up nothing is unwound until there is some again.
 */
#define UNWINDER_TOTAL_MS 20000
#define UNWINDER_QUICK_MS 5
/* Children that were lost: they crashed, or took too long.  After so many nothing more is unwound. */
#define UNWINDER_CHILDREN 3
unsigned unwinder_lost(const struct unwinder *u);
/*
 * The addresses of a stack, without symbols, from the innermost on: where the process was, then what
 * calls return to.  At least the first; out->cut: where it goes on is not known.
 */
void unwinder_walk(struct unwinder *u, const struct unwind_copy *from, struct stack_frames *out);
/*
 * The addresses in `walked` with symbols: "name+0xoffset/0xsize [file]"; a function without a name is
 * fn_ADDRESS by where it begins in its file, and what is in no function "+0xoffset [file]".  With debug
 * information " (source:line)" is behind that, and functions that were inlined have frames of their own
 * before it, "name (inlined) [file]".  Where a file cannot be read, or the child is lost, it is "+0xoffset
 * [file] (reason)".
 */
void unwinder_name(struct unwinder *u, const struct stack_frames *walked, struct stack_frames *out);

#endif
