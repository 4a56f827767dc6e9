/* SPDX-License-Identifier: MIT */
/* The vfio-user server with a client that does what QEMU does not do. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/class/blk/blk.h"
#include "decoder/spec/constants.h"
#include "emu/server/map.h"
#include "emu/server/vfio_user.h"
#include "tests/emu/backend_defer.h"
#include "tests/emu/tap.h"

#define RAM 0x10000u

struct client {
	struct server *server;
	int fd, ram_fd;
	char said[256];
	int went, lines;
	bool ends;
};

static bool ends(void *opaque)
{
	return ((struct client *)opaque)->ends;
}

static void report(void *opaque, enum server_event what, const char *text)
{
	struct client *c = opaque;
	c->lines += text != NULL;
	if (what == SERVER_PROTOCOL_ERROR && text)
		snprintf(c->said, sizeof(c->said), "%s", text);
	c->went += what == SERVER_DISCONNECTED || what == SERVER_PROTOCOL_ERROR;
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
	server_attach(c->server, pair[1]);
}

static int dma_ms = 50;
static const char *disk; /* NULL: memory */
static struct emu_backend *slow; /* a transitional device with this disk; NULL: a modern one */

static void open_server(struct client *c, bool no_msix)
{
	static struct emu_blk_config blk;
	memset(c, 0, sizeof(*c));
	memset(&blk, 0, sizeof(blk));
	if (slow)
		blk.backend = slow;
	else if (!disk || emu_backend_file(&blk.backend, disk, NULL) < 0)
		emu_backend_mem(&blk.backend, NULL, 64 << 10);
	struct server_config cfg = { .cls = &emu_blk,
				     .class_config = &blk,
				     .queues = 2,
				     .no_msix = no_msix,
				     .transitional = slow != NULL,
				     .dma_timeout_ms = dma_ms,
				     .report = report,
				     .ends = ends,
				     .opaque = c };
	guard_install();
	if (server_new(&c->server, server_vfio_user.ops, &cfg) < 0)
		abort();
	c->ram_fd = memfd_create("ram", 0);
	if (ftruncate(c->ram_fd, RAM) < 0)
		abort();
	connect_client(c);
}

static void close_server(struct client *c)
{
	close(c->fd);
	turn(c);
	server_free(c->server);
	close(c->ram_fd);
}

static void post(struct client *c, unsigned command, uint32_t flags, const void *p, size_t n,
		 int fd)
{
	struct vfio_user_hdr h = {
		.id = 77, .command = command, .flags = flags, .size = sizeof(h) + n
	};
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
}

/* The next message from the server: its error number, payload length in *len; -1 none. */
static int receive(struct client *c, struct vfio_user_hdr *h, void *buf, size_t size)
{
	if (recv(c->fd, h, sizeof(*h), MSG_DONTWAIT) != sizeof(*h) || h->size - sizeof(*h) > size)
		return -1;
	size_t n = h->size - sizeof(*h);
	if (n && recv(c->fd, buf, n, MSG_DONTWAIT) != (ssize_t)n)
		return -1;
	return h->flags & VU_ERROR ? (int)h->error : 0;
}

static int call(struct client *c, unsigned command, const void *p, size_t n, int fd, void *buf,
		size_t size)
{
	struct vfio_user_hdr h;
	post(c, command, 0, p, n, fd);
	turn(c);
	int ret = receive(c, &h, buf, size);
	return ret >= 0 && (h.id != 77 || h.command != command || (h.flags & VU_TYPE) != VU_REPLY)
		       ? -2
		       : ret;
}

static void version(struct client *c)
{
	static const char v[] = "\0\0\1\0{\"capabilities\":{\"max_data_xfer_size\":4096}}";
	char buf[512];
	is(call(c, VU_VERSION, v, sizeof(v), -1, buf, sizeof(buf)), 0, "a version is agreed on");
}

static void map_ram(struct client *c)
{
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	char buf[64];
	is(call(c, VU_DMA_MAP, &m, sizeof(m), c->ram_fd, buf, sizeof(buf)), 0, "memory is mapped");
}

struct reg_write {
	struct vfio_user_region_access a;
	uint32_t value;
};

