/* SPDX-License-Identifier: MIT */
/* Memory, rings, and the proxy's own descriptors through which kicks and calls pass. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/clock.h"
#include "decoder/util/virtqueue.h"
#include "emu/proxy/impl.h"

#define MS 1000000ull /* ns */
#define LIVELY (100 * MS) /* for this long after a change, rings are read every ms */
#define PATIENCE (1 * MS) /* for a kick that is due */
#define HELD_UP \
	(200 * MS) /* running rings are read more often, unless this process got no processor */

/* --- kicks and calls -------------------------------------------------------------------- */

/* Read an eventfd; false: it was not signalled. */
static bool signalled(int fd)
{
	uint64_t n;
	return fd >= 0 && read(fd, &n, sizeof(n)) > 0;
}

static void saw(struct proxy_ring *r, unsigned n)
{
	if (!n)
		return;
	r->busy = clock_ns(CLOCK_MONOTONIC);
	r->sampled = false;
}

/*
 * Was this process held up?  Then a call that the device has made meanwhile belongs to the
 * chains that it had used before that; if later used entries were recorded first, an
 * interrupt would seem to be missing.
 */
static bool held_up(const struct vhost_proxy *p)
{
	return !p->cfg.passive && p->ran && clock_ns(CLOCK_MONOTONIC) - p->ran >= HELD_UP;
}

static bool called(struct proxy_ring *r)
{
	if (!signalled(r->call.fd))
		return false;
	if (r->running)
		saw(r, 1 + (held_up(r->p) ? snoop_call_late(&r->w) : snoop_call(&r->w)));
	server_signal(&r->p->server, r->call_to);
	return true;
}

static void kicked(struct proxy_ring *r)
{
	if (held_up(r->p))
		called(r);
	r->waiting = 0;
	if (r->running)
		saw(r, 1 + snoop_kick(&r->w, VQT_KICK_IOEVENTFD, 0, 0));
	server_signal(&r->p->server, r->kick_to);
}

static void on_kick(struct server *d, struct server_source *s, uint32_t events)
{
	struct proxy_ring *r = (struct proxy_ring *)s;
	if (signalled(s->fd))
		kicked(r);
	else if (events & (EPOLLHUP | EPOLLERR))
		server_unwatch(d, s);
}

static void on_call(struct server *d, struct server_source *s, uint32_t events)
{
	struct proxy_ring *r = (struct proxy_ring *)((char *)s - offsetof(struct proxy_ring, call));
	called(r);
}

static void on_err(struct server *d, struct server_source *s, uint32_t events)
{
	struct proxy_ring *r = (struct proxy_ring *)((char *)s - offsetof(struct proxy_ring, err));
	if (!signalled(s->fd))
		return;
	emu_tap_lifecycle(r->p->cfg.tap, VQT_LIFECYCLE_ERROR, r->index, 0, 0, 0,
			  "the back end signals an error of this queue");
	server_signal(d, r->err_to);
}

/* Read the ring because something is about to change. */
static unsigned read_ring(struct proxy_ring *r, bool all)
{
	return r->p->cfg.passive ? proxy_passive_read(r, all) : snoop_look(&r->w, all);
}

/* --- rings ------------------------------------------------------------------------------ */

static struct proxy_ring *ring(struct vhost_proxy *p, unsigned index)
{
	if (index >= PROXY_RINGS)
		return NULL;
	struct proxy_ring *r = p->ring[index];
	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	snoop_init(&r->w, &p->memory, &p->sink, index);
	r->p = p;
	r->index = index;
	r->kick = (struct server_source){ -1, on_kick };
	r->call = (struct server_source){ -1, on_call };
	r->err = (struct server_source){ -1, on_err };
	r->kick_to = r->call_to = r->err_to = -1;
	return p->ring[index] = r;
}

static int place(struct proxy_ring *r)
{
	uint64_t *area = r->w.ring.area;
	int ret = vhost_user_place(&r->p->server.maps, &r->addr, &area[RING_DESC],
				   &area[RING_DRIVER], &area[RING_DEVICE]);
	if (ret < 0)
		r->w.why = "virtqueue outside the memory that the front end shares";
	return ret;
}

/*
 * Was nothing used in this ring yet, and is nothing said to have been taken?  Then what an earlier
 * back end may have taken all the same, and left in flight, is taken again.
 */
static bool is_new(const struct proxy_ring *r)
{
	const uint16_t begin = virtq_position(0, true);

	if (r->w.ring.packed)
		return r->w.ring.avail == begin && r->w.ring.used == begin;
	return !r->base && !r->w.ring.used;
}

