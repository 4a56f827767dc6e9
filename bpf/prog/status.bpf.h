/* SPDX-License-Identifier: MIT */
/* Samples the rings when device_status is written: one VQT_RING for each queue that is set up. */
#ifndef VQT_BPF_PROG_STATUS_BPF_H
#define VQT_BPF_PROG_STATUS_BPF_H

#include "bpf/prog/ring.bpf.h"

/* device_status in the registers of each transport: 4.1.4.3, 4.1.4.10, 4.2.2. */
static __always_inline bool is_status(__u8 region, __u32 offset)
{
	return (region == VQT_REGION_COMMON && offset == 20) ||
	       (region == VQT_REGION_LEGACY && offset == 18) ||
	       (region == VQT_REGION_MMIO && offset == 0x70);
}

struct sampled {
	struct vqp_proc *p;
	__u64 vq; /* of the device's first queue */
};

static __noinline int sample_queue(struct vqp_proc *p, struct vqp_queue *q, __u64 vq)
{
	struct scratch *s = p && q ? scratch_get(p, q) : NULL;
	struct vqt_ringstate *r;
	struct ring ring = {};
	__u16 last = 0;

	if (!s)
		return 0;
	r = (void *)s->rec;
	__builtin_memset(r, 0, sizeof(*r));
	r->why = VQT_RING_STATUS;
	if (!ring_open(&ring, p, s, q, vq)) {
		ring_snapshot(&ring);
		r->ring = s->ring;
	}
	/*
	 * If another thread serves the queue meanwhile, this sample would mix states of two times.
	 * It is not needed then: the other thread's records show the state of the ring.
	 */
	if (r->ring.known && !read_user(&last, 2, (void *)(vq + p->vq_last)) && last == ring.last) {
		hdr_begin(p, &r->h, VQT_RING, q->dev, q->index);
		emit(r, sizeof(*r));
	}
	scratch_put(s);
	return 0;
}

static long sample_step(__u32 i, void *data)
{
	struct sampled *s = data;
	struct vqp_proc *p = s->p;
	struct vqp_queue *q;
	__u64 vq, desc = 0;
	__u32 num = 0;

	if (!p)
		return 1;
	vq = s->vq + (__u64)i * p->vq_size;
	/* vring.num_default, behind vring.num, is 0 past the last queue */
	if (read_user(&num, 4, (void *)(vq + p->vq_num + 4)) || !num)
		return 1;
	if (read_user(&desc, 8, (void *)(vq + p->vq_desc)) || !desc)
		return 0;
	q = queue_get(p, vq);
	if (q && !q->skip)
		sample_queue(p, q, vq);
	return 0;
}

/* Not static: see kick(). */
__noinline int sample_rings(struct vqp_proc *p, struct vqp_dev *d)
{
	struct sampled s = { .p = p };

	if (!p || !d || !d->vdev || p->vdev_vq == VQP_UNKNOWN || p->vq_size == VQP_UNKNOWN ||
	    read_user(&s.vq, 8, (void *)(d->vdev + p->vdev_vq)) || !s.vq)
		return 0;
	bpf_loop(VQP_QUEUE_MAX, sample_step, &s, 0);
	return 0;
}

#endif
