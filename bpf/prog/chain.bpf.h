/* SPDX-License-Identifier: MIT */
/* Reads descriptor chains from guest memory when QEMU pops them (2.7.5, 2.8.5). */
#ifndef VQT_BPF_PROG_CHAIN_BPF_H
#define VQT_BPF_PROG_CHAIN_BPF_H

#include "bpf/prog/ring.bpf.h"

/* --- guest memory ---------------------------------------------------------- */

/* Host-virtual address of a guest range in QEMU; 0 when not known for all of it. */
static __noinline __u64 gpa_to_hva(struct vqp_memory *m, __u64 gpa, __u64 len)
{
	if (!m)
		return 0;
	for (int i = 0; i < VQP_REGIONS; i++) {
		__u64 hi = m->region[i].hi, lo; /* region_set() writes hi last, so read it first */

		barrier();
		lo = m->region[i].lo;
		if (gpa >= lo && gpa < hi && len <= hi - gpa)
			return gpa + m->region[i].delta;
	}
	return 0;
}

#define GIB (1ULL << 30)
#define BLOCK (128ULL << 20) /* guest memory sizes are multiples of this */

/*
 * Set a region from one pair of guest and host addresses.  A PC's guest RAM is one mapping:
 * low memory starts at 0 and is one block of at least 2 GiB if there is that much RAM; the
 * rest continues at 4 GiB.  A mapping that starts at another guest address is one block.
 * User space corrects the bounds soon after.
 */
static __always_inline void region_set(struct vqp_region *g, __u64 gpa, __u64 hva, __u64 len)
{
	__u64 delta = hva - gpa, hi;
	struct mapping m = {};

	mapping_get(&m, hva);
	g->delta = delta;
	if (gpa >= 4 * GIB) {
		g->lo = 4 * GIB;
		hi = m.end > hva ? m.end - delta : (gpa + len + BLOCK - 1) & ~(BLOCK - 1);
	} else {
		g->lo = m.start && m.start <= hva && m.start >= delta ? m.start - delta : 0;
		hi = gpa < 2 * GIB ? 2 * GIB : gpa + len;
		if (m.end > hva && (m.end - delta < hi || g->lo))
			hi = m.end - delta;
	}
	barrier();
	g->hi = hi;
}

static __always_inline void learn_in(struct vqp_memory *m, __u64 gpa, __u64 hva, __u64 len)
{
	__u64 delta = hva - gpa;

	for (int i = 0; i < VQP_REGIONS; i++) {
		struct vqp_region *g = &m->region[i];

		if (g->hi && g->delta == delta) {
			if (gpa < g->lo)
				g->lo = gpa;
			if (gpa + len > g->hi)
				g->hi = gpa + len;
			return;
		}
		if (!g->hi) {
			region_set(g, gpa, hva, len);
			return;
		}
	}
}

/* Learn from a pair of guest and host addresses where guest memory is mapped. */
static __noinline int learn(__u64 gpa, __u64 hva, __u64 len)
{
	struct vqp_memory *m = memory_get();

	/*
	 * Only one thread at a time, as two would mix their bounds; the other learns at its next
	 * hit.
	 */
	if (!m || !gpa || !hva || __sync_val_compare_and_swap(&m->learning, 0, 1))
		return 0;
	learn_in(m, gpa, hva, len);
	__sync_lock_test_and_set(&m->learning, 0);
	return 0;
}

/* --- chains ---------------------------------------------------------------- */

#define REC_DESC sizeof(struct vqt_avail)
#define REC_ROOM (VQP_REC_MAX - 64)

/* The descriptors of a chain mostly follow each other: so many are read at once. */
#define AHEAD 4

/* Read the next descriptor to *at, and those behind it in the table. */
static __always_inline long desc_read(struct walk *w, struct vqt_desc *at)
{
	const void *from = (const void *)(w->table + virtq_desc_at(w->next));
	__u32 n = w->entries - w->next, bytes;

	if (w->ahead) {
		w->ahead--;
		return 0;
	}
	if (n > AHEAD)
		n = AHEAD;
	bytes = n * sizeof(*at);
	barrier_var(bytes); /* as in heads_read() */
	if (n > 1 && !read_user(at, bytes & (2 * AHEAD * sizeof(*at) - 1), from)) {
		w->ahead = n - 1;
		return 0;
	}
	return read_user(at, sizeof(*at), from);
}

/* Arguments of the loop callbacks for a chain. */
struct chain {
	struct scratch *s;
	struct ring *r;
	struct vqp_queue *q;
};

