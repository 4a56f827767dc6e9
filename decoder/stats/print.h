/* SPDX-License-Identifier: MIT */
/*
 * Prints statistics (decoder/stats/stats.h) for people and programs: a page for each device,
 * tables by one subject, latency histograms; as text, JSON or CSV.  The observer computes
 * all figures; this code only formats them and keeps no state.  JSON and CSV use the same
 * names; times are ns, sizes bytes, rates a second.
 */
#ifndef VQT_DECODER_STATS_PRINT_H
#define VQT_DECODER_STATS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/stats/findings.h"
#include "decoder/stats/stats.h"
#include "decoder/util/text.h"

enum stat_by {
	STAT_BY_QUEUE,
	STAT_BY_TYPE,
	STAT_BY_SIZE,
	STAT_BY_VCPU,
	STAT_BY_TIME,
	STAT_BYS,
};
extern const char *const stat_by_names[]; /* "queue"; ends with NULL */

enum stat_format {
	STAT_TEXT,
	STAT_JSON,
	STAT_CSV,
};

struct stat_view {
	const struct stats *stats;
	const struct model *model;
	const struct stat_findings *findings; /* NULL: the checker did not run */
	const struct check *check; /* the checker; NULL with findings */
	const char *filter; /* the filter that selected events; NULL: none did */
	const char *window; /* the words of --from and --to; NULL: the whole trace */
	uint64_t from, to; /* ns since the first event; 0: its beginning, its end */
	bool latency; /* JSON page: with the buckets of the histograms */
	unsigned width; /* columns that text may take, at least 60; 0: as many as it likes */
};

/* A page of text for each device; or all of it as one JSON object.  0, -EIO or -ENOMEM. */
int stat_print_page(FILE *to, const struct stat_view *v);
int stat_print_json(FILE *to, const struct stat_view *v);
/* One row a subject; JSON: one object a line. */
int stat_print_by(FILE *to, const struct stat_view *v, enum stat_by by, enum stat_format format);
/*
 * The same of one device as on its page, for HTML: a <table>, or nothing where there is no row.  Each
 * cell has the names and the values of JSON, as data-name and data-value.  d NULL: of threads.
 */
int stat_print_html(FILE *to, const struct stat_view *v, enum stat_by by,
		    const struct stats_device *d);
/*
 * The histograms of each device, and of each request type.  Text joins the
 * buckets of an octave.  0, -EIO or -ENOMEM.
 */
int stat_print_latency(FILE *to, const struct stat_view *v, enum stat_format format);

/* --- stages (decoder/stats/stages.h), for other views of them --- */

struct json_object;

/* "1.2 ms", "<102 us": no digit of what is between the sides is finer than +-error (ns). */
void stat_text_stage(struct text *t, uint64_t ns, uint64_t error);
/* "42.0": percent of the whole time of these requests, as exact as that is known. */
void stat_text_stage_share(struct text *t, const struct stats_stages *s,
			   const struct stages_alike *a, enum life_point p);
/*
 * Which of the stages takes the most of these requests' time: "42 % until handled (the interrupt's
 * way to the driver's handler)"; nothing if none takes any.
 */
void stat_text_longest(struct text *t, const struct stats_stages *s, const struct stages_alike *a);
/* As the JSON page has it; buckets: with those of the histograms.  To be put by the caller. */
struct json_object *stat_stages_json(const struct stats_stages *s, bool buckets);

#endif