static void start(struct proxy_ring *r)
{
	struct vhost_proxy *p = r->p;
	bool on = r->enabled || !(p->features >> VH_F_PROTOCOL_FEATURES & 1);
	if (r->running || !on || !r->started || !r->has_addr || !r->num || !p->features_known ||
	    r->num > VIRTQ_SIZE_MAX || !p->server.maps.count)
		return;
	r->looked = clock_ns(CLOCK_MONOTONIC);
	r->first = true;
	proxy_ask_type(p);
	if (!p->reported)
		proxy_report_state(p);
	r->w.ring.size = r->num;
	int ret = place(r);
	if (ret == 0)
		ret = snoop_start(&r->w, p->features, r->base);
	if (ret == 0)
		snoop_describe(&r->w);
	if (ret == 0 && p->inflight && !is_new(r))
		snoop_skip(&r->w);
	if (ret < 0 && !r->reported)
		server_report(&p->server, SERVER_NOTE,
			      "queue %u is handed on, but its requests cannot be followed: %s",
			      r->index, r->w.why ? r->w.why : strerror(-ret));
	r->reported = ret < 0;
	r->running = ret == 0;
	r->waiting = 0;
	saw(r, r->running);
}

static void stop(struct proxy_ring *r)
{
	if (!r->running)
		return;
	r->base = r->w.on ? ring_base(&r->w.ring) : r->base;
	snoop_stop(&r->w);
	r->running = false;
}

bool proxy_any_running(const struct vhost_proxy *p)
{
	for (unsigned i = 0; i < PROXY_RINGS; i++)
		if (p->ring[i] && p->ring[i]->running)
			return true;
	return false;
}

void proxy_rings_start(struct vhost_proxy *p)
{
	for (unsigned i = 0; i < PROXY_RINGS; i++)
		if (p->ring[i])
			start(p->ring[i]);
}

void proxy_rings_look(struct vhost_proxy *p)
{
	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		if (!p->ring[i] || !p->ring[i]->running)
			continue;
		if (held_up(p))
			called(p->ring[i]);
		saw(p->ring[i], read_ring(p->ring[i], true));
	}
}

static void drop(struct vhost_proxy *p, struct proxy_ring *r)
{
	struct server_source *const all[] = { &r->kick, &r->call, &r->err };
	int *const to[] = { &r->kick_to, &r->call_to, &r->err_to };
	for (unsigned i = 0; i < 3; i++) {
		server_drop(&p->server, all[i]);
		server_close(to[i]);
	}
	r->has_addr = r->enabled = r->reported = false;
	r->num = r->base = 0;
}

void proxy_rings_stop(struct vhost_proxy *p, bool all)
{
	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		struct proxy_ring *r = p->ring[i];
		if (!r)
			continue;
		stop(r);
		r->started = false;
		if (all)
			drop(p, r);
	}
}

void proxy_rings_free(struct vhost_proxy *p)
{
	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		if (!p->ring[i])
			continue;
		snoop_fini(&p->ring[i]->w);
		free(p->ring[i]);
		p->ring[i] = NULL;
	}
}

/* --- looking by time -------------------------------------------------------------------- */

/*
 * Entries for which a kick is due are left until it comes, because the device waits for it,
 * too.  If it does not come within PATIENCE, they are read without it.
 */
static unsigned look(struct proxy_ring *r)
{
	if (!snoop_pending(&r->w)) {
		r->waiting = 0;
		return r->w.in_flight ? snoop_look(&r->w, false) : 0;
	}
	if (signalled(r->kick.fd)) {
		kicked(r);
		return 1;
	}
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	if (r->kick.fd >= 0 && snoop_kick_due(&r->w)) {
		if (!r->waiting)
			r->waiting = now;
		if (now - r->waiting < PATIENCE)
			return snoop_look(&r->w, false);
	}
	r->waiting = 0;
	return snoop_look(&r->w, true);
}

static void rest(struct proxy_ring *r, uint64_t now)
{
	/* a call that has not been read yet is not missing */
	if (r->sampled || now - r->busy < PROXY_REST || called(r))
		return;
	r->sampled = true;
	snoop_sample(&r->w);
}

int proxy_rings_run(struct vhost_proxy *p)
{
	int total = 0;
	bool late = held_up(p);
	uint64_t now = 0;
	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		struct proxy_ring *r = p->ring[i];
		if (!r || !r->running || !r->w.on)
			continue;
		if (late)
			called(r);
		unsigned n = look(r);
		saw(r, n);
		total += n;
		if (n || r->sampled)
			continue;
		now = now ? now : clock_ns(CLOCK_MONOTONIC);
		rest(r, now);
	}
	p->ran = now ? now : clock_ns(CLOCK_MONOTONIC);
	return total;
}

