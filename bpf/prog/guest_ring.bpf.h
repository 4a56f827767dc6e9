/* SPDX-License-Identifier: MIT */
/* The rings as the driver sees them: chains it adds, entries it takes, kicks, interrupts. */
#ifndef VQT_BPF_PROG_GUEST_RING_BPF_H
#define VQT_BPF_PROG_GUEST_RING_BPF_H

#include "bpf/prog/guest_common.bpf.h"

#define DESC_F_NEXT 1
#define DESC_F_WRITE 2
#define DESC_F_INDIRECT 4
#define FEATURE_PLATFORM (1ULL << 33)

/* A queue: what the driver's structure says, and the addresses of its ring. */
struct ring {
	__u64 desc, avail, used; /* packed: avail and used are the event structures */
	__u64 state;
	__u32 num;
	__u16 idx; /* split: the driver's available index; packed: its next slot */
	__u16 last_used;
	__u8 packed, event, wrap, pad[3];
};

/* Whether the copy of a struct vring_virtqueue has a field. */
static __always_inline bool in_copy(__u16 at)
{
	return at <= VQG_VVQ_BYTES - sizeof(__u64);
}

/* A field of the copy of a struct vring_virtqueue; 0: its offset is unknown, or beyond the copy. */
#define FIELD(bits) \
	static __always_inline __u##bits field##bits(const struct scratch *s, __u32 at) \
	{ \
		barrier_var(at); /* the verifier has to see the bound of what is added */ \
		return at <= VQG_VVQ_BYTES - sizeof(__u##bits) ? *(__u##bits *)(s->vvq + at) : 0; \
	}
FIELD(64)
FIELD(32)
FIELD(16)
FIELD(8)

static __noinline int ring_fields(struct ring *r, struct scratch *s, __u64 vq)
{
	if (!r || !s || read_kernel(s->vvq, VQG_VVQ_BYTES, vq))
		return -1;
	r->packed = field8(s, shared.layout.vvq_packed);
	r->event = field8(s, shared.layout.vvq_event);
	r->last_used = field16(s, shared.layout.vvq_last_used);
	if (r->packed) {
		if (!in_copy(shared.layout.packed_next) || !in_copy(shared.layout.packed_wrap))
			return -1;
		r->num = field32(s, shared.layout.packed_num);
		r->desc = field64(s, shared.layout.packed_desc);
		r->avail = field64(s, shared.layout.packed_driver);
		r->used = field64(s, shared.layout.packed_device);
		r->wrap = field8(s, shared.layout.packed_wrap);
		r->idx = field16(s, shared.layout.packed_next);
		r->state = field64(s, shared.layout.packed_state);
	} else {
		if (!in_copy(shared.layout.split_idx))
			return -1;
		r->num = field32(s, shared.layout.split_num);
		r->desc = field64(s, shared.layout.split_desc);
		r->avail = field64(s, shared.layout.split_avail);
		r->used = field64(s, shared.layout.split_used);
		r->idx = field16(s, shared.layout.split_idx);
		r->state = field64(s, shared.layout.split_state);
	}
	return r->num && r->desc && r->avail && r->used ? 0 : -1;
}

/* 0, or -1: what the driver knows of its ring is not known here. */
static __noinline int ring_open(struct ring *r, __u64 vq)
{
	struct scratch *s = r && in_copy(shared.layout.vvq_packed) ? scratch_get() : NULL;
	int rc;

	if (!s)
		return -1;
	rc = ring_fields(r, s, vq);
	scratch_put(s);
	return rc;
}

/* What the ring's memory holds, without what only the device knows. */
static __noinline int ring_snapshot(struct ring *r, struct vqt_ring *out)
{
	__u16 pair[2] = {};

	if (!r || !out)
		return 0;
	if (r->packed) { /* 2.8.14: off_wrap, flags */
		out->known = VQT_RING_PACKED;
		if (!read_kernel(pair, 4, r->avail)) {
			out->used_event = pair[0];
			out->avail_flags = pair[1];
			out->known |= VQT_RING_USED_EVENT | VQT_RING_AVAIL_FLAGS;
		}
		if (!read_kernel(pair, 4, r->used)) {
			out->avail_event = pair[0];
			out->used_flags = pair[1];
			out->known |= VQT_RING_AVAIL_EVENT | VQT_RING_USED_FLAGS;
		}
		return 0;
	}
	if (!read_kernel(pair, 4, r->avail)) { /* 2.7.6: flags, idx */
		out->avail_flags = pair[0];
		out->avail_idx = pair[1];
		out->known |= VQT_RING_AVAIL_FLAGS | VQT_RING_AVAIL_IDX;
	}
	if (!read_kernel(pair, 4, r->used)) {
		out->used_flags = pair[0];
		out->used_idx = pair[1];
		out->known |= VQT_RING_USED_FLAGS | VQT_RING_USED_IDX;
	}
	if (!r->event)
		return 0;
	if (!read_kernel(&out->used_event, 2, r->avail + 4 + 2ULL * r->num))
		out->known |= VQT_RING_USED_EVENT;
	if (!read_kernel(&out->avail_event, 2, r->used + 4 + 8ULL * r->num))
		out->known |= VQT_RING_AVAIL_EVENT;
	return 0;
}

/* The driver's positions when it enters a function that moves them. */
static __noinline int remember_positions(struct frame *fr)
{
	__u32 added = 0;
	__u8 packed = 0, wrap = 0;

	if (!fr || !known(shared.layout.vvq_packed))
		return 0;
	read_kernel(&packed, 1, fr->vq + shared.layout.vvq_packed);
	if (!read_kernel(&added, 4, fr->vq + shared.layout.vvq_added))
		fr->added = added;
	if (packed && known(shared.layout.packed_next) && known(shared.layout.packed_wrap)) {
		read_kernel(&fr->next, 2, fr->vq + shared.layout.packed_next);
		read_kernel(&wrap, 1, fr->vq + shared.layout.packed_wrap);
		fr->next |= wrap ? 0x8000 : 0;
	}
	read_kernel(&fr->position, 2, fr->vq + shared.layout.vvq_last_used);
	return 0;
}

/* --- chains ------------------------------------------------------------------------------ */

struct walk {
	struct scratch *s;
	__u64 table, indirect; /* where descriptors are read; the table of the one just read */
	__u64 last; /* address (guest-physical) of the last byte that the device writes */
	__u32 next, n, ndirect, entries;
	__u16 id, flags;
	__u8 packed, in_table;
};

#define REC_DESC sizeof(struct vqt_avail)

static long walk_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;
	__u32 at = REC_DESC + 16 * (w->n & (VQG_CHAIN - 1));
	struct vqt_desc *d = (void *)(w->s->rec + (at & (VQG_RECORD - 1)));
	__u32 slot = w->next;
	__u16 flags;

	if (w->n >= VQG_CHAIN) {
		w->flags |= VQT_CHAIN_CUT;
		return 1;
	}
	if (slot >= w->entries) {
		w->flags |= VQT_CHAIN_BAD_NEXT;
		return 1;
	}
	if (read_kernel(d, 16, w->table + 16ULL * slot)) {
		w->flags |= VQT_CHAIN_CUT;
		return 1;
	}
	w->n++;
	if (!w->in_table)
		w->ndirect = w->n;
	if (w->packed) { /* 2.8.13: len, id, flags where a split one has flags, next */
		__u16 id = d->flags;

		d->flags = d->next;
		d->next = id;
		if (!w->in_table)
			w->id = id;
	}
	flags = d->flags;
	if (flags & DESC_F_INDIRECT && !w->in_table) {
		if (!w->indirect) {
			w->flags |= VQT_CHAIN_NO_TABLE;
			return 1;
		}
		w->table = w->indirect;
		w->entries = d->len / 16;
		w->next = 0;
		w->in_table = 1;
		return 0;
	}
	if (flags & DESC_F_WRITE && d->len)
		w->last = d->addr + d->len - 1;
	if (w->packed && w->in_table) {
		w->next = slot + 1;
		return w->next >= w->entries;
	}
	if (!(flags & DESC_F_NEXT))
		return 1;
	if (w->packed)
		w->next = slot + 1 < w->entries ? slot + 1 : 0;
	else
		w->next = d->next;
	return 0;
}

