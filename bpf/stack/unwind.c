/* SPDX-License-Identifier: MIT */
/*
 * An unwinder is a child process: what it gives to libdw are files that somebody else has mapped, and
 * one of these may make libdw use all memory, never return, or crash.  The child has limits, is
 * waited for so long, and is not believed: what comes from it is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/qemu/foreign.h"
#include "bpf/stack/local.h"
#include "bpf/stack/unwind.h"
#include "decoder/util/clock.h"

#define PATIENCE_MS 10000 /* files and debug information are read when they are first needed */
#define MEMORY (UINT64_C(2) << 30) /* bytes more than we have ourselves */
#define COPY_MAX 65536

enum what { WALK, NAME };

struct question {
	uint32_t what, n; /* bytes of the copy's memory; or frames */
	uint64_t reg[UNWIND_REGS];
	struct unwind_return returns[UNWIND_RETURNS];
	uint64_t pc[STACK_FRAMES];
	uint8_t bytes[COPY_MAX];
};

struct answer {
	uint32_t n, cut;
	uint64_t len, named;
	uint64_t pc[STACK_FRAMES];
	char symbols[STACK_TEXT];
};

struct unwinder {
	pid_t of; /* whose stacks */
	pid_t child; /* 0: none */
	int fd;
	unsigned lost;
	struct question question;
	struct answer answer;
};

/* --- the child ---------------------------------------------------------------------------- */

static void limit(void)
{
	struct rlimit none = { 0, 0 }, memory;
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	setrlimit(RLIMIT_CORE, &none);
	if (!f || fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	memory.rlim_cur = memory.rlim_max =
		pages * (unsigned long long)sysconf(_SC_PAGESIZE) + MEMORY;
	/* a sanitizer has reserved terabytes, and reserves more */
	if (pages && memory.rlim_cur < UINT64_C(1) << 40)
		setrlimit(RLIMIT_AS, &memory);
}

/* Nothing of ours but the way to us. */
static void become_child(int fd, pid_t parent)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "vqtrace-unwind");
	/* its parent ends it */
	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(fd, 3);
	syscall(SYS_close_range, 4, ~0U, 0);
	limit();
}

static void answer(const struct stack_frames *f, struct answer *a)
{
	a->n = f->n;
	a->cut = f->cut;
	a->len = f->len;
	a->named = f->named;
	memcpy(a->pc, f->pc, sizeof(a->pc));
	memcpy(a->symbols, f->symbols, f->len);
	send(3, a, offsetof(struct answer, symbols) + f->len, 0);
}

static void serve(struct unwinder *u)
{
	static struct stack_frames in, out;
	struct question *q = &u->question;
	struct foreign by;
	struct local *local;
	ssize_t n;

	foreign_init(&by, u->of, NULL);
	local = local_new(&by);
	while (local && (n = recv(3, q, sizeof(*q), 0)) > 0) {
		struct unwind_copy from = { .bytes = q->bytes, .len = q->n };

		if (q->what == WALK) {
			memcpy(from.reg, q->reg, sizeof(from.reg));
			memcpy(from.returns, q->returns, sizeof(from.returns));
			local_walk(local, &from, &out);
		} else {
			in = (struct stack_frames){ .n = q->n };
			memcpy(in.pc, q->pc, sizeof(in.pc));
			local_name(local, &in, &out);
		}
		answer(&out, &u->answer);
	}
	_exit(0);
}

/* --- the parent --------------------------------------------------------------------------- */

static void end_child(struct unwinder *u)
{
	if (!u->child)
		return;
	close(u->fd);
	kill(u->child, SIGKILL);
	while (waitpid(u->child, NULL, 0) < 0 && errno == EINTR)
		;
	u->child = 0;
}

static void start_child(struct unwinder *u)
{
	pid_t parent = getpid();
	int fd[2];

	if (u->lost == UNWINDER_CHILDREN ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return;
	u->child = fork();
	if (!u->child) {
		become_child(fd[1], parent);
		serve(u);
	}
	close(fd[1]);
	u->fd = fd[0];
	if (u->child > 0)
		return;
	close(fd[0]);
	u->child = 0;
}

/* Wait for the answer: its bytes; 0: the child has ended, or takes too long. */
static size_t wait_answer(struct unwinder *u, unsigned ms)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + ms * 1000000ULL, now;
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	ssize_t n = -1;

	while (n < 0 && (now = clock_ns(CLOCK_MONOTONIC)) < end) {
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0)
			n = recv(u->fd, &u->answer, sizeof(u->answer), MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
	}
	return n > 0 ? (size_t)n : 0;
}

/* As many symbols as frames, each with its end, and nothing else. */
static bool is_valid(const struct answer *a, size_t size)
{
	uint64_t ends = 0;

	if (size < offsetof(struct answer, symbols) || a->n > STACK_FRAMES ||
	    a->len != size - offsetof(struct answer, symbols) || a->named > a->len)
		return false;
	for (uint64_t i = 0; i < a->len; i++)
		ends += !a->symbols[i];
	return a->n && ends == a->n && !a->symbols[a->len - 1];
}

static bool ask(struct unwinder *u, size_t size, unsigned ms, struct stack_frames *out)
{
	size_t n = 0;

	if (!u->child)
		start_child(u);
	if (!u->child)
		return false;
	if (send(u->fd, &u->question, size, MSG_NOSIGNAL) == (ssize_t)size)
		n = wait_answer(u, ms);
	if (!n || !is_valid(&u->answer, n)) {
		end_child(u);
		u->lost++;
		return false;
	}
	out->n = u->answer.n;
	out->cut = u->answer.cut;
	out->len = u->answer.len;
	out->named = u->answer.named;
	memcpy(out->pc, u->answer.pc, sizeof(out->pc));
	memcpy(out->symbols, u->answer.symbols, u->answer.len);
	return true;
}

struct unwinder *unwinder_new(pid_t pid)
{
	struct unwinder *u = calloc(1, sizeof(*u));

	if (u)
		u->of = pid;
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	end_child(u);
	free(u);
}

unsigned unwinder_lost(const struct unwinder *u)
{
	return u->lost;
}

void unwinder_walk(struct unwinder *u, const struct unwind_copy *from, struct stack_frames *out)
{
	struct question *q = &u->question;

	q->what = WALK;
	q->n = (uint32_t)(from->len < COPY_MAX ? from->len : COPY_MAX);
	memcpy(q->reg, from->reg, sizeof(q->reg));
	memcpy(q->returns, from->returns, sizeof(q->returns));
	if (q->n)
		memcpy(q->bytes, from->bytes, q->n);
	if (ask(u, offsetof(struct question, bytes) + q->n, PATIENCE_MS, out))
		return;
	out->n = 0;
	out->len = out->named = 0;
	stack_add_frame(out, from->reg[UNWIND_REGS - 1], "");
	out->cut = true;
}

void unwinder_name(struct unwinder *u, const struct stack_frames *walked, struct stack_frames *out)
{
	struct question *q = &u->question;

	q->what = NAME;
	q->n = walked->n;
	memcpy(q->pc, walked->pc, sizeof(q->pc));
	if (!ask(u, offsetof(struct question, bytes), PATIENCE_MS, out))
		*out = *walked;
	out->cut |= walked->cut;
}
