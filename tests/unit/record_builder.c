/* SPDX-License-Identifier: MIT */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"

void builder_add(struct record_builder *t, unsigned type, void *fixed, size_t size,
		 const void *tail, size_t n)
{
	struct vqt_hdr *h = fixed;
	const char *why = "";

	h->ts = t->ts;
	t->ts += 1000;
	h->seq = ++t->seq;
	h->type = (uint8_t)type;
	h->source = t->source ? t->source : 1;
	h->tid = t->tid;
	h->device = t->device;
	h->queue = type <= VQT_REG && type != VQT_QUEUE_STATE && type != VQT_LOSS ? VQT_NO_QUEUE
										  : t->queue;
	memcpy(t->bytes, fixed, size);
	if (n)
		memcpy(t->bytes + size, tail, n);
	t->len = size + n;
	if (record_parse(&t->rec, t->bytes, t->len, &why) == -74 /* EBADMSG */) {
		fprintf(stderr, "made a bad record: %s\n", why);
		abort();
	}
	if (model_feed(t->model, &t->rec, ++t->number, &t->e))
		abort();
	if (t->writer)
		trace_write(t->writer, t->bytes, t->len);
}

void builder_begin(struct record_builder *t)
{
	struct vqt_session s = { .major = VQT_VERSION_MAJOR, .snaplen = 16 };
	struct vqt_source src = { .kind = VQT_SRC_QEMU, .pid = 42 };
	struct vqt_device d = {
		.virtio_id = VIRTIO_ID_BLOCK,
		.transport = VQT_TRANSPORT_PCI,
		.bdf = 0x18,
	};

	t->model = model_new();
	t->ts = 1000000;
	t->device = 0;
	builder_add(t, VQT_SESSION, &s, sizeof(s), NULL, 0);
	builder_add(t, VQT_SOURCE, &src, sizeof(src), NULL, 0);
	t->device = 1;
	builder_add(t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

void builder_finish(struct record_builder *t)
{
	model_free(t->model);
	t->model = NULL;
}

static void access(struct record_builder *t, unsigned op, unsigned region, uint32_t offset,
		   unsigned width, uint64_t value)
{
	struct vqt_reg r = {
		.region = (uint8_t)region,
		.op = (uint8_t)op,
		.width = (uint8_t)width,
		.offset = offset,
		.value = value,
	};

	builder_add(t, VQT_REG, &r, sizeof(r), NULL, 0);
}

void builder_read(struct record_builder *t, unsigned region, uint32_t offset, unsigned width,
		  uint64_t value)
{
	access(t, VQT_READ, region, offset, width, value);
}

void builder_write(struct record_builder *t, unsigned region, uint32_t offset, unsigned width,
		   uint64_t value)
{
	access(t, VQT_WRITE, region, offset, width, value);
}

void builder_kick(struct record_builder *t, uint16_t last_avail, uint16_t avail_idx)
{
	struct vqt_kick k = {
		.ring = { .avail_idx = avail_idx,
			  .last_avail = last_avail,
			  .known = VQT_RING_AVAIL_IDX | VQT_RING_LAST_AVAIL },
		.via = VQT_KICK_IOEVENTFD,
	};

	builder_add(t, VQT_KICK, &k, sizeof(k), NULL, 0);
}

void builder_avail(struct record_builder *t, uint16_t head, const struct vqt_desc *desc, unsigned n,
		   uint32_t type, uint64_t sector)
{
	struct vqt_avail a = {
		.head = head,
		.ndesc = (uint16_t)n,
		.ndirect = (uint16_t)n,
		.nseg = 1,
	};
	_Alignas(8) uint8_t tail[64 * sizeof(*desc) + sizeof(struct vqt_seg) + 16];
	struct build b = { .bytes = tail, .size = sizeof(tail) };
	struct virtio_blk_outhdr hdr = { .type = type, .sector = sector };
	uint8_t *seg;

	build_bytes(&b, desc, n * sizeof(*desc));
	seg = build_seg(&b, 0, 0, sizeof(hdr));
	if (!seg)
		abort();
	memcpy(seg, &hdr, sizeof(hdr));
	builder_add(t, VQT_AVAIL, &a, sizeof(a), tail, b.len);
}

void builder_used(struct record_builder *t, uint16_t id, uint32_t len, uint8_t status)
{
	struct vqt_used u = { .id = id, .len = len, .flags = VQT_USED_STATUS, .status = status };

	builder_add(t, VQT_USED, &u, sizeof(u), NULL, 0);
}

void builder_irq(struct record_builder *t, unsigned kind, uint16_t vector)
{
	struct vqt_irq i = { .kind = (uint8_t)kind, .vector = vector, .level = 1 };

	builder_add(t, VQT_IRQ, &i, sizeof(i), NULL, 0);
}

void builder_read_request(struct record_builder *t, uint16_t head, uint64_t sector)
{
	const struct vqt_desc d[3] = {
		{ 0x1000, 16, VRING_DESC_F_NEXT, 1 },
		{ 0x2000, 4096, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 },
		{ 0x3000, 1, VRING_DESC_F_WRITE, 0 },
	};

	builder_avail(t, head, d, 3, VIRTIO_BLK_T_IN, sector);
}
