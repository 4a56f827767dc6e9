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

#define HIGH_FD 64 /* out of the way of CHILD_FD and up */
#define READS 128 /* at a time: more than a pipe holds, as some never stop talking */

/* In the child, after fork: nothing but system calls. */
static _Noreturn void become(pid_t parent, char *const argv[], const int *fds, unsigned nfds,
			     int err, int failed)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), high[CHILD_FDS], e;
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it has gone before that */
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	failed = fcntl(failed, F_DUPFD_CLOEXEC, HIGH_FD);
	err = fcntl(err, F_DUPFD_CLOEXEC, HIGH_FD);
	for (unsigned i = 0; i < nfds; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
	dup2(null, 0);
	dup2(null, 1);
	dup2(err, 2);
	for (unsigned i = 0; i < nfds; i++)
		if (dup2(high[i], CHILD_FD + i) < 0)
			goto out;
	execvp(argv[0], argv);
out:
	e = errno;
	if (write(failed, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

int child_start(struct child *c, char *const argv[], const int *fds, unsigned nfds)
{
	pid_t self = getpid();
	int failed[2], err[2], e = 0;

	memset(c, 0, sizeof(*c));
	c->err = -1;
	if (nfds > CHILD_FDS)
		return -EINVAL;
	if (pipe2(failed, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		e = errno;
		close(failed[0]);
		close(failed[1]);
		return -e;
	}
	c->pid = fork();
	if (!c->pid)
		become(self, argv, fds, nfds, err[1], failed[1]);
	if (c->pid < 0)
		e = errno;
	close(failed[1]);
	close(err[1]);
	c->err = err[0];
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	/* ends when exec has closed the other end, or failed */
	if (c->pid > 0 && read(failed[0], &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(failed[0]);
	if (e) {
		child_stop(c);
		c->ended = false; /* there was none */
	}
	return -e;
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
static void last_line(const struct child *c, char *buf, size_t size)
{
	size_t end = c->said_len, begin;
	const char *how = ": ";

	while (end && (unsigned char)c->said[end - 1] <= ' ')
		end--;
	begin = end;
	while (begin && c->said[begin - 1] != '\n')
		begin--;
	if (begin == end || size < 16)
		return;
	if (end - begin > size - 3) /* QEMU quotes the option first and says why last */
		begin = end - (size - 3);
	for (size_t i = 0; size > 1 && i < 2; i++, size--)
		*buf++ = how[i];
	for (; size > 1 && begin < end; begin++, size--)
		*buf++ = (unsigned char)c->said[begin] < ' ' || c->said[begin] == 127
				 ? ' '
				 : c->said[begin];
	*buf = '\0';
}

void child_words(struct child *c, char *buf, size_t size)
{
	size_t n;

	child_listen(c);
	if (!c->ended)
		snprintf(buf, size, "is running");
	else if (WIFSIGNALED(c->status))
		snprintf(buf, size, "was ended by signal %d (%s)", WTERMSIG(c->status),
			 strsignal(WTERMSIG(c->status)));
	else
		snprintf(buf, size, "ended with status %d", WEXITSTATUS(c->status));
	n = strlen(buf);
	last_line(c, buf + n, size - n);
}
