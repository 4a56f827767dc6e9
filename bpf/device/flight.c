/* SPDX-License-Identifier: MIT */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/device/flight.h"
#include "bpf/device/sample.h"
#include "bpf/look/vring.h"
#include "bpf/qemu/guest.h"
#include "bpf/session/emit.h"
#include "decoder/source/flight.h"
#include "decoder/source/snoop_record.h"

#define CHAINS 1024 /* of a queue: more are only counted */

struct flight {
	struct device *d;
	struct guest_memory guest;
	struct ring_memory memory;
	struct snoop_sink sink;
	struct snoop w; /* only its ring: it is not followed from here */
	struct ring_flight found;
};

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

static void record(void *opaque, void *record, size_t len)
{
	const struct flight *f = opaque;
	struct vqt_hdr *h = record;
	uint16_t queue = h->queue;

	target_stamp(f->d->target, h, h->type, h->device);
	h->queue = queue;
	target_emit(f->d->target, record, len);
}

static void set_ring(struct ring_reader *r, uint64_t features, const struct vqt_queue_state *s)
{
	r->size = s->size;
	r->packed = has(features, VIRTIO_F_RING_PACKED);
	r->indirect = has(features, VIRTIO_RING_F_INDIRECT_DESC);
	r->event_idx = has(features, VIRTIO_RING_F_EVENT_IDX);
	r->in_order = has(features, VIRTIO_F_IN_ORDER);
	r->area[RING_DESC] = s->desc;
	r->area[RING_DRIVER] = s->driver;
	r->area[RING_DEVICE] = s->device;
	r->avail = s->last_avail;
	r->used = s->used;
}

/* Where the process has the areas mapped. */
static bool learn(struct flight *f, uint64_t vq)
{
	const struct vqp_proc *l = &f->d->target->q->layout;
	const struct ring_reader *r = &f->w.ring;
	uint64_t host[VRING_AREAS]; /* in the order of enum ring_area */

	if (l->vq_caches == VQP_UNKNOWN ||
	    !vring_areas(f->guest.m, process_pointer(f->guest.m, vq + l->vq_caches), r->size,
			 r->packed, host))
		return false;
	for (enum ring_area i = 0; i < RING_AREAS; i++)
		guest_learn(&f->guest, r->area[i], host[i], ring_area_len(r, i));
	return true;
}

struct flight *flight_find(struct device *d, unsigned n, uint64_t vq, uint64_t features,
			   const struct vqt_queue_state *s)
{
	const struct capture_options *o = &d->target->c->o;
	struct flight *f;

	if (s->last_avail == s->used || o->light || !sample_chosen(d->target->c, n))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->d = d;
	f->guest = (struct guest_memory){ .m = &d->target->mem,
					  .areas_only = has(features, VIRTIO_F_ACCESS_PLATFORM) };
	f->memory = (struct ring_memory){ .read = guest_read, .opaque = &f->guest };
	f->sink = (struct snoop_sink){
		.record = record, .opaque = f, .device = d->r.h.device, .snaplen = o->snaplen
	};
	snoop_init(&f->w, &f->memory, &f->sink, (uint16_t)n);
	set_ring(&f->w.ring, features, s);
	if (learn(f, vq) && !ring_flight_find(&f->found, &f->w.ring) && f->found.n)
		return f;
	flight_free(f);
	return NULL;
}

void flight_write(struct flight *f)
{
	if (!f)
		return;
	f->sink.space = aligned_alloc(8, VQT_RECORD_MAX);
	if (f->found.n > CHAINS)
		f->found.n = CHAINS;
	if (f->sink.space)
		snoop_record_flight(&f->w, &f->found);
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	ring_flight_fini(&f->found);
	snoop_fini(&f->w);
	free(f->sink.space);
	free(f);
}
