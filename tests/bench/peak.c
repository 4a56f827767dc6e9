/* SPDX-License-Identifier: MIT */
/*
 * Run a command, and say what it took: seconds, seconds of processor time, and the most memory that
 * was resident, in KiB.
 *
 *   peak FILE COMMAND...     FILE gets the line
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/util/clock.h"

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	FILE *f = argc > 2 ? fopen(argv[1], "we") : NULL;
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	struct rusage u;
	int status;
	pid_t pid;

	if (!f) {
		fprintf(stderr, "usage: peak FILE COMMAND...\n");
		return 2;
	}
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
		return 2;
	fprintf(f, "%.3f %.3f %ld\n", (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9,
		seconds(u.ru_utime) + seconds(u.ru_stime), u.ru_maxrss);
	if (fclose(f))
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
