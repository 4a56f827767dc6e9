/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/model/model.h"
#include "decoder/spec/constants.h"
#include "decoder/stuck/trace.h"
#include "decoder/util/virtqueue.h"

#define WINDOW_NS UINT64_C(2200000000) /* before the end: what was completed in it is a rate */
#define RECENT 64 /* completions whose times are kept */

/* What the model does not keep of a queue. */
struct follow {
	uint32_t key; /* device << 16 | queue */
	uint64_t moved; /* time of the last step of either side; 0: none */
	uint64_t used[RECENT]; /* times of completions, a ring */
	uint32_t nused;
	uint64_t irq; /* time of the last interrupt */
	bool avail_known, popped_known;
	uint16_t avail, popped; /* positions: of the driver's next entry, the next to pop */
	uint64_t avail_ts, kick_ts; /* when avail moved last in the trace; the last kick */
	bool seen; /* avail moved in the trace */
	uint64_t added; /* of the driver's side: when it added a chain last */
	uint32_t error; /* +- of its times, the largest; VQT_CLOCK_UNKNOWN */
	/* The last sample, if nothing happened after it. */
	bool sampled;
	struct vqt_ring ring;
	uint8_t pending;
	UT_hash_handle hh;
};

/* MSI-X vectors whose Vector Control the trace shows. */
#define VECTORS 2048
struct vectors {
	uint32_t device;
	uint8_t known[VECTORS / 8], masked[VECTORS / 8];
	UT_hash_handle hh;
};

struct stuck_trace {
	struct model *model;
	struct follow *queues;
	struct vectors *vectors;
	struct stuck_calls *calls;
	uint64_t number, end; /* records; time of the last one */
	uint64_t last[256]; /* by source: time of its last record */
	uint64_t forgotten[256]; /* by source: what is from before is not all that there was */
};

struct stuck_trace *stuck_trace_new(void)
{
	struct stuck_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->model = model_new();
	t->calls = stuck_calls_new();
	if (t->model && t->calls)
		return t;
	stuck_trace_free(t);
	return NULL;
}

void stuck_trace_free(struct stuck_trace *t)
{
	if (!t)
		return;
	model_free(t->model);
	stuck_calls_free(t->calls);
	hash_free(t->queues);
	hash_free(t->vectors);
	free(t);
}

/* --- following ------------------------------------------------------------------------- */

/* A queue is watched from its first record on. */
static struct follow *follow(struct stuck_trace *t, unsigned device, unsigned queue, uint64_t ts)
{
	uint32_t key = device << 16 | queue;
	struct follow *f;

	HASH_FIND(hh, t->queues, &key, sizeof(key), f);
	if (f)
		return f;
	hash_add_new(t->queues, key, key, f);
	if (f)
		f->moved = ts;
	return f;
}

static void see_avail(struct follow *f, const struct vqt_ring *r, uint64_t ts)
{
	if (!(r->known & VQT_RING_AVAIL_IDX) || r->known & VQT_RING_PACKED)
		return;
	if (f->avail_known && f->avail != r->avail_idx) {
		f->seen = true;
		f->avail_ts = ts;
	}
	f->avail = r->avail_idx;
	f->avail_known = true;
}

static bool same_ring(const struct vqt_ring *a, const struct vqt_ring *b)
{
	return a->avail_idx == b->avail_idx && a->used_idx == b->used_idx &&
	       a->last_avail == b->last_avail && a->used_event == b->used_event;
}

static void on_sample(struct follow *f, const struct vqt_ringstate *s, uint64_t ts)
{
	if (f->sampled && !same_ring(&f->ring, &s->ring))
		f->moved = ts;
	see_avail(f, &s->ring, ts);
	if (s->ring.known & VQT_RING_LAST_AVAIL) {
		f->popped = s->ring.last_avail;
		f->popped_known = true;
	}
	f->sampled = true;
	f->ring = s->ring;
	f->pending = s->pending;
}

/* How exactly the times of a driver's side are known among the device's. */
static void note_error(struct follow *f, const struct event *e)
{
	uint32_t error = e->source->mapped ? e->source->error : VQT_CLOCK_UNKNOWN;

	f->error = error > f->error ? error : f->error;
}

