/* SPDX-License-Identifier: MIT */
/* Which device and which queue an object of QEMU's is. */
#ifndef VQT_BPF_PROG_DEVICE_BPF_H
#define VQT_BPF_PROG_DEVICE_BPF_H

#include "bpf/prog/common.bpf.h"

/* QOM, the same since 2.x: Object {class, free, properties, ref, parent}, DeviceState after it. */
#define QOM_OBJECT_PARENT 32
#define QOM_BUS_PARENT 40

/* Object -> class -> type -> name: the pointer in the process. */
static __always_inline __u64 typename_of(__u64 obj)
{
	__u64 v = 0;

	if (read_user(&v, 8, (void *)obj) || !v || read_user(&v, 8, (void *)v) || !v ||
	    read_user(&v, 8, (void *)v))
		return 0;
	return v;
}

/* Type names of virtio proxies begin with virtio- or vhost-. */
static __always_inline bool is_virtio(__u64 obj)
{
	char n[8] = {};
	__u64 name = typename_of(obj);

	if (!name || read_user(n, 7, (void *)name))
		return false;
	return n[0] == 'v' &&
	       ((n[1] == 'i' && n[2] == 'r' && n[3] == 't' && n[4] == 'i' && n[5] == 'o' &&
		 n[6] == '-') ||
		(n[1] == 'h' && n[2] == 'o' && n[3] == 's' && n[4] == 't' && n[5] == '-'));
}

/* Type names of VirtIODevices end with -device, those of their proxies with the bus. */
static __always_inline bool is_vdev(__u64 obj)
{
	char n[64] = {};
	__u64 name = typename_of(obj);
	long len = name ? read_user_str(n, sizeof(n), (void *)name) : 0;
	__u32 at = len - 5; /* of "vice" */

	return len > 8 && n[at & 63] == 'v' && n[(at + 1) & 63] == 'i' && n[(at + 2) & 63] == 'c' &&
	       n[(at + 3) & 63] == 'e';
}

/* A virtio-mmio transport: there are many, mostly without a device (4.2.3.1). */
static __always_inline bool is_slot(__u64 obj)
{
	char n[16] = {};
	__u64 name = typename_of(obj);

	if (!name || read_user(n, 12, (void *)name))
		return false;
	return n[7] == 'm' && n[8] == 'm' && n[9] == 'i' && n[10] == 'o' && !n[11];
}

/* The last device id assigned; user space assigns ids too (late attach). */
__u32 last_device;

/* Tell user space that the object at `handle` has this id, or is no longer a device. */
static __noinline int device_say(struct vqp_proc *p, __u32 id, __u64 handle, __u32 flags)
{
	struct vqt_device r = { .bdf = ~0U, .handle = handle, .flags = flags };

	if (!p)
		return 0;
	hdr_begin(p, &r.h, VQT_DEVICE, id, VQT_NO_QUEUE);
	emit_alone(&r, sizeof(r));
	return 0;
}

/* A new device: assign an id, and emit a record that makes user space identify the device. */
static __noinline __u16 device_new(struct vqp_proc *p, __u64 handle)
{
	__u16 id;

	if (!p)
		return 0;
	id = __sync_fetch_and_add(&last_device, 1) + 1;
	device_say(p, id, handle, 0);
	return id;
}

/* Find the entry of a PCIDevice: that of a virtio proxy, or a negative entry with id 0. */
static __noinline struct vqp_dev *proxy_get(struct vqp_proc *p, __u64 proxy)
{
	struct vqp_key k = { .ptr = proxy, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k), new = {};

	if (d || !p)
		return d && d->id ? d : NULL;
	new.proxy = proxy;
	if (is_virtio(proxy) && is_slot(proxy))
		return NULL; /* until a device is plugged into it */
	if (is_virtio(proxy))
		new.id = device_new(p, proxy);
	else
		new.skip = 1;
	if (bpf_map_update_elem(&devices, &k, &new, BPF_NOEXIST) == -E2BIG_ && new.id)
		lose(p, new.id, VQT_NO_QUEUE, VQT_LOSS_LIMIT, 1);
	d = bpf_map_lookup_elem(&devices, &k);
	return d && d->id ? d : NULL;
}

/* The same, if it is recorded; else NULL. */
static __always_inline struct vqp_dev *proxy_chosen(struct vqp_proc *p, __u64 proxy)
{
	struct vqp_dev *d = p ? proxy_get(p, proxy) : NULL;

	return d && !d->skip ? d : NULL;
}

