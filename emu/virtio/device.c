/* SPDX-License-Identifier: MIT */
/* Status, features, configuration (2.1 to 2.5, 3.1). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/virtio/device.h"
#include "emu/virtio/impl.h"

#define BIT(n) (1ull << (n))
#define CORE_BITS \
	(BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) | \
	 BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_ORDER_PLATFORM) | \
	 BIT(VIRTIO_F_NOTIFICATION_DATA) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | \
	 BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_SUSPEND))
/* 6.3: offered through the legacy interface only */
#define LEGACY_BITS (BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT))

uint64_t emu_virtio_core_features(void)
{
	/* IN_ORDER costs latency, NOTIFICATION_DATA a wider write, ACCESS_ and
	 * ORDER_PLATFORM are for hardware: on request only. */
	return BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
	       BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_RING_RESET);
}

static bool has(const uint64_t f[2], unsigned bit)
{
	return f[bit / 64] >> bit % 64 & 1;
}

static bool covers(const uint64_t f[2], const uint64_t set[2])
{
	return !(set[0] & ~f[0]) && !(set[1] & ~f[1]);
}

/* Has f all features that `bit` requires?  Offering may require more than accepting. */
static bool founded(const struct emu_virtio *v, const uint64_t f[2], unsigned bit, bool offering)
{
	const struct spec_feature *s = class_feature(v->cls->virtio_id, bit);
	if (!s)
		return true;
	bool any = s->any_of[0] | s->any_of[1];
	return covers(f, s->requires) && (!offering || covers(f, s->offers)) &&
	       (!any || s->any_of[0] & f[0] || s->any_of[1] & f[1]);
}

/* 2.2.2: nothing is offered that requires something not offered. */
static void drop_unfounded(struct emu_virtio *v)
{
	bool again = !emu_fault_hit(v->fault, EMU_FAULT_OFFERS_WITHOUT_PREREQ);
	while (again) {
		again = false;
		for (unsigned b = 0; b < 128; b++)
			if (has(v->offered, b) && !founded(v, v->offered, b, true)) {
				v->offered[b / 64] &= ~BIT(b % 64);
				again = true;
			}
	}
}

uint32_t emu_virtio_offered(const struct emu_virtio *v, unsigned select, bool legacy)
{
	if (select > 3)
		return 0;
	uint32_t word = v->offered[select / 2] >> select % 2 * 32;
	if (legacy && v->exact)
		return select ? 0 : v->legacy_exact ? v->legacy_offered : word;
	if (legacy) /* 4.1.4.10: bits 32 to 63 do not exist */
		return select ? 0 : (word | LEGACY_BITS) & ~v->cls->modern_only;
	return select || v->exact ? word : word & ~class_legacy_features(v->cls->virtio_id);
}

uint32_t emu_virtio_accepted(const struct emu_virtio *v, unsigned select)
{
	return select > 3 ? 0 : v->accepted[select / 2] >> select % 2 * 32;
}

void emu_virtio_accept(struct emu_virtio *v, unsigned select, uint32_t bits, bool legacy)
{
	unsigned closed = legacy ? VIRTIO_CONFIG_S_DRIVER_OK : VIRTIO_CONFIG_S_FEATURES_OK;
	if (select > 3 || v->status & closed || v->resetting) /* 3.1.1: not after this step */
		return;
	if (legacy) {
		v->legacy = true;
		v->accepted[0] = bits & emu_virtio_offered(v, 0, true);
		v->accepted[1] = 0;
		return;
	}
	unsigned shift = select % 2 * 32;
	v->accepted[select / 2] &= ~((uint64_t)UINT32_MAX << shift);
	v->accepted[select / 2] |= (uint64_t)bits << shift;
}

/* FEATURES_OK was written: NULL, or why it is refused (2.2.2, 3.1.1). */
static const char *refuse_features(struct emu_virtio *v)
{
	for (unsigned s = 0; s < 4; s++)
		if (emu_virtio_accepted(v, s) & ~emu_virtio_offered(v, s, false))
			return "a feature was accepted that is not offered";
	for (unsigned b = 0; b < 128; b++)
		if (has(v->accepted, b) && !founded(v, v->accepted, b, false))
			return "a feature was accepted without the one it requires";
	if (!has(v->accepted, VIRTIO_F_VERSION_1)) /* 6.2 */
		return "VERSION_1 was not accepted";
	return v->cls->refuse ? v->cls->refuse(v) : NULL;
}

