/* SPDX-License-Identifier: MIT */
/*
 * What wakes the reader of a capture before its time-out: a buffer that has filled, and the end of a
 * process.  What merely is in the buffer does not: many records are read at once, and a process of which
 * nothing comes costs nothing.
 */
#ifndef VQT_BPF_CAPTURE_WAKE_H
#define VQT_BPF_CAPTURE_WAKE_H

#include "bpf/session/session.h"

/* For c->rb, which is there: 0 or negative errno. */
int wake_open(struct capture *c);
void wake_close(struct capture *c);
/* Be woken by the end of the process, too; where that cannot be, wake_look() sees it. */
void wake_add(struct target *t);
void wake_remove(struct target *t);
/* Wait up to timeout_ms; marks the processes that have ended.  0, or negative errno (EINTR). */
int wake_wait(struct capture *c, int timeout_ms);
/* Mark the process if it has ended and nothing would say so. */
void wake_look(struct target *t);

#endif
