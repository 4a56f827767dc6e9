/* SPDX-License-Identifier: MIT */
/* The counts and histograms for Prometheus and what reads the same format. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/top/batch.h"
#include "decoder/util/text.h"

/* --- the page -------------------------------------------------------------- */

/*
 * A label's value, which must be UTF-8.  text_untrusted() leaves no line end; backslash and
 * quote are escaped.
 */
static void put_value(FILE *to, const char *s)
{
	TEXT(t, 1024);

	text_untrusted(&t, s, strlen(s));
	for (const char *p = t.buf; *p; p++) {
		if (*p == '\\' || *p == '"')
			fputc('\\', to);
		fputc(*p, to);
	}
}

static void put_labels(FILE *to, const struct top_core *c, const struct top_row *r,
		       const char *more)
{
	const struct model_source *s = model_source(c->model, r->source);
	const struct top_row *d = r->kind == TOP_QUEUE ? NULL : r;

	for (size_t i = 0; !d && i < c->nrows; i++)
		if (c->row[i]->kind == TOP_DEVICE && c->row[i]->device == r->device)
			d = c->row[i];
	fputs("{vm=\"", to);
	put_value(to, s ? s->name : "");
	fprintf(to, "\",pid=\"%u\"", s ? s->pid : 0);
	if (r->kind != TOP_VM) {
		fputs(",device=\"", to);
		put_value(to, d ? d->name : "");
		fprintf(to, "\",type=\"%s\"", d ? d->type : "");
	}
	if (r->kind == TOP_QUEUE)
		fprintf(to, ",queue=\"%u\"", r->queue);
	fprintf(to, "%s}", more);
}

static void put_head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP vqtrace_%s %s\n# TYPE vqtrace_%s %s\n", name, help, name, type);
}

/* "vqtrace_NAME{LABELS} " */
static void put_name(FILE *to, const struct top_core *c, const struct top_row *r, const char *name,
		     const char *more)
{
	fprintf(to, "vqtrace_%s", name);
	put_labels(to, c, r, more);
	fputc(' ', to);
}

/* One family for every row of a kind: a member of struct top_row, of 8 bytes or 4. */
static const struct family {
	const char *name, *help;
	enum top_kind kind;
	size_t at, size;
	const char *type;
	/* A light capture, a source that sees no ring does not know it: then there is no sample. */
	bool full, rings;
} families[] = {
#define FAMILY(name, kind, member, type, full, rings, help) \
	{ \
		name, help, kind, offsetof(struct top_row, member), \
			sizeof(((struct top_row *)NULL)->member), type, full, rings \
	}
#define COUNTER(name, member, help) \
	FAMILY(name, TOP_QUEUE, all.member, "counter", false, true, help)
#define OUTSIDE(name, member, help) \
	FAMILY(name, TOP_QUEUE, all.member, "counter", false, false, help)
	COUNTER("requests_total", used, "Requests completed."),
	COUNTER("requests_popped_total", popped, "Requests and posted buffers the device popped."),
	COUNTER("buffers_posted_total", posted, "Of them buffers that wait for events outside."),
	COUNTER("request_errors_total", errors,
		"Requests completed with a status other than success."),
	COUNTER("bytes_in_total", bytes_in, "Bytes of data to the driver (reads)."),
	COUNTER("bytes_out_total", bytes_out, "Bytes of data from the driver (writes)."),
	OUTSIDE("kicks_total", kicks, "Available buffer notifications."),
	OUTSIDE("interrupts_total", interrupts, "Used buffer notifications."),
	FAMILY("stalls_total", TOP_QUEUE, all.stalls, "counter", true, true,
	       "Times nothing was completed for a second or longer."),
	OUTSIDE("resets_total", resets, "Resets of the queue or its device."),
	FAMILY("requests_in_flight", TOP_QUEUE, flight, "gauge", false, true,
	       "Requests popped and not completed yet."),
	FAMILY("findings_total", TOP_DEVICE, findings, "counter", true, false,
	       "Findings of the conformance checker."),
};

static void put_family(FILE *to, const struct top_core *c, const struct family *f)
{
	put_head(to, f->name, f->type, f->help);
	for (size_t i = 0; i < c->nrows; i++) {
		const struct top_row *r = c->row[i];
		const void *at = (const char *)r + f->at;

		if (r->kind != f->kind || (f->full && r->tallied) || (f->rings && r->no_rings))
			continue;
		put_name(to, c, r, f->name, "");
		fprintf(to, "%" PRIu64 "\n",
			f->size == 8 ? *(const uint64_t *)at : *(const uint32_t *)at);
	}
}