static long walk_step(__u32 i, void *ctx)
{
	struct scratch *s = ((struct chain *)ctx)->s;
	struct walk *w = &s->w;
	struct vqt_desc d, *at;

	/* For the verifier: i is bounded, w->n is not. */
	at = (void *)(s->rec + ((REC_DESC + 16 * (w->ndirect + i)) & (VQP_REC_MAX - 8)));
	if (desc_read(w, at)) {
		w->flags |= w->indirect ? VQT_CHAIN_NO_TABLE : VQT_CHAIN_CUT;
		w->more = 0;
		return 1;
	}
	d = *at;
	if (w->packed) { /* 2.8.13: id before flags */
		d.flags = at->next;
		d.next = at->flags;
		at->flags = d.flags;
		at->next = d.next;
	}
	w->n = w->ndirect + i + 1;
	if (w->packed && !w->indirect)
		w->id = d.next;
	if (d.flags & DESC_F_INDIRECT && !w->indirect) {
		w->ind_addr = d.addr;
		w->ind_len = d.len;
		w->more = 0;
		return 1;
	}
	w->more = (d.flags & DESC_F_NEXT) != 0;
	if (!w->packed) {
		if (d.next != w->next + 1)
			w->ahead = 0;
		w->next = d.next;
		if (w->more && w->next >= w->entries) {
			w->flags |= VQT_CHAIN_BAD_NEXT;
			w->more = 0;
		}
		return !w->more;
	}
	w->next++;
	if (w->indirect)
		w->more = w->next < w->entries; /* 2.8.7: all of the table */
	else if (w->next >= w->entries)
		w->next = 0;
	return !w->more;
}

/* Go on with the indirect table that the chain ended with (2.7.5.3, 2.8.19). */
static __always_inline void walk_indirect(struct walk *w, struct vqp_memory *m, bool translated)
{
	if (!w->ind_len || w->ind_len % 16) {
		w->flags |= VQT_CHAIN_BAD_TABLE;
		return;
	}
	w->table = translated ? 0 : gpa_to_hva(m, w->ind_addr, w->ind_len);
	if (!w->table) {
		w->flags |= VQT_CHAIN_NO_TABLE;
		w->unread = 1;
		return;
	}
	w->indirect = 1;
	w->more = 1;
	w->ahead = 0;
	w->next = 0;
	w->entries = w->ind_len / 16;
}

/* Append a segment with n bytes of host memory.  0; -1: no room; -2: memory not readable. */
static __noinline int seg_append(struct scratch *s, __u32 desc, __u64 hva, __u32 n)
{
	struct vqt_seg seg = { .desc = desc, .len = n };
	struct vqt_seg *to;
	__u32 at;

	if (!s)
		return -1;
	if (n > 1024)
		seg.len = n = 1024;
	if (s->pos + n + sizeof(seg) > s->room)
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
	struct chain *c = ctx;
	struct scratch *s = c->s;
	__u32 n, at = s->next;
	struct vqt_desc d;
	__u64 hva;

	if (at >= s->w.n)
		return 1;
	d = *(struct vqt_desc *)(s->rec + ((REC_DESC + 16 * at) & (VQP_REC_MAX - 8)));
	s->next = at + 1;
	if (d.flags & (DESC_F_WRITE | DESC_F_INDIRECT) || !d.len)
		return 0;
	n = d.len < s->w.snaplen ? d.len : s->w.snaplen;
	hva = gpa_to_hva(c->r->m, d.addr, n);
	if (!hva) {
		s->w.unread = 1;
		return 0;
	}
	switch (seg_append(s, at, hva, n)) {
	case -1: /* no room: the next record continues here */
		s->next = at;
		s->full = 1;
		return 1;
	case -2: s->w.unread = 1; break;
	}
	return 0;
}

/* Emit a continuation.  It is built after the descriptors, which later parts still read. */
static __always_inline void more_emit(struct scratch *s)
{
	__u64 base = s->base, len = s->pos - s->base;

	/* The verifier of Linux 6.1 forgets a bound when a 32-bit value is copied. */
	barrier_var(base);
	if (base > REC_DESC + 32 * VQP_CHAIN_MAX)
		base = REC_DESC + 32 * VQP_CHAIN_MAX;
	barrier_var(len);
	if (len > VQP_MORE_MAX)
		len = VQP_MORE_MAX;
	emit(s->rec + base, len);
}

