/* SPDX-License-Identifier: MIT */
/*
 * What happens to QEMU's device in a replay, as a trace (replay -w).  All accesses to
 * the device pass through here, and its rings lie in shared memory: chains are read
 * before a notification is sent, as the device will find them, and used entries when
 * they appear.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/model/model.h"
#include "decoder/spec/constants.h"
#include "emu/replay/qemu/class.h"
#include "emu/replay/qemu/impl.h"
#include "emu/virtio/tap.h"

#define MAX_CHAIN 1024
#define LEGACY_PAGE 4096u

struct watched {
	struct emu_ring ring;
	bool made; /* ring is initialised */
	bool enabled; /* by the driver */
	bool up; /* it can be followed */
	struct emu_chain *chains; /* in flight */
};

struct qemu_snoop {
	struct emu_tap *tap;
	struct emu_mem *mem;
	struct model *model; /* of what the tap wrote: knows where the rings are */
	struct emu_tap_config out; /* where the records go to */
	const struct replay_device *d;
	struct watched *queue;
	uint64_t number; /* of records */
};

/* --- rings ------------------------------------------------------------------------------- */

static void down(struct watched *q)
{
	while (q->chains) {
		struct emu_chain *c = q->chains;

		q->chains = c->next;
		emu_chain_free(c);
	}
	q->up = false;
}

static void up(struct qemu_snoop *w, struct watched *q, const struct model_device *d,
	       const struct model_queue *m)
{
	struct emu_ring *r = &q->ring;

	if (!q->made && emu_ring_init(r, w->mem))
		return;
	q->made = true;
	r->ops = m->packed ? &emu_ring_packed : &emu_ring_split;
	r->size = m->size;
	r->desc = m->desc;
	r->driver = m->driver;
	r->device = m->device;
	r->max_chain = MAX_CHAIN;
	r->indirect = model_accepted(d, VIRTIO_RING_F_INDIRECT_DESC);
	r->event_idx = model_accepted(d, VIRTIO_RING_F_EVENT_IDX);
	emu_ring_rewind(r);
	q->up = r->size && !r->ops->start(r);
}

/* The chains that the device will find. */
static void take(struct qemu_snoop *w, uint16_t n, struct watched *q)
{
	for (;;) {
		struct emu_chain *c = emu_chain_new();
		struct vqt_ring before;
		int rc;

		if (!c)
			return;
		q->ring.ops->snapshot(&q->ring, &before);
		rc = q->ring.ops->pop(&q->ring, c);
		if (rc <= 0) {
			emu_chain_free(c);
			q->up = !rc; /* an error of the driver: the device stops there, too */
			return;
		}
		emu_tap_avail(w->tap, n, &before, w->mem, c);
		c->next = q->chains;
		q->chains = c;
	}
}

/* One used entry, if there is one: its id, length and position. */
static bool next_used(struct watched *q, uint16_t *id, uint32_t *len, uint16_t *pos)
{
	struct emu_ring *r = &q->ring;

	*pos = r->ops->used_pos(r);
	if (r->ops == &emu_ring_packed && !q->chains)
		return false; /* the next slot may hold the descriptor used a lap ago */
	return r->ops->used_at(r, *pos, id, len) == 1;
}

static void see_used(struct qemu_snoop *w, uint16_t n, struct watched *q)
{
	struct vqt_ring before;
	uint16_t id, pos;
	uint32_t len;

	while (next_used(q, &id, &len, &pos)) {
		struct emu_chain **at = &q->chains, *c;

		q->ring.ops->snapshot(&q->ring, &before);
		if (q->ring.ops == &emu_ring_split)
			before.used_idx = q->ring.used; /* as it was before this one */

		while (*at && (*at)->head != id)
			at = &(*at)->next;
		c = *at;
		if (!c) { /* an id that is not in flight: the ring cannot be followed further */
			q->up = false;
			return;
		}
		*at = c->next;
		emu_tap_used(w->tap, n, &before, pos, w->mem, c, id, len);
		q->ring.ops->set_used(&q->ring, q->ring.ops->used_next(&q->ring, pos, c->ndirect));
		q->ring.popped--;
		emu_ring_set_busy(&q->ring, id, false);
		emu_chain_free(c);
	}
}

void qemu_snoop_used(struct qemu_snoop *w)
{
	for (unsigned i = 0; w && i < w->d->num_queues; i++)
		if (w->queue[i].up && w->queue[i].chains)
			see_used(w, i, &w->queue[i]);
}

/* --- registers ------------------------------------------------------------------------------- */

/* After a register access: which rings does the driver use now? */
static void follow(struct qemu_snoop *w)
{
	const struct model_device *d = model_device(w->model, w->d->id);

	for (unsigned i = 0; d && i < w->d->num_queues; i++) {
		const struct model_queue *m = model_queue(d, i);
		struct watched *q = &w->queue[i];
		bool enabled = m && m->enabled && m->addr_known;

		if (q->enabled && !enabled)
			down(q);
		else if (!q->enabled && enabled)
			up(w, q, d, m);
		q->enabled = enabled;
	}
}