static void post_write(struct client *c, uint32_t region, uint64_t off, uint32_t value, uint32_t n)
{
	struct reg_write w = { { off, region, n }, value };
	post(c, VU_REGION_WRITE, VU_NO_REPLY, &w, sizeof(w.a) + n, -1);
}

static int reg_write(struct client *c, uint32_t region, uint64_t off, uint32_t value, uint32_t n,
		     bool posted)
{
	struct reg_write w = { { off, region, n }, value };
	char buf[64];
	if (!posted)
		return call(c, VU_REGION_WRITE, &w, sizeof(w.a) + n, -1, buf, sizeof(buf));
	post_write(c, region, off, value, n);
	turn(c);
	return 0;
}

static uint32_t reg_read(struct client *c, uint32_t region, uint64_t off, uint32_t n)
{
	struct vfio_user_region_access a = { off, region, n };
	struct {
		struct vfio_user_region_access a;
		uint32_t value;
	} r = { .value = 0 };
	if (call(c, VU_REGION_READ, &a, sizeof(a), -1, &r, sizeof(r)) != 0)
		return 0xdeadbeef;
	return r.value;
}

static void test_info(void)
{
	struct client c;
	uint32_t info[8] = { 16 };
	struct vfio_region_info reg = { .argsz = sizeof(reg), .index = 7 };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	char buf[64];
	open_server(&c, false);
	version(&c);
	is(call(&c, VU_DEVICE_GET_INFO, info, 16, -1, info, sizeof(info)), 0, "device info");
	is(info[2], 9, "nine regions");
	is(call(&c, VU_GET_REGION_INFO, &reg, sizeof(reg), -1, &reg, sizeof(reg)), 0,
	   "region info");
	is(reg.size, 4096, "configuration space of PCI Express");
	ok(!(reg.flags & VFIO_REGION_INFO_FLAG_MMAP), "not mappable");
	reg.index = 9;
	is(call(&c, VU_GET_REGION_INFO, &reg, sizeof(reg), -1, &reg, sizeof(reg)), EINVAL,
	   "no tenth region");
	is(call(&c, VU_GET_IRQ_INFO, &irq, sizeof(irq), -1, &irq, sizeof(irq)), 0, "irq info");
	is(irq.count, 3, "three vectors for two queues");
	is(reg_read(&c, 7, 0, 4), 0x10421af4, "ids");
	is(reg_read(&c, 7, 4096, 4), 0xdeadbeef, "a read outside is refused");
	is(reg_write(&c, 4, 1u << 20, 0, 4, false), EINVAL, "a write outside is refused");
	is(reg_write(&c, 8, 0, 0, 4, false), EINVAL, "so is one to no region");
	is(call(&c, VU_GET_REGION_IO_FDS, info, 32, -1, buf, sizeof(buf)), ENOTSUP,
	   "a command that we do not have is refused");
	is(call(&c, VU_DEVICE_RESET, NULL, 0, -1, buf, sizeof(buf)), 0, "reset");
	is(c.went, 0, "and the client stays");
	close_server(&c);
}

static void test_garbage(void)
{
	static const struct {
		const char *what;
		struct vfio_user_hdr h;
	} bad[] = {
		{ "a message shorter than its header", { 0, VU_VERSION, 8, 0, 0 } },
		{ "a message of 4 GiB", { 0, VU_VERSION, UINT32_MAX, 0, 0 } },
		{ "a message of unknown type", { 0, VU_VERSION, 16, 3, 0 } },
		{ "no version first", { 0, VU_DEVICE_GET_INFO, 16, 0, 0 } },
	};
	struct client c;
	char buf[64];
	open_server(&c, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (send(c.fd, &bad[i].h, sizeof(bad[i].h), MSG_NOSIGNAL) < 0)
			abort();
		turn(&c);
		ok(c.went == 1 && c.said[0], "%s: disconnected: %s", bad[i].what, c.said);
		close(c.fd);
		connect_client(&c);
	}
	is(call(&c, VU_VERSION, "\1\0\0\0", 4, -1, buf, sizeof(buf)), -1, "version 1: no answer");
	is(c.went, 1, "disconnected: %s", c.said);
	close(c.fd);
	connect_client(&c);
	version(&c);
	is(call(&c, VU_VERSION, "\0\0\1\0", 4, -1, buf, sizeof(buf)), -1,
	   "version twice: no answer");
	is(c.went, 1, "disconnected: %s", c.said);
	close(c.fd);
	connect_client(&c);
	version(&c);
	/* byte by byte, as a socket may deliver */
	struct vfio_user_hdr h = { 5, VU_DEVICE_RESET, 16, 0, 0 };
	for (size_t i = 0; i < sizeof(h); i++) {
		if (send(c.fd, (uint8_t *)&h + i, 1, 0) != 1)
			abort();
		turn(&c);
	}
	is(receive(&c, &h, buf, sizeof(buf)), 0, "a message in sixteen pieces is answered");
	close_server(&c);
}

