/* SPDX-License-Identifier: MIT */
/* Plays a driver's violation on a new device. */
#include <errno.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "decoder/util/virtqueue.h"
#include "tests/emu/violation_impl.h"

uint64_t violation_rd(struct emu_testbed *r, uint32_t off, unsigned w)
{
	return emu_driver_read(&r->drv, &r->drv.common, off, w);
}

void violation_wr(struct emu_testbed *r, uint32_t off, unsigned w, uint64_t v)
{
	emu_driver_write(&r->drv, &r->drv.common, off, w, v);
}

struct emu_driver_queue *violation_q0(struct emu_testbed *r)
{
	return &r->drv.queue[0];
}

void violation_header(struct emu_testbed *r, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	memcpy(emu_driver_ptr(&r->drv, HDR), &h, sizeof(h));
	*(uint8_t *)emu_driver_ptr(&r->drv, HDR + 16) = 0xff;
}

int violation_take_back(struct emu_testbed *r)
{
	uint64_t cookie;
	uint32_t len;
	emu_driver_run(&r->drv);
	while (emu_driver_get(&r->drv, violation_q0(r), &cookie, &len) > 0)
		;
	return 0;
}

int violation_offer(struct emu_testbed *r, const struct emu_seg *seg, unsigned n, bool indirect)
{
	int ret = emu_driver_add(&r->drv, violation_q0(r), seg, n, indirect, 0);
	emu_driver_kick(&r->drv, violation_q0(r));
	violation_take_back(r);
	return ret < 0 ? ret : 0;
}

int violation_request(struct emu_testbed *r, uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	struct emu_blk_request b = {
		.type = type, .sector = sector, .data = DATA, .len = len, .in = in, .header = HDR
	};
	int ret = emu_driver_blk(&r->drv, 0, &b);
	return ret == -ETIMEDOUT ? 0 : ret;
}

int violation_good(struct emu_testbed *r)
{
	return violation_request(r, VIRTIO_BLK_T_IN, 0, 512, true);
}

void violation_desc(struct emu_testbed *r, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		    uint16_t next)
{
	struct vqt_desc d = { .addr = addr, .len = len, .flags = flags, .next = next };
	memcpy(violation_q0(r)->p_desc + virtq_desc_at(i), &d, sizeof(d));
}

void violation_chain(struct emu_testbed *r)
{
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	violation_desc(r, 0, HDR, 16, NEXT, 1);
	violation_desc(r, 1, DATA, 512, NEXT | WRITE, 2);
	violation_desc(r, 2, HDR + 16, 1, WRITE, 0);
}

int violation_publish(struct emu_testbed *r, uint16_t head, uint16_t advance)
{
	struct emu_driver_queue *q = violation_q0(r);
	uint16_t idx = q->avail + advance;
	memcpy(q->p_driver + virtq_avail_at(q->avail % q->size), &head, 2);
	memcpy(q->p_driver + VIRTQ_RING_IDX, &idx, 2);
	q->avail = idx;
	emu_driver_kick_now(&r->drv, q);
	emu_driver_run(&r->drv);
	return 0;
}

const struct emu_violation *emu_violation_nth(unsigned n)
{
	const struct emu_violation *const all[] = { emu_violation_setup, emu_violation_rings };
	for (unsigned i = 0; i < 2; i++)
		for (const struct emu_violation *w = all[i]; w->name; w++)
			if (!n--)
				return w;
	return NULL;
}

const struct emu_violation *emu_violation_by_name(const char *name)
{
	const struct emu_violation *w;
	for (unsigned n = 0; (w = emu_violation_nth(n)); n++)
		if (!strcmp(w->name, name))
			break;
	return w;
}

int emu_violation_play(const struct emu_violation *w, const struct emu_tap_config *tap)
{
	return emu_violation_play_to(w, tap, NULL, NULL);
}

int emu_violation_play_to(const struct emu_violation *w, const struct emu_tap_config *tap,
			  void (*end)(void *opaque, struct emu_testbed *r), void *opaque)
{
	struct emu_testbed_options o = { .tap = tap,
					 .dev = { .v.queues = 2,
						  .v.queue_size = 16,
						  .v.transitional = w->how & EMU_VIOLATION_LEGACY,
						  .v.features = emu_virtio_core_features() |
								w->features } };
	uint64_t blk = emu_blk.features;
	struct emu_testbed *r;
	if (w->how & EMU_VIOLATION_READ_ONLY)
		o.blk.features = blk | BIT(VIRTIO_BLK_F_RO);
	if (w->how & EMU_VIOLATION_PLATFORM)
		o.dev.v.features |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	struct emu_driver_options d = { .queues = 2,
					.legacy = w->how & EMU_VIOLATION_LEGACY,
					.no_msix = w->how & EMU_VIOLATION_INTX,
					.features = { blk | w->features } };
	int ret = emu_testbed_new(&r, &o);
	if (ret < 0)
		return ret;
	if (w->how & EMU_VIOLATION_STEPS) {
		r->drv.opt = d;
		ret = emu_driver_probe(&r->drv);
		if (ret == 0)
			ret = emu_driver_reset(&r->drv);
	} else {
		ret = emu_driver_start(&r->drv, &d);
	}
	if (ret == 0)
		ret = w->act(r);
	if (ret == 0 && end)
		end(opaque, r);
	emu_testbed_free(r);
	return ret;
}
