/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/look/find.h"
#include "bpf/look/look.h"
#include "bpf/look/requests.h"
#include "decoder/class/class.h"
#include "decoder/util/clock.h"

#define STEP_MS 100 /* between two looks */

/* --- finding devices ---------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void note_remote(void *ctx, const char *name, const char *type)
{
	struct look *l = ctx;

	if (l->nremotes < LOOK_REMOTES) {
		struct look_remote *r = &l->remote[l->nremotes];

		snprintf(r->name, sizeof(r->name), "%s", name);
		snprintf(r->typename, sizeof(r->typename), "%s", type);
	}
	l->nremotes++;
}

/* "blk0": its class, and how many of it came before. */
static void name_devices(struct look *l)
{
	for (size_t i = 0; i < l->ndevs; i++) {
		unsigned number = 0;
		char buf[32];

		for (size_t k = 0; k < i; k++)
			number += l->dev[k].virtio_id == l->dev[i].virtio_id;
		snprintf(l->dev[i].name, sizeof(l->dev[i].name), "%.20s%u",
			 class_name(l->dev[i].virtio_id, buf, sizeof(buf)), number);
	}
}

static int keep(struct look *l, const struct identity *who, const struct vqt_device *r)
{
	struct look_device *d = &l->dev[l->ndevs];

	*d = (struct look_device){
		.virtio_id = r->virtio_id,
		.q = { .proxy = who->proxy,
		       .vdev = who->vdev,
		       .pci_config = who->pci_config,
		       .pci = r->transport == VQT_TRANSPORT_PCI,
		       .mmio = r->transport == VQT_TRANSPORT_MMIO,
		       .elsewhere = begins(who->typename, "vhost-") },
		.queue = calloc(r->queues, sizeof(*d->queue)),
		.row = calloc(r->queues, sizeof(*d->row)),
	};
	l->ndevs++;
	if (!d->queue || !d->row)
		return -ENOMEM;
	d->nqueues = r->queues;
	snprintf(d->user_id, sizeof(d->user_id), "%s", who->user_id);
	snprintf(d->typename, sizeof(d->typename), "%s", who->typename);
	snprintf(d->path, sizeof(d->path), "%s", who->path);
	return 0;
}

static int find_devices(struct look *l)
{
	struct look_search s = { .found = calloc(LOOK_DEVICES, sizeof(*s.found)),
				 .remote = note_remote,
				 .ctx = l };
	int n = -ENOMEM;

	l->dev = calloc(LOOK_DEVICES, sizeof(*l->dev));
	if (s.found && l->dev)
		n = look_find(&l->m, &s);
	l->endless = s.endless;
	for (size_t i = 0; i < s.n && n != -ENOMEM; i++)
		if (keep(l, &s.found[i].who, &s.found[i].r))
			n = -ENOMEM;
	free(s.found);
	if (n < 0)
		return n;
	name_devices(l);
	return 0;
}

int look_open(struct look **out, pid_t pid, const struct foreign_stop *stop,
	      struct source_error *err)
{
	struct look *l = calloc(1, sizeof(*l));
	int code;

	*out = NULL;
	if (!l)
		return source_fail(err, -ENOMEM, "no memory");
	code = machine_open(&l->m, pid, stop, err);
	if (!code) {
		code = find_devices(l);
		if (code)
			source_fail(err, code, "process %d (%s): its devices could not be read: %s",
				    (int)pid, l->m.p.comm, strerror(-code));
	}
	if (code)
		look_close(l);
	else
		*out = l;
	return code;
}

void look_close(struct look *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->ndevs; i++) {
		free(l->dev[i].queue);
		free(l->dev[i].row);
	}
	free(l->dev);
	machine_close(&l->m);
	free(l);
}

/* --- looking ---------------------------------------------------------------------------- */

/* "status, isr" are declared one after the other, before the feature sets. */
static void look_state(struct look *l, struct look_device *d)
{
	const struct vqp_proc *o = &l->m.q->layout;
	uint8_t b[2] = { 0, 0 };

	d->q.isr_known = o->vdev_status != VQP_UNKNOWN &&
			 process_mem_all(&l->m.mem, d->q.vdev + o->vdev_status, b, 2);
	d->q.status = b[0];
	d->q.isr = b[1];
	process_mem_all(&l->m.mem, d->q.vdev + o->vdev_features, &d->q.features, 8);
}

static void look_device(struct look *l, struct look_device *d, bool first)
{
	const struct vqp_proc *o = &l->m.q->layout;
	uint64_t vq;

	look_state(l, d);
	vq = process_pointer(&l->m.mem, d->q.vdev + o->vdev_vq);
	for (size_t i = 0; vq && i < d->nqueues; i++) {
		struct look_queue *q = &d->queue[i];
		struct queue_look now;

		queue_look(&l->m, &d->q, vq + i * o->vq_size, &now);
		if (first) {
			q->last = now;
			continue;
		}
		q->moved |= queue_moved(&q->last, &now);
		q->completed += queue_completed(&q->last, &now);
		q->last = now;
	}
}

