/* SPDX-License-Identifier: MIT */
/* Messages with descriptors over a stream socket, both ways, never blocking. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/util/array.h"
#include "emu/server/impl.h"

#define OUT_MAX (8u << 20) /* bytes; a client that leaves more unread has stopped reading */

/* Of a message with descriptors. */
union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(SERVER_FDS * sizeof(int))];
};

void server_in_reset(struct server_in *in, bool all)
{
	for (unsigned i = 0; i < in->nfds; i++)
		server_close(&in->fd[i]);
	in->nfds = 0;
	in->have = 0;
	in->whole_header = false;
	if (all) {
		free(in->buf);
		in->buf = NULL;
		in->cap = 0;
	}
}

int server_take_fd(struct server *srv, unsigned i)
{
	if (!srv->msg || i >= srv->msg->nfds)
		return -1;
	int fd = srv->msg->fd[i];
	srv->msg->fd[i] = -1;
	return fd;
}

static void keep_fds(struct server_in *in, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (in->nfds < SERVER_FDS)
				in->fd[in->nfds++] = fd;
			else
				close(fd);
		}
	}
}

/*
 * Read up to `want` bytes of this message and no byte of the next one: descriptors arrive
 * with the bytes that they were sent with.
 */
static int fill(struct server_in *in, int from, size_t want)
{
	while (in->have < want) {
		union control control;
		struct iovec v = { in->buf + in->have, want - in->have };
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = control.buf,
				    .msg_controllen = sizeof(control.buf) };
		ssize_t n = recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		if (m.msg_controllen)
			keep_fds(in, &m);
		if (n == 0)
			return -EPIPE;
		in->have += n;
	}
	return 1;
}

int server_in_get(struct server_in *in, int fd, size_t header,
		  ssize_t (*payload)(struct server *srv, const uint8_t *header), struct server *srv)
{
	if (!in->whole_header) {
		int ret = array_room(in->buf, in->cap, header) ? fill(in, fd, header) : -ENOMEM;
		if (ret <= 0)
			return ret;
		ssize_t more = payload(srv, in->buf);
		if (more < 0)
			return more;
		in->whole_header = true;
		in->want = header + more;
	}
	return array_room(in->buf, in->cap, in->want) ? fill(in, fd, in->want) : -ENOMEM;
}

/* --- out ------------------------------------------------------------------------------ */

static int keep_rest(struct server *srv, const struct iovec *iov, int n, size_t sent)
{
	struct server_out *o = &srv->out;
	for (int i = 0; i < n; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		size_t len = iov[i].iov_len - sent;
		if (o->len + len > OUT_MAX)
			return server_fail(srv, "the client does not read its replies");
		if (!array_room(o->buf, o->cap, o->len + len))
			return -ENOMEM;
		memcpy(o->buf + o->len, (const uint8_t *)iov[i].iov_base + sent, len);
		o->len += len;
		sent = 0;
	}
	srv->output_full = true;
	return server_watch(srv, &srv->client, srv->client.fd, EPOLLOUT);
}

int server_out_flush(struct server *srv)
{
	struct server_out *o = &srv->out;
	while (o->off < o->len) {
		ssize_t n = send(srv->client.fd, o->buf + o->off, o->len - o->off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		o->off += n;
	}
	if (!o->len)
		return 0;
	o->len = o->off = 0;
	srv->output_full = false;
	return server_watch(srv, &srv->client, srv->client.fd, EPOLLIN);
}

static size_t length(const struct iovec *iov, int n)
{
	size_t len = 0;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

/* Descriptors to go with the first byte. */
static void add_fds(struct msghdr *m, union control *c, const int *fd, unsigned n)
{
	m->msg_control = c->buf;
	m->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c->align = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&c->align), fd, n * sizeof(int));
}

int server_send(struct server *srv, const struct iovec *iov, int n, int fd)
{
	union control control = { 0 };
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	size_t sent = 0;
	if (srv->client.fd < 0)
		return -EPIPE;
	if (fd >= 0)
		add_fds(&m, &control, &fd, 1);
	if (!srv->out.len) {
		ssize_t got;
		do
			got = sendmsg(srv->client.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		while (got < 0 && errno == EINTR);
		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return -errno;
		sent = got < 0 ? 0 : got;
	}
	if (!sent && fd >= 0) /* a descriptor cannot wait in a buffer of bytes */
		return server_fail(srv, "the client does not read its replies");
	return sent < length(iov, n) ? keep_rest(srv, iov, n, sent) : 0;
}

/* Send every byte or fail: nothing is kept for later.  The descriptors go with the first byte. */
int server_send_wait(int to, const struct iovec *iov, int n, const int *fd, unsigned nfds, int ms)
{
	union control control = { 0 };
	struct iovec part[4];
	if (n > 4 || nfds > SERVER_FDS)
		return -EINVAL;
	memcpy(part, iov, n * sizeof(*iov));
	struct msghdr m = { .msg_iov = part, .msg_iovlen = n };
	if (nfds)
		add_fds(&m, &control, fd, nfds);
	for (size_t left = length(part, n); left;) {
		ssize_t got = sendmsg(to, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return -errno;
		struct pollfd p = { .fd = to, .events = POLLOUT };
		if (got < 0 && poll(&p, 1, ms) == 0)
			return -ETIMEDOUT;
		if (got <= 0)
			continue;
		left -= got;
		m.msg_control = NULL;
		m.msg_controllen = 0;
		for (struct iovec *v = part; got && v < part + n; v++) {
			size_t now = (size_t)got < v->iov_len ? (size_t)got : v->iov_len;
			v->iov_base = (uint8_t *)v->iov_base + now;
			v->iov_len -= now;
			got -= now;
		}
	}
	return 0;
}
