/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"
#include "cli/top/core.h"
#include "decoder/check/rule.h"

static uint32_t found_key(unsigned device, unsigned queue)
{
	return device << 16 | (queue & 0xffff);
}

static void count_found(struct top_core *c, unsigned device, unsigned queue,
			const struct rule *rule)
{
	uint32_t key = found_key(device, queue);
	struct top_found *f;

	HASH_FIND(hh, c->found, &key, sizeof(key), f);
	if (!f) {
		hash_add_new(c->found, key, key, f);
		if (!f) {
			c->err = -ENOMEM;
			return;
		}
	}
	f->n++;
	f->by[rule->party][rule->severity]++;
}

const struct top_found *top_core_found(const struct top_core *c, unsigned device, unsigned queue)
{
	uint32_t key = found_key(device, queue);
	const struct top_found *f;

	HASH_FIND(hh, c->found, &key, sizeof(key), f);
	return f;
}

static uint64_t found_of(const struct top_core *c, unsigned device, unsigned queue)
{
	const struct top_found *f = top_core_found(c, device, queue);

	return f ? f->n : 0;
}

static void found(void *opaque, const struct finding *f)
{
	struct top_core *c = opaque;
	struct top_finding *to = &c->finding[c->nfindings++ % TOP_FINDINGS];

	*to = (struct top_finding){
		.number = f->number, .ts = f->ts, .queue = f->queue, .rule = f->rule, .nth = f->nth
	};
	to->device = f->device ? f->device->id : VQT_NO_DEVICE;
	snprintf(to->seen, sizeof(to->seen), "%s", f->seen ? f->seen : "");
	if (!f->device)
		return;
	count_found(c, to->device, VQT_NO_QUEUE, f->rule);
	if (f->queue != VQT_NO_QUEUE)
		count_found(c, to->device, f->queue, f->rule);
}

int top_core_init(struct top_core *c, bool checked)
{
	c->model = model_new();
	c->stats = stats_new();
	c->recent = recent_new();
	if (!c->model || !c->stats || !c->recent)
		return -ENOMEM;
	return checked ? check_new(&c->check, NULL, found, c, NULL) : 0;
}

void top_core_free(struct top_core *c)
{
	for (size_t i = 0; i < c->nrows; i++) {
		free(c->row[i]->stages);
		free(c->row[i]);
	}
	free(c->row);
	hash_free(c->found);
	check_free(c->check);
	recent_free(c->recent);
	stats_free(c->stats);
	model_free(c->model);
	filter_free(c->filter);
	memset(c, 0, sizeof(*c));
}

void top_core_feed(struct top_core *c, const struct record *rec)
{
	struct event e;

	if (c->err)
		return;
	c->err = model_feed(c->model, rec, ++c->number, &e);
	if (c->err)
		return;
	if (e.ts > c->ts)
		c->ts = e.ts;
	if (!c->tick_ts)
		c->tick_ts = c->ts;
	recent_event_add(c->recent, &e);
	c->err = stats_feed(c->stats, c->model, &e, !c->filter || filter_match(c->filter, &e));
	if (!c->err && c->check)
		c->err = check_feed(c->check, c->model, &e);
	if (!c->err && c->event)
		c->event(c->ctx, &e);
}

void top_core_finish(struct top_core *c)
{
	/* whether a filter would match the end that they did not have, nobody knows */
	if (!c->err && !c->filter)
		c->err = stats_lives(c->stats, model_finish(c->model));
}

struct model_loss top_core_lost(const struct top_core *c)
{
	return stats_total(c->stats)->lost;
}

/* --- rows ------------------------------------------------------------------ */

/* Where a row belongs: VMs by source, in each its devices, in each its queues. */
static int order(const struct top_row *a, const struct top_row *b)
{
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->kind == TOP_VM || b->kind == TOP_VM)
		return (int)a->kind - (int)b->kind;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	return a->queue < b->queue ? -1 : a->queue > b->queue;
}

/* The row like `key`, made if there is none; NULL without memory. */
static struct top_row *row_get(struct top_core *c, const struct top_row *key)
{
	struct top_row *r;
	size_t lo = 0, hi = c->nrows;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int o = order(key, c->row[mid]);

