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

const char *const stat_by_names[STAT_BYS + 1] = {
	[STAT_BY_QUEUE] = "queue", [STAT_BY_TYPE] = "type", [STAT_BY_SIZE] = "size",
	[STAT_BY_VCPU] = "vcpu",   [STAT_BY_TIME] = "time",
};

void stat_features(const struct model_device *dev, const struct stats_device *d,
		   uint64_t offered[2], uint64_t accepted[2])
{
	memcpy(offered, d->ready.known ? d->ready.offered : dev->offered, 2 * sizeof(*offered));
	memcpy(accepted, d->ready.known ? d->ready.accepted : dev->accepted, 2 * sizeof(*accepted));
}

/* "requestq1" */
static const char *queue_name(const struct model_device *dev, const struct stats_device *d,
			      unsigned index, char *buf, size_t len)
{
	uint64_t offered[2], accepted[2];

	stat_features(dev, d, offered, accepted);
	return class_queue_name(buf, len, dev->virtio_id, index,
				d->ready.known || dev->accepted_known ? accepted : NULL,
				dev->num_queues);
}

const char *stat_source_name(const struct model *m, unsigned source, char *buf, size_t len)
{
	static const char *const kinds[] = {
		[VQT_SRC_UNKNOWN] = "unknown",
		[VQT_SRC_QEMU] = "qemu",
		[VQT_SRC_KVM] = "kvm",
		[VQT_SRC_GUEST] = "guest",
		[VQT_SRC_EMU] = "emulator",
		[VQT_SRC_REPLAY] = "replay",
		[VQT_SRC_PROXY] = "proxy",
		[VQT_SRC_MEMORY] = "memory",
		[VQT_SRC_PROXY_PASSIVE] = "passive proxy",
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
	r->ns = stats_total(r->view->stats)->slice_ns;
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

	r->ns = stats_total(s)->last_ts - stats_total(s)->first_ts;
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

static bool put_text(struct stat_cell *c, const char *s)
{
	c->s = s;
	return s;
}

static bool put_number(struct stat_cell *c, uint64_t u, bool known)
{
	c->u = u;
	return known;
}

static bool put_real(struct stat_cell *c, double real, bool known)
{
	c->real = real;
	return known;
}

static uint64_t count_at(const struct stat_row *r, size_t at)
{
	return *(const uint64_t *)(const void *)((const char *)&r->counts + at);
}

static bool get_count(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, count_at(r, col->count), true);
}

/* col->count a second. */
static bool get_rate(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_real(c, stats_rate(count_at(r, col->count), r->ns), r->ns);
}

static bool get_per_kick(const struct stat_row *r, const struct stat_column *col,
			 struct stat_cell *c)
{
	uint64_t requests = r->counts.popped - r->counts.posted;

	return put_real(c, stats_ratio(requests, r->counts.kicks),
			r->counts.kicks && (requests || !r->counts.posted));
}

/* col->count for each of col->by. */
static bool get_ratio(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	uint64_t by = count_at(r, col->by);

	return put_real(c, stats_ratio(count_at(r, col->count), by), by);
}

static bool get_device(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_text(c, r->dev->name);
}

static bool get_queue(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->q->index, true);
}

static bool get_queue_name(const struct stat_row *r, const struct stat_column *col,
			   struct stat_cell *c)
{
	return put_text(c, queue_name(r->dev, r->d, r->q->index, c->buf, sizeof(c->buf)));
}

static bool get_ring_size(const struct stat_row *r, const struct stat_column *col,
			  struct stat_cell *c)
{
	return put_number(c, r->q->size, r->q->size);
}

static bool get_ring_layout(const struct stat_row *r, const struct stat_column *col,
			    struct stat_cell *c)
{
	return put_text(c, r->q->packed ? "packed" : "split");
}

static bool get_vector(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->q->vector, r->q->vector != VQT_NO_VECTOR);
}

static bool get_type(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_text(c, stats_type_name(r->dev->class, r->index));
}

static bool get_size(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	uint64_t limit = stats_size_limit(r->index);

	c->s = stats_size_name(r->index);
	return put_number(c, limit, limit != UINT64_MAX);
}

static bool get_source(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_text(c,
			stat_source_name(r->view->model, r->t->key.source, c->buf, sizeof(c->buf)));
}

