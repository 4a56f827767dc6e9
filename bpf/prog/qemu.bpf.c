// SPDX-License-Identifier: MIT
/*
 * Probes in QEMU's virtio core.
 *
 * One uprobe program can be preempted by another thread's.  Therefore a program claims
 * per-CPU data before it uses it (scratch_get), and every record takes its sequence number
 * when it is begun, so that user space can sort the records of different CPUs and count
 * missing ones.
 */
#include "bpf/prog/backend.bpf.h"
#include "bpf/prog/callback.bpf.h"
#include "bpf/prog/chain.bpf.h"
#include "bpf/prog/common.bpf.h"
#include "bpf/prog/lifecycle.bpf.h"
#include "bpf/prog/light.bpf.h"
#include "bpf/prog/ring.bpf.h"
#include "bpf/prog/status.bpf.h"
#include "bpf/prog/used.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* A program that does one thing, with the process p and the values that the cookie names. */
#define PROBE(name, action) \
	SEC("uprobe") \
	int name(struct pt_regs *ctx) \
	{ \
		__u64 cookie = bpf_get_attach_cookie(ctx); \
		struct vqp_proc *p = proc_get(); \
\
		if (p) \
			action; \
		return 0; \
	}

/* --- queues ---------------------------------------------------------------- */

PROBE(on_kick, kick(p, arg0(ctx, cookie), VQT_KICK_IOEVENTFD, 0, 0))

PROBE(on_pop, pop(p, arg0(ctx, cookie)))

/* virtqueue_fill(vq, elem, len, idx); aux 1: virtqueue_detach_element(vq, elem, len) */
PROBE(on_fill, fill(p, arg0(ctx, cookie), arg(ctx, cookie, 1), arg(ctx, cookie, 2),
		    arg(ctx, cookie, 3), cookie >> 48))

/* QEMU decided to notify the driver of used buffers. */
SEC("uprobe")
int on_signal(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), ptr = arg0(ctx, cookie);
	struct vqp_proc *p = proc_get();
	struct vqp_queue *q;
	struct vqt_irq r = {};

	if (!p)
		return 0;
	q = queue_get(p, ptr);
	if (!q || q->skip)
		return 0;
	r.vector = VQT_NO_VECTOR;
	if (p->vq_vector != VQP_UNKNOWN)
		read_user(&r.vector, 2, (void *)(ptr + p->vq_vector));
	r.kind = VQT_IRQ_SIGNAL;
	hdr_begin(p, &r.h, VQT_IRQ, q->dev, q->index);
	emit(&r, sizeof(r));
	return 0;
}

/* --- the block back end ----------------------------------------------------- */

/* blk_aio_preadv(blk, offset, qiov, flags, cb, opaque) and its like: opaque, offset, length */
SEC("uprobe")
int on_submit(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), qiov;
	struct backend b = { .request = arg0(ctx, cookie), .op = cookie >> 48 };
	struct vqp_proc *p = proc_get();

	if (!p)
		return 0;
	if (has_arg(cookie, 1))
		b.offset = arg(ctx, cookie, 1);
	if (has_arg(cookie, 2))
		b.bytes = arg(ctx, cookie, 2);
	if (cookie >> 48 & VQP_AUX_QIOV) {
		qiov = b.bytes;
		b.bytes = 0;
		if (p->qiov_size != VQP_UNKNOWN)
			read_user(&b.bytes, 8, (void *)(qiov + p->qiov_size));
	}
	submit(p, &b);
	return 0;
}

/* cb(opaque, ret) */
PROBE(on_answer, answer(p, arg0(ctx, cookie), arg(ctx, cookie, 1)))

/* --- registers ------------------------------------------------------------- */

/*
 * The queue that a register write kicks; 0 if the write is no kick, or one that QEMU
 * ignores.  Register handlers get the proxy (or the PCI device).
 */
