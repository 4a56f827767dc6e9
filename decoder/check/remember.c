/* SPDX-License-Identifier: MIT */
/* Takes an event into memory, after the rules have seen it. */
#include "decoder/check/impl.h"

/* QEMU restores a migrated device without a word on the registers. */
static bool unexplained(const struct rule_context *ctx)
{
	uint64_t status = ctx->e->rec->lifecycle.arg[0] & 0xff;

	return status & ~(uint64_t)(ctx->d->status.ever | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/*
 * A reset of the machine.  The driver's own began with its write; and one that
 * only follows that (QEMU resets once more when a legacy queue is taken away)
 * does not undo that the driver has asked for it.
 */
static void machine_reset(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;
	struct check_reset before = d->reset;
	bool asked = before.written && !d->status.n_write, known = d->known.born;

	if (before.awaited)
		return;
	check_device_reset(d, ctx->number);
	if (!known && d->known.n_lost) {
		d->reset.written = true; /* the driver's own write may be what was lost */
	} else if (asked) {
		d->reset = before;
		d->reset.reads = 0;
	}
}

static void queue_added(struct rule_context *ctx)
{
	struct check_added *a = &ctx->d->added;

	if (a->n < CHECK_ADDED) {
		a->size[a->n] = (uint16_t)ctx->e->rec->lifecycle.arg[0];
		a->number[a->n] = ctx->number;
	}
	a->n += a->n <= CHECK_ADDED;
}

static void remember_life(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	switch (ctx->e->rec->lifecycle.what) {
	case VQT_LIFECYCLE_RESET: machine_reset(ctx); break;
	case VQT_LIFECYCLE_SET_STATUS:
		if (d->known.born && unexplained(ctx))
			check_device_forget(d, ctx->number);
		break;
	case VQT_LIFECYCLE_VHOST_START:
	case VQT_LIFECYCLE_VHOST_STOP:
		for (struct check_queue *q = d->queues; q; q = q->hh.next)
			q->flight = false;
		break;
	case VQT_LIFECYCLE_UNPOP:
		if (ctx->q)
			ctx->q->pos.avail_unsure = true;
		break;
	case VQT_LIFECYCLE_ERROR: d->status.n_error = ctx->number; break;
	case VQT_LIFECYCLE_ADD_QUEUE: queue_added(ctx); break;
	case VQT_LIFECYCLE_DELETE_QUEUE: d->added.n = CHECK_ADDED + 1; break; /* not in order */
	}
}

static void remember_device(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;

	if (ctx->e->rec->device.flags & VQT_DEV_LATE) {
		if (ctx->dev->events == 1)
			d->known.born = false;
		return;
	}
	if (ctx->dev->events == 1 && !d->known.n_lost) { /* the first anybody says of it */
		check_device_reset(d, ctx->number);
		d->known.from_start = d->mmio.whole = true;
		d->known.msix = !ctx->dev->by_driver; /* its PCI accesses are not recorded */
	}
}

void check_remember(struct rule_context *ctx, uint64_t triggers)
{
	switch (ctx->e->rec->h.type) {
	case VQT_DEVICE: remember_device(ctx); break;
	case VQT_DEVICE_STATE:
		ctx->d->known.from_start = false;
		ctx->d->known.agreed |= (ctx->e->rec->device_state.known & VQT_KNOWN_ACCEPTED) != 0;
		ctx->d->known.msix |= (ctx->e->rec->device_state.known & VQT_KNOWN_MSIX) != 0;
		break;
	case VQT_QUEUE_STATE: ctx->d->known.from_start = false; break;
	case VQT_REG: check_remember_register(ctx, triggers); break;
	case VQT_IRQ: check_remember_irq(ctx, triggers); break;
	case VQT_LIFECYCLE: remember_life(ctx); break;
	default:
		if (ctx->q)
			check_remember_queue(ctx, triggers);
	}
	if (triggers & ctx->d->class->remember_at)
		ctx->d->class->remember(ctx, triggers);
}
