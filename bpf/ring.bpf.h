/* SPDX-License-Identifier: MIT */
/*
 * Rings, chains and buffers as guest memory has them at the moment QEMU looks:
 * split (virtio 1.4, 2.7) and packed (2.8).  Everything read here can be changed
 * by a hostile guest at any time, so each word is read once.
 */
#ifndef VQT_BPF_RING_BPF_H
#define VQT_BPF_RING_BPF_H

#include "bpf/common.bpf.h"

#define DESC_F_NEXT 1
#define DESC_F_WRITE 2
#define DESC_F_INDIRECT 4
#define DESC_F_AVAIL (1 << 7)
#define DESC_F_USED (1 << 15)

#define FEATURE_EVENT_IDX (1ULL << 29)
#define FEATURE_PLATFORM (1ULL << 33)
#define FEATURE_PACKED (1ULL << 34)

/* struct rcu_head at the head of VRingMemoryRegionCaches. */
#define CACHES_FIRST 16

/* One queue as seen by one probe hit. */
struct ring {
	struct vqp_proc *p;
	struct scratch *s;
	__u64 vq, features;
	__u64 desc, driver, device; /* host-virtual; 0 unknown */
	__u64 gpa[3], hva[3];
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
		    len != 16ULL * num)
			return 0;
		if (read_user(&len, 8, (void *)(caches + CACHES_FIRST + step + 16)))
			return 0;
		if (packed ? len != 4 : len != 4 + 2ULL * num && len != 6 + 2ULL * num)
			continue;
		if (read_user(&len, 8, (void *)(caches + CACHES_FIRST + 2 * step + 16)))
			return 0;
		if (packed ? len != 4 : len != 4 + 8ULL * num && len != 6 + 8ULL * num)
			continue;
		if (p)
			p->cache_step = step;
		return 1;
	}
	return 0;
}

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
	step &= 0x1f8;
	if (read_user(s->caches, (CACHES_FIRST + 2 * step + 8) & 1023, (void *)caches))
		return -1;
	r->desc = *(__u64 *)(s->caches + CACHES_FIRST);
	r->driver = *(__u64 *)(s->caches + CACHES_FIRST + step);
	r->device = *(__u64 *)(s->caches + CACHES_FIRST + 2 * step);
	return r->desc && r->driver && r->device ? 0 : -1;
}

