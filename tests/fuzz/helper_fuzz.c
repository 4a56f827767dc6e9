/* SPDX-License-Identifier: MIT */
/*
 * What a taken-over process may ask of the helper beside it: any task, any argument, messages of any
 * length.  The helper does tasks of its list and nothing else, and answers each that is well formed.
 * Input: messages; a length, then so many bytes (a task and its argument are 8).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu/server/helper.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int give(void *opaque, uint32_t arg, int *gives)
{
	*gives = dup(0);
	return *gives < 0 ? -errno : 0;
}

static int refuse(void *opaque, uint32_t arg, int *gives)
{
	return -(int)(1 + arg % 100);
}

static int nothing(void *opaque, uint32_t arg, int *gives)
{
	return opaque == &nothing ? 0 : -EINVAL;
}

static const struct helper_task tasks[] = {
	{ give, NULL },
	{ refuse, NULL },
	{ nothing, (void *)&nothing },
};

/* The answer is that of the task, and of no other. */
static void check(uint32_t task, uint32_t arg, int ret)
{
	switch (task) {
	case 0:
		if (ret < 0 || close(ret))
			abort();
		break;
	case 1:
		if (ret != -(int)(1 + arg % 100))
			abort();
		break;
	case 2:
		if (ret)
			abort();
		break;
	default:
		if (ret != -EINVAL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct helper *h;
	static int fd; /* the helper's socket, which a taken-over process has */
	uint32_t q[2];

	while (in.left) {
		size_t n = (size_t)take(&in, 1) & 15;
		const uint8_t *p = take_bytes(&in, &n);

		if (!h) {
			fd = dup(0); /* the number that the helper's socket will have */
			close(fd);
			if (helper_start(&h, tasks, 3))
				abort();
		}
		if (n >= sizeof(q)) {
			memcpy(q, p, sizeof(q));
			check(q[0], q[1], helper_ask(h, q[0], q[1]));
		} else if (n) {
			/* it takes no such message, and ends; a question then fails, and does not wait */
			if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n ||
			    helper_ask(h, 2, 0) != -EPIPE)
				abort();
			helper_end(h);
			h = NULL;
		}
	}
	return 0;
}
