/* SPDX-License-Identifier: MIT */
/* Devices and queues of the checker: found, made, and forgotten at resets and losses. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

static void free_class(struct check_device *d)
{
	if (d->of_class && d->class->free)
		d->class->free(d->of_class);
	free(d->of_class);
}

/* False, and nothing changed, if there is no memory. */
static bool set_class(struct check_device *d, const struct check_class *class)
{
	void *memory = class->memory ? calloc(1, class->memory) : NULL;

	if (class->memory && !memory)
		return false;
	free_class(d);
	d->class = class;
	d->of_class = memory;
	return true;
}

/* Begin with no type. */
static bool forget_type(struct check_device *d, unsigned virtio_id)
{
	if (!set_class(d, check_class(0)))
		return false;
	d->virtio_id = virtio_id;
	d->type_settled = false;
	return true;
}

/*
 * A proxy of vhost-user is not told the type.  What features and requests say of it is the
 * model's to know; where requests have a form, nothing is judged before one has shown it.
 */
static bool believed(const struct rule_context *ctx)
{
	const struct class *class = ctx->dev->class;

	return !event_by_proxy(ctx->e) || ctx->dev->typed || !class || !class->is_request;
}

int check_settle_type(struct rule_context *ctx)
{
	const struct check_class *class = check_class(ctx->dev->virtio_id);
	struct check_device *d = ctx->d;

	if (!believed(ctx))
		return 0;
	if (!set_class(d, class))
		return -ENOMEM;
	d->type_settled = true;
	return 0;
}

static struct check_device *new_device(struct check *c, struct model_device *m)
{
	struct check_device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->id = m->id;
	d->model = m;
	d->known.n_lost = c->lost[m->source]; /* its beginning may be what was lost */
	if (forget_type(d, m->virtio_id))
		HASH_ADD(hh, c->devices, id, sizeof(d->id), d);
	if (!hash_holds(d)) {
		free_class(d);
		free(d);
		return NULL;
	}
	return d;
}

struct check_device *check_device_find(struct check *c, struct model_device *m)
{
	struct check_device *d;

	HASH_FIND(hh, c->devices, &m->id, sizeof(m->id), d);
	if (!d)
		d = new_device(c, m);
	if (d && d->virtio_id != m->virtio_id && !forget_type(d, m->virtio_id))
		return NULL;
	return c->last = d;
}

bool check_decided(const struct check *c, uint16_t device)
{
	const struct check_device *d;

	HASH_FIND(hh, c->devices, &device, sizeof(device), d);
	return d && d->decided;
}

void check_device_free(struct check_device *d)
{
	hash_free(d->queues);
	free_class(d);
	free(d->nth);
	free(d);
}

struct check_queue *check_queue_find(struct check_device *d, unsigned index)
{
	uint16_t key = (uint16_t)index;
	struct check_queue *q;

	HASH_FIND(hh, d->queues, &key, sizeof(key), q);
	if (q)
		return d->last_queue = q;
	hash_add_new(d->queues, index, key, q);
	if (q)
		q->flight = d->known.born;
	return q;
}

/* --- resets and losses ------------------------------------------------------ */

/* All but which queue it is. */
void check_queue_clear(struct check_queue *q, bool flight)
{
	UT_hash_handle hh = q->hh;
	uint16_t index = q->index;

	memset(q, 0, sizeof(*q));
	q->hh = hh;
	q->index = index;
	q->flight = flight;
}

static void clear(struct check_device *d)
{
	memset((char *)d + offsetof(struct check_device, modern), 0,
	       offsetof(struct check_device, known) - offsetof(struct check_device, modern));
	d->known.born = d->known.agreed = false;
	if (d->class->reset)
		d->class->reset(d->of_class);
}

void check_device_reset(struct check_device *d, uint64_t number)
{
	clear(d);
	d->known.born = d->known.agreed = true;
	d->reset.number = number;
	for (struct check_queue *q = d->queues; q; q = q->hh.next)
		check_queue_clear(q, true);
}

void check_device_forget(struct check_device *d, uint64_t number)
{
	clear(d);
	d->known.n_lost = number;
	d->known.from_start = d->known.msix = d->mmio.whole = false;
	d->known.config_unsure = true;
	d->pci.bar_sizing = 0;
	d->window.write.number = 0;
	for (struct check_queue *q = d->queues; q; q = q->hh.next)
		check_queue_clear(q, false);
}

/* The device may be busy until it shows 0, or the driver goes on regardless. */
void check_device_drain(struct check_device *d, bool on)
{
	for (struct check_queue *q = d->queues; q; q = q->hh.next)
		q->draining = on;
}