static void look_once(struct look *l, bool first)
{
	enum stuck_fact paused;

	foreign_begin(&l->m.foreign);
	if (machine_stopped(&l->m) == STUCK_YES) {
		l->was_stopped = true;
		if (!l->stopped_since)
			l->stopped_since = clock_ns(CLOCK_MONOTONIC);
	} else {
		l->was_running = true;
		l->stopped_since = 0;
	}
	paused = machine_paused(&l->m);
	l->was_paused |= paused == STUCK_YES;
	for (size_t i = 0; i < l->ndevs; i++)
		look_device(l, &l->dev[i], first);
}

/* --- the facts ---------------------------------------------------------------------------- */

/* All the time, or for so long at the end that it is not the noise of a debugger. */
static enum stuck_fact stopped(const struct look *l)
{
	if (!l->was_stopped)
		return STUCK_NO;
	if (!l->was_running ||
	    (l->stopped_since && clock_ns(CLOCK_MONOTONIC) - l->stopped_since >= STUCK_WATCH_NS))
		return STUCK_YES;
	return STUCK_UNKNOWN;
}

static void conclude(struct look *l, struct look_device *d, unsigned index, uint64_t watched)
{
	const struct look_queue *q = &d->queue[index];
	struct stuck_facts *f = &d->row[index].facts;
	const struct class *c = class_find(d->virtio_id);
	enum stuck_fact paused = machine_paused(&l->m);

	*f = q->last.f;
	f->driver_ok = !d->q.isr_known				 ? STUCK_UNKNOWN
		       : d->q.status & VIRTIO_CONFIG_S_DRIVER_OK ? STUCK_YES
								 : STUCK_NO;
	f->needs_reset = !d->q.isr_known			     ? STUCK_UNKNOWN
			 : d->q.status & VIRTIO_CONFIG_S_NEEDS_RESET ? STUCK_YES
								     : STUCK_NO;
	f->posted = class_queue_posted(c, index, &d->q.features, (unsigned)d->nqueues);
	f->reclaimed = class_queue_reclaimed(c, index, &d->q.features, (unsigned)d->nqueues);
	f->stopped = stopped(l);
	f->paused = paused;
	f->state = l->m.state[0] ? l->m.state : NULL;
	f->watched = watched;
	f->completed = q->completed;
	f->moved = q->moved ? STUCK_YES : watched ? STUCK_NO : STUCK_UNKNOWN;
	/* It stood still for a part of the time only because the whole machine did. */
	if (!q->moved && (f->stopped == STUCK_UNKNOWN || (l->was_paused && paused == STUCK_NO)))
		f->moved = STUCK_UNKNOWN;
	/* A queue that was not set up has nothing outstanding. */
	if (!q->last.read && f->driver_ok == STUCK_YES && !q->last.gpa[VRING_DESC])
		f->waiting = f->flight = f->unreaped = 0;
	for (size_t i = 0; i < d->nqueues; i++) {
		f->device_completed += d->queue[i].completed;
		if (d->queue[i].last.f.flight > 0)
			f->device_flight += d->queue[i].last.f.flight;
	}
	d->row[index].verdict = stuck_judge(f);
}

/* Is there a reason to look on? */
static bool undecided(struct look *l, uint64_t watched)
{
	bool more = false;

	for (size_t i = 0; i < l->ndevs; i++)
		for (unsigned k = 0; k < l->dev[i].nqueues; k++) {
			enum stuck_verdict v;

			conclude(l, &l->dev[i], k, watched);
			v = l->dev[i].row[k].verdict;
			more |= v != STUCK_IDLE && v != STUCK_UNUSED &&
				!(l->dev[i].queue[k].moved && watched >= STUCK_WATCH_NS);
		}
	return more;
}

static void fill_row(const struct look_device *d, unsigned index)
{
	struct stuck_row *r = &d->row[index];

	snprintf(r->device, sizeof(r->device), "%s", d->name);
	snprintf(r->id, sizeof(r->id), "%s", d->user_id);
	snprintf(r->type, sizeof(r->type), "%s", d->typename);
	r->queue = index;
	class_queue_name(r->name, sizeof(r->name), d->virtio_id, index, &d->q.features,
			 (unsigned)d->nqueues);
}

void look_begin(struct look *l)
{
	look_once(l, true);
	l->begun = clock_ns(CLOCK_MONOTONIC);
}

int look_watch(struct look *l, uint64_t ns)
{
	uint64_t watched = 0;

	if (!l->begun)
		look_begin(l);
	while (undecided(l, watched) && watched < ns) {
		if (poll(NULL, 0, STEP_MS) < 0 || l->m.foreign.err == -EINTR)
			return -EINTR;
		look_once(l, false);
		watched = clock_ns(CLOCK_MONOTONIC) - l->begun;
	}
	foreign_begin(&l->m.foreign);
	for (size_t i = 0; i < l->ndevs; i++)
		for (unsigned k = 0; k < l->dev[i].nqueues; k++) {
			fill_row(&l->dev[i], k);
			look_requests(l, &l->dev[i], k);
		}
	return l->m.foreign.err == -EINTR ? -EINTR : 0;
}
