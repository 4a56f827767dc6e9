/* SPDX-License-Identifier: MIT */
/* The report of a replay: differences with the events before them, and the summary. */
#ifndef VQT_CLI_REPLAY_REPORT_H
#define VQT_CLI_REPLAY_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/print/line.h"
#include "emu/replay/replay.h"

struct replay_report;

struct replay_report_options {
	const char *trace, *against;
	bool json, verbose, quiet, color;
};

struct replay_report *replay_report_new(void); /* NULL: no memory */
void replay_report_free(struct replay_report *r);
/* Keep a difference; only the first 200 are kept. */
void replay_report_difference(struct replay_report *r, const struct replay_divergence *d);
/* Print one difference at once, for --step. */
void replay_report_now(FILE *to, const struct replay_divergence *d,
		       const struct line_options *line);
/* Are there differences, for which the trace is to be read once more? */
bool replay_report_wants_context(struct replay_report *r);
/* One event of the recording, in order; keeps its line where it is wanted.  0; 1: enough; -ENOMEM. */
int replay_report_context(struct replay_report *r, const struct event *e, const struct model *m,
			  struct line_options *line);
void replay_report_print(FILE *to, struct replay_report *r, const struct replay *p,
			 const struct replay_declared *declared,
			 const struct replay_report_options *o);
/* Are there undeclared differences, or declarations that match none? */
bool replay_report_findings(const struct replay_report *r, const struct replay *p,
			    const struct replay_declared *declared, const char *against);

#endif
