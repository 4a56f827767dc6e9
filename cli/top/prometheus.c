/* SPDX-License-Identifier: MIT */
/*
 * The counts and histograms for Prometheus and what reads the same formats.  vqtrace-metrics(7)
 * describes each family; tests/check/metrics_test.sh compares it with the tables here.
 */
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/metrics/exposition.h"
#include "cli/top/batch.h"
#include "cli/top/series.h"
#include "decoder/util/clock.h"

struct page {
	struct exposition e;
	const struct top_core *core;
	struct series *series; /* in order of the rows */
};

/* --- families -------------------------------------------------------------- */

struct family {
	struct exposition_family head;
	enum top_kind kind; /* of the rows; TOP_VM: of the whole, once */
	void (*put)(struct page *p, const struct series *s, const struct family *f);
	size_t at; /* of put_count() and put_operation_count(): the member of struct stats_counts;
		    * of put_span(): which */
};

/* A light capture, a source that sees no ring does not know all: then there is no sample. */
static bool is_known(const struct series *s, size_t at)
{
	const struct stats_count_name *n = stats_count_names;

	while (n->name && n->at != at)
		n++;
	if (s->model && s->model->no_notifications &&
	    (at == offsetof(struct stats_counts, kicks) ||
	     at == offsetof(struct stats_counts, interrupts)))
		return false;
	return n->name && stats_count_known(n, s->row->tallied, s->row->no_rings);
}

static void put_number(struct page *p, const char *labels, const struct stats_counts *c, size_t at)
{
	const char *unit = p->e.family->unit;
	uint64_t n = *(const uint64_t *)(const void *)((const char *)c + at);

	if (unit && !strcmp(unit, "seconds"))
		exposition_ns(&p->e, labels, n);
	else
		exposition_u64(&p->e, labels, n);
}

static void put_count(struct page *p, const struct series *s, const struct family *f)
{
	if (is_known(s, f->at))
		put_number(p, s->labels, &s->counts, f->at);
}

/* Times in flight, unless too many requests were for a time that no record shows. */
static void put_depth(struct page *p, const struct series *s, const struct family *f)
{
	if (s->queue && stats_depth_known(s->queue->hidden, &s->counts))
		put_count(p, s, f);
}

static void put_flight(struct page *p, const struct series *s, const struct family *f)
{
	if (s->queue && !s->row->no_rings && !s->row->gone)
		exposition_u64(&p->e, s->labels, s->queue->flight);
}

static void put_waiting(struct page *p, const struct series *s, const struct family *f)
{
	const struct stats_queue *q = s->queue;

	if (q && !q->packed && !q->posts && !s->row->tallied && !s->row->no_rings && !s->row->gone)
		exposition_u64(&p->e, s->labels, q->waiting);
}

static void put_entries(struct page *p, const struct series *s, const struct family *f)
{
	if (s->queue && s->queue->size && !s->row->gone)
		exposition_u64(&p->e, s->labels, s->queue->size);
}

static void put_stalled(struct page *p, const struct series *s, const struct family *f)
{
	if (!s->row->no_rings && !s->row->gone)
		exposition_ns(&p->e, s->labels, s->row->stalled);
}

/* One bit of the device status: which, is in .at. */
static void put_status(struct page *p, const struct series *s, const struct family *f)
{
	if (s->model && s->model->status_known && !s->row->gone)
		exposition_u64(&p->e, s->labels, (s->model->status & f->at) != 0);
}

/* A span of which nothing is known has no samples, but the time that all requests take. */
static void put_span(struct page *p, const struct series *s, const struct family *f)
{
	static const struct hist none;
	const struct hist *h = s->queue ? s->queue->span[f->at] : NULL;

	if (h)
		exposition_histogram(&p->e, s->labels, h);
	else if (f->at == STATS_SERVICE && !s->row->no_rings)
		exposition_histogram(&p->e, s->labels, &none);
}

/* More labels behind those of a series. */
static const char *more(char *to, size_t size, const struct series *s, const char *labels)
{
	snprintf(to, size, "%s,%s", s->labels, labels);
	return to;
}

#define MORE (4096 + 64) /* longer than all of a series (names of struct top_row) and these */

static void put_findings(struct page *p, const struct series *s, const struct family *f)
{
	const struct top_found *found = top_core_found(p->core, s->row->device, VQT_NO_QUEUE);
	char labels[MORE], by[64];

	if (!p->core->check || s->row->tallied)
		return;
	for (unsigned party = 0; party < CHECK_PARTIES; party++)
		for (unsigned severity = 0; severity < CHECK_SEVERITIES; severity++) {
			snprintf(by, sizeof(by), "party=\"%s\",severity=\"%s\"",
				 check_party_name(party), check_severity_name(severity));
			exposition_u64(&p->e, more(labels, sizeof(labels), s, by),
				       found ? found->by[party][severity] : 0);
		}
}

