/* SPDX-License-Identifier: MIT */
/*
 * A program run beside us that is talked to over sockets: its descriptors are
 * given, its words on stderr are kept, and it never outlives us or stays behind.
 */
#ifndef VQT_DECODER_UTIL_CHILD_H
#define VQT_DECODER_UTIL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_FD 3 /* the first of the descriptors given, in the child */
#define CHILD_FDS 16

struct child {
	pid_t pid; /* of its process group, too; 0: none, or reaped */
	int err; /* its stderr: readable, non-blocking; -1 */
	char said[1024]; /* the last of what it said there */
	size_t said_len;
	bool ended;
	int status; /* of waitpid, once ended */
};

/*
 * Run argv[0] (looked for in PATH) with fds as its descriptors CHILD_FD and up;
 * stdin and stdout are /dev/null.  Negative errno, also when it could not be
 * executed; then there is no child.
 */
int child_start(struct child *c, char *const argv[], const int *fds, unsigned nfds);
/* Take what it said: when c->err is readable. */
void child_listen(struct child *c);
/* Has it ended?  Waits at most so long for that, ms. */
bool child_ended(struct child *c, int ms);
/* End it and all of its group.  Fine when there is none. */
void child_stop(struct child *c);
/* "ended with status 1: last line it said" in words. */
void child_words(struct child *c, char *buf, size_t size);

#endif
