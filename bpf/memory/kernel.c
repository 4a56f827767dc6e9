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

static uint8_t read_status(const struct memory_device *d, const struct vqs_snapshot *s,
			   uint64_t *features)
{
	uint32_t status, at;

	memory_status_at(&d->vmm->m.q->layout, &status, &at);
	*features = get_le64(s->status + at);
	return s->status[status];
}

/*
 * Are device and queue what our own looks have made known?  If not, what the queue says may be old, and
 * lead to memory that QEMU has freed since: the next look tells.
 */
static bool is_as_known(const struct memory_queue *q, const struct vqs_snapshot *s)
{
	const struct memory_device *d = q->device;
	uint64_t features;

	return d->known && read_status(d, s, &features) == d->status && features == d->features &&
	       memory_is_in_place(q, s->queue);
}

/* What our looks have seen of the device since then is newer; else this may be all that tells of a reset. */
static bool on_change(struct memory_device *d, const struct vqs_snapshot *s)
{
	uint64_t features;
	uint8_t status = read_status(d, s, &features);

	return s->began > d->vmm->confirmed && memory_on_device(d, status, features);
}

static bool take(struct memory_queue *q, const struct vqs_snapshot *s)
{
	struct memory_vmm *v = q->device->vmm;
	struct words w = { .ring = snapshot_words(s) };
	bool found;

	if (!is_as_known(q, s)) {
		v->checked = 0;
		return on_change(q->device, s);
	}
	if (s->since > q->looked)
		q->looked = s->since;
	memory_watch(q);
	copies_take(&v->copies, s);
	found = memory_on_ring(q, &w.ring);
	copies_watch(&v->copies, NULL, 0);
	memory_looked(q, true, s->began);
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
	memory_attempt(q->device->vmm, clock_ns(CLOCK_MONOTONIC));
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
