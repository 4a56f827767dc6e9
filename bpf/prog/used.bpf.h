/* SPDX-License-Identifier: MIT */
/* Completions: reads what QEMU returns to the driver from its VirtQueueElement. */
#ifndef VQT_BPF_PROG_USED_BPF_H
#define VQT_BPF_PROG_USED_BPF_H

#include "bpf/prog/chain.bpf.h"
#include "bpf/prog/element.bpf.h"

/* --- completion ------------------------------------------------------------ */

struct sgs {
	struct scratch *s;
	__u64 sg;
	__u32 count, first, all;
};

static long sg_step(__u32 i, void *ctx)
{
	struct sgs *g = ctx;
	struct scratch *s = g->s;
	struct iov *v;
	__u32 n;

	if (i >= g->count || !s->left)
		return 1;
	v = iov_get(s, g->sg + sizeof(*v) * i);
	if (!v)
		return 1;
	n = v->len < s->left ? v->len : s->left;
	s->left -= n;
	/*
	 * A last buffer of one byte is the status byte, which the record has in a field of its own.
	 */
	if (!n || (!g->all && i + 1 == g->count && v->len == 1))
		return 0;
	if (n > s->w.snaplen)
		n = s->w.snaplen;
	return seg_append(s, g->first + i, v->base, n) == -1;
}

#define SG_MAX VQP_CHAIN_MAX

/*
 * Record buffers that could not be read when the chain was popped, through QEMU's mapping of
 * them.
 */
static __noinline int data_record(struct vqp_proc *p, struct vqp_queue *q, struct scratch *s,
				  __u32 shift)
{
	struct sgs g = {};
	struct vqt_data *d;
	struct element *e;

	if (!p || !q || !s)
		return 0;
	e = &s->e;
	g.s = s;
	s->pos = sizeof(struct vqt_data);
	s->room = REC_ROOM;
	s->w.snaplen = p->snaplen;
	g.sg = e->out_sg;
	g.count = e->out_num;
	g.first = shift;
	s->left = ~0ULL;
	s->segs = 0;
	g.all = 1;
	bpf_loop(g.count < SG_MAX ? g.count : SG_MAX, sg_step, &g, 0);
	d = (void *)s->rec;
	__builtin_memset(d, 0, sizeof(*d));
	d->head = e->index;
	d->nseg = s->segs;
	hdr_begin(p, &d->h, VQT_DATA, q->dev, q->index);
	scratch_emit(s);
	return 0;
}

struct element_walk {
	struct scratch *s;
	__u32 n;
};

static long element_step(__u32 i, void *ctx)
{
	struct element_walk *w = ctx;
	struct scratch *s = w->s;
	struct element *e = &s->e;
	__u32 in = i >= e->out_num, k = in ? i - e->out_num : i;
	struct vqt_desc *d = (void *)(s->rec + ((REC_DESC + 16 * i) & (VQP_REC_MAX - 8)));
	struct iov v = {};

	if (k >= (in ? e->in_num : e->out_num))
		return 1;
	if (read_user(&d->addr, 8, (void *)((in ? e->in_addr : e->out_addr) + 8ULL * k)) ||
	    read_user(&v, sizeof(v), (void *)((in ? e->in_sg : e->out_sg) + 16ULL * k)))
		return 1;
	d->len = v.len;
	d->flags = (in ? DESC_F_WRITE : 0) | (i + 1 < e->out_num + e->in_num ? DESC_F_NEXT : 0);
	d->next = i + 1;
	w->n = i + 1;
	return 0;
}

/*
 * Record a chain that was not read from guest memory, or whose indirect table was not (then
 * `shift` descriptors were read).  Its descriptors are derived from QEMU's parsed copy.
 */
static __noinline int derived_record(struct ring *r, struct vqp_queue *q, __u32 shift)
{
	struct element_walk w = {};
	struct vqt_avail *a;
	__u32 n;

	if (!r || !q)
		return 0;
	w.s = r->s;
	bpf_loop(VQP_CHAIN_MAX, element_step, &w, 0);
	a = (void *)w.s->rec;
	__builtin_memset(a, 0, sizeof(*a));
	a->ring = w.s->ring;
	a->head = w.s->e.index;
	a->flags = VQT_CHAIN_DERIVED | (shift ? 0 : VQT_CHAIN_LATE);
	a->first = shift;
	a->pos = w.s->ring.last_avail;
	n = w.n < VQP_CHAIN_MAX ? w.n : VQP_CHAIN_MAX;
	a->ndesc = n;
	a->ndirect = shift ?: n;
	hdr_begin(r->p, &a->h, VQT_AVAIL, q->dev, q->index);
	emit(w.s->rec, (REC_DESC + 16 * n) & (VQP_REC_MAX - 1));
	return 0;
}

