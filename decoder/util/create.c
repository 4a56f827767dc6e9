/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/util/create.h"

#define MODE 0600
#define OPEN (O_WRONLY | O_NOCTTY | O_CLOEXEC)

static const char *const link_there =
	"a symbolic link is there, in a folder that others may write to: it is not followed";
static const char *const others_there =
	"a file of somebody else's is there, in a folder that others may write to: remove it, or "
	"write elsewhere";

/* The folder, opened, and *base the name in it, which may be empty; negative errno. */
static int open_folder(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;

	*base = slash ? slash + 1 : path;
	if (slash && (size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (!slash)
		strcpy(folder, ".");
	else if (slash == path)
		strcpy(folder, "/");
	else
		*(char *)mempcpy(folder, path, (size_t)(slash - path)) = 0;
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Who else is in a group, nobody can say for sure; and the bits of the group are those of the mask
 * where an access list (acl(5)) lets others write.
 */
static bool is_shared(const struct stat *folder)
{
	return folder->st_mode & (S_IWGRP | S_IWOTH) ||
	       (folder->st_uid != geteuid() && folder->st_uid != 0);
}

/* Could somebody else have put it there, for something to be written to? */
static bool is_trap(const struct stat *st, const struct stat *folder)
{
	return (st->st_uid != geteuid() && st->st_uid != folder->st_uid) ||
	       (S_ISREG(st->st_mode) && st->st_nlink > 1);
}

/* In a folder that others may write to: look before it is opened, and whether it is that still. */
static int create_carefully(int dir, const struct stat *folder, const char *base, int flags,
			    const char **why)
{
	struct stat before, st;
	int fd = openat(dir, base, OPEN | O_CREAT | O_EXCL | flags, MODE);

	if (fd >= 0 || errno != EEXIST)
		return fd < 0 ? -errno : fd;
	if (fstatat(dir, base, &before, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISLNK(before.st_mode) || is_trap(&before, folder)) {
		*why = S_ISLNK(before.st_mode) ? link_there : others_there;
		return S_ISLNK(before.st_mode) ? -ELOOP : -EACCES;
	}
	fd = openat(dir, base, OPEN | O_NOFOLLOW | flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_ino != before.st_ino || st.st_dev != before.st_dev ||
	    is_trap(&st, folder)) {
		*why = others_there;
		close(fd);
		return -EACCES;
	}
	return fd;
}

/* Only now that it is known to be the right one. */
static int empty(int fd, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !ftruncate(fd, 0))
		return fd;
	*why = strerror(errno);
	close(fd);
	return -EIO;
}

int create_file(const char *path, int flags, const char **why)
{
	struct stat folder;
	const char *base;
	int dir = open_folder(path, &base), fd;

	*why = NULL;
	if (dir < 0 || fstat(dir, &folder)) {
		fd = dir < 0 ? dir : -errno;
	} else if (is_shared(&folder)) {
		fd = create_carefully(dir, &folder, base, flags, why);
	} else {
		/* in this very folder: by its path another one may be found by now */
		fd = *base ? openat(dir, base, OPEN | O_CREAT | flags, MODE) : -1;
		fd = fd < 0 ? (*base ? -errno : -EISDIR) : fd;
	}
	if (dir >= 0)
		close(dir);
	if (fd < 0 && !*why)
		*why = strerror(-fd);
	return fd < 0 ? fd : empty(fd, why);
}

FILE *create_stream(const char *path, const char **why)
{
	int fd = create_file(path, 0, why);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");

	if (f)
		return f;
	if (fd >= 0)
		close(fd);
	errno = fd < 0 ? -fd : ENOMEM;
	if (fd >= 0)
		*why = strerror(errno);
	return NULL;
}
