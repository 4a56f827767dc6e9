/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: what an address is called, from the file that is mapped there. */
#ifndef VQT_BPF_STACK_SYMBOL_H
#define VQT_BPF_STACK_SYMBOL_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

#include "bpf/stack/table.h"

struct elf;
struct foreign;

/* A file that the process has mapped, for what libdw does not tell of it; a module's userdata. */
struct mapped_file {
	struct foreign *by; /* borrowed */
	int fd; /* ours, -1 none: the process may have ended when it is needed */
	struct elf *elf;
	bool tried; /* to open it */
};

/*
 * Add the frames of an address: functions that the compiler has inlined there, the innermost first,
 * and the function that they are in.  `within` is in the instruction that is executed, which is before
 * pc if that is a return address.  False: there is no more room.
 */
bool symbol_add_frames(struct stack_frames *out, Dwfl_Module *mod, Dwarf_Addr pc,
		       Dwarf_Addr within);

#endif
