/* SPDX-License-Identifier: MIT */
/* Completions, and the interrupts that report them. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/stats/impl.h"

/* Count the data that a completed request moved, for each of its subjects. */
static void count_bytes(const struct feed *f, struct stats_counts *c)
{
	const struct model_request *r = f->e->req;

	if (r->type && r->type->flags & SPEC_REQ_SEGMENTS) {
		c->bytes_ranged += r->bytes;
	} else if (r->type) {
		c->bytes_in += r->type->flags & SPEC_REQ_DATA_IN ? r->bytes : 0;
		c->bytes_out += r->type->flags & SPEC_REQ_DATA_OUT ? r->bytes : 0;
	} else if (stats_has_types(f->e->dev->class)) {
		c->bytes_in += r->writable > 1 ? r->bytes : 0;
		c->bytes_out += r->writable > 1 ? 0 : r->bytes;
	} else {
		/*
		 * No more than the buffers hold: of a packed ring, len may be what the driver wrote
		 * there (2.8.4).
		 */
		c->bytes_in += r->used_len < r->writable || r->flags & VQT_CHAIN_CUT ? r->used_len
										     : r->writable;
		c->bytes_out += r->readable;
	}
}

/* Count a completion in each of its subjects. */
static void add_completion(const struct feed *f, struct stats_counts *c, bool failed)
{
	const struct model_request *r = f->e->req;

	c->used++;
	c->errors += failed;
	c->untimed += !r->avail_ts && !r->posted;
	c->descriptors += model_descriptors(r);
	c->indirect += model_indirect(r);
	c->cut_bytes += r->flags & VQT_CHAIN_CUT ? r->used_len : 0;
	if (r->status_known)
		c->status[r->status < STATS_STATUSES - 1 ? r->status : STATS_STATUSES - 1]++;
	if (!failed)
		count_bytes(f, c);
}

unsigned stats_type_of(const struct class *class, const struct class_request *r)
{
	const unsigned others = STATS_TYPES - STATS_TYPE_OTHERS;

	if (r->type && r->type - class->requests < others)
		return (unsigned)(r->type - class->requests);
	if (stats_has_types(class))
		return others + (r->typed ? STATS_TYPE_UNKNOWN : STATS_TYPE_UNSEEN);
	if (!r->writable)
		return others + STATS_TYPE_TO_DEVICE;
	return others + (r->readable ? STATS_TYPE_BOTH : STATS_TYPE_FROM_DEVICE);
}

/* Is the time from pop to used the device's, and known?  From below only is not known. */
static bool is_timed(const struct feed *f)
{
	return !f->e->req->posted && f->e->req->avail_ts;
}

static int slice_completion(struct feed *f, const struct stats_counts *one)
{
	struct stats_slice *s = stats_slice_at(f->s, f->d, f->e->ts);
	unsigned type = stats_type_of(f->e->dev->class, &f->e->req->io);

	if (!s)
		return -ENOMEM;
	s->used++;
	stats_add_saturated(&s->queue_used[stats_slice_queue(f)], 1);
	stats_add_saturated(&s->type_used[type], 1);
	s->errors += one->errors;
	s->bytes_in += one->bytes_in;
	s->bytes_out += one->bytes_out;
	if (!is_timed(f))
		return 0;
	if (!s->timed++ || f->e->latency < s->service_min)
		s->service_min = f->e->latency;
	s->service_sum += f->e->latency;
	if (f->e->latency > s->service_max)
		s->service_max = f->e->latency;
	stats_add_saturated(&s->service[coarse_bucket(f->e->latency)], 1);
	return 0;
}

static void add_to_group(const struct feed *f, struct stats_group *g, bool failed)
{
	add_completion(f, &g->counts, failed);
	if (is_timed(f))
		hist_add(&g->service, f->e->latency, 1);
}

static int count_completion(struct feed *f)
{
	const struct model_request *r = f->e->req;
	const struct class *class = f->e->dev->class;
	bool failed = class_failed(class, &r->io);
	struct stats_group *type = STATS_MADE(&f->d->type[stats_type_of(class, &r->io)]);
	struct stats_group *size = STATS_MADE(&f->d->size[stats_size_class(r->bytes)]);
	struct stats_counts one = { 0 };

	if (!type || !size)
		return -ENOMEM;
	add_completion(f, &f->d->counts, failed);
	if (f->q)
		add_completion(f, &f->q->counts, failed);
	if (!r->avail_ts && !r->before && !r->posted) {
		f->d->hidden++;
		if (f->q)
			f->q->hidden++;
	}
	add_to_group(f, type, failed);
	add_to_group(f, size, failed);
	if (f->t)
		add_to_group(f, &f->t->group, failed);
	add_completion(f, &one, failed);
	return slice_completion(f, &one);
}

void stats_stall_ended(struct stats_device *d, struct stats_queue *q, uint64_t ns)
{
	if (ns > q->stall_max)
		q->stall_max = ns;
	if (ns > d->stall_max)
		d->stall_max = ns;
}

