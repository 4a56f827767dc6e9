/* SPDX-License-Identifier: MIT */
/*
 * Requests of a packed ring in flight, in memory that outlives this process: the packed half
 * of 'Inflight I/O tracking'.  A used descriptor may overwrite one that is still in flight,
 * so the contents of descriptors are kept, too.  The position at which the ring continues
 * follows from the used position and the chains in flight, because every slot in between
 * belongs to one of these chains.
 *
 * The client can write to this memory.  The server reads it once, when a ring starts, and
 * checks it; after that it uses only its own copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/server/vhost_user.h"

#define NONE 0xffff

struct entry {
	uint8_t inflight, pad;
	uint16_t next, last, num;
	uint64_t counter; /* order of arrival */
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

struct region {
	uint64_t features;
	uint16_t version, desc_num;
	uint16_t free_head, old_free_head;
	uint16_t used_idx, old_used_idx;
	uint8_t used_wrap, old_used_wrap;
	uint8_t pad[6];
	struct entry desc[];
};

_Static_assert(sizeof(struct entry) == 32 && sizeof(struct region) == 32, "as in the protocol");

/* The copy in this process. */
struct packed_track {
	struct region *shared;
	uint16_t n, size; /* entries; slots of the ring */
	uint16_t free_head;
	uint16_t used; /* position: slot and wrap counter */
	struct {
		uint16_t next, last, num;
	} e[];
};

uint64_t vhost_user_packed_len(uint16_t queue_size)
{
	return sizeof(struct region) + (uint64_t)queue_size * sizeof(struct entry);
}

void vhost_user_packed_drop(struct vhost_user_ring *r)
{
	free(r->packed);
	r->packed = NULL;
}

/* --- recording --------------------------------------------------------------------------- */

#define PUBLISH(to, value) __atomic_store_n(&(to), value, __ATOMIC_RELEASE)

static void popped(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct vhost_user *u = opaque;
	struct packed_track *t = u->ring[q->index].packed;
	uint16_t head = t->free_head, at = head, last = NONE;
	c->account = NONE;
	for (uint32_t i = 0; i < c->chain.ndirect; i++, at = t->e[at].next) {
		if (at >= t->n) /* a chain longer than the ring, a violation: not recorded */
			return;
		const struct vqt_desc *d = &c->chain.desc[i];
		struct entry *e = &t->shared->desc[at];
		e->inflight = 0;
		e->addr = d->addr;
		e->len = d->len;
		e->flags = d->flags;
		e->id = d->next;
		last = at;
	}
	struct entry *e = &t->shared->desc[head];
	t->e[head].last = e->last = last;
	t->e[head].num = e->num = c->chain.ndirect;
	e->counter = u->ring[q->index].counter++;
	PUBLISH(e->inflight, 1);
	t->free_head = t->e[last].next;
	PUBLISH(t->shared->free_head, t->free_head);
	PUBLISH(t->shared->old_free_head, t->free_head);
	c->account = head;
}

static void using(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct packed_track *t = ((struct vhost_user *)opaque)->ring[q->index].packed;
	t->used = virtq_advance(t->used, c->chain.ndirect, t->size);
	if (c->account != NONE) {
		uint16_t last = t->e[c->account].last;
		t->e[last].next = t->shared->desc[last].next = t->free_head;
		t->free_head = c->account;
		PUBLISH(t->shared->free_head, t->free_head);
	}
	PUBLISH(t->shared->used_wrap, virtq_wrap(t->used));
	PUBLISH(t->shared->used_idx, virtq_slot(t->used));
}

static void used(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct packed_track *t = ((struct vhost_user *)opaque)->ring[q->index].packed;
	if (c->account != NONE)
		PUBLISH(t->shared->desc[c->account].inflight, 0);
	PUBLISH(t->shared->old_free_head, t->free_head);
	PUBLISH(t->shared->old_used_wrap, virtq_wrap(t->used));
	PUBLISH(t->shared->old_used_idx, virtq_slot(t->used));
}

static const struct emu_queue_account account = { popped, using, used };

/* --- what the server before this one left --------------------------------------------------- */