static void test_memory(void)
{
	struct client c;
	struct vfio_user_dma_map m = {
		.argsz = sizeof(m), .flags = 3, .address = 0x1000, .size = RAM
	};
	struct vfio_user_dma_unmap un = { .argsz = sizeof(un), .address = 0x1000, .size = RAM };
	open_server(&c, false);
	version(&c);
	char buf[64];
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), c.ram_fd, buf, sizeof(buf)), 0, "memory is mapped");
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), c.ram_fd, buf, sizeof(buf)), EEXIST, "not twice");
	m.address = 1u << 20;
	m.offset = 0x1000;
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), c.ram_fd, buf, sizeof(buf)), EINVAL,
	   "more than the file has is refused");
	m.offset = ~0ull - 100;
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), c.ram_fd, buf, sizeof(buf)), EINVAL,
	   "an offset that wraps, too");
	m.offset = 0;
	int ev = eventfd(0, 0);
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), ev, buf, sizeof(buf)), EINVAL,
	   "only files are memory");
	close(ev);
	m.flags = 0;
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), -1, buf, sizeof(buf)), EINVAL, "of some use");
	un.size--;
	is(call(&c, VU_DMA_UNMAP, &un, sizeof(un), -1, buf, sizeof(buf)), ENOENT,
	   "unmapping a part is refused");
	un.size++;
	is(call(&c, VU_DMA_UNMAP, &un, sizeof(un), -1, buf, sizeof(buf)), 0,
	   "the whole is unmapped");
	is(c.went, 0, "and the client stays");
	close_server(&c);
}

/* Bring the device up with its first queue at 0, or only ask for it. */
static void ask_up(struct client *c, void (*and)(struct client *c))
{
	static const uint32_t steps[][3] = {
		{ 0x14, 1, 1 },	     { 0x14, 3, 1 }, { 8, 1, 4 },     { 0xc, 1, 4 },
		{ 0x14, 11, 1 },     { 0x16, 0, 2 }, { 0x18, 16, 2 }, { 0x28, 0x1000, 4 },
		{ 0x30, 0x2000, 4 }, { 0x1c, 1, 2 }, { 0x14, 15, 1 },
	};
	post_write(c, 7, 4, 6, 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		post_write(c, 4, steps[i][0], steps[i][1], steps[i][2]);
		if (and)
			and(c);
	}
}

static void bring_up(struct client *c)
{
	ask_up(c, turn);
}

static void test_intx(void)
{
	struct client c;
	uint64_t n;
	char buf[64];
	struct vfio_irq_set s = { .argsz = sizeof(s),
				  .index = VFIO_PCI_INTX_IRQ_INDEX,
				  .count = 1,
				  .flags =
					  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER };
	int ev = eventfd(0, EFD_NONBLOCK);
	open_server(&c, true);
	version(&c);
	map_ram(&c);
	is(call(&c, VU_SET_IRQS, &s, sizeof(s), ev, buf, sizeof(buf)), 0, "INTx has a descriptor");
	bring_up(&c);
	is(reg_read(&c, 4, 0x14, 1), 15, "the device is up");
	/* a chain that is no request: the device breaks, and says so by INTx */
	uint16_t idx = 1, head = 99;
	pwrite(c.ram_fd, &head, 2, 0x1004);
	pwrite(c.ram_fd, &idx, 2, 0x1002);
	reg_write(&c, 4, 0x3000, 0, 2, true);
	is(reg_read(&c, 4, 0x14, 1), 15 | 64, "the device needs reset");
	ok(read(ev, &n, 8) == 8 && n == 1, "the interrupt came");
	s.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;
	call(&c, VU_SET_IRQS, &s, sizeof(s), -1, buf, sizeof(buf));
	ok(read(ev, &n, 8) == 8 && n == 1, "unmasked while the line is up, it comes again");
	is(reg_read(&c, 4, 0x1000, 1), 2, "ISR says configuration");
	call(&c, VU_SET_IRQS, &s, sizeof(s), -1, buf, sizeof(buf));
	ok(read(ev, &n, 8) < 0, "after that the line is down");
	close(ev);
	close_server(&c);
}

