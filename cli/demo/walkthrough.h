/* SPDX-License-Identifier: MIT */
/* A guided tour of a trace, for `vqtrace demo`. */
#ifndef VQT_CLI_DEMO_WALKTHROUGH_H
#define VQT_CLI_DEMO_WALKTHROUGH_H

#include <stdbool.h>

/* Walk through the trace at path on standard output; enum cli_exit. */
int walkthrough(const char *path, bool color, bool ascii);

#endif
