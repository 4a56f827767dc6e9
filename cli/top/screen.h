/* SPDX-License-Identifier: MIT */
/* The terminal side of top. */
#ifndef VQT_CLI_TOP_SCREEN_H
#define VQT_CLI_TOP_SCREEN_H

#include "cli/top/source.h"

/*
 * Before anything is opened: make the screen's process.  -1: go on; otherwise the
 * screen is over and this is the exit code.
 */
int top_screen_guard(void);
/* Show until the user has seen enough: CLI_OK, or CLI_TROUBLE, having said why. */
int top_screen_run(struct top_source *s, struct top_options *o);

#endif
