/* SPDX-License-Identifier: MIT */
/*
 * Starts QEMU so that probes see its first instruction.  The command runs under ptrace until
 * one of its processes has mapped a QEMU (directly, by a wrapper script, or through another
 * dynamic loader); that process is then stopped.
 */
#ifndef VQT_BPF_QEMU_LAUNCH_H
#define VQT_BPF_QEMU_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t child; /* the process that was started: signals go to it, and its exit status counts */
	pid_t qemu; /* the child or a descendant, stopped after it mapped QEMU; 0 if none did */
	bool exited; /* the child ended before there was a QEMU */
	int status; /* if exited: status of waitpid() */
};

/* Run argv until it has mapped QEMU.  Negative errno when it could not be started. */
int launch_start(struct launch *l, char *const argv[]);
/* Detach from the stopped process and let it run. */
void launch_release(struct launch *l);

#endif
