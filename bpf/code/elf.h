/* SPDX-License-Identifier: MIT */
/*
 * An ELF object on disk as the probes need it: symbols (dynamic and, where
 * there is one, the full table), bytes by virtual address with relocations
 * applied, function bounds from .eh_frame even when all names are stripped.
 */
#ifndef VQT_BPF_CODE_ELF_H
#define VQT_BPF_CODE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf;
struct foreign;

/*
 * Open an object.  Only the pieces that are asked for are read, within the limits of `by`,
 * which is borrowed until elf_close(); behind them all answers are "not in the file".
 * -ENOEXEC: not an ELF object of this machine's kind; -ETIMEDOUT, -EINTR: see process/foreign.h.
 */
int elf_open(struct elf **out, const char *path, struct foreign *by);
/* The same for bytes in memory, which are copied; the path is only used as a name. */
int elf_open_memory(struct elf **out, const char *path, const void *bytes, size_t size);
void elf_close(struct elf *e);

/* Virtual address of a symbol; 0 when absent. */
uint64_t elf_symbol(const struct elf *e, const char *name);
/* A name of the function or variable that begins at an address; NULL: it has none. */
const char *elf_name(const struct elf *e, uint64_t addr);
/* Whether the object exports a function: cheaper than elf_symbol() for one question. */
bool elf_exports(const struct elf *e, const char *name);
bool elf_has_symtab(const struct elf *e); /* not stripped */
bool elf_has_dwarf(const struct elf *e);

/* len bytes at a virtual address; NULL when not in the file. */
const uint8_t *elf_bytes(const struct elf *e, uint64_t addr, size_t len);
/* The same, as file offset for uprobes; 0 when not in the file. */
uint64_t elf_offset(const struct elf *e, uint64_t addr);
/* Virtual address of a file offset; 0 when not mapped. */
uint64_t elf_address(const struct elf *e, uint64_t offset);
bool elf_is_code(const struct elf *e, uint64_t addr);
/* A pointer in initialised data, as the dynamic linker would set it (load address 0). */
uint64_t elf_pointer(const struct elf *e, uint64_t addr);
/*
 * Visit each aligned word of data, initialised when the program is loaded, that holds an address
 * in the object, in ascending order of the segments, until the visit returns false.
 */
typedef bool elf_visit(void *ctx, uint64_t addr, uint64_t value);
void elf_pointers(const struct elf *e, elf_visit *visit, void *ctx);
/*
 * The NUL-terminated string of at most max characters at an address in data; NULL if there is
 * none.  Valid until elf_close().
 */
const char *elf_string(const struct elf *e, uint64_t addr, size_t max);
/* Bounds of the function that contains addr. */
int elf_function(const struct elf *e, uint64_t addr, uint64_t *start, uint64_t *end);
/*
 * Whether the frame description of the function that begins at addr says that the stack is there as a
 * call leaves it.  Parts of functions mostly begin with more on it.
 */
bool elf_is_called(const struct elf *e, uint64_t addr);
/* Address of a whole NUL-terminated string in read-only data; from: 0 or the last answer. */
uint64_t elf_find_string(const struct elf *e, const char *s, uint64_t from);
/* First string that begins with prefix, copied (cut to fit); false when there is none. */
bool elf_string_with(const struct elf *e, const char *prefix, char *buf, size_t size);
/* Next instruction of the form lea target(%rip),reg in code; from: 0 or the last answer. */
uint64_t elf_find_lea(const struct elf *e, uint64_t target, uint64_t from);
/* Next direct call of, or jump to, target; from: 0 or the last answer. */
uint64_t elf_find_call(const struct elf *e, uint64_t target, uint64_t from);
/* Addresses of code: from the lowest one to behind the highest one; both 0 if there is none. */
void elf_code(const struct elf *e, uint64_t *from, uint64_t *to);
/* Visit what may be direct calls, with the addresses that they call, until the visit returns false. */
void elf_calls(const struct elf *e, elf_visit *visit, void *ctx);

const char *elf_path(const struct elf *e);
const char *elf_build_id(const struct elf *e); /* lower-case hex, "" none */

#endif
