/* SPDX-License-Identifier: MIT */
/* Subjects as rows, figures as columns. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/stats/print_impl.h"

const struct stat_percentile stat_percentiles[STAT_PERCENTILES] = {
	{ "p50", "p50", 500000 },
	{ "p90", "p90", 900000 },
	{ "p99", "p99", 990000 },
	{ "p99_9", "p99.9", 999000 },
};

const char *stat_by_name(unsigned by)
{
	static const char *const names[STAT_BYS] = {
		[STAT_BY_QUEUE] = "queue", [STAT_BY_TYPE] = "type", [STAT_BY_SIZE] = "size",
		[STAT_BY_VCPU] = "vcpu",   [STAT_BY_TIME] = "time",
	};

	return by < STAT_BYS ? names[by] : NULL;
}

void stat_features(const struct model_device *dev, const struct stats_device *d,
		   uint64_t offered[2], uint64_t accepted[2])
{
	memcpy(offered, d->ready.times ? d->ready.offered : dev->offered, 2 * sizeof(*offered));
	memcpy(accepted, d->ready.times ? d->ready.accepted : dev->accepted, 2 * sizeof(*accepted));
}

/* "requestq1" */
static const char *queue_name(const struct model_device *dev, const struct stats_device *d,
			      unsigned index, char *buf, size_t len)
{
	uint64_t offered[2], accepted[2];

	stat_features(dev, d, offered, accepted);
	return class_queue_name(buf, len, dev->virtio_id, index, accepted, dev->num_queues);
}

const char *stat_source_name(const struct model *m, unsigned source, char *buf, size_t len)
{
	static const char *const kinds[] = {
		[VQT_SRC_UNKNOWN] = "unknown", [VQT_SRC_QEMU] = "qemu",
		[VQT_SRC_KVM] = "kvm",	       [VQT_SRC_GUEST] = "guest",
		[VQT_SRC_EMU] = "emulator",    [VQT_SRC_REPLAY] = "replay",
		[VQT_SRC_PROXY] = "proxy",
	};
	const struct model_source *s = model_source(m, source);
	unsigned kind = s && s->kind < sizeof(kinds) / sizeof(kinds[0]) ? s->kind : VQT_SRC_UNKNOWN;

	if (s && s->pid)
		snprintf(buf, len, "%s pid %" PRIu32, kinds[kind], s->pid);
	else
		snprintf(buf, len, "%s", kinds[kind]);
	return buf;
}

void stat_text_byte_rate(struct text *t, double rate)
{
	text_size(t, rate < 1e18 ? (uint64_t)rate : UINT64_C(1000000000000000000));
}

/* --- rows --- */

static int each_queue(struct stat_row *r, stat_row_fn *fn, void *opaque)
{
	/* By index, without sorting what is not ours: queues are few or numbered densely. */
	for (uint64_t next = 0; next < VQT_NO_QUEUE; next++) {
		const struct stats_queue *q = stats_queue(r->d, (unsigned)next);
		int rc;

		if (!q) {
			uint64_t least = VQT_NO_QUEUE;

			for (const struct stats_queue *o = r->d->queues; o; o = o->hh.next)
				if (o->index > next && o->index < least)
					least = o->index;
			if (least == VQT_NO_QUEUE)
				break;
			next = least - 1;
			continue;
		}
		if (!q->counts.events)
			continue; /* none that was counted */
		r->q = q;
		stats_queue_counts(r->view->stats, q, 0, &r->counts);
		r->service = q->span[STATS_SERVICE];
		r->ns = stats_active_ns(r->view->stats, q->first_ts, q->last_ts, q->flight);
		rc = fn(opaque, r);
		if (rc)
			return rc;
	}
	r->q = NULL;
	return 0;
}

static int each_group(struct stat_row *r, struct stats_group *const *group, unsigned n,
		      stat_row_fn *fn, void *opaque)
{
	r->ns = stats_active_ns(r->view->stats, r->d->first_ts, r->d->last_ts, r->d->flight);
	for (unsigned i = 0; i < n; i++) {
		int rc;

		if (!group[i])
			continue;
		r->index = i;
		r->counts = group[i]->counts;
		r->service = &group[i]->service;
		rc = fn(opaque, r);
		if (rc)
			return rc;
	}
	return 0;
}

