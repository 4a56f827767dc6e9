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
	if (s->type)
		fprintf(to, ",\"type\":\"%s\"", s->type);
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
	}
	return rc ? rc : ferror(to) ? -EIO : 0;
}
