/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/stdin_copy.h"

static int make(void)
{
	const char *dir = getenv("TMPDIR");
	char *path;
	int fd;

	dir = dir && *dir ? dir : "/tmp";
	if (asprintf(&path, "%s/vqtrace-XXXXXX", dir) < 0) {
		cli_error("no memory");
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		cli_error("temporary file in %s: %s; set TMPDIR, or give a file instead of -", dir,
			  strerror(errno));
	else
		unlink(path);
	free(path);
	return fd;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int copy(int to)
{
	char buf[65536];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
		int rc;

		if (!n)
			return CLI_OK;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_error("standard input: %s", strerror(errno));
		rc = write_all(to, buf, (size_t)n);
		if (rc)
			return cli_error(
				"temporary file: %s; set TMPDIR, or give a file instead of -",
				strerror(-rc));
	}
}

int stdin_copy_make(struct stdin_copy *s)
{
	s->fd = make();
	if (s->fd < 0)
		return CLI_TROUBLE;
	snprintf(s->path, sizeof(s->path), "/proc/self/fd/%d", s->fd);
	return copy(s->fd);
}

void stdin_copy_close(struct stdin_copy *s)
{
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct stdin_copy)STDIN_COPY_NONE;
}
