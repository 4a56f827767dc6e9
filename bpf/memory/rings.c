/* SPDX-License-Identifier: MIT */
/* Rings: where they are, from where they are followed, and what a look has found in them. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#include "bpf/memory/impl.h"
#include "bpf/process/state.h"
#include "bpf/qom/qom.h"
#include "decoder/source/flight.h"
#include "decoder/source/snoop_record.h"
#include "decoder/spec/constants.h"
#include "decoder/trace/record.h"
#include "decoder/util/clock.h"
#include "decoder/util/virtqueue.h"

#define READINGS 4 /* attempts to get two equal readings */
#define USED_NS \
	50 /* that a device takes to use a chain, at least: for what an index can have counted */

bool memory_is_hot(const struct memory_queue *q, uint64_t now)
{
	return q->snoop.on && now < q->active + PACE_HOLD;
}

static bool has(const struct memory_device *d, unsigned bit)
{
	return d->features >> bit & 1;
}

uint64_t memory_address(const struct memory_queue *q)
{
	return q->device->vq + (uint64_t)q->snoop.queue * q->device->vmm->m.q->layout.vq_size;
}

/* --- where the ring is --------------------------------------------------------------------- */

static struct memory_place place(const struct memory_device *d, const uint8_t *vq)
{
	const struct vqp_proc *l = &d->vmm->m.q->layout;
	struct memory_place p = { .desc = get_le64(vq + l->vq_desc),
				  .driver = get_le64(vq + l->vq_avail),
				  .device = get_le64(vq + l->vq_used_addr),
				  .caches = get_le64(vq + l->vq_caches),
				  .num = get_le32(vq + l->vq_num),
				  .popped = get_le16(vq + l->vq_last),
				  .used = get_le16(vq + l->vq_used) };

	if (has(d, VIRTIO_F_RING_PACKED) && l->vq_last_wrap != VQP_UNKNOWN &&
	    l->vq_used_wrap != VQP_UNKNOWN) {
		p.popped = virtq_position(p.popped, vq[l->vq_last_wrap] & 1);
		p.used = virtq_position(p.used, vq[l->vq_used_wrap] & 1);
	}
	return p;
}

static bool is_set_up(const struct memory_place *p)
{
	return p->desc && p->driver && p->device && p->caches && p->num && p->num <= VIRTQ_SIZE_MAX;
}

static bool same_ring(const struct memory_place *a, const struct memory_place *b)
{
	return a->desc == b->desc && a->driver == b->driver && a->device == b->device &&
	       a->num == b->num;
}

/* Where the process has it mapped. */
static bool find_areas(struct memory_queue *q, const struct memory_place *p)
{
	const struct memory_device *d = q->device;
	const struct ring_reader *r = &q->snoop.ring;

	if (!vring_areas(&d->vmm->m.mem, p->caches, p->num, has(d, VIRTIO_F_RING_PACKED), q->host))
		return false;
	q->guest.n = 0;
	q->guest.areas_only = has(d, VIRTIO_F_ACCESS_PLATFORM);
	share_check(&d->vmm->share);
	for (enum ring_area i = 0; i < RING_AREAS; i++) {
		guest_learn(&q->guest, r->area[i], q->host[i], ring_area_len(r, i));
		share_learn(&d->vmm->share, q->host[i], ring_area_len(r, i));
	}
	return true;
}

