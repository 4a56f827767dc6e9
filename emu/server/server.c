/* SPDX-License-Identifier: MIT */
/* What the front doors share: the loop, the client's life. Streams: emu/server/stream.c. */
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
#include <time.h>
#include <unistd.h>

#include "emu/server/impl.h"

#define MESSAGES_A_TURN 64 /* then the device gets its turn */
#define SPINS_A_STEP 64 /* then the caller */

/* --- what to wait for --------------------------------------------------------------- */

int server_watch(struct server *d, struct server_source *s, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };
	int op = s->fd >= 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(d->ep, op, fd, &e) < 0)
		return -errno;
	s->fd = fd;
	return 0;
}

void server_unwatch(struct server *d, struct server_source *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(d->ep, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
	/* what has been reported but not delivered yet is not for it any more */
	for (int i = d->at; i < d->nready; i++)
		if (d->ready[i].data.ptr == s)
			d->ready[i].data.ptr = NULL;
}

void server_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void server_signal(struct server *d, int fd)
{
	static const uint64_t one = 1;
	d->stats.interrupts++;
	/* full (EAGAIN) is as good as signalled; anything else is the client's loss */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

/* --- what it says --------------------------------------------------------------------- */

int server_fail(struct server *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!d->why[0]) /* the first reason is the cause */
		vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

void server_report(struct server *d, enum server_event what, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d->say)
		d->say(d->opaque, what, text);
}

/* --- the client's life ---------------------------------------------------------------- */

static void end_client(struct server *d, int err)
{
	int fd = d->client.fd;
	if (fd < 0)
		return;
	if (d->why[0])
		server_report(d, SERVER_PROTOCOL_ERROR, "%s", d->why);
	else if (err == -EPIPE || err == -ECONNRESET)
		server_report(d, SERVER_DISCONNECTED, "the client has gone");
	else if (err)
		server_report(d, SERVER_DISCONNECTED, "connection lost: %s", strerror(-err));
	d->stats.sent_away += d->why[0] != 0;
	server_unwatch(d, &d->client);
	close(fd);
	d->ops->closed(d);
	server_in_reset(&d->in, true);
	d->out.len = d->out.off = 0;
	d->muted = false;
	d->why[0] = 0;
	if (d->listener.fd >= 0)
		server_watch(d, &d->listener, d->listener.fd, EPOLLIN);
}

int server_attach(struct server *d, int fd)
{
	int ret = d->client.fd >= 0 ? -EBUSY : server_watch(d, &d->client, fd, EPOLLIN);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	server_nonblock(fd);
	d->stats.clients++;
	d->ops->opened(d);
	server_report(d, SERVER_CONNECTED, "a client connected");
	return 0;
}

struct server_stats server_stats(const struct server *d)
{
	struct server_stats s = d->stats;
	const struct emu_virtio *v = server_virtio((struct server *)d);
	for (unsigned i = 0; v && i < v->nqueues; i++)
		s.requests += v->queue[i].completed;
	return s;
}

struct emu_virtio *server_virtio(struct server *d)
{
	return d->ops->virtio ? d->ops->virtio(d) : NULL;
}

bool server_connected(const struct server *d)
{
	return d->client.fd >= 0;
}

void server_hang_up(struct server *d)
{
	end_client(d, 0);
}

static void on_listener(struct server *d, struct server_source *s, uint32_t events)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	/* one at a time: others stay in the backlog */
	server_watch(d, &d->listener, s->fd, 0);
	if (server_attach(d, fd) < 0)
		server_watch(d, &d->listener, s->fd, EPOLLIN);
}

int server_listen(struct server *d, int fd)
{
	d->listener.ready = on_listener;
	int ret = server_watch(d, &d->listener, fd, EPOLLIN);
	if (ret < 0)
		close(fd);
	return ret;
}

