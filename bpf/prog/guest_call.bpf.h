/* SPDX-License-Identifier: MIT */
/* What is done when a function of the drivers is entered and left, whatever kind of probe saw it. */
#ifndef VQT_BPF_PROG_GUEST_CALL_BPF_H
#define VQT_BPF_PROG_GUEST_CALL_BPF_H

#include "bpf/prog/guest_ring.bpf.h"
#include "bpf/prog/guest_stack.bpf.h"

/* --- VQT_GUEST ----------------------------------------------------------------- */

/* Append a number of arguments, then the name if the function has no number, and send the record. */
static __noinline int guest_record(const struct vqg_function *f, struct frame *fr, __u32 phase,
				   __u64 ret, struct values *v)
{
	struct scratch *s;
	struct vqt_guest *g;
	__u32 pos = sizeof(*g), n;

	if (!f || !fr || !v)
		return 0;
	s = scratch_get();
	if (!s)
		return lose(fr, VQT_LOSS_LIMIT, 1);
	n = v->n < VQT_GUEST_ARGS ? v->n : VQT_GUEST_ARGS;
	g = (void *)s->rec;
	__builtin_memset(g, 0, sizeof(*g));
	g->what = f->what;
	g->phase = phase;
	g->nargs = n;
	g->ret = ret;
	for (__u32 i = 0; i < VQT_GUEST_ARGS; i++)
		if (i < n)
			*(__u64 *)(s->rec + sizeof(*g) + 8 * i) = v->value[i];
	pos += 8 * n;
	g->function = f->number;
	if (!f->number) {
		g->len = f->name_len < VQG_NAME ? f->name_len : VQG_NAME;
		__builtin_memcpy(s->rec + (pos & 0xff), f->name, VQG_NAME);
	}
	hdr_begin(&g->h, VQT_GUEST, fr->dev, fr->queue);
	pos = (pos + g->len) & 0xff;
	pos += put_stack((void *)(s->rec + pos), fr, &g->h);
	emit(s->rec, pos);
	scratch_put(s);
	return 0;
}

/* --- register accesses ----------------------------------------------------------- */

static __always_inline void register_record(struct frame *fr, __u8 region, __u8 op, __u8 width,
					    __u32 offset, __u64 value)
{
	WITH_STACK(vqt_reg) x = {};

	x.r.region = region;
	x.r.op = op;
	x.r.width = width;
	x.r.flags = VQT_REG_DERIVED;
	x.r.offset = offset;
	x.r.value = width < 8 ? value & ((1ULL << (8 * width)) - 1) : value;
	hdr_begin(&x.r.h, VQT_REG, fr->dev, VQT_NO_QUEUE);
	emit(&x, sizeof(x.r) + put_stack(&x.stack, fr, &x.r.h));
}

/* Those whose values are known at the entry, up to the first that is not; the rest at the return. */
static __noinline int register_records(const struct vqg_function *f, struct frame *fr, __u64 ret,
				       __u32 at_return)
{
	if (!f || !fr)
		return 0;
	for (int i = 0; i < VQG_ACCESSES; i++) {
		const struct vqg_access *a = &f->access[i];
		__u64 value = a->n;

		if (!a->region)
			break;
		if (a->at_return != at_return)
			continue;
		if (a->from == VQG_FROM_ARG || a->from == VQG_FROM_ARG_HIGH)
			value = fr->arg[a->n < ARGS ? a->n : 0];
		if (a->from == VQG_FROM_RET || a->from == VQG_FROM_RET_HIGH)
			value = ret;
		if (a->from == VQG_FROM_ARG_HIGH || a->from == VQG_FROM_RET_HIGH)
			value >>= 32;
		register_record(fr, a->region, a->op, a->width, a->offset, value);
	}
	return 0;
}