/* The proxy that a VirtIODevice is plugged into, found through its bus; 0 if none yet. */
static __always_inline __u64 slot_of(struct vqp_proc *p, __u64 vdev)
{
	__u64 bus = 0, slot = 0;

	if (p->dev_bus == VQP_UNKNOWN || read_user(&bus, 8, (void *)(vdev + p->dev_bus)) || !bus ||
	    read_user(&slot, 8, (void *)(bus + QOM_BUS_PARENT)))
		return 0;
	return slot && is_virtio(slot) ? slot : 0;
}

/* A device without a proxy object is also entered under its transport, once it is plugged in. */
static __noinline int plug(struct vqp_proc *p, struct vqp_dev *d, __u64 vdev)
{
	struct vqp_key k = { .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev new;

	if (!p || !d)
		return 0;
	k.ptr = slot_of(p, vdev);
	if (!k.ptr)
		return 0;
	d->proxy = k.ptr;
	new = *d;
	bpf_map_update_elem(&devices, &k, &new, BPF_ANY);
	return 0;
}

/*
 * Whether a VirtIODevice's entry is that of a freed one, which was at the same address: its
 * proxy is another device.
 */
static __always_inline bool is_former(struct vqp_dev *d, __u64 vdev)
{
	struct vqp_key k = { .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *x;

	if (read_user(&k.ptr, 8, (void *)(vdev + QOM_OBJECT_PARENT)) || !k.ptr)
		return false;
	x = bpf_map_lookup_elem(&devices, &k);
	return x && x->id && x->id != d->id;
}

/* Find the entry of a VirtIODevice: it has its proxy's id, or its own if it has no proxy. */
static __noinline struct vqp_dev *vdev_get(struct vqp_proc *p, __u64 vdev)
{
	struct vqp_key k = { .ptr = vdev, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_dev *d = bpf_map_lookup_elem(&devices, &k), *x = NULL, new = {};
	__u64 parent = 0;

	if (!p)
		return d;
	if (d && is_former(d, vdev)) {
		bpf_map_delete_elem(&devices, &k);
		d = NULL;
	}
	if (d) {
		d->vdev = vdev;
		if (!d->proxy)
			plug(p, d, vdev);
		return d;
	}
	read_user(&parent, 8, (void *)(vdev + QOM_OBJECT_PARENT));
	if (parent)
		x = proxy_get(p, parent);
	new.vdev = vdev;
	if (x) {
		x->vdev = vdev;
		new = *x;
	} else {
		new.id = device_new(p, vdev);
	}
	if (bpf_map_update_elem(&devices, &k, &new, BPF_NOEXIST) == -E2BIG_)
		lose(p, new.id, VQT_NO_QUEUE, VQT_LOSS_LIMIT, 1);
	d = bpf_map_lookup_elem(&devices, &k);
	if (d && !d->proxy)
		plug(p, d, vdev);
	return d;
}

/* Find or make the entry of a VirtQueue. */
static __noinline struct vqp_queue *queue_get(struct vqp_proc *p, __u64 vq)
{
	struct vqp_key k = { .ptr = vq, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct vqp_queue *q = bpf_map_lookup_elem(&queues, &k);
	struct vqp_dev *d;
	__u64 vdev = 0;
	__u16 index = 0;

	if (q || !p)
		return q;
	if (read_user(&vdev, 8, (void *)(vq + p->vq_vdev)) ||
	    read_user(&index, 2, (void *)(vq + p->vq_index))) {
		lose(p, VQT_NO_DEVICE, VQT_NO_QUEUE, VQT_LOSS_MEMORY, 1);
		return NULL;
	}
	d = vdev_get(p, vdev);
	if (!d)
		return NULL;
	/* Too large for the stack: insert an empty one, then fill it in. */
	bpf_map_update_elem(&queues, &k, (void *)&no_queue, BPF_NOEXIST);
	q = bpf_map_lookup_elem(&queues, &k);
	if (!q) {
		if (!d->skip)
			lose(p, d->id, index, VQT_LOSS_LIMIT, 1);
		return NULL;
	}
	q->dev = d->id;
	q->vdev = vdev;
	q->index = index;
	q->told = 1; /* when it began to listen, before the queue was known */
	q->skip = d->skip || !(p->queues >> (index < 63 ? index : 63) & 1);
	if (index >= d->queues)
		d->queues = index + 1;
	return q;
}

#endif
