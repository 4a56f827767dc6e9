/* SPDX-License-Identifier: MIT */
/* What a process does at this moment. */
#ifndef VQT_BPF_PROCESS_STATE_H
#define VQT_BPF_PROCESS_STATE_H

#include <stdbool.h>
#include <sys/types.h>

struct foreign; /* bpf/process/foreign.h */

bool process_alive(pid_t pid); /* also true if that cannot be found out now */
/* Whether it is stopped by a signal or a debugger; also true if its state cannot be read. */
bool process_stopped(pid_t pid);
/* Whether the count of its eventfd is above 0: 1 or 0; negative errno if fd is not an eventfd. */
int process_eventfd(struct foreign *f, int fd);

#endif
