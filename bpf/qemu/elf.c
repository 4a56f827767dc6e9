/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/qemu/elf.h"
#include "decoder/trace/record.h"
#include "decoder/util/array.h"

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

struct fde {
	uint64_t start, end;
};

#define SPANS 16
#define FILE_MAX (1L << 30)

struct elf {
	Elf *elf;
	char *path;
	uint8_t *bytes;
	size_t size;
	struct sym *syms; /* sorted by name */
	size_t nsyms, syms_cap;
	struct reloc *relocs; /* sorted by address */
	size_t nrelocs, relocs_cap;
	struct fde *fdes; /* sorted by start */
	size_t nfdes;
	struct span span[SPANS];
	size_t nspans;
	bool symtab, dwarf;
	char build_id[65];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sym *)a)->name, ((const struct sym *)b)->name);
}

static void load_spans(struct elf *e)
{
	size_t n;

	if (elf_getphdrnum(e->elf, &n))
		return;
	for (size_t i = 0; i < n && e->nspans < SPANS; i++) {
		GElf_Phdr p;
		struct span *s = &e->span[e->nspans];

		if (!gelf_getphdr(e->elf, (int)i, &p) || p.p_type != PT_LOAD ||
		    p.p_offset > e->size || p.p_filesz > e->size - p.p_offset)
			continue;
		*s = (struct span){ p.p_vaddr, p.p_offset, p.p_filesz, p.p_flags & PF_X,
				    !(p.p_flags & PF_W) };
		e->nspans++;
	}
}

static int load_symbols(struct elf *e, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = sh->sh_entsize && data ? data->d_size / sh->sh_entsize : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Sym s;
		const char *name;

		if (!gelf_getsym(data, (int)i, &s) || s.st_shndx == SHN_UNDEF || !s.st_value)
			continue;
		name = elf_strptr(e->elf, sh->sh_link, s.st_name);
		if (!name || !*name)
			continue;
		if (!array_room(e->syms, e->syms_cap, e->nsyms + 1))
			return -ENOMEM;
		e->syms[e->nsyms++] = (struct sym){ name, s.st_value };
	}
	return 0;
}

static uint64_t symbol_value(struct elf *e, uint32_t link, size_t index)
{
	Elf_Scn *scn = elf_getscn(e->elf, link);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Sym s;

	return data && gelf_getsym(data, (int)index, &s) ? s.st_value : 0;
}

static int load_relocs(struct elf *e, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = sh->sh_entsize && data ? data->d_size / sh->sh_entsize : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Rela r;
		uint64_t value;

		if (!gelf_getrela(data, (int)i, &r))
			continue;
		value = r.r_addend;
		if (GELF_R_TYPE(r.r_info) == R_X86_64_64)
			value += symbol_value(e, sh->sh_link, GELF_R_SYM(r.r_info));
		else if (GELF_R_TYPE(r.r_info) != R_X86_64_RELATIVE)
			continue;
		if (!array_room(e->relocs, e->relocs_cap, e->nrelocs + 1))
			return -ENOMEM;
		e->relocs[e->nrelocs++] = (struct reloc){ r.r_offset, value };
	}
	return 0;
}

static void load_build_id(struct elf *e, Elf_Scn *scn)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t off = 0, next, name, desc;
	GElf_Nhdr h;

	while (data && (next = gelf_getnote(data, off, &h, &name, &desc)) > 0) {
		const uint8_t *b = (const uint8_t *)data->d_buf + desc;

		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    !memcmp((const char *)data->d_buf + name, "GNU", 4) && h.n_descsz <= 32)
			for (size_t i = 0; i < h.n_descsz; i++)
				sprintf(e->build_id + 2 * i, "%02x", b[i]);
		off = next;
	}
}

/*
 * .eh_frame_hdr lists every function of the object, static ones too: a sorted
 * table of (start, FDE), both relative to the header (its only encoding in use,
 * DW_EH_PE_datarel | sdata4).
 */