static int each_slice(struct stat_row *r, stat_row_fn *fn, void *opaque)
{
	int rc = 0;

	r->service = NULL;
	r->ns = stats_slice_ns(r->view->stats);
	for (unsigned i = 0; i < r->d->nslices && !rc; i++) {
		const struct stats_slice *s = &r->d->slice[i];

		if (!s->kicks && !s->popped && !s->used && !s->interrupts)
			continue;
		r->slice = s;
		r->index = i;
		r->counts = (struct stats_counts){
			.kicks = s->kicks,
			.popped = s->popped,
			.used = s->used,
			.errors = s->errors,
			.interrupts = s->interrupts,
			.bytes_in = s->bytes_in,
			.bytes_out = s->bytes_out,
		};
		rc = fn(opaque, r);
	}
	return rc;
}

static int each_thread(struct stat_row *r, stat_row_fn *fn, void *opaque)
{
	const struct stats *s = r->view->stats;
	int rc = 0;

	r->ns = stats_last_ts(s) - stats_first_ts(s);
	for (const struct stats_thread *t = stats_threads(s); t && !rc; t = t->hh.next) {
		if (!t->group.counts.events)
			continue; /* none that was counted */
		r->t = t;
		r->counts = t->group.counts;
		r->service = &t->group.service;
		rc = fn(opaque, r);
	}
	return rc;
}

static int each(struct stat_row *r, stat_row_fn *fn, void *opaque)
{
	switch (r->by) {
	case STAT_BY_QUEUE: return each_queue(r, fn, opaque);
	case STAT_BY_TYPE: return each_group(r, r->d->type, STATS_TYPES, fn, opaque);
	case STAT_BY_SIZE: return each_group(r, r->d->size, STATS_SIZES, fn, opaque);
	default: return each_slice(r, fn, opaque);
	}
}

int stat_rows(const struct stat_view *v, enum stat_by by, const struct stats_device *d,
	      stat_row_fn *fn, void *opaque)
{
	struct stat_row r = { .view = v, .by = by };
	int rc = 0;

	if (by == STAT_BY_VCPU)
		return each_thread(&r, fn, opaque);
	for (unsigned i = 0; !rc && (r.d = d ? d : stats_device_nth(v->stats, i)); i++) {
		r.dev = model_device(v->model, r.d->id);
		if (r.dev && r.d->counts.events)
			rc = each(&r, fn, opaque);
		if (d)
			break;
	}
	return rc;
}

/* --- columns --- */

static void set_text(struct stat_cell *c, const char *s)
{
	c->kind = s ? CELL_TEXT : CELL_NONE;
	c->s = s;
}

static void set_count(struct stat_cell *c, uint64_t u)
{
	c->kind = CELL_COUNT;
	c->u = u;
}

static void set_real(struct stat_cell *c, unsigned kind, double real, bool known)
{
	c->kind = known ? kind : CELL_NONE;
	c->real = real;
}

static void get_device(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, r->dev->name);
}

static void get_queue(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->q->index);
}

static void get_queue_name(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, queue_name(r->dev, r->d, r->q->index, c->buf, sizeof(c->buf)));
}

static void get_ring_size(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->q->size);
	c->kind = r->q->size ? CELL_COUNT : CELL_NONE;
}

static void get_ring_layout(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, r->q->packed ? "packed" : "split");
}

static void get_vector(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->q->vector);
	c->kind = r->q->vector == VQT_NO_VECTOR ? CELL_NONE : CELL_COUNT;
}

static void get_type(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, stats_type_name(r->dev->class, r->index));
}

static void get_size(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, stats_size_limit(r->index));
	c->kind = c->u == UINT64_MAX ? CELL_NONE : CELL_COUNT;
	c->s = stats_size_name(r->index);
}