static bool get_thread(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->t->key.tid, r->t->key.tid);
}

static bool get_role(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_text(c, r->t->vcpu ? "vcpu" : "device");
}

static bool get_start(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, stats_slice_start(r->view->stats, r->slice->index), true);
}

static bool get_width(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->ns, true);
}

static bool get_registers(const struct stat_row *r, const struct stat_column *col,
			  struct stat_cell *c)
{
	return put_number(c, r->counts.reg_reads + r->counts.reg_writes, true);
}

static bool get_share(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	const uint64_t all = r->d->counts.used;

	return put_real(c, 100 * stats_ratio(r->counts.used, all), all);
}

static bool get_posted(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->counts.posted, true);
}

static bool get_flight(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_number(c, r->q->flight, true);
}

static bool depth_known(const struct stat_row *r)
{
	return r->ns && !r->view->filter &&
	       stats_depth_known(r->q ? r->q->hidden : r->d->hidden, &r->counts);
}

static bool get_flight_mean(const struct stat_row *r, const struct stat_column *col,
			    struct stat_cell *c)
{
	return put_real(c, stats_ratio(r->counts.flight_ns, r->ns), depth_known(r));
}

static bool get_flight_max(const struct stat_row *r, const struct stat_column *col,
			   struct stat_cell *c)
{
	if (r->slice)
		return put_number(c, r->slice->flight_max, !r->d->tallied);
	return put_number(c, r->q->flight_max, stats_depth_known(r->q->hidden, &r->counts));
}

static bool get_waiting_max(const struct stat_row *r, const struct stat_column *col,
			    struct stat_cell *c)
{
	return put_number(c, r->q->waiting_max, !r->q->packed);
}

static bool get_busy(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return put_real(c, 100 * stats_ratio(r->counts.busy_ns, r->ns), depth_known(r));
}

static bool get_stall_max(const struct stat_row *r, const struct stat_column *col,
			  struct stat_cell *c)
{
	bool now;
	uint64_t ns = stats_stall_max(r->view->stats, r->q, &now);

	return put_number(c, ns, ns);
}

/* Completions whose time is known. */
static uint64_t timed(const struct stat_row *r)
{
	return r->slice ? r->slice->timed : r->service ? r->service->count : 0;
}

static bool get_mean(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	uint64_t n = timed(r);

	return n && put_number(c, (r->slice ? r->slice->service_sum : r->service->sum) / n, true);
}

static bool get_percentile(const struct stat_row *r, const struct stat_column *col,
			   struct stat_cell *c)
{
	uint32_t ppm = stat_percentiles[col->percentile].ppm;

	if (!timed(r))
		return false;
	return put_number(c,
			  r->slice
				  ? coarse_percentile(r->slice->service, ppm, r->slice->service_max)
				  : hist_percentile(r->service, ppm),
			  true);
}

static bool get_max(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c)
{
	return timed(r) && put_number(c, r->slice ? r->slice->service_max : r->service->max, true);
}