/* Cumulative, at every second power of two from 1 us to 17 s.  more: labels behind the row's. */
static void put_histogram(FILE *to, const struct top_core *c, const struct top_row *r,
			  const char *name, const struct hist *h, const char *more)
{
	char bucket[48], sum[48], count[48], le[96];
	uint64_t below = 0;
	unsigned b = 0;

	snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	snprintf(sum, sizeof(sum), "%s_sum", name);
	snprintf(count, sizeof(count), "%s_count", name);

	for (unsigned log = 10; log <= 34; log += 2) {
		while (b < HIST_BUCKETS && hist_upper(b) < UINT64_C(1) << log)
			below += h->bucket[b++];
		snprintf(le, sizeof(le), "%s,le=\"%.9g\"", more,
			 (double)(UINT64_C(1) << log) / 1e9);
		put_name(to, c, r, bucket, le);
		fprintf(to, "%" PRIu64 "\n", below);
	}
	snprintf(le, sizeof(le), "%s,le=\"+Inf\"", more);
	put_name(to, c, r, bucket, le);
	fprintf(to, "%" PRIu64 "\n", h->count);
	put_name(to, c, r, sum, more);
	fprintf(to, "%.9f\n", (double)h->sum / 1e9);
	put_name(to, c, r, count, more);
	fprintf(to, "%" PRIu64 "\n", h->count);
}

/* The stages of a device's requests, where its driver's side was recorded, or its back end. */
static void put_stages(FILE *to, const struct top_core *c)
{
	bool headed = false;

	for (size_t i = 0; i < c->nrows; i++) {
		const struct top_row *r = c->row[i];

		if (r->kind != TOP_DEVICE || !r->stages)
			continue;
		if (!headed)
			put_head(to, "request_stage_seconds", "histogram",
				 "Time that requests spent in the stage that ends at this point.");
		headed = true;
		for (enum life_point p = 0; p < LIFE_POINTS; p++) {
			char stage[32];

			snprintf(stage, sizeof(stage), ",stage=\"%s\"", life_point_name(p));
			if (r->stages->all.until[p].count)
				put_histogram(to, c, r, "request_stage_seconds",
					      &r->stages->all.until[p], stage);
		}
	}
}

/* The page, to be freed; NULL without memory. */
static char *make_page(const struct top_core *c, size_t *len)
{
	struct model_loss lost = top_core_lost(c);
	char *page = NULL;
	FILE *to = open_memstream(&page, len);

	if (!to)
		return NULL;
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		put_family(to, c, &families[f]);
	put_head(to, "request_seconds", "histogram",
		 "Time from when the device popped a request until it was used.");
	for (size_t i = 0; i < c->nrows; i++)
		if (c->row[i]->kind == TOP_QUEUE && !c->row[i]->no_rings)
			put_histogram(to, c, c->row[i], "request_seconds", &c->row[i]->service_all,
				      "");
	put_stages(to, c);
	put_head(to, "events_lost_total", "counter", "Records of the capture that were lost.");
	if (!lost.more) /* how many is unknown */
		fprintf(to, "vqtrace_events_lost_total %" PRIu64 "\n", lost.records);
	put_head(to, "events_lost_unknown", "gauge",
		 "1: records were lost, and how many is unknown.");
	fprintf(to, "vqtrace_events_lost_unknown %d\n", lost.more);
	put_head(to, "events_total", "counter", "Records of the capture.");
	fprintf(to, "vqtrace_events_total %" PRIu64 "\n", c->number);
	if (fclose(to)) {
		free(page);
		return NULL;
	}
	return page;
}

static char *page(void *ctx, size_t *len)
{
	return make_page(ctx, len);
}

int top_prom_open(struct http **out, const char *where, const struct top_core *c)
{
	static const struct http_site site = {
		.option = "--prometheus",
		.port = "9752",
		.path = "/metrics",
		.root = "vqtrace top: the figures are at /metrics\n",
		.type = "text/plain; version=0.0.4; charset=utf-8",
		.page = page,
	};

	return http_open(out, &site, where, (void *)(uintptr_t)c);
}
