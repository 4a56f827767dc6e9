/* SPDX-License-Identifier: MIT */
/* Inside bpf/stack: separate files with the debug information of a file that is mapped. */
#ifndef VQT_BPF_STACK_DEBUG_FILE_H
#define VQT_BPF_STACK_DEBUG_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>

#include "bpf/stack/symbol.h"

/*
 * Whether a file may be given to libdw: an ELF file of at most 4 GiB.  libdw would also unpack compressed
 * files, to whatever size that is.
 */
bool debug_file_is_elf(int fd);

/*
 * libdw's callback that finds a separate debug file: by build-id below /usr/lib/debug, or by the debuglink
 * beside the file, in .debug/ there and below /usr/lib/debug; or by debuginfod.h.  libdw's own would also
 * open what is no regular file, whatever path the debuglink has, and ask servers.
 */
int debug_file_find(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
		    const char *file, const char *link, GElf_Word crc, char **found);

/*
 * What dwz has moved to another file (.gnu_debugaltlink): give it to libdw if it is one with the right
 * build-id below /usr/lib/debug, in .build-id/ or .dwz/.  libdw would open it by any path.
 */
void debug_file_alternate(struct mapped_file *f, Dwarf *dw);

/*
 * Its path below /usr/lib/debug, by what the link says ("../../.dwz/x86_64-linux-gnu/a.debug"); false:
 * it leads elsewhere.
 */
bool debug_file_alternate_path(const char *link, char *path, size_t size);

#endif