static __noinline __u64 notified(struct vqp_proc *p, struct vqp_dev *d, __u16 aux, __u32 offset,
				 __u64 value)
{
	__u32 n = value & 0xffff, region = aux & 0xff;
	__u64 vq, desc = 0;
	__u8 broken = 0;

	if (!p || !d)
		return 0;
	if (aux & VQP_AUX_MMIO_NOTIFY) {
		/* 4.1.4.4: one address a queue; QEMU's multiplier is 4, or a page */
		if (!(aux & VQP_AUX_IS_PIO))
			n = offset < 4096 ? offset / 4 : offset / 4096;
	} else if (!(region == VQT_REGION_MMIO && offset == 0x50) && /* 4.2.2: QueueNotify */
		   !(region == VQT_REGION_LEGACY && offset == 16)) { /* 4.1.4.10 */
		return 0;
	}
	if (!d->vdev || n >= VQP_QUEUE_MAX || p->vdev_vq == VQP_UNKNOWN)
		return 0;
	if (read_user(&vq, 8, (void *)(d->vdev + p->vdev_vq)) || !vq)
		return 0;
	vq += (__u64)n * p->vq_size;
	read_user(&desc, 8, (void *)(vq + p->vq_desc));
	if (p->vdev_broken != VQP_UNKNOWN)
		read_user(&broken, 1, (void *)(d->vdev + p->vdev_broken));
	return desc && !broken ? vq : 0;
}

static __always_inline __u64 trim(__u64 value, __u8 width)
{
	return width >= 8 ? value : value & ((1ULL << (width * 8)) - 1);
}

/* The access that a handler is called for; its width is argument `width`. */
static __always_inline struct access access_of(struct pt_regs *ctx, __u64 cookie, struct vqp_dev *d,
					       int width)
{
	struct access a = {};

	a.dev = d->id;
	a.aux = cookie >> 48;
	a.offset = arg(ctx, cookie, 1);
	a.width = arg(ctx, cookie, width);
	return a;
}

/* How a register was accessed. */
struct accessed {
	__u8 region, op, flags;
	__u64 value;
};

static __noinline int reg_record(struct vqp_proc *p, struct access *a, struct accessed *how)
{
	struct vqt_reg r = {};

	if (!p || !a || !how)
		return 0;
	r.region = how->region;
	r.op = how->op;
	r.flags = how->flags;
	r.offset = a->offset;
	r.width = a->width;
	r.value = trim(how->value, a->width);
	hdr_begin(p, &r.h, VQT_REG, a->dev, VQT_NO_QUEUE);
	emit(&r, sizeof(r));
	return 0;
}

static __always_inline void reg_emit(struct vqp_proc *p, struct access *a, __u8 region, __u8 op,
				     __u8 flags, __u64 value)
{
	struct accessed how = { region, op, flags, value };

	reg_record(p, a, &how);
}

/*
 * Whether the thread is in an access to configuration space.  The function for writes may end with a jump
 * to that of the device, which returns in its place: so it is over, too, when something else is where its
 * return address was.
 */
static __always_inline bool is_in_config(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct access *a = bpf_map_lookup_elem(&in_config, &tid);
	__u64 to = 0;

	return a && a->sp > PT_REGS_SP(ctx) && !read_user(&to, 8, (void *)a->sp) && to == a->to;
}

/* VQT_REG_*: how an access to a region reaches the device. */
static __always_inline __u8 reg_flags(struct pt_regs *ctx, __u16 aux)
{
	__u8 flags = aux & VQP_AUX_IS_PIO ? VQT_REG_PIO : 0;

	return is_in_config(ctx) ? flags | VQT_REG_VIA_CFG : flags;
}

