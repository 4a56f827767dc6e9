/* SPDX-License-Identifier: MIT */
/*
 * Functions of QEMU that have no exported name: those that a type's record (TypeInfo) or its classes
 * hold.  And the interrupt routes that QEMU gives to KVM.
 */
#ifndef VQT_BPF_PROG_CALLBACK_BPF_H
#define VQT_BPF_PROG_CALLBACK_BPF_H

#include "bpf/prog/call.bpf.h"
#include "bpf/prog/lifecycle.bpf.h"

/* Types of buses are called "virtio-bus", "virtio-pci-bus" and so on. */
static __always_inline bool is_bus(__u64 obj)
{
	char n[64] = {};
	__u64 name = typename_of(obj);
	long len = name ? read_user_str(n, sizeof(n), (void *)name) : 0;
	__u32 at = len - 5; /* of "-bus" */

	return len > 5 && n[at & 63] == '-' && n[(at + 1) & 63] == 'b' && n[(at + 2) & 63] == 'u' &&
	       n[(at + 3) & 63] == 's';
}

/*
 * An object is made, as one of its types.  With the first of them its device begins; what is made
 * inside it (the VirtIODevice, the bus) belongs to the device in whose call that happens.
 */
static __always_inline void object_init(struct pt_regs *ctx, struct vqp_proc *p, __u64 cookie,
					__u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	__u16 dev = call_device();
	struct vqp_dev *d;

	if (!is_virtio(obj) || is_slot(obj))
		return;
	if (!is_vdev(obj) && !is_bus(obj)) {
		d = bpf_map_lookup_elem(&devices, &k);
		if (cookie >> 48 & VQP_AUX_BEGINS || !d || !d->begun)
			d = object_begins(p, obj);
		dev = d ? d->id : 0;
	}
	lifecycle_emit(ctx, p, cookie, obj, place_of(dev, VQT_NO_QUEUE));
}

/* The device that the object is or is part of, if there is one. */
static __always_inline struct vqp_dev *device_around(__u64 obj)
{
	struct vqp_key k = { .ptr = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k);

	if (d)
		return d->id ? d : NULL;
	if (!is_virtio(obj) ||
	    read_user(&k.ptr, 8,
		      (void *)(obj + (is_bus(obj) ? QOM_BUS_PARENT : QOM_OBJECT_PARENT))))
		return NULL;
	d = bpf_map_lookup_elem(&devices, &k);
	return d && d->id ? d : NULL;
}

/* Some functions that a class holds are called for every request: they are recorded for a while. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8 * VQP_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* source << 16 | name */
	__type(value, __u32);
} callback_hits SEC(".maps");

static __always_inline void callback(struct pt_regs *ctx, struct vqp_proc *p, __u64 cookie,
				     __u64 obj)
{
	__u32 key = (__u32)p->source << 16 | VQP_COOKIE_NAME(cookie), none = 0;
	__u32 *hits = bpf_map_lookup_elem(&callback_hits, &key);
	struct vqp_dev *d;

	if (hits && *hits > VQP_CALLBACK_HITS)
		return;
	d = device_around(obj);
	if (!d || d->skip)
		return;
	if (!hits) {
		bpf_map_update_elem(&callback_hits, &key, &none, BPF_NOEXIST);
		hits = bpf_map_lookup_elem(&callback_hits, &key);
	}
	if (hits)
		__sync_fetch_and_add(hits, 1);
	lifecycle_emit(ctx, p, cookie, obj, place_of(d->id, VQT_NO_QUEUE));
}

/* --- interrupt routes --- */

#define KVM_SET_GSI_ROUTING_ 0x4008ae6a

/* struct kvm_irq_routing_entry; linux/kvm.h has no place for BPF programs */
struct routing_entry {
	__u32 gsi, type, flags, pad;
	__u32 u[8]; /* irqchip, pin; address low, high, data, device */
};

struct routing {
	struct scratch *s;
	__u64 from;
};

static long routes_step(__u32 i, void *data)
{
	struct routing *r = data;
	struct scratch *s = r->s;
	struct vqt_route route = {};
	struct routing_entry e;
	__u32 pos = s->pos;

	if (pos > VQP_REC_MAX - sizeof(route) ||
	    read_user(&e, sizeof(e), (void *)(r->from + i * sizeof(e))))
		return 1;
	route.gsi = e.gsi;
	route.kind = e.type;
	if (e.type == VQT_ROUTE_MSI) {
		route.address = (__u64)e.u[1] << 32 | e.u[0];
		route.data = e.u[2];
	} else if (e.type == VQT_ROUTE_IRQCHIP) {
		route.address = e.u[0];
		route.data = e.u[1];
	}
	__builtin_memcpy(s->rec + (pos & (VQP_REC_MAX - 1)), &route, sizeof(route));
	s->pos = pos + sizeof(route);
	return 0;
}

static __always_inline void vm_ioctl(struct pt_regs *ctx, struct vqp_proc *p, __u64 cookie)
{
	struct routing at = { .from = arg(ctx, cookie, 2) };
	struct vqt_routes *r;
	__u32 total = 0, dev = call_device();

	if ((__u32)arg(ctx, cookie, 1) != KVM_SET_GSI_ROUTING_ ||
	    read_user(&total, 4, (void *)at.from))
		return;
	at.from += 8; /* struct kvm_irq_routing: nr, flags */
	at.s = scratch_for(p, dev, VQT_NO_QUEUE);
	if (!at.s)
		return;
	r = (void *)at.s->rec;
	__builtin_memset(r, 0, sizeof(*r));
	at.s->pos = sizeof(*r);
	r->total = total;
	bpf_loop(total < VQT_ROUTES_MAX ? total : VQT_ROUTES_MAX, routes_step, &at, 0);
	r->n = (at.s->pos - sizeof(*r)) / sizeof(struct vqt_route);
	hdr_begin(p, &r->h, VQT_ROUTES, dev, VQT_NO_QUEUE);
	scratch_emit(at.s);
	scratch_put(at.s);
}

#endif
