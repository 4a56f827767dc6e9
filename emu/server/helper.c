/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/server/helper.h"

#define END_MS 100

struct helper {
	int fd;
	pid_t pid;
};

struct question {
	uint32_t task, arg;
};

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};

/* --- in the helper -------------------------------------------------------------------- */

static int answer(int to, int ret, int fd)
{
	union control c = { 0 };
	int32_t value = ret;
	struct iovec v = { &value, sizeof(value) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = c.buf;
		m.msg_controllen = sizeof(c.buf);
		c.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&c.align), &fd, sizeof(fd));
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void keep_only(int fd)
{
	if (fd > 0)
		syscall(SYS_close_range, 0, fd - 1, 0);
	syscall(SYS_close_range, fd + 1, ~0u, 0);
	while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd < STDERR_FILENO)
		;
}

static _Noreturn void serve(int fd, const struct helper_task *task, unsigned n)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct question q;

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "vqtrace-helper");
	keep_only(fd);
	while (recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
		int gives = -1;
		int ret =
			q.task < n ? task[q.task].run(task[q.task].opaque, q.arg, &gives) : -EINVAL;

		if (answer(fd, ret, ret < 0 ? -1 : gives) < 0)
			break;
		if (gives >= 0)
			close(gives);
	}
	_exit(0);
}

/* --- outside ---------------------------------------------------------------------------- */

int helper_start(struct helper **out, const struct helper_task *task, unsigned n)
{
	struct helper *h = malloc(sizeof(*h));
	int pair[2], err;

	if (!h)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err = -errno;
		free(h);
		return err;
	}
	h->fd = pair[0];
	h->pid = fork();
	if (h->pid == 0)
		serve(pair[1], task, n);
	err = -errno;
	close(pair[1]);
	if (h->pid < 0) {
		close(pair[0]);
		free(h);
		return err;
	}
	*out = h;
	return 0;
}

int helper_ask(struct helper *h, unsigned task, uint32_t arg)
{
	struct question q = { task, arg };
	int32_t ret;
	union control c = { 0 };
	struct iovec v = { &ret, sizeof(ret) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = c.buf,
			    .msg_controllen = sizeof(c.buf) };
	ssize_t got;
	int fd;

	if (!h || send(h->fd, &q, sizeof(q), MSG_NOSIGNAL) < 0)
		return -EPIPE;
	do
		got = recvmsg(h->fd, &m, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got != sizeof(ret))
		return -EPIPE;
	if (!m.msg_controllen || ret < 0)
		return ret;
	memcpy(&fd, CMSG_DATA(&c.align), sizeof(fd));
	return fd;
}

void helper_end(struct helper *h)
{
	if (!h)
		return;
	close(h->fd); /* which ends it, unless it hangs in a task */
	for (int ms = 0; ms < END_MS && !waitpid(h->pid, NULL, WNOHANG); ms++)
		usleep(1000);
	free(h);
}
