/* SPDX-License-Identifier: MIT */
/* Between a vhost-user front end and a back end: connections and messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/trace/record.h"
#include "emu/proxy/impl.h"

#define MESSAGE_MAX (64u << 10) /* of any kind, known or not */
#define SEND_MS 5000 /* within which the other side must read */
#define MESSAGES_A_TURN 64

int vhost_proxy_connect(const char *path)
{
	return server_connect(path, SOCK_NONBLOCK);
}

/* --- handing on ---------------------------------------------------------------------- */

static unsigned descriptors(const struct server_in *in, int fd[SERVER_FDS])
{
	unsigned n = 0;
	for (unsigned i = 0; i < in->nfds; i++)
		if (in->fd[i] >= 0)
			fd[n++] = in->fd[i];
	return n;
}

static int hand_on(struct vhost_proxy *p, int to, uint8_t *msg, size_t len, struct server_in *in)
{
	struct iovec v = { msg, len };
	int fd[SERVER_FDS];
	unsigned n = descriptors(in, fd);
	int ret = to < 0 ? -EPIPE : server_send_wait(to, &v, 1, fd, n, SEND_MS);
	server_in_reset(in, false);
	return ret;
}

/*
 * To the front end, which may be hostile: this process has other front ends to serve, and does not
 * wait until this one reads.  Nothing more is read from it until it has.
 */
static int hand_back(struct vhost_proxy *p, struct server_in *in)
{
	struct server *d = &p->server;
	struct iovec v = { in->buf, in->want };
	int fd[SERVER_FDS], ret;
	unsigned n = descriptors(in, fd);
	if (n <= 1)
		ret = server_send(d, &v, 1, n ? fd[0] : -1);
	else if (d->out.len) /* descriptors cannot wait behind bytes that do */
		ret = server_fail(d, "the front end does not read what it is answered");
	else
		ret = d->client.fd < 0 ? -EPIPE
				       : server_send_wait(d->client.fd, &v, 1, fd, n, SEND_MS);
	server_in_reset(in, false);
	return ret;
}

static ssize_t payload_from(struct server *d, const uint8_t *header, const char *who)
{
	struct vhost_user_hdr h;
	memcpy(&h, header, sizeof(h));
	if (h.size > MESSAGE_MAX)
		return server_fail(d, "the %s sent a message of %u bytes", who, h.size);
	return h.size;
}

static ssize_t payload(struct server *d, const uint8_t *header)
{
	return payload_from(d, header, "front end");
}

static ssize_t back_payload(struct server *d, const uint8_t *header)
{
	return payload_from(d, header, "back end");
}

static void record(struct vhost_proxy *p, unsigned from, const uint8_t *msg,
		   const struct server_in *in)
{
	struct vhost_user_hdr h;
	unsigned fds = 0;
	memcpy(&h, msg, sizeof(h));
	for (unsigned i = 0; i < in->nfds; i++)
		fds += in->fd[i] >= 0;
	emu_tap_vhost_user(p->cfg.tap, from, h.request, h.flags, msg + sizeof(h), h.size, fds);
}

/* The back end's word on a request for which REPLY_ACK was asked. */
static void note_result(struct vhost_proxy *p, const struct spec_message *m,
			const struct vhost_user_hdr *h, const uint8_t *body)
{
	if (!m || m->replies || !(h->flags & VH_REPLY) || h->size < 8 || !get_le64(body))
		return;
	server_report(&p->server, SERVER_NOTE, "the back end refuses %s (%llu)", m->name,
		      (unsigned long long)get_le64(body));
}

/* Record a message and call its handler, if it has one; every message is forwarded. */
static int look_at(struct vhost_proxy *p, uint8_t *msg, size_t len, struct server_in *in,
		   bool asked)
{
	struct vhost_user_hdr h;
	record(p, asked ? VQT_FROM_FRONT_END : VQT_FROM_BACK_END, msg, in);
	memcpy(&h, msg, sizeof(h));
	const struct spec_message *m = spec_vhost_user(h.request, false);
	proxy_handler *handle = m ? proxy_handler_of(h.request) : NULL;
	if (!m && !p->unknown++)
		server_report(&p->server, SERVER_NOTE,
			      "request %u is not known here and handed on as it is", h.request);
	if (asked)
		p->last = m;
	else
		note_result(p, m, &h, msg + sizeof(h));
	if (!handle || asked == m->replies || (asked && h.size < m->least))
		return 0;
	return handle(p, &h, msg + sizeof(h), in);
}

/* From the front end. */
static int message(struct server *d, uint8_t *msg, size_t len)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	int ret = look_at(p, msg, len, d->msg, true);
	if (ret == 0)
		ret = hand_on(p, p->back.source.fd, msg, len, d->msg);
	if (ret < 0 && !d->why[0])
		return server_fail(d, "a message could not be handed on to the back end: %s",
				   strerror(-ret));
	return ret < 0 ? -EBADMSG : 0;
}

/* One message from the back end: 1, 0 none whole yet, negative. */
static int pass(struct vhost_proxy *p)
{
	struct server_in *in = &p->back.in;
	int ret = server_in_get(in, p->back.source.fd, sizeof(struct vhost_user_hdr), back_payload,
				&p->server);
	if (ret <= 0)
		return ret;
	p->server.stats.messages++;
	ret = look_at(p, in->buf, in->have, in, false);
	if (ret == 0)
		ret = hand_back(p, in);
	return ret < 0 ? ret : 1;
}

void proxy_close_peer(struct vhost_proxy *p, struct proxy_peer *peer)
{
	server_drop(&p->server, &peer->source);
	server_in_reset(&peer->in, true);
}