/*
 * Emit one record of the chain.  The first has all descriptors and the bytes that fit;
 * continuations have the remaining bytes.
 */
static long part_step(__u32 i, void *ctx)
{
	struct chain *c = ctx;
	struct scratch *s = c->s;
	struct walk *w = &s->w;
	struct vqt_avail *a;

	s->base = i ? (REC_DESC + 16 * w->n) & (VQP_REC_MAX - 8) : 0;
	s->pos = s->base + REC_DESC + (i ? 0 : 16 * w->n);
	s->room = i ? s->base + VQP_MORE_MAX - 64 : REC_ROOM;
	s->segs = s->full = 0;
	if (w->snaplen)
		bpf_loop(2 * VQP_CHAIN_MAX, seg_step, c, 0);
	a = (void *)(s->rec + (s->base & (VQP_REC_MAX - 8)));
	__builtin_memset(a, 0, sizeof(*a));
	a->ring = s->ring;
	a->head = w->head;
	a->pos = w->pos;
	a->flags = w->flags | (s->full ? VQT_CHAIN_MORE : 0);
	a->first = i ? w->n : 0;
	a->ndesc = i ? 0 : w->n;
	a->ndirect = w->ndirect;
	a->nseg = s->segs;
	hdr_begin(c->r->p, &a->h, VQT_AVAIL, c->q->dev, c->q->index);
	if (i)
		more_emit(s);
	else
		scratch_emit(s);
	return !s->full;
}

static __always_inline void chain_emit(struct chain *c)
{
	struct walk *w = &c->s->w;
	__u8 state = VQP_HEAD_OPEN;

	w->snaplen = c->r->p->snaplen;
	if (w->snaplen && c->r->features & FEATURE_PLATFORM) {
		w->unread = 1;
		w->snaplen = 0;
	}
	c->s->next = 0;
	bpf_loop(VQP_MORE, part_step, c, 0);
	if (w->unread)
		state |= VQP_HEAD_UNREAD;
	if (w->ind_len)
		state |= VQP_HEAD_INDIRECT;
	if (w->flags & VQT_CHAIN_NO_TABLE)
		state |= VQP_HEAD_NO_TABLE;
	if (w->head < VQP_QUEUE_MAX)
		c->q->head[w->head & (VQP_QUEUE_MAX - 1)] = state;
}

static __noinline int chain_record(struct ring *r, struct vqp_queue *q, __u32 pos, __u32 flags)
{
	struct chain c = { .r = r, .q = q };
	struct walk *w;

	if (!r || !q)
		return 0;
	c.s = r->s;
	w = &c.s->w;
	__builtin_memset(w, 0, sizeof(*w));
	w->flags = flags;
	w->pos = pos;
	w->table = r->desc;
	w->entries = r->num;
	w->packed = r->packed;
	w->more = 1;
	w->next = virtq_slot(pos);
	if (!w->packed) {
		__u32 at = virtq_avail_at((pos & 0xffff) % (r->num ?: 1));

		if (driver_word(r, at, &w->head)) {
			lose(r->p, q->dev, q->index, VQT_LOSS_MEMORY, 1);
			return 0;
		}
		w->next = w->head;
	}
	if (w->next >= w->entries)
		w->flags |= VQT_CHAIN_BAD_HEAD;
	else
		bpf_loop(r->num < VQP_CHAIN_MAX ? r->num : VQP_CHAIN_MAX, walk_step, &c, 0);
	if (w->more && !(w->flags & VQT_CHAIN_BAD_HEAD))
		w->flags |= VQT_CHAIN_LOOP;
	w->ndirect = w->n;
	if (w->ind_len || (!w->more && w->ind_addr))
		walk_indirect(w, r->m, r->features & FEATURE_PLATFORM);
	if (w->indirect) {
		bpf_loop(VQP_CHAIN_MAX, walk_step, &c, 0);
		if (w->more)
			w->flags |= w->entries > VQP_CHAIN_MAX ? VQT_CHAIN_CUT : VQT_CHAIN_LOOP;
	}
	if (w->packed)
		w->head = w->id;
	chain_emit(&c);
	return 1;
}

/* Chains popped unseen since the last probe hit; one hit records at most this many. */
#define LATE_MAX 32

/* What a probe hit has to record: missed chains from pos on, then possibly the one being popped. */
struct batch {
	struct ring *r;
	struct vqp_queue *q;
	__u32 late, flags; /* how many were missed; flags of the one being popped */
	__u16 pos, last; /* of the first one missed; of the one being popped */
};