/*
 * A client masks a vector by taking its descriptor away.  An interrupt meanwhile is pending, and
 * comes with the next descriptor (PCI 6.8.3.4).
 */
static void test_masked_vector(void)
{
	struct client c;
	uint64_t n;
	char buf[64];
	struct vfio_irq_set s = { .argsz = sizeof(s),
				  .index = VFIO_PCI_MSIX_IRQ_INDEX,
				  .start = 1,
				  .count = 1,
				  .flags =
					  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER };
	int ev = eventfd(0, EFD_NONBLOCK);
	open_server(&c, false);
	version(&c);
	map_ram(&c);
	is(call(&c, VU_SET_IRQS, &s, sizeof(s), ev, buf, sizeof(buf)), 0, "a vector's descriptor");
	reg_write(&c, 7, 0x42, 0x8000, 2, false); /* MSI-X is enabled */
	reg_write(&c, 4, 0x10, 1, 2, false); /* the vector of the configuration */
	bring_up(&c);
	is(call(&c, VU_SET_IRQS, &s, sizeof(s), -1, buf, sizeof(buf)), 0, "it is taken away");
	uint16_t idx = 1, head = 99;
	pwrite(c.ram_fd, &head, 2, 0x1004);
	pwrite(c.ram_fd, &idx, 2, 0x1002);
	reg_write(&c, 4, 0x3000, 0, 2, true);
	is(reg_read(&c, 4, 0x14, 1), 15 | 64, "the device needs reset, and has nowhere to say so");
	ok(read(ev, &n, 8) < 0, "the descriptor is not used any more");
	call(&c, VU_SET_IRQS, &s, sizeof(s), ev, buf, sizeof(buf));
	ok(read(ev, &n, 8) == 8 && n == 1, "it comes with the next descriptor");
	call(&c, VU_SET_IRQS, &s, sizeof(s), -1, buf, sizeof(buf));
	call(&c, VU_SET_IRQS, &s, sizeof(s), ev, buf, sizeof(buf));
	ok(read(ev, &n, 8) < 0, "once");
	close(ev);
	close_server(&c);
}

