/* SPDX-License-Identifier: MIT */
/* Looking through an object: strings, pointers, and the code that refers to them. */
#include <stdio.h>
#include <string.h>

#include "bpf/code/elf_impl.h"
#include "decoder/trace/record.h"

/* The words of one segment; false: the visit wants no more. */
static bool visit_words(const struct elf *e, const struct span *s, elf_visit *visit, void *ctx)
{
	const struct tables *t = e->tables;
	const uint8_t *b = elf_file_bytes(e->file, s->offset, s->size);
	size_t r = 0;

	for (uint64_t at = -s->addr & 7; b && s->size >= 8 && at <= s->size - 8; at += 8) {
		uint64_t value = get_le64(b + at);

		if (at % 4096 < 8 && !elf_file_spend(e->file, 0))
			return false;
		while (r < t->nrelocs && t->relocs[r].at < s->addr + at)
			r++;
		if (r < t->nrelocs && t->relocs[r].at == s->addr + at)
			value = t->relocs[r].value;
		if (value && elf_span(e, value, 1) && !visit(ctx, s->addr + at, value))
			return false;
	}
	return true;
}

void elf_pointers(const struct elf *e, elf_visit *visit, void *ctx)
{
	bool more = true;

	if (!e->tables->have_relocs)
		elf_load_relocs(e);
	for (size_t i = 0; i < e->nspans && more; i++)
		if (!e->span[i].exec)
			more = visit_words(e, &e->span[i], visit, ctx);
}

const char *elf_string(const struct elf *e, uint64_t addr, size_t max)
{
	const struct span *s = elf_span(e, addr, 1);
	uint64_t left = s ? s->size - (addr - s->addr) : 0;
	const uint8_t *b;

	if (!s || s->exec)
		return NULL;
	left = left <= max ? left : max + 1;
	b = elf_file_bytes(e->file, s->offset + (addr - s->addr), left);
	return b && memchr(b, 0, left) ? (const char *)b : NULL;
}

/* The bytes of a span that are data never written (or code), to be looked through. */
static const uint8_t *whole(const struct elf *e, const struct span *s, bool code)
{
	if (s->exec != code || (!code && !s->ro) || !elf_file_spend(e->file, 0))
		return NULL;
	return elf_file_bytes(e->file, s->offset, s->size);
}

uint64_t elf_find_string(const struct elf *e, const char *text, uint64_t from)
{
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *base = whole(e, s, false), *p = base;

		while (p && (p = memmem(p, (size_t)(base + s->size - p), text, n))) {
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
		const uint8_t *base = whole(e, s, false);
		const uint8_t *p = base ? memmem(base, s->size, prefix, n) : NULL;

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
		const uint8_t *b = s->size < 7 ? NULL : whole(e, s, true);

		if (!b)
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

/* Where a call or jump of one of three forms at b, of at most `left` bytes at addr, leads; 0. */
static uint64_t branch(const uint8_t *b, uint64_t left, uint64_t addr)
{
	if ((b[0] & 0xfe) == 0xe8 && left >= 5) /* call, jmp rel32 */
		return addr + 5 + (uint64_t)(int64_t)(int32_t)get_le32(b + 1);
	if (b[0] == 0xeb && left >= 2) /* jmp rel8 */
		return addr + 2 + (uint64_t)(int64_t)(int8_t)b[1];
	return 0;
}

uint64_t elf_find_call(const struct elf *e, uint64_t target, uint64_t from)
{
	for (size_t i = 0; target && i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *b = whole(e, s, true);

		for (size_t at = from >= s->addr ? from - s->addr + 1 : 0; b && at < s->size; at++)
			if (branch(b + at, s->size - at, s->addr + at) == target)
				return s->addr + at;
	}
	return 0;
}

void elf_code(const struct elf *e, uint64_t *from, uint64_t *to)
{
	*from = *to = 0;
	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];

		if (!s->exec || s->addr > UINT64_MAX - s->size)
			continue;
		if (!*to || s->addr < *from)
			*from = s->addr;
		if (s->addr + s->size > *to)
			*to = s->addr + s->size;
	}
}

void elf_calls(const struct elf *e, elf_visit *visit, void *ctx)
{
	for (size_t i = 0; i < e->nspans; i++) {
		const struct span *s = &e->span[i];
		const uint8_t *b = s->size < 5 ? NULL : whole(e, s, true);

		for (size_t at = 0; b && at + 5 <= s->size; at++)
			if (b[at] == 0xe8 &&
			    !visit(ctx, s->addr + at, branch(b + at, s->size - at, s->addr + at)))
				return;
	}
}
