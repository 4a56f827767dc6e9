/* SPDX-License-Identifier: MIT */
/*
 * A proxy between any vhost-user front end and any back end.  It forwards all messages with
 * their descriptors, and reads those that say where memory and rings are.  Kicks and calls
 * pass through the proxy's own descriptors, so that it can read the rings before it notifies
 * the other side (decoder/source/snoop.h).
 *
 * The proxy is a struct server whose client is the front end: use server_listen(),
 * server_step() and server_free(), with vhost_proxy_timeout() for the time to wait.
 *
 * A passive proxy leaves kicks and calls alone: their descriptors are forwarded as they are, and
 * the two sides notify each other without it.  It reads the rings when its caller asks it to look
 * (emu/proxy/poll.h says when), and before a message that stops or moves a ring takes effect.  It
 * waits for the same descriptors without reading them: that tells when a look may be worth it, but
 * not how many kicks or calls there were.
 *
 * The proxy does not offer two protocol features of the back end to the front end, because
 * their data would bypass it: PAGEFAULT (userfaultfd) and HOST_NOTIFIER (a doorbell in
 * hardware).
 */
#ifndef VQT_EMU_PROXY_VHOST_USER_H
#define VQT_EMU_PROXY_VHOST_USER_H

#include <poll.h>

#include "emu/server/server.h"
#include "decoder/source/snoop.h"
#include "decoder/util/histogram.h"

struct vhost_proxy_config {
	/* A connection to the back end, for each front end: descriptor or negative errno. */
	int (*connect)(void *opaque);
	void *connect_opaque;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t virtio_id; /* device type, which the protocol does not say; 0: recognise it */
	const char *name; /* for the trace; borrowed */
	unsigned spin_us;
	bool passive;
	struct hist
		*within; /* passive: ns that events may have happened before their times; or NULL */
	void (*report)(void *opaque, enum server_event what, const char *text);
	void *opaque;
};

struct vhost_proxy_stats {
	uint64_t clients, messages, unknown; /* unknown to the proxy: forwarded unchanged */
	struct snoop_stats rings; /* of all queues */
};

int vhost_proxy_new(struct server **out, const struct vhost_proxy_config *cfg);
/* ms until the rings must be read again, for server_step(); -1: not before a kick or a call. */
int vhost_proxy_timeout(struct server *d);
/* Passive: was there a kick or a call since it was asked last? */
bool vhost_proxy_notified(struct server *d);
/* What it waits for but kicks and calls, for poll(): how many. */
#define VHOST_PROXY_SOCKETS 4
unsigned vhost_proxy_sockets(const struct server *d, struct pollfd *fd);
/*
 * Passive: is there a ring to look at?  Read all that has happened in them: how many entries;
 * *in_flight grows by the chains that are in flight then.
 */
bool vhost_proxy_follows(const struct server *d);
unsigned vhost_proxy_look(struct server *d, uint32_t *in_flight);
struct vhost_proxy_stats vhost_proxy_stats(const struct server *d);
/* Write the device and its state, with which each trace file begins. */
void vhost_proxy_preamble(struct server *d);
/* Connect to a UNIX socket, without waiting: -EAGAIN where too many wait already, or -errno. */
int vhost_proxy_connect(const char *path);

#endif
