/* SPDX-License-Identifier: MIT */
/* vhost-user, the backend's side: features, configuration, the connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/spec/vhost_user.h"
#include "emu/server/vhost_user.h"

#define BIT(n) (1ull << (n))
#define PROTOCOL \
	(BIT(VH_P_MQ) | BIT(VH_P_REPLY_ACK) | BIT(VH_P_CONFIG) | BIT(VH_P_RESET_DEVICE) | \
	 BIT(VH_P_MEM_SLOTS) | BIT(VH_P_INFLIGHT) | BIT(VH_P_BACKEND_REQ))
/* The client has the transport, and the protocol has no message to reset a queue. */
#define NOT_OURS \
	(BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_NOTIFICATION_DATA) | \
	 BIT(VIRTIO_F_NOTIF_CONFIG_DATA))
#define QUEUE_SIZE 1024 /* what clients choose at most */
#define QUEUE_SIZE_USUAL 128 /* what QEMU chooses by default */

int vhost_user_reply(struct vhost_user *u, const struct vhost_user_hdr *h, const void *body,
		     size_t len, int fd)
{
	struct vhost_user_hdr r = { .request = h->request,
				    .flags = VH_VERSION | VH_REPLY,
				    .size = len };
	struct iovec iov[] = { { &r, sizeof(r) }, { (void *)body, len } };
	return server_send(&u->server, iov, 2, fd);
}

static int reply64(struct vhost_user *u, const struct vhost_user_hdr *h, uint64_t value)
{
	return vhost_user_reply(u, h, &value, sizeof(value), -1);
}

static uint64_t offered(const struct vhost_user *u)
{
	uint64_t f = emu_virtio_offered(&u->v, 0, false) |
		     (uint64_t)emu_virtio_offered(&u->v, 1, false) << 32;
	return (f & ~NOT_OURS) | BIT(VH_F_PROTOCOL_FEATURES);
}

/* What the answers that are one number say. */
static int get_number(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	switch (h->request) {
	case VH_GET_FEATURES: return reply64(u, h, offered(u));
	case VH_GET_PROTOCOL_FEATURES: return reply64(u, h, PROTOCOL);
	case VH_GET_QUEUE_NUM: return reply64(u, h, u->v.nqueues);
	default: return reply64(u, h, VH_MEM_SLOTS);
	}
}

/*
 * Record the registers, which the client's transport has, as far as the client has reported
 * them.
 */
static void report_state(struct vhost_user *u, uint32_t known)
{
	emu_tap_device_state(u->server.tap, known, u->v.status, u->v.offered, u->v.accepted,
			     u->v.config, u->v.config_len);
}

static bool any_running(const struct vhost_user *u)
{
	for (unsigned i = 0; i < u->v.nqueues; i++)
		if (u->ring[i].running)
			return true;
	return false;
}

/*
 * What drivers wrote to the configuration outlives the resets that SET_FEATURES stands for, and
 * connections: the client has it still, sends it once, and starts the rings anew without a word
 * to the driver (a guest that was paused).  The driver may also write before the rings run.
 */
static void keep_config(struct vhost_user *u, uint32_t off, const uint8_t *p, uint32_t len)
{
	const uint32_t room = off < sizeof(u->wrote) ? sizeof(u->wrote) - off : 0;
	for (uint32_t i = 0; i < len && i < room; i++) {
		u->wrote[off + i] = p[i];
		u->wrote_known[(off + i) / 8] |= 1u << (off + i) % 8;
	}
}

static bool was_written(const struct vhost_user *u, uint32_t off)
{
	return off < sizeof(u->wrote) && u->wrote_known[off / 8] >> off % 8 & 1;
}

static void restore_config(struct vhost_user *u)
{
	for (uint32_t at = 0, n; at < sizeof(u->wrote); at += n + 1) {
		for (n = 0; was_written(u, at + n);)
			n++;
		if (n)
			emu_virtio_config_write(&u->v, at, u->wrote + at, n);
	}
}

/* Clients set the same features again on running rings to toggle logging: nothing changes. */
static int set_features(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	uint64_t f = get_le64(p), none = f & ~offered(u);
	if (none)
		return server_fail(&u->server,
				   "the client accepted features 0x%llx that are not offered",
				   (unsigned long long)none);
	if (u->features_known && u->features == f && any_running(u))
		return 0;
	vhost_user_rings_stop(u);
	emu_virtio_set_status(&u->v, 0, false); /* reset, also after DEVICE_NEEDS_RESET */
	uint64_t set[2] = { f & ~BIT(VH_F_PROTOCOL_FEATURES), 0 };
	emu_virtio_adopt(&u->v, set);
	restore_config(u);
	u->features = f;
	u->features_known = true;
	report_state(u,
		     VQT_KNOWN_STATUS | VQT_KNOWN_OFFERED | VQT_KNOWN_ACCEPTED | VQT_KNOWN_CONFIG);
	vhost_user_rings_start(u);
	return 0;
}

