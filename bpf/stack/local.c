/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/qemu/elf.h"
#include "bpf/qemu/process.h"
#include "bpf/stack/local.h"
#include "bpf/stack/symbol.h"
#include "decoder/util/clock.h"

#define MODULES 200 /* files of a process that are looked at: two descriptors each */
/* ns after a look at its mappings that was of no use, until the next one: doubled each time */
#define PAUSE UINT64_C(100000000)
#define PAUSE_MAX UINT64_C(60000000000)

struct local {
	struct foreign *by;
	struct process_memory memory;
	Dwfl *dwfl; /* NULL: its mappings were not read, or they hold nothing */
	struct mapped_file *file[MODULES];
	unsigned nfiles;
	uint64_t jit; /* address of __jit_debug_descriptor; 0: none */
	uint64_t code, code_end; /* that the process has made */
	uint64_t looked, pause; /* ns: when its mappings were read, until when not again */
	const struct unwind_copy *now; /* what is being unwound */
	struct stack_frames *out;
	bool missed; /* since the latest frame: memory that was not copied */
};

/* --- the files of the process ---------------------------------------------------------- */

#define FILE_MAX (UINT64_C(1) << 32) /* bytes: a QEMU with debug information has some 100 MB */

/* libdw would also unpack compressed files, to whatever size that is. */
static bool is_elf(int fd)
{
	struct stat st;
	char magic[SELFMAG];

	return !fstat(fd, &st) && (uint64_t)st.st_size <= FILE_MAX &&
	       pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

static Dwfl_Module *add_module(struct local *u, const char *name, int fd, uint64_t base)
{
	Dwfl_Module *mod = NULL;

	if (fd < 0)
		return NULL;
	if (is_elf(fd))
		mod = dwfl_report_elf(u->dwfl, name, name, fd, base, false);
	if (!mod) /* else libdw closes it */
		close(fd);
	return mod;
}

/* Open the file of a mapping of code; `base` is where its beginning is mapped. */
static void open_file(struct local *u, const struct process_mapping *m, uint64_t base)
{
	struct mapped_file *f = u->nfiles < MODULES ? calloc(1, sizeof(*f)) : NULL;
	char path[600];

	if (!f)
		return;
	u->file[u->nfiles++] = f;
	f->by = u->by;
	f->base = base;
	snprintf(f->path, sizeof(f->path), "%s", m->path);
	process_openable(u->by, m, path, sizeof(path));
	f->fd = foreign_open(u->by, path);
}

static void report_file(struct local *u, struct mapped_file *f)
{
	int fd = f->fd < 0 ? -1 : fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	Dwfl_Module *mod = add_module(u, file_name(f->path), fd, f->base);
	uint64_t at;
	void **data;

	if (!mod)
		return;
	dwfl_module_info(mod, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	*data = f;
	if (u->jit || !file_elf(f) || !elf_exports(f->elf, "__jit_debug_descriptor"))
		return;
	at = elf_symbol(f->elf, "__jit_debug_descriptor");
	if (at)
		u->jit = at + f->base;
}

static void report_files(struct local *u)
{
	struct foreign_lines l;
	struct process_mapping m, first = { .inode = 0 };
	bool reported = false;

	stack_attempt(u->by);
	if (foreign_lines_open(&l, u->by, "maps"))
		return;
	while (process_next_mapping(&l, &m)) {
		if (!m.inode)
			continue;
		if (!m.offset || m.inode != first.inode || m.major != first.major ||
		    m.minor != first.minor) {
			first = m;
			reported = false;
		}
		if (reported || m.perms[2] != 'x' || first.offset)
			continue;
		open_file(u, &m, first.start);
		reported = true;
	}
	foreign_lines_close(&l);
	/* first all are opened: it may end meanwhile */
	for (unsigned i = 0; i < u->nfiles; i++)
		report_file(u, u->file[i]);
}

/* --- code that the process has made --------------------------------------------------------- */

/* What a program tells debuggers of such code: https://sourceware.org/gdb, "JIT Interface". */
struct jit_descriptor {
	uint32_t version, action;
	uint64_t relevant, first;
};
struct jit_entry {
	uint64_t next, prev, image, size; /* an ELF file in memory */
};
#define JIT_IMAGE_MAX (1 << 20)

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

static int copy_image(struct local *u, const struct jit_entry *e)
{
	int fd = memfd_create("jit", MFD_CLOEXEC);
	uint8_t *bytes = malloc(e->size);
	bool ok = fd >= 0 && bytes && process_mem_all(&u->memory, e->image, bytes, e->size);

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

/* QEMU has one such piece of code, all that it translates. */
static void report_jit(struct local *u)
{
	struct jit_descriptor d;
	struct jit_entry e;
	Dwfl_Module *mod = NULL;

	stack_attempt(u->by);
	if (u->jit && process_mem_all(&u->memory, u->jit, &d, sizeof(d)) && d.version == 1 &&
	    d.first && process_mem_all(&u->memory, d.first, &e, sizeof(e)) && e.size &&
	    e.size <= JIT_IMAGE_MAX)
		mod = add_module(u, "jit", copy_image(u, &e), 0);
	if (mod)
		dwfl_module_info(mod, NULL, &u->code, &u->code_end, NULL, NULL, NULL, NULL);
}

/* --- libdw's view of it ------------------------------------------------------------------- */

static int never_find(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		      char **path, Elf **elf)
{
	return -1; /* every module was given its file */
}

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return 1;
}

/* Memory of the process: what was copied of its stack. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	struct local *u = arg;
	uint64_t at = addr - u->now->reg[7]; /* rsp */

	if (u->now->len < sizeof(*result) || at > u->now->len - sizeof(*result)) {
		u->missed = true;
		return false;
	}
	memcpy(result, u->now->bytes + at, sizeof(*result));
	for (unsigned i = 0; i < UNWIND_RETURNS; i++) {
		const struct unwind_return *r = &u->now->returns[i];

		/* a call whose end was missed: something else is there */
		if (r->at == addr && !dwfl_addrmodule(u->dwfl, *result)) {
			*result = r->to;
			break;
		}
	}
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct local *u = arg;

	dwfl_thread_state_register_pc(thread, u->now->reg[UNWIND_REGS - 1]);
	return dwfl_thread_state_registers(thread, 0, UNWIND_REGS, u->now->reg);
}

static void forget(struct local *u)
{
	if (u->dwfl)
		dwfl_end(u->dwfl);
	for (unsigned i = 0; i < u->nfiles; i++) {
		elf_close(u->file[i]->elf);
		if (u->file[i]->fd >= 0)
			close(u->file[i]->fd);
		free(u->file[i]);
	}
	u->dwfl = NULL;
	u->nfiles = 0;
	u->jit = u->code = u->code_end = 0;
}

/* Read its mappings. */
static void look(struct local *u)
{
	static const Dwfl_Callbacks files = {
		.find_elf = never_find,
		.find_debuginfo = debug_file_find,
	};
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.memory_read = read_memory,
		.set_initial_registers = set_registers,
	};
	struct local before = *u;

	u->dwfl = dwfl_begin(&files);
	u->nfiles = 0;
	u->jit = u->code = u->code_end = 0;
	if (u->dwfl) {
		dwfl_report_begin(u->dwfl);
		report_files(u);
		report_jit(u);
		dwfl_report_end(u->dwfl, NULL, NULL);
	}
	if (u->nfiles && dwfl_attach_state(u->dwfl, NULL, u->by->pid, &threads, u)) {
		forget(&before);
		return;
	}
	/* it has ended, or cannot be read now */
	forget(u);
	*u = before;
}

