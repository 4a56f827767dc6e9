/* SPDX-License-Identifier: MIT */
/* A vfio-user client with one queue: for programs of one file each. */
#ifndef VQT_TESTS_FULL_VFIO_USER_H
#define VQT_TESTS_FULL_VFIO_USER_H

#include <linux/virtio_blk.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MAP = 2, WRITE = 10, DESC = 0x1000, AVAIL = 0x2000, USED = 0x3000, DATA = 0x10000 };
enum { ENTRIES = 256, NO_REPLY = 0x10 };

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

struct chain_desc {
	uint64_t address;
	uint32_t len;
	uint16_t flags, next;
};

static int fd;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void receive(void *to, size_t n)
{
	if (n && recv(fd, to, n, MSG_WAITALL) != (ssize_t)n) /* none of 0 would wait */
		fail("recv");
}

/* A message and its answer, whose body is not of interest. */
static void call(unsigned command, const void *p, size_t n, int pass)
{
	struct header h = { .command = (uint16_t)command, .size = (uint32_t)(sizeof(h) + n) };
	struct iovec v[] = { { &h, sizeof(h) }, { (void *)p, n } };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = { .align = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	char body[4096];

	if (pass >= 0) {
		memcpy(CMSG_DATA(&c.align), &pass, sizeof(pass));
		m.msg_control = c.buf;
		m.msg_controllen = sizeof(c.buf);
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		fail("sendmsg");
	receive(&h, sizeof(h));
	if (h.error || h.size - sizeof(h) > sizeof(body)) {
		fprintf(stderr, "command %u: error %u\n", command, h.error);
		exit(1);
	}
	receive(body, h.size - sizeof(h));
}

struct region_write {
	uint64_t offset;
	uint32_t region, count, value;
};

static void reg(uint32_t region, uint64_t offset, uint32_t value, uint32_t n)
{
	struct region_write w = { offset, region, n, value };

	call(WRITE, &w, 16 + n, -1);
}

/* Memory of so many bytes at 0, and a queue of 256 entries in it; features: bits 0 to 31. */
static void set_up(const char *path, int ram, uint64_t size, uint32_t features)
{
	const uint32_t steps[][3] = {
		{ 0x14, 1, 1 },	      { 0x14, 3, 1 },	 { 8, 0, 4 },	     { 0xc, features, 4 },
		{ 8, 1, 4 },	      { 0xc, 1, 4 },	 { 0x14, 11, 1 },    { 0x16, 0, 2 },
		{ 0x18, ENTRIES, 2 }, { 0x20, DESC, 4 }, { 0x28, AVAIL, 4 }, { 0x30, USED, 4 },
		{ 0x1c, 1, 2 },	      { 0x14, 15, 1 },
	};
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map = { sizeof(map), 3, 0, 0, size };
	static const char version[] = "\0\0\1";

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail(path);
	call(1, version, sizeof(version), -1);
	call(MAP, &map, sizeof(map), ram);
	reg(7, 4, 6, 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		reg(4, steps[i][0], steps[i][1], steps[i][2]);
}

#endif
