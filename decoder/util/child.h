/* SPDX-License-Identifier: MIT */
/*
 * Starting other programs: one that is talked to over descriptors and whose stderr is
 * read, one that shares our terminal, and one that is held until somebody traces it.
 */
#ifndef VQT_DECODER_UTIL_CHILD_H
#define VQT_DECODER_UTIL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_FD 3 /* the first of the descriptors given, in the child */
#define CHILD_FDS 16

/* --- a program with descriptors of its own; it never outlives this process --- */

struct child {
	pid_t pid; /* also its process group; 0: none, or reaped */
	int err; /* reads its stderr, non-blocking; -1 once that is closed */
	char said[1024]; /* the last that it wrote there */
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
/* Read what it wrote to stderr: when c->err is readable. */
void child_listen(struct child *c);
/* Has it ended?  Waits at most ms for that. */
bool child_ended(struct child *c, int ms);
/* Kill it and its process group.  Allowed when there is none. */
void child_stop(struct child *c);
/* "ended with status 1: the last line of its stderr". */
void child_words(struct child *c, char *buf, size_t size);

/* --- a program that shares our stdin, stdout, stderr and process group -------- */

/*
 * Run file (looked for in PATH) with these arguments.  Its pid, which the caller waits
 * for; or negative errno, also when it could not be executed.
 */
pid_t child_run(const char *file, char *const argv[]);

/* The same in steps: between the first two the child exists and has executed nothing. */
struct child_held {
	pid_t pid;
	int go, failed; /* private */
};
int child_hold(struct child_held *h, char *const argv[]); /* 0 or negative errno */
int child_go(struct child_held *h); /* 0 or negative errno */
/*
 * Waits until it has executed argv[0] or ended: 0, or the negative errno of the attempt.
 * It is not to be asked while somebody else keeps the child from running.
 */
int child_outcome(struct child_held *h);
void child_forget(struct child_held *h); /* release what this holds; the child is left alone */

#endif
