/* SPDX-License-Identifier: MIT */
/* Any bytes as a long file of /proc: lines, and what is mapped.  The last bytes say where lines are cut. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/process/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void open_lines(struct foreign_lines *l, struct foreign *by, int fd)
{
	must(lseek(fd, 0, SEEK_SET) == 0);
	memset(l, 0, sizeof(*l));
	l->by = by;
	l->fd = dup(fd);
	must(l->fd >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[4096], path[600];
	size_t lines = 0, room = size ? 2 + data[size - 1] : 2;
	struct process_mapping m;
	struct foreign_lines l;
	struct foreign by;
	int fd = memfd_create("maps", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	foreign_init(&by, getpid(), NULL);
	foreign_begin(&by);
	open_lines(&l, &by, fd);
	while (foreign_line(&l, line, room)) {
		must(strlen(line) < room && !strchr(line, '\n'));
		must(++lines <= size);
	}
	foreign_lines_close(&l);
	open_lines(&l, &by, fd);
	while (process_next_mapping(&l, &m)) {
		must(memchr(m.perms, 0, sizeof(m.perms)) && memchr(m.path, 0, sizeof(m.path)));
		process_openable(&by, &m, path, 8 + room);
		must(strlen(path) < 8 + room);
	}
	foreign_lines_close(&l);
	close(fd);
	return 0;
}
