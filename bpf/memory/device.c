/* SPDX-License-Identifier: MIT */
/* The devices of a QEMU: which there are, and which are wanted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/memory/impl.h"
#include "bpf/qom/qom.h"
#include "decoder/class/class.h"
#include "decoder/util/clock.h"

bool memory_can_follow(const struct machine *m)
{
	const struct vqp_proc *l = &m->q->layout;

	return l->vq_caches != VQP_UNKNOWN && l->vdev_status != VQP_UNKNOWN &&
	       l->vq_last != VQP_UNKNOWN && l->vq_used != VQP_UNKNOWN;
}

/* --- queues -------------------------------------------------------------------------------- */

static void free_queues(struct memory_device *d)
{
	for (unsigned i = 0; i < d->nqueues; i++) {
		memory_withdraw(&d->queue[i]);
		snoop_fini(&d->queue[i].snoop);
	}
	free(d->queue);
	d->queue = NULL;
	d->nqueues = 0;
}

static int make_queues(struct memory_device *d)
{
	const struct source_request *r = &d->vmm->all->request;

	free_queues(d);
	d->queue = calloc(d->r.queues, sizeof(*d->queue));
	if (!d->queue)
		return -ENOMEM;
	d->nqueues = d->r.queues;
	for (unsigned i = 0; i < d->nqueues; i++) {
		struct memory_queue *q = &d->queue[i];

		q->device = d;
		q->guest.m = &d->vmm->share.m;
		q->copies = (struct copies_of){ &d->vmm->copies, &q->guest };
		q->memory = (struct ring_memory){ .read = copies_read,
						  .load = copies_load,
						  .renew = copies_renew,
						  .opaque = &q->copies };
		q->wanted = !r->queues || r->queues >> (i < 63 ? i : 63) & 1;
		q->fresh = !d->vmm->late;
		snoop_init(&q->snoop, &q->memory, &d->sink, (uint16_t)i);
	}
	return 0;
}

static bool any_on(const struct memory_device *d)
{
	for (unsigned i = 0; i < d->nqueues; i++)
		if (d->queue[i].snoop.on)
			return true;
	return false;
}

struct snoop_stats memory_totals(const struct memory_vmm *v)
{
	struct snoop_stats t = v->past;

	for (size_t i = 0; i < v->ndevs; i++)
		for (unsigned k = 0; k < v->dev[i]->nqueues; k++)
			snoop_stats_add(&t, &v->dev[i]->queue[k].snoop.stats);
	return t;
}

/* --- devices ------------------------------------------------------------------------------- */

/* "blk0": its class, and how many of it came before. */
static void name_device(struct memory_device *d)
{
	const struct memory_vmm *v = d->vmm;
	unsigned number = 0;
	char buf[32];

	for (size_t k = 0; k < v->ndevs; k++)
		number += v->dev[k] != d && v->dev[k]->r.virtio_id == d->r.virtio_id;
	snprintf(d->name, sizeof(d->name), "%.20s%u", class_name(d->r.virtio_id, buf, sizeof(buf)),
		 number);
}

