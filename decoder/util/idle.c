/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decoder/util/idle.h"

#define TEXT_MAX 65536 /* the lines of 600 processors; those of others are not counted */

void idle_open(struct idle *i)
{
	*i = (struct idle){ .fd = open("/proc/stat", O_RDONLY | O_CLOEXEC),
			    .hz = sysconf(_SC_CLK_TCK) };
	if (i->hz <= 0 || sched_getaffinity(0, sizeof(i->allowed), &i->allowed))
		idle_close(i);
}

void idle_close(struct idle *i)
{
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
}

uint64_t idle_ticks(const char *stat, const cpu_set_t *allowed)
{
	uint64_t sum = 0;

	for (const char *line = stat; line && !strncmp(line, "cpu", 3);) {
		unsigned long long idle, wait;
		unsigned cpu;

		/* user, nice and system come before them */
		if (sscanf(line, "cpu%u %*u %*u %*u %llu %llu", &cpu, &idle, &wait) == 3 &&
		    cpu < CPU_SETSIZE && CPU_ISSET(cpu, allowed))
			sum += idle + wait;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return sum;
}

int idle_percent(struct idle *i, uint64_t now)
{
	static char text[TEXT_MAX];
	uint64_t before = i->ticks, at = i->at;
	ssize_t n = i->fd < 0 ? -1 : pread(i->fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return -1;
	text[n] = 0;
	i->ticks = idle_ticks(text, &i->allowed);
	i->at = now;
	/* what waits for input and output may go back (proc_stat(5)) */
	if (!at || now <= at || i->ticks < before)
		return -1;
	return (int)((i->ticks - before) * 100 * UINT64_C(1000000000) / (uint64_t)i->hz /
		     (now - at));
}
