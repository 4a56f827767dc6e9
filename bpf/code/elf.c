/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/code/elf_impl.h"
#include "decoder/trace/record.h"
#include "decoder/util/array.h"

#define SECTIONS 4096
#define NAME_LEN 255 /* longer symbols are nobody's we look for */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sym *)a)->name, ((const struct sym *)b)->name);
}

/* --- opening ------------------------------------------------------------------ */

static void load_spans(struct elf *e, const Elf64_Ehdr *h)
{
	const uint8_t *p =
		elf_file_bytes(e->file, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr));

	for (size_t i = 0; p && i < h->e_phnum && e->nspans < SPANS; i++) {
		Elf64_Phdr s;

		memcpy(&s, p + i * sizeof(s), sizeof(s));
		if (s.p_type != PT_LOAD || s.p_offset > e->file->size ||
		    s.p_filesz > e->file->size - s.p_offset)
			continue;
		e->span[e->nspans++] = (struct span){ s.p_vaddr, s.p_offset, s.p_filesz,
						      s.p_flags & PF_X, !(s.p_flags & PF_W) };
	}
}

static void load_build_id(struct elf *e, const Elf64_Shdr *sh)
{
	const uint8_t *b =
		sh->sh_size < 4096 ? elf_file_bytes(e->file, sh->sh_offset, sh->sh_size) : NULL;
	uint64_t at = 0;

	while (b && sh->sh_size - at >= 12) {
		uint64_t name = (get_le32(b + at) + 3ULL) & ~3ULL, len = get_le32(b + at + 4);
		const uint8_t *id = b + at + 12 + name;

		if (name > sh->sh_size || at + 12 + name + len > sh->sh_size)
			return;
		if (get_le32(b + at + 8) == NT_GNU_BUILD_ID && name == 4 &&
		    !memcmp(b + at + 12, "GNU", 4) && len <= 32)
			for (size_t i = 0; i < len; i++)
				sprintf(e->build_id + 2 * i, "%02x", id[i]);
		at += 12 + name + ((len + 3) & ~3ULL);
		if (at > sh->sh_size)
			return;
	}
}

/*
 * .eh_frame_hdr lists every function of the object, static ones too: a sorted
 * table of (start, FDE), both relative to the header (its only encoding in use,
 * DW_EH_PE_datarel | sdata4).
 */
static void load_frames(struct elf *e, const Elf64_Shdr *sh)
{
	const uint8_t *h = elf_bytes(e, sh->sh_addr, 12);
	uint32_t n;

	if (e->frames || !h || h[0] != 1 || h[2] != 0x03 || h[3] != 0x3b)
		return;
	n = get_le32(h + 8);
	if (n > sh->sh_size / 8)
		return;
	e->frames = sh->sh_addr;
	e->nframes = n;
}

static void load_section(struct elf *e, const Elf64_Shdr *sh, const char *name)
{
	if (!strncmp(name, ".debug_info", 11) || !strncmp(name, ".zdebug_info", 12))
		e->dwarf = true;
	if (!strcmp(name, ".eh_frame_hdr"))
		load_frames(e, sh);
	if (sh->sh_type == SHT_SYMTAB)
		e->symtab = true;
	if (sh->sh_type == SHT_NOTE)
		load_build_id(e, sh);
}

/* The first 16 bytes of a name: more is not compared. */
static void section_name(const struct elf *e, const Elf64_Shdr *names, uint32_t at, char name[17])
{
	uint64_t off = names->sh_offset + at, len;
	const uint8_t *b;

	if (at >= names->sh_size || off >= e->file->size)
		return;
	len = e->file->size - off < 16 ? e->file->size - off : 16;
	b = elf_file_bytes(e->file, off, len);
	if (b)
		memcpy(name, b, len);
}

static int load(struct elf *e)
{
	const Elf64_Ehdr *h = (const void *)elf_file_bytes(e->file, 0, sizeof(*h));
	const Elf64_Shdr *s;

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64 ||
	    h->e_shentsize != sizeof(*s) || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_shoff % 8 || h->e_shnum > SECTIONS || h->e_shstrndx >= h->e_shnum)
		return -ENOEXEC;
	s = (const void *)elf_file_bytes(e->file, h->e_shoff, h->e_shnum * sizeof(*s));
	if (!s)
		return -ENOEXEC;
	e->section = s;
	e->nsections = h->e_shnum;
	load_spans(e, h);
	for (size_t i = 0; i < e->nsections; i++) {
		char name[17] = "";

		section_name(e, &s[h->e_shstrndx], s[i].sh_name, name);
		load_section(e, &s[i], name);
	}
	return 0;
}

static int open_any(struct elf **out, const char *path, const void *bytes, size_t size,
		    struct foreign *by)
{
	struct elf *e = calloc(1, sizeof(*e));
	int err = -ENOMEM;

