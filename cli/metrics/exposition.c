/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "cli/metrics/exposition.h"
#include "decoder/util/text.h"

/* Powers of two of ns at which buckets of a histogram end, the first and the last. */
#define LEAST 10
#define MOST 34

static const struct type {
	const char *text, *openmetrics; /* what TYPE says */
	const char *suffix; /* of its samples */
} types[] = {
	[EXPOSITION_COUNTER] = { "counter", "counter", "_total" },
	[EXPOSITION_GAUGE] = { "gauge", "gauge", "" },
	[EXPOSITION_HISTOGRAM] = { "histogram", "histogram", "" },
	[EXPOSITION_INFO] = { "gauge", "info", "_info" },
};

void exposition_begin(struct exposition *e, const struct exposition_family *f)
{
	bool open = e->format == EXPOSITION_OPENMETRICS;
	const struct type *t = &types[f->type];
	const char *suffix = open ? "" : t->suffix;

	e->family = f;
	fprintf(e->to, "# TYPE %s%s %s\n", f->name, suffix, open ? t->openmetrics : t->text);
	if (open && f->unit)
		fprintf(e->to, "# UNIT %s %s\n", f->name, f->unit);
	fprintf(e->to, "# HELP %s%s %s\n", f->name, suffix, f->help);
}

/* "NAME_SUFFIX{LABELS} " */
static void put_name(struct exposition *e, const char *suffix, const char *labels)
{
	fprintf(e->to, *labels ? "%s%s{%s} " : "%s%s%s ", e->family->name, suffix, labels);
}

void exposition_u64(struct exposition *e, const char *labels, uint64_t value)
{
	put_name(e, types[e->family->type].suffix, labels);
	fprintf(e->to, "%" PRIu64 "\n", value);
}

static void put_seconds(FILE *to, uint64_t ns)
{
	fprintf(to, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

void exposition_ns(struct exposition *e, const char *labels, uint64_t ns)
{
	put_name(e, types[e->family->type].suffix, labels);
	put_seconds(e->to, ns);
}

static void put_bucket(struct exposition *e, const char *labels, const char *le, uint64_t n)
{
	fprintf(e->to, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", e->family->name, labels,
		*labels ? "," : "", le, n);
}

void exposition_histogram(struct exposition *e, const char *labels, const struct hist *h)
{
	uint64_t below = 0;
	unsigned b = 0;
	char le[24];

	for (unsigned half = 2 * LEAST; half <= 2 * MOST; half += e->family->fine ? 1 : 2) {
		uint64_t bound = (half & 1 ? UINT64_C(3) : UINT64_C(2)) << (half / 2 - 1);

		while (b < HIST_BUCKETS && hist_upper(b) < bound)
			below += h->bucket[b++];
		snprintf(le, sizeof(le), "%.12g", (double)bound / 1e9);
		put_bucket(e, labels, le, below);
	}
	put_bucket(e, labels, "+Inf", h->count);
	put_name(e, "_sum", labels);
	put_seconds(e->to, h->sum);
	put_name(e, "_count", labels);
	fprintf(e->to, "%" PRIu64 "\n", h->count);
}

void exposition_end(struct exposition *e)
{
	if (e->format == EXPOSITION_OPENMETRICS)
		fputs("# EOF\n", e->to);
}

/* text_untrusted() leaves no line end and makes UTF-8 of anything. */
void exposition_label(FILE *labels, const char *name, const char *value)
{
	TEXT(t, 1024);

	text_untrusted(&t, value, strlen(value));
	fprintf(labels, "%s%s=\"", ftell(labels) > 0 ? "," : "", name);
	for (const char *p = t.buf; *p; p++) {
		if (*p == '\\' || *p == '"')
			fputc('\\', labels);
		fputc(*p, labels);
	}
	fputc('"', labels);
}
