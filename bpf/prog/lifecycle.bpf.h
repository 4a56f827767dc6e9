/* SPDX-License-Identifier: MIT */
/* Lifecycle probes: find the device and queue that a step belongs to, and record its arguments. */
#ifndef VQT_BPF_PROG_LIFECYCLE_BPF_H
#define VQT_BPF_PROG_LIFECYCLE_BPF_H

#include "bpf/prog/call.bpf.h"
#include "bpf/prog/device.bpf.h"
#include "bpf/prog/light.bpf.h"
#include "bpf/prog/ring.bpf.h"

#define STATUS_DRIVER_OK 4 /* 2.1 */

struct lifecycle_text {
	struct vqt_lifecycle r;
	char text[128];
};

/*
 * A new virtio device may be at the address of a freed object of another type: delete the
 * negative entry of that address, so that the device is identified.
 */
static __always_inline void reconsider(__u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k);

	if (d && !d->id && is_virtio(obj))
		bpf_map_delete_elem(&devices, &k);
}

/*
 * QEMU begins to create a proxy: what was known at its address was of a freed object.  QEMU
 * also creates objects only to list their properties, and frees them without any step that
 * could be probed: the next one there gets the same id, so that they do not use up the ids.
 */
static __always_inline struct vqp_dev *object_begins(struct vqp_proc *p, __u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k);

	if (d && d->id && d->begun) {
		d->skip = 0;
		device_say(p, d->id, obj, 0);
		return d;
	}
	if (d) {
		struct vqp_key v = { .ptr = d->vdev, .tgid = k.tgid };

		if (d->id && d->vdev)
			bpf_map_delete_elem(&devices, &v);
		bpf_map_delete_elem(&devices, &k);
	}
	d = proxy_get(p, obj);
	if (d)
		d->begun = 1;
	return d;
}

/* The same; it may have begun already, in a call that is still open. */
static __always_inline struct vqp_dev *object_made(struct vqp_proc *p, __u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = with_calls ? bpf_map_lookup_elem(&devices, &k) : NULL;

	if (d && d->id && d->begun && call_device() == d->id)
		return d;
	return object_begins(p, obj);
}

/*
 * QEMU removes an object from its tree.  A device that was set up (virtio_init) is still
 * to be unplugged and ends with virtio_cleanup; one that could not be realized ends here.
 */
static __always_inline void object_ends(struct vqp_proc *p, __u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k);
	struct vqp_key v = { .tgid = k.tgid };
	__u64 vq = 0;

	if (!d || !d->id || p->vdev_vq == VQP_UNKNOWN)
		return;
	v.ptr = d->vdev;
	if (v.ptr && (read_user(&vq, 8, (void *)(v.ptr + p->vdev_vq)) || vq))
		return;
	device_say(p, d->id, obj, VQT_DEV_GONE);
	bpf_map_delete_elem(&devices, &v);
	bpf_map_delete_elem(&devices, &k);
}

/* enum vqt_lifecycle_what */
static __always_inline __u32 step_of(__u64 cookie)
{
	return cookie >> 48 & 0xff;
}

/* The device that a lifecycle probe's object belongs to; NULL when it is not a virtio device. */
static __always_inline struct vqp_dev *lifecycle_dev(struct vqp_proc *p, __u64 cookie, __u64 obj,
						     __u16 *queue)
{
	__u32 kind = cookie & VQP_OBJ_KINDS;
	struct vqp_dev *d;
	struct vqp_queue *q;
	__u64 parent;

	switch (kind) {
	case VQP_OBJ_VDEV: return vdev_get(p, obj);
	case VQP_OBJ_PCI: return proxy_get(p, obj);
	case VQP_OBJ_QDEV: /* a virtio device inside its proxy, or the proxy */
		if (step_of(cookie) == VQT_LIFECYCLE_INSTANCE_INIT)
			return object_made(p, obj);
		if (!read_user(&parent, 8, (void *)(obj + QOM_OBJECT_PARENT)) && parent &&
		    is_virtio(parent))
			return vdev_get(p, obj);
		if (is_virtio(obj) && is_vdev(obj))
			return vdev_get(p, obj);
		reconsider(obj);
		d = proxy_get(p, obj);
		if (d)
			d->begun = 0;
		return d;
	case VQP_OBJ_BUS:
		if (read_user(&parent, 8, (void *)(obj + QOM_BUS_PARENT)))
			return NULL;
		return proxy_get(p, parent);
	case VQP_OBJ_VQ:
		q = queue_get(p, obj);
		if (!q)
			return NULL;
		*queue = q->index;
		return vdev_get(p, q->vdev);
	}
	return NULL;
}

