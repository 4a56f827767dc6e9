/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/model/impl.h"

struct model *model_new(void)
{
	return calloc(1, sizeof(struct model));
}

struct model_request *model_new_request(struct model *m)
{
	struct model_request *r = m->spare;
	struct vqt_desc *desc;
	uint32_t cap;

	if (!r)
		return calloc(1, sizeof(*r));
	m->spare = r->next;
	desc = r->desc;
	cap = r->cap;
	memset(r, 0, sizeof(*r));
	r->desc = desc;
	r->cap = cap;
	return r;
}

void model_free_request(struct model *m, struct model_request *r)
{
	model_life_dropped(m, r);
	/* Free the arrays of a very large chain, so that later requests do not hold them. */
	if (r->cap > 256) {
		free(r->desc);
		free(r);
		return;
	}
	r->next = m->spare;
	m->spare = r;
}

void model_stop_queue(struct model *m, struct model_queue *q)
{
	struct model_request *r, *next;

	HASH_ITER (hh, q->in_flight, r, next) {
		HASH_DEL(q->in_flight, r);
		r->next = m->dropped;
		m->dropped = r;
	}
	model_lives_reset(m, q);
	q->n_in_flight = q->n_posted = q->unnamed = q->unnamed_slots = 0;
	q->unnamed_more = false;
	q->learned.known = false;
	q->open = NULL;
	q->kick_ts = 0;
	q->latest = (struct model_kick){ 0 };
	q->latest_popped = q->popped;
	q->self_notified = false;
	q->popped_since_reset = q->used_since_reset = 0;
	q->nannounced = 0;
	memset(&q->ring, 0, sizeof(q->ring));
}

void model_reset_queue(struct model *m, struct model_queue *q)
{
	model_stop_queue(m, q);
	q->enabled = false;
	q->addr_known = false;
	q->desc = q->driver = q->device = 0;
	q->size = q->size_is_max ? q->size_max : 0;
	q->size_known = q->size != 0;
	q->size_written = false;
	q->align = 0;
	q->vector = VQT_NO_VECTOR;
	q->packed = false;
}

void model_reset_device(struct model *m, struct model_device *d)
{
	if (d->status_known && d->status)
		d->resets++;
	d->status = 0;
	d->status_known = true;
	memset(d->accepted, 0, sizeof(d->accepted));
	d->accepted_known = 0;
	d->device_select = d->driver_select = 0;
	d->queue_select = 0;
	d->config_vector = VQT_NO_VECTOR;
	d->swapped = false;
	for (struct model_queue *q = d->queues; q; q = q->hh.next)
		model_reset_queue(m, q);
}

static void free_device(struct model *m, struct model_device *d)
{
	struct model_queue *q, *next;

	HASH_ITER (hh, d->queues, q, next) {
		model_lives_free(m, q);
		HASH_DEL(d->queues, q);
		free(q);
	}
	free(d);
}

/* Free what observers of the last event could still read. */
static void let_go(struct model *m)
{
	if (m->done)
		model_free_request(m, m->done);
	m->done = NULL;
	while (m->dropped) {
		struct model_request *r = m->dropped;

		m->dropped = r->next;
		model_free_request(m, r);
	}
	model_lives_let_go(m);
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->ndevice; i++)
		for (struct model_queue *q = m->device[i]->queues; q; q = q->hh.next)
			model_reset_queue(m, q);
	let_go(m); /* while the devices of both sides, which lives point to, are there */
	for (unsigned i = 0; i < m->ndevice; i++)
		free_device(m, m->device[i]);
	for (unsigned i = 0; i < 256; i++)
		free(m->source[i]);
	model_free_stacks(m);
	while (m->spare) {
		struct model_request *r = m->spare;

		m->spare = r->next;
		free(r->desc);
		free(r);
	}
	free(m);
}

struct model_device *model_device(const struct model *m, unsigned id)
{
	for (unsigned i = 0; i < m->ndevice; i++)
		if (m->device[i]->id == id)
			return m->device[i];
	return NULL;
}

