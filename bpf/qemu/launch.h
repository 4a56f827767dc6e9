/* SPDX-License-Identifier: MIT */
/*
 * Starting QEMU so that probes see it from its first instruction.  The command runs under
 * ptrace until one of its processes has mapped a QEMU (directly, by a wrapper script, or
 * through another dynamic loader), and stops there.
 */
#ifndef VQT_BPF_QEMU_LAUNCH_H
#define VQT_BPF_QEMU_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t child; /* the process that was started: signals go to it, and its exit status counts */
	pid_t qemu; /* that or a descendant, stopped with QEMU mapped; 0 if none came */
	bool exited; /* the child ended before there was a QEMU */
	int status; /* then: of waitpid */
};

/* Run argv until it has mapped QEMU.  Negative errno when it could not be started. */
int launch_start(struct launch *l, char *const argv[]);
/* Let it run on its own. */
void launch_release(struct launch *l);

#endif
