/* SPDX-License-Identifier: MIT */
/*
 * Give up what a serving process does not need once all its files are open: new
 * privileges, opening paths (landlock), and all but a short list of system calls
 * (seccomp).  A hostile client that exploits a bug then reaches only what is open already,
 * such as the disk and the trace, and what its helper (helper.h) does.
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

/* For a device, or a proxy.  Returns 0 when all the kernel offers is in force. */
int confine(bool proxy, struct confine_result *out);

#endif