static void get_source(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, stat_source_name(r->view->model, r->t->key.source, c->buf, sizeof(c->buf)));
}

static void get_thread(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->t->key.tid);
	c->kind = r->t->key.tid ? CELL_COUNT : CELL_NONE;
}

static void get_role(const struct stat_row *r, struct stat_cell *c)
{
	set_text(c, r->t->vcpu ? "vcpu" : "device");
}

static void get_start(const struct stat_row *r, struct stat_cell *c)
{
	c->kind = CELL_SECONDS;
	c->u = stats_slice_start(r->view->stats, r->index);
}

static void get_width(const struct stat_row *r, struct stat_cell *c)
{
	c->kind = CELL_NS;
	c->u = r->ns;
}

static void get_registers(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.reg_reads + r->counts.reg_writes);
}

static void get_requests(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.used);
}

static void get_popped(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.popped);
}

static void get_share(const struct stat_row *r, struct stat_cell *c)
{
	const uint64_t all = r->d->counts.used;

	set_real(c, CELL_REAL, 100 * stats_ratio(r->counts.used, all), all);
}

static void get_rate(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_REAL, stats_rate(r->counts.used, r->ns), r->ns);
}

static void get_bytes_in(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.bytes_in);
	c->kind = CELL_BYTES;
}

static void get_bytes_out(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.bytes_out);
	c->kind = CELL_BYTES;
}

static void get_bytes_ranged(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.bytes_ranged);
	c->kind = CELL_BYTES;
}

static void get_in_rate(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_BYTE_RATE, stats_rate(r->counts.bytes_in, r->ns), r->ns);
}

static void get_out_rate(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_BYTE_RATE, stats_rate(r->counts.bytes_out, r->ns), r->ns);
}

static void get_errors(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.errors);
}

static void get_dropped(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.dropped);
}

static void get_kicks(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.kicks);
}

static void get_per_kick(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_REAL, stats_ratio(r->counts.popped, r->counts.kicks), r->counts.kicks);
}

static void get_interrupts(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->counts.interrupts);
}

static void get_per_interrupt(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_REAL, stats_ratio(r->counts.used, r->counts.interrupts),
		 r->counts.interrupts);
}

static void get_flight(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->q->flight);
}

static void get_flight_mean(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_REAL, stats_ratio(r->counts.flight_ns, r->ns), r->ns && !r->view->filter);
}

static void get_flight_max(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->slice ? r->slice->flight_max : r->q->flight_max);
}

static void get_waiting_max(const struct stat_row *r, struct stat_cell *c)
{
	set_count(c, r->q->waiting_max);
	c->kind = r->q->packed ? CELL_NONE : CELL_COUNT;
}

static void get_busy(const struct stat_row *r, struct stat_cell *c)
{
	set_real(c, CELL_REAL, 100 * stats_ratio(r->counts.busy_ns, r->ns),
		 r->ns && !r->view->filter);
}

static void get_stall_max(const struct stat_row *r, struct stat_cell *c)
{
	c->kind = r->q->stall_max ? CELL_NS : CELL_NONE;
	c->u = r->q->stall_max;
}

static void get_mean(const struct stat_row *r, struct stat_cell *c)
{
	uint64_t n = r->slice ? r->slice->used : r->service ? r->service->count : 0;
	uint64_t sum = r->slice ? r->slice->service_sum : r->service ? r->service->sum : 0;

	c->kind = n ? CELL_NS : CELL_NONE;
	c->u = n ? sum / n : 0;
}

static void percentile(const struct stat_row *r, struct stat_cell *c, uint32_t ppm)
{
	bool any = r->slice ? r->slice->used : r->service && r->service->count;

	c->kind = any ? CELL_NS : CELL_NONE;
	if (any)
		c->u = r->slice ? coarse_percentile(r->slice->service, ppm, r->slice->service_max)
				: hist_percentile(r->service, ppm);
}

static void get_p50(const struct stat_row *r, struct stat_cell *c)
{
	percentile(r, c, stat_percentiles[0].ppm);
}

