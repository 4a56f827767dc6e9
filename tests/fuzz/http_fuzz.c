/* SPDX-License-Identifier: MIT */
/*
 * Clients of top's Prometheus listener: what each sends, in pieces, two at a time, hung up or not.  The
 * page goes only to who names this machine as its host.  Input: steps; a byte: which client and what,
 * then a length and bytes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/metrics/http.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 2
#define SECRET "vqtrace_secret 1\n"

static struct http *http;
static struct sockaddr_in at;
static struct {
	int fd;
	size_t len;
	char sent[8192];
} client[CLIENTS];

static char *page(void *ctx, unsigned media, size_t *len)
{
	*len = strlen(SECRET);
	return strdup(SECRET);
}

/* It listens at a port of its own choice: the one socket that does. */
static void begin(void)
{
	static const struct media media[] = {
		{ "text/plain", "0.0.4", "text/plain" },
		{ "application/openmetrics-text", "1.0.0", "application/openmetrics-text" },
	};
	static const struct http_site site = {
		"--prometheus", "0", "/metrics", "root\n", media, 2, page,
	};

	if (http_open(&http, &site, "127.0.0.1:0", NULL) != CLI_OK)
		abort();
	for (int fd = 3; fd < 1000 && !at.sin_port; fd++) {
		socklen_t n = sizeof(at), m = sizeof(int);
		int listens = 0;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m) || !listens ||
		    getsockname(fd, (struct sockaddr *)&at, &n))
			at.sin_port = 0;
	}
	if (!at.sin_port)
		abort();
	for (unsigned i = 0; i < CLIENTS; i++)
		client[i].fd = -1;
}

static void leave(unsigned i)
{
	if (client[i].fd >= 0)
		close(client[i].fd);
	client[i].fd = -1;
	client[i].len = 0;
}

static void serve(void)
{
	for (int i = 0; i < 4; i++)
		http_poll(http);
}

/* Has it said a host that is none of this machine, and no other?  Then it gets nothing. */
static void check_answer(unsigned i, const char *got, size_t n)
{
	const char *host, *end, *crlf;

	client[i].sent[client[i].len] = 0;
	if (!memmem(got, n, SECRET, strlen(SECRET)))
		return;
	host = strcasestr(client[i].sent, "\nhost:");
	/* of the first request: libmicrohttpd takes both, what follows is its body or another one */
	end = strstr(client[i].sent, "\n\n");
	crlf = strstr(client[i].sent, "\n\r\n");
	if (!end || (crlf && crlf < end))
		end = crlf;
	if (host && !(end && end < host) && !strcasestr(client[i].sent, "127.") &&
	    !strcasestr(client[i].sent, "localhost") && !strstr(client[i].sent, "[::1]") &&
	    strncmp(host + 6, "\r\n", 2) && strcspn(host + 6, " \t\r\n") > 0)
		abort();
}

static void receive(unsigned i)
{
	char buf[16384];
	ssize_t n = client[i].fd < 0 ? -1 : recv(client[i].fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		check_answer(i, buf, (size_t)n);
	if (n == 0)
		leave(i);
}

static void send_bytes(unsigned i, const void *p, size_t n)
{
	if (n > sizeof(client[i].sent) - 1 - client[i].len)
		return;
	if (client[i].fd < 0) {
		client[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		client[i].len = 0;
		if (client[i].fd < 0 || connect(client[i].fd, (struct sockaddr *)&at, sizeof(at)))
			abort();
	}
	if (n && send(client[i].fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
		memcpy(client[i].sent + client[i].len, p, n);
		client[i].len += n;
	}
}

static void step(struct input *in)
{
	static const char *const lines[] = {
		"GET /metrics HTTP/1.1\r\n",
		"HEAD / HTTP/1.0\r\n",
		"Host: localhost:9752\r\n",
		"Host: example.org\r\n",
		"Accept: application/openmetrics-text;version=\"1.0.0\";q=0.5,text/*;q=",
		"Connection: keep-alive\r\n",
		"\r\n",
		"Expect: 100-continue\r\n",
	};
	uint8_t op = (uint8_t)take(in, 1);
	unsigned i = op & 1;
	size_t n;

	if ((op & 6) == 6) {
		leave(i);
	} else if (op & 4) {
		send_bytes(i, lines[op >> 3 & 7], strlen(lines[op >> 3 & 7]));
	} else {
		n = (size_t)take(in, op & 2 ? 2 : 1);
		const uint8_t *p = take_bytes(in, &n);

		send_bytes(i, p, n);
	}
	serve();
	receive(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!http)
		begin();
	for (unsigned i = 0; in.left && i < 64; i++)
		step(&in);
	for (unsigned i = 0; i < CLIENTS; i++) {
		receive(i);
		leave(i);
	}
	serve();
	return 0;
}
