/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user proxy between a hostile front end and a hostile back end: any
 * messages from either, any descriptors, any guest memory, any used entries.
 */
#include "server_fuzz.h"

#include <signal.h>

#include "emu/proxy/vhost_user.h"
#include "emu/server/vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int back_fd = -1; /* the back end's end */
static int given[8]; /* descriptors that the back end got */
static unsigned ngiven;
static uint64_t records;

static void emit(void *opaque, const void *record, size_t len)
{
	records += len;
}

static int to_back(void *opaque)
{
	int pair[2];
	if (back_fd >= 0)
		close(back_fd);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	back_fd = pair[0];
	return pair[1];
}

/* The back end keeps the descriptors that it receives, and signals them when the input says so. */
static void back_reads(void)
{
	char sink[4096];
	for (;;) {
		union {
			struct cmsghdr align;
			char buf[CMSG_SPACE(8 * sizeof(int))];
		} control;
		struct iovec v = { sink, sizeof(sink) };
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = control.buf,
				    .msg_controllen = sizeof(control.buf) };
		if (back_fd < 0 || recvmsg(back_fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				int *slot = &given[ngiven++ % 8];
				if (*slot >= 0)
					close(*slot);
				memcpy(slot, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			}
	}
}

static void turn(struct client *c)
{
	client_turn(c);
	back_reads();
}

static void request(struct client *c, uint32_t what, const void *p, size_t n, uint8_t which)
{
	struct vhost_user_hdr h = { .request = what, .flags = VH_VERSION, .size = n };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)p, n } };
	client_send(c, iov, 2, which);
	turn(c);
}

/* One queue that runs. */
static void set_up(struct client *c, uint64_t extra)
{
	const uint64_t user = 0x7f0000000000, features = 1ull << 32 | 1ull << 30 | extra;
	const uint64_t protocol = ~0ull & ~(1ull << VH_P_XEN_MMAP), kick = 0;
	const uint32_t num[] = { 0, 16 }, base[] = { 0, 0 }, on[] = { 0, 1 };
	const uint32_t base_packed[] = { 0, 0x80008000 };
	const struct vhost_user_addr a = { .desc = user,
					   .avail = user + 0x1000,
					   .used = user + 0x2000 };
	struct {
		uint32_t n, pad;
		struct vhost_user_region r;
	} t = { .n = 1, .r = { .size = RAM, .user = user } };
	request(c, VH_SET_PROTOCOL_FEATURES, &protocol, 8, 0);
	request(c, VH_SET_FEATURES, &features, 8, 0);
	request(c, VH_SET_BACKEND_REQ_FD, NULL, 0, 2);
	request(c, VH_SET_MEM_TABLE, &t, sizeof(t), 1);
	request(c, VH_SET_VRING_NUM, num, 8, 0);
	request(c, VH_SET_VRING_BASE, extra >> 34 & 1 ? base_packed : base, 8, 0);
	request(c, VH_SET_VRING_ADDR, &a, sizeof(a), 0);
	request(c, VH_SET_VRING_CALL, &kick, 8, 2);
	request(c, VH_SET_VRING_KICK, &kick, 8, 2);
	request(c, VH_SET_VRING_ENABLE, on, 8, 0);
}

static void signal_all(struct client *c, uint8_t which)
{
	static const uint64_t one = 1;
	for (unsigned i = 0; i < 8; i++)
		if (which >> i & 1 && given[i] >= 0 && write(given[i], &one, sizeof(one)) < 0)
			continue;
	if (write(c->event_fd, &one, sizeof(one)) < 0)
		return;
}

/* An entry in the used ring that is nearly right. */
static void use(struct client *c, const uint8_t *p, size_t n)
{
	static uint16_t used;
	uint8_t b[8] = { 0 };
	memcpy(b, p, n < sizeof(b) ? n : sizeof(b));
	uint32_t elem[2] = { b[0] & 31u, b[1] | (uint32_t)b[2] << 24 };
	memcpy(&used, c->ram + 0x2002, 2);
	memcpy(c->ram + 0x2004 + 8 * (used % 16), elem, sizeof(elem));
	used += 1 + (b[3] > 250 ? b[4] : 0);
	memcpy(c->ram + 0x2002, &used, 2);
}

