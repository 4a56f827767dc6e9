/* SPDX-License-Identifier: MIT */
/* Code that all probes of a driver's kernel use: maps, records, threads and devices. */
#ifndef VQT_BPF_PROG_GUEST_COMMON_BPF_H
#define VQT_BPF_PROG_GUEST_COMMON_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/prog/guest.h"
#include "decoder/trace/event.h"
#include "decoder/util/mix.h"

#define ARGS 5

/* A function that a thread is inside. */
struct frame {
	__u32 function;
	__u16 dev, queue;
	__u8 skip;
	__u8 special, above; /* enum vqg_special of the function, and of the one that called it */
	__u8 fast; /* a trampoline saw the entry: another one has to see the return */
	/*
	 * Where the call is on its stack, the low half of the address: the stack pointer at the
	 * entry, or the trampoline's context.
	 */
	__u32 at;
	__u16 depth; /* frames below it */
	__u16 position; /* of the driver in the ring, at the entry */
	__u16 added; /* entries added since the last kick, at the entry */
	__u16 next; /* packed: the slot of the next chain, at the entry; wrap counter in bit 15 */
	__u8 seen; /* an interrupt's handler: what it has called, SEEN_* */
	__u8 pad[7];
	__u64 arg[ARGS];
	__u64 vdev, parent, vq, hctx;
	__u64 entered; /* VQG_ADD: when */
	__u64 stack; /* its key; 0: none was taken */
};

struct thread {
	__u32 depth, pad;
	struct frame frame[VQG_FRAMES];
};

struct block_queue {
	__u16 dev, pad[3];
	__u64 data; /* of the driver: another one, and the address is another queue's now */
};

/* What is remembered of a chain until the driver takes it back. */
struct head_key {
	__u64 vq;
	__u32 head, pad;
};

struct head {
	__u64 status; /* address of the last byte that the device writes; 0 unknown */
};

struct values {
	__u32 n, ended; /* ended: the next value is unknown */
	__u64 value[VQT_GUEST_ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQG_FUNCTIONS);
	__type(key, __u32);
	__type(value, struct vqg_function);
} functions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct thread);
} threads SEC(".maps");

/* By the address of the struct device that the virtio device hangs on: a PCI function's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vqg_device);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct block_queue);
} block_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct head_key);
	__type(value, struct head);
} heads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQG_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct scratch {
	__u32 busy, pos;
	/* Of a stack: what the verifier must not follow from frame to frame. */
	__u64 key;
	__u32 first, end, found, pad;
	__u8 vvq[VQG_VVQ_BYTES]; /* a struct vring_virtqueue */
	__u8 rec[VQG_RECORD + 512];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQG_SCRATCH_PER_CPU); /* times CPUs, set at load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct vqg_shared shared;

/* The programs wake the reader when this many bytes wait in the buffer. */
const volatile __u64 wake_level = 256 << 10;
const volatile __u8 source_id = 1;
/* Bit n: calls with this enum vqt_guest_what get a stack. */
const volatile __u32 stacks_of;

static __always_inline bool known(__u16 offset)
{
	return offset != VQG_UNKNOWN;
}

static __always_inline long read_kernel(void *to, __u32 n, __u64 from)
{
	return bpf_probe_read_kernel(to, n, (const void *)from);
}

static __always_inline void count(__u32 which, __u64 n)
{
	__u64 *c = bpf_map_lookup_elem(&counters, &which);

	if (c)
		__sync_fetch_and_add(c, n);
}

/* Physical to kernel-virtual address: add this.  0: unknown. */
static __always_inline __u64 linear_map(void)
{
	__u64 base = 0;

	if (shared.linear_map_at)
		read_kernel(&base, 8, shared.linear_map_at);
	return base;
}

/* --- records --------------------------------------------------------------------- */

/* Of what is told to user space alone: its loss is not that of an event. */
static __always_inline void hdr_begin_unnumbered(struct vqt_hdr *h, __u8 type)
{
	__builtin_memset(h, 0, sizeof(*h));
	h->type = type;
	h->source = source_id;
}

static __always_inline void hdr_begin(struct vqt_hdr *h, __u8 type, __u16 dev, __u16 queue)
{
	h->seq = __sync_fetch_and_add(&shared.next_seq, 1);
	h->ts = bpf_ktime_get_ns();
	h->tid = bpf_get_current_pid_tgid();
	h->device = dev;
	h->queue = queue;
	h->type = type;
	h->source = source_id;
	h->cpu = bpf_get_smp_processor_id();
}

/* Whether calls of this function get a stack: of those that write nothing none. */
static __always_inline bool wants_stack(const struct vqg_function *f)
{
	return stacks_of && stacks_of >> (f->what & 31) & 1 && f->special != VQG_SHARED;
}

/* A record, and room for a reference behind it. */
#define WITH_STACK(type) \
	struct { \
		struct type r; \
		struct vqg_stack_ref stack; \
	}