struct local *local_new(struct foreign *by)
{
	struct local *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->by = by;
	u->memory = process_memory(by);
	return u;
}

void local_free(struct local *u)
{
	if (!u)
		return;
	forget(u);
	free(u);
}

/* --- unwinding --------------------------------------------------------------------------- */

static bool describes(Dwarf_CFI *cfi, Dwarf_Addr pc, Dwarf_Addr bias)
{
	Dwarf_Frame *frame;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc - bias, &frame))
		return false;
	free(frame);
	return true;
}

/* Without call frame information libdw guesses by the frame pointer, which QEMU uses for other things. */
static bool is_described(struct local *u, Dwarf_Addr pc)
{
	Dwfl_Module *mod = dwfl_addrmodule(u->dwfl, pc);
	Dwarf_Addr bias = 0;
	Dwarf_CFI *cfi = mod ? dwfl_module_eh_cfi(mod, &bias) : NULL;

	if (describes(cfi, pc, bias))
		return true;
	cfi = mod ? dwfl_module_dwarf_cfi(mod, &bias) : NULL;
	return describes(cfi, pc, bias);
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct local *u = arg;
	Dwarf_Addr pc;
	bool activation;

	u->missed = false;
	if (!dwfl_frame_pc(frame, &pc, &activation))
		return DWARF_CB_ABORT;
	/* the code that a guest runs is elsewhere each time, and says nothing: one place for all */
	if (pc - u->code < u->code_end - u->code)
		pc = u->code;
	if (!stack_add_frame(u->out, pc, ""))
		return DWARF_CB_ABORT;
	return is_described(u, activation || pc == u->code ? pc : pc - 1) ? DWARF_CB_OK
									  : DWARF_CB_ABORT;
}

static void walk(struct local *u, const struct unwind_copy *from, struct stack_frames *out)
{
	*out = (struct stack_frames){ .n = 0 };
	u->now = from;
	u->out = out;
	u->missed = false;
	/* a return address that cannot be read is the end for libdw */
	out->cut = !u->dwfl || dwfl_getthread_frames(u->dwfl, 1, on_frame, u) != 0 || u->missed;
	if (!out->n)
		stack_add_frame(out, from->reg[UNWIND_REGS - 1], "");
}

/* Whether it ends where nothing is mapped, as far as we know. */
static bool is_lost(const struct local *u, const struct stack_frames *out)
{
	return !u->dwfl || (out->cut && !dwfl_addrmodule(u->dwfl, out->pc[out->n - 1]));
}

void local_walk(struct local *u, const struct unwind_copy *from, struct stack_frames *out)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	walk(u, from, out);
	if (!is_lost(u, out) || (u->looked && now - u->looked < u->pause))
		return;
	/* what was mapped since */
	look(u);
	u->looked = clock_ns(CLOCK_MONOTONIC);
	walk(u, from, out);
	u->pause = is_lost(u, out) ? 2 * u->pause + PAUSE : 0;
	if (u->pause > PAUSE_MAX)
		u->pause = PAUSE_MAX;
}

/* --- symbols ------------------------------------------------------------------------------ */

void local_name(struct local *u, const struct stack_frames *walked, struct stack_frames *out)
{
	*out = (struct stack_frames){ .cut = walked->cut };
	for (unsigned i = 0; i < walked->n; i++) {
		/* the call is before the address that it returns to */
		Dwarf_Addr pc = walked->pc[i], within = pc - (i > 0 && pc != u->code);
		Dwfl_Module *mod = u->dwfl ? dwfl_addrmodule(u->dwfl, within) : NULL;

		if (!(mod ? symbol_add_frames(out, mod, pc, within) : stack_add_frame(out, pc, "")))
			return;
	}
}