struct model_device *model_device_nth(const struct model *m, unsigned n)
{
	return n < m->ndevice ? m->device[n] : NULL;
}

struct model_source *model_source(const struct model *m, unsigned id)
{
	return id < 256 ? m->source[id] : NULL;
}

struct model_queue *model_queue(const struct model_device *d, unsigned index)
{
	struct model_queue *q;
	uint16_t key = (uint16_t)index;

	HASH_FIND(hh, d->queues, &key, sizeof(key), q);
	return q;
}

bool model_accepted(const struct model_device *d, unsigned bit)
{
	return bit < 128 && (d->accepted[bit / 64] >> (bit % 64) & 1);
}

int64_t model_wall(const struct model *m)
{
	return m->wall;
}

bool model_filtered(const struct model *m)
{
	return m->filtered;
}

struct model_loss model_lost(const struct model *m)
{
	struct model_loss lost = { 0, false };

	for (unsigned i = 0; i < 256; i++) {
		lost.records += m->source[i] ? m->source[i]->lost : 0;
		lost.more |= m->source[i] && m->source[i]->lost_more;
	}
	return lost;
}

struct model_loss model_loss_of(const struct event *e)
{
	const struct vqt_loss *l = &e->rec->loss;
	bool old = e->source && e->source->kind == VQT_SRC_PROXY && l->why == VQT_LOSS_MEMORY &&
		   l->lost == 1 && e->queue && e->queue->packed;

	return (struct model_loss){ old ? 0 : l->lost, old || l->flags & VQT_LOSS_MORE };
}

void model_put_lost(struct text *t, struct model_loss lost, const char *what)
{
	if (!lost.records && lost.more) {
		text_add(t, "an unknown number%s%s", *what ? " of " : "", what);
		return;
	}
	text_add(t, "%" PRIu64 "%s%s%s", lost.records, *what ? " " : "", what,
		 lost.more ? " and an unknown number more" : "");
}

/* Find or make. NULL: no memory, or too many devices. */
static struct model_device *get_device(struct model *m, unsigned id, unsigned source)
{
	struct model_device *d = model_device(m, id);

	if (d || id == VQT_NO_DEVICE || m->ndevice == MODEL_DEVICES_MAX)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->id = (uint16_t)id;
	d->source = (uint8_t)source;
	d->bdf = ~0U;
	d->config_vector = VQT_NO_VECTOR;
	m->device[m->ndevice++] = d;
	model_name_device(m, d);
	return d;
}

struct model_queue *model_get_queue(struct model_device *d, unsigned index)
{
	struct model_queue *q = model_queue(d, index);

	if (q)
		return q;
	hash_add_new(d->queues, index, (uint16_t)index, q);
	if (q) {
		q->vector = VQT_NO_VECTOR;
		q->size_written = d->flags & VQT_DEV_LATE || !d->status_known;
	}
	return q;
}

static struct model_source *get_source(struct model *m, unsigned id)
{
	if (!m->source[id]) {
		m->source[id] = calloc(1, sizeof(struct model_source));
		if (m->source[id])
			m->source[id]->id = (uint8_t)id;
	}
	return m->source[id];
}

static int feed_source(struct model *m, struct event *e)
{
	const struct record *r = e->rec;

	model_forget_stacks(m, r->h.source);
	e->source->kind = r->source.kind;
	e->source->mapped = r->source.clock == VQT_CLOCK_MAPPED;
	if (e->source->mapped) {
		e->source->clock = 0;
		e->source->error = VQT_CLOCK_UNKNOWN;
	}
	e->source->pid = r->source.pid;
	record_tlv_str(r, VQT_TAG_NAME, e->source->name, sizeof(e->source->name));
	return 0;
}