/* vp_get(vdev, offset, buf, len), vp_set: device configuration, 4.1.4.6. */
static __noinline int config_record(struct frame *fr, __u32 op)
{
	__u64 value = 0;
	__u32 len, legacy = 0;

	if (!fr)
		return 0;
	len = fr->arg[3];
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return 0;
	if (read_kernel(&value, 8, fr->arg[2]))
		return 0;
	if (fr->vdev && known(shared.layout.vpd_legacy))
		read_kernel(&legacy, 1, fr->vdev + shared.layout.vpd_legacy);
	/* a legacy device's configuration is read a byte at a time, behind its registers */
	if (legacy)
		return 0;
	register_record(fr, VQT_REGION_DEVICE, op, len < 8 ? len : 4, fr->arg[1], value);
	if (len == 8)
		register_record(fr, VQT_REGION_DEVICE, op, 4, fr->arg[1] + 4, value >> 32);
	return 0;
}

/* --- functions that have more to tell ----------------------------------------------- */

/* virtio_dev_probe: the features that the driver wants, from its table.  False: unknown. */
static __noinline bool wanted_features(__u64 vdev, __u64 *wanted)
{
	__u64 drv = 0, table = 0;
	__u32 n = 0;

	if (!wanted || !vdev || !known(shared.layout.dev_driver) ||
	    !known(shared.layout.drv_features) ||
	    read_kernel(&drv, 8, vdev + shared.layout.vdev_dev + shared.layout.dev_driver) || !drv)
		return false;
	drv -= shared.layout.drv_driver;
	if (read_kernel(&table, 8, drv + shared.layout.drv_features) ||
	    read_kernel(&n, 4, drv + shared.layout.drv_nfeatures))
		return false;
	for (__u32 i = 0; i < 96; i++) {
		__u32 bit = 0;

		if (i >= n || read_kernel(&bit, 4, table + 4 * i))
			break;
		if (bit < 64)
			*wanted |= 1ULL << bit;
	}
	return true;
}

static __always_inline void put_offered(struct values *v, const struct frame *fr)
{
	const struct vqg_device *d = bpf_map_lookup_elem(&devices, &fr->parent);

	put_known(v, d && d->has_offered, d ? d->offered : 0);
}

static __always_inline void put_u32(struct values *v, __u64 base, __u16 offset)
{
	__u32 value = 0;
	bool is_known = known(offset) && !read_kernel(&value, 4, base + offset);

	put_known(v, is_known, value);
}

static __always_inline void put_u64(struct values *v, __u64 base, __u16 offset)
{
	__u64 value = 0;
	bool is_known = known(offset) && !read_kernel(&value, 8, base + offset);

	put_known(v, is_known, value);
}

/* What the device offers, as the function found it; 0 if that is unknown. */
static __noinline __u64 features_read(const struct vqg_function *f, struct frame *fr, __u64 ret)
{
	if (!f || !fr)
		return 0;
	if (f->gives == VQG_GIVES_ARG1 && read_kernel(&ret, 8, fr->arg[1]))
		return 0;
	if (f->gives == VQG_GIVES_UNKNOWN)
		return 0;
	device_offers(fr->parent, ret);
	return ret;
}

/* A queue of the block layer whose driver is virtio_blk: its requests are recorded. */
static __noinline int learn_block_queue(struct frame *fr, __u64 hctx)
{
	struct block_queue b = {}, *old;
	__u64 q = pointer_at(hctx, shared.layout.hctx_queue);
	__u32 num = 0;

	if (!fr || !q)
		return 0;
	if (known(shared.layout.hctx_num) && !read_kernel(&num, 4, hctx + shared.layout.hctx_num))
		fr->queue = num;
	b.dev = fr->dev;
	b.data = pointer_at(q, shared.layout.q_data);
	old = bpf_map_lookup_elem(&block_queues, &q);
	if (b.data && (!old || old->data != b.data || old->dev != b.dev))
		bpf_map_update_elem(&block_queues, &q, &b, BPF_ANY);
	return 0;
}

/* --- entry and return ------------------------------------------------------------------ */

/*
 * special: f->special, or a constant of the same value, with which the compiler leaves out the
 * rest.
 */
