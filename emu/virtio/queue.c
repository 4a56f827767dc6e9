/* SPDX-License-Identifier: MIT */
/* Virtqueues of a device: set-up, reset, and the loop that serves them (2.6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/virtio/fault.h"
#include "emu/virtio/device.h"
#include "emu/virtio/impl.h"

int emu_queues_init(struct emu_virtio *v, const struct emu_virtio_config *cfg)
{
	unsigned n = cfg->queues ? cfg->queues : 1;
	v->queue = calloc(n, sizeof(*v->queue));
	if (!v->queue)
		return -ENOMEM;
	v->nqueues = n;
	for (unsigned i = 0; i < n; i++) {
		struct emu_queue *q = &v->queue[i];
		unsigned size = cfg->queue_sizes  ? cfg->queue_sizes[i]
				: cfg->queue_size ? cfg->queue_size
						  : 256;
		if (size > VIRTQ_SIZE_MAX || size & (size - 1)) /* 2.7; 0: absent */
			return -EINVAL;
		q->v = v;
		q->index = i;
		q->size_max = size;
		int ret = emu_ring_init(&q->ring, v->mem);
		if (ret < 0)
			return ret;
		emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_ADD_QUEUE, i, size, 0, 0, NULL);
	}
	emu_queues_reset(v);
	return 0;
}

static void free_chains(struct emu_chain *c)
{
	while (c) {
		struct emu_chain *next = c->next;
		emu_chain_free(c);
		c = next;
	}
}

void emu_queues_fini(struct emu_virtio *v)
{
	for (unsigned i = 0; v->queue && i < v->nqueues; i++) {
		struct emu_queue *q = &v->queue[i];
		emu_ring_fini(&q->ring);
		free_chains(q->free);
		free_chains(q->lost);
	}
	free(v->queue);
	v->queue = NULL;
}

/* The default state, 2.6.1.1. */
static void queue_default(struct emu_queue *q)
{
	bool keep = emu_fault_hit(q->v->fault, EMU_FAULT_RESET_KEEPS_ENABLE);
	q->size = q->size_max;
	q->desc = q->driver = q->device = 0;
	q->vector = VQT_NO_VECTOR;
	q->enabled = q->enabled && keep;
	q->resetting = q->kicked = false;
	q->order = NULL;
	q->order_tail = &q->order;
	q->ring.ops = NULL;
	emu_ring_rewind(&q->ring);
}

void emu_queues_reset(struct emu_virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		queue_default(&v->queue[i]);
}

struct emu_queue *emu_virtio_queue(struct emu_virtio *v, unsigned index)
{
	return index < v->nqueues && v->queue[index].size_max ? &v->queue[index] : NULL;
}

/* 4.1.4.3.2: a power of 2 for split, anything but 0 for packed. */
void emu_queue_set_size(struct emu_queue *q, uint16_t size)
{
	if (q->enabled || !size || size > q->size_max)
		return;
	if (size & (size - 1) && !emu_virtio_has(q->v, VIRTIO_F_RING_PACKED))
		return;
	q->size = size;
}

void emu_queues_negotiated(struct emu_virtio *v)
{
	if (emu_virtio_has(v, VIRTIO_F_RING_PACKED))
		return;
	for (unsigned i = 0; i < v->nqueues; i++) {
		struct emu_queue *q = &v->queue[i];
		if (!q->enabled && q->size & (q->size - 1)) /* 4.1.4.3.1 */
			q->size = q->size_max;
	}
}

static int start_ring(struct emu_queue *q)
{
	struct emu_virtio *v = q->v;
	struct emu_ring *r = &q->ring;
	if (r->ops)
		return 0;
	struct ring_reader *in = &r->in;
	in->packed = emu_virtio_has(v, VIRTIO_F_RING_PACKED);
	r->ops = in->packed ? &emu_ring_packed : &emu_ring_split;
	in->size = q->size;
	in->area[RING_DESC] = q->desc;
	in->area[RING_DRIVER] = q->driver;
	in->area[RING_DEVICE] = q->device;
	in->max_chain = v->max_chain;
	in->indirect = emu_virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
	in->event_idx = emu_virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
	in->in_order = emu_virtio_has(v, VIRTIO_F_IN_ORDER);
	r->notify_on_empty = v->legacy && emu_virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY);
	r->stuck_wrap = emu_fault_hit(v->fault, EMU_FAULT_WRAP_NOT_TOGGLED);
	emu_ring_rewind(r);
	int ret = emu_ring_start(r);
	if (ret < 0) {
		r->ops = NULL;
		q->enabled = false;
		emu_virtio_break(v, q, r->why);
	}
	return ret;
}

