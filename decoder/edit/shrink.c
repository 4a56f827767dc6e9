/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "decoder/edit/line.h"
#include "decoder/edit/move.h"
#include "decoder/edit/shrink.h"
#include "decoder/util/hash.h"
#include "decoder/util/virtqueue.h"

#define QUEUES_MAX 4096 /* queues followed; the traffic of others is kept */
#define CLASSES_MAX 65536 /* kinds of requests counted; others are kept */

/* Events of a queue that are left out: from one event number to another. */
struct gap {
	uint64_t first, last;
};

/* State of a ring relative to its own indices: must be equal before and after a cut. */
struct stance {
	bool known;
	uint16_t used_event, avail_event; /* relative */
	uint16_t avail_flags, used_flags;
	uint8_t intx;
	bool signalled; /* without a vector, and the driver has not looked */
};

struct watched {
	unsigned key; /* device << 16 | queue */
	/* Plan: the current busy period. */
	uint64_t first, last; /* its events, 0 none */
	bool wanted; /* something in it has not been seen before */
	struct stance stance; /* at its beginning */
	/* Plan: the run of busy periods after the last wanted one. */
	uint64_t run_first, run_last; /* events that can be left out; 0 none */
	struct stance run_stance;
	bool running;
	struct gap *gap;
	size_t ngap, cap;
	/* Apply. */
	size_t at; /* next gap */
	struct move gone; /* since the reset */
	UT_hash_handle hh;
};

struct counted {
	uint64_t class;
	unsigned n;
	UT_hash_handle hh;
};

struct shrink {
	unsigned keep;
	struct watched *queue; /* uthash */
	struct counted *class; /* uthash */
	struct line *line; /* uthash */
	uint32_t gone[256]; /* records left out, by source */
	struct shrink_stats stats;
};

struct shrink *shrink_new(unsigned keep)
{
	struct shrink *s = calloc(1, sizeof(*s));

	if (s)
		s->keep = keep ? keep : 1;
	return s;
}

void shrink_free(struct shrink *s)
{
	struct watched *w, *wnext;

	if (!s)
		return;
	HASH_ITER (hh, s->queue, w, wnext) {
		HASH_DEL(s->queue, w);
		free(w->gap);
		free(w);
	}
	hash_free(s->class);
	line_free(&s->line);
	free(s);
}

void shrink_stats(const struct shrink *s, struct shrink_stats *out)
{
	*out = s->stats;
}

static struct watched *find(struct shrink *s, unsigned device, unsigned queue)
{
	unsigned key = device << 16 | queue;
	struct watched *w;

	HASH_FIND(hh, s->queue, &key, sizeof(key), w);
	return w;
}

static struct watched *watch(struct shrink *s, unsigned device, unsigned queue)
{
	struct watched *w = find(s, device, queue);

	if (w || HASH_COUNT(s->queue) >= QUEUES_MAX)
		return w;
	hash_add_new(s->queue, key, device << 16 | queue, w);
	return w;
}

/* The device's only queue with traffic; NULL if there are several. */
static struct watched *only_queue(struct shrink *s, const struct model_device *d)
{
	struct watched *found = NULL;

	for (const struct model_queue *q = d->queues; q; q = q->hh.next) {
		if (!q->kicks && !q->popped)
			continue;
		if (found)
			return NULL;
		found = find(s, d->id, q->index);
	}
	return found;
}

/* The queue that an event of the whole device stands for; NULL if it cannot be told. */
static struct watched *queue_of_line(struct shrink *s, const struct model_device *d)
{
	struct watched *w = only_queue(s, d);
	const struct line *l = w ? NULL : line_of(s->line, d->id);

	return l && l->owner >= 0 ? find(s, d->id, (unsigned)l->owner) : w;
}

/*
 * Some drivers (EDK2's, iPXE's, SLOF's) select the queue before each kick, and read where to
 * notify it.  That it is selected already changes nothing.
 */
static bool selects_again(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;

	if (e->rec->h.type != VQT_REG || !e->field)
		return false;
	switch (e->field->id) {
	case SPEC_REG_QUEUE_SELECT:
		return r->op == VQT_READ || (e->before_known && e->before == r->value);
	case SPEC_REG_QUEUE_NOTIFY_OFF: return r->op == VQT_READ;
	}
	return false;
}