static __always_inline int enter(const struct vqg_function *f, struct frame *fr, __u32 special)
{
	struct values v = {};

	if (!f || !fr)
		return 0;
	switch (special) {
	case VQG_REGISTERS: register_records(f, fr, 0, 0); break;
	case VQG_CONFIG_SET: config_record(fr, VQT_WRITE); break;
	case VQG_ADD:
		fr->entered = bpf_ktime_get_ns();
		remember_positions(fr);
		break;
	case VQG_TAKE:
	case VQG_PREPARE: remember_positions(fr); break;
	case VQG_NOTIFY: kick_record(fr, 0); break;
	case VQG_NOTIFY_DATA: kick_record(fr, 1); break;
	case VQG_FORGET: forget_chains(fr); break;
	case VQG_HANDLER:
		/* a shared vector: of the queues only those that have something */
		if (fr->above == VQG_SHARED && !has_used(fr))
			fr->skip = 1;
		else
			irq_record(fr, VQT_IRQ_HANDLER);
		break;
	case VQG_CONFIG_HANDLER: irq_record(fr, VQT_IRQ_CONFIG_HANDLER); break;
	case VQG_QUEUE_RQ: learn_block_queue(fr, fr->hctx); break;
	case VQG_PROBE: put_offered(&v, fr); break;
	case VQG_TAG_SET:
		put_u32(&v, fr->arg[0], shared.layout.set_queues);
		put_u32(&v, fr->arg[0], shared.layout.set_depth);
		put_u32(&v, fr->arg[0], shared.layout.set_node);
		break;
	}
	if (f->flags & (VQG_SILENT | VQG_ONLY_RETURN) || fr->skip)
		return 0;
	for (__u32 i = 0; i < ARGS; i++)
		if (i < f->nargs)
			put(&v, fr->arg[f->arg[i] < ARGS ? f->arg[i] : 0]);
	guest_record(f, fr, VQT_GUEST_ENTRY, 0, &v);
	return 0;
}

static __always_inline int leave(const struct vqg_function *f, struct frame *fr, __u64 ret,
				 __u32 special)
{
	struct values v = {};
	__u64 wanted = 0;
	bool is_known;

	if (!f || !fr)
		return 0;
	switch (special) {
	case VQG_REGISTERS: register_records(f, fr, ret, 1); break;
	case VQG_CONFIG_GET: config_record(fr, VQT_READ); break;
	case VQG_ADD:
		if (!(int)ret)
			avail_record(fr);
		break;
	case VQG_TAKE:
		if (ret && fr->above != VQG_TAKE)
			used_record(fr);
		break;
	case VQG_FEATURES: ret = features_read(f, fr, ret); break;
	case VQG_PREPARE: prepare_values(fr, &v); break;
	case VQG_CALLBACKS: callback_values(fr, &v); break;
	case VQG_PROBE:
		put_offered(&v, fr);
		is_known = wanted_features(fr->vdev, &wanted);
		put_known(&v, is_known, wanted);
		put_u64(&v, fr->vdev, shared.layout.vdev_features);
		break;
	case VQG_TAG_SET: put_u32(&v, fr->arg[0], shared.layout.set_queues); break;
	}
	if (!(f->flags & VQG_SILENT))
		guest_record(f, fr, VQT_GUEST_RETURN, ret, &v);
	if (special == VQG_DELETE)
		bpf_map_delete_elem(&devices, &fr->parent);
	return 0;
}

/*
 * Stacks are not larger, so what is farther away is on another one: an interrupt has its own.
 * Another stack's frames tell nothing of this one's.
 */
#define STACK 0x4000

/*
 * Whether a function that was entered before has called this one, which is entered at `at`; one
 * that it jumps to as its last step is at the same place.
 */
static __always_inline bool calls(const struct frame *up, __u32 index, __u32 at)
{
	__u32 below = up->at - at;

	return below ? below < STACK : up->function != index;
}

/* Whether it has left, unseen: another function is entered at its place, or above it. */
static __always_inline bool has_left(const struct frame *up, __u32 index, __u32 at)
{
	__u32 above = at - up->at;

	return above ? above < STACK : up->function == index;
}