static void on_back(struct server *d, struct server_source *s, uint32_t events)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	int ret = 1;
	for (unsigned i = 0; i < MESSAGES_A_TURN && ret > 0; i++)
		ret = pass(p);
	if (ret >= 0)
		return;
	if (!d->why[0] && (ret == -EPIPE || ret == -ECONNRESET))
		server_fail(d, "the back end has closed the connection%s%s",
			    p->last ? " after " : "", p->last ? p->last->name : "");
	else if (!d->why[0])
		server_fail(d, "a message of the back end could not be handed on: %s",
			    strerror(-ret));
	/*
	 * read the rings as the back end left them; the front end is disconnected at the end
	 * of this step
	 */
	proxy_rings_look(p);
	proxy_close_peer(p, &p->back);
}

/* The back end's own requests and the front end's replies are only forwarded. */
static void on_channel(struct server *d, struct server_source *s, uint32_t events)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	struct proxy_peer *from = (struct proxy_peer *)s;
	struct proxy_peer *to = from == &p->channel[0] ? &p->channel[1] : &p->channel[0];
	struct vhost_user_hdr h;
	int ret;
	while ((ret = server_in_get(&from->in, s->fd, sizeof(h), back_payload, d)) > 0) {
		memcpy(&h, from->in.buf, sizeof(h));
		record(p,
		       from == &p->channel[1] ? VQT_FROM_BACK_END_CHANNEL
					      : VQT_FROM_FRONT_END_CHANNEL,
		       from->in.buf, &from->in);
		if (from == &p->channel[1] && h.request == VH_BACKEND_CONFIG_CHANGE &&
		    !(h.flags & VH_REPLY))
			emu_tap_irq(p->cfg.tap, VQT_NO_QUEUE, VQT_IRQ_CONFIG, VQT_NO_VECTOR, 0);
		ret = hand_on(p, to->source.fd, from->in.buf, from->in.want, &from->in);
		if (ret < 0)
			break;
	}
	if (ret >= 0)
		return;
	proxy_close_peer(p, &p->channel[0]);
	proxy_close_peer(p, &p->channel[1]);
}

/* --- the connection's life ----------------------------------------------------------- */

static void opened(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	int fd = p->cfg.connect(p->cfg.connect_opaque);
	p->last = NULL;
	p->protocol = p->features = p->protocol_offered = p->offered = 0;
	p->config_len = 0;
	p->features_known = p->reported = p->inflight = false;
	p->status = 0;
	if (fd >= 0)
		fd = server_own(d, &p->back.source, fd, EPOLLIN);
	if (fd < 0)
		server_fail(d, "the back end cannot be reached: %s", strerror(-fd));
}

static void closed(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	proxy_rings_look(p);
	proxy_rings_stop(p, true);
	proxy_close_peer(p, &p->back);
	proxy_close_peer(p, &p->channel[0]);
	proxy_close_peer(p, &p->channel[1]);
	server_maps_clear(&d->maps);
	if (p->lived)
		emu_tap_lifecycle(p->cfg.tap, VQT_LIFECYCLE_RESET, VQT_NO_QUEUE, 0, 0, 0, NULL);
	p->lived = false;
}

static int run(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	int n = p->cfg.passive ? 0 : proxy_rings_run(p);
	if (server_maps_lost(&d->maps))
		server_fail(d, "the front end took memory away that it had shared");
	return n;
}

static int init(struct server *d, const struct server_config *cfg)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	p->back.source = (struct server_source){ -1, on_back };
	p->channel[0].source = p->channel[1].source = (struct server_source){ -1, on_channel };
	p->memory = emu_ring_memory(d->maps.mem);
	return cfg->tap ? emu_tap_sink(cfg->tap, &p->sink) : 0;
}

static void fini(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	proxy_rings_free(p);
	free(p->sink.space);
}

/* vhost_proxy_timeout() says when there is something to do. */
static const struct server_ops ops = {
	.size = sizeof(struct vhost_proxy),
	.init = init,
	.fini = fini,
	.header = sizeof(struct vhost_user_hdr),
	.payload = payload,
	.message = message,
	.opened = opened,
	.closed = closed,
	.run = run,
};

int vhost_proxy_new(struct server **out, const struct vhost_proxy_config *cfg)
{
	struct server_config dc = { .tap = cfg->tap,
				    .report = cfg->report,
				    .opaque = cfg->opaque,
				    .spin_us = cfg->spin_us };
	int ret = server_new(out, &ops, &dc);
	if (ret == 0) {
		((struct vhost_proxy *)*out)->cfg = *cfg;
		((struct vhost_proxy *)*out)->virtio_id = cfg->virtio_id;
		if (cfg->passive && cfg->tap)
			proxy_passive_sink((struct vhost_proxy *)*out);
	}
	return ret;
}

int vhost_proxy_timeout(struct server *d)
{
	return d->client.fd < 0 ? -1 : proxy_rings_timeout((struct vhost_proxy *)d);
}

struct vhost_proxy_stats vhost_proxy_stats(const struct server *d)
{
	const struct vhost_proxy *p = (const struct vhost_proxy *)d;
	struct vhost_proxy_stats s = { .clients = d->stats.clients,
				       .messages = d->stats.messages,
				       .unknown = p->unknown };
	for (unsigned i = 0; i < PROXY_RINGS; i++)
		if (p->ring[i])
			snoop_stats_add(&s.rings, &p->ring[i]->w.stats);
	return s;
}

void vhost_proxy_preamble(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	proxy_report_device(p);
	if (p->reported)
		proxy_report_state(p);
}
