/* SPDX-License-Identifier: MIT */
/*
 * --check of commands that make traces: findings on stderr as they happen, and a
 * summary at the end.  It runs in the thread that reads the records; if that
 * thread falls behind, records are lost and counted as usual.
 */
#ifndef VQT_CLI_CHECK_LIVE_H
#define VQT_CLI_CHECK_LIVE_H

#include "cli/check/run.h"
#include "decoder/util/text.h"

struct check_live {
	bool on;
	struct check_run run;
	FILE *to; /* stderr, with a buffer if it may wait */
	uint64_t number; /* of the last record */
	bool line; /* a status line is on the terminal, to be erased */
	int err; /* checking ended early */
};

/*
 * What --check of a command does with its level, NULL where it was left out: 0, or
 * -EINVAL with the reason in `why`.
 */
int check_live_option(struct check_live *l, const char *severity, struct text *why);
#define CHECK_LIVE_HELP \
	"print rules of virtio that are broken as it happens, and a summary; LEVEL as in " \
	"'vqtrace check --severity'"
/* These do nothing unless the option was given.  `trace` names it in the summary; NULL: there is none. */
int check_live_begin(struct check_live *l, const char *trace);
void check_live_record(struct check_live *l, const void *bytes, size_t len);
/* Summary.  `code` so far, or CLI_FINDINGS in place of CLI_OK. */
int check_live_end(struct check_live *l, int code);

#endif
