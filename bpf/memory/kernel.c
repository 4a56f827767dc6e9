/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's looks have found (switches.h): which rings they are to look at, and their snapshots
 * taken as the looks of our own are.  Both see the same ring, so a snapshot may tell what is known.
 */
#include <string.h>

#include "bpf/memory/impl.h"
#include "decoder/util/clock.h"

_Static_assert(VQS_QUEUE_BYTES == VQP_VQ_BYTES, "as it is read");

uint64_t memory_now(const struct memory_vmm *v)
{
	uint64_t now = v->copies.as_of ? v->copies.as_of : clock_ns(CLOCK_MONOTONIC);

	return now > v->emitted ? now : v->emitted;
}

/* --- which rings ------------------------------------------------------------------------------- */

/* As guest_find() looks for it. */
static void add_areas(struct vqs_ring *r, const struct guest_memory *g)
{
	for (unsigned i = 0; i < g->n; i++)
		snapshot_ring_area(r, g->area[i].gpa, g->area[i].gpa + g->area[i].len,
				   g->area[i].host - g->area[i].gpa);
	for (unsigned i = 0; i < g->n; i++)
		snapshot_ring_area(r, g->area[i].lo, g->area[i].hi,
				   g->area[i].host - g->area[i].gpa);
}

/* Behind an IOMMU a chain's buffers cannot be read. */
static bool can_be_looked_at(const struct memory_queue *q)
{
	const struct vqp_proc *l = &q->device->vmm->m.q->layout;

	return q->device->vmm->all->switches && q->snoop.on && !q->guest.areas_only &&
	       snapshot_can(&q->snoop.ring, q->host) && l->vdev_features != VQP_UNKNOWN &&
	       memory_status_at(l, NULL, NULL);
}

void memory_withdraw(struct memory_queue *q)
{
	struct memory_source *s = q->device->vmm->all;

	if (!q->offered)
		return;
	switches_remove(s->switches, q->device->vmm->m.p.pid, q->number);
	s->by_number[q->number] = NULL;
	q->offered = false;
}

void memory_offer(struct memory_queue *q)
{
	struct memory_device *d = q->device;
	struct memory_source *s = d->vmm->all;
	struct vqs_ring r = snapshot_ring(&q->snoop.ring, q->host, d->sink.snaplen);
	int n;

	memory_withdraw(q);
	if (!can_be_looked_at(q))
		return;
	r.queue = memory_address(q);
	r.status = d->who.vdev + memory_status_from(&d->vmm->m.q->layout);
	add_areas(&r, &q->guest);
	n = switches_add(s->switches, d->vmm->m.p.pid, &r);
	if (n < 0)
		return;
	q->number = n;
	q->offered = true;
	s->by_number[n] = q;
}

void memory_leave(struct memory_vmm *v)
{
	for (size_t i = 0; i < v->ndevs; i++)
		for (unsigned k = 0; k < v->dev[i]->nqueues; k++)
			memory_withdraw(&v->dev[i]->queue[k]);
}

/* --- snapshots ---------------------------------------------------------------------------------- */

static bool take(struct memory_queue *q, const struct vqs_snapshot *s)
{
	struct memory_device *d = q->device;
	struct memory_vmm *v = d->vmm;
	uint32_t status, features;
	struct words w = { .ring = snapshot_words(s) };
	bool found = false;

	memcpy(w.vq, s->queue, sizeof(w.vq));
	if (s->since > q->looked)
		q->looked = s->since;
	memory_watch(q);
	copies_take(&v->copies, s);
	/* what one of our looks has seen of the device since then is newer */
	if (s->began > v->confirmed) {
		memory_status_at(&v->m.q->layout, &status, &features);
		found = memory_on_device(d, s->status[status], get_le64(s->status + features));
		if (q->offered)
			found |= memory_on_queue(q, &w, s->began);
	} else {
		found = memory_on_ring(q, &w.ring);
	}
	copies_watch(&v->copies, NULL, 0);
	return found;
}

void memory_on_snapshot(void *opaque, const struct vqs_snapshot *snapshot)
{
	struct memory_source *s = opaque;
	struct memory_queue *q = s->by_number[snapshot->ring];
	uint64_t chains, unread;

	if (!q || !switches_is_current(s->switches, snapshot) || q->device->vmm->gone ||
	    !snapshot_goes_on(snapshot, &q->snoop.ring, q->host))
		return;
	chains = q->snoop.stats.chains;
	unread = q->snoop.stats.unread;
	looks_leave_out(&s->looks, true); /* when it came is not when it is read here */
	s->snapshots += take(q, snapshot);
	looks_leave_out(&s->looks, false);
	chains = q->snoop.stats.chains - chains;
	unread = q->snoop.stats.unread - unread;
	snapshot_weigh(&s->trust, chains - unread, unread);
}

bool memory_take_snapshots(struct memory_source *s)
{
	uint64_t before = s->snapshots;

	if (s->switches)
		switches_consume(s->switches);
	return s->snapshots != before;
}