/*
 * The host and guest addresses of a readable buffer show where guest memory is mapped.  A function of its own
 * for the sake of fill()'s stack, to which that of late chains is added.
 */
static __noinline int learn_element(struct scratch *s)
{
	struct iov v;
	__u64 gpa;

	if (s && s->e.out_num && !read_user(&gpa, 8, (void *)s->e.out_addr) &&
	    !read_user(&v, sizeof(v), (void *)s->e.out_sg))
		learn(gpa, v.base, v.len);
	return 0;
}

static __always_inline void used_record(struct ring *r, struct vqp_queue *q, __u32 len, __u32 idx,
					__u16 flags, __u32 shift)
{
	struct scratch *s = r->s;
	struct element *e = &s->e;
	struct vqt_used *u = (void *)s->rec;
	struct sgs g = {};
	struct iov *last = NULL;
	__u8 status = 0;

	g.s = s;
	s->pos = sizeof(*u);
	s->room = REC_ROOM;
	s->w.snaplen = r->p->snaplen;
	g.sg = e->in_sg;
	g.count = e->in_num;
	g.first = shift + e->out_num;
	s->left = len;
	s->segs = 0;
	if (s->w.snaplen && e->in_num && e->in_num <= VQP_CHAIN_MAX)
		bpf_loop(g.count < SG_MAX ? g.count : SG_MAX, sg_step, &g, 0);
	if (e->in_num && e->in_num <= VQP_CHAIN_MAX)
		last = iov_get(s, e->in_sg + sizeof(*last) * (e->in_num - 1));
	if (last && last->len && !read_user(&status, 1, (void *)(last->base + last->len - 1)))
		flags |= VQT_USED_STATUS;
	__builtin_memset(u, 0, sizeof(*u));
	u->ring = s->ring;
	u->len = len;
	u->id = e->index;
	u->pos = r->used + idx;
	if (r->packed)
		u->pos = virtq_advance(virtq_position(r->used, r->used_wrap), idx, r->num);
	u->flags = flags;
	u->status = status;
	u->nseg = s->segs;
	hdr_begin(r->p, &u->h, VQT_USED, q->dev, q->index);
	scratch_emit(s);
}

static __always_inline void fill(struct vqp_proc *p, __u64 vq, __u64 elem, __u32 len, __u32 idx,
				 __u32 detached)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct ring r = {};
	struct scratch *s;
	__u8 state, shift;
	__u32 head;

	if (!q || q->skip)
		return;
	s = scratch_get(p, q);
	if (!s)
		return;
	if (element_read(s, elem)) {
		scratch_put(s);
		lose(p, q->dev, q->index, VQT_LOSS_MEMORY, 1);
		return;
	}
	head = s->e.index & (VQP_QUEUE_MAX - 1);
	if (!ring_open(&r, p, s, q, vq)) {
		ring_snapshot(&r);
		if (!(q->head[head] & VQP_HEAD_OPEN))
			missed_record(&r, q);
	}
	state = q->head[head];
	q->head[head] = 0;
	shift = state & VQP_HEAD_INDIRECT ? 1 : 0;
	if (!(state & VQP_HEAD_OPEN))
		derived_record(&r, q, 0);
	else if (state & VQP_HEAD_NO_TABLE)
		derived_record(&r, q, shift);
	if (p->snaplen && (state & VQP_HEAD_UNREAD || !(state & VQP_HEAD_OPEN))) {
		data_record(p, q, s, shift);
		if (!(r.features & FEATURE_PLATFORM))
			learn_element(s);
	}
	used_record(&r, q, len, idx,
		    detached ? VQT_USED_DETACHED
		    : idx    ? VQT_USED_BATCHED
			     : 0,
		    shift);
	scratch_put(s);
}

#endif
