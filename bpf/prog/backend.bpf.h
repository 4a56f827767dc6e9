/* SPDX-License-Identifier: MIT */
/*
 * What a device hands to QEMU's block layer, and the answer.  A device that submits a request of
 * a virtqueue passes the request's structure as the opaque pointer; virtqueue_pop() has made it,
 * and it begins with the VirtQueueElement.  All others (block jobs, IDE) pass something else.
 */
#ifndef VQT_BPF_PROG_BACKEND_BPF_H
#define VQT_BPF_PROG_BACKEND_BPF_H

#include "bpf/prog/used.bpf.h"

#define REQUEST_WORDS 4 /* behind the element, one of which points at the VirtQueue */
#define REQUEST_MAX 4096 /* bytes of the device's structure */

struct request {
	struct element e;
	__u64 word[REQUEST_WORDS];
};

/*
 * virtqueue_alloc_element(): the addresses and the buffers follow the structure in the same
 * block of memory, in this order.
 */
static __always_inline bool is_element(struct element *e, __u64 ptr)
{
	return e->index < VQP_QUEUE_MAX && e->out_num <= VQP_CHAIN_MAX &&
	       e->in_num <= VQP_CHAIN_MAX && e->in_addr - ptr >= sizeof(*e) &&
	       e->in_addr - ptr < REQUEST_MAX && e->out_addr == e->in_addr + 8ULL * e->in_num &&
	       e->in_sg == e->out_addr + 8ULL * e->out_num &&
	       e->out_sg == e->in_sg + 16ULL * e->in_num;
}

/*
 * The queue of the request at this address, its head and its VirtQueue; NULL: it is none, or of a
 * queue that is not recorded.
 */
static __noinline struct vqp_queue *request_queue(__u64 ptr, __u32 *head, __u64 *vq)
{
	struct vqp_key k = { .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_queue *q = NULL;
	struct request r;

	if (!head || !vq || read_user(&r, sizeof(r), (void *)ptr) || !is_element(&r.e, ptr))
		return NULL;
	/* Not in the first word: virtio-blk has a sector there, which the guest chooses. */
	for (int i = 2; i < REQUEST_WORDS + 2 && !q; i++) {
		if (i == REQUEST_WORDS)
			continue;
		k.ptr = r.word[i % REQUEST_WORDS];
		q = bpf_map_lookup_elem(&queues, &k);
	}
	*head = r.e.index;
	*vq = k.ptr;
	return q && !q->skip ? q : NULL;
}

/* The chain was popped after the probe there had looked: record it before what is done with it. */
static __noinline int catch_up(struct vqp_proc *p, struct vqp_queue *q, __u64 vq)
{
	struct scratch *s = p && q ? scratch_get(p, q) : NULL;
	struct ring r = {};

	if (!s)
		return 0;
	if (!ring_open(&r, p, s, q, vq)) {
		ring_snapshot(&r);
		missed_record(&r, q);
	}
	scratch_put(s);
	return 0;
}

/* What a record says. */
struct backend {
	__u64 request, offset, bytes;
	__s32 ret;
	__u16 head;
	__u8 op, phase;
};

/* A function of its own: the record is on the stack only while it is built. */
static __noinline int backend_emit(struct vqp_proc *p, struct vqp_queue *q, struct backend *b)
{
	struct vqt_backend r = {};

	if (!p || !q || !b)
		return 0;
	r.op = b->op;
	r.phase = b->phase;
	r.head = b->head;
	r.ret = b->ret;
	r.offset = b->offset;
	r.bytes = b->bytes;
	r.cookie = b->request;
	hdr_begin(p, &r.h, VQT_BACKEND, q->dev, q->index);
	emit(&r, sizeof(r));
	return 0;
}

static __always_inline void submit(struct vqp_proc *p, struct backend *b)
{
	struct vqp_queue *q;
	__u32 head = 0;
	__u64 vq = 0;
	__u8 *state;

	q = request_queue(b->request, &head, &vq);
	if (!q)
		return;
	state = &q->head[head & (VQP_QUEUE_MAX - 1)];
	if (!(*state & VQP_HEAD_OPEN))
		catch_up(p, q, vq);
	*state = (*state & ~VQP_HEAD_OP(~0U)) | VQP_HEAD_OP(b->op);
	b->head = head;
	backend_emit(p, q, b);
}

/* The function that the device has the block layer call. */
static __always_inline void answer(struct vqp_proc *p, __u64 request, __s32 ret)
{
	struct backend b = { .phase = 1, .ret = ret, .request = request };
	struct vqp_queue *q;
	__u32 head = 0;
	__u64 vq = 0;

	q = request_queue(request, &head, &vq);
	if (!q)
		return;
	b.op = VQP_HEAD_GET_OP(q->head[head & (VQP_QUEUE_MAX - 1)]);
	b.head = head;
	backend_emit(p, q, &b);
}

#endif
