/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/guest/ptp.h"
#include "decoder/util/clock.h"

#define NAME "KVM virtual PTP\n" /* drivers/ptp/ptp_kvm_common.c */
#define READS 3 /* of which the shortest counts */

/* Has the file these contents? */
static bool is(const char *path, const char *text)
{
	char buf[64];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, sizeof(buf), f) : 0;

	if (f)
		fclose(f);
	return n == strlen(text) && !memcmp(buf, text, n);
}

bool ptp_find(const char *dir, char *device, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		char path[PATH_MAX];
		unsigned n;

		if (sscanf(e->d_name, "ptp%u", &n) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s/clock_name", dir, e->d_name);
		found = is(path, NAME);
		if (found)
			snprintf(device, size, "/dev/ptp%u", n);
	}
	if (d)
		closedir(d);
	return found;
}

static bool open_clock(struct ptp *p)
{
	char device[32];

	if (p->open || !ptp_find("/sys/class/ptp", device, sizeof(device)))
		return p->open;
	p->fd = open(device, O_RDONLY | O_CLOEXEC);
	p->open = p->fd >= 0;
	return p->open;
}

/*
 * PTP_SYS_OFFSET_PRECISE would give a time of CLOCK_REALTIME, which may be set meanwhile.  Between
 * two reads of the clock that is recorded the call takes some microseconds.
 */
void ptp_read_clock(clockid_t clock, struct vqt_exchange *x)
{
	uint64_t least = UINT64_MAX, asked = x->from;

	for (unsigned i = 0; i < READS; i++) {
		uint64_t from = clock_ns(CLOCK_MONOTONIC), until;
		struct timespec ts;
		int rc = clock_gettime(clock, &ts);

		until = clock_ns(CLOCK_MONOTONIC);
		if (rc || until - from >= least || from < asked)
			continue;
		least = until - from;
		x->from = from;
		x->until = until;
		x->wall = x->wall_most = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	}
}

void ptp_read(struct ptp *p, struct vqt_exchange *x)
{
	if (open_clock(p)) /* clock_getres(2), dynamic clocks */
		ptp_read_clock((clockid_t)(~(unsigned)p->fd << 3 | 3), x);
}

void ptp_close(struct ptp *p)
{
	if (p->open)
		close(p->fd);
	p->open = false;
}
