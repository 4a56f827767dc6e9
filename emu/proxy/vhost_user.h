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
 * The proxy does not offer two protocol features of the back end to the front end, because
 * their data would bypass it: PAGEFAULT (userfaultfd) and HOST_NOTIFIER (a doorbell in
 * hardware).
 */
#ifndef VQT_EMU_PROXY_VHOST_USER_H
#define VQT_EMU_PROXY_VHOST_USER_H

#include "emu/server/server.h"
#include "decoder/source/snoop.h"

struct vhost_proxy_config {
	/* A connection to the back end, for each front end: descriptor or negative errno. */
	int (*connect)(void *opaque);
	void *connect_opaque;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t virtio_id; /* device type, which the protocol does not say; 0: recognise it */
	const char *name; /* for the trace; borrowed */
	unsigned spin_us;
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
struct vhost_proxy_stats vhost_proxy_stats(const struct server *d);
/* Write the device and its state, with which each trace file begins. */
void vhost_proxy_preamble(struct server *d);
/* Connect to a UNIX socket; negative errno. */
int vhost_proxy_connect(const char *path);

#endif