/* The server died while it used a chain: had it written the used descriptor? */
static int settle(struct emu_queue *q, struct region *was)
{
	uint16_t flags;
	bool wrap = was->old_used_wrap & 1, published = false;
	if (was->used_idx != was->old_used_idx || was->used_wrap != was->old_used_wrap) {
		if (was->old_used_idx >= q->size)
			return -EINVAL;
		if (emu_mem_read(q->v->mem,
				 q->desc + virtq_desc_at(was->old_used_idx) + VIRTQ_PACKED_FLAGS,
				 &flags, sizeof(flags)) < 0)
			return -EFAULT;
		published = !virtq_is_available(flags, wrap);
	}
	if (!published) {
		was->free_head = was->old_free_head;
		was->used_idx = was->old_used_idx;
		was->used_wrap = was->old_used_wrap;
	}
	/* a free entry is not in flight, whatever its flag says */
	uint16_t at = was->free_head;
	for (unsigned i = 0; i < was->desc_num && at < was->desc_num; i++, at = was->desc[at].next)
		was->desc[at].inflight = 0;
	return 0;
}

/* Find the chains in flight: remove their entries from the free list, copy their descriptors. */
static int find_left(struct vhost_user_ring *r, struct packed_track *t, const struct region *was,
		     bool *busy)
{
	struct vqt_desc *d = (struct vqt_desc *)(void *)(r->left + t->n);
	unsigned slots = 0;
	for (unsigned i = 0; i < t->n; i++) {
		const struct entry *head = &was->desc[i];
		if (head->inflight != 1)
			continue;
		struct vhost_user_left *l = &r->left[r->nleft++];
		uint16_t at = i, last = NONE;
		*l = (struct vhost_user_left){
			.counter = head->counter,
			.again = { .account = i, .desc = d, .ndesc = head->num }
		};
		slots += head->num;
		if (!head->num || slots > t->size)
			return -EINVAL;
		for (unsigned k = 0; k < head->num; k++, at = was->desc[at].next) {
			if (at >= t->n || busy[at])
				return -EINVAL;
			busy[at] = true;
			*d++ = (struct vqt_desc){ .addr = was->desc[at].addr,
						  .len = was->desc[at].len,
						  .flags = was->desc[at].flags,
						  .next = was->desc[at].id };
			if (last != NONE)
				t->e[last].next = at;
			last = at;
		}
		l->again.head = was->desc[last].id;
		t->e[i].last = last;
		t->e[i].num = head->num;
	}
	r->base = virtq_advance(t->used, slots, t->size) | (uint32_t)t->used << 16;
	return 0;
}

/* Entries not in flight become free, and what may be inconsistent in the memory is repaired. */
static void publish(struct packed_track *t, const bool *busy)
{
	struct region *s = t->shared;
	t->free_head = NONE;
	for (unsigned i = t->n; i-- > 0;) {
		if (!busy[i]) {
			t->e[i].next = t->free_head;
			t->free_head = i;
			s->desc[i].inflight = 0;
		}
		s->desc[i].next = t->e[i].next;
	}
	s->desc_num = t->n;
	s->free_head = s->old_free_head = t->free_head;
	s->used_idx = s->old_used_idx = virtq_slot(t->used);
	s->used_wrap = s->old_used_wrap = virtq_wrap(t->used);
	PUBLISH(s->version, 1);
}

static int take_over(struct vhost_user_ring *r, struct emu_queue *q, struct region *was, bool *busy)
{
	struct packed_track *t = r->packed;
	int ret = 0;
	memcpy(was, t->shared, vhost_user_packed_len(t->n));
	if (was->version == 1) {
		ret = was->desc_num == t->n ? settle(q, was) : -EINVAL;
		if (ret == 0 && was->used_idx >= t->size)
			ret = -EINVAL;
		t->used = virtq_position(was->used_idx, was->used_wrap & 1);
		if (ret == 0)
			ret = find_left(r, t, was, busy);
	} else if (was->version == 0) { /* never used: the vring base is the position */
		uint16_t pos = r->base >> 16;
		t->used = virtq_position(virtq_slot(pos) % t->size, virtq_wrap(pos));
	} else {
		ret = -EINVAL;
	}
	if (ret == 0)
		publish(t, busy);
	return ret;
}

int vhost_user_packed_start(struct vhost_user_ring *r, struct emu_queue *q)
{
	unsigned n = r->u->track_size;
	vhost_user_packed_drop(r);
	r->packed = calloc(1, sizeof(*r->packed) + n * sizeof(r->packed->e[0]));
	r->left = calloc(n, sizeof(*r->left) + sizeof(struct vqt_desc));
	struct region *was = calloc(1, vhost_user_packed_len(n));
	bool *busy = calloc(n, sizeof(*busy));
	int ret = -ENOMEM;
	if (r->packed && r->left && was && busy) {
		r->packed->shared = (struct region *)(void *)r->track;
		r->packed->n = n;
		r->packed->size = r->num;
		ret = take_over(r, q, was, busy);
	}
	free(was);
	free(busy);
	if (ret == 0)
		q->account = &account;
	return ret;
}
