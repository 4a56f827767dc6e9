/* SPDX-License-Identifier: MIT */
/*
 * A process beside a confined one (confine.h), for what must still be done with paths: remove a
 * socket, open the next file of a trace, connect to a back end.  It does tasks from a list that
 * was fixed before, and takes nothing but a task's number and one argument, so whoever takes
 * over the confined process gains these tasks alone.
 */
#ifndef VQT_EMU_SERVER_HELPER_H
#define VQT_EMU_SERVER_HELPER_H

#include <stdint.h>

struct helper_task {
	/*
	 * In the helper.  A descriptor (then *gives is set; it is passed on and closed), 0, or
	 * negative errno.
	 */
	int (*run)(void *opaque, uint32_t arg, int *gives);
	void *opaque; /* as it was when the helper started */
};

struct helper;

/*
 * Start it: it has a copy of all memory, so do this early; and no descriptor.  It ends with this
 * process, not by signals of a terminal.  `task` (n of them) must stay.  Negative errno.
 */
int helper_start(struct helper **out, const struct helper_task *task, unsigned n);
/* Have a task done and wait for it.  Its descriptor, which the caller owns, 0 or negative errno. */
int helper_ask(struct helper *h, unsigned task, uint32_t arg);
void helper_end(struct helper *h); /* NULL is fine */

#endif
