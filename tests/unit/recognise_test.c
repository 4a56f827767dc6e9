/* SPDX-License-Identifier: MIT */
/* The type of a device that nobody named, or named wrongly: vhost-user does not say it. */
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "decoder/class/class.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define BIT(n) (UINT64_C(1) << (n))

static const char *name_of(const struct class *c)
{
	return c ? c->name : "none";
}

static const char *recognised(uint64_t offered, size_t config_len, uint64_t vhost_user)
{
	const struct class_evidence v = { { offered, 0 }, config_len, vhost_user };

	return name_of(class_recognise(&v));
}

static void by_features(void)
{
	const uint64_t core = BIT(24) | BIT(28) | BIT(29) | BIT(32);
	const uint64_t qsd =
		core | BIT(2) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14);

	CHECK_STR(recognised(qsd, 57, 0), "blk"); /* QEMU 7.2 asks for 57 bytes, later ones 60 */
	CHECK_STR(recognised(qsd, 60, 0), "blk");
	CHECK_STR(recognised(qsd, 0, 0), "none"); /* bits that network devices have, too */
	CHECK_STR(recognised(core | BIT(0) | BIT(3) | BIT(15) | BIT(17) | BIT(22), 0, 0), "net");
	CHECK_STR(recognised(core, 0, BIT(4)), "net"); /* NET_MTU */
	CHECK_STR(recognised(qsd, 60, BIT(4)), "blk"); /* DPDK offers it for all types */
	CHECK_STR(recognised(core | BIT(16) | BIT(14), 57, BIT(4)), "blk");
	CHECK_STR(recognised(core, 0, 0), "none"); /* virtiofsd, rng, ... */
	CHECK_STR(recognised(0, 4096, 0), "none");
	CHECK_STR(recognised(~UINT64_C(0), 0, 0), "none");
}

/* A chain of this queue: what the driver supplies, of which head is known; room. */
static const char *of_chain(uint16_t queue, const void *head, uint32_t head_len, uint64_t readable,
			    uint64_t writable)
{
	struct class_request r = { .queue = queue, .readable = readable, .writable = writable };

	memcpy(r.head_bytes, head, head_len);
	r.head_len = head_len;
	return name_of(class_of_request(&r));
}

static const uint32_t blk_in[4] = { 0, 0, 8, 0 }, blk_flush[4] = { 4, 0, 0, 0 };
static const uint32_t fuse_init[4] = { 104, 26, 2, 0 }, fuse_forget[4] = { 48, 2, 4, 0 };

static void by_requests(void)
{
	static const uint8_t lun[8] = { 1, 0, 0x40, 0 };
	static const uint32_t vsock[8] = { 3, 0, 2, 0, 1024, 22, 0, 1 | 1 << 16 };
	static const uint32_t gpu[2] = { 0x100, 0 };
	static const uint8_t packet[16] = { 1, 1, 54, 0, 0x5a, 0x0f };

	CHECK_STR(of_chain(0, blk_in, 16, 16, 513), "blk");
	CHECK_STR(of_chain(0, blk_flush, 16, 16, 1), "blk");
	CHECK_STR(of_chain(0, blk_in, 16, 16, 512), "none"); /* no room for the status */
	CHECK_STR(of_chain(1, fuse_init, 16, 104, 80), "fs");
	CHECK_STR(of_chain(0, fuse_forget, 16, 48, 0), "fs");
	CHECK_STR(of_chain(1, fuse_init, 16, 105, 80), "none");
	CHECK_STR(of_chain(2, lun, 8, 51, 108), "scsi");
	CHECK_STR(of_chain(1, vsock, 32, 44, 0), "vsock");
	CHECK_STR(of_chain(0, gpu, 8, 24, 408), "gpu");
	CHECK_STR(of_chain(1, packet, 16, 1500, 0), "none");
	CHECK_STR(of_chain(0, packet, 0, 0, 2048), "none");
}

static struct record_builder t;

static void begin(unsigned kind, uint16_t virtio_id)
{
	struct vqt_source src = { .kind = (uint16_t)kind };
	struct vqt_device d = { .virtio_id = virtio_id, .bdf = ~0U };

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	builder_add(&t, VQT_SOURCE, &src, sizeof(src), NULL, 0);
	t.device = 2;
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	t.queue = 1;
}

/* Supplied by the driver: the first 16 bytes of `readable`. */
static const char *after(const void *head, uint32_t readable, uint32_t writable)
{
	struct {
		struct vqt_desc d[2];
		struct vqt_seg seg;
		uint8_t head[16];
	} tail = {
		.d = { { 0x1000, readable, VRING_DESC_F_NEXT, 1 },
		       { 0x2000, writable, VRING_DESC_F_WRITE, 0 } },
		.seg = { .len = 16 },
	};
	struct vqt_avail a = { .ndesc = 2, .ndirect = 2, .nseg = 1 };

	memcpy(tail.head, head, 16);
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail, sizeof(tail));
	return model_device(t.model, 2)->name;
}

static void in_a_trace(void)
{
	const struct model_device *d;

	begin(VQT_SRC_PROXY, VIRTIO_ID_BLOCK); /* taken for a disk by an earlier version */
	CHECK_STR(after(fuse_init, 104, 80), "fs0");
	d = model_device(t.model, 2);
	CHECK(d->recognised);
	CHECK_EQ(d->recorded_id, VIRTIO_ID_BLOCK);
	CHECK_STR(after(blk_in, 16, 513), "fs0"); /* once is enough */
	builder_finish(&t);
	begin(VQT_SRC_PROXY, VIRTIO_ID_BLOCK);
	CHECK_STR(after(blk_in, 16, 513), "blk1");
	CHECK_STR(after(fuse_init, 104, 80), "blk1"); /* a bad request of a disk */
	CHECK(!model_device(t.model, 2)->recognised);
	builder_finish(&t);
	begin(VQT_SRC_PROXY, 0);
	CHECK_STR(after(fuse_init, 105, 80), "virtio0");
	CHECK_STR(after(blk_in, 16, 513), "blk1");
	builder_finish(&t);
	begin(VQT_SRC_QEMU, VIRTIO_ID_BLOCK); /* QEMU knows its devices */
	CHECK_STR(after(fuse_init, 104, 80), "blk1");
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "by features and configuration", by_features },
	{ "by requests", by_requests },
	{ "in a trace", in_a_trace },
};

TAP_MAIN(tests)
