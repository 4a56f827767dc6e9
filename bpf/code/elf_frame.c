/* SPDX-License-Identifier: MIT */
/* What .eh_frame says of the stack where a function begins: the first rows of its table. */
#include <dwarf.h>
#include <string.h>

#include "bpf/code/elf_impl.h"
#include "decoder/trace/record.h"

#define ENTRY_MAX 4096 /* bytes of a CIE or an FDE */
#define RSP 7 /* DWARF's number of it */

/* Bytes that are left to be read; more than there are read as 0, and `bad` says so. */
struct bytes {
	const uint8_t *at, *end;
	bool bad;
};

static uint8_t byte(struct bytes *b)
{
	if (b->at < b->end)
		return *b->at++;
	b->bad = true;
	return 0;
}

static uint64_t leb(struct bytes *b)
{
	uint64_t v = 0, part;
	unsigned shift = 0;

	do {
		part = byte(b);
		if (shift < 64)
			v |= (part & 127) << shift;
		shift += 7;
	} while (part & 128);
	return v;
}

static void skip(struct bytes *b, uint64_t n)
{
	if (n > (uint64_t)(b->end - b->at))
		b->bad = true;
	else
		b->at += n;
}

/* Where the frame is, from a register. */
struct cfa {
	uint64_t reg, off;
	bool known;
};

/* One instruction of a table; false: it is the end of the first row, or is not known. */
static bool step(struct bytes *b, struct cfa *c)
{
	uint8_t op = byte(b);

	if (op >> 6 == 1) /* DW_CFA_advance_loc */
		return false;
	if (op >> 6) { /* DW_CFA_offset, DW_CFA_restore */
		if (op >> 6 == 2)
			leb(b);
		return true;
	}
	switch (op) {
	case DW_CFA_nop: return true;
	case DW_CFA_def_cfa:
		c->reg = leb(b);
		c->off = leb(b);
		c->known = true;
		return true;
	case DW_CFA_def_cfa_register: c->reg = leb(b); return true;
	case DW_CFA_def_cfa_offset: c->off = leb(b); return true;
	case DW_CFA_def_cfa_expression:
		c->known = false;
		skip(b, leb(b));
		return true;
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		leb(b);
		skip(b, leb(b));
		return true;
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_register: leb(b); /* fall through */
	case DW_CFA_restore_extended:
	case DW_CFA_undefined:
	case DW_CFA_same_value:
	case DW_CFA_GNU_args_size: leb(b); return true;
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4: return false;
	}
	b->bad = true;
	return false;
}

/* The bytes of an entry behind its length. */
static struct bytes entry(const struct elf *e, uint64_t addr)
{
	const uint8_t *b = elf_bytes(e, addr, 4);
	uint32_t len = b ? get_le32(b) : 0;

	b = len && len <= ENTRY_MAX ? elf_bytes(e, addr + 4, len) : NULL;
	return (struct bytes){ b, b ? b + len : NULL, !b };
}

static bool rows(struct bytes *b, struct cfa *c)
{
	while (!b->bad && b->at < b->end)
		if (!step(b, c))
			break;
	return !b->bad;
}

/* The CIE: id, version, augmentation, alignments, register of the return address, its data, rows. */
static bool read_cie(const struct elf *e, uint64_t addr, struct cfa *c)
{
	struct bytes b = entry(e, addr);
	uint8_t version, first, letter;

	skip(&b, 4);
	version = byte(&b);
	first = letter = byte(&b);
	while (letter && !b.bad)
		letter = byte(&b);
	leb(&b);
	leb(&b);
	if (version == 1)
		byte(&b);
	else
		leb(&b);
	if (first != 'z') /* the FDE's data would have no length */
		return false;
	skip(&b, leb(&b));
	return rows(&b, c);
}

bool elf_is_called(const struct elf *e, uint64_t addr)
{
	struct cfa c = { .known = false };
	uint64_t start, fde;
	struct bytes b;

	if (elf_frame(e, addr, &start, &fde) || start != addr)
		return false;
	b = entry(e, fde);
	if (b.bad || b.end - b.at < 12 || !read_cie(e, fde + 4 - get_le32(b.at), &c))
		return false;
	skip(&b, 12); /* CIE pointer, begin, length */
	skip(&b, leb(&b));
	return rows(&b, &c) && c.known && c.reg == RSP && c.off == 8;
}
