/* SPDX-License-Identifier: MIT */
/* Violations in bringing a device up, in registers and in notifications. */
#include "decoder/class/blk.h"
#include "tests/emu/violation_impl.h"

/* --- initialisation ------------------------------------------------------------------- */

static int w_early_kick(struct emu_testbed *r)
{
	int ret = emu_driver_negotiate(&r->drv);
	if (ret == 0)
		ret = emu_driver_queues(&r->drv);
	if (ret < 0)
		return ret;
	emu_driver_kick_now(&r->drv, violation_q0(r));
	emu_driver_ok(&r->drv);
	return violation_good(r);
}

static void steps(struct emu_testbed *r, uint64_t features, bool features_ok, bool reread)
{
	violation_wr(r, COMMON(STATUS), 1, 1);
	violation_wr(r, COMMON(STATUS), 1, 3);
	for (unsigned s = 0; s < 2; s++) {
		violation_wr(r, COMMON(DFSELECT), 4, s);
		violation_rd(r, COMMON(DF), 4);
		violation_wr(r, COMMON(GFSELECT), 4, s);
		violation_wr(r, COMMON(GF), 4, (uint32_t)(features >> 32 * s));
	}
	r->drv.accepted[0] = features;
	if (features_ok)
		violation_wr(r, COMMON(STATUS), 1, 0xb);
	if (reread)
		violation_rd(r, COMMON(STATUS), 1);
}

static int finish(struct emu_testbed *r, uint8_t status)
{
	int ret = emu_driver_queues(&r->drv);
	violation_wr(r, COMMON(STATUS), 1, status);
	emu_driver_run(&r->drv);
	return ret;
}

static int w_no_features_ok(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), false, false);
	return finish(r, 0x7);
}

static int w_no_reread(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, false);
	return finish(r, 0xf);
}

static int w_merged_steps(struct emu_testbed *r)
{
	violation_wr(r, COMMON(STATUS), 1, 3);
	violation_wr(r, COMMON(GFSELECT), 4, 1);
	violation_wr(r, COMMON(GF), 4, 1);
	return finish(r, 0xf);
}

static int w_after_refusal(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1) | BIT(63), true, true);
	return finish(r, 0xf);
}

static int w_no_version(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_BLK_F_FLUSH), true, true);
	return 0;
}

static int w_unoffered(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_SECURE_ERASE), true, true);
	return 0;
}

static int w_late_features(struct emu_testbed *r)
{
	violation_wr(r, COMMON(GFSELECT), 4, 0);
	violation_wr(r, COMMON(GF), 4, (uint32_t)(r->drv.accepted[0] | EVT));
	return violation_good(r);
}

static int w_status_cleared(struct emu_testbed *r)
{
	violation_wr(r, COMMON(STATUS), 1, 0xe);
	return violation_good(r);
}

static int w_features_ok_twice(struct emu_testbed *r)
{
	violation_wr(r, COMMON(STATUS), 1, 0xb);
	return violation_good(r);
}

static int w_reset_not_waited(struct emu_testbed *r)
{
	violation_wr(r, COMMON(STATUS), 1, 0);
	violation_wr(r, COMMON(STATUS), 1, 1);
	return 0;
}

static int w_no_reset_after_failed(struct emu_testbed *r)
{
	violation_wr(r, COMMON(STATUS), 1, 0x8f);
	violation_wr(r, COMMON(STATUS), 1, 1);
	violation_wr(r, COMMON(STATUS), 1, 3);
	return 0;
}

static int w_no_platform(struct emu_testbed *r)
{
	return violation_good(r); /* ACCESS_PLATFORM is not among the driver's features */
}

static int w_legacy_features_ok(struct emu_testbed *r)
{
	emu_driver_set_status(&r->drv, 0xf);
	return violation_good(r);
}

static int w_legacy_write_size(struct emu_testbed *r)
{
	emu_device_store(r->dev, 0, VIRTIO_PCI_QUEUE_NUM, 2, 8);
	return violation_good(r);
}

static int w_driver_ok_no_queue(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(STATUS), 1, 0xf);
	return 0;
}

/* --- registers ---------------------------------------------------------------------------- */

static int w_capacity_halves(struct emu_testbed *r)
{
	emu_driver_read(&r->drv, &r->drv.config, 0, 4);
	emu_driver_read(&r->drv, &r->drv.config, 4, 4);
	return 0;
}