/* Will no kick announce the next entry of this ring? */
static bool silent(struct proxy_ring *r)
{
	struct vqt_ring now;
	struct ring_reader *q = &r->w.ring;
	if (r->kick.fd < 0)
		return true;
	ring_snapshot(q, &now);
	if (!(now.known & VQT_RING_PACKED) && q->event_idx)
		return now.known & VQT_RING_AVAIL_EVENT &&
		       now.avail_event !=
			       now.last_avail; /* a mark not where the next entry comes */
	return now.used_flags == 1; /* split: NO_NOTIFY; packed: DISABLE */
}

int proxy_rings_timeout(struct vhost_proxy *p)
{
	if (p->cfg.passive)
		return -1; /* vhost_proxy_look() is asked for */
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int timeout = -1;
	for (unsigned i = 0; i < PROXY_RINGS; i++) {
		struct proxy_ring *r = p->ring[i];
		int ms = -1;
		if (!r || !r->running || !r->w.on)
			continue;
		uint64_t idle = now > r->busy ? now - r->busy : 0;
		if (r->waiting || idle < LIVELY)
			ms = 1;
		else if (r->w.in_flight || silent(r))
			ms = 10;
		else if (!r->sampled)
			ms = (PROXY_REST > idle ? (PROXY_REST - idle) / MS : 0) + 1;
		if (ms >= 0 && (timeout < 0 || ms < timeout))
			timeout = ms;
	}
	return timeout;
}

/* --- messages --------------------------------------------------------------------------- */

/* SET_VRING_NUM, SET_VRING_BASE */
static int set_state(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		     struct server_in *in)
{
	struct proxy_ring *r = ring(p, get_le32(b));
	if (!r)
		return 0;
	stop(r);
	*(h->request == VH_SET_VRING_NUM ? &r->num : &r->base) = get_le32(b + 4);
	start(r);
	return 0;
}

static int set_addr(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		    struct server_in *in)
{
	struct vhost_user_addr a;
	memcpy(&a, b, sizeof(a));
	struct proxy_ring *r = ring(p, a.index);
	if (!r || (r->has_addr && !memcmp(&r->addr.desc, &a.desc, 3 * sizeof(a.desc))))
		return 0;
	stop(r);
	r->addr = a;
	r->has_addr = true;
	start(r);
	return 0;
}

/* When the device answers, it has stopped; the answer is its ring position. */
static int base_got(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		    struct server_in *in)
{
	struct proxy_ring *r = h->size >= 8 ? ring(p, get_le32(b)) : NULL;
	if (!r)
		return 0;
	if (held_up(p))
		called(r);
	if (r->running)
		read_ring(r, false);
	stop(r);
	r->base = get_le32(b + 4);
	r->started = false;
	return 0;
}

static int set_enable(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		      struct server_in *in)
{
	struct proxy_ring *r = ring(p, get_le32(b));
	if (!r)
		return 0;
	r->enabled = get_le32(b + 4) == 1;
	start(r); /* one that is disabled stays in place: it may be enabled again */
	return 0;
}

/* Replace the message's descriptor by ours; *theirs becomes the message's. */
static int swap(struct server_in *in, int ours, int *theirs)
{
	int fd = dup(ours);
	if (fd < 0)
		return -errno;
	*theirs = in->fd[0];
	in->fd[0] = fd;
	return 0;
}

static bool has_fd(const uint8_t *b, const struct server_in *in)
{
	return !(get_le64(b) & VH_NO_FD) && in->nfds && in->fd[0] >= 0;
}

/* Passive: the front end kicks the back end, or is called by it, without us. */
static int forwarded(struct proxy_ring *r, uint32_t request, const uint8_t *b,
		     const struct server_in *in)
{
	int fd = has_fd(b, in) ? in->fd[0] : -1;

	if (request == VH_SET_VRING_CALL)
		proxy_passive_wait(r->p, &r->call, fd);
	if (request != VH_SET_VRING_KICK)
		return 0;
	proxy_passive_wait(r->p, &r->kick, fd);
	r->started = true;
	start(r);
	return 0;
}

/*
 * Our descriptors stay the same as long as the connection lasts, so that a signal is not
 * lost while the other side changes its own.
 */
