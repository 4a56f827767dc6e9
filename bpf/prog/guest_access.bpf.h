/* SPDX-License-Identifier: MIT */
/*
 * Register accesses of the driver, as far as its functions prove them: what they are called with,
 * what they return, what they call, and what is in memory then.  What nothing proves is not recorded.
 */
#ifndef VQT_BPF_PROG_GUEST_ACCESS_BPF_H
#define VQT_BPF_PROG_GUEST_ACCESS_BPF_H

#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>

#include "bpf/prog/guest_ring.bpf.h"

static __always_inline void register_record(struct frame *fr, __u8 region, __u8 op, __u8 width,
					    __u32 offset, __u64 value, __u8 flags)
{
	WITH_STACK(vqt_reg) x = {};

	x.r.region = region;
	x.r.op = op;
	x.r.width = width;
	x.r.flags = VQT_REG_DERIVED | flags;
	x.r.offset = offset;
	x.r.value = width < 8 ? value & ((1ULL << (8 * width)) - 1) : value;
	hdr_begin(&x.r.h, VQT_REG, fr->dev, VQT_NO_QUEUE);
	emit(&x, sizeof(x.r) + put_stack(&x.stack, fr, &x.r.h));
}

/*
 * The version of a virtio-mmio device.  0: unknown, or something else that its accesses are derived
 * from is: then none is recorded that depends on it, so that what is recorded has no holes.
 */
static __noinline __u32 mmio_version(__u64 vdev)
{
	__u32 version = 0;

	if (!vdev || !known(shared.layout.vmd_version) || !known(shared.layout.vdev_id_vendor) ||
	    !known(shared.layout.vdev_features) || !known(shared.layout.split_dma) ||
	    !known(shared.layout.packed_dma) || !known(shared.layout.packed_driver_dma) ||
	    !known(shared.layout.packed_device_dma) || !shared.page_shift ||
	    read_kernel(&version, 4, vdev + shared.layout.vmd_version))
		return 0;
	return version == 1 || version == 2 ? version : 0;
}

/* --- of functions that make the same accesses each time: struct vqg_access ------------------ */

/* False: it was not made, or nothing shows that it was. */
static __always_inline bool is_made(const struct vqg_access *a, struct frame *fr, __u64 ret)
{
	__u32 version = 0;

	if (a->when & VQG_IF_ZERO && (__u32)ret)
		return false;
	if (a->when & (VQG_IF_VERSIONED | VQG_IF_VERSION_2))
		version = mmio_version(fr->vdev);
	if (a->when & VQG_IF_VERSIONED && !version)
		return false;
	return !(a->when & VQG_IF_VERSION_2) || version == 2;
}

/* The value of an access; false: it cannot be read. */
static __always_inline bool value_of(const struct vqg_access *a, const struct frame *fr, __u64 ret,
				     __u64 *value)
{
	__u32 word = 0;

	switch (a->from) {
	case VQG_FROM_ARG: *value = fr->arg[a->n < ARGS ? a->n : 0]; break;
	case VQG_FROM_ARG_HIGH: *value = fr->arg[a->n < ARGS ? a->n : 0] >> 32; break;
	case VQG_FROM_RET: *value = ret; break;
	case VQG_FROM_RET_HIGH: *value = ret >> 32; break;
	case VQG_FROM_RET_BYTE: *value = ret & 0xff; break;
	case VQG_FROM_WORD:
		if (read_kernel(&word, 4, fr->arg[1] + 4 * a->n))
			return false;
		*value = word;
		break;
	case VQG_FROM_ACCEPTED:
		if (!known(shared.layout.vdev_features) ||
		    read_kernel(&word, 4, fr->vdev + shared.layout.vdev_features + 4 * a->n))
			return false;
		*value = word;
		break;
	default: *value = a->n;
	}
	return true;
}

/* Those whose values are known at the entry, up to the first that is not; the rest at the return. */
static __noinline int register_records(const struct vqg_function *f, struct frame *fr, __u64 ret,
				       __u32 at_return)
{
	if (!f || !fr)
		return 0;
	for (int i = 0; i < VQG_ACCESSES; i++) {
		const struct vqg_access *a = &f->access[i];
		__u64 value = 0;

		if (!a->region)
			break;
		if ((a->when & VQG_AT_RETURN) != at_return || !is_made(a, fr, ret) ||
		    !value_of(a, fr, ret, &value))
			continue;
		register_record(fr, a->region, a->op, a->width, a->offset, value, 0);
	}
	return 0;
}