/*
 * The queue whose traffic an event belongs to; NULL for other events.  An event of the whole
 * device (the interrupt line, the ISR) belongs to a queue if no other queue has traffic, or
 * none has signalled.
 */
static struct watched *traffic_of(struct shrink *s, const struct event *e)
{
	if (!e->dev)
		return NULL;
	switch (e->rec->h.type) {
	case VQT_KICK:
	case VQT_AVAIL:
	case VQT_USED:
	case VQT_DATA:
	case VQT_RING:
	case VQT_BACKEND: return e->queue ? find(s, e->dev->id, e->queue->index) : NULL;
	case VQT_IRQ:
		if (e->rec->irq.kind == VQT_IRQ_CONFIG)
			return NULL;
		if (e->rec->irq.kind != VQT_IRQ_INTX && e->queue)
			return find(s, e->dev->id, e->queue->index);
		return queue_of_line(s, e->dev);
	case VQT_REG:
		if (selects_again(e))
			return find(s, e->dev->id, e->dev->queue_select);
		return line_is_status(e) ? queue_of_line(s, e->dev) : NULL;
	}
	return NULL;
}

/* A sample shows a time near its place in the trace, so after a cut it would be out of order. */
static bool is_sample(const struct event *e)
{
	return e->rec->h.type == VQT_RING && e->rec->ring.why == VQT_RING_PERIODIC;
}

/* --- plan ------------------------------------------------------------------------ */

static bool event_idx(const struct model_device *d)
{
	return model_accepted(d, VIRTIO_RING_F_EVENT_IDX);
}

static struct stance stance_at(const struct event *e)
{
	const struct vqt_ring *r = &e->rec->kick.ring;
	const struct model_device *d = e->dev;
	unsigned size = e->queue->size;
	struct stance s = { .avail_flags = r->avail_flags,
			    .used_flags = r->used_flags,
			    .intx = d->intx };

	if (r->known & VQT_RING_PACKED) {
		s.known = size && r->known & VQT_RING_AVAIL_FLAGS && r->known & VQT_RING_LAST_AVAIL;
		if (!s.known)
			return s;
		if ((r->avail_flags & VIRTQ_EVENT_FLAGS_MASK) == VRING_PACKED_EVENT_FLAG_DESC)
			s.used_event =
				(uint16_t)virtq_slots_between(r->last_avail, r->used_event, size);
		if ((r->used_flags & VIRTQ_EVENT_FLAGS_MASK) == VRING_PACKED_EVENT_FLAG_DESC)
			s.avail_event =
				(uint16_t)virtq_slots_between(r->last_avail, r->avail_event, size);
		return s;
	}
	s.known = r->known & VQT_RING_LAST_AVAIL && r->known & VQT_RING_AVAIL_IDX;
	if (event_idx(d)) {
		s.used_event = (uint16_t)(r->used_event - r->used_idx);
		s.avail_event = (uint16_t)(r->avail_event - r->last_avail);
		s.known = s.known && r->known & VQT_RING_USED_EVENT && r->known & VQT_RING_USED_IDX;
	}
	return s;
}

static bool same_stance(const struct stance *a, const struct stance *b)
{
	return a->known && b->known && a->used_event == b->used_event &&
	       a->avail_event == b->avail_event && a->avail_flags == b->avail_flags &&
	       a->used_flags == b->used_flags && a->intx == b->intx && a->signalled == b->signalled;
}

static int add_gap(struct watched *w, uint64_t first, uint64_t last)
{
	if (w->ngap && w->gap[w->ngap - 1].last + 1 >= first) {
		w->gap[w->ngap - 1].last = last;
		return 0;
	}
	if (!array_room(w->gap, w->cap, w->ngap + 1))
		return -ENOMEM;
	w->gap[w->ngap++] = (struct gap){ first, last };
	return 0;
}

/*
 * A busy period has ended.  Unwanted ones form a run.  A prefix of the run can be left out
 * if the busy period after it begins with the ring state that the run began with.
 */
static int end_busy(struct watched *w, const struct stance *next)
{
	int rc = 0;

	if (!w->first)
		return 0;
	if (w->wanted) {
		if (w->running && w->run_last)
			rc = add_gap(w, w->run_first, w->run_last);
		w->running = false;
		w->run_last = 0;
	} else {
		if (!w->running) {
			w->run_first = w->first;
			w->run_stance = w->stance;
		}
		w->running = true;
		if (next && same_stance(&w->run_stance, next))
			w->run_last = w->last;
	}
	w->first = 0;
	w->wanted = false;
	return rc;
}

