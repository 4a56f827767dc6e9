/* SPDX-License-Identifier: MIT */
/*
 * Looking at rings.  One system call reads, of all devices, the device status and features, and of
 * all queues what QEMU keeps of them and the words that change in the ring.  Only where these have
 * changed is more read.
 */
#include <errno.h>
#include <string.h>

#include "bpf/memory/impl.h"
#include "bpf/memory/words.h"
#include "bpf/process/state.h"
#include "decoder/trace/record.h"
#include "decoder/util/clock.h"

#define ATTEMPT_NS UINT64_C(20000000) /* of reading: within the limits of bpf/process/foreign.h */
#define CHECK_NS UINT64_C(1000000) /* that rings in use are taken to be where they were */
#define SHARED_NS UINT64_C(1000000000) /* that the process is taken to have its files mapped */

#define RANGES 1000 /* the system allows 1024 */
#define RANGES_EACH 3 /* of a queue, at most */
#define ENTRIES 512

struct entry {
	struct memory_device *d;
	struct memory_queue *q; /* NULL: the device's own */
	size_t at, len; /* of its bytes */
};

struct batch {
	struct iovec range[RANGES];
	unsigned nranges;
	struct entry entry[ENTRIES];
	unsigned nentries;
	size_t len;
	uint8_t bytes[ENTRIES * sizeof(struct words)];
	uint64_t began;
	bool brief; /* only the words of rings are read */
	bool found; /* something has happened */
	bool moved; /* brief: a ring has changed, if it is one still */
};

static void add_range(struct batch *b, uint64_t addr, size_t len)
{
	b->range[b->nranges++] = (struct iovec){ (void *)(uintptr_t)addr, len };
	b->entry[b->nentries - 1].len += len;
	b->len += len;
}

static void add_entry(struct batch *b, struct memory_device *d, struct memory_queue *q)
{
	b->entry[b->nentries++] = (struct entry){ .d = d, .q = q, .at = b->len };
}

static void add_ring(struct batch *b, const struct memory_queue *q)
{
	struct iovec range[WORDS_RANGES];

	words_ranges(&q->snoop.ring, q->host, range);
	for (unsigned i = 0; i < WORDS_RANGES; i++)
		add_range(b, (uintptr_t)range[i].iov_base, range[i].iov_len);
}

static void take(struct batch *b, const struct entry *e)
{
	const uint8_t *bytes = b->bytes + e->at;
	struct words w = { 0 };

	if (!e->q) {
		b->found |= memory_on_device(e->d, bytes[0], get_le64(bytes + 1));
		return;
	}
	if (b->brief) {
		memcpy(&w.ring, bytes, e->len);
		if (words_moved(&e->q->snoop.ring, e->q->host, &w.ring))
			/* what was used can be told later, and by the kernel's looks with its status */
			b->moved |= !e->q->offered ||
				    !words_only_used(&e->q->snoop.ring, e->q->host, &w.ring);
		else
			memory_looked(e->q, true, b->began);
		return;
	}
	memcpy(&w, bytes, e->len);
	b->found |= memory_on_queue(e->q, &w, b->began);
}

