/* SPDX-License-Identifier: MIT */
/* Latency histograms: all buckets for programs, octaves with bars for people. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/stats/print_impl.h"

#define BAR 50
#define BEFORE_BAR 36 /* columns */

/* One histogram and what it is of. */
struct subject {
	const char *device;
	const char *span; /* name and title */
	const char *title;
	const char *type; /* NULL: all types */
	const struct hist *h;
	/* Of stages; JSON alone has all of it. */
	bool staged;
	const struct stats_queue *queue; /* NULL: all queues */
	double share; /* of the whole, percent */
	uint64_t error; /* +- ns; 0: of one side's clock */
	unsigned bar; /* length of the longest */
};

typedef int subject_fn(FILE *to, const struct subject *s);

static void octave_label(struct text *t, unsigned octave)
{
	text_duration(t, octave ? UINT64_C(1) << octave : 0);
}

static int text_octaves(FILE *to, const struct subject *s)
{
	uint64_t octave[64] = { 0 }, most = 0;
	unsigned first = 64, last = 0;

	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		unsigned o = 63 - (unsigned)__builtin_clzll(hist_lower(b) | 1);

		if (!s->h->bucket[b])
			continue;
		octave[o] += s->h->bucket[b];
		most = octave[o] > most ? octave[o] : most;
		first = o < first ? o : first;
		last = o;
	}
	fprintf(to, "%s%s%s, %s: %" PRIu64 "\n", s->device, s->type ? " " : "",
		s->type ? s->type : "", s->title, s->h->count);
	for (unsigned o = first; o <= last; o++) {
		static const char hashes[BAR + 1] =
			"##################################################";
		unsigned bar = (unsigned)((double)octave[o] / (double)most * s->bar);
		TEXT(lo, 24);
		TEXT(hi, 24);

		octave_label(&lo, o);
		if (o < HIST_OCTAVES)
			octave_label(&hi, o + 1);
		else
			text_puts(&hi, "more");
		bar = octave[o] && !bar ? 1 : bar;
		fprintf(to, "  %9s .. %-9s %9" PRIu64 " |%.*s\n", lo.buf, hi.buf, octave[o],
			(int)bar, hashes);
	}
	return fputc('\n', to) < 0 ? -EIO : 0;
}

static int csv_buckets(FILE *to, const struct subject *s)
{
	for (unsigned b = 0; b < HIST_BUCKETS; b++)
		if (s->h->bucket[b])
			fprintf(to, "%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", s->device,
				s->span, s->type ? s->type : "", hist_lower(b), hist_upper(b),
				s->h->bucket[b]);
	return ferror(to) ? -EIO : 0;
}

static int json_buckets(FILE *to, const struct subject *s)
{
	const char *comma = "";

	fprintf(to, "{\"device\":\"%s\",\"span\":\"%s\"", s->device, s->span);
	if (s->queue)
		fprintf(to, ",\"queue\":%u", s->queue->index);
	if (s->type)
		fprintf(to, ",\"type\":\"%s\"", s->type);
	if (s->staged)
		fprintf(to, ",\"share\":%.3f,\"error\":%" PRIu64, s->share, s->error);
	fprintf(to,
		",\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ",\"min\":%" PRIu64 ",\"max\":%" PRIu64,
		s->h->count, s->h->sum, s->h->min, s->h->max);
	for (unsigned i = 0; i < STAT_PERCENTILES; i++)
		fprintf(to, ",\"%s\":%" PRIu64, stat_percentiles[i].name,
			hist_percentile(s->h, stat_percentiles[i].ppm));
	fputs(",\"buckets\":[", to);
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		if (!s->h->bucket[b])
			continue;
		fprintf(to, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", comma, hist_lower(b),
			hist_upper(b), s->h->bucket[b]);
		comma = ",";
	}
	return fputs("]}\n", to) < 0 ? -EIO : 0;
}

static int each_subject(FILE *to, const struct stat_view *v, const struct stats_device *d,
			const struct model_device *dev, subject_fn *fn)
{
	struct subject s = { .device = dev->name,
			     .bar = stat_width(v, BEFORE_BAR + BAR) - BEFORE_BAR };
	int rc = 0;

	for (unsigned i = 0; i < STATS_SPANS && !rc; i++) {
		s.h = d->span[i];
		s.span = stats_span_names[i].name;
		s.title = stats_span_title(i, dev);
		if (s.h && s.h->count)
			rc = fn(to, &s);
	}
	s.span = stats_span_names[STATS_SERVICE].name;
	s.title = stats_span_title(STATS_SERVICE, dev);
	for (unsigned i = 0; i < STATS_TYPES && !rc; i++) {
		if (!d->type[i])
			continue;
		s.h = &d->type[i]->service;
		s.type = stats_type_name(dev->class, i);
		if (s.type)
			rc = fn(to, &s);
	}
	return rc;
}