void qemu_snoop_reg(struct qemu_snoop *w, unsigned region, unsigned op, unsigned width,
		    uint32_t off, uint64_t value)
{
	if (!w)
		return;
	emu_tap_reg(w->tap, region, op, width, region == VQT_REGION_LEGACY ? VQT_REG_PIO : 0, off,
		    value);
	if (op == VQT_WRITE)
		follow(w);
}

void qemu_snoop_kick(struct qemu_snoop *w, const struct replay_kick *k)
{
	struct watched *q = w && k->queue < w->d->num_queues ? &w->queue[k->queue] : NULL;

	if (!q || !q->up)
		return;
	see_used(w, k->queue, q);
	if (!k->nudge)
		emu_tap_kick(w->tap, k->queue, &q->ring, k->value,
			     k->legacy ? VQT_KICK_LEGACY : VQT_KICK_MMIO, k->width);
	if (q->up)
		take(w, k->queue, q);
}

void qemu_snoop_config(struct qemu_snoop *w)
{
	if (w)
		emu_tap_lifecycle(w->tap, VQT_LIFECYCLE_CONFIG_CHANGE, VQT_NO_QUEUE, 0, 0, 0, NULL);
}

void qemu_snoop_irq(struct qemu_snoop *w, const struct replay_irq *irq)
{
	if (w)
		emu_tap_irq(w->tap, VQT_NO_QUEUE, irq->kind, irq->vector, irq->level);
}

/* --- life -------------------------------------------------------------------------------------- */

void qemu_snoop_free(struct qemu_snoop *w)
{
	if (!w)
		return;
	for (unsigned i = 0; w->queue && i < w->d->num_queues; i++) {
		down(&w->queue[i]);
		if (w->queue[i].made)
			emu_ring_fini(&w->queue[i].ring);
	}
	free(w->queue);
	model_free(w->model);
	emu_mem_free(w->mem);
	emu_tap_free(w->tap);
	free(w);
}

/* Guest memory as the device sees it. */
static int add_memory(struct qemu_snoop *w, struct replay_target *t)
{
	const struct {
		uint64_t first, end;
	} parts[] = { { 0, 0xa0000 },
		      { 0xc0000, t->ram_low },
		      { 1ull << 32, (1ull << 32) + (t->ram_size - t->ram_low) } };
	int rc = 0;

	for (unsigned i = 0; i < 3 && !rc; i++)
		if (parts[i].end > parts[i].first)
			rc = emu_mem_add(
				w->mem, parts[i].first, parts[i].end - parts[i].first,
				qemu_ram_at(t, parts[i].first, parts[i].end - parts[i].first),
				EMU_MEM_READ | EMU_MEM_WRITE);
	return rc;
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct qemu_snoop *w = opaque;
	struct record r;
	struct event e;

	if (!record_parse(&r, record, len, NULL))
		model_feed(w->model, &r, ++w->number, &e);
	w->out.emit(w->out.opaque, record, len);
}

static uint64_t now(void *opaque)
{
	struct qemu_snoop *w = opaque;

	return w->out.now(w->out.opaque);
}

int qemu_snoop_new(struct qemu_snoop **out, struct replay_target *t,
		   const struct replay_target_config *cfg)
{
	struct qemu_snoop *w = calloc(1, sizeof(*w));
	struct emu_tap_config tap = cfg->tap;
	char name[80];

	if (!w)
		return -ENOMEM;
	w->d = t->d;
	w->out = cfg->tap;
	tap.emit = emit;
	tap.now = now;
	tap.opaque = w;
	w->model = model_new();
	w->tap = emu_tap_new(&tap);
	w->mem = emu_mem_new();
	w->queue = calloc(w->d->num_queues + 1u, sizeof(*w->queue));
	if (!w->model || !w->tap || !w->mem || !w->queue || add_memory(w, t)) {
		qemu_snoop_free(w);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "replay against %s", t->version);
	emu_tap_source(w->tap, name, 0);
	emu_tap_device(w->tap, w->d->virtio_id, VQT_TRANSPORT_PCI,
		       qemu_legacy(w->d) ? VQT_DEV_TRANSITIONAL : 0, w->d->bdf, w->d->num_queues,
		       w->d->user_id, t->class->type);
	/* A replay of that trace knows from this that it has the device's beginning. */
	if (!w->d->late)
		emu_tap_lifecycle(w->tap, VQT_LIFECYCLE_BUS_PLUGGED, VQT_NO_QUEUE, 0, 0, 0, NULL);
	*out = w;
	return 0;
}