static void back_sends(struct client *c, const uint8_t *p, size_t n, uint8_t which)
{
	struct client as = *c; /* its descriptors, the other socket */
	as.fd = back_fd;
	as.event_fd = dup(c->event_fd);
	struct iovec iov = { (void *)p, n };
	client_send(&as, &iov, 1, which);
	close(as.event_fd);
}

static void step(struct client *c, uint8_t kind, uint8_t which, const uint8_t *p, size_t n)
{
	struct vhost_user_hdr h = { .request = kind & 63,
				    .size = n,
				    .flags = VH_VERSION | (which & 0x80 ? VH_NEED_REPLY : 0) };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)p, n } };
	uint8_t reply[sizeof(h) + 64] = { 0 };
	switch (kind) {
	case 255:
		client_request(c, p, n);
		signal_all(c, which);
		break;
	case 254:
		use(c, p, n);
		signal_all(c, which);
		break;
	case 253: /* anything */ back_sends(c, p, n, which); break;
	case 252: /* a reply */
		h.request = n ? p[0] & 63 : 0;
		h.size = n < 64 ? n : 64;
		h.flags = VH_VERSION | VH_REPLY;
		memcpy(reply, &h, sizeof(h));
		memcpy(reply + sizeof(h), p, h.size);
		back_sends(c, reply, sizeof(h) + h.size, which);
		break;
	case 251: signal_all(c, which); break;
	default:
		if ((kind & 192) == 128)
			client_memory(c, p, n);
		else if ((kind & 192) == 192)
			client_send(c, iov + 1, 1, which);
		else
			client_send(c, iov, 2, which);
	}
}

static void open_all(struct client *c, struct emu_tap *tap, bool passive)
{
	struct vhost_proxy_config cfg = {
		.connect = to_back, .tap = tap, .virtio_id = 2, .name = "blk0", .passive = passive
	};
	int pair[2];
	guard_install();
	for (unsigned i = 0; i < 8; i++)
		given[i] = -1;
	ngiven = 0;
	if (vhost_proxy_new(&c->server, &cfg) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	c->fd = pair[0];
	c->made = 0;
	c->event_fd = eventfd(0, EFD_NONBLOCK);
	c->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	c->cut_fd = memfd_create("cut", MFD_CLOEXEC);
	if (ftruncate(c->ram_fd, RAM) < 0 || ftruncate(c->cut_fd, 8192) < 0)
		abort();
	c->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, c->ram_fd, 0);
	vhost_proxy_preamble(c->server);
	server_attach(c->server, pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c;
	struct emu_tap_config tc = { .emit = emit, .kind = VQT_SRC_PROXY };
	if (size < 4)
		return 0;
	signal(SIGPIPE, SIG_IGN); /* as in the command: descriptors may be sockets */
	struct emu_tap *tap = data[0] & 16 ? NULL : emu_tap_new(&tc);
	bool passive = data[0] & 8;
	open_all(&c, tap, passive);
	if (data[0] & 64)
		set_up(&c, (data[0] & 32 ? 1ull << 34 : 0) | (uint64_t)(data[0] & 3) << 28 |
				   (data[0] & 4 ? 1ull << 35 : 0));
	for (size_t i = 1; i + 4 <= size;) {
		uint8_t kind = data[i], which = data[i + 1];
		size_t n = data[i + 2] | data[i + 3] << 8;
		i += 4;
		n = n < size - i ? n : size - i;
		step(&c, kind, which, data + i, n);
		if (kind >= 251 || !(kind & 64))
			turn(&c);
		vhost_proxy_timeout(c.server);
		if (passive && server_connected(c.server))
			vhost_proxy_look(c.server, &(uint32_t){ 0 });
		i += n;
	}
	turn(&c);
	client_close(&c);
	close(back_fd);
	back_fd = -1;
	for (unsigned i = 0; i < 8; i++)
		if (given[i] >= 0)
			close(given[i]);
	emu_tap_free(tap);
	return 0;
}
