/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/qemu/launch.h"
#include "bpf/qemu/process.h"
#include "decoder/util/child.h"

#define TRACEES 64
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACECLONE)

struct tracees {
	pid_t pid[TRACEES];
	size_t n;
};

static void add(struct tracees *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pid[i] == pid)
			return;
	if (t->n < TRACEES)
		t->pid[t->n++] = pid;
}

static void drop(struct tracees *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pid[i] == pid)
			t->pid[i] = t->pid[--t->n];
}

/* Whether the tracee has mapped something executable, which may be QEMU. */
static bool may_have_mapped(pid_t pid, int status)
{
	struct user_regs_struct r;

	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
		return true;
	if (WSTOPSIG(status) != (SIGTRAP | 0x80) || ptrace(PTRACE_GETREGS, pid, NULL, &r))
		return false;
	return r.orig_rax == SYS_mmap && (long long)r.rax > 0 && r.rdx & 4 /* PROT_EXEC */;
}

/* The signal to deliver when a tracee continues. */
static int deliver(int status)
{
	int sig = WSTOPSIG(status);

	if (status >> 16 || sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP)
		return 0;
	return sig;
}

/* A new child is traced and stopped, too, before waitpid() reports it. */
static void add_made(struct tracees *t, pid_t pid, int status)
{
	int event = status >> 16;
	unsigned long made;

	if ((event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
	     event == PTRACE_EVENT_CLONE) &&
	    !ptrace(PTRACE_GETEVENTMSG, pid, NULL, &made))
		add(t, (pid_t)made);
}

/* Detach from every tracee but one.  Each is stopped first, as detaching needs that. */
static void detach_others(struct tracees *t, pid_t keep)
{
	for (size_t i = 0; i < t->n; i++) {
		int status;

		if (t->pid[i] == keep)
			continue;
		ptrace(PTRACE_INTERRUPT, t->pid[i], NULL, NULL);
		if (waitpid(t->pid[i], &status, __WALL) != t->pid[i] || !WIFSTOPPED(status))
			continue;
		add_made(t, t->pid[i], status);
		ptrace(PTRACE_DETACH, t->pid[i], NULL, (void *)(long)deliver(status));
	}
}

/* Continue the tracees until one has mapped QEMU, or the child has ended. */
static int run_until_mapped(struct launch *l)
{
	struct tracees t = { .pid = { l->child }, .n = 1 };
	struct process p;
	struct foreign f;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0)
			return errno == EINTR ? -EINTR : 0;
		if (!WIFSTOPPED(status)) {
			drop(&t, pid);
			if (pid == l->child) {
				l->exited = true;
				l->status = status;
				detach_others(&t, 0);
				return 0;
			}
			continue;
		}
		add(&t, pid);
		add_made(&t, pid, status);
		foreign_init(&f, pid, NULL);
		if (may_have_mapped(pid, status) && !process_read(&p, &f)) {
			l->qemu = pid;
			detach_others(&t, pid);
			return 0;
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)deliver(status));
	}
}

int launch_start(struct launch *l, char *const argv[])
{
	struct child_held h;
	int err = child_hold(&h, argv);

	memset(l, 0, sizeof(*l));
	if (err)
		return err;
	l->child = h.pid;
	if (ptrace(PTRACE_SEIZE, h.pid, NULL, (void *)OPTIONS)) {
		err = -errno;
		kill(h.pid, SIGKILL);
		waitpid(h.pid, NULL, 0);
		goto out;
	}
	/* PTRACE_SYSCALL works only on a stopped process, so stop it first. */
	ptrace(PTRACE_INTERRUPT, h.pid, NULL, NULL);
	err = child_go(&h);
	if (!err)
		err = run_until_mapped(l);
	if (l->exited)
		err = child_outcome(&h);
out:
	child_forget(&h);
	return err;
}

void launch_release(struct launch *l)
{
	if (l->qemu > 0)
		ptrace(PTRACE_DETACH, l->qemu, NULL, NULL);
}