/* Read the VirtQueue and find its areas; 0 when the ring memory can be read. */
static __always_inline int ring_open(struct ring *r, struct vqp_proc *p, struct scratch *s,
				     struct vqp_queue *q, __u64 vq)
{
	r->p = p;
	r->s = s;
	r->vq = vq;
	if (read_user(s->vq, VQP_VQ_BYTES, (void *)vq)) {
		count(VQP_LOST_FAULT);
		return -1;
	}
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

static __always_inline void ring_split(struct ring *r, struct vqt_ring *o)
{
	__u16 w[2];

	if (!read_user(w, 4, (void *)r->driver)) {
		o->avail_flags = w[0];
		o->avail_idx = w[1];
		o->known |= VQT_RING_AVAIL_FLAGS | VQT_RING_AVAIL_IDX;
	}
	if (!read_user(w, 4, (void *)r->device)) {
		o->used_flags = w[0];
		o->used_idx = w[1];
		o->known |= VQT_RING_USED_FLAGS | VQT_RING_USED_IDX;
	}
	o->last_avail = r->last;
	o->known |= VQT_RING_LAST_AVAIL;
	if (!(r->features & FEATURE_EVENT_IDX))
		return;
	if (!read_user(&o->used_event, 2, (void *)(r->driver + 4 + 2 * r->num)))
		o->known |= VQT_RING_USED_EVENT;
	if (!read_user(&o->avail_event, 2, (void *)(r->device + 4 + 8 * r->num)))
		o->known |= VQT_RING_AVAIL_EVENT;
}

static __always_inline void ring_packed(struct ring *r, struct vqt_ring *o)
{
	__u16 w[2];

	o->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS;
	o->last_avail = r->last | r->last_wrap << 15;
	o->used_idx = r->used | r->used_wrap << 15;
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
}

static __always_inline void ring_snapshot(struct ring *r, struct vqt_ring *o)
{
	if (r->packed)
		ring_packed(r, o);
	else
		ring_split(r, o);
}

/* --- kick ------------------------------------------------------------------ */

struct kick_record {
	struct vqt_kick k;
	__u16 heads[2 * VQT_KICK_HEADS]; /* room for what the verifier thinks possible */
};

static __always_inline void kick_heads(struct ring *r, struct kick_record *k)
{
	__u16 n = k->k.ring.avail_idx - r->last;

	if (r->packed || !(k->k.ring.known & VQT_RING_AVAIL_IDX) || n > r->num)
		return;
	for (__u32 i = 0; i < VQT_KICK_HEADS && i < n; i++) {
		__u32 slot = (__u16)(r->last + i) % r->num;

		if (read_user(&k->heads[i], 2, (void *)(r->driver + 4 + 2 * slot)))
			break;
		k->k.nheads = i + 1;
	}
}

static __noinline bool kick(struct vqp_proc *p, __u64 vq, __u16 via, __u64 value, __u8 width)
{
	struct kick_record k = {};
	struct ring r = {};
	struct vqp_queue *q;
	struct scratch *s;

	if (!p)
		return false;
	q = queue_get(p, vq);
	if (!q)
		return false;
	if (q->skip)
		return true;
	s = scratch_get();
	if (!s)
		return true;
	if (!ring_open(&r, p, s, q, vq)) {
		ring_snapshot(&r, &k.k.ring);
		kick_heads(&r, &k);
	}
	scratch_put(s);
	k.k.value = value;
	k.k.via = via;
	k.k.width = width;
	hdr_begin(p, &k.k.h, VQT_KICK, q->dev, q->index);
	emit(&k, sizeof(k.k) + ((k.k.nheads * 2 + 3) & 0x3c));
	return true;
}

/* --- guest memory ---------------------------------------------------------- */

/* Where QEMU has a guest address mapped; 0 when not known for all of it. */
static __noinline __u64 gpa_to_hva(__u64 gpa, __u64 len)
{
	struct vqp_memory *m = memory_get();

	if (!m)
		return 0;
	for (int i = 0; i < VQP_REGIONS; i++) {
		__u64 lo = m->region[i].lo, hi = m->region[i].hi;

		if (gpa >= lo && gpa < hi && len <= hi - gpa)
			return gpa + m->region[i].delta;
	}
	return 0;
}

#define GIB (1ULL << 30)

/*
 * Where addresses of both kinds meet, guest memory is mapped.  Low memory is one
 * block from 0 to 2 GiB at least, if there is that much; user space knows better
 * soon, and cuts it at the end of the mapping.
 */
static __noinline int learn(__u64 gpa, __u64 hva, __u64 len)
{
	struct vqp_memory *m = memory_get();
	__u64 delta = hva - gpa;

	if (!m || !gpa || !hva)
		return 0;
	for (int i = 0; i < VQP_REGIONS; i++) {
		struct vqp_region *g = &m->region[i];

		if (g->hi && g->delta == delta) {
			if (gpa < g->lo)
				g->lo = gpa;
			if (gpa + len > g->hi)
				g->hi = gpa + len;
			return 1;
		}
		if (!g->hi) {
			g->delta = delta;
			g->lo = gpa < 4 * GIB ? 0 : gpa;
			g->hi = gpa < 2 * GIB ? 2 * GIB : gpa + len;
			return 2;
		}
	}
	return 0;
}

/* --- chains ---------------------------------------------------------------- */

struct walk {
	struct ring *r;
	struct scratch *s;
	__u64 table; /* host-virtual address of the table being walked */
	__u32 entries; /* in that table */
	__u32 next; /* index to read; packed: slot */
	__u32 n, ndirect;
	__u16 flags; /* VQT_CHAIN_* */
	__u16 id;
	__u8 indirect; /* inside an indirect table */
	__u8 more; /* chain goes on */
	__u64 ind_addr;
	__u32 ind_len;
	__u32 snaplen, owed;
};

#define REC_DESC sizeof(struct vqt_avail)

static long walk_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;
	struct scratch *s = w->s;
	struct vqt_desc d, *at;

