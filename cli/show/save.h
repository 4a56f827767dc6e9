/* SPDX-License-Identifier: MIT */
/* show -w: the events that a filter matched, as a trace of its own. */
#ifndef VQT_CLI_SHOW_SAVE_H
#define VQT_CLI_SHOW_SAVE_H

#include <stdbool.h>

#include "decoder/model/model.h"

struct save;

/* filter: the words of what is kept, for the trace's description.  CLI_OK or CLI_TROUBLE. */
int save_open(struct save **s, const char *path, const char *read, const char *filter);
/*
 * The next event: kept if it matched, or if it describes the trace, its sources or devices.
 * 0 or negative errno.
 */
int save_event(struct save *s, const struct event *e, bool matched);
/* Finish the file, say how much was kept; CLI_OK or CLI_TROUBLE.  s may be NULL. */
int save_close(struct save *s);

#endif
