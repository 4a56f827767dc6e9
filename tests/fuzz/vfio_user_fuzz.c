/* SPDX-License-Identifier: MIT */
/* A hostile vfio-user client: any messages, any descriptors, any guest memory. */
#include "server_fuzz.h"

#include "emu/server/vfio_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void emit(void *opaque, const void *record, size_t len)
{
}

static void say_version(struct client *c)
{
	static const char body[] = "\0\0\1\0{\"capabilities\":{\"max_data_xfer_size\":64}}";
	struct vfio_user_hdr h = { .command = VU_VERSION, .size = sizeof(h) + sizeof(body) };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)body, sizeof(body) } };
	client_send(c, iov, 2, 0);
}

/* A device that has come so far that rings matter. */
static void access_region(struct client *c, uint32_t region, uint64_t off, uint32_t value,
			  unsigned n)
{
	struct vfio_user_region_access a = { .offset = off, .region = region, .count = n };
	struct vfio_user_hdr h = { .command = VU_REGION_WRITE,
				   .flags = VU_NO_REPLY,
				   .size = sizeof(h) + sizeof(a) + n };
	struct iovec iov[] = { { &h, sizeof(h) }, { &a, sizeof(a) }, { &value, n } };
	client_send(c, iov, 3, 0);
}

static void set_up(struct client *c)
{
	static const struct {
		uint16_t off;
		uint32_t value;
		uint8_t n;
	} steps[] = {
		{ 0x14, 1, 1 },	 { 0x14, 3, 1 },	 { 8, 1, 4 },	      { 0xc, 1, 4 },
		{ 8, 0, 4 },	 { 0xc, 0x30000000, 4 }, { 0x14, 11, 1 },     { 0x16, 0, 2 },
		{ 0x18, 16, 2 }, { 0x20, 0, 4 },	 { 0x28, 0x1000, 4 }, { 0x30, 0x2000, 4 },
		{ 0x1c, 1, 2 },	 { 0x14, 15, 1 },
	};
	struct vfio_user_dma_map m = { .argsz = sizeof(m), .flags = 3, .size = RAM };
	struct vfio_user_hdr h = { .command = VU_DMA_MAP, .size = sizeof(h) + sizeof(m) };
	struct iovec iov[] = { { &h, sizeof(h) }, { &m, sizeof(m) } };
	client_send(c, iov, 2, 1);
	access_region(c, EMU_REGION_CONFIG, 4, 6, 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		access_region(c, 4, steps[i].off, steps[i].value, steps[i].n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c;
	struct emu_tap_config tc = { .emit = emit };
	if (size < 4)
		return 0;
	struct emu_tap *tap = data[0] & 16 ? emu_tap_new(&tc) : NULL;
	struct server_config cfg = {
		.tap = tap, .queue_size = 16, .transitional = data[0] & 4, .no_msix = data[0] & 8
	};
	if (client_open(&c, server_vfio_user.ops, &cfg, data[0]) < 0)
		return 0;
	if (!(data[0] & 32))
		say_version(&c);
	if (data[0] & 64)
		set_up(&c);
	for (size_t i = 1; i + 4 <= size;) {
		uint8_t kind = data[i], which = data[i + 1];
		size_t n = data[i + 2] | data[i + 3] << 8;
		i += 4;
		n = n < size - i ? n : size - i;
		struct vfio_user_hdr h = { .command = kind & 15,
					   .flags = kind & 16,
					   .size = sizeof(h) + n };
		struct iovec iov[] = { { &h, sizeof(h) }, { (void *)(data + i), n } };
		if (kind == 255) {
			client_request(&c, data + i, n);
			access_region(&c, 4, 0x3000, 0, 2);
		} else if (kind == 254) {
			emu_blk_resize(server_virtio(c.server), which);
		} else if (kind & 128)
			client_memory(&c, data + i, n);
		else if (kind & 64)
			client_send(&c, iov + 1, 1, which);
		else
			client_send(&c, iov, 2, which);
		if (!(kind & 32) || kind == 255)
			client_turn(&c);
		i += n;
	}
	client_close(&c);
	emu_tap_free(tap);
	return 0;
}