	*out = NULL;
	if (!e)
		return err;
	e->path = strdup(path);
	e->file = calloc(1, sizeof(*e->file));
	e->tables = calloc(1, sizeof(*e->tables));
	if (e->file)
		e->file->fd = -1;
	if (e->path && e->file && e->tables)
		err = bytes ? elf_file_copy(e->file, bytes, size)
			    : elf_file_open(e->file, path, by);
	if (!err)
		err = load(e);
	if (err && by && by->err)
		err = by->err;
	if (err)
		elf_close(e);
	else
		*out = e;
	return err;
}

int elf_open(struct elf **out, const char *path, struct foreign *by)
{
	return open_any(out, path, NULL, 0, by);
}

int elf_open_memory(struct elf **out, const char *path, const void *bytes, size_t size)
{
	return open_any(out, path, bytes, size, NULL);
}

void elf_close(struct elf *e)
{
	if (!e)
		return;
	if (e->file)
		elf_file_close(e->file);
	if (e->tables) {
		free(e->tables->syms);
		free(e->tables->relocs);
	}
	free(e->tables);
	free(e->file);
	free(e->path);
	free(e);
}

/* --- symbols and relocations ------------------------------------------------------ */

static bool is_symbols(const Elf64_Shdr *sh)
{
	return sh->sh_type == SHT_DYNSYM || sh->sh_type == SHT_SYMTAB;
}

/* The entries of a table of symbols and their names; the number of entries. */
static size_t symbols_in(const struct elf *e, const Elf64_Shdr *sh, const Elf64_Sym **sym,
			 const char **names)
{
	const Elf64_Shdr *str = sh->sh_link < e->nsections ? &e->section[sh->sh_link] : NULL;

	if (!str || sh->sh_offset % 8)
		return 0;
	*sym = (const void *)elf_file_bytes(e->file, sh->sh_offset, sh->sh_size);
	*names = (const char *)elf_file_bytes(e->file, str->sh_offset, str->sh_size);
	return *sym && *names ? sh->sh_size / sizeof(**sym) : 0;
}

/* The name of a defined symbol; NULL if it has none.  It ends within the file's bytes. */
static const char *name_of(const struct elf *e, const Elf64_Shdr *sh, const Elf64_Sym *s,
			   const char *names)
{
	uint64_t len = e->section[sh->sh_link].sh_size;

	if (s->st_shndx == SHN_UNDEF || !s->st_value || s->st_name >= len)
		return NULL;
	len = len - s->st_name <= NAME_LEN ? len - s->st_name : NAME_LEN + 1;
	return names[s->st_name] && memchr(names + s->st_name, 0, len) ? names + s->st_name : NULL;
}

bool elf_exports(const struct elf *e, const char *name)
{
	for (size_t i = 0; i < e->nsections; i++) {
		const Elf64_Shdr *sh = &e->section[i];
		const char *names, *is;
		const Elf64_Sym *sym;
		size_t n = is_symbols(sh) ? symbols_in(e, sh, &sym, &names) : 0;

		for (size_t k = 0; k < n && (k % 4096 || elf_file_spend(e->file, 0)); k++)
			if ((is = name_of(e, sh, &sym[k], names)) && !strcmp(is, name))
				return true;
	}
	return false;
}

static void load_symbols(const struct elf *e)
{
	struct tables *t = e->tables;

	t->have_syms = true;
	for (size_t i = 0; i < e->nsections; i++) {
		const Elf64_Shdr *sh = &e->section[i];
		const char *names, *name;
		const Elf64_Sym *sym;
		size_t n = is_symbols(sh) ? symbols_in(e, sh, &sym, &names) : 0;

		for (size_t k = 0; k < n && (k % 4096 || elf_file_spend(e->file, 0)); k++) {
			name = name_of(e, sh, &sym[k], names);
			if (name && array_room(t->syms, t->syms_cap, t->nsyms + 1))
				t->syms[t->nsyms++] = (struct sym){ name, sym[k].st_value };
		}
	}
	if (t->nsyms && elf_file_spend(e->file, 0))
		qsort(t->syms, t->nsyms, sizeof(*t->syms), by_name);
	else
		t->nsyms = 0;
}

uint64_t elf_symbol(const struct elf *e, const char *name)
{
	struct sym key = { name, 0 }, *s;

	if (!e->tables->have_syms)
		load_symbols(e);
	s = e->tables->nsyms ? bsearch(&key, e->tables->syms, e->tables->nsyms, sizeof(*s), by_name)
			     : NULL;
	return s ? s->addr : 0;
}

const char *elf_name(const struct elf *e, uint64_t addr)
{
	const struct tables *t = e->tables;

	if (!t->have_syms)
		load_symbols(e);
	for (size_t i = 0; addr && i < t->nsyms; i++)
		if (t->syms[i].addr == addr)
			return t->syms[i].name;
	return NULL;
}

static uint64_t symbol_value(const struct elf *e, uint32_t link, uint64_t index)
{
	const Elf64_Shdr *sh = link < e->nsections ? &e->section[link] : NULL;
	Elf64_Sym s;
	const uint8_t *b;

	if (!sh || index >= sh->sh_size / sizeof(s))
		return 0;
	b = elf_file_bytes(e->file, sh->sh_offset + index * sizeof(s), sizeof(s));
	if (!b)
		return 0;
	memcpy(&s, b, sizeof(s));
	return s.st_value;
}

