/* SPDX-License-Identifier: MIT */
/* Rings of which it is known where they are: beginning, looking, ending. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#include "bpf/follow/impl.h"
#include "bpf/process/state.h"
#include "decoder/spec/constants.h"
#include "decoder/util/clock.h"
#include "decoder/util/virtqueue.h"

#define ATTEMPT_NS UINT64_C(20000000) /* of reading: within the limits of bpf/process/foreign.h */
#define CHECK_NS UINT64_C(1000000000) /* that the process is taken to have its files mapped */
#define USED_NS 50 /* that a device takes to use a chain, at least: for what an index has counted */

uint64_t follow_at_most(void *opaque, uint16_t queue)
{
	const struct follow_device *d = opaque;
	const struct follow_queue *q = d->queues;

	while (q && q->index != queue)
		q = q->next;
	return q && q->looked ? (follow_now(d->vmm) - q->looked) / USED_NS + 1 : UINT64_MAX;
}

/* --- beginning ------------------------------------------------------------------------------- */

static bool has(const struct follow_queue *q, unsigned bit)
{
	return q->setup.features >> bit & 1;
}

static void say(struct follow_queue *q, const char *why)
{
	char text[300];

	snprintf(text, sizeof(text), "queue %u is not followed: %s", q->index, why);
	follow_note(q->device->vmm, q->device->sink.device, VQT_NOTE_WARNING, text);
}

static void refuse(struct follow_queue *q, const char *why)
{
	q->refused = true;
	say(q, why);
}

