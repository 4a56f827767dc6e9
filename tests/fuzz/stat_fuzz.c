/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace, counted and printed in every form.  Whatever it says, what
 * is counted twice is counted alike.  The input is as trace_fuzz has it; the second
 * bit of the first byte: only every third event is counted.
 */
#include <stdlib.h>

#include "decoder/stacks/flame.h"
#include "decoder/report/html.h"
#include "decoder/report/svg.h"
#include "decoder/stats/print.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *null;

struct run {
	struct model *m;
	struct stats *s;
	struct stack_counts stacks;
	struct slow *slow;
	bool some;
	bool posted; /* a buffer that waits for an event was seen */
	uint64_t n;
};

static void must_at(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "stat_fuzz.c:%d: does not hold: %s\n", line, what);
	abort();
}
#define must(holds) must_at(holds, #holds, __LINE__)

static void feed(void *to, const struct record *rec)
{
	struct run *r = to;
	struct event e;

	must(!model_feed(r->m, rec, ++r->n, &e));
	r->posted |= e.req && e.req->posted;
	must(!stats_feed(r->s, r->m, &e, !r->some || r->n % 3 == 0));
	must(!stack_counts_add(&r->stacks, &e));
	must(!slow_feed(r->slow, r->m, &e, !r->some || r->n % 3 == 0));
}

static uint64_t bucket_sum(const struct hist *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

static void agree(const struct stats_device *d, bool all, bool posted)
{
	uint64_t types = 0, sizes = 0, slices = 0, queues = 0, kicks = 0, flight = 0;

	for (unsigned i = 0; i < STATS_TYPES; i++) {
		uint64_t used = d->type[i] ? d->type[i]->counts.used : 0, timed;

		types += used;
		if (!used)
			continue;
		/* posted buffers have no duration, either, but count as used */
		timed = bucket_sum(&d->type[i]->service) + d->type[i]->counts.untimed;
		must(posted ? timed <= used : timed == used);
	}
	for (unsigned i = 0; i < STATS_SIZES; i++)
		sizes += d->size[i] ? d->size[i]->counts.used : 0;
	for (unsigned i = 0; i < d->nslices; i++)
		slices += d->slice[i].used;
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next) {
		queues += q->counts.used;
		kicks += q->counts.kicks;
		flight += q->flight;
		must(q->flight <= q->flight_max);
	}
	must(types == d->counts.used && sizes == d->counts.used && slices == d->counts.used);
	must(!all || (queues == d->counts.used && kicks == d->counts.kicks));
	must(flight == d->flight);
	must(d->counts.announced + d->counts.found <= d->counts.popped - d->counts.posted);
	must(d->counts.irqs_wanted + d->counts.irqs_unwanted <= d->counts.used);
	must(d->nslices <= STATS_SLICES);
}

static void agree_stages(const struct stats_stages *s)
{
	uint64_t n = 0;

	must(s->both + s->unmatched <= s->requests && s->whole.count <= s->requests);
	for (unsigned b = 0; b < COARSE_BUCKETS; b++)
		n += s->alike[b].requests;
	must(n == s->whole.count);
	for (unsigned p = 0; p < LIFE_POINTS; p++)
		must(s->until[p].count <= n);
}

/* Queues and types have no more than their device. */
static void agree_lives(const struct stats_device *d)
{
	uint64_t queues = 0, types = 0;

	if (!d->stages)
		return;
	agree_stages(d->stages);
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next) {
		if (!q->stages)
			continue;
		agree_stages(q->stages);
		queues += q->stages->requests;
	}
	for (unsigned i = 0; i < STATS_TYPES; i++) {
		if (!d->type_stages[i])
			continue;
		agree_stages(d->type_stages[i]);
		types += d->type_stages[i]->requests;
	}
	must(queues <= d->stages->requests && types <= d->stages->requests);
}

static void print(struct run *r)
{
	const struct stat_view v = {
		.stats = r->s, .model = r->m, .latency = true, .filter = r->some ? "some" : NULL
	};

	for (unsigned by = 0; by < STAT_BYS; by++)
		for (unsigned format = STAT_TEXT; format <= STAT_CSV; format++)
			must(!stat_print_by(null, &v, (enum stat_by)by, (enum stat_format)format));
	for (unsigned format = STAT_TEXT; format <= STAT_CSV; format++)
		must(!stat_print_latency(null, &v, (enum stat_format)format));
	must(!stat_print_page(null, &v));
	must(!stat_print_json(null, &v));
	must(!plot_svg(null, &v));
	must(!report_html(null, &v, r->slow, "fuzz"));
	must(!flame_svg(null, &r->stacks, "fuzz"));
	must(!stack_counts_print(null, &r->stacks));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct model_life *lives;
	const struct stats_device *d;
	struct run r = { 0 };

	if (!null)
		null = fopen("/dev/null", "w");
	if (!size || !null)
		return 0;
	r.m = model_new();
	r.s = stats_new();
	r.slow = slow_new();
	r.some = data[0] & 2;
	records_each(data, size, feed, &r);
	lives = model_finish(r.m);
	must(!stats_lives(r.s, lives));
	must(!stats_end(r.s));
	slow_finish(r.slow, lives);
	for (unsigned i = 0; (d = stats_device_nth(r.s, i)); i++) {
		agree(d, !stats_total(r.s)->left_out, r.posted);
		agree_lives(d);
	}
	print(&r);
	slow_free(r.slow);
	stats_free(r.s);
	model_free(r.m);
	return 0;
}
