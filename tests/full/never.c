/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: what hands requests to the kernel, by io_uring or without, never returns.  It waits by a
 * system call that a confined device is allowed to make.
 */
#include <poll.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

struct io_uring;

static void never(void)
{
	static const char said[] = "this request never ends\n";

	if (write(STDERR_FILENO, said, sizeof(said) - 1) < 0)
		_exit(3);
	for (;;)
		poll(NULL, 0, -1);
}

int io_uring_submit(struct io_uring *ring)
{
	never();
	return 0;
}

ssize_t preadv(int fd, const struct iovec *iov, int n, off_t offset)
{
	never();
	return 0;
}

ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t offset)
{
	never();
	return 0;
}
