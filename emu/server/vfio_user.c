/* SPDX-License-Identifier: MIT */
/* vfio-user, the server's side: messages as rows of a table. */
#include <errno.h>
#include <json-c/json.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "emu/transport/virtio_pci.h"
#include "emu/server/impl.h"
#include "emu/server/vfio_user.h"

#define PAGE 4096
#define PATIENCE_MS 2000 /* QEMU's is 5 s */
#define MSG_FDS 16 /* what QEMU takes at most */
#define VERSION_MAX 4096 /* bytes of capabilities; QEMU's are about 200 */
/* Of messages that wait for the end of a DMA; a client that sends more is disconnected. */
#define LATER_BYTES (16u << 20)
#define LATER_FDS 256

/* --- replies -------------------------------------------------------------------------- */

/* Failed (ret < 0): the reply has that error, and no body. */
static int reply_data(struct vfio_user *u, const struct vfio_user_hdr *h, int ret, const void *body,
		      size_t len, const void *data, size_t data_len)
{
	const bool failed = ret < 0;
	struct vfio_user_hdr r = { .id = h->id,
				   .command = h->command,
				   .flags = VU_REPLY | (failed ? VU_ERROR : 0),
				   .error = failed ? -ret : 0,
				   .size = sizeof(r) + (failed ? 0 : len + data_len) };
	struct iovec iov[] = { { &r, sizeof(r) },
			       { (void *)body, len },
			       { (void *)data, data_len } };
	return h->flags & VU_NO_REPLY ? 0 : server_send(&u->server, iov, failed ? 1 : 3, -1);
}

static int reply(struct vfio_user *u, const struct vfio_user_hdr *h, int ret, const void *body,
		 size_t len)
{
	return reply_data(u, h, ret, body, len, NULL, 0);
}

static int answer(struct vfio_user *u, const struct vfio_user_hdr *h, int ret)
{
	return reply(u, h, ret, NULL, 0);
}

/* --- messages ------------------------------------------------------------------------- */

static uint32_t data_max_of(const char *json)
{
	struct json_object *o = json_tokener_parse(json), *caps, *max;
	int64_t n = VU_MAX_DATA;
	if (json_object_is_type(o, json_type_object) &&
	    json_object_object_get_ex(o, "capabilities", &caps) &&
	    json_object_is_type(caps, json_type_object) &&
	    json_object_object_get_ex(caps, "max_data_xfer_size", &max))
		n = json_object_get_int64(max);
	json_object_put(o);
	return n < 1 ? 1 : n > VU_MAX_DATA ? VU_MAX_DATA : n;
}

/* The protocol's default is 65535. */
static unsigned dma_maps_max(void)
{
	return guard_limit() < 65535 ? guard_limit() : 65535;
}

static int do_version(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct {
		uint16_t major, minor;
		char json[160];
	} v = { .major = 0, .minor = 1 };
	if (get_le16(p) != 0)
		return server_fail(&u->server, "the client speaks vfio-user %u, we speak 0",
				   get_le16(p));
	if (u->version_known)
		return server_fail(&u->server, "the client negotiated its version twice");
	if (len > VERSION_MAX)
		return server_fail(&u->server, "the client sent %zu bytes of capabilities", len);
	u->client_data_max = VU_MAX_DATA;
	if (len > 4 && !p[len - 1])
		u->client_data_max = data_max_of((const char *)p + 4);
	u->version_known = true;
	v.minor = get_le16(p + 2) < 1 ? get_le16(p + 2) : 1;
	int n = snprintf(v.json, sizeof(v.json),
			 "{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%u,"
			 "\"max_dma_maps\":%u,\"pgsizes\":%d}}",
			 MSG_FDS, VU_MAX_DATA, dma_maps_max(), PAGE);
	return reply(u, h, 0, &v, 4 + n + 1);
}

static int do_dma_map(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct vfio_user_dma_map m;
	memcpy(&m, p, sizeof(m));
	int fd = server_take_fd(&u->server, 0);
	unsigned prot = (m.flags & 1 ? EMU_MEM_READ : 0) | (m.flags & 2 ? EMU_MEM_WRITE : 0);
	int ret = prot ? server_map_add(&u->server.maps, m.address, m.size, 0, fd, m.offset, prot)
		       : -EINVAL;
	server_close(&fd);
	return answer(u, h, ret);
}

