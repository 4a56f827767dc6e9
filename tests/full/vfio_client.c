/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user client with one queue that reads its disk: vfio_client SOCKET COUNT.  Exit status 0
 * when each of COUNT reads (a multiple of 64) was completed, however long they took.
 */
#include <linux/virtio_blk.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RAM (1u << 20)
#define BATCH 64 /* requests a kick */
enum { MAP = 2, WRITE = 10, DESC = 0x1000, AVAIL = 0x2000, USED = 0x3000, DATA = 0x10000 };

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
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

static void reg(uint32_t region, uint64_t offset, uint32_t value, uint32_t n)
{
	struct {
		uint64_t offset;
		uint32_t region, count, value;
	} w = { offset, region, n, value };

	call(WRITE, &w, 16 + n, -1);
}

static void set_up(const char *path, int ram)
{
	static const uint32_t steps[][3] = {
		{ 0x14, 1, 1 },	    { 0x14, 3, 1 },    { 8, 1, 4 },	 { 0xc, 1, 4 },
		{ 0x14, 11, 1 },    { 0x16, 0, 2 },    { 0x18, 256, 2 }, { 0x20, DESC, 4 },
		{ 0x28, AVAIL, 4 }, { 0x30, USED, 4 }, { 0x1c, 1, 2 },	 { 0x14, 15, 1 },
	};
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map = { sizeof(map), 3, 0, 0, RAM };
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

static void set_chains(uint8_t *mem)
{
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN };

	memcpy(mem + DATA, &h, sizeof(h));
	for (uint16_t i = 0; i < BATCH; i++) {
		uint16_t d = (uint16_t)(3 * i);
		struct {
			uint64_t address;
			uint32_t len;
			uint16_t flags, next;
		} desc[] = { { DATA, 16, 1, (uint16_t)(d + 1) },
			     { DATA + 4096, 4096, 3, (uint16_t)(d + 2) },
			     { DATA + 16, 1, 2, 0 } };

		memcpy(mem + DESC + 16 * d, desc, sizeof(desc));
		for (unsigned slot = i; slot < 256; slot += BATCH)
			memcpy(mem + AVAIL + 4 + 2 * slot, &d, sizeof(d));
	}
}

int main(int argc, char **argv)
{
	int ram = memfd_create("ram", 0);
	volatile uint16_t *used;
	uint8_t *mem;

	if (argc < 3 || ftruncate(ram, RAM))
		return 2;
	mem = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	set_chains(mem);
	set_up(argv[1], ram);
	used = (volatile uint16_t *)(mem + USED + 2);
	for (unsigned i = BATCH; i <= (unsigned)atoi(argv[2]); i += BATCH) {
		uint16_t idx = (uint16_t)i;

		memcpy(mem + AVAIL + 2, &idx, sizeof(idx));
		reg(4, 0x3000, 0, 2);
		while (*used != idx)
			usleep(20);
	}
	return 0;
}
