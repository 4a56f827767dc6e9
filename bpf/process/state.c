/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/process/foreign.h"
#include "bpf/process/state.h"

/* The state letter that ps shows; 0: there is no such process; '?': not known. */
static char process_state(pid_t pid)
{
	struct foreign f;
	char stat[256], *p;
	ssize_t n;

	foreign_init(&f, pid, NULL);
	n = foreign_proc(&f, "stat", stat, sizeof(stat));
	if (n == -ENOENT || n == -ESRCH)
		return 0;
	p = n > 0 ? strrchr(stat, ')') : NULL;
	return p && p[1] == ' ' && p[2] ? p[2] : '?';
}

bool process_alive(pid_t pid)
{
	char state = process_state(pid);

	return state && state != 'Z' && state != 'X';
}

bool process_stopped(pid_t pid)
{
	char state = process_state(pid);

	return !state || state == '?' || state == 'T' || state == 't';
}

int process_eventfd(struct foreign *f, int fd)
{
	static const char key[] = "eventfd-count:";
	char file[32], text[512], *at;
	ssize_t n;

	snprintf(file, sizeof(file), "fdinfo/%d", fd);
	n = foreign_proc(f, file, text, sizeof(text));
	if (n < 0)
		return (int)n;
	at = strstr(text, key);
	return at ? strtoull(at + sizeof(key) - 1, NULL, 16) != 0 : -EINVAL;
}
