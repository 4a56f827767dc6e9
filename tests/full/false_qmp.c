/* SPDX-License-Identifier: MIT */
/*
 * QMP servers that misbehave.
 * usage: false_qmp SOCKET KIND
 *   drip     each byte comes 5 ms after the one before, and what it has to say has no end
 *   silent   nothing
 *   events   events without end, as fast as they are taken
 *   line     one line without end
 *   deep     an answer of arrays in each other
 *   wide     an answer of more empty objects than fit into memory cheaply
 *   many     3,000 devices, of as many queues as there can be; each answer is quick
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7}}}}\n"

static int say_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int say(int fd, const char *text)
{
	return say_all(fd, text, strlen(text));
}

static int drip(int fd, const char *text)
{
	for (; *text; text++, usleep(5000))
		if (say_all(fd, text, 1))
			return -1;
	return 0;
}

/* The same until the other side hangs up. */
static void repeat(int fd, const char *text)
{
	static char much[65536];
	size_t len = strlen(text), n = 0;

	for (; n + len < sizeof(much); n += len)
		memcpy(much + n, text, len);
	while (!say_all(fd, much, n))
		;
}

static void serve_drip(int fd)
{
	if (!drip(fd, GREETING) && !drip(fd, "{\"return\":{}}"))
		while (!drip(fd, "{\"event\":\"STOP\"}"))
			;
}

static void serve_silent(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

static void serve_events(int fd)
{
	say(fd, GREETING "{\"return\":{}}\n");
	repeat(fd, "{\"event\":\"STOP\"}\n");
}

static void serve_line(int fd)
{
	say(fd, GREETING "{\"return\":\"");
	repeat(fd, "x");
}

static void serve_deep(int fd)
{
	say(fd, GREETING "{\"return\":{}}\n{\"return\":");
	repeat(fd, "[");
}

static void serve_wide(int fd)
{
	say(fd, GREETING "{\"return\":{}}\n{\"return\":[{}");
	repeat(fd, ",{}");
}

static void serve_many(int fd)
{
	FILE *in = fdopen(dup(fd), "r");
	char line[4096], device[64];

	say(fd, GREETING);
	while (in && fgets(line, sizeof(line), in)) {
		if (!strstr(line, "\"x-query-virtio\"")) {
			say(fd, "{\"return\":{\"num-vqs\":65535,\"device-id\":2}}\n");
			continue;
		}
		say(fd, "{\"return\":[0");
		for (int i = 0; i < 3000; i++) {
			snprintf(device, sizeof(device), ",{\"path\":\"/machine/%d\"}", i);
			say(fd, device);
		}
		say(fd, "]}\n");
	}
}

static const struct {
	const char *name;
	void (*serve)(int fd);
} kinds[] = {
	{ "drip", serve_drip }, { "silent", serve_silent }, { "events", serve_events },
	{ "line", serve_line }, { "deep", serve_deep },	    { "wide", serve_wide },
	{ "many", serve_many },
};

int main(int argc, char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t k = 0;

	if (argc != 3 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	while (k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(argv[2], kinds[k].name))
		k++;
	if (k == sizeof(kinds) / sizeof(kinds[0]))
		return 2;
	strcpy(sa.sun_path, argv[1]);
	if (server < 0 || bind(server, (struct sockaddr *)&sa, sizeof(sa)) || listen(server, 1))
		return 1;
	for (int fd; (fd = accept(server, NULL, NULL)) >= 0; close(fd))
		kinds[k].serve(fd);
	return 1;
}
