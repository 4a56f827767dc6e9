/* SPDX-License-Identifier: MIT */
/* The vhost-user server with a client that does what real clients do not do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu/class/blk/blk.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/server/vhost_user.h"
#include "tests/emu/tap.h"

#define RAM 0x10000u
#define USER 0x7f0000000000ull
#define SIZE 16

struct client {
	struct server *server;
	int fd, ram_fd, kick, call;
	uint8_t *ram;
	char said[256];
	int went, notes;
	bool mapped;
};

static void report(void *opaque, enum server_event what, const char *text)
{
	struct client *c = opaque;
	if (what == SERVER_PROTOCOL_ERROR || what == SERVER_NOTE)
		snprintf(c->said, sizeof(c->said), "%s", text);
	c->went += what == SERVER_DISCONNECTED || what == SERVER_PROTOCOL_ERROR;
	c->notes += what == SERVER_NOTE;
}

static void turn(struct client *c)
{
	for (int i = 0; i < 8; i++)
		server_step(c->server, 0, NULL);
}

static void connect_client(struct client *c)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	c->fd = pair[0];
	c->said[0] = 0;
	c->went = 0;
	c->mapped = false;
	server_attach(c->server, pair[1]);
}

static void open_server(struct client *c, unsigned queues)
{
	static struct emu_blk_config blk;
	memset(c, 0, sizeof(*c));
	memset(&blk, 0, sizeof(blk));
	emu_backend_mem(&blk.backend, NULL, 64 << 10);
	struct server_config cfg = { .cls = &emu_blk,
				     .class_config = &blk,
				     .queues = queues,
				     .queue_size = 64,
				     .report = report,
				     .opaque = c };
	guard_install();
	if (server_new(&c->server, server_vhost_user.ops, &cfg) < 0)
		abort();
	c->ram_fd = memfd_create("ram", 0);
	if (ftruncate(c->ram_fd, RAM) < 0)
		abort();
	c->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, c->ram_fd, 0);
	c->kick = eventfd(0, EFD_NONBLOCK);
	c->call = eventfd(0, EFD_NONBLOCK);
	connect_client(c);
}

static void close_server(struct client *c)
{
	close(c->fd);
	turn(c);
	server_free(c->server);
	munmap(c->ram, RAM);
	close(c->ram_fd);
	close(c->kick);
	close(c->call);
}

static void request(struct client *c, uint32_t what, uint32_t flags, const void *p, size_t n,
		    int fd)
{
	struct vhost_user_hdr h = { .request = what, .flags = VH_VERSION | flags, .size = n };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)p, n } };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	if (fd >= 0) {
		m.msg_control = control.buf;
		m.msg_controllen = sizeof(control.buf);
		control.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	if (sendmsg(c->fd, &m, MSG_NOSIGNAL) < 0)
		c->went += 100;
	turn(c);
}

/* The reply's payload; its length, -1 none. */
static int reply(struct client *c, void *buf, size_t size, int *fd)
{
	struct vhost_user_hdr h;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { &h, sizeof(h) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf) };
	if (recvmsg(c->fd, &m, MSG_DONTWAIT) != sizeof(h) || h.size > size)
		return -1;
	if (fd)
		memcpy(fd, CMSG_DATA(&control.align), sizeof(*fd));
	return recv(c->fd, buf, h.size, MSG_DONTWAIT) == (ssize_t)h.size ? (int)h.size
	       : h.size							 ? -1
									 : 0;
}

static void start_with(struct client *c, uint32_t base, uint64_t more)
{
	const uint64_t features =
		1ull << VIRTIO_F_VERSION_1 | 1ull << VH_F_PROTOCOL_FEATURES | more;
	const uint64_t protocol = ~0ull, first = 0;
	const uint32_t num[] = { 0, SIZE }, at[] = { 0, base }, on[] = { 0, 1 };
	const struct vhost_user_addr a = { .desc = USER,
					   .avail = USER + 0x1000,
					   .used = USER + 0x2000 };
	struct {
		uint64_t pad;
		struct vhost_user_region r;
	} t = { 0, { .size = RAM, .user = USER } };
	request(c, VH_SET_PROTOCOL_FEATURES, 0, &protocol, 8, -1);
	request(c, VH_SET_FEATURES, 0, &features, 8, -1);
	if (!c->mapped)
		request(c, VH_ADD_MEM_REG, 0, &t, sizeof(t), c->ram_fd);
	c->mapped = true;
	request(c, VH_SET_VRING_NUM, 0, num, 8, -1);
	request(c, VH_SET_VRING_BASE, 0, at, 8, -1);
	request(c, VH_SET_VRING_ADDR, 0, &a, sizeof(a), -1);
	request(c, VH_SET_VRING_CALL, 0, &first, 8, c->call);
	request(c, VH_SET_VRING_KICK, 0, &first, 8, c->kick);
	request(c, VH_SET_VRING_ENABLE, 0, on, 8, -1);
}