		if (!o)
			return c->row[mid];
		if (o < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (!array_room(c->row, c->cap, c->nrows + 1))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->kind = key->kind;
	r->source = key->source;
	r->device = key->device;
	r->queue = key->queue;
	memmove(&c->row[lo + 1], &c->row[lo], (c->nrows - lo) * sizeof(c->row[0]));
	c->row[lo] = r;
	c->nrows++;
	return r;
}

static unsigned octave_of(uint64_t ns)
{
	unsigned n = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;

	return n < TOP_OCTAVES ? n : TOP_OCTAVES - 1;
}

double top_per_second(const struct top_row *r, uint64_t n)
{
	return r->counted_secs > 0 ? (double)n / r->counted_secs : 0;
}

const struct top_past *top_row_past(const struct top_row *r, unsigned i)
{
	if (i >= r->ticks || i >= TOP_HISTORY)
		return NULL;
	return &r->past[(r->ticks - 1 - i) % TOP_HISTORY];
}

/* An interval was counted: begin (0: where the last one ended) to end. */
static void row_count(struct top_row *r, const struct hist *service, uint64_t begin, uint64_t end)
{
	stats_counts_sub(&r->counted, &r->all, &r->counted_before);
	r->counted_before = r->all;
	begin = r->counted_ts ? r->counted_ts : begin;
	r->counted_secs = end > begin ? (double)(end - begin) / 1e9 : 0;
	r->counted_ts = end;
	memset(&r->service, 0, sizeof(r->service));
	if (service) {
		hist_sub(&r->service, service, &r->hist_before);
		r->hist_before = r->service_all = *service;
	}
}

/* When the row was counted: by tallies from `begin` to `end`, or (end 0) event by event. */
struct span {
	uint64_t begin, end;
};

static void span_add(struct span *to, uint64_t begin, uint64_t end)
{
	if (!end)
		return;
	to->begin = !to->end || begin < to->begin ? begin : to->begin;
	to->end = end > to->end ? end : to->end;
}

static void keep_most(uint64_t *now, uint64_t *most)
{
	if (*now < *most)
		*now = *most;
	*most = *now;
}

/* The counts at `ts`, into *out; in a row that was made there is a device. */
static void row_counts(const struct top_core *c, struct top_row *r, uint64_t ts,
		       struct stats_counts *out)
{
	const struct stats_device *d = stats_device(c->stats, r->device);
	const struct stats_queue *q = d && r->kind == TOP_QUEUE ? stats_queue(d, r->queue) : NULL;