bool stat_cell(const struct stat_row *r, const struct stat_column *col, struct stat_cell *c,
	       bool *unknown)
{
	bool tallied = r->q ? r->q->tallied != 0 : r->d && r->d->tallied;
	bool no_rings = r->dev ? r->dev->no_rings
			       : model_no_rings(model_source(r->view->model, r->t->key.source));

	*c = (struct stat_cell){ .s = NULL };
	*unknown = (col->full && tallied) || (col->rings && no_rings);
	return !*unknown && col->get(r, col, c);
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

#define AT(member) offsetof(struct stats_counts, member)
#define COUNT(member) .get = get_count, .count = AT(member)
#define RATE(member) .get = get_rate, .count = AT(member)
#define RATIO(member, each) .get = get_ratio, .count = AT(member), .by = AT(each)

const struct stat_column stat_columns[] = {
	{ "device", "device", ALL & ~V, CELL_TEXT, .get = get_device },
	{ "queue", "queue", Q | PQ, CELL_COUNT, .get = get_queue },
	{ "queue_name", "name", Q | PQ, CELL_TEXT, .get = get_queue_name },
	{ "ring_size", "size", Q | PQ, CELL_COUNT, .get = get_ring_size },
	{ "ring_layout", "ring", Q, CELL_TEXT, .get = get_ring_layout },
	{ "vector", "vector", Q, CELL_COUNT, .get = get_vector },
	{ "type", "type", T | PT, CELL_TEXT, .get = get_type },
	{ "size_max", "up to", S | PS, CELL_COUNT, .get = get_size },
	{ "source", "source", V, CELL_TEXT, .get = get_source },
	{ "thread", "thread", V, CELL_COUNT, .get = get_thread },
	{ "role", "role", V, CELL_TEXT, .get = get_role },
	{ "start", "seconds", I, CELL_SECONDS, .get = get_start },
	{ "width", NULL, I, CELL_NS, .get = get_width },
	{ "registers", "registers", V, CELL_COUNT, .get = get_registers },
	{ "popped", "popped", V | I, CELL_COUNT, COUNT(popped), .rings = true },
	{ "requests", "requests", ALL | PQ | PT | PS, CELL_COUNT, COUNT(used), .rings = true },
	{ "share", "%", T | S | PT | PS, CELL_REAL, .get = get_share, .rings = true },
	{ "requests_per_second", "/s", ALL & ~V, CELL_REAL, RATE(used), .rings = true },
	{ "bytes_in", "in", ALL | PQ | PT | PS, CELL_BYTES, COUNT(bytes_in), .rings = true },
	{ "bytes_out", "out", ALL | PQ | PT | PS, CELL_BYTES, COUNT(bytes_out), .rings = true },
	{ "bytes_ranged", "ranges", T | PT, CELL_BYTES, COUNT(bytes_ranged), .full = true,
	  .rings = true },
	{ "bytes_in_per_second", "in/s", Q | T | S | I, CELL_BYTE_RATE, RATE(bytes_in),
	  .rings = true },
	{ "bytes_out_per_second", "out/s", Q | T | S | I, CELL_BYTE_RATE, RATE(bytes_out),
	  .rings = true },
	{ "errors", "errors", ALL | PQ | PT | PS, CELL_COUNT, COUNT(errors), .rings = true },
	{ "posted", "posted", Q, CELL_COUNT, .get = get_posted, .rings = true },
	{ "dropped", "dropped", Q, CELL_COUNT, COUNT(dropped), .rings = true },
	{ "kicks", "kicks", Q | V | I, CELL_COUNT, COUNT(kicks) },
	{ "requests_per_kick", "req/kick", Q | PQ, CELL_REAL, .get = get_per_kick, .rings = true },
	{ "interrupts", "irqs", Q | V | I, CELL_COUNT, COUNT(interrupts) },
	{ "requests_per_interrupt", "req/irq", Q | PQ, CELL_REAL, RATIO(used, interrupts),
	  .rings = true },
	{ "in_flight", NULL, Q, CELL_COUNT, .get = get_flight, .rings = true },
	{ "in_flight_mean", "depth", Q | PQ, CELL_REAL, .get = get_flight_mean, .rings = true },
	{ "in_flight_max", "max", Q | I | PQ, CELL_COUNT, .get = get_flight_max, .rings = true },
	{ "waiting_max", NULL, Q, CELL_COUNT, .get = get_waiting_max, .full = true, .rings = true },
	{ "busy", "busy%", Q | PQ, CELL_REAL, .get = get_busy, .full = true, .rings = true },
	{ "stall_max", NULL, Q, CELL_NS, .get = get_stall_max, .full = true, .rings = true },
	{ "service_mean", "mean", ALL, CELL_NS, .get = get_mean, .rings = true },
	{ "service_p50", "p50", ALL | PQ | PT | PS, CELL_NS, .get = get_percentile, .percentile = 0,
	  .rings = true },
	{ "service_p90", "p90", ALL | PT | PS, CELL_NS, .get = get_percentile, .percentile = 1,
	  .rings = true },
	{ "service_p99", "p99", ALL | PQ | PT | PS, CELL_NS, .get = get_percentile, .percentile = 2,
	  .rings = true },
	{ "service_p99_9", "p99.9", ALL | PT | PS, CELL_NS, .get = get_percentile, .percentile = 3,
	  .rings = true },
	{ "service_max", "max", ALL | PQ | PT | PS, CELL_NS, .get = get_max, .rings = true },
	{ .name = NULL },
};
