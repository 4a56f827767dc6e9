/* SPDX-License-Identifier: MIT */
/* Any bytes as the object that a process maps: all that is asked of a QEMU binary. */
#include <stdlib.h>
#include <string.h>

#include "bpf/qemu/discover.h"
#include "bpf/qemu/layout.h"
#include "bpf/qom/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each probe that was found lies in the file. */
static void check_probes(const struct qemu *q, size_t size)
{
	for (size_t i = 0; i < q->nprobes; i++)
		if (q->probe[i].offset >= size || !strlen(q->probe[i].name))
			abort();
	for (size_t i = 0; i < q->nnotes; i++)
		if (!q->note[i].costs)
			abort();
}

/* The types: each has a name, and a class_init that is a function or none. */
static void check_types(const struct elf *e)
{
	uint64_t list[8], start, end;
	struct types *t;

	if (types_find(&t, e))
		return;
	for (size_t i = 0; i < types_count(t); i++) {
		const struct qemu_type *r = types_at(t, i);
		size_t n = types_candidates(e, r->class_init, list, 8);

		if (!r->name || !types_by_name(t, r->name) || n > 8 ||
		    (r->class_init && elf_function(e, r->class_init, &start, &end)))
			abort();
		types_parent(t, r->name);
	}
	types_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout_field fields[32];
	uint64_t start, end;
	struct elf *e;
	struct qemu *q;

	if (elf_open_memory(&e, "fuzz", data, size))
		return 0;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t addr = i < 32 ? i * 977 : UINT64_MAX >> (i & 31);
		const uint8_t *b = elf_bytes(e, addr, i + 1);

		if (b && !b[i] && elf_offset(e, addr) >= size)
			abort();
		if (!elf_function(e, addr, &start, &end) && (addr < start || addr >= end))
			abort();
		elf_pointer(e, addr);
		elf_is_code(e, elf_address(e, addr));
	}
	check_types(e);
	if (qemu_open_elf(&q, e)) /* closes it */
		return 0;
	check_probes(q, size);
	layout_list(q, fields, sizeof(fields) / sizeof(fields[0]));
	qemu_unusable(q);
	qemu_close(q);
	return 0;
}
