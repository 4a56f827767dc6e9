/* SPDX-License-Identifier: MIT */
/* A hostile vhost-user client: any messages, any descriptors, any guest memory. */
#include "server_fuzz.h"

#include "emu/server/vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void emit(void *opaque, const void *record, size_t len)
{
}

static void request(struct client *c, uint32_t what, const void *p, size_t n, uint8_t which)
{
	struct vhost_user_hdr h = { .request = what, .flags = VH_VERSION, .size = n };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)p, n } };
	client_send(c, iov, 2, which);
}

/* One queue that runs. */
static void set_up(struct client *c, uint64_t extra)
{
	const uint64_t user = 0x7f0000000000, features = 1ull << 32 | 1ull << 30 | extra;
	const uint64_t protocol = ~0ull, kick = 0;
	const uint32_t num[] = { 0, 16 }, base[] = { 0, 0 }, on[] = { 0, 1 };
	const struct vhost_user_addr a = { .desc = user,
					   .avail = user + 0x1000,
					   .used = user + 0x2000 };
	struct {
		uint32_t n, pad;
		struct vhost_user_region r;
	} t = { .n = 1, .r = { .size = RAM, .user = user } };
	request(c, VH_SET_FEATURES, &features, 8, 0);
	request(c, VH_SET_PROTOCOL_FEATURES, &protocol, 8, 0);
	request(c, VH_SET_MEM_TABLE, &t, sizeof(t), 1);
	request(c, VH_SET_VRING_NUM, num, 8, 0);
	request(c, VH_SET_VRING_BASE, base, 8, 0);
	request(c, VH_SET_VRING_ADDR, &a, sizeof(a), 0);
	request(c, VH_SET_VRING_CALL, &kick, 8, 2);
	request(c, VH_SET_VRING_KICK, &kick, 8, 2);
	request(c, VH_SET_VRING_ENABLE, on, 8, 0);
}

/* What a server before us left in flight: the upper half of memory says. */
static void take_over(struct client *c)
{
	const struct vhost_user_inflight f = {
		.size = RAM / 2, .offset = RAM / 2, .queues = 1, .queue_size = 16
	};
	request(c, VH_SET_INFLIGHT_FD, &f, sizeof(f), 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c;
	struct emu_tap_config tc = { .emit = emit };
	if (size < 4)
		return 0;
	struct emu_tap *tap = data[0] & 16 ? emu_tap_new(&tc) : NULL;
	struct server_config cfg = { .tap = tap, .queue_size = 64 };
	if (client_open(&c, server_vhost_user.ops, &cfg, data[0]) < 0)
		return 0;
	if (data[0] & 64)
		set_up(&c, data[0] & 32 ? 1ull << 34 : 0);
	for (size_t i = 1; i + 4 <= size;) {
		uint8_t kind = data[i], which = data[i + 1];
		size_t n = data[i + 2] | data[i + 3] << 8;
		i += 4;
		n = n < size - i ? n : size - i;
		struct vhost_user_hdr h = { .request = kind & 63,
					    .size = n,
					    .flags = VH_VERSION |
						     (which & 0xc0 ? VH_NEED_REPLY : 0) };
		struct iovec iov[] = { { &h, sizeof(h) }, { (void *)(data + i), n } };
		if (kind == 255) {
			static const uint64_t one = 1;
			client_request(&c, data + i, n);
			if (write(c.event_fd, &one, sizeof(one)) < 0)
				shutdown(c.fd, SHUT_WR);
			kind = 0;
		} else if (kind == 254) {
			take_over(&c);
			kind = 0;
		} else if (kind == 253) {
			emu_blk_resize(server_virtio(c.server), which);
			kind = 0;
		} else if ((kind & 192) == 128)
			client_memory(&c, data + i, n);
		else if ((kind & 192) == 192)
			client_send(&c, iov + 1, 1, which);
		else
			client_send(&c, iov, 2, which);
		if (!(kind & 64))
			client_turn(&c);
		i += n;
	}
	client_close(&c);
	emu_tap_free(tap);
	return 0;
}