static void start(struct client *c, uint32_t base)
{
	start_with(c, base, 0);
}

/* A request of one sector in the chain of that head (three descriptors each). */
static void put_request(struct client *c, uint16_t head, uint32_t type, uint64_t sector)
{
	uint32_t at = 0x4000 + head * 0x400;
	struct vqt_desc d[3] = { { at, 16, 1, head + 1 },
				 { at + 0x100, 512, type == VIRTIO_BLK_T_IN ? 3 : 1, head + 2 },
				 { at + 0x20, 1, 2, 0 } };
	struct {
		uint32_t type, pad;
		uint64_t sector;
	} h = { type, 0, sector };
	memcpy(c->ram + 16 * head, d, sizeof(d));
	memcpy(c->ram + at, &h, sizeof(h));
	c->ram[at + 0x20] = 0xff;
}

static uint8_t status(struct client *c, uint16_t head)
{
	return c->ram[0x4000 + head * 0x400 + 0x20];
}

static void stop(struct client *c)
{
	uint32_t state[2] = { 0 };
	request(c, VH_GET_VRING_BASE, 0, state, 8, -1);
	reply(c, state, 8, NULL);
}

static void offer(struct client *c, uint16_t head)
{
	static const uint64_t one = 1;
	uint16_t *avail = (uint16_t *)(void *)(c->ram + 0x1000);
	avail[2 + avail[1] % SIZE] = head;
	avail[1]++;
	if (write(c->kick, &one, 8) != 8)
		abort();
	turn(c);
}

static uint16_t used(struct client *c)
{
	return ((uint16_t *)(void *)(c->ram + 0x2000))[1];
}

static void test_io(void)
{
	struct client c;
	uint32_t state[2] = { 0 };
	uint64_t n = 0;
	open_server(&c, 1);
	start(&c, 0);
	put_request(&c, 0, VIRTIO_BLK_T_OUT, 3);
	memset(c.ram + 0x4100, 0x5a, 512);
	offer(&c, 0);
	is(status(&c, 0), 0, "a write is done");
	put_request(&c, 3, VIRTIO_BLK_T_IN, 3);
	offer(&c, 3);
	is(status(&c, 3), 0, "a read is done");
	ok(!memcmp(c.ram + 0x4100, c.ram + 0x4000 + 3 * 0x400 + 0x100, 512),
	   "it reads what was written");
	is(used(&c), 2, "two used entries");
	ok(read(c.call, &n, 8) == 8 && n >= 2, "the call descriptor was signalled");
	request(&c, VH_GET_VRING_BASE, 0, state, 8, -1);
	is(reply(&c, state, 8, NULL), 8, "GET_VRING_BASE has a reply");
	is(state[1], 2, "the ring stopped at 2");
	ok(read(c.kick, &n, 8) < 0, "the kick descriptor is given back empty");
	offer(&c, 0);
	is(used(&c), 2, "a stopped ring is not served");
	start(&c, 2);
	is(used(&c), 3, "started again it goes on, without a kick");
	const uint32_t off[] = { 0, 0 }, on[] = { 0, 1 };
	request(&c, VH_SET_VRING_ENABLE, 0, off, 8, -1);
	offer(&c, 3);
	is(used(&c), 3, "a disabled ring is not served");
	request(&c, VH_SET_VRING_ENABLE, 0, on, 8, -1);
	is(used(&c), 4, "enabled again it is");
	close_server(&c);
}