/* Once: a file that is shared costs less to read. */
static void say_way(struct memory_vmm *v)
{
	TEXT(t, 700);

	if (v->said)
		return;
	v->said = true;
	share_put_way(&v->share, &t);
	memory_note(v, VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

/* --- begin and end --------------------------------------------------------------------------- */

/* As QEMU keeps it now; stable: two readings were the same. */
static bool read_place(struct memory_queue *q, struct memory_place *p, bool *stable)
{
	const struct memory_device *d = q->device;
	uint8_t a[VQP_VQ_BYTES], b[VQP_VQ_BYTES];

	*stable = false;
	for (unsigned i = 0; i < READINGS && !*stable; i++) {
		if (!process_mem_all(&d->vmm->m.mem, memory_address(q), a, sizeof(a)) ||
		    !process_mem_all(&d->vmm->m.mem, memory_address(q), b, sizeof(b)))
			return false;
		*stable = !memcmp(a, b, sizeof(a));
	}
	*p = place(d, b);
	return is_set_up(p);
}

static void refuse(struct memory_queue *q, const struct memory_place *p, const char *why)
{
	char text[200];

	if (q->device->vmm->m.foreign.err)
		return; /* nothing can be read for now: a later look tells more */
	q->refused = true;
	q->place = *p;
	snprintf(text, sizeof(text), "queue %u is not followed: %s", q->snoop.queue,
		 why ? why : "its memory cannot be found");
	memory_note(q->device->vmm, q->device->sink.device, VQT_NOTE_WARNING, text);
}

/* A back end keeps its positions for itself: a split ring says what was used. */
static bool is_elsewhere(const struct memory_queue *q, const struct memory_place *p, uint16_t used)
{
	return !strncmp(q->device->who.typename, "vhost-", 6) ||
	       (!q->snoop.ring.packed && used != p->used);
}

/* The chains in flight of a ring that nobody has followed before. */
static void describe_flight(struct memory_queue *q, bool stable)
{
	struct snoop *w = &q->snoop;
	struct ring_flight f = { 0 };

	if (stable && w->ring.avail != w->ring.used && !ring_flight_find(&f, &w->ring))
		snoop_record_flight(w, &f);
	ring_flight_fini(&f);
}

/*
 * A queue that is set up begins at 0, but not when a machine's state was loaded: then its used
 * index is further than a device can come between two looks.
 */
static bool begins_at_zero(struct memory_queue *q, uint16_t used)
{
	return q->fresh && (q->snoop.ring.packed || used <= q->snoop.ring.size);
}

/* Where to follow it from. */
static void set_positions(struct memory_queue *q, const struct memory_place *p, bool stable)
{
	struct ring_reader *r = &q->snoop.ring;
	bool was_fresh = q->fresh;
	uint16_t used = r->used; /* as the ring says it, if it does */

	if (begins_at_zero(q, used)) {
		r->avail = r->avail_seen = r->used = r->packed ? (uint16_t)RING_BASE_PACKED : 0;
		q->snoop.earlier = false;
		snoop_describe(&q->snoop);
		return;
	}
	if (was_fresh)
		memory_lost_more(q);
	if (is_elsewhere(q, p, used)) {
		r->avail = r->avail_seen = used;
		q->snoop.earlier = true;
	} else {
		r->avail = r->avail_seen = p->popped;
		r->used = p->used;
		q->snoop.earlier = r->avail != r->used;
	}
	snoop_describe(&q->snoop);
	describe_flight(q, stable);
	q->looked = 0;
}

static void begin(struct memory_queue *q, uint64_t now)
{
	struct memory_device *d = q->device;
	struct snoop *w = &q->snoop;
	struct ring_reader *r = &w->ring;
	struct memory_place p;
	bool stable, packed = has(d, VIRTIO_F_RING_PACKED);

	copies_watch(&d->vmm->copies, NULL, 0);
	if (!read_place(q, &p, &stable))
		return; /* the next look tells more */
	r->size = (uint16_t)p.num;
	r->packed = packed;
	r->area[RING_DESC] = p.desc;
	r->area[RING_DRIVER] = p.driver;
	r->area[RING_DEVICE] = p.device;
	if (!find_areas(q, &p)) {
		refuse(q, &p, NULL);
		return;
	}
	say_way(d->vmm);
	if (packed && !q->fresh && is_elsewhere(q, &p, 0)) {
		refuse(q, &p, "its positions are not in this process, nor in a packed ring");
		return;
	}
	if (snoop_start(w, d->features, packed ? RING_BASE_PACKED : 0)) {
		refuse(q, &p, w->why);
		return;
	}
	set_positions(q, &p, stable);
	q->place = p;
	q->fresh = false;
	q->active = now;
	memory_offer(q);
}

/* Has it come to rest where it was seen last?  Then nothing was missed since. */
static bool at_rest(struct memory_queue *q)
{
	struct snoop *w = &q->snoop;
	struct ring_reader *r = &w->ring;
	struct ring_entry e;
	uint16_t avail, used;

	if (snoop_busy(w))
		return false;
	if (r->packed)
		return ring_pending(r) == 0 && ring_used(r, r->used, false, &e) == 0 &&
		       ring_kept(r);
	return ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &avail) == 0 &&
	       ring_load16(r, RING_DEVICE, VIRTQ_RING_IDX, &used) == 0 && avail == r->avail &&
	       used == r->used;
}

/* It was reset.  Its memory may have another use by now: what is not known is not looked for. */
void memory_end(struct memory_queue *q)
{
	if (!q->snoop.on)
		return;
	if (!at_rest(q))
		memory_lost_more(q);
	q->snoop.on = false;
	q->fresh = true;
	memory_withdraw(q);
}

/* --- what a look has read ---------------------------------------------------------------------- */

/* QEMU has freed the device, and its memory has another use. */
static bool is_itself(struct memory_device *d)
{
	const struct machine *m = &d->vmm->m;
	char type[64];

	qom_typename(&m->mem, d->who.vdev, type, sizeof(type));
	return !strcmp(type, d->type) &&
	       process_pointer(&m->mem, d->who.vdev + m->q->layout.vdev_vq) == d->vq;
}

bool memory_on_device(struct memory_device *d, uint8_t status, uint64_t features)
{
	/* bits go away by a reset only, and the next driver is quick to set some again */
	bool reset = d->known && d->status & ~status & ~VIRTIO_CONFIG_S_NEEDS_RESET;

	if (d->known && status == d->status && features == d->features)
		return false;
	if (!is_itself(d)) {
		d->vmm->searched = 0; /* the next search tells */
		return false;
	}
	for (unsigned i = 0; i < d->nqueues && (reset || !(status & VIRTIO_CONFIG_S_DRIVER_OK));
	     i++)
		memory_end(&d->queue[i]);
	if (reset) {
		memory_lifecycle(d, VQT_LIFECYCLE_RESET, VQT_NO_QUEUE);
		d->vmm->all->resets++;
	}
	d->known = true;
	d->status = status;
	d->features = features;
	memory_describe_state(d);
	return true;
}

uint64_t memory_at_most(void *opaque, uint16_t queue)
{
	const struct memory_device *d = opaque;
	const struct memory_queue *q = &d->queue[queue];

	return q->looked ? (memory_now(d->vmm) - q->looked) / USED_NS + 1 : UINT64_MAX;
}

/* The words of the ring that say how far it is. */
void memory_watch(struct memory_queue *q)
{
	uint64_t word[COPIES_WORDS];

	words_moving(&q->snoop.ring, q->host, word);
	copies_watch(&q->device->vmm->copies, word, COPIES_WORDS);
}

static void follow(struct memory_queue *q, uint64_t now)
{
	struct snoop *w = &q->snoop;
	uint64_t lost = w->stats.lost + w->stats.lost_more;

	if (!q->device->vmm->copies.fresh)
		memory_watch(q);
	snoop_look(w, true);
	copies_watch(&q->device->vmm->copies, NULL, 0);
	q->active = now;
	if (w->stats.lost + w->stats.lost_more == lost)
		return;
	if (w->on)
		snoop_describe(w);
	else
		begin(q, now); /* a packed ring does not say where it is; QEMU does */
}

/* Set up again at the same place: it begins anew, further back than the ring has entries. */
static bool is_another(const struct memory_queue *q, const struct memory_place *p)
{
	const struct ring_reader *r = &q->snoop.ring;

	return !r->packed && p->caches != q->place.caches &&
	       (uint16_t)(p->popped - r->avail) > r->size && p->popped < r->avail;
}

bool memory_is_in_place(const struct memory_queue *q, const uint8_t vq[VQP_VQ_BYTES])
{
	struct memory_place p = place(q->device, vq);

	return is_set_up(&p) && same_ring(&p, &q->place) && p.caches == q->place.caches &&
	       !is_another(q, &p);
}

/* The ring is where it was, or it is not followed any more. */
static bool is_still_there(struct memory_queue *q, const struct memory_place *p)
{
	uint64_t host[VRING_AREAS];

	if (!is_set_up(p) || !same_ring(p, &q->place) || is_another(q, p)) {
		if (!is_itself(q->device)) {
			q->device->vmm->searched = 0;
			return false;
		}
		memory_end(q);
		memory_lifecycle(q->device, VQT_LIFECYCLE_QUEUE_RESET, q->snoop.queue);
		return false;
	}
	if (p->caches == q->place.caches)
		return true;
	/* the machine's memory map has changed: the words were read where the ring was before */
	q->place.caches = p->caches;
	memcpy(host, q->host, sizeof(host));
	if (find_areas(q, p)) {
		memory_offer(q);
		return !memcmp(host, q->host, sizeof(host));
	}
	memory_end(q);
	q->fresh = false; /* it was not reset */
	refuse(q, p, NULL);
	return false;
}

void memory_looked(struct memory_queue *q, bool was, uint64_t began)
{
	if (began <= q->looked)
		return; /* a look that began later was sooner */
	if (was && q->looked && memory_is_hot(q, began))
		hist_add(&q->device->vmm->all->looks.apart, began - q->looked, 1);
	q->looked = began;
}

bool memory_on_ring(struct memory_queue *q, const struct words_ring *w)
{
	if (!words_moved(&q->snoop.ring, q->host, w))
		return false;
	words_take(&q->snoop.ring, q->host, w);
	follow(q, clock_ns(CLOCK_MONOTONIC));
	return true;
}

bool memory_on_queue(struct memory_queue *q, const struct words *w, uint64_t began)
{
	struct memory_device *d = q->device;
	struct memory_place p = place(d, w->vq);
	bool was = q->snoop.on, found = false;

	if (!was && (!is_set_up(&p) || !d->status)) {
		q->fresh = true;
		q->refused = false;
	} else if (!was) {
		q->refused = q->refused && same_ring(&p, &q->place);
		if (!q->refused && d->status & VIRTIO_CONFIG_S_DRIVER_OK) {
			begin(q, began);
			if (q->snoop.on)
				follow(q, clock_ns(CLOCK_MONOTONIC));
			found = true;
		}
	} else if (is_still_there(q, &p)) {
		found = memory_on_ring(q, &w->ring);
	}
	memory_looked(q, was, began);
	return found;
}