	/* The index comes from i, not from w->n: the verifier must not count along. */
	at = (void *)(s->rec + ((REC_DESC + 16 * (w->ndirect + i)) & (VQP_REC_MAX - 8)));
	if (read_user(at, sizeof(d), (void *)(w->table + 16ULL * w->next))) {
		w->flags |= w->indirect ? VQT_CHAIN_NO_TABLE : VQT_CHAIN_CUT;
		w->more = 0;
		return 1;
	}
	d = *at;
	if (w->r->packed) { /* 2.8.13: id before flags */
		d.flags = at->next;
		d.next = at->flags;
		at->flags = d.flags;
		at->next = d.next;
	}
	w->n = w->ndirect + i + 1;
	if (w->r->packed && !w->indirect)
		w->id = d.next;
	if (d.flags & DESC_F_INDIRECT && !w->indirect) {
		w->ind_addr = d.addr;
		w->ind_len = d.len;
		w->more = 0;
		return 1;
	}
	if (w->r->packed) {
		w->next++;
		if (w->indirect) {
			w->more = w->next < w->entries; /* 2.8.7: all of the table */
		} else {
			w->more = (d.flags & DESC_F_NEXT) != 0;
			if (w->next >= w->entries)
				w->next = 0;
		}
	} else {
		w->more = (d.flags & DESC_F_NEXT) != 0;
		w->next = d.next;
		if (w->more && w->next >= w->entries) {
			w->flags |= VQT_CHAIN_BAD_NEXT;
			w->more = 0;
		}
	}
	return !w->more;
}

/* Descend into the indirect table the chain ended with (2.7.5.3, 2.8.19). */
static __always_inline void walk_indirect(struct walk *w)
{
	if (!w->ind_len || w->ind_len % 16) {
		w->flags |= VQT_CHAIN_BAD_TABLE;
		return;
	}
	w->table = w->r->features & FEATURE_PLATFORM ? 0 :
						      gpa_to_hva(w->ind_addr, w->ind_len);
	if (!w->table) {
		w->flags |= VQT_CHAIN_NO_TABLE;
		w->owed = 1;
		return;
	}
	w->indirect = 1;
	w->more = 1;
	w->next = 0;
	w->entries = w->ind_len / 16;
}

/* Append one segment: n bytes of host memory; false when there is no room. */
static __noinline int seg_append(struct walk *w, __u32 desc, __u64 hva, __u32 n)
{
	struct vqt_seg seg = { .desc = desc, .len = n };
	__u32 at, room = VQP_REC_MAX - 64;
	struct scratch *s;
	struct vqt_seg *to;

	if (!w)
		return -1;
	s = w->s;
	if (n > 1024)
		seg.len = n = 1024;
	if (s->pos + n + sizeof(seg) > room)
		return -1;
	at = s->pos & (VQP_REC_MAX - 4);
	to = (void *)(s->rec + at);
	*(__u32 *)(s->rec + at + sizeof(seg) + (n & 1020)) = 0; /* the padding */
	if (read_user(to + 1, n & 2047, (void *)hva))
		return -2;
	*(__u32 *)to = seg.desc | seg.len << 16;
	to->offset = 0;
	s->pos += sizeof(seg) + ((n + 3) & ~3U);
	s->segs++;
	return 0;
}

static long seg_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;
	struct scratch *s = w->s;
	struct vqt_desc d;
	__u64 hva;
	__u32 n;

	if (i >= w->n)
		return 1;
	d = *(struct vqt_desc *)(s->rec + ((REC_DESC + 16 * i) & (VQP_REC_MAX - 8)));
	if (d.flags & (DESC_F_WRITE | DESC_F_INDIRECT) || !d.len)
		return 0;
	n = d.len < w->snaplen ? d.len : w->snaplen;
	hva = gpa_to_hva(d.addr, n);
	if (!hva) {
		w->owed = 1;
		return 0;
	}
	switch (seg_append(w, i, hva, n)) {
	case -1:
		return 1;
	case -2:
		w->owed = 1;
		break;
	}
	return 0;
}

static __always_inline void chain_emit(struct ring *r, struct vqp_queue *q, struct walk *w,
				       struct vqt_ring *ring, __u16 head, __u16 pos)
{
	struct vqt_avail *a = (void *)w->s->rec;
	__u32 len;
	__u8 state = VQP_HEAD_OPEN;

	w->s->pos = REC_DESC + 16 * w->n;
	w->s->segs = 0;
	w->snaplen = r->p->snaplen;
	if (w->snaplen && r->features & FEATURE_PLATFORM)
		w->owed = 1;
	else if (w->snaplen)
		bpf_loop(w->n < VQP_CHAIN_MAX ? w->n : VQP_CHAIN_MAX, seg_step, w, 0);
	__builtin_memset(a, 0, sizeof(*a));
	a->ring = *ring;
	a->head = head;
	a->pos = pos;
	a->flags = w->flags;
	a->ndesc = w->n;
	a->ndirect = w->ndirect;
	a->nseg = w->s->segs;
	if (w->owed)
		state |= VQP_HEAD_OWED;
	if (w->ind_len)
		state |= VQP_HEAD_INDIRECT;
	if (head < VQP_QUEUE_MAX)
		q->head[head & (VQP_QUEUE_MAX - 1)] = state;
	hdr_begin(r->p, &a->h, VQT_AVAIL, q->dev, q->index);
	len = w->s->pos;
	if (len > VQP_REC_MAX)
		len = VQP_REC_MAX;
	emit(w->s->rec, len);
}