static void on_event(struct follow *f, const struct event *e)
{
	const struct record *r = e->rec;

	if (e->dev->by_driver)
		note_error(f, e);
	switch (r->h.type) {
	case VQT_RING: on_sample(f, &r->ring, e->ts); return;
	case VQT_KICK:
		see_avail(f, &r->kick.ring, e->ts);
		if (!e->self)
			f->kick_ts = e->ts;
		break;
	case VQT_AVAIL:
		f->added = e->ts;
		see_avail(f, &r->avail.ring, e->ts);
		f->popped = virtq_after(r->avail.pos, r->avail.ndirect, e->queue->size,
					e->queue->packed);
		f->popped_known = true;
		break;
	case VQT_USED: f->used[f->nused++ % RECENT] = e->ts; break;
	case VQT_IRQ: f->irq = e->ts; break;
	default: return;
	}
	f->moved = e->ts;
	f->sampled = false;
}

/* PCI 6.8.2.9: writes to Vector Control; a reset masks all vectors, but of that none is seen. */
static int on_table(struct stuck_trace *t, const struct record *r)
{
	uint32_t device = r->h.device, vector = r->reg.offset / 16;
	struct vectors *v;

	if (r->reg.offset % 16 != 12 || vector >= VECTORS)
		return 0;
	HASH_FIND(hh, t->vectors, &device, sizeof(device), v);
	if (!v) {
		hash_add_new(t->vectors, device, device, v);
		if (!v)
			return -ENOMEM;
	}
	v->known[vector / 8] |= (uint8_t)(1U << vector % 8);
	if (r->reg.value & 1)
		v->masked[vector / 8] |= (uint8_t)(1U << vector % 8);
	else
		v->masked[vector / 8] &= (uint8_t) ~(1U << vector % 8);
	return 0;
}

int stuck_trace_feed(struct stuck_trace *t, const struct record *rec)
{
	struct event e;
	struct follow *f;
	int err = model_feed(t->model, rec, ++t->number, &e);

	if (e.ts > t->end)
		t->end = e.ts;
	if (!err && rec->h.type == VQT_REG && rec->reg.region == VQT_REGION_MSIX_TABLE)
		err = on_table(t, rec);
	if (!err)
		err = stuck_calls_feed(t->calls, &e);
	t->last[rec->h.source] = e.ts;
	if (rec->h.type == VQT_LOSS || rec->h.type == VQT_SOURCE || e.gap)
		t->forgotten[rec->h.source] = e.ts;
	if (err || !e.dev || !e.queue)
		return err;
	f = follow(t, e.dev->id, e.queue->index, e.ts);
	if (!f)
		return -ENOMEM;
	on_event(f, &e);
	return 0;
}

/* --- the facts at the end ----------------------------------------------------------------- */

static enum stuck_fact fact(bool known, bool yes)
{
	return !known ? STUCK_UNKNOWN : yes ? STUCK_YES : STUCK_NO;
}

static void kick_facts(const struct follow *f, const struct model_device *d,
		       const struct model_queue *q, struct stuck_facts *o)
{
	bool packed = q->packed;

	if (packed && f->sampled && f->ring.known & VQT_RING_SLOT)
		o->waiting = f->ring.known & VQT_RING_FILLED ? 1 : 0;
	else if (!packed && f->avail_known && f->popped_known)
		o->waiting = (uint16_t)(f->avail - f->popped) <= q->size
				     ? (uint16_t)(f->avail - f->popped)
				     : -1;
	if (o->waiting <= 0)
		return;
	if (f->kick_ts && f->kick_ts >= f->avail_ts)
		o->kick_seen = STUCK_YES;
	else if (f->seen && !d->no_notifications && !d->apart)
		o->kick_seen = STUCK_NO;
	if (!f->sampled)
		return;
	o->kick_pending = fact(f->pending != VQT_PENDING_UNKNOWN, f->pending == VQT_PENDING_YES);
	if (packed) {
		unsigned flags = f->ring.used_flags;

		if (f->ring.known & VQT_RING_USED_FLAGS && flags != VRING_PACKED_EVENT_FLAG_DESC)
			o->kick_wanted = flags ? STUCK_NO : STUCK_YES;
		else if (f->ring.known & VQT_RING_AVAIL_EVENT)
			o->kick_wanted = fact(true, f->ring.avail_event == f->popped);
	} else if (!model_accepted(d, VIRTIO_RING_F_EVENT_IDX)) {
		o->kick_wanted = fact(f->ring.known & VQT_RING_USED_FLAGS,
				      !(f->ring.used_flags & VRING_USED_F_NO_NOTIFY));
	} else {
		o->kick_wanted = fact(f->ring.known & VQT_RING_AVAIL_EVENT,
				      (uint16_t)(f->avail - f->ring.avail_event - 1) < o->waiting);
	}
}

static int32_t unreaped_packed(const struct vqt_ring *r, uint16_t size)
{
	const unsigned all = VQT_RING_AVAIL_FLAGS | VQT_RING_USED_EVENT | VQT_RING_USED_POS |
			     VQT_RING_LAST_AVAIL;

	if ((r->known & all) != all)
		return -1;
	return stuck_unreaped_packed(r->avail_flags, r->used_event, r->used_idx, r->last_avail,
				     size);
}

