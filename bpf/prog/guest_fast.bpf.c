/* SPDX-License-Identifier: MIT */
/*
 * The programs for the functions that each request passes, by trampolines (fentry, fexit).  They
 * are cheaper than kprobes, and they miss less of what an interrupt does: no kprobe runs while
 * another one does, but these run inside each other, only no program inside itself.  The kernel
 * counts what is missed (recursion_misses).  They need BTF, and the modules have to be there, so
 * kprobes begin and these take over (vqg_function.fast).
 */
#include "bpf/prog/guest_call.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int fast_entry(__u64 *ctx, __u32 special, __u32 args)
{
	__u32 index = bpf_get_attach_cookie(ctx);
	const struct vqg_function *f = bpf_map_lookup_elem(&functions, &index);
	struct frame *fr = f && f->fast ? push(f, index, (__u64)ctx, 1) : NULL;

	if (!fr)
		return 0;
	for (__u32 i = 0; i < args; i++)
		bpf_get_func_arg(ctx, i, &fr->arg[i]);
	find_device(f, fr);
	if (wants_stack(f) && !fr->skip)
		take_stack(ctx, fr, bpf_get_func_ip(ctx));
	if (!fr->skip)
		enter(f, fr, special);
	return 0;
}

static __always_inline int fast_return(__u64 *ctx, __u32 special)
{
	__u32 index = bpf_get_attach_cookie(ctx);
	const struct vqg_function *f = bpf_map_lookup_elem(&functions, &index);
	struct thread *t = f ? thread_get(false) : NULL;
	struct frame *fr = t ? top(t, index, (__u64)ctx, 1) : NULL;
	__u64 ret = 0;

	if (!fr)
		return 0;
	bpf_get_func_ret(ctx, &ret);
	if (!fr->skip)
		leave(f, fr, ret, special);
	pop(t, fr);
	return 0;
}

/* The names of the programs are those of the functions, behind in_ and out_. */
#define FAST(function, special, args) \
	SEC("fentry/" #function) \
	int in_##function(__u64 *ctx) \
	{ \
		return fast_entry(ctx, special, args); \
	} \
	SEC("fexit/" #function) \
	int out_##function(__u64 *ctx) \
	{ \
		return fast_return(ctx, special); \
	}

FAST(virtio_queue_rq, VQG_QUEUE_RQ, 2)
FAST(virtio_commit_rqs, VQG_QUEUE_RQ, 1)
FAST(virtqueue_add_sgs, VQG_ADD, 2)
FAST(virtqueue_add_outbuf, VQG_ADD, 2)
FAST(virtqueue_add_inbuf_ctx, VQG_ADD, 2)
FAST(virtqueue_kick_prepare, VQG_PREPARE, 1)
FAST(vp_notify, VQG_NOTIFY, 1)
FAST(vp_notify_with_data, VQG_NOTIFY_DATA, 1)
FAST(vm_notify, VQG_NOTIFY, 1)
FAST(vm_notify_with_data, VQG_NOTIFY_DATA, 1)
FAST(vm_interrupt, VQG_MMIO_INTERRUPT, 2)
FAST(vp_vring_interrupt, VQG_SHARED, 2)
FAST(vring_interrupt, VQG_HANDLER, 2)
FAST(virtblk_done, VQG_PLAIN, 1)
FAST(virtqueue_disable_cb, VQG_CALLBACKS, 1)
FAST(virtqueue_enable_cb, VQG_CALLBACKS, 1)
FAST(virtqueue_enable_cb_prepare, VQG_CALLBACKS, 1)
FAST(virtqueue_get_buf, VQG_TAKE, 2)
FAST(virtqueue_get_buf_ctx, VQG_TAKE, 3)
