/* SPDX-License-Identifier: MIT */
/* A recording made small, anonymous and its own explanation: fit to become a test. */
#ifndef VQT_CLI_RECORD_REGRESSION_H
#define VQT_CLI_RECORD_REGRESSION_H

#include <stdbool.h>

/* What record's options ask for; zeroed: nothing. */
struct regression {
	const char *name, *origin;
	const char *read; /* a finished recording instead of a new one */
	char *stdin_copy; /* where the whole recording lies until then */
};

/*
 * Before recording: where to, if -w (*path) does not say.  CLI_OK; else an
 * error was printed.
 */
int regression_begin(struct regression *r, const char **path);
/* After recording, which ended with `code`: the exit status of both. */
int regression_end(struct regression *r, const char *path, int code, bool quiet);

#endif
