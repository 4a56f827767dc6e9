/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/stack/jit.h"

/* https://sourceware.org/gdb, "JIT Interface". */
struct jit_descriptor {
	uint32_t version, action;
	uint64_t relevant, first;
};
struct jit_entry {
	uint64_t next, prev, image, size; /* an ELF file in memory */
};

/* libdw rounds a segment's address by its alignment, which QEMU leaves 0. */
static void align_segments(uint8_t *bytes, size_t size)
{
	Elf64_Ehdr h;

	if (size < sizeof(h))
		return;
	memcpy(&h, bytes, sizeof(h));
	for (unsigned i = 0; i < h.e_phnum; i++) {
		uint64_t at = h.e_phoff + (uint64_t)i * sizeof(Elf64_Phdr);
		Elf64_Phdr p;

		if (at > size || size - at < sizeof(p))
			return;
		memcpy(&p, bytes + at, sizeof(p));
		p.p_align += !p.p_align;
		memcpy(bytes + at, &p, sizeof(p));
	}
}

static int copy_image(const struct process_memory *m, const struct jit_entry *e)
{
	int fd = memfd_create("jit", MFD_CLOEXEC);
	uint8_t *bytes = malloc(e->size);
	bool ok = fd >= 0 && bytes && process_mem_all(m, e->image, bytes, e->size);

	if (ok) {
		align_segments(bytes, e->size);
		ok = write(fd, bytes, e->size) == (ssize_t)e->size;
	}
	free(bytes);
	if (ok || fd < 0)
		return fd;
	close(fd);
	return -1;
}

int jit_copy(const struct process_memory *m, uint64_t descriptor)
{
	struct jit_descriptor d;
	struct jit_entry e;

	if (!descriptor || !process_mem_all(m, descriptor, &d, sizeof(d)) || d.version != 1 ||
	    !d.first || !process_mem_all(m, d.first, &e, sizeof(e)) || !e.size ||
	    e.size > JIT_IMAGE_MAX)
		return -1;
	return copy_image(m, &e);
}