/* --- device configuration: 4.1.4.6, 4.1.4.10, 4.2.2 ---------------------------------------- */

#define CONFIG_BYTES 64 /* of one call that are recorded */

struct config_bytes {
	struct frame *fr;
	__u64 buf;
	__u32 len, offset;
	__u8 region, op, flags;
};

static long config_step(__u32 i, void *ctx)
{
	struct config_bytes *c = ctx;
	__u8 value = 0;

	if (i >= c->len)
		return 1;
	if (!read_kernel(&value, 1, c->buf + i))
		register_record(c->fr, c->region, c->op, 1, c->offset + i, value, c->flags);
	return 0;
}

/* The interfaces of old are accessed a byte at a time, however long the field is. */
static __noinline int config_bytes(struct frame *fr, __u32 op, __u32 region, __u32 base,
				   __u32 flags)
{
	struct config_bytes c = {};

	if (!fr)
		return 0;
	c.fr = fr;
	c.buf = fr->arg[2];
	c.len = fr->arg[3];
	c.offset = base + (__u32)fr->arg[1];
	c.region = region;
	c.op = op;
	c.flags = flags;
	bpf_loop(CONFIG_BYTES, config_step, &c, 0);
	if (c.len > CONFIG_BYTES)
		lose(fr, VQT_LOSS_LIMIT, c.len - CONFIG_BYTES);
	return 0;
}

static __noinline int config_field(struct frame *fr, __u32 op, __u32 region, __u32 base)
{
	__u64 value = 0;
	__u32 len, offset;

	if (!fr)
		return 0;
	len = fr->arg[3];
	offset = base + (__u32)fr->arg[1];
	if ((len != 1 && len != 2 && len != 4 && len != 8) || read_kernel(&value, len, fr->arg[2]))
		return 0;
	register_record(fr, region, op, len < 8 ? len : 4, offset, value, 0);
	if (len == 8)
		register_record(fr, region, op, 4, offset + 4, value >> 32, 0);
	return 0;
}

static __always_inline bool is_legacy(const struct frame *fr)
{
	__u8 legacy = 0;

	if (fr->vdev && known(shared.layout.vpd_legacy))
		read_kernel(&legacy, 1, fr->vdev + shared.layout.vpd_legacy);
	return legacy;
}

/* vp_get(vdev, offset, buf, len), vp_set. */
static __noinline int config_record(struct frame *fr, __u32 op)
{
	__u8 msix = 0;

	if (!fr)
		return 0;
	if (!is_legacy(fr))
		return config_field(fr, op, VQT_REGION_DEVICE, 0);
	if (!known(shared.layout.vpd_msix) ||
	    read_kernel(&msix, 1, fr->vdev + shared.layout.vpd_msix))
		return 0;
	return config_bytes(fr, op, VQT_REGION_LEGACY, VIRTIO_PCI_CONFIG_OFF(msix),
			    msix ? VQT_REG_MSIX : 0);
}

/* vm_get(vdev, offset, buf, len), vm_set. */
static __noinline int mmio_config_record(struct frame *fr, __u32 op)
{
	if (!fr)
		return 0;
	switch (mmio_version(fr->vdev)) {
	case 1: return config_bytes(fr, op, VQT_REGION_MMIO, VIRTIO_MMIO_CONFIG, 0);
	case 2: return config_field(fr, op, VQT_REGION_MMIO, VIRTIO_MMIO_CONFIG);
	}
	return 0;
}

/* --- virtio-mmio: accesses that show in which function another one calls, 4.2.2, 4.2.4 -------- */

#define MMIO_MAGIC 0x74726976

static __noinline int mmio_record(struct frame *fr, __u32 op, __u32 offset, __u64 value)
{
	if (fr)
		register_record(fr, VQT_REGION_MMIO, op, 4, offset, value, 0);
	return 0;
}

