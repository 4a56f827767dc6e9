/* SPDX-License-Identifier: MIT */
/*
 * Light capture: counters and latency histograms in a map instead of records of single
 * events, so that a busy machine can be observed for a long time.
 */
#ifndef VQT_BPF_PROG_LIGHT_BPF_H
#define VQT_BPF_PROG_LIGHT_BPF_H

#include "bpf/prog/element.bpf.h"
#include "bpf/prog/used.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* VQP_TALLIES when it is wanted */
	__type(key, __u32);
	__type(value, struct vqp_tally);
} tallies SEC(".maps");

const volatile __u32 max_tallies = 1;
const volatile __u32 tally_types; /* how many are in ... */
const volatile __u32 tally_type[VQP_TYPES];

struct claim {
	struct vqp_queue *q;
	__u32 tgid;
};

static long claim_step(__u32 i, void *ctx)
{
	struct claim *c = ctx;
	struct vqp_tally *t = bpf_map_lookup_elem(&tallies, &i);

	if (!t || __sync_val_compare_and_swap(&t->owner, VQP_TALLY_FREE, VQP_TALLY_CLAIMED))
		return 0;
	t->tgid = c->tgid;
	t->dev = c->q->dev;
	t->index = c->q->index;
	__sync_lock_test_and_set(&t->owner, VQP_TALLY_USED);
	c->q->tally = i + 1;
	return 1;
}

/* A queue's counters; NULL when it is not selected or there are too many queues (reported once). */
static __noinline struct vqp_tally *tally_get(struct vqp_proc *p, struct vqp_queue *q)
{
	struct claim c = { .q = q, .tgid = bpf_get_current_pid_tgid() >> 32 };
	__u32 at;

	if (!p || !q || q->skip)
		return NULL;
	if (!q->tally) {
		bpf_loop(max_tallies, claim_step, &c, 0);
		if (!q->tally) {
			q->skip = 1;
			lose(p, q->dev, q->index, VQT_LOSS_LIMIT, 1);
			return NULL;
		}
	}
	at = q->tally - 1;
	return bpf_map_lookup_elem(&tallies, &at);
}

static long land_step(__u32 i, void *ctx)
{
	struct vqp_tally *t = *(struct vqp_tally **)ctx;

	t->began[i & (VQP_QUEUE_MAX - 1)] = 0;
	return 0;
}

/* After a reset no request is in flight.  When the queue is deleted, its other state goes too. */
static __always_inline void tally_rewind(struct vqp_queue *q, bool forget)
{
	struct vqp_tally *t;
	__u32 at = q->tally - 1;

	if (!q->tally)
		return;
	t = bpf_map_lookup_elem(&tallies, &at);
	if (!t)
		return;
	q->looked = 0;
	t->dropped += t->flight;
	t->flight = 0;
	bpf_loop(VQP_QUEUE_MAX, land_step, &t, 0);
	if (forget)
		t->owner = VQP_TALLY_GONE;
}

static __always_inline void began(struct vqp_tally *t, __u16 head, __u64 when)
{
	__u64 *at = &t->began[head & (VQP_QUEUE_MAX - 1)];

	__sync_fetch_and_add(&t->popped, 1);
	if (!*at)
		t->flight++;
	if (t->flight > t->flight_max)
		t->flight_max = t->flight;
	*at = when;
}

/* The device's position in the ring: available ring index, or slot and wrap counter (2.8.1). */
static __always_inline __u16 place(struct ring *r)
{
	return r->packed ? virtq_position(r->last, r->last_wrap) : r->last;
}

struct head_walk {
	struct ring *r;
	__u16 slot, head;
	bool wrap, found;
};

static long head_step(__u32 i, void *ctx)
{
	struct head_walk *w = ctx;
	struct vqt_desc d; /* its words 12 and 14 are id and flags here */

	if (read_user(&d, sizeof(d), (void *)(w->r->desc + virtq_desc_at(w->slot))) ||
	    (!i && !virtq_is_available(d.next, w->wrap))) {
		w->found = false;
		return 1;
	}
	w->found = true;
	w->head = d.flags;
	if (++w->slot >= w->r->num)
		w->slot = 0;
	return !(d.next & DESC_F_NEXT);
}

/* Packed: the buffer id is in the last descriptor of the list (2.8.13). */
static __always_inline bool packed_head(struct ring *r, __u16 pos, __u16 *head)
{
	struct head_walk w = { .r = r, .slot = virtq_slot(pos), .wrap = virtq_wrap(pos) };

	bpf_loop(16, head_step, &w, 0); /* a longer chain is counted, but not timed */
	if (w.found)
		*head = w.head;
	return w.found;
}

static __always_inline bool split_head(struct ring *r, __u16 pos, __u16 *head)
{
	return !driver_word(r, virtq_avail_at(pos % (r->num ?: 1)), head);
}