static int set_protocol(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	u->protocol = get_le64(p) & PROTOCOL;
	return 0;
}

/* offset, size, flags, then as many bytes */
static int get_config(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	uint32_t off = get_le32(p), len = get_le32(p + 4);
	if (len > n - 12 || len > sizeof(u->v.config) || off > sizeof(u->v.config) - len)
		return vhost_user_reply(u, h, NULL, 0, -1); /* the protocol's way to refuse */
	emu_virtio_config_read(&u->v, off, p + 12, len);
	return vhost_user_reply(u, h, p, 12 + len, -1);
}

static int set_config(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	uint32_t off = get_le32(p), len = get_le32(p + 4);
	if (len > n - 12)
		return -EINVAL;
	keep_config(u, off, p + 12, len);
	emu_virtio_config_write(&u->v, off, p + 12, len);
	return 0;
}

static int set_channel(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	server_close(&u->channel);
	u->channel = server_take_fd(&u->server, 0);
	return u->channel < 0 ? -EINVAL : 0;
}

static int nothing(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	return 0;
}

static int reset_device(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t n)
{
	vhost_user_rings_stop(u);
	emu_virtio_set_status(&u->v, 0, false);
	u->features_known = false;
	memset(u->wrote_known, 0, sizeof(u->wrote_known));
	for (unsigned i = 0; i < u->v.nqueues; i++)
		u->ring[i].enabled = u->ring[i].started = false;
	return 0;
}

static vhost_user_handler *const handlers[VH_REQUESTS] = {
	[VH_GET_FEATURES] = get_number,
	[VH_SET_FEATURES] = set_features,
	[VH_SET_OWNER] = nothing,
	[VH_RESET_OWNER] = nothing, /* deprecated, without meaning */
	[VH_GET_PROTOCOL_FEATURES] = get_number,
	[VH_SET_PROTOCOL_FEATURES] = set_protocol,
	[VH_GET_QUEUE_NUM] = get_number,
	[VH_GET_CONFIG] = get_config,
	[VH_SET_CONFIG] = set_config,
	[VH_SET_BACKEND_REQ_FD] = set_channel,
	[VH_RESET_DEVICE] = reset_device,
	[VH_GET_MAX_MEM_SLOTS] = get_number,
};

static vhost_user_handler *handler(uint32_t request)
{
	vhost_user_handler *own = handlers[request], *ring = vhost_user_ring_handlers[request];
	return own ? own : ring ? ring : vhost_user_inflight_handlers[request];
}

static int message(struct server *srv, uint8_t *msg, size_t len)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	struct vhost_user_hdr h;
	memcpy(&h, msg, sizeof(h));
	const struct spec_message *m = spec_vhost_user(h.request, false);
	vhost_user_handler *handle = m ? handler(h.request) : NULL;
	if (!handle) /* not of an offered feature; whether it has a reply is unknown */
		return server_fail(srv, "the client sent request %u, which was not offered",
				   h.request);
	if (len - sizeof(h) < m->least)
		return server_fail(srv, "the client sent request %u with only %u bytes", h.request,
				   h.size);
	int ret = handle(u, &h, msg + sizeof(h), len - sizeof(h));
	if (srv->why[0] || ret == -EPIPE)
		return -EBADMSG;
	if (!m->replies && h.flags & VH_NEED_REPLY && vhost_user_has(u, VH_P_REPLY_ACK))
		return reply64(u, &h, ret < 0);
	if (ret < 0)
		return server_fail(srv, "the client's request %u failed: %s", h.request,
				   strerror(-ret));
	return 0;
}

static ssize_t payload(struct server *srv, const uint8_t *header)
{
	struct vhost_user_hdr h;
	memcpy(&h, header, sizeof(h));
	if ((h.flags & VH_VERSION_MASK) != VH_VERSION || h.flags & VH_REPLY)
		return server_fail(srv, "the client does not speak vhost-user 1 (flags 0x%x)",
				   h.flags);
	if (h.size > VH_MAX_MSG)
		return server_fail(srv, "the client sent a message of %u bytes", h.size);
	return h.size;
}

/* --- the device ------------------------------------------------------------------------- */

static void host_used(void *opaque, struct emu_queue *q)
{
	struct vhost_user *u = opaque;
	server_interrupt(&u->server, &u->ring[q->index].call);
}

static void driver_broke(struct vhost_user *u)
{
	u->broke = true;
	server_report(&u->server, SERVER_NOTE, "the guest's driver broke the rules: %s",
		      u->v.why ? u->v.why : "no reason known");
	for (unsigned i = 0; i < u->v.nqueues; i++)
		if (u->ring[i].err >= 0)
			server_signal(&u->server, u->ring[i].err);
}