static __always_inline void mmio_write_both(struct frame *fr, __u32 offset, __u64 value)
{
	mmio_record(fr, VQT_WRITE, offset, value);
	mmio_record(fr, VQT_WRITE, offset + 4, value >> 32);
}

/* virtio_mmio_probe has come to register_virtio_device(): 4.2.3.1.1. */
static __noinline int mmio_found(struct frame *fr)
{
	__u32 version, type = 0, vendor = 0;

	if (!fr || fr->above != VQG_MMIO_PROBE)
		return 0;
	version = mmio_version(fr->vdev);
	if (!version || read_kernel(&type, 4, fr->vdev + shared.layout.vdev_id_device) ||
	    read_kernel(&vendor, 4, fr->vdev + shared.layout.vdev_id_vendor))
		return 0;
	mmio_record(fr, VQT_READ, VIRTIO_MMIO_MAGIC_VALUE, MMIO_MAGIC);
	mmio_record(fr, VQT_READ, VIRTIO_MMIO_VERSION, version);
	mmio_record(fr, VQT_READ, VIRTIO_MMIO_DEVICE_ID, type);
	mmio_record(fr, VQT_READ, VIRTIO_MMIO_VENDOR_ID, vendor);
	if (version == 1)
		mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_GUEST_PAGE_SIZE, 1U << shared.page_shift);
	return 0;
}

/* vm_find_vqs has come to vring_create_virtqueue(index, num, align, vdev): 4.2.3.2, 4.2.4. */
static __noinline int mmio_queue_found(struct frame *fr)
{
	__u32 version;

	if (!fr || fr->above != VQG_MMIO_QUEUES)
		return 0;
	version = mmio_version(fr->arg[3]);
	if (!version)
		return 0;
	mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_SEL, fr->arg[0]);
	mmio_record(fr, VQT_READ, version == 1 ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY,
		    0);
	mmio_record(fr, VQT_READ, VIRTIO_MMIO_QUEUE_NUM_MAX, fr->arg[1]);
	return 0;
}

/* The addresses of a ring as the device is given them. */
static __noinline int ring_addresses(struct ring *r, __u64 vq)
{
	__u64 desc = 0, avail = 0, used = 0;

	if (!r || ring_open(r, vq))
		return -1;
	if (r->packed) {
		if (read_kernel(&desc, 8, vq + shared.layout.packed_dma) ||
		    read_kernel(&avail, 8, vq + shared.layout.packed_driver_dma) ||
		    read_kernel(&used, 8, vq + shared.layout.packed_device_dma))
			return -1;
	} else {
		if (read_kernel(&desc, 8, vq + shared.layout.split_dma))
			return -1;
		avail = desc + (r->avail - r->desc);
		used = desc + (r->used - r->desc);
	}
	r->desc = desc;
	r->avail = avail;
	r->used = used;
	return 0;
}

/* A legacy device is given the number of a page, in 32 bits. */
static __always_inline bool fits(__u64 desc)
{
	return !(desc >> shared.page_shift >> 32);
}

static __always_inline void mmio_place_legacy(struct frame *fr, const struct ring *r)
{
	if (fits(r->desc)) {
		mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_ALIGN, 1U << shared.page_shift);
		mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_PFN, r->desc >> shared.page_shift);
	} else {
		mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_PFN, 0);
	}
}

/*
 * And has got its result, a struct virtqueue: what it does now, 4.2.3.2.  Recorded when it is about
 * to.  Without one it leaves the queue unused, and reads QueueReady back, whose value nothing shows.
 */
static __noinline int mmio_queue_made(struct frame *fr, __u64 vq)
{
	struct ring r = {};
	__u32 version;

	if (!fr || fr->above != VQG_MMIO_QUEUES)
		return 0;
	version = mmio_version(fr->arg[3]);
	if (!version)
		return 0;
	if (!vq)
		return mmio_record(fr, VQT_WRITE,
				   version == 1 ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY,
				   0);
	if (ring_addresses(&r, vq))
		return lose(fr, VQT_LOSS_LIMIT, version == 1 ? 3 : 8);
	mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_NUM, r.num);
	if (version == 1) {
		mmio_place_legacy(fr, &r);
		return 0;
	}
	mmio_write_both(fr, VIRTIO_MMIO_QUEUE_DESC_LOW, r.desc);
	mmio_write_both(fr, VIRTIO_MMIO_QUEUE_AVAIL_LOW, r.avail);
	mmio_write_both(fr, VIRTIO_MMIO_QUEUE_USED_LOW, r.used);
	return mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_READY, 1);
}

