/* SPDX-License-Identifier: MIT */
/* Plays a driver's violation against a fresh device. */
#include <errno.h>
#include <string.h>

#include "emu/driver/violation_impl.h"

uint64_t wrong_rd(struct emu_rig *r, uint32_t off, unsigned w)
{
	return emu_driver_read(&r->drv, &r->drv.common, off, w);
}

void wrong_wr(struct emu_rig *r, uint32_t off, unsigned w, uint64_t v)
{
	emu_driver_write(&r->drv, &r->drv.common, off, w, v);
}

struct emu_driver_queue *wrong_q0(struct emu_rig *r)
{
	return &r->drv.queue[0];
}

void wrong_header(struct emu_rig *r, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	memcpy(emu_driver_ptr(&r->drv, HDR), &h, sizeof(h));
	*(uint8_t *)emu_driver_ptr(&r->drv, HDR + 16) = 0xff;
}

int wrong_take_back(struct emu_rig *r)
{
	uint64_t cookie;
	uint32_t len;
	emu_driver_run(&r->drv);
	while (emu_driver_get(&r->drv, wrong_q0(r), &cookie, &len) > 0)
		;
	return 0;
}

/* Offer these pieces, notify, let the device work, take back. */
int wrong_offer(struct emu_rig *r, const struct emu_seg *seg, unsigned n, bool indirect)
{
	int ret = emu_driver_add(&r->drv, wrong_q0(r), seg, n, indirect, 0);
	emu_driver_kick(&r->drv, wrong_q0(r));
	wrong_take_back(r);
	return ret < 0 ? ret : 0;
}

int wrong_request(struct emu_rig *r, uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	struct emu_blk_request b = {
		.type = type, .sector = sector, .data = DATA, .len = len, .in = in, .header = HDR
	};
	int ret = emu_driver_blk(&r->drv, 0, &b);
	return ret == -ETIMEDOUT ? 0 : ret;
}

int wrong_good(struct emu_rig *r)
{
	return wrong_request(r, VIRTIO_BLK_T_IN, 0, 512, true);
}

/* A raw split descriptor. */
void wrong_desc(struct emu_rig *r, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		uint16_t next)
{
	struct vqt_desc d = { .addr = addr, .len = len, .flags = flags, .next = next };
	memcpy(wrong_q0(r)->p_desc + 16 * i, &d, sizeof(d));
}

/* The usual read in descriptors 0 to 2 by hand, to be bent before wrong_publish(). */
void wrong_chain(struct emu_rig *r)
{
	wrong_header(r, VIRTIO_BLK_T_IN, 0);
	wrong_desc(r, 0, HDR, 16, NEXT, 1);
	wrong_desc(r, 1, DATA, 512, NEXT | WRITE, 2);
	wrong_desc(r, 2, HDR + 16, 1, WRITE, 0);
}

int wrong_publish(struct emu_rig *r, uint16_t head, uint16_t advance)
{
	struct emu_driver_queue *q = wrong_q0(r);
	uint16_t idx = q->avail + advance;
	memcpy(q->p_driver + 4 + 2 * (q->avail % q->size), &head, 2);
	memcpy(q->p_driver + 2, &idx, 2);
	q->avail = idx;
	emu_driver_kick_now(&r->drv, q);
	emu_driver_run(&r->drv);
	return 0;
}

const struct emu_wrong *emu_wrong_nth(unsigned n)
{
	const struct emu_wrong *const all[] = { emu_wrong_setup, emu_wrong_rings };
	for (unsigned i = 0; i < 2; i++)
		for (const struct emu_wrong *w = all[i]; w->name; w++)
			if (!n--)
				return w;
	return NULL;
}

const struct emu_wrong *emu_wrong_by_name(const char *name)
{
	const struct emu_wrong *w;
	for (unsigned n = 0; (w = emu_wrong_nth(n)); n++)
		if (!strcmp(w->name, name))
			break;
	return w;
}

int emu_wrong_play(const struct emu_wrong *w, const struct emu_tap_config *tap)
{
	return emu_wrong_play_to(w, tap, NULL, NULL);
}

int emu_wrong_play_to(const struct emu_wrong *w, const struct emu_tap_config *tap,
		      void (*end)(void *opaque, struct emu_rig *r), void *opaque)
{
	struct emu_rig_options o = { .tap = tap,
				     .dev = { .queues = 2,
					      .queue_size = 16,
					      .transitional = w->how & EMU_WRONG_LEGACY,
					      .features =
						      emu_virtio_core_features() | w->features } };
	uint64_t blk = emu_blk_default_features();
	struct emu_rig *r;
	if (w->how & EMU_WRONG_READ_ONLY)
		o.blk.features = blk | BIT(VIRTIO_BLK_F_RO);
	if (w->how & EMU_WRONG_PLATFORM)
		o.dev.features |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	struct emu_driver_options d = { .queues = 2,
					.legacy = w->how & EMU_WRONG_LEGACY,
					.no_msix = w->how & EMU_WRONG_INTX,
					.features = { blk | w->features } };
	int ret = emu_rig_new(&r, &o);
	if (ret < 0)
		return ret;
	if (w->how & EMU_WRONG_STEPS) {
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
	emu_rig_free(r);
	return ret;
}
