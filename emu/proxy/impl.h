/* SPDX-License-Identifier: MIT */
/* Between the files of this folder. */
#ifndef VQT_EMU_PROXY_IMPL_H
#define VQT_EMU_PROXY_IMPL_H

#include "decoder/source/snoop.h"
#include "decoder/spec/vhost_user.h"
#include "emu/server/impl.h"
#include "emu/server/map.h"
#include "emu/proxy/vhost_user.h"
#include "emu/server/vhost_user.h"

#define PROXY_RINGS 256 /* what SET_VRING_KICK and its like can name */
#define PROXY_CONFIG 256

struct vhost_proxy;

struct proxy_peer {
	struct server_source source;
	struct server_in in;
};

struct proxy_ring {
	struct server_source kick; /* the front end's, read by us; passive: only waited for */
	struct server_source call,
		err; /* ours, written by the back end; passive: the front end's, as above */
	struct vhost_proxy *p;
	unsigned index;
	int kick_to; /* ours, read by the back end */
	int call_to, err_to; /* the front end's */
	struct vhost_user_addr addr;
	uint32_t num, base;
	bool has_addr, enabled, started, running;
	bool reported; /* was it reported that the ring cannot be followed? */
	uint64_t waiting; /* ns: since when entries wait for a kick that is due; 0: none do */
	uint64_t busy; /* ns: when the ring last changed */
	bool sampled; /* since the ring last changed? */
	/*
	 * Passive: ns, when the latest look that read everything began, or the ring was started: what is
	 * found now happened later.  first: there was no such look, so chains may be older.
	 */
	uint64_t looked;
	bool first;
	struct snoop w;
};

struct vhost_proxy {
	struct server server; /* its client is the front end */
	struct vhost_proxy_config cfg;
	struct proxy_peer back, channel[2]; /* channel: the back end's own requests */
	struct ring_memory memory; /* server.maps.mem, as the snooper reads it */
	struct snoop_sink sink; /* cfg.tap */
	uint16_t virtio_id; /* as told, or recognised; 0 unknown */
	bool asked; /* was the user asked for the type? */
	char type_name[32]; /* "vhost-user-blk" */
	uint64_t offered, features, protocol;
	uint64_t protocol_offered; /* by the back end */
	bool features_known, lived, reported;
	uint8_t status;
	uint8_t config[PROXY_CONFIG];
	uint16_t config_len;
	unsigned queues; /* as the back end says; 0 unknown */
	bool inflight; /* the front end has a record of chains that an earlier back end left in flight */
	struct proxy_ring *ring[PROXY_RINGS];
	uint64_t ran; /* ns: when rings were last read; 0 never */
	bool notified; /* passive: there was a kick or a call */
	uint64_t unknown; /* messages */
	const struct spec_message *last; /* of the front end; NULL: none, or unknown */
};

/*
 * Called before a message is forwarded: the reply, where the protocol defines one (no
 * REPLY_ACK), else the request, whose body is long enough.  It may change the body and the
 * descriptors.  Negative: the connection ends.
 */
typedef int proxy_handler(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *body,
			  struct server_in *in);

/* emu/proxy/vhost_user.c */
void proxy_close_peer(struct vhost_proxy *p, struct proxy_peer *peer);

/* emu/proxy/message.c */
proxy_handler *proxy_handler_of(uint32_t request); /* of a known one; NULL: none */
/* Write what is known of the device to the trace: what it is; its state. */
void proxy_report_device(struct vhost_proxy *p);
void proxy_report_state(struct vhost_proxy *p);
/* Requests begin: ask for the device's type if nothing has told it. */
void proxy_ask_type(struct vhost_proxy *p);

/* emu/proxy/ring.c */
extern proxy_handler *const proxy_ring_handlers[VH_REQUESTS]; /* by request */
void proxy_rings_start(struct vhost_proxy *p); /* those that are ready */
void proxy_rings_look(struct vhost_proxy *p); /* read all rings, before something changes */
void proxy_rings_stop(struct vhost_proxy *p, bool drop); /* drop: descriptors, too */
bool proxy_any_running(const struct vhost_proxy *p);
/* Read the rings that are due; how many entries were new. */
int proxy_rings_run(struct vhost_proxy *p);
int proxy_rings_timeout(struct vhost_proxy *p);
#define PROXY_REST \
	UINT64_C(1500000000) /* ns: a ring without a change for so long is sampled once */
void proxy_rings_free(struct vhost_proxy *p);

/* emu/proxy/passive.c */
/* Read the used ring, and (all) the available ring; how many entries were new. */
unsigned proxy_passive_read(struct proxy_ring *r, bool all);
/*
 * Wait for this descriptor of a message (-1: none), a kick or a call, without reading it: then it has
 * no effect on who does.
 */
void proxy_passive_wait(struct vhost_proxy *p, struct server_source *s, int fd);
/* Where the snooper's records go: they say how right their times are. */
void proxy_passive_sink(struct vhost_proxy *p);

#endif
