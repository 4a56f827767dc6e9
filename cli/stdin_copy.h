/* SPDX-License-Identifier: MIT */
/* Standard input for commands that read a trace more than once. */
#ifndef VQT_CLI_STDIN_COPY_H
#define VQT_CLI_STDIN_COPY_H

struct stdin_copy {
	int fd; /* the copy; -1 none */
	char path[32]; /* opens it, from the start; "" none */
};

#define STDIN_COPY_NONE \
	{ \
		.fd = -1 \
	}

/*
 * Copy standard input to its end into a file without a name, in TMPDIR or /tmp.
 * CLI_OK, or CLI_TROUBLE after saying what is wrong.
 */
int stdin_copy_make(struct stdin_copy *s);
void stdin_copy_close(struct stdin_copy *s); /* also of none */

#endif