/* Only a sample shows what the driver has taken: it moves used_event without any event. */
static void reap_facts(const struct follow *f, const struct model_device *d,
		       const struct model_queue *q, struct stuck_facts *o)
{
	const unsigned both = VQT_RING_USED_IDX | VQT_RING_USED_EVENT;
	uint16_t behind = (uint16_t)(f->ring.used_idx - f->ring.used_event);

	if (f->sampled && q->packed)
		o->unreaped = unreaped_packed(&f->ring, q->size);
	if (!f->sampled || q->packed || (f->ring.known & both) != both ||
	    !model_accepted(d, VIRTIO_RING_F_EVENT_IDX))
		return;
	if (!behind || behind > q->size || (uint16_t)(f->avail - f->ring.used_event) > q->size)
		o->unreaped = 0;
	else if (f->ring.used_event)
		o->unreaped = behind;
}

static void irq_facts(const struct stuck_trace *t, const struct follow *f,
		      const struct model_device *d, const struct model_queue *q,
		      struct stuck_facts *o)
{
	unsigned cap = model_pci_cap(d, 0x11, 0), control = cap + 3;
	uint32_t device = d->id;
	struct vectors *v;

	if (f->nused)
		o->irq_raised = f->irq >= f->used[(f->nused - 1) % RECENT] ? STUCK_YES : STUCK_NO;
	if (!d->msix) {
		o->path = STUCK_PATH_INTX;
		o->intx_asserted = fact(true, d->intx);
		o->intx_disabled = fact(d->pci_known[5 / 8] >> 5 % 8 & 1, d->pci[5] & 0x04);
		return;
	}
	o->path = q->vector == VQT_NO_VECTOR ? STUCK_PATH_NONE : STUCK_PATH_MSIX;
	if (o->path == STUCK_PATH_NONE)
		return;
	if (cap && control < sizeof(d->pci))
		o->function_masked =
			fact(d->pci_known[control / 8] >> control % 8 & 1, d->pci[control] & 0x40);
	HASH_FIND(hh, t->vectors, &device, sizeof(device), v);
	if (v && q->vector < VECTORS)
		o->vector_masked = fact(v->known[q->vector / 8] >> q->vector % 8 & 1,
					v->masked[q->vector / 8] >> q->vector % 8 & 1);
}

/* Is a moment of the driver's clock after one of the device's, as far as that is known? */
static enum stuck_fact is_after(uint64_t driver, uint32_t error, uint64_t device)
{
	if (error == VQT_CLOCK_UNKNOWN || !driver)
		return STUCK_UNKNOWN;
	if (driver > device + error)
		return STUCK_YES;
	return driver + error < device ? STUCK_NO : STUCK_UNKNOWN;
}

/*
 * What the driver's own trace of the queue says.  Only what was recorded of it later can say that it
 * did not do something.
 */
static void driver_facts(const struct stuck_trace *t, const struct follow *f,
			 const struct model_device *d, const struct model_queue *q,
			 struct stuck_facts *o)
{
	uint32_t key = d->peer ? (uint32_t)d->peer->id << 16 | q->index : 0;
	const struct follow *driver = NULL;
	uint64_t last, forgotten;

	if (d->peer && d->peer->by_driver)
		HASH_FIND(hh, t->queues, &key, sizeof(key), driver);
	if (!driver)
		return;
	last = t->last[d->peer->source];
	forgotten = t->forgotten[d->peer->source];
	if (o->waiting > 0 && driver->kick_ts > forgotten && driver->kick_ts >= driver->added) {
		if (t->end - driver->kick_ts >= STUCK_WATCH_NS &&
		    is_after(driver->kick_ts, driver->error, f->kick_ts) == STUCK_YES)
			o->driver_kicked = STUCK_YES;
	} else if (o->waiting > 0 && driver->added > forgotten &&
		   last >= driver->added + STUCK_WATCH_NS) {
		o->driver_kicked = STUCK_NO;
	}
	if (f->irq && driver->irq > forgotten &&
	    is_after(last, driver->error, f->irq) == STUCK_YES && t->end - f->irq >= STUCK_WATCH_NS)
		o->handled = is_after(driver->irq, driver->error, f->irq);
}

