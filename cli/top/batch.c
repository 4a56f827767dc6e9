/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/top/batch.h"
#include "cli/top/columns.h"
#include "decoder/stats/print.h"
#include "decoder/util/json.h"

/* The trace's time of day. */
static void put_time(FILE *to, const struct top_core *c)
{
	int64_t wall = (int64_t)c->tick_ts + model_wall(c->model);
	time_t secs = (time_t)(wall / 1000000000);
	struct tm tm;
	char buf[40];

	localtime_r(&secs, &tm);
	strftime(buf, sizeof(buf), "%F %T", &tm);
	fprintf(to, "%s.%03d", buf, (int)(wall / 1000000 % 1000));
}

static void put_cell(FILE *to, const struct top_column *c, const char *text, bool last)
{
	int width = c->width;

	for (const char *p = text; *p; p++) /* fprintf counts bytes, columns are characters */
		width += ((unsigned char)*p & 0xc0) == 0x80;
	fprintf(to, "%*s%s", c->left ? -width : width, text, last ? "" : " ");
}

int top_print_text(FILE *to, const struct top_core *c, const struct top_feed *s)
{
	size_t n = top_columns_count();
	TEXT(t, 64);

	put_time(to, c);
	model_put_lost(&t, top_core_lost(c), "");
	fprintf(to, "  %s, %" PRIu64 " events, %s lost\n", s->status, c->number, t.buf);
	for (size_t k = 0; k < n; k++)
		put_cell(to, &top_columns[k], top_columns[k].title, k + 1 == n);
	fputc('\n', to);
	for (size_t i = 0; i < c->nrows; i++) {
		for (size_t k = 0; k < n; k++) {
			TEXT(cell, 64);

			top_column_text(&top_columns[k], c->row[i], &cell);
			put_cell(to, &top_columns[k], cell.buf, k + 1 == n);
		}
		fputc('\n', to);
	}
	fputc('\n', to);
	return fflush(to) ? -errno : 0;
}

/* --- JSON ------------------------------------------------------------------ */

static struct json_object *latencies(const struct hist *h)
{
	static const struct {
		const char *name;
		uint32_t ppm;
	} rows[] = { { "p50", 500000 }, { "p90", 900000 }, { "p99", 990000 }, { "p999", 999000 } };
	struct json_object *o = json_object_new_object();

	json_put_u64(o, "count", h->count);
	if (!h->count)
		return o;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_put_u64(o, rows[i].name, hist_percentile(h, rows[i].ppm));
	json_put_u64(o, "mean", hist_mean(h));
	json_put_u64(o, "max", h->max);
	return o;
}

/* What a light capture (tallied), or a source that sees no ring, does not know is null. */
static struct json_object *counts(const struct top_row *r, const struct stats_counts *c)
{
	struct json_object *o = json_object_new_object();

	for (const struct stats_count_name *n = stats_count_names; n->name; n++) {
		struct json_object *a;

		if (!stats_count_known(n, r->tallied, r->no_rings)) {
			json_object_object_add(o, n->name, NULL);
			continue;
		}
		if (n->n <= 1) {
			json_put_u64(o, n->name, stats_count(c, n, 0));
			continue;
		}
		a = json_object_new_array();
		for (unsigned i = 0; i < n->n; i++)
			json_object_array_add(a, json_object_new_uint64(stats_count(c, n, i)));
		json_object_object_add(o, n->name, a);
	}
	return o;
}

static void put_if(struct json_object *o, const char *key, bool known, uint64_t n)
{
	json_object_object_add(o, key, known ? json_object_new_uint64(n) : NULL);
}

static struct json_object *row(const struct top_row *r)
{
	static const char *const kinds[] = { "vm", "device", "queue" };
	struct json_object *o = json_object_new_object();

	json_put_str(o, "kind", kinds[r->kind]);
	json_put_u64(o, "vm", r->source);
	if (r->kind != TOP_VM)
		json_put_u64(o, "device", r->device);
	if (r->kind == TOP_QUEUE)
		json_put_u64(o, "queue", r->queue);
	json_put_str(o, "name", r->name);
	if (r->kind == TOP_DEVICE)
		json_put_str(o, "type", r->type);
	json_put_str(o, "state", r->state);
	json_object_object_add(o, "gone", json_object_new_boolean(r->gone));
	put_if(o, "flight", !r->no_rings, r->flight);
	put_if(o, "flight_max", !r->no_rings, r->flight_max);
	put_if(o, "stalled", !r->no_rings, r->stalled);
	put_if(o, "findings", !r->tallied, r->findings); /* tallied: the checker sees no events */
	json_object_object_add(o, "interval", counts(r, &r->now));
	json_object_object_add(o, "total", counts(r, &r->all));
	json_object_object_add(o, "latency", latencies(&r->service));
	json_object_object_add(o, "latency_total", latencies(&r->service_all));
	if (r->stages) {
		json_object_object_add(o, "stages", stat_stages_json(&r->stages->now, false));
		json_object_object_add(o, "stages_total", stat_stages_json(&r->stages->all, false));
	}
	return o;
}

int top_print_json(FILE *to, const struct top_core *c, const struct top_feed *s)
{
	struct json_object *o = json_object_new_object(), *rows = json_object_new_array();

	json_put_u64(o, "ts", c->tick_ts);
	json_object_object_add(o, "wall",
			       json_object_new_int64((int64_t)c->tick_ts + model_wall(c->model)));
	json_object_object_add(o, "seconds",
			       json_object_new_double(c->nrows ? c->row[0]->secs : 0));
	json_put_str(o, "status", s->status);
	json_put_u64(o, "events", c->number);
	json_put_least(o, "lost", top_core_lost(c).records, top_core_lost(c).more);
	for (size_t i = 0; i < c->nrows; i++)
		json_object_array_add(rows, row(c->row[i]));
	json_object_object_add(o, "rows", rows);
	json_print(to, o, JSON_C_TO_STRING_PLAIN);
	return fflush(to) ? -errno : 0;
}