bool emu_virtio_live(const struct emu_virtio *v)
{
	if (v->broken || v->resetting || v->suspending || v->status & VIRTIO_CONFIG_S_FAILED)
		return false;
	/* 3.1.2: a legacy driver may use the device before DRIVER_OK */
	return v->status & VIRTIO_CONFIG_S_DRIVER_OK || v->legacy ||
	       (v->fault && v->fault->id == EMU_FAULT_CONSUMES_EARLY);
}

static void negotiated(struct emu_virtio *v)
{
	emu_queues_negotiated(v);
	if (v->cls->negotiated)
		v->cls->negotiated(v);
}

static void finish_reset(struct emu_virtio *v)
{
	v->status = 0;
	v->suspending = v->config_pending = false;
	v->legacy = v->broken = v->resetting = v->lingering = false;
	v->accepted[0] = v->accepted[1] = 0;
	v->why = NULL;
	emu_queues_reset(v);
	if (v->cls->reset)
		v->cls->reset(v);
	if (v->host->reset_done)
		v->host->reset_done(v->host_opaque);
}

/* 3.4: nothing is in flight, and the driver was notified of all completions. */
static void finish_suspend(struct emu_virtio *v)
{
	v->suspending = false;
	emu_virtio_notify(v);
	if (v->broken)
		return;
	v->status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	v->status |= VIRTIO_CONFIG_S_SUSPEND;
}

static void resume(struct emu_virtio *v)
{
	v->status &= ~VIRTIO_CONFIG_S_SUSPEND;
	v->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	for (unsigned i = 0; i < v->nqueues; i++)
		v->queue[i].kicked = v->queue[i].enabled;
	if (v->config_pending)
		v->host->config(v->host_opaque);
	v->config_pending = false;
}

/* Call it whenever the number of requests in flight has decreased. */
void emu_virtio_settle(struct emu_virtio *v)
{
	if (v->suspending && !v->inflight && !v->resetting)
		finish_suspend(v);
	if (v->lingering && !v->inflight)
		finish_reset(v);
	if (v->resetting && !v->inflight && !emu_fault_hit(v->fault, EMU_FAULT_RESET_STUCK))
		finish_reset(v);
}

static void reset(struct emu_virtio *v)
{
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_RESET, VQT_NO_QUEUE, 0, 0, 0, NULL);
	if (v->inflight && emu_fault_hit(v->fault, EMU_FAULT_RESET_STILL_USES)) {
		v->status = 0;
		v->lingering = true;
		return;
	}
	v->resetting = true;
	emu_virtio_settle(v);
}

void emu_virtio_set_status(struct emu_virtio *v, uint8_t value, bool legacy)
{
	static const uint8_t drivers = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				       VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |
				       VIRTIO_CONFIG_S_FAILED;
	if (!value) {
		reset(v);
		return;
	}
	if (v->resetting)
		return;
	if (legacy)
		v->legacy = true;
	uint8_t old = v->status;
	uint8_t new = value &drivers & ~old; /* 2.1.1: bits are set, never cleared */
	v->status |= new & ~(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (new &VIRTIO_CONFIG_S_FEATURES_OK) {
		const char *why = v->legacy ? NULL : refuse_features(v);
		if (why && !emu_fault_hit(v->fault, EMU_FAULT_FEATURES_OK_ALWAYS)) {
			v->why = why;
		} else {
			v->status |= VIRTIO_CONFIG_S_FEATURES_OK;
			if (!v->legacy)
				negotiated(v);
		}
	}
	if (new &VIRTIO_CONFIG_S_DRIVER_OK) {
		if (v->status & VIRTIO_CONFIG_S_SUSPEND) {
			resume(v);
		} else if (v->status & VIRTIO_CONFIG_S_FEATURES_OK || v->legacy) {
			v->status |= VIRTIO_CONFIG_S_DRIVER_OK;
			if (v->legacy)
				negotiated(v);
			emu_queues_start(v);
		} else {
			emu_virtio_break(v, NULL, "DRIVER_OK without FEATURES_OK");
		}
	}
	/* 3.4: only a running device can be suspended */
	if (value & VIRTIO_CONFIG_S_SUSPEND && old & VIRTIO_CONFIG_S_DRIVER_OK &&
	    emu_virtio_has(v, VIRTIO_F_SUSPEND) && !v->legacy && !v->broken) {
		v->suspending = true;
		emu_virtio_settle(v);
	}
	if (emu_fault_hit(v->fault, EMU_FAULT_STATUS_BIT_CLEARED))
		v->status &= ~VIRTIO_CONFIG_S_ACKNOWLEDGE;
	if (emu_fault_hit(v->fault, EMU_FAULT_SETS_FAILED))
		v->status |= VIRTIO_CONFIG_S_FAILED;
}

void emu_virtio_adopt(struct emu_virtio *v, const uint64_t features[2])
{
	memcpy(v->accepted, features, sizeof(v->accepted));
	v->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		    VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
	negotiated(v);
}

void emu_virtio_break(struct emu_virtio *v, struct emu_queue *q, const char *why)
{
	if (v->broken)
		return;
	v->broken = true;
	v->why = why;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_ERROR, q ? q->index : VQT_NO_QUEUE, 0, 0, 0, why);
	/* 2.1.2: with DRIVER_OK set the driver must be notified */
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK &&
	    !emu_fault_hit(v->fault, EMU_FAULT_NEEDS_RESET_SILENT))
		v->host->config(v->host_opaque);
}

