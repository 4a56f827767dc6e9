/* SPDX-License-Identifier: MIT */
/* --regression: a recording made short and anonymous, fit to become a test. */
#ifndef VQT_CLI_RECORD_REGRESSION_H
#define VQT_CLI_RECORD_REGRESSION_H

#include <stdbool.h>

/* What record's options ask for; zeroed: nothing. */
struct record_regression {
	const char *name, *origin;
	const char *read; /* a finished recording instead of a new one */
	char *whole; /* the whole recording, until the test is made of it */
};

/*
 * Before recording: where to, if -w (*path) does not say.  CLI_OK; else an
 * error was printed.
 */
int record_regression_begin(struct record_regression *r, const char **path);
/* After recording, which ended with `code`: the exit status of both. */
int record_regression_end(struct record_regression *r, const char *path, int code, bool quiet);

#endif
