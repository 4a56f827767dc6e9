/* SPDX-License-Identifier: MIT */
/* Checking a stream of records, from a file or as they are recorded: model, checker, report. */
#ifndef VQT_CLI_CHECK_RUN_H
#define VQT_CLI_CHECK_RUN_H

#include "cli/window.h"
#include "decoder/check/report/report.h"
#include "decoder/filter/filter.h"

struct check_run {
	struct report_options report;
	const char *rules; /* selection, NULL all */
	const struct filter *filter; /* of what is reported, NULL all */
	struct cli_window window; /* of what is reported; the whole trace is checked */
	uint64_t count; /* stop after so many findings printed, 0 never */
	bool flush; /* after every finding */
	/* Called with every finding that is reported, before it is printed; or NULL. */
	void (*found)(void *opaque, const struct finding *f);
	void *opaque;
	/* filled in */
	struct model *model;
	struct check *check;
	struct sides *sides; /* NULL: with --rules or -Y only rules are checked */
	struct recent *kept;
	struct report *out;
	const struct event *event; /* being checked */
	uint64_t events;
	int err; /* of the output */
	bool full; /* count is reached */
};

/* Prepare; CLI_OK, or CLI_TROUBLE and an error was printed. */
int check_run_begin(struct check_run *r);
/* The next record, already parsed.  0, -ENOMEM, or the error of the output. */
int check_run_record(struct check_run *r, const struct record *rec, uint64_t number);
/* The end of the trace, the summary, the exit status: CLI_OK, CLI_FINDINGS; errors are printed. */
int check_run_end(struct check_run *r);
/* Whether anything was decided, so that there being no findings says something. */
bool check_run_decided(const struct check_run *r);
void check_run_free(struct check_run *r);

#endif
