/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/util/child.h"
#include "decoder/util/text.h"

#define HIGH_FD 64 /* out of the way of CHILD_FD and up */
#define READS 128 /* at a time: more than a pipe holds, as some never stop talking */

/* --- in the child, after fork: nothing but system calls ------------------------ */

static _Noreturn void give_up(int failed)
{
	int e = errno;

	if (write(failed, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

/* Become the program, or write why that failed to `failed`. */
static _Noreturn void execute(const char *file, char *const argv[], int failed)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(file, argv);
	give_up(failed);
}

/* With /dev/null, the descriptors given, a process group, and an end with its parent's. */
static _Noreturn void become(pid_t parent, char *const argv[], const int *fds, unsigned nfds,
			     int err, int failed)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), high[CHILD_FDS];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it has ended before that */
		_exit(126);
	failed = fcntl(failed, F_DUPFD_CLOEXEC, HIGH_FD);
	err = fcntl(err, F_DUPFD_CLOEXEC, HIGH_FD);
	for (unsigned i = 0; i < nfds; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
	dup2(null, 0);
	dup2(null, 1);
	dup2(err, 2);
	for (unsigned i = 0; i < nfds; i++)
		if (dup2(high[i], CHILD_FD + i) < 0)
			give_up(failed);
	execute(argv[0], argv, failed);
}

/* --- in the parent --------------------------------------------------------------- */

/* The errno that execute() wrote, negative; 0 when exec has closed the other end. */
static int read_failure(int failed)
{
	int e = 0;

	return read(failed, &e, sizeof(e)) == sizeof(e) ? -e : 0;
}

/* Two pipes, or none.  0 or negative errno. */
static int make_pipes(int a[2], int b[2])
{
	int rc = 0;

	if (pipe2(a, O_CLOEXEC))
		return -errno;
	if (pipe2(b, O_CLOEXEC)) {
		rc = -errno;
		close(a[0]);
		close(a[1]);
	}
	return rc;
}

int child_start(struct child *c, char *const argv[], const int *fds, unsigned nfds)
{
	pid_t self = getpid();
	int failed[2], err[2], rc;

	memset(c, 0, sizeof(*c));
	c->err = -1;
	if (nfds > CHILD_FDS)
		return -EINVAL;
	rc = make_pipes(failed, err);
	if (rc)
		return rc;
	c->pid = fork();
	if (!c->pid)
		become(self, argv, fds, nfds, err[1], failed[1]);
	if (c->pid < 0)
		rc = -errno;
	close(failed[1]);
	close(err[1]);
	c->err = err[0];
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	if (c->pid > 0)
		rc = read_failure(failed[0]);
	close(failed[0]);
	if (rc) {
		child_stop(c);
		c->ended = false; /* there was none */
	}
	return rc;
}

/* A child that executes file once a byte arrives through *go. */
static int hold(struct child_held *h, const char *file, char *const argv[])
{
	int go[2], failed[2], rc = make_pipes(go, failed);
	char byte;

	if (rc)
		return rc;
	h->pid = fork();
	if (!h->pid) {
		close(go[1]); /* or the end of the parent would not be seen */
		if (read(go[0], &byte, 1) == 1)
			execute(file, argv, failed[1]);
		_exit(127);
	}
	if (h->pid < 0)
		rc = -errno;
	close(go[0]);
	close(failed[1]);
	h->go = go[1];
	h->failed = failed[0];
	if (rc)
		child_forget(h);
	return rc;
}

int child_hold(struct child_held *h, char *const argv[])
{
	return hold(h, argv[0], argv);
}

int child_go(struct child_held *h)
{
	return write(h->go, "g", 1) == 1 ? 0 : -errno;
}

int child_outcome(struct child_held *h)
{
	return read_failure(h->failed);
}

void child_forget(struct child_held *h)
{
	close(h->go);
	close(h->failed);
}

pid_t child_run(const char *file, char *const argv[])
{
	struct child_held h;
	int rc = hold(&h, file, argv);

	if (rc)
		return rc;
	rc = child_go(&h);
	if (!rc)
		rc = child_outcome(&h);
	child_forget(&h);
	if (rc)
		waitpid(h.pid, NULL, 0);
	return rc ? rc : h.pid;
}

void child_listen(struct child *c)
{
	char buf[1024];

	for (int i = 0; c->err >= 0 && i < READS; i++) {
		ssize_t n = read(c->err, buf, sizeof(buf));
		size_t keep, max = sizeof(c->said);

		if (n < 0)
			return;
		if (!n) {
			close(c->err);
			c->err = -1;
			return;
		}
		keep = c->said_len < max - n ? c->said_len : max - n;
		memmove(c->said, c->said + c->said_len - keep, keep);
		memcpy(c->said + keep, buf, n);
		c->said_len = keep + n;
	}
}

bool child_ended(struct child *c, int ms)
{
	for (; c->pid > 0; ms -= 5) {
		pid_t pid = waitpid(c->pid, &c->status, WNOHANG);

		if (pid == c->pid) {
			kill(-c->pid, SIGKILL); /* what it may have left behind */
			c->pid = 0;
			c->ended = true;
		} else if (ms <= 0 || (pid < 0 && errno != EINTR)) {
			break;
		} else {
			poll(NULL, 0, 5);
		}
	}
	return c->pid <= 0;
}

void child_stop(struct child *c)
{
	if (c->pid > 0) {
		kill(c->pid, SIGKILL); /* in case it has no group of its own yet */
		kill(-c->pid, SIGKILL);
		while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
			;
		c->ended = true;
	}
	c->pid = 0;
	if (c->err >= 0)
		close(c->err);
	c->err = -1;
}

/* The last line that says something, without what would upset a terminal. */
static void last_line(const struct child *c, struct text *t)
{
	size_t end = c->said_len, begin, room = t->size - t->len - 1;

	while (end && (unsigned char)c->said[end - 1] <= ' ')
		end--;
	begin = end;
	while (begin && c->said[begin - 1] != '\n')
		begin--;
	if (begin == end || room < 16)
		return;
	text_puts(t, ": ");
	if (end - begin > room - 2) /* QEMU quotes the option first and says why last */
		begin = end - (room - 2);
	for (; begin < end; begin++) {
		unsigned char byte = (unsigned char)c->said[begin];

		text_add(t, "%c", byte < ' ' || byte == 127 ? ' ' : byte);
	}
}

void child_words(struct child *c, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	child_listen(c);
	if (!c->ended)
		text_puts(&t, "is running");
	else if (WIFSIGNALED(c->status))
		text_add(&t, "was ended by signal %d (%s)", WTERMSIG(c->status),
			 strsignal(WTERMSIG(c->status)));
	else
		text_add(&t, "ended with status %d", WEXITSTATUS(c->status));
	last_line(c, &t);
}
