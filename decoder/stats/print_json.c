/* SPDX-License-Identifier: MIT */
/* Everything the statistics hold, as one JSON object. */
#include <errno.h>
#include <string.h>

#include "decoder/fields/event_names.h"
#include "decoder/check/rule.h"
#include "decoder/stats/print_impl.h"
#include "decoder/util/json.h"

typedef struct json_object json;

static void put_nonempty(json *o, const char *key, const char *s)
{
	if (*s)
		json_object_object_add(o, key, json_object_new_string(s));
}

static void put_real(json *o, const char *key, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", v);
	json_object_object_add(o, key, json_object_new_double_s(v, text));
}

/* What a light capture (tallied), or a source that sees no ring, does not know is null. */
static json *counts_json(const struct stats_counts *c, bool tallied, bool no_rings)
{
	json *o = json_object_new_object();

	for (const struct stats_count_name *n = stats_count_names; n->name; n++) {
		json *many = n->n > 1 ? json_object_new_object() : NULL;

		if (!stats_count_known(n, tallied, no_rings)) {
			json_object_put(many);
			json_object_object_add(o, n->name, NULL);
			continue;
		}
		if (!many) {
			json_put_u64(o, n->name, stats_count(c, n, 0));
			continue;
		}
		for (unsigned i = 0; i < n->n; i++) {
			char number[12];

			snprintf(number, sizeof(number), "%u", i);
			if (stats_count(c, n, i))
				json_put_u64(many, n->element ? n->element(i) : number,
					     stats_count(c, n, i));
		}
		json_object_object_add(o, n->name, many);
	}
	return o;
}

static json *hist_json(const struct hist *h, bool buckets)
{
	json *o = json_object_new_object(), *list;

	json_put_u64(o, "count", h->count);
	json_put_u64(o, "sum", h->sum);
	json_put_u64(o, "min", h->min);
	json_put_u64(o, "mean", hist_mean(h));
	for (unsigned i = 0; i < STAT_PERCENTILES; i++)
		json_put_u64(o, stat_percentiles[i].name,
			     hist_percentile(h, stat_percentiles[i].ppm));
	json_put_u64(o, "max", h->max);
	if (!buckets)
		return o;
	list = json_object_new_array();
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		json *row;

		if (!h->bucket[b])
			continue;
		row = json_object_new_array();
		json_object_array_add(row, json_object_new_uint64(hist_lower(b)));
		json_object_array_add(row, json_object_new_uint64(hist_upper(b)));
		json_object_array_add(row, json_object_new_uint64(h->bucket[b]));
		json_object_array_add(list, row);
	}
	json_object_object_add(o, "buckets", list);
	return o;
}

static json *spans_json(struct hist *const *span, bool buckets)
{
	json *o = json_object_new_object();

	for (unsigned i = 0; i < STATS_SPANS; i++)
		if (span[i] && span[i]->count)
			json_object_object_add(o, stats_span_names[i].name,
					       hist_json(span[i], buckets));
	return o;
}

static json *features_json(unsigned virtio_id, const uint64_t set[2])
{
	json *list = json_object_new_array();

	for (unsigned i = 0; i < 128; i++) {
		const struct spec_feature *f = class_feature(virtio_id, i);
		char number[16];

		if (!(set[i / 64] >> i % 64 & 1))
			continue;
		snprintf(number, sizeof(number), "bit %u", i);
		json_object_array_add(list, json_object_new_string(f ? f->name : number));
	}
	return list;
}

static json *negotiation_json(const struct stats_device *d, const struct model_device *dev)
{
	json *o = json_object_new_object();
	uint64_t offered[2], accepted[2];

	stat_features(dev, d, offered, accepted);
	json_put_u64(o, "driver_ok", d->ready.times);
	if (d->ready.known) {
		json_put_u64(o, "number", d->ready.number);
		json_object_object_add(o, "learned", json_object_new_boolean(d->ready.learned));
	}
	if (d->ready.took_ns)
		json_put_u64(o, "took", d->ready.took_ns);
	if (d->ready.over)
		json_put_u64(o, "reset", d->ready.over);
	if (dev->status_known)
		json_put_u64(o, "status", dev->status);
	json_object_object_add(o, "msix",
			       json_object_new_boolean(d->ready.known ? d->ready.msix : dev->msix));
	json_object_object_add(o, "offered", features_json(dev->virtio_id, offered));
	json_object_object_add(o, "accepted", features_json(dev->virtio_id, accepted));
	return o;
}