static int load_fdes(struct elf *e, const GElf_Shdr *sh)
{
	const uint8_t *h = elf_bytes(e, sh->sh_addr, 12);
	uint32_t n;

	if (e->fdes || !h || h[0] != 1 || h[2] != 0x03 || h[3] != 0x3b)
		return 0;
	n = get_le32(h + 8);
	if (n > sh->sh_size / 8 || !elf_bytes(e, sh->sh_addr, 12 + 8ULL * n))
		return 0;
	e->fdes = calloc(n ? n : 1, sizeof(*e->fdes));
	if (!e->fdes)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t start = sh->sh_addr + (int32_t)get_le32(h + 12 + 8 * i);
		const uint8_t *f =
			elf_bytes(e, sh->sh_addr + (int32_t)get_le32(h + 16 + 8 * i), 16);

		/* FDE: length, CIE pointer, start (pcrel sdata4), bytes */
		if (f)
			e->fdes[e->nfdes++] = (struct fde){ start, start + get_le32(f + 12) };
	}
	qsort(e->fdes, e->nfdes, sizeof(*e->fdes), array_by_u64);
	return 0;
}

static int load_section(struct elf *e, Elf_Scn *scn, const char *name)
{
	GElf_Shdr sh;

	if (!gelf_getshdr(scn, &sh))
		return 0;
	if (!strncmp(name, ".debug_info", 11) || !strncmp(name, ".zdebug_info", 12))
		e->dwarf = true;
	if (!strcmp(name, ".eh_frame_hdr"))
		return load_fdes(e, &sh);
	switch (sh.sh_type) {
	case SHT_SYMTAB: e->symtab = true; return load_symbols(e, scn, &sh);
	case SHT_DYNSYM: return load_symbols(e, scn, &sh);
	case SHT_RELA: return load_relocs(e, scn, &sh);
	case SHT_NOTE: load_build_id(e, scn);
	}
	return 0;
}

static int load(struct elf *e)
{
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	size_t names;
	int err = 0;

	if (elf_kind(e->elf) != ELF_K_ELF || !gelf_getehdr(e->elf, &eh) ||
	    eh.e_machine != EM_X86_64 || elf_getshdrstrndx(e->elf, &names))
		return -ENOEXEC;
	load_spans(e);
	while (!err && (scn = elf_nextscn(e->elf, scn))) {
		GElf_Shdr sh;
		const char *name =
			gelf_getshdr(scn, &sh) ? elf_strptr(e->elf, names, sh.sh_name) : NULL;

		err = load_section(e, scn, name ? name : "");
	}
	if (e->nsyms)
		qsort(e->syms, e->nsyms, sizeof(*e->syms), by_name);
	if (e->nrelocs)
		qsort(e->relocs, e->nrelocs, sizeof(*e->relocs), array_by_u64);
	return err;
}

/*
 * The file is read, not mapped: uprobes that other tools placed on it would also put
 * breakpoints into our mapping, and the decoder would see them.
 */
static int read_file(struct elf *e)
{
	int fd = open(e->path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	size_t at = 0;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX) {
		err = -ENOEXEC;
		goto out;
	}
	e->bytes = malloc((size_t)st.st_size);
	if (!e->bytes)
		err = -ENOMEM;
	while (!err && at < (size_t)st.st_size) {
		ssize_t n = read(fd, e->bytes + at, (size_t)st.st_size - at);

		if (n <= 0)
			err = n ? -errno : -ENOEXEC;
		else
			at += (size_t)n;
	}
	e->size = at;
out:
	if (fd >= 0)
		close(fd);
	return err;
}

static int parse(struct elf *e)
{
	elf_version(EV_CURRENT);
	e->elf = elf_memory((char *)e->bytes, e->size);
	return e->elf ? load(e) : -ENOEXEC;
}

/* As elf_open(); without bytes, the file at path is read. */
static int open_any(struct elf **out, const char *path, const void *bytes, size_t size)
{
	struct elf *e = calloc(1, sizeof(*e));
	int err = -ENOMEM;

	*out = NULL;
	if (!e)
		return err;
	e->path = strdup(path);
	if (e->path && bytes) {
		e->size = size;
		e->bytes = malloc(size ? size : 1);
		err = e->bytes ? 0 : -ENOMEM;
		if (!err)
			memcpy(e->bytes, bytes, size);
	} else if (e->path) {
		err = read_file(e);
	}
	if (!err)
		err = parse(e);
	if (err)
		elf_close(e);
	else
		*out = e;
	return err;
}