static void follow_progress(struct feed *f)
{
	struct stats_queue *q = f->q;
	uint64_t ns = f->e->ts > q->progress_ts ? f->e->ts - q->progress_ts : 0;

	q->progress_ts = f->e->ts;
	/* Buffers that wait for an event are not stalled work. */
	if (!f->counted || f->e->req->posted || ns < STATS_STALL_NS)
		return;
	COUNT(f, stalls, 1);
	stats_stall_ended(f->d, q, ns);
}

/* Find the completion that the next interrupt will report. */
static void follow_due(struct feed *f)
{
	const struct vqt_used *u = &f->e->rec->used;
	const struct model_request *r = f->e->req;
	/* A driver turns interrupts off before it takes what was used. */
	int due = event_by_driver(f->e) ? -1
					: model_irq_due(f->e->dev, f->e->queue, &u->ring, u->pos,
							r->ndirect ? r->ndirect : 1);

	f->q->since_irq++;
	COUNT(f, irqs_wanted, due == 1);
	COUNT(f, irqs_unwanted, !due);
	if (!f->counted)
		return;
	f->q->last_used_ts = r->used_ts;
	if (due == 1 && !f->q->due_ts)
		f->q->due_ts = r->used_ts;
}

void stats_forget_due(struct stats_queue *q)
{
	q->due_ts = q->last_used_ts = q->since_irq = 0;
}

/*
 * Stages of a request that only the device's side recorded: what its back end took, and what it
 * took itself.
 */
static int add_stages(struct feed *f)
{
	const struct model_request *r = f->e->req;
	const struct model_life life = {
		.device = f->e->dev,
		.at = { [LIFE_KICKED] = r->announce_ts,
			[LIFE_POPPED] = r->avail_ts,
			[LIFE_SUBMITTED] = r->backend_ts,
			[LIFE_ANSWERED] = r->backend_end_ts,
			[LIFE_PUSHED] = r->used_ts },
	};

	int rc;

	if (r->lived || !r->avail_ts || !r->backend_ts || !r->backend_end_ts)
		return 0;
	if (!STATS_MADE(&f->d->stages))
		return -ENOMEM;
	stages_add(f->d->stages, &life);
	rc = f->q ? stats_add_apart(f->s, &f->q->stages, &life) : 0;
	return rc ? rc
		  : stats_add_apart(f->s,
				    &f->d->type_stages[stats_type_of(f->e->dev->class, &r->io)],
				    &life);
}

int stats_on_used(struct feed *f)
{
	const struct model_request *r = f->e->req;
	int rc;

	stats_follow_ring(f, &f->e->rec->used.ring);
	if (!r) {
		COUNT(f, unknown, f->e->unknown_id);
		return 0;
	}
	if (f->e->rec->used.flags & VQT_USED_DETACHED) {
		COUNT(f, detached, !r->posted);
		return 0;
	}
	if (f->q) {
		follow_progress(f);
		follow_due(f);
	}
	if (!f->counted)
		return 0;
	rc = count_completion(f);
	if (!rc && is_timed(f))
		rc = stats_add_span(f, STATS_SERVICE, r->avail_ts, r->used_ts);
	if (!rc && !r->posted)
		rc = stats_add_span(f, STATS_TOTAL, r->announce_ts, r->used_ts);
	if (!rc && r->backend_end_ts)
		rc = stats_add_span(f, STATS_BACKEND, r->backend_ts, r->backend_end_ts);
	return rc ? rc : add_stages(f);
}

int stats_on_irq(struct feed *f)
{
	const struct vqt_irq *i = &f->e->rec->irq;
	bool counted = f->counted;
	int rc = 0;

	if (i->kind == VQT_IRQ_CONFIG || i->kind == VQT_IRQ_SIGNAL)
		f->d->decides = true;
	if (i->kind == VQT_IRQ_CONFIG || i->kind == VQT_IRQ_CONFIG_HANDLER) {
		COUNT(f, config_irqs, 1);
		return 0;
	}
	if ((i->kind == VQT_IRQ_INTX && !i->level) || (i->kind != VQT_IRQ_SIGNAL && f->d->decides))
		return 0;
	COUNT(f, interrupts, 1);
	if (f->q && i->kind != VQT_IRQ_HANDLER && !f->e->dev->apart) {
		COUNT(f, irqs_empty, !f->q->since_irq);
		COUNT_ELEMENT(f, irq_batch, stats_batch_of(f->q->since_irq));
		/*
		 * The span counts if its completion was counted, whether the interrupt is or not.
		 */
		f->counted = true;
		rc = stats_add_span(f, STATS_NOTIFY,
				    f->q->due_ts ? f->q->due_ts : f->q->last_used_ts, f->e->ts);
		f->counted = counted;
		stats_forget_due(f->q);
	}
	return rc || !counted ? rc : COUNT_SLICE(f, interrupts);
}