int emu_queue_enable(struct emu_queue *q)
{
	struct emu_virtio *v = q->v;
	if (q->enabled || q->resetting || v->resetting)
		return 0;
	q->enabled = true;
	q->kicked = true; /* buffers may have been made available before */
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_SET_RINGS, q->index, q->desc, q->driver, q->device,
			  NULL);
	emu_tap_lifecycle(v->tap, VQT_LIFECYCLE_QUEUE_ENABLE, q->index, 0, 0, 0, NULL);
	/* split or packed is known only after FEATURES_OK */
	return v->status & VIRTIO_CONFIG_S_FEATURES_OK || v->legacy ? start_ring(q) : 0;
}

void emu_queues_start(struct emu_virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->queue[i].enabled && start_ring(&v->queue[i]) < 0)
			return;
}

static void queue_settle(struct emu_queue *q)
{
	if (q->resetting && !q->inflight)
		queue_default(q);
}

/*
 * Registers may be written while a ring is being read, because a server that reads memory by
 * messages handles other messages meanwhile.  A reset then waits until the ring has been
 * read.
 */
static void hold(struct emu_queue *q)
{
	q->inflight++;
	q->v->inflight++;
}

static void release(struct emu_queue *q)
{
	q->inflight--;
	q->v->inflight--;
	queue_settle(q);
	emu_virtio_settle(q->v);
}

void emu_queue_reset(struct emu_queue *q)
{
	emu_tap_lifecycle(q->v->tap, VQT_LIFECYCLE_QUEUE_RESET, q->index, 0, 0, 0, NULL);
	q->resetting = true;
	queue_settle(q);
}

int emu_queue_start_at(struct emu_queue *q, uint32_t base)
{
	int ret = emu_queue_enable(q);
	if (ret == 0 && q->ring.ops)
		emu_ring_set_base(&q->ring, base);
	return ret;
}

uint32_t emu_queue_base(const struct emu_queue *q)
{
	return q->ring.ops ? ring_base(&q->ring.in) : 0;
}

void emu_queue_stop(struct emu_queue *q)
{
	q->enabled = q->kicked = false;
	q->ring.ops = NULL;
}

void emu_queue_kick(struct emu_queue *q, uint32_t value, unsigned via, unsigned width)
{
	if (q->v->tap)
		emu_tap_kick(q->v->tap, q->index, &q->ring, value, via, width);
	if (!emu_fault_hit(q->v->fault, EMU_FAULT_KICK_IGNORED))
		q->kicked = q->enabled;
}

/* --- popping ------------------------------------------------------------------- */

static struct emu_chain *get_chain(struct emu_queue *q)
{
	struct emu_chain *c = q->free;
	if (!c) {
		c = emu_chain_new();
		if (!c)
			return NULL;
		c->queue = q;
		return c;
	}
	q->free = c->next;
	c->next = NULL;
	ring_chain_clear(&c->chain);
	c->done = false;
	c->used_len = 0;
	c->touched = 0;
	c->account = 0;
	return c;
}

static void put_chain(struct emu_queue *q, struct emu_chain *c)
{
	c->next = q->free;
	q->free = c;
}

static bool ordered(const struct emu_queue *q)
{
	const struct emu_fault *f = q->v->fault;
	return q->ring.in.in_order && !(f && f->id == EMU_FAULT_OUT_OF_ORDER);
}

static int pop(struct emu_queue *q, struct emu_chain *c, const struct emu_again *again)
{
	if (!again)
		return emu_ring_pop(&q->ring, c);
	c->account = again->account;
	return emu_ring_pop_again(&q->ring, c, again);
}

/* What a chain costs of a budget: its bytes may have to be moved, or cleared, before it is used. */
#define COST_BYTES (1u << 20)

static int cost(const struct emu_chain *c)
{
	return 1 + (int)((c->chain.read_len + c->chain.write_len) / COST_BYTES);
}

/* Pop one chain (`again` NULL: the next one): its cost; 0: none; negative errno: the ring is broken. */
static int take(struct emu_queue *q, const struct emu_again *again)
{
	struct emu_virtio *v = q->v;
	struct vqt_ring before;
	struct emu_chain *c = get_chain(q);
	if (!c) {
		emu_virtio_break(v, q, "no memory for a request");
		return -ENOMEM;
	}
	if (v->tap)
		emu_ring_snapshot(&q->ring, &before);
	int ret = pop(q, c, again);
	if (v->tap && (ret > 0 || c->chain.flags || c->chain.ndesc))
		emu_tap_avail(v->tap, q->index, &before, v->mem, c);
	if (ret <= 0) {
		put_chain(q, c);
		if (ret < 0)
			emu_virtio_break(v, q, q->ring.why);
		return ret;
	}
	if (v->resetting || q->resetting) { /* a register was written while the ring was read */
		put_chain(q, c);
		return 0;
	}
	q->inflight++;
	v->inflight++;
	ret = cost(c);
	c->completed = q->completed;
	if (v->tap)
		emu_chain_keep(v->mem, c);
	if (q->account && !again)
		q->account->popped(q->account_opaque, q, c);
	if (emu_fault_hit(v->fault, EMU_FAULT_NEVER_COMPLETES)) {
		c->next = q->lost;
		q->lost = c;
		return ret;
	}
	if (ordered(q)) {
		*q->order_tail = c;
		q->order_tail = &c->next;
	}
	v->cls->handle(q, c);
	return ret;
}

