/* SPDX-License-Identifier: MIT */
/*
 * A QMP server that drips: each byte comes MS milliseconds after the one before, and what
 * it has to say has no end.
 * usage: drip SOCKET MS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int say(int fd, const char *text, useconds_t ms)
{
	for (; *text; text++, usleep(ms * 1000))
		if (send(fd, text, 1, MSG_NOSIGNAL) != 1)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	useconds_t ms;

	if (argc != 3 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	strcpy(sa.sun_path, argv[1]);
	ms = (useconds_t)atoi(argv[2]);
	if (server < 0 || bind(server, (struct sockaddr *)&sa, sizeof(sa)) || listen(server, 1))
		return 1;
	for (;;) {
		int fd = accept(server, NULL, NULL);

		if (fd < 0)
			return 1;
		if (!say(fd, "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7}}}}", ms) &&
		    !say(fd, "{\"return\":{}}", ms))
			while (!say(fd, "{\"event\":\"STOP\"}", ms))
				;
		close(fd);
	}
}