static void test_garbage(void)
{
	static const struct {
		const char *what;
		uint32_t request, flags, n;
		uint32_t body[4];
	} bad[] = {
		{ "an unknown request", 99, 0, 8, { 0 } },
		{ "a reply", VH_GET_FEATURES, VH_REPLY, 0, { 0 } },
		{ "a queue that does not exist", VH_SET_VRING_NUM, 0, 8, { 7, 16 } },
		{ "a queue that is too long", VH_SET_VRING_NUM, 0, 8, { 0, 128 } },
		{ "a queue that is not a power of two, started", VH_SET_VRING_ADDR, 0, 8, { 0 } },
		{ "features not offered", VH_SET_FEATURES, 0, 8, { 0xffffffff, 0xffffffff } },
		{ "a memory table of 9 regions", VH_SET_MEM_TABLE, 0, 8, { 9 } },
		{ "a memory table without descriptors", VH_SET_MEM_TABLE, 0, 8, { 1 } },
		{ "memory without a descriptor", VH_ADD_MEM_REG, 0, 16, { 0 } },
		{ "memory that is not there to be removed", VH_REM_MEM_REG, 0, 16, { 0 } },
	};
	struct client c;
	open_server(&c, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request(&c, bad[i].request, bad[i].flags, bad[i].body, bad[i].n, -1);
		ok(c.went == 1 && c.said[0], "%s: disconnected: %s", bad[i].what, c.said);
		close(c.fd);
		connect_client(&c);
	}
	uint64_t f = 0;
	request(&c, VH_GET_FEATURES, 0, NULL, 0, -1);
	is(reply(&c, &f, 8, NULL), 8, "the next client is served");
	ok(f >> VH_F_PROTOCOL_FEATURES & 1, "it has protocol features");
	uint8_t config[12 + 300] = { 0 };
	config[4] = 60;
	request(&c, VH_GET_CONFIG, 0, config, 72, -1);
	is(reply(&c, config, sizeof(config), NULL), 72, "60 bytes of configuration");
	is(config[12], 128, "the capacity");
	memset(config, 0xff, 8);
	request(&c, VH_GET_CONFIG, 0, config, 72, -1);
	is(reply(&c, config, sizeof(config), NULL), 0,
	   "configuration out of range: an empty reply");
	const uint64_t protocol = ~0ull;
	uint64_t ack = 0;
	request(&c, VH_SET_PROTOCOL_FEATURES, 0, &protocol, 8, -1);
	uint8_t region[40] = { 0 };
	request(&c, VH_REM_MEM_REG, VH_NEED_REPLY, region, sizeof(region), -1);
	is(reply(&c, &ack, 8, NULL), 8, "REPLY_ACK: a refusal is a reply");
	is(ack, 1, "which says so");
	is(c.went, 0, "and the client stays");
	close_server(&c);
}

static void test_cut_memory(void)
{
	struct client c;
	open_server(&c, 1);
	start(&c, 0);
	put_request(&c, 0, VIRTIO_BLK_T_IN, 0);
	offer(&c, 0);
	is(used(&c), 1, "served before");
	static const uint64_t one = 1;
	if (ftruncate(c.ram_fd, 0) < 0 || write(c.kick, &one, 8) != 8)
		abort();
	turn(&c);
	is(c.went, 1, "a client that cuts its memory short is sent away: %s", c.said);
	/* our own mapping has gone with the file */
	munmap(c.ram, RAM);
	c.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	close_server(&c);
}

static void test_broken_driver(void)
{
	struct client c;
	open_server(&c, 1);
	start(&c, 0);
	offer(&c, 200);
	ok(c.notes && strstr(c.said, "head outside"), "a broken ring is told: %s", c.said);
	is(c.went, 0, "but the client stays");
	stop(&c);
	memset(c.ram, 0, RAM);
	start(&c, 0);
	put_request(&c, 0, VIRTIO_BLK_T_IN, 0);
	offer(&c, 0);
	is(used(&c), 1, "after a new start it works again");
	close_server(&c);
}