static __noinline int chain_record(struct ring *r, struct vqp_queue *q, struct vqt_ring *ring,
				   __u32 pos, __u32 flags)
{
	struct walk w = {};
	__u16 head = 0;

	if (!r || !q || !ring)
		return 0;
	w.r = r;
	w.s = r->s;
	w.flags = flags;
	w.table = r->desc;
	w.entries = r->num;
	w.more = 1;
	if (r->packed) {
		w.next = pos & 0x7fff;
	} else {
		if (read_user(&head, 2,
			    (void *)(r->driver + 4 + 2 * ((pos & 0xffff) % (r->num ?: 1))))) {
			count(VQP_LOST_FAULT);
			return 0;
		}
		w.next = head;
	}
	if (w.next >= r->num)
		w.flags |= VQT_CHAIN_BAD_HEAD;
	else
		bpf_loop(r->num < VQP_CHAIN_MAX ? r->num : VQP_CHAIN_MAX, walk_step, &w, 0);
	if (w.more && !(w.flags & VQT_CHAIN_BAD_HEAD))
		w.flags |= VQT_CHAIN_LOOP;
	w.ndirect = w.n;
	if (w.ind_len || (!w.more && w.ind_addr))
		walk_indirect(&w);
	if (w.indirect) {
		bpf_loop(VQP_CHAIN_MAX, walk_step, &w, 0);
		if (w.more)
			w.flags |= w.entries > VQP_CHAIN_MAX ? VQT_CHAIN_CUT : VQT_CHAIN_LOOP;
	}
	if (r->packed)
		head = w.id;
	chain_emit(r, q, &w, ring, head, pos);
	return 1;
}

/* Chains taken between our last look and QEMU's; the most that one hit catches up. */
#define LATE_MAX 32

/* What a pop has to record: chains from pos on, the last of them the one being taken. */
struct batch {
	struct ring *r;
	struct vqp_queue *q;
	struct vqt_ring ring;
	__u32 n, flags; /* of the last one */
	__u16 pos, last;
};

/* The one place chains are recorded from: the verifier follows it once. */
static long batch_step(__u32 i, void *ctx)
{
	struct batch *b = ctx;
	__u16 pos = b->pos + i;

	chain_record(b->r, b->q, &b->ring, pos, pos == b->last ? b->flags : VQT_CHAIN_LATE);
	return 0;
}

static __always_inline void pop_split(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	__u16 missed = r->last - q->seen;
	bool taken;

	ring_split(r, &b->ring);
	b->pos = b->last = r->last;
	if (q->valid && missed) {
		if (missed <= r->num && missed <= LATE_MAX) {
			b->pos = q->seen;
			b->n = missed;
		} else if ((__u16)-missed <= r->num) {
			b->flags = VQT_CHAIN_AGAIN;
		} else {
			count(VQP_LOST_CHAINS);
		}
	}
	taken = b->ring.known & VQT_RING_AVAIL_IDX && b->ring.avail_idx != r->last &&
		r->inuse < r->num;
	b->n += taken;
	q->seen = r->last + taken;
	q->valid = 1;
}

static __always_inline void pop_packed(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	__u16 pos = r->last | r->last_wrap << 15, flags;

	/* q->seen: the position recorded last; the same again means it was given back. */
	if (read_user(&flags, 2, (void *)(r->desc + 16ULL * r->last + 14)))
		return;
	if (!!(flags & DESC_F_AVAIL) != r->last_wrap || !!(flags & DESC_F_USED) == r->last_wrap ||
	    r->inuse >= r->num)
		return;
	ring_packed(r, &b->ring);
	b->pos = b->last = pos;
	b->flags = q->valid && q->seen == pos ? VQT_CHAIN_AGAIN : 0;
	b->n = 1;
	q->seen = pos;
	q->valid = 1;
}

