/* SPDX-License-Identifier: MIT */
/* The formats of reports among themselves. */
#ifndef VQT_DECODER_CHECK_REPORT_IMPL_H
#define VQT_DECODER_CHECK_REPORT_IMPL_H

#include "decoder/check/report/report.h"
#include "decoder/util/hash.h"
#include "decoder/print/line.h"
#include "decoder/check/rule.h"
#include "decoder/util/text.h"

/* How often a rule was broken by a device. */
struct report_tally {
	struct report_key {
		const struct rule *rule;
		uint64_t device;
	} key;
	char name[40]; /* of the device */
	uint64_t found, printed;
	UT_hash_handle hh;
};

struct report {
	struct report_options o;
	const struct report_ops *ops;
	struct report_tally *tally; /* by first finding */
	uint64_t shown, hidden; /* findings by severity */
	uint64_t by[CHECK_PARTIES][CHECK_SEVERITIES];
	uint64_t contradictions;
	bool begun;
	const struct sides_count *sides; /* NULL: no device has both */
	uint64_t printed; /* items of a list, for its commas */
	struct report_case *cases; /* JUnit */
	char trouble[400]; /* why the trace could not be read to its end; "" */
};

/* An event that a finding speaks of, as printed. */
#define REPORT_LINES (CHECK_RELATED + 4)
struct report_line {
	uint64_t number;
	const char *what; /* why it matters; NULL: just what came right before */
	char *text; /* as `show` prints it, no newline; NULL: no longer known */
};

struct report_context {
	struct report_line line[REPORT_LINES]; /* in order; the last is the event itself */
	unsigned n;
};
/* 0, or -ENOMEM: then there is nothing to free. */
int report_context(struct report_context *x, const struct report *r, const struct finding *f,
		   const struct model *m, const struct recent *kept);
void report_context_free(struct report_context *x);

/* What became of a rule, in a word. */
enum report_state { STATE_BROKEN, STATE_PASSED, STATE_NEVER, STATE_UNDECIDED, STATES };
enum report_state report_state(const struct check_tally *t);
/* The next rule from *i on that is selected, and what became of it; NULL at the end. */
const struct rule *report_rule(const struct check *c, unsigned *i, struct check_tally *t);
extern const char *const report_states[STATES]; /* "in order" */

/* One a format.  What they write may fail: the caller looks at ferror(). */
struct report_ops {
	void (*begin)(struct report *r); /* or NULL */
	void (*finding)(struct report *r, const struct finding *f, const struct report_context *x);
	void (*contradiction)(struct report *r, const struct sides_contradiction *c); /* or NULL */
	/* The first that is not printed because of o.fold; or NULL. */
	void (*folded)(struct report *r, const struct finding *f);
	void (*end)(struct report *r, const struct check *c, const struct model *m,
		    uint64_t events);
	void (*free)(struct report *r); /* or NULL */
};
extern const struct report_ops report_text, report_json, report_junit, report_sarif;

#endif
