/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/process/foreign.h"
#include "bpf/process/state.h"

/* The state letter that ps shows; 0 when there is no such process. */
static char process_state(pid_t pid)
{
	struct foreign f;
	char stat[256], *p;

	foreign_init(&f, pid, NULL);
	if (foreign_proc(&f, "stat", stat, sizeof(stat)) < 0)
		return 0;
	p = strrchr(stat, ')');
	return p && p[1] == ' ' ? p[2] : 0;
}

bool process_alive(pid_t pid)
{
	char state = process_state(pid);

	return state && state != 'Z' && state != 'X';
}

bool process_stopped(pid_t pid)
{
	char state = process_state(pid);

	return !state || state == 'T' || state == 't';
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