static void say_way(struct follow_vmm *v)
{
	TEXT(t, 700);

	if (v->said)
		return;
	v->said = true;
	share_put_way(&v->share, &t);
	follow_note(v, VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

static bool find_areas(struct follow_queue *q)
{
	struct follow_vmm *v = q->device->vmm;
	struct ring_reader *r = &q->snoop.ring;

	share_check(&v->share);
	for (enum ring_area i = 0; i < RING_AREAS; i++) {
		uint64_t len = ring_area_len(r, i);

		if (!slots_find(&v->slots, r->area[i], len, &q->host[i]))
			return false;
		share_learn(&v->share, q->host[i], len);
	}
	return true;
}

/* From its first entry on; or, where it was followed before, from what was used last. */
static void set_positions(struct follow_queue *q, uint64_t ts)
{
	struct ring_reader *r = &q->snoop.ring;
	uint16_t made;

	q->looked = q->fresh ? ts : 0;
	if (q->fresh) {
		r->avail = r->avail_seen = r->used = r->packed ? (uint16_t)RING_BASE_PACKED : 0;
		q->snoop.earlier = false;
		return;
	}
	r->avail = r->avail_seen = r->used;
	q->snoop.earlier = ring_load16(r, RING_DRIVER, VIRTQ_RING_IDX, &made) || made != r->used;
	if (q->snoop.earlier || !q->rested || r->used != q->rested_at)
		follow_lost_more(q);
}

void follow_begin(struct follow_queue *q, uint64_t ts)
{
	struct follow_vmm *v = q->device->vmm;
	struct ring_reader *r = &q->snoop.ring;
	bool packed = has(q, VIRTIO_F_RING_PACKED);

	if (has(q, VIRTIO_F_ACCESS_PLATFORM)) {
		refuse(q, "its addresses may be those of an IOMMU (VIRTIO_F_ACCESS_PLATFORM)");
		return;
	}
	if (packed && !q->fresh) {
		refuse(q, "a packed ring does not say how far it is; it is from its next start on");
		return;
	}
	foreign_begin(&v->foreign);
	r->size = q->setup.size;
	r->packed = packed;
	memcpy(r->area, q->setup.area, sizeof(r->area));
	if (!find_areas(q)) {
		if (!q->missing)
			say(q,
			    v->slots.several
				    ? "the process has several machines, and which of them the "
				      "device is of is not known"
				    : "its memory is in no slot that the process has given to KVM");
		q->missing = true;
		return;
	}
	q->missing = false;
	say_way(v);
	if (snoop_start(&q->snoop, q->setup.features, packed ? RING_BASE_PACKED : 0)) {
		refuse(q, q->snoop.why ? q->snoop.why : "it cannot be read");
		return;
	}
	set_positions(q, ts);
	snoop_describe(&q->snoop);
	q->fresh = q->suspended = false;
	q->active = clock_ns(CLOCK_MONOTONIC);
	follow_offer_all(v);
}

/* --- ending ---------------------------------------------------------------------------------- */

/* What was cleared since looks like a ring in which nothing has happened. */
static bool may_be_cleared(struct follow_queue *q)
{
	struct snoop *w = &q->snoop;
	struct ring_reader *r = &w->ring;

	if (w->stats.chains == q->before)
		return q->kicked;
	if (r->avail == (r->packed ? (uint16_t)RING_BASE_PACKED : 0))
		return true;
	ring_remap(r);
	return !ring_kept(r);
}

/* Is it where it was seen last?  Then nothing was missed. */
static bool at_rest(struct follow_queue *q)
{
	struct snoop *w = &q->snoop;
	struct ring_reader *r = &w->ring;
	struct words_ring words;
	struct iovec range[WORDS_RANGES];

	if (snoop_busy(w) || may_be_cleared(q))
		return false;
	words_ranges(r, q->host, range);
	return process_mem_ranges(&q->device->vmm->share.m, range, WORDS_RANGES, &words) &&
	       !words_moved(r, q->host, &words);
}

void follow_end(struct follow_queue *q)
{
	if (q->suspended || (q->snoop.on && (q->more || !at_rest(q))))
		follow_lost_more(q);
	q->more = q->suspended = false;
	q->snoop.on = false;
	follow_withdraw(q);
}

void follow_suspend(struct follow_queue *q)
{
	struct snoop *w = &q->snoop;

	if (!w->on)
		return;
	q->rested = !q->more && !w->in_flight && !w->earlier;
	q->rested_at = w->ring.used;
	q->suspended = q->missing = true; /* the trace has a note of the slot */
	w->on = false;
	follow_withdraw(q);
}

void follow_lose_suspended(struct follow_vmm *v)
{
	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next)
			if (q->suspended)
				follow_end(q);
}

struct snoop_stats follow_totals(const struct follow_source *f)
{
	struct snoop_stats t = { 0 };

	for (unsigned i = 0; i < f->nvmms; i++)
		for (struct follow_device *d = f->vmm[i]->devices; d; d = d->next)
			for (struct follow_queue *q = d->queues; q; q = q->next)
				snoop_stats_add(&t, &q->snoop.stats);
	return t;
}

/* --- looking --------------------------------------------------------------------------------- */

#define BATCH 256 /* queues that are read by one system call */

struct batch {
	struct follow_queue *queue[BATCH];
	struct iovec range[BATCH * WORDS_RANGES];
	struct words_ring words[BATCH];
	unsigned n;
};

static bool is_hot(const struct follow_queue *q, uint64_t now)
{
	return now < q->active + PACE_HOLD;
}

void follow_looked(struct follow_queue *q, uint64_t began)
{
	if (began <= q->looked)
		return; /* a look that began later was sooner */
	if (q->looked && is_hot(q, began))
		hist_add(&q->device->vmm->all->looks.apart, began - q->looked, 1);
	q->looked = began;
}

void follow_words(struct follow_queue *q, const struct words_ring *words)
{
	struct snoop *w = &q->snoop;
	uint64_t lost = w->stats.lost + w->stats.lost_more, word[COPIES_WORDS];

	words_take(&w->ring, q->host, words);
	words_moving(&w->ring, q->host, word);
	if (!q->device->vmm->copies.fresh)
		copies_watch(&q->device->vmm->copies, word, COPIES_WORDS);
	snoop_look(w, true);
	copies_watch(&q->device->vmm->copies, NULL, 0);
	q->active = clock_ns(CLOCK_MONOTONIC);
	if (w->on && w->stats.lost + w->stats.lost_more != lost)
		snoop_describe(w);
	if (!w->on) { /* a packed ring that does not say how far it is */
		q->refused = true;
		follow_withdraw(q);
	}
}

/* Nobody has seen what came between the last looks at its rings and its end. */
static void note_end(struct follow_vmm *v)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), looked = now;
	TEXT(t, 200);

	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next)
			if (q->snoop.on && q->looked && q->looked < looked)
				looked = q->looked;
	if (looked == now)
		return;
	looks_put_end(&t, now - looked);
	follow_note(v, VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

/*
 * What cannot be read any more: has the process ended?  Some time before it is gone it has no memory any
 * more (ESRCH): all of it is freed first.
 */
static void fail(struct follow_vmm *v, struct batch *b, ssize_t err)
{
	if (v->foreign.err)
		return;
	v->gone = err == -ESRCH || !process_alive(v->pid);
	if (v->gone)
		note_end(v);
	for (unsigned i = 0; i < b->n; i++) {
		follow_end(b->queue[i]);
		if (!v->gone)
			say(b->queue[i], "its memory cannot be read any more");
	}
}

static bool read_batch(struct follow_vmm *v, struct batch *b)
{
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	bool found = false;
	ssize_t n;

	if (!b->n)
		return false;
	n = v->share.m.read(&v->share.m, b->range, b->n * WORDS_RANGES, b->words);
	if (n != (ssize_t)(b->n * sizeof(b->words[0]))) {
		fail(v, b, n);
		b->n = 0;
		return false;
	}
	for (unsigned i = 0; i < b->n; i++) {
		struct follow_queue *q = b->queue[i];

		if (q->snoop.on && words_moved(&q->snoop.ring, q->host, &b->words[i])) {
			follow_words(q, &b->words[i]);
			found = true;
		}
		follow_looked(q, began);
	}
	b->n = 0;
	return found;
}

void follow_attempt(struct follow_vmm *v, uint64_t now)
{
	if (now - v->begun <= ATTEMPT_NS)
		return;
	foreign_begin(&v->foreign);
	v->begun = now;
}

bool follow_look(struct follow_vmm *v, bool all, uint64_t now)
{
	static struct batch b; /* large; there is one thread */
	bool found = false;

	follow_attempt(v, now);
	if (now - v->checked > CHECK_NS) {
		if (process_alive(v->pid))
			share_check(&v->share);
		v->checked = now;
	}
	for (struct follow_device *d = v->devices; d && !v->gone; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next) {
			if (!q->snoop.on || !(all || is_hot(q, now)))
				continue;
			if (b.n == BATCH)
				found |= read_batch(v, &b);
			words_ranges(&q->snoop.ring, q->host, b.range + b.n * WORDS_RANGES);
			b.queue[b.n++] = q;
		}
	return read_batch(v, &b) || found;
}
