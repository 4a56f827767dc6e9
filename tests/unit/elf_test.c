/* SPDX-License-Identifier: MIT */
/* ELF objects: this program itself (tests/unit/fake_qemu_code.c), and ones made in memory. */
#include <errno.h>
#include <stdlib.h>

#include "bpf/code/elf.h"
#include "bpf/process/foreign.h"
#include "tests/unit/tap.h"
#include "tests/unit/tiny_elf.h"

static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3 };

static struct foreign by;

static struct elf *self(void)
{
	struct elf *e = NULL;

	foreign_init(&by, 0, NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	CHECK_EQ(elf_open(&e, "/proc/self/exe", &by), 0);
	return e;
}

static void symbols(void)
{
	struct elf *e = self();
	uint64_t pop = elf_symbol(e, "virtqueue_pop"), start, end;

	CHECK(elf_has_symtab(e));
	CHECK(pop != 0);
	CHECK_EQ(elf_symbol(e, "virtqueue_po"), 0);
	CHECK_EQ(elf_symbol(e, ""), 0);
	CHECK(elf_is_code(e, pop));
	CHECK_EQ(elf_address(e, elf_offset(e, pop)), pop);
	CHECK_EQ(elf_function(e, pop + 10, &start, &end), 0);
	CHECK_EQ(start, pop);
	CHECK_EQ(end - start, 29);
	CHECK_EQ(elf_function(e, end - 1, &start, &end), 0);
	CHECK_EQ(start, pop);
	CHECK(elf_bytes(e, pop, 17) != NULL && elf_bytes(e, pop, 1)[0] == 0x48);
	CHECK(strlen(elf_build_id(e)) % 2 == 0);
	elf_close(e);
}

static void data(void)
{
	struct elf *e = self();
	uint64_t name = elf_find_string(e, "virtio-pci-common-%s", 0), lea, ops, start, end;
	char text[64], prefix[64];

	CHECK(name != 0);
	CHECK(!elf_is_code(e, name));
	lea = elf_find_lea(e, name, 0);
	CHECK(lea != 0 && elf_is_code(e, lea));
	CHECK_EQ(elf_find_lea(e, name, lea), 0);
	/* relocated as the dynamic linker does it */
	ops = elf_symbol(e, "fake_common_ops");
	CHECK(ops != 0);
	CHECK_EQ(elf_pointer(e, ops), elf_symbol(e, "fake_common_read"));
	CHECK_EQ(elf_pointer(e, ops + 8), elf_symbol(e, "fake_common_write"));
	/* composed, or it would be found itself */
	snprintf(prefix, sizeof(prefix), "QEMU %s version 9", "emulator");
	CHECK(elf_string_with(e, prefix, text, 32));
	CHECK_STR(text, "QEMU emulator version 9.9.9 (fa"); /* cut to fit */
	CHECK_EQ(elf_function(e, ops, &start, &end), (uint64_t)-ENOENT);
	elf_close(e);
}

static void in_memory(void)
{
	static struct tiny_elf t;
	uint64_t start, end;
	struct elf *e;

	tiny_elf(&t, code, sizeof(code));
	CHECK_EQ(elf_open_memory(&e, "tiny", t.bytes, t.size), 0);
	CHECK_STR(elf_path(e), "tiny");
	CHECK_STR(elf_build_id(e), "");
	CHECK(!elf_has_symtab(e) && !elf_has_dwarf(e));
	CHECK_EQ(elf_function(e, TINY_CODE + 3, &start, &end), 0);
	CHECK_EQ(start, TINY_CODE);
	CHECK_EQ(end, TINY_CODE + sizeof(code));
	CHECK(elf_bytes(e, TINY_CODE, sizeof(code)) != NULL);
	CHECK(elf_bytes(e, TINY_CODE, sizeof(code) + 1) == NULL);
	CHECK(elf_bytes(e, UINT64_MAX, 1) == NULL);
	CHECK(elf_bytes(e, 8, SIZE_MAX) == NULL);
	CHECK_EQ(elf_offset(e, t.size), 0);
	CHECK_EQ(elf_address(e, t.size), 0);
	elf_close(e);
}

/* Opened or refused; what is opened answers without reading beyond itself. */
static void survives(const struct tiny_elf *t, size_t size)
{
	uint64_t start, end;
	struct elf *e;

	if (elf_open_memory(&e, "", t->bytes, size)) {
		CHECK(e == NULL);
		return;
	}
	elf_function(e, TINY_CODE, &start, &end);
	elf_pointer(e, TINY_CODE);
	elf_find_string(e, "x", 0);
	elf_find_lea(e, TINY_CODE, 0);
	elf_close(e);
}

static void hostile(void)
{
	static struct tiny_elf t, bad;
	struct elf *e;

	foreign_init(&by, 0, NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	tiny_elf(&t, code, sizeof(code));
	CHECK_EQ(elf_open_memory(&e, "", t.bytes, 0), (uint64_t)-ENOEXEC);
	CHECK_EQ(elf_open_memory(&e, "", "#!/bin/sh\n", 10), (uint64_t)-ENOEXEC);
	CHECK_EQ(elf_open(&e, "/dev/null", &by), (uint64_t)-ENOEXEC);
	CHECK_EQ(elf_open(&e, "/nonexistent", &by), (uint64_t)-ENOENT);
	for (size_t size = 0; size < t.size; size += 3)
		survives(&t, size);
	/* each of the bytes of headers and tables at its extremes */
	for (size_t at = 0; at < TINY_CODE; at++)
		for (unsigned v = 0; v < 3; v++) {
			bad = t;
			bad.bytes[at] = v == 0 ? 0xff : v == 1 ? 0x80 : 0;
			survives(&bad, bad.size);
		}
}

/* A second table of functions adds nothing to the first. */
static void two_tables(void)
{
	static struct tiny_elf t;
	Elf64_Ehdr *h = (void *)t.bytes;
	Elf64_Shdr *s;
	uint64_t start, end;
	struct elf *e;

	tiny_elf(&t, code, sizeof(code));
	s = (void *)(t.bytes + h->e_shoff);
	s[3] = s[1];
	h->e_shnum = 4;
	CHECK_EQ(elf_open_memory(&e, "", t.bytes, t.size), 0);
	CHECK_EQ(elf_function(e, TINY_CODE, &start, &end), 0);
	elf_close(e);
}

static const struct tap_test tests[] = {
	{ "symbols and bounds of functions", symbols },
	{ "strings, references to them, relocated pointers", data },
	{ "an object in memory", in_memory },
	{ "files that are cut off or wrong", hostile },
	{ "two tables of functions", two_tables },
};
TAP_MAIN(tests)