static void get_p90(const struct stat_row *r, struct stat_cell *c)
{
	percentile(r, c, stat_percentiles[1].ppm);
}

static void get_p99(const struct stat_row *r, struct stat_cell *c)
{
	percentile(r, c, stat_percentiles[2].ppm);
}

static void get_p999(const struct stat_row *r, struct stat_cell *c)
{
	percentile(r, c, stat_percentiles[3].ppm);
}

static void get_max(const struct stat_row *r, struct stat_cell *c)
{
	if (r->slice && r->slice->used) {
		c->kind = CELL_NS;
		c->u = r->slice->service_max;
	} else if (r->service && r->service->count) {
		c->kind = CELL_NS;
		c->u = r->service->max;
	}
}

#define Q (1U << STAT_BY_QUEUE)
#define T (1U << STAT_BY_TYPE)
#define S (1U << STAT_BY_SIZE)
#define V (1U << STAT_BY_VCPU)
#define I (1U << STAT_BY_TIME)
#define ALL (Q | T | S | V | I)
#define PQ STAT_PAGE(STAT_BY_QUEUE)
#define PT STAT_PAGE(STAT_BY_TYPE)
#define PS STAT_PAGE(STAT_BY_SIZE)

const struct stat_column stat_columns[] = {
	{ "device", "device", ALL & ~V, get_device },
	{ "queue", "queue", Q | PQ, get_queue },
	{ "queue_name", "name", Q | PQ, get_queue_name },
	{ "ring_size", "size", Q | PQ, get_ring_size },
	{ "ring_layout", "ring", Q, get_ring_layout },
	{ "vector", "vector", Q, get_vector },
	{ "type", "type", T | PT, get_type },
	{ "size_max", "up to", S | PS, get_size },
	{ "source", "source", V, get_source },
	{ "thread", "thread", V, get_thread },
	{ "role", "role", V, get_role },
	{ "start", "seconds", I, get_start },
	{ "width", NULL, I, get_width },
	{ "registers", "registers", V, get_registers },
	{ "popped", "popped", V | I, get_popped },
	{ "requests", "requests", ALL | PQ | PT | PS, get_requests },
	{ "share", "%", T | S | PT | PS, get_share },
	{ "requests_per_second", "/s", ALL & ~V, get_rate },
	{ "bytes_in", "in", ALL | PQ | PT | PS, get_bytes_in },
	{ "bytes_out", "out", ALL | PQ | PT | PS, get_bytes_out },
	{ "bytes_ranged", "ranges", T | PT, get_bytes_ranged },
	{ "bytes_in_per_second", "in/s", Q | T | S | I, get_in_rate },
	{ "bytes_out_per_second", "out/s", Q | T | S | I, get_out_rate },
	{ "errors", "errors", ALL | PQ | PT | PS, get_errors },
	{ "dropped", "dropped", Q, get_dropped },
	{ "kicks", "kicks", Q | V | I, get_kicks },
	{ "requests_per_kick", "req/kick", Q | PQ, get_per_kick },
	{ "interrupts", "irqs", Q | V | I, get_interrupts },
	{ "requests_per_interrupt", "req/irq", Q | PQ, get_per_interrupt },
	{ "in_flight", NULL, Q, get_flight },
	{ "in_flight_mean", "depth", Q | PQ, get_flight_mean },
	{ "in_flight_max", "max", Q | I | PQ, get_flight_max },
	{ "waiting_max", NULL, Q, get_waiting_max },
	{ "busy", "busy%", Q | PQ, get_busy },
	{ "stall_max", NULL, Q, get_stall_max },
	{ "service_mean", "mean", ALL, get_mean },
	{ "service_p50", "p50", ALL | PQ | PT | PS, get_p50 },
	{ "service_p90", "p90", ALL | PT | PS, get_p90 },
	{ "service_p99", "p99", ALL | PQ | PT | PS, get_p99 },
	{ "service_p99_9", "p99.9", ALL | PT | PS, get_p999 },
	{ "service_max", "max", ALL | PQ | PT | PS, get_max },
	{ NULL, NULL, 0, NULL },
};
