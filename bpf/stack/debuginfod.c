/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/stack/debuginfod.h"
#include "decoder/util/clock.h"

struct request {
	uint32_t number, len;
	uint8_t id[64];
};

static int to_client = -1; /* -1: none is asked */
static uint32_t number;
static uint64_t waited; /* ns, for all answers so far */

/* --- the client --------------------------------------------------------------------------- */

/* Of elfutils/debuginfod.h, which is not installed everywhere. */
struct client_library {
	void *(*begin)(void);
	int (*find_debuginfo)(void *client, const unsigned char *id, int len, char **path);
};

static bool load(struct client_library *l)
{
	void *lib = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return false;
	*(void **)&l->begin = dlsym(lib, "debuginfod_begin");
	*(void **)&l->find_debuginfo = dlsym(lib, "debuginfod_find_debuginfo");
	return l->begin && l->find_debuginfo;
}

/* With a descriptor, if there is one. */
static void answer(int to, uint32_t n, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} with = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
			  .cmsg_level = SOL_SOCKET,
			  .cmsg_type = SCM_RIGHTS } };
	struct iovec bytes = { .iov_base = &n, .iov_len = sizeof(n) };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&with.h), &fd, sizeof(fd));
		m.msg_control = &with;
		m.msg_controllen = sizeof(with);
	}
	sendmsg(to, &m, MSG_NOSIGNAL);
}

static void serve(int from)
{
	struct client_library l;
	void *client = load(&l) ? l.begin() : NULL;
	struct request r;

	while (recv(from, &r, sizeof(r), 0) == sizeof(r)) {
		int fd = client && r.len <= sizeof(r.id)
				 ? l.find_debuginfo(client, r.id, (int)r.len, NULL)
				 : -1;

		answer(from, r.number, fd);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

/* Limits that the user may have set otherwise: bytes, and seconds of a download. */
static void become_client(int fd, pid_t asker)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != asker)
		_exit(0);
	dup2(fd, 3);
	syscall(SYS_close_range, 4, ~0U, 0);
	prctl(PR_SET_NAME, "vqtrace-debug");
	setenv("DEBUGINFOD_MAXSIZE", "1073741824", 0);
	setenv("DEBUGINFOD_MAXTIME", "300", 0);
	unsetenv("DEBUGINFOD_PROGRESS");
	unsetenv("DEBUGINFOD_VERBOSE");
}

void debuginfod_start(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	pid_t asker = getpid(), pid;
	int fd[2];

	if (!urls || !*urls || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return;
	pid = fork();
	if (!pid) {
		become_client(fd[1], asker);
		serve(3);
	}
	close(fd[1]);
	if (pid < 0)
		close(fd[0]);
	else
		to_client = fd[0];
}

/* --- asking it ---------------------------------------------------------------------------- */

/* The next answer; *n: of which request.  -1: without a file, or none. */
static int receive(uint32_t *n)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} with;
	struct iovec bytes = { .iov_base = n, .iov_len = sizeof(*n) };
	struct msghdr m = { .msg_iov = &bytes,
			    .msg_iovlen = 1,
			    .msg_control = &with,
			    .msg_controllen = sizeof(with) };
	int fd = -1;

	if (recvmsg(to_client, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(*n)) {
		close(to_client);
		to_client = -1;
		return -1;
	}
	if (m.msg_controllen && with.h.cmsg_level == SOL_SOCKET && with.h.cmsg_type == SCM_RIGHTS &&
	    with.h.cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&with.h), sizeof(fd));
	return fd;
}

/* Until the answer to the latest request; those to earlier ones came too late. */
static int await(void)
{
	const uint64_t most = DEBUGINFOD_WAIT_MS * UINT64_C(1000000);
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), before = waited;
	struct pollfd p = { .fd = to_client, .events = POLLIN };
	uint32_t n = 0;
	int fd = -1;

	while (to_client >= 0 && n != number && waited < most) {
		if (fd >= 0)
			close(fd);
		fd = -1;
		if (poll(&p, 1, (int)((most - waited) / 1000000) + 1) > 0)
			fd = receive(&n);
		waited = before + clock_ns(CLOCK_MONOTONIC) - begin;
	}
	if (n == number)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int debuginfod_ask(const uint8_t *id, size_t len)
{
	struct request r = { .number = ++number, .len = (uint32_t)len };

	if (to_client < 0 || len > sizeof(r.id) || waited >= DEBUGINFOD_WAIT_MS * UINT64_C(1000000))
		return -1;
	memcpy(r.id, id, len);
	if (send(to_client, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		return -1;
	return await();
}