static __always_inline struct frame *frame_nth(struct thread *t, __u32 n)
{
	barrier_var(n); /* the verifier has to see the mask, needed or not */
	return &t->frame[n & (VQG_FRAMES - 1)];
}

#define DROPPED 4 /* frames at a time: the verifier follows each, and more are dropped next time */

/* The frames of a thread without those on top whose functions have left. */
static __always_inline __u32 live_frames(struct thread *t, __u32 index, __u32 at)
{
	__u32 depth = t->depth;

	for (int i = 0; i < DROPPED && depth; i++) {
		if (!has_left(frame_nth(t, depth - 1), index, at))
			break;
		depth--;
	}
	return depth;
}

/*
 * The thread, with room for one more frame.  Its depth is raised before its new frame is filled,
 * so the frames of an interrupt lie above it.  An interrupt between reading and raising the depth
 * removes the thread from the map; then try again.
 */
static __always_inline struct thread *deepen(bool inside, __u32 index, __u32 at, __u32 *depth)
{
	for (int i = 0; i < 3; i++) {
		struct thread *t = thread_get(!inside);
		__u32 live;

		if (!t)
			return NULL;
		live = live_frames(t, index, at);
		if (inside && (!live || !calls(frame_nth(t, live - 1), index, at)))
			return NULL;
		if (live != t->depth)
			count(VQG_MISSED, t->depth - live);
		*depth = live;
		if (live >= VQG_FRAMES) {
			count(VQG_MISSED, 1);
			return NULL;
		}
		/* an interrupt looks at what is on top */
		*(volatile __u32 *)&frame_nth(t, live)->at = at;
		*(volatile __u32 *)&t->depth = live + 1;
		if (live || thread_get(false) == t)
			return t;
	}
	count(VQG_MISSED, 1);
	return NULL;
}

/* A thread enters a function: its frame, with the arguments to be filled in; NULL: not followed. */
static __always_inline struct frame *push(const struct vqg_function *f, __u32 index, __u32 at,
					  __u8 fast)
{
	__u32 depth;
	struct thread *t = deepen(f->flags & VQG_INSIDE, index, at, &depth);
	struct frame *fr, *up;

	if (!t)
		return NULL;
	fr = frame_nth(t, depth);
	__builtin_memset(fr, 0, sizeof(*fr));
	fr->function = index;
	fr->depth = depth;
	fr->at = at;
	fr->fast = fast;
	fr->special = f->special;
	fr->queue = VQT_NO_QUEUE;
	up = frame_nth(t, depth - 1);
	if (!depth || !calls(up, index, at))
		return fr;
	fr->above = up->special;
	if (f->object == VQG_NOTHING) {
		fr->dev = up->dev;
		fr->parent = up->parent;
		fr->queue = up->queue;
		fr->skip = up->skip;
	}
	return fr;
}

/*
 * How far the stack pointer at the return may be above that at the entry: the return address is
 * gone, and that of ftrace may lie below it.
 */
#define RETURNED 16

/*
 * The thread is about to leave the function: its frame, until pop(); NULL: its entry was not seen.
 * What lies above it has left, unseen.
 */
static __always_inline struct frame *top(struct thread *t, __u32 index, __u32 at, __u8 fast)
{
	for (__u32 i = 0; i < VQG_FRAMES; i++) {
		__u32 n = t->depth - 1 - i;
		struct frame *fr;

		if (n >= VQG_FRAMES)
			return NULL;
		fr = frame_nth(t, n);
		if (fr->function != index || fr->fast != fast ||
		    at - fr->at > (fast ? 0 : RETURNED))
			continue;
		t->depth = n + 1;
		if (i)
			count(VQG_MISSED, i);
		return fr;
	}
	return NULL;
}

/* It has left it. */
static __always_inline void pop(struct thread *t, const struct frame *fr)
{
	*(volatile __u32 *)&t->depth = fr->depth;
	thread_put(t);
}

#endif