int elf_open(struct elf **out, const char *path)
{
	return open_any(out, path, NULL, 0);
}

int elf_open_memory(struct elf **out, const char *path, const void *bytes, size_t size)
{
	return open_any(out, path, bytes, size);
}

void elf_close(struct elf *e)
{
	if (!e)
		return;
	elf_end(e->elf);
	free(e->bytes);
	free(e->syms);
	free(e->relocs);
	free(e->fdes);
	free(e->path);
	free(e);
}

uint64_t elf_symbol(const struct elf *e, const char *name)
{
	struct sym key = { name, 0 }, *s;

	s = e->nsyms ? bsearch(&key, e->syms, e->nsyms, sizeof(*s), by_name) : NULL;
	return s ? s->addr : 0;
}

bool elf_has_symtab(const struct elf *e)
{
	return e->symtab;
}

bool elf_has_dwarf(const struct elf *e)
{
	return e->dwarf;
}

static const struct span *span_of(const struct elf *e, uint64_t addr, size_t len)
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
	const struct span *s = span_of(e, addr, len);

	return s ? e->bytes + s->offset + (addr - s->addr) : NULL;
}

uint64_t elf_offset(const struct elf *e, uint64_t addr)
{
	const struct span *s = span_of(e, addr, 1);

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
	const struct span *s = span_of(e, addr, 1);

	return s && s->exec;
}

uint64_t elf_pointer(const struct elf *e, uint64_t addr)
{
	struct reloc key = { addr, 0 }, *r;
	const uint8_t *b;

	r = e->nrelocs ? bsearch(&key, e->relocs, e->nrelocs, sizeof(*r), array_by_u64) : NULL;
	if (r)
		return r->value;
	b = elf_bytes(e, addr, 8); /* packed relative relocations leave the value in the data */
	return b ? get_le64(b) : 0;
}

int elf_function(const struct elf *e, uint64_t addr, uint64_t *start, uint64_t *end)
{
	size_t lo = 0, hi = e->nfdes;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (e->fdes[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr >= e->fdes[lo - 1].end)
		return -ENOENT;
	*start = e->fdes[lo - 1].start;
	*end = e->fdes[lo - 1].end;
	return 0;
}

uint64_t elf_find_string(const struct elf *e, const char *text, uint64_t from)
{
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *base = e->bytes + s->offset, *p = base, *end = base + s->size;

		if (s->exec || !s->ro)
			continue;
		while ((p = memmem(p, (size_t)(end - p), text, n))) {
			uint64_t at = s->addr + (uint64_t)(p - base);

			/* may be the tail of a longer string: linkers merge suffixes */
			if (at > from)
				return at;
			p++;
		}
	}
	return 0;
}

bool elf_string_with(const struct elf *e, const char *prefix, char *buf, size_t size)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *base = e->bytes + s->offset;
		const uint8_t *p = s->ro && !s->exec ? memmem(base, s->size, prefix, n) : NULL;

		if (!p)
			continue;
		snprintf(buf, size, "%.*s", (int)strnlen((const char *)p, s->size - (p - base)), p);
		return true;
	}
	return false;
}

uint64_t elf_find_lea(const struct elf *e, uint64_t target, uint64_t from)
{
	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *b = e->bytes + s->offset;

		if (!s->exec || s->size < 7)
			continue;
		/* REX.W (48, 4c) 8d modrm(00 reg 101) disp32 */
		for (size_t at = from > s->addr ? from - s->addr + 1 : 0; at + 7 <= s->size; at++)
			if ((b[at] & 0xfb) == 0x48 && b[at + 1] == 0x8d &&
			    (b[at + 2] & 0xc7) == 0x05 &&
			    s->addr + at + 7 + (int32_t)get_le32(b + at + 3) == target)
				return s->addr + at;
	}
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
