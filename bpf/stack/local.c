/* SPDX-License-Identifier: MIT */
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/code/elf.h"
#include "bpf/process/memory.h"
#include "bpf/stack/debug_file.h"
#include "bpf/stack/jit.h"
#include "bpf/stack/local.h"
#include "bpf/stack/cache.h"
#include "bpf/stack/symbol.h"
#include "decoder/util/clock.h"
#include "decoder/util/hash.h"
#include "decoder/util/text.h"

#define MODULES 200 /* files of a process that are looked at: two descriptors each */
/* ns after a look at its mappings that was of no use, until the next one: doubled each time */
#define PAUSE UINT64_C(100000000)
#define LOOKS 16 /* at mappings that have changed, at once */
#define EARNED UINT64_C(1000000000) /* ns, for one more */
#define ATTEMPT UINT64_C(1000000000) /* ns: then one at its memory begins anew */
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
	unsigned looks; /* at changed mappings that are allowed */
	uint64_t earned; /* ns: the latest of these */
	uint64_t begun; /* ns: the attempt at its memory */
	const struct unwind_copy *now; /* what is being unwound */
	struct symbol_cache *cache;
	struct stack_frames *out;
	bool missed; /* since the latest frame: memory that was not copied */
};

/* --- the files of the process ---------------------------------------------------------- */

static Dwfl_Module *add_module(struct local *u, const char *name, int fd, uint64_t base)
{
	Dwfl_Module *mod = NULL;

	if (fd < 0)
		return NULL;
	if (debug_file_is_elf(fd))
		mod = dwfl_report_elf(u->dwfl, name, name, fd, base, false);
	if (!mod) /* else libdw closes it */
		close(fd);
	return mod;
}

/*
 * What tells a file from another that is mapped at the same place later: its beginning, with the build-id
 * and the sizes of its sections.  0: it cannot be read.
 */
static uint64_t identity_of(struct local *u, uint64_t base)
{
	uint64_t words[128], hash = 1;

	if (!process_mem_all(&u->memory, base, words, sizeof(words)))
		return 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = hash_mix(hash, words[i]);
	return hash + !hash;
}

/* Open the file of a mapping of code; `base` is where its beginning is mapped.  NULL: there are too many. */
static struct mapped_file *open_file(struct local *u, const struct process_mapping *m,
				     uint64_t base)
{
	struct mapped_file *f = u->nfiles < MODULES ? calloc(1, sizeof(*f)) : NULL;
	char path[600];

	if (!f)
		return NULL;
	u->file[u->nfiles++] = f;
	f->by = u->by;
	f->base = base;
	f->end = m->end;
	f->alternate_fd = -1;
	snprintf(f->path, sizeof(f->path), "%s", m->path);
	process_openable(u->by, m, path, sizeof(path));
	f->fd = foreign_open(u->by, path);
	f->err = f->fd < 0 ? f->fd : 0;
	f->identity = identity_of(u, base);
	return f;
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
	struct mapped_file *file = NULL;
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
		if (reported && file)
			file->end = m.end;
		if (reported || m.perms[2] != 'x' || first.offset)
			continue;
		file = open_file(u, &m, first.start);
		reported = true;
	}
	foreign_lines_close(&l);
	/* first all are opened: it may end meanwhile */
	for (unsigned i = 0; i < u->nfiles; i++)
		report_file(u, u->file[i]);
}

static void report_jit(struct local *u)
{
	Dwfl_Module *mod;

	stack_attempt(u->by);
	mod = add_module(u, "jit", jit_copy(&u->memory, u->jit), 0);
	if (mod)
		dwfl_module_info(mod, NULL, &u->code, &u->code_end, NULL, NULL, NULL, NULL);
}

/* What is mapped there; NULL: no file that we know. */
static struct mapped_file *file_at(const struct local *u, uint64_t addr)
{
	for (unsigned i = 0; i < u->nfiles; i++)
		if (addr - u->file[i]->base < u->file[i]->end - u->file[i]->base)
			return u->file[i];
	return NULL;
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
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct local *u = arg;

	dwfl_thread_state_register_pc(thread, u->now->reg[UNWIND_REGS - 1]);
	return dwfl_thread_state_registers(thread, 0, UNWIND_REGS, u->now->reg);
}