/* Chains are recorded here only, so that the verifier follows that code once. */
static long batch_step(__u32 i, void *ctx)
{
	struct batch *b = ctx;
	bool late = i < b->late;
	__u16 pos = b->pos + i;

	b->r->m = memory_get();
	chain_record(b->r, b->q, late ? pos : b->last, late ? VQT_CHAIN_LATE : b->flags);
	return 0;
}

/* Packed: whether QEMU has advanced from this position by at most one lap, and not gone back. */
static __always_inline bool gone_on(struct ring *r, __u16 from)
{
	return virtq_packed_need_event(from, virtq_position(r->last, r->last_wrap), r->num, r->num);
}

/*
 * Where the probe is at the begin of virtqueue_pop() it reads the ring before QEMU does, so QEMU may pop
 * a chain that the driver made available after the probe's read.  The device position shows this at the
 * next pop, or when the chain is returned, whichever is first.
 */
static __always_inline void missed_split(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	__u16 missed = r->last - q->seen;

	if (!q->valid || missed > r->num || missed > LATE_MAX)
		return;
	b->pos = q->seen;
	b->late = missed;
	q->seen = r->last;
}

static __always_inline void missed_packed(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	if (q->none && gone_on(r, q->none_at)) {
		b->pos = q->seen = q->none_at;
		b->late = 1;
		q->valid = 1;
	}
	q->none = 0;
}

/* Whether there is a chain, and QEMU takes it. */
static __always_inline bool pop_split(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	struct vqt_ring *ring = &r->s->ring;
	__u16 missed;
	bool popped;

	ring_split(r);
	b->last = r->last;
	missed_split(r, q, b);
	missed = r->last - q->seen;
	if (q->valid && missed) {
		if ((__u16)-missed <= r->num) {
			b->flags = VQT_CHAIN_AGAIN;
		} else {
			count(VQP_LOST_CHAINS);
			lose(r->p, q->dev, q->index, VQT_LOSS_LIMIT, missed);
		}
	}
	popped =
		ring->known & VQT_RING_AVAIL_IDX && ring->avail_idx != r->last && r->inuse < r->num;
	q->seen = r->last + popped;
	q->valid = 1;
	return popped;
}

static __always_inline bool pop_packed(struct ring *r, struct vqp_queue *q, struct batch *b)
{
	struct vqt_ring *ring = &r->s->ring;
	__u16 pos = virtq_position(r->last, r->last_wrap);

	ring_packed(r);
	missed_packed(r, q, b);
	if (!(ring->known & VQT_RING_SLOT))
		return false;
	if (!(ring->known & VQT_RING_FILLED) || r->inuse >= r->num) {
		q->none_at = pos;
		q->none = 1;
		return false;
	}
	b->last = pos;
	/*
	 * q->seen is the position recorded last; the same position again means that QEMU un-popped
	 * the chain.
	 */
	b->flags = q->valid && q->seen == pos ? VQT_CHAIN_AGAIN : 0;
	q->seen = pos;
	q->valid = 1;
	return true;
}

static __always_inline void pop(struct vqp_proc *p, __u64 vq)
{
	struct vqp_queue *q = queue_get(p, vq);
	struct batch b = { .r = NULL };
	struct ring r = {};
	struct scratch *s;
	bool popped;
	int err;

	if (!q || q->skip)
		return;
	s = scratch_get(p, q);
	if (!s)
		return;
	b.r = &r;
	b.q = q;
	err = ring_open(&r, p, s, q, vq);
	if (err == UNREADABLE)
		lose(p, q->dev, q->index, VQT_LOSS_MEMORY, 1);
	if (!err) {
		/* A queue's first use shows where guest memory is mapped. */
		if (!q->valid)
			learn(vq64(s, p->vq_desc), r.desc, virtq_desc_at(r.num));
		popped = r.packed ? pop_packed(&r, q, &b) : pop_split(&r, q, &b);
		bpf_loop(b.late + popped, batch_step, &b, 0);
	}
	scratch_put(s);
}

/* QEMU returns a chain whose pop was not recorded: record it now. */
static __noinline int missed_record(struct ring *r, struct vqp_queue *q)
{
	struct batch b = { .r = r, .q = q };

	if (!r || !q)
		return 0;
	if (r->packed)
		missed_packed(r, q, &b);
	else
		missed_split(r, q, &b);
	bpf_loop(b.late, batch_step, &b, 0);
	return 0;
}

#endif
