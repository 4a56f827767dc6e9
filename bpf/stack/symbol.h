/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: what an address is called, from the file that is mapped there. */
#ifndef VQT_BPF_STACK_SYMBOL_H
#define VQT_BPF_STACK_SYMBOL_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

#include "bpf/stack/table.h"
#include "bpf/stack/unwind_impl.h"

struct elf;
struct foreign;

/* A file that the process has mapped, for what libdw does not tell of it; a module's userdata. */
struct mapped_file {
	struct foreign *by; /* borrowed */
	char path[512]; /* as the process sees it */
	uint64_t base, end; /* where it is mapped */
	uint64_t identity; /* hash of its beginning, as mapped; 0: unknown */
	bool changed; /* something else is there now */
	int fd; /* ours, -1 none: the process may have ended when it is needed */
	int err; /* negative errno: why it could not be opened */
	struct elf *elf;
	bool tried; /* to open it */
	Dwarf *alternate; /* what it shares with other files; NULL: none */
	int alternate_fd; /* -1: none */
	bool alternate_tried;
};

/*
 * Begin an attempt at a file, or at the process, without a pause after one that reached a limit: what
 * libdw does counts, too, and the whole has a limit of its own (unwind.c).
 */
void stack_attempt(struct foreign *by);

/* Its code by our own reader, opened when it is first asked for; NULL: it is none. */
struct elf *file_elf(struct mapped_file *f);

/*
 * Add the frames of an address: functions that the compiler has inlined there, the innermost first,
 * and the function that they are in.  `within` is in the instruction that is executed, which is before
 * pc if that is a return address.  False: there is no more room.
 */
bool symbol_add_frames(struct stack_frames *out, Dwfl_Module *mod, Dwarf_Addr pc,
		       Dwarf_Addr within);

#endif
