/* SPDX-License-Identifier: MIT */
/* The terminal side of top. */
#ifndef VQT_CLI_TOP_SCREEN_H
#define VQT_CLI_TOP_SCREEN_H

#include "cli/top/feed.h"

/*
 * Make the process that runs the screen; call it before anything is opened.  -1: go on, in
 * that process; otherwise the screen has ended and this is the exit code.
 */
int top_screen_guard(void);
/* Show the screen until the user quits: CLI_OK, or CLI_TROUBLE after an error. */
int top_screen_run(struct top_feed *s, struct top_options *o);

#endif