/* Completions wait while bus mastering is off: they do not wake the server all the time. */
static void test_bus_master(void)
{
	struct client c;
	char path[40];
	int fd = memfd_create("disk", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	disk = path;
	if (ftruncate(fd, 64 << 10) < 0)
		abort();
	open_server(&c, false);
	disk = NULL;
	bool any = emu_virtio_fd(server_virtio(c.server)) >= 0;
	version(&c);
	bring_up(&c);
	is(c.server->backend.fd >= 0, any, "the disk is waited for");
	reg_write(&c, 7, 4, 2, 2, false);
	ok(c.server->backend.fd < 0, "not without bus mastering");
	reg_write(&c, 7, 4, 6, 2, false);
	is(c.server->backend.fd >= 0, any, "with it again");
	close(fd);
	close_server(&c);
}

static uint32_t legacy(struct client *c, uint32_t off, uint32_t n)
{
	return reg_read(c, 0, off, n);
}

static void set_legacy(struct client *c, uint32_t off, uint32_t value, uint32_t n)
{
	reg_write(c, 0, off, value, n, false);
}

/*
 * A legacy driver writes 0 and goes on, as a kernel does that is started after a crash: requests of
 * the one before may be in flight.
 */
static void test_legacy_reset(void)
{
	struct client c;
	struct emu_backend *inner;
	const struct vqt_desc d[3] = { { 0x8000, 16, 1, 1 },
				       { 0x9000, 512, 3, 2 },
				       { 0x8010, 1, 2, 0 } };
	const uint16_t avail[3] = { 0, 1, 0 };
	uint8_t status = 0xff;
	if (emu_backend_mem(&inner, NULL, 64 << 10) < 0 || emu_backend_defer(&slow, inner) < 0)
		abort();
	open_server(&c, true);
	version(&c);
	map_ram(&c);
	pwrite(c.ram_fd, d, sizeof(d), 0x1000);
	pwrite(c.ram_fd, avail, sizeof(avail), 0x2000);
	pwrite(c.ram_fd, &status, 1, 0x8010);
	reg_write(&c, 7, 4, 7, 2, false);
	for (unsigned life = 0; life < 2; life++) {
		emu_backend_defer_hold(slow, true);
		set_legacy(&c, VIRTIO_PCI_STATUS, 0, 1);
		is(legacy(&c, VIRTIO_PCI_STATUS, 1), 0, "the reset is over when it is answered");
		set_legacy(&c, VIRTIO_PCI_STATUS, 1, 1);
		set_legacy(&c, VIRTIO_PCI_STATUS, 3, 1);
		set_legacy(&c, VIRTIO_PCI_QUEUE_SEL, 0, 2);
		is(legacy(&c, VIRTIO_PCI_QUEUE_PFN, 4), 0, "no queue");
		set_legacy(&c, VIRTIO_PCI_QUEUE_PFN, 1, 4);
		set_legacy(&c, VIRTIO_PCI_STATUS, 7, 1);
		is(legacy(&c, VIRTIO_PCI_STATUS, 1), 7, "the driver is ready");
		pwrite(c.ram_fd, &(uint8_t){ 0xff }, 1, 0x8010);
		pwrite(c.ram_fd, &(uint32_t){ 0 }, 4, 0x3000);
		set_legacy(&c, VIRTIO_PCI_QUEUE_NOTIFY, 0, 2);
		is(server_virtio(c.server)->inflight, 1, "a request is in flight");
	}
	emu_backend_defer_hold(slow, false);
	turn(&c);
	uint16_t used = 0;
	pread(c.ram_fd, &status, 1, 0x8010);
	pread(c.ram_fd, &used, 2, 0x3002);
	is(status | used << 8, 0x100, "that of the second driver is done");
	slow = NULL;
	close_server(&c);
}

/* Rings by messages: the answers are mixed with registers, or never come. */
static void test_message_dma(void)
{
	struct client c;
	struct vfio_user_hdr h;
	char buf[8192];
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	open_server(&c, true);
	version(&c);
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), -1, buf, sizeof(buf)), 0,
	   "memory without a descriptor");
	bring_up(&c);
	int n = 0, asked = 0;
	while (receive(&c, &h, buf, sizeof(buf)) >= 0 && n++ < 100)
		asked += h.command == VU_DMA_READ || h.command == VU_DMA_WRITE;
	ok(asked, "the device asked for memory");
	is(reg_read(&c, 4, 0x14, 1), 15 | 64, "and broke when there was no answer");
	is(reg_write(&c, 4, 0x14, 0, 1, false), 0, "reset");
	is(reg_read(&c, 4, 0x14, 1), 0, "is over");
	is(c.went, 0, "and the client stays");
	close_server(&c);
}

/* A client that takes away what it mapped, in a process that has as many mappings as it may. */
static void test_truncated(void)
{
	struct client c;
	char buf[64];
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	int page = memfd_create("page", 0), ret = 0;
	unsigned n = 0;
	if (ftruncate(page, 4096) < 0)
		abort();
	open_server(&c, false);
	version(&c);
	map_ram(&c);
	bring_up(&c);
	is(reg_read(&c, 4, 0x14, 1), 15, "the device is up");
	m.size = 4096;
	for (m.address = 1ull << 30; !ret && n <= guard_limit(); m.address += 4096) {
		ret = call(&c, VU_DMA_MAP, &m, sizeof(m), page, buf, sizeof(buf));
		n += ret == 0;
	}
	is(ret, ENOSPC, "one mapping too many is refused");
	is(n, guard_limit() - 1, "%u are not", n);
	is(c.went, 0, "the client stays");
	if (ftruncate(c.ram_fd, 0) < 0)
		abort();
	reg_write(&c, 4, 0x3000, 0, 2, true);
	is(c.went, 1, "until it takes memory away: %s", c.said);
	close(c.fd);
	connect_client(&c);
	version(&c);
	is(call(&c, VU_DMA_MAP, &m, sizeof(m), page, buf, sizeof(buf)), 0,
	   "the next one is served");
	close(page);
	close_server(&c);
}

