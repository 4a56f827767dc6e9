/* SPDX-License-Identifier: MIT */
/* Commands that serve strangers give up what they do not need, or say that they do not. */
#ifndef VQT_CLI_CONFINE_H
#define VQT_CLI_CONFINE_H

#include <stdbool.h>

/* Call it when all files are open.  proxy: as in confine(); unconfined: only warn. */
void cli_confine(bool proxy, bool unconfined, bool verbose);

#endif