static void close_file(struct mapped_file *f)
{
	if (f->alternate)
		dwarf_end(f->alternate);
	if (f->alternate_fd >= 0)
		close(f->alternate_fd);
	elf_close(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static void forget(struct local *u)
{
	if (u->dwfl)
		dwfl_end(u->dwfl);
	for (unsigned i = 0; i < u->nfiles; i++) {
		close_file(u->file[i]);
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
	u->cache = symbol_cache_new();
	if (u->cache)
		return u;
	free(u);
	return NULL;
}

void local_free(struct local *u)
{
	if (!u)
		return;
	forget(u);
	symbol_cache_free(u->cache);
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

static bool is_mapped(const struct local *u, uint64_t addr)
{
	char byte;

	return process_mem_all(&u->memory, addr, &byte, 1);
}

/*
 * The first frame in a file that is not mapped there any more, but another one; n: none.  Where nothing is
 * mapped now, the stack is of the time when that file was.
 */
static unsigned first_changed(struct local *u, const struct stack_frames *out)
{
	const struct mapped_file *same = NULL;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	/* to begin one for each stack would cost more than the stack */
	if (u->by->err || now - u->begun > ATTEMPT) {
		stack_attempt(u->by);
		u->begun = now;
	}
	for (unsigned i = 0; i < out->n; i++) {
		struct mapped_file *f = file_at(u, out->pc[i]);

		if (!f || f == same || !f->identity)
			continue;
		same = f;
		f->changed |= identity_of(u, f->base) != f->identity && is_mapped(u, out->pc[i]);
		if (f->changed)
			return i;
	}
	return out->n;
}

/* Frames behind one in a file that has changed were found by the wrong file. */
static void cut_changed(struct local *u, struct stack_frames *out)
{
	unsigned n = first_changed(u, out);

	if (n == out->n)
		return;
	out->n = n + 1;
	out->len = out->n; /* no symbols yet: the end of each */
	out->cut = true;
}

static void put_files(const struct local *u, struct stack_frames *out)
{
	for (unsigned i = 0; i < out->n; i++) {
		const struct mapped_file *f = file_at(u, out->pc[i]);

		out->files = hash_mix(out->files, f && !f->changed ? f->identity : 0);
	}
}

/*
 * A process may map other files all the time: so many looks, and one more each second.  Without one, the
 * stack ends where it goes through a file that has changed.
 */
static bool may_look_at_change(struct local *u)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!u->earned || now - u->earned > LOOKS * EARNED) {
		u->looks = LOOKS;
		u->earned = now;
	}
	for (; now - u->earned > EARNED; u->earned += EARNED)
		u->looks += u->looks < LOOKS;
	if (!u->looks)
		return false;
	u->looks--;
	return true;
}

/* Look for what was mapped since, if there is a reason to, and not too often without a result. */
static bool look_again(struct local *u, const struct stack_frames *out)
{
	bool lost = is_lost(u, out);

	if (lost ? u->looked && clock_ns(CLOCK_MONOTONIC) - u->looked < u->pause
		 : first_changed(u, out) == out->n || !may_look_at_change(u))
		return false;
	symbol_cache_forget(u->cache);
	look(u);
	u->looked = clock_ns(CLOCK_MONOTONIC);
	return true;
}

void local_walk(struct local *u, const struct unwind_copy *from, struct stack_frames *out)
{
	walk(u, from, out);
	if (look_again(u, out)) {
		walk(u, from, out);
		u->pause = is_lost(u, out) ? 2 * u->pause + PAUSE : 0;
		if (u->pause > PAUSE_MAX)
			u->pause = PAUSE_MAX;
	}
	cut_changed(u, out);
	put_files(u, out);
}

/* --- symbols ------------------------------------------------------------------------------ */

static bool add_without(struct local *u, struct stack_frames *out, uint64_t pc)
{
	const struct mapped_file *f = file_at(u, pc);
	TEXT(t, 400);

	if (f && !f->changed) {
		out->unread++;
		text_add(&t, "+0x%" PRIx64 " [%.100s]", pc - f->base, file_name(f->path));
		text_add(&t, " (%s)",
			 f->err	     ? f->err == -ENOEXEC ? "no regular file" : strerror(-f->err)
			      : f->fd < 0 ? "not opened"
				     : "no ELF file that can be read");
	}
	return stack_add_frame(out, pc, t.buf);
}

/* The frames of an address; false: there is no room for all. */
static bool add_named(struct local *u, struct stack_frames *out, uint64_t pc, uint64_t within)
{
	Dwfl_Module *mod = u->dwfl ? dwfl_addrmodule(u->dwfl, within) : NULL;
	const struct mapped_file *f = file_at(u, within);
	unsigned first = out->n;
	size_t at = out->len;
	bool room = true;

	if (!mod || (f && f->changed))
		return add_without(u, out, pc);
	if (symbol_cache_find(u->cache, pc, within, out, &room))
		return room;
	room = symbol_add_frames(out, mod, pc, within);
	if (room)
		symbol_cache_keep(u->cache, pc, within, out, first, at);
	return room;
}

void local_name(struct local *u, const struct stack_frames *walked, struct stack_frames *out)
{
	*out = (struct stack_frames){ .cut = walked->cut };
	for (unsigned i = 0; i < walked->n; i++) {
		/* the call is before the address that it returns to */
		uint64_t pc = walked->pc[i], within = pc - (i > 0 && pc != u->code);

		if (!add_named(u, out, pc, within))
			return;
	}
}
