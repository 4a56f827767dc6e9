/* SPDX-License-Identifier: MIT */
/*
 * Reads rings from guest memory just before QEMU does: split (virtio 1.4, 2.7) and packed
 * (2.8).  A hostile guest can change them at any time, so each word is read once.
 */
#ifndef VQT_BPF_PROG_RING_BPF_H
#define VQT_BPF_PROG_RING_BPF_H

#include "bpf/prog/device.bpf.h"
#include "decoder/util/virtqueue.h"

#define DESC_F_NEXT 1
#define DESC_F_WRITE 2
#define DESC_F_INDIRECT 4

#define FEATURE_EVENT_IDX (1ULL << 29)
#define FEATURE_PLATFORM (1ULL << 33)
#define FEATURE_PACKED (1ULL << 34)

/* struct rcu_head at the head of VRingMemoryRegionCaches. */
#define CACHES_FIRST 16

/* State of one queue, as read by one probe hit. */
struct ring {
	struct vqp_proc *p;
	struct vqp_memory *m; /* where guest memory is mapped, for chains; NULL: not known */
	struct scratch *s;
	__u64 vq, features;
	__u64 desc, driver, device; /* host-virtual; 0 unknown */
	__u16 num, last, used, inuse;
	__u8 packed, last_wrap, used_wrap;
};

static __always_inline __u16 vq16(struct scratch *s, __u16 off)
{
	return *(__u16 *)(s->vq + (off & 0xfe));
}

static __always_inline __u8 vq8(struct scratch *s, __u16 off)
{
	return s->vq[off & 0xff];
}

static __always_inline __u64 vq64(struct scratch *s, __u16 off)
{
	return *(__u64 *)(s->vq + (off & 0xf8));
}

/*
 * sizeof(MemoryRegionCache) differs between versions: try sizes until the
 * lengths of the caches of descriptor and available area are right.
 */
static __noinline int cache_step_find(struct vqp_proc *p, __u64 caches, __u32 num, __u32 packed)
{
	__u64 len;

	for (__u32 step = 64; step <= 256; step += 8) {
		if (read_user(&len, 8, (void *)(caches + CACHES_FIRST + 16)) ||
		    len != virtq_desc_at(num))
			return 0;
		if (read_user(&len, 8, (void *)(caches + CACHES_FIRST + step + 16)))
			return 0;
		if (!vqp_is_area(len, virtq_driver_len(num, packed), packed))
			continue;
		if (read_user(&len, 8, (void *)(caches + CACHES_FIRST + 2 * step + 16)))
			return 0;
		if (!vqp_is_area(len, virtq_device_len(num, packed), packed))
			continue;
		if (p)
			p->cache_step = step;
		return 1;
	}
	return 0;
}

#define UNREADABLE (-14) /* ring_open: memory that should be mapped cannot be read */

static __always_inline int ring_areas(struct ring *r, __u64 caches)
{
	struct vqp_proc *p = r->p;
	struct scratch *s = r->s;
	__u32 step = p->cache_step;

	if (!caches)
		return -1;
	if (!step) {
		cache_step_find(p, caches, r->num, r->packed);
		step = p->cache_step;
		if (!step)
			return -1;
	}
	/* One read costs less than three. */
	if (read_user(s->caches, (2 * step + 8) & 1023, (void *)(caches + CACHES_FIRST)))
		return UNREADABLE;
	r->desc = *(__u64 *)s->caches;
	r->driver = *(__u64 *)(s->caches + (step & 0x1f8));
	r->device = *(__u64 *)(s->caches + (2 * step & 0x3f8));
	return r->desc && r->driver && r->device ? 0 : -1;
}

