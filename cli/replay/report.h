/* SPDX-License-Identifier: MIT */
/* What replay tells: differences with the events before them, and the summary. */
#ifndef VQT_CLI_REPLAY_REPORT_H
#define VQT_CLI_REPLAY_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/print/line.h"
#include "emu/replay/replay.h"

struct tale;

struct tale_options {
	const char *trace, *against;
	bool json, verbose, quiet, color;
};

struct tale *tale_new(void); /* NULL: no memory */
void tale_free(struct tale *r);
/* Keep a difference; of very many the first ones. */
void tale_difference(struct tale *r, const struct replay_divergence *d);
/* One difference at once, for --step. */
void tale_now(FILE *to, const struct replay_divergence *d, const struct line_options *line);
/* Are there differences whose surroundings are still to be read? */
bool tale_wants_context(struct tale *r);
/* One event of the recording, in order; keeps its line where it is wanted. 0, 1: enough, or -ENOMEM. */
int tale_context(struct tale *r, const struct event *e, const struct model *m,
		 struct line_options *line);
void tale_print(FILE *to, struct tale *r, const struct replay *p,
		const struct replay_declared *declared, const struct tale_options *o);
/* Undeclared differences, or declarations that nothing met. */
bool tale_findings(const struct tale *r, const struct replay *p,
		   const struct replay_declared *declared, const char *against);

#endif
