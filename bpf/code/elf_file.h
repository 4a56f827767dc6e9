/* SPDX-License-Identifier: MIT */
/* The bytes of an ELF object, read in pieces when they are first needed. */
#ifndef VQT_BPF_CODE_ELF_FILE_H
#define VQT_BPF_CODE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/process/foreign.h"

struct elf_file {
	struct foreign *by; /* borrowed; NULL: the bytes are in memory */
	int fd;
	size_t size;
	uint8_t *bytes; /* room for the whole file and a 0 behind it; only pieces are filled */
	uint8_t *have; /* a byte for each piece: has it been read? */
};

/* by is borrowed until elf_file_close().  Negative errno; -ENOEXEC: no file to read. */
int elf_file_open(struct elf_file *f, const char *path, struct foreign *by);
int elf_file_copy(struct elf_file *f, const void *bytes, size_t size);
void elf_file_close(struct elf_file *f);
/* len bytes at an offset, valid until elf_file_close(); NULL if they cannot be read. */
const uint8_t *elf_file_bytes(struct elf_file *f, uint64_t offset, uint64_t len);
/* Account for looking through so many bytes; false: enough was done. */
bool elf_file_spend(struct elf_file *f, uint64_t bytes);

#endif
