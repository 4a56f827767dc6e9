/* SPDX-License-Identifier: MIT */
/*
 * The programs that probe the virtio drivers of a kernel: one for the entry of all functions,
 * one for their return, two for tracepoints of the block layer.  What they do at a function is
 * data (struct vqg_function).
 *
 * Only the driver writes what they read, but an interrupt may come at any time: each word is
 * read once, and every index is bounded.
 */
#include "bpf/prog/guest_call.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("kprobe")
int on_entry(struct pt_regs *ctx)
{
	__u32 index = bpf_get_attach_cookie(ctx);
	const struct vqg_function *f = bpf_map_lookup_elem(&functions, &index);
	struct frame *fr = f && !f->fast ? push(f, index, PT_REGS_SP(ctx), 0) : NULL;

	if (!fr)
		return 0;
	fr->arg[0] = PT_REGS_PARM1(ctx);
	fr->arg[1] = PT_REGS_PARM2(ctx);
	fr->arg[2] = PT_REGS_PARM3(ctx);
	fr->arg[3] = PT_REGS_PARM4(ctx);
	fr->arg[4] = PT_REGS_PARM5(ctx);
	find_device(f, fr);
	if (wants_stack(f) && !fr->skip)
		take_stack(ctx, fr, 0);
	if (!fr->skip)
		enter(f, fr, f->special);
	return 0;
}

SEC("kretprobe")
int on_return(struct pt_regs *ctx)
{
	__u32 index = bpf_get_attach_cookie(ctx);
	const struct vqg_function *f = bpf_map_lookup_elem(&functions, &index);
	struct thread *t = f ? thread_get(false) : NULL;
	struct frame *fr = t ? top(t, index, PT_REGS_SP(ctx), 0) : NULL;

	if (!fr)
		return 0;
	if (!fr->skip)
		leave(f, fr, PT_REGS_RC(ctx), f->special);
	pop(t, fr);
	return 0;
}

/* --- the block layer ---------------------------------------------------------------- */

static __noinline int request_values(struct values *v, __u64 rq)
{
	__u64 sector = 0, start = 0;
	__u32 tag = 0, len = 0, flags = 0;

	if (!v)
		return 0;
	put(v, rq);
	if (!known(shared.layout.rq_tag) || !known(shared.layout.rq_len) ||
	    !known(shared.layout.rq_flags) || !known(shared.layout.rq_sector) ||
	    !known(shared.layout.rq_start))
		return 0;
	read_kernel(&tag, 4, rq + shared.layout.rq_tag);
	read_kernel(&len, 4, rq + shared.layout.rq_len);
	read_kernel(&flags, 4, rq + shared.layout.rq_flags);
	read_kernel(&sector, 8, rq + shared.layout.rq_sector);
	read_kernel(&start, 8, rq + shared.layout.rq_start);
	put(v, tag);
	put(v, flags);
	put(v, sector);
	put(v, len);
	put(v, start);
	return 0;
}

static __noinline int request_record(struct bpf_raw_tracepoint_args *ctx, __u32 what, __u64 error)
{
	__u64 rq = ctx->args[0];
	struct vqg_function f = { .what = what };
	struct frame fr = { .queue = VQT_NO_QUEUE };
	struct block_queue *b;
	struct values v = {};
	__u64 q = 0, hctx = 0;
	__u32 num = 0;

	if (!known(shared.layout.rq_q) || read_kernel(&q, 8, rq + shared.layout.rq_q))
		return 0;
	b = bpf_map_lookup_elem(&block_queues, &q);
	if (!b || b->data != pointer_at(q, shared.layout.q_data))
		return 0;
	fr.dev = b->dev;
	hctx = pointer_at(rq, shared.layout.rq_hctx);
	if (hctx && known(shared.layout.hctx_num) &&
	    !read_kernel(&num, 4, hctx + shared.layout.hctx_num))
		fr.queue = num;
	request_values(&v, rq);
	if (wants_stack(&f))
		take_stack(ctx, &fr, 0);
	guest_record(&f, &fr, VQT_GUEST_POINT, error, &v);
	return 0;
}

SEC("raw_tp/block_rq_issue")
int on_rq_issue(struct bpf_raw_tracepoint_args *ctx)
{
	return request_record(ctx, VQT_GUEST_RQ_ISSUE, 0);
}

SEC("raw_tp/block_rq_complete")
int on_rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	return request_record(ctx, VQT_GUEST_RQ_COMPLETE, (__u32)ctx->args[1]);
}