/* Call put for each operation of which a request was seen. */
static void put_operations(struct page *p, const struct series *s, const struct family *f,
			   void (*put)(struct page *p, const char *labels,
				       const struct stats_group *g, const struct family *f))
{
	char labels[MORE], by[64];

	for (unsigned t = 0; s->device && !s->row->no_rings && t < STATS_TYPES; t++) {
		const char *name = stats_type_name(s->model ? s->model->class : NULL, t);

		if (!s->device->type[t] || !name)
			continue;
		snprintf(by, sizeof(by), "operation=\"%s\"", name);
		put(p, more(labels, sizeof(labels), s, by), s->device->type[t], f);
	}
}

static void put_group_count(struct page *p, const char *labels, const struct stats_group *g,
			    const struct family *f)
{
	put_number(p, labels, &g->counts, f->at);
}

static void put_operation_count(struct page *p, const struct series *s, const struct family *f)
{
	if (is_known(s, f->at))
		put_operations(p, s, f, put_group_count);
}

static void put_group_time(struct page *p, const char *labels, const struct stats_group *g,
			   const struct family *f)
{
	exposition_histogram(&p->e, labels, &g->service);
}

static void put_operation_time(struct page *p, const struct series *s, const struct family *f)
{
	put_operations(p, s, f, put_group_time);
}

/* One stage of one operation; what none of them has kept apart is "other". */
static void put_stage(struct page *p, const struct series *s, const char *operation,
		      enum life_point point, const struct hist *h)
{
	char labels[MORE], by[96];

	if (!h->count)
		return;
	snprintf(by, sizeof(by), "operation=\"%s\",stage=\"%s\"", operation,
		 life_point_name(point));
	exposition_histogram(&p->e, more(labels, sizeof(labels), s, by), h);
}

/* The stages of a device's requests, where its driver's side was recorded, or its back end. */
static void put_stages(struct page *p, const struct series *s, const struct family *f)
{
	const struct stats_device *d = s->device;

	for (enum life_point point = 0; d && d->stages && point < LIFE_POINTS; point++) {
		struct hist apart = { 0 }, rest;

		for (unsigned t = 0; t < STATS_TYPES; t++) {
			const char *name = stats_type_name(s->model ? s->model->class : NULL, t);

			if (!d->type_stages[t] || !name)
				continue;
			put_stage(p, s, name, point, &d->type_stages[t]->until[point]);
			hist_merge(&apart, &d->type_stages[t]->until[point]);
		}
		hist_sub(&rest, &d->stages->until[point], &apart);
		put_stage(p, s, "other", point, &rest);
	}
}

/* --- of the whole ---------------------------------------------------------- */

static void put_build(struct page *p, const struct series *s, const struct family *f)
{
	exposition_u64(&p->e, "version=\"" VQTRACE_VERSION "\"", 1);
}

static void put_vms(struct page *p, const struct series *s, const struct family *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->core->nrows; i++)
		n += p->core->row[i]->kind == TOP_VM && !p->core->row[i]->gone;
	exposition_u64(&p->e, "", n);
}

static void put_events(struct page *p, const struct series *s, const struct family *f)
{
	exposition_u64(&p->e, "", p->core->number);
}

static void put_lost(struct page *p, const struct series *s, const struct family *f)
{
	exposition_u64(&p->e, "", top_core_lost(p->core).records);
}

static void put_lost_unknown(struct page *p, const struct series *s, const struct family *f)
{
	exposition_u64(&p->e, "", top_core_lost(p->core).more);
}

