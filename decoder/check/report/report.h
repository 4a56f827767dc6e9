/* SPDX-License-Identifier: MIT */
/*
 * Findings for people and programs: text, JSON, JUnit, SARIF.  A finding that is
 * repeated (the same rule and device) is printed a few times, then counted.
 */
#ifndef VQT_DECODER_CHECK_REPORT_REPORT_H
#define VQT_DECODER_CHECK_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/check/check.h"
#include "decoder/check/sides.h"
#include "decoder/check/report/recent.h"

enum report_format {
	REPORT_TEXT,
	REPORT_JSON, /* an object a line: findings, rules, the summary, each with a "type" */
	REPORT_JUNIT, /* a test case a rule; printed at the end */
	REPORT_SARIF, /* 2.1.0 */
};
extern const char *const report_format_names[]; /* ends with NULL */

struct report_options {
	FILE *to; /* borrowed */
	enum report_format format;
	const char *trace; /* its name; borrowed */
	const char
		*window; /* the time that findings are reported of, in words; NULL all; borrowed */
	unsigned
		severity; /* enum check_severity: this and worse are printed, the rest is counted */
	unsigned fold; /* print so many of a rule and device; 0: all */
	bool color, ascii;
	bool verbose; /* text: also which rules were in order, and which never came up */
};

struct report;

/* 0; -ENOMEM; -EIO and the like from writing. The options are copied. */
int report_new(struct report **out, const struct report_options *o);
/* In the callback of the checker.  `kept` is where its events are looked for. */
int report_finding(struct report *r, const struct finding *f, const struct model *m,
		   const struct recent *kept);
/* In the callback of sides.h; 0 or an error of writing. */
int report_contradiction(struct report *r, const struct sides_contradiction *c);
uint64_t report_contradictions(const struct report *r); /* so far */
/* What both sides recorded, for the summary: by enum sides_what; borrowed until report_end(). */
void report_sides(struct report *r, const struct sides_count *counts);
/* The trace is broken, and why, in a line of UTF-8: a good report of it would mislead.  The first counts. */
void report_trouble(struct report *r, const char *why);
/* Findings so far of the requested severity or worse. */
uint64_t report_count(const struct report *r);
/*
 * Whether nothing at all was decided of a party (enum check_party; CHECK_PARTIES: of both): no
 * selected rule was broken or in order, and some could not be decided.  Then there being no
 * finding says nothing.
 */
bool report_undecided(const struct check *c, unsigned party);
/* After check_finish(): the summary.  `events`: how many were looked at. */
int report_end(struct report *r, const struct check *c, const struct model *m, uint64_t events);
void report_free(struct report *r);

/*
 * One finding in one line for a comment: "rule (party, severity, section): seen.
 * Expected: ..."; cut to fit.
 */
void report_comment(char *buf, size_t len, const struct finding *f);

#endif
