/* SPDX-License-Identifier: MIT */
/* The messages between front end and back end that describe the device. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/class/class.h"
#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "emu/proxy/impl.h"

#define BIT(n) (1ull << (n))
/* With these, data would bypass the proxy. */
#define NOT_OFFERED (BIT(VH_P_PAGEFAULT) | BIT(VH_P_HOST_NOTIFIER))
#define RUNNING \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK)

void proxy_report_state(struct vhost_proxy *p)
{
	uint64_t offered[2] = { p->offered & ~VQT_VHOST_FEATURES, 0 };
	uint64_t accepted[2] = { p->features & ~VQT_VHOST_FEATURES, 0 };
	/* without the STATUS messages: rings run once the driver has finished its set-up */
	uint8_t status = p->protocol & BIT(VH_P_STATUS) ? p->status : RUNNING;
	emu_tap_device_state(p->cfg.tap,
			     VQT_KNOWN_STATUS | VQT_KNOWN_OFFERED | VQT_KNOWN_ACCEPTED |
				     VQT_KNOWN_CONFIG,
			     status, offered, accepted, p->config, p->config_len);
	p->lived = p->reported = true;
}

/* A driver begins anew: record a reset, if there was a driver before. */
static void begin_lifecycle(struct vhost_proxy *p)
{
	if (p->lived)
		emu_tap_lifecycle(p->cfg.tap, VQT_LIFECYCLE_RESET, VQT_NO_QUEUE, 0, 0, 0, NULL);
	p->lived = p->reported = false;
}

void proxy_report_device(struct vhost_proxy *p)
{
	const struct class *c = class_find(p->virtio_id);

	snprintf(p->type_name, sizeof(p->type_name), "vhost-user%s%.19s", c ? "-" : "",
		 c ? c->name : "");
	emu_tap_device(p->cfg.tap, p->virtio_id, VQT_TRANSPORT_UNKNOWN, 0, ~0u, p->queues,
		       p->cfg.name, p->type_name);
}

/* The protocol does not say the type: features and configuration may. */
static void recognise(struct vhost_proxy *p)
{
	struct class_evidence v = { .offered = { p->offered & ~VQT_VHOST_FEATURES, 0 },
				    .config_len = p->config_len,
				    .vhost_user = p->protocol_offered };
	const struct class *c = class_recognise(&v);
	char name[32];

	if (!c || c->id == p->virtio_id)
		return;
	if (!p->cfg.virtio_id) {
		p->virtio_id = c->id;
		proxy_report_device(p);
	} else if (!p->asked) {
		p->asked = true;
		server_report(&p->server, SERVER_NOTE,
			      "the back end looks like a %s and is recorded as %s (--type)",
			      c->title, class_name(p->virtio_id, name, sizeof(name)));
	}
}

void proxy_ask_type(struct vhost_proxy *p)
{
	if (p->virtio_id || p->asked)
		return;
	p->asked = true;
	server_report(
		&p->server, SERVER_NOTE,
		"features and configuration do not tell what device this is: say it with "
		"--type, such as blk, fs, scsi; until its requests tell they are not decoded");
}

static int features_offered(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
			    struct server_in *in)
{
	if (h->size >= 8)
		p->offered = get_le64(b);
	recognise(p);
	return 0;
}

/* Setting features again while rings run (to switch logging) does not restart the device. */
static int features_accepted(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
			     struct server_in *in)
{
	uint64_t f = get_le64(b);
	if (p->features_known && proxy_any_running(p)) {
		p->features = f;
		return 0;
	}
	begin_lifecycle(p);
	p->features = f;
	p->features_known = true;
	proxy_rings_start(p);
	return 0;
}