static json *access_json(const struct stats_access *a)
{
	json *o = json_object_new_object(), *align = json_object_new_object();

	json_put_u64(o, "sequential", a->sequential);
	json_put_u64(o, "random", a->random);
	for (unsigned i = 0; i < STATS_ALIGNS; i++) {
		char bytes[16];

		snprintf(bytes, sizeof(bytes), "%u", 512U << i);
		if (a->align[i])
			json_put_u64(align, bytes, a->align[i]);
	}
	json_object_object_add(o, "aligned", align);
	if (a->sector_end) {
		json_put_u64(o, "sector_min", a->sector_min);
		json_put_u64(o, "sector_max", a->sector_end - 1);
	}
	return o;
}

/* --- rows that are tables in text, too --- */

struct rows {
	json *list;
	const struct stat_view *v;
};

static int add_row(void *opaque, const struct stat_row *r)
{
	struct rows *rows = opaque;
	bool buckets = rows->v->latency;
	json *o = json_object_new_object();

	for (const struct stat_column *col = stat_columns; col->name; col++) {
		struct stat_cell c;
		bool unknown;

		if (!(col->views & 1U << r->by) || !strcmp(col->name, "device") ||
		    (!stat_cell(r, col, &c, &unknown) && !unknown))
			continue;
		if (unknown)
			json_object_object_add(o, col->name, NULL);
		else if (col->kind == CELL_TEXT)
			json_put_str(o, col->name, c.s);
		else if (col->kind == CELL_REAL || col->kind == CELL_BYTE_RATE)
			put_real(o, col->name, c.real);
		else
			json_put_u64(o, col->name, c.u);
	}
	if (r->q) {
		json_object_object_add(o, "counts",
				       counts_json(&r->counts, r->q->tallied, r->dev->no_rings));
		json_object_object_add(o, "latency", spans_json(r->q->span, buckets));
		if (r->q->stages)
			json_object_object_add(o, "stages",
					       stat_stages_json(r->q->stages, buckets));
	} else if (r->service && buckets) {
		json_object_object_add(o, "service", hist_json(r->service, true));
	}
	json_object_array_add(rows->list, o);
	return 0;
}

static json *rows_json(const struct stat_view *v, enum stat_by by, const struct stats_device *d)
{
	struct rows rows = { json_object_new_array(), v };

	stat_rows(v, by, d, add_row, &rows);
	return rows.list;
}

/* Where the time went: of all requests, and of the slowest of them. */
static json *alike_json(const struct stats_stages *s, uint32_t ppm)
{
	json *o = json_object_new_object(), *sums = json_object_new_object();
	struct stages_alike a;

	stages_slowest(s, ppm, &a);
	json_put_u64(o, "requests", a.requests);
	for (unsigned p = 0; p < LIFE_POINTS; p++)
		if (a.sum[p])
			json_put_u64(sums, life_point_name(p), a.sum[p]);
	json_object_object_add(o, "sum", sums);
	if (stages_longest(&a) != LIFE_POINTS)
		json_put_str(o, "longest", life_point_name(stages_longest(&a)));
	return o;
}

struct json_object *stat_stages_json(const struct stats_stages *s, bool buckets)
{
	json *o = json_object_new_object(), *until = json_object_new_object();

	json_put_u64(o, "requests", s->requests);
	json_put_u64(o, "both_sides", s->both);
	json_put_u64(o, "device_alone", s->alone);
	json_put_u64(o, "unmatched", s->unmatched);
	json_object_object_add(o, "error", hist_json(&s->error, buckets));
	json_put_u64(o, "kicked", s->kicked);
	json_put_u64(o, "not_kicked", s->unkicked);
	json_put_u64(o, "interrupted", s->interrupted);
	json_put_u64(o, "in_passing", s->passing);
	json_object_object_add(o, "whole", hist_json(&s->whole, buckets));
	for (unsigned p = 0; p < LIFE_POINTS; p++) {
		json *one;

		if (!s->until[p].count)
			continue;
		one = hist_json(&s->until[p], buckets);
		json_object_object_add(one, "between_sides",
				       json_object_new_boolean(s->crosses[p]));
		json_object_object_add(until, life_point_name(p), one);
	}
	json_object_object_add(o, "until", until);
	json_object_object_add(o, "all", alike_json(s, 1000000));
	json_object_object_add(o, "slowest", alike_json(s, 10000));
	return o;
}

static json *findings_json(const struct stat_findings *f, unsigned device)
{
	json *list = json_object_new_array();
	const struct stat_finding *x;

	for (unsigned n = 0; (x = stat_findings_nth(f, device, n)); n++) {
		json *o = json_object_new_object();

		json_put_str(o, "rule", x->rule->id);
		json_put_str(o, "severity", check_severity_name(x->rule->severity));
		json_put_str(o, "party", check_party_name(x->rule->party));
		json_put_u64(o, "count", x->count);
		json_put_u64(o, "number", x->number);
		put_nonempty(o, "seen", x->seen);
		json_object_array_add(list, o);
	}
	return list;
}

