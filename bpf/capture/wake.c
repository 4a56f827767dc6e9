/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/capture/wake.h"
#include "bpf/process/state.h"
#include "bpf/prog/qemu.skel.h"

#define EVENTS 16 /* at a time; the others the next time */

/*
 * By its level the buffer is ready while there is anything in it, which under load it always is.  By
 * edge it is when the BPF programs ask for the reader, which they do when it has filled.
 */
int wake_open(struct capture *c)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };

	c->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->wake_fd < 0)
		return -errno;
	return epoll_ctl(c->wake_fd, EPOLL_CTL_ADD, bpf_map__fd(c->skel->maps.events), &e) ? -errno
											   : 0;
}

void wake_close(struct capture *c)
{
	if (c->wake_fd > 0)
		close(c->wake_fd);
}

void wake_add(struct target *t)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = t };

	t->end_fd = (int)syscall(SYS_pidfd_open, t->p.pid, 0);
	if (t->end_fd >= 0 && epoll_ctl(t->c->wake_fd, EPOLL_CTL_ADD, t->end_fd, &e)) {
		close(t->end_fd);
		t->end_fd = -1;
	}
}

void wake_remove(struct target *t)
{
	if (t->end_fd < 0)
		return;
	/* a child of ours may have it, too: closing it removes nothing then */
	epoll_ctl(t->c->wake_fd, EPOLL_CTL_DEL, t->end_fd, NULL);
	close(t->end_fd);
	t->end_fd = -1;
}

int wake_wait(struct capture *c, int timeout_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(c->wake_fd, e, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		if (e[i].data.ptr)
			((struct target *)e[i].data.ptr)->dead = true;
	return n < 0 ? -errno : 0;
}

void wake_look(struct target *t)
{
	if (!t->dead && t->end_fd < 0)
		t->dead = !process_alive(t->p.pid);
}
