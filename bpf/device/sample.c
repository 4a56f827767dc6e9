/* SPDX-License-Identifier: MIT */
/*
 * Samples: rings read at intervals, from outside the device.  Probes fire only when
 * something happens; samples show what waits in an idle queue.
 *
 * A sample shows the state at one time.  The reader reads QEMU's VirtQueue and the words of
 * the ring, then the count of the eventfd that carries kicks, then VirtQueue and words
 * again. The sample is valid only if both readings are equal.  The ring was then in this
 * state while the count was read: waiting entries were available by then, and a count of 0
 * means that no kick for them was on its way to QEMU.  A queue in use gives no sample and
 * needs none, because its own events show its state.
 *
 * The sample has the time of the second reading, on the clock of the probes.  It is held
 * until a record with a later time is passed on, or for LATE ns.  A probe fires before QEMU
 * acts on what the probe saw, so a sample may show a state that the record before it is
 * about to change; readers allow for that (vqt_ringstate.why).
 *
 * A kick without eventfd (ioeventfd=off, not started yet, guest paused) cannot be seen on
 * its way; vqt_ringstate.pending is then VQT_PENDING_UNKNOWN.  A stopped process is not
 * sampled, because it may have stopped in the middle of an operation.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "bpf/session/emit.h"
#include "bpf/device/sample.h"
#include "bpf/look/vring.h"
#include "bpf/process/state.h"
#include "bpf/prog/qemu.skel.h"
#include "decoder/util/hash.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

#define SAMPLES 256 /* queues sampled at a time; the others follow next time */
#define LATE 100000000ULL /* ns that a record may arrive after its time */
#define READINGS 3 /* attempts to get two equal readings */

/* The last sample of a queue, and how often it was the same in a row. */
struct seen {
	uint32_t key; /* device << 16 | queue */
	uint32_t times;
	struct vqt_ring ring;
	uint8_t pending;
	UT_hash_handle hh;
};

/* How often an unchanged state is recorded, so that the trace of an idle queue stays small. */
#define TIMES_IDLE 3 /* covers the time within which the checker expects a notification */
#define TIMES_WAITING 60 /* something is outstanding */
#define TIMES_LATER 64 /* after that one sample in so many */

struct samples {
	struct seen *seen;
	size_t n, done;
	size_t device, queue; /* where the next sampling continues */
	bool last; /* the capture ends */
	struct vqt_ringstate of[SAMPLES];
};

struct reading {
	uint8_t vq[VQP_VQ_BYTES];
	uint64_t features;
	/* avail flags, idx; used flags, idx; used_event, avail_event; packed: the flags of
	 * the descriptor to take next in the place of used_event */
	uint16_t word[6];
};

static bool event_idx(const struct reading *r)
{
	return r->features >> VIRTIO_RING_F_EVENT_IDX & 1;
}

static bool packed(const struct reading *r)
{
	return r->features >> VIRTIO_F_RING_PACKED & 1;
}

/* The words of both sides, in one system call. */
static bool read_words(const struct process_memory *m, uint64_t num, uint16_t last,
		       const uint64_t area[VRING_AREAS], struct reading *r)
{
	struct iovec remote[4] = {
		{ (void *)area[VRING_DRIVER], 4 },
		{ (void *)area[VRING_DEVICE], 4 },
	};
	unsigned n = 2;

	if (packed(r)) {
		remote[n++] = (struct iovec){
			(void *)(area[VRING_DESC] + virtq_desc_at(last) + VIRTQ_PACKED_FLAGS), 2
		};
	} else if (event_idx(r)) {
		remote[n++] = (struct iovec){
			(void *)(area[VRING_DRIVER] + virtq_used_event_at((uint32_t)num)), 2
		};
		remote[n++] = (struct iovec){
			(void *)(area[VRING_DEVICE] + virtq_avail_event_at((uint32_t)num)), 2
		};
	}
	memset(r->word, 0, sizeof(r->word));
	return process_mem_ranges(m, remote, n, r->word);
}

static bool read_queue(const struct device *d, uint64_t vq, struct reading *r)
{
	const struct vqp_proc *l = &d->target->q->layout;
	const struct process_memory *m = &d->target->mem;
	uint64_t area[VRING_AREAS], num;
	uint16_t last;

	memset(r, 0, sizeof(*r));
	if (!process_mem_all(m, vq, r->vq, sizeof(r->vq)) ||
	    !process_mem_all(m, d->who.vdev + l->vdev_features, &r->features, 8))
		return false;
	num = get_le16(r->vq + l->vq_num);
	last = get_le16(r->vq + l->vq_last);
	return num && (!packed(r) || last < num) && get_le64(r->vq + l->vq_desc) &&
	       vring_areas(m, get_le64(r->vq + l->vq_caches), num, packed(r), area) &&
	       read_words(m, num, last, area, r);
}

