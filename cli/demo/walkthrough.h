/* SPDX-License-Identifier: MIT */
/* The walkthrough of a trace, for `vqtrace demo`. */
#ifndef VQT_CLI_DEMO_WALKTHROUGH_H
#define VQT_CLI_DEMO_WALKTHROUGH_H

#include <stdbool.h>

/* Walk through the trace at path on standard output; enum cli_exit. */
int demo_walkthrough(const char *path, bool color, bool ascii);

#endif
