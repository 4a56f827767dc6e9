/* SPDX-License-Identifier: MIT */
/*
 * Shared by the fuzzers of message streams: a server is on one end of a socket pair, and the
 * input is a list of steps for the other end.  A step: kind, descriptors, length (2 bytes),
 * bytes.
 */
#ifndef VQT_TESTS_FUZZ_SERVER_FUZZ_H
#define VQT_TESTS_FUZZ_SERVER_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu/class/blk/blk.h"
#include "emu/server/server.h"
#include "emu/server/map.h"

#define RAM (1u << 18)

struct client {
	struct server *server;
	int fd, ram_fd, cut_fd;
	int event_fd; /* the last one that was sent, which may be a kick */
	uint8_t *ram;
	uint16_t made;
};

/* Which descriptors go with a message: two bits each, four of them. */
static unsigned pick_fds(struct client *c, uint8_t which, int *fd)
{
	unsigned n = 0;
	for (unsigned i = 0; i < 4; i++, which >>= 2)
		switch (which & 3) {
		case 1: fd[n++] = dup(c->ram_fd); break;
		case 2:
			fd[n++] = eventfd(1, EFD_NONBLOCK);
			close(c->event_fd);
			c->event_fd = dup(fd[n - 1]);
			break;
		case 3: fd[n++] = dup(c->cut_fd); break;
		}
	return n;
}

static void client_send(struct client *c, struct iovec *iov, int n, uint8_t which)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	int fd[4];
	unsigned nfds = pick_fds(c, which, fd);
	if (nfds) {
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fd, nfds * sizeof(int));
	}
	if (sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		shutdown(c->fd, SHUT_RDWR);
	for (unsigned i = 0; i < nfds; i++)
		close(fd[i]);
}

static void client_turn(struct client *c)
{
	char sink[4096];
	for (int i = 0; i < 4; i++)
		server_step(c->server, 0, NULL);
	while (recv(c->fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		;
}

/* Write to the guest's memory, or truncate the second file. */
static void client_memory(struct client *c, const uint8_t *p, size_t n)
{
	uint32_t at;
	if (n < 4) {
		if (ftruncate(c->cut_fd, n ? 4096 : 0) < 0)
			abort();
		return;
	}
	memcpy(&at, p, 4);
	at %= RAM;
	n -= 4;
	memcpy(c->ram + at, p + 4, n < RAM - at ? n : RAM - at);
}

/*
 * An almost valid request in a split ring of 16 at 0, 0x1000, 0x2000; the input gives type,
 * sector and data.
 */
static void client_request(struct client *c, const uint8_t *p, size_t n)
{
	uint8_t b[16] = { 0 };
	memcpy(b, p, n < sizeof(b) ? n : sizeof(b));
	struct vqt_desc d[3] = { { .addr = 0x4000, .len = 16, .flags = 1, .next = 1 },
				 { .addr = 0x8000u + b[1] * 256u,
				   .len = b[2] * 512u + (b[3] & 3),
				   .flags = (b[4] & 7) | 1,
				   .next = b[4] & 128 ? b[5] : 2 },
				 { .addr = 0x6000, .len = 1 + (b[6] & 15), .flags = 2 } };
	uint64_t head[2] = { b[0] & 31, b[7] | (uint64_t)b[8] << 56 };
	uint16_t avail = c->made % 16;
	memcpy(c->ram, d, sizeof(d));
	memcpy(c->ram + 0x4000, head, sizeof(head));
	memset(c->ram + 0x1004 + 2 * avail, 0, 2);
	c->made++;
	memcpy(c->ram + 0x1002, &c->made, 2);
}

static int client_open(struct client *c, const struct server_ops *ops,
		       const struct server_config *base, uint8_t how)
{
	static struct emu_blk_config blk;
	struct server_config cfg = *base;
	int pair[2];
	memset(&blk, 0, sizeof(blk));
	if (emu_backend_mem(&blk.backend, NULL, 128 << 10) < 0)
		return -1;
	cfg.cls = &emu_blk;
	cfg.class_config = &blk;
	cfg.queues = 1 + (how & 3);
	cfg.dma_timeout_ms = -1;
	guard_install();
	if (server_new(&c->server, ops, &cfg) < 0) {
		emu_backend_close(blk.backend);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	c->fd = pair[0];
	c->made = 0;
	c->event_fd = eventfd(0, EFD_NONBLOCK);
	server_attach(c->server, pair[1]);
	c->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	c->cut_fd = memfd_create("cut", MFD_CLOEXEC);
	if (ftruncate(c->ram_fd, RAM) < 0 || ftruncate(c->cut_fd, 8192) < 0)
		abort();
	c->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, c->ram_fd, 0);
	return 0;
}

static void client_close(struct client *c)
{
	client_turn(c);
	close(c->fd);
	client_turn(c);
	server_free(c->server);
	munmap(c->ram, RAM);
	close(c->ram_fd);
	close(c->cut_fd);
	close(c->event_fd);
}

#endif
