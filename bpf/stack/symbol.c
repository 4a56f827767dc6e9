/* SPDX-License-Identifier: MIT */
#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/code/elf.h"
#include "bpf/process/foreign.h"
#include "bpf/stack/debug_file.h"
#include "bpf/stack/symbol.h"
#include "decoder/util/text.h"

/* A place in the source; file NULL: unknown. */
struct place {
	const char *file;
	int line;
};

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_place(struct text *t, Dwfl_Module *mod, const struct place *p)
{
	text_add(t, " [%.100s]", dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
	if (p->file)
		text_add(t, " (%.100s:%d)", file_name(p->file), p->line);
}

void stack_attempt(struct foreign *by)
{
	foreign_init(by, by->pid, NULL);
	foreign_begin_large(by, 8);
}

/* --- the function ---------------------------------------------------------------------- */

struct elf *file_elf(struct mapped_file *f)
{
	char path[64];

	stack_attempt(f->by);
	if (!f->tried) {
		f->tried = true;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
		if (f->fd < 0 || elf_open(&f->elf, path, f->by))
			f->elf = NULL;
	}
	return f->elf;
}

/* The bounds of a function that has no symbol, in the addresses of its file. */
static bool find_function(Dwfl_Module *mod, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct mapped_file *f;
	void **data;

	dwfl_module_info(mod, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	f = *data;
	return f && file_elf(f) && !elf_function(f->elf, addr, start, end);
}

static void put_function(struct text *t, Dwfl_Module *mod, Dwarf_Addr pc, Dwarf_Addr within)
{
	Dwarf_Addr base, bias = 0, start, end;
	GElf_Off offset;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(mod, within, &offset, &sym, NULL, NULL, NULL);

	dwfl_module_info(mod, NULL, &base, NULL, NULL, NULL, NULL, NULL);
	/* what is behind the end of a symbol is another function, which has none */
	if (name && offset < sym.st_size)
		text_add(t, "%.200s+0x%" PRIx64 "/0x%" PRIx64, name, pc - (within - offset),
			 (uint64_t)sym.st_size);
	else if (dwfl_module_getelf(mod, &bias) && find_function(mod, within - bias, &start, &end))
		text_add(t, "fn_%" PRIx64 "+0x%" PRIx64 "/0x%" PRIx64, start, pc - bias - start,
			 end - start);
	else
		text_add(t, "+0x%" PRIx64, pc - base);
}

/* --- with debug information --------------------------------------------------------------- */

static struct place place_of(Dwfl_Module *mod, Dwarf_Addr within)
{
	Dwfl_Line *l = dwfl_module_getsrc(mod, within);
	struct place p = { .file = NULL };

	if (l)
		p.file = dwfl_lineinfo(l, NULL, &p.line, NULL, NULL, NULL);
	if (p.line <= 0)
		p.file = NULL;
	return p;
}

/* Where an inlined function is called, as the function around it has it. */
static struct place call_of(Dwarf_Die *inlined, Dwarf_Die *unit)
{
	struct place p = { .file = NULL };
	Dwarf_Word file, line;
	Dwarf_Attribute a;
	Dwarf_Files *files;
	size_t n;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &a), &file) ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &a), &line) || line > INT32_MAX ||
	    dwarf_getsrcfiles(unit, &files, &n) || file >= n)
		return p;
	p.file = dwarf_filesrc(files, file, NULL, NULL);
	p.line = (int)line;
	return p;
}

/*
 * The frames of inlined functions at an address; *place, which was that of the address, becomes that in
 * the function which they are in.
 */
static bool add_inlined(struct stack_frames *out, Dwfl_Module *mod, Dwarf_Addr pc,
			Dwarf_Addr within, struct place *place)
{
	Dwarf_Die *scopes = NULL, *around = NULL, *unit;
	Dwarf_Addr bias;
	bool room = true;
	int n;

	unit = dwfl_module_addrdie(mod, within, &bias);
	n = unit ? dwarf_getscopes(unit, within - bias, &scopes) : 0;
	/* those of the address, the innermost first: behind an inlined one are those of its definition */
	n = n > 0 ? dwarf_getscopes_die(&scopes[0], &around) : 0;
	for (int i = 0; i < n && room && dwarf_tag(&around[i]) != DW_TAG_subprogram; i++) {
		const char *name = dwarf_diename(&around[i]);
		TEXT(t, 400);

		if (dwarf_tag(&around[i]) != DW_TAG_inlined_subroutine)
			continue;
		text_add(&t, "%.200s (inlined)", name ? name : "?");
		put_place(&t, mod, place);
		room = stack_add_frame(out, pc, t.buf);
		*place = call_of(&around[i], unit);
	}
	free(scopes);
	free(around);
	return room;
}

/* Before anything is read of its debug information. */
static void open_alternate(Dwfl_Module *mod)
{
	Dwarf_Addr bias;
	Dwarf *dw = dwfl_module_getdwarf(mod, &bias);
	void **data;

	dwfl_module_info(mod, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	if (dw && *data)
		debug_file_alternate(*data, dw);
}

bool symbol_add_frames(struct stack_frames *out, Dwfl_Module *mod, Dwarf_Addr pc, Dwarf_Addr within)
{
	struct place place;
	TEXT(t, 500);

	open_alternate(mod);
	place = place_of(mod, within);
	if (!add_inlined(out, mod, pc, within, &place))
		return false;
	put_function(&t, mod, pc, within);
	put_place(&t, mod, &place);
	return stack_add_frame(out, pc, t.buf);
}
