/* SPDX-License-Identifier: MIT */
/*
 * What call stacks are made of, from any bytes: what an unwinder's child answers, code that a process
 * says it has made, paths of shared debug files; and an ELF file that a process maps, with its call frame
 * and debug information, which is unwound through and named.  The last is libdw's work, which may crash: so
 * it is done in a child, and only what the sanitizers find in our code counts.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/stack/debug_file.h"
#include "bpf/stack/jit.h"
#include "bpf/stack/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool yes)
{
	if (!yes)
		abort();
}

static void check_frames(const struct stack_frames *f)
{
	const char *s = f->symbols;

	must(f->n <= STACK_FRAMES && f->len <= STACK_TEXT && f->named <= f->len);
	for (unsigned i = 0; i < f->n; i++)
		s += strlen(s) + 1;
	must(s == f->symbols + f->len);
}

static void answer(const uint8_t *data, size_t size)
{
	static struct unwind_answer a;
	static struct stack_frames f;

	size = size < sizeof(a) ? size : sizeof(a);
	memset(&a, 0, sizeof(a));
	memcpy(&a, data, size);
	if (!unwind_answer_valid(&a, size))
		return;
	f = (struct stack_frames){ .n = a.n, .len = a.len, .named = a.named };
	memcpy(f.symbols, a.symbols, a.len);
	check_frames(&f);
}

/* --- code that a process has made --------------------------------------------------------- */

#define AT 0x10000

static const uint8_t *memory;
static size_t memory_size;

static ssize_t read_bytes(const struct process_memory *m, const struct iovec *range, unsigned n,
			  void *buf)
{
	size_t got = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t at = (uintptr_t)range[i].iov_base - AT;

		if (at > memory_size || range[i].iov_len > memory_size - at)
			return -1;
		memcpy((uint8_t *)buf + got, memory + at, range[i].iov_len);
		got += range[i].iov_len;
	}
	return (ssize_t)got;
}

static void jit(const uint8_t *data, size_t size)
{
	const struct process_memory m = { .read = read_bytes };
	int fd;

	memory = data;
	memory_size = size;
	fd = jit_copy(&m, AT);
	if (fd >= 0)
		close(fd);
}

static void alternate(const uint8_t *data, size_t size)
{
	char link[300], path[200];

	size = size < sizeof(link) - 1 ? size : sizeof(link) - 1;
	memcpy(link, data, size);
	link[size] = 0;
	if (debug_file_alternate_path(link, path, sizeof(path)))
		must(!strncmp(path, "/usr/lib/debug/.dwz/", 20) && !strstr(path, "/../"));
}

/* --- a file ------------------------------------------------------------------------------------ */

static struct stack_frames walked, named;

/* As the unwinder's child does it, in frames that are all in this file. */
static void name_file(uint8_t *at, size_t size)
{
	static uint64_t stack[64];
	struct unwind_copy from = { .bytes = (void *)stack, .len = sizeof(stack) };
	struct foreign by;
	struct local *u;

	foreign_init(&by, getpid(), NULL);
	foreign_begin_large(&by, 100); /* a sanitizer, a busy machine */
	u = local_new(&by);
	must(u != NULL);
	for (unsigned i = 0; i < 64; i++)
		stack[i] = (uintptr_t)at + i * 523 % size;
	from.reg[7] = 0x7fff0000; /* rsp */
	for (unsigned i = 0; i < 48; i++) {
		/* where linkers put code, and anywhere */
		from.reg[UNWIND_REGS - 1] =
			(uintptr_t)at + (i < 40 ? 0x1000 + i * 16 : i * 1021) % size;
		local_walk(u, &from, &walked);
		check_frames(&walked);
		must(walked.n >= 1);
		local_name(u, &walked, &named);
		check_frames(&named);
	}
	local_free(u);
}

static void file(const uint8_t *data, size_t size)
{
	static const int usual[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM };
	int fd = memfd_create("fuzz", MFD_CLOEXEC), status;
	uint8_t *at;
	pid_t pid;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	at = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	must(at != MAP_FAILED);
	pid = fork();
	if (!pid) {
		for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
			signal(usual[i], SIG_DFL);
		prctl(PR_SET_DUMPABLE, 1);
		alarm(20);
		name_file(at, size);
		_exit(0);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid);
	munmap(at, size);
	close(fd);
	/* libdw may crash, or take too long; ours is not to fail a check */
	must(WIFSIGNALED(status) ? WTERMSIG(status) != SIGABRT : !WEXITSTATUS(status));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const uint8_t *, size_t) = { answer, jit, alternate };

	if (size < 2)
		return 0;
	if (!memcmp(data, "\177E", 2))
		file(data, size);
	else
		kinds[data[0] % 3](data + 1, size - 1);
	return 0;
}