/*
 * vm_del_vqs has come to vring_del_virtqueue(), by itself or as a part of vm_find_vqs that has
 * failed.  QueueReady is read back, too: nothing shows what it was.
 */
static __noinline int mmio_queue_deleted(struct frame *fr)
{
	struct ring r = {};
	__u32 version;

	if (!fr || (fr->above != VQG_MMIO_QUEUES && fr->above != VQG_MMIO_DELETE))
		return 0;
	version = mmio_version(fr->vdev);
	/* or it could not be used, see above */
	if (!version || (version == 1 && (ring_addresses(&r, fr->vq) || !fits(r.desc))))
		return 0;
	mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_QUEUE_SEL, fr->queue);
	return mmio_record(fr, VQT_WRITE,
			   version == 1 ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY, 0);
}

/* --- what an interrupt's handler has read: 4.1.4.5, 4.2.2 ----------------------------------- */

#define SEEN_CONFIG 0x01 /* it has told of a configuration change */
#define SEEN_QUEUES 0x02 /* it looks at the queues */

/* The function that called this one: fr->above is its. */
static __always_inline struct frame *caller(const struct frame *fr)
{
	struct thread *t = thread_get(false);
	__u32 n = fr->depth - 1;

	barrier_var(n); /* the verifier has to see the mask, needed or not */
	return t && fr->depth ? &t->frame[n & (VQG_FRAMES - 1)] : NULL;
}

/*
 * An interrupt of the device with the port that the trace goes to: what is written of one would be
 * the cause of the next.
 */
static __noinline int leave_out_interrupt(struct frame *fr)
{
	const struct vqg_device *d = fr ? bpf_map_lookup_elem(&devices, &fr->parent) : NULL;

	if (d && d->skip_queues)
		fr->skip = 1;
	return 0;
}

static __noinline int interrupt_status(struct frame *fr, __u32 value)
{
	if (!fr || fr->skip)
		return 0;
	if (fr->special == VQG_MMIO_INTERRUPT) {
		if (!mmio_version(fr->vdev))
			return 0;
		mmio_record(fr, VQT_READ, VIRTIO_MMIO_INTERRUPT_STATUS, value);
		return mmio_record(fr, VQT_WRITE, VIRTIO_MMIO_INTERRUPT_ACK, value);
	}
	if (is_legacy(fr))
		register_record(fr, VQT_REGION_LEGACY, VQT_READ, 1, VIRTIO_PCI_ISR, value, 0);
	else
		register_record(fr, VQT_REGION_ISR, VQT_READ, 1, 0, value, 0);
	return 0;
}

/*
 * A function is entered that such a handler calls: at the first for a queue, what it has read is
 * known.  virtio-pci's looks at the queues whatever the cause was, so of a configuration change
 * nothing shows whether it came alone.
 */
static __noinline int interrupt_calls(struct frame *fr, __u32 what)
{
	struct frame *up;
	__u32 seen;

	if (!fr || (fr->above != VQG_INTX && fr->above != VQG_MMIO_INTERRUPT))
		return 0;
	up = caller(fr);
	if (!up)
		return 0;
	seen = up->seen;
	up->seen = seen | what;
	if (what == SEEN_CONFIG || seen & SEEN_QUEUES)
		return 0;
	if (!(seen & SEEN_CONFIG))
		return interrupt_status(up, 1);
	return up->special == VQG_MMIO_INTERRUPT ? interrupt_status(up, 3) : 0;
}

/* It returns: no queue was the cause. */
static __noinline int interrupt_returns(struct frame *fr)
{
	if (fr && fr->special == VQG_MMIO_INTERRUPT && fr->seen == SEEN_CONFIG)
		interrupt_status(fr, 2);
	return 0;
}

#endif