/* The queue stops (reset, end): its last busy period stays. */
static int end_queue(struct watched *w)
{
	int rc = 0;

	w->wanted = true;
	rc = end_busy(w, NULL);
	if (w->running && w->run_last && !rc)
		rc = add_gap(w, w->run_first, w->run_last);
	w->running = false;
	w->run_last = 0;
	return rc;
}

static unsigned depth(unsigned n)
{
	return n < 2 ? n : n < 5 ? 2 : n < 17 ? 3 : 4;
}

/* Whether to keep a request of this class: not enough were kept since the reset. */
static int count_class(struct shrink *s, uint64_t class, bool *wanted)
{
	struct counted *c;

	HASH_FIND(hh, s->class, &class, sizeof(class), c);
	if (!c && HASH_COUNT(s->class) < CLASSES_MAX) {
		hash_add_new(s->class, class, class, c);
		if (!c)
			return -ENOMEM;
	}
	*wanted |= !c || c->n < s->keep;
	if (c)
		c->n++;
	return 0;
}

static int plan_used(struct shrink *s, const struct event *e, struct watched *w)
{
	const struct model_request *r = e->req;
	const struct vqt_used *u = &e->rec->used;
	uint64_t class = hash_mix(e->dev->id, (uint64_t)e->dev->resets << 16 | e->queue->index);

	/* Keep everything unusual. */
	if (!r || u->flags & (VQT_USED_DETACHED | VQT_USED_SYNTHETIC) ||
	    r->flags & ~(VQT_CHAIN_MORE | VQT_CHAIN_LATE | VQT_CHAIN_DERIVED)) {
		w->wanted = true;
		return 0;
	}
	class = hash_mix(hash_mix(class, r->typed ? r->type_raw : ~0U), r->bytes);
	class = hash_mix(hash_mix(class, r->ndesc), r->ndirect);
	class = hash_mix(class, depth(e->queue->n_in_flight + 1));
	class = hash_mix(hash_mix(class, r->status_known ? r->status : 256), u->len == r->writable);
	if (class_failed(e->dev->class, &r->io))
		w->wanted = true;
	return count_class(s, class, &w->wanted);
}

static int plan_kick(struct shrink *s, const struct event *e, struct watched *w)
{
	const struct line *l;
	struct stance now;
	int rc = 0;

	if (e->queue->n_in_flight)
		return 0;
	now = stance_at(e);
	l = line_of(s->line, e->dev->id);
	now.signalled = l && !l->served && l->owner == (int)e->queue->index;
	rc = end_busy(w, &now);
	w->first = e->number;
	w->stance = now;
	w->wanted = !now.known;
	/* Kicks without new entries are a class of their own. */
	if (!(e->rec->kick.ring.known & VQT_RING_PACKED) &&
	    e->rec->kick.ring.avail_idx == e->rec->kick.ring.last_avail && !rc)
		rc = count_class(s, hash_mix(hash_mix(e->dev->id, e->queue->index), e->dev->resets),
				 &w->wanted);
	return rc;
}

static bool ends_queues(const struct event *e)
{
	if (!e->dev)
		return false;
	if (e->dropped)
		return true;
	if (e->rec->h.type == VQT_LIFECYCLE)
		return true; /* rare, and some report what happened to the rings */
	return e->rec->h.type == VQT_REG && e->rec->reg.op == VQT_WRITE && e->field &&
	       !line_is_status(e) && !selects_again(e) && e->field->id != SPEC_REG_QUEUE_NOTIFY;
}

static int end_device(struct shrink *s, const struct model_device *d)
{
	int rc = 0;

	for (const struct model_queue *q = d->queues; q && !rc; q = q->hh.next) {
		struct watched *w = find(s, d->id, q->index);

		if (w)
			rc = end_queue(w);
	}
	return rc;
}