/* Where the driver keeps the address of a chain's indirect table. */
static __always_inline __u64 table_of(struct ring *r, __u32 head)
{
	__u16 size = r->packed ? shared.layout.pstate_size : shared.layout.state_size;
	__u16 at = r->packed ? shared.layout.pstate_table : shared.layout.state_table;

	if (!known(size) || !r->state || head >= r->num)
		return 0;
	return pointer_at(r->state + (__u64)head * size, at);
}

struct bytes {
	struct scratch *s;
	__u32 n, pos, segs, limit;
	__u64 map; /* buffer_map() */
};

/* Leading bytes of a buffer that the device reads. */
static long bytes_step(__u32 i, void *ctx)
{
	struct bytes *b = ctx;
	struct vqt_desc *d = (void *)(b->s->rec + ((REC_DESC + 16 * i) & (VQG_RECORD - 1)));
	struct vqt_seg *seg;
	__u32 len, pos = b->pos;

	if (i >= b->n || pos > VQG_RECORD - 512)
		return 1;
	if (d->flags & (DESC_F_WRITE | DESC_F_INDIRECT) || !d->len)
		return 0;
	len = d->len < b->limit ? d->len : b->limit;
	len &= 0x1ff;
	seg = (void *)(b->s->rec + (pos & (VQG_RECORD - 1)));
	seg->desc = i;
	seg->len = len;
	seg->offset = 0;
	/* what pads it: the scratch has other records' bytes */
	*(__u32 *)(b->s->rec + ((pos + 8 + (len & ~3U)) & (VQG_RECORD - 1))) = 0;
	if (read_kernel(b->s->rec + ((pos + 8) & (VQG_RECORD - 1)), len, d->addr + b->map))
		return 0;
	b->segs++;
	b->pos = pos + 8 + ((len + 3) & ~3U);
	return 0;
}