/* The client's copy of the configuration is now stale: the server notifies it over the channel. */
static void test_resize(void)
{
	struct client c;
	int pair[2];
	struct vhost_user_hdr h = { 0 };
	uint8_t config[12 + 8] = { [4] = 8 };
	uint64_t ack = 1;
	open_server(&c, 1);
	struct emu_virtio *v = server_virtio(c.server);
	emu_blk_resize(v, 64);
	is(c.notes, 0, "nobody is there to be told");
	start(&c, 0);
	emu_blk_resize(v, 100);
	ok(c.notes == 1 && strstr(c.said, "no channel"), "a client without a channel: %s", c.said);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	request(&c, VH_SET_BACKEND_REQ_FD, VH_NEED_REPLY, NULL, 0, pair[1]);
	close(pair[1]);
	is(reply(&c, &ack, 8, NULL), 8, "a channel is popped");
	is(ack, 0, "with a yes");
	emu_blk_resize(v, 200);
	is(recv(pair[0], &h, sizeof(h), MSG_DONTWAIT), sizeof(h), "a message comes by it");
	ok(h.request == VH_BACKEND_CONFIG_CHANGE && h.flags == VH_VERSION && !h.size,
	   "which says that the configuration changed");
	is(recv(pair[0], &h, sizeof(h), MSG_DONTWAIT), -1, "and no other");
	request(&c, VH_GET_CONFIG, 0, config, sizeof(config), -1);
	is(reply(&c, config, sizeof(config), NULL), sizeof(config), "the client asks");
	is(config[12], 200, "and learns the capacity");
	put_request(&c, 0, VIRTIO_BLK_T_IN, 200);
	offer(&c, 0);
	is(status(&c, 0), VIRTIO_BLK_S_IOERR, "beyond the new end");
	while (c.notes == 1) /* nobody reads it: full some day, and nothing waits for that */
		emu_blk_resize(v, emu_blk_capacity(v) ^ 1);
	ok(strstr(c.said, "could not be told"), "%s", c.said);
	close(pair[0]);
	emu_blk_resize(v, 90);
	is(c.notes, 3, "a channel that is closed");
	request(&c, VH_SET_BACKEND_REQ_FD, 0, NULL, 0, c.kick);
	emu_blk_resize(v, 91);
	is(c.notes, 4, "or was none");
	is(c.went, 0, "does not matter");
	request(&c, VH_SET_BACKEND_REQ_FD, 0, NULL, 0, -1);
	ok(c.went == 1, "a channel that did not come does: %s", c.said);
	close_server(&c);
}

static int told(int channel)
{
	struct vhost_user_hdr h;
	return recv(channel, &h, sizeof(h), MSG_DONTWAIT) == sizeof(h) &&
	       h.request == VH_BACKEND_CONFIG_CHANGE;
}

/*
 * The client has a copy of the configuration from the beginning on, and shows that to drivers: it is
 * told of a change whether a driver is running, or has broken the device.
 */
static void test_resize_any_time(void)
{
	const uint64_t protocol = ~0ull;
	struct client c;
	int pair[2];
	open_server(&c, 1);
	struct emu_virtio *v = server_virtio(c.server);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	request(&c, VH_SET_PROTOCOL_FEATURES, 0, &protocol, 8, -1);
	request(&c, VH_SET_BACKEND_REQ_FD, 0, NULL, 0, pair[1]);
	close(pair[1]);
	emu_blk_resize(v, 64);
	ok(told(pair[0]), "a change before there is a driver");
	start(&c, 0);
	offer(&c, 200);
	ok(c.notes == 1 && strstr(c.said, "head outside"), "a broken ring: %s", c.said);
	emu_blk_resize(v, 100);
	ok(told(pair[0]), "a change after that");
	is(c.notes, 1, "which is no new break");
	stop(&c);
	memset(c.ram, 0, RAM);
	start(&c, 0);
	offer(&c, 200);
	is(c.notes, 2, "the next break is one");
	close(pair[0]);
	close_server(&c);
}

/* The byte of the configuration that chooses between write back (1) and write through (0). */
static uint8_t writeback(struct client *c)
{
	uint8_t config[12 + BLK_CFG_WRITEBACK + 1] = { [4] = BLK_CFG_WRITEBACK + 1 };
	request(c, VH_GET_CONFIG, 0, config, sizeof(config), -1);
	if (reply(c, config, sizeof(config), NULL) != sizeof(config))
		return 0xff;
	return config[12 + BLK_CFG_WRITEBACK];
}

