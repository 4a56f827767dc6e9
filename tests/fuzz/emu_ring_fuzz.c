/* SPDX-License-Identifier: MIT */
/* A hostile driver: registers, ring memory, descriptors and notifications at will. */
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "tests/emu/testbed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM (256u << 10)

struct input {
	const uint8_t *p;
	size_t left;
};

static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << 8 * i;
	return v;
}

static void emit(void *opaque, const void *record, size_t len)
{
	if (len > VQT_RECORD_MAX)
		abort();
}

/* A descriptor likely to be almost right. */
static void poke_desc(struct emu_testbed *r, struct emu_driver_queue *q, struct input *in)
{
	unsigned at = take(in, 1) % (q->size * 2);
	struct vqt_desc d = { .addr = take(in, 2) * 8,
			      .len = take(in, 1),
			      .flags = take(in, 1),
			      .next = take(in, 1) % (q->size + 1) };
	uint8_t how = take(in, 1);
	if (how & 1)
		d.len = (uint32_t)take(in, 4);
	if (how & 2)
		d.addr = take(in, 8);
	if (how & 4)
		d.len *= 16;
	if (q->packed) {
		uint16_t flags = d.flags | (how & 8 ? 0x80 : 0x8000);
		d.flags = d.next;
		d.next = flags;
	}
	/* the second half goes where indirect tables may point */
	uint64_t gpa = at < q->size ? q->desc + 16 * at : 0x20000 + 16 * (at - q->size);
	memcpy(emu_driver_ptr(&r->drv, gpa), &d, sizeof(d));
}

static void request(struct emu_testbed *r, struct emu_driver_queue *q, struct input *in)
{
	struct emu_blk_request b = { .type = take(in, 1) % 32,
				     .sector = take(in, 1),
				     .data = 0x10000,
				     .len = take(in, 2) & ~15u,
				     .in = take(in, 1) & 1,
				     .indirect = take(in, 1) & 1,
				     .pieces = take(in, 1) % 8,
				     .header = 0x8000 };
	if (b.len > 0x8000)
		b.len = 0x8000;
	emu_driver_blk_add(&r->drv, q, &b);
	emu_driver_kick_now(&r->drv, q);
}

static void access_bar(struct emu_testbed *r, struct input *in, bool write)
{
	static const uint8_t bars[] = { 4, 4, 4, 1, 0 };
	uint8_t what = take(in, 1);
	unsigned width = 1u << (what & 3), bar = bars[(what >> 2) % 5];
	uint64_t off = take(in, 2);
	if (write)
		emu_device_store(r->dev, bar, off, width, take(in, width));
	else
		emu_device_load(r->dev, bar, off, width);
}

static void step(struct emu_testbed *r, struct input *in)
{
	struct emu_driver *d = &r->drv;
	uint8_t op = take(in, 1);
	struct emu_driver_queue *q = &d->queue[op >> 4 & 1];
	uint64_t cookie;
	uint32_t len;
	switch (op & 15) {
	case 0: access_bar(r, in, true); break;
	case 1: access_bar(r, in, false); break;
	case 2:
	case 3: poke_desc(r, q, in); break;
	case 4: /* any memory */
		*(uint8_t *)emu_driver_ptr(d, d->bus.ram_gpa + take(in, 3) % RAM) = take(in, 1);
		break;
	case 5: /* the driver area */
		q->p_driver[take(in, 1) % (q->packed ? 4 : 6 + 2 * q->size)] = take(in, 1);
		break;
	case 6: emu_driver_kick_now(d, q); break;
	case 7: emu_virtio_run(&r->dev->v, take(in, 1) & 7); break;
	case 8:
	case 9: request(r, q, in); break;
	case 10: emu_backend_defer_hold(r->backend, take(in, 1) & 1); break;
	case 11: emu_backend_defer_release(r->backend, take(in, 1) & 3); break;
	case 12:
		while (emu_driver_get(d, q, &cookie, &len) > 0)
			;
		break;
	case 13: /* memory comes and goes */
		if (r->dev->v.inflight == 0 && emu_mem_del(r->mem, 0, RAM) < 0)
			emu_mem_add(r->mem, 0, RAM, op & 0x80 ? NULL : r->ram, 3);
		break;
	case 14: emu_driver_set_status(d, take(in, 1)); break;
	default: emu_virtio_config_changed(r->v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = take(&in, 1), features = take(&in, 1);
	struct emu_tap_config tap = { .emit = emit, .snaplen = 32 };
	struct emu_testbed_options o = { .ram_size = RAM,
					 .disk_size = 256 << 10,
					 .message_dma = how & 1,
					 .tap = how & 2 ? &tap : NULL,
					 .hold_run = true,
					 .dev = { .v.queues = 2,
						  .v.queue_size = 8,
						  .v.features = ~0ull,
						  .v.transitional = how & 4,
						  .v.max_chain = how & 8 ? 64 : 0 },
					 .blk = { .features =
							  emu_blk.features_all &
							  ~(how & 32 ? 0 : 1ull << VIRTIO_BLK_F_RO),
						  .max_discard_seg = 3,
						  .max_zeroes_seg = 3,
						  .max_erase_seg = 3,
						  .zones = { .model = how >> 6 & 1,
							     .zone_sectors = 64,
							     .conventional = 2,
							     .max_open = 2,
							     .max_active = 3,
							     .max_append_sectors = 32 } } };
	struct emu_driver_options d = { .queues = 2,
					.legacy = (how & 20) == 20,
					.features = { emu_blk.features_all } };
	static const uint8_t bits[] = { VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX,
					VIRTIO_F_RING_PACKED,	     VIRTIO_F_IN_ORDER,
					VIRTIO_F_NOTIFICATION_DATA,  VIRTIO_F_RING_RESET,
					VIRTIO_F_NOTIF_CONFIG_DATA,  VIRTIO_F_NOTIFY_ON_EMPTY };
	struct emu_testbed *r;
	for (unsigned i = 0; i < 8; i++)
		d.features[0] |= (uint64_t)(features >> i & 1) << bits[i];
	d.features[0] |= how & 16 ? 1ull << VIRTIO_F_SUSPEND : 0;
	if (emu_testbed_new(&r, &o) < 0)
		return 0;
	if (emu_driver_start(&r->drv, &d) == 0 && r->drv.next < 0x8000)
		while (in.left)
			step(r, &in);
	emu_backend_defer_hold(r->backend, false);
	emu_virtio_run(&r->dev->v, 0);
	emu_testbed_free(r);
	return 0;
}