static int connect_to(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int ret = connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int server_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int ret = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	/* a socket left behind refuses connections (as files do: those stay) */
	struct stat st;
	if (ret == -EADDRINUSE && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect_to(&a) == -ECONNREFUSED && unlink(path) == 0)
		ret = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	if (ret == 0 && listen(fd, 8) < 0)
		ret = -errno;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

/* --- messages --------------------------------------------------------------------------- */

static int one_message(struct server *d)
{
	int ret = server_in_read(d);
	if (ret <= 0)
		return ret;
	/* the next one may arrive before this one is done with (server_receive) */
	struct server_in mine = d->in, *outer = d->msg;
	d->in = d->spare;
	d->spare = (struct server_in){ 0 };
	d->msg = &mine;
	d->stats.messages++;
	ret = d->ops->message(d, mine.buf, mine.have);
	d->msg = outer;
	server_in_reset(&mine, d->spare.buf);
	if (mine.buf)
		d->spare = mine;
	return ret < 0 ? ret : 1;
}

static void on_client(struct server *d, struct server_source *s, uint32_t events)
{
	int ret = server_out_flush(d);
	for (unsigned i = 0; ret >= 0 && i < MESSAGES_A_TURN && !d->muted; i++) {
		ret = one_message(d);
		if (ret == 0)
			break;
	}
	if (ret == 0 && events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		ret = -EPIPE;
	if (ret < 0)
		end_client(d, ret);
}

int server_receive(struct server *d, int ms)
{
	int ret = server_in_wait(d, ms);
	if (ret <= 0)
		return ret;
	return one_message(d);
}

/* --- the loop ---------------------------------------------------------------------------- */

static uint64_t now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

/* Look at rings and completions for a while: cheaper than to sleep and be woken. */
static bool spin(struct server *d)
{
	uint64_t until = now_us() + d->spin_us;
	do {
		for (int i = 0; i < 64; i++)
			if (d->ops->run(d) > 0)
				return true;
	} while (now_us() < until);
	return false;
}

static int wait_events(struct server *d, int timeout, const sigset_t *mask)
{
	d->at = 0;
	d->nready = epoll_pwait(d->ep, d->ready, SERVER_BATCH, timeout, mask);
	if (d->nready < 0) {
		d->nready = 0;
		return -errno;
	}
	while (d->at < d->nready) {
		struct epoll_event e = d->ready[d->at++];
		struct server_source *s = e.data.ptr;
		if (s)
			s->ready(d, s, e.events);
	}
	return 0;
}

int server_step(struct server *d, int timeout, const sigset_t *mask)
{
	if (d->client.fd >= 0 && d->ops->busy(d))
		timeout = 0;
	int ret = wait_events(d, timeout, mask);
	if (ret < 0)
		return ret;
	if (d->client.fd < 0)
		return 0;
	int did = d->ops->run(d);
	if (d->why[0])
		end_client(d, -EBADMSG);
	else if (did > 0 && d->spin_us)
		for (int i = 0; i < SPINS_A_STEP && d->client.fd >= 0 && !d->why[0] && spin(d); i++)
			if (wait_events(d, 0, mask) < 0)
				return -EINTR;
	return 0;
}

bool server_quiet(struct server *d)
{
	/* epoll_wait() would take the edge off a source that is watched for edges */
	struct pollfd p = { .fd = d->ep, .events = POLLIN };
	return d->at >= d->nready && !d->in.have && !d->ops->busy(d) && poll(&p, 1, 0) == 0;
}

static void on_backend(struct server *d, struct server_source *s, uint32_t events)
{
	/* only woke us: the device is run next */
}

int server_init(struct server *d, const struct server_ops *ops, const struct server_config *cfg)
{
	d->ops = ops;
	d->tap = cfg->tap;
	d->say = cfg->say;
	d->opaque = cfg->opaque;
	d->spin_us = cfg->spin_us;
	d->listener.fd = d->client.fd = d->backend.fd = -1;
	d->client.ready = on_client;
	d->backend.ready = on_backend;
	d->in.nfds = 0;
	d->ep = epoll_create1(EPOLL_CLOEXEC);
	return d->ep < 0 ? -errno : 0;
}

void server_fini(struct server *d)
{
	end_client(d, 0);
	server_in_reset(&d->in, true);
	server_close(&d->listener.fd);
	server_close(&d->ep);
	server_in_reset(&d->spare, true);
	free(d->out.buf);
}

void server_free(struct server *d)
{
	if (d)
		d->ops->free(d);
}