/* Would the unmapping remove memory that is mapped here, so that requests may point into it? */
static bool has_pointers(const struct vfio_user *u, const struct vfio_user_dma_unmap *m)
{
	for (const struct server_map *map = u->server.maps.list; map; map = map->next)
		if (map->guard.base &&
		    (m->flags & 2 || (map->gpa == m->address && map->size == m->size)))
			return true;
	return false;
}

static int do_dma_unmap(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct vfio_user_dma_unmap m;
	memcpy(&m, p, sizeof(m));
	int ret = 0;
	if (u->dev->v.inflight && has_pointers(u, &m))
		emu_virtio_drain(&u->dev->v);
	if (m.flags & 2)
		server_maps_clear(&u->server.maps);
	else if (m.flags)
		ret = -ENOTSUP; /* dirty page logging: migration is not supported */
	else
		ret = server_map_del(&u->server.maps, m.address, m.size);
	return reply(u, h, ret, p, sizeof(m));
}

static int do_get_info(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	const uint32_t info[4] = { sizeof(info), VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
				   VU_REGIONS, VU_IRQS };
	return reply(u, h, 0, info, sizeof(info));
}

static int do_region_info(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p,
			  size_t len)
{
	struct vfio_region_info i = { .argsz = sizeof(i), .index = get_le32(p + 8) };
	if (i.index >= VU_REGIONS)
		return answer(u, h, -EINVAL);
	i.size = emu_device_region_size(u->dev, i.index);
	/* not mappable: else the client would wait for the answer to every write to the device */
	if (i.size)
		i.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return reply(u, h, 0, &i, sizeof(i));
}

static int do_irq_info(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct vfio_irq_info i = { .argsz = sizeof(i), .index = get_le32(p + 8) };
	int ret = vfio_user_irq_info(u, i.index, &i.flags, &i.count);
	return reply(u, h, ret, &i, sizeof(i));
}

static int do_set_irqs(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	return answer(u, h, vfio_user_set_irqs(u, p, len));
}

static int do_read(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct vfio_user_region_access a;
	memcpy(&a, p, sizeof(a));
	if (a.count > VU_MAX_DATA)
		return answer(u, h, -EINVAL);
	if (!u->scratch && !(u->scratch = malloc(VU_MAX_DATA)))
		return answer(u, h, -ENOMEM);
	int ret = emu_device_read(u->dev, a.region, a.offset, u->scratch, a.count);
	return reply_data(u, h, ret, &a, sizeof(a), u->scratch, a.count);
}

/* Wait for what is in flight at a reset, for which the client waits. */
static void end_reset(struct vfio_user *u)
{
	u->dma.refused = true;
	emu_virtio_drain(&u->dev->v);
	u->dma.refused = false;
}

static int do_write(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	struct vfio_user_region_access a;
	memcpy(&a, p, sizeof(a));
	if (a.count > len - sizeof(a))
		return answer(u, h, -EINVAL);
	int ret = emu_device_write(u->dev, a.region, a.offset, p + sizeof(a), a.count);
	/* 2.4.2: drivers read device_status until it is 0; legacy ones go on at once */
	if (emu_device_resetting(u->dev) && u->dev->v.legacy && !u->dma.waiting)
		end_reset(u);
	return reply(u, h, ret, &a, sizeof(a));
}

static int do_reset(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len)
{
	u->dma.refused = true;
	emu_device_reset(u->dev);
	u->dma.refused = false;
	memset(u->pending, 0, sizeof(u->pending));
	return answer(u, h, 0);
}

/* `now`: the message may be handled while the device waits for the answer to a DMA message. */
static const struct {
	uint16_t least; /* bytes of payload */
	bool now;
	int (*handle)(struct vfio_user *u, const struct vfio_user_hdr *h, uint8_t *p, size_t len);
} rows[] = {
	[VU_VERSION] = { 4, false, do_version },
	[VU_DMA_MAP] = { sizeof(struct vfio_user_dma_map), true, do_dma_map },
	[VU_DMA_UNMAP] = { sizeof(struct vfio_user_dma_unmap), true, do_dma_unmap },
	[VU_DEVICE_GET_INFO] = { 0, true, do_get_info },
	[VU_GET_REGION_INFO] = { 12, true, do_region_info },
	[VU_GET_IRQ_INFO] = { 12, true, do_irq_info },
	[VU_SET_IRQS] = { sizeof(struct vfio_irq_set), true, do_set_irqs },
	[VU_REGION_READ] = { sizeof(struct vfio_user_region_access), true, do_read },
	[VU_REGION_WRITE] = { sizeof(struct vfio_user_region_access), true, do_write },
	[VU_DEVICE_RESET] = { 0, false, do_reset },
};