/* Read the VirtQueue and find its areas; 0 when the ring memory can be read.  s->ring is empty then. */
static __always_inline int ring_open(struct ring *r, struct vqp_proc *p, struct scratch *s,
				     struct vqp_queue *q, __u64 vq)
{
	r->p = p;
	r->s = s;
	r->vq = vq;
	__builtin_memset(&s->ring, 0, sizeof(s->ring));
	s->driver_len = 0;
	if (read_user(s->vq, p->vq_bytes & 0xff, (void *)vq))
		return UNREADABLE;
	read_user(&r->features, 8, (void *)(q->vdev + p->vdev_features));
	r->packed = (r->features & FEATURE_PACKED) != 0;
	r->num = vq16(s, p->vq_num);
	r->last = vq16(s, p->vq_last);
	r->used = vq16(s, p->vq_used);
	r->last_wrap = vq8(s, p->vq_last_wrap) & 1;
	r->used_wrap = vq8(s, p->vq_used_wrap) & 1;
	r->inuse = vq16(s, p->vq_inuse);
	if (!r->num)
		return -1;
	return ring_areas(r, vq64(s, p->vq_caches));
}

/*
 * Split: read the driver area to s->driver, and the begin of the device area if it comes soon after, where Linux
 * puts it: one read costs less than one for each word.  Of a larger area only flags and index are read.
 */
static __always_inline void driver_area_read(struct ring *r)
{
	__u64 len = virtq_driver_len(r->num, false), with_device = r->device + 4 - r->driver;
	struct scratch *s = r->s;

	if (with_device >= len + 4 && with_device < DRIVER_MOST)
		len = with_device;
	barrier_var(len); /* as in heads_read() */
	if (len < DRIVER_MOST && !read_user(s->driver, len & (DRIVER_MOST - 1), (void *)r->driver))
		s->driver_len = len;
	else
		s->driver_len = read_user(s->driver, 4, (void *)r->driver) ? 0 : 4;
}

/* A word of the driver area at this offset, which is even. */
static __always_inline long driver_word(struct ring *r, __u32 at, __u16 *to)
{
	struct scratch *s = r->s;

	if (at + 2 > s->driver_len)
		return read_user(to, 2, (void *)(r->driver + at));
	*to = *(__u16 *)(s->driver + (at & (DRIVER_MOST - 2)));
	return 0;
}

/* Flags and index of the device area, which is maybe in s->driver: two bytes off, if the driver area is (2.7). */
static __always_inline long device_words(struct ring *r, __u16 w[2])
{
	__u64 at = r->device - r->driver;
	struct scratch *s = r->s;

	if (at % 2 || !s->driver_len || at > s->driver_len - 4)
		return read_user(w, 4, (void *)r->device);
	w[0] = *(__u16 *)(s->driver + (at & (DRIVER_MOST - 2)));
	w[1] = *(__u16 *)(s->driver + (at & (DRIVER_MOST - 2)) + VIRTQ_RING_IDX);
	return 0;
}

static __always_inline void ring_split(struct ring *r)
{
	struct scratch *s = r->s;
	struct vqt_ring *o = &s->ring;
	__u16 w[2];

	driver_area_read(r);
	if (s->driver_len) {
		o->avail_flags = *(__u16 *)s->driver;
		o->avail_idx = *(__u16 *)(s->driver + VIRTQ_RING_IDX);
		o->known |= VQT_RING_AVAIL_FLAGS | VQT_RING_AVAIL_IDX;
	}
	if (!device_words(r, w)) {
		o->used_flags = w[0];
		o->used_idx = w[1];
		o->known |= VQT_RING_USED_FLAGS | VQT_RING_USED_IDX;
	}
	o->last_avail = r->last;
	o->known |= VQT_RING_LAST_AVAIL;
	if (!(r->features & FEATURE_EVENT_IDX))
		return;
	if (!driver_word(r, virtq_used_event_at(r->num), &o->used_event))
		o->known |= VQT_RING_USED_EVENT;
	if (!read_user(&o->avail_event, 2, (void *)(r->device + virtq_avail_event_at(r->num))))
		o->known |= VQT_RING_AVAIL_EVENT;
}

