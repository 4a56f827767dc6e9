/* SPDX-License-Identifier: MIT */
/*
 * Who has an image locked?  Locks of open file descriptions have no process; but /proc tells the
 * locks of each descriptor, of processes that we may look at.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu/class/blk/backend.h"

#define LOOKS_MAX 100000 /* descriptors, then nobody was found */

/* "lock: 1: OFDLCK ADVISORY READ -1 fd:00:INODE START END", START being one of QEMU's bytes. */
static bool is_lock_of(const char *line, unsigned long long inode)
{
	unsigned long long of, start;
	const char *colon = strrchr(line, ':');

	return !strncmp(line, "lock:", 5) && sscanf(colon, ":%llu %llu", &of, &start) == 2 &&
	       of == inode && start >= 100 && start < 300;
}

/* Only what the kernel says of the descriptor is read: the file itself may be anything. */
static bool has_lock(const char *pid, const char *fd, const struct stat *image)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, fd);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = is_lock_of(line, image->st_ino);
	if (f)
		fclose(f);
	return found;
}

static bool holds(const char *pid, const struct stat *image, unsigned *looks)
{
	char path[64];
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo", pid);
	d = opendir(path);
	for (struct dirent *e; d && !found && *looks < LOOKS_MAX && (e = readdir(d)); ++*looks)
		found = e->d_name[0] != '.' && has_lock(pid, e->d_name, image);
	if (d)
		closedir(d);
	return found;
}

static void name_of(const char *pid, char *name, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, size, f))
		snprintf(name, size, "?");
	if (f)
		fclose(f);
	name[strcspn(name, "\n")] = 0;
}

void emu_backend_file_holder(const char *path, char *who, size_t size)
{
	char own[24], name[32];
	unsigned looks = 0;
	struct stat image;
	DIR *d = stat(path, &image) ? NULL : opendir("/proc");

	snprintf(who, size, "another process (a QEMU, another server) uses the image");
	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (struct dirent *e; d && looks < LOOKS_MAX && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !strcmp(e->d_name, own) ||
		    !holds(e->d_name, &image, &looks))
			continue;
		name_of(e->d_name, name, sizeof(name));
		snprintf(who, size, "process %s (%s) uses the image", e->d_name, name);
		break;
	}
	if (d)
		closedir(d);
}
