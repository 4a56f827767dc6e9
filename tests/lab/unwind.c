/* SPDX-License-Identifier: MIT */
/*
 * unwind [--all N | --delete] PROGRAM ARGUMENT...: run it, and print its call stack each time it stops itself
 * (SIGSTOP), as `record --stacks` takes it: "stack ID", then a line a frame, the innermost first.
 * --all: then N stacks of different addresses, and how long naming them took; --delete: the program's file
 * is removed first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/process/foreign.h"
#include "bpf/stack/unwind.h"
#include "decoder/util/clock.h"

#define COPY 16384

static struct unwind_copy copy;
static uint8_t bytes[COPY];
static struct stack_frames walked, named;

static void take(pid_t pid)
{
	struct user_regs_struct r;
	uint64_t *to = copy.reg;
	struct foreign by;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &r))
		exit(2);
	to[0] = r.rax, to[1] = r.rdx, to[2] = r.rcx, to[3] = r.rbx;
	to[4] = r.rsi, to[5] = r.rdi, to[6] = r.rbp, to[7] = r.rsp;
	to[8] = r.r8, to[9] = r.r9, to[10] = r.r10, to[11] = r.r11;
	to[12] = r.r12, to[13] = r.r13, to[14] = r.r14, to[15] = r.r15;
	to[16] = r.rip;
	foreign_init(&by, pid, NULL);
	copy.len = 0;
	for (size_t len = COPY; len && !copy.len; len /= 2) {
		struct iovec range = { .iov_base = (void *)copy.reg[7], .iov_len = len };
		ssize_t n = foreign_memory(&by, &range, 1, bytes);

		copy.len = n > 0 ? (size_t)n : 0;
	}
	copy.bytes = bytes;
}

static void print(struct unwinder *u, struct stack_table *t)
{
	const char *s = named.symbols;

	unwinder_walk(u, &copy, &walked);
	unwinder_name(u, &walked, &named);
	printf("stack %u%s\n", stack_table_add(t, &walked, &named), named.cut ? " cut" : "");
	for (unsigned i = 0; i < named.n; i++, s += strlen(s) + 1)
		printf("%#llx %s\n", (unsigned long long)named.pc[i], s);
}

/* The innermost frame elsewhere in the file each time: as many stacks, which have to be named. */
static void many(struct unwinder *u, unsigned n)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), got = 0;

	for (unsigned i = 0; i < n; i++) {
		unwinder_walk(u, &copy, &walked);
		walked.pc[0] += i % 64;
		for (unsigned k = 1; k < walked.n; k++)
			walked.pc[k] -= i / 64 % 2;
		unwinder_name(u, &walked, &named);
		got += named.n;
	}
	printf("%u stacks, %.1f frames each, %.3f s\n", n, (double)got / n,
	       (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9);
}

int main(int argc, char **argv)
{
	struct stack_table *table = stack_table_new();
	unsigned all = 0, stops = 0;
	bool delete = false;
	struct unwinder *u;
	int status;
	pid_t pid;

	if (argc > 3 && !strcmp(argv[1], "--all")) {
		all = (unsigned)atoi(argv[2]);
		argv += 2;
	}
	if (argc > 2 && !strcmp(argv[1], "--delete")) {
		delete = true;
		argv++;
	}
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	u = unwinder_new(pid);
	while (table && u && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == SIGSTOP) {
			if (delete)
				unlink(argv[1]);
			take(pid);
			print(u, table);
			stops++;
			if (all)
				many(u, all);
		}
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	printf("lost %u\n", unwinder_lost(u));
	unwinder_free(u);
	stack_table_free(table);
	return !stops;
}
