/* SPDX-License-Identifier: MIT */
/*
 * Families of metrics in the formats that Prometheus and what reads the same scrape: its text format
 * 0.0.4, and OpenMetrics 1.0.0.
 */
#ifndef VQT_CLI_METRICS_EXPOSITION_H
#define VQT_CLI_METRICS_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/util/histogram.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };
enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO
};

struct exposition_family {
	/* Without what a type adds to the name of its samples: _total, _bucket, _info ... */
	const char *name;
	const char *help; /* a sentence without a backslash, a quote or a line end */
	enum exposition_type type;
	const char *unit; /* the name ends with it: "seconds", "bytes"; NULL: a number of things */
	bool fine; /* of a histogram: two buckets for each power of two, not one */
};

struct exposition {
	FILE *to; /* borrowed; the caller looks at ferror() */
	enum exposition_format format;
	const struct exposition_family *family; /* whose samples come */
};

/* What stands in front of a family's samples, which must all come before the next family. */
void exposition_begin(struct exposition *e, const struct exposition_family *f);
/*
 * A sample.  labels: as exposition_label() makes them, "" none.  No two of a family have the same;
 * the caller sees to it.
 */
void exposition_u64(struct exposition *e, const char *labels, uint64_t value);
/* Of nanoseconds in a family of seconds. */
void exposition_ns(struct exposition *e, const char *labels, uint64_t ns);
/*
 * Of nanoseconds, too: buckets from 1.024 us to 17.2 s.  A duration of exactly a bucket's bound is
 * counted in the next one.
 */
void exposition_histogram(struct exposition *e, const char *labels, const struct hist *h);
/* The end of the page. */
void exposition_end(struct exposition *e);

/* Append name="value" to labels; a value is of unknown origin, name is ours. */
void exposition_label(FILE *labels, const char *name, const char *value);

#endif