/* Nobody has seen what came between the last looks at its rings and its end. */
static void note_end(struct memory_vmm *v)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), looked = now;
	TEXT(t, 200);

	for (size_t i = 0; i < v->ndevs; i++)
		for (unsigned k = 0; k < v->dev[i]->nqueues; k++) {
			const struct memory_queue *q = &v->dev[i]->queue[k];

			if (q->wanted && q->snoop.on && q->looked && q->looked < looked)
				looked = q->looked;
		}
	if (looked == now)
		return;
	looks_put_end(&t, now - looked);
	memory_note(v, VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

/*
 * The first entry that could not be read.  A process that ends has no memory any more (ESRCH) some time
 * before it is gone: all of it is freed first.
 */
static void fail(struct memory_vmm *v, const struct entry *e, ssize_t err)
{
	if (err == -ESRCH || !process_alive(v->m.p.pid)) {
		note_end(v);
		v->gone = true;
		return;
	}
	v->searched = 0; /* was it unplugged? */
	if (e->q && e->q->snoop.on) {
		memory_end(e->q);
		e->q->fresh = false; /* perhaps it was not reset: it need not begin at 0 */
		memory_lifecycle(e->d, VQT_LIFECYCLE_QUEUE_RESET, e->q->snoop.queue);
	}
}

static void flush(struct memory_vmm *v, struct batch *b)
{
	const struct process_memory *m = &v->share.m;
	ssize_t n;

	if (!b->nentries)
		return;
	b->began = clock_ns(CLOCK_MONOTONIC);
	n = m->read(m, b->range, b->nranges, b->bytes);
	for (unsigned i = 0; i < b->nentries; i++) {
		const struct entry *e = &b->entry[i];

		/* what the entries before it made known may have ended its queue */
		if (n < 0 || (size_t)n < e->at + e->len) {
			if (n != -ETIMEDOUT && n != -EINTR)
				fail(v, e, n);
			break;
		}
		take(b, e);
	}
	b->nranges = b->nentries = 0;
	b->len = 0;
}

static bool is_due(const struct memory_queue *q, bool all, uint64_t now)
{
	return q->wanted && (all || memory_is_hot(q, now));
}

static void add_device(struct memory_vmm *v, struct batch *b, struct memory_device *d, bool all,
		       uint64_t now)
{
	const struct vqp_proc *l = &v->m.q->layout;
	bool begun = false;

	for (unsigned i = 0; i < d->nqueues; i++) {
		if (!is_due(&d->queue[i], all, now))
			continue;
		if (b->nranges + RANGES_EACH + 2 > RANGES || b->nentries + 2 > ENTRIES)
			flush(v, b);
		if (b->brief) {
			add_entry(b, d, &d->queue[i]);
			add_ring(b, &d->queue[i]);
			continue;
		}
		if (!begun) {
			add_entry(b, d, NULL);
			add_range(b, d->who.vdev + l->vdev_status, 1);
			add_range(b, d->who.vdev + l->vdev_features, 8);
			begun = true;
		}
		add_entry(b, d, &d->queue[i]);
		add_range(b, memory_address(&d->queue[i]), VQP_VQ_BYTES);
		if (d->queue[i].snoop.on)
			add_ring(b, &d->queue[i]);
	}
}

static void look_once(struct memory_vmm *v, struct batch *b, bool all, uint64_t now)
{
	for (size_t i = 0; i < v->ndevs && !v->gone; i++)
		if (v->dev[i]->wanted && !v->dev[i]->gone)
			add_device(v, b, v->dev[i], all, now);
	flush(v, b);
}

/*
 * The one queue in use, when there is no other, and it is not mapped: then its words alone cost
 * nothing.  NULL: none.
 */
static struct memory_queue *only_hot(struct memory_vmm *v, uint64_t now)
{
	struct memory_queue *one = NULL;

	if (v->share.n)
		return NULL;

	for (size_t i = 0; i < v->ndevs; i++) {
		struct memory_device *d = v->dev[i];

		for (unsigned k = 0; k < d->nqueues && d->wanted && !d->gone; k++) {
			if (!is_due(&d->queue[k], false, now))
				continue;
			if (one)
				return NULL;
			one = &d->queue[k];
		}
	}
	return one;
}

uint32_t memory_status_from(const struct vqp_proc *l)
{
	return l->vdev_status < l->vdev_features ? l->vdev_status : l->vdev_features;
}

bool memory_status_at(const struct vqp_proc *l, uint32_t *status, uint32_t *features)
{
	uint32_t from = memory_status_from(l);

	if (status)
		*status = l->vdev_status - from;
	if (features)
		*features = l->vdev_features - from;
	return l->vdev_status - from < VQS_STATUS_BYTES &&
	       l->vdev_features - from <= VQS_STATUS_BYTES - 8;
}

/* As a look at all, but what will be wanted if the ring has moved is read in the same call. */
static bool look_at_one(struct memory_queue *q, bool *found)
{
	struct memory_device *d = q->device;
	struct copies *c = &d->vmm->copies;
	const struct vqp_proc *l = &d->vmm->m.q->layout;
	uint32_t status, features;
	const struct iovec range[] = {
		/* a range is dearer than the bytes between */
		{ (void *)(uintptr_t)(d->who.vdev + memory_status_from(l)), VQS_STATUS_BYTES },
		{ (void *)(uintptr_t)memory_address(q), VQP_VQ_BYTES },
	};
	uint8_t bytes[VQS_STATUS_BYTES + VQP_VQ_BYTES];
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	struct words w = { 0 };

	if (!memory_status_at(l, &status, &features))
		return false;
	memory_watch(q);
	if (!copies_look(c, range, 2, bytes)) {
		copies_watch(c, NULL, 0);
		return false;
	}
	memcpy(w.vq, bytes + VQS_STATUS_BYTES, VQP_VQ_BYTES);
	memcpy(w.ring.driver, copies_word(c, 0), WORDS_BYTES);
	memcpy(w.ring.device, copies_word(c, 1), WORDS_BYTES);
	*found = memory_on_device(d, bytes[status], get_le64(bytes + features));
	*found |= memory_on_queue(q, &w, began);
	copies_watch(c, NULL, 0);
	return true;
}

void memory_attempt(struct memory_vmm *v, uint64_t now)
{
	if (now - v->begun <= ATTEMPT_NS)
		return;
	foreign_begin(&v->m.foreign);
	v->begun = now;
}

bool memory_look(struct memory_vmm *v, bool all, uint64_t now)
{
	static struct batch b; /* large; there is one thread */
	struct memory_queue *one = all ? NULL : only_hot(v, now);

	b.found = b.moved = false;
	memory_attempt(v, now);
	if (now - v->shared > SHARED_NS) {
		share_check(&v->share);
		v->shared = now;
	}
	b.brief = !all && now - v->checked < CHECK_NS;
	if (b.brief) {
		look_once(v, &b, all, now);
		/* what the kernel has seen before that may be in flight no more */
		if (b.moved && memory_take_snapshots(v->all)) {
			b.moved = false;
			look_once(v, &b, all, now);
		}
		if (!b.moved)
			return false;
		b.brief = false;
	}
	/* before a ring is read: is it one still? */
	if (!one || !look_at_one(one, &b.found))
		look_once(v, &b, all, now);
	v->checked = now;
	v->confirmed = clock_ns(CLOCK_MONOTONIC);
	return b.found;
}