static __always_inline void pop(struct vqp_proc *p, __u64 vq)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct batch b = { .r = NULL };
	struct ring r = {};
	struct scratch *s;

	if (!q || q->skip)
		return;
	s = scratch_get();
	if (!s)
		return;
	b.r = &r;
	b.q = q;
	if (!ring_open(&r, p, s, q, vq)) {
		/* The first sight of a queue tells where guest memory is. */
		if (!q->valid)
			learn(vq64(s, p->vq_desc), r.desc, 16ULL * r.num);
		if (r.packed)
			pop_packed(&r, q, &b);
		else
			pop_split(&r, q, &b);
		bpf_loop(b.n, batch_step, &b, 0);
	}
	scratch_put(s);
}

/* --- completion ------------------------------------------------------------ */

struct iov {
	__u64 base, len;
};

/* struct VirtQueueElement up to out_sg, the same in all versions since 2.0. */
struct element {
	__u32 index, len, ndescs, out_num, in_num, pad;
	__u64 in_addr, out_addr, in_sg, out_sg;
};

struct sgs {
	struct walk w;
	__u64 sg;
	__u32 count, first, all;
};

static long sg_step(__u32 i, void *ctx)
{
	struct sgs *g = ctx;
	struct scratch *s = g->w.s;
	struct iov v;
	__u32 n;

	if (i >= g->count || !s->left)
		return 1;
	if (read_user(&v, sizeof(v), (void *)(g->sg + 16ULL * i)))
		return 1;
	n = v.len < s->left ? v.len : s->left;
	s->left -= n;
	/* A last buffer of one byte is the status, which the record has anyway. */
	if (!n || (!g->all && i + 1 == g->count && v.len == 1))
		return 0;
	if (n > g->w.snaplen)
		n = g->w.snaplen;
	return seg_append(&g->w, g->first + i, v.base, n) == -1;
}

#define SG_MAX 128

/* What could not be read when the chain was taken, from QEMU's mapped copy. */
static __noinline int data_record(struct vqp_proc *p, struct vqp_queue *q, struct scratch *s,
				  struct element *e, __u32 shift)
{
	struct sgs g = {};
	struct vqt_data *d;
	__u32 len;

	if (!p || !q || !s || !e)
		return 0;
	g.w.s = s;
	s->pos = sizeof(struct vqt_data);
	g.w.snaplen = p->snaplen;
	g.sg = e->out_sg;
	g.count = e->out_num;
	g.first = shift;
	s->left = ~0ULL;
	s->segs = 0;
	g.all = 1;
	bpf_loop(g.count < SG_MAX ? g.count : SG_MAX, sg_step, &g, 0);
	d = (void *)s->rec;
	__builtin_memset(d, 0, sizeof(*d));
	d->head = e->index;
	d->nseg = s->segs;
	hdr_begin(p, &d->h, VQT_DATA, q->dev, q->index);
	len = s->pos;
	if (len > VQP_REC_MAX)
		len = VQP_REC_MAX;
	emit(s->rec, len);
	return 0;
}

struct element_walk {
	struct scratch *s;
	struct element *e;
	__u32 n;
};

static long element_step(__u32 i, void *ctx)
{
	struct element_walk *w = ctx;
	struct element *e = w->e;
	struct scratch *s = w->s;
	__u32 in = i >= e->out_num, k = in ? i - e->out_num : i;
	struct vqt_desc *d = (void *)(s->rec + ((REC_DESC + 16 * i) & (VQP_REC_MAX - 8)));
	struct iov v = {};

	if (k >= (in ? e->in_num : e->out_num))
		return 1;
	if (read_user(&d->addr, 8, (void *)((in ? e->in_addr : e->out_addr) + 8ULL * k)) ||
	    read_user(&v, sizeof(v), (void *)((in ? e->in_sg : e->out_sg) + 16ULL * k)))
		return 1;
	d->len = v.len;
	d->flags = (in ? DESC_F_WRITE : 0) | (i + 1 < e->out_num + e->in_num ? DESC_F_NEXT : 0);
	d->next = i + 1;
	w->n = i + 1;
	return 0;
}

/* A chain never seen in guest memory: as QEMU parsed it, descriptors made up from that. */
static __noinline int derived_record(struct ring *r, struct vqp_queue *q, struct vqt_ring *ring,
				     struct element *e)
{
	struct element_walk w = {};
	struct vqt_avail *a;
	__u32 n;

