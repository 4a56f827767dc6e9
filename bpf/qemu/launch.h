/* SPDX-License-Identifier: MIT */
/*
 * Starting QEMU so that its first instruction of main can be seen: the command
 * runs under ptrace until it has mapped a QEMU, however it gets there (directly,
 * by a wrapper script, through another dynamic loader), and stops there.
 */
#ifndef VQT_BPF_QEMU_LAUNCH_H
#define VQT_BPF_QEMU_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t child; /* what we started: signals and exit status are its */
	pid_t qemu; /* that or a descendant, stopped with QEMU mapped; 0 if none came */
	bool exited; /* the child ended before there was a QEMU */
	int status; /* then: of waitpid */
};

/* Run argv until it has mapped QEMU.  Negative errno when it could not be started. */
int launch_start(struct launch *l, char *const argv[]);
/* Let it run on its own. */
void launch_release(struct launch *l);

#endif
