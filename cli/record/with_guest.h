/* SPDX-License-Identifier: MIT */
/* The port that record --with-guest gives a QEMU, and the socket behind it. */
#ifndef VQT_CLI_RECORD_WITH_GUEST_H
#define VQT_CLI_RECORD_WITH_GUEST_H

#define WITH_GUEST_DEVICE "vqtrace-serial" /* its id */

struct with_guest {
	char dir[64]; /* of the socket; "" none was made */
	char socket[72];
	char chardev[128], device[64], port[80]; /* arguments of QEMU */
	char **command; /* with them */
};

/*
 * The command with what the port needs.  NULL with *why, a static sentence: it is none of a QEMU, or
 * what the system says.
 */
char **with_guest_add(struct with_guest *w, char **command, const char **why);
void with_guest_end(struct with_guest *w); /* remove the socket */

#endif
