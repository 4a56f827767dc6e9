/* SPDX-License-Identifier: MIT */
/* Rings that are looked at by time, while kicks and calls go straight from side to side. */
#include <fcntl.h>

#include "decoder/trace/build.h"
#include "decoder/util/clock.h"
#include "emu/proxy/impl.h"

/* That a device takes to use a chain, at least: for what an index can have counted. */
#define USED_NS 50

/* How long before ts it may have happened. */
static void add_within(struct vhost_proxy *p, const struct proxy_ring *r, uint64_t ts,
		       struct build *b)
{
	uint64_t ns = ts - r->looked;
	uint32_t within = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;

	if (p->cfg.within)
		hist_add(p->cfg.within, ns, 1);
	build_value(b, VQT_TAG_WITHIN, &within, sizeof(within));
}

static void put(void *opaque, void *record, size_t len)
{
	struct vhost_proxy *p = opaque;
	const struct vqt_hdr *h = record;
	struct build b = { .bytes = record, .size = VQT_RECORD_MAX, .len = len };
	const struct proxy_ring *r = h->queue < PROXY_RINGS ? p->ring[h->queue] : NULL;
	uint64_t ts = clock_ns(CLOCK_MONOTONIC);

	if (r && (h->type == VQT_USED || (h->type == VQT_AVAIL && !r->first)))
		add_within(p, r, ts, &b);
	emu_tap_put_at(p->cfg.tap, record, b.len, ts);
}

static uint64_t at_most(void *opaque, uint16_t queue)
{
	const struct vhost_proxy *p = opaque;

	return (clock_ns(CLOCK_MONOTONIC) - p->ring[queue]->looked) / USED_NS + 1;
}

void proxy_passive_sink(struct vhost_proxy *p)
{
	p->sink.record = put;
	p->sink.at_most = at_most;
	p->sink.opaque = p;
}

static void on_notification(struct server *d, struct server_source *s, uint32_t events)
{
	((struct vhost_proxy *)d)->notified = true;
}

void proxy_passive_wait(struct vhost_proxy *p, struct server_source *s, int fd)
{
	int ours = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	server_drop(&p->server, s);
	s->ready = on_notification;
	/*
	 * By edges, as it stays readable until the other side reads it.  Where it cannot be waited for,
	 * rings are looked at by time only.
	 */
	if (ours >= 0)
		server_own(&p->server, s, ours, EPOLLIN | EPOLLET);
}

bool vhost_proxy_notified(struct server *d)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	bool notified = p->notified;

	p->notified = false;
	return notified;
}

unsigned vhost_proxy_sockets(const struct server *d, struct pollfd *fd)
{
	const struct vhost_proxy *p = (const struct vhost_proxy *)d;
	const int all[VHOST_PROXY_SOCKETS] = { d->client.fd >= 0 ? d->client.fd : d->listener.fd,
					       p->back.source.fd, p->channel[0].source.fd,
					       p->channel[1].source.fd };
	unsigned n = 0;

	for (unsigned i = 0; i < VHOST_PROXY_SOCKETS; i++)
		if (all[i] >= 0)
			fd[n++] = (struct pollfd){ .fd = all[i],
						   .events = !i && d->output_full ? POLLOUT
										  : POLLIN };
	return n;
}

unsigned proxy_passive_read(struct proxy_ring *r, bool all)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned n;

	n = snoop_look(&r->w, all);
	if (!all || n >= r->w.ring.size)
		return n; /* there may be more, which has been there before now */
	r->looked = now;
	r->first = false;
	return n;
}

static unsigned look(struct proxy_ring *r, uint64_t now)
{
	unsigned n;

	if (!snoop_moved(&r->w)) {
		r->looked = now;
		r->first = false;
		if (!r->sampled && now - r->busy >= PROXY_REST) {
			r->sampled = true;
			snoop_sample(&r->w);
		}
		return 0;
	}
	n = proxy_passive_read(r, true);
	if (n) {
		r->busy = now;
		r->sampled = false;
	}
	return n;
}

unsigned vhost_proxy_look(struct server *d, uint32_t *in_flight)
{
	struct vhost_proxy *p = (struct vhost_proxy *)d;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	unsigned n = 0;

	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		if (!p->ring[i] || !p->ring[i]->running || !p->ring[i]->w.on)
			continue;
		n += look(p->ring[i], now);
		*in_flight += p->ring[i]->w.in_flight;
	}
	if (server_maps_lost(&d->maps))
		server_step(d, 0, NULL); /* which ends the connection */
	return n;
}

bool vhost_proxy_follows(const struct server *d)
{
	const struct vhost_proxy *p = (const struct vhost_proxy *)d;

	for (unsigned i = 0; i < PROXY_RINGS; i++)
		if (p->ring[i] && p->ring[i]->running && p->ring[i]->w.on)
			return true;
	return false;
}
