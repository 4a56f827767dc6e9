/* SPDX-License-Identifier: MIT */
/* What all servers share: the loop, and a client from connecting to disconnecting. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "emu/server/impl.h"

#define MESSAGES_A_TURN 64 /* then the device runs */
#define SPINS_A_STEP 64 /* then server_step() returns */

/* --- what to wait for --------------------------------------------------------------- */

int server_watch(struct server *srv, struct server_source *s, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };
	int op = s->fd >= 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(srv->ep, op, fd, &e) < 0)
		return -errno;
	s->fd = fd;
	return 0;
}

void server_unwatch(struct server *srv, struct server_source *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(srv->ep, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
	/* epoll may already have reported events for this source: drop them */
	for (int i = srv->at; i < srv->nready; i++)
		if (srv->ready[i].data.ptr == s)
			srv->ready[i].data.ptr = NULL;
}

int server_own(struct server *srv, struct server_source *s, int fd, uint32_t events)
{
	int ret = server_watch(srv, s, fd, events);
	if (ret < 0)
		close(fd);
	return ret;
}

void server_drop(struct server *srv, struct server_source *s)
{
	int fd = s->fd;
	server_unwatch(srv, s);
	server_close(&fd);
}

void server_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void server_signal(struct server *srv, int fd)
{
	static const uint64_t one = 1;
	srv->stats.interrupts++;
	/* EAGAIN: the counter is full, so the client is signalled; other errors are the client's */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void server_interrupt(struct server *srv, int *fd)
{
	for (unsigned i = 0; i < srv->nlate; i++)
		if (srv->late[i].fd == fd)
			return; /* one stands for both */
	if (srv->delay_irq && srv->nlate < SERVER_LATE)
		srv->late[srv->nlate++] =
			(struct server_late){ fd, clock_ns(CLOCK_MONOTONIC) + srv->delay_irq };
	else
		server_signal(srv, *fd);
}

/* Send the delayed interrupts that are due; a timeout in ms that does not miss the next one. */
static int send_late(struct server *srv, int timeout)
{
	uint64_t now = srv->nlate ? clock_ns(CLOCK_MONOTONIC) : 0;
	unsigned n = 0;

	while (n < srv->nlate && srv->late[n].due <= now)
		server_signal(srv, *srv->late[n++].fd);
	srv->nlate -= n;
	memmove(srv->late, srv->late + n, srv->nlate * sizeof(srv->late[0]));
	if (srv->nlate) {
		int wait = (int)((srv->late[0].due - now) / 1000000) + 1;

		timeout = timeout < 0 || wait < timeout ? wait : timeout;
	}
	return timeout;
}

/* --- reports --------------------------------------------------------------------------- */

int server_fail(struct server *srv, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!srv->why[0]) /* later reasons are consequences of the first */
		vsnprintf(srv->why, sizeof(srv->why), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* A client that provokes a line again and again gets some of them, then one a second. */
#define REPORT_BURST 20
#define REPORT_NS 1000000000ull

/* The kind of a line is its format.  *untold: lines of it that were left out before this one. */
static bool may_say(struct server *srv, const char *kind, unsigned long long *untold)
{
	struct server_said *s = srv->said, *end = srv->said + SERVER_SAID;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	while (s < end - 1 && s->kind && s->kind != kind)
		s++; /* the last place is for all kinds that have none */
	if (!s->kind)
		*s = (struct server_said){ .kind = kind, .since = now };
	uint64_t passed = (now - s->since) / REPORT_NS;
	s->since += passed * REPORT_NS;
	s->n = s->n > passed ? s->n - passed : 0;
	*untold = s->untold;
	if (s->n >= REPORT_BURST) {
		s->untold++;
		return false;
	}
	s->n++;
	s->untold = 0;
	return true;
}

void server_report(struct server *srv, enum server_event what, const char *fmt, ...)
{
	char text[256];
	unsigned long long untold;
	va_list ap;
	if (!srv->report)
		return;
	if (!may_say(srv, fmt, &untold)) {
		srv->report(srv->opaque, what, NULL);
		return;
	}
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (untold && n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, " (%llu times more before, not said)", untold);
	srv->report(srv->opaque, what, text);
}

/* --- the client ------------------------------------------------------------------------- */

static void end_client(struct server *srv, int err)
{
	if (srv->client.fd < 0)
		return;
	if (srv->why[0])
		server_report(srv, SERVER_PROTOCOL_ERROR, "%s", srv->why);
	else if (err == -EPIPE || err == -ECONNRESET)
		server_report(srv, SERVER_DISCONNECTED, "the client has gone");
	else if (err)
		server_report(srv, SERVER_DISCONNECTED, "connection lost: %s", strerror(-err));
	srv->stats.protocol_errors += srv->why[0] != 0;
	server_drop(srv, &srv->client);
	srv->ops->closed(srv);
	server_in_reset(&srv->in, true);
	srv->out.len = srv->out.off = 0;
	srv->output_full = false;
	srv->nlate = 0;
	srv->why[0] = 0;
	if (srv->listener.fd >= 0)
		server_watch(srv, &srv->listener, srv->listener.fd, EPOLLIN);
}

int server_attach(struct server *srv, int fd)
{
	int ret = srv->client.fd >= 0 ? -EBUSY : server_watch(srv, &srv->client, fd, EPOLLIN);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	server_nonblock(fd);
	srv->stats.clients++;
	if (srv->ops->opened)
		srv->ops->opened(srv);
	server_report(srv, SERVER_CONNECTED, "a client connected");
	return 0;
}

struct server_stats server_stats(const struct server *srv)
{
	struct server_stats s = srv->stats;
	const struct emu_virtio *v = server_virtio((struct server *)srv);
	for (unsigned i = 0; v && i < v->nqueues; i++)
		s.requests += v->queue[i].completed;
	return s;
}

struct emu_virtio *server_virtio(struct server *srv)
{
	return srv->ops->virtio ? srv->ops->virtio(srv) : NULL;
}

bool server_connected(const struct server *srv)
{
	return srv->client.fd >= 0;
}

void server_disconnect(struct server *srv)
{
	end_client(srv, 0);
}

static void on_listener(struct server *srv, struct server_source *s, uint32_t events)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	/* one client at a time: others wait in the backlog */
	server_watch(srv, &srv->listener, s->fd, 0);
	if (server_attach(srv, fd) < 0)
		server_watch(srv, &srv->listener, s->fd, EPOLLIN);
}

int server_listen(struct server *srv, int fd)
{
	srv->listener.ready = on_listener;
	return server_own(srv, &srv->listener, fd, EPOLLIN);
}

/* A socket that is bound or connected to this path. */
static int path_socket(const char *path, int flags,
		       int (*to)(int fd, const struct sockaddr *a, socklen_t len))
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0 || to(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd < 0 ? -errno : fd;
	int err = -errno;
	close(fd);
	return err;
}

int server_connect(const char *path, int flags)
{
	return path_socket(path, flags, connect);
}

/* A socket that a dead server left refuses connections; so do plain files, which stay. */
static bool is_stale(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = server_connect(path, SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

int server_socket(const char *path)
{
	int fd = path_socket(path, SOCK_NONBLOCK, bind);
	if (fd == -EADDRINUSE && is_stale(path) && unlink(path) == 0)
		fd = path_socket(path, SOCK_NONBLOCK, bind);
	if (fd < 0 || listen(fd, 8) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

int server_socket_remove(const char *path)
{
	return !is_stale(path) ? -EADDRINUSE : unlink(path) < 0 ? -errno : 0;
}

/* --- messages --------------------------------------------------------------------------- */

static int one_message(struct server *srv)
{
	int ret = server_in_get(&srv->in, srv->client.fd, srv->ops->header, srv->ops->payload, srv);
	if (ret <= 0)
		return ret;
	/* another message may arrive while this one is handled (server_receive) */
	struct server_in mine = srv->in, *outer = srv->msg;
	srv->in = srv->spare;
	srv->spare = (struct server_in){ 0 };
	srv->msg = &mine;
	srv->stats.messages++;
	ret = srv->ops->message(srv, mine.buf, mine.have);
	srv->msg = outer;
	server_in_reset(&mine, srv->spare.buf);
	if (mine.buf)
		srv->spare = mine;
	return ret < 0 ? ret : 1;
}

static void on_client(struct server *srv, struct server_source *s, uint32_t events)
{
	int ret = server_out_flush(srv);
	for (unsigned i = 0; ret >= 0 && i < MESSAGES_A_TURN && !srv->output_full; i++) {
		ret = one_message(srv);
		if (ret == 0)
			break;
	}
	if (ret == 0 && events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		ret = -EPIPE;
	if (ret < 0)
		end_client(srv, ret);
}

int server_receive(struct server *srv, int ms)
{
	struct pollfd p = { .fd = srv->client.fd, .events = POLLIN | (srv->out.len ? POLLOUT : 0) };
	int ret = poll(&p, 1, ms);
	if (ret < 0)
		return -errno;
	if (ret > 0 && p.revents & POLLOUT) {
		int err = server_out_flush(srv);
		if (err < 0)
			return err;
	}
	return ret > 0 ? one_message(srv) : 0;
}

/* --- the loop ---------------------------------------------------------------------------- */

/* Poll rings and completions for a while: that costs less than sleeping and being woken. */
static bool spin(struct server *srv)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + srv->spin_us * 1000ull;
	do {
		for (int i = 0; i < 64; i++)
			if (srv->ops->run(srv) > 0)
				return true;
	} while (clock_ns(CLOCK_MONOTONIC) < until);
	return false;
}

static int handle_events(struct server *srv, int nready)
{
	srv->at = 0;
	srv->nready = nready < 0 ? 0 : nready;
	if (nready < 0)
		return -errno;
	while (srv->at < srv->nready) {
		struct epoll_event e = srv->ready[srv->at++];
		struct server_source *s = e.data.ptr;
		if (s)
			s->ready(srv, s, e.events);
	}
	return 0;
}

static int wait_events(struct server *srv, int timeout, const sigset_t *mask)
{
	return handle_events(srv, epoll_pwait(srv->ep, srv->ready, SERVER_BATCH, timeout, mask));
}

static bool is_busy(struct server *srv)
{
	return srv->ops->busy && srv->ops->busy(srv);
}

static int run(struct server *srv, const sigset_t *mask)
{
	if (srv->client.fd < 0)
		return 0;
	int did = srv->ops->run(srv);
	if (srv->why[0])
		end_client(srv, -EBADMSG);
	else if (did > 0 && srv->spin_us)
		for (int i = 0;
		     i < SPINS_A_STEP && srv->client.fd >= 0 && !srv->why[0] && spin(srv); i++)
			if (wait_events(srv, 0, mask) < 0)
				return -EINTR;
	return 0;
}

int server_step(struct server *srv, int timeout, const sigset_t *mask)
{
	timeout = send_late(srv, timeout);
	if (srv->client.fd >= 0 && is_busy(srv))
		timeout = 0;
	int ret = wait_events(srv, timeout, mask);
	return ret < 0 ? ret : run(srv, mask);
}

int server_step_ns(struct server *srv, uint64_t timeout)
{
	int late = send_late(srv, -1);
	if (late >= 0 && late * 1000000ull < timeout)
		timeout = late * 1000000ull;
	if (srv->client.fd >= 0 && is_busy(srv))
		timeout = 0;
	struct timespec t = { .tv_sec = (time_t)(timeout / 1000000000),
			      .tv_nsec = (long)(timeout % 1000000000) };
	struct pollfd p = { .fd = srv->ep, .events = POLLIN };
	int ret = handle_events(srv, epoll_pwait2(srv->ep, srv->ready, SERVER_BATCH, &t, NULL));
	if (ret == -ENOSYS) /* Linux before 5.11 */
		return ppoll(&p, 1, &t, NULL) < 0 ? -errno : server_step(srv, 0, NULL);
	return ret < 0 ? ret : run(srv, NULL);
}

bool server_idle(struct server *srv)
{
	/* epoll_wait() would consume the event of a descriptor that is watched with EPOLLET */
	struct pollfd p = { .fd = srv->ep, .events = POLLIN };
	return srv->at >= srv->nready && !srv->in.have && !is_busy(srv) && poll(&p, 1, 0) == 0;
}

static void on_backend(struct server *srv, struct server_source *s, uint32_t events)
{
	/* it only wakes the loop, which runs the device next */
}

int server_new(struct server **out, const struct server_ops *ops, const struct server_config *cfg)
{
	struct server *srv = calloc(1, ops->size);
	if (!srv)
		return -ENOMEM;
	srv->ops = ops;
	srv->tap = cfg->tap;
	srv->report = cfg->report;
	srv->ends = cfg->ends;
	srv->opaque = cfg->opaque;
	srv->spin_us = cfg->spin_us;
	srv->delay_irq = cfg->delay_irq;
	srv->listener.fd = srv->client.fd = srv->backend.fd = -1;
	srv->client.ready = on_client;
	srv->backend.ready = on_backend;
	srv->ep = epoll_create1(EPOLL_CLOEXEC);
	int ret = srv->ep < 0 ? -errno : 0;
	srv->maps.mem = emu_mem_new();
	if (ret == 0)
		ret = srv->maps.mem ? ops->init(srv, cfg) : -ENOMEM;
	if (ret == 0)
		*out = srv;
	else
		server_free(srv);
	return ret;
}

void server_free(struct server *srv)
{
	if (!srv)
		return;
	end_client(srv, 0);
	srv->ops->fini(srv);
	server_in_reset(&srv->in, true);
	server_in_reset(&srv->spare, true);
	server_close(&srv->listener.fd);
	server_close(&srv->ep);
	emu_mem_free(srv->maps.mem);
	free(srv->out.buf);
	free(srv);
}