static __always_inline bool split_ready(struct ring *r)
{
	__u16 idx;

	return !driver_word(r, VIRTQ_RING_IDX, &idx) && idx != r->last;
}

/* --- kicks -------------------------------------------------------------------- */

/*
 * QEMU notifies itself when it begins to listen for kicks, and again whenever its block layer
 * was drained, in case it missed one (VQT_LIFECYCLE_NOTIFIER_ATTACH).  Such a notification is
 * told from a driver's by what waits then: nothing.
 */
static __noinline bool nothing_waits(struct vqp_proc *p, struct vqp_queue *q, __u64 vq)
{
	struct ring r = {};
	struct scratch *s;
	bool nothing = false;
	__u16 word;

	if (!p || !q)
		return false;
	s = scratch_get(p, q);
	if (!s)
		return false;
	if (!ring_open(&r, p, s, q, vq)) {
		if (!r.packed)
			nothing = !read_user(&word, 2, (void *)(r.driver + VIRTQ_RING_IDX)) &&
				  word == r.last;
		else
			nothing = !read_user(&word, 2,
					     (void *)(r.desc + virtq_desc_at(r.last) +
						      VIRTQ_PACKED_FLAGS)) &&
				  !virtq_is_available(word, r.last_wrap);
	}
	scratch_put(s);
	return nothing;
}

static __always_inline void light_kick_at(struct vqp_proc *p, __u64 vq, bool by_eventfd)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct vqp_tally *t = tally_get(p, q);
	bool told;

	if (!t || !q)
		return;
	told = q->told;
	q->told = 0;
	if (!told || !by_eventfd || !nothing_waits(p, q, vq))
		__sync_fetch_and_add(&t->kicks, 1);
}

static long tell_queue(__u32 i, void *data)
{
	struct rewind *w = data;
	struct vqp_key k = { .ptr = w->vq + (__u64)i * w->step, .tgid = w->tgid };
	struct vqp_queue *q = bpf_map_lookup_elem(&queues, &k);

	if (q)
		q->told = 1;
	return 0;
}

/* A lifecycle step with which QEMU may notify itself: of one queue, or of all of a device. */
static __always_inline void light_tell(struct vqp_proc *p, __u32 step, __u64 obj, struct vqp_dev *d)
{
	struct rewind w = { .step = p->vq_size, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_key v = { .ptr = d->vdev, .tgid = w.tgid };
	__u32 n;

	if (step == VQT_LIFECYCLE_NOTIFIER_ATTACH) {
		w.vq = obj;
		tell_queue(0, &w);
	}
	if (step != VQT_LIFECYCLE_IOEVENTFD_START || !v.ptr || p->vdev_vq == VQP_UNKNOWN)
		return;
	d = bpf_map_lookup_elem(&devices, &v); /* its entry counts the queues */
	n = d ? d->queues : 0;
	if (n && !read_user(&w.vq, 8, (void *)(v.ptr + p->vdev_vq)))
		bpf_loop(n < VQP_QUEUE_MAX ? n : VQP_QUEUE_MAX, tell_queue, &w, 0);
}

/* --- pops and completions ------------------------------------------------------- */

/*
 * Where the probe is at the begin of virtqueue_pop() it reads the ring before QEMU does, so QEMU may pop
 * a chain that the driver made available after the probe's read.  The position shows this at the next
 * pop, or when the chain is returned.
 */
static __always_inline void late_pop(struct vqp_queue *q, struct vqp_tally *t, struct ring *r)
{
	__u64 looked = q->looked;
	__u16 head;

	if (!looked || place(r) == q->seen)
		return;
	q->looked = 0;
	if (r->packed ? !gone_on(r, q->seen) : place(r) != (__u16)(q->seen + 1))
		return; /* un-popped, or moved by a reset or a migration */
	if (r->packed ? packed_head(r, q->seen, &head) : split_head(r, q->seen, &head))
		began(t, head, looked);
	else
		__sync_fetch_and_add(&t->popped, 1);
}

static __always_inline void light_pop_at(struct vqp_proc *p, __u64 vq)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct vqp_tally *t = tally_get(p, q);
	struct ring r = {};
	struct scratch *s;
	__u16 head = 0;

	if (!t || !q)
		return;
	s = scratch_get(p, q);
	if (!s)
		return;
	if (!ring_open(&r, p, s, q, vq)) {
		if (!r.packed)
			driver_area_read(&r);
		late_pop(q, t, &r);
		if (r.inuse < r.num && (r.packed || split_ready(&r)) &&
		    (r.packed ? packed_head(&r, place(&r), &head)
			      : split_head(&r, r.last, &head))) {
			began(t, head, bpf_ktime_get_ns());
			q->looked = 0;
		} else {
			q->seen = place(&r);
			q->looked = bpf_ktime_get_ns();
		}
	}
	scratch_put(s);
}