static int feed_queue_state(struct model *m, struct event *e)
{
	const struct vqt_queue_state *s = &e->rec->queue_state;
	struct model_queue *q = e->queue;

	if (!q)
		return 0;
	if (s->known & VQT_KNOWN_SIZE) {
		q->size = s->size;
		q->size_known = true;
	}
	if (s->known & VQT_KNOWN_ADDR) {
		q->desc = s->desc;
		q->driver = s->driver;
		q->device = s->device;
		q->addr_known = true;
	}
	if (s->known & VQT_KNOWN_VECTOR)
		q->vector = s->vector;
	if (s->known & VQT_KNOWN_ENABLED)
		q->enabled = s->enabled;
	q->packed = model_accepted(e->dev, VIRTIO_F_RING_PACKED);
	if (s->known & VQT_KNOWN_INDEX)
		model_learn(e);
	if (s->known & VQT_KNOWN_INDEX && !q->packed)
		q->latest = (struct model_kick){ .avail_idx = s->last_avail, .known = true };
	return 0;
}

static int feed_clock(struct model *m, struct event *e)
{
	const struct vqt_clock *c = &e->rec->clock;
	struct model_source *s = m->source[c->other];

	if (s && s->mapped)
		s->error = c->error;
	else if (s)
		s->clock = (int64_t)(e->ts - c->there);
	return 0;
}

/*
 * Who reads a ring from beside it has missed some chains: which ones are in flight now nobody knows,
 * and ids return.
 */
static void forget_flight(struct model *m, struct model_queue *q)
{
	struct model_request *r, *next;

	HASH_ITER (hh, q->in_flight, r, next) {
		HASH_DEL(q->in_flight, r);
		model_free_request(m, r);
	}
	model_lives_reset(m, q);
	q->n_in_flight = q->n_posted = q->unnamed = q->unnamed_slots = 0;
	q->unnamed_more = false;
	q->learned.known = false;
	q->open = NULL;
}

static int feed_loss(struct model *m, struct event *e)
{
	const struct vqt_loss *l = &e->rec->loss;
	struct model_loss lost = model_loss_of(e);

	e->source->lost += lost.records;
	e->source->lost_more |= lost.more;
	e->source->loss_at = e->number;
	if (e->queue && l->why == VQT_LOSS_MEMORY && event_by_snooper(e))
		forget_flight(m, e->queue);
	return 0;
}

static int feed_ring(struct model *m, struct event *e)
{
	model_ring(e, &e->rec->ring.ring);
	return 0;
}

/* Of virtio-ccw there are no registers to learn them from: 4.3.2.4. */
static void set_features(struct model_device *d, uint64_t features)
{
	if (d->transport != VQT_TRANSPORT_CCW)
		return;
	d->accepted[0] = features;
	d->accepted_known |= 3;
}

static int feed_life(struct model *m, struct event *e)
{
	const struct vqt_lifecycle *l = &e->rec->lifecycle;

	if (!e->dev)
		return 0;
	switch (l->what) {
	case VQT_LIFECYCLE_RESET: model_reset_device(m, e->dev); break;
	case VQT_LIFECYCLE_QUEUE_RESET:
		if (e->queue)
			model_reset_queue(m, e->queue);
		break;
	case VQT_LIFECYCLE_ERROR: e->dev->errors++; break;
	case VQT_LIFECYCLE_IOEVENTFD_START: /* it notifies itself for requests of before */
		for (struct model_queue *q = e->dev->queues; q; q = q->hh.next)
			q->self_notified = true;
		break;
	case VQT_LIFECYCLE_NOTIFIER_ATTACH:
		e->dev->tells_self = true;
		if (e->queue)
			e->queue->self_notified = true;
		break;
	case VQT_LIFECYCLE_SET_FEATURES: set_features(e->dev, l->arg[0]); break;
	case VQT_LIFECYCLE_VHOST_START: e->dev->flags |= VQT_DEV_DATAPATH_ELSEWHERE; break;
	}
	return 0;
}

typedef int feed_fn(struct model *m, struct event *e);

