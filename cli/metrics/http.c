/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "cli/cli.h"
#include "cli/metrics/http.h"
#include "decoder/util/clock.h"

#define CLIENTS 32 /* at a time */
#define SPARE 8 /* connections more, for as long as the oldest ones are being closed */
#define PATIENCE UINT64_C(10000000000) /* ns from one answer to the next, or to the first */
#define REQUEST_BYTES ((size_t)8192)

struct client {
	struct client *prev, *next; /* the one that has waited longest is first */
	int fd; /* libmicrohttpd's */
	uint64_t since; /* ns: it has come, or got its latest answer */
	bool closing;
};

struct http {
	const struct http_site *site;
	void *ctx;
	struct MHD_Daemon *daemon;
	struct client *clients;
	unsigned n;
	bool loopback;
};

/* --- clients ------------------------------------------------------------------------------- */

static void on_connection(void *ctx, struct MHD_Connection *to, void **socket_ctx,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http *h = ctx;
	struct client *c = *socket_ctx;
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(to, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c) {
			DL_DELETE(h->clients, c);
			h->n--;
		}
		free(c);
		return;
	}
	c = i ? calloc(1, sizeof(*c)) : NULL;
	*socket_ctx = c;
	if (!c)
		return; /* libmicrohttpd's own limit of time ends it */
	c->fd = i->connect_fd;
	c->since = clock_ns(CLOCK_MONOTONIC);
	DL_APPEND(h->clients, c);
	h->n++;
}

static void on_answered(void *ctx, struct MHD_Connection *to, void **state,
			enum MHD_RequestTerminationCode how)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(to, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *c = i ? i->socket_context : NULL;

	if (!c)
		return;
	c->since = clock_ns(CLOCK_MONOTONIC);
	DL_DELETE(h->clients, c);
	DL_APPEND(h->clients, c);
}

/* Who has waited too long, or longest when there are too many, is told to go. */
static void close_old(struct http *h)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned n = h->n;
	struct client *c;

	DL_FOREACH (h->clients, c) {
		if (n <= CLIENTS && now - c->since < PATIENCE)
			return;
		if (!c->closing)
			shutdown(c->fd, SHUT_RDWR);
		c->closing = true;
		n--;
	}
}

/* --- answers ------------------------------------------------------------------------------- */

static enum MHD_Result reply(struct MHD_Connection *to, unsigned code, const char *page, size_t len,
			     enum MHD_ResponseMemoryMode mode, const char *type)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(len, (char *)(uintptr_t)page, mode);
	enum MHD_Result ok;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free((char *)(uintptr_t)page);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (mode == MHD_RESPMEM_MUST_FREE) /* the page, which has several forms */
		MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	ok = MHD_queue_response(to, code, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result say(struct MHD_Connection *to, unsigned code, const char *text)
{
	return reply(to, code, text, strlen(text), MHD_RESPMEM_PERSISTENT, "text/plain");
}

/* "localhost", "127.0.0.1:9752", "[::1]"; none at all: no browser asks so. */
static bool names_this_machine(const char *host)
{
	size_t len = host ? strcspn(host, *host == '[' ? "]" : ":") : 0;
	struct in_addr four;
	char name[32];

	if (!host)
		return true;
	if (len >= sizeof(name))
		return false;
	*(char *)mempcpy(name, host, len) = 0;
	return !strcasecmp(name, "localhost") || !strcmp(name, "[::1") ||
	       (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *to, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	static int begun;
	struct http *h = ctx;
	unsigned which;
	size_t len;
	char *page;

	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return MHD_NO;
	/* The first call comes before the request has been read to its end. */
	if (*state != &begun) {
		*state = &begun;
		return MHD_YES;
	}
	if (h->loopback && !names_this_machine(MHD_lookup_connection_value(to, MHD_HEADER_KIND,
									   MHD_HTTP_HEADER_HOST)))
		return say(to, MHD_HTTP_FORBIDDEN, "this is asked of localhost only\n");
	if (!strcmp(url, "/"))
		return say(to, MHD_HTTP_OK, h->site->root);
	if (strcmp(url, h->site->path))
		return say(to, MHD_HTTP_NOT_FOUND, h->site->root);
	which = accept_choose(
		MHD_lookup_connection_value(to, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
		h->site->media, h->site->nmedia);
	page = h->site->page(h->ctx, which, &len);
	if (!page)
		return MHD_NO;
	return reply(to, MHD_HTTP_OK, page, len, MHD_RESPMEM_MUST_FREE,
		     h->site->media[which].content_type);
}

/* --- listening ----------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *a)
{
	const struct in6_addr *six;

	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >>
			       24 ==
		       127;
	if (a->sa_family != AF_INET6)
		return false;
	six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* Into two words; without a port, `port` is left as it is. */
static bool split(const char *where, char *host, size_t hsize, char *port, size_t psize)
{
	const char *end = NULL, *colon;

	if (*where == '[') {
		end = strchr(where, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		snprintf(host, hsize, "%.*s", (int)(end - where - 1), where + 1);
		if (end[1])
			snprintf(port, psize, "%s", end + 2);
		return true;
	}
	colon = strrchr(where, ':');
	snprintf(host, hsize, "%.*s", (int)(colon ? colon - where : (long)strlen(where)), where);
	if (colon)
		snprintf(port, psize, "%s", colon + 1);
	if (!*host)
		snprintf(host, hsize, "127.0.0.1");
	return *port != '\0';
}

static int listen_at(struct http *h, const char *where)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE },
			*found = NULL;
	char host[128], port[16];
	int fd, one = 1, code;

	snprintf(port, sizeof(port), "%s", h->site->port);
	if (!split(where, host, sizeof(host), port, sizeof(port))) {
		cli_error("%s %s: not an address such as 127.0.0.1:%s", h->site->option, where,
			  h->site->port);
		return -1;
	}
	code = getaddrinfo(host, port, &want, &found);
	if (code) {
		cli_error("%s %s: not an address such as 127.0.0.1:%s (%s)", h->site->option, where,
			  h->site->port, gai_strerror(code));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, 16)) {
		cli_error("%s %s: %s%s", h->site->option, where, strerror(errno),
			  errno == EADDRINUSE ? "; choose another port" : "");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	h->loopback = is_loopback(found->ai_addr);
	freeaddrinfo(found);
	return fd;
}

int http_open(struct http **out, const struct http_site *site, const char *where, void *ctx)
{
	struct http *h = calloc(1, sizeof(*h));
	int fd;

	if (!h)
		return cli_error("no memory");
	h->site = site;
	h->ctx = ctx;
	fd = listen_at(h, where);
	if (fd < 0) {
		free(h);
		return CLI_TROUBLE;
	}
	/* No thread: http_poll() serves requests between ticks, so nothing needs a lock. */
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, answer, h, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, CLIENTS + SPARE, MHD_OPTION_CONNECTION_TIMEOUT, 10u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, on_answered, h, MHD_OPTION_END);
	if (!h->daemon) {
		cli_error("%s %s: the HTTP server does not start", site->option, where);
		close(fd);
		free(h);
		return CLI_TROUBLE;
	}
	*out = h;
	return CLI_OK;
}

void http_poll(struct http *h)
{
	MHD_run(h->daemon);
	close_old(h);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);
	free(h);
}