static int w_wide_access(struct emu_testbed *r)
{
	violation_wr(r, COMMON(Q_SELECT), 4, 0);
	violation_rd(r, COMMON(Q_SIZE), 4);
	violation_rd(r, COMMON(DF), 2);
	return 0;
}

static int w_config_misaligned(struct emu_testbed *r)
{
	emu_driver_read(&r->drv, &r->drv.config, 2, 4);
	return 0;
}

static int w_vector_unread(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(MSIX), 2, 0);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_DESCLO), 4, TABLE);
	violation_wr(r, COMMON(Q_AVAILLO), 4, TABLE + 0x2000);
	violation_wr(r, COMMON(Q_USEDLO), 4, TABLE + 0x4000);
	violation_wr(r, COMMON(Q_MSIX), 2, 1);
	violation_wr(r, COMMON(Q_ENABLE), 2, 1);
	violation_wr(r, COMMON(STATUS), 1, 0xf);
	return 0;
}

static int w_vector_outside(struct emu_testbed *r)
{
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_MSIX), 2, 2000);
	violation_rd(r, COMMON(Q_MSIX), 2);
	return 0;
}

static int w_select_outside(struct emu_testbed *r)
{
	violation_rd(r, COMMON(NUMQ), 2);
	violation_wr(r, COMMON(Q_SELECT), 2, 99);
	violation_wr(r, COMMON(Q_SIZE), 2, 8);
	violation_wr(r, COMMON(Q_ENABLE), 2, 1);
	return 0;
}

static int w_write_read_only(struct emu_testbed *r)
{
	violation_wr(r, COMMON(NUMQ), 2, 1);
	violation_wr(r, COMMON(CFGGENERATION), 1, 0);
	return violation_good(r);
}

static int w_enable_first(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_ENABLE), 2, 1);
	violation_wr(r, COMMON(Q_DESCLO), 4, TABLE);
	violation_wr(r, COMMON(STATUS), 1, 0xf);
	return 0;
}

static int w_enable_zero(struct emu_testbed *r)
{
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_ENABLE), 2, 0);
	return violation_good(r);
}

static int w_misaligned(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_DESCLO), 4, TABLE + 4);
	violation_wr(r, COMMON(Q_AVAILLO), 4, TABLE + 0x2001);
	violation_wr(r, COMMON(Q_USEDLO), 4, TABLE + 0x4002);
	violation_wr(r, COMMON(Q_ENABLE), 2, 1);
	violation_wr(r, COMMON(STATUS), 1, 0xf);
	return 0;
}

static int w_size_seven(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_SIZE), 2, 7);
	return 0;
}

static int w_size_beyond(struct emu_testbed *r)
{
	steps(r, BIT(VIRTIO_F_VERSION_1), true, true);
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_rd(r, COMMON(Q_SIZE), 2);
	violation_wr(r, COMMON(Q_SIZE), 2, 4096);
	return 0;
}

static int w_moved_queue(struct emu_testbed *r)
{
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_DESCLO), 4, TABLE);
	violation_wr(r, COMMON(Q_SIZE), 2, 4);
	return violation_good(r);
}

static int w_queue_reset_unread(struct emu_testbed *r)
{
	violation_wr(r, COMMON(Q_SELECT), 2, 0);
	violation_wr(r, COMMON(Q_RESET), 2, 1);
	violation_wr(r, COMMON(Q_ENABLE), 2, 1);
	return 0;
}

/* --- notifications -------------------------------------------------------------------------- */

static int w_notify_nobody(struct emu_testbed *r)
{
	emu_driver_write(&r->drv, &r->drv.notify, 9 * r->drv.notify_multiplier, 2, 9);
	return 0;
}

static int w_notify_value(struct emu_testbed *r)
{
	emu_driver_write(&r->drv, &r->drv.notify, 0, 2, 1);
	return violation_good(r);
}

static int w_notify_wide(struct emu_testbed *r)
{
	emu_driver_write(&r->drv, &r->drv.notify, 0, 4, 0);
	return violation_good(r);
}

static int w_notify_next(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 16, false }, { DATA, 512, true }, { HDR + 16, 1, true } };
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	emu_driver_add(&r->drv, violation_q0(r), seg, 3, false, 0);
	emu_driver_write(&r->drv, &r->drv.notify, 0, 4, 77u << 16);
	return violation_take_back(r);
}

