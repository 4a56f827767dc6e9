/* SPDX-License-Identifier: MIT */
/* A workload that breaks no rule, and shows a device's faults. */
#include <string.h>

#include "decoder/class/blk.h"
#include "tests/emu/violation_impl.h"

static void burst(struct emu_testbed *r, unsigned queue)
{
	struct emu_blk_request b[4];
	struct emu_driver_queue *q = &r->drv.queue[queue];
	uint64_t cookie;
	uint32_t len;
	for (unsigned i = 0; i < 4; i++) {
		b[i] = (struct emu_blk_request){ .type = i & 1,
						 .in = !(i & 1),
						 .sector = 8 * i,
						 .data = DATA + 4096 * i,
						 .len = 1024,
						 .indirect = i & 2,
						 .pieces = 1 + i,
						 .header = HDR + 32 * i };
		emu_driver_blk_add(&r->drv, q, &b[i]);
	}
	emu_backend_defer_hold(r->backend, true);
	emu_driver_kick(&r->drv, q);
	emu_driver_run(&r->drv);
	for (unsigned i = 4; i-- > 0;) /* finished in reverse */
		emu_backend_defer_release(r->backend, i);
	emu_backend_defer_hold(r->backend, false);
	emu_driver_run(&r->drv);
	while (emu_driver_get(&r->drv, q, &cookie, &len) > 0)
		;
	if (r->intx)
		emu_driver_read(&r->drv, &r->drv.isr, 0, 1);
	emu_virtio_sample(r->v, VQT_RING_ASKED, VQT_PENDING_NO);
}

/* device_status through the access window, 4.1.4.9 */
static void through_window(struct emu_testbed *r)
{
	uint8_t at = r->drv.window.at;
	if (!at)
		return;
	emu_device_store(r->dev, EMU_REGION_CONFIG, at + VIRTIO_PCI_CAP_BAR, 1, r->drv.common.bar);
	emu_device_store(r->dev, EMU_REGION_CONFIG, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
	emu_device_store(r->dev, EMU_REGION_CONFIG, at + VIRTIO_PCI_CAP_OFFSET, 4,
			 r->drv.common.offset + COMMON(STATUS));
	emu_device_load(r->dev, EMU_REGION_CONFIG, at + sizeof(struct virtio_pci_cap), 1);
}

/* Reset while a request is in flight; a device says 0 when it is no longer. */
static void reset_under_io(struct emu_testbed *r)
{
	struct emu_blk_request b = { .in = true, .data = DATA, .len = 512, .header = HDR };
	emu_backend_defer_hold(r->backend, true);
	emu_driver_blk_add(&r->drv, &r->drv.queue[1], &b);
	emu_driver_kick(&r->drv, &r->drv.queue[1]);
	emu_driver_run(&r->drv);
	violation_wr(r, COMMON(STATUS), 1, 0);
	violation_rd(r, COMMON(STATUS), 1);
	emu_backend_defer_hold(r->backend, false);
	emu_driver_run(&r->drv);
}

static void discard_unmap(struct emu_testbed *r)
{
	struct virtio_blk_discard_write_zeroes s = { .sector = 8,
						     .num_sectors = 8,
						     .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP };
	memcpy(emu_driver_ptr(&r->drv, DATA), &s, sizeof(s));
	violation_request(r, VIRTIO_BLK_T_DISCARD, 0, sizeof(s), false);
}

static void live(struct emu_testbed *r)
{
	uint64_t capacity;
	through_window(r);
	violation_rd(r, COMMON(NUMQ), 2);
	emu_driver_config(&r->drv, 0, &capacity, 8);
	burst(r, 0);
	burst(r, 1);
	for (unsigned i = 0; i < 3; i++)
		burst(r, 0);
	emu_driver_interrupts(&r->drv, violation_q0(r), false);
	burst(r, 0);
	emu_driver_interrupts(&r->drv, violation_q0(r), true);
	violation_request(r, VIRTIO_BLK_T_FLUSH, 0, 0, false);
	violation_request(r, VIRTIO_BLK_T_OUT, 0, 512, false);
	if (r->fault.id == EMU_FAULT_BAD_FLAGS_OK) /* only an invalid request shows this fault */
		discard_unmap(r);
	emu_driver_config(&r->drv, 0, &capacity, 8);
	emu_blk_resize(r->v, 1024);
	if (r->drv.opt.no_msix)
		emu_driver_read(&r->drv, &r->drv.isr, 0, 1);
	violation_rd(r, COMMON(STATUS), 1);
	emu_driver_config(&r->drv, 0, &capacity, 8);
	violation_wr(r, COMMON(Q_SELECT), 2, 5);
	violation_rd(r, COMMON(Q_SIZE), 2);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_MSIX), 2, VQT_NO_VECTOR);
	violation_rd(r, COMMON(Q_MSIX), 2);
	burst(r, 0);
	emu_virtio_break(r->v, NULL, "an error in the device");
	for (unsigned i = 0; i < 8; i++) /* a while */
		violation_rd(r, COMMON(STATUS), 1);
}