/* What leads from a buffer's address to its bytes; 0: unknown, or the IOMMU's to translate. */
static __always_inline __u64 buffer_map(__u64 vdev)
{
	__u64 features;

	if (!known(shared.layout.vdev_features) ||
	    read_kernel(&features, 8, vdev + shared.layout.vdev_features) ||
	    features & FEATURE_PLATFORM)
		return 0;
	return linear_map();
}

/* The driver has made a chain available: 2.7.13, 2.8.21. */
static __noinline int avail_record(struct frame *fr)
{
	struct head_key key = {};
	struct head head = {};
	struct walk w = {};
	struct vqt_avail *a;
	struct bytes b = {};
	struct scratch *s;
	struct ring r = {};
	__u16 start = 0, pos;
	__u32 end;
	__u64 adding;

	if (!fr)
		return 0;
	s = ring_open(&r, fr->vq) ? NULL : scratch_get();
	if (!s)
		return lose(fr, VQT_LOSS_LIMIT, 1);
	pos = r.packed ? fr->next : r.idx - 1;
	w.s = s;
	w.packed = r.packed;
	w.table = r.desc;
	w.entries = r.num;
	if (r.packed) {
		start = pos & 0x7fff;
		read_kernel(&w.id, 2, r.desc + 16ULL * start + 12);
	} else {
		read_kernel(&start, 2, r.avail + 4 + 2ULL * (pos & (r.num - 1)));
		w.id = start;
	}
	w.next = start;
	w.indirect = table_of(&r, w.id);
	bpf_loop(VQG_CHAIN + 2, walk_step, &w, 0);
	a = (void *)s->rec;
	__builtin_memset(a, 0, sizeof(*a));
	ring_snapshot(&r, &a->ring);
	a->ring.known &= ~VQT_RING_USED_IDX; /* as below */
	b.s = s;
	b.n = w.n < VQG_CHAIN ? w.n : VQG_CHAIN;
	b.pos = REC_DESC + 16 * b.n;
	b.limit = shared.snaplen < 256 ? shared.snaplen : 256;
	b.map = buffer_map(fr->vdev);
	if (b.map && b.limit)
		bpf_loop(VQG_CHAIN, bytes_step, &b, 0);
	key.vq = fr->vq;
	key.head = w.id;
	/* This chain is still remembered, so the driver took it back and that was not seen. */
	if (bpf_map_lookup_elem(&heads, &key))
		lose(fr, VQT_LOSS_LIMIT, 1);
	if (w.last && b.map && !w.flags) /* the last byte of all of the chain */
		head.status = w.last + b.map;
	bpf_map_update_elem(&heads, &key, &head, BPF_ANY);
	a->head = w.id;
	a->pos = pos;
	a->flags = w.flags;
	a->ndesc = b.n;
	a->ndirect = w.ndirect;
	a->nseg = b.segs;
	hdr_begin(&a->h, VQT_AVAIL, fr->dev, fr->queue);
	adding = (a->h.ts - fr->entered) / VQT_ADDING_NS + 1;
	a->adding = adding < VQT_ADDING_MORE ? adding : VQT_ADDING_MORE;
	end = b.pos;
	barrier_var(end); /* the verifier has to see the mask */
	end &= VQG_RECORD - 1;
	emit(s->rec, end + put_stack((void *)(s->rec + end), fr, &a->h));
	scratch_put(s);
	return 0;
}