static int w_isr_unread(struct emu_testbed *r)
{
	int ret = 0;
	for (unsigned i = 0; i < 4 && ret == 0; i++)
		ret = violation_good(r);
	return ret;
}

static int w_isr_with_msix(struct emu_testbed *r)
{
	int ret = violation_good(r);
	emu_driver_read(&r->drv, &r->drv.isr, 0, 1);
	return ret;
}

static int w_no_kick(struct emu_testbed *r)
{
	struct emu_seg seg[] = { { HDR, 16, false }, { DATA, 512, true }, { HDR + 16, 1, true } };
	violation_header(r, VIRTIO_BLK_T_IN, 0);
	emu_driver_add(&r->drv, violation_q0(r), seg, 3, false, 0);
	emu_driver_run(&r->drv);
	emu_virtio_sample(r->v, VQT_RING_ASKED, VQT_PENDING_NO);
	for (unsigned i = 0; i < 4; i++) /* time goes by: it is not only late */
		emu_driver_config(&r->drv, 0, &seg[0], 8);
	emu_virtio_sample(r->v, VQT_RING_ASKED, VQT_PENDING_NO);
	return violation_take_back(r);
}

static int w_kick_unwanted(struct emu_testbed *r)
{
	violation_good(r);
	*(uint16_t *)(void *)violation_q0(r)->p_device = 1; /* as if the device had said so */
	emu_driver_kick_now(&r->drv, violation_q0(r));
	emu_driver_kick_now(&r->drv, violation_q0(r));
	return 0;
}

static int w_used_event_stale(struct emu_testbed *r)
{
	violation_q0(r)->no_interrupts = true; /* never moves used_event on */
	for (unsigned i = 0; i < 300; i++)
		violation_good(r);
	return 0;
}

static int w_flags_with_event(struct emu_testbed *r)
{
	*(uint16_t *)(void *)violation_q0(r)->p_driver = VRING_AVAIL_F_NO_INTERRUPT;
	return violation_good(r);
}

static int w_event_flags_reserved(struct emu_testbed *r)
{
	*(uint16_t *)(void *)(violation_q0(r)->p_driver + 2) = 0x13;
	return violation_good(r);
}