int emu_queue_again(struct emu_queue *q, const struct emu_again *a)
{
	return q->ring.ops ? take(q, a) : -ENOTSUP;
}

/* --- completing ------------------------------------------------------------------ */

static void push(struct emu_queue *q, struct emu_chain *c, uint32_t len)
{
	struct emu_virtio *v = q->v;
	struct emu_chain lie;
	struct vqt_ring before;
	if (v->fault) {
		lie = *c;
		emu_fault_used(v, q, &lie, &len);
	}
	if (v->tap) {
		emu_chain_report(q, c);
		emu_ring_snapshot(&q->ring, &before);
		emu_tap_used(v->tap, q->index, &before, q->ring.in.used, v->mem, c,
			     &(struct ring_entry){ len, (v->fault ? &lie : c)->chain.head,
						   q->ring.in.packed && len });
	}
	q->completed++;
	if (q->account)
		q->account->using(q->account_opaque, q, c);
	if (q->ring.ops->push(&q->ring, v->fault ? &lie : c, len) < 0)
		emu_virtio_break(v, q, q->ring.why);
	if (q->account)
		q->account->used(q->account_opaque, q, c);
	if (v->fault && lie.chain.head != c->chain.head)
		emu_ring_set_busy(&q->ring, c->chain.head, false);
}

static void gone(struct emu_queue *q, struct emu_chain *c)
{
	q->inflight--;
	q->v->inflight--;
	put_chain(q, c);
}

static bool may_use(const struct emu_queue *q)
{
	const struct emu_virtio *v = q->v;
	return !v->broken && !v->resetting && !q->resetting && q->ring.ops;
}

/* 6: IN_ORDER, buffers are used in the order they were made available. */
static void complete_in_order(struct emu_queue *q, struct emu_chain *c, uint32_t len)
{
	c->done = true;
	c->used_len = len;
	while (q->order && q->order->done) {
		struct emu_chain *first = q->order;
		q->order = first->next;
		if (!q->order)
			q->order_tail = &q->order;
		if (may_use(q))
			push(q, first, first->used_len);
		gone(q, first);
	}
}

void emu_queue_complete(struct emu_queue *q, struct emu_chain *c, uint32_t len)
{
	if (ordered(q)) {
		complete_in_order(q, c, len);
	} else {
		if (may_use(q))
			push(q, c, len);
		gone(q, c);
	}
	queue_settle(q);
	emu_virtio_settle(q->v);
}

static void notify_queue(struct emu_queue *q)
{
	struct emu_virtio *v = q->v;
	if (!q->ring.unsignalled || !may_use(q))
		return;
	hold(q);
	int must = q->ring.ops->must_notify(&q->ring);
	release(q);
	if (must < 0) {
		emu_virtio_break(v, q, q->ring.why);
		return;
	}
	if (must && emu_fault_hit(v->fault, EMU_FAULT_IRQ_LOST))
		return;
	if (!must && !emu_fault_hit(v->fault, EMU_FAULT_IRQ_EXTRA))
		return;
	emu_tap_irq(v->tap, q->index, VQT_IRQ_SIGNAL, q->vector, 0);
	v->host->used(v->host_opaque, q);
}

void emu_virtio_notify(struct emu_virtio *v)
{
	if (v->paused)
		return;
	for (unsigned i = 0; i < v->nqueues; i++)
		notify_queue(&v->queue[i]);
}

void emu_virtio_sample(struct emu_virtio *v, unsigned why, unsigned pending)
{
	for (unsigned i = 0; v->tap && i < v->nqueues; i++)
		if (v->queue[i].enabled && emu_virtio_live(v) && may_use(&v->queue[i]))
			emu_tap_ring(v->tap, i, &v->queue[i].ring, why, pending);
}