/* --- stages --------------------------------------------------------------------------------- */

/* Each stage, and the whole life, of these requests. */
static int each_stage(FILE *to, const struct subject *of, const struct stats_stages *st,
		      subject_fn *fn)
{
	struct subject s = *of;
	struct stages_alike all;
	int rc = 0;

	if (!st || !st->whole.count)
		return 0;
	stages_slowest(st, 1000000, &all);
	s.staged = true;
	for (enum life_point p = 0; p < LIFE_POINTS && !rc; p++) {
		char span[32];

		if (!st->until[p].count)
			continue;
		snprintf(span, sizeof(span), "until_%s", life_point_name(p));
		s.span = span;
		s.title = life_point_help(p);
		s.h = &st->until[p];
		s.share = 100 * stats_ratio(all.sum[p], stages_sum(&all));
		s.error = stages_error(st, p);
		rc = fn(to, &s);
	}
	return rc;
}

static int whole_life(FILE *to, const struct subject *of, const struct stats_stages *st,
		      subject_fn *fn)
{
	struct subject s = *of;

	if (!st || !st->whole.count)
		return 0;
	s.span = "life";
	s.title = "first point to last";
	s.h = &st->whole;
	s.staged = true;
	s.share = 100;
	return fn(to, &s);
}

/* For people: the histogram of the whole, and a table of stages. */
static int stage_table(FILE *to, const struct stat_view *v, const struct subject *of,
		       const struct stats_stages *st)
{
	TEXT(name, 160);

	if (!st)
		return 0;
	text_puts(&name, of->device);
	if (of->queue)
		text_add(&name, " q%u", of->queue->index);
	if (of->type)
		text_add(&name, " %s", of->type);
	text_puts(&name, ", stages: ");
	stat_print_stages(to, st, name.buf, stat_width_all(v), !of->queue && !of->type);
	return fputc('\n', to) < 0 ? -EIO : 0;
}

static int stages_of(FILE *to, const struct stat_view *v, const struct subject *of,
		     const struct stats_stages *st, subject_fn *fn)
{
	int rc = 0;

	if (fn != text_octaves || (!of->queue && !of->type))
		rc = whole_life(to, of, st, fn);
	if (rc)
		return rc;
	return fn == text_octaves ? stage_table(to, v, of, st) : each_stage(to, of, st, fn);
}

/* Is this the only one of its kind, of which all is said already? */
static bool is_sole(const struct stats_stages *one, const struct stats_stages *all)
{
	return one && one->requests == all->requests;
}

static int device_stages(FILE *to, const struct stat_view *v, const struct stats_device *d,
			 const struct model_device *dev, subject_fn *fn)
{
	struct subject s = { .device = dev->name,
			     .bar = stat_width(v, BEFORE_BAR + BAR) - BEFORE_BAR };
	bool text = fn == text_octaves;
	int rc;

	if (!d->stages)
		return 0;
	rc = stages_of(to, v, &s, d->stages, fn);
	for (unsigned i = 0; i < STATS_TYPES && !rc; i++) {
		s.type = stats_type_name(dev->class, i);
		if (s.type && !(text && is_sole(d->type_stages[i], d->stages)))
			rc = stages_of(to, v, &s, d->type_stages[i], fn);
	}
	s.type = NULL;
	/* CSV has no column for it */
	for (s.queue = fn == csv_buckets ? NULL : d->queues; s.queue && !rc;
	     s.queue = s.queue->hh.next)
		if (!(text && is_sole(s.queue->stages, d->stages)))
			rc = stages_of(to, v, &s, s.queue->stages, fn);
	return rc;
}

int stat_print_latency(FILE *to, const struct stat_view *v, enum stat_format format)
{
	static subject_fn *const printers[] = {
		[STAT_TEXT] = text_octaves,
		[STAT_JSON] = json_buckets,
		[STAT_CSV] = csv_buckets,
	};
	const struct stats_device *d;
	int rc = 0;

	if (format == STAT_CSV)
		fputs("device,span,type,lower,upper,count\n", to);
	for (unsigned i = 0; !rc && (d = stats_device_nth(v->stats, i)); i++) {
		const struct model_device *dev = model_device(v->model, d->id);

		if (dev)
			rc = each_subject(to, v, d, dev, printers[format]);
		if (dev && !rc)
			rc = device_stages(to, v, d, dev, printers[format]);
	}
	return rc ? rc : ferror(to) ? -EIO : 0;
}