static __always_inline void ring_packed(struct ring *r)
{
	struct vqt_ring *o = &r->s->ring;
	__u16 w[2];

	o->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS;
	o->last_avail = virtq_position(r->last, r->last_wrap);
	o->used_idx = virtq_position(r->used, r->used_wrap);
	if (!read_user(w, 4, (void *)r->driver)) {
		o->used_event = w[0];
		o->avail_flags = w[1];
		o->known |= VQT_RING_USED_EVENT | VQT_RING_AVAIL_FLAGS;
	}
	if (!read_user(w, 4, (void *)r->device)) {
		o->avail_event = w[0];
		o->used_flags = w[1];
		o->known |= VQT_RING_AVAIL_EVENT | VQT_RING_USED_FLAGS;
	}
	if (read_user(w, 2, (void *)(r->desc + virtq_desc_at(r->last) + VIRTQ_PACKED_FLAGS)))
		return;
	o->known |= VQT_RING_SLOT;
	if (virtq_is_available(w[0], r->last_wrap))
		o->known |= VQT_RING_FILLED;
}

/* To s->ring. */
static __always_inline void ring_snapshot(struct ring *r)
{
	if (r->packed)
		ring_packed(r);
	else
		ring_split(r);
}

/* --- kick ------------------------------------------------------------------ */

struct kick_record {
	struct vqt_kick k;
	__u16 heads
		[2 *
		 VQT_KICK_HEADS]; /* twice the needed size: the verifier does not know the bound */
};

/*
 * mask: all bits of the most bytes that there can be.  Without the barrier the compiler drops it: it knows
 * the limit, but the verifier does not.
 */
static __always_inline long heads_read(__u16 *to, __u64 from, __u32 n, __u32 mask)
{
	__u32 bytes = 2 * n;

	barrier_var(bytes);
	return read_user(to, bytes & mask, (void *)from);
}

static __always_inline void kick_heads(struct ring *r, struct kick_record *k)
{
	__u16 n = k->k.ring.avail_idx - r->last;
	__u32 slot, first;

	if (r->packed || !(k->k.ring.known & VQT_RING_AVAIL_IDX) || !n || n > r->num)
		return;
	slot = r->last % r->num;
	if (n > VQT_KICK_HEADS)
		n = VQT_KICK_HEADS;
	first = r->num - slot < n ? r->num - slot : n;
	if (heads_read(k->heads, r->driver + virtq_avail_at(slot), first, 63))
		return;
	k->k.nheads = first;
	/* the ring goes on at its begin */
	if (first < n &&
	    !heads_read(&k->heads[first & 15], r->driver + virtq_avail_at(0), n - first, 31))
		k->k.nheads = n;
}

/* Build the record in s->rec, but for what the kick itself says. */
static __noinline int kick_ring(struct vqp_proc *p, struct vqp_queue *q, struct scratch *s,
				__u64 vq)
{
	struct kick_record *k;
	struct ring r = {};

	if (!p || !q || !s)
		return 0;
	k = (void *)s->rec;
	__builtin_memset(k, 0, sizeof(*k));
	if (!ring_open(&r, p, s, q, vq)) {
		ring_snapshot(&r);
		k->k.ring = s->ring;
		kick_heads(&r, k);
	}
	return 0;
}

/*
 * False: it is not known which queue this is.  Not static, so that the verifier follows it once and not once
 * for each way to it.  Later kernels let only programs that may sleep call such a function if it may: there
 * all of ours may, and where they may not (before Linux 6.0), nobody asks.
 */
__noinline int kick(struct vqp_proc *p, __u64 vq, __u16 via, __u64 value, __u8 width)
{
	struct kick_record *k;
	struct vqp_queue *q;
	struct scratch *s;

	if (!p)
		return false;
	q = queue_get(p, vq);
	if (!q)
		return false;
	if (q->skip)
		return true;
	s = scratch_get(p, q);
	if (!s)
		return true;
	kick_ring(p, q, s, vq);
	k = (void *)s->rec;
	k->k.value = value;
	k->k.via = via;
	k->k.width = width;
	hdr_begin(p, &k->k.h, VQT_KICK, q->dev, q->index);
	emit(k, sizeof(k->k) + ((k->k.nheads * 2 + 3) & 0x3c));
	scratch_put(s);
	return true;
}

#endif
