/* SPDX-License-Identifier: MIT */
/*
 * An ELF object of one function, made in memory: headers, code, and the .eh_frame_hdr that
 * gives its length.
 */
#ifndef VQT_TESTS_UNIT_TINY_ELF_H
#define VQT_TESTS_UNIT_TINY_ELF_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define TINY_CODE_MAX 8192
#define TINY_TABLE 512 /* offset and address of .eh_frame_hdr */
#define TINY_CODE 1024 /* offset and address of the code */
#define TINY_SIZE (TINY_CODE + TINY_CODE_MAX)

struct tiny_elf {
	_Alignas(8) uint8_t bytes[TINY_SIZE];
	size_t size;
};

static inline void tiny_put32(struct tiny_elf *t, size_t at, int32_t v)
{
	memcpy(t->bytes + at, &v, sizeof(v));
}

/* len bytes of code at address TINY_CODE: one function, as .eh_frame_hdr says. */
static inline void tiny_elf(struct tiny_elf *t, const void *code, size_t len)
{
	static const char names[] = "\0.eh_frame_hdr\0.shstrtab";
	const size_t fde = TINY_TABLE + 32, at_names = fde + 32, sections = at_names + 64;
	Elf64_Ehdr *h = (void *)t->bytes;
	Elf64_Phdr *p = (void *)(h + 1);
	Elf64_Shdr *s = (void *)(t->bytes + sections);

	memset(t->bytes, 0, TINY_CODE);
	memcpy(t->bytes + TINY_CODE, code, len);
	t->size = TINY_CODE + len;
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = h->e_version = EV_CURRENT;
	h->e_type = ET_DYN;
	h->e_machine = EM_X86_64;
	h->e_phoff = sizeof(*h);
	h->e_shoff = sections;
	h->e_ehsize = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 1;
	h->e_shentsize = sizeof(*s);
	h->e_shnum = 3;
	h->e_shstrndx = 2;
	*p = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = t->size, .p_memsz = t->size
	};
	s[1] = (Elf64_Shdr){ .sh_name = 1,
			     .sh_type = SHT_PROGBITS,
			     .sh_addr = TINY_TABLE,
			     .sh_offset = TINY_TABLE,
			     .sh_size = 20 };
	s[2] = (Elf64_Shdr){ .sh_name = 15,
			     .sh_type = SHT_STRTAB,
			     .sh_offset = at_names,
			     .sh_size = sizeof(names) };
	memcpy(t->bytes + at_names, names, sizeof(names));
	/* version, encodings, .eh_frame, one entry: function and FDE relative to the table */
	memcpy(t->bytes + TINY_TABLE, "\1\x1b\3\x3b", 4);
	tiny_put32(t, TINY_TABLE + 8, 1);
	tiny_put32(t, TINY_TABLE + 12, TINY_CODE - TINY_TABLE);
	tiny_put32(t, TINY_TABLE + 16, (int32_t)(fde - TINY_TABLE));
	tiny_put32(t, fde, 16);
	tiny_put32(t, fde + 8, (int32_t)(TINY_CODE - (fde + 8)));
	tiny_put32(t, fde + 12, (int32_t)len);
}

#endif