/* write(opaque, addr, value, size) */
SEC("uprobe")
int on_reg_write(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), vq, value;
	struct vqp_proc *p = proc_get();
	struct vqp_dev *d = proxy_chosen(p, arg0(ctx, cookie));
	struct access a;
	bool legacy, status;
	__u8 region, flags;

	if (cookie >> 48 & VQP_AUX_CALL)
		call_enters(ctx);
	if (!p || !d)
		return 0;
	a = access_of(ctx, cookie, d, 3);
	region = a.aux;
	flags = reg_flags(ctx, a.aux);
	value = trim(arg(ctx, cookie, 2), a.width);
	vq = notified(p, d, a.aux, a.offset, value);
	legacy = region == VQT_REGION_LEGACY;
	if (vq && !legacy && kick(p, vq, VQT_KICK_MMIO, value, a.width))
		return 0;
	status = is_status(region, a.offset);
	if (status && !value) /* a reset discards the rings: sample them first */
		sample_rings(p, d);
	if (a.aux & VQP_AUX_CALL)
		call_begins(PT_REGS_SP(ctx), d->id, 0);
	reg_emit(p, &a, region, VQT_WRITE, flags, value);
	if (status && value)
		sample_rings(p, d);
	/* A legacy Queue Notify write is both a register access and a kick. */
	if (vq && legacy)
		kick(p, vq, VQT_KICK_LEGACY, value, a.width);
	return 0;
}

/* read(opaque, addr, size): remembered until it returns */
SEC("uprobe")
int on_reg_read(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tid = bpf_get_current_pid_tgid();
	struct vqp_dev *d = proxy_chosen(proc_get(), arg0(ctx, cookie));
	struct access a;

	if (!d) {
		bpf_map_delete_elem(&in_read, &tid);
		return 0;
	}
	a = access_of(ctx, cookie, d, 2);
	bpf_map_update_elem(&in_read, &tid, &a, BPF_ANY);
	return 0;
}

/* At its return instructions. */
SEC("uprobe")
int on_reg_return(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct vqp_proc *p = proc_get();
	struct access *a = bpf_map_lookup_elem(&in_read, &tid);

	if (!p || !a)
		return 0;
	reg_emit(p, a, a->aux, VQT_READ, reg_flags(ctx, a->aux), PT_REGS_RC(ctx));
	bpf_map_delete_elem(&in_read, &tid);
	return 0;
}

/*
 * pci_host_config_write_common(dev, addr, limit, val, len); aux 1: read, no val.  The probe is at the
 * first instruction.
 */
SEC("uprobe")
int on_config(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tid = bpf_get_current_pid_tgid();
	struct vqp_proc *p = proc_get();
	struct vqp_dev *d = proxy_chosen(p, arg0(ctx, cookie));
	struct access a;

	if (!p || !d) {
		bpf_map_delete_elem(&in_config, &tid);
		return 0;
	}
	a = access_of(ctx, cookie, d, 3);
	a.sp = PT_REGS_SP(ctx);
	if (read_user(&a.to, 8, (void *)a.sp))
		a.to = 0;
	bpf_map_update_elem(&in_config, &tid, &a, BPF_ANY);
	if (a.aux == VQT_WRITE)
		reg_emit(p, &a, VQT_REGION_PCI, VQT_WRITE, 0, arg(ctx, cookie, 2));
	return 0;
}

/* At its return instructions. */
SEC("uprobe")
int on_config_return(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct vqp_proc *p = proc_get();
	struct access *a = bpf_map_lookup_elem(&in_config, &tid);

	if (!p || !a)
		return 0;
	if (a->aux == VQT_READ)
		reg_emit(p, a, VQT_REGION_PCI, VQT_READ, 0, PT_REGS_RC(ctx));
	bpf_map_delete_elem(&in_config, &tid);
	return 0;
}

/* --- interrupts ------------------------------------------------------------ */

/* pci_set_irq(dev, level), msix_notify(dev, vector) */
SEC("uprobe")
int on_irq(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct vqp_proc *p = proc_get();
	struct vqp_dev *d;
	struct vqt_irq r = {};

	d = proxy_chosen(p, arg0(ctx, cookie));
	if (!p || !d)
		return 0;
	r.vector = VQT_NO_VECTOR;
	if (cookie >> 48 == VQP_IRQ_MSIX) {
		r.kind = VQT_IRQ_MSIX;
		r.vector = arg(ctx, cookie, 1);
	} else {
		r.kind = VQT_IRQ_INTX;
		r.level = (__u32)arg(ctx, cookie, 1) != 0;
	}
	hdr_begin(p, &r.h, VQT_IRQ, d->id, VQT_NO_QUEUE);
	emit(&r, sizeof(r));
	return 0;
}

