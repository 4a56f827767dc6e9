/* SPDX-License-Identifier: MIT */
/* Differences for people and for programs. */
#ifndef VQT_DECODER_DIFF_PRINT_H
#define VQT_DECODER_DIFF_PRINT_H

#include <stdio.h>

#include "decoder/diff/diff.h"

/* Facts of a compared trace. */
struct diff_trace {
	const char *path;
	char source[160]; /* "qemu 7.2.22 (Debian ...)", untrusted */
	uint64_t events;
	struct model_loss lost;
};

struct print_diff_options {
	bool color, ascii;
	/* Print the events around one event as indented lines; NULL: print none. */
	void (*context)(void *opaque, FILE *to, enum diff_side side, uint64_t number,
			unsigned pair);
	void *opaque;
};

/* After diff_finish().  0 or a negative errno of the write. */
int print_diff(FILE *to, const struct diff *d, const struct diff_trace trace[DIFF_SIDES],
	       const struct print_diff_options *o);
/* One JSON object and a newline: the manual page describes it. */
int print_diff_json(FILE *to, const struct diff *d, const struct diff_trace trace[DIFF_SIDES]);

#endif
