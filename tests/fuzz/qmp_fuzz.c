/* SPDX-License-Identifier: MIT */
/* Any bytes as the answers of a QMP server, hung up behind. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/qemu/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool wants(void *ctx, const char *path)
{
	return strlen(path) != 3; /* both ways */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct query_asker by = { .wants = wants };
	struct query_answer a;
	int fd[2];

	/* what fits into the socket at once: the client's questions are never read */
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return 0;
	if (size && write(fd[1], data, size) != (ssize_t)size)
		abort();
	shutdown(fd[1], SHUT_WR);
	query_devices(fd[0], &by, &a);
	for (size_t i = 0; i < a.n; i++)
		if (memchr(a.dev[i].path, 0, sizeof(a.dev[i].path)) == NULL ||
		    a.dev[i].nqueue > QUERY_QUEUES)
			abort();
	query_free(&a);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
