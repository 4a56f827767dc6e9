/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight are recorded in memory that the client keeps.  When this process dies,
 * the next server finds there which requests it must process again.  The layout is the
 * protocol's ('Inflight I/O tracking'); for packed rings see vhost_user_packed.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/trace/record.h"
#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/server/vhost_user.h"

#define ALIGN 64

struct track_desc {
	uint8_t inflight, pad[5];
	uint16_t next; /* in the batch being used */
	uint64_t counter; /* order of arrival */
};

struct track {
	uint64_t features;
	uint16_t version, desc_num, last_batch_head, used_idx;
	struct track_desc desc[];
};

static uint64_t track_len(uint16_t queue_size, bool packed)
{
	uint64_t n =
		packed ? vhost_user_packed_len(queue_size)
		       : sizeof(struct track) + (uint64_t)queue_size * sizeof(struct track_desc);
	return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

void vhost_user_inflight_drop(struct vhost_user *u)
{
	for (unsigned i = 0; i < u->v.nqueues; i++) {
		u->ring[i].track = NULL;
		u->v.queue[i].account = NULL;
		vhost_user_packed_drop(&u->ring[i]);
	}
	server_unmap(&u->track_map);
	u->track = NULL;
}

/* Packed rings: version 0 means not yet used; the ring's position is known when it starts. */
static int fresh(struct vhost_user_inflight *f, bool packed, int *out)
{
	uint64_t one = track_len(f->queue_size, packed);
	f->size = one * f->queues;
	f->offset = 0;
	int fd = memfd_create("vqtrace-inflight", MFD_CLOEXEC);
	struct track head = { .version = 1, .desc_num = f->queue_size };
	if (fd < 0)
		return -errno;
	int ret = ftruncate(fd, f->size) < 0 ? -errno : 0;
	for (unsigned i = 0; ret == 0 && !packed && i < f->queues; i++)
		if (pwrite(fd, &head, sizeof(head), one * i) != sizeof(head))
			ret = -EIO;
	if (ret < 0)
		close(fd);
	else
		*out = fd;
	return ret;
}

static int get_inflight(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p,
			size_t len)
{
	struct vhost_user_inflight f;
	int fd = -1;
	memcpy(&f, p, sizeof(f));
	if (!f.queues || f.queues > u->v.nqueues || !f.queue_size ||
	    f.queue_size > u->v.queue[0].size_max)
		return server_fail(&u->server, "the client wants to track %u queues of %u entries",
				   f.queues, f.queue_size);
	int ret = fresh(&f, emu_virtio_has(&u->v, VIRTIO_F_RING_PACKED), &fd);
	if (ret < 0)
		return server_fail(&u->server, "no memory to track requests: %s", strerror(-ret));
	ret = vhost_user_reply(u, h, &f, sizeof(f), fd);
	close(fd);
	return ret;
}

static int set_inflight(struct vhost_user *u, const struct vhost_user_hdr *h, uint8_t *p,
			size_t len)
{
	struct vhost_user_inflight f;
	memcpy(&f, p, sizeof(f));
	bool packed = emu_virtio_has(&u->v, VIRTIO_F_RING_PACKED);
	int fd = server_take_fd(&u->server, 0);
	if (fd < 0 || !f.queues || f.queues > u->v.nqueues || !f.queue_size || f.offset % ALIGN ||
	    f.size < track_len(f.queue_size, packed) * f.queues) {
		server_close(&fd);
		return -EINVAL;
	}
	vhost_user_rings_stop(u);
	vhost_user_inflight_drop(u);
	int ret = server_map_file(&u->track_map, fd, f.offset, f.size, EMU_MEM_READ | EMU_MEM_WRITE,
				  &u->track);
	close(fd);
	if (ret < 0)
		return ret;
	u->track_size = f.queue_size;
	u->track_packed = packed;
	for (unsigned i = 0; i < f.queues; i++)
		u->ring[i].track = u->track + track_len(f.queue_size, packed) * i;
	vhost_user_rings_start(u);
	return 0;
}

vhost_user_handler *const vhost_user_inflight_handlers[VH_REQUESTS] = {
	[VH_GET_INFLIGHT_FD] = get_inflight,
	[VH_SET_INFLIGHT_FD] = set_inflight,
};

/* --- recording --------------------------------------------------------------------------- */

static struct track *track_of(void *opaque, struct emu_queue *q)
{
	struct vhost_user *u = opaque;
	return (struct track *)(void *)u->ring[q->index].track;
}

/* head is below the ring's size, which is not above track_size (inflight_start). */
static void popped(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct vhost_user *u = opaque;
	struct track_desc *d = &track_of(opaque, q)->desc[c->chain.head];
	d->counter = u->ring[q->index].counter++;
	__atomic_store_n(&d->inflight, 1, __ATOMIC_RELEASE);
}

static void using(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct track *t = track_of(opaque, q);
	t->desc[c->chain.head].next = t->last_batch_head;
	__atomic_store_n(&t->last_batch_head, c->chain.head, __ATOMIC_RELEASE);
}

static void used(void *opaque, struct emu_queue *q, struct emu_chain *c)
{
	struct track *t = track_of(opaque, q);
	__atomic_store_n(&t->desc[c->chain.head].inflight, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&t->used_idx, q->ring.in.used, __ATOMIC_RELEASE);
}

static const struct emu_queue_account account = { popped, using, used };

/* Find what the server before this one did not finish. */
static unsigned find_left(struct track *t, unsigned n, uint16_t used_now,
			  struct vhost_user_left *left)
{
	uint16_t batch = t->last_batch_head;
	unsigned count = 0;
	/* the server died after it published a used entry and before it recorded that */
	if (t->used_idx != used_now) {
		if (batch < n)
			t->desc[batch].inflight = 0;
		t->used_idx = used_now;
	}
	for (unsigned i = 0; i < n; i++)
		if (t->desc[i].inflight == 1)
			left[count++] =
				(struct vhost_user_left){ t->desc[i].counter, { .head = i } };
	return count;
}

static int split_start(struct vhost_user_ring *r, struct emu_queue *q)
{
	struct track *t = (struct track *)(void *)r->track;
	uint16_t used_now;
	if (t->version != 1)
		return -EINVAL;
	if (emu_mem_read(q->v->mem, q->device + VIRTQ_RING_IDX, &used_now, sizeof(used_now)) < 0)
		return -EFAULT;
	r->left = calloc(r->num, sizeof(*r->left));
	if (!r->left)
		return -ENOMEM;
	r->nleft = find_left(t, r->num, used_now, r->left);
	r->base = (uint16_t)(used_now + r->nleft);
	q->account = &account;
	return 0;
}

static int earlier(const void *a, const void *b)
{
	uint64_t x = ((const struct vhost_user_left *)a)->counter;
	uint64_t y = ((const struct vhost_user_left *)b)->counter;
	return x < y ? -1 : x > y;
}

int vhost_user_inflight_start(struct vhost_user_ring *r, struct emu_queue *q)
{
	bool packed = emu_virtio_has(q->v, VIRTIO_F_RING_PACKED);
	r->nleft = 0;
	q->account = NULL;
	q->account_opaque = r->u;
	if (!r->track || packed != r->u->track_packed)
		return 0;
	if (r->num > r->u->track_size)
		return -EINVAL;
	int ret = packed ? vhost_user_packed_start(r, q) : split_start(r, q);
	if (ret < 0)
		return ret;
	qsort(r->left, r->nleft, sizeof(*r->left), earlier);
	r->counter = r->nleft ? r->left[r->nleft - 1].counter + 1 : 0;
	return 0;
}

void vhost_user_inflight_redo(struct vhost_user_ring *r, struct emu_queue *q)
{
	for (unsigned i = 0; i < r->nleft; i++)
		if (emu_queue_again(q, &r->left[i].again) <= 0)
			break;
	if (r->nleft)
		server_report(&r->u->server, SERVER_NOTE,
			      "queue %u: %u requests of before are done again", q->index, r->nleft);
	free(r->left);
	r->left = NULL;
	r->nleft = 0;
}