/* The reference behind an event of this call: its length, 0 without a stack. */
static __always_inline __u32 put_stack(struct vqg_stack_ref *ref, const struct frame *fr,
				       struct vqt_hdr *h)
{
	if (!stacks_of || !fr->stack)
		return 0;
	ref->key[0] = fr->stack;
	ref->key[1] = fr->stack >> 32;
	h->source = VQG_SOURCE_STACK;
	return sizeof(*ref);
}

/* Wake the reader only when there is much to read: a wake-up costs more than a record. */
static __always_inline long send(void *rec, __u64 len)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wake_level)
		flags = BPF_RB_FORCE_WAKEUP;
	return bpf_ringbuf_output(&events, rec, len, flags);
}

static __always_inline void emit(void *rec, __u64 len)
{
	if (send(rec, len))
		count(VQG_LOST_BUFFER, 1);
}

/* n records of a queue are missing here. */
static __noinline int lose(struct frame *fr, __u32 why, __u64 n)
{
	struct vqt_loss l = { .lost = n, .why = why };

	if (!fr)
		return 0;
	hdr_begin(&l.h, VQT_LOSS, fr->dev, fr->queue);
	emit(&l, sizeof(l));
	return 0;
}

/* Space for a large record.  An interrupt may come while another is being built. */
static __always_inline struct scratch *scratch_get(void)
{
	__u32 base = bpf_get_smp_processor_id() * VQG_SCRATCH_PER_CPU;

	for (int i = 0; i < VQG_SCRATCH_PER_CPU; i++) {
		__u32 key = base + i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

		if (s && !__sync_val_compare_and_swap(&s->busy, 0, 1))
			return s;
	}
	return NULL;
}

static __always_inline void scratch_put(struct scratch *s)
{
	__sync_lock_test_and_set(&s->busy, 0);
}

/* --- threads ------------------------------------------------------------------------ */

/* Idle threads of all processors have the number 0. */
static __always_inline __u64 thread_key(void)
{
	__u64 key = (__u32)bpf_get_current_pid_tgid();

	return key ?: 1ULL << 32 | bpf_get_smp_processor_id();
}

static const volatile struct thread no_thread; /* static: not in the skeleton */

static __always_inline struct thread *thread_get(bool make)
{
	__u64 key = thread_key();
	struct thread *t = bpf_map_lookup_elem(&threads, &key);

	if (t || !make)
		return t;
	if (bpf_map_update_elem(&threads, &key, (const void *)&no_thread, BPF_NOEXIST))
		count(VQG_MISSED, 1);
	return bpf_map_lookup_elem(&threads, &key);
}

/* After the outermost function: nothing is remembered of the thread. */
static __always_inline void thread_put(struct thread *t)
{
	__u64 key = thread_key();

	if (!t->depth)
		bpf_map_delete_elem(&threads, &key);
}

/* --- devices -------------------------------------------------------------------------- */

/* Tell user space of a device, or more of it: it makes the VQT_DEVICE. */
static __noinline int device_record(struct vqg_device *d, __u64 parent)
{
	struct {
		struct vqt_device r;
		struct vqg_found found;
	} x = {};
	__u64 name = 0;
	__u32 type = 0;

	if (!d)
		return 0;
	x.r.bdf = ~0U;
	x.r.handle = parent;
	x.found.vdev = d->vdev;
	if (d->vdev && known(shared.layout.vdev_id_device))
		read_kernel(&type, 4, d->vdev + shared.layout.vdev_id_device);
	x.r.virtio_id = type;
	if (known(shared.layout.dev_kobj_name) &&
	    !read_kernel(&name, 8, parent + shared.layout.dev_kobj_name))
		bpf_probe_read_kernel_str(x.found.parent, sizeof(x.found.parent), (void *)name);
	hdr_begin(&x.r.h, VQT_DEVICE, d->id, VQT_NO_QUEUE);
	emit(&x, sizeof(x));
	d->typed = type != 0;
	return 0;
}

static __noinline struct vqg_device *device_get(__u64 parent, __u64 vdev)
{
	struct vqg_device *d = bpf_map_lookup_elem(&devices, &parent), new = {};

	if (!d) {
		/* looked at before it is raised, so it cannot grow without end */
		__u32 id = shared.last_device < VQG_DEVICES
				   ? __sync_fetch_and_add(&shared.last_device, 1) + 1
				   : VQG_DEVICES;

		if (id >= VQG_DEVICES) {
			count(VQG_MISSED, 1);
			return NULL;
		}
		new.id = id;
		new.vdev = vdev;
		bpf_map_update_elem(&devices, &parent, &new, BPF_NOEXIST);
		d = bpf_map_lookup_elem(&devices, &parent);
		if (!d) {
			count(VQG_MISSED, 1);
			return NULL;
		}
		device_record(d, parent);
	} else if (!d->typed && vdev) {
		d->vdev = vdev;
		device_record(d, parent);
	}
	return d;
}

static __always_inline __u64 pointer_at(__u64 base, __u16 offset)
{
	__u64 p = 0;

	if (!base || !known(offset) || read_kernel(&p, 8, base + offset))
		return 0;
	return p;
}