	memset(out, 0, sizeof(*out));
	if (q)
		stats_queue_counts(c->stats, q, ts, out);
	else if (d && r->kind == TOP_DEVICE)
		stats_device_counts(c->stats, d, ts, out);
	keep_most(&out->flight_ns, &r->flight_ns);
	keep_most(&out->busy_ns, &r->busy_ns);
	keep_most(&out->stalls, &r->stalls);
}

void top_core_counts(const struct top_core *c, struct top_row *r, struct stats_counts *out)
{
	row_counts(c, r, c->ts > c->tick_ts ? c->ts : c->tick_ts, out);
}

/* The interval is over: compute its figures, and add a tick to the row's past. */
static void row_close(struct top_row *r, const struct stats_counts *all, const struct hist *service,
		      double secs, uint64_t ts, struct span tallies)
{
	struct top_past *p = &r->past[r->ticks++ % TOP_HISTORY];
	uint64_t ns = (uint64_t)(secs * 1e9);

	r->secs = secs;
	r->gone_ts = !r->gone ? 0 : r->gone_ts ? r->gone_ts : ts;
	r->all = *all;
	r->tallied = tallies.end;
	stats_counts_sub(&r->now, all, &r->counts_before);
	r->counts_before = *all;
	if (!tallies.end)
		row_count(r, service, ts > ns ? ts - ns : 0, ts);
	else if (tallies.end != r->counted_ts)
		row_count(r, service, tallies.begin, tallies.end);
	memset(p, 0, sizeof(*p));
	p->rate = top_per_second(r, r->counted.used);
	p->p99 = hist_percentile(&r->service, 990000);
	for (unsigned b = 0; b < HIST_BUCKETS && r->service.count; b++)
		p->octave[octave_of(hist_lower(b))] += (uint32_t)r->service.bucket[b];
}

static int row_stages(struct top_row *r, const struct stats_stages *s)
{
	if (!s)
		return 0;
	if (!r->stages)
		r->stages = calloc(1, sizeof(*r->stages));
	if (!r->stages)
		return -ENOMEM;
	stages_sub(&r->stages->now, s, &r->stages->all);
	r->stages->all = *s;
	return 0;
}

const struct top_row *top_core_staged(const struct top_core *c, const struct top_row *r)
{
	const struct model_device *d = r->kind == TOP_VM ? NULL : model_device(c->model, r->device);

	if (!d || r->stages)
		return d ? r : NULL;
	for (size_t i = 0; i < c->nrows && d->peer; i++) {
		const struct top_row *o = c->row[i];

		if (o->kind == r->kind && o->device == d->peer->id && o->queue == r->queue)
			return o->stages ? o : NULL;
	}
	return NULL;
}

/* A queue that waits for a short time is not stalled. */
static uint64_t stalled_for(const struct stats_queue *q, uint64_t ts)
{
	uint64_t ns = stats_stalled_for(q, ts);

	return ns >= STATS_STALL_NS ? ns : 0;
}

static int tick_queue(struct top_core *c, const struct model_device *d, const struct stats_queue *q,
		      uint64_t ts, double secs)
{
	struct top_row key = {
		.kind = TOP_QUEUE, .source = d->source, .device = d->id, .queue = q->index
	};
	struct top_row *r = row_get(c, &key);
	const struct model_queue *mq = model_queue(d, q->index);
	struct stats_counts all;

	if (!r)
		return -ENOMEM;
	row_counts(c, r, ts, &all);
	row_close(r, &all, q->span[STATS_SERVICE], secs, ts,
		  (struct span){ q->first_ts, q->tallied });
	snprintf(r->name, sizeof(r->name), "q%u", q->index);
	snprintf(r->state, sizeof(r->state), "%s%s", q->packed ? "packed" : "split",
		 mq && !mq->enabled && mq->size_known ? ", off" : "");
	r->no_rings = d->no_rings;
	r->flight = q->flight;
	r->flight_max = q->flight_max;
	r->waiting = q->posts ? 0 : q->waiting;
	r->size = q->size;
	r->gone = c->ended || d->flags & VQT_DEV_GONE;
	r->stalled = r->gone ? 0 : stalled_for(q, ts);
	r->findings = found_of(c, d->id, q->index);
	return row_stages(r, q->stages);
}

/* How far the driver has come: the highest of the bits it has set (2.1). */
static const char *status_word(unsigned status)
{
	static const struct {
		unsigned bit;
		const char *text;
	} rows[] = {
		{ VIRTIO_CONFIG_S_FAILED, "FAILED" },
		{ VIRTIO_CONFIG_S_NEEDS_RESET, "NEEDS_RESET" },
		{ VIRTIO_CONFIG_S_DRIVER_OK, "DRIVER_OK" },
		{ VIRTIO_CONFIG_S_FEATURES_OK, "FEATURES_OK" },
		{ VIRTIO_CONFIG_S_DRIVER, "DRIVER" },
		{ VIRTIO_CONFIG_S_ACKNOWLEDGE, "ACKNOWLEDGE" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (status & rows[i].bit)
			return rows[i].text;
	return "reset";
}

static void name_device(struct top_row *r, const struct model_device *d, bool ended)
{
	const char *state = d->status_known ? status_word(d->status) : "?";

	r->gone = ended || d->flags & VQT_DEV_GONE;
	if (r->gone)
		state = "gone";
	else if (d->flags & VQT_DEV_DATAPATH_ELSEWHERE)
		state = "data path elsewhere";
	snprintf(r->name, sizeof(r->name), "%s", d->user_id[0] ? d->user_id : d->name);
	snprintf(r->type, sizeof(r->type), "%s", d->class ? d->class->name : "?");
	snprintf(r->state, sizeof(r->state), "%s", state);
}

/* The device's row; NULL without memory. */
static struct top_row *tick_device(struct top_core *c, const struct model_device *d, uint64_t ts,
				   double secs)
{
	struct top_row key = { .kind = TOP_DEVICE, .source = d->source, .device = d->id };
	const struct stats_device *s = stats_device(c->stats, d->id);
	struct top_row *r = row_get(c, &key);
	struct stats_counts all;
	struct span tallies = { 0, 0 };

	if (!r)
		return NULL;
	row_counts(c, r, ts, &all);
	for (const struct stats_queue *q = s ? s->queues : NULL; q; q = q->hh.next)
		span_add(&tallies, q->first_ts, q->tallied);
	row_close(r, &all, s ? s->span[STATS_SERVICE] : NULL, secs, ts, tallies);
	name_device(r, d, c->ended);
	r->no_rings = d->no_rings;
	r->findings = found_of(c, d->id, VQT_NO_QUEUE);
	r->waiting = r->size = 0;
	r->stalled = 0;
	if (!s)
		return r;
	if (row_stages(r, s->stages))
		return NULL;
	r->flight = s->flight;
	r->flight_max = s->flight_max;
	for (const struct stats_queue *q = s->queues; q; q = q->hh.next) {
		uint64_t stalled = r->gone ? 0 : stalled_for(q, ts);

		r->stalled = stalled > r->stalled ? stalled : r->stalled;
		r->waiting += q->posts ? 0 : q->waiting;
		r->size += q->size;
		if (tick_queue(c, d, q, ts, secs))
			return NULL;
	}
	return r;
}

/* A VM is the sum of its devices. */
static int tick_source(struct top_core *c, const struct model_source *s, uint64_t ts, double secs)
{
	struct top_row key = { .kind = TOP_VM, .source = s->id };
	struct top_row *vm = row_get(c, &key);
	struct stats_counts all = { 0 };
	struct hist service = { 0 };
	struct span tallies = { 0, 0 };
	const struct model_device *d;

	if (!vm)
		return -ENOMEM;
	c->ended = vm->gone;
	vm->no_rings = model_no_rings(s);
	vm->flight = vm->waiting = vm->size = 0;
	vm->stalled = vm->findings = 0;
	for (unsigned i = 0; (d = model_device_nth(c->model, i)); i++) {
		const struct stats_device *sd;
		const struct top_row *r;

		if (d->source != s->id)
			continue;
		r = tick_device(c, d, ts, secs);
		if (!r)
			return -ENOMEM;
		for (size_t k = 0; k < sizeof(all) / sizeof(uint64_t); k++)
			((uint64_t *)&all)[k] += ((const uint64_t *)&r->all)[k];
		sd = stats_device(c->stats, d->id);
		if (sd && sd->span[STATS_SERVICE])
			hist_merge(&service, sd->span[STATS_SERVICE]);
		if (r->tallied)
			span_add(&tallies, r->counted_ts - (uint64_t)(r->counted_secs * 1e9),
				 r->counted_ts);
		vm->flight += r->gone ? 0 : r->flight;
		vm->waiting += r->waiting;
		vm->size += r->size;
		vm->findings += r->findings;
		vm->stalled = r->stalled > vm->stalled ? r->stalled : vm->stalled;
	}
	row_close(vm, &all, &service, secs, ts, tallies);
	if (s->name[0])
		snprintf(vm->name, sizeof(vm->name), "%s", s->name);
	else
		snprintf(vm->name, sizeof(vm->name), "VM %u", s->id);
	return 0;
}

int top_core_tick(struct top_core *c, uint64_t ts)
{
	double secs = ts > c->tick_ts && c->tick_ts ? (double)(ts - c->tick_ts) / 1e9 : 0;
	int err = c->err;

	for (unsigned id = 1; id <= UINT8_MAX && !err; id++) {
		const struct model_source *s = model_source(c->model, id);

		if (s)
			err = tick_source(c, s, ts, secs);
	}
	c->tick_ts = ts;
	return c->err = err;
}