/* --- configuration space, 2.5 ------------------------------------------------ */

void emu_virtio_config_read(struct emu_virtio *v, uint32_t off, void *buf, uint32_t len)
{
	uint8_t *p = buf;
	for (uint32_t i = 0; i < len; i++)
		p[i] = off + i < v->config_len && off + i >= off ? v->config[off + i] : 0;
	v->config_was_read = true;
}

void emu_virtio_config_write(struct emu_virtio *v, uint32_t off, const void *buf, uint32_t len)
{
	if (off >= v->config_len || !v->cls->config_write || v->status & VIRTIO_CONFIG_S_SUSPEND)
		return;
	if (len > v->config_len - off)
		len = v->config_len - off;
	v->cls->config_write(v, off, buf, len);
}

void emu_virtio_config_changed(struct emu_virtio *v)
{
	/*
	 * 4.1.4.3.1: increment only if the driver read the configuration since the last
	 * change, so that 256 unobserved changes do not wrap around to the old value
	 */
	if (v->config_was_read && !emu_fault_hit(v->fault, EMU_FAULT_GENERATION_STUCK)) {
		v->generation++;
		v->config_was_read = false;
	}
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_CONFIG_CHANGE, VQT_NO_QUEUE, 0, 0, 0, NULL);
	if (v->status & VIRTIO_CONFIG_S_SUSPEND)
		v->config_pending = true;
	else if (v->status & VIRTIO_CONFIG_S_DRIVER_OK || v->host->keeps_config)
		v->host->config(v->host_opaque);
}

/* --- lifecycle ----------------------------------------------------------------- */

static int init_class(struct emu_virtio *v, const struct emu_virtio_config *cfg)
{
	int ret = v->cls->init(v, cfg->class_config);
	if (ret < 0)
		return ret;
	uint64_t core = cfg->features ? cfg->features : emu_virtio_core_features();
	v->offered[0] |= (core | cfg->features_on) & ~cfg->features_off & CORE_BITS;
	if (cfg->features_exact) {
		v->exact = true;
		memcpy(v->offered, cfg->features_exact, sizeof(v->offered));
		v->legacy_exact = cfg->legacy_exact;
		v->legacy_offered = cfg->legacy_exact ? *cfg->legacy_exact : 0;
	} else {
		drop_unfounded(v);
	}
	if (cfg->config_exact) {
		size_t n = cfg->config_exact_len;
		n = n < sizeof(v->config) ? n : sizeof(v->config);
		memcpy(v->config, cfg->config_exact, n);
		v->config_len = n;
	}
	memcpy(v->config_first, v->config, sizeof(v->config));
	return 0;
}

int emu_virtio_init(struct emu_virtio *v, const struct emu_virtio_config *cfg,
		    const struct emu_virtio_host *host, void *opaque)
{
	memset(v, 0, sizeof(*v));
	v->cls = cfg->cls;
	v->mem = cfg->mem;
	v->tap = cfg->tap;
	v->fault = cfg->fault;
	v->max_chain = cfg->max_chain;
	v->features_on = cfg->features_on;
	v->features_off = cfg->features_off;
	v->queue_size_usual = cfg->queue_size_usual;
	v->host = host;
	v->host_opaque = opaque;
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_VIRTIO_INIT, VQT_NO_QUEUE, v->cls->virtio_id, 0, 0,
			  NULL);
	int ret = emu_queues_init(v, cfg);
	if (ret == 0)
		ret = init_class(v, cfg);
	if (ret < 0) {
		emu_queues_fini(v);
		return ret;
	}
	return 0;
}

void emu_virtio_fini(struct emu_virtio *v)
{
	v->resetting = true; /* completions write no used entry any more */
	emu_virtio_drain(v);
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_UNREALIZE, VQT_NO_QUEUE, 0, 0, 0, NULL);
	if (v->cls->fini)
		v->cls->fini(v);
	emu_queues_fini(v);
}