/* Keep the busy periods whose signals cannot be told apart: one read serves them all. */
static int plan_line(struct shrink *s, const struct event *e)
{
	struct watched *w;
	const struct line *l;
	int also, rc = line_follow(&s->line, e, &also);

	if (rc || e->rec->h.type != VQT_IRQ)
		return rc;
	l = line_of(s->line, e->dev ? e->dev->id : 0);
	if (!l || l->owner != LINE_SHARED)
		return 0;
	w = also >= 0 ? find(s, e->dev->id, (unsigned)also) : NULL;
	if (w)
		w->wanted = true;
	w = e->queue ? find(s, e->dev->id, e->queue->index) : NULL;
	if (w)
		w->wanted = true;
	return 0;
}

int shrink_plan(struct shrink *s, const struct event *e)
{
	struct watched *w;
	unsigned type = e->rec->h.type;
	int rc = plan_line(s, e);

	if (rc)
		return rc;
	s->stats.events++;
	s->stats.requests += type == VQT_AVAIL && !e->rec->avail.first;
	if (ends_queues(e))
		return end_device(s, e->dev);
	if (type == VQT_KICK && e->queue && !watch(s, e->dev->id, e->queue->index) &&
	    HASH_COUNT(s->queue) < QUEUES_MAX)
		return -ENOMEM;
	w = is_sample(e) ? NULL : traffic_of(s, e);
	if (!w)
		return 0;
	if (type == VQT_KICK)
		rc = plan_kick(s, e, w);
	else if (type == VQT_USED && w->first)
		rc = plan_used(s, e, w);
	if (e->gap || (type == VQT_RING && e->rec->ring.why == VQT_RING_ASKED))
		w->wanted = true; /* busy periods next to a loss are incomplete */
	w->last = e->number;
	return rc;
}

int shrink_plan_end(struct shrink *s)
{
	int rc = 0;

	for (struct watched *w = s->queue; w && !rc; w = w->hh.next)
		rc = end_queue(w);
	line_forget(s->line);
	return rc;
}

/* --- apply ------------------------------------------------------------------------ */

static bool left_out(struct watched *w, uint64_t number)
{
	while (w->at < w->ngap && w->gap[w->at].last < number)
		w->at++;
	return w->at < w->ngap && w->gap[w->at].first <= number;
}

static void count_left_out(struct watched *w, const struct event *e)
{
	const struct vqt_avail *a = &e->rec->avail;
	bool packed = e->queue && e->queue->packed;

	if (e->rec->h.type == VQT_AVAIL && !a->first && !(a->flags & VQT_CHAIN_AGAIN))
		w->gone.avail += packed ? a->ndirect : 1;
	if (e->rec->h.type == VQT_USED)
		w->gone.used += !packed ? 1 : e->req ? e->req->ndirect : 1;
}

/* A reset restarts the indices. */
static void start_over(struct shrink *s, const struct event *e)
{
	for (const struct model_queue *q = e->dev->queues; q; q = q->hh.next) {
		struct watched *w = find(s, e->dev->id, q->index);

		if (w && !q->popped_since_reset && !q->used_since_reset)
			w->gone = (struct move){ 0 };
	}
}

void shrink_left_out(struct shrink *s, const struct event *e)
{
	const struct vqt_hdr *h = &e->rec->h;

	s->stats.events_kept--;
	if (h->type >= VQT_REG || h->seq)
		s->gone[h->source]++;
}

bool shrink_apply(struct shrink *s, const struct event *e, uint8_t *buf, size_t *len)
{
	struct vqt_hdr *h = (void *)buf;
	struct watched *w;
	int also;

	line_follow(&s->line, e, &also); /* has room since the plan */
	w = traffic_of(s, e);
	if (ends_queues(e))
		start_over(s, e);
	if (is_sample(e)) {
		s->gone[e->rec->h.source]++;
		return false;
	}
	if (w && left_out(w, e->number)) {
		count_left_out(w, e);
		s->gone[e->rec->h.source]++;
		return false;
	}
	memcpy(buf, e->rec->raw, e->rec->len);
	*len = e->rec->len;
	if (h->type >= VQT_REG || h->seq)
		h->seq -=
			s->gone[h->source]; /* records left out on purpose must not count as lost */
	if (w && e->queue && (w->gone.avail || w->gone.used))
		move_record(buf, &w->gone, e);
	s->stats.events_kept++;
	s->stats.requests_kept += h->type == VQT_AVAIL && !e->rec->avail.first;
	return true;
}
