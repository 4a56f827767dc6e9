/* SPDX-License-Identifier: MIT */
/* A signal in the middle of a system call of the disk is no error of a request. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/class/blk/backend.h"
#include "tests/emu/tap.h"

static unsigned signals, calls;

/* As tmpfs does when SIGTERM comes while it fills a range. */
int fallocate(int fd, int mode, off_t off, off_t len)
{
	calls++;
	if (signals) {
		signals--;
		errno = EINTR;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

static int result;

static void finished(struct emu_io *io, int ret)
{
	result = ret;
}

int main(void)
{
	const struct emu_file_options opt = { .flags = EMU_FILE_NO_URING };
	struct emu_backend *b;
	uint8_t byte = 1;
	char path[40];
	int fd = memfd_create("disk", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ftruncate(fd, 1 << 20) < 0 || pwrite(fd, &byte, 1, 4096) != 1 ||
	    emu_backend_file(&b, path, &opt) < 0)
		abort();
	for (unsigned op = EMU_IO_DISCARD; op <= EMU_IO_ZEROES; op++) {
		struct emu_io io = { .op = op,
				     .flags = EMU_IO_UNMAP,
				     .offset = 4096,
				     .bytes = 4096,
				     .done = finished };
		signals = 2;
		calls = 0;
		result = 1;
		b->ops->submit(b, &io);
		is(result, 0, "%s: no error", op == EMU_IO_DISCARD ? "discard" : "write zeroes");
		is(calls, 3, "but done again");
	}
	ok(pread(fd, &byte, 1, 4096) == 1 && !byte, "and done");
	emu_backend_close(b);
	close(fd);
	return done();
}