static void set_writeback(struct client *c, uint8_t to)
{
	uint8_t config[12 + 1] = { BLK_CFG_WRITEBACK, [4] = 1, [12] = to };
	request(c, VH_SET_CONFIG, 0, config, sizeof(config), -1);
}

/*
 * Clients set the features again whenever they start the rings, such as after a guest was
 * paused: the driver knows nothing of that, and flushes only while it sees a write-back cache.
 */
static void test_writeback(void)
{
	const uint64_t cache = 1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE;
	struct client c;
	open_server(&c, 1);
	start_with(&c, 0, cache);
	is(writeback(&c), 1, "write back at first");
	uint8_t much[4096] = { 255, [4] = 0xf0, [5] = 0xf }; /* 4080 bytes from 255 on */
	request(&c, VH_SET_CONFIG, 0, much, sizeof(much), -1);
	is(writeback(&c), 1, "bytes behind the configuration are left out");
	set_writeback(&c, 0);
	is(writeback(&c), 0, "the driver chooses write through");
	stop(&c);
	start_with(&c, 0, cache);
	is(writeback(&c), 0, "write through after the rings were stopped and started");
	close(c.fd);
	turn(&c);
	connect_client(&c);
	start_with(&c, 0, cache);
	is(writeback(&c), 0, "and after the client has connected again");
	set_writeback(&c, 1);
	is(writeback(&c), 1, "write back again, as the driver chooses");
	stop(&c);
	set_writeback(&c, 0);
	start_with(&c, 0, cache);
	is(writeback(&c), 0, "chosen before the rings run");
	stop(&c);
	start_with(&c, 0, 1ull << VIRTIO_BLK_F_FLUSH);
	is(writeback(&c), 1, "a driver that cannot choose has write back, as it can flush");
	request(&c, VH_RESET_DEVICE, 0, NULL, 0, -1);
	start_with(&c, 0, cache);
	is(writeback(&c), 1, "a reset of the device forgets the choice");
	close_server(&c);
}