void elf_load_relocs(const struct elf *e)
{
	struct tables *t = e->tables;

	t->have_relocs = true;
	for (size_t i = 0; i < e->nsections; i++) {
		const Elf64_Shdr *sh = &e->section[i];
		const uint8_t *b = sh->sh_type == SHT_RELA
					   ? elf_file_bytes(e->file, sh->sh_offset, sh->sh_size)
					   : NULL;
		size_t n = b ? sh->sh_size / sizeof(Elf64_Rela) : 0;

		for (size_t k = 0; k < n && (k % 4096 || elf_file_spend(e->file, 0)); k++) {
			Elf64_Rela r;
			uint64_t value;

			memcpy(&r, b + k * sizeof(r), sizeof(r));
			value = (uint64_t)r.r_addend;
			if (ELF64_R_TYPE(r.r_info) == R_X86_64_64)
				value += symbol_value(e, sh->sh_link, ELF64_R_SYM(r.r_info));
			else if (ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE)
				continue;
			if (array_room(t->relocs, t->relocs_cap, t->nrelocs + 1))
				t->relocs[t->nrelocs++] = (struct reloc){ r.r_offset, value };
		}
	}
	if (t->nrelocs && elf_file_spend(e->file, 0))
		qsort(t->relocs, t->nrelocs, sizeof(*t->relocs), array_by_u64);
	else
		t->nrelocs = 0;
}

/* --- what the object holds ---------------------------------------------------------- */

bool elf_has_symtab(const struct elf *e)
{
	return e->symtab;
}

bool elf_has_dwarf(const struct elf *e)
{
	return e->dwarf;
}

const struct span *elf_span(const struct elf *e, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];

		if (addr >= s->addr && addr - s->addr < s->size &&
		    len <= s->size - (addr - s->addr))
			return s;
	}
	return NULL;
}

const uint8_t *elf_bytes(const struct elf *e, uint64_t addr, size_t len)
{
	const struct span *s = elf_span(e, addr, len);

	return s ? elf_file_bytes(e->file, s->offset + (addr - s->addr), len) : NULL;
}

uint64_t elf_offset(const struct elf *e, uint64_t addr)
{
	const struct span *s = elf_span(e, addr, 1);

	return s ? s->offset + (addr - s->addr) : 0;
}

uint64_t elf_address(const struct elf *e, uint64_t offset)
{
	for (size_t i = 0; i < e->nspans; i++)
		if (offset >= e->span[i].offset && offset - e->span[i].offset < e->span[i].size)
			return e->span[i].addr + (offset - e->span[i].offset);
	return 0;
}

bool elf_is_code(const struct elf *e, uint64_t addr)
{
	const struct span *s = elf_span(e, addr, 1);

	return s && s->exec;
}

uint64_t elf_pointer(const struct elf *e, uint64_t addr)
{
	struct reloc key = { addr, 0 }, *r;
	const uint8_t *b;

	if (!e->tables->have_relocs)
		elf_load_relocs(e);
	r = e->tables->nrelocs
		    ? bsearch(&key, e->tables->relocs, e->tables->nrelocs, sizeof(*r), array_by_u64)
		    : NULL;
	if (r)
		return r->value;
	b = elf_bytes(e, addr, 8); /* packed relative relocations leave the value in the data */
	return b ? get_le64(b) : 0;
}

/* An entry of .eh_frame_hdr; false if it cannot be read. */
static bool frame(const struct elf *e, uint32_t i, uint64_t *start, uint64_t *fde)
{
	const uint8_t *b = elf_bytes(e, e->frames + 12 + 8ULL * i, 8);

	if (!b)
		return false;
	*start = e->frames + (uint64_t)(int64_t)(int32_t)get_le32(b);
	*fde = e->frames + (uint64_t)(int64_t)(int32_t)get_le32(b + 4);
	return true;
}

int elf_frame(const struct elf *e, uint64_t addr, uint64_t *start, uint64_t *fde)
{
	uint32_t lo = 0, hi = e->nframes;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (!frame(e, mid, start, fde))
			return -ENOENT;
		if (*start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && frame(e, lo - 1, start, fde) && *start <= addr ? 0 : -ENOENT;
}

int elf_function(const struct elf *e, uint64_t addr, uint64_t *start, uint64_t *end)
{
	uint64_t at, fde;
	const uint8_t *b;

	if (elf_frame(e, addr, &at, &fde))
		return -ENOENT;
	b = elf_bytes(e, fde, 16); /* FDE: length, CIE pointer, start (pcrel sdata4), bytes */
	if (!b || addr - at >= get_le32(b + 12) || at > UINT64_MAX - get_le32(b + 12))
		return -ENOENT;
	*start = at;
	*end = at + get_le32(b + 12);
	return 0;
}

const char *elf_path(const struct elf *e)
{
	return e->path;
}

const char *elf_build_id(const struct elf *e)
{
	return e->build_id;
}