/* struct EventNotifier { int rfd, wfd; bool initialized; }, then host_notifier_enabled */
static unsigned pending(const struct device *d, const struct reading *r)
{
	const struct vqp_proc *l = &d->target->q->layout;
	const uint8_t *n = r->vq + l->vq_notifier;
	int rfd, wfd, count;

	if (l->vq_notifier == VQP_UNKNOWN)
		return VQT_PENDING_UNKNOWN;
	memcpy(&rfd, n, 4);
	memcpy(&wfd, n + 4, 4);
	if (rfd < 0 || rfd != wfd || n[8] != 1 || n[12] != 1)
		return VQT_PENDING_UNKNOWN;
	count = process_eventfd(&d->target->foreign, rfd);
	if (count < 0)
		return VQT_PENDING_UNKNOWN;
	return count ? VQT_PENDING_YES : VQT_PENDING_NO;
}

static void fill_split(const struct vqp_proc *l, const struct reading *r, struct vqt_ring *o)
{
	*o = (struct vqt_ring){
		.avail_flags = r->word[0],
		.avail_idx = r->word[1],
		.used_flags = r->word[2],
		.used_idx = r->word[3],
		.last_avail = get_le16(r->vq + l->vq_last),
		.known = VQT_RING_AVAIL_FLAGS | VQT_RING_AVAIL_IDX | VQT_RING_USED_FLAGS |
			 VQT_RING_USED_IDX | VQT_RING_LAST_AVAIL,
	};
	if (!event_idx(r))
		return;
	o->used_event = r->word[4];
	o->avail_event = r->word[5];
	o->known |= VQT_RING_USED_EVENT | VQT_RING_AVAIL_EVENT;
}

static void fill_packed(const struct vqp_proc *l, const struct reading *r, struct vqt_ring *o)
{
	*o = (struct vqt_ring){
		.used_event = r->word[0],
		.avail_flags = r->word[1],
		.avail_event = r->word[2],
		.used_flags = r->word[3],
		.last_avail =
			virtq_position(get_le16(r->vq + l->vq_last), r->vq[l->vq_last_wrap] & 1),
		.used_idx =
			virtq_position(get_le16(r->vq + l->vq_used), r->vq[l->vq_used_wrap] & 1),
		.known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS |
			 VQT_RING_USED_EVENT | VQT_RING_AVAIL_FLAGS | VQT_RING_AVAIL_EVENT |
			 VQT_RING_USED_FLAGS | VQT_RING_SLOT |
			 (virtq_is_available(r->word[4], r->vq[l->vq_last_wrap] & 1)
				  ? VQT_RING_FILLED
				  : 0),
	};
}

/* Sampling packed rings needs offsets that cannot be found in every QEMU. */
static bool readable(const struct vqp_proc *l, const struct reading *r)
{
	return !packed(r) || (l->vq_last_wrap != VQP_UNKNOWN && l->vq_used != VQP_UNKNOWN &&
			      l->vq_used_wrap != VQP_UNKNOWN);
}

/* Sample a queue; false if it is in use or not set up. */
static bool sample(const struct device *d, uint64_t vq, unsigned index, struct vqt_ringstate *s)
{
	const struct vqp_proc *l = &d->target->q->layout;
	struct reading before, after;

	for (unsigned i = 0; i < READINGS; i++) {
		if (!read_queue(d, vq, &before) || !readable(l, &before))
			return false;
		memset(s, 0, sizeof(*s));
		s->pending = (uint8_t)pending(d, &before);
		if (!read_queue(d, vq, &after))
			return false;
		if (memcmp(&before, &after, sizeof(before)))
			continue;
		s->why = VQT_RING_PERIODIC;
		if (packed(&after))
			fill_packed(l, &after, &s->ring);
		else
			fill_split(l, &after, &s->ring);
		s->h.ts = capture_now();
		s->h.type = VQT_RING;
		s->h.source = d->target->source;
		s->h.device = d->r.h.device;
		s->h.queue = (uint16_t)index;
		return true;
	}
	return false;
}

