/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's looks have found (switches.h): which rings they are to look at, and their snapshots
 * taken as the looks of our own are.  Both see the same ring, so a snapshot may tell what is known.
 */
#include <string.h>

#include "bpf/memory/impl.h"
#include "decoder/util/clock.h"
#include "decoder/util/virtqueue.h"

_Static_assert(VQS_QUEUE_BYTES == VQP_VQ_BYTES && VQS_WORD == WORDS_BYTES, "as they are read");

/* Of 8 chains, those that must be found by snapshots, so that our own looks may be fewer. */
#define ENOUGH 7
#define TRUST 256 /* how much is remembered of who found chains */

uint64_t memory_now(const struct memory_vmm *v)
{
	uint64_t now = v->copies.as_of ? v->copies.as_of : clock_ns(CLOCK_MONOTONIC);

	return now > v->emitted ? now : v->emitted;
}

/* --- which rings ------------------------------------------------------------------------------- */

static void add_area(struct vqs_ring *r, uint64_t lo, uint64_t hi, uint64_t distance)
{
	if (r->nareas == VQS_AREAS || lo >= hi)
		return;
	r->area[r->nareas].lo = lo;
	r->area[r->nareas].hi = hi;
	r->area[r->nareas++].distance = distance;
}

/* As guest_find() looks for it. */
static void add_areas(struct vqs_ring *r, const struct guest_memory *g)
{
	for (unsigned i = 0; i < g->n; i++)
		add_area(r, g->area[i].gpa, g->area[i].gpa + g->area[i].len,
			 g->area[i].host - g->area[i].gpa);
	for (unsigned i = 0; i < g->n; i++)
		add_area(r, g->area[i].lo, g->area[i].hi, g->area[i].host - g->area[i].gpa);
}

/* Behind an IOMMU a chain's buffers cannot be read, and a packed ring does not say where it is. */
static bool can_be_looked_at(const struct memory_queue *q)
{
	const struct vqp_proc *l = &q->device->vmm->m.q->layout;

	return q->device->vmm->all->switches && q->snoop.on && !q->snoop.ring.packed &&
	       !q->guest.areas_only && !(q->host[RING_DRIVER] & 1) && !(q->host[RING_DEVICE] & 1) &&
	       l->vdev_features != VQP_UNKNOWN && memory_status_at(l, NULL, NULL);
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
	struct vqs_ring r = { .size = q->snoop.ring.size,
			      .snaplen = d->sink.snaplen,
			      .queue = memory_address(q),
			      .desc = q->host[RING_DESC],
			      .driver = q->host[RING_DRIVER],
			      .device = q->host[RING_DEVICE] };
	int n;

	memory_withdraw(q);
	if (!can_be_looked_at(q))
		return;
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

static uint16_t index_in(const uint8_t word[VQS_WORD], uint64_t area)
{
	uint64_t at = area + VIRTQ_RING_IDX;

	return get_le16(word + (at - words_base(at)));
}

/* Does it tell of the ring from `at` on?  It tells from `from` to `to`. */
static bool joins(uint16_t at, uint16_t from, uint16_t to)
{
	return (uint16_t)(to - at) <= (uint16_t)(to - from);
}

/*
 * Our own looks may have seen more of the ring by now.  Or less: then what is between would have to be
 * read now, when the driver may have written over it.
 */
static bool goes_on(const struct memory_queue *q, const struct vqs_snapshot *s)
{
	const struct ring_reader *r = &q->snoop.ring;
	uint16_t avail = index_in(s->driver, q->host[RING_DRIVER]);
	uint16_t used = index_in(s->device, q->host[RING_DEVICE]);

	return joins(r->avail, s->avail_from, avail) && joins(r->used, s->used_from, used) &&
	       (avail != r->avail || used != r->used);
}

/* How far looks of our own can be spared: by who finds chains that can still be read. */
static void weigh(struct memory_source *s, unsigned good, unsigned bad)
{
	unsigned cost = bad * ENOUGH;

	s->trust = s->trust + good < TRUST ? s->trust + good : TRUST;
	s->trust = s->trust > cost ? s->trust - cost : 0;
}

void memory_weigh_own(struct memory_source *s, unsigned arrived)
{
	weigh(s, 0, arrived);
	pace_assist(&s->looks.pace, s->trust >= TRUST / 2);
}

static bool take(struct memory_queue *q, const struct vqs_snapshot *s)
{
	struct memory_device *d = q->device;
	struct memory_vmm *v = d->vmm;
	uint32_t status, features;
	struct words w = { 0 };
	bool found = false;

	memcpy(w.vq, s->queue, sizeof(w.vq));
	memcpy(w.ring.driver, s->driver, WORDS_BYTES);
	memcpy(w.ring.device, s->device, WORDS_BYTES);
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
	unsigned arrived = s->looks.arrived;
	bool late = s->looks.late;
	uint64_t unread;

	if (!q || !switches_is_current(s->switches, snapshot) || q->device->vmm->gone ||
	    !goes_on(q, snapshot))
		return;
	unread = q->snoop.stats.unread;
	s->looks.arrived = 0;
	s->snapshots += take(q, snapshot);
	unread = q->snoop.stats.unread - unread;
	if (s->looks.arrived >= unread)
		weigh(s, s->looks.arrived - (unsigned)unread, (unsigned)unread);
	s->looks.arrived = arrived; /* when it came is not when it is read here */
	s->looks.late = late;
}

bool memory_take_snapshots(struct memory_source *s)
{
	uint64_t before = s->snapshots;

	if (s->switches)
		switches_consume(s->switches);
	return s->snapshots != before;
}