static long forget_step(__u32 i, void *ctx)
{
	struct head_key *key = ctx;

	key->head = i;
	bpf_map_delete_elem(&heads, key);
	return 0;
}

/* The queue is about to be reset: its chains are the driver's again, and no used entry says so. */
static __noinline int forget_chains(struct frame *fr)
{
	struct head_key key = {};
	struct ring r = {};

	if (!fr || ring_open(&r, fr->vq))
		return 0;
	key.vq = fr->vq;
	bpf_loop(r.num, forget_step, &key, 0);
	return 0;
}

/* The driver has taken an entry that the device used: 2.7.14, 2.8.22. */
static __noinline int used_record(struct frame *fr)
{
	struct head_key key = {};
	WITH_STACK(vqt_used) u = {};
	struct ring r = {};
	struct head *head;
	__u32 entry[2] = {};

	if (!fr)
		return 0;
	if (ring_open(&r, fr->vq))
		return lose(fr, VQT_LOSS_LIMIT, 1);
	ring_snapshot(&r, &u.r.ring);
	u.r.ring.known &= ~VQT_RING_USED_IDX; /* it is that of after the entry */
	u.r.pos = fr->position;
	if (r.packed) { /* addr, len, id, flags */
		read_kernel(entry, 8, r.desc + 16ULL * (u.r.pos & 0x7fff) + 8);
		u.r.len = entry[0];
		u.r.id = entry[1];
		if (entry[1] >> 16 & DESC_F_WRITE)
			u.r.flags |= VQT_USED_WRITE;
	} else {
		read_kernel(entry, 8, r.used + 4 + 8ULL * (u.r.pos & (r.num - 1)));
		u.r.id = entry[0];
		u.r.len = entry[1];
	}
	key.vq = fr->vq;
	key.head = u.r.id;
	head = bpf_map_lookup_elem(&heads, &key);
	if (head && head->status && !read_kernel(&u.r.status, 1, head->status))
		u.r.flags |= VQT_USED_STATUS;
	if (head)
		bpf_map_delete_elem(&heads, &key);
	hdr_begin(&u.r.h, VQT_USED, fr->dev, fr->queue);
	emit(&u, sizeof(u.r) + put_stack(&u.stack, fr, &u.r.h));
	return 0;
}

/* Whether the device has used an entry that the driver has not taken: 2.7.14, 2.8.22. */
static __noinline bool has_used(struct frame *fr)
{
	struct ring r = {};
	__u16 pair[2] = {};
	bool used = true;

	if (!fr || ring_open(&r, fr->vq))
		return true;
	if (!r.packed && !read_kernel(pair, 4, r.used))
		used = pair[1] != r.last_used;
	else if (r.packed && !read_kernel(pair, 2, r.desc + 16ULL * (r.last_used & 0x7fff) + 14))
		used = !!(pair[0] & 1 << 7) == !!(pair[0] & 1 << 15) &&
		       !!(pair[0] & 1 << 15) == r.last_used >> 15;
	return used;
}