/* Two requests were in flight when the server died; one of them was used, not yet noted. */
static void test_inflight(void)
{
	struct client c;
	struct vhost_user_inflight f = { .queues = 1, .queue_size = SIZE };
	int fd = -1;
	open_server(&c, 1);
	request(&c, VH_GET_INFLIGHT_FD, 0, &f, sizeof(f), -1);
	is(reply(&c, &f, sizeof(f), &fd), sizeof(f), "memory to track requests in");
	ok(fd >= 0 && f.size >= 16 + SIZE * 16, "of %u bytes", (unsigned)f.size);
	uint8_t *t = mmap(NULL, f.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	is(t[8], 1, "version 1");
	uint16_t *avail = (uint16_t *)(void *)(c.ram + 0x1000),
		 *us = (uint16_t *)(void *)(c.ram + 0x2000);
	const uint16_t heads[] = { 0, 3, 6, 9 };
	for (unsigned i = 0; i < 4; i++) {
		put_request(&c, heads[i], VIRTIO_BLK_T_IN, i);
		avail[2 + i] = heads[i];
	}
	avail[1] = 4;
	us[1] = 1; /* head 6 was used, out of order; 0 and 3 are in flight; 9 was never popped */
	for (unsigned i = 0; i < 3; i++) {
		t[16 + heads[i] * 16] = 1;
		t[16 + heads[i] * 16 + 8] = i;
	}
	t[12] = 6; /* last batch */
	request(&c, VH_SET_INFLIGHT_FD, 0, &f, sizeof(f), fd);
	start(&c, 1);
	is(used(&c), 4, "the three that were not used are");
	ok(c.notes == 1 && strstr(c.said, "2 requests"), "%s", c.said);
	is(us[2 + 2 * 2], 0, "oldest first");
	is(us[2 + 4 * 2], 3, "then the other");
	is(us[2 + 6 * 2], 9, "then the new one");
	is(status(&c, 6), 0xff, "the one that was used is left alone");
	is(t[16 + 0] | t[16 + 3 * 16] | t[16 + 6 * 16] | t[16 + 9 * 16], 0, "nothing is in flight");
	munmap(t, f.size);
	close(fd);
	close_server(&c);
}

/*
 * A server died between the used entry of a request and the call for it.  No request is left to
 * be done again, so the guest waits until the next server calls.
 */
static void test_call_lost(void)
{
	struct client c;
	uint64_t n = 0;
	open_server(&c, 1);
	start(&c, 0);
	ok(read(c.call, &n, 8) < 0, "a new ring: nothing was used, no call");
	put_request(&c, 0, VIRTIO_BLK_T_IN, 0);
	offer(&c, 0);
	is(read(c.call, &n, 8), 8, "a request was used: a call");
	close(c.fd);
	turn(&c);
	connect_client(&c);
	start(&c, 1);
	is(used(&c), 1, "connected again: nothing to do");
	is(read(c.call, &n, 8), 8, "but a call, as the server before may have died before it");
	close(c.fd);
	turn(&c);
	connect_client(&c);
	memset(c.ram + 0x1000, 0, 4); /* as if 65536 had been used: both indices are 0 again */
	memset(c.ram + 0x2000, 0, 4);
	c.ram[0x2000 + 4 + 8 * (SIZE - 1)] = 1;
	start(&c, 0);
	is(read(c.call, &n, 8), 8, "also where the indices are those of a new ring");
	close_server(&c);
}

/* --- packed rings: a server died with requests in flight ------------------------------- */

#define PACKED (1ull << VIRTIO_F_RING_PACKED)
#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED (1u << VRING_PACKED_DESC_F_USED)
#define FIRST 0x80008000u /* where a driver begins */

struct pslot {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* As in the protocol's 'Inflight I/O tracking'. */
struct pentry {
	uint8_t inflight, pad;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

struct pregion {
	uint64_t features;
	uint16_t version, desc_num, free_head, old_free_head, used_idx, old_used_idx;
	uint8_t used_wrap, old_used_wrap, pad[6];
	struct pentry e[SIZE];
};

static struct pslot *slots(struct client *c)
{
	return (struct pslot *)(void *)c->ram;
}

/* A read of that sector in three slots, as buffer id; available in the first round. */
static void put_packed(struct client *c, uint16_t slot, uint16_t id, uint64_t sector)
{
	put_request(c, slot, VIRTIO_BLK_T_IN, sector);
	for (unsigned i = 0; i < 3; i++) {
		struct vqt_desc d;
		memcpy(&d, c->ram + 16 * (slot + i), sizeof(d));
		slots(c)[slot + i] = (struct pslot){ d.addr, d.len, id, d.flags | F_AVAIL };
	}
}

/* The server took slots [first, first+3) into its entries of the same numbers. */
static void was_taken(struct client *c, struct pregion *t, uint16_t first, uint64_t counter)
{
	for (unsigned i = first; i < first + 3u; i++) {
		struct pslot *s = &slots(c)[i];
		t->e[i] = (struct pentry){ .next = i + 1,
					   .id = s->id,
					   .flags = s->flags,
					   .len = s->len,
					   .addr = s->addr };
	}
	t->e[first].inflight = 1;
	t->e[first].num = 3;
	t->e[first].last = first + 2;
	t->e[first].counter = counter;
	t->free_head = t->old_free_head = first + 3;
}

static struct pregion *get_packed(struct client *c, struct vhost_user_inflight *f, int *fd)
{
	const uint64_t features =
		1ull << VIRTIO_F_VERSION_1 | 1ull << VH_F_PROTOCOL_FEATURES | PACKED;
	const uint64_t protocol = ~0ull;
	*f = (struct vhost_user_inflight){ .queues = 1, .queue_size = SIZE };
	request(c, VH_SET_PROTOCOL_FEATURES, 0, &protocol, 8, -1);
	request(c, VH_SET_FEATURES, 0, &features, 8, -1);
	request(c, VH_GET_INFLIGHT_FD, 0, f, sizeof(*f), -1);
	if (reply(c, f, sizeof(*f), fd) != sizeof(*f) || f->size < sizeof(struct pregion))
		abort();
	return mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
}

/*
 * Three chains were popped and the last one used, out of order, which overwrote the first
 * slot; a fourth had not been popped.  told: the server died after it had written the used
 * descriptor.
 */
static void test_packed_inflight(bool told)
{
	struct client c;
	struct vhost_user_inflight f;
	int fd;
	open_server(&c, 1);
	struct pregion *t = get_packed(&c, &f, &fd);
	is(t->version, 0, "packed: nothing tracked yet");
	for (unsigned i = 0; i < 4; i++)
		put_packed(&c, 3 * i, 20 + i, i);
	*t = (struct pregion){ .version = 1, .desc_num = SIZE, .used_wrap = 1, .old_used_wrap = 1 };
	for (unsigned i = 0; i < SIZE; i++)
		t->e[i].next = i + 1;
	for (unsigned i = 0; i < 3; i++)
		was_taken(&c, t, 3 * i, 5 - i); /* the last of them came first */
	t->e[8].next = t->old_free_head;
	t->free_head = 6;
	t->used_idx = 3;
	if (told)
		slots(&c)[0] =
			(struct pslot){ .len = 513, .id = 22, .flags = F_AVAIL | F_USED | 2 };
	request(&c, VH_SET_INFLIGHT_FD, 0, &f, sizeof(f), fd);
	start_with(&c, FIRST, PACKED);
	ok(c.notes == 1 && strstr(c.said, told ? "2 requests" : "3 requests"), "%s", c.said);
	const uint16_t order[4] = { 22, 21, 20, 23 };
	for (unsigned i = 0; i < 4; i++) {
		is(slots(&c)[3 * i].id, order[i], "used entry %u", i);
		is(slots(&c)[3 * i].flags & (F_AVAIL | F_USED), F_AVAIL | F_USED, "as used");
		is(status(&c, 3 * i), told && i == 2 ? 0xff : 0, "its request");
	}
	unsigned marks = 0;
	for (unsigned i = 0; i < SIZE; i++)
		marks += t->e[i].inflight;
	is(marks, 0, "nothing is in flight");
	is(t->used_idx, 12, "the next used slot");
	is(t->old_used_idx | t->used_wrap << 8 | t->old_used_wrap << 9, 12 | 3 << 8, "noted");
	is(t->free_head, t->old_free_head, "and the free entries");
	/* the ring goes on, and around its end */
	put_packed(&c, 12, 20, 7);
	c.ram[0x4000 + 12 * 0x400 + 0x20] = 0xff;
	static const uint64_t one = 1;
	if (write(c.kick, &one, 8) != 8)
		abort();
	turn(&c);
	is(status(&c, 12), 0, "a new request");
	is(t->used_idx, 15, "is accounted for");
	munmap(t, f.size);
	close(fd);
	close_server(&c);
}

/* Whatever is in that memory, a client can only harm itself. */
static void test_packed_garbage(void)
{
	unsigned survived = 0, refused = 0;
	uint64_t seed = 1;
	for (unsigned round = 0; round < 300; round++) {
		struct client c;
		struct vhost_user_inflight f;
		int fd;
		open_server(&c, 1);
		struct pregion *t = get_packed(&c, &f, &fd);
		for (unsigned i = 0; i < 4; i++)
			put_packed(&c, 3 * i, i, i);
		*t = (struct pregion){
			.version = 1, .desc_num = SIZE, .used_wrap = 1, .old_used_wrap = 1
		};
		for (unsigned i = 0; i < 4; i++)
			was_taken(&c, t, 3 * i, i);
		for (unsigned i = 0; i < 1 + round % 8; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			size_t at = (seed >> 33) % sizeof(*t);
			((uint8_t *)t)[at] = seed >> 20 & (round & 1 ? 31 : 255);
		}
		request(&c, VH_SET_INFLIGHT_FD, 0, &f, sizeof(f), fd);
		start_with(&c, FIRST, PACKED);
		survived += !c.went;
		refused += c.went != 0;
		munmap(t, f.size);
		close(fd);
		close_server(&c);
	}
	ok(survived && refused, "packed: spoilt memory, %u popped, %u refused", survived, refused);
}

int main(void)
{
	test_io();
	test_garbage();
	test_cut_memory();
	test_broken_driver();
	test_resize();
	test_resize_any_time();
	test_writeback();
	test_inflight();
	test_call_lost();
	test_packed_inflight(false);
	test_packed_inflight(true);
	test_packed_garbage();
	return done();
}