static void put_if(json *o, const char *key, bool known, uint64_t n)
{
	json_object_object_add(o, key, known ? json_object_new_uint64(n) : NULL);
}

/* What is in flight, and whether anything moves; null where it is not known. */
static void flight_json(json *o, const struct stat_view *v, const struct stats_device *d,
			const struct model_device *dev)
{
	uint64_t before = 0, stall;
	bool seen = !dev->no_rings, now;

	for (const struct model_queue *q = dev->queues; q; q = q->hh.next)
		before += model_flight_before(dev, q);
	stall = stats_device_stall_max(v->stats, d, &now);
	put_if(o, "in_flight", seen, d->flight);
	put_if(o, "posted", seen, d->posted);
	put_if(o, "in_flight_max", seen, d->flight_max);
	put_if(o, "in_flight_before", seen, before);
	put_if(o, "stall_max", seen && !d->tallied, stall);
	json_object_object_add(o, "stalled", seen ? json_object_new_boolean(now) : NULL);
}

static json *device_json(const struct stat_view *v, const struct stats_device *d,
			 const struct model_device *dev)
{
	json *o = json_object_new_object();
	bool unknown = d->tallied || dev->no_rings;
	struct stats_counts c;
	char bdf[24];

	stats_device_counts(v->stats, d, 0, &c);
	json_put_str(o, "device", dev->name);
	if (dev->class)
		json_put_str(o, "device_type", dev->class->name);
	if (dev->recognised)
		json_object_object_add(o, "recognised", json_object_new_boolean(true));
	if (dev->recorded_id)
		json_put_str(o, "recorded_as", class_name(dev->recorded_id, bdf, sizeof(bdf)));
	put_nonempty(o, "id", dev->user_id);
	put_nonempty(o, "type_name", dev->type_name);
	if (dev->bdf != ~0U) {
		event_format_bdf(bdf, sizeof(bdf), dev->bdf);
		json_put_str(o, "bdf", bdf);
	}
	if (dev->no_rings)
		json_object_object_add(o, "requests_recorded", json_object_new_boolean(false));
	if (dev->no_notifications)
		json_object_object_add(o, "notifications_recorded", json_object_new_boolean(false));
	json_object_object_add(o, "negotiation", negotiation_json(d, dev));
	json_put_u64(o, "active", stats_active_ns(v->stats, d->first_ts, d->last_ts, d->flight));
	json_object_object_add(o, "counts", counts_json(&c, d->tallied, dev->no_rings));
	json_object_object_add(o, "notifications",
			       dev->no_rings || dev->apart ? NULL : stat_economy_json(&c, d));
	flight_json(o, v, d, dev);
	json_object_object_add(o, "latency", spans_json(d->span, v->latency));
	if (d->stages)
		json_object_object_add(o, "stages", stat_stages_json(d->stages, v->latency));
	json_object_object_add(o, "access", unknown ? NULL : access_json(&d->access));
	json_object_object_add(o, "queues", rows_json(v, STAT_BY_QUEUE, d));
	json_object_object_add(o, "types", dev->no_rings ? NULL : rows_json(v, STAT_BY_TYPE, d));
	json_object_object_add(o, "sizes", unknown ? NULL : rows_json(v, STAT_BY_SIZE, d));
	if (v->findings)
		json_object_object_add(o, "findings",
				       d->tallied || !check_decided(v->check, dev->id)
					       ? NULL
					       : findings_json(v->findings, dev->id));
	return o;
}

static json *trace_json(const struct stat_view *v)
{
	json *o = json_object_new_object();

	json_put_u64(o, "events", stats_total(v->stats)->events);
	json_put_u64(o, "duration",
		     stats_total(v->stats)->last_ts - stats_total(v->stats)->first_ts);
	json_put_least(o, "lost", stats_total(v->stats)->lost.records,
		       stats_total(v->stats)->lost.more);
	json_put_u64(o, "left_out", stats_total(v->stats)->left_out);
	if (v->filter)
		put_nonempty(o, "filter", v->filter);
	if (v->from)
		json_put_u64(o, "from_ns", v->from);
	if (v->to)
		json_put_u64(o, "to_ns", v->to);
	return o;
}

int stat_print_json(FILE *to, const struct stat_view *v)
{
	json *o = json_object_new_object(), *devices = json_object_new_array();
	const struct stats_device *d;

	json_object_object_add(o, "trace", trace_json(v));
	for (unsigned i = 0; (d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, d->id);

		if (dev && d->counts.events)
			json_object_array_add(devices, device_json(v, d, dev));
	}
	json_object_object_add(o, "devices", devices);
	json_object_object_add(o, "threads", rows_json(v, STAT_BY_VCPU, NULL));
	return json_print(to, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
}