/* A kick makes the tap read guest memory, which cannot be done in the middle of a DMA. */
static bool is_kick(struct vfio_user *u, unsigned command, const uint8_t *p)
{
	struct vfio_user_region_access a;
	if (command != VU_REGION_WRITE)
		return false;
	memcpy(&a, p, sizeof(a));
	return emu_device_notifies(u->dev, a.region, a.offset, a.count);
}

/*
 * Memory that is not mapped here can be unmapped while the device is in the middle of a
 * DMA, and must be: the client holds its locks until it has the answer.
 */
static bool pins_memory(struct vfio_user *u, unsigned command, const uint8_t *p)
{
	struct vfio_user_dma_unmap m;
	if (command == VU_DMA_UNMAP) {
		memcpy(&m, p, sizeof(m));
		u->unmap_later |= has_pointers(u, &m);
	}
	return (command == VU_DMA_UNMAP || command == VU_DMA_MAP) &&
	       u->unmap_later; /* mappings are handled in order */
}

/* The oldest one, which is the caller's now: free_later(). */
static struct vfio_user_later *take_later(struct vfio_user *u)
{
	struct vfio_user_later *l = u->later;
	u->later = l->next;
	if (!u->later)
		u->later_tail = &u->later;
	u->later_bytes -= l->bytes;
	u->later_fds -= l->fds;
	return l;
}

static void free_later(struct vfio_user_later *l)
{
	server_in_reset(&l->in, true);
	free(l);
}

/*
 * Keep a message and its descriptors for run_later().  What is behind it in the stream may be
 * the answer that is awaited: a client that sends too much cannot be left waiting.
 */
static int put_off(struct vfio_user *u)
{
	struct vfio_user_later *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->in = *u->server.msg;
	*u->server.msg = (struct server_in){ 0 };
	l->bytes = sizeof(*l) + l->in.cap;
	l->fds = l->in.nfds;
	*u->later_tail = l;
	u->later_tail = &l->next;
	u->later_bytes += l->bytes;
	u->later_fds += l->fds;
	if (u->later_bytes > LATER_BYTES || u->later_fds > LATER_FDS)
		return server_fail(&u->server, "the client sent more than can wait, "
					       "while it was asked for its memory");
	return 0;
}

/* Handle one message, or keep it for later. */
static int message(struct server *srv, uint8_t *msg, size_t len)
{
	struct vfio_user *u = (struct vfio_user *)srv;
	struct vfio_user_hdr h;
	uint8_t *p = msg + sizeof(h);
	memcpy(&h, msg, sizeof(h));
	len -= sizeof(h);
	if ((h.flags & VU_TYPE) == VU_REPLY) {
		vfio_user_dma_answer(u, &h, p, len);
		return 0;
	}
	if (!u->version_known && h.command != VU_VERSION)
		return server_fail(srv, "the client began without negotiating a version");
	if (h.command >= sizeof(rows) / sizeof(rows[0]) || !rows[h.command].handle)
		return answer(u, &h, -ENOTSUP);
	if (len < rows[h.command].least)
		return answer(u, &h, -EINVAL);
	if (u->dma.waiting &&
	    (!rows[h.command].now || is_kick(u, h.command, p) || pins_memory(u, h.command, p)))
		return put_off(u);
	return rows[h.command].handle(u, &h, p, len);
}

/* --- the server ------------------------------------------------------------------------ */

static ssize_t payload(struct server *srv, const uint8_t *header)
{
	struct vfio_user_hdr h;
	memcpy(&h, header, sizeof(h));
	if (h.size < sizeof(h) || h.size > VU_MAX_MSG)
		return server_fail(srv, "the client sent a message of %u bytes", h.size);
	if ((h.flags & VU_TYPE) > VU_REPLY)
		return server_fail(srv, "the client sent a message of unknown type %u",
				   h.flags & VU_TYPE);
	return h.size - sizeof(h);
}

static void drop_later(struct vfio_user *u)
{
	while (u->later)
		free_later(take_later(u));
	u->unmap_later = false;
}

