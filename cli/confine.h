/* SPDX-License-Identifier: MIT */
/* Commands that serve strangers give up what they do not need, or say that they do not. */
#ifndef VQT_CLI_CONFINE_H
#define VQT_CLI_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Give up all capabilities but these (bit n: capability n), for good.  Call it when what needs more is
 * done, and a command that is to have all its user's is started.
 */
void cli_keep_capabilities(uint64_t keep, bool verbose);
/* Call it when all files are open.  proxy: as in confine(); unconfined: only warn. */
void cli_confine(bool proxy, bool unconfined, bool verbose);

#endif