/* Where the driver makes the next chain available: 2.7.6; with the wrap counter: 2.8.1. */
static __always_inline __u16 driver_position(const struct ring *r)
{
	return r->packed && r->wrap ? r->idx | 0x8000 : r->idx;
}

/* --- kicks and interrupts -------------------------------------------------------------- */

/* vp_notify(vq): the driver is about to notify the device; with_data: 2.9. */
static __noinline int kick_record(struct frame *fr, __u32 with_data)
{
	WITH_STACK(vqt_kick) k = {};
	struct ring r = {};

	if (!fr)
		return 0;
	if (!ring_open(&r, fr->vq)) {
		ring_snapshot(&r, &k.r.ring);
		if (with_data)
			k.r.width = 4;
	}
	k.r.value = fr->queue;
	if (k.r.width)
		k.r.value |= (__u32)driver_position(&r) << 16;
	k.r.via = VQT_KICK_CALL;
	hdr_begin(&k.r.h, VQT_KICK, fr->dev, fr->queue);
	emit(&k, sizeof(k.r) + put_stack(&k.stack, fr, &k.r.h));
	return 0;
}

/* Whether the virtio device is that of a struct virtio_pci_device. */
static __always_inline bool is_pci(const struct frame *fr)
{
	__u64 pci = known(shared.layout.pci_dev) ? pointer_at(fr->vdev, shared.layout.vpd_pci) : 0;

	return pci && pci + shared.layout.pci_dev == fr->parent;
}

static __noinline int irq_record(struct frame *fr, __u32 kind)
{
	WITH_STACK(vqt_irq) i = {};
	__u64 info;
	__u32 vector = VQT_NO_VECTOR, msix = 0;

	if (!fr)
		return 0;
	if (kind == VQT_IRQ_HANDLER && is_pci(fr) && known(shared.layout.vpd_msix) &&
	    !read_kernel(&msix, 4, fr->vdev + shared.layout.vpd_msix) && msix) {
		info = pointer_at(pointer_at(fr->vdev, shared.layout.vpd_vqs) + 8ULL * fr->queue,
				  0);
		if (info && known(shared.layout.vqi_vector))
			read_kernel(&vector, 4, info + shared.layout.vqi_vector);
	}
	i.r.kind = kind;
	i.r.vector = vector;
	hdr_begin(&i.r.h, VQT_IRQ, fr->dev, fr->queue);
	emit(&i, sizeof(i.r) + put_stack(&i.stack, fr, &i.r.h));
	return 0;
}

static __always_inline void put(struct values *v, __u64 value)
{
	if (v->ended)
		return;
	if (v->n < VQT_GUEST_ARGS)
		v->value[v->n & (VQT_GUEST_ARGS - 1)] = value;
	v->n++;
}

/* The same if it is known; if not, nothing after it: its place says what a value is. */
static __always_inline void put_known(struct values *v, bool is_known, __u64 value)
{
	if (!is_known)
		v->ended = 1;
	put(v, value);
}

/* What virtqueue_kick_prepare compared: entries added, and where the device wants a kick. */
static __noinline int prepare_values(struct frame *fr, struct values *v)
{
	struct vqt_ring snapshot = {};
	struct ring r = {};

	if (!fr || !v || ring_open(&r, fr->vq))
		return 0;
	ring_snapshot(&r, &snapshot);
	put(v, fr->added);
	put(v, driver_position(&r));
	put_known(v, snapshot.known & VQT_RING_USED_FLAGS, snapshot.used_flags);
	put_known(v, snapshot.known & VQT_RING_AVAIL_EVENT, snapshot.avail_event);
	return 0;
}

/* What virtqueue_enable_cb and its like have written. */
static __noinline int callback_values(struct frame *fr, struct values *v)
{
	struct vqt_ring snapshot = {};
	struct ring r = {};

	if (!fr || !v || ring_open(&r, fr->vq))
		return 0;
	ring_snapshot(&r, &snapshot);
	put(v, r.last_used);
	put_known(v, snapshot.known & VQT_RING_AVAIL_FLAGS, snapshot.avail_flags);
	put_known(v, snapshot.known & VQT_RING_USED_EVENT, snapshot.used_event);
	return 0;
}

#endif
