/* SPDX-License-Identifier: MIT */
/*
 * A door without a device: between any vhost-user front end and any back end.  All
 * messages are handed on with their descriptors; those that say where memory and
 * rings are, are looked at, and kicks and calls pass through descriptors of ours, so
 * that the rings can be read before the other side hears (emu/proxy/snoop.h).
 *
 * It is a struct door whose client is the front end: server_listen, server_step,
 * server_free serve it, with vhost_proxy_timeout() for the time to wait.
 *
 * Not handed on are the offers of two protocol features, whose data path does not
 * come by here: PAGEFAULT (userfaultfd) and HOST_NOTIFIER (a doorbell in hardware).
 */
#ifndef VQT_EMU_PROXY_VHOST_USER_H
#define VQT_EMU_PROXY_VHOST_USER_H

#include "emu/server/server.h"
#include "emu/proxy/snoop.h"

struct vhost_proxy_config {
	/* A connection to the back end, for each front end: descriptor or negative errno. */
	int (*connect)(void *opaque);
	void *connect_opaque;
	struct emu_tap *tap; /* borrowed, may be NULL */
	uint16_t virtio_id; /* the protocol does not say */
	const char *name, *type_name; /* for the trace; borrowed */
	unsigned spin_us;
	void (*say)(void *opaque, enum server_event what, const char *text);
	void *opaque;
};

struct vhost_proxy_stats {
	uint64_t clients, messages, unknown; /* unknown to us: handed on as they came */
	struct snoop_stats rings; /* of all queues */
};

int vhost_proxy_new(struct server **out, const struct vhost_proxy_config *cfg);
/* ms until rings must be looked at again, for server_step(); -1: a kick or a call tells. */
int vhost_proxy_timeout(struct server *d);
struct vhost_proxy_stats vhost_proxy_stats(const struct server *d);
/* Device and states as the trace has to begin with: once, and for each further file. */
void vhost_proxy_preamble(struct server *d);
/* Connect to a UNIX socket; negative errno. */
int vhost_proxy_connect(const char *path);

#endif
