/* SPDX-License-Identifier: MIT */
/* io_uring takes nothing for a moment: the kernel has no memory for a request. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu/class/blk/backend.h"
#include "tests/emu/tap.h"

struct io_uring;
int io_uring_submit(struct io_uring *ring);

static unsigned refusals;

int io_uring_submit(struct io_uring *ring)
{
	static int (*real)(struct io_uring * ring);
	if (!real) {
		void *p = dlsym(RTLD_NEXT, "io_uring_submit");
		memcpy(&real, &p, sizeof(real));
	}
	if (!refusals)
		return real(ring);
	refusals--;
	return -EAGAIN;
}

static int result = 1;

static void finished(struct emu_io *io, int ret)
{
	result = ret;
}

int main(void)
{
	struct emu_backend *b;
	uint8_t bytes[512];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct emu_io io = {
		.op = EMU_IO_READ, .niov = 1, .iov = &iov, .bytes = sizeof(bytes), .done = finished
	};
	char path[40];
	int fd = memfd_create("disk", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ftruncate(fd, 1 << 20) < 0 || emu_backend_file(&b, path, NULL) < 0)
		abort();
	if (emu_backend_file_uring(b)) {
		struct pollfd p = { .fd = emu_backend_fd(b), .events = POLLIN };
		refusals = 3;
		b->ops->submit(b, &io);
		emu_backend_commit(b);
		is(poll(&p, 1, 10000), 1, "it is submitted all the same, and wakes who waits");
		is(emu_backend_poll(b, false), 1, "and is over");
		is(result, 0, "without an error");
	} else {
		ok(true, "no io_uring here # SKIP");
	}
	emu_backend_close(b);
	close(fd);
	return done();
}