static int older(const void *a, const void *b)
{
	const struct model_request *x = *(struct model_request *const *)a,
				   *y = *(struct model_request *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void name_requests(const struct stuck_trace *t, const struct model_device *d,
			  const struct model_queue *q, struct stuck_row *row)
{
	const struct model_request *r, **all = calloc(q->n_in_flight + 1, sizeof(*all));
	size_t n = 0;

	for (r = q->in_flight; all && r && n < q->n_in_flight; r = r->hh.next)
		all[n++] = r;
	if (n)
		qsort(all, n, sizeof(*all), older);
	for (size_t i = 0; i < n && i < STUCK_REQUESTS; i++) {
		struct stuck_request *to = &row->request[row->nrequests++];

		to->head = all[i]->head;
		to->sure = true;
		to->older = !all[i]->avail_ts;
		to->age = t->end - (to->older ? all[i]->seen_ts : all[i]->avail_ts);
		class_describe(d->class, &all[i]->io, to->text, sizeof(to->text));
	}
	if (row->nrequests) {
		row->facts.oldest = row->request[0].age;
		row->facts.oldest_more = row->request[0].older;
	}
	free(all);
}

static void count_flight(const struct stuck_trace *t, const struct model_device *d,
			 const struct model_queue *q, struct stuck_facts *o)
{
	const struct model_source *source = model_source(t->model, d->source);

	o->flight = (int32_t)model_flight(q);
	o->unpublished = 0;
	for (const struct model_request *r = q->in_flight; r; r = r->hh.next) {
		/* its completion may be among what was lost */
		if (r->backend_end_ts && source && r->number >= source->loss_at) {
			o->failed += r->failed;
			o->unpublished += !r->failed;
		}
	}
}

static void move_facts(const struct stuck_trace *t, const struct follow *f, struct stuck_facts *o)
{
	uint64_t still = t->end - f->moved;

	o->moved = still >= STUCK_WATCH_NS ? STUCK_NO : STUCK_YES;
	o->watched = still >= STUCK_WATCH_NS ? still : WINDOW_NS;
	for (uint32_t i = 0; i < f->nused && i < RECENT; i++)
		o->completed += o->moved == STUCK_YES && t->end - f->used[i] <= WINDOW_NS;
}

static void judge(const struct stuck_trace *t, const struct follow *f, struct model_device *d,
		  const struct model_queue *q, struct stuck_row *row)
{
	struct stuck_facts *o = &row->facts;
	const uint64_t *accepted = d->accepted_known ? d->accepted : NULL;

	snprintf(row->device, sizeof(row->device), "%s", d->name);
	snprintf(row->id, sizeof(row->id), "%s", d->user_id);
	snprintf(row->type, sizeof(row->type), "%s", d->type_name);
	row->queue = q->index;
	class_queue_name(row->name, sizeof(row->name), d->virtio_id, q->index, accepted,
			 d->num_queues);
	o->driver_ok = fact(d->status_known, d->status & VIRTIO_CONFIG_S_DRIVER_OK);
	o->needs_reset = fact(d->status_known, d->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	o->posted = class_queue_posted(d->class, q->index, accepted, d->num_queues);
	o->reclaimed = class_queue_reclaimed(d->class, q->index, accepted, d->num_queues);
	o->packed = q->packed;
	o->by_driver = d->by_driver;
	o->waiting = o->unreaped = -1;
	move_facts(t, f, o);
	count_flight(t, d, q, o);
	if (!d->by_driver) { /* its kicks and interrupts are those that it makes and handles */
		kick_facts(f, d, q, o);
		reap_facts(f, d, q, o);
		irq_facts(t, f, d, q, o);
		driver_facts(t, f, d, q, o);
		/* What the driver made available and never kicked for is seen in samples only. */
		if (o->waiting < 0 && o->flight)
			o->waiting = 0;
	}
	row->verdict = stuck_judge(o);
	if (!o->posted && (row->verdict == STUCK_SLOW || stuck_is(row->verdict)))
		name_requests(t, d, q, row);
}

size_t stuck_trace_end(struct stuck_trace *t, struct stuck_row **rows)
{
	struct model_device *d;
	size_t n = 0;

	*rows = calloc(HASH_COUNT(t->queues) + 1, sizeof(**rows));
	for (unsigned i = 0; *rows && (d = model_device_nth(t->model, i)); i++)
		for (const struct model_queue *q = d->queues; q; q = q->hh.next) {
			struct follow *f;
			uint32_t key = (uint32_t)d->id << 16 | q->index;

			HASH_FIND(hh, t->queues, &key, sizeof(key), f);
			if (f)
				judge(t, f, d, q, &(*rows)[n++]);
		}
	return n;
}

size_t stuck_trace_calls(const struct stuck_trace *t, struct stuck_call **calls)
{
	return stuck_calls_end(t->calls, t->model, t->last, t->end, calls);
}