void emu_virtio_describe(struct emu_virtio *v)
{
	if (!v)
		return;
	emu_tap_device_state(v->tap,
			     VQT_KNOWN_STATUS | VQT_KNOWN_OFFERED | VQT_KNOWN_ACCEPTED |
				     VQT_KNOWN_CONFIG,
			     v->status, v->offered, v->accepted, v->config, v->config_len);
	for (unsigned i = 0; i < v->nqueues; i++) {
		struct emu_queue *q = &v->queue[i];

		if (q->enabled && emu_virtio_live(v) && q->ring.ops)
			emu_tap_queue_state(v->tap, i, &q->ring, q->ring.in.avail, q->ring.in.used);
	}
}

/* --- the loop --------------------------------------------------------------------- */

static int want_kicks(struct emu_queue *q, bool on)
{
	if (on && (emu_fault_hit(q->v->fault, EMU_FAULT_AVAIL_EVENT_STALE) ||
		   emu_fault_hit(q->v->fault, EMU_FAULT_USED_FLAGS)))
		return 0;
	int ret = q->ring.ops->want_kicks(&q->ring, on);
	if (ret < 0)
		emu_virtio_break(q->v, q, q->ring.why);
	return ret;
}

static bool serveable(const struct emu_queue *q)
{
	return q->enabled && !q->resetting && q->ring.ops && !q->v->paused && emu_virtio_live(q->v);
}

/*
 * Notify after so many completions: driver and device then work at the same time.  With
 * more, the driver waits for the end of a batch; with fewer, it is woken for each.
 */
#define NOTIFY_AFTER 8

/* Pop chains up to that cost; kicked stays set while there may be more. */
static int serve_held(struct emu_queue *q, unsigned budget)
{
	unsigned n = 0;
	if (!serveable(q) || want_kicks(q, false) < 0)
		return 0;
	while (n < budget) {
		int ret = take(q, NULL);
		if (ret < 0)
			return n;
		n += ret;
		if (q->ring.unsignalled >= NOTIFY_AFTER)
			notify_queue(q);
		if (!serveable(q))
			return n;
		if (ret)
			continue;
		/* empty: enable notifications, then check once more (2.7.10, 2.8.10) */
		if (q->polled)
			return n;
		if (want_kicks(q, true) < 0)
			return n;
		ret = emu_ring_pending(&q->ring);
		if (ret < 0)
			emu_virtio_break(q->v, q, q->ring.why);
		if (ret <= 0) {
			q->kicked = false;
			return n;
		}
		if (want_kicks(q, false) < 0)
			return n;
	}
	return n;
}

static int serve(struct emu_queue *q, unsigned budget)
{
	hold(q);
	int n = serve_held(q, budget);
	release(q);
	return n;
}

bool emu_virtio_busy(const struct emu_virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->queue[i].kicked && serveable(&v->queue[i]))
			return true;
	return false;
}

int emu_virtio_fd(struct emu_virtio *v)
{
	return v->cls->fd ? v->cls->fd(v) : -1;
}

static void start_early(struct emu_virtio *v)
{
	/* a device that pops before DRIVER_OK (a fault, or with a legacy driver) */
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->queue[i].enabled && !v->queue[i].ring.ops)
			start_ring(&v->queue[i]);
}

/*
 * Requests in flight when DMA is switched off end when it is on again: their ends are DMA.  Only
 * a reset does not wait for that, after which the driver gives the device nothing to write to.
 */
bool emu_virtio_holds(const struct emu_virtio *v)
{
	bool hold = v->paused && !v->resetting;
	for (unsigned i = 0; hold && i < v->nqueues; i++)
		hold = !v->queue[i].resetting;
	return hold;
}

int emu_virtio_run(struct emu_virtio *v, unsigned budget)
{
	int total = 0, progress;
	unsigned left = budget ? budget : UINT32_MAX;
	if (emu_virtio_live(v))
		start_early(v);
	do {
		progress = v->cls->poll && !emu_virtio_holds(v) ? v->cls->poll(v, false) : 0;
		for (unsigned i = 0; i < v->nqueues && left; i++) {
			struct emu_queue *q = &v->queue[i];
			if (!q->kicked && !q->polled)
				continue;
			int n = serve(q, left < q->size ? left : q->size);
			progress += n;
			left -= (unsigned)n < left ? (unsigned)n : left;
		}
		if (v->cls->commit)
			v->cls->commit(v);
		emu_virtio_notify(v);
		total += progress;
	} while (progress && left);
	return total;
}

int emu_virtio_drain(struct emu_virtio *v)
{
	while (v->inflight) {
		if (v->cls->commit)
			v->cls->commit(v);
		if (!v->cls->poll || v->cls->poll(v, true) <= 0)
			return -EAGAIN;
	}
	emu_virtio_notify(v);
	return 0;
}