/* Ask for no answer: a client that does not read its channel must not block this process. */
static void config_changed(struct vhost_user *u)
{
	struct vhost_user_hdr h = { .request = VH_BACKEND_CONFIG_CHANGE, .flags = VH_VERSION };
	if (u->features_known)
		report_state(u, VQT_KNOWN_CONFIG);
	else if (u->channel < 0)
		return; /* nobody is there to be told, or knows the device yet */
	if (u->channel < 0 || !vhost_user_has(u, VH_P_CONFIG))
		server_report(
			&u->server, SERVER_NOTE,
			"the client gave no channel to tell it that the configuration changed");
	else if (send(u->channel, &h, sizeof(h), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(h))
		server_report(&u->server, SERVER_NOTE,
			      "the client could not be told that the configuration changed");
}

static void host_config(void *opaque)
{
	struct vhost_user *u = opaque;
	if (u->v.broken && !u->broke)
		driver_broke(u);
	else
		config_changed(u);
}

static void host_reset_done(void *opaque)
{
	((struct vhost_user *)opaque)->broke = false;
}

static const struct emu_virtio_host host = {
	.used = host_used,
	.config = host_config,
	.reset_done = host_reset_done,
	.keeps_config = true,
};

static int run(struct server *srv)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	int n = emu_virtio_run(&u->v, SERVER_BUDGET);
	if (server_maps_lost(&srv->maps) || u->track_map.guard.lost)
		server_fail(srv, "the client took memory away that it had mapped for us");
	return n;
}

static bool busy(struct server *srv)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	for (unsigned i = 0; i < u->v.nqueues; i++)
		if (u->v.queue[i].polled && u->ring[i].running)
			return true;
	return emu_virtio_busy(&u->v);
}

static void closed(struct server *srv)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	u->protocol = u->features = 0;
	u->features_known = false;
	vhost_user_rings_stop(u);
	vhost_user_rings_drop(u);
	vhost_user_inflight_drop(u);
	server_close(&u->channel);
	emu_virtio_set_status(&u->v, 0, false);
	server_maps_clear(&srv->maps);
}

static struct emu_virtio *virtio(struct server *srv)
{
	return &((struct vhost_user *)srv)->v;
}

static void fini(struct server *srv)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	if (u->v.queue)
		emu_virtio_fini(&u->v);
	free(u->ring);
}

static int init(struct server *srv, const struct server_config *cfg)
{
	struct vhost_user *u = (struct vhost_user *)srv;
	struct emu_virtio_config c = { .cls = cfg->cls,
				       .class_config = cfg->class_config,
				       .mem = srv->maps.mem,
				       .tap = cfg->tap,
				       .queues = cfg->queues,
				       .queue_size = cfg->queue_size ? cfg->queue_size : QUEUE_SIZE,
				       .queue_size_usual = QUEUE_SIZE_USUAL,
				       .features_on = cfg->features_on,
				       .features_off = cfg->features_off,
				       .fault = cfg->fault };
	u->channel = -1;
	int ret = emu_virtio_init(&u->v, &c, &host, u);
	if (ret < 0)
		return ret;
	u->ring = calloc(u->v.nqueues, sizeof(*u->ring));
	if (!u->ring)
		return -ENOMEM;
	for (unsigned i = 0; i < u->v.nqueues; i++) {
		u->ring[i].u = u;
		u->ring[i].kick.fd = u->ring[i].call = u->ring[i].err = -1;
	}
	int fd = emu_virtio_fd(&u->v);
	return fd < 0 ? 0 : server_watch(srv, &srv->backend, fd, EPOLLIN);
}

static const struct server_ops ops = {
	.size = sizeof(struct vhost_user),
	.init = init,
	.fini = fini,
	.header = sizeof(struct vhost_user_hdr),
	.payload = payload,
	.message = message,
	.closed = closed,
	.run = run,
	.busy = busy,
	.virtio = virtio,
};

static void example(char *out, size_t size, const char *path, const struct server_config *cfg)
{
	char queues[32] = "";
	if (cfg->cls->queues_max != 1)
		snprintf(queues, sizeof(queues), ",num-queues=%u", cfg->queues ? cfg->queues : 1);
	snprintf(out, size,
		 "  qemu-system-x86_64 -machine q35,memory-backend=m0 \\\n"
		 "    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
		 "    -chardev socket,id=c0,path=%s \\\n"
		 "    -device vhost-user-%s-pci,chardev=c0%s ...\n",
		 path, cfg->cls->name, queues);
}

const struct server_protocol server_vhost_user = {
	.name = "vhost-user",
	.summary = "the data path behind the client's own PCI function (any QEMU, libblkio)",
	.ops = &ops,
	.example = example,
};