/* Whether the queue exists: vring.num_default, which follows vring.num, is not 0. */
static __always_inline bool queue_exists(struct vqp_proc *p, struct vqp_dev *d, __u16 queue)
{
	__u32 num = 1;
	__u64 vq;

	if (!d->vdev || p->vdev_vq == VQP_UNKNOWN || p->vq_size == VQP_UNKNOWN ||
	    read_user(&vq, 8, (void *)(d->vdev + p->vdev_vq)))
		return true;
	vq += (__u64)queue * p->vq_size + p->vq_num + 4;
	read_user(&num, 4, (void *)vq);
	return num != 0;
}

static long rewind_queue(__u32 i, void *data)
{
	struct rewind *w = data;
	struct vqp_key k = { .ptr = w->vq + (__u64)i * w->step, .tgid = w->tgid };
	struct vqp_queue *q = bpf_map_lookup_elem(&queues, &k);

	if (q)
		tally_rewind(q, w->forget);
	if (q && w->forget)
		bpf_map_delete_elem(&queues, &k);
	else if (q)
		q->valid = q->none = 0;
	return 0;
}

static __always_inline void lifecycle_after(struct vqp_proc *p, struct vqp_dev *d, __u32 flags,
					    __u16 queue)
{
	struct rewind w = { .step = p->vq_size, .forget = flags & VQP_LIFECYCLE_FORGET };
	__u32 n = d->queues;

	w.tgid = bpf_get_current_pid_tgid() >> 32;
	if (d->vdev && p->vdev_vq != VQP_UNKNOWN &&
	    !read_user(&w.vq, 8, (void *)(d->vdev + p->vdev_vq))) {
		if (queue != VQT_NO_QUEUE && !w.forget)
			rewind_queue(queue, &w);
		else
			bpf_loop(n < VQP_QUEUE_MAX ? n : VQP_QUEUE_MAX, rewind_queue, &w, 0);
	}
	if (w.forget) {
		struct vqp_key v = { .ptr = d->vdev, .tgid = w.tgid };
		struct vqp_key x = { .ptr = d->proxy, .tgid = w.tgid };

		bpf_map_delete_elem(&devices, &v);
		bpf_map_delete_elem(&devices, &x);
	}
}

/* The device reports a configuration change: it is an interrupt if the driver is ready. */
static __always_inline void config_irq(struct vqp_proc *p, struct vqp_dev *d, __u64 vdev)
{
	struct vqt_irq r = { .kind = VQT_IRQ_CONFIG, .vector = VQT_NO_VECTOR };
	__u8 status = STATUS_DRIVER_OK;

	/* QEMU does not notify a driver that has not set DRIVER_OK. */
	if (p->vdev_status != VQP_UNKNOWN)
		read_user(&status, 1, (void *)(vdev + p->vdev_status));
	if (!(status & STATUS_DRIVER_OK))
		return;
	if (p->vdev_config_vector != VQP_UNKNOWN)
		read_user(&r.vector, 2, (void *)(vdev + p->vdev_config_vector));
	hdr_begin(p, &r.h, VQT_IRQ, d ? d->id : 0, VQT_NO_QUEUE);
	emit(&r, sizeof(r));
}

/* A step's numbers are in slots 1 to 3 of the cookie; a text, if any, takes slot 1. */
static __always_inline void lifecycle_args(struct pt_regs *ctx, __u64 cookie,
					   struct vqt_lifecycle *r)
{
	if (cookie & VQP_LIFECYCLE_TEXT) {
		if (has_arg(cookie, 2))
			r->arg[0] = arg(ctx, cookie, 2);
		return;
	}
	if (has_arg(cookie, 1))
		r->arg[0] = arg(ctx, cookie, 1);
	if (has_arg(cookie, 2))
		r->arg[1] = arg(ctx, cookie, 2);
	if (has_arg(cookie, 3))
		r->arg[2] = arg(ctx, cookie, 3);
}

/* Address of a step's text in the process; 0 if none. */
static __always_inline __u64 lifecycle_text_of(struct pt_regs *ctx, __u64 cookie, __u64 obj)
{
	__u64 text = 0;

	if (step_of(cookie) == VQT_LIFECYCLE_TYPE_REGISTER) {
		/* VirtioPCIDeviceTypeInfo: base_name, generic_name */
		if (read_user(&text, 8, (void *)(obj + 8)) || !text)
			read_user(&text, 8, (void *)obj);
		return text;
	}
	if (step_of(cookie) == VQT_LIFECYCLE_CLASS_INIT) { /* ObjectClass: type; TypeImpl: name */
		if (read_user(&text, 8, (void *)obj) || !text || read_user(&text, 8, (void *)text))
			return 0;
		return text;
	}
	if (cookie & VQP_LIFECYCLE_TYPENAME)
		return typename_of(obj);
	return cookie & VQP_LIFECYCLE_TEXT ? arg(ctx, cookie, 1) : 0;
}

