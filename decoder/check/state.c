/* SPDX-License-Identifier: MIT */
/* What the checker remembers of devices and queues, and when it forgets. */
#include <stdlib.h>

#include "decoder/class/blk.h"
#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

/* The event itself is a read of that byte. */
static bool reads_config(const struct rule_context *ctx, unsigned at)
{
	uint32_t from;

	if (!ctx->e || ctx->e->rec->h.type != VQT_REG || is_write(ctx) ||
	    reg(ctx)->region != VQT_REGION_DEVICE)
		return false;
	from = spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);
	return at >= from && at < from + reg(ctx)->width;
}

bool check_config(const struct rule_context *ctx, unsigned offset, unsigned width, uint64_t *value)
{
	const struct model_device *m = ctx->dev;

	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (offset + i >= sizeof(m->config) || !bit_set(m->config_known, offset + i))
			return false;
		/* Once something was missed only what was read since counts. */
		if (ctx->d->config_unsure && offset + i < CHECK_CONFIG &&
		    !bit_set(ctx->d->config_known, offset + i) && !reads_config(ctx, offset + i))
			return false;
		*value |= (uint64_t)m->config[offset + i] << (8 * i);
	}
	return true;
}

bool check_pci(const struct model_device *d, unsigned offset, unsigned width, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (offset + i >= sizeof(d->pci) || !bit_set(d->pci_known, offset + i))
			return false;
		*value |= (uint32_t)d->pci[offset + i] << (8 * i);
	}
	return true;
}

static struct cqueue *queue_find(const struct cdev *d, unsigned index)
{
	uint16_t key = (uint16_t)index;
	struct cqueue *q;

	HASH_FIND(hh, d->queues, &key, sizeof(key), q);
	return q;
}

struct cqueue *check_queue(struct cdev *d, unsigned index)
{
	struct cqueue *q = d->last_queue;

	/* Most events speak of the same one. */
	if (q && q->index == index)
		return q;
	q = queue_find(d, index);
	if (q)
		return d->last_queue = q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->index = (uint16_t)index;
	q->flight = d->born;
	HASH_ADD(hh, d->queues, index, sizeof(q->index), q);
	if (!hash_holds(q)) {
		free(q);
		return NULL;
	}
	return q;
}

void check_free_queues(struct cdev *d)
{
	struct cqueue *q, *next;

	HASH_ITER (hh, d->queues, q, next) {
		HASH_DEL(d->queues, q);
		free(q);
	}
}

/* --- lives ------------------------------------------------------------------ */

/* Forget all but who it is. */
void check_clear_queue(struct cqueue *q, bool flight)
{
	UT_hash_handle hh = q->hh;
	uint16_t index = q->index;

	memset(q, 0, sizeof(*q));
	q->hh = hh;
	q->index = index;
	q->flight = flight;
}

static void clear_life(struct cdev *d)
{
	memset((char *)d + offsetof(struct cdev, born), 0,
	       offsetof(struct cdev, n_lost) - offsetof(struct cdev, born));
	check_zones_forget(d);
}

void check_life(struct cdev *d, uint64_t number)
{
	clear_life(d);
	d->born = d->agreed = true;
	d->n_reset = number;
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		check_clear_queue(q, true);
}

void check_forget(struct cdev *d, uint64_t number)
{
	clear_life(d);
	d->n_lost = number;
	d->from_start = d->msix_sure = false;
	d->config_unsure = true;
	d->bar_sizing = 0;
	d->window.number = 0;
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		check_clear_queue(q, false);
}

/* The device may be busy until it shows 0, or the driver goes on regardless. */
void check_set_draining(struct cdev *d, bool on)
{
	for (struct cqueue *q = d->queues; q; q = q->hh.next)
		q->draining = on;
}

/* --- the rest ------------------------------------------------------------- */

/* QEMU restores a migrated device without a word on the registers. */
static bool unexplained(const struct rule_context *ctx)
{
	uint64_t status = ctx->e->rec->life.arg[0] & 0xff;

	return status & ~(uint64_t)(ctx->d->ever | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/*
 * A reset of the machine.  The driver's own began with its write; and one that
 * only follows that (QEMU resets once more when a legacy queue is taken away)
 * does not undo that the driver has asked for it.
 */
static void machine_reset(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;
	bool asked = d->reset_written && !d->n_status;
	uint64_t ts = d->reset_ts, done = d->n_reset_done, began = d->n_reset;

	bool known = d->born;

	if (d->reset_wait)
		return;
	check_life(d, ctx->number);
	/* The driver's own write may be what was lost. */
	if (!known && d->n_lost) {
		d->reset_written = true;
		return;
	}
	if (!asked)
		return;
	d->reset_written = true;
	d->reset_ts = ts;
	d->n_reset_done = done;
	d->n_reset = began;
}

static void remember_life(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;

	switch (ctx->e->rec->life.what) {
	case VQT_LIFECYCLE_RESET: machine_reset(ctx); break;
	case VQT_LIFECYCLE_SET_STATUS:
		if (d->born && unexplained(ctx))
			check_forget(d, ctx->number);
		break;
	case VQT_LIFECYCLE_VHOST_START:
	case VQT_LIFECYCLE_VHOST_STOP:
		for (struct cqueue *q = d->queues; q; q = q->hh.next)
			q->flight = false;
		break;
	case VQT_LIFECYCLE_UNPOP:
		if (ctx->q)
			ctx->q->avail_pos_unsure = true;
		break;
	case VQT_LIFECYCLE_ERROR: d->n_error = ctx->number; break;
	}
}

static void remember_device(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;

	if (ctx->e->rec->device.flags & VQT_DEV_LATE) {
		if (ctx->dev->events == 1)
			d->born = false;
		return;
	}
	if (ctx->dev->events == 1 && !d->n_lost) { /* the first anybody says of it */
		check_life(d, ctx->number);
		d->from_start = d->msix_sure = true;
	}
}

static void count_request(struct rule_context *ctx)
{
	if (ctx->dev->virtio_id != VIRTIO_ID_BLOCK)
		return;
	ctx->d->writes += ctx->req->type_raw == VIRTIO_BLK_T_OUT;
	ctx->d->flushes += ctx->req->type_raw == VIRTIO_BLK_T_FLUSH;
}

void check_remember(struct rule_context *ctx, uint64_t triggers)
{
	switch (ctx->e->rec->h.type) {
	case VQT_DEVICE: remember_device(ctx); break;
	case VQT_DEVICE_STATE:
		ctx->d->from_start = false;
		ctx->d->agreed |=
			ctx->e->rec->device_state.known & VQT_KNOWN_ACCEPTED && !ctx->d->n_lost;
		ctx->d->msix_sure |= (ctx->e->rec->device_state.known & VQT_KNOWN_MSIX) != 0;
		break;
	case VQT_QUEUE_STATE: ctx->d->from_start = false; break;
	case VQT_REG: check_remember_register(ctx, triggers); break;
	case VQT_IRQ: check_remember_irq(ctx, triggers); break;
	case VQT_LIFECYCLE: remember_life(ctx); break;
	default:
		if (triggers & AT(REQUEST)) {
			count_request(ctx);
			check_zone_popped(ctx);
		}
		if (triggers & AT(USED))
			check_zone_used(ctx);
		if (ctx->q)
			check_remember_queue(ctx, triggers);
	}
}