/* By the book, with a buffer offered before DRIVER_OK (3.1.1: population of virtqueues). */
static int first_life(struct emu_testbed *r, const struct emu_driver_options *opt)
{
	struct emu_blk_request b = { .in = true, .data = DATA, .len = 512, .header = HDR };
	uint64_t capacity;
	r->drv.opt = *opt;
	int ret = emu_driver_probe(&r->drv);
	if (ret == 0)
		ret = emu_driver_reset(&r->drv);
	if (ret == 0)
		ret = emu_driver_negotiate(&r->drv);
	if (ret == 0)
		ret = emu_driver_queues(&r->drv);
	if (ret < 0)
		return ret;
	emu_driver_config(&r->drv, 0, &capacity, 8);
	emu_driver_blk_add(&r->drv, &r->drv.queue[1], &b);
	emu_driver_run(&r->drv);
	emu_driver_ok(&r->drv);
	emu_driver_kick(&r->drv, &r->drv.queue[1]);
	emu_driver_run(&r->drv);
	return 0;
}

int emu_fault_play(const struct emu_fault *fault, const struct emu_workload *w,
		   const struct emu_tap_config *tap)
{
	struct emu_testbed_options o = { .tap = tap, .dev = { .v.queues = 2, .v.queue_size = 16 } };
	struct emu_driver_options d = { .queues = 2,
					.no_msix = w->intx,
					.features = { emu_blk.features } };
	struct emu_testbed *r;
	if (fault)
		o.fault = *fault;
	o.fault.seen = 0;
	if (o.fault.id == EMU_FAULT_WRITES_RO)
		o.blk.features = emu_blk.features | BIT(VIRTIO_BLK_F_RO);
	if (o.fault.id == EMU_FAULT_OFFERS_WITHOUT_PREREQ)
		o.blk.features = emu_blk.features & ~BIT(VIRTIO_BLK_F_FLUSH);
	d.features[0] |= w->packed ? PACKED : 0;
	d.features[0] |= w->event_idx ? EVT : 0;
	d.features[0] |= w->indirect ? IND : 0;
	d.features[0] |= w->in_order ? BIT(VIRTIO_F_IN_ORDER) : 0;
	o.dev.v.features = (emu_virtio_core_features() & ~PACKED) | d.features[0];
	int ret = emu_testbed_new(&r, &o);
	if (ret < 0)
		return ret;
	if (o.fault.id == EMU_FAULT_FEATURES_OK_ALWAYS) { /* only an invalid driver shows it */
		emu_driver_probe(&r->drv);
		emu_driver_reset(&r->drv);
		emu_violation_by_name("accepts-unoffered")->act(r);
	}
	ret = first_life(r, &d);
	if (ret == 0)
		live(r);
	if (ret == 0 && o.fault.id != EMU_FAULT_RESET_STUCK) {
		emu_driver_reset(&r->drv);
		violation_wr(r, COMMON(Q_SELECT), 2, 0);
		violation_rd(r, COMMON(Q_ENABLE), 2);
		ret = emu_driver_start(&r->drv, &d); /* a second life shows what survived */
	}
	if (ret == 0) {
		burst(r, 0);
		reset_under_io(r);
	}
	emu_driver_reset(&r->drv);
	violation_rd(r, COMMON(MSIX), 2);
	violation_rd(r, COMMON(Q_ENABLE), 2);
	emu_testbed_free(r);
	return 0;
}