/* A process that sends kicks without end, larger than they need be or with descriptors. */
static pid_t flood(struct client *c, bool descriptors)
{
	static struct {
		struct vfio_user_region_access a;
		uint8_t value[64 << 10];
	} kick = { { 0x3000, 4, 2 }, { 0 } };
	pid_t pid = fork();
	if (pid)
		return pid;
	close(c->server->client.fd); /* to be told when the server closes it */
	while (!c->went)
		post(c, VU_REGION_WRITE, VU_NO_REPLY, &kick,
		     descriptors ? sizeof(kick.a) + 2 : sizeof(kick), descriptors ? c->ram_fd : -1);
	_exit(0);
}

/* Messages that wait for the end of a DMA are kept up to a limit of bytes and descriptors. */
static void test_flood(bool descriptors)
{
	struct client c;
	char buf[64];
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	dma_ms = 600000;
	open_server(&c, true);
	version(&c);
	call(&c, VU_DMA_MAP, &m, sizeof(m), -1, buf, sizeof(buf));
	/* the device asks for its ring, which the client never gives */
	ask_up(&c, NULL);
	pid_t pid = flood(&c, descriptors);
	close(c.fd);
	while (!c.went)
		server_step(c.server, 1000, NULL);
	ok(strstr(c.said, "more than can wait"), "a flood of %s is ended: %s",
	   descriptors ? "descriptors" : "messages", c.said);
	is(waitpid(pid, NULL, 0), pid, "and whoever made it knows");
	connect_client(&c);
	version(&c);
	is(reg_read(&c, 7, 0, 4), 0x10421af4, "the next client is served");
	close_server(&c);
	dma_ms = 50;
}

/* Who reads no replies is not read any more either. */
static void test_unread(void)
{
	static const struct {
		struct vfio_user_hdr h;
		uint32_t body[4];
	} ask = { { 1, VU_DEVICE_GET_INFO, sizeof(ask), 0, 0 }, { 16 } };
	struct client c;
	unsigned n = 0, full = 0;
	open_server(&c, true);
	version(&c);
	for (; full < 3 && n < 10000000; n++) {
		bool sent = send(c.fd, &ask, sizeof(ask), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
		full = sent ? 0 : full + 1;
		if (!sent)
			turn(&c);
	}
	is(full, 3, "after %u questions it has to wait", n);
	ok(c.server->out.len < 1u << 20, "%zu bytes of replies are kept", c.server->out.len);
	is(c.went, 0, "and the client stays");
	close_server(&c);
}

/* A client that comes and goes is reported each time, but soon not in words each time. */
static void test_lines(void)
{
	struct client c;
	int went = 0;
	open_server(&c, true);
	for (int i = 0; i < 10000; i++) {
		close(c.fd);
		while (!c.went)
			server_step(c.server, 0, NULL);
		went += c.went;
		connect_client(&c);
	}
	is(went, 10000, "each client that went is reported");
	ok(c.lines >= 2 && c.lines < 10000, "in %d lines", c.lines);
	close_server(&c);
}

/* Capabilities are text of a few hundred bytes, and parsed as such. */
static void test_long_version(void)
{
	static char v[64 << 10] = "\0\0\1";
	struct client c;
	open_server(&c, true);
	memset(v + 4, '[', sizeof(v) - 5);
	post(&c, VU_VERSION, 0, v, sizeof(v), -1);
	turn(&c);
	ok(strstr(c.said, "bytes of capabilities"), "endless capabilities: %s", c.said);
	close_server(&c);
}

/* The server is about to end: a client that answers no DMA is given up, and soon. */
static void test_dma_at_end(void)
{
	struct client c;
	char buf[8192];
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	open_server(&c, true);
	version(&c);
	call(&c, VU_DMA_MAP, &m, sizeof(m), -1, buf, sizeof(buf));
	c.ends = true;
	bring_up(&c);
	ok(strstr(c.said, "as the server ended") && c.went, "the client is disconnected");
	close_server(&c);
}

int main(void)
{
	test_info();
	test_garbage();
	test_memory();
	test_intx();
	test_masked_vector();
	test_bus_master();
	test_legacy_reset();
	test_message_dma();
	test_truncated();
	test_dma_at_end();
	test_flood(false);
	test_flood(true);
	test_unread();
	test_lines();
	test_long_version();
	return done();
}