	if (!r || !q || !e || !ring)
		return 0;
	w.s = r->s;
	w.e = e;
	bpf_loop(VQP_CHAIN_MAX, element_step, &w, 0);
	a = (void *)w.s->rec;
	__builtin_memset(a, 0, sizeof(*a));
	a->ring = *ring;
	a->head = e->index;
	a->flags = VQT_CHAIN_DERIVED | VQT_CHAIN_LATE;
	a->pos = ring->last_avail;
	n = w.n < VQP_CHAIN_MAX ? w.n : VQP_CHAIN_MAX;
	a->ndesc = n;
	a->ndirect = n;
	hdr_begin(r->p, &a->h, VQT_AVAIL, q->dev, q->index);
	emit(w.s->rec, (REC_DESC + 16 * n) & (VQP_REC_MAX - 1));
	return 0;
}

/* Host and guest address of a readable buffer teach where guest memory is. */
static __always_inline void learn_element(struct element *e)
{
	__u64 gpa;
	struct iov v;

	if (e->out_num && !read_user(&gpa, 8, (void *)e->out_addr) &&
	    !read_user(&v, sizeof(v), (void *)e->out_sg))
		learn(gpa, v.base, v.len);
}

static __always_inline void used_record(struct ring *r, struct vqp_queue *q, struct vqt_ring *ring,
					struct element *e, __u32 len, __u32 idx, __u16 flags,
					__u32 shift)
{
	struct scratch *s = r->s;
	struct vqt_used *u = (void *)s->rec;
	struct sgs g = {};
	struct iov last;
	__u8 status = 0;
	__u32 n;

	g.w.s = s;
	s->pos = sizeof(*u);
	g.w.snaplen = r->p->snaplen;
	g.sg = e->in_sg;
	g.count = e->in_num;
	g.first = shift + e->out_num;
	s->left = len;
	s->segs = 0;
	if (g.w.snaplen && e->in_num && e->in_num <= VQP_CHAIN_MAX)
		bpf_loop(g.count < SG_MAX ? g.count : SG_MAX, sg_step, &g, 0);
	if (e->in_num && e->in_num <= VQP_CHAIN_MAX &&
	    !read_user(&last, sizeof(last),
		    (void *)(e->in_sg + 16ULL * (e->in_num - 1))) &&
	    last.len && !read_user(&status, 1, (void *)(last.base + last.len - 1)))
		flags |= VQT_USED_STATUS;
	__builtin_memset(u, 0, sizeof(*u));
	u->ring = *ring;
	u->len = len;
	u->id = e->index;
	u->pos = r->used + idx;
	if (r->packed) {
		n = r->used + idx;
		u->pos = n >= r->num ? (n - r->num) | !r->used_wrap << 15 : n | r->used_wrap << 15;
	}
	u->flags = flags;
	u->status = status;
	u->nseg = s->segs;
	hdr_begin(r->p, &u->h, VQT_USED, q->dev, q->index);
	n = s->pos;
	if (n > VQP_REC_MAX)
		n = VQP_REC_MAX;
	emit(s->rec, n);
}

static __always_inline void fill(struct vqp_proc *p, __u64 vq, __u64 elem, __u32 len, __u32 idx,
				 __u32 detached)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct vqt_ring ring = {};
	struct element e = {};
	struct ring r = {};
	struct scratch *s;
	__u8 state, shift;

	if (!q || q->skip)
		return;
	if (read_user(&e, sizeof(e), (void *)elem)) {
		count(VQP_LOST_FAULT);
		return;
	}
	s = scratch_get();
	if (!s)
		return;
	if (!ring_open(&r, p, s, q, vq))
		ring_snapshot(&r, &ring);
	state = q->head[e.index & (VQP_QUEUE_MAX - 1)];
	q->head[e.index & (VQP_QUEUE_MAX - 1)] = 0;
	shift = state & VQP_HEAD_INDIRECT ? 1 : 0;
	if (!(state & VQP_HEAD_OPEN))
		derived_record(&r, q, &ring, &e);
	if (p->snaplen && (state & VQP_HEAD_OWED || !(state & VQP_HEAD_OPEN))) {
		data_record(p, q, s, &e, shift);
		if (!(r.features & FEATURE_PLATFORM))
			learn_element(&e);
	}
	used_record(&r, q, &ring, &e, len, idx,
		    detached ? VQT_USED_DETACHED : idx ? VQT_USED_BATCHED : 0, shift);
	scratch_put(s);
}

#endif
