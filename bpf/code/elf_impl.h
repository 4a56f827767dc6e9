/* SPDX-License-Identifier: MIT */
/* Internal to elf.c, elf_frame.c and elf_search.c: what an object is. */
#ifndef VQT_BPF_CODE_ELF_IMPL_H
#define VQT_BPF_CODE_ELF_IMPL_H

#include <elf.h>

#include "bpf/code/elf.h"
#include "bpf/code/elf_file.h"

struct sym {
	const char *name;
	uint64_t addr;
};

struct span {
	uint64_t addr, offset, size;
	bool exec, ro;
};

struct reloc {
	uint64_t at, value;
};

#define SPANS 16

/* What is read and sorted when it is first asked for. */
struct tables {
	bool have_syms, have_relocs;
	struct sym *syms; /* sorted by name */
	size_t nsyms, syms_cap;
	struct reloc *relocs; /* sorted by address */
	size_t nrelocs, relocs_cap;
};

struct elf {
	char *path;
	struct elf_file *file;
	struct tables *tables;
	const Elf64_Shdr *section;
	size_t nsections;
	struct span span[SPANS];
	size_t nspans;
	uint64_t frames; /* address of .eh_frame_hdr's table */
	uint32_t nframes;
	bool symtab, dwarf;
	char build_id[65];
};

/* The segment that has len bytes at an address; NULL if there is none. */
const struct span *elf_span(const struct elf *e, uint64_t addr, size_t len);
/* Where the last function begins that is not behind addr, and its FDE.  0 or -ENOENT. */
int elf_frame(const struct elf *e, uint64_t addr, uint64_t *start, uint64_t *fde);
/* Read and sort the relocations. */
void elf_load_relocs(const struct elf *e);

#endif
