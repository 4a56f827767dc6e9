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
#include "decoder/source/snoop.h"
#include "decoder/spec/constants.h"
#include "emu/replay/qemu/class.h"
#include "emu/replay/qemu/impl.h"
#include "emu/virtio/tap.h"

#define MAX_CHAIN 1024

struct qemu_snoop {
	struct emu_tap *tap;
	struct model *model; /* of what the tap wrote: knows where the rings are */
	struct emu_tap_config out; /* where the records go to */
	const struct replay_device *d;
	struct ring_memory memory;
	struct snoop_sink sink;
	struct snoop *queue;
	bool *enabled; /* queues, by the driver */
	uint64_t number; /* of records */
};

/* --- rings ------------------------------------------------------------------------------- */

static void start(struct snoop *q, const struct model_device *d, const struct model_queue *m)
{
	struct ring_reader *r = &q->ring;

	r->size = m->size;
	r->area[RING_DESC] = m->desc;
	r->area[RING_DRIVER] = m->driver;
	r->area[RING_DEVICE] = m->device;
	r->max_chain = MAX_CHAIN;
	snoop_start(q, d->accepted[0], m->packed ? RING_BASE_PACKED : 0);
}

void qemu_snoop_used(struct qemu_snoop *w)
{
	for (unsigned i = 0; w && i < w->d->num_queues; i++)
		if (w->queue[i].in_flight)
			snoop_look(&w->queue[i], false);
}

/* --- registers ------------------------------------------------------------------------------- */

/* After a register access: which rings does the driver use now? */
static void follow(struct qemu_snoop *w)
{
	const struct model_device *d = model_device(w->model, w->d->id);

	for (unsigned i = 0; d && i < w->d->num_queues; i++) {
		const struct model_queue *m = model_queue(d, i);
		bool enabled = m && m->enabled && m->addr_known;

		if (w->enabled[i] && !enabled)
			w->queue[i].on = false;
		else if (!w->enabled[i] && enabled)
			start(&w->queue[i], d, m);
		w->enabled[i] = enabled;
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
	struct snoop *q = w && k->queue < w->d->num_queues ? &w->queue[k->queue] : NULL;

	if (!q || !q->on)
		return;
	if (k->nudge)
		snoop_look(q, true);
	else
		snoop_kick(q, k->legacy ? VQT_KICK_LEGACY : VQT_KICK_MMIO, k->value, k->width);
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

/* --- lifecycle -------------------------------------------------------------------------------------- */

void qemu_snoop_free(struct qemu_snoop *w)
{
	if (!w)
		return;
	for (unsigned i = 0; w->queue && i < w->d->num_queues; i++)
		snoop_fini(&w->queue[i]);
	free(w->queue);
	free(w->enabled);
	free(w->sink.space);
	model_free(w->model);
	emu_tap_free(w->tap);
	free(w);
}

static int read_memory(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	return qemu_mem_read(opaque, gpa, buf, len);
}

static const void *map_memory(void *opaque, uint64_t gpa, uint64_t len)
{
	return qemu_ram_at(opaque, gpa, len);
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
	w->memory = (struct ring_memory){ .read = read_memory, .map = map_memory, .opaque = t };
	w->queue = calloc(w->d->num_queues + 1u, sizeof(*w->queue));
	w->enabled = calloc(w->d->num_queues + 1u, sizeof(*w->enabled));
	if (!w->model || !w->tap || !w->queue || !w->enabled || emu_tap_sink(w->tap, &w->sink)) {
		qemu_snoop_free(w);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < w->d->num_queues; i++)
		snoop_init(&w->queue[i], &w->memory, &w->sink, i);
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