static __always_inline __u64 vdev_of_hctx(__u64 hctx)
{
	return pointer_at(
		pointer_at(pointer_at(hctx, shared.layout.hctx_queue), shared.layout.q_data),
		shared.layout.vblk_vdev);
}

/* netdev_priv(): a member of its own since Linux 6.9, before that behind the structure. */
static __always_inline __u64 vdev_of_net(__u64 net)
{
	__u64 at = shared.layout.net_priv;

	if (!known(shared.layout.net_priv)) {
		if (!known(shared.layout.net_size))
			return 0;
		at = (shared.layout.net_size + 31) & ~31;
	}
	return pointer_at(net + at, shared.layout.vi_vdev);
}

static __always_inline __u64 vq_of_napi(__u64 napi, __u16 in_queue, __u16 vq)
{
	return known(in_queue) ? pointer_at(napi - in_queue, vq) : 0;
}

/*
 * The recorder itself adds to a queue of the port that the trace goes to: what happens there is
 * not recorded.
 */
static __noinline int leave_out_output(struct vqg_device *d, struct frame *fr)
{
	struct bpf_pidns_info self = {};
	__u32 type = 0;

	if (!d || !fr || fr->queue >= 64 || !(shared.output_queues >> fr->queue & 1) ||
	    d->skip_queues & shared.output_queues || !known(shared.layout.vdev_id_device) ||
	    read_kernel(&type, 4, fr->vdev + shared.layout.vdev_id_device) ||
	    type != shared.output_type ||
	    bpf_get_ns_current_pid_tgid(shared.pid_dev, shared.pid_ino, &self, sizeof(self)) ||
	    self.tgid != shared.pid)
		return 0;
	d->skip_queues |= shared.output_queues;
	return 0;
}

/* The device that a function is about, from its arguments. */
static __noinline int find_device(const struct vqg_function *f, struct frame *fr)
{
	struct vqg_device *d;
	__u64 a, pci = 0;
	__u32 index = 0;

	if (!f || !fr)
		return 0;
	a = fr->arg[0];
	switch (f->object) {
	case VQG_VDEV: fr->vdev = a; break;
	case VQG_IRQ_VDEV: fr->vdev = fr->arg[1]; break;
	case VQG_DEV:
		fr->vdev = known(shared.layout.vdev_dev) ? a - shared.layout.vdev_dev : 0;
		break;
	case VQG_PCI: pci = a; break;
	case VQG_MDEV: pci = pointer_at(a, shared.layout.mdev_pci); break;
	case VQG_LDEV: pci = pointer_at(a, shared.layout.ldev_pci); break;
	case VQG_VQ: fr->vq = a; break;
	case VQG_IRQ_VQ: fr->vq = fr->arg[1]; break;
	case VQG_RQLIST: fr->hctx = pointer_at(pointer_at(a, 0), shared.layout.rq_hctx); break;
	case VQG_HCTX: fr->hctx = a; break;
	case VQG_NET: fr->vdev = vdev_of_net(fr->arg[1]); break;
	case VQG_NAPI_RX:
		fr->vq = vq_of_napi(a, shared.layout.rxq_napi, shared.layout.rxq_vq);
		break;
	case VQG_NAPI_TX:
		fr->vq = vq_of_napi(a, shared.layout.txq_napi, shared.layout.txq_vq);
		break;
	case VQG_VBLK: fr->vdev = pointer_at(a, shared.layout.vblk_vdev); break;
	}
	if (fr->hctx)
		fr->vdev = vdev_of_hctx(fr->hctx);
	if (fr->vq) {
		fr->vdev = pointer_at(fr->vq, shared.layout.vq_vdev);
		if (known(shared.layout.vq_index) &&
		    !read_kernel(&index, 4, fr->vq + shared.layout.vq_index))
			fr->queue = index;
	}
	if (pci && known(shared.layout.pci_dev))
		fr->parent = pci + shared.layout.pci_dev;
	if (fr->vdev && known(shared.layout.vdev_dev))
		fr->parent =
			pointer_at(fr->vdev + shared.layout.vdev_dev, shared.layout.dev_parent);
	if (!fr->parent)
		return 0;
	d = device_get(fr->parent, fr->vdev);
	fr->skip = !d; /* counted */
	if (d) {
		fr->dev = d->id;
		/* any of the three: a kprobe may have missed the first */
		if (shared.output_queues && (fr->special == VQG_ADD || fr->special == VQG_PREPARE ||
					     fr->special == VQG_NOTIFY))
			leave_out_output(d, fr);
		fr->skip = d->skip || (fr->queue < 64 && d->skip_queues >> fr->queue & 1);
		if (!fr->vdev)
			fr->vdev = d->vdev;
	}
	return 0;
}

static __always_inline void device_offers(__u64 parent, __u64 features)
{
	struct vqg_device *d = bpf_map_lookup_elem(&devices, &parent);

	if (d) {
		d->offered = features;
		d->has_offered = 1;
	}
}

#endif