static feed_fn *const feeders[] = {
	[VQT_SOURCE] = feed_source,
	[VQT_DEVICE] = model_describe,
	[VQT_DEVICE_STATE] = model_learn_device,
	[VQT_QUEUE_STATE] = feed_queue_state,
	[VQT_CLOCK] = feed_clock,
	[VQT_LOSS] = feed_loss,
	[VQT_STACK] = model_stack,
	[VQT_REG] = model_register,
	[VQT_KICK] = model_kick,
	[VQT_RING] = feed_ring,
	[VQT_AVAIL] = model_avail,
	[VQT_USED] = model_used,
	[VQT_IRQ] = model_irq,
	[VQT_DATA] = model_data,
	[VQT_LIFECYCLE] = feed_life,
	[VQT_BACKEND] = model_backend,
	[VQT_GUEST] = model_life_guest,
};

/*
 * Sequence numbers also count lost records, so a gap is a loss even without a loss record.
 * A loss record accounts for the gap before it or the next one after it.  Descriptive
 * records made outside the probes may have the number 0, which counts as none.  A filtered
 * trace may lack its beginning, too.
 */
static void track_seq(const struct model *m, struct event *e)
{
	struct model_source *s = e->source;
	const struct vqt_hdr *h = &e->rec->h;
	uint32_t gap = h->seq - s->next_seq;

	if (h->type == VQT_LOSS && e->rec->loss.why == VQT_LOSS_BUFFER)
		s->excused += e->rec->loss.lost;
	if (h->type < VQT_REG && !h->seq)
		return;
	if (s->seq_known && gap && gap < 0x80000000U) {
		uint64_t excused = gap < s->excused ? gap : s->excused;

		s->excused -= excused;
		e->gap = gap - excused;
		s->lost += m->filtered ? 0 : e->gap;
		s->loss_at = m->filtered ? s->loss_at : e->number;
	} else if (!s->seq_known && m->filtered && h->seq > 1) {
		e->gap = h->seq - 1;
	}
	if (!s->seq_known || gap < 0x80000000U)
		s->next_seq = h->seq + 1;
	s->seq_known = true;
}

static void track_time(struct model *m, struct event *e)
{
	e->ts = e->rec->h.ts + (uint64_t)e->source->clock;
	if (!e->rec->h.ts && e->rec->h.type < VQT_REG) {
		e->ts = m->last_ts; /* a description without a time of its own */
		e->since = m->last_ts - m->first_ts;
		return;
	}
	if (!m->any)
		m->first_ts = m->last_ts = e->ts;
	m->any = true;
	e->delta = e->ts > m->last_ts ? e->ts - m->last_ts : 0;
	e->since = e->ts > m->first_ts ? e->ts - m->first_ts : 0;
	m->last_ts = e->ts;
}

int model_feed(struct model *m, const struct record *rec, uint64_t number, struct event *e)
{
	const struct vqt_hdr *h = &rec->h;

	let_go(m);
	*e = (struct event){ .rec = rec, .number = number };
	e->source = get_source(m, h->source);
	if (!e->source)
		return -ENOMEM;
	track_seq(m, e);
	track_time(m, e);
	if (h->type == VQT_SESSION) {
		size_t len;

		m->wall = rec->session.wall;
		m->filtered |= record_tlv(rec, VQT_TAG_FILTER, &len) != NULL;
		return 0;
	}
	e->dev = get_device(m, h->device, h->source);
	if (!e->dev && h->device != VQT_NO_DEVICE && m->ndevice < MODEL_DEVICES_MAX)
		return -ENOMEM;
	if (e->dev) {
		e->dev->events++;
		e->status_before = e->dev->status;
		if (h->queue != VQT_NO_QUEUE) {
			e->queue = model_get_queue(e->dev, h->queue);
			if (!e->queue)
				return -ENOMEM;
		}
	}
	if (h->queue != VQT_NO_QUEUE)
		model_note_rings(e);
	e->stack = model_stack_of(m, rec);
	model_leave_out_undecodable(m, e);
	if (e->undecodable)
		return model_count_undecodable(e);
	if (h->type < sizeof(feeders) / sizeof(feeders[0]) && feeders[h->type]) {
		int rc = feeders[h->type](m, e);

		e->dropped = m->dropped;
		e->lives = m->ended;
		return rc;
	}
	return 0;
}