/* Entries wait, or chains are in flight: what comes of them is of interest. */
static bool outstanding(const struct vqt_ring *r)
{
	return record_ring_waits(r) == 1 ||
	       (r->known & (VQT_RING_USED_IDX | VQT_RING_USED_POS) && r->used_idx != r->last_avail);
}

/* Whether to record the sample: its state is new, or it is time to repeat it. */
static bool worth_recording(struct samples *s, const struct vqt_ringstate *r)
{
	uint32_t key = (uint32_t)r->h.device << 16 | r->h.queue;
	struct seen *q;

	HASH_FIND(hh, s->seen, &key, sizeof(key), q);
	if (!q) {
		hash_add_new(s->seen, key, key, q);
		if (!q)
			return true;
	}
	if (memcmp(&q->ring, &r->ring, sizeof(q->ring)) || q->pending != r->pending) {
		q->ring = r->ring;
		q->pending = r->pending;
		q->times = 0;
	}
	q->times++;
	return (s->last && outstanding(&r->ring)) ||
	       q->times <= (outstanding(&r->ring) ? TIMES_WAITING : TIMES_IDLE) ||
	       !(q->times % TIMES_LATER);
}

/* Whether the driver has set DRIVER_OK and this process serves the device's queues. */
static bool served(const struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	uint8_t status = 0;

	return d->wanted && !d->gone && !d->fresh && d->who.vdev &&
	       !(d->r.flags & VQT_DEV_DATAPATH_ELSEWHERE) && l->vdev_vq != VQP_UNKNOWN &&
	       l->vq_size != VQP_UNKNOWN && l->vdev_status != VQP_UNKNOWN &&
	       process_mem_all(&d->target->mem, d->who.vdev + l->vdev_status, &status, 1) &&
	       status & VIRTIO_CONFIG_S_DRIVER_OK;
}

bool sample_chosen(const struct capture *c, unsigned queue)
{
	return !c->o.queues || c->o.queues >> (queue < 63 ? queue : 63) & 1;
}

/* Sample the queues of a device from s->queue on; false when there is no more room. */
static bool look_device(struct samples *s, const struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	uint64_t vq = process_pointer(&d->target->mem, d->who.vdev + l->vdev_vq);

	for (; vq && s->queue < d->r.queues; s->queue++) {
		if (s->n == SAMPLES)
			return false;
		if (sample_chosen(d->target->c, (unsigned)s->queue) &&
		    sample(d, vq + s->queue * l->vq_size, (unsigned)s->queue, &s->of[s->n]))
			s->n += worth_recording(s, &s->of[s->n]);
	}
	s->queue = 0;
	return true;
}

static void look_target(struct target *t)
{
	struct samples *s = t->samples;

	if (!s)
		s = t->samples = calloc(1, sizeof(*s));
	if (!s || t->dead || process_stopped(t->p.pid))
		return;
	sample_flush(t, UINT64_MAX); /* no later record will come to release them */
	for (; s->device < DEVICES; s->device++) {
		struct device *d = t->c->device[s->device];

		if (d && d->target == t && served(d) && !look_device(s, d))
			return;
	}
	s->device = 0;
}

void sample_flush(struct target *t, uint64_t ts)
{
	struct samples *s = t->samples;

	while (s && s->done < s->n && s->of[s->done].h.ts < ts) {
		struct vqt_ringstate *r = &s->of[s->done++];

		if (r->h.ts < t->last_ts)
			r->h.ts = t->last_ts;
		t->last_ts = r->h.ts;
		target_emit(t, r, sizeof(*r));
	}
	if (s && s->done == s->n)
		s->done = s->n = 0;
}

void sample_free(struct target *t)
{
	if (!t->samples)
		return;
	hash_free(t->samples->seen);
	free(t->samples);
}

void sample_tick(struct capture *c, uint64_t now)
{
	for (size_t i = 0; i < c->ntargets; i++)
		sample_flush(c->target[i], now - LATE);
	if (!c->o.sample || c->o.light || c->o.empty || now - c->sampled < c->o.sample)
		return;
	c->sampled = now;
	for (size_t i = 0; i < c->ntargets; i++)
		look_target(c->target[i]);
}

void sample_last(struct capture *c)
{
	if (!c->o.sample || c->o.light || c->o.empty)
		return;
	for (size_t i = 0; i < c->ntargets; i++) {
		struct target *t = c->target[i];

		if (!t->samples)
			t->samples = calloc(1, sizeof(*t->samples));
		if (!t->samples)
			continue;
		t->samples->last = true;
		t->samples->device = t->samples->queue = 0;
		foreign_begin(&t->foreign);
		look_target(t);
	}
}