/* Handle the messages that were kept during the last run; they may need another run. */
static int run_later(struct vfio_user *u)
{
	int n = 0;
	u->unmap_later = false;
	while (u->later && !u->server.why[0]) {
		struct vfio_user_later *l = take_later(u);
		u->server.msg = &l->in;
		if (message(&u->server, l->in.buf, l->in.have) < 0)
			server_fail(&u->server, "the connection broke");
		u->server.msg = NULL;
		free_later(l);
		n++;
	}
	return n;
}

/* Completions that are left alone would wake the loop again and again. */
static int watch_backend(struct vfio_user *u)
{
	struct server_source *s = &u->server.backend;
	int fd = emu_virtio_fd(&u->dev->v);
	if (emu_virtio_holds(&u->dev->v))
		server_unwatch(&u->server, s);
	else if (fd >= 0 && s->fd < 0)
		return server_watch(&u->server, s, fd, EPOLLIN);
	return 0;
}

static int run(struct server *srv)
{
	struct vfio_user *u = (struct vfio_user *)srv;
	int n = emu_virtio_run(&u->dev->v, SERVER_BUDGET);
	n += run_later(u);
	if (watch_backend(u) < 0)
		server_fail(srv, "the disk cannot be waited for");
	if (server_maps_lost(&u->server.maps))
		server_fail(srv, "the client took memory away that it had mapped for us");
	return n;
}

static bool busy(struct server *srv)
{
	return emu_virtio_busy(&((struct vfio_user *)srv)->dev->v);
}

static void closed(struct server *srv)
{
	struct vfio_user *u = (struct vfio_user *)srv;
	u->version_known = false;
	drop_later(u);
	vfio_user_irqs_drop(u);
	emu_device_reset(u->dev); /* no request may be in flight into memory that is unmapped */
	server_maps_clear(&u->server.maps);
}

static struct emu_virtio *virtio(struct server *srv)
{
	return &((struct vfio_user *)srv)->dev->v;
}

static void fini(struct server *srv)
{
	struct vfio_user *u = (struct vfio_user *)srv;
	drop_later(u);
	emu_device_free(u->dev);
	free(u->scratch);
}

static int init(struct server *srv, const struct server_config *cfg)
{
	struct vfio_user *u = (struct vfio_user *)srv;
	struct emu_device_config c = {
		.transport = server_vfio_user.transport,
		.v.cls = cfg->cls,
		.v.class_config = cfg->class_config,
		.v.mem = srv->maps.mem,
		.v.tap = cfg->tap,
		.v.transitional = cfg->transitional,
		.v.queues = cfg->queues,
		.v.queue_size = cfg->queue_size,
		.v.features_on = cfg->features_on,
		.v.features_off = cfg->features_off,
		.v.fault = cfg->fault,
		.host = { .msix = vfio_user_msix, .intx = vfio_user_intx, .opaque = u },
		.express = !cfg->transitional,
		.msix_elsewhere = true,
		.vectors = cfg->no_msix ? VQT_NO_VECTOR : 0,
	};
	u->later_tail = &u->later;
	u->dma_timeout_ms = cfg->dma_timeout_ms ? cfg->dma_timeout_ms : PATIENCE_MS;
	vfio_user_irqs_init(u);
	emu_mem_set_ops(srv->maps.mem, &vfio_user_dma_ops, u);
	return emu_device_new(&u->dev, &c);
}

static const struct server_ops ops = {
	.size = sizeof(struct vfio_user),
	.init = init,
	.fini = fini,
	.header = sizeof(struct vfio_user_hdr),
	.payload = payload,
	.message = message,
	.closed = closed,
	.run = run,
	.busy = busy,
	.virtio = virtio,
};

static void example(char *out, size_t size, const char *path, const struct server_config *cfg)
{
	snprintf(out, size,
		 "  qemu-system-x86_64 (10.1 or later) -machine q35,memory-backend=m0 \\\n"
		 "    -object memory-backend-memfd,id=m0,size=1G,share=on -m 1G \\\n"
		 "    -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\","
		 "\"path\":\"%s\"}}' ...\n",
		 path);
}

const struct server_protocol server_vfio_user = {
	.name = "vfio-user",
	.summary = "a whole PCI function (QEMU 10.1 or later); its registers are in the trace",
	.ops = &ops,
	.transport = &emu_transport_pci,
	.example = example,
};
