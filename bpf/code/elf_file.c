/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/code/elf_file.h"

#define FILE_MAX (1L << 30)
#define PIECE 65536

/*
 * Address space for the whole file, of which only the pieces that are read become memory.
 * The file itself is not mapped: uprobes that other tools placed on it would also put
 * breakpoints into our mapping, and a file that is cut off meanwhile would end us.
 */
static int reserve(struct elf_file *f, size_t size)
{
	void *p = mmap(NULL, size + 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	f->bytes = p;
	f->size = size;
	f->have = calloc(size / PIECE + 1, 1);
	return f->have ? 0 : -ENOMEM;
}

int elf_file_open(struct elf_file *f, const char *path, struct foreign *by)
{
	struct stat st;

	*f = (struct elf_file){ .by = by };
	f->fd = foreign_open(by, path);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &st))
		return -errno;
	if (st.st_size <= 0 || st.st_size > FILE_MAX)
		return -ENOEXEC;
	return reserve(f, (size_t)st.st_size);
}

int elf_file_copy(struct elf_file *f, const void *bytes, size_t size)
{
	int err;

	*f = (struct elf_file){ .fd = -1 };
	err = size ? reserve(f, size) : -ENOEXEC;
	if (!err)
		memcpy(f->bytes, bytes, size);
	return err;
}

void elf_file_close(struct elf_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->bytes)
		munmap(f->bytes, f->size + 1);
	free(f->have);
}

const uint8_t *elf_file_bytes(struct elf_file *f, uint64_t offset, uint64_t len)
{
	if (offset > f->size || len > f->size - offset)
		return NULL;
	for (uint64_t i = offset / PIECE; f->by && len && i <= (offset + len - 1) / PIECE; i++) {
		uint64_t at = i * PIECE, n = f->size - at < PIECE ? f->size - at : PIECE;

		if (f->have[i])
			continue;
		if (foreign_pread(f->by, f->fd, f->bytes + at, n, at))
			return NULL;
		f->have[i] = 1;
	}
	return f->bytes + offset;
}

bool elf_file_spend(struct elf_file *f, uint64_t bytes)
{
	return !f->by || !foreign_spend(f->by, bytes);
}
