/* SPDX-License-Identifier: MIT */
/* vhost-user: the client's memory, and the rings it has in it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"
#include "emu/server/vhost_user.h"

/* --- running ------------------------------------------------------------------------------ */

static struct emu_queue *queue_of(const struct vhost_user_ring *r)
{
	return &r->u->v.queue[r - r->u->ring];
}

static void on_kick(struct server *d, struct server_source *s, uint32_t events)
{
	struct vhost_user_ring *r = (struct vhost_user_ring *)s;
	/*
	 * Edge-triggered: each write to the descriptor is a new event even if it is never
	 * read, which saves a system call for each kick.
	 */
	if (r->running)
		emu_queue_kick(queue_of(r), 0, VQT_KICK_IOEVENTFD, 0);
	if (events & (EPOLLHUP | EPOLLERR))
		server_unwatch(d, s);
}

/* The ring is stopped and the client may use the descriptor again: reset its counter. */
static void drain_kick(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;
	if (fd >= 0 && poll(&p, 1, 0) == 1 && p.revents & POLLIN && read(fd, &n, sizeof(n)) < 0)
		return;
}

static void stop(struct vhost_user_ring *r)
{
	struct emu_queue *q = queue_of(r);
	if (!r->running)
		return;
	emu_virtio_drain(&r->u->v);
	r->base = emu_queue_base(q);
	emu_queue_stop(q);
	q->polled = false;
	r->running = false;
}

static int place(struct vhost_user_ring *r)
{
	struct emu_queue *q = queue_of(r);
	return vhost_user_place(&r->u->server.maps, &r->addr, &q->desc, &q->driver, &q->device);
}

/* Was nothing used in this ring yet?  Its last entry tells where its indices have come around. */
static bool is_new(const struct emu_queue *q)
{
	static const uint8_t zero[sizeof(struct vqt_desc)];
	const struct ring_reader *in = &q->ring.in;
	const uint16_t first = virtq_position(0, in->packed);
	const size_t len = in->packed ? sizeof(zero) : virtq_used_at(1) - virtq_used_at(0);
	const uint64_t at = in->packed ? q->desc + virtq_desc_at(in->size - 1)
				       : q->device + virtq_used_at(in->size - 1);
	uint8_t last[sizeof(zero)];
	return in->avail == first && in->used == first &&
	       emu_mem_read(q->v->mem, at, last, len) == 0 && !memcmp(last, zero, len);
}

/* Start a ring if it is set up completely; 0 also if it is not. */
static int start(struct vhost_user_ring *r)
{
	struct vhost_user *u = r->u;
	struct emu_queue *q = queue_of(r);
	bool on = r->enabled || !(u->features >> VH_F_PROTOCOL_FEATURES & 1);
	if (r->running || !on || !r->started || !r->has_addr || !r->num || !u->features_known ||
	    place(r) < 0)
		return 0;
	emu_queue_set_size(q, r->num);
	if (q->size != r->num)
		return -EINVAL;
	int ret = vhost_user_inflight_start(r, q);
	if (ret == 0)
		ret = emu_queue_start_at(q, r->base);
	if (ret < 0) {
		free(r->left);
		r->left = NULL;
		return ret;
	}
	emu_tap_queue_state(u->server.tap, q->index, &q->ring, r->base, q->ring.in.used);
	q->polled = r->kick.fd < 0;
	r->running = true;
	vhost_user_inflight_redo(r, q);
	/*
	 * the server before this one may have died after it had used a buffer, and before it
	 * called; an extra notification is harmless
	 */
	if (r->call >= 0 && !is_new(q))
		server_signal(&u->server, r->call);
	return 0;
}

void vhost_user_rings_stop(struct vhost_user *u)
{
	for (unsigned i = 0; i < u->v.nqueues; i++)
		stop(&u->ring[i]);
}

void vhost_user_rings_start(struct vhost_user *u)
{
	for (unsigned i = 0; i < u->v.nqueues; i++)
		start(&u->ring[i]);
}

void vhost_user_rings_drop(struct vhost_user *u)
{
	for (unsigned i = 0; i < u->v.nqueues; i++) {
		struct vhost_user_ring *r = &u->ring[i];
		server_drop(&u->server, &r->kick);
		server_close(&r->call);
		server_close(&r->err);
		r->has_addr = r->enabled = r->started = r->running = false;
		r->num = 0;
		r->base = 0;
		r->track = NULL;
	}
}

/* --- messages ------------------------------------------------------------------------------- */

static struct vhost_user_ring *ring(struct vhost_user *u, uint32_t index)
{
	if (index < u->v.nqueues)
		return &u->ring[index];
	server_fail(&u->server, "the client named queue %u", index);
	return NULL;
}

static int set_num(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_ring *r = ring(u, get_le32(p));
	uint32_t num = get_le32(p + 4);
	if (!r)
		return -EINVAL;
	if (!num || num > queue_of(r)->size_max)
		return server_fail(&u->server,
				   "the client wants a queue of %u entries, we have %u at most",
				   num, queue_of(r)->size_max);
	stop(r);
	r->num = num;
	return start(r);
}

