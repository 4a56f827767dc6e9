/* SPDX-License-Identifier: MIT */
/*
 * Folds runs of lines of the timeline that say nothing of the trace's own devices: QEMU
 * registers some hundred device types when it starts.
 */
#ifndef VQT_DECODER_PRINT_FOLD_H
#define VQT_DECODER_PRINT_FOLD_H

#include "decoder/print/line.h"

struct line_fold {
	unsigned n; /* events of the run, 0: none is held back */
	unsigned step[2]; /* of them: types registered, classes initialised */
	uint32_t first_call, last_call; /* numbers of its calls, 0 none */
	struct text line; /* of the first event of the run */
	char buf[LINE_SIZE];
};

bool line_folds(const struct event *e); /* whether it is such an event */
/* Hold back such an event; false: it is none, print it after line_fold_end(). */
bool line_fold(struct line_fold *f, const struct event *e, const struct model *m,
	       struct line_options *o);
/* Print the run that was held back, if there is one, as a line.  Negative errno. */
int line_fold_end(FILE *to, struct line_fold *f);

#endif