static int set_kick(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		    struct server_in *in)
{
	struct proxy_ring *r = ring(p, get_le64(b) & 0xff);
	int theirs = -1;
	if (!r)
		return -ENOMEM;
	if (p->cfg.passive)
		return forwarded(r, h->request, b, in);
	if (r->kick_to < 0)
		r->kick_to = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->kick_to < 0)
		return -errno;
	if (has_fd(b, in)) {
		int ret = swap(in, r->kick_to, &theirs);
		if (ret < 0)
			return ret;
		server_nonblock(theirs);
	}
	if (r->kick.fd >= 0 && signalled(r->kick.fd))
		kicked(r);
	server_drop(&p->server, &r->kick);
	if (theirs >= 0 && server_own(&p->server, &r->kick, theirs, EPOLLIN) < 0)
		return server_fail(&p->server,
				   "the front end kicks by a descriptor that cannot be waited for");
	r->started = true;
	start(r);
	return 0;
}

/* The back end signals our descriptor; we signal the latest one of the front end. */
static int set_event(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		     struct server_in *in)
{
	struct proxy_ring *r = ring(p, get_le64(b) & 0xff);
	bool call = h->request == VH_SET_VRING_CALL;
	if (!r)
		return -ENOMEM;
	if (p->cfg.passive)
		return forwarded(r, h->request, b, in);
	struct server_source *s = call ? &r->call : &r->err;
	int *to = call ? &r->call_to : &r->err_to;
	if (s->fd < 0) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		int ret = fd < 0 ? -errno : server_own(&p->server, s, fd, EPOLLIN);
		if (ret < 0)
			return ret;
	}
	server_close(to);
	if (!has_fd(b, in))
		return 0;
	int ret = swap(in, s->fd, to);
	if (ret == 0)
		server_nonblock(*to);
	return ret;
}

/* A kick as a message. */
static int vring_kick(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		      struct server_in *in)
{
	struct proxy_ring *r = ring(p, get_le32(b));
	if (r && r->running && !p->cfg.passive)
		saw(r, 1 + snoop_kick(&r->w, VQT_KICK_IOEVENTFD, 0, 0));
	return 0;
}

static int add_region(struct vhost_proxy *p, const uint8_t *at, int fd)
{
	struct vhost_user_region r;
	memcpy(&r, at, sizeof(r));
	if (fd < 0 || p->server.maps.count >= VH_MEM_SLOTS || p->protocol >> VH_P_XEN_MMAP & 1)
		return -EINVAL;
	return server_map_add(&p->server.maps, r.gpa, r.size, r.user, fd, r.offset, EMU_MEM_READ);
}

static void not_mapped(struct vhost_proxy *p, int err)
{
	server_report(&p->server, SERVER_NOTE, "memory of the front end cannot be read here: %s",
		      strerror(-err));
}

static int set_mem_table(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
			 struct server_in *in)
{
	uint32_t count = get_le32(b);
	int err = 0;
	if (count > SERVER_FDS || h->size < 8 + count * sizeof(struct vhost_user_region))
		return 0; /* the back end will report the error */
	proxy_rings_look(p);
	server_maps_clear(&p->server.maps);
	for (uint32_t i = 0; i < count; i++) {
		int ret = add_region(p, b + 8 + i * sizeof(struct vhost_user_region),
				     i < in->nfds ? in->fd[i] : -1);
		err = ret < 0 ? ret : err;
	}
	if (err < 0)
		not_mapped(p, err);
	proxy_rings_start(p);
	return 0;
}

static int add_mem(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		   struct server_in *in)
{
	int ret = add_region(p, b + 8, in->nfds ? in->fd[0] : -1);
	if (ret < 0)
		not_mapped(p, ret);
	proxy_rings_start(p);
	return 0;
}

static int remove_mem(struct vhost_proxy *p, const struct vhost_user_hdr *h, uint8_t *b,
		      struct server_in *in)
{
	struct vhost_user_region r;
	memcpy(&r, b + 8, sizeof(r));
	proxy_rings_look(p);
	server_map_del(&p->server.maps, r.gpa, r.size);
	return 0;
}

proxy_handler *const proxy_ring_handlers[VH_REQUESTS] = {
	[VH_SET_MEM_TABLE] = set_mem_table, [VH_ADD_MEM_REG] = add_mem,
	[VH_REM_MEM_REG] = remove_mem,	    [VH_SET_VRING_NUM] = set_state,
	[VH_SET_VRING_ADDR] = set_addr,	    [VH_SET_VRING_BASE] = set_state,
	[VH_GET_VRING_BASE] = base_got,	    [VH_SET_VRING_ENABLE] = set_enable,
	[VH_SET_VRING_KICK] = set_kick,	    [VH_SET_VRING_CALL] = set_event,
	[VH_SET_VRING_ERR] = set_event,	    [VH_VRING_KICK] = vring_kick,
};