static int protocol_offered(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
			    struct server_in *in)
{
	if (h->size < 8)
		return 0;
	uint64_t f = get_le64(b), ours = f & ~NOT_OFFERED;
	memcpy(b, &ours, sizeof(ours));
	if (f != ours)
		emu_tap_note(
			p->cfg.tap, VQT_NOTE_INFO,
			"protocol features of the back end were not handed on: PAGEFAULT, HOST_NOTIFIER");
	p->protocol_offered = f;
	recognise(p);
	return 0;
}

static int protocol_accepted(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
			     struct server_in *in)
{
	p->protocol = get_le64(b);
	return 0;
}

static int queue_num(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		     struct server_in *in)
{
	unsigned was = p->queues;
	if (h->size >= 8)
		p->queues = get_le64(b) < PROXY_RINGS ? get_le64(b) : PROXY_RINGS;
	if (was != p->queues)
		proxy_report_device(p);
	return 0;
}

/* offset, size, flags, then as many bytes */
static int config(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		  struct server_in *in)
{
	if (h->size < 12)
		return 0;
	uint32_t off = get_le32(b), len = get_le32(b + 4);
	if (len > h->size - 12 || len > PROXY_CONFIG || off > PROXY_CONFIG - len ||
	    off > p->config_len)
		return 0;
	bool same = off + len <= p->config_len && !memcmp(p->config + off, b + 12, len);
	memcpy(p->config + off, b + 12, len);
	if (off + len > p->config_len)
		p->config_len = off + len;
	recognise(p);
	if (!same && p->reported)
		proxy_report_state(p);
	return 0;
}

static int reset(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		 struct server_in *in)
{
	proxy_rings_look(p);
	proxy_rings_stop(p, false);
	begin_lifecycle(p);
	p->features_known = false;
	p->status = 0;
	return 0;
}

static int status_set(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		      struct server_in *in)
{
	uint8_t was = p->status;
	if (!b[0] && was)
		return reset(p, h, b, in);
	p->status = b[0];
	if (was != p->status && p->reported)
		proxy_report_state(p);
	return 0;
}

static int status_got(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		      struct server_in *in)
{
	const uint8_t broken = VIRTIO_CONFIG_S_NEEDS_RESET;
	if (!h->size || !p->reported || !(b[0] & ~p->status & broken))
		return 0;
	p->status |= broken;
	proxy_report_state(p);
	return 0;
}

/*
 * The back end sends its own requests over a socket that the front end passes: put a socket
 * of the proxy in between.
 */
static int channel(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		   struct server_in *in)
{
	int pair[2], theirs = in->nfds ? in->fd[0] : -1;
	if (theirs < 0)
		return 0;
	for (int i = 0; i < 2; i++)
		proxy_close_peer(p, &p->channel[i]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	in->fd[0] = pair[1];
	server_nonblock(theirs);
	server_nonblock(pair[0]);
	int ret = server_own(&p->server, &p->channel[0].source, theirs, EPOLLIN);
	if (ret == 0)
		return server_own(&p->server, &p->channel[1].source, pair[0], EPOLLIN);
	close(pair[0]);
	return ret;
}

static int inflight(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		    struct server_in *in)
{
	p->inflight = true;
	return 0;
}

static proxy_handler *const handlers[VH_REQUESTS] = {
	[VH_GET_FEATURES] = features_offered,
	[VH_SET_FEATURES] = features_accepted,
	[VH_GET_PROTOCOL_FEATURES] = protocol_offered,
	[VH_SET_PROTOCOL_FEATURES] = protocol_accepted,
	[VH_GET_QUEUE_NUM] = queue_num,
	[VH_GET_CONFIG] = config,
	[VH_SET_CONFIG] = config,
	[VH_SET_BACKEND_REQ_FD] = channel,
	[VH_SET_INFLIGHT_FD] = inflight,
	[VH_RESET_DEVICE] = reset,
	[VH_SET_STATUS] = status_set,
	[VH_GET_STATUS] = status_got,
};

proxy_handler *proxy_handler_of(uint32_t request)
{
	return handlers[request] ? handlers[request] : proxy_ring_handlers[request];
}