static bool is_wanted(const struct memory_device *d)
{
	const struct source_request *r = &d->vmm->all->request;
	const char *words[] = { d->who.user_id, d->name, d->who.path, d->who.typename };

	if (r->without && !strcmp(r->without, d->who.user_id))
		return false;
	for (unsigned i = 0; i < r->devices.n; i++)
		for (unsigned k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			if (!strcmp(words[k], r->devices.item[i]))
				return true;
	return !r->devices.n;
}

void memory_device_free(struct memory_device *d)
{
	free_queues(d);
	free(d);
}

static void device_gone(struct memory_device *d)
{
	d->gone = true;
	if (d->wanted) {
		d->r.flags |= VQT_DEV_GONE;
		memory_describe_device(d);
	}
	for (unsigned i = 0; i < d->nqueues; i++)
		snoop_stats_add(&d->vmm->past, &d->queue[i].snoop.stats);
	free_queues(d);
}

/* A process that makes devices come and go, or has very many, may not take all our memory. */
static bool has_room(struct memory_vmm *v, unsigned queues)
{
	for (size_t i = 0; i < v->ndevs; i++)
		queues += v->dev[i]->nqueues;
	if (v->ndevs < MEMORY_DEVICES && queues <= MEMORY_QUEUES)
		return true;
	if (!v->full)
		memory_note(v, VQT_NO_DEVICE, VQT_NOTE_WARNING,
			    "there were too many devices or queues: not all are followed");
	v->full = true;
	return false;
}

static uint64_t first_queue(const struct memory_device *d)
{
	const struct machine *m = &d->vmm->m;

	return process_pointer(&m->mem, d->who.vdev + m->q->layout.vdev_vq);
}

static int add_device(struct memory_vmm *v, const struct look_found *f)
{
	struct memory_source *s = v->all;
	struct memory_device *d, **dev;

	if (!has_room(v, f->r.queues))
		return 0;
	dev = realloc(v->dev, (v->ndevs + 1) * sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	v->dev = dev;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->vmm = v;
	d->who = f->who;
	d->r = f->r;
	d->r.handle = f->who.proxy ? f->who.proxy : f->who.vdev;
	d->r.flags |= v->late ? VQT_DEV_LATE : 0;
	d->listed = true;
	d->vq = first_queue(d);
	qom_typename(&v->m.mem, d->who.vdev, d->type, sizeof(d->type));
	v->dev[v->ndevs++] = d;
	name_device(d);
	d->wanted = d->vq && is_wanted(d);
	if (!d->wanted)
		return 0;
	d->sink = (struct snoop_sink){ .record = memory_record,
				       .at_most = memory_at_most,
				       .opaque = d,
				       .space = s->space,
				       .device = ++s->devices,
				       .snaplen = s->request.snaplen };
	if (make_queues(d))
		return -ENOMEM;
	memory_describe_device(d);
	return 0;
}

/* What a search has found of a known device: QEMU may have been creating it before. */
static int update(struct memory_device *d, const struct look_found *f)
{
	struct vqt_device before = d->r;

	d->listed = true;
	d->who = f->who;
	if (!d->wanted)
		return 0;
	d->r.bdf = f->r.bdf != ~0U ? f->r.bdf : d->r.bdf;
	d->r.transport = f->r.transport ? f->r.transport : d->r.transport;
	d->r.flags |= f->r.flags;
	if (f->r.queues > d->nqueues && !any_on(d) && has_room(d->vmm, f->r.queues)) {
		d->r.queues = f->r.queues;
		if (make_queues(d))
			return -ENOMEM;
	}
	if (memcmp(&before, &d->r, sizeof(before)))
		memory_describe_device(d);
	return 0;
}

static struct memory_device *known(struct memory_vmm *v, const struct look_found *f)
{
	for (size_t i = 0; i < v->ndevs; i++) {
		struct memory_device *d = v->dev[i];

		if (!d->gone && d->who.vdev == f->who.vdev &&
		    !strcmp(d->who.typename, f->who.typename) && !strcmp(d->who.path, f->who.path))
			return d;
	}
	return NULL;
}

static int take_in(struct memory_vmm *v, const struct look_search *s)
{
	int code = 0;

	for (size_t i = 0; i < v->ndevs; i++)
		v->dev[i]->listed = false;
	for (size_t i = 0; i < s->n && !code; i++) {
		struct memory_device *d;

		if (!s->found[i].who.path[0]) /* QEMU is creating it */
			continue;
		d = known(v, &s->found[i]);
		code = d ? update(d, &s->found[i]) : add_device(v, &s->found[i]);
	}
	for (size_t i = 0; i < v->ndevs && !code && !s->endless; i++)
		if (!v->dev[i]->listed && !v->dev[i]->gone)
			device_gone(v->dev[i]);
	return code;
}

int memory_search(struct memory_vmm *v)
{
	struct look_search s = { .found = calloc(LOOK_DEVICES, sizeof(*s.found)) };
	uint64_t began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int code = -ENOMEM;

	/* this may take long; a look is short, and what one breaks off is lost */
	v->m.foreign.stop = (struct foreign_stop){ v->all->request.ended, v->all->request.ctx };
	if (s.found) {
		code = look_find(&v->m, &s);
		if (!code)
			code = take_in(v, &s);
	}
	free(s.found);
	v->m.foreign.stop = (struct foreign_stop){ 0 };
	v->searched = v->begun = clock_ns(CLOCK_MONOTONIC);
	v->search_cost = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;
	return code;
}