/* A function has at most five arguments: device and queue in one. */
static __always_inline __u32 place_of(__u16 dev, __u16 queue)
{
	return (__u32)dev << 16 | queue;
}

static __noinline int lifecycle_emit(struct pt_regs *ctx, struct vqp_proc *p, __u64 cookie,
				     __u64 obj, __u32 place)
{
	__u16 dev = place >> 16, queue = place;
	struct lifecycle_text *l;
	struct scratch *s;
	__u64 text, n = 0;
	long len = 0;

	if (!ctx || !p)
		return 0;
	s = scratch_for(p, dev, queue);
	if (!s)
		return 0;
	l = (void *)s->rec;
	__builtin_memset(l, 0, sizeof(*l));
	text = lifecycle_text_of(ctx, cookie, obj);
	l->r.what = step_of(cookie);
	lifecycle_args(ctx, cookie, &l->r);
	if (text)
		len = read_user_str(l->text, sizeof(l->text), (void *)text);
	n = len > 1 ? len - 1 : 0;
	n &= sizeof(l->text) - 1; /* for the verifier */
	l->r.len = n;
	if (cookie >> 48 & VQP_AUX_CALL)
		call_begins(PT_REGS_SP(ctx), dev, VQP_COOKIE_NAME(cookie));
	else if (cookie >> 48 & VQP_AUX_NAMED)
		call_named(VQP_COOKIE_NAME(cookie));
	hdr_begin(p, &l->r.h, VQT_LIFECYCLE, dev, queue);
	emit(l, sizeof(l->r) + n);
	scratch_put(s);
	return 0;
}

/* What positions_emit() hands to its loop. */
struct positions {
	struct vqp_proc *p;
	__u64 vq;
	__u16 dev;
	bool packed;
};

static long position_emit(__u32 i, void *data)
{
	struct positions *at = data;
	struct vqp_proc *p = at->p;
	struct vqt_queue_state r = { .known = VQT_KNOWN_INDEX };
	__u64 vq = at->vq + (__u64)i * p->vq_size;
	__u8 wrap[2] = { 0, 0 };
	__u32 num = 0;

	/* vring.num_default, which follows vring.num, is 0 from the first queue that does not exist */
	if (read_user(&num, 4, (void *)(vq + p->vq_num + 4)) || !num)
		return 1;
	if (read_user(&r.last_avail, 2, (void *)(vq + p->vq_last)) ||
	    read_user(&r.used, 2, (void *)(vq + p->vq_used)))
		return 1;
	if (at->packed) {
		if (read_user(&wrap[0], 1, (void *)(vq + p->vq_last_wrap)) ||
		    read_user(&wrap[1], 1, (void *)(vq + p->vq_used_wrap)))
			return 1;
		r.last_avail = virtq_position(r.last_avail, wrap[0] & 1);
		r.used = virtq_position(r.used, wrap[1] & 1);
	}
	hdr_begin(p, &r.h, VQT_QUEUE_STATE, at->dev, i);
	emit(&r, sizeof(r));
	return 0;
}

/*
 * Where QEMU is in its rings when it sets a status with DRIVER_OK.  If no driver wrote the
 * status, QEMU has loaded the device's state, and user space, which looks at the queues when
 * it reads of that, comes too late to see their positions.
 */
static __always_inline void positions_emit(struct vqp_proc *p, struct vqp_dev *d, __u64 vdev)
{
	struct positions at = { .p = p, .dev = d->id };
	__u64 features = 0;

	if (p->vdev_vq == VQP_UNKNOWN || p->vq_size == VQP_UNKNOWN || p->vq_last == VQP_UNKNOWN ||
	    p->vq_used == VQP_UNKNOWN || read_user(&at.vq, 8, (void *)(vdev + p->vdev_vq)) ||
	    read_user(&features, 8, (void *)(vdev + p->vdev_features)))
		return;
	at.packed = (features & FEATURE_PACKED) != 0;
	if (at.packed && (p->vq_last_wrap == VQP_UNKNOWN || p->vq_used_wrap == VQP_UNKNOWN))
		return;
	bpf_loop(VQP_QUEUE_MAX, position_emit, &at, 0);
}

#endif
