/* SPDX-License-Identifier: MIT */
/* Standard input for commands that read a trace more than once. */
#ifndef VQT_CLI_STDIN_COPY_H
#define VQT_CLI_STDIN_COPY_H

struct spool {
	int fd; /* the copy; -1 none */
	char path[32]; /* opens it, from the start; "" none */
};

#define SPOOL_NONE \
	{ \
		.fd = -1 \
	}

/*
 * Copy standard input to its end into a file without a name, in TMPDIR or /tmp.
 * CLI_OK, or CLI_TROUBLE after saying what is wrong.
 */
int spool_stdin(struct spool *s);
void spool_close(struct spool *s); /* also of none */

#endif