/* QEMU returns a chain whose pop was not seen. */
static __noinline int late_fill(struct vqp_proc *p, struct vqp_queue *q, struct vqp_tally *t,
				__u64 vq)
{
	struct ring r = {};
	struct scratch *s;

	if (!p || !q || !t)
		return 0;
	s = scratch_get(p, q);
	if (!s)
		return 0;
	if (!ring_open(&r, p, s, q, vq))
		late_pop(q, t, &r);
	scratch_put(s);
	return 0;
}

static __always_inline __u32 bucket_of(__u64 v)
{
	__u32 top = 0, bucket;

	if (v >> VQP_HIST_OCTAVES)
		return VQP_HIST_BUCKETS - 1;
	if (v < 1 << VQP_HIST_SUB_BITS)
		return v;
	for (__u32 n = 32; n; n /= 2)
		if (v >> (top + n))
			top += n;
	/* octave above the first, place in it */
	bucket = ((top - VQP_HIST_SUB_BITS + 1) << VQP_HIST_SUB_BITS) +
		 (v >> (top - VQP_HIST_SUB_BITS) & ((1 << VQP_HIST_SUB_BITS) - 1));
	/* It is less.  The verifier of Linux 6.1 does not see that. */
	barrier_var(bucket);
	return bucket < VQP_HIST_BUCKETS ? bucket : VQP_HIST_BUCKETS - 1;
}

static __always_inline __u32 group_of(struct iov *first)
{
	__u32 type;

	if (first->len < 8 || read_user(&type, 4, (void *)first->base))
		return VQP_GROUP_OTHER;
	for (__u32 i = 0; i < VQP_TYPES; i++)
		if (i < tally_types && type == tally_type[i])
			return i;
	return VQP_GROUP_OTHER;
}

/* The sum of the bytes of a request's readable buffers. */
struct lengths {
	struct scratch *s;
	__u64 sum;
};

static long length_step(__u32 i, void *ctx)
{
	struct lengths *l = ctx;
	struct iov *v;

	if (i >= l->s->e.out_num)
		return 1;
	v = iov_get(l->s, l->s->e.out_sg + sizeof(*v) * i);
	if (!v)
		return 1;
	l->sum += v->len;
	return 0;
}

/* Count the completion of the request in s->e; took: ns since it was popped, 0 unknown. */
static __noinline int light_count(struct vqp_tally *t, struct scratch *s, __u32 len, __u64 took)
{
	struct lengths out = { .s = s };
	struct vqp_group *g;
	__u32 group = VQP_GROUP_OTHER;
	struct element *e;
	struct iov *v;
	__u8 status = 0;

	if (!t || !s)
		return 0;
	e = &s->e;
	v = e->out_num ? iov_get(s, e->out_sg) : NULL;
	if (v)
		group = group_of(v);
	bpf_loop(VQP_CHAIN_MAX, length_step, &out, 0);
	v = e->in_num && e->in_num <= VQP_CHAIN_MAX
		    ? iov_get(s, e->in_sg + sizeof(*v) * (e->in_num - 1))
		    : NULL;
	if (v && v->len)
		read_user(&status, 1, (void *)(v->base + v->len - 1));
	g = &t->group[group];
	__sync_fetch_and_add(&g->used, 1);
	if (status)
		__sync_fetch_and_add(&g->errors, 1);
	__sync_fetch_and_add(&g->bytes_in, len);
	__sync_fetch_and_add(&g->bytes_out, out.sum);
	if (took) {
		__sync_fetch_and_add(&g->timed, 1);
		__sync_fetch_and_add(&g->sum, took);
		__sync_fetch_and_add(&g->bucket[bucket_of(took)], 1);
	}
	return 0;
}

static __always_inline void light_fill_at(struct vqp_proc *p, __u64 vq, __u64 elem, __u32 len,
					  bool detached)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct vqp_tally *t = tally_get(p, q);
	struct scratch *s;
	__u64 *at, took;

	if (!t || !q)
		return;
	s = scratch_get(p, q);
	if (!s)
		return;
	if (element_read(s, elem)) {
		scratch_put(s);
		lose(p, q->dev, q->index, VQT_LOSS_MEMORY, 1);
		return;
	}
	at = &t->began[s->e.index & (VQP_QUEUE_MAX - 1)];
	if (!*at && q->looked)
		late_fill(p, q, t, vq);
	took = *at ? bpf_ktime_get_ns() - *at : 0;
	if (*at && t->flight)
		t->flight--;
	*at = 0;
	if (detached)
		__sync_fetch_and_add(&t->detached, 1);
	else
		light_count(t, s, len, took);
	scratch_put(s);
}

#endif
