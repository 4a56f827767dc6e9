/* SPDX-License-Identifier: MIT */
/* What the checker remembers of suspending: 3.4. */
#include "decoder/check/impl.h"

static void suspend_written(struct rule_context *ctx, uint8_t value)
{
	struct check_device *d = ctx->d;

	if (!accepted(ctx, VIRTIO_F_SUSPEND))
		return;
	if (d->suspend.state == SUSPEND_NO && value & VIRTIO_CONFIG_S_SUSPEND &&
	    d->status.n_driver_ok) {
		d->suspend.state = SUSPEND_ASKED;
		d->suspend.n_asked = ctx->number;
	} else if (d->suspend.state == SUSPEND_DONE && value & VIRTIO_CONFIG_S_DRIVER_OK) {
		d->suspend.state = SUSPEND_RESUMING;
		d->suspend.n_resume = ctx->number;
	}
}

static void suspend_read(struct rule_context *ctx, uint8_t value)
{
	struct check_device *d = ctx->d;
	bool suspended = value & VIRTIO_CONFIG_S_SUSPEND && !(value & VIRTIO_CONFIG_S_DRIVER_OK);

	if (d->suspend.state == SUSPEND_ASKED && suspended) {
		d->suspend.state = SUSPEND_DONE;
		d->suspend.n_done = ctx->number;
	} else if (d->suspend.state == SUSPEND_RESUMING && !suspended &&
		   !(value & VIRTIO_CONFIG_S_SUSPEND)) {
		d->suspend.state = SUSPEND_NO;
		d->suspend.ts_resumed = ctx->now;
	}
}

/* Before status itself is remembered: SUSPEND counts only if DRIVER_OK was set before. */
void check_remember_suspend(struct rule_context *ctx, uint64_t triggers)
{
	uint8_t v = (uint8_t)reg(ctx)->value;

	if (triggers & AT(STATUS_WRITE) && v)
		suspend_written(ctx, v);
	if (triggers & AT(STATUS_READ))
		suspend_read(ctx, v);
}