static int set_addr(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_addr a;
	memcpy(&a, p, sizeof(a));
	struct vhost_user_ring *r = ring(u, a.index);
	if (!r)
		return -EINVAL;
	if (r->has_addr && !memcmp(&r->addr.desc, &a.desc, 3 * sizeof(a.desc)))
		return 0;
	stop(r);
	r->addr = a;
	r->has_addr = true;
	if (place(r) < 0)
		return server_fail(&u->server, "queue %u is outside the client's memory", a.index);
	return start(r);
}

static int set_base(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_ring *r = ring(u, get_le32(p));
	if (!r)
		return -EINVAL;
	stop(r);
	r->base = get_le32(p + 4);
	return start(r);
}

/* This also stops the ring. */
static int get_base(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_ring *r = ring(u, get_le32(p));
	if (!r)
		return -EINVAL;
	stop(r);
	uint32_t state[2] = { get_le32(p), r->base };
	r->started = false;
	drain_kick(r->kick.fd);
	server_drop(&u->server, &r->kick);
	server_close(&r->call);
	return vhost_user_reply(u, h, state, sizeof(state), -1);
}

/* Of SET_VRING_KICK and its like: the ring, and the descriptor, -1 for polling. */
static struct vhost_user_ring *ring_and_fd(struct vhost_user *u, const uint8_t *p, int *fd)
{
	struct vhost_user_ring *r = ring(u, get_le64(p) & 0xff);
	*fd = get_le64(p) & VH_NO_FD || !r ? -1 : server_take_fd(&u->server, 0);
	if (*fd >= 0)
		server_nonblock(*fd);
	return r;
}

static int set_kick(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	int fd;
	struct vhost_user_ring *r = ring_and_fd(u, p, &fd);
	if (!r)
		return -EINVAL;
	server_drop(&u->server, &r->kick);
	r->kick.ready = on_kick;
	int ret = fd < 0 ? 0 : server_own(&u->server, &r->kick, fd, EPOLLIN | EPOLLET);
	if (ret < 0)
		return ret;
	r->started = true;
	queue_of(r)->polled = r->running && fd < 0;
	return start(r);
}

/* SET_VRING_CALL, SET_VRING_ERR */
static int set_event(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	bool call = h->request == VH_SET_VRING_CALL;
	int fd;
	struct vhost_user_ring *r = ring_and_fd(u, p, &fd);
	if (!r)
		return -EINVAL;
	int *to = call ? &r->call : &r->err;
	server_close(to);
	*to = fd;
	/*
	 * buffers may have been used while there was no descriptor: notify; an extra
	 * notification is harmless
	 */
	if (fd >= 0 && call && r->running)
		server_signal(&u->server, fd);
	return 0;
}

static int set_enable(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_ring *r = ring(u, get_le32(p));
	if (!r)
		return -EINVAL;
	r->enabled = get_le32(p + 4) == 1;
	if (r->enabled)
		return start(r);
	stop(r);
	return 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

static int add_region(struct vhost_user *u, const struct vhost_user_region *r, int fd)
{
	if (fd < 0 || u->server.maps.count >= VH_MEM_SLOTS)
		return fd < 0 ? -EBADF : -ENOSPC;
	return server_map_add(&u->server.maps, r->gpa, r->size, r->user, fd, r->offset,
			      EMU_MEM_READ | EMU_MEM_WRITE);
}

static int set_mem_table(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p,
			 size_t len)
{
	uint32_t n = get_le32(p);
	if (n > VH_TABLE_REGIONS || len < 8 + n * sizeof(struct vhost_user_region))
		return server_fail(&u->server, "the client sent a memory table of %u regions", n);
	vhost_user_rings_stop(u);
	server_maps_clear(&u->server.maps);
	for (uint32_t i = 0; i < n; i++) {
		struct vhost_user_region r;
		memcpy(&r, p + 8 + i * sizeof(r), sizeof(r));
		int fd = server_take_fd(&u->server, i), ret = add_region(u, &r, fd);
		server_close(&fd);
		if (ret < 0)
			return server_fail(&u->server, "cannot map the client's memory: %s",
					   strerror(-ret));
	}
	vhost_user_rings_start(u);
	return 0;
}

/* Regions can be added while rings run: what rings point to does not move. */
static int add_mem(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_region r;
	memcpy(&r, p + 8, sizeof(r));
	int fd = server_take_fd(&u->server, 0), ret = add_region(u, &r, fd);
	server_close(&fd);
	if (ret < 0)
		return ret;
	vhost_user_rings_start(u);
	return 0;
}

static int remove_mem(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p, size_t len)
{
	struct vhost_user_region r;
	memcpy(&r, p + 8, sizeof(r));
	emu_virtio_drain(&u->v);
	return server_map_del(&u->server.maps, r.gpa, r.size);
}

vhost_user_handler *const vhost_user_ring_handlers[VH_REQUESTS] = {
	[VH_SET_MEM_TABLE] = set_mem_table, [VH_SET_VRING_NUM] = set_num,
	[VH_SET_VRING_ADDR] = set_addr,	    [VH_SET_VRING_BASE] = set_base,
	[VH_GET_VRING_BASE] = get_base,	    [VH_SET_VRING_KICK] = set_kick,
	[VH_SET_VRING_CALL] = set_event,    [VH_SET_VRING_ERR] = set_event,
	[VH_SET_VRING_ENABLE] = set_enable, [VH_ADD_MEM_REG] = add_mem,
	[VH_REM_MEM_REG] = remove_mem,
};