static void put_cpu(struct page *p, const struct series *s, const struct family *f)
{
	struct rusage u;

	if (!getrusage(RUSAGE_SELF, &u))
		exposition_ns(&p->e, "",
			      (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
				      (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000);
}

static void put_memory(struct page *p, const struct series *s, const struct family *f)
{
	FILE *from = fopen("/proc/self/statm", "re");
	unsigned long pages;

	if (from && fscanf(from, "%*u %lu", &pages) == 1)
		exposition_u64(&p->e, "", (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
	if (from)
		fclose(from);
}

static uint64_t started; /* ns, CLOCK_REALTIME: when the page was opened */

static void put_start(struct page *p, const struct series *s, const struct family *f)
{
	exposition_ns(&p->e, "", started);
}

/* --- the table ------------------------------------------------------------- */

#define COUNTER(name, help, unit, ...) \
	{ \
		{ name, help, EXPOSITION_COUNTER, unit, false }, __VA_ARGS__ \
	}
#define GAUGE(name, help, unit, ...) \
	{ \
		{ name, help, EXPOSITION_GAUGE, unit, false }, __VA_ARGS__ \
	}
#define TIMES(name, help, fine, ...) \
	{ \
		{ name, help, EXPOSITION_HISTOGRAM, "seconds", fine }, __VA_ARGS__ \
	}
#define OF(member) offsetof(struct stats_counts, member)

static const struct family families[] = {
	COUNTER("vqtrace_requests", "Requests completed.", NULL, TOP_QUEUE, put_count, OF(used)),
	COUNTER("vqtrace_requests_popped", "Requests and posted buffers that the device popped.",
		NULL, TOP_QUEUE, put_count, OF(popped)),
	COUNTER("vqtrace_buffers_posted", "Of those popped, buffers that wait for events outside.",
		NULL, TOP_QUEUE, put_count, OF(posted)),
	COUNTER("vqtrace_request_errors", "Requests completed with a status other than success.",
		NULL, TOP_QUEUE, put_count, OF(errors)),
	COUNTER("vqtrace_to_driver_bytes", "Data to the driver (reads), of successful requests.",
		"bytes", TOP_QUEUE, put_count, OF(bytes_in)),
	COUNTER("vqtrace_to_device_bytes", "Data to the device (writes), of successful requests.",
		"bytes", TOP_QUEUE, put_count, OF(bytes_out)),
	COUNTER("vqtrace_kicks", "Available buffer notifications.", NULL, TOP_QUEUE, put_count,
		OF(kicks)),
	COUNTER("vqtrace_interrupts", "Used buffer notifications.", NULL, TOP_QUEUE, put_count,
		OF(interrupts)),
	COUNTER("vqtrace_stalls",
		"Times that requests were in flight and none was completed for a second or longer.",
		NULL, TOP_QUEUE, put_count, OF(stalls)),
	COUNTER("vqtrace_resets", "Resets of the queue or its device.", NULL, TOP_QUEUE, put_count,
		OF(resets)),
	COUNTER("vqtrace_queue_busy_seconds", "Time with at least one request in flight.",
		"seconds", TOP_QUEUE, put_depth, OF(busy_ns)),
	COUNTER("vqtrace_in_flight_seconds",
		"Time that requests were in flight, of all together; its rate is their mean number.",
		"seconds", TOP_QUEUE, put_depth, OF(flight_ns)),
	GAUGE("vqtrace_requests_in_flight", "Requests popped and not completed yet.", NULL,
	      TOP_QUEUE, put_flight, 0),
	GAUGE("vqtrace_requests_waiting", "Entries available in a split ring and not popped yet.",
	      NULL, TOP_QUEUE, put_waiting, 0),
	GAUGE("vqtrace_queue_entries", "Size of the ring.", NULL, TOP_QUEUE, put_entries, 0),
	GAUGE("vqtrace_queue_stalled_seconds",
	      "How long requests have been in flight and none was completed; 0 below a second.",
	      "seconds", TOP_QUEUE, put_stalled, 0),
	TIMES("vqtrace_request_seconds",
	      "Time from when the device popped a request until it was used.", true, TOP_QUEUE,
	      put_span, STATS_SERVICE),
	TIMES("vqtrace_request_wait_seconds",
	      "Time from the kick that announced a request until the device popped it.", false,
	      TOP_QUEUE, put_span, STATS_WAIT),
	TIMES("vqtrace_backend_seconds",
	      "Of the time until a request was used, that in the layer below the device.", false,
	      TOP_QUEUE, put_span, STATS_BACKEND),
	TIMES("vqtrace_interrupt_delay_seconds",
	      "Time from the completion that needed an interrupt until the interrupt.", false,
	      TOP_QUEUE, put_span, STATS_NOTIFY),
	COUNTER("vqtrace_operation_requests", "Requests completed, by operation.", NULL, TOP_DEVICE,
		put_operation_count, OF(used)),
	COUNTER("vqtrace_operation_errors",
		"Requests completed with a status other than success, by operation.", NULL,
		TOP_DEVICE, put_operation_count, OF(errors)),
	COUNTER("vqtrace_operation_to_driver_bytes",
		"Data to the driver, of successful requests, by operation.", "bytes", TOP_DEVICE,
		put_operation_count, OF(bytes_in)),
	COUNTER("vqtrace_operation_to_device_bytes",
		"Data to the device, of successful requests, by operation.", "bytes", TOP_DEVICE,
		put_operation_count, OF(bytes_out)),
	TIMES("vqtrace_operation_seconds",
	      "Time from when the device popped a request until it was used, by operation.", true,
	      TOP_DEVICE, put_operation_time, 0),
	TIMES("vqtrace_request_stage_seconds",
	      "Time that requests spent in the stage that ends at this point.", false, TOP_DEVICE,
	      put_stages, 0),
	GAUGE("vqtrace_device_driver_ok", "1: the driver has set DRIVER_OK in the device status.",
	      NULL, TOP_DEVICE, put_status, VIRTIO_CONFIG_S_DRIVER_OK),
	GAUGE("vqtrace_device_needs_reset",
	      "1: the device has set DEVICE_NEEDS_RESET in the device status.", NULL, TOP_DEVICE,
	      put_status, VIRTIO_CONFIG_S_NEEDS_RESET),
	GAUGE("vqtrace_device_failed", "1: the driver has set FAILED in the device status.", NULL,
	      TOP_DEVICE, put_status, VIRTIO_CONFIG_S_FAILED),
	COUNTER("vqtrace_device_errors", "Errors of the driver that the device declared.", NULL,
		TOP_DEVICE, put_count, OF(device_errors)),
	COUNTER("vqtrace_findings",
		"Findings of the conformance checker, by who broke a rule and how severe it is.",
		NULL, TOP_DEVICE, put_findings, 0),
	{ { "vqtrace_build", "The program that serves this page.", EXPOSITION_INFO, NULL, false },
	  TOP_VM,
	  put_build,
	  0 },
	GAUGE("vqtrace_vms", "Virtual machines that are watched.", NULL, TOP_VM, put_vms, 0),
	COUNTER("vqtrace_events", "Records of the capture.", NULL, TOP_VM, put_events, 0),
	COUNTER("vqtrace_events_lost", "Records of the capture that were lost, as far as is known.",
		NULL, TOP_VM, put_lost, 0),
	GAUGE("vqtrace_events_lost_unknown", "1: more were lost, and how many is unknown.", NULL,
	      TOP_VM, put_lost_unknown, 0),
	COUNTER("process_cpu_seconds", "Processor time of vqtrace, user and system.", "seconds",
		TOP_VM, put_cpu, 0),
	GAUGE("process_resident_memory_bytes", "Memory of vqtrace that is resident.", "bytes",
	      TOP_VM, put_memory, 0),
	GAUGE("process_start_time_seconds", "When vqtrace began to serve, since the epoch.",
	      "seconds", TOP_VM, put_start, 0),
};

/* --- the page -------------------------------------------------------------- */

static void put_family(struct page *p, const struct family *f)
{
	exposition_begin(&p->e, &f->head);
	if (f->kind == TOP_VM)
		f->put(p, NULL, f);
	for (const struct series *s = p->series; s; s = s->hh.next)
		if (s->row->kind == f->kind)
			f->put(p, s, f);
}

/* Of the format that the client has chosen, which is the index in media[] below. */
static char *make_page(void *ctx, unsigned format, size_t *len)
{
	struct page p = { .core = ctx, .e.format = format };
	char *text = NULL;
	int err;

	p.e.to = open_memstream(&text, len);
	if (!p.e.to)
		return NULL;
	err = top_series_find(&p.series, ctx);
	for (size_t i = 0; !err && i < sizeof(families) / sizeof(families[0]); i++)
		put_family(&p, &families[i]);
	exposition_end(&p.e);
	top_series_free(p.series);
	if (fclose(p.e.to) || err) {
		free(text);
		return NULL;
	}
	return text;
}

int top_prom_open(struct http **out, const char *where, struct top_core *c)
{
	static const struct media media[] = {
		[EXPOSITION_TEXT] = { "text/plain", "0.0.4",
				      "text/plain; version=0.0.4; charset=utf-8" },
		[EXPOSITION_OPENMETRICS] = { "application/openmetrics-text", "1.0.0",
					     "application/openmetrics-text; version=1.0.0; "
					     "charset=utf-8" },
	};
	static const struct http_site site = {
		.option = "--prometheus",
		.port = "9752",
		.path = "/metrics",
		.root = "vqtrace top: the figures are at /metrics\n",
		.media = media,
		.nmedia = sizeof(media) / sizeof(media[0]),
		.page = make_page,
	};

	started = clock_ns(CLOCK_REALTIME);
	return http_open(out, &site, where, c);
}