/* --- lifecycle ------------------------------------------------------------- */

/* (object, arg, arg, arg, queue) by the cookie; aux: enum vqt_lifecycle_what */
SEC("uprobe")
int on_lifecycle(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	bool begins = cookie >> 48 & (VQP_AUX_CALL | VQP_AUX_NAMED);
	__u64 obj = begins ? arg(ctx, cookie, 0) : arg0(ctx, cookie);
	__u32 kind = cookie & VQP_OBJ_KINDS;
	struct vqp_proc *p = proc_get();
	struct vqp_dev *d = NULL;
	__u16 queue = VQT_NO_QUEUE;

	if (!p)
		return 0;
	if (cookie >> 48 & VQP_AUX_CALL)
		call_enters(ctx);
	if (kind == VQP_OBJ_ENDS) {
		object_ends(p, obj);
		return 0;
	}
	if (kind != VQP_OBJ_NONE) {
		d = lifecycle_dev(p, cookie, obj, &queue);
		if (!d || d->skip)
			return 0;
		if (max_tallies > 1)
			light_tell(p, step_of(cookie), obj, d);
	}
	if (has_arg(cookie, 4)) {
		queue = arg(ctx, cookie, 4);
		/* A reset touches all 1,024 queues that a device can have. */
		if (d && !queue_exists(p, d, queue))
			return 0;
	}
	if (cookie & VQP_LIFECYCLE_IRQ) {
		config_irq(p, d, obj);
		return 0;
	}
	if (d && step_of(cookie) == VQT_LIFECYCLE_SET_STATUS &&
	    arg(ctx, cookie, 1) & STATUS_DRIVER_OK)
		positions_emit(p, d, obj);
	lifecycle_emit(ctx, p, cookie, obj, place_of(d ? d->id : call_device(), queue));
	if (d && cookie & (VQP_LIFECYCLE_FORGET | VQP_LIFECYCLE_REWIND))
		lifecycle_after(p, d, cookie & 0xff, queue);
	return 0;
}

/* --- calls ----------------------------------------------------------------- */

/* object_init(obj) of one of its types */
PROBE(on_object_init, (call_enters(ctx), object_init(ctx, p, cookie, arg(ctx, cookie, 0))))

/* A function that a class holds; nearly all have the object as their first argument. */
PROBE(on_callback, (call_enters(ctx), callback(ctx, p, cookie, arg(ctx, cookie, 0))))

/* kvm_vm_ioctl(s, type, arg) */
PROBE(on_vm_ioctl, vm_ioctl(ctx, p, cookie))

/* Where a function ends, or may end. */
PROBE(on_call_end, call_end(ctx, p, cookie))

/* --- light ----------------------------------------------------------------- */

PROBE(light_kick, light_kick_at(p, arg0(ctx, cookie), true))

PROBE(light_pop, light_pop_at(p, arg0(ctx, cookie)))

PROBE(light_fill,
      light_fill_at(p, arg0(ctx, cookie), arg(ctx, cookie, 1), arg(ctx, cookie, 2), cookie >> 48))

SEC("uprobe")
int light_signal(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct vqp_proc *p = proc_get();
	struct vqp_tally *t;

	if (!p)
		return 0;
	t = tally_get(p, queue_get(p, arg0(ctx, cookie)));
	if (t)
		__sync_fetch_and_add(&t->signals, 1);
	return 0;
}

/* In a light capture, only those register writes count that are kicks. */
SEC("uprobe")
int light_reg_write(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), vq;
	struct vqp_proc *p = proc_get();
	struct vqp_dev *d;

	d = proxy_chosen(p, arg0(ctx, cookie));
	if (!p || !d)
		return 0;
	vq = notified(p, d, cookie >> 48, arg(ctx, cookie, 1), arg(ctx, cookie, 2));
	if (vq)
		light_kick_at(p, vq, false);
	return 0;
}

/* The benchmark attaches this in place of the others, to measure the cost of a probe. */
SEC("uprobe")
int on_nothing(struct pt_regs *ctx)
{
	return 0;
}