const struct emu_violation emu_violation_setup[] = {
	{ "kick-before-driver-ok", 1, "INIT-D13", "a notification before DRIVER_OK", w_early_kick,
	  0, STEPS },
	{ "features-ok-skipped", 2, "INIT-D6 STATUS-D1", "DRIVER_OK without FEATURES_OK",
	  w_no_features_ok, 0, STEPS },
	{ "features-ok-not-reread", 2, "INIT-D8", "FEATURES_OK is not read back", w_no_reread, 0,
	  STEPS },
	{ "status-steps-merged", 2, "INIT-D2 INIT-D3 STATUS-D1",
	  "several steps in one status write", w_merged_steps, 0, STEPS },
	{ "continues-after-refusal", 2, "INIT-D8 INIT-D12",
	  "goes on though FEATURES_OK was refused", w_after_refusal, 0, STEPS },
	{ "status-bit-cleared", 3, "STATUS-D2", "clears ACKNOWLEDGE without a reset",
	  w_status_cleared, 0, 0 },
	{ "features-ok-again", 3, "STATUS-D2", "drops DRIVER_OK and sets FEATURES_OK again",
	  w_features_ok_twice, 0, 0 },
	{ "reset-not-waited", 4, "COMMON-D5", "goes on without reading status 0",
	  w_reset_not_waited, 0, 0 },
	{ "no-reset-after-failed", 0, "STATUS-D3", "starts over after FAILED without a reset",
	  w_no_reset_after_failed, 0, 0 },
	{ "version-1-not-accepted", 7, "BITS-D1", "VERSION_1 is offered and left out", w_no_version,
	  0, STEPS },
	{ "accepts-unoffered", 8, "FEAT-D1", "accepts a feature that is not offered", w_unoffered,
	  0, STEPS },
	{ "features-after-features-ok", 8, "INIT-D7", "writes driver_feature after FEATURES_OK",
	  w_late_features, 0, 0 },
	{ "access-platform-not-accepted", 9, "BITS-D3", "ACCESS_PLATFORM is offered and left out",
	  w_no_platform, 0, EMU_VIOLATION_PLATFORM },
	{ "legacy-features-ok", 10, "INIT-D14", "a legacy driver writes FEATURES_OK",
	  w_legacy_features_ok, 0, EMU_VIOLATION_LEGACY },
	{ "legacy-queue-size-written", 10, "SPLIT-D2", "a legacy driver writes the queue size",
	  w_legacy_write_size, 0, EMU_VIOLATION_LEGACY },
	{ "config-without-generation", 12, "DEVCFG-D1",
	  "capacity in two reads without the generation", w_capacity_halves, 0, 0 },
	{ "wrong-access-width", 13, "PCICAP-V1",
	  "registers accessed with another width than theirs", w_wide_access, 0, 0 },
	{ "config-misaligned", 13, "PCICAP-V1", "a misaligned access to device configuration",
	  w_config_misaligned, 0, 0 },
	{ "vector-not-read-back", 14, "MSIX-D5", "a vector is not read back", w_vector_unread, 0,
	  STEPS },
	{ "vector-outside-table", 14, "MSIX-D4", "a vector beyond the MSI-X table",
	  w_vector_outside, 0, 0 },
	{ "queue-select-outside", 16, "I16", "sets up a queue that does not exist",
	  w_select_outside, 0, 0 },
	{ "writes-read-only", 0, "COMMON-D1", "writes num_queues and config_generation",
	  w_write_read_only, 0, 0 },
	{ "enable-before-addresses", 17, "COMMON-D4", "enables a queue before it has addresses",
	  w_enable_first, 0, STEPS },
	{ "enable-written-zero", 17, "COMMON-D6", "writes 0 to queue_enable", w_enable_zero, 0, 0 },
	{ "driver-ok-without-queue", 17, "I18", "DRIVER_OK with no queue enabled",
	  w_driver_ok_no_queue, 0, STEPS },
	{ "queue-changed-while-enabled", 17, "COMMON-D4", "changes an enabled queue's fields",
	  w_moved_queue, 0, 0 },
	{ "queue-misaligned", 18, "SPLIT-D1", "parts of a queue are misaligned", w_misaligned, 0,
	  STEPS },
	{ "queue-size-not-power-of-2", 18, "COMMON-D3", "queue_size 7", w_size_seven, 0, STEPS },
	{ "queue-size-beyond", 18, "I10", "queue_size above what was offered", w_size_beyond, 0,
	  STEPS },
	{ "queue-reset-not-waited", 0, "COMMON-D7 QRESET-D1", "does not read queue_reset back",
	  w_queue_reset_unread, BIT(VIRTIO_F_RING_RESET), 0 },
	{ "notify-no-queue", 19, "I17", "notifies an address of no queue", w_notify_nobody, 0, 0 },
	{ "notify-wrong-value", 19, "NOTIFY-D3", "the value is another queue's index",
	  w_notify_value, 0, 0 },
	{ "notify-wrong-width", 19, "NOTIFY-D1", "32 bits without NOTIFICATION_DATA", w_notify_wide,
	  0, 0 },
	{ "notify-wrong-next", 19, "PACKED-D4", "next_off is not the next descriptor",
	  w_notify_next, BIT(VIRTIO_F_NOTIFICATION_DATA), 0 },
	{ "isr-never-read", 21, "I20", "INTx is never acknowledged", w_isr_unread, 0,
	  EMU_VIOLATION_INTX },
	{ "isr-read-with-msix", 21, "ISR-D1", "reads ISR though MSI-X is enabled", w_isr_with_msix,
	  0, 0 },
	{ "kick-missing", 24, "SPLIT-D22", "does not notify though asked to", w_no_kick, 0, 0 },
	{ "kick-missing-event-idx", 24, "SPLIT-D24",
	  "does not notify though avail_event was passed", w_no_kick, EVT, 0 },
	{ "kick-unwanted", 24, "SPLIT-D21", "notifies though NO_NOTIFY is set", w_kick_unwanted, 0,
	  0 },
	{ "used-event-stale", 25, "SPLIT-D16", "never moves used_event on", w_used_event_stale, EVT,
	  0 },
	{ "avail-flags-with-event-idx", 25, "SPLIT-D15", "NO_INTERRUPT with EVENT_IDX",
	  w_flags_with_event, EVT, 0 },
	{ "event-flags-reserved", 25, "I12", "reserved event suppression flags",
	  w_event_flags_reserved, PACKED, 0 },
	{ 0 },
};
