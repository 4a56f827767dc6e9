/* SPDX-License-Identifier: MIT */
/*
 * Give up what a serving process does not need once all its files are open: new
 * privileges, opening paths (landlock), and all but a short list of system calls
 * (seccomp).  A hostile client that exploits a bug then reaches only what is open already,
 * such as the disk and the trace.
 */
#ifndef VQT_EMU_SERVER_CONFINE_H
#define VQT_EMU_SERVER_CONFINE_H

#include <stdbool.h>

struct confine_result {
	bool no_new_privs, landlock, seccomp;
	int landlock_abi; /* 0: the kernel has none */
	int error; /* negative errno of the first that failed although the kernel has it */
	const char *failed; /* its name, NULL */
};

/*
 * dirfd: in this directory files may still be removed (the socket), -1: nowhere.
 * Returns 0 when all the kernel offers is in force.
 */
int confine(int dirfd, struct confine_result *out);

#endif
